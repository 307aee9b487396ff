/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"

#include "avi-error.h"
#include "protocols/gossipsub/avi-rpc.h"

static void
avi_gossipsub_tally_free (AviGossipsubTally *self)
{
  g_ref_string_release (self->topic);
  g_free (self);
}

AviGossipsub *
avi_gossipsub_new (const AviGossipsubConfig *config, gint64 now)
{
  AviGossipsub *self = g_new0 (AviGossipsub, 1);

  self->identity = avi_key_pair_ref (config->identity);
  self->id = *avi_key_pair_get_peer_id (config->identity);
  self->random = config->random;
  avi_sip_key_init (&self->secret, config->random);
  if (config->params != NULL)
    avi_gossipsub_params_copy (&self->params, config->params);
  else
    avi_gossipsub_params_init (&self->params);
  self->max_topics = config->max_topics > 0 ? config->max_topics : 1024;
  self->max_queue = config->max_queue > 0 ? config->max_queue : 4 * 1024 * 1024;
  self->next_seqno = config->first_seqno;
  self->unix_offset = config->unix_offset != 0 ? config->unix_offset : (gint64) (config->first_seqno / 1000) - now;

  self->topics = g_hash_table_new_full (avi_gossipsub_topic_hash, avi_gossipsub_topic_equal,
                                        (GDestroyNotify) avi_gossipsub_topic_free, NULL);
  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_gossipsub_peer_free);
  g_queue_init (&self->sending);
  self->seen = avi_seen_cache_new (self->params.seen_ttl, AVI_GOSSIPSUB_SEEN_MAX);
  self->cache = avi_message_cache_new (self->params.history_length, self->params.history_gossip,
                                       AVI_GOSSIPSUB_CACHE_BYTES);
  self->verifications = avi_verifications_new (AVI_GOSSIPSUB_MAX_CHECKS, AVI_GOSSIPSUB_MAX_CHECKS_BYTES);
  self->validations = avi_validations_new (config->first_seqno, AVI_GOSSIPSUB_MAX_VALIDATIONS,
                                           AVI_GOSSIPSUB_MAX_VALIDATIONS_BYTES, AVI_GOSSIPSUB_VALIDATION_TIME);
  self->stagger = avi_stagger_new (AVI_GOSSIPSUB_MAX_STAGGERED, AVI_GOSSIPSUB_MAX_STAGGERED_BYTES);
  self->promises = avi_promises_new (AVI_GOSSIPSUB_MAX_PROMISES, self->params.iwant_followup,
                                      AVI_GOSSIPSUB_MAX_OVERDUE, AVI_GOSSIPSUB_LIE_TIME);
  avi_gossipsub_init_scoring (self, now);
  self->next_opportunistic = now + self->params.opportunistic_graft_interval;
  self->next_heartbeat = G_MAXINT64;
  self->events = g_array_new (FALSE, FALSE, sizeof (AviGossipsubEvent));
  self->unheard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->picked = g_ptr_array_new ();
  self->takers = g_ptr_array_new ();
  self->dropped.messages = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  self->tallies = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossipsub_tally_free);
  return self;
}

/* Names in events are GRefStrings that the event holds, as it does its peer. */
static void
avi_gossipsub_release_names (AviGossipsubEvent *event)
{
  g_clear_pointer (&event->peer, g_free);
  g_clear_pointer (&event->teller, g_free);
  g_clear_pointer (&event->record, g_bytes_unref);
  g_clear_pointer ((GRefString **) &event->topic, g_ref_string_release);
  g_clear_pointer ((GRefString **) &event->near_topic, g_ref_string_release);
}

void
avi_gossipsub_free (AviGossipsub *self)
{
  g_autoptr(GList) peers = g_hash_table_get_keys (self->peers);

  for (GList *link = peers; link != NULL; link = link->next)
    avi_gossipsub_remove_peer (self, link->data, 0);
  for (guint i = self->first_event; i < self->events->len; i++)
    {
      AviGossipsubEvent *event = &g_array_index (self->events, AviGossipsubEvent, i);

      g_clear_pointer (&event->message, avi_message_unref);
      avi_gossipsub_release_names (event);
    }
  avi_gossipsub_release_names (&self->told);
  g_array_unref (self->events);
  g_ptr_array_unref (self->picked);
  g_ptr_array_unref (self->takers);
  g_ptr_array_unref (self->dropped.messages);
  g_hash_table_unref (self->unheard);
  avi_promises_free (self->promises);
  avi_stagger_free (self->stagger);
  avi_validations_free (self->validations);
  avi_verifications_free (self->verifications);
  avi_message_cache_free (self->cache);
  avi_seen_cache_free (self->seen);
  g_hash_table_unref (self->peers);
  avi_gossipsub_clear_scoring (self);
  g_hash_table_unref (self->topics);
  g_ptr_array_unref (self->tallies);
  avi_gossipsub_params_clear (&self->params);
  avi_key_pair_unref (self->identity);
  g_free (self);
}

/* --- topics and members --- */

AviGossipsubTopic *
avi_gossipsub_find_topic (AviGossipsub *self, AviSpan name)
{
  AviGossipsubTopic key = { .hash = avi_sip_hash (&self->secret, name) };

  return g_hash_table_lookup (self->topics, &key);
}

AviGossipsubTopic *
avi_gossipsub_ensure_topic (AviGossipsub *self, AviSpan name)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, name);

  if (topic == NULL)
    {
      topic = avi_gossipsub_topic_new (avi_sip_hash (&self->secret, name), name);
      g_hash_table_add (self->topics, topic);
    }
  return topic;
}

void
avi_gossipsub_release_topic (AviGossipsub *self, AviGossipsubTopic *topic)
{
  if (avi_gossipsub_topic_is_unused (topic))
    g_hash_table_remove (self->topics, topic);
}

AviGossipsubMember *
avi_gossipsub_ensure_member (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic)
{
  AviGossipsubMember *member = avi_gossipsub_member_find (topic, peer);

  if (member != NULL)
    return member;
  if (g_hash_table_size (peer->members) >= self->max_topics)
    {
      self->statistics.limit_drops++;
      return NULL;
    }
  return avi_gossipsub_member_new (topic, peer);
}

gboolean
avi_gossipsub_set_topic_flags (AviGossipsub *self, const char *name, AviGossipsubTopicFlags flags)
{
  AviGossipsubTopic *topic;

  if (!avi_gossipsub_check_topic (name, NULL))
    return FALSE;
  topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));
  if (flags == 0 && topic == NULL)
    return TRUE;
  if (flags != 0 && (topic == NULL || topic->flags == 0) && self->n_flagged >= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS)
    return FALSE;

  topic = avi_gossipsub_ensure_topic (self, AVI_SPAN_STRING (name));
  self->n_flagged += (flags != 0) - (topic->flags != 0);
  topic->flags = flags;
  avi_gossipsub_release_topic (self, topic);
  return TRUE;
}

gboolean
avi_gossipsub_signs (AviGossipsub *self, const char *name)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));

  return topic == NULL || (topic->flags & AVI_GOSSIPSUB_TOPIC_UNSIGNED) == 0;
}

/* --- counts --- */

void
avi_gossipsub_count (AviGossipsub *self, AviGossipsubTopic *topic, AviTopicCount what, guint64 n)
{
  if (topic == NULL)
    return;
  if (topic->tally == NULL)
    {
      if (self->tallies->len >= AVI_GOSSIPSUB_MAX_COUNTED)
        return;
      topic->tally = g_new0 (AviGossipsubTally, 1);
      topic->tally->topic = g_ref_string_acquire (topic->name);
      g_ptr_array_add (self->tallies, topic->tally);
    }
  topic->tally->counts.n[what] += n;
}

gboolean
avi_gossipsub_next_counts (AviGossipsub *self, GRefString **name, AviTopicCounts *counts)
{
  AviGossipsubTally *tally;

  if (self->tallies->len == 0)
    return FALSE;
  tally = self->tallies->pdata[self->tallies->len - 1];
  *name = g_ref_string_acquire (tally->topic);
  *counts = tally->counts;
  if (!tally->abandoned)
    avi_gossipsub_find_topic (self, AVI_SPAN_STRING (tally->topic))->tally = NULL;
  g_ptr_array_set_size (self->tallies, self->tallies->len - 1);
  return TRUE;
}

/* --- events --- */

/* One event at a time per topic, which stays until then: how many there are is looked up when it is told. */
void
avi_gossipsub_announce (AviGossipsub *self, AviGossipsubTopic *topic)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_SUBSCRIBERS };

  g_hash_table_remove_all (self->unheard);
  if (topic->announced)
    return;
  topic->announced = TRUE;
  event.topic = g_ref_string_acquire (topic->name);
  g_array_append_val (self->events, event);
}

gboolean
avi_gossipsub_next (AviGossipsub *self, AviGossipsubEvent *event)
{
  AviGossipsubTopic *topic;

  avi_gossipsub_release_names (&self->told);
  if (self->first_event == self->events->len)
    {
      g_array_set_size (self->events, 0);
      self->first_event = 0;
      return FALSE;
    }

  self->told = g_array_index (self->events, AviGossipsubEvent, self->first_event++);
  *event = self->told;
  switch (event->type)
    {
    case AVI_GOSSIPSUB_EVENT_MESSAGE:
    case AVI_GOSSIPSUB_EVENT_VALIDATE:
      event->topic = avi_message_get_topic (event->message);
      break;

    case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
      topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (event->topic));
      topic->announced = FALSE;
      event->n_peers = topic->n_subscribers;
      avi_gossipsub_release_topic (self, topic);
      break;

    case AVI_GOSSIPSUB_EVENT_VERIFY:
    case AVI_GOSSIPSUB_EVENT_UNHEARD:
    case AVI_GOSSIPSUB_EVENT_DROPPED:
    case AVI_GOSSIPSUB_EVENT_DIAL:
      break;
    }
  return TRUE;
}

void
avi_gossipsub_tell_dropped (AviGossipsub *self, AviGossipsubPeer *peer)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_DROPPED };

  if (avi_peer_drops_sum (&peer->drops) == 0)
    return;
  event.peer = g_memdup2 (&peer->id, sizeof peer->id);
  event.drops = peer->drops;
  peer->drops = (AviPeerDrops) { 0 };
  g_array_append_val (self->events, event);
}

/* --- sending --- */

void
avi_gossipsub_send (AviGossipsub *self, AviGossipsubPeer *peer)
{
  gboolean sending = peer->ready && !avi_rpc_queue_is_empty (&peer->queue);

  if (sending == peer->is_sending)
    return;
  peer->is_sending = sending;
  if (sending)
    g_queue_push_tail_link (&self->sending, &peer->sending);
  else
    g_queue_unlink (&self->sending, &peer->sending);
}

void
avi_gossipsub_drop_message (AviGossipsub *self, AviGossipsubPeer *peer, const AviGossipMessage *message,
                            AviTopicCount why, gint64 now)
{
  avi_gossipsub_count (self, avi_gossipsub_find_topic (self, message->fields.topic), why, 1);
  if (why == AVI_TOPIC_DROPPED_QUEUE)
    {
      self->statistics.queue_drops++;
      peer->drops.queue++;
    }
  else if (why == AVI_TOPIC_DROPPED_TOO_LARGE)
    {
      self->statistics.size_drops++;
      peer->drops.too_large++;
    }
  else
    {
      self->statistics.score_drops++;
      peer->drops.score++;
    }
  avi_gossipsub_wake (self, now); /* the heartbeat tells it */
}

/* What was taken out of the peer's queue. */
static void
avi_gossipsub_drop_taken (AviGossipsub *self, AviGossipsubPeer *peer, AviTopicCount why, gint64 now)
{
  GPtrArray *messages = self->dropped.messages;

  for (guint i = 0; i < messages->len; i++)
    avi_gossipsub_drop_message (self, peer, messages->pdata[i], why, now);
  g_ptr_array_set_size (messages, 0);
}

/* Whatever made room on the peer's queue. */
static void
avi_gossipsub_count_dropped (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  AviRpcQueueDropped *dropped = &self->dropped;

  self->statistics.queue_drops += dropped->n_gossip;
  dropped->n_gossip = 0;
  if (dropped->messages->len > 0)
    avi_gossipsub_found_slow (self, peer, now);
  avi_gossipsub_drop_taken (self, peer, AVI_TOPIC_DROPPED_QUEUE, now);
}

static gboolean
avi_gossipsub_check_size (AviGossipsub *self, AviGossipsubPeer *peer, const AviGossipMessage *message, gint64 now)
{
  if (avi_gossipsub_peer_takes (peer, message))
    return TRUE;
  avi_gossipsub_drop_message (self, peer, message, AVI_TOPIC_DROPPED_TOO_LARGE, now);
  return FALSE;
}

/* @queued: FALSE: there was no room for it. */
static gboolean
avi_gossipsub_end_queueing (AviGossipsub *self, AviGossipsubPeer *peer, const AviGossipMessage *message,
                            gboolean queued, gint64 now)
{
  avi_gossipsub_count_dropped (self, peer, now);
  if (!queued)
    {
      avi_gossipsub_found_slow (self, peer, now);
      avi_gossipsub_drop_message (self, peer, message, AVI_TOPIC_DROPPED_QUEUE, now);
    }
  avi_gossipsub_send (self, peer);
  return queued;
}

gboolean
avi_gossipsub_send_message (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  return avi_gossipsub_check_size (self, peer, message, now)
         && avi_gossipsub_end_queueing (self, peer, message,
                                        avi_rpc_queue_others (&peer->queue, message, now, &self->dropped),
                                        now);
}

gboolean
avi_gossipsub_send_own (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  return avi_gossipsub_check_size (self, peer, message, now)
         && avi_gossipsub_end_queueing (self, peer, message,
                                        avi_rpc_queue_own (&peer->queue, message, self->n_published, &self->dropped),
                                        now);
}

void
avi_gossipsub_send_gossip (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan fields, gint64 now)
{
  if (!avi_rpc_queue_gossip (&peer->queue, fields, &self->dropped))
    self->dropped.n_gossip++;
  avi_gossipsub_count_dropped (self, peer, now);
  avi_gossipsub_send (self, peer);
}

void
avi_gossipsub_drop_queued (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  avi_rpc_queue_drop_all (&peer->queue, &self->dropped);
  avi_gossipsub_drop_taken (self, peer, AVI_TOPIC_DROPPED_QUEUE, now);
}

void
avi_gossipsub_drop_larger (AviGossipsub *self, AviGossipsubPeer *peer, gsize max, gint64 now)
{
  avi_rpc_queue_drop_larger (&peer->queue, max, &self->dropped);
  avi_gossipsub_drop_taken (self, peer, AVI_TOPIC_DROPPED_TOO_LARGE, now);
  avi_gossipsub_send (self, peer);
}

guint64
avi_gossipsub_get_n_published (AviGossipsub *self)
{
  return self->n_published;
}

guint64
avi_gossipsub_get_n_taken (AviGossipsub *self, const AviPeerId *id)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  return peer != NULL ? MIN (avi_rpc_queue_get_first_own (&peer->queue) - 1, self->n_published) : self->n_published;
}

const AviPeerId *const *
avi_gossipsub_get_takers (AviGossipsub *self, guint *n)
{
  *n = self->takers->len;
  return (const AviPeerId *const *) self->takers->pdata;
}

void
avi_gossipsub_graft (AviGossipsub *self, AviGossipsubMember *member, gint64 now)
{
  avi_gossipsub_place (self, member, AVI_MEMBER_MESH, now);
  avi_rpc_queue_graft (&member->peer->queue, member->topic->name);
  avi_gossipsub_send (self, member->peer);
}

void
avi_gossipsub_prune (AviGossipsub *self, AviGossipsubMember *member, gint64 backoff, gint64 now)
{
  AviGossipsubPeer *peer = member->peer;

  avi_gossipsub_place (self, member, AVI_MEMBER_OUTSIDE, now);
  member->backoff_until = MAX (member->backoff_until, now + backoff);
  avi_rpc_queue_prune (&peer->queue, member->topic->name,
                       peer->kind >= AVI_GOSSIPSUB_PEER_MESH_1_1 ? (guint) (backoff / G_USEC_PER_SEC) : 0);
  avi_gossipsub_send (self, peer);
}

gboolean
avi_gossipsub_transmit (AviGossipsub *self, AviPeerId *peer, GBytes **rpc, gint64 now)
{
  GList *link;

  *rpc = NULL;
  while (*rpc == NULL && (link = self->sending.head) != NULL)
    {
      AviGossipsubPeer *first = link->data;

      avi_rpc_queue_expire (&first->queue, now - AVI_GOSSIPSUB_FORWARD_TIME, &self->dropped);
      avi_gossipsub_count_dropped (self, first, now);
      *peer = first->id;
      *rpc = avi_rpc_queue_pop (&first->queue);

      /* Everybody in turn: the next RPC to the same peer comes after those to the others. */
      g_queue_unlink (&self->sending, link);
      first->is_sending = FALSE;
      avi_gossipsub_send (self, first);
    }
  return *rpc != NULL;
}

/* --- receiving --- */

gboolean
avi_gossipsub_receive (AviGossipsub *self, const AviPeerId *id, AviSpan rpc, gint64 now, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (rpc);
  AviGossipsubPeer *peer;
  AviRpcField field;
  gboolean good = TRUE;
  gboolean graylisted;

  g_return_val_if_fail (!avi_peer_id_equal (id, &self->id), TRUE);

  if (rpc.len > AVI_GOSSIPSUB_MAX_RPC)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "An RPC has %" G_GSIZE_FORMAT " bytes, where at most %d are allowed",
                   rpc.len, AVI_GOSSIPSUB_MAX_RPC);
      return FALSE;
    }

  peer = avi_gossipsub_ensure_peer (self, id, now);
  peer->heard = now;
  graylisted = avi_gossipsub_is_graylisted (self, peer, now);
  self->statistics.graylisted += graylisted;
  while (good && avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_RPC_SUBSCRIPTION) /* said once only: the score may become better */
      good = avi_gossipsub_receive_subscription (self, peer, field.bytes, now, error);
    else if (graylisted)
      continue;
    else if (field.tag == AVI_RPC_PUBLISH)
      avi_gossipsub_receive_message (self, peer, field.bytes, now);
    else if (field.tag == AVI_RPC_CONTROL)
      good = avi_gossipsub_receive_control (self, peer, field.bytes, now, error);
  return good && avi_rpc_reader_finish (&reader, "An RPC", error);
}

/* --- time, and what is to be known --- */

void
avi_gossipsub_tick (AviGossipsub *self, gint64 now)
{
  avi_gossipsub_end_late_validations (self, now);
  avi_gossipsub_forward_staggered (self, now, now);
  if (now >= self->next_heartbeat)
    avi_gossipsub_heartbeat (self, now);
}

gint64
avi_gossipsub_deadline (AviGossipsub *self)
{
  return MIN (MIN (self->next_heartbeat, avi_stagger_get_deadline (self->stagger)),
              avi_validations_get_deadline (self->validations));
}

gboolean
avi_gossipsub_is_busy (AviGossipsub *self)
{
  return avi_verifications_are_many (self->verifications);
}

guint64
avi_gossipsub_get_seqno (AviGossipsub *self)
{
  return self->next_seqno - 1;
}

guint64
avi_gossipsub_skip_seqno (AviGossipsub *self)
{
  return self->next_seqno++;
}

void
avi_gossipsub_set_unix_offset (AviGossipsub *self, gint64 unix_offset)
{
  self->unix_offset = unix_offset;
}

guint
avi_gossipsub_count_subscribers (AviGossipsub *self, const char *topic)
{
  AviGossipsubTopic *found = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (topic));

  return found != NULL ? found->n_subscribers : 0;
}

void
avi_gossipsub_get_statistics (AviGossipsub *self, AviGossipsubStatistics *out)
{
  *out = self->statistics;
}
