/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One connection of a running core: how it ends, for whoever holds it and whatever comes; partly in a
 * network namespace of the program's own.
 */
#include "config.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core-fixture.h"
#include "netns.h"
#include "puppet.h"

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
} Fixture;

static const char *why_no_netns;

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

static gboolean
is_disconnected (gpointer data)
{
  return !is_connected (data);
}

static gboolean
is_closed (gpointer data)
{
  Fixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

/* --- what is no peer --- */

/* Returns only once the other end has closed. */
static void
send_raw (Fixture *fixture, const void *bytes, gsize len)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (core_fixture_get_port (&fixture->under_test)),
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
test_not_a_peer (Fixture *fixture, gconstpointer data)
{
  static const guint8 tls_hello[] = { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03 };
  static const char http[] = "GET / HTTP/1.1\r\nHost: kitchen\r\n\r\n";
  guint8 garbage[2000];
  AviRandom random;
  AviEvent *event, *next;

  core_fixture_start (&fixture->under_test);
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
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "handshakes-failed"), ==, 22);
  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      g_assert_null (event->peer);
      avi_event_free (event);
    }
}

/* --- the end of one --- */

static pid_t
fork_holder (void)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid != 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    pause ();
}

static void
test_fork (Fixture *fixture, gconstpointer data)
{
  pid_t child;

  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  child = fork_holder ();
  core_fixture_stop (&fixture->under_test);
  puppets_run (fixture->puppets, is_closed, fixture);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

/* The other end may never notice; a peer that is told at once can be dialled from another address. */
static void
test_address_is_lost (Fixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/0.0.0.0/tcp/4001", NULL };
  g_autoptr(AviPeerInfo) info = NULL;

  if (why_no_netns != NULL)
    {
      g_test_skip (why_no_netns);
      return;
    }
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  netns_ip ("addr add 10.1.0.7/24 dev v0");
  fixture->under_test.settings.listen = listen;
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial_at (fixture->other, "10.1.0.7", 4001, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  netns_ip ("addr add 10.1.0.8/24 dev v0");
  netns_ip ("addr del 10.1.0.8/24 dev v0");
  core_fixture_settle (&fixture->under_test);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  netns_ip ("addr del 10.1.0.7/24 dev v0");
  puppets_run (fixture->puppets, is_disconnected, fixture);
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
  ADD ("/connection/a TLS hello, HTTP and garbage are closed and counted", test_not_a_peer);
  ADD ("/connection/ends for the peer, though a forked child holds the socket", test_fork);
  ADD ("/connection/ends when this machine has lost its address", test_address_is_lost);
  return g_test_run ();
}
