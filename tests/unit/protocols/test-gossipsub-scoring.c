/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

#define MUCH 1000 /* of a heartbeat's ids */

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static AviGossipsubTopic *
chat (Gossip *g)
{
  return avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING ("chat"));
}

/* P5 is what the score is where nothing else counts. */
static void
give_score (Gossip *g, guint peer, double score)
{
  avi_gossipsub_set_application_score (g->router, gossip_id (peer), score, g->now);
}

static double
get_score (Gossip *g, guint peer)
{
  return avi_gossipsub_get_score (g->router, gossip_id (peer), g->now);
}

static gboolean
is_in_mesh (Gossip *g, guint peer)
{
  AviGossipsubPeer *found = g_hash_table_lookup (g->router->peers, gossip_id (peer));
  AviGossipsubMember *member = avi_gossipsub_member_find (chat (g), found);

  return member->place == AVI_MEMBER_MESH;
}

static void
test_negative (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  give_score (g, 1, -0.5);
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, "1 prune chat for 60 s");
  g_assert_cmpuint (g->n_named, ==, 0);
  gossip_wait (g, 70 * SECOND);
  gossip_assert_sent (g, ""); /* nor is it grafted again */
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "1 prune chat for 60 s");
  g_assert_cmpuint (gossip_statistics (g).grafts_refused, ==, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0); /* it was not early */
  g_assert_true (is_in_mesh (g, 2));

  give_score (g, 1, 0);
  gossip_wait (g, 62 * SECOND);
  gossip_assert_sent (g, "1 graft chat");
}

static void
say_ihave (Gossip *g, guint peer, guint64 first, guint n)
{
  g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree ProtobufCBinaryData *fields = g_new (ProtobufCBinaryData, n);

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (ids, gossip_plain_id (99, first + i));
      fields[i] = gossip_binary (ids->pdata[i]);
    }
  gossip_say_ihave (g, peer, "chat", fields, n);
}

static void
test_gossip_threshold (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = NULL;
  ProtobufCBinaryData field;

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_message (g, 1, 99, "chat", "hello");
  id = gossip_plain_id (99, g->seqno);
  field = gossip_binary (id);
  gossip_add_subscribers (g, 2, 2, "chat");
  for (guint i = 2; i <= 3; i++)
    gossip_say_prune (g, i, "chat", 60);
  give_score (g, 2, -10);
  give_score (g, 3, -10.5);
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, "2 ihave chat × 1");
  for (guint i = 2; i <= 3; i++)
    {
      gossip_say_iwant (g, i, &field, 1);
      say_ihave (g, i, 1000 * i, 1);
    }
  gossip_assert_sent (g, "2 iwant × 1; 2 message chat: hello");
}

static void
test_publish_threshold (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  give_score (g, 1, -50);
  give_score (g, 2, -50.5);
  gossip_wait (g, SECOND);
  gossip_forget (g);
  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 2);
  gossip_assert_sent (g, "1 message chat: hello; 3 message chat: hello");
}

static void
test_graylist (Gossip *g, gconstpointer data)
{
  gossip_add (g, 1);
  give_score (g, 1, -80.5);
  gossip_forget (g);
  gossip_say_message (g, 1, 99, "chat", "hello");
  gossip_say_graft (g, 1, "chat");
  gossip_assert_told (g, "");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (gossip_statistics (g).graylisted, ==, 2);
  g_assert_cmpuint (gossip_statistics (g).received, ==, 0);

  gossip_say_subscribe (g, 1, "chat", TRUE); /* what is said once is heard */
  gossip_assert_told (g, "1 subscribe to chat");
  give_score (g, 1, -80);
  gossip_say_message (g, 1, 99, "chat", "hello");
  gossip_assert_told (g, "99 says in chat: hello");
}

static void
test_graft_flood (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 60);
  for (guint i = 1; i <= 6; i++)
    {
      for (guint j = 0; j < 50; j++)
        gossip_say_graft (g, 1, "chat");
      g_assert_cmpuint (gossip_statistics (g).offences, ==, i); /* one a heartbeat */
      g_assert_cmpfloat (get_score (g, 1), ==, 0); /* an honest peer may come to so many */
      gossip_wait (g, SECOND);
    }
  for (guint i = 0; i < 6; i++)
    {
      gossip_say_graft (g, 1, "chat");
      gossip_wait (g, SECOND);
    }
  g_assert_cmpfloat (get_score (g, 1), <, -10);
  gossip_wait (g, 60 * SECOND);
  g_assert_cmpfloat (get_score (g, 1), ==, 0);
}

static void
test_graft_again (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_GRAFTS_AGAIN; i++)
    gossip_say_graft (g, 1, "chat");
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  gossip_say_graft (g, 1, "chat");
  gossip_say_graft (g, 1, "chat");
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
}

/* Two that find out at once what they have in common graft each other at once. */
static void
test_grafts_cross (Gossip *g, gconstpointer data)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *topic = g_strdup_printf ("sensor/%u", i);

      avi_gossipsub_subscribe (g->router, topic, g->now);
    }
  gossip_add (g, 1);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *topic = g_strdup_printf ("sensor/%u", i);

      gossip_say_subscribe (g, 1, topic, TRUE);
      gossip_say_graft (g, 1, topic);
    }
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
}

static void
test_invalid (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) good = gossip_sign (99, "chat", "hello", 1);
  g_autofree guint8 *bytes = g_memdup2 (g_bytes_get_data (good, NULL), g_bytes_get_size (good));
  g_autoptr(GBytes) bad = NULL;

  bytes[g_bytes_get_size (good) - 1] ^= 1;
  bad = g_bytes_new (bytes, g_bytes_get_size (good));
  gossip_add_subscribers (g, 1, 2, "chat");
  g->hold_checks = TRUE;
  gossip_say_raw (g, 1, bad);
  gossip_say_raw (g, 2, bad);
  gossip_say_raw (g, 2, bad);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), FALSE, g->now);
  g_assert_cmpfloat (get_score (g, 1), ==, -1);
  g_assert_cmpfloat (get_score (g, 2), ==, -4); /* each that sent it, each time */
  g->hold_checks = FALSE;
  gossip_say_raw (g, 1, bad);
  g_assert_cmpfloat (get_score (g, 1), ==, -4);
}

static void
test_first (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  for (guint i = 0; i < 30; i++)
    {
      g_autoptr(GBytes) message = gossip_sign (99, "chat", "hello", 1 + i);

      gossip_say_raw (g, 1, message);
      gossip_say_raw (g, 2, message);
    }
  g_assert_cmpfloat (get_score (g, 1), ==, 20);
  g_assert_cmpfloat (get_score (g, 2), ==, 0);
}

static void
set_up_counting (Gossip *g, gconstpointer data)
{
  AviGossipsubParams params;
  AviGossipsubConfig config = { .params = &params };

  avi_gossipsub_params_init (&params);
  avi_gossipsub_params_set (&params, "chat", "mesh-message-deliveries-weight", -1, NULL);
  gossip_set_up_with (g, config);
  avi_gossipsub_params_clear (&params);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
test_counted (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  for (guint i = 0; i < 31; i++)
    {
      g_autoptr(GBytes) message = gossip_sign (99, "chat", "hello", 1 + i);

      gossip_say_raw (g, 1, message);
      gossip_say_raw (g, 2, message); /* a copy is a delivery too */
      gossip_wait (g, SECOND);
    }
  gossip_wait (g, SECOND);
  g_assert_true (is_in_mesh (g, 1) && is_in_mesh (g, 2));
  g_assert_false (is_in_mesh (g, 3));
}

static void
test_best_are_kept (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  for (guint i = 1; i <= 13; i++)
    {
      avi_gossipsub_set_link (g->router, gossip_id (i), i > 11, 0);
      gossip_say_graft (g, i, "chat");
      give_score (g, i, i <= 4 ? 10 + i : 1);
    }
  gossip_wait (g, SECOND);
  g_assert_cmpuint (chat (g)->n_placed[AVI_MEMBER_MESH], ==, 6);
  for (guint i = 1; i <= 4; i++)
    g_assert_true (is_in_mesh (g, i)); /* D_score */
  g_assert_true (is_in_mesh (g, 12) && is_in_mesh (g, 13)); /* D_out */
}

static void
test_outbound_quota (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 12, "chat"); /* five are grafted at once */
  gossip_wait (g, SECOND);
  g_assert_cmpuint (chat (g)->n_placed[AVI_MEMBER_MESH], ==, 5);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
  for (guint i = 10; i <= 12; i++)
    avi_gossipsub_set_link (g->router, gossip_id (i), TRUE, 0);
  give_score (g, 10, -1);
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, "11 graft chat; 12 graft chat");
}

static void
test_opportunistic (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 10, "chat");
  gossip_wait (g, SECOND);
  for (guint i = 6; i <= 10; i++)
    give_score (g, i, i == 6 ? 0.1 : i);
  gossip_forget (g);
  g->now += 59 * SECOND;
  give_score (g, 1, 0); /* something happens, a minute after the start */
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "graft"), ==, 2);
  g_assert_false (is_in_mesh (g, 6)); /* those are better whose time in the mesh counts */
  give_score (g, 1, 0);
  gossip_wait (g, 10 * SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "graft"), ==, 0); /* once a minute */
}

static void
set_up_direct (Gossip *g, gconstpointer data)
{
  AviGossipsubParams params;
  AviGossipsubConfig config = { .params = &params };
  g_autofree char *one = avi_peer_id_to_string (gossip_id (1));
  g_autofree char *id = avi_peer_id_to_string (gossip_id (2));
  g_autofree char *two = g_strconcat ("/ip4/10.0.0.7/tcp/4001/p2p/", id, NULL);
  const char *peers[] = { one, two, NULL };

  avi_gossipsub_params_init (&params);
  g_assert_true (avi_gossipsub_params_set_direct_peers (&params, peers, NULL));
  gossip_set_up_with (g, config);
  avi_gossipsub_params_clear (&params);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
test_direct (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_wait (g, SECOND);
  g_assert_false (is_in_mesh (g, 1) || is_in_mesh (g, 2));
  gossip_forget (g);
  gossip_say_message (g, 3, 99, "chat", "hello");
  gossip_assert_sent (g, "1 message chat: hello; 2 message chat: hello");
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "1 prune chat for 60 s");
  for (guint i = 0; i < 100; i++)
    gossip_say_graft (g, 1, "chat");
  give_score (g, 1, -1000);
  gossip_forget (g);
  g_assert_cmpfloat (get_score (g, 1), ==, 0);
  gossip_say_message (g, 1, 99, "chat", "are you there");
  gossip_assert_told (g, "99 says in chat: are you there");
  gossip_publish (g, "chat", "yes");
  g_assert_cmpuint (gossip_count_sent (g, "message chat: yes"), ==, 3);
}

static void
set_up_thrifty (Gossip *g, gconstpointer data)
{
  AviGossipsubParams params;
  AviGossipsubConfig config = { .params = &params };

  avi_gossipsub_params_init (&params);
  avi_gossipsub_params_set (&params, NULL, "flood-publish", 0, NULL);
  gossip_set_up_with (g, config);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
test_no_flood (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  gossip_add_speaking (g, 21, AVI_FLOODSUB_PROTOCOL);
  gossip_say_subscribe (g, 21, "chat", TRUE);
  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 5 + 1);
  gossip_add_subscribers (g, 31, 20, "news");
  g_assert_cmpint (gossip_publish (g, "news", "hello"), ==, 6); /* its fanout */
}

static void
test_lies (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  say_ihave (g, 1, 1000, 100); /* there are none of these */
  say_ihave (g, 2, 2000, 100);
  gossip_wait (g, 30 * SECOND);
  g_assert_cmpuint (gossip_statistics (g).broken_promises, ==, 200);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  gossip_say_subscribe (g, 1, "chat", TRUE); /* it is awake; 2 is not */
  gossip_wait (g, 4 * SECOND);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
  gossip_wait (g, 4 * SECOND);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
}

static void
test_iwant_flood (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = NULL;
  ProtobufCBinaryData field;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_say_message (g, 2, 99, "chat", "hello");
  id = gossip_plain_id (99, g->seqno);
  field = gossip_binary (id);
  for (guint i = 0; i < 3 + AVI_GOSSIPSUB_MAX_REFUSED; i++)
    gossip_say_iwant (g, 1, &field, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  gossip_say_iwant (g, 1, &field, 1);
  gossip_say_iwant (g, 1, &field, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
}

static void
test_too_much (Gossip *g, gconstpointer data)
{
  guint many =
      4 * g->router->params.max_idontwant_ids; /* more is not from who is like us, however its heartbeats lie */
  g_autofree ProtobufCBinaryData *ids = g_new0 (ProtobufCBinaryData, many);

  gossip_add_subscribers (g, 1, 1, "chat");
  for (guint i = 0; i < 5; i++)
    say_ihave (g, 1, MUCH * i, MUCH);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  say_ihave (g, 1, MUCH * 5, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
  gossip_say_idontwant (g, 1, ids, many);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
  gossip_say_idontwant (g, 1, ids, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 2);
}

/* Another's heartbeat is shorter, or several of its came at once: it is looked at no more, and that is all. */
static void
test_many_ihaves (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  for (guint i = 0; i < 12; i++)
    say_ihave (g, 1, i, 1);
  g_assert_cmpuint (gossip_count_sent (g, "1 iwant"), ==, 10);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 2);
  for (guint i = 12; i < 40; i++)
    say_ihave (g, 1, i, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  say_ihave (g, 1, 40, 1);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 1);
}

static void
test_crowd (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 34, "chat");
  for (guint i = 1; i <= 33; i++)
    avi_gossipsub_set_link (g->router, gossip_id (i), FALSE, 12345);
  g_assert_cmpfloat (get_score (g, 1), ==, -5);
  g_assert_cmpfloat (get_score (g, 34), ==, 0);
  avi_gossipsub_set_link (g->router, gossip_id (33), FALSE, 54321);
  g_assert_cmpfloat (get_score (g, 1), ==, 0);
}

static void
test_back_again (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 60);
  for (guint i = 0; i < 8; i++)
    {
      gossip_say_graft (g, 1, "chat");
      gossip_wait (g, SECOND);
    }
  g_assert_cmpfloat (get_score (g, 1), <, 0);
  avi_gossipsub_remove_peer (g->router, gossip_id (1), g->now);
  gossip_wait (g, 300 * SECOND);
  gossip_add_subscribers (g, 1, 1, "chat");
  g_assert_cmpfloat (get_score (g, 1), <, 0);
}

/* Before it comes, and in each of its stays. */
static void
test_application (Gossip *g, gconstpointer data)
{
  g_assert_true (avi_gossipsub_set_application_score (g->router, gossip_id (1), -0.5, g->now));
  gossip_add_subscribers (g, 1, 2, "chat");
  g_assert_cmpfloat (get_score (g, 1), ==, -0.5);
  gossip_wait (g, SECOND);
  g_assert_false (is_in_mesh (g, 1)); /* nor was it for a moment */
  g_assert_cmpuint (gossip_count_sent (g, "1 graft"), ==, 0);
  g_assert_true (is_in_mesh (g, 2));
  avi_gossipsub_remove_peer (g->router, gossip_id (1), g->now);
  gossip_add_subscribers (g, 1, 1, "chat");
  g_assert_cmpfloat (get_score (g, 1), ==, -0.5);
  give_score (g, 1, 0);
  g_assert_cmpfloat (get_score (g, 1), ==, 0);
  avi_gossipsub_remove_peer (g->router, gossip_id (1), g->now);
  gossip_add_subscribers (g, 1, 1, "chat");
  g_assert_cmpfloat (get_score (g, 1), ==, 0);
}

static void
test_application_of_so_many (Gossip *g, gconstpointer data)
{
  AviPeerId id = *gossip_id (1);

  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_APPLICATION_SCORES; i++)
    {
      memcpy (id.bytes + 4, &i, sizeof i);
      g_assert_true (avi_gossipsub_set_application_score (g->router, &id, 1, g->now));
    }
  g_assert_true (avi_gossipsub_set_application_score (g->router, &id, 2, g->now));
  g_assert_false (avi_gossipsub_set_application_score (g->router, gossip_id (1), 1, g->now));
  g_assert_true (avi_gossipsub_set_application_score (g->router, gossip_id (1), 0, g->now));
  g_assert_true (avi_gossipsub_set_application_score (g->router, &id, 0, g->now));
  g_assert_true (avi_gossipsub_set_application_score (g->router, gossip_id (1), 1, g->now));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void      (*set_up) (Gossip *, gconstpointer);
    void      (*run) (Gossip *, gconstpointer);
  } tests[] = {
    { "who has a bad score is out of the mesh, and stays out", set_up, test_negative },
    { "below gossip-threshold nothing is gossiped, either way", set_up, test_gossip_threshold },
    { "below publish-threshold we publish to nobody", set_up, test_publish_threshold },
    { "below graylist-threshold nobody is listened to, but for subscriptions", set_up, test_graylist },
    { "early GRAFTs are an offence, one a heartbeat, and are forgotten", set_up, test_graft_flood },
    { "GRAFTs without end are an offence of a member of the mesh", set_up, test_graft_again },
    { "GRAFTs that cross are none, however many topics there are", set_up, test_grafts_cross },
    { "an invalid message counts against all who sent it", set_up, test_invalid },
    { "who delivers first is better than who delivers too", set_up, test_first },
    { "where deliveries are counted who delivers none is out of the mesh", set_up_counting, test_counted },
    { "of a mesh too large the best are kept, and some that we dialled", set_up, test_best_are_kept },
    { "a mesh has members that we dialled", set_up, test_outbound_quota },
    { "a mesh of little use gets better members, once a minute", set_up, test_opportunistic },
    { "direct peers get everything, are in no mesh, and have no score", set_up_direct, test_direct },
    { "without flood publishing the mesh and the fanout get what we say", set_up_thrifty, test_no_flood },
    { "who announces what there is not is found out, who sleeps is not blamed", set_up, test_lies },
    { "asking again and again for what was given is an offence", set_up, test_iwant_flood },
    { "more IHAVE or IDONTWANT than is looked at is an offence", set_up, test_too_much },
    { "some more RPCs with IHAVE are none, very many are one", set_up, test_many_ihaves },
    { "many in one network have a bad score", set_up, test_crowd },
    { "who comes back is as bad as before", set_up, test_back_again },
    { "what the program thinks of a peer holds before it comes and in each stay", set_up, test_application },
    { "it thinks something of a bounded number of peers", set_up, test_application_of_so_many },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/gossipsub-scoring/", tests[i].path, NULL);

      g_test_add (path, Gossip, NULL, tests[i].set_up, tests[i].run, gossip_tear_down);
    }
  return g_test_run ();
}
