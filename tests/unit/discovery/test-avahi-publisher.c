/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avahi-fixture.h"
#include "discovery/avi-avahi-publisher.h"

static void
test_publishes (AvahiFixture *f, gconstpointer data)
{
  g_autofree char *id = avi_peer_id_to_string (&f->self_id);
  g_autofree char *lan = g_strdup_printf ("dnsaddr=/ip4/10.0.0.1/tcp/4001/p2p/%s", id);
  g_autofree char *link_local = g_strdup_printf ("dnsaddr=/ip6/fe80::1/tcp/4001/p2p/%s", id);
  g_autofree char *other = g_strdup_printf ("dnsaddr=/ip4/192.168.1.7/tcp/4001/p2p/%s", id);

  avahi_start_with_daemon (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/4001", "/ip6zone/2/ip6/fe80::1/tcp/4001",
                 NULL);
  avahi_publish (f, 3, 4001, "/ip4/192.168.1.7/tcp/4001", NULL);
  avahi_publish (f, 4, 4001, "/ip4/127.0.0.1/tcp/4001", NULL);
  avahi_publish (f, 5, 0, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && mock_avahi_get_group (f->mock, 3) != NULL);
  g_assert_cmpuint (mock_avahi_count_groups (f->mock), ==, 2);

  MockGroup *two = mock_avahi_get_group (f->mock, 2), *three = mock_avahi_get_group (f->mock, 3);

  g_assert_cmpstr (two->type, ==, "_p2p._udp");
  g_assert_cmpuint (two->port, ==, 4001);
  g_assert_cmpuint (strlen (two->name), ==, 32);
  g_assert_cmpstr (two->name, !=, three->name);
  g_assert_cmpuint (g_strv_length (two->texts), ==, 2);
  g_assert_cmpstr (two->texts[0], ==, lan);
  g_assert_cmpstr (two->texts[1], ==, link_local);
  g_assert_cmpuint (g_strv_length (three->texts), ==, 1);
  g_assert_cmpstr (three->texts[0], ==, other);
  wait_for (f->running && f->problem == NULL);
}

static void
test_publishes_before (AvahiFixture *f, gconstpointer data)
{
  avahi_start (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_false (f->running);
  g_assert_cmpstr (f->problem, ==, "avahi-daemon is not running");

  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
}

static void
test_changes (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  MockGroup *first = mock_avahi_get_group (f->mock, 2);

  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.9/tcp/4001", "/ip4/10.0.0.8/tcp/4001", NULL);
  wait_for (first->n_updates > 0);
  g_assert_cmpuint (first->n_updates, ==, 1);
  g_assert_nonnull (strstr (first->texts[0], "/10.0.0.9/"));
  g_assert_cmpuint (f->mock->groups->len, ==, 1);

  avahi_publish (f, 2, 4002, "/ip4/10.0.0.9/tcp/4002", NULL);
  wait_for (first->freed && mock_avahi_get_group (f->mock, 2) != NULL);
  MockGroup *second = mock_avahi_get_group (f->mock, 2);
  g_assert_cmpuint (second->port, ==, 4002);

  avahi_publish (f, 2, 4002, NULL, NULL);
  wait_for (second->freed);
  avahi_publish (f, 2, 4002, "/ip4/10.0.0.9/tcp/4002", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  avi_avahi_remove_interface (f->avahi, 2);
  wait_for (mock_avahi_count_groups (f->mock) == 0);
}

static void
test_collision (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->collide_once = TRUE;
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);

  MockGroup *first = f->mock->groups->pdata[0];

  g_assert_true (first->freed);
  g_assert_cmpstr (mock_avahi_get_group (f->mock, 2)->name, !=, first->name);
}

static void
test_refused (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->refuse = "org.freedesktop.Avahi.NotPermittedError";
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_true (f->running);
  g_assert_nonnull (strstr (f->problem, "does not publish"));
  g_assert_nonnull (strstr (f->problem, "Not permitted"));
  g_assert_nonnull (mock_avahi_get_browser (f->mock, SERVICE, PTR));
  f->mock->refuse = NULL;
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);
}

static void
test_limits_published (AvahiFixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 1; i <= 2 * AVI_AVAHI_MAX_PUBLISHED; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/1", i);

      g_ptr_array_add (many, avi_multiaddr_parse (text, NULL));
    }
  avahi_start_with_daemon (f);
  for (guint i = 1; i <= AVI_AVAHI_MAX_INTERFACES + 5; i++)
    avi_avahi_set_interface (f->avahi, i, many, 1);
  wait_for (mock_avahi_get_group (f->mock, AVI_AVAHI_MAX_INTERFACES) != NULL);
  avahi_settle (f);
  g_assert_cmpuint (mock_avahi_count_groups (f->mock), ==, AVI_AVAHI_MAX_INTERFACES);
  g_assert_cmpuint (g_strv_length (mock_avahi_get_group (f->mock, 1)->texts), ==, AVI_AVAHI_MAX_PUBLISHED);
}

static void
test_group_fails (AvahiFixture *f, gconstpointer data)
{
  g_autofree char *name = NULL;
  MockGroup *first;

  avahi_start_with_daemon (f);
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  first = mock_avahi_get_group (f->mock, 2);
  name = g_strdup (first->name);

  /* What is no change of state, or says nothing new, changes nothing. */
  mock_avahi_emit (f->mock, first->path, "EntryGroup", "StateChanged", g_variant_new ("(s)", "what"));
  mock_avahi_emit (f->mock, first->path, "EntryGroup", "Unheard", g_variant_new ("(is)", 4, ""));
  mock_avahi_emit (f->mock, first->path, "EntryGroup", "StateChanged", g_variant_new ("(is)", 1, ""));
  avahi_settle (f);
  g_assert_false (first->freed);
  g_assert_null (f->problem);

  /* A failure is no collision: the name stays. */
  mock_avahi_emit (f->mock, first->path, "EntryGroup", "StateChanged",
                   g_variant_new ("(is)", 4, "org.freedesktop.Avahi.Failure"));
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "org.freedesktop.Avahi.Failure"));
  wait_for (first->freed && mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);
  g_assert_cmpstr (mock_avahi_get_group (f->mock, 2)->name, ==, name);
}

static void
test_name_is_taken_at_once (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->refuse = "org.freedesktop.Avahi.CollisionError";
  avahi_publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  f->mock->refuse = NULL;
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);
  g_assert_cmpuint (mock_avahi_count_groups (f->mock), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avahi_add_test ("/avahi-publisher/publishes on each interface its own addresses, and no loopback", test_publishes);
  avahi_add_test ("/avahi-publisher/publishes once the daemon comes", test_publishes_before);
  avahi_add_test ("/avahi-publisher/changes a record in place, and a port by a new service", test_changes);
  avahi_add_test ("/avahi-publisher/takes another name after a collision", test_collision);
  avahi_add_test ("/avahi-publisher/says why nothing is published, and tries again", test_refused);
  avahi_add_test ("/avahi-publisher/publishes at most 10 addresses on 64 interfaces", test_limits_published);
  avahi_add_test ("/avahi-publisher/tries again under its name where a group fails", test_group_fails);
  avahi_add_test ("/avahi-publisher/tries again where its name is taken from the first", test_name_is_taken_at_once);
  return g_test_run ();
}
