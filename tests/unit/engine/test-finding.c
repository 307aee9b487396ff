/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whom an engine dials, and when: peers come and go by their node files, which this test writes in a
 * runtime directory of its own, and by bootstrap addresses.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "discovery/avi-local.h"
#include "engine/avi-core.h"
#include "engine/avi-sleep.h"
#include "puppet.h"

typedef struct
{
  AviCore    *core;
  AviKeyPair *identity;
  AviKeyPair *other;   /* the puppet's */
  Puppet     *puppets[2];
  AviLocal   *local;   /* the puppet's node file */
  int         listener;
  guint16     port;
  guint       max_peers;
} Fixture;

static void
start_with (Fixture           *fixture,
            AviKeyPair        *identity,
            const char        *identity_file,
            const char *const *bootstrap)
{
  static const char *const listen[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  g_autoptr(AviCall) call = avi_call_new (NULL);
  AviSettings settings = {
    .name = "under-test",
    .identity = identity,
    .identity_file = identity_file,
    .listen = listen,
    .bootstrap = bootstrap,
    .local = TRUE,
    .max_peers = fixture->max_peers,
    .max_connections = 32,
    .max_connections_per_peer = 3,
    .max_connections_per_address = 8,
    .max_pending = 8,
    .max_dials = 8,
    .max_streams = 256,
    .dial_timeout = 5 * G_USEC_PER_SEC,
  };

  avi_core_start (fixture->core, &settings, call);
  avi_call_wait (call);
  g_assert_true (avi_call_get_result (call, NULL, NULL, NULL));
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  avi_crypto_init ();
  fixture->core = avi_core_new ();
  fixture->identity = avi_key_pair_generate ();
  fixture->other = avi_key_pair_generate ();
  fixture->listener = puppet_listen (&fixture->port);
  fixture->max_peers = 16;
}

static void
stop (Fixture *fixture)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  AviEvent *event, *next;

  avi_core_stop (fixture->core, call);
  avi_core_hurry (fixture->core);
  avi_call_wait (call);
  for (event = avi_core_take_events (fixture->core); event != NULL; event = next)
    {
      next = event->next;
      avi_event_free (event);
    }
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  stop (fixture);
  g_clear_pointer (&fixture->local, avi_local_free);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  close (fixture->listener);
  avi_core_unref (fixture->core);
  avi_key_pair_unref (fixture->identity);
  avi_key_pair_unref (fixture->other);
}

/* --- the puppet's node file --- */

static void
ignore_found (gpointer         data,
              const AviPeerId *peer,
              const char      *name,
              GPtrArray       *addresses)
{
}

static void
ignore_gone (gpointer         data,
             const AviPeerId *peer)
{
}

static void
publish (Fixture *fixture,
         guint16  port)
{
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", port);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  guint8 boot_id[16] = { 1 };

  if (fixture->local == NULL)
    fixture->local =
        avi_local_new (NULL, avi_key_pair_get_peer_id (fixture->other), ignore_found, ignore_gone, NULL, NULL);
  g_assert_nonnull (fixture->local);
  g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
  g_assert_true (avi_local_publish (fixture->local, "puppet", boot_id, addresses, NULL));
}

/* A port on which nobody listens. */
static guint16
find_dead_port (void)
{
  guint16 port;

  close (puppet_listen (&port));
  return port;
}

/* --- waiting --- */

static AviPeerInfo *
look (Fixture *fixture)
{
  return avi_core_dup_peer (fixture->core, avi_key_pair_get_peer_id (fixture->other));
}

static gboolean
is_connected (gpointer data)
{
  g_autoptr(AviPeerInfo) info = look (data);

  return info != NULL && info->connected;
}

static gboolean
is_connected_to (Fixture    *fixture,
                 AviKeyPair *key)
{
  g_autoptr(AviPeerInfo) info = avi_core_dup_peer (fixture->core, avi_key_pair_get_peer_id (key));

  return info != NULL && info->connected;
}

static gboolean
is_not_local_any_more (gpointer data)
{
  g_autoptr(AviPeerInfo) info = look (data);

  return info != NULL && !(info->source & AVI_SOURCE_LOCAL);
}

static guint64
get_statistic (Fixture    *fixture,
               const char *name)
{
  g_autoptr(GVariant) statistics = avi_core_dup_statistics (fixture->core);
  guint64 value = 0;

  g_assert_true (g_variant_lookup (statistics, name, "t", &value));
  return value;
}

static guint64 wanted_failures;
static guint64 wanted_dials;

static gboolean
has_dialled (gpointer data)
{
  return get_statistic (data, "dials") >= wanted_dials;
}

static gboolean
is_known (gpointer data)
{
  g_autoptr(AviPeerInfo) info = look (data);

  return info != NULL;
}

static gboolean
has_failed (gpointer data)
{
  return get_statistic (data, "dials-failed") >= wanted_failures;
}

static void
test_found_is_dialled (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  publish (fixture, fixture->port);
  start_with (fixture, fixture->identity, NULL, NULL);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  info = look (fixture);
  g_assert_cmpstr (info->name, ==, "puppet");
  g_assert_cmpuint (info->source, ==, AVI_SOURCE_LOCAL);
}

static void
test_found_and_not_reached (Fixture      *fixture,
                            gconstpointer data)
{
  guint16 dead = find_dead_port ();
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", dead);
  g_autoptr(AviPeerInfo) info = NULL;

  publish (fixture, dead);
  start_with (fixture, fixture->identity, NULL, NULL);
  wanted_failures = 2;
  puppets_run (fixture->puppets, has_failed, fixture);
  info = look (fixture);
  g_assert_false (info->connected);
  g_assert_nonnull (info->last_error);
  g_assert_nonnull (strstr (info->last_error, address));
}

static void
test_record_goes (Fixture      *fixture,
                  gconstpointer data)
{
  publish (fixture, fixture->port);
  start_with (fixture, fixture->identity, NULL, NULL);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  g_clear_pointer (&fixture->local, avi_local_free);
  puppets_run (fixture->puppets, is_not_local_any_more, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (is_connected (fixture));
  g_assert_false (puppet_was_told_to_go (fixture->puppets[0]));
}

/* After five failures the next dial is seconds away; a new address makes it come at once. */
static void
test_new_address_clears_backoff (Fixture      *fixture,
                                 gconstpointer data)
{
  gint64 then;

  publish (fixture, find_dead_port ());
  start_with (fixture, fixture->identity, NULL, NULL);
  wanted_failures = 5;
  puppets_run (fixture->puppets, has_failed, fixture);
  then = (gint64) get_statistic (fixture, "dials");
  publish (fixture, fixture->port);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  g_assert_cmpint ((gint64) get_statistic (fixture, "dials"), ==, then + 1);
}

static _Atomic gint64 slept;

static gint64
get_slept (void)
{
  return slept;
}

/* Less than the back-off after five failures, which is 3 s at least. */
#define SOON (2500 * G_TIME_SPAN_MILLISECOND)

static void
test_sleep_clears_backoff (Fixture      *fixture,
                           gconstpointer data)
{
  gint64 (*real) (void) = avi_sleep_get;
  AviInbox *inbox;
  gint64 deadline;

  avi_sleep_get = get_slept;
  publish (fixture, find_dead_port ());
  start_with (fixture, fixture->identity, NULL, NULL);
  wanted_failures = 5;
  puppets_run (fixture->puppets, has_failed, fixture);
  deadline = g_get_monotonic_time () + SOON;
  wanted_dials = get_statistic (fixture, "dials") + 1;
  slept = 3600 * (gint64) G_USEC_PER_SEC;
  /* Anything that wakes the engine lets it see that. */
  inbox = avi_core_subscribe (fixture->core, "x", 10, 1000, NULL);
  while (!has_dialled (fixture) && g_get_monotonic_time () < deadline)
    puppets_step (fixture->puppets);
  g_assert_true (has_dialled (fixture));
  avi_core_unsubscribe (fixture->core, inbox);
  avi_inbox_unref (inbox);
  stop (fixture);
  avi_sleep_get = real;
}

static void
test_dial_ignores_backoff (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->other));
  g_autoptr(GError) error = NULL;
  guint64 before;

  publish (fixture, find_dead_port ());
  start_with (fixture, fixture->identity, NULL, NULL);
  wanted_failures = 5;
  puppets_run (fixture->puppets, has_failed, fixture);
  before = get_statistic (fixture, "dials");
  avi_core_dial (fixture->core, id, call);
  avi_call_wait (call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_cmpuint (get_statistic (fixture, "dials"), ==, before + 1);
}

/* A dial hangs at an address where nobody speaks; the right one, when it comes, does not wait for that. */
static void
test_new_address_joins_a_dial (Fixture      *fixture,
                               gconstpointer data)
{
  guint16 silent_port;
  int silent = puppet_listen (&silent_port);

  publish (fixture, silent_port);
  start_with (fixture, fixture->identity, NULL, NULL);
  wanted_dials = 1;
  puppets_run (fixture->puppets, has_dialled, fixture);
  publish (fixture, fixture->port);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  g_assert_cmpuint (get_statistic (fixture, "dials-failed"), ==, 0);
  close (silent);
}

static gboolean
first_is_open (gpointer data)
{
  return puppet_is_open (((Fixture *) data)->puppets[0]);
}

/* Four times turned away after the handshake: between them lie 250 ms, 500 ms and 1 s, or a quarter less. */
static void
test_turned_away (Fixture      *fixture,
                  gconstpointer data)
{
  gint64 begin = g_get_monotonic_time ();

  publish (fixture, fixture->port);
  start_with (fixture, fixture->identity, NULL, NULL);
  for (guint i = 0; i < 4; i++)
    {
      fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
      puppets_run (fixture->puppets, first_is_open, fixture);
      g_clear_pointer (&fixture->puppets[0], puppet_free);
    }
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 1300 * G_TIME_SPAN_MILLISECOND);
}

static void
test_room_again (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr(AviKeyPair) first = avi_key_pair_generate ();
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (first));
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, id);
  g_autoptr(AviCall) call = avi_call_new (NULL);

  fixture->max_peers = 1;
  start_with (fixture, fixture->identity, NULL, NULL);
  avi_core_dial (fixture->core, address, call);
  fixture->puppets[0] = puppet_accept (first, listener, 1);
  puppets_run (fixture->puppets, first_is_open, fixture);
  while (!is_connected_to (fixture, first))
    puppets_step (fixture->puppets);
  /* Found, and not dialled: max-peers is reached. */
  publish (fixture, fixture->port);
  puppets_run (fixture->puppets, is_known, fixture);
  g_assert_cmpuint (get_statistic (fixture, "dials"), ==, 1);
  close (listener);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
}

static void
test_killed_peer_is_dialled_again (Fixture      *fixture,
                                   gconstpointer data)
{
  publish (fixture, fixture->port);
  start_with (fixture, fixture->identity, NULL, NULL);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  /* As a process that is killed: no goodbye. Its next run has another boot id. */
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 2);
  puppets_run (fixture->puppets, is_connected, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

static void
test_bootstrap_without_a_peer_id (Fixture      *fixture,
                                  gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", fixture->port);
  const char *bootstrap[] = { "/ip4/127.0.0.1/tcp/1", address, NULL };

  start_with (fixture, fixture->identity, NULL, bootstrap);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
}

static void
test_bootstrap_meets_another (Fixture      *fixture,
                              gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", fixture->port);
  const char *bootstrap[] = { address, NULL };
  g_autoptr(AviKeyPair) replaced = fixture->other;

  start_with (fixture, fixture->identity, NULL, bootstrap);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  /* The machine there was set up anew: another key. The first dial still asks for the old one. */
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->other = avi_key_pair_generate ();
  for (guint i = 0; i < 3 && !is_connected (fixture); i++)
    {
      g_clear_pointer (&fixture->puppets[0], puppet_free);
      fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
      while (!puppet_is_closed (fixture->puppets[0]) && !is_connected (fixture))
        puppets_step (fixture->puppets);
    }
  g_assert_true (is_connected (fixture));
}

static void
test_bad_bootstrap (Fixture      *fixture,
                    gconstpointer data)
{
  static const char *const listen[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  static const char *const culprits[] = { "kitchen.local", "/ip4/10.0.0.1", "/ip4/10.0.0.1/udp/1/quic-v1" };

  for (guint i = 0; i < G_N_ELEMENTS (culprits); i++)
    {
      const char *bootstrap[] = { "/ip4/127.0.0.1/tcp/1", culprits[i], NULL };
      g_autoptr(AviCall) call = avi_call_new (NULL);
      AviSettings settings = { .name = "x", .identity = fixture->identity, .listen = listen, .bootstrap = bootstrap };
      g_autoptr(GError) error = NULL;

      avi_core_start (fixture->core, &settings, call);
      avi_call_wait (call);
      g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, culprits[i]));
      g_assert_cmpint (avi_core_get_state (fixture->core), ==, AVI_CORE_STOPPED);
    }
}

static char *
get_address (Fixture *fixture)
{
  g_auto(GStrv) addresses = avi_core_dup_addresses (fixture->core);

  g_assert_nonnull (addresses[0]);
  return g_strdup (addresses[0]);
}

static void
test_port_is_kept (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;

  start_with (fixture, fixture->identity, "some-file", NULL);
  first = get_address (fixture);
  stop (fixture);
  start_with (fixture, fixture->identity, "some-file", NULL);
  second = get_address (fixture);
  g_assert_cmpstr (first, ==, second);
  stop (fixture);
  /* An identity that is not saved promises nothing: any port. */
  start_with (fixture, fixture->identity, NULL, NULL);
  third = get_address (fixture);
  g_assert_cmpstr (first, !=, third);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, setup, func, teardown)

int
main (int   argc,
      char *argv[])
{
  /* Not G_TEST_OPTION_ISOLATE_DIRS, which leaks. */
  g_autofree char *folder = g_dir_make_tmp ("avi-finding-XXXXXX", NULL);
  const char *remove[] = { "rm", "-r", folder, NULL };
  int result;

  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  g_setenv ("XDG_STATE_HOME", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  ADD ("/finding/found is dialled, by its name before it says it", test_found_is_dialled);
  ADD ("/finding/found and not reached: last-error says where and why", test_found_and_not_reached);
  ADD ("/finding/a record that goes leaves the connection alone", test_record_goes);
  ADD ("/finding/a new address makes the back-off void", test_new_address_clears_backoff);
  ADD ("/finding/a sleep of the machine makes the back-off void", test_sleep_clears_backoff);
  ADD ("/finding/a new address joins a dial that hangs at another", test_new_address_joins_a_dial);
  ADD ("/finding/who is turned away after the handshake comes back ever later", test_turned_away);
  ADD ("/finding/where max-peers was reached, the next is dialled when one goes", test_room_again);
  ADD ("/finding/a program's dial ignores the back-off", test_dial_ignores_backoff);
  ADD ("/finding/a peer that was killed is dialled again", test_killed_peer_is_dialled_again);
  ADD ("/finding/a bootstrap address without a peer id finds whoever is there", test_bootstrap_without_a_peer_id);
  ADD ("/finding/a bootstrap address where another peer is now finds that one", test_bootstrap_meets_another);
  ADD ("/finding/a bootstrap address that is none is an error that names it", test_bad_bootstrap);
  ADD ("/finding/a saved identity listens on the port it had last", test_port_is_kept);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}
