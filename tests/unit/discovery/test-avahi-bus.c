/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avahi-fixture.h"

static void
test_old_daemon (AvahiFixture *f, gconstpointer data)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->legacy = TRUE;
  mock_avahi_run (f->mock);
  avahi_start (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && mock_avahi_get_group (f->mock, 2) != NULL);
  avahi_introduce (f, INSTANCE, 2);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
  g_assert_null (f->problem);
}

static void
test_never_answers (AvahiFixture *f, gconstpointer data)
{
  gint64 before;

  avi_avahi_timeout_ms = 1000;
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->silent = TRUE;
  mock_avahi_run (f->mock);
  before = g_get_monotonic_time ();
  avahi_start (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  /* It took the time that a call is given, and no longer. */
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 900 * 1000);
  g_assert_false (f->running);
  g_assert_nonnull (strstr (f->problem, "does not answer"));

  /* Once it does, all is well again. */
  mock_avahi_wake (f->mock);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->running && f->problem == NULL);
}

static void
test_late_answers (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->silent = TRUE;
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  avahi_publish (f, 3, 4001, "/ip4/10.0.1.1/tcp/4001", NULL);
  avahi_point (f, "ItemNew", INSTANCE, 2, 0);
  wait_for (f->mock->kept->len == 3);
  avi_avahi_remove_interface (f->avahi, 2);
  avahi_point (f, "ItemRemove", INSTANCE, 2, 0);
  /* The marker's browser waits behind: so the removal was seen. */
  avahi_point (f, "ItemNew", "other._p2p._udp.local", 2, 0);
  wait_for (f->mock->kept->len == 4);

  /* What is made too late is freed there. */
  mock_avahi_wake (f->mock);
  wait_for (f->mock->groups->len == 2 && mock_avahi_count_groups (f->mock) == 1);
  wait_for (mock_avahi_get_browser (f->mock, "other._p2p._udp.local", TXT) != NULL);
  wait_for (mock_avahi_count_browsers (f->mock) == 2);
  g_assert_nonnull (mock_avahi_get_group (f->mock, 3));
}

static void
test_freed_amid_calls (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->silent = TRUE;
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  avahi_point (f, "ItemNew", INSTANCE, 2, 0);
  wait_for (f->mock->kept->len == 2);
  guint n_changed = f->n_changed;
  g_clear_pointer (&f->avahi, avi_avahi_free);
  mock_avahi_wake (f->mock);
  g_clear_pointer (&f->mock, mock_avahi_free);
  g_assert_cmpuint (f->n_changed, ==, n_changed);

  /* At every other stage, too */
  for (guint i = 0; i < 60; i++)
    {
      avahi_start (f);
      for (guint j = 0; j < i; j++)
        g_main_context_iteration (NULL, j % 3 == 0 && j < 6);
      g_clear_pointer (&f->avahi, avi_avahi_free);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avahi_add_test ("/avahi-bus/works with a daemon older than 0.8", test_old_daemon);
  avahi_add_test ("/avahi-bus/a daemon that does not answer holds nothing up", test_never_answers);
  avahi_add_test ("/avahi-bus/answers that come too late leave nothing behind", test_late_answers);
  avahi_add_test ("/avahi-bus/may end at any moment", test_freed_amid_calls);
  return g_test_run ();
}
