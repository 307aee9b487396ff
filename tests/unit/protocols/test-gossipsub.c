/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
assert_error (Gossip *g, AviSpan rpc, AviError code)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (gossip_receive (g, 1, rpc, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
}

#define RPC(bytes) AVI_SPAN (bytes, sizeof bytes - 1)

static void
test_malformed (Gossip *g, gconstpointer data)
{
  g_autofree char *large = g_malloc0 (AVI_GOSSIPSUB_MAX_RPC + 1);

  gossip_add (g, 1);
  avi_gossipsub_subscribe (g->router, "a", g->now);
  assert_error (g, RPC ("\xff"), AVI_ERROR_PROTOCOL);
  assert_error (g, RPC ("\x0a\x7f"), AVI_ERROR_PROTOCOL);                         /* a field cut short */
  assert_error (g, RPC ("\x0a\x02\x12\x05"), AVI_ERROR_PROTOCOL);                 /* within a subscription */
  assert_error (g, RPC ("\x1a\x02\x0a\x05"), AVI_ERROR_PROTOCOL);                 /* within control */
  assert_error (g, RPC ("\x1a\x04\x0a\x02\x0a\x05"), AVI_ERROR_PROTOCOL);         /* within an IHAVE */
  assert_error (g, RPC ("\x1a\x04\x12\x02\x0a\x05"), AVI_ERROR_PROTOCOL);         /* an IWANT */
  assert_error (g, RPC ("\x1a\x04\x1a\x02\x0a\x05"), AVI_ERROR_PROTOCOL);         /* a GRAFT */
  assert_error (g, RPC ("\x1a\x04\x22\x02\x0a\x05"), AVI_ERROR_PROTOCOL);         /* a PRUNE */
  assert_error (g, AVI_SPAN (large, AVI_GOSSIPSUB_MAX_RPC + 1), AVI_ERROR_LIMIT);

  /* The machine stays good, and so does the peer once its stream is new. */
  gossip_forget (g);
  gossip_say_subscribe (g, 1, "a", TRUE);
  gossip_assert_sent (g, "1 graft a");
}

static void
test_unknown_fields (Gossip *g, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  gossip_add (g, 1);
  g_assert_true (gossip_receive (g, 1, AVI_SPAN_EMPTY, &error));
  g_assert_true (gossip_receive (g, 1, RPC ("\x7a\x01x\x1a\x03\x3a\x01y\x78\x05"), &error));
  g_assert_true (gossip_receive (g, 1, RPC ("\x08\x01\x10\x02"), &error)); /* known numbers, other types */
  gossip_assert_sent (g, "");
  gossip_assert_told (g, "");
}

static void
test_events_in_order (Gossip *g, gconstpointer data)
{
  AviGossipsubEvent event;

  avi_gossipsub_subscribe (g->router, "a", g->now);
  for (guint i = 1; i <= 5; i++)
    {
      avi_gossipsub_add_peer (g->router, gossip_id (i), AVI_GOSSIPSUB_PROTOCOL_1_1, NULL, g->now);
      avi_gossipsub_receive (g->router, gossip_id (i), RPC ("\x0a\x05\x08\x01\x12\x01" "b"), g->now, NULL);
      avi_gossipsub_receive (g->router, gossip_id (i), RPC ("\x0a\x05\x08\x01\x12\x01" "a"), g->now, NULL);
    }

  g_assert_true (avi_gossipsub_next (g->router, &event));
  g_assert_cmpint (event.type, ==, AVI_GOSSIPSUB_EVENT_SUBSCRIBERS);
  g_assert_cmpstr (event.topic, ==, "b");
  g_assert_cmpuint (event.n_peers, ==, 5);
  g_assert_true (avi_gossipsub_next (g->router, &event));
  g_assert_cmpstr (event.topic, ==, "a");
  g_assert_cmpuint (event.n_peers, ==, 5);
  g_assert_false (avi_gossipsub_next (g->router, &event));
}

/* However often a topic comes and goes before anybody asks, there is one event, with the last number. */
static void
test_events_collapse (Gossip *g, gconstpointer data)
{
  AviGossipsubEvent event;

  avi_gossipsub_add_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_PROTOCOL_1_1, NULL, g->now);
  for (guint i = 0; i < 100; i++)
    {
      avi_gossipsub_receive (g->router, gossip_id (1), RPC ("\x0a\x05\x08\x01\x12\x01" "b"), g->now, NULL);
      avi_gossipsub_receive (g->router, gossip_id (1), RPC ("\x0a\x05\x08\x00\x12\x01" "b"), g->now, NULL);
    }
  g_assert_true (avi_gossipsub_next (g->router, &event));
  g_assert_cmpstr (event.topic, ==, "b");
  g_assert_cmpuint (event.n_peers, ==, 0);
  g_assert_false (avi_gossipsub_next (g->router, &event));
}

static void
test_everybody_in_turn (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (70000, 'x');
  GString *order = g_string_new (NULL);
  AviPeerId to;
  GBytes *rpc;

  gossip_add_subscribers (g, 1, 3, "a");
  gossip_forget (g);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

      g_assert_cmpint (avi_gossipsub_publish (g->router, "a", bytes, g->now, NULL), ==, 3);
    }
  while (avi_gossipsub_transmit (g->router, &to, &rpc, g->now))
    {
      g_string_append_printf (order, "%u", gossip_number (&to));
      g_bytes_unref (rpc);
    }
  g_assert_cmpuint (order->len, ==, 9);
  g_assert_true (strncmp (order->str, order->str + 3, 3) == 0 && strncmp (order->str, order->str + 6, 3) == 0);
  g_string_free (order, TRUE);
}

static void
test_not_ready (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "a");
  gossip_forget (g);

  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  g_assert_cmpint (gossip_publish (g, "a", "hello"), ==, 2);
  gossip_assert_sent (g, "2 message a: hello");
  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  gossip_assert_sent (g, "1 message a: hello");
  avi_gossipsub_set_ready (g->router, gossip_id (9), TRUE); /* nobody */
}

static void
test_sleeps (Gossip *g, gconstpointer data)
{
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add (g, 1);
  gossip_publish (g, "a", "to nobody");
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);

  gossip_say_subscribe (g, 1, "a", TRUE);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, g->now + SECOND);
  gossip_wait (g, SECOND); /* the mesh has all there are: nothing more to do */
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);

  gossip_say_message (g, 1, 1, "a", "hello");
  for (guint i = 1; i <= 5; i++)
    {
      g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, g->now + SECOND);
      gossip_wait (g, SECOND);
    }
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);

  gossip_say_message (g, 1, 1, "a", "hello again");
  avi_gossipsub_remove_peer (g->router, gossip_id (1), g->now);
  gossip_wait (g, SECOND);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
}

static void
test_free_in_the_midst (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  g->hold_checks = TRUE;
  for (guint i = 1; i <= 3; i++)
    {
      gossip_add_subscribers (g, i, 1, "a");
      gossip_say_message (g, i, i, "a", "unchecked");
    }
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now);
  avi_gossipsub_set_ready (g->router, gossip_id (2), FALSE);
  /* An event not taken, checks under way, RPCs not sent. */
}

#define ADD(path, test) g_test_add ("/gossipsub/" path, Gossip, NULL, gossip_set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a malformed RPC is an error and harms nothing", test_malformed);
  ADD ("unknown fields are passed over", test_unknown_fields);
  ADD ("what happened first is told first", test_events_in_order);
  ADD ("changes of one topic's subscribers collapse", test_events_collapse);
  ADD ("everybody is served in turn", test_everybody_in_turn);
  ADD ("what a peer does not take yet is kept", test_not_ready);
  ADD ("the heartbeat sleeps while there is nothing to do", test_sleeps);
  ADD ("can be freed in the midst of everything", test_free_in_the_midst);
  return g_test_run ();
}
