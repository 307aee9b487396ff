/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `discovery-status` says where others were heard, and then are not: AviLan with real sockets on
 * two hosts joined by a bridge, in namespaces, that passes multicast or does not. Time is not waited for: what was
 * heard is made to lie further back.
 */
#include "config.h"

#include "discovery/avi-mdns-private.h"
#include "engine/avi-lan-private.h"
#include "netns.h"

#define DEADLINE (8 * G_USEC_PER_SEC)

#define QUIET                                                                                                          \
 "no mDNS of any other host heard on v0 for 10 min, though all were asked, and there was some before: nobody else "    \
 "may be left there, or an access point or a firewall lets multicast to UDP port 5353 pass no more"

static const char *const devices[] = { "br0", "p0", "p1", "v0", "v1" };

typedef struct
{
  NetnsHost    *host; /* NULL: the program's own */
  GMainContext *context;
  AviLoop      *loop;
  AviLan       *lan;
  char         *status;
} Node;

typedef struct
{
  NetnsHost there;
  Node      here, other;
} Fixture;

static void
woken (gpointer user_data)
{
}

static void
ignore_found (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses)
{
}

static void
ignore_gone (gpointer user_data, const AviPeerId *peer)
{
}

static void
ignore_network (gpointer user_data)
{
}

static void
status (gpointer user_data, const char *text)
{
  Node *node = user_data;

  g_free (node->status);
  node->status = g_strdup (text);
}

static const AviLanCallbacks callbacks = { ignore_found, ignore_gone, ignore_network, status };

static void
node_init (Node *node, NetnsHost *host, guint8 number)
{
  g_autoptr(GPtrArray) listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32, number };
  AviPeerId id;

  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &id, NULL));
  g_ptr_array_add (listeners, avi_multiaddr_parse ("/ip4/0.0.0.0/tcp/4001", NULL));
  netns_switch (host);
  node->host = host;
  node->context = g_main_context_new ();
  g_main_context_push_thread_default (node->context);
  node->loop = avi_loop_new (node->context, woken, node);
  node->lan = avi_lan_new (node->loop, TRUE, &id, &callbacks, node);
  avi_lan_set_listeners (node->lan, listeners);
  g_main_context_pop_thread_default (node->context);
  netns_switch (NULL);
}

static void
node_clear (Node *node)
{
  netns_switch (node->host);
  avi_lan_free (node->lan);
  avi_loop_free (node->loop);
  netns_switch (NULL);
  g_main_context_unref (node->context);
  g_free (node->status);
}

static void
node_run (Node *node)
{
  netns_switch (node->host);
  while (g_main_context_iteration (node->context, FALSE))
    continue;
  netns_switch (NULL);
}

static AviMdnsQuiet *
get_quiet (Fixture *fixture)
{
  return &((AviMdnsInterface *) g_ptr_array_index (fixture->here.lan->mdns->interfaces, 0))->quiet;
}

static void
run_until (Fixture *fixture, gboolean (*condition) (Fixture *fixture))
{
  gint64 end = g_get_monotonic_time () + DEADLINE;

  while (!condition (fixture))
    {
      if (g_get_monotonic_time () > end)
        g_error ("In vain: status is “%s”, asked %u times, quiet: %d", fixture->here.status,
                 get_quiet (fixture)->n_asked, get_quiet (fixture)->quiet);
      node_run (&fixture->here);
      node_run (&fixture->other);
      g_usleep (200);
    }
}

static gboolean
has_heard (Fixture *fixture)
{
  return get_quiet (fixture)->heard && g_strcmp0 (fixture->here.status, "mDNS on v0: 1 node seen") == 0;
}

static gboolean
has_asked (Fixture *fixture)
{
  return get_quiet (fixture)->n_asked == 3;
}

static gboolean
is_answered (Fixture *fixture)
{
  return g_get_monotonic_time () - get_quiet (fixture)->heard_at < AVI_MDNS_QUIET_TIME;
}

static gboolean
says_quiet (Fixture *fixture)
{
  return strstr (fixture->here.status, QUIET) != NULL;
}

/* The trains of both are over, whose steps lie a second apart at most. */
static gboolean
is_peaceful (Fixture *fixture)
{
  gint64 now = g_get_monotonic_time ();

  return has_heard (fixture) && now - get_quiet (fixture)->heard_at > 3 * G_USEC_PER_SEC / 2;
}

static void
look_again (Fixture *fixture)
{
  avi_loop_set_timer (fixture->here.loop, &fixture->here.lan->timer, 0, fixture->here.lan->timer.func);
}

/* Nothing was heard for ten minutes. */
static void
age (Fixture *fixture)
{
  get_quiet (fixture)->heard_at -= AVI_MDNS_QUIET_TIME;
  look_again (fixture);
}

/* The bridge is here, but for its ports nobody: it has no address. */
static void
lay_cables (NetnsHost *there)
{
  netns_ip ("link set lo up");
  netns_ip ("link add br0 type bridge mcast_snooping 0");
  netns_ip ("link add v0 type veth peer name p0");
  netns_ip ("link add v1 type veth peer name p1");
  for (guint i = 0; i < G_N_ELEMENTS (devices); i++)
    netns_ip ("link set %s addrgenmode none", devices[i]);
  netns_ip ("link set v1 netns %d", there->pid);
  netns_ip ("link set p0 master br0");
  netns_ip ("link set p1 master br0");
  for (guint i = 0; i < G_N_ELEMENTS (devices) - 1; i++)
    netns_ip ("link set %s up", devices[i]);
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  netns_switch (there);
  netns_ip ("link set v1 up");
  netns_ip ("addr add 10.1.0.2/24 dev v1");
  netns_switch (NULL);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  netns_host_init (&fixture->there);
  lay_cables (&fixture->there);
  node_init (&fixture->here, NULL, 1);
  node_init (&fixture->other, &fixture->there, 2);
  run_until (fixture, has_heard);
  run_until (fixture, is_peaceful);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  node_clear (&fixture->here);
  node_clear (&fixture->other);
  netns_ip ("link del v0");
  netns_ip ("link del p1");
  netns_ip ("link del br0");
  netns_host_clear (&fixture->there);
}

/* --- tests --- */

static void
test_answered (Fixture *fixture, gconstpointer data)
{
  age (fixture);
  run_until (fixture, is_answered);
  g_assert_cmpstr (fixture->here.status, ==, "mDNS on v0: 1 node seen");
}

/* As an access point that swallows multicast: all else gets through. */
static void
pass_multicast (gboolean on)
{
  netns_ip ("link set p0 type bridge_slave mcast_flood %s", on ? "on" : "off");
}

static void
test_cut (Fixture *fixture, gconstpointer data)
{
  pass_multicast (FALSE);
  age (fixture);
  run_until (fixture, has_asked);
  g_assert_cmpstr (fixture->here.status, ==, "mDNS on v0: 1 node seen");

  /* The time for answers is over. */
  get_quiet (fixture)->asked_at -= AVI_MDNS_ANSWER_TIME;
  look_again (fixture);
  run_until (fixture, says_quiet);

  pass_multicast (TRUE);
  avi_lan_query (fixture->here.lan);
  run_until (fixture, has_heard);
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
  /* The daemon that may run here belongs to another network. */
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
  ADD ("/lan-silence/where somebody answers nothing is said", test_answered);
  ADD ("/lan-silence/where multicast passes no more it is said, until it does", test_cut);
  return g_test_run ();
}
