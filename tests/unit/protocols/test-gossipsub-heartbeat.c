/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static AviGossipsubTopic *
topic (Gossip *g, const char *name)
{
  return avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING (name));
}

static void
test_thin (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  g_assert_cmpuint (topic (g, "chat")->n_placed[AVI_MEMBER_MESH], ==, 5);
  gossip_say_subscribe (g, 1, "chat", FALSE);
  for (guint i = 2; i <= 20; i++)
    gossip_say_prune (g, i, "chat", 0);
  g_assert_cmpuint (topic (g, "chat")->n_placed[AVI_MEMBER_MESH], ==, 0);
  gossip_forget (g);

  gossip_add_subscribers (g, 21, 4, "chat");
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "graft"), ==, 4); /* no others: we back off from them */
  gossip_wait (g, 62 * SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "graft"), ==, 2); /* up to D */
}

static void
test_fat (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  for (guint i = 1; i <= 12; i++)
    gossip_say_graft (g, i, "chat");
  gossip_wait (g, SECOND);
  g_assert_cmpuint (topic (g, "chat")->n_placed[AVI_MEMBER_MESH], ==, 12);
  gossip_forget (g);

  gossip_say_graft (g, 13, "chat");
  gossip_assert_sent (g, "13 prune chat for 60 s"); /* who dialled us comes too late */
  avi_gossipsub_set_link (g->router, gossip_id (14), TRUE, 0);
  gossip_say_graft (g, 14, "chat");
  g_assert_cmpuint (topic (g, "chat")->n_placed[AVI_MEMBER_MESH], ==, 13);
  gossip_wait (g, SECOND);
  g_assert_cmpuint (topic (g, "chat")->n_placed[AVI_MEMBER_MESH], ==, 6);
  g_assert_cmpuint (gossip_count_sent (g, "prune chat for 60 s"), ==, 7);
}

static void
test_fanout (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "news");
  gossip_publish (g, "news", "hello");
  g_assert_cmpuint (topic (g, "news")->n_placed[AVI_MEMBER_FANOUT], ==, 6);
  for (guint i = 1; i <= 14; i++)
    avi_gossipsub_remove_peer (g->router, gossip_id (i), g->now);
  gossip_wait (g, SECOND);
  g_assert_cmpuint (topic (g, "news")->n_placed[AVI_MEMBER_FANOUT], ==, 6);

  gossip_wait (g, 58 * SECOND);
  gossip_publish (g, "news", "hello again");
  gossip_wait (g, 59 * SECOND);
  g_assert_cmpuint (topic (g, "news")->n_placed[AVI_MEMBER_FANOUT], ==, 6);
  gossip_wait (g, 2 * SECOND);
  g_assert_cmpuint (topic (g, "news")->n_placed[AVI_MEMBER_FANOUT], ==, 0);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);

  gossip_publish (g, "news", "and again");
  for (guint i = 15; i <= 20; i++)
    avi_gossipsub_remove_peer (g->router, gossip_id (i), g->now);
  gossip_wait (g, SECOND);
  g_assert_null (topic (g, "news"));
}

static void
test_gossip (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 40, "chat"); /* 5 in the mesh, 35 outside */
  gossip_add_subscribers (g, 41, 5, "news");
  gossip_wait (g, SECOND);
  gossip_say_message (g, 1, 99, "chat", "one");
  gossip_say_message (g, 1, 99, "chat", "two");
  gossip_forget (g);
  for (guint i = 0; i < 3; i++)
    {
      gossip_wait (g, SECOND);
      g_assert_cmpuint (gossip_count_sent (g, "ihave chat × 2"), ==, 8); /* a quarter */
    }
  gossip_wait (g, 10 * SECOND);
  gossip_assert_sent (g, "");
}

static void
test_lazy (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 5, "chat");
  gossip_wait (g, SECOND);
  gossip_say_message (g, 1, 99, "chat", "hello");
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, ""); /* the mesh has it */

  gossip_add_subscribers (g, 6, 8, "chat");
  gossip_forget (g);
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "ihave chat × 1"), ==, 6); /* D_lazy */
}

static void
test_fanout_gossip (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 10, "news");
  gossip_publish (g, "news", "hello");
  gossip_forget (g);
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "ihave news × 1"), ==, 4); /* who is not in the fanout */
}

/* Five in the mesh, then one whose gossip is looked at. */
static GBytes *
gossip_for (Gossip *g, const char *agent)
{
  GBytes *rpc = NULL;
  AviPeerId to;

  gossip_add_subscribers (g, 1, 5, "chat");
  avi_gossipsub_add_peer (g->router, gossip_id (6), AVI_GOSSIPSUB_PROTOCOL_1_1, agent, g->now);
  gossip_say_subscribe (g, 6, "chat", TRUE);
  gossip_say_message (g, 1, 99, "chat", "hello");
  gossip_forget (g);
  g->now += SECOND;
  avi_gossipsub_tick (g->router, g->now);
  if (!avi_gossipsub_transmit (g->router, &to, &rpc, g->now))
    return NULL;
  g_assert_cmpuint (gossip_number (&to), ==, 6);
  return rpc;
}

static void
assert_ends (GBytes *rpc, AviSpan id)
{
  AviSpan span = avi_span_from_bytes (rpc);

  g_assert_cmpmem (span.data + span.len - id.len, id.len, id.data, id.len);
}

static void
test_form_go (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) rpc = gossip_for (g, "go-libp2p/0.51");
  g_autoptr(GBytes) id = gossip_plain_id (99, 1);

  assert_ends (rpc, avi_span_from_bytes (id));
}

static void
test_form_rust (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) rpc = gossip_for (g, "rust-libp2p/0.57");
  g_autofree char *author = avi_peer_id_to_string (gossip_id (99));
  g_autofree char *id = g_strconcat (author, "1", NULL);

  assert_ends (rpc, AVI_SPAN_STRING (id));
}

static void
test_form_js (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) rpc = gossip_for (g, "js-libp2p/3.3");
  AviSpan key = avi_peer_id_get_inline_key (gossip_id (99));
  g_autoptr(GByteArray) id = g_byte_array_new ();

  g_byte_array_append (id, key.data, key.len);
  g_byte_array_append (id, (const guint8 *) "\0\0\0\0\0\0\0\1", 8);
  assert_ends (rpc, AVI_SPAN (id->data, id->len));
}

static void
test_form_unknown (Gossip *g, gconstpointer data)
{
  g_assert_null (gossip_for (g, NULL));
  avi_gossipsub_set_agent (g->router, gossip_id (6), "kitchen");
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, "6 ihave chat × 1");
}

static void
test_much_gossip (Gossip *g, gconstpointer data)
{
  guint n = 0;

  gossip_add_subscribers (g, 1, 5, "chat");
  gossip_add_subscribers (g, 6, 1, "chat");
  for (guint i = 0; i < 6000; i++)
    gossip_publish (g, "chat", "hello");
  gossip_forget (g);
  g->largest = g->n_rpcs = 0;
  gossip_wait (g, SECOND);
  for (guint i = 0; i < g->sent->len; i++)
    {
      guint ids;

      g_assert_cmpint (sscanf (g->sent->pdata[i], "6 ihave chat × %u", &ids), ==, 1);
      n += ids;
    }
  /* No more than we take of others: 10 RPCs (max-ihave-messages). */
  g_assert_cmpuint (n, >, 3000);
  g_assert_cmpuint (g->n_rpcs, ==, 10);
  g_assert_cmpuint (g->largest, <=, AVI_RPC_QUEUE_MAX_RPC);
}

/* Of each topic its own messages are told, however many there are of another. */
static void
test_many_topics (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 6, "chat"); /* a mesh, and one outside it */
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("room %u", i);

      avi_gossipsub_subscribe (g->router, name, g->now);
      for (guint peer = 1; peer <= 6; peer++)
        gossip_say_subscribe (g, peer, name, TRUE);
      for (guint n = 0; n <= i % 3; n++)
        gossip_publish (g, name, "hello");
    }
  for (guint i = 0; i < 1000; i++)
    gossip_publish (g, "chat", "hello");
  gossip_forget (g);
  gossip_wait (g, SECOND);
  for (guint i = 0; i < g->sent->len; i++)
    {
      guint room, n;

      if (sscanf (g->sent->pdata[i], "6 ihave room %u × %u", &room, &n) == 2)
        g_assert_cmpuint (n, ==, 1 + room % 3);
    }
  g_assert_cmpuint (gossip_count_sent (g, "6 ihave room"), ==, 100);
  g_assert_null (g->router->recent);
}

/* However late it is called, it does its work once, and goes on from there. */
static void
test_late (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  g->now += 100 * SECOND;
  avi_gossipsub_tick (g->router, g->now);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), >=, g->now + SECOND);
}

#define ADD(path, test) g_test_add ("/gossipsub-heartbeat/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a mesh below D_lo is filled up to D", test_thin);
  ADD ("a mesh above D_hi is pruned down to D", test_fat);
  ADD ("a fanout is kept at D, and ends 60 s after the last message", test_fanout);
  ADD ("messages of three heartbeats are gossiped about to a quarter of those outside the mesh", test_gossip);
  ADD ("gossip goes to D_lazy at least, and never to the mesh", test_lazy);
  ADD ("gossip goes to those outside a fanout", test_fanout_gossip);
  ADD ("go is told ids in its form", test_form_go);
  ADD ("rust is told ids in its form", test_form_rust);
  ADD ("js is told ids in its form", test_form_js);
  ADD ("who is of no known family is told no ids yet", test_form_unknown);
  ADD ("gossip of many messages is cut to 5000 and into small RPCs", test_much_gossip);
  ADD ("the messages of one topic do not get into the gossip of others", test_many_topics);
  ADD ("a late heartbeat is one heartbeat", test_late);
  return g_test_run ();
}
