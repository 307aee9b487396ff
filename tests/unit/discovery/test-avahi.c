/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "avahi-fixture.h"

static void
test_withdraws (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  avahi_introduce (f, INSTANCE, 2);
  g_autofree char *client = g_strdup (f->mock->client);
  gboolean left = FALSE;

  g_clear_pointer (&f->avahi, avi_avahi_free);
  /* What the real daemon goes by, should the calls be lost: the client's connection has ended. */
  while (!left)
    {
      g_autoptr(GVariant) reply = g_dbus_connection_call_sync (
          f->mock->connection, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner",
          g_variant_new ("(s)", client), G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
      gboolean there;

      g_variant_get (reply, "(b)", &there);
      left = !there;
    }
}

static void
test_comes_and_goes (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  for (guint i = 0; i < 3; i++)
    {
      wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && mock_avahi_get_group (f->mock, 2) != NULL);
      wait_for (f->running && f->problem == NULL);
      avahi_introduce (f, INSTANCE, 2);
      avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
      wait_for (avahi_sees (f, 5, 2) != NULL);

      g_clear_pointer (&f->mock, mock_avahi_free);
      wait_for (!f->running);
      g_assert_cmpstr (f->problem, ==, "avahi-daemon is not running");
      g_assert_null (avahi_sees (f, 5, 2));

      f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
      mock_avahi_run (f->mock);
    }
}

static void
test_not_ready (AvahiFixture *f, gconstpointer data)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->state = 1;
  mock_avahi_run (f->mock);
  avahi_start (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_true (f->running);
  g_assert_nonnull (strstr (f->problem, "registering"));
  g_assert_cmpuint (f->mock->n_objects, ==, 0);

  mock_avahi_set_state (f->mock, 2);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
  g_assert_null (f->problem);
  mock_avahi_set_state (f->mock, 3);
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "taken"));
  wait_for (mock_avahi_count_groups (f->mock) == 0);
  mock_avahi_set_state (f->mock, 2);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  g_assert_cmpuint (mock_avahi_count_browsers (f->mock), ==, 1);
}

static void
test_no_bus (AvahiFixture *f, gconstpointer data)
{
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/socket", TRUE);
  avahi_start (f);
  g_assert_cmpuint (f->n_changed, ==, 0);
  wait_for (f->n_changed == 1);
  g_assert_false (f->running);
  g_assert_nonnull (strstr (f->problem, "No system bus"));

  /* It appears later. */
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  wait_for (f->running && mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
}

static void
test_bus_ends (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
  g_dbus_connection_set_exit_on_close (f->mock->connection, FALSE);
  g_test_dbus_stop (f->bus);
  wait_for (!f->running);
  g_assert_nonnull (strstr (f->problem, "No system bus"));
  g_assert_null (avahi_sees (f, 5, 2));
  g_clear_pointer (&f->mock, mock_avahi_free);
  g_clear_object (&f->bus);

  f->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (f->bus);
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  wait_for (f->running && f->problem == NULL);
}

/* Accepts a connection, and says nothing. */
static void
test_mute_bus (AvahiFixture *f, gconstpointer data)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  g_autofree char *folder = g_dir_make_tmp ("avi-avahi-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "bus", NULL);
  g_autofree char *address = g_strdup_printf ("unix:path=%s", path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  avi_avahi_timeout_ms = 500;

  g_strlcpy (name.sun_path, path, sizeof name.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &name, sizeof name), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
  avahi_start (f);
  wait_for (f->n_changed == 1);
  g_assert_nonnull (strstr (f->problem, "does not answer"));
  g_clear_pointer (&f->avahi, avi_avahi_free);
  close (fd);
  unlink (path);
  rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avahi_add_test ("/avahi/withdraws everything when it ends", test_withdraws);
  avahi_add_test ("/avahi/the daemon comes and goes at any time", test_comes_and_goes);
  avahi_add_test ("/avahi/publishes only while the host's name is settled", test_not_ready);
  avahi_add_test ("/avahi/no system bus is no error, and one may come", test_no_bus);
  avahi_add_test ("/avahi/outlives the system bus", test_bus_ends);
  avahi_add_test ("/avahi/a bus that does not answer holds nothing up", test_mute_bus);
  return g_test_run ();
}
