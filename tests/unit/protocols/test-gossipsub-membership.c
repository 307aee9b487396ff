/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
test_hello (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  avi_gossipsub_subscribe (g->router, "b", g->now);
  avi_gossipsub_subscribe (g->router, "b", g->now);
  gossip_add (g, 1);
  gossip_assert_sent (g, "1 subscribe a; 1 subscribe b");
  g_assert_cmpuint (g->n_rpcs, ==, 1);
}

static void
test_subscriptions_are_told (Gossip *g, gconstpointer data)
{
  gossip_add (g, 1);
  gossip_add (g, 2);
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_assert_sent (g, "1 subscribe a; 2 subscribe a");
  avi_gossipsub_unsubscribe (g->router, "a", g->now);
  gossip_assert_sent (g, "1 unsubscribe a; 2 unsubscribe a");
  avi_gossipsub_unsubscribe (g->router, "a", g->now);
  avi_gossipsub_unsubscribe (g->router, "never", g->now);
  gossip_assert_sent (g, "");
}

static void
test_subscribers_are_counted (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "a");
  gossip_say_subscribe (g, 1, "a", TRUE);
  gossip_assert_told (g, "1 subscribe to a; 2 subscribe to a; 3 subscribe to a");
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "a"), ==, 3);
  gossip_say_subscribe (g, 1, "a", FALSE);
  gossip_say_subscribe (g, 1, "a", FALSE);
  gossip_say_subscribe (g, 1, "never", FALSE);
  avi_gossipsub_remove_peer (g->router, gossip_id (2), g->now);
  avi_gossipsub_remove_peer (g->router, gossip_id (9), g->now);
  gossip_assert_told (g, "1 subscribe to a; 2 subscribe to a");
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "a"), ==, 1);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "b"), ==, 0);
}

static void
test_mesh_on_subscription (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add_subscribers (g, 1, 8, "a");
  g_assert_cmpuint (gossip_count_sent (g, "graft a"), ==, 5); /* up to D_lo at once, the rest is the heartbeat's */
}

static void
test_mesh_on_join (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 8, "a");
  gossip_forget (g);
  avi_gossipsub_subscribe (g->router, "a", g->now);
  g_assert_cmpuint (gossip_count_sent (g, "graft a"), ==, 6);
}

static void
test_fanout_joins_first (Gossip *g, gconstpointer data)
{
  g_autoptr(GPtrArray) fanout = g_ptr_array_new ();
  AviGossipsubTopic *topic;

  gossip_add_subscribers (g, 1, 30, "a");
  gossip_publish (g, "a", "hello");
  topic = avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING ("a"));
  g_assert_cmpuint (topic->n_placed[AVI_MEMBER_FANOUT], ==, 6);
  for (guint i = 0; i < topic->members->len; i++)
    if (((AviGossipsubMember *) topic->members->pdata[i])->place == AVI_MEMBER_FANOUT)
      g_ptr_array_add (fanout, topic->members->pdata[i]);

  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_forget (g);
  g_assert_cmpuint (topic->n_placed[AVI_MEMBER_MESH], ==, 6);
  for (guint i = 0; i < fanout->len; i++)
    g_assert_cmpint (((AviGossipsubMember *) fanout->pdata[i])->place, ==, AVI_MEMBER_MESH);
}

static void
test_leave (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add_subscribers (g, 1, 1, "a");
  avi_gossipsub_add_peer (g->router, gossip_id (2), AVI_GOSSIPSUB_PROTOCOL_1_0, NULL, g->now);
  gossip_say_subscribe (g, 2, "a", TRUE);
  gossip_forget (g);

  avi_gossipsub_unsubscribe (g->router, "a", g->now);
  gossip_assert_sent (g, "1 prune a for 10 s; 1 unsubscribe a; 2 prune a; 2 unsubscribe a");

  /* For 10 s they would refuse us, and a little longer, since their clock started later. */
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_assert_sent (g, "1 subscribe a; 2 subscribe a");
  gossip_wait (g, 10 * SECOND);
  gossip_assert_sent (g, "");
  gossip_wait (g, 2 * SECOND);
  gossip_assert_sent (g, "1 graft a; 2 graft a");
}

static void
test_floodsub_has_no_mesh (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  avi_gossipsub_add_peer (g->router, gossip_id (1), AVI_FLOODSUB_PROTOCOL, NULL, g->now);
  gossip_say_subscribe (g, 1, "a", TRUE);
  gossip_wait (g, 5 * SECOND);
  gossip_assert_sent (g, "1 subscribe a");
  gossip_say_graft (g, 1, "a");
  gossip_say_message (g, 2, 2, "a", "hello");
  gossip_assert_sent (g, "1 message a: hello");
}

/* What a peer says before our stream to it is open is said once: it must not be lost. */
static void
test_heard_before_added (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_say_subscribe (g, 1, "a", TRUE);
  gossip_say_graft (g, 1, "a"); /* too early to be told what we make of it */
  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  g_assert_cmpint (gossip_publish (g, "a", "waits for the stream"), ==, 1);
  gossip_say_message (g, 1, 1, "a", "hello");
  gossip_assert_sent (g, "");
  gossip_assert_told (g, "1 says in a: hello; 1 subscribe to a");

  gossip_add (g, 1);
  gossip_assert_sent (g, "1 graft a; 1 message a: waits for the stream; 1 subscribe a");
  gossip_assert_told (g, "");
}

static void
test_replaced_whole (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add_subscribers (g, 1, 1, "a");
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  gossip_publish (g, "a", "lost with the connection");
  gossip_say_prune (g, 1, "a", 100);
  gossip_forget (g);

  gossip_add (g, 1);
  gossip_assert_sent (g, "1 subscribe a");
  gossip_assert_told (g, "0 subscribe to a; 1 0 0 did not go to 1");
  gossip_say_subscribe (g, 1, "a", TRUE);
  gossip_assert_sent (g, "1 graft a");
}

static void
test_moved (Gossip *g, gconstpointer data)
{
  g_assert_false (avi_gossipsub_move_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_PROTOCOL_1_1, g->now));
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add_subscribers (g, 1, 1, "a");
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  gossip_publish (g, "a", "not lost");
  gossip_forget (g);

  g_assert_true (avi_gossipsub_move_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_PROTOCOL_1_1, g->now));
  gossip_assert_sent (g, "1 graft a; 1 message a: not lost; 1 subscribe a");
  gossip_assert_told (g, "");
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "a"), ==, 1);
}

static void
test_moved_to_floodsub (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "a", g->now);
  gossip_add_subscribers (g, 1, 1, "a");
  g_assert_true (avi_gossipsub_move_peer (g->router, gossip_id (1), AVI_FLOODSUB_PROTOCOL, g->now));
  gossip_pump (g);
  g_assert_cmpuint (avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING ("a"))->n_placed[AVI_MEMBER_MESH], ==, 0);
}

static void
test_names (Gossip *g, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (AVI_GOSSIPSUB_MAX_TOPIC, 'x');
  g_autofree char *too_long = g_strnfill (AVI_GOSSIPSUB_MAX_TOPIC + 1, 'x');
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);
  const char *bad[] = { "", too_long, "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (avi_gossipsub_subscribe (g->router, bad[i], g->now));
      g_assert_cmpint (avi_gossipsub_publish (g->router, bad[i], nothing, g->now, &error), ==, -1);
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
    }
  g_assert_true (avi_gossipsub_subscribe (g->router, longest, g->now));

  gossip_add (g, 1);
  gossip_forget (g);
  gossip_say_subscribe (g, 1, "", TRUE);
  gossip_say_subscribe (g, 1, "\xff", TRUE);
  gossip_say_subscribe (g, 1, too_long, TRUE);
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 3);
}

static void
test_own_limit (Gossip *g, gconstpointer data)
{
  gossip_add (g, 1);
  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS; i++)
    {
      g_autofree char *name = g_strdup_printf ("topic %u", i);

      g_assert_true (avi_gossipsub_subscribe (g->router, name, g->now));
    }
  g_assert_false (avi_gossipsub_subscribe (g->router, "one more", g->now));
  avi_gossipsub_unsubscribe (g->router, "topic 7", g->now);
  g_assert_true (avi_gossipsub_subscribe (g->router, "one more", g->now));
  g_assert_cmpuint (gossip_count_sent (g, "1 subscribe"), ==, AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS);
}

static void
write_subscription (GByteArray *rpc, const char *name, gboolean subscribe)
{
  guint8 head[] = { 0x0a, 4 + strlen (name), 0x08, subscribe, 0x12, strlen (name) };

  g_byte_array_append (rpc, head, sizeof head);
  g_byte_array_append (rpc, (const guint8 *) name, strlen (name));
}

static void
subscribe_to_many (Gossip *g, guint peer, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u of %u", i, peer);
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      write_subscription (rpc, name, TRUE);
      g_assert_true (avi_gossipsub_receive (g->router, gossip_id (peer), AVI_SPAN (rpc->data, rpc->len), g->now, NULL));
    }
  gossip_pump (g);
}

static void
test_peers_limit (Gossip *g, gconstpointer data)
{
  gossip_add (g, 1);
  subscribe_to_many (g, 1, 1100);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1100 - 1024);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "1023 of 1"), ==, 1);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "1024 of 1"), ==, 0);

  gossip_say_subscribe (g, 1, "0 of 1", FALSE);
  gossip_say_subscribe (g, 1, "room again", TRUE);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "room again"), ==, 1);
}

/* Sixteen peers with 1,024 topics each. */
static void
fill (Gossip *g)
{
  for (guint i = 1; i <= 16; i++)
    subscribe_to_many (g, i, 1024);
  g_assert_cmpuint (g_hash_table_size (g->router->topics), ==, AVI_GOSSIPSUB_MANY_TOPICS);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 0);
}

/* Whatever peers do, our own topics work. */
static void
test_ours_have_room (Gossip *g, gconstpointer data)
{
  fill (g);
  g_assert_true (avi_gossipsub_subscribe (g->router, "ours", g->now));
  gossip_say_subscribe (g, 1, "0 of 1", FALSE);
  gossip_say_subscribe (g, 1, "ours", TRUE);
  gossip_add_subscribers (g, 18, 1, "ours");
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "ours"), ==, 2);
}

/* And so do those of whoever has a few. */
static void
test_share (Gossip *g, gconstpointer data)
{
  fill (g);
  subscribe_to_many (g, 17, 1024);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1024 - AVI_GOSSIPSUB_TOPICS_SHARE);
  for (guint i = 18; i < 100; i++)
    subscribe_to_many (g, i, AVI_GOSSIPSUB_TOPICS_SHARE - 1);
  gossip_add_subscribers (g, 100, 1, "alerts");
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "alerts"), ==, 1);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1024 - AVI_GOSSIPSUB_TOPICS_SHARE);

  for (guint i = 1; i < 100; i++)
    avi_gossipsub_remove_peer (g->router, gossip_id (i), g->now);
  gossip_forget (g);
  g_assert_cmpint (gossip_publish (g, "alerts", "fire"), ==, 1);
  subscribe_to_many (g, 1, 1024);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1024 - AVI_GOSSIPSUB_TOPICS_SHARE);
}

/* Nor does it help to join the topics that others have for their share. */
static void
test_share_is_not_handed_on (Gossip *g, gconstpointer data)
{
  fill (g);
  subscribe_to_many (g, 17, AVI_GOSSIPSUB_TOPICS_SHARE);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "0 of 17"), ==, 1);
  gossip_say_subscribe (g, 1, "0 of 1", FALSE);
  gossip_say_subscribe (g, 1, "0 of 17", TRUE);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "0 of 17"), ==, 1);
  gossip_say_subscribe (g, 18, "0 of 17", TRUE);
  g_assert_cmpuint (avi_gossipsub_count_subscribers (g->router, "0 of 17"), ==, 2);
}

/* Topics that are left stay until it is told. */
static void
test_all_topics_limit (Gossip *g, gconstpointer data)
{
  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_ALL_TOPICS + 10; i++)
    {
      g_autoptr(GByteArray) rpc = g_byte_array_new ();
      g_autofree char *name = g_strdup_printf ("%u", i);

      write_subscription (rpc, name, TRUE);
      write_subscription (rpc, name, FALSE);
      g_assert_true (avi_gossipsub_receive (g->router, gossip_id (1), AVI_SPAN (rpc->data, rpc->len), g->now, NULL));
    }
  g_assert_cmpuint (g_hash_table_size (g->router->topics), ==, AVI_GOSSIPSUB_MAX_ALL_TOPICS);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 10);
  gossip_forget (g);
  g_assert_cmpuint (g_hash_table_size (g->router->topics), ==, 0);
}

#define ADD(path, test) g_test_add ("/gossipsub-membership/" path, Gossip, NULL, gossip_set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("our subscriptions are in the first RPC", test_hello);
  ADD ("our subscriptions are told to everybody as they change", test_subscriptions_are_told);
  ADD ("subscribers are counted, and changes told", test_subscribers_are_counted);
  ADD ("a thin mesh takes a new subscriber at once", test_mesh_on_subscription);
  ADD ("joining a topic grafts D of its subscribers", test_mesh_on_join);
  ADD ("joining a topic takes its fanout first", test_fanout_joins_first);
  ADD ("leaving a topic prunes its mesh, with a short back-off on both ends", test_leave);
  ADD ("a floodsub peer is in no mesh", test_floodsub_has_no_mesh);
  ADD ("what a peer says before it is added is not lost", test_heard_before_added);
  ADD ("a peer that is added again is replaced whole", test_replaced_whole);
  ADD ("a peer that moved is told our state again and loses none of its own", test_moved);
  ADD ("a peer that moved may have another protocol", test_moved_to_floodsub);
  ADD ("what is no name for a topic is refused", test_names);
  ADD ("our topics are bounded", test_own_limit);
  ADD ("a peer's topics are bounded", test_peers_limit);
  ADD ("where peers have many topics ours still have room", test_ours_have_room);
  ADD ("where peers have many topics each other one has a share", test_share);
  ADD ("a share of topics is not handed on", test_share_is_not_handed_on);
  ADD ("all topics together are bounded, but for ours", test_all_topics_limit);
  return g_test_run ();
}
