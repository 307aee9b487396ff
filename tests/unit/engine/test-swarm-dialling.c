/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of a peer's addresses are dialled, in which order, how many at once and for how long, and
 * what a change of the network does to it, in a network namespace of the program's own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "finding-fixture.h"
#include "netns.h"

#define N_TARGETS 6

static const char *why_no_netns;

static gboolean
is_closed (gpointer data)
{
  FindingFixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

static gboolean
has_given_up_once (gpointer data)
{
  FindingFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL && info->last_error != NULL;
}

/* --- another peer lives at an address --- */

static void
test_wrong_peer (FindingFixture *fixture, gconstpointer data)
{
  guint16 wrong_port, right_port;
  int wrong = puppet_listen (&wrong_port);
  int right = puppet_listen (&right_port);
  g_autofree char *wrong_text = core_fixture_format ("127.0.0.1", wrong_port, NULL);
  g_autofree char *right_text = core_fixture_format ("127.0.0.1", right_port, NULL);
  g_autofree char *wrong_full = core_fixture_format ("127.0.0.1", wrong_port, fixture->other);
  g_autofree char *right_full = core_fixture_format ("127.0.0.1", right_port, fixture->other);
  const char *texts[] = { wrong_text, right_text, NULL };
  g_autoptr(AviKeyPair) stranger = avi_key_pair_generate ();
  g_autoptr(AviPeerInfo) info = NULL;

  finding_fixture_publish_all (fixture, texts);
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_accept (stranger, wrong, 1);
  puppets_run (fixture->puppets, is_closed, fixture);
  puppet_free (fixture->puppets[0]);
  fixture->puppets[0] = puppet_accept (fixture->other, right, 1);
  finding_fixture_await_connection (fixture);

  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_false (g_strv_contains ((const char *const *) info->addresses, wrong_full));
  g_assert_true (g_strv_contains ((const char *const *) info->addresses, right_full));
  g_assert_false (core_fixture_is_connected (&fixture->under_test, stranger));
  close (wrong);
  close (right);
}

/* --- a listener that accepts and says nothing --- */

typedef struct
{
  int   fd;
  int   accepted[N_TARGETS + 1];
  guint n_accepted;
  guint n_open;
  guint most_open;
} Silent;

static gboolean
is_still_open (int fd)
{
  char buffer[4096];
  ssize_t n;

  do
    n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  while (n > 0);
  return n < 0 && errno == EAGAIN;
}

/* A connection that ends before another begins is seen to have ended here, for it is looked at later. */
static gboolean
all_came_and_went (gpointer data)
{
  Silent *silent = data;
  int fd;

  while (silent->n_accepted < G_N_ELEMENTS (silent->accepted) && (fd = accept (silent->fd, NULL, NULL)) >= 0)
    {
      silent->accepted[silent->n_accepted++] = fd;
      silent->n_open = 0;
      for (guint i = 0; i < silent->n_accepted; i++)
        silent->n_open += is_still_open (silent->accepted[i]);
      silent->most_open = MAX (silent->most_open, silent->n_open);
    }
  silent->n_open = 0;
  for (guint i = 0; i < silent->n_accepted; i++)
    silent->n_open += is_still_open (silent->accepted[i]);
  return silent->n_accepted >= N_TARGETS && silent->n_open == 0;
}

static void
test_max_dials (FindingFixture *fixture, gconstpointer data)
{
  AviCall *calls[N_TARGETS];
  g_autofree char *target = NULL;
  Silent silent = { 0 };
  guint16 port;

  silent.fd = puppet_listen (&port);
  fcntl (silent.fd, F_SETFL, O_NONBLOCK);
  target = core_fixture_format ("127.0.0.1", port, NULL);
  fixture->under_test.settings.max_dials = 2;
  fixture->under_test.settings.dial_timeout = 200 * G_TIME_SPAN_MILLISECOND;
  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < N_TARGETS; i++)
    {
      calls[i] = avi_call_new (NULL);
      avi_core_dial (fixture->under_test.core, target, calls[i]);
    }
  puppets_run (fixture->puppets, all_came_and_went, &silent);
  g_assert_cmpuint (silent.n_accepted, ==, N_TARGETS);
  g_assert_cmpuint (silent.most_open, <=, 2);
  for (guint i = 0; i < N_TARGETS; i++)
    {
      g_autoptr(GError) error = NULL;

      avi_call_wait (calls[i]);
      g_assert_false (avi_call_get_result (calls[i], NULL, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
      g_assert_nonnull (strstr (error->message, target));
      g_assert_nonnull (strstr (error->message, "dial-timeout"));
      avi_call_unref (calls[i]);
      close (silent.accepted[i]);
    }
  close (silent.fd);
}

/* --- the network --- */

static gboolean
skips_without_netns (void)
{
  if (why_no_netns != NULL)
    g_test_skip (why_no_netns);
  return why_no_netns != NULL;
}

/* Refused are both of its addresses, one after the other: the error lists them as they were tried. */
static void
test_order (FindingFixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/0.0.0.0/tcp/4001", NULL };
  g_autofree char *far = core_fixture_format ("10.2.0.2", 1, fixture->other);
  g_autofree char *own = core_fixture_format ("10.1.0.1", 4001, fixture->other);
  g_autofree char *own_loopback = core_fixture_format ("127.0.0.1", 4001, fixture->other);
  g_autofree char *near = core_fixture_format ("10.1.0.2", 1, fixture->other);
  const char *bootstrap[] = { far, own, own_loopback, near, NULL };
  g_autoptr(AviPeerInfo) info = NULL;
  const char *near_at, *far_at;
  NetnsHost there;

  if (skips_without_netns ())
    return;
  netns_host_init (&there);
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 netns %d", there.pid);
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  netns_ip ("route add 10.2.0.0/24 dev v0");
  netns_switch (&there);
  netns_ip ("link set v1 up");
  netns_ip ("addr add 10.1.0.2/24 dev v1");
  netns_ip ("addr add 10.2.0.2/24 dev v1");
  netns_switch (NULL);
  netns_await_running ("v0");

  fixture->under_test.settings.listen = listen;
  fixture->under_test.settings.bootstrap = bootstrap;
  core_fixture_start (&fixture->under_test);
  puppets_run (fixture->puppets, has_given_up_once, fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  near_at = strstr (info->last_error, "/ip4/10.1.0.2/tcp/1:");
  far_at = strstr (info->last_error, "/ip4/10.2.0.2/tcp/1:");
  g_assert_nonnull (near_at);
  g_assert_nonnull (far_at);
  g_assert_true (near_at < far_at);
  g_assert_null (strstr (info->last_error, "/tcp/4001"));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "identity-conflicts"), ==, 0);
  netns_ip ("link del v0");
  netns_host_clear (&there);
}

/* For an address that the host does not have yet. */
static int
listen_beforehand (const char *ip, guint16 *port)
{
  struct sockaddr_in to = { .sin_family = AF_INET };
  socklen_t len = sizeof to;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int one = 1;

  inet_pton (AF_INET, ip, &to.sin_addr);
  g_assert_cmpint (setsockopt (fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one), ==, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (listen (fd, 16), ==, 0);
  getsockname (fd, (struct sockaddr *) &to, &len);
  *port = g_ntohs (to.sin_port);
  return fd;
}

/* After four failures the next four come within half a minute; where the back-off is void, within two
 * seconds: the deadline lies between. */
static void
test_network_change (FindingFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *target = NULL;
  g_autoptr(GError) error = NULL;
  guint16 port;
  int listener;

  if (skips_without_netns ())
    return;
  listener = listen_beforehand ("10.9.0.1", &port);
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 up");
  target = core_fixture_format ("10.9.0.1", port, fixture->other);
  core_fixture_start (&fixture->under_test);
  avi_core_dial (fixture->under_test.core, target, call);
  avi_call_wait (call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_nonnull (error);
  finding_fixture_await_failed_dials (fixture, 4);

  /* Not yet the address that it takes. */
  netns_ip ("addr add 10.8.0.1/24 dev v0");
  finding_fixture_await_failed_dials (fixture, core_fixture_count (&fixture->under_test, "dials-failed") + 4);

  netns_ip ("addr add 10.9.0.1/24 dev v0");
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  finding_fixture_await_connection (fixture);
  close (listener);
  netns_ip ("link del v0");
}

/* --- back-off --- */

static void
test_found_and_not_reached (FindingFixture *fixture, gconstpointer data)
{
  guint16 dead = finding_fixture_find_dead_port ();
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", dead);
  g_autoptr(AviPeerInfo) info = NULL;

  finding_fixture_publish (fixture, dead);
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 2);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_false (info->connected);
  g_assert_nonnull (info->last_error);
  g_assert_nonnull (strstr (info->last_error, address));
}

static void
test_dial_ignores_backoff (FindingFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->other));
  g_autoptr(GError) error = NULL;
  guint64 before;

  finding_fixture_publish (fixture, finding_fixture_find_dead_port ());
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 5);
  before = core_fixture_count (&fixture->under_test, "dials");
  avi_core_dial (fixture->under_test.core, id, call);
  avi_call_wait (call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, before + 1);
}

static gboolean
is_open (gpointer data)
{
  return puppet_is_open (((FindingFixture *) data)->puppets[0]);
}

/* Four times turned away after the handshake: between them lie 250 ms, 500 ms and 1 s, or a quarter less. */
static void
test_turned_away (FindingFixture *fixture, gconstpointer data)
{
  gint64 begin = g_get_monotonic_time ();

  finding_fixture_publish (fixture, fixture->port);
  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < 4; i++)
    {
      finding_fixture_accept (fixture, 1);
      puppets_run (fixture->puppets, is_open, fixture);
      g_clear_pointer (&fixture->puppets[0], puppet_free);
    }
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 1300 * G_TIME_SPAN_MILLISECOND);
}

static void
test_killed_peer_is_dialled_again (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, fixture->port);
  core_fixture_start (&fixture->under_test);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  /* As a process that is killed: no goodbye. Its next run has another boot id. */
  finding_fixture_accept (fixture, 2);
  finding_fixture_await_connection (fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* --- one more address, one more peer --- */

/* A dial hangs at an address where nobody speaks; the right one, when it comes, does not wait for that. */
static void
test_new_address_joins_a_dial (FindingFixture *fixture, gconstpointer data)
{
  guint16 silent_port;
  int silent = puppet_listen (&silent_port);

  finding_fixture_publish (fixture, silent_port);
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_dials (fixture, 1);
  finding_fixture_publish (fixture, fixture->port);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, 0);
  close (silent);
}

static gboolean
is_known (gpointer data)
{
  FindingFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL;
}

static void
test_room_again (FindingFixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) first = avi_key_pair_generate ();
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (first));
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, id);
  g_autoptr(AviCall) call = avi_call_new (NULL);

  fixture->under_test.settings.max_peers = 1;
  core_fixture_start (&fixture->under_test);
  avi_core_dial (fixture->under_test.core, address, call);
  fixture->puppets[0] = puppet_accept (first, listener, 1);
  puppets_run (fixture->puppets, is_open, fixture);
  while (!core_fixture_is_connected (&fixture->under_test, first))
    puppets_step (fixture->puppets);
  /* Found, and not dialled: max-peers is reached. */
  finding_fixture_publish (fixture, fixture->port);
  puppets_run (fixture->puppets, is_known, fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, 1);
  close (listener);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
}

/* --- what the program asks for --- */

static void
test_errors (FindingFixture *fixture, gconstpointer data)
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

  core_fixture_start (&fixture->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviCall) call = avi_call_new (NULL);
      g_autoptr(GError) error = NULL;

      avi_core_dial (fixture->under_test.core, cases[i].target, call);
      avi_call_wait (call);
      g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
      g_assert_error (error, AVI_ERROR, (gint) cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

#define ADD(path, func) g_test_add (path, FindingFixture, NULL, finding_fixture_set_up, func, finding_fixture_tear_down)

int
main (int argc, char **argv)
{
  netns_enter (&why_no_netns);
  if (why_no_netns == NULL)
    netns_ip ("link set lo up");
  g_test_init (&argc, &argv, NULL);
  ADD ("/swarm-dialling/an address where another peer lives is dropped, alone", test_wrong_peer);
  ADD ("/swarm-dialling/never more attempts at once than max-dials, each no longer than dial-timeout", test_max_dials);
  ADD ("/swarm-dialling/the same subnet first, our own addresses never", test_order);
  ADD ("/swarm-dialling/a change of the network makes the back-off void", test_network_change);
  ADD ("/swarm-dialling/found and not reached: last-error says where and why", test_found_and_not_reached);
  ADD ("/swarm-dialling/a program's dial ignores the back-off", test_dial_ignores_backoff);
  ADD ("/swarm-dialling/who is turned away after the handshake comes back ever later", test_turned_away);
  ADD ("/swarm-dialling/a peer that was killed is dialled again", test_killed_peer_is_dialled_again);
  ADD ("/swarm-dialling/a new address joins a dial that hangs at another", test_new_address_joins_a_dial);
  ADD ("/swarm-dialling/where max-peers was reached, the next is dialled when one goes", test_room_again);
  ADD ("/swarm-dialling/errors of dial name the target and the cause", test_errors);
  return finding_fixture_run_tests ();
}
