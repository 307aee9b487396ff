/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "protocols/gossipsub/avi-rpc.h"

/* Gossipsub 1.0, Heartbeat; 1.1, Adaptive Gossip Dissemination. */

void
avi_gossipsub_graft_more (AviGossipsub *self, AviGossipsubTopic *topic, guint n, gint64 now)
{
  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_graftable, now, n, self->random, self->picked);
  for (guint i = 0; i < self->picked->len; i++)
    avi_gossipsub_graft (self, self->picked->pdata[i]);
}

static void
avi_gossipsub_maintain_mesh (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  guint n = topic->n_placed[AVI_MEMBER_MESH];

  if (n < self->d_lo)
    avi_gossipsub_graft_more (self, topic, self->d - n, now);
  else if (n > self->d_hi)
    {
      avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_in_mesh, now, n - self->d, self->random, self->picked);
      for (guint i = 0; i < self->picked->len; i++)
        avi_gossipsub_prune (self, self->picked->pdata[i], AVI_GOSSIPSUB_PRUNE_BACKOFF, now);
    }
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
  else if (n < self->d)
    {
      avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_candidate, now, self->d - n, self->random, self->picked);
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
  guint n = MIN (messages->len, AVI_GOSSIPSUB_MAX_IDS);

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
avi_gossipsub_send_ihave (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic, GByteArray *ids)
{
  g_autoptr(GByteArray) ihave = g_byte_array_new ();
  g_autoptr(GByteArray) field = g_byte_array_new ();

  avi_rpc_put_bytes (ihave, AVI_IHAVE_TOPIC, AVI_SPAN_STRING (topic->name));
  g_byte_array_append (ihave, ids->data, ids->len);
  avi_rpc_put_bytes (field, AVI_CONTROL_IHAVE, AVI_SPAN (ihave->data, ihave->len));
  avi_gossipsub_send_gossip (self, peer, AVI_SPAN (field->data, field->len));
  g_byte_array_set_size (ids, 0);
}

static void
avi_gossipsub_gossip_to (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic, GPtrArray *messages)
{
  g_autoptr(GByteArray) ids = g_byte_array_new ();
  g_autoptr(GByteArray) id = g_byte_array_new ();
  const gsize room = AVI_RPC_QUEUE_MAX_GOSSIP - AVI_GOSSIPSUB_MAX_TOPIC - 16;
  guint n = avi_gossipsub_choose_messages (self, messages);

  for (guint i = 0; i < n; i++)
    {
      if (!avi_gossipsub_peer_takes (peer, messages->pdata[i]))
        continue;
      avi_gossip_message_write_id (messages->pdata[i], peer->id_form, id);
      if (ids->len > 0 && ids->len + avi_rpc_get_field_len (id->len) > room)
        avi_gossipsub_send_ihave (self, peer, topic, ids);
      avi_rpc_put_bytes (ids, AVI_IHAVE_ID, AVI_SPAN (id->data, id->len));
    }
  if (ids->len > 0)
    avi_gossipsub_send_ihave (self, peer, topic, ids);
}

static void
avi_gossipsub_gossip (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  g_autoptr(GPtrArray) messages = NULL;
  guint n;

  if (!avi_gossipsub_topic_has (topic, avi_gossipsub_member_is_gossipable, now))
    return;
  avi_gossipsub_verify_for_gossip (self, topic);
  messages = g_ptr_array_new ();
  avi_message_cache_list (self->cache, AVI_SPAN_STRING (topic->name), messages);
  if (messages->len == 0)
    return;

  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_gossipable, now, G_MAXUINT, self->random, self->picked);
  n = MAX (self->d_lazy, self->picked->len / AVI_GOSSIPSUB_GOSSIP_FACTOR);
  avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_gossipable, now, n, self->random, self->picked);
  for (guint i = 0; i < self->picked->len; i++)
    avi_gossipsub_gossip_to (self, ((AviGossipsubMember *) self->picked->pdata[i])->peer, topic, messages);
}

static void
avi_gossipsub_heartbeat_topics (AviGossipsub *self, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      if (topic->subscribed)
        avi_gossipsub_maintain_mesh (self, topic, now);
      else if (topic->fanout_until != 0)
        avi_gossipsub_maintain_fanout (self, topic, now);
      if (topic->subscribed || topic->fanout_until != 0)
        avi_gossipsub_gossip (self, topic, now);

      avi_gossipsub_drop_stale_members (topic, now);
      if (avi_gossipsub_topic_is_unused (topic))
        g_hash_table_iter_remove (&iter);
    }
}

static void
avi_gossipsub_heartbeat_peers (AviGossipsub *self)
{
  GHashTableIter iter;
  AviGossipsubPeer *peer;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &peer))
    avi_gossipsub_peer_heartbeat (peer);
}

static gboolean
avi_gossipsub_topic_has_work (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  guint n = topic->n_placed[AVI_MEMBER_MESH];

  if (topic->fanout_until != 0)
    return TRUE;
  if (!topic->subscribed)
    return FALSE;
  return n > self->d_hi || (n < self->d_lo && avi_gossipsub_topic_has (topic, avi_gossipsub_member_is_candidate, now));
}

/* For the next heartbeat, were nothing to happen until then. */
static gboolean
avi_gossipsub_has_work (AviGossipsub *self, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  if (g_hash_table_size (self->peers) == 0)
    return FALSE;
  if (avi_message_cache_get_size (self->cache) > 0 || avi_promises_get_size (self->promises) > 0)
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
    self->next_heartbeat = now + self->heartbeat;
}

void
avi_gossipsub_heartbeat (AviGossipsub *self, gint64 now)
{
  self->statistics.broken_promises += avi_promises_heartbeat (self->promises, now);
  avi_gossipsub_heartbeat_peers (self);
  avi_gossipsub_heartbeat_topics (self, now);
  if (g_hash_table_size (self->peers) == 0)
    avi_message_cache_clear (self->cache); /* nobody is there to ask, and the next heartbeat may be far */
  else
    avi_message_cache_shift (self->cache);

  self->next_heartbeat = avi_gossipsub_has_work (self, now) ? now + self->heartbeat : G_MAXINT64;
}
