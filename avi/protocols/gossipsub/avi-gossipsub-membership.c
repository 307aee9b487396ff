/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"

#include "avi-error.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "wire/avi-text.h"

/* --- peers --- */

AviGossipsubPeer *
avi_gossipsub_ensure_peer (AviGossipsub *self, const AviPeerId *id, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  if (peer != NULL)
    return peer;

  peer = avi_gossipsub_peer_new (id, ++self->last_serial, self->max_queue);
  g_hash_table_insert (self->peers, &peer->id, peer);
  avi_gossipsub_begin_account (self, peer, now);
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    if (topic->subscribed)
      avi_rpc_queue_subscribe (&peer->queue, topic->name, TRUE);
  return peer;
}

/* Where its mesh is thin there is no waiting for the next heartbeat. */
static void
avi_gossipsub_graft_at_once (AviGossipsub *self, AviGossipsubMember *member, gint64 now)
{
  AviGossipsubTopic *topic = member->topic;

  if (topic->subscribed && topic->n_placed[AVI_MEMBER_MESH] < self->params.d_lo
      && avi_gossipsub_member_is_graftable (member, now))
    avi_gossipsub_graft (self, member, now);
}

static void
avi_gossipsub_open_peer (AviGossipsub *self, AviGossipsubPeer *peer, const char *protocol, gint64 now)
{
  GHashTableIter iter;
  AviGossipsubMember *member;

  avi_gossipsub_peer_set_protocol (peer, protocol);
  peer->ready = TRUE;
  g_hash_table_iter_init (&iter, peer->members);
  while (g_hash_table_iter_next (&iter, (gpointer *) &member, NULL))
    {
      if (!avi_gossipsub_peer_has_mesh (peer))
        avi_gossipsub_place (self, member, AVI_MEMBER_OUTSIDE, now);
      avi_gossipsub_graft_at_once (self, member, now);
    }
  avi_gossipsub_send (self, peer);
  if (g_hash_table_size (peer->members) > 0)
    avi_gossipsub_wake (self, now);
}

void
avi_gossipsub_add_peer (AviGossipsub *self, const AviPeerId *id, const char *protocol, const char *agent, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  g_return_if_fail (!avi_peer_id_equal (id, &self->id));

  if (peer != NULL && peer->kind != AVI_GOSSIPSUB_PEER_HEARD)
    avi_gossipsub_remove_peer (self, id, now);
  peer = avi_gossipsub_ensure_peer (self, id, now);
  avi_gossipsub_peer_set_agent (peer, agent);
  avi_gossipsub_open_peer (self, peer, protocol, now);
}

gboolean
avi_gossipsub_move_peer (AviGossipsub *self, const AviPeerId *id, const char *protocol, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);
  GHashTableIter iter;
  AviGossipsubTopic *topic;
  AviGossipsubMember *member;

  if (peer == NULL || peer->kind == AVI_GOSSIPSUB_PEER_HEARD)
    return FALSE;

  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    if (topic->subscribed)
      avi_rpc_queue_subscribe_again (&peer->queue, topic->name);
  g_hash_table_iter_init (&iter, peer->members);
  while (g_hash_table_iter_next (&iter, (gpointer *) &member, NULL))
    if (member->place == AVI_MEMBER_MESH)
      avi_rpc_queue_graft (&peer->queue, member->topic->name);
  avi_gossipsub_open_peer (self, peer, protocol, now);
  return TRUE;
}

void
avi_gossipsub_set_agent (AviGossipsub *self, const AviPeerId *id, const char *agent)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (peer != NULL)
    avi_gossipsub_peer_set_agent (peer, agent);
}

void
avi_gossipsub_limit_peer (AviGossipsub *self, const AviPeerId *id, gsize max_rpc, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (peer == NULL)
    return;
  peer->max_rpc = max_rpc;
  avi_gossipsub_drop_larger (self, peer, max_rpc, now);
}

void
avi_gossipsub_remove_peer (AviGossipsub *self, const AviPeerId *id, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);
  g_autoptr(GList) members = NULL;

  if (peer == NULL)
    return;

  members = g_hash_table_get_keys (peer->members);
  for (GList *link = members; link != NULL; link = link->next)
    {
      AviGossipsubMember *member = link->data;
      AviGossipsubTopic *topic = member->topic;

      if (member->subscribed)
        avi_gossipsub_announce (self, topic);
      avi_gossipsub_member_free (member);
      avi_gossipsub_release_topic (self, topic);
    }
  avi_gossipsub_drop_queued (self, peer, now);
  avi_gossipsub_tell_dropped (self, peer);
  peer->ready = FALSE;
  avi_gossipsub_send (self, peer);
  avi_gossipsub_end_account (self, peer, now);
  g_hash_table_remove (self->peers, id);
  if (members != NULL) /* some mesh may have become too thin */
    avi_gossipsub_wake (self, now);
}

void
avi_gossipsub_set_ready (AviGossipsub *self, const AviPeerId *id, gboolean ready)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (peer == NULL || peer->kind == AVI_GOSSIPSUB_PEER_HEARD)
    return;
  peer->ready = ready;
  avi_gossipsub_send (self, peer);
}

/* --- our subscriptions --- */

gboolean
avi_gossipsub_check_topic (const char *topic, GError **error)
{
  AviSpan span = AVI_SPAN_STRING (topic);
  g_autofree char *shown = NULL;

  if (avi_gossip_topic_is_valid (span))
    return TRUE;

  shown = avi_text_quote (span);
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
               "%s is not a topic: it has %" G_GSIZE_FORMAT " bytes, where 1 to %d of valid UTF-8 are allowed",
               shown, span.len, AVI_GOSSIPSUB_MAX_TOPIC);
  return FALSE;
}

static void
avi_gossipsub_tell_subscription (AviGossipsub *self, AviGossipsubTopic *topic)
{
  GHashTableIter iter;
  AviGossipsubPeer *peer;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &peer))
    {
      avi_rpc_queue_subscribe (&peer->queue, topic->name, topic->subscribed);
      avi_gossipsub_send (self, peer);
    }
}

/* JOIN: those in the fanout first. */
static void
avi_gossipsub_join (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (member->place != AVI_MEMBER_FANOUT)
        continue;
      avi_gossipsub_member_set_place (member, AVI_MEMBER_OUTSIDE);
      if (avi_gossipsub_member_is_graftable (member, now))
        avi_gossipsub_graft (self, member, now);
    }
  topic->fanout_until = 0;

  if (topic->n_placed[AVI_MEMBER_MESH] < self->params.d)
    avi_gossipsub_graft_more (self, topic, self->params.d - topic->n_placed[AVI_MEMBER_MESH], now);
}

gboolean
avi_gossipsub_subscribe (AviGossipsub *self, const char *name, gint64 now)
{
  AviGossipsubTopic *topic;

  if (!avi_gossipsub_check_topic (name, NULL))
    return FALSE;
  topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));
  if (topic != NULL && topic->subscribed)
    return TRUE;
  if (self->n_subscriptions >= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS)
    return FALSE;

  topic = avi_gossipsub_ensure_topic (self, AVI_SPAN_STRING (name));
  topic->subscribed = TRUE;
  self->n_subscriptions++;
  avi_gossipsub_tell_subscription (self, topic);
  avi_gossipsub_join (self, topic, now);
  if (topic->n_subscribers > 0)
    avi_gossipsub_wake (self, now);
  return TRUE;
}

void
avi_gossipsub_unsubscribe (AviGossipsub *self, const char *name, gint64 now)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));

  if (topic == NULL || !topic->subscribed)
    return;

  avi_gossipsub_hurry_topic (self, topic, now); /* others may hear of it from nobody else */
  for (guint i = 0; i < topic->members->len; i++)
    if (avi_gossipsub_member_is_in_mesh (topic->members->pdata[i], now))
      avi_gossipsub_prune (self, topic->members->pdata[i], self->params.unsubscribe_backoff, now);
  topic->subscribed = FALSE;
  self->n_subscriptions--;
  avi_gossipsub_tell_subscription (self, topic);
  avi_gossipsub_release_topic (self, topic);
}

/* --- peers' subscriptions --- */

void
avi_gossipsub_set_subscribed (AviGossipsub *self, AviGossipsubMember *member, gboolean subscribed, gint64 now)
{
  if (member->subscribed == subscribed)
    return;
  avi_gossipsub_member_set_subscribed (member, subscribed);
  avi_gossipsub_announce (self, member->topic);
  avi_gossipsub_wake (self, now);
}

/* Where there are many topics, who has a few is heard all the same, so that a handful of peers with very many does not make
 * us deaf for all others: nobody says his subscriptions twice. The share counts whatever a peer has, what others had before
 * it, too: else it could keep their topics for them while they begin anew.
 * @topic: NULL: it is not known. */
static gboolean
avi_gossipsub_has_room (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic)
{
  guint n = g_hash_table_size (self->topics);

  if (topic != NULL && (avi_gossipsub_topic_is_ours (topic) || avi_gossipsub_member_find (topic, peer) != NULL))
    return TRUE;
  if (n >= AVI_GOSSIPSUB_MANY_TOPICS && g_hash_table_size (peer->members) >= AVI_GOSSIPSUB_TOPICS_SHARE)
    return FALSE;
  return topic != NULL || n < AVI_GOSSIPSUB_MAX_ALL_TOPICS;
}

static void
avi_gossipsub_peer_subscribes (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan name, gint64 now)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, name);
  AviGossipsubMember *member;

  if (!avi_gossipsub_has_room (self, peer, topic))
    {
      self->statistics.limit_drops++;
      return;
    }
  topic = avi_gossipsub_ensure_topic (self, name);
  member = avi_gossipsub_ensure_member (self, peer, topic);
  if (member == NULL)
    {
      avi_gossipsub_release_topic (self, topic);
      return;
    }
  avi_gossipsub_set_subscribed (self, member, TRUE, now);
  avi_gossipsub_graft_at_once (self, member, now);
}

static void
avi_gossipsub_peer_unsubscribes (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan name, gint64 now)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, name);
  AviGossipsubMember *member = topic != NULL ? avi_gossipsub_member_find (topic, peer) : NULL;

  if (member == NULL)
    return;
  avi_gossipsub_place (self, member, AVI_MEMBER_OUTSIDE, now);
  avi_gossipsub_set_subscribed (self, member, FALSE, now);
  if (avi_gossipsub_member_is_stale (member, now))
    avi_gossipsub_member_free (member);
  avi_gossipsub_release_topic (self, topic);
}

gboolean
avi_gossipsub_receive_subscription (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now,
                                    GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviSpan topic = AVI_SPAN_EMPTY;
  gboolean subscribe = FALSE;
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_SUBSCRIPTION_SUBSCRIBE)
      subscribe = field.value != 0;
    else if (field.tag == AVI_SUBSCRIPTION_TOPIC)
      topic = field.bytes;
  if (!avi_rpc_reader_finish (&reader, "A subscription", error))
    return FALSE;

  if (!avi_gossip_topic_is_valid (topic))
    self->statistics.limit_drops++;
  else if (subscribe)
    avi_gossipsub_peer_subscribes (self, peer, topic, now);
  else
    avi_gossipsub_peer_unsubscribes (self, peer, topic, now);
  return TRUE;
}
