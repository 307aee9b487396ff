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

/* --- by itself --- */

/* A bus of our own, on a connection of our own, and what it and its objects have told. */
typedef struct
{
  GDBusConnection *connection;
  AviAvahiBus     *bus;
  GString         *states; /* "2 3 !" */
  GString         *told;   /* by objects: "signal NAME", "failed" */
  AviAvahiObject  *freed_when_failed;
} Direct;

static void
on_state (gpointer user_data, AviAvahiServerState state, const GError *error)
{
  Direct *d = user_data;

  g_string_append_printf (d->states, "%s%d%s", d->states->len > 0 ? " " : "", state, error != NULL ? "!" : "");
}

static void
on_signal (gpointer user_data, const char *member, GVariant *parameters)
{
  Direct *d = user_data;

  g_string_append_printf (d->told, "%ssignal %s", d->told->len > 0 ? ", " : "", member);
}

static void
on_failed (gpointer user_data, const GError *error)
{
  Direct *d = user_data;

  g_assert_nonnull (error);
  g_string_append_printf (d->told, "%sfailed", d->told->len > 0 ? ", " : "");
  g_clear_pointer (&d->freed_when_failed, avi_avahi_object_free);
}

/* @f has a mock that is set up; it runs from now on. */
static void
direct_init (Direct *d, AvahiFixture *f)
{
  g_autoptr(GError) error = NULL;

  *d = (Direct) { .states = g_string_new (NULL), .told = g_string_new (NULL) };
  mock_avahi_run (f->mock);
  d->connection = g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (f->bus),
                                                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                              | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                          NULL, NULL, &error);
  g_assert_no_error (error);
  d->bus = avi_avahi_bus_new (d->connection, g_dbus_connection_get_unique_name (f->mock->connection), on_state, d);
}

static void
direct_clear (Direct *d)
{
  g_clear_pointer (&d->bus, avi_avahi_bus_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_dbus_connection_close_sync (d->connection, NULL, NULL);
  g_object_unref (d->connection);
  g_string_free (d->states, TRUE);
  g_string_free (d->told, TRUE);
}

static AviAvahiObject *
make_group (Direct *d)
{
  return avi_avahi_object_new (d->bus, "EntryGroup", "EntryGroupNew", NULL, on_signal, on_failed, d);
}

static void
add_service (AviAvahiObject *group, guint16 port)
{
  avi_avahi_object_call (group, "AddService",
                         g_variant_new ("(iiussssq@aay)", 2, -1, 0, "name", "_p2p._udp", "", "", port,
                                        g_variant_new_array (G_VARIANT_TYPE ("ay"), NULL, 0)));
}

static void
make_mock (AvahiFixture *f)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
}

/* A call of ours is answered by the daemon behind all that was sent before it. */
static void
on_synced (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  *(gboolean *) user_data = TRUE;
}

static void
direct_sync (Direct *d, AvahiFixture *f)
{
  gboolean done = FALSE;

  g_dbus_connection_call (d->connection, g_dbus_connection_get_unique_name (f->mock->connection), "/",
                          "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_synced,
                          &done);
  wait_for (done);
}

static void
test_states (AvahiFixture *f, gconstpointer data)
{
  Direct d;

  make_mock (f);
  direct_init (&d, f);
  g_assert_cmpint (avi_avahi_bus_get_state (d.bus), ==, AVI_AVAHI_SERVER_ASKING);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_RUNNING);
  g_assert_true (avi_avahi_bus_can_prepare (d.bus));

  /* Each change once. */
  mock_avahi_set_state (f->mock, 2);
  mock_avahi_set_state (f->mock, 3);
  mock_avahi_set_state (f->mock, 3);
  mock_avahi_set_state (f->mock, 1);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_REGISTERING);
  g_assert_cmpstr (d.states->str, ==, "2 3 1");
  direct_clear (&d);
}

static void
test_other_signals (AvahiFixture *f, gconstpointer data)
{
  g_autofree char *us = NULL;
  MockAvahi *other;
  Direct d;

  make_mock (f);
  direct_init (&d, f);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_RUNNING);

  /* Of the wrong form, of another path, and of somebody who is not the daemon. */
  us = g_strdup (g_dbus_connection_get_unique_name (d.connection));
  mock_avahi_emit (f->mock, "/", "Server", "StateChanged", g_variant_new ("(s)", "what"));
  mock_avahi_emit (f->mock, "/", "Server", "SomethingElse", g_variant_new ("(is)", 3, ""));
  mock_avahi_emit (f->mock, "/elsewhere", "Server", "StateChanged", g_variant_new ("(is)", 3, ""));
  other = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  other->client = g_steal_pointer (&us);
  mock_avahi_emit (other, "/", "Server", "StateChanged", g_variant_new ("(is)", 3, ""));
  g_dbus_connection_flush_sync (other->connection, NULL, NULL);
  mock_avahi_set_state (f->mock, 1);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_REGISTERING);
  direct_sync (&d, f);
  g_assert_cmpstr (d.states->str, ==, "2 1");
  mock_avahi_free (other);
  direct_clear (&d);
}

static void
test_legacy_state (AvahiFixture *f, gconstpointer data)
{
  Direct d;

  make_mock (f);
  f->mock->legacy = TRUE;
  direct_init (&d, f);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_RUNNING);
  g_assert_false (avi_avahi_bus_can_prepare (d.bus));
  g_assert_cmpstr (d.states->str, ==, "2");
  direct_clear (&d);
}

static void
test_no_state (AvahiFixture *f, gconstpointer data)
{
  Direct d;

  avi_avahi_timeout_ms = 100;
  make_mock (f);
  f->mock->silent = TRUE;
  direct_init (&d, f);
  wait_for (d.states->len > 0);
  g_assert_cmpstr (d.states->str, ==, "-1!");
  direct_clear (&d);
}

static void
test_max_calls (AvahiFixture *f, gconstpointer data)
{
  enum
  {
    MORE = 10
  };
  AviAvahiObject *groups[AVI_AVAHI_MAX_CALLS + MORE];
  Direct d;

  make_mock (f);
  direct_init (&d, f);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_RUNNING);
  f->mock->silent = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    groups[i] = make_group (&d);
  direct_sync (&d, f);
  g_assert_cmpuint (f->mock->kept->len, ==, AVI_AVAHI_MAX_CALLS);

  /* Of those that wait, one is not wanted any more: it is never made. */
  avi_avahi_object_free (groups[AVI_AVAHI_MAX_CALLS]);
  mock_avahi_wake (f->mock);
  wait_for (f->mock->groups->len == G_N_ELEMENTS (groups) - 1);
  direct_sync (&d, f);
  g_assert_cmpuint (f->mock->groups->len, ==, G_N_ELEMENTS (groups) - 1);
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    if (i != AVI_AVAHI_MAX_CALLS)
      avi_avahi_object_free (groups[i]);
  wait_for (mock_avahi_count_groups (f->mock) == 0);
  g_assert_cmpstr (d.told->str, ==, "");
  direct_clear (&d);
}

static void
test_order (AvahiFixture *f, gconstpointer data)
{
  AviAvahiObject *group;
  Direct d;

  make_mock (f);
  direct_init (&d, f);
  wait_for (avi_avahi_bus_get_state (d.bus) == AVI_AVAHI_SERVER_RUNNING);
  f->mock->silent = TRUE;
  group = make_group (&d);
  add_service (group, 4001);
  avi_avahi_object_call (group, "Commit", NULL);
  direct_sync (&d, f);
  g_assert_cmpuint (f->mock->kept->len, ==, 1); /* the others wait for its path */

  mock_avahi_wake (f->mock);
  f->mock->silent = TRUE;
  wait_for (f->mock->kept->len == 2);
  g_assert_cmpstr (g_dbus_method_invocation_get_method_name (f->mock->kept->pdata[0]), ==, "AddService");
  g_assert_cmpstr (g_dbus_method_invocation_get_method_name (f->mock->kept->pdata[1]), ==, "Commit");
  mock_avahi_wake (f->mock);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  g_assert_cmpuint (mock_avahi_get_group (f->mock, 2)->port, ==, 4001);
  wait_for (d.told->len > 0);
  g_assert_cmpstr (d.told->str, ==, "signal StateChanged");

  /* Signals of another interface on that path are not its own, nor is anything told once it is freed. */
  mock_avahi_emit (f->mock, mock_avahi_get_group (f->mock, 2)->path, "RecordBrowser", "ItemNew", NULL);
  mock_avahi_emit (f->mock, mock_avahi_get_group (f->mock, 2)->path, "EntryGroup", "Anything", NULL);
  wait_for (strstr (d.told->str, "Anything") != NULL);
  g_assert_cmpstr (d.told->str, ==, "signal StateChanged, signal Anything");
  avi_avahi_object_free (group);
  mock_avahi_emit (f->mock, ((MockGroup *) f->mock->groups->pdata[0])->path, "EntryGroup", "Late", NULL);
  wait_for (mock_avahi_count_groups (f->mock) == 0);
  direct_sync (&d, f);
  g_assert_cmpstr (d.told->str, ==, "signal StateChanged, signal Anything");
  direct_clear (&d);
}

static void
test_failure_is_told_once (AvahiFixture *f, gconstpointer data)
{
  AviAvahiObject *group;
  Direct d;

  make_mock (f);
  f->mock->refuse = "org.freedesktop.Avahi.NotPermittedError";
  direct_init (&d, f);
  group = make_group (&d);
  add_service (group, 1);
  add_service (group, 2);
  wait_for (d.told->len > 0);
  mock_avahi_emit (f->mock, ((MockGroup *) f->mock->groups->pdata[0])->path, "EntryGroup", "StateChanged",
                   g_variant_new ("(is)", 2, ""));
  avi_avahi_object_call (group, "Commit", NULL);
  direct_sync (&d, f);
  g_assert_cmpstr (d.told->str, ==, "failed");
  g_assert_null (mock_avahi_get_group (f->mock, 2)); /* not committed */

  /* It may be freed while that is told; a group that has failed is freed in the daemon too. */
  d.freed_when_failed = make_group (&d);
  add_service (d.freed_when_failed, 3);
  wait_for (d.freed_when_failed == NULL);
  avi_avahi_object_free (group);
  wait_for (f->mock->groups->len == 2 && mock_avahi_count_groups (f->mock) == 0);
  g_assert_cmpstr (d.told->str, ==, "failed, failed");
  direct_clear (&d);
}

static void
test_objects_outlive_the_bus (AvahiFixture *f, gconstpointer data)
{
  AviAvahiObject *made, *waiting;
  Direct d;

  make_mock (f);
  direct_init (&d, f);
  made = make_group (&d);
  wait_for (f->mock->groups->len == 1);
  f->mock->silent = TRUE;
  waiting = make_group (&d);
  g_clear_pointer (&d.bus, avi_avahi_bus_free);
  mock_avahi_set_state (f->mock, 3);
  mock_avahi_emit (f->mock, ((MockGroup *) f->mock->groups->pdata[0])->path, "EntryGroup", "StateChanged", NULL);
  direct_sync (&d, f);
  mock_avahi_wake (f->mock);
  direct_sync (&d, f);
  avi_avahi_object_call (made, "Commit", NULL);
  avi_avahi_object_free (made);
  avi_avahi_object_free (waiting);
  g_assert_cmpstr (d.told->str, ==, "");
  g_assert_null (strstr (d.states->str, "3"));
  direct_clear (&d);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avahi_add_test ("/avahi-bus/works with a daemon older than 0.8", test_old_daemon);
  avahi_add_test ("/avahi-bus/a daemon that does not answer holds nothing up", test_never_answers);
  avahi_add_test ("/avahi-bus/answers that come too late leave nothing behind", test_late_answers);
  avahi_add_test ("/avahi-bus/may end at any moment", test_freed_amid_calls);
  avahi_add_test ("/avahi-bus/tells each change of the server's state once", test_states);
  avahi_add_test ("/avahi-bus/listens to the daemon only", test_other_signals);
  avahi_add_test ("/avahi-bus/knows a daemon older than 0.8", test_legacy_state);
  avahi_add_test ("/avahi-bus/says where the state cannot be had", test_no_state);
  avahi_add_test ("/avahi-bus/has 32 calls under way at most", test_max_calls);
  avahi_add_test ("/avahi-bus/makes an object's calls in their order, once it is there", test_order);
  avahi_add_test ("/avahi-bus/tells a failure once, and nothing after it", test_failure_is_told_once);
  avahi_add_test ("/avahi-bus/has objects that may outlive it, in silence", test_objects_outlive_the_bus);
  return g_test_run ();
}
