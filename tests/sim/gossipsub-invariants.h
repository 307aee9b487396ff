/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must hold of a router after whatever was done to it: its tables agree with each other, and no
 * limit is passed. For unit tests, simulations and the fuzz target.
 */
#pragma once

#include "protocols/gossipsub/avi-gossipsub-private.h"

static inline void
gossipsub_check_member (AviGossipsub *router, AviGossipsubMember *member)
{
  AviGossipsubTopic *topic = member->topic;

  g_assert_true (g_hash_table_contains (router->topics, topic));
  g_assert_true (g_hash_table_lookup (router->peers, &member->peer->id) == member->peer);
  g_assert_true (avi_gossipsub_member_find (topic, member->peer) == member);
  g_assert_true (topic->members->pdata[member->index] == member);
  if (member->place != AVI_MEMBER_OUTSIDE)
    g_assert_true (avi_gossipsub_peer_has_mesh (member->peer) && member->subscribed);
  if (member->place == AVI_MEMBER_MESH)
    g_assert_true (topic->subscribed);
  if (member->place == AVI_MEMBER_FANOUT)
    g_assert_true (!topic->subscribed && topic->fanout_until != 0);
  if (member->peer->direct)
    g_assert_cmpint (member->place, ==, AVI_MEMBER_OUTSIDE);
  if (!member->subscribed)
    g_assert_cmpint (member->backoff_until, !=, 0);
}

static inline void
gossipsub_check_topic (AviGossipsub *router, AviGossipsubTopic *topic)
{
  guint n_placed[AVI_MEMBER_N_PLACES] = { 0 };
  guint n_subscribers = 0;

  g_assert_false (avi_gossipsub_topic_is_unused (topic));
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      g_assert_true (member->topic == topic);
      gossipsub_check_member (router, member);
      n_placed[member->place]++;
      n_subscribers += member->subscribed;
    }
  g_assert_cmpuint (n_subscribers, ==, topic->n_subscribers);
  g_assert_true (memcmp (n_placed, topic->n_placed, sizeof n_placed) == 0);
  if (topic->fanout_until != 0)
    g_assert_false (topic->subscribed);
}

static inline gsize
gossipsub_count_queue (AviRpcQueue *queue)
{
  gsize bytes = 0, own = 0;

  for (GList *link = queue->gossip.head; link != NULL; link = link->next)
    bytes += g_bytes_get_size (link->data);
  g_assert_cmpuint (queue->gossip_bytes, ==, bytes);
  for (guint rank = 0; rank < AVI_RPC_QUEUE_N_RANKS; rank++)
    {
      AviRpcQueueLane *lane = &queue->lanes[rank];

      if (rank == AVI_RPC_QUEUE_OTHERS)
        own = bytes - queue->gossip_bytes;
      for (guint i = lane->first; i < lane->items->len; i++)
        bytes += avi_gossip_message_get_cost (g_array_index (lane->items, AviRpcQueueItem, i).message);
    }
  g_assert_cmpuint (queue->own_bytes, ==, own);
  return bytes;
}

static inline void
gossipsub_check_peer (AviGossipsub *router, AviGossipsubPeer *peer)
{
  gboolean linked = g_queue_link_index (&router->sending, &peer->sending) >= 0;

  g_assert_cmpuint (g_hash_table_size (peer->members), <=, router->max_topics);
  g_assert_cmpuint (peer->queue.bytes, <=, router->max_queue);
  g_assert_cmpuint (peer->queue.bytes, ==, gossipsub_count_queue (&peer->queue));
  g_assert_cmpuint (peer->queue.exchange_bytes, <=, AVI_RPC_QUEUE_MAX_GOSSIP);
  if (g_hash_table_size (peer->queue.exchanges) > 0)
    g_assert_cmpuint (g_hash_table_size (peer->queue.exchanges), <=, g_hash_table_size (peer->queue.grafts));
  g_assert_cmpuint (peer->ids_asked_of_it, <=, router->params.max_ihave_length);
  g_assert_cmpuint (peer->ids_asked_by_it, <=, router->params.max_ihave_length);
  g_assert_true (avi_gossipsub_find_serial (router, peer->serial) == peer);
  g_assert_nonnull (peer->score);
  g_assert_true (peer->direct == g_hash_table_contains (router->direct, &peer->id));
  if (peer->unwanted != NULL)
    g_assert_cmpuint (avi_seen_cache_get_size (peer->unwanted), <=, MAX (16, 2 * router->params.max_idontwant_ids));
  if (peer->record != NULL)
    g_assert_cmpuint (g_bytes_get_size (peer->record), <=, AVI_GOSSIPSUB_MAX_RECORD);
  g_assert_true (peer->is_sending == linked);
  g_assert_true (linked == (peer->ready && !avi_rpc_queue_is_empty (&peer->queue)));
}

/* What waits is within bounds, and is waited for. */
static inline void
gossipsub_check_stagger (AviGossipsub *router)
{
  g_assert_cmpuint (avi_stagger_get_size (router->stagger), <=, AVI_GOSSIPSUB_MAX_STAGGERED);
  g_assert_cmpuint (avi_stagger_get_bytes (router->stagger), <=, AVI_GOSSIPSUB_MAX_STAGGERED_BYTES);
  g_assert_true ((avi_stagger_get_size (router->stagger) == 0)
                 == (avi_stagger_get_deadline (router->stagger) == G_MAXINT64));
}

/* Who is scored is there, and who left is remembered within bounds. */
static inline void
gossipsub_check_scores (AviGossipsub *router)
{
  g_assert_cmpuint (avi_score_get_n_peers (router->score), ==, g_hash_table_size (router->peers));
  g_assert_cmpuint (g_hash_table_size (router->serials), ==, g_hash_table_size (router->peers));
  g_assert_cmpuint (avi_score_get_n_retained (router->score), <=, AVI_GOSSIPSUB_MAX_RETAINED);
  g_assert_cmpuint (router->n_exchanged, <=, AVI_GOSSIPSUB_MAX_EXCHANGED);
  if (router->deliveries != NULL)
    g_assert_cmpuint (avi_deliveries_get_size (router->deliveries), <=, AVI_GOSSIPSUB_MAX_DELIVERIES);
}

/* Just after a heartbeat: no mesh is too large, and nobody in one has a bad score. */
static inline void
gossipsub_check_meshes (AviGossipsub *router, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  g_hash_table_iter_init (&iter, router->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      g_assert_cmpuint (topic->n_placed[AVI_MEMBER_MESH], <=,
                        router->params.d_hi + router->params.opportunistic_graft_peers + router->params.d_out);
      for (guint i = 0; i < topic->members->len; i++)
        {
          AviGossipsubMember *member = topic->members->pdata[i];

          if (member->place == AVI_MEMBER_MESH)
            g_assert_cmpfloat (avi_gossipsub_peer_get_score (member->peer, now), >=, 0);
        }
    }
}

static inline void
gossipsub_check (AviGossipsub *router)
{
  GHashTableIter iter;
  gpointer value;
  guint n_members = 0;
  guint n_ours = 0;
  guint n_flagged = 0;

  g_hash_table_iter_init (&iter, router->topics);
  while (g_hash_table_iter_next (&iter, &value, NULL))
    {
      gossipsub_check_topic (router, value);
      n_members += ((AviGossipsubTopic *) value)->members->len;
      n_ours += ((AviGossipsubTopic *) value)->subscribed;
      n_flagged += ((AviGossipsubTopic *) value)->flags != 0;
    }
  g_assert_cmpuint (n_ours, ==, router->n_subscriptions);
  g_assert_cmpuint (n_ours, <=, AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS);
  g_assert_cmpuint (n_flagged, ==, router->n_flagged);
  g_assert_cmpuint (n_flagged, <=, AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS);
  g_assert_cmpuint (g_hash_table_size (router->topics), <=, AVI_GOSSIPSUB_MAX_ALL_TOPICS + n_ours + n_flagged);

  g_hash_table_iter_init (&iter, router->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      gossipsub_check_peer (router, value);
      n_members -= g_hash_table_size (((AviGossipsubPeer *) value)->members);
    }
  g_assert_cmpuint (n_members, ==, 0);
  g_assert_cmpuint (router->tallies->len, <=, AVI_GOSSIPSUB_MAX_COUNTED);
  g_assert_cmpuint (router->dropped.messages->len + router->dropped.n_gossip, ==, 0);
  g_assert_cmpuint (router->sending.length, <=, g_hash_table_size (router->peers));

  gossipsub_check_scores (router);
  gossipsub_check_stagger (router);
  g_assert_cmpuint (avi_seen_cache_get_size (router->seen), <=, AVI_GOSSIPSUB_SEEN_MAX);
  g_assert_cmpuint (avi_message_cache_get_bytes (router->cache), <=, AVI_GOSSIPSUB_CACHE_BYTES);
  g_assert_cmpuint (avi_verifications_get_size (router->verifications), <=, AVI_GOSSIPSUB_MAX_CHECKS);
  g_assert_cmpuint (avi_validations_get_size (router->validations), <=, AVI_GOSSIPSUB_MAX_VALIDATIONS);
  g_assert_cmpuint (avi_validations_get_bytes (router->validations), <=, AVI_GOSSIPSUB_MAX_VALIDATIONS_BYTES);
  g_assert_cmpuint (avi_promises_get_size (router->promises), <=, AVI_GOSSIPSUB_MAX_PROMISES);
  g_assert_cmpuint (avi_promises_get_n_overdue (router->promises), <=, AVI_GOSSIPSUB_MAX_OVERDUE);
}
