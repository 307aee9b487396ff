/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"

#include "avi-error.h"
#include "avi-message-private.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"

/* --- a message's way in --- */

/* Who would send us the message as well is told not to, before its signature is looked at: that it is a
 * forgery is less likely than that it is large and under way. */
static void
avi_gossipsub_say_idontwant (AviGossipsub *self,
                             AviGossipsubTopic *topic,
                             const AviGossipsubPeer *source,
                             AviGossipMessage *message)
{
  g_autoptr(GByteArray) id = g_byte_array_new ();
  g_autoptr(GByteArray) part = g_byte_array_new ();
  g_autoptr(GByteArray) field = g_byte_array_new ();

  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];
      AviGossipsubPeer *peer = member->peer;

      if (member->place != AVI_MEMBER_MESH || peer == source || !avi_gossipsub_peer_knows_idontwant (peer)
          || peer->id_form == AVI_MESSAGE_ID_UNKNOWN || avi_peer_id_equal (&peer->id, &message->fields.from))
        continue;
      avi_gossip_message_write_id (message, peer->id_form, id);
      g_byte_array_set_size (part, 0);
      avi_rpc_put_bytes (part, AVI_IDONTWANT_ID, AVI_SPAN (id->data, id->len));
      g_byte_array_set_size (field, 0);
      avi_rpc_put_bytes (field, AVI_CONTROL_IDONTWANT, AVI_SPAN (part->data, part->len));
      if (!avi_rpc_queue_urgent (&peer->queue, AVI_SPAN (field->data, field->len)))
        self->statistics.queue_drops++;
      avi_gossipsub_send (self, peer);
    }
}

static void
avi_gossipsub_ask_to_verify (AviGossipsub *self,
                             AviGossipsubTopic *topic,
                             AviGossipsubPeer *peer,
                             const AviGossipFields *fields,
                             AviMessageId id)
{
  g_autoptr(AviPublicKey) key = avi_signing_get_key (fields, NULL);
  g_autoptr(AviGossipMessage) message = NULL;
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_VERIFY };
  AviVerification *verification;

  if (key == NULL)
    {
      self->statistics.invalid++;
      return;
    }
  message = avi_gossip_message_new (fields, id);
  verification = avi_verifications_add (self->verifications, message, key, peer->serial);
  if (verification == NULL)
    {
      self->statistics.verify_drops++;
      return;
    }

  if (fields->data.len > self->params.idontwant_threshold)
    avi_gossipsub_say_idontwant (self, topic, peer, message);
  event.ticket = verification->ticket;
  event.key = key;
  event.signed_bytes = AVI_SPAN (verification->signed_bytes, verification->signed_len);
  event.signature = message->fields.signature;
  g_array_append_val (self->events, event);
}

void
avi_gossipsub_receive_message (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan raw, gint64 now)
{
  AviGossipFields fields;
  AviGossipsubTopic *topic;
  AviMessageId id;

  self->statistics.received++;
  if (!avi_gossip_fields_read (&fields, raw, NULL) || fields.data.len > self->params.max_message)
    {
      self->statistics.invalid++;
      return;
    }
  topic = avi_gossipsub_find_topic (self, fields.topic);
  if (topic == NULL || !topic->subscribed)
    {
      self->statistics.unwanted++;
      return;
    }

  id = avi_message_id_make (&self->secret, &fields.from, fields.seqno);
  if (avi_seen_cache_contains (self->seen, id, now)
      || avi_verifications_hold (self->verifications, &id, raw, peer->serial))
    {
      self->statistics.duplicates++;
      avi_gossipsub_score_again (self, peer->serial, topic, id, now);
    }
  else if (avi_peer_id_equal (&fields.from, &self->id))
    self->statistics.invalid++; /* ours, but not published lately, if ever */
  else
    avi_gossipsub_ask_to_verify (self, topic, peer, &fields, id);
}

/* To the mesh and to those without one; not to whom it came from, nor to its author. */
static void
avi_gossipsub_forward (AviGossipsub *self,
                       AviGossipsubTopic *topic,
                       const AviVerification *verification,
                       gint64 now)
{
  AviGossipMessage *message = verification->message;

  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];
      AviGossipsubPeer *peer = member->peer;

      if (!avi_gossipsub_forwards_to (self, member, now))
        continue;
      if (avi_verification_is_held_by (verification, peer->serial)
          || avi_peer_id_equal (&peer->id, &message->fields.from))
        continue;
      if (avi_gossipsub_peer_has (peer, message->id, now))
        self->statistics.spared++;
      else if (avi_gossipsub_send_message (self, peer, message))
        self->statistics.forwarded++;
    }
}

static void
avi_gossipsub_deliver (AviGossipsub *self, AviGossipsubTopic *topic, AviGossipMessage *message, gint64 now)
{
  g_autoptr(GBytes) data = avi_gossip_message_dup_data (message);
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_MESSAGE };

  event.message = avi_message_new (topic->name, avi_gossip_message_get_author (message), message->fields.seqno, data,
                                   now + self->unix_offset);
  g_array_append_val (self->events, event);
  self->statistics.delivered++;
}

void
avi_gossipsub_verified (AviGossipsub *self, guint64 ticket, gboolean valid, gint64 now)
{
  g_autoptr(AviVerification) verification = avi_verifications_take (self->verifications, ticket);
  AviGossipMessage *message;
  AviGossipsubTopic *topic;

  if (verification == NULL)
    return;
  message = verification->message;
  topic = avi_gossipsub_find_topic (self, message->fields.topic);
  if (!valid)
    {
      self->statistics.invalid++;
      if (topic != NULL)
        avi_gossipsub_score_verified (self, topic, verification, FALSE, now);
      return;
    }
  if (topic == NULL || !topic->subscribed)
    {
      self->statistics.unwanted++;
      return;
    }
  if (!avi_seen_cache_add (self->seen, message->id, now)) /* the author signed two of one seqno */
    {
      self->statistics.duplicates++;
      return;
    }

  avi_gossipsub_score_verified (self, topic, verification, TRUE, now);
  if (avi_promises_keep (self->promises, message->id, verification->holders[0]))
    self->statistics.iwant_recovered++;
  avi_message_cache_put (self->cache, message);
  avi_gossipsub_forward (self, topic, verification, now);
  avi_gossipsub_deliver (self, topic, message, now);
  avi_gossipsub_wake (self, now);
}

/* --- publishing --- */

/* As people mean them: without slashes around, whatever the case. */
static char *
avi_gossipsub_fold (const char *topic)
{
  gsize len;

  topic += strspn (topic, "/");
  len = strlen (topic);
  while (len > 0 && topic[len - 1] == '/')
    len--;
  return g_utf8_casefold (topic, len);
}

/* Once per name, until somebody's subscriptions change: it is a hint, and costs a look at every topic. */
static void
avi_gossipsub_seek_near_miss (AviGossipsub *self, const char *name)
{
  g_autofree char *folded = NULL;
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_NEAR_MISS };
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  if (g_hash_table_contains (self->near_misses, name)
      || g_hash_table_size (self->near_misses) >= AVI_GOSSIPSUB_MAX_NEAR_MISSES)
    return;
  g_hash_table_add (self->near_misses, g_strdup (name));

  folded = avi_gossipsub_fold (name);
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      g_autofree char *other = topic->n_subscribers > 0 ? avi_gossipsub_fold (topic->name) : NULL;

      if (other == NULL || strcmp (other, folded) != 0)
        continue;
      event.topic = g_ref_string_new (name);
      event.near_topic = g_ref_string_acquire (topic->name);
      event.n_peers = topic->n_subscribers;
      g_array_append_val (self->events, event);
      return;
    }
}

static AviGossipMessage *
avi_gossipsub_make_message (AviGossipsub *self, const char *topic, GBytes *data)
{
  g_autoptr(GByteArray) raw = avi_signing_sign (self->identity, topic, avi_span_from_bytes (data), self->next_seqno++);
  AviGossipFields fields;

  if (!avi_gossip_fields_read (&fields, AVI_SPAN (raw->data, raw->len), NULL))
    g_assert_not_reached ();
  return avi_gossip_message_new (&fields, avi_message_id_make (&self->secret, &fields.from, fields.seqno));
}

static void
avi_gossipsub_refresh_fanout (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  if (topic->fanout_until == 0)
    {
      avi_gossipsub_topic_pick (topic, avi_gossipsub_member_is_candidate, now, self->params.d, self->random,
                                self->picked);
      for (guint i = 0; i < self->picked->len; i++)
        avi_gossipsub_member_set_place (self->picked->pdata[i], AVI_MEMBER_FANOUT);
    }
  topic->fanout_until = now + self->params.fanout_ttl;
}

/* Flood publishing (gossipsub 1.1): the mesh is for what others say. */
static guint
avi_gossipsub_flood (AviGossipsub *self, AviGossipsubTopic *topic, AviGossipMessage *message, gint64 now)
{
  guint n = 0;

  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (avi_gossipsub_publishes_to (self, member, now) && avi_gossipsub_send_message (self, member->peer, message))
        n++;
    }
  return n;
}

/* FALSE: some subscribe, and to each it is too large. */
static gboolean
avi_gossipsub_check_takers (AviGossipsub *self, AviGossipsubTopic *topic, const AviGossipMessage *message,
                            GError **error)
{
  gsize most = 0;

  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (member->subscribed && avi_gossipsub_peer_takes (member->peer, message))
        return TRUE;
      if (member->subscribed)
        most = MAX (most, member->peer->max_rpc);
    }
  self->statistics.size_drops += topic->n_subscribers;
  g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
               "A message of %" G_GSIZE_FORMAT
               " bytes is too large for all that subscribe to “%s”: with its author and "
               "signature it has %" G_GSIZE_FORMAT " bytes, and they take %" G_GSIZE_FORMAT " at most",
               message->fields.data.len, topic->name, message->entry.len, most);
  return FALSE;
}

gint
avi_gossipsub_publish (AviGossipsub *self, const char *name, GBytes *data, gint64 now, GError **error)
{
  AviGossipsubTopic *topic;
  g_autoptr(AviGossipMessage) message = NULL;
  guint n;

  if (!avi_gossipsub_check_topic (name, error))
    return -1;
  if (g_bytes_get_size (data) > self->params.max_message)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "A message of %" G_GSIZE_FORMAT " bytes is too large: at most %" G_GSIZE_FORMAT " bytes are allowed",
                   g_bytes_get_size (data), self->params.max_message);
      return -1;
    }

  topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));
  if (topic == NULL || topic->n_subscribers == 0)
    {
      self->next_seqno++;
      avi_gossipsub_seek_near_miss (self, name);
      return 0;
    }

  message = avi_gossipsub_make_message (self, name, data);
  if (!avi_gossipsub_check_takers (self, topic, message, error))
    return -1;
  avi_seen_cache_add (self->seen, message->id, now);
  avi_message_cache_put (self->cache, message);
  if (!topic->subscribed)
    avi_gossipsub_refresh_fanout (self, topic, now);
  n = avi_gossipsub_flood (self, topic, message, now);
  avi_gossipsub_wake (self, now);
  return n;
}
