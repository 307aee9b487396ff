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
#include "core-fixture.h"
#include "discovery/avi-local.h"
#include "netns.h"
#include "puppet.h"

#define N_TARGETS 6

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
  guint64     wanted;
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
is_closed (gpointer data)
{
  Fixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

static gboolean
has_failed_so_often (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "dials-failed") >= fixture->wanted;
}

static gboolean
has_given_up_once (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL && info->last_error != NULL;
}

/* --- another peer lives at an address --- */

static void
ignore_found (gpointer data, const AviPeerId *peer, const char *name, GPtrArray *addresses)
{
}

static void
ignore_gone (gpointer data, const AviPeerId *peer)
{
}

static AviLocal *
publish (AviKeyPair *peer, const char *const *texts)
{
  AviLocal *local = avi_local_new (NULL, avi_key_pair_get_peer_id (peer), ignore_found, ignore_gone, NULL, NULL);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  guint8 boot_id[AVI_LOCAL_BOOT_ID_LEN] = { 1 };

  g_assert_nonnull (local);
  for (guint i = 0; texts[i] != NULL; i++)
    g_ptr_array_add (addresses, avi_multiaddr_parse (texts[i], NULL));
  g_assert_true (avi_local_publish (local, "puppet", boot_id, addresses, NULL));
  return local;
}

static void
test_wrong_peer (Fixture *fixture, gconstpointer data)
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
  AviLocal *local = publish (fixture->other, texts);
  g_autoptr(AviPeerInfo) info = NULL;

  fixture->under_test.settings.local = TRUE;
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_accept (stranger, wrong, 1);
  puppets_run (fixture->puppets, is_closed, fixture);
  puppet_free (fixture->puppets[0]);
  fixture->puppets[0] = puppet_accept (fixture->other, right, 1);
  puppets_run (fixture->puppets, is_connected, fixture);

  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_false (g_strv_contains ((const char *const *) info->addresses, wrong_full));
  g_assert_true (g_strv_contains ((const char *const *) info->addresses, right_full));
  g_assert_false (core_fixture_is_connected (&fixture->under_test, stranger));
  avi_local_free (local);
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
test_max_dials (Fixture *fixture, gconstpointer data)
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
test_order (Fixture *fixture, gconstpointer data)
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
test_network_change (Fixture *fixture, gconstpointer data)
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
  fixture->wanted = 4;
  puppets_run (fixture->puppets, has_failed_so_often, fixture);

  /* Not yet the address that it takes. */
  netns_ip ("addr add 10.8.0.1/24 dev v0");
  fixture->wanted = core_fixture_count (&fixture->under_test, "dials-failed") + 4;
  puppets_run (fixture->puppets, has_failed_so_often, fixture);

  netns_ip ("addr add 10.9.0.1/24 dev v0");
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  close (listener);
  netns_ip ("link del v0");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("avi-swarm-dialling-XXXXXX", NULL);
  const char *remove[] = { "rm", "-r", folder, NULL };
  int result;

  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  netns_enter (&why_no_netns);
  if (why_no_netns == NULL)
    netns_ip ("link set lo up");
  g_test_init (&argc, &argv, NULL);
  ADD ("/swarm-dialling/an address where another peer lives is dropped, alone", test_wrong_peer);
  ADD ("/swarm-dialling/never more attempts at once than max-dials, each no longer than dial-timeout", test_max_dials);
  ADD ("/swarm-dialling/the same subnet first, our own addresses never", test_order);
  ADD ("/swarm-dialling/a change of the network makes the back-off void", test_network_change);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}
