/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "protocols/gossipsub/avi-rpc.h"

/* Gossipsub 1.0, Heartbeat; 1.1, Adaptive Gossip Dissemination, Outbound Mesh Quotas, Heartbeat Maintenance. */

static void
avi_gossipsub_graft_some (AviGossipsub *self, AviGossipsubTopic *topic, AviMemberFilter filter, guint n, gint64 now)
{
  avi_gossipsub_topic_pick (topic, filter, now, n, self->random, self->picked);
  for (guint i = 0; i < self->picked->len; i++)
    avi_gossipsub_graft (self, self->picked->pdata[i], now);
}

void
avi_gossipsub_graft_more (AviGossipsub *self, AviGossipsubTopic *topic, guint n, gint64 now)
{
  avi_gossipsub_graft_some (self, topic, avi_gossipsub_member_is_graftable, n, now);
}

static gboolean
avi_gossipsub_member_is_bad_in_mesh (const AviGossipsubMember *member, gint64 now)
{
  return member->place == AVI_MEMBER_MESH && avi_gossipsub_peer_get_score (member->peer, now) < 0;
}

/* Who is not welcome is not told of others, either. */
static void
avi_gossipsub_prune_bad (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_bad_in_mesh, now, G_MAXUINT, self->random, self->picked);
  for (guint i = 0; i < self->picked->len; i++)
    avi_gossipsub_prune (self, self->picked->pdata[i], self->params.prune_backoff, now);
}

typedef struct
{
  AviGossipsubMember *member;
  double              score;
} AviRanked;

static int
avi_ranked_compare (gconstpointer a, gconstpointer b)
{
  double difference = ((const AviRanked *) b)->score - ((const AviRanked *) a)->score;

  return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}

/* The mesh, the best first, equals in no order: (transfer full) (element-type AviRanked) */
static GArray *
avi_gossipsub_rank_mesh (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  GArray *ranked = g_array_new (FALSE, FALSE, sizeof (AviRanked));

  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_in_mesh, now, G_MAXUINT, self->random, self->picked);
  for (guint i = self->picked->len; i > 0; i--)
    {
      guint place = avi_random_below (self->random, i);
      AviGossipsubMember *member = self->picked->pdata[place];
      AviRanked one = { member, avi_gossipsub_peer_get_score (member->peer, now) };

      self->picked->pdata[place] = self->picked->pdata[i - 1];
      g_array_append_val (ranked, one);
    }
  g_array_sort (ranked, avi_ranked_compare);
  return ranked;
}

static void
avi_ranked_swap (GArray *ranked, guint a, guint b)
{
  AviRanked kept = g_array_index (ranked, AviRanked, a);

  g_array_index (ranked, AviRanked, a) = g_array_index (ranked, AviRanked, b);
  g_array_index (ranked, AviRanked, b) = kept;
}

static gboolean
avi_ranked_is_outbound (const GArray *ranked, guint i)
{
  return g_array_index (ranked, AviRanked, i).member->peer->outbound;
}

/* Moves those we dialled from beyond the first D to among them, until these are D_out, in place of the last that we did
 * not dial. */
static void
avi_gossipsub_keep_outbound (AviGossipsub *self, GArray *ranked)
{
  guint keep = self->params.d;
  guint n = 0;

  for (guint i = 0; i < keep; i++)
    n += avi_ranked_is_outbound (ranked, i);
  for (guint out = keep, in = keep; n < self->params.d_out && out < ranked->len; out++)
    {
      if (!avi_ranked_is_outbound (ranked, out))
        continue;
      while (avi_ranked_is_outbound (ranked, --in))
        continue;
      avi_ranked_swap (ranked, out, in);
      n++;
    }
}

/* Keeps the D_score best, and others at random, up to D. */
static void
avi_gossipsub_prune_excess (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  g_autoptr(GArray) ranked = avi_gossipsub_rank_mesh (self, topic, now);

  for (guint i = self->params.d_score; i < self->params.d; i++)
    avi_ranked_swap (ranked, i, i + avi_random_below (self->random, ranked->len - i));
  avi_gossipsub_keep_outbound (self, ranked);
  for (guint i = self->params.d; i < ranked->len; i++)
    {
      AviGossipsubMember *member = g_array_index (ranked, AviRanked, i).member;

      avi_gossipsub_prune (self, member, self->params.prune_backoff, now);
      avi_gossipsub_exchange (self, member, now);
    }
}

static guint
avi_gossipsub_count_outbound (const AviGossipsubTopic *topic)
{
  guint n = 0;

  for (guint i = 0; i < topic->members->len; i++)
    {
      const AviGossipsubMember *member = topic->members->pdata[i];

      n += member->place == AVI_MEMBER_MESH && member->peer->outbound;
    }
  return n;
}

static void
avi_gossipsub_graft_outbound (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  guint n = avi_gossipsub_count_outbound (topic);

  if (n < self->params.d_out)
    avi_gossipsub_graft_some (self, topic, avi_gossipsub_member_is_outbound_graftable, self->params.d_out - n, now);
}

/* A mesh that is of little use gets members that are better than half of it. */
static void
avi_gossipsub_graft_opportunistically (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  g_autoptr(GArray) ranked = avi_gossipsub_rank_mesh (self, topic, now);
  guint n = self->params.opportunistic_graft_peers;
  double median;

  if (ranked->len < 2)
    return;
  median = g_array_index (ranked, AviRanked, ranked->len / 2).score;
  if (median >= self->params.opportunistic_graft_threshold)
    return;
  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_graftable, now, G_MAXUINT, self->random, self->picked);
  for (guint i = 0; i < self->picked->len && n > 0; i++)
    {
      AviGossipsubMember *member = self->picked->pdata[i];

      if (avi_gossipsub_peer_get_score (member->peer, now) <= median)
        continue;
      avi_gossipsub_graft (self, member, now);
      n--;
    }
}

static void
avi_gossipsub_maintain_mesh (AviGossipsub *self, AviGossipsubTopic *topic, gboolean opportunistic, gint64 now)
{
  guint n;

  avi_gossipsub_prune_bad (self, topic, now);
  n = topic->n_placed[AVI_MEMBER_MESH];
  if (n < self->params.d_lo)
    avi_gossipsub_graft_more (self, topic, self->params.d - n, now);
  else if (n > self->params.d_hi)
    avi_gossipsub_prune_excess (self, topic, now);
  if (topic->n_placed[AVI_MEMBER_MESH] >= self->params.d_lo)
    avi_gossipsub_graft_outbound (self, topic, now);
  if (opportunistic)
    avi_gossipsub_graft_opportunistically (self, topic, now);
}

static void
avi_gossipsub_maintain_fanout (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  guint n = topic->n_placed[AVI_MEMBER_FANOUT];
  gboolean over = now >= topic->fanout_until || topic->n_subscribers == 0;

  if (over)
    {
      topic->fanout_until = 0;
      for (guint i = 0; i < topic->members->len; i++)
        avi_gossipsub_member_set_place (topic->members->pdata[i], AVI_MEMBER_OUTSIDE);
    }
  else if (n < self->params.d)
    {
      avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_candidate, now, self->params.d - n, self->random,
                                self->picked);
      for (guint i = 0; i < self->picked->len; i++)
        avi_gossipsub_member_set_place (self->picked->pdata[i], AVI_MEMBER_FANOUT);
    }
}

static void
avi_gossipsub_drop_stale_members (AviGossipsubTopic *topic, gint64 now)
{
  for (guint i = topic->members->len; i > 0; i--)
    if (avi_gossipsub_member_is_stale (topic->members->pdata[i - 1], now))
      avi_gossipsub_member_free (topic->members->pdata[i - 1]);
}

/* Before its ids are known to mean something to it, a peer would hold our gossip against us. */
static gboolean
avi_gossipsub_member_is_gossipable (const AviGossipsubMember *member, gint64 now)
{
  return avi_gossipsub_member_is_candidate (member, now) && member->peer->id_form != AVI_MESSAGE_ID_UNKNOWN;
}

/* At most so many of the messages, another choice each time. */
static guint
avi_gossipsub_choose_messages (AviGossipsub *self, GPtrArray *messages)
{
  guint n = MIN (messages->len, self->params.max_ihave_length);

  for (guint i = 0; i < n && n < messages->len; i++)
    {
      guint other = i + avi_random_below (self->random, messages->len - i);
      gpointer chosen = messages->pdata[other];

      messages->pdata[other] = messages->pdata[i];
      messages->pdata[i] = chosen;
    }
  return n;
}

static void
avi_gossipsub_send_ihave (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic, GByteArray *ids,
                          gint64 now)
{
  g_autoptr(GByteArray) ihave = g_byte_array_new ();
  g_autoptr(GByteArray) field = g_byte_array_new ();

  avi_rpc_put_bytes (ihave, AVI_IHAVE_TOPIC, AVI_SPAN_STRING (topic->name));
  g_byte_array_append (ihave, ids->data, ids->len);
  avi_rpc_put_bytes (field, AVI_CONTROL_IHAVE, AVI_SPAN (ihave->data, ihave->len));
  avi_gossipsub_send_gossip (self, peer, AVI_SPAN (field->data, field->len), now);
  g_byte_array_set_size (ids, 0);
}

/* Bytes of ids in an IHAVE, which fits into an RPC with its topic. */
#define IHAVE_ROOM ((gsize) AVI_RPC_QUEUE_MAX_GOSSIP - AVI_GOSSIPSUB_MAX_TOPIC - 16)

/* What a peer takes of us in a heartbeat, of all topics, where it is configured like us: ids, and RPCs that are full. */
static gboolean
avi_gossipsub_may_tell (AviGossipsub *self, const AviGossipsubPeer *peer)
{
  return peer->ids_told < self->params.max_ihave_length
         && peer->ids_told_bytes + 64 < self->params.max_ihave_messages * IHAVE_ROOM;
}

static void
avi_gossipsub_gossip_to (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic, GPtrArray *messages,
                         gint64 now)
{
  g_autoptr(GByteArray) ids = g_byte_array_new ();
  g_autoptr(GByteArray) id = g_byte_array_new ();
  guint n = avi_gossipsub_choose_messages (self, messages);

  for (guint i = 0; i < n && avi_gossipsub_may_tell (self, peer); i++)
    {
      if (!avi_gossipsub_peer_takes (peer, messages->pdata[i]))
        continue;
      avi_gossip_message_write_id (messages->pdata[i], peer->id_form, id);
      if (ids->len > 0 && ids->len + avi_rpc_get_field_len (id->len) > IHAVE_ROOM)
        avi_gossipsub_send_ihave (self, peer, topic, ids, now);
      avi_rpc_put_bytes (ids, AVI_IHAVE_ID, AVI_SPAN (id->data, id->len));
      peer->ids_told++;
      peer->ids_told_bytes += avi_rpc_get_field_len (id->len);
    }
  if (ids->len > 0)
    avi_gossipsub_send_ihave (self, peer, topic, ids, now);
}

/* What is to be gossiped about on a topic, the newest first. */
typedef struct
{
  GPtrArray *checked;   /* of AviGossipMessage */
  GPtrArray *unchecked; /* likewise, of which nobody is told yet */
} AviRecent;

static AviRecent *
avi_recent_new (void)
{
  AviRecent *self = g_new (AviRecent, 1);

  self->checked = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  self->unchecked = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  return self;
}

static void
avi_recent_free (AviRecent *self)
{
  g_ptr_array_unref (self->checked);
  g_ptr_array_unref (self->unchecked);
  g_free (self);
}

static void
avi_gossipsub_note_recent (AviGossipsub *self, AviGossipMessage *message)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, message->fields.topic);
  AviRecent *recent = topic != NULL ? g_hash_table_lookup (self->recent, topic) : NULL;

  if (topic == NULL)
    return;
  if (recent == NULL)
    {
      recent = avi_recent_new ();
      g_hash_table_insert (self->recent, topic, recent);
    }
  g_ptr_array_add (message->checked ? recent->checked : recent->unchecked, avi_gossip_message_ref (message));
}

/* NULL: nothing. One walk through the cache does for all topics of a heartbeat. */
static AviRecent *
avi_gossipsub_find_recent (AviGossipsub *self, AviGossipsubTopic *topic)
{
  if (self->recent == NULL)
    {
      g_autoptr(GPtrArray) messages = g_ptr_array_new ();

      self->recent = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) avi_recent_free);
      avi_message_cache_list (self->cache, messages);
      for (guint i = 0; i < messages->len; i++)
        avi_gossipsub_note_recent (self, messages->pdata[i]);
    }
  return g_hash_table_lookup (self->recent, topic);
}

static void
avi_gossipsub_gossip (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  AviRecent *recent;
  guint n;

  if (avi_message_cache_get_size (self->cache) == 0
      || !avi_gossipsub_topic_has (topic, avi_gossipsub_member_is_gossipable, now))
    return;
  recent = avi_gossipsub_find_recent (self, topic);
  if (recent == NULL)
    return;
  avi_gossipsub_verify_for_gossip (self, recent->unchecked, now);
  if (recent->checked->len == 0)
    return;

  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_gossipable, now, G_MAXUINT, self->random, self->picked);
  n = MAX (self->params.d_lazy, (guint) (self->picked->len * self->params.gossip_factor));
  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_gossipable, now, n, self->random, self->picked);
  for (guint i = 0; i < self->picked->len; i++)
    {
      AviGossipsubPeer *peer = ((AviGossipsubMember *) self->picked->pdata[i])->peer;

      if (avi_gossipsub_gossips_with (self, peer, now))
        avi_gossipsub_gossip_to (self, peer, topic, recent->checked, now);
    }
}

static void
avi_gossipsub_heartbeat_topics (AviGossipsub *self, gboolean opportunistic, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      if (topic->subscribed)
        avi_gossipsub_maintain_mesh (self, topic, opportunistic, now);
      else if (topic->fanout_until != 0)
        avi_gossipsub_maintain_fanout (self, topic, now);
      if (topic->subscribed || topic->fanout_until != 0)
        avi_gossipsub_gossip (self, topic, now);

      avi_gossipsub_drop_stale_members (topic, now);
      if (avi_gossipsub_topic_is_unused (topic))
        g_hash_table_iter_remove (&iter);
    }
  g_clear_pointer (&self->recent, g_hash_table_unref);
}

static void
avi_gossipsub_heartbeat_peers (AviGossipsub *self)
{
  GHashTableIter iter;
  AviGossipsubPeer *peer;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &peer))
    {
      avi_gossipsub_tell_dropped (self, peer);
      avi_gossipsub_peer_heartbeat (peer);
    }
}

/* That a mesh lacks members that we dialled is no reason to wait for the end of a back-off: the one who refuses may do so
 * for ever, and they are of use while something is said. */
static gboolean
avi_gossipsub_topic_has_work (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  guint n = topic->n_placed[AVI_MEMBER_MESH];

  if (topic->fanout_until != 0)
    return TRUE;
  if (!topic->subscribed)
    return FALSE;
  if (n > self->params.d_hi)
    return TRUE;
  if (n < self->params.d_lo)
    return avi_gossipsub_topic_has (topic, avi_gossipsub_member_is_candidate, now);
  return avi_gossipsub_count_outbound (topic) < self->params.d_out
         && avi_gossipsub_topic_has (topic, avi_gossipsub_member_is_outbound_graftable, now);
}

/* For the next heartbeat, were nothing to happen until then. */
static gboolean
avi_gossipsub_has_work (AviGossipsub *self, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  if (g_hash_table_size (self->peers) == 0)
    return FALSE;
  if (avi_message_cache_get_size (self->cache) > 0 || avi_promises_get_size (self->promises) > 0
      || avi_promises_get_n_overdue (self->promises) > 0)
    return TRUE;

  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    if (avi_gossipsub_topic_has_work (self, topic, now))
      return TRUE;
  return FALSE;
}

void
avi_gossipsub_wake (AviGossipsub *self, gint64 now)
{
  if (self->next_heartbeat == G_MAXINT64)
    self->next_heartbeat = now + self->params.heartbeat;
}

void
avi_gossipsub_heartbeat (AviGossipsub *self, gint64 now)
{
  gboolean opportunistic = now >= self->next_opportunistic;

  if (opportunistic)
    self->next_opportunistic = now + self->params.opportunistic_graft_interval;
  avi_gossipsub_check_promises (self, now);
  avi_gossipsub_heartbeat_peers (self);
  avi_gossipsub_heartbeat_topics (self, opportunistic, now);
  self->n_exchanged = 0;
  if (g_hash_table_size (self->peers) == 0)
    avi_message_cache_clear (self->cache); /* nobody is there to ask, and the next heartbeat may be far */
  else
    avi_message_cache_shift (self->cache);

  self->next_heartbeat = avi_gossipsub_has_work (self, now) ? now + self->params.heartbeat : G_MAXINT64;
}
