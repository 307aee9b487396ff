/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Identify: which addresses a peer is told, in a network namespace of the program's own; and push, both
 * ways: what a peer pushes is what is known of it from then on, and it is pushed ours when they change.
 */
#include "config.h"

#include "core-fixture.h"
#include "netns.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "puppet.h"

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
  const char *wanted;
} Fixture;

static const char *why_no_netns;

static const char *const with_push[] = { AVI_IDENTIFY_PROTOCOL, AVI_IDENTIFY_PUSH_PROTOCOL, NULL };

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  avi_key_pair_unref (fixture->other);
}

static gboolean
is_connected (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_is_connected (&fixture->under_test, fixture->other);
}

static void
meet (Fixture *fixture, const char *const *protocols)
{
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
  puppet_set_protocols (fixture->puppets[0], protocols);
  puppets_run (fixture->puppets, is_connected, fixture);
}

/* --- what a peer pushes --- */

static gboolean
says_wanted_agent (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return g_strcmp0 (info->agent, fixture->wanted) == 0;
}

static void
test_pushed_to_us (Fixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, "/toast/1.0.0", NULL };
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  g_autofree char *address = core_fixture_format ("127.0.0.1", 7, fixture->other);
  g_autoptr(AviPeerInfo) info = NULL;
  AviIdentify all = { .agent_version = (char *) "renamed",
                      .listen_addresses = addresses,
                      .protocols = (char **) protocols };
  AviIdentify agent_only = { .agent_version = (char *) "renamed again" };

  meet (fixture, NULL);
  g_ptr_array_add (addresses, avi_multiaddr_parse ("/ip4/127.0.0.1/tcp/7", NULL));
  g_ptr_array_add (addresses, avi_multiaddr_parse ("/ip4/0.0.0.0/tcp/8", NULL));
  g_ptr_array_add (addresses, avi_multiaddr_parse ("/ip6/::/tcp/8", NULL));
  puppet_push (fixture->puppets[0], &all);
  fixture->wanted = "renamed";
  puppets_run (fixture->puppets, says_wanted_agent, fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_cmpstr (info->name, ==, "renamed");
  g_assert_true (g_strv_equal ((const char *const *) info->protocols, protocols));
  g_assert_true (g_strv_contains ((const char *const *) info->addresses, address));
  for (char **each = info->addresses; *each != NULL; each++)
    g_assert_null (strstr (*each, "/tcp/8/"));
  g_assert_true (info->connected);

  /* What is not said stays. */
  puppet_push (fixture->puppets[0], &agent_only);
  fixture->wanted = "renamed again";
  puppets_run (fixture->puppets, says_wanted_agent, fixture);
  g_clear_pointer (&info, avi_peer_info_unref);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_cmpstr (info->name, ==, "renamed again");
  g_assert_true (g_strv_equal ((const char *const *) info->protocols, protocols));
  g_assert_true (g_strv_contains ((const char *const *) info->addresses, address));
}

static gboolean
has_pubsub (gpointer data)
{
  Fixture *fixture = data;

  return puppet_get_n_pubsub (fixture->puppets[0]) == 1;
}

static void
test_pushed_pubsub (Fixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
  AviIdentify info = { .protocols = (char **) protocols };

  meet (fixture, NULL);
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[0]), ==, 0);
  puppet_push (fixture->puppets[0], &info);
  puppets_run (fixture->puppets, has_pubsub, fixture);
}

static gboolean
is_open (gpointer data)
{
  Fixture *fixture = data;

  return puppet_is_open (fixture->puppets[0]);
}

static gboolean
is_closed (gpointer data)
{
  Fixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

static void
test_pushed_wrong_key (Fixture *fixture, gconstpointer data)
{
  AviIdentify info = { .agent_version = (char *) "renamed",
                       .key = avi_key_pair_get_public (fixture->under_test.identity) };
  g_autoptr(AviPeerInfo) known = NULL;

  meet (fixture, NULL);
  puppet_push (fixture->puppets[0], &info);
  puppets_run (fixture->puppets, is_closed, fixture);
  known = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_true (known == NULL || g_strcmp0 (known->agent, "renamed") != 0);
}

/* --- what we tell --- */

static gboolean
was_told_address (Fixture *fixture, const char *text)
{
  const AviIdentify *told = puppet_get_told (fixture->puppets[0]);
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  return told != NULL && told->listen_addresses != NULL
         && g_ptr_array_find_with_equal_func (told->listen_addresses, address, avi_multiaddr_equal, NULL);
}

static gboolean
was_told_wanted_address (gpointer data)
{
  Fixture *fixture = data;

  return was_told_address (fixture, fixture->wanted);
}

static gboolean
was_told_address_is_gone (gpointer data)
{
  return !was_told_wanted_address (data);
}

static void
add_interface (void)
{
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
}

static gboolean
was_told (gpointer data)
{
  Fixture *fixture = data;

  return puppet_get_told (fixture->puppets[0]) != NULL;
}

/* @from: where the peer is to be seen at. */
static void
ask_from (Fixture *fixture, const char *from)
{
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->puppets[0] = puppet_dial_at (fixture->other, from, 4001, 1);
  puppets_run (fixture->puppets, is_open, fixture);
  puppet_ask (fixture->puppets[0]);
  puppets_run (fixture->puppets, was_told, fixture);
}

/* Who dials an address of this machine is seen to come from that. */
static void
test_whom_loopback_is_told (Fixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/0.0.0.0/tcp/4001", NULL };

  if (why_no_netns != NULL)
    {
      g_test_skip (why_no_netns);
      return;
    }
  add_interface ();
  fixture->under_test.settings.listen = listen;
  core_fixture_start (&fixture->under_test);

  ask_from (fixture, "10.1.0.1");
  g_assert_true (was_told_address (fixture, "/ip4/10.1.0.1/tcp/4001"));
  g_assert_false (was_told_address (fixture, "/ip4/127.0.0.1/tcp/4001"));

  ask_from (fixture, "127.0.0.1");
  g_assert_true (was_told_address (fixture, "/ip4/10.1.0.1/tcp/4001"));
  g_assert_true (was_told_address (fixture, "/ip4/127.0.0.1/tcp/4001"));
  netns_ip ("link del v0");
}

static void
test_we_push (Fixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/0.0.0.0/tcp/4001", NULL };

  if (why_no_netns != NULL)
    {
      g_test_skip (why_no_netns);
      return;
    }
  add_interface ();
  fixture->under_test.settings.listen = listen;
  meet (fixture, with_push);

  fixture->wanted = "/ip4/10.1.0.7/tcp/4001";
  netns_ip ("addr add 10.1.0.7/24 dev v0");
  puppets_run (fixture->puppets, was_told_wanted_address, fixture);
  netns_ip ("addr del 10.1.0.7/24 dev v0");
  puppets_run (fixture->puppets, was_told_address_is_gone, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  netns_ip ("link del v0");
}

static gboolean
we_have_wanted_address (gpointer data)
{
  Fixture *fixture = data;
  g_auto(GStrv) addresses = avi_core_dup_addresses (fixture->under_test.core);

  for (char **address = addresses; *address != NULL; address++)
    if (strstr (*address, fixture->wanted) != NULL)
      return TRUE;
  return FALSE;
}

/* An address that is good on this machine only, by the name of an interface, is said to nobody. */
static void
test_we_push_changes_only (Fixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001", NULL };

  if (why_no_netns != NULL)
    {
      g_test_skip (why_no_netns);
      return;
    }
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 addrgenmode none up");
  fixture->under_test.settings.listen = listen;
  meet (fixture, with_push);

  for (guint i = 7; i < 10; i++)
    {
      g_autofree char *wanted = g_strdup_printf ("/ip6zone/v0/ip6/fe80::%u/", i);

      fixture->wanted = wanted;
      netns_ip ("addr add fe80::%u/64 dev v0 nodad", i);
      puppets_run (fixture->puppets, we_have_wanted_address, fixture);
    }
  fixture->wanted = "/ip4/10.1.0.7/tcp/4001";
  netns_ip ("addr add 10.1.0.7/24 dev v0");
  puppets_run (fixture->puppets, was_told_wanted_address, fixture);
  /* It never asked, and was told once what it may have known. */
  g_assert_cmpuint (puppet_get_n_told (fixture->puppets[0]), ==, 2);
  netns_ip ("link del v0");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  netns_enter (&why_no_netns);
  if (why_no_netns == NULL)
    netns_ip ("link set lo up");
  g_test_init (&argc, &argv, NULL);
  ADD ("/identify-service/what a peer pushes is its name, agent, protocols and addresses", test_pushed_to_us);
  ADD ("/identify-service/a peer that says later that it takes messages gets our stream", test_pushed_pubsub);
  ADD ("/identify-service/a push with another's key ends the connection", test_pushed_wrong_key);
  ADD ("/identify-service/a peer on this machine is told our loopback addresses, others are not",
       test_whom_loopback_is_told);
  ADD ("/identify-service/a peer is pushed our addresses as they come and go", test_we_push);
  ADD ("/identify-service/a peer is pushed nothing where what it would hear is what it knows",
       test_we_push_changes_only);
  return g_test_run ();
}
