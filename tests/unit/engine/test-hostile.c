/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers that come to take the room of others, and what else an engine has to outlive: no descriptors,
 * sockets that close under it, a clock that jumps. What each may cost stands in docs/hostile-peers.md,
 * and is checked here.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "avi-message.h"
#include "engine/avi-connection.h"
#include "engine/avi-core-private.h"
#include "engine/avi-swarm.h"
#include "hostile-fixture.h"
#include "log-keeper.h"
#include "puppet-pubsub.h"
#include "protocols/gossipsub/avi-gossipsub.h"

#define TOPIC "home/kitchen"

/* --- the engine --- */

static void
set_up (HostileFixture *fixture, gconstpointer data)
{
  log_keeper_forget ();
  hostile_fixture_init (fixture);
}

static void
tear_down (HostileFixture *fixture, gconstpointer data)
{
  hostile_fixture_clear (fixture);
}

typedef struct
{
  guint n_connections;
  guint n_pending;
  guint n_sources;
  guint n_networks; /* of those pending */
} Room;

static void
look_at_room (AviEngine *engine, gpointer data)
{
  *(Room *) data = (Room) { .n_connections = engine->limits.n_connections,
                           .n_pending = engine->limits.n_pending,
                           .n_sources = g_hash_table_size (engine->limits.per_address),
                           .n_networks = g_hash_table_size (engine->limits.pending) };
}

static gboolean
is_empty (gpointer data)
{
  HostileFixture *fixture = data;
  Room room;

  core_fixture_inspect (&fixture->under_test, look_at_room, &room);
  return room.n_connections == 0 && room.n_pending == 0 && room.n_sources == 0 && room.n_networks == 0;
}

/* --- who never says a word --- */

#define N_SILENT 1000

static int
connect_socket (guint16 port, guint32 from)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = g_htons (port) };
  struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (from) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  to.sin_addr.s_addr = g_htonl (INADDR_LOOPBACK);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &own, sizeof own), ==, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static guint
count_open (const int *fds)
{
  guint n = 0;
  char byte;

  for (guint i = 0; i < N_SILENT; i++)
    n += recv (fds[i], &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
  return n;
}

static void
close_all (const int *fds)
{
  for (guint i = 0; i < N_SILENT; i++)
    close (fds[i]);
}

/* Of one address a few have room; another's peer gets in at once. */
static void
test_silent_from_one (HostileFixture *fixture, gconstpointer data)
{
  int fds[N_SILENT];

  fixture->under_test.settings.max_connections = 128;
  fixture->under_test.settings.max_pending = 64;
  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < N_SILENT; i++)
    fds[i] = connect_socket (core_fixture_get_port (&fixture->under_test), 0x7f000301);
  hostile_fixture_run_until_counted (fixture, "refused-max-connections-per-address", N_SILENT - 8);
  g_assert_cmpuint (count_open (fds), ==, 8);
  log_keeper_assert ("max-connections-per-address is reached: 8 of 8 are in use, all by 127.0.3.1");
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-pending"), ==, 0);
  close_all (fds);
}

/* Of all together no more than max-pending, for 10 s, even where each says a little all the time. */
static void
test_silent_from_many (HostileFixture *fixture, gconstpointer data)
{
  static const char words[] = "\x13/multistream/1.0.0";
  gint64 begun = g_get_monotonic_time (), deadline = begun + 30 * G_USEC_PER_SEC;
  int fds[N_SILENT];
  guint n_said = 0;
  Room room;

  fixture->under_test.settings.max_connections = 128;
  fixture->under_test.settings.max_pending = 64;
  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < N_SILENT; i++)
    fds[i] = connect_socket (core_fixture_get_port (&fixture->under_test), 0x7f000401 + i / 5 * 256);
  hostile_fixture_run_until_counted (fixture, "refused-max-pending", N_SILENT - 64);
  log_keeper_assert (
      "max-pending is reached: 64 were on their way, of 64, and at most half from one network; of 5 from 127.0.");
  core_fixture_inspect (&fixture->under_test, look_at_room, &room);
  g_assert_cmpuint (room.n_connections, ==, 64);

  while (!is_empty (fixture))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (n_said < 18 && g_get_monotonic_time () - begun > n_said * 600 * G_TIME_SPAN_MILLISECOND)
        {
          /* Those who are left, among others. */
          for (guint i = 0; i < N_SILENT; i++)
            send (fds[i], &words[n_said], 1, MSG_NOSIGNAL);
          n_said++;
        }
      g_usleep (5000);
    }
  g_assert_cmpuint (count_open (fds), ==, 0);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "handshakes-failed"), ==, 64);
  log_keeper_assert ("not negotiated within 10000 ms: it waits for the peer in the security negotiation");
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
  close_all (fds);
}

/* Of two networks, each from more addresses than one may have connections: a third gets in, and so does who is of
 * the same network. */
static void
test_silent_from_two (HostileFixture *fixture, gconstpointer data)
{
  int fds[N_SILENT];
  Room room;

  fixture->under_test.settings.max_connections = 128;
  fixture->under_test.settings.max_pending = 64;
  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < N_SILENT; i++)
    fds[i] = connect_socket (core_fixture_get_port (&fixture->under_test),
                             (i % 2 == 0 ? 0x7f000001 : 0x7f000101) + i / 2 / 5);
  hostile_fixture_run_until_counted (fixture, "refused-max-pending", N_SILENT - 64);
  core_fixture_inspect (&fixture->under_test, look_at_room, &room);
  g_assert_cmpuint (room.n_pending, ==, 64);
  g_assert_cmpuint (room.n_networks, ==, 2);
  hostile_fixture_connect (fixture, 0, "127.0.2.1");
  hostile_fixture_connect (fixture, 1, "127.0.0.250");
  core_fixture_inspect (&fixture->under_test, look_at_room, &room);
  g_assert_cmpuint (room.n_pending, <=, 64);
  close_all (fds);
}

/* --- who comes back again and again --- */

#define N_RETURNS 300

static void
test_returns (HostileFixture *fixture, gconstpointer data)
{
  guint64 opened, failed;

  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < N_RETURNS; i++)
    {
      Puppet *puppets[] = { puppet_dial (fixture->keys[0], core_fixture_get_port (&fixture->under_test), 1), NULL };

      for (guint step = 0; step < i % 8; step++)
        puppets_step (puppets);
      puppet_free (puppets[0]);
      close (connect_socket (core_fixture_get_port (&fixture->under_test), INADDR_LOOPBACK));
    }
  puppets_run (fixture->puppets, is_empty, fixture);
  opened = core_fixture_count (&fixture->under_test, "connections-opened");
  failed = core_fixture_count (&fixture->under_test, "handshakes-failed");
  g_assert_cmpuint (opened, >, 0);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "connections-closed"), ==, opened);
  g_assert_cmpuint (opened + failed + core_fixture_count (&fixture->under_test, "refused-max-pending")
                      + core_fixture_count (&fixture->under_test, "refused-max-connections-per-address"),
                    ==, 2 * N_RETURNS);
  /* It told no address of its own. */
  g_assert_null (core_fixture_look (&fixture->under_test, fixture->keys[0]));
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
}

/* --- who is refused is told of, with the limit, its value, its use and who uses it --- */

static gboolean
is_told (gpointer text)
{
  return log_keeper_has (text);
}

static void
test_limits_named (HostileFixture *fixture, gconstpointer data)
{
  static const char *const unknown[] = { "/unknown/1", NULL };
  g_autofree char *first = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->keys[0]));
  g_autofree char *second = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->keys[1]));
  g_autofree char *per_peer = g_strdup_printf ("max-connections-per-peer is reached: %s has 1 of 1", first);
  g_autofree char *peers = g_strdup_printf ("max-peers is reached: 1 of 1 are connected, and %s would be one", second);
  guint16 port;
  int silent[2];

  fixture->under_test.settings.max_peers = 1;
  fixture->under_test.settings.max_connections_per_peer = 1;
  fixture->under_test.settings.max_connections = 2;
  core_fixture_start (&fixture->under_test);
  port = core_fixture_get_port (&fixture->under_test);
  hostile_fixture_connect (fixture, 0, "127.0.0.1");

  fixture->puppets[1] = puppet_dial (fixture->keys[0], port, 1);
  puppets_run (fixture->puppets, is_told, per_peer);
  g_clear_pointer (&fixture->puppets[1], puppet_free);

  fixture->puppets[1] = puppet_dial (fixture->keys[1], port, 1);
  puppets_run (fixture->puppets, is_told, peers);
  g_clear_pointer (&fixture->puppets[1], puppet_free);

  close (connect_socket (port, INADDR_LOOPBACK));
  for (guint i = 0; i < 2; i++)
    silent[i] = connect_socket (port, INADDR_LOOPBACK);
  puppets_run (fixture->puppets, is_told,
               (char *) "max-connections is reached: 2 of 2 are in use; most connections from outside, 2 by 127.0.0.1");
  for (guint i = 0; i < 2; i++)
    close (silent[i]);

  for (guint i = 0; i < 256; i++)
    puppet_open (fixture->puppets[0], unknown);
  puppets_run (fixture->puppets, is_told, (char *) "max-streams, or what is not accepted of it, is reached");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-connections-per-peer"), ==, 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-peers"), ==, 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-connections"), >=, 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-refused"), >=, 1);
}

/* --- who is gone while we write --- */

static guint n_signals;

static void
on_signal (int number)
{
  n_signals++;
}

/* As if the peer had closed since the loop last looked. */
static void
write_to_nobody (AviEngine *engine, gpointer data)
{
  AviConnection *connection = g_queue_peek_head (&engine->connections);

  shutdown (connection->watch.fd, SHUT_WR);
  avi_connection_ping (connection);
}

static void
test_sigpipe (HostileFixture *fixture, gconstpointer data)
{
  struct sigaction before, action = { .sa_handler = on_signal };

  core_fixture_start (&fixture->under_test);
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
  sigaction (SIGPIPE, &action, &before);
  core_fixture_inspect (&fixture->under_test, write_to_nobody, NULL);
  hostile_fixture_run_until_counted (fixture, "connections-closed", 1);
  sigaction (SIGPIPE, &before, NULL);
  g_assert_cmpuint (n_signals, ==, 0);
  log_keeper_assert ("Broken pipe");
}

/* --- no descriptors left --- */

#define MAX_FDS 4096

static gboolean
has_paused (gpointer data)
{
  return log_keeper_has ("accepting pauses: Too many open files");
}

static gboolean
is_renamed (gpointer data)
{
  HostileFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->keys[0]);

  return g_strcmp0 (info->agent, "still here") == 0;
}

static void
dial_without_fds (HostileFixture *fixture)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  avi_core_dial (fixture->under_test.core, "/ip4/127.0.0.1/tcp/1", call);
  avi_core_wait (fixture->under_test.core, call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "no file descriptors left (RLIMIT_NOFILE)"));
}

static void
run_out_of_fds (HostileFixture *fixture)
{
  AviIdentify renamed = { .agent_version = (char *) "still here" };
  struct rlimit limit = { 256, 256 };
  int fds[256];
  guint n = 0;

  core_fixture_start (&fixture->under_test);
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  while (n < G_N_ELEMENTS (fds) && (fds[n] = open ("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    n++;
  g_assert_cmpint (errno, ==, EMFILE);
  dial_without_fds (fixture);

  close (fds[--n]);
  fixture->puppets[1] = puppet_dial (fixture->keys[1], core_fixture_get_port (&fixture->under_test), 1);
  puppets_run (fixture->puppets, has_paused, fixture);
  puppet_push (fixture->puppets[0], &renamed);
  puppets_run (fixture->puppets, is_renamed, fixture);
  g_assert_false (puppet_is_open (fixture->puppets[1]));

  while (n > 0)
    close (fds[--n]);
  puppets_run (fixture->puppets, hostile_fixture_is_connected, fixture);
}

static void
test_no_fds (HostileFixture *fixture, gconstpointer data)
{
  if (g_test_subprocess ())
    {
      run_out_of_fds (fixture);
      return;
    }
  core_fixture_start (&fixture->under_test);
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* --- a clock that jumps --- */

static _Atomic gint64 clock_jump; /* µs */

/* In place of GLib's, for the engine is linked into this program. */
gint64
g_get_real_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000 + clock_jump;
}

static gboolean
has_heard (gpointer data)
{
  HostileFixture *fixture = data;
  AviEvent *event, *next;
  gboolean heard = FALSE;

  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_MESSAGE)
        {
          GDateTime *at = avi_message_get_received_at (event->message);

          heard = TRUE;
          g_assert_cmpint (ABS (g_date_time_to_unix (at) - g_get_real_time () / G_USEC_PER_SEC), <, 600);
        }
      avi_event_free (event);
    }
  return heard;
}

static void
test_clock (HostileFixture *fixture, gconstpointer data)
{
  static const gint64 years[] = { 10, -10, 20, 0 };
  AviInbox *inbox = avi_core_subscribe (fixture->under_test.core, TOPIC, 100, 1024 * 1024, NULL);
  AviLinkStream *stream;

  core_fixture_start (&fixture->under_test);
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
  stream = puppet_subscribe (fixture->puppets[0], TOPIC);
  for (guint i = 0; i < G_N_ELEMENTS (years); i++)
    {
      clock_jump = years[i] * 365 * G_TIME_SPAN_DAY;
      puppet_publish (fixture->puppets[0], stream, fixture->keys[0], TOPIC, "what time is it?", i + 1);
      puppets_run (fixture->puppets, has_heard, fixture);
    }
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "connections-closed"), ==, 0);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "connections-opened"), ==, 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, 0);
  g_assert_true (hostile_fixture_is_connected (fixture));
  avi_core_unsubscribe (fixture->under_test.core, inbox);
  avi_inbox_unref (inbox);
}

#define ADD(path, func) g_test_add (path, HostileFixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = MIN (limit.rlim_max, MAX_FDS);
  setrlimit (RLIMIT_NOFILE, &limit);
  g_test_init (&argc, &argv, NULL);
  log_keeper_init ();
  ADD ("/hostile/a thousand silent ones of an address leave room for others", test_silent_from_one);
  ADD ("/hostile/a thousand that never finish have a few places for ten seconds", test_silent_from_many);
  ADD ("/hostile/a thousand silent ones of two networks leave room for others", test_silent_from_two);
  ADD ("/hostile/who comes back again and again leaves nothing behind", test_returns);
  ADD ("/hostile/whoever is refused is told of with the limit and who uses it", test_limits_named);
  ADD ("/hostile/writing to who is gone raises no signal", test_sigpipe);
  ADD ("/hostile/without descriptors accepting waits, dialling fails, the rest goes on", test_no_fds);
  ADD ("/hostile/a clock that jumps by years changes nothing", test_clock);
  return g_test_run ();
}
