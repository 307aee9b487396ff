/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What discovery-status says of a LAN that is put together by hand; only the network interfaces are real,
 * in a network namespace of the program's own.
 */
#include "config.h"

#include <errno.h>

#include "crypto/avi-random.h"
#include "engine/avi-lan-private.h"
#include "netns.h"

typedef struct
{
  GMainContext *context;
  AviLan        lan;
  char         *told;
  guint         n_told;
} Fixture;

static void
ignore (gpointer user_data)
{
}

static void
take_status (gpointer user_data, const char *text)
{
  Fixture *fixture = user_data;

  g_free (fixture->told);
  fixture->told = g_strdup (text);
  fixture->n_told++;
}

static AviPeerId
make_id (guint8 number)
{
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32, number };
  AviPeerId id;

  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &id, NULL));
  return id;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const AviLanCallbacks callbacks = { .status = take_status };
  AviLan *lan = &fixture->lan;
  AviPeerId self_id = make_id (0);

  fixture->context = g_main_context_new ();
  lan->loop = avi_loop_new (fixture->context, ignore, NULL);
  lan->callbacks = &callbacks;
  lan->user_data = fixture;
  lan->links = g_ptr_array_new_with_free_func (g_free);
  lan->peers = avi_lan_peers_new ();
  lan->mdns = avi_mdns_new (&self_id, avi_random_system ());
  lan->interfaces = avi_interfaces_new (lan->loop, ignore, NULL, NULL);
  g_assert_nonnull (lan->interfaces);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  AviLan *lan = &fixture->lan;

  avi_loop_clear_timer (lan->loop, &lan->status_timer);
  avi_interfaces_free (lan->interfaces);
  g_clear_pointer (&lan->mdns, avi_mdns_free);
  avi_lan_peers_free (lan->peers);
  g_ptr_array_unref (lan->links);
  g_free (lan->status);
  avi_loop_free (lan->loop);
  g_main_context_unref (fixture->context);
  g_free (fixture->told);
}

/* It came up at time 0. */
static AviLanLink *
add_link (Fixture *fixture, const char *name, gboolean open)
{
  AviLanLink *link = g_new0 (AviLanLink, 1);

  g_strlcpy (link->name, name, sizeof link->name);
  /* Only looked at for being there. */
  link->sockets[0] = open ? (AviLanSocket *) fixture : NULL;
  g_ptr_array_add (fixture->lan.links, link);
  return link;
}

static void
see_peer (Fixture *fixture, guint8 number)
{
  g_autoptr(GPtrArray) nowhere = g_ptr_array_new ();
  AviPeerId id = make_id (number);

  g_ptr_array_unref (avi_lan_peers_set (fixture->lan.peers, &id, 0, nowhere));
}

static void
assert_says (Fixture *fixture, gint64 now, const char *text)
{
  avi_lan_update_status (&fixture->lan, now);
  g_assert_cmpstr (fixture->told, ==, text);
}

static void
test_seen (Fixture *fixture, gconstpointer data)
{
  add_link (fixture, "eth0", TRUE)->heard = TRUE;
  assert_says (fixture, 0, "mDNS on eth0: no other node seen yet");
  see_peer (fixture, 1);
  assert_says (fixture, 0, "mDNS on eth0: 1 node seen");
  add_link (fixture, "wlan0", TRUE)->heard = TRUE;
  see_peer (fixture, 2);
  assert_says (fixture, 0, "mDNS on eth0 and wlan0: 2 nodes seen");
  add_link (fixture, "eth1", TRUE)->heard = TRUE;
  assert_says (fixture, 0, "mDNS on eth0, wlan0 and eth1: 2 nodes seen");
}

static void
test_told_once (Fixture *fixture, gconstpointer data)
{
  add_link (fixture, "eth0", TRUE)->heard = TRUE;
  assert_says (fixture, 0, "mDNS on eth0: no other node seen yet");
  assert_says (fixture, 1, "mDNS on eth0: no other node seen yet");
  g_assert_cmpuint (fixture->n_told, ==, 1);
  see_peer (fixture, 1);
  fixture->lan.left = TRUE;
  avi_lan_update_status (&fixture->lan, 2);
  g_assert_cmpuint (fixture->n_told, ==, 1);
}

static void
test_no_network (Fixture *fixture, gconstpointer data)
{
  assert_says (fixture, 0, "no network interface is up but loopback: only programs on this machine can be found");
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v0 up");
  netns_ip ("link set v1 up");
  /* The kernel takes its time to see that there is a carrier. */
  for (guint i = 0; i < 10000 && fixture->n_told < 2; i++)
    {
      g_main_context_iteration (fixture->context, FALSE);
      avi_lan_update_status (&fixture->lan, 0);
      g_usleep (1000);
    }
  assert_says (fixture, 0, "no network interface that is up has an address and multicast: mDNS waits for one");
  netns_ip ("link del v0");
}

static void
test_silence (Fixture *fixture, gconstpointer data)
{
  const gint64 ten_seconds = 10 * (gint64) G_USEC_PER_SEC;
  AviLanLink *eth0 = add_link (fixture, "eth0", TRUE);

  add_link (fixture, "eth1", FALSE);
  assert_says (fixture, ten_seconds - 1, "mDNS on eth0: no other node seen yet");
  g_assert_cmpint (fixture->lan.status_timer.when, ==, ten_seconds);
  avi_lan_update_status (&fixture->lan, ten_seconds);
  g_assert_true (g_str_has_prefix (fixture->told, "mDNS on eth0: no other node seen yet; no mDNS of any other host "
                                                  "heard on eth0 for 10 s: "));
  g_assert_cmpint (fixture->lan.status_timer.when, ==, G_MAXINT64);
  eth0->heard = TRUE;
  assert_says (fixture, ten_seconds + 1, "mDNS on eth0: no other node seen yet");
}

static void
test_problems (Fixture *fixture, gconstpointer data)
{
  AviLanLink *eth0 = add_link (fixture, "eth0", FALSE);
  AviLanLink *eth1 = add_link (fixture, "eth1", TRUE);

  eth1->heard = TRUE;
  eth0->port_taken = TRUE;
  assert_says (fixture, 0,
               "mDNS on eth1: no other node seen yet; UDP port 5353 is taken on eth0 by a program that does "
               "not share it: stop it, or make it share the port");
  eth0->port_taken = FALSE;
  eth0->problem = (char *) "no socket for eth0";
  eth1->send_error = ENETUNREACH;
  fixture->lan.too_many = TRUE;
  fixture->lan.avahi_problem = (char *) "not allowed";
  assert_says (fixture, 0,
               "mDNS on eth1: no other node seen yet; no socket for eth0; cannot send mDNS on eth1: Network "
               "is unreachable; more than 32 network interfaces are up: mDNS runs on the first of them; "
               "Avahi: not allowed");
}

static void
test_switched_off (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->lan.mdns, avi_mdns_free);
  add_link (fixture, "eth0", TRUE);
  assert_says (fixture, 0, "mDNS is switched off");
  fixture->lan.problem = (char *) "rtnetlink is not to be had";
  assert_says (fixture, 0, "rtnetlink is not to be had");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  const char *why = NULL;
  gboolean entered = netns_enter (&why);

  g_test_init (&argc, &argv, NULL);
  if (!entered)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return 0;
    }
  netns_ip ("link set lo up");
  ADD ("/lan-status/where mDNS runs, and how many were seen", test_seen);
  ADD ("/lan-status/is told where it changed, and not after we left", test_told_once);
  ADD ("/lan-status/that there is no network, or nothing to use of it", test_no_network);
  ADD ("/lan-status/that no other host was heard for ten seconds, then, and until one is", test_silence);
  ADD ("/lan-status/what else stands in the way, all of it", test_problems);
  ADD ("/lan-status/that it is switched off, or cannot be", test_switched_off);
  return g_test_run ();
}
