/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a connection up to where it is open: a test is named after the row of
 * docs/connection-life.md that it holds. Time is virtual.
 */
#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "engine/avi-core-private.h"
#include "engine/avi-swarm-private.h"
#include "life-fixture.h"

static void
await_end (int fd)
{
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char buffer[4096];
  ssize_t n;

  do
    {
      g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
      n = recv (fd, buffer, sizeof buffer, 0);
    }
  while (n > 0);
  g_assert_cmpint (n, ==, 0);
}

/* Of what it does not answer nothing more is heard. */
static gboolean
has_ended (int fd)
{
  char buffer[4096];
  ssize_t n;

  do
    n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  while (n > 0);
  return n == 0;
}

static int
connect_to (guint16 port, int flags)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (port),
                            .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  int result = connect (fd, (struct sockaddr *) &to, sizeof to);

  g_assert_true (result == 0 || flags != 0);
  return fd;
}

typedef struct
{
  AviConnectionState state;
  _Atomic guint      n;
} Counting;

/* In the engine's thread. */
static void
count_in_state (AviEngine *engine, gpointer user_data)
{
  Counting *self = user_data;
  guint n = 0;

  for (GList *link = engine->connections.head; link != NULL; link = link->next)
    n += ((AviConnection *) link->data)->state == self->state;
  self->n = n;
}

/* Until one has got so far. */
static void
await_state (LifeFixture *fixture, AviConnectionState state)
{
  Counting counting = { .state = state };

  for (guint i = 0; counting.n == 0; i++)
    {
      g_assert_cmpuint (i, <, 10000);
      if (i > 0)
        g_usleep (1000);
      avi_core_run (fixture->under_test.core, count_in_state, &counting);
      core_fixture_settle (&fixture->under_test);
    }
  g_assert_cmpuint (counting.n, ==, 1);
}

static void
assert_counts (LifeFixture *fixture, guint64 opened, guint64 closed, guint64 failed, guint64 dials_failed)
{
  CoreFixture *core = &fixture->under_test;

  g_assert_cmpuint (core_fixture_count (core, "connections-opened"), ==, opened);
  g_assert_cmpuint (core_fixture_count (core, "connections-closed"), ==, closed);
  g_assert_cmpuint (core_fixture_count (core, "handshakes-failed"), ==, failed);
  g_assert_cmpuint (core_fixture_count (core, "dials-failed"), ==, dials_failed);
}

/* --- connecting --- */

static void
test_limit (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fixture->under_test.settings.max_connections = 1;
  life_fixture_meet (fixture);
  error = life_fixture_await_error (fixture, life_fixture_dial (fixture, "/ip4/127.0.0.1/tcp/1"));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "max-connections is reached: 1 of 1"));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-connections"), ==, 1);
  assert_counts (fixture, 1, 0, 0, 1);
}

static void
test_refused (LifeFixture *fixture, gconstpointer data)
{
  g_autofree char *target = NULL;
  g_autoptr(GError) error = NULL;
  guint16 port;

  close (puppet_listen (&port));
  target = core_fixture_format ("127.0.0.1", port, NULL);
  life_fixture_start (fixture);
  error = life_fixture_await_error (fixture, life_fixture_dial (fixture, target));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, target));
  assert_counts (fixture, 0, 0, 1, 1);
}

/* TCP goes to one host. */
#define BROADCAST "/ip4/255.255.255.255/tcp/9"

static void
test_fails_at_once (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  life_fixture_start (fixture);
  error = life_fixture_await_error (fixture, life_fixture_dial (fixture, BROADCAST));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, BROADCAST));
  assert_counts (fixture, 0, 0, 0, 1);
}

#define N_FILLERS 4

/* A port whose queue is full: what connects to it hears nothing. */
static void
test_dial_timeout (LifeFixture *fixture, gconstpointer data)
{
  int fillers[N_FILLERS];
  g_autofree char *target = NULL;
  g_autoptr(GError) error = NULL;
  AviCall *call;
  guint16 port;
  int listener = puppet_listen (&port);

  g_assert_cmpint (listen (listener, 0), ==, 0);
  for (guint i = 0; i < N_FILLERS; i++)
    fillers[i] = connect_to (port, SOCK_NONBLOCK);
  target = core_fixture_format ("127.0.0.1", port, NULL);
  fixture->under_test.settings.dial_timeout = 7 * SECOND;
  life_fixture_start (fixture);
  call = life_fixture_dial (fixture, target);
  await_state (fixture, AVI_CONNECTION_CONNECTING);
  life_fixture_wait (fixture, 7 * SECOND - 1);
  g_assert_false (avi_call_is_done (call));
  clock_advance (1);
  error = life_fixture_await_error (fixture, call);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "no answer within 7.0 s (dial-timeout)"));
  g_assert_null (strstr (error->message, "negotiation"));
  assert_counts (fixture, 0, 0, 1, 1);
  for (guint i = 0; i < N_FILLERS; i++)
    close (fillers[i]);
  close (listener);
}

static void
test_network_changed (LifeFixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  struct pollfd wait = { .fd = listener, .events = POLLIN };
  g_autofree char *target = core_fixture_format ("127.0.0.1", port, fixture->other);
  const char *bootstrap[] = { target, NULL };
  int hangs;

  fixture->under_test.settings.bootstrap = bootstrap;
  life_fixture_start (fixture);
  life_fixture_await_count (fixture, "dials", 1);
  g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
  hangs = accept (listener, NULL, NULL);
  clock_sleep (G_TIME_SPAN_HOUR);
  life_fixture_await_count (fixture, "dials", 2);
  await_end (hangs);
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  life_fixture_await_story (fixture, "c");
  assert_counts (fixture, 1, 0, 0, 0);
  close (hangs);
  close (listener);
}

/* --- handshake --- */

static void
test_agreed (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_start (fixture);
  life_fixture_come (fixture, 0, 1);
  puppet_set_manners (fixture->puppets[0], PUPPET_IS_MUTE);
  life_fixture_settle (fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  /* Its time-out was that of the handshake alone. */
  for (guint i = 0; i < 12; i++)
    life_fixture_wait (fixture, SECOND);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  assert_counts (fixture, 1, 0, 0, 0);
}

static void
test_inbound_timeout (LifeFixture *fixture, gconstpointer data)
{
  int fd;

  fixture->under_test.settings.max_pending = 1;
  life_fixture_start (fixture);
  fd = connect_to (fixture->port, 0);
  await_state (fixture, AVI_CONNECTION_HANDSHAKE);
  life_fixture_wait (fixture, 10 * SECOND - 1);
  g_assert_false (has_ended (fd));
  clock_advance (1);
  life_fixture_await_count (fixture, "handshakes-failed", 1);
  await_end (fd);
  assert_counts (fixture, 0, 0, 1, 0);
  /* Its place among those pending is free again. */
  life_fixture_come (fixture, 0, 1);
  life_fixture_await_story (fixture, "c");
  close (fd);
}

/* The socket is connected from the first, but nobody says anything: how long that may last, is dial-timeout. */
static void
test_outbound_timeout (LifeFixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *target = core_fixture_format ("127.0.0.1", port, NULL);
  g_autoptr(GError) error = NULL;
  AviCall *call;

  fixture->under_test.settings.dial_timeout = 30 * SECOND;
  life_fixture_start (fixture);
  call = life_fixture_dial (fixture, target);
  await_state (fixture, AVI_CONNECTION_HANDSHAKE);
  life_fixture_wait (fixture, 30 * SECOND - 1);
  g_assert_false (avi_call_is_done (call));
  clock_advance (1);
  error = life_fixture_await_error (fixture, call);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "no answer within 30.0 s (dial-timeout) in the security negotiation"));
  assert_counts (fixture, 0, 0, 1, 1);
  close (listener);
}

static void
test_closed_in_handshake (LifeFixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *target = core_fixture_format ("127.0.0.1", port, NULL);
  g_autoptr(GError) error = NULL;
  AviCall *call;

  life_fixture_start (fixture);
  call = life_fixture_dial (fixture, target);
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  error = life_fixture_await_error (fixture, call);
  /* Closed with something unread, it is a reset. */
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  assert_counts (fixture, 0, 0, 1, 1);
  close (listener);
}

/* --- open, and not let in --- */

static void
test_refused_for_a_minute (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_meet (fixture);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_story (fixture, "c!");
  life_fixture_await_close (fixture, 1);
  for (guint i = 0; i < 59; i++)
    life_fixture_wait (fixture, SECOND);
  g_clear_pointer (&fixture->puppets[1], puppet_free);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_close (fixture, 1);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[1]), ==, 0);
  life_fixture_wait (fixture, SECOND);
  /* Now it is heard, and told apart, again. */
  g_clear_pointer (&fixture->puppets[1], puppet_free);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_story (fixture, "c!!");
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* In the engine's thread: peers that somebody named, none of which may be forgotten. */
static void
fill_table (AviEngine *engine, gpointer user_data)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse ("/ip4/127.0.0.1/tcp/1", NULL);

  for (guint i = 0; i < AVI_SWARM_MAX_PEERS; i++)
    {
      AviPeerId id = engine->self_id;

      memcpy (id.bytes + id.len - sizeof i, &i, sizeof i);
      avi_addresses_add (avi_swarm_ensure (engine->swarm, &id)->addresses, address, AVI_SOURCE_BOOTSTRAP);
    }
}

static void
test_table_full (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_start (fixture);
  avi_core_run (fixture->under_test.core, fill_table, NULL);
  core_fixture_settle (&fixture->under_test);
  life_fixture_come (fixture, 0, 1);
  life_fixture_await_close (fixture, 0);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[0]), ==, 0);
  assert_counts (fixture, 1, 1, 0, 0);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "");
}

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  LIFE_ADD ("C1: no attempt begins beyond max-connections", test_limit);
  LIFE_ADD ("C4: an address that refuses is an error that names it", test_refused);
  LIFE_ADD ("C5: an address that hears nothing fails after dial-timeout", test_dial_timeout);
  LIFE_ADD ("C8: what hangs when the network changes is closed, and dialled anew", test_network_changed);
  LIFE_ADD ("C10: an address to which connect fails at once never had a connection", test_fails_at_once);
  LIFE_ADD ("H2: with the handshake done its time-out is over", test_agreed);
  LIFE_ADD ("H3: who says nothing for 10 s is closed, and makes room", test_inbound_timeout);
  LIFE_ADD ("H4: who is dialled has as long as dial-timeout, whose error says at what it waited",
            test_outbound_timeout);
  LIFE_ADD ("H5: a peer that closes in the handshake is an error", test_closed_in_handshake);
  LIFE_ADD ("A3: after a conflict the key is refused for 60 s, and no longer", test_refused_for_a_minute);
  LIFE_ADD ("A5: who comes when 1,024 peers are held that may not be forgotten is closed", test_table_full);
  return g_test_run ();
}
