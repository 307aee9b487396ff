/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static guint
count_mesh (Gossip *g)
{
  return avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING ("chat"))->n_placed[AVI_MEMBER_MESH];
}

static void
test_graft (Gossip *g, gconstpointer data)
{
  gossip_add (g, 1);
  gossip_forget (g);
  gossip_say_graft (g, 1, "chat");
  gossip_say_graft (g, 1, "chat");
  gossip_assert_told (g, "1 subscribe to chat"); /* who grafts subscribes */
  gossip_assert_sent (g, "");
  gossip_say_message (g, 2, 2, "chat", "hello");
  gossip_assert_sent (g, "1 message chat: hello");
}

static void
test_graft_unknown (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "news"); /* theirs, not ours */
  gossip_forget (g);
  gossip_say_graft (g, 1, "news");
  gossip_say_graft (g, 1, "never heard of");
  gossip_say_prune (g, 1, "never heard of", 60);
  gossip_assert_sent (g, "");
  g_assert_cmpuint (g_hash_table_size (g->router->topics), ==, 2);
}

static void
test_prune (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  gossip_say_prune (g, 1, "chat", 30);
  g_assert_cmpuint (count_mesh (g), ==, 0);
  gossip_wait (g, 30 * SECOND);
  gossip_assert_sent (g, "");
  gossip_wait (g, 2 * SECOND);
  gossip_assert_sent (g, "1 graft chat");
}

static void
test_prune_without_time (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  gossip_say_prune (g, 1, "chat", 0);
  gossip_wait (g, 60 * SECOND);
  gossip_assert_sent (g, "");
  gossip_wait (g, 2 * SECOND);
  gossip_assert_sent (g, "1 graft chat");
}

static void
test_prune_for_ever (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  gossip_say_prune (g, 1, "chat", G_MAXUINT64);
  gossip_wait (g, 3602 * SECOND);
  gossip_assert_sent (g, "1 graft chat");
}

static void
test_graft_in_backoff (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 10);
  gossip_forget (g);
  gossip_wait (g, 5 * SECOND);
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "1 prune chat for 60 s");
  gossip_wait (g, 59 * SECOND); /* from then on */
  gossip_assert_sent (g, "");
  gossip_wait (g, SECOND / 2 * 3); /* for 60 s it is refused; when we do it ourselves we wait a little longer */
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (count_mesh (g), ==, 1);
}

static void
test_graft_a_little_early (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 10);
  gossip_forget (g);
  gossip_wait (g, 9 * SECOND + 1);
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (count_mesh (g), ==, 1);
}

/* A back-off outlives the subscription that it is about. */
static void
test_backoff_stays (Gossip *g, gconstpointer data)
{
  AviGossipsubPeer *peer;

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 60);
  gossip_say_subscribe (g, 1, "chat", FALSE);
  gossip_say_subscribe (g, 1, "chat", TRUE);
  gossip_forget (g);
  gossip_say_graft (g, 1, "chat");
  gossip_assert_sent (g, "1 prune chat for 60 s");

  gossip_say_subscribe (g, 1, "chat", FALSE);
  gossip_add_subscribers (g, 2, 12, "chat"); /* keep the heart beating */
  for (guint i = 0; i < 70; i++)
    {
      gossip_say_graft (g, 2, "chat");
      gossip_wait (g, SECOND);
    }
  peer = g_hash_table_lookup (g->router->peers, gossip_id (1));
  g_assert_cmpuint (g_hash_table_size (peer->members), ==, 0);
}

/* --- gossip --- */

static void
test_ihave_is_asked_for (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  gossip_add_subscribers (g, 1, 4, "chat");
  gossip_forget (g);
  for (guint peer = 1; peer <= 4; peer++)
    {
      gossip_say_ihave (g, peer, "chat", ids, 1);
      gossip_say_ihave (g, peer, "chat", ids, 1);
    }
  gossip_assert_sent (g, "1 iwant × 1; 2 iwant × 1; 3 iwant × 1"); /* three at once are enough */

  gossip_say_message (g, 2, 9, "chat", "hello");
  gossip_assert_told (g, "9 says in chat: hello");
  g_assert_cmpuint (gossip_statistics (g).iwant_recovered, ==, 1);
  gossip_forget (g);
  gossip_say_ihave (g, 4, "chat", ids, 1);
  gossip_assert_sent (g, "");
}

static void
test_broken_promise (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_ihave (g, 1, "chat", ids, 1);
  gossip_forget (g);
  gossip_wait (g, 5 * SECOND);
  g_assert_cmpuint (gossip_statistics (g).broken_promises, ==, 1);
  gossip_say_ihave (g, 1, "chat", ids, 1);
  gossip_assert_sent (g, "1 iwant × 1");
  gossip_wait (g, 40 * SECOND); /* until it is clear that it was a lie */
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
}

/* IWANT repeats the very bytes that the peer used, and from them its family is learnt. */
static void
test_ihave_in_every_form (Gossip *g, gconstpointer data)
{
  g_autofree char *text = avi_peer_id_to_string (gossip_id (9));
  g_autofree char *rust = g_strconcat (text, "1", NULL);
  AviSpan key = avi_peer_id_get_inline_key (gossip_id (9));
  g_autoptr(GBytes) go = gossip_plain_id (9, 1);
  g_autofree guint8 *js = g_malloc0 (key.len + 8);
  ProtobufCBinaryData forms[] = { gossip_binary (go), gossip_text (rust), { key.len + 8, js } };
  AviMessageIdForm expected[] = { AVI_MESSAGE_ID_PLAIN, AVI_MESSAGE_ID_TEXT, AVI_MESSAGE_ID_KEY };

  memcpy (js, key.data, key.len);
  js[key.len + 7] = 1;
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autoptr(GBytes) rpc = NULL;
      AviGossipsubPeer *peer;
      AviPeerId to;
      AviSpan span;

      gossip_add (g, 1 + i);
      gossip_forget (g);
      avi_gossipsub_set_ready (g->router, gossip_id (1 + i), FALSE);
      gossip_say_ihave (g, 1 + i, "chat", &forms[i], 1);
      peer = g_hash_table_lookup (g->router->peers, gossip_id (1 + i));
      g_assert_cmpint (peer->id_form, ==, expected[i]);
      avi_gossipsub_set_agent (g->router, gossip_id (1 + i), "something else");
      g_assert_cmpint (peer->id_form, ==, expected[i]);

      avi_gossipsub_set_ready (g->router, gossip_id (1 + i), TRUE);
      g_assert_true (avi_gossipsub_transmit (g->router, &to, &rpc, g->now));
      span = avi_span_from_bytes (rpc);
      g_assert_cmpmem (span.data + span.len - forms[i].len, forms[i].len, forms[i].data, forms[i].len);
    }

  /* It is one message, whatever they call it. */
  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_forget (g);
  gossip_add (g, 10);
  gossip_say_ihave (g, 10, "chat", forms, G_N_ELEMENTS (forms));
  gossip_assert_sent (g, "10 subscribe chat");
}

static void
test_ihave_ignored (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  g_autoptr(GBytes) own = gossip_plain_id (US, 1);
  ProtobufCBinaryData other[] = { gossip_binary (id) };
  ProtobufCBinaryData useless[] = { gossip_text ("a hash of the data"), gossip_text (""), gossip_binary (own) };

  gossip_add_subscribers (g, 1, 1, "news");
  gossip_forget (g);
  gossip_say_ihave (g, 1, "news", other, 1);
  gossip_say_ihave (g, 1, "nowhere", other, 1);
  gossip_say_ihave (g, 1, "chat", useless, 3);
  gossip_assert_sent (g, "");
}

static void
test_ihave_while_checked (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  gossip_add (g, 1);
  gossip_forget (g);
  g->hold_checks = TRUE;
  gossip_say_message (g, 2, 9, "chat", "hello");
  gossip_say_ihave (g, 1, "chat", ids, 1);
  gossip_assert_sent (g, "");
}

/* @n ids of messages of 9, from @first on. */
static ProtobufCBinaryData *
many_ids (guint first, guint n, GPtrArray *holder)
{
  ProtobufCBinaryData *ids = g_new (ProtobufCBinaryData, n);

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (holder, gossip_plain_id (9, first + i));
      ids[i] = gossip_binary (holder->pdata[holder->len - 1]);
    }
  g_ptr_array_add (holder, g_bytes_new_take (ids, n * sizeof *ids));
  return ids;
}

static guint
count_iwants (Gossip *g, guint peer)
{
  guint n = 0;

  gossip_pump (g);
  for (guint i = 0; i < g->sent->len; i++)
    {
      guint to, ids;

      if (sscanf (g->sent->pdata[i], "%u iwant × %u", &to, &ids) == 2 && to == peer)
        n += ids;
    }
  g_ptr_array_set_size (g->sent, 0);
  return n;
}

static void
test_ihave_ids_are_bounded (Gossip *g, gconstpointer data)
{
  g_autoptr(GPtrArray) holder = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  gossip_say_ihave (g, 1, "chat", many_ids (0, 3000, holder), 3000);
  gossip_say_ihave (g, 1, "chat", many_ids (3000, 3000, holder), 3000);
  g_assert_cmpuint (count_iwants (g, 1), ==, 5000);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1000);
  g_assert_cmpuint (g->largest, <=, 64 * 1024);

  gossip_say_ihave (g, 2, "chat", many_ids (5000, 100, holder), 100); /* another one has not asked for anything yet */
  g_assert_cmpuint (count_iwants (g, 2), ==, 100);
  gossip_wait (g, SECOND);
  gossip_say_ihave (g, 1, "chat", many_ids (6000, 100, holder), 100);
  g_assert_cmpuint (count_iwants (g, 1), ==, 100);
}

static void
test_ihave_rpcs_are_bounded (Gossip *g, gconstpointer data)
{
  g_autoptr(GPtrArray) holder = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_wait (g, SECOND);
  gossip_forget (g);
  g_assert_cmpint (avi_gossipsub_deadline (g->router), ==, G_MAXINT64);
  for (guint i = 0; i < 12; i++)
    gossip_say_ihave (g, 1, "chat", many_ids (i, 1, holder), 1);
  g_assert_cmpuint (count_iwants (g, 1), ==, 10);
  gossip_wait (g, SECOND);
  gossip_say_ihave (g, 1, "chat", many_ids (20, 1, holder), 1);
  g_assert_cmpuint (count_iwants (g, 1), ==, 1);
}

/* The count starts anew though nothing else would wake the heartbeat. */
static void
test_counters_do_not_sleep (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) own = gossip_plain_id (US, 1);
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  ProtobufCBinaryData ids[] = { gossip_binary (own) }, others[] = { gossip_binary (id) };

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_wait (g, 2 * SECOND);
  for (guint i = 0; i < 12; i++)
    gossip_say_ihave (g, 1, "chat", ids, 1);
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_say_ihave (g, 1, "chat", others, 1);
  gossip_assert_sent (g, "1 iwant × 1");
}

static void
test_iwant_is_answered (Gossip *g, gconstpointer data)
{
  g_autofree char *text = avi_peer_id_to_string (gossip_id (9));
  g_autofree char *rust = g_strconcat (text, "1", NULL);
  g_autoptr(GBytes) go = gossip_plain_id (9, 1);
  g_autoptr(GBytes) unknown = gossip_plain_id (9, 2);
  ProtobufCBinaryData ids[] = { gossip_binary (go), gossip_binary (unknown), gossip_text ("nonsense") };
  ProtobufCBinaryData by_text[] = { gossip_text (rust) };

  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_add (g, 2);
  gossip_add (g, 3);
  gossip_forget (g);
  gossip_say_iwant (g, 2, ids, G_N_ELEMENTS (ids));
  gossip_assert_sent (g, "2 message chat: hello");
  gossip_say_iwant (g, 2, by_text, 1);
  gossip_say_iwant (g, 2, ids, 1);
  gossip_assert_sent (g, "2 message chat: hello; 2 message chat: hello");
  gossip_say_iwant (g, 2, by_text, 1);
  gossip_assert_sent (g, ""); /* three times, in whatever form */
  gossip_say_iwant (g, 3, ids, 1);
  gossip_assert_sent (g, "3 message chat: hello");

  g_assert_cmpint (((AviGossipsubPeer *) g_hash_table_lookup (g->router->peers, gossip_id (2)))->id_form, ==,
                   AVI_MESSAGE_ID_PLAIN); /* an IWANT repeats what was said to it: it shows nothing */
  gossip_wait (g, 5 * SECOND);
  gossip_say_iwant (g, 3, ids, 1);
  gossip_assert_sent (g, "");
}

static void
test_iwant_is_bounded (Gossip *g, gconstpointer data)
{
  g_autoptr(GPtrArray) holder = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  gossip_add (g, 1);
  gossip_say_iwant (g, 1, many_ids (0, 6000, holder), 6000);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 1000);
}

#define ADD(path, test) g_test_add ("/gossipsub-control/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("GRAFT puts the peer into the mesh", test_graft);
  ADD ("GRAFT for a topic that is not ours is ignored", test_graft_unknown);
  ADD ("PRUNE takes the peer out of the mesh for as long as it says", test_prune);
  ADD ("PRUNE without a time is for 60 s", test_prune_without_time);
  ADD ("PRUNE is for an hour at most", test_prune_for_ever);
  ADD ("GRAFT within the back-off is answered by PRUNE, and prolongs it", test_graft_in_backoff);
  ADD ("GRAFT less than a second before the back-off ends is taken", test_graft_a_little_early);
  ADD ("a back-off outlives the subscription, and then goes", test_backoff_stays);
  ADD ("IHAVE of a message not seen is asked for", test_ihave_is_asked_for);
  ADD ("a promise that is broken is counted", test_broken_promise);
  ADD ("IHAVE is understood in every family's form, and asked for in the same", test_ihave_in_every_form);
  ADD ("IHAVE of a topic that is not ours, of an unknown form, or of ours is ignored", test_ihave_ignored);
  ADD ("IHAVE of a message that is being checked is not asked for", test_ihave_while_checked);
  ADD ("ids asked for are bounded per peer and heartbeat", test_ihave_ids_are_bounded);
  ADD ("RPCs with IHAVE are bounded per peer and heartbeat", test_ihave_rpcs_are_bounded);
  ADD ("what is counted per heartbeat is counted anew though the heartbeat slept", test_counters_do_not_sleep);
  ADD ("IWANT is answered three times", test_iwant_is_answered);
  ADD ("IWANT is bounded per peer and heartbeat", test_iwant_is_bounded);
  return g_test_run ();
}
