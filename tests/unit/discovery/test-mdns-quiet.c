/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether others are still heard: AviMdns machines under virtual time, on a LAN that passes multicast
 * until it is told not to.
 */
#include "config.h"

#include "discovery/avi-mdns-quiet.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

#define SECOND  G_TIME_SPAN_SECOND
#define IFINDEX 1000003 /* no interface of the machine that runs the test */
#define MOST    8

typedef struct
{
  AviMdns  *mdns;
  AviRandom random;
  gboolean  gone;    /* without a word */
  guint     sent;    /* packets */
  guint     foreign; /* how often it was told */
  guint     quiet;
  gint64    quiet_at;
} Node;

typedef struct
{
  Node     nodes[MOST];
  guint    n;
  gint64   now;
  gboolean cut; /* nobody hears anybody */
} Lan;

static void
lan_add (Lan *lan)
{
  Node *node = &lan->nodes[lan->n];
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32, (guint8) lan->n };
  g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/4001", lan->n + 1);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  AviPeerId id;

  g_assert_cmpuint (lan->n, <, MOST);
  avi_random_seed (&node->random, lan->n + 1);
  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &id, NULL));
  g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
  node->mdns = avi_mdns_new (&id, &node->random);
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, lan->now);
  lan->n++;
}

static void
set_up (Lan *lan, gconstpointer data)
{
  lan->now = 1000 * SECOND;
  for (guint i = 0; i < GPOINTER_TO_UINT (data); i++)
    lan_add (lan);
}

static void
tear_down (Lan *lan, gconstpointer data)
{
  for (guint i = 0; i < lan->n; i++)
    avi_mdns_free (lan->nodes[i].mdns);
}

static void
node_take_events (Node *node, gint64 now)
{
  AviMdnsEvent event;

  while (avi_mdns_next (node->mdns, &event))
    {
      node->foreign += event.type == AVI_MDNS_EVENT_FOREIGN;
      node->quiet += event.type == AVI_MDNS_EVENT_QUIET;
      if (event.type == AVI_MDNS_EVENT_QUIET)
        node->quiet_at = now;
    }
}

static void
lan_deliver (Lan *lan, guint sender, AviSpan bytes)
{
  for (guint i = 0; i < lan->n && !lan->cut; i++)
    {
      AviMdnsPacket packet = { .ifindex = IFINDEX, .own = i == sender, .near = TRUE, .bytes = bytes };
      struct sockaddr_in *in = (struct sockaddr_in *) &packet.remote;

      in->sin_family = AF_INET;
      in->sin_port = htons (AVI_MDNS_PORT);
      in->sin_addr.s_addr = htonl (0x0a000001 + sender);
      if (!lan->nodes[i].gone)
        g_assert_true (avi_mdns_receive (lan->nodes[i].mdns, &packet, lan->now, NULL));
    }
}

static void
lan_run (Lan *lan, gint64 until)
{
  for (guint rounds = 0;; rounds++)
    {
      gint64 next = G_MAXINT64;

      g_assert_cmpuint (rounds, <, 100000);
      for (guint i = 0; i < lan->n; i++)
        next = MIN (next, lan->nodes[i].gone ? G_MAXINT64 : avi_mdns_deadline (lan->nodes[i].mdns));
      if (next > until)
        break;
      lan->now = MAX (next, lan->now);
      for (guint i = 0; i < lan->n; i++)
        {
          Node *node = &lan->nodes[i];
          AviMdnsPacket packet;

          if (node->gone)
            continue;
          avi_mdns_tick (node->mdns, lan->now);
          while (avi_mdns_transmit (node->mdns, &packet, lan->now))
            {
              g_autoptr(GBytes) copy = g_bytes_new (packet.bytes.data, packet.bytes.len);

              node->sent++;
              lan_deliver (lan, i, avi_span_from_bytes (copy));
            }
          node_take_events (node, lan->now);
        }
    }
  lan->now = until;
}

static void
test_peace (Lan *lan, gconstpointer data)
{
  lan_run (lan, lan->now + 86400 * SECOND);
  for (guint i = 0; i < lan->n; i++)
    {
      g_assert_cmpuint (lan->nodes[i].foreign, ==, 1);
      g_assert_cmpuint (lan->nodes[i].quiet, ==, 0);
    }
}

static void
test_cut (Lan *lan, gconstpointer data)
{
  guint sent;

  lan_run (lan, lan->now + 3600 * SECOND);
  lan->cut = TRUE;
  lan_run (lan, lan->now + AVI_MDNS_QUIET_TIME + AVI_MDNS_ANSWER_TIME);
  for (guint i = 0; i < lan->n; i++)
    {
      g_assert_cmpuint (lan->nodes[i].quiet, ==, 1);
      g_assert_cmpuint (lan->nodes[i].foreign, ==, 1);
    }

  /* What is told once is not told again, and nobody asks more than at other times. */
  sent = lan->nodes[0].sent;
  lan_run (lan, lan->now + 86400 * SECOND);
  g_assert_cmpuint (lan->nodes[0].quiet, ==, 1);
  g_assert_cmpuint (lan->nodes[0].sent - sent, <=, 86400 / 300 + 8);

  lan->cut = FALSE;
  lan_run (lan, lan->now + 400 * SECOND);
  for (guint i = 0; i < lan->n; i++)
    {
      g_assert_cmpuint (lan->nodes[i].foreign, ==, 2);
      g_assert_cmpuint (lan->nodes[i].quiet, ==, 1);
    }
  lan->cut = TRUE;
  lan_run (lan, lan->now + 2 * AVI_MDNS_QUIET_TIME);
  g_assert_cmpuint (lan->nodes[0].quiet, ==, 2);
}

/* The one that is asked first may be the one that went. */
static void
test_one_gone (Lan *lan, gconstpointer data)
{
  lan_run (lan, lan->now + 3600 * SECOND);
  for (guint i = 1; i < lan->n - 1; i++)
    {
      lan->nodes[i].gone = TRUE;
      lan_run (lan, lan->now + 7200 * SECOND);
      g_assert_cmpuint (lan->nodes[0].quiet, ==, 0);
    }
  lan->nodes[lan->n - 1].gone = TRUE;
  lan_run (lan, lan->now + 3600 * SECOND);
  g_assert_cmpuint (lan->nodes[0].quiet, ==, 1);
}

static void
test_alone (Lan *lan, gconstpointer data)
{
  lan_run (lan, lan->now + 86400 * SECOND);
  g_assert_cmpuint (lan->nodes[0].foreign, ==, 0);
  g_assert_cmpuint (lan->nodes[0].quiet, ==, 0);
}

/* Ten hours pass between two looks at the clock. */
static void
test_sleep (Lan *lan, gconstpointer data)
{
  lan_run (lan, lan->now + 3600 * SECOND);
  lan->now += 36000 * SECOND;
  lan_run (lan, lan->now + 5 * SECOND);
  for (guint i = 0; i < lan->n; i++)
    g_assert_cmpuint (lan->nodes[i].quiet, ==, 0);
}

#define ADD(path, n, func) g_test_add (path, Lan, GUINT_TO_POINTER (n), set_up, func, tear_down)

/* The machine slept, or the interface was down, after something was asked: nobody can have answered. */
static void
test_pause (void)
{
  const gint64 later = AVI_MDNS_QUIET_TIME + 3600 * (gint64) G_USEC_PER_SEC;
  AviMdnsQuiet quiet = { 0 };

  avi_mdns_quiet_heard (&quiet, 0);
  g_assert_cmpint (avi_mdns_quiet_next (&quiet, AVI_MDNS_QUIET_TIME), ==, AVI_MDNS_QUIET_ASK);
  g_assert_cmpint (avi_mdns_quiet_next (&quiet, AVI_MDNS_QUIET_TIME + G_USEC_PER_SEC), ==, AVI_MDNS_QUIET_ASK);
  for (guint i = 0; i < 3; i++)
    {
      gint64 now = i == 0 ? later : avi_mdns_quiet_get_deadline (&quiet);

      g_assert_cmpint (avi_mdns_quiet_next (&quiet, now), ==, AVI_MDNS_QUIET_ASK);
      g_assert_cmpint (avi_mdns_quiet_get_deadline (&quiet), >, now);
    }
  g_assert_cmpint (avi_mdns_quiet_next (&quiet, later + AVI_MDNS_ANSWER_TIME), ==, AVI_MDNS_QUIET_TELL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/mdns-quiet/two in peace are never quiet, though neither need answer", 2, test_peace);
  ADD ("/mdns-quiet/eight in peace are never quiet", 8, test_peace);
  ADD ("/mdns-quiet/where multicast ends it is told, once, and that it is back", 2, test_cut);
  ADD ("/mdns-quiet/where multicast ends all are told", 8, test_cut);
  ADD ("/mdns-quiet/as long as one is left it is not quiet", 5, test_one_gone);
  ADD ("/mdns-quiet/who never heard anybody is told nothing", 1, test_alone);
  ADD ("/mdns-quiet/who slept asks before it says that nobody answered", 2, test_sleep);
  g_test_add_func ("/mdns-quiet/what was asked before a pause is asked again", test_pause);
  return g_test_run ();
}
