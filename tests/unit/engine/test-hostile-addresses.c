/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers that send a node elsewhere: to its own machine, into its network, to nobody, to ten thousand
 * places, or again and again. It is no tool for scanning: what it takes, and how often it dials, is
 * bounded, whoever says what. In a network namespace of the program's own.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "core-fixture.h"
#include "engine/avi-core-private.h"
#include "engine/avi-engine-private.h"
#include "engine/avi-swarm-private.h"
#include "netns.h"
#include "puppet.h"

/* What a person's own machines have in common: lo has these besides 127.0.0.1. */
#define PUBLIC_IP  "203.0.113.9"
#define PRIVATE_IP "10.66.0.9"
#define NEAR_IP    "198.51.100.1" /* a public address in a subnet of ours */

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *key;
  Puppet     *puppets[2];
  guint64     wanted;
} Fixture;

static const char *why_no_netns;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  /* So that these are not what bounds the rate of dials. */
  fixture->under_test.settings.max_dials = 512;
  fixture->under_test.settings.max_connections = 1024;
  fixture->key = avi_key_pair_generate ();
  core_fixture_start (&fixture->under_test);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  avi_key_pair_unref (fixture->key);
}

static gboolean
is_connected (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_is_connected (&fixture->under_test, fixture->key);
}

static gboolean
has_ignored_so_many (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "addresses-ignored") >= fixture->wanted;
}

static gboolean
has_given_up_once (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->key);

  return info == NULL || (info->last_error != NULL && strstr (info->last_error, "Cannot reach") != NULL);
}

static void
connect_from (Fixture *fixture, const char *ip)
{
  fixture->puppets[0] = puppet_dial_from (ip, fixture->key, core_fixture_get_port (&fixture->under_test), 1);
  puppets_run (fixture->puppets, is_connected, fixture);
}

static void
hang_up (Fixture *fixture)
{
  g_clear_pointer (&fixture->puppets[0], puppet_free);
}

/* Says @texts by an identify push, and waits until @n_ignored of them were passed over. */
static void
tell (Fixture *fixture, const char *const *texts, guint n_ignored)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  AviIdentify info = { .listen_addresses = addresses };

  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_ptr_array_add (addresses, avi_multiaddr_parse (texts[i], NULL));
      g_assert_nonnull (g_ptr_array_index (addresses, i));
    }
  fixture->wanted = core_fixture_count (&fixture->under_test, "addresses-ignored") + n_ignored;
  puppet_push (fixture->puppets[0], &info);
  puppets_run (fixture->puppets, has_ignored_so_many, fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "addresses-ignored"), ==, fixture->wanted);
}

static void
assert_known (Fixture *fixture, const char *const *texts)
{
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->key);
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->key));

  g_assert_nonnull (info);
  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_autofree char *full = g_strdup_printf ("%s/p2p/%s", texts[i], id);

      g_test_message ("%s", full);
      g_assert_true (g_strv_contains ((const char *const *) info->addresses, full));
    }
  g_assert_cmpuint (g_strv_length (info->addresses), ==, g_strv_length ((char **) texts));
}

static gboolean
skips_without_netns (void)
{
  if (why_no_netns != NULL)
    g_test_skip (why_no_netns);
  return why_no_netns != NULL;
}

/* --- where others are sent --- */

#define NOWHERE                                                                                                        \
 "/ip4/0.0.0.0/tcp/22", "/ip4/255.255.255.255/tcp/22", "/ip4/224.0.0.1/tcp/22", "/ip6/::/tcp/22",                      \
     "/ip6/ff02::1/tcp/22", "/dns/localhost/tcp/22", "/dns4/router.example/tcp/22", "/dnsaddr/example.org"
#define N_NOWHERE  8
#define LOOPBACK   "/ip4/127.0.0.1/tcp/22", "/ip6/::1/tcp/22", "/ip6/::ffff:127.0.0.1/tcp/22"
#define N_LOOPBACK 3
#define PRIVATE                                                                                                        \
 "/ip4/10.0.0.1/tcp/22", "/ip4/172.16.0.1/tcp/22", "/ip4/192.168.1.1/tcp/22", "/ip4/169.254.1.1/tcp/22",               \
     "/ip4/100.64.0.1/tcp/22", "/ip6/fd00::1/tcp/22", "/ip6/fe80::1/tcp/22", "/ip6/::ffff:192.168.1.1/tcp/22"
#define N_PRIVATE 8
#define PUBLIC    "/ip4/192.0.2.7/tcp/22", "/ip6/2001:db8::7/tcp/22"

static const char *const all[] = { NOWHERE, LOOPBACK, PRIVATE, PUBLIC, NULL };

static void
test_from_this_machine (Fixture *fixture, gconstpointer data)
{
  static const char *const kept[] = { LOOPBACK, PRIVATE, PUBLIC, NULL };

  connect_from (fixture, "127.0.0.1");
  tell (fixture, all, N_NOWHERE);
  assert_known (fixture, kept);
}

static void
test_from_private (Fixture *fixture, gconstpointer data)
{
  static const char *const kept[] = { PRIVATE, PUBLIC, NULL };

  if (skips_without_netns ())
    return;
  connect_from (fixture, PRIVATE_IP);
  tell (fixture, all, N_NOWHERE + N_LOOPBACK);
  assert_known (fixture, kept);
}

static void
test_from_public (Fixture *fixture, gconstpointer data)
{
  static const char *const kept[] = { PUBLIC, NULL };

  if (skips_without_netns ())
    return;
  connect_from (fixture, PUBLIC_IP);
  tell (fixture, all, N_NOWHERE + N_LOOPBACK + N_PRIVATE);
  assert_known (fixture, kept);
}

/* As with IPv6, where every machine of a home has a public address. */
static void
test_from_near (Fixture *fixture, gconstpointer data)
{
  static const char *const kept[] = { PRIVATE, PUBLIC, NULL };

  if (skips_without_netns ())
    return;
  connect_from (fixture, NEAR_IP);
  tell (fixture, all, N_NOWHERE + N_LOOPBACK);
  assert_known (fixture, kept);
}

/* --- what is dialled --- */

/* It told them for itself and left: of four only one leads to a port where it could be. */
static void
test_own_and_nowhere (Fixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *own = core_fixture_format ("127.0.0.1", core_fixture_get_port (&fixture->under_test), NULL);
  g_autofree char *any = core_fixture_format ("0.0.0.0", port, NULL);
  g_autofree char *named = g_strdup_printf ("/dns/localhost/tcp/%u", port);
  const char *texts[] = { any, named, own, "/ip4/127.0.0.1/tcp/1", NULL };
  g_autoptr(AviPeerInfo) info = NULL;

  fcntl (listener, F_SETFL, O_NONBLOCK);
  connect_from (fixture, "127.0.0.1");
  tell (fixture, texts, 2);
  hang_up (fixture);
  puppets_run (fixture->puppets, has_given_up_once, fixture);
  info = core_fixture_look (&fixture->under_test, fixture->key);
  g_assert_nonnull (strstr (info->last_error, "/ip4/127.0.0.1/tcp/1: "));
  g_assert_null (strstr (info->last_error, "; "));
  g_assert_cmpint (accept (listener, NULL, NULL), ==, -1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "identity-conflicts"), ==, 0);
  close (listener);
}

/* --- how many are kept --- */

static void
tell_many (Fixture *fixture, guint n, guint n_ignored)
{
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (texts, g_strdup_printf ("/ip4/127.%u.%u.1/tcp/1", i / 256, i % 256));
  g_ptr_array_add (texts, NULL);
  tell (fixture, (const char *const *) texts->pdata, n_ignored);
}

/* Of as many as fit into a message 64 are read, 32 kept. Of 10,000, which do not fit, nothing is. */
static void
test_ten_thousand (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  connect_from (fixture, "127.0.0.1");
  tell_many (fixture, 2000, 2000 - 64);
  info = core_fixture_look (&fixture->under_test, fixture->key);
  g_assert_cmpuint (g_strv_length (info->addresses), ==, 32);
  tell_many (fixture, 10000, 0);
  tell_many (fixture, 2000, 2000 - 64);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_clear_pointer (&info, avi_peer_info_unref);
  info = core_fixture_look (&fixture->under_test, fixture->key);
  g_assert_cmpuint (g_strv_length (info->addresses), ==, 32);
}

/* --- how often they are dialled --- */

#define N_ANNOUNCED 100
/* Rounds at once, and those of the back-off that fall into the time that the test may take. */
#define MAX_ROUNDS (16 + 10)

typedef struct
{
  const AviPeerId *peer;
  guint            n;    /* how often it was announced */
  gboolean         rest; /* nothing is under way, nor will be soon */
} Announcing;

static void
announce (AviEngine *engine, gpointer user_data)
{
  Announcing *self = user_data;
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, self->peer);
  g_autofree char *text = NULL;
  g_autoptr(AviMultiaddr) address = NULL;
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();

  if (self->n >= N_ANNOUNCED || (entry != NULL && entry->dial != NULL))
    return;
  text = g_strdup_printf ("/ip4/127.1.%u.1/tcp/1", ++self->n);
  address = avi_multiaddr_parse (text, NULL);
  g_ptr_array_add (addresses, address);
  avi_swarm_found (engine->swarm, self->peer, NULL, addresses, AVI_SOURCE_MDNS);
}

typedef struct
{
  Fixture   *fixture;
  Announcing announcing;
} Flood;

static gboolean
has_announced_all (gpointer data)
{
  Flood *flood = data;
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_run (flood->fixture->under_test.core, announce, &flood->announcing);
  /* Answered at once, and behind what is above. */
  avi_core_dial (flood->fixture->under_test.core, "nobody", call);
  avi_core_wait (flood->fixture->under_test.core, call);
  return flood->announcing.n >= N_ANNOUNCED;
}

static void
test_announced_anew (Fixture *fixture, gconstpointer data)
{
  Flood flood = { fixture, { .peer = avi_key_pair_get_peer_id (fixture->key) } };

  puppets_run (fixture->puppets, has_announced_all, &flood);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), <=, MAX_ROUNDS);
}

/* --- how many are dialled --- */

typedef struct
{
  Fixture *fixture;
  gint64   begun;
} Crowd;

static void
announce_crowd (AviEngine *engine, gpointer user_data)
{
  for (guint i = 0; i < AVI_SWARM_MAX_PEERS; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/127.2.%u.%u/tcp/1", i / 200, 1 + i % 200);
      g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);
      g_autoptr(GPtrArray) addresses = g_ptr_array_new ();
      AviPeerId peer = *(const AviPeerId *) user_data;

      peer.bytes[peer.len - 1] = (guint8) i;
      peer.bytes[peer.len - 2] = (guint8) (i >> 8);
      g_ptr_array_add (addresses, address);
      avi_swarm_found (engine->swarm, &peer, NULL, addresses, AVI_SOURCE_MDNS);
    }
}

/* The time is that which has passed, however slow the machine is. */
static gboolean
has_dialled_many (gpointer data)
{
  Crowd *crowd = data;
  guint64 n = core_fixture_count (&crowd->fixture->under_test, "dials-failed");
  gint64 passed = g_get_monotonic_time () - crowd->begun;

  g_assert_cmpuint (n, <=,
                    (guint64) (AVI_LIMITS_HEARSAY_BURST + 1 + AVI_LIMITS_HEARSAY_RATE * passed / G_USEC_PER_SEC));
  return n >= AVI_LIMITS_HEARSAY_BURST + AVI_LIMITS_HEARSAY_RATE;
}

/* A thousand peers that nobody has ever seen; a person's word goes before. */
static void
test_crowd (Fixture *fixture, gconstpointer data)
{
  Crowd crowd = { fixture, g_get_monotonic_time () };
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *target = NULL;
  g_autoptr(GError) error = NULL;
  guint16 port;
  int listener = puppet_listen (&port);

  avi_core_run (fixture->under_test.core, announce_crowd, (gpointer) avi_key_pair_get_peer_id (fixture->key));
  puppets_run (fixture->puppets, has_dialled_many, &crowd);
  target = core_fixture_format ("127.0.0.1", port, fixture->key);
  avi_core_dial (fixture->under_test.core, target, call);
  fixture->puppets[0] = puppet_accept (fixture->key, listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  close (listener);
}

/* --- how long they are dialled --- */

#define FIRST (250 * G_TIME_SPAN_MILLISECOND)
#define LAST  (60 * G_USEC_PER_SEC)

/* What of the peer is left is only its own word. */
static void
check_backoff (AviEngine *engine, gpointer user_data)
{
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, user_data);
  gint64 now = avi_loop_now (engine->loop);

  for (guint failures = 1; failures < 100; failures++)
    {
      gint64 middle = failures < 10 ? MIN (LAST, FIRST << (failures - 1)) : LAST;

      avi_loop_clear_timer (engine->loop, &entry->redial_timer);
      entry->failures = failures;
      avi_swarm_schedule (engine->swarm, entry);
      g_assert_cmpint (entry->redial_timer.when - now, >=, middle - middle / 4);
      g_assert_cmpint (entry->redial_timer.when - now, <=, middle + middle / 4);
    }
  /* And now the last of twelve. */
  avi_loop_clear_timer (engine->loop, &entry->redial_timer);
  entry->failures = 11;
  avi_swarm_dial_now (engine->swarm, entry);
}

static gboolean
is_forgotten (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->key);

  return info == NULL;
}

static void
test_hearsay (Fixture *fixture, gconstpointer data)
{
  static const char *const texts[] = { "/ip4/127.0.0.1/tcp/1", "/ip4/0.0.0.0/tcp/1", NULL };

  connect_from (fixture, "127.0.0.1");
  tell (fixture, texts, 1);
  hang_up (fixture);
  puppets_run (fixture->puppets, has_given_up_once, fixture);
  avi_core_run (fixture->under_test.core, check_backoff, (gpointer) avi_key_pair_get_peer_id (fixture->key));
  puppets_run (fixture->puppets, is_forgotten, fixture);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  netns_enter (&why_no_netns);
  if (why_no_netns == NULL)
    {
      netns_ip ("link set lo up");
      netns_ip ("addr add " PUBLIC_IP "/32 dev lo");
      netns_ip ("addr add " PRIVATE_IP "/32 dev lo");
      netns_ip ("link add v0 type veth peer name v1");
      netns_ip ("link set v0 up");
      netns_ip ("link set v1 up");
      netns_ip ("addr add " NEAR_IP "/24 dev v0");
    }
  g_test_init (&argc, &argv, NULL);
  ADD ("/hostile/a peer of this machine sends nobody to where nobody can be", test_from_this_machine);
  ADD ("/hostile/a peer of a private network sends nobody to loopback", test_from_private);
  ADD ("/hostile/a peer at a public address sends nobody into a private network", test_from_public);
  ADD ("/hostile/a peer in a subnet of ours may tell its private addresses", test_from_near);
  ADD ("/hostile/our own addresses, unspecified ones and names of a peer's are not dialled", test_own_and_nowhere);
  ADD ("/hostile/of ten thousand addresses 32 are kept", test_ten_thousand);
  ADD ("/hostile/a peer that is announced anew all the time is dialled a few times", test_announced_anew);
  ADD ("/hostile/a crowd that others announce is dialled at a bounded rate, behind a person's word", test_crowd);
  ADD ("/hostile/who is known by his own word only is dialled twelve times, ever more seldom", test_hearsay);
  return g_test_run ();
}
