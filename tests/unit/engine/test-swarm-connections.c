/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A core and its engine on loopback, and peers that the test leads by the hand: which of several
 * connections stays, restarts, two nodes with one key, and what is sent to the port that is no peer.
 */
#include "config.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "engine/avi-core.h"
#include "puppet.h"

typedef struct
{
  AviCore    *core;
  AviKeyPair *identity;
  guint16     port;
  GString    *story; /* in order: connected, disconnected, forgotten, "!" identity conflict, answered, stopped */
  Puppet     *puppets[4];
} Fixture;

static AviSettings
make_settings (AviKeyPair *identity)
{
  static const char *const listen[] = { "/ip4/127.0.0.1/tcp/0", NULL };

  return (AviSettings) {
    .name = "under-test",
    .identity = identity,
    .listen = listen,
    .max_peers = 16,
    .max_connections = 32,
    .max_connections_per_peer = 3,
    .max_connections_per_address = 8,
    .max_pending = 8,
    .max_dials = 8,
    .max_streams = 256,
    .dial_timeout = 5 * G_USEC_PER_SEC,
  };
}

static guint16
find_port (AviCore *core)
{
  g_auto(GStrv) addresses = avi_core_dup_addresses (core);
  const char *tcp;

  g_assert_nonnull (addresses[0]);
  tcp = strstr (addresses[0], "/tcp/");
  g_assert_nonnull (tcp);
  return (guint16) g_ascii_strtoull (tcp + strlen ("/tcp/"), NULL, 10);
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  AviSettings settings;

  avi_crypto_init ();
  fixture->core = avi_core_new ();
  fixture->identity = avi_key_pair_generate ();
  fixture->story = g_string_new (NULL);
  settings = make_settings (fixture->identity);
  avi_core_start (fixture->core, &settings, call);
  avi_call_wait (call);
  g_assert_true (avi_call_get_result (call, NULL, NULL, NULL));
  fixture->port = find_port (fixture->core);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
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
  for (guint i = 0; i < G_N_ELEMENTS (fixture->puppets); i++)
    g_clear_pointer (&fixture->puppets[i], puppet_free);
  avi_core_unref (fixture->core);
  avi_key_pair_unref (fixture->identity);
  g_string_free (fixture->story, TRUE);
}

static void
hear (Fixture *fixture)
{
  AviEvent *event, *next;

  for (event = avi_core_take_events (fixture->core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_PEER_CONNECTED)
        g_string_append_c (fixture->story, 'c');
      if (event->type == AVI_EVENT_PEER_DISCONNECTED)
        g_string_append_c (fixture->story, 'd');
      if (event->type == AVI_EVENT_IDENTITY_CONFLICT)
        g_string_append_c (fixture->story, '!');
      if (event->type == AVI_EVENT_PEER_FORGOTTEN)
        g_string_append_c (fixture->story, 'f');
      if (event->type == AVI_EVENT_CALL)
        g_string_append_c (fixture->story, 'a');
      if (event->type == AVI_EVENT_STOPPED)
        g_string_append_c (fixture->story, 's');
      avi_event_free (event);
    }
}

static const char *wanted_story;

static gboolean
story_is_told (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return g_str_equal (fixture->story->str, wanted_story);
}

static void
run_until_story (Fixture    *fixture,
                 const char *story)
{
  wanted_story = story;
  puppets_run (fixture->puppets, story_is_told, fixture);
}

static gboolean
first_is_closed (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_is_closed (fixture->puppets[0]);
}

static gboolean
second_is_closed (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_is_closed (fixture->puppets[1]);
}

static void
test_same_direction (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 1);
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
  g_assert_true (puppet_is_open (fixture->puppets[1]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
}

/* The peer dials us and we dial it: whichever peer id is smaller, its dial stays, on both ends. */
static void
test_opposite_directions (Fixture      *fixture,
                          gconstpointer data)
{
  gboolean we_are_smaller = GPOINTER_TO_INT (data);
  g_autoptr(AviKeyPair) key = NULL;
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *address = NULL;
  g_autofree char *id = NULL;
  guint16 port;
  int listener = puppet_listen (&port);
  int order;

  do
    {
      g_clear_pointer (&key, avi_key_pair_unref);
      key = avi_key_pair_generate ();
      order = avi_peer_id_compare (avi_key_pair_get_peer_id (fixture->identity), avi_key_pair_get_peer_id (key));
    }
  while ((order < 0) != we_are_smaller);

  id = avi_peer_id_to_string (avi_key_pair_get_peer_id (key));
  address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, id);
  avi_core_dial (fixture->core, address, call);
  /* The puppet's own dial stays silent until ours has got through. */
  fixture->puppets[0] = puppet_accept (key, listener, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 1);
  puppets_run (fixture->puppets, we_are_smaller ? second_is_closed : first_is_closed, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[we_are_smaller ? 0 : 1]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
  close (listener);
}

static void
test_restart_after_silence (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  puppet_set_silent (fixture->puppets[0], TRUE);
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  run_until_story (fixture, "cdc");
  g_assert_true (puppet_is_open (fixture->puppets[1]));
}

static void
test_two_with_one_key (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  run_until_story (fixture, "c!");
  puppets_run (fixture->puppets, second_is_closed, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  /* And no loop: the second is refused from then on, without another signal. */
  g_clear_pointer (&fixture->puppets[1], puppet_free);
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  puppets_run (fixture->puppets, second_is_closed, fixture);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[1]), ==, 0);
  g_assert_cmpstr (fixture->story->str, ==, "c!");
}

static void
test_our_key (Fixture      *fixture,
              gconstpointer data)
{
  fixture->puppets[0] = puppet_dial (fixture->identity, fixture->port, 1);
  run_until_story (fixture, "!");
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->puppets[0] = puppet_dial (fixture->identity, fixture->port, 1);
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_assert_cmpstr (fixture->story->str, ==, "!");
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

/* Calls in flight end first, then the peers go, then the device has stopped. */
static void
test_order_of_stop (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  g_autoptr(AviCall) waits = avi_call_new (fixture);
  g_autoptr(AviCall) stops = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  avi_core_wait_for_subscribers (fixture->core, "nobody", 1, waits);
  avi_core_stop (fixture->core, stops);
  run_until_story (fixture, "cadfs");
  g_assert_false (avi_call_get_result (waits, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
}

/* A leak, where one is left behind. */
static void
test_stop_in_handshake (Fixture      *fixture,
                        gconstpointer data)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (fixture->port),
                            .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  g_autoptr(AviCall) call = avi_call_new (NULL);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char byte;

  g_assert_cmpint (connect (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (send (fd, "\x13/multistream/1.0.0\n", 20, MSG_NOSIGNAL), ==, 20);
  /* It was accepted: here is its answer. */
  g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
  avi_core_stop (fixture->core, call);
  avi_call_wait (call);
  g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
  while (recv (fd, &byte, 1, MSG_DONTWAIT) > 0)
    ;
  g_assert_cmpint (recv (fd, &byte, 1, MSG_DONTWAIT), ==, 0);
  close (fd);
}

static gboolean
second_is_identified (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_get_n_identified (fixture->puppets[1]) > 0;
}

static gboolean
one_connection_ended (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return get_statistic (fixture, "connections-closed") == 1;
}

static void
test_no_boot_id (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  g_autoptr(AviPeerInfo) info = NULL;

  fixture->puppets[0] = puppet_dial (key, fixture->port, 0);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 0);
  puppets_run (fixture->puppets, second_is_identified, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  /* The first goes: the peer stays connected over the second. */
  puppet_free (fixture->puppets[0]);
  fixture->puppets[0] = g_steal_pointer (&fixture->puppets[1]);
  puppets_run (fixture->puppets, one_connection_ended, fixture);
  info = avi_core_dup_peer (fixture->core, avi_key_pair_get_peer_id (key));
  g_assert_true (info->connected);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
}

static gboolean
one_of_four_is_closed (gpointer data)
{
  Puppet **puppets = data;
  guint n = 0;

  for (guint i = 0; i < 4; i++)
    n += puppet_is_closed (puppets[i]);
  return n == 1;
}

static void
test_per_peer_limit (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  Puppet *puppets[5] = { NULL };

  for (guint i = 0; i < 4; i++)
    puppets[i] = puppet_dial (key, fixture->port, 0);
  puppets_run (puppets, one_of_four_is_closed, puppets);
  g_assert_cmpuint (get_statistic (fixture, "refused-max-connections-per-peer"), ==, 1);
  for (guint i = 0; i < 4; i++)
    puppet_free (puppets[i]);
}

/* Returns only once the other end has closed. */
static void
send_raw (Fixture    *fixture,
          const void *bytes,
          gsize       len)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (fixture->port),
                            .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char buffer[4096];
  ssize_t n;

  g_assert_cmpint (connect (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (send (fd, bytes, len, MSG_NOSIGNAL), ==, (ssize_t) len);
  do
    {
      g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
      n = recv (fd, buffer, sizeof buffer, 0);
    }
  while (n > 0);
  close (fd);
}

static void
test_not_a_peer (Fixture      *fixture,
                 gconstpointer data)
{
  static const guint8 tls_hello[] = { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03 };
  static const char http[] = "GET / HTTP/1.1\r\nHost: kitchen\r\n\r\n";
  guint8 garbage[2000];
  AviRandom random;

  send_raw (fixture, tls_hello, sizeof tls_hello);
  send_raw (fixture, http, strlen (http));
  avi_random_seed (&random, 3);
  for (guint i = 0; i < 20; i++)
    {
      random.fill (&random, garbage, sizeof garbage);
      garbage[0] |= 0x80; /* a length that is too long, whatever follows */
      garbage[1] |= 0x80;
      send_raw (fixture, garbage, sizeof garbage);
    }
  g_assert_cmpuint (get_statistic (fixture, "handshakes-failed"), ==, 22);
  g_assert_cmpstr (fixture->story->str, ==, "");
}

static void
test_wrong_peer (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  g_autoptr(AviKeyPair) other = avi_key_pair_generate ();
  g_autofree char *wanted = avi_peer_id_to_string (avi_key_pair_get_peer_id (other));
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *address = NULL;
  g_autoptr(GError) error = NULL;
  guint16 port;
  int listener = puppet_listen (&port);

  address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, wanted);
  avi_core_dial (fixture->core, address, call);
  fixture->puppets[0] = puppet_accept (key, listener, 1);
  puppets_run (fixture->puppets, first_is_closed, fixture);
  avi_call_wait (call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, wanted));
  g_assert_nonnull (strstr (error->message, "/ip4/127.0.0.1/tcp/"));
  close (listener);
}

static void
test_dial_errors (Fixture      *fixture,
                  gconstpointer data)
{
  static const struct
  {
    const char *target;
    AviError    code;
    const char *words;
  } cases[] = {
    { "nonsense!", AVI_ERROR_INVALID_ARGUMENT, "nonsense!" },
    { "/ip4/1.2.3/tcp/1", AVI_ERROR_INVALID_ARGUMENT, "1.2.3" },
    { "/ip4/127.0.0.1/udp/1/quic-v1", AVI_ERROR_INVALID_ARGUMENT, "TCP" },
    { "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo", AVI_ERROR_NOT_FOUND, "12D3KooW" },
    { "/ip4/127.0.0.1/tcp/1", AVI_ERROR_REFUSED, "/ip4/127.0.0.1/tcp/1" },
    { "/dns4/localhost/tcp/1", AVI_ERROR_REFUSED, "/ip4/127.0.0.1/tcp/1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviCall) call = avi_call_new (NULL);
      g_autoptr(GError) error = NULL;

      avi_core_dial (fixture->core, cases[i].target, call);
      avi_call_wait (call);
      g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
      g_assert_error (error, AVI_ERROR, (gint) cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

#define ADD(path, data, func) g_test_add (path, Fixture, data, setup, func, teardown)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/swarm/same boot, same direction: the newer connection stays, the older is drained", NULL, test_same_direction);
  ADD ("/swarm/same boot, opposite directions: our dial stays where our id is the smaller", GINT_TO_POINTER (TRUE),
       test_opposite_directions);
  ADD ("/swarm/same boot, opposite directions: the peer's dial stays where its id is the smaller",
       GINT_TO_POINTER (FALSE), test_opposite_directions);
  ADD ("/swarm/another boot replaces a connection that is silent", NULL, test_restart_after_silence);
  ADD ("/swarm/another boot beside a connection that lives is an identity conflict, once", NULL, test_two_with_one_key);
  ADD ("/swarm/a node with our own key is an identity conflict, once", NULL, test_our_key);
  ADD ("/swarm/a peer without a boot id keeps two connections", NULL, test_no_boot_id);
  ADD ("/swarm/one peer has no more connections than allowed", NULL, test_per_peer_limit);
  ADD ("/swarm/stop ends calls in flight, then tells of the peers, then of itself", NULL, test_order_of_stop);
  ADD ("/swarm/stop closes connections in the midst of their handshake", NULL, test_stop_in_handshake);
  ADD ("/swarm/a TLS hello, HTTP and garbage are closed and counted", NULL, test_not_a_peer);
  ADD ("/swarm/a dial that meets another peer says who was wanted and where", NULL, test_wrong_peer);
  ADD ("/swarm/errors of dial name the target and the cause", NULL, test_dial_errors);
  return g_test_run ();
}
