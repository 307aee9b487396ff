/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"

#include "avi-error.h"
#include "avi-message-private.h"
#include "protocols/gossipsub/avi-signing.h"

/* --- a message's way in --- */

/* The topic's own account, where it is still known. */
static void
avi_gossipsub_count_arrival (AviGossipsub *self, const AviArrival *arrival, AviTopicCount what)
{
  avi_gossipsub_count (self, avi_gossipsub_find_topic (self, arrival->message->fields.topic), what, 1);
}

/* A message was wrong in a way that no honest peer passes on: who sent it answers for it. */
static void
avi_gossipsub_blame (AviGossipsub *self, const AviArrival *arrival, gint64 now)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, arrival->message->fields.topic);

  for (guint i = 0; topic != NULL && i < arrival->n_holders; i++)
    avi_gossipsub_score_invalid (self, arrival->holders[i], topic, now);
}

/* It was good, or nobody will ever ask: the first who brought it has the merit, once. */
static void
avi_gossipsub_praise (AviGossipsub *self, AviGossipsubTopic *topic, AviArrival *arrival, gint64 now)
{
  if (arrival->praised)
    return;
  arrival->praised = TRUE;
  avi_gossipsub_score_first (self, arrival->holders[0], topic, arrival->message->id, now);
  for (guint i = 1; i < arrival->n_holders; i++)
    avi_gossipsub_score_again (self, arrival->holders[i], topic, arrival->message->id, now);
}

/* Takes what is in @arrival, unless there is no room: FALSE, and that is counted. */
static gboolean
avi_gossipsub_ask_to_verify (AviGossipsub *self, AviArrival *arrival, AviPublicKey *key)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_VERIFY };
  AviVerification *verification = avi_verifications_add (self->verifications, arrival, key);

  if (verification == NULL)
    {
      self->statistics.verify_drops++;
      avi_gossipsub_count_arrival (self, arrival, AVI_TOPIC_DROPPED_UNVERIFIED);
      return FALSE;
    }
  event.ticket = verification->ticket;
  event.key = verification->key;
  event.signed_bytes = AVI_SPAN (verification->signed_bytes, verification->signed_len);
  event.signature = verification->arrival.message->fields.signature;
  g_array_append_val (self->events, event);
  return TRUE;
}

/* Of a message that was delivered on its author's own word: before others get it. */
static void
avi_gossipsub_verify_later (AviGossipsub *self, AviArrival *arrival, gint64 now)
{
  AviGossipMessage *message = arrival->message;
  g_autoptr(AviPublicKey) key = avi_signing_get_key (&message->fields, NULL);

  if (key != NULL)
    {
      avi_gossipsub_ask_to_verify (self, arrival, key);
      return;
    }
  self->statistics.invalid++;
  avi_gossipsub_count_arrival (self, arrival, AVI_TOPIC_DROPPED_INVALID);
  avi_gossipsub_blame (self, arrival, now);
  avi_message_cache_drop (self->cache, &message->id);
}

void
avi_gossipsub_verify_for_gossip (AviGossipsub *self, const GPtrArray *messages, gint64 now)
{
  for (guint i = 0; i < messages->len; i++)
    {
      AviGossipMessage *message = messages->pdata[i];
      AviGossipsubPeer *author = g_hash_table_lookup (self->peers, &message->fields.from);
      g_auto(AviArrival) arrival = { 0 };

      if (avi_verifications_contain (self->verifications, &message->id))
        continue;
      avi_arrival_init (&arrival, message, author != NULL ? author->serial : 0);
      arrival.stage = AVI_ARRIVAL_KEPT;
      arrival.praised = TRUE;
      avi_gossipsub_verify_later (self, &arrival, now);
    }
}

/* Others would be sent it: DELIVERED; or told of it only: KEPT; or neither: NEW. */
static AviArrivalStage
avi_gossipsub_find_next_stage (AviGossipsub *self, AviGossipsubTopic *topic, const AviArrival *arrival, gint64 now)
{
  AviArrivalStage stage = AVI_ARRIVAL_NEW;

  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (avi_arrival_is_held_by (arrival, member->peer->serial))
        continue;
      if (avi_gossipsub_forwards_to (self, member, now))
        return AVI_ARRIVAL_DELIVERED;
      if (avi_gossipsub_member_is_candidate (member, now))
        stage = AVI_ARRIVAL_KEPT;
    }
  return stage;
}

/* Takes @told. */
static void
avi_gossipsub_deliver (AviGossipsub *self, AviGossipsubTopic *topic, AviMessage *told)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_MESSAGE, .message = told };

  g_array_append_val (self->events, event);
  self->statistics.delivered++;
  avi_gossipsub_count (self, topic, AVI_TOPIC_DELIVERED, 1);
  avi_gossipsub_count (self, topic, AVI_TOPIC_DELIVERED_BYTES, g_bytes_get_size (avi_message_get_data (told)));
}

static AviMessage *
avi_gossipsub_make_told (AviGossipsub *self, AviGossipsubTopic *topic, AviGossipMessage *message, gint64 now)
{
  g_autoptr(GBytes) data = avi_gossip_message_dup_data (message);

  return avi_message_new (topic->name, avi_gossip_message_get_author (message), message->fields.seqno, data,
                          now + self->unix_offset);
}

/* Nobody objects to it. Takes @told. What its author sent us itself is checked now where there are others who need it; else
 * it is not, until somebody comes to whom we gossip. */
static void
avi_gossipsub_accept (AviGossipsub *self, AviGossipsubTopic *topic, AviArrival *arrival, AviMessage *told, gint64 now)
{
  AviGossipMessage *message = arrival->message;

  avi_message_cache_put (self->cache, message);
  avi_gossipsub_deliver (self, topic, told);
  if (!message->checked)
    arrival->stage = avi_gossipsub_find_next_stage (self, topic, arrival, now);
  if (!message->checked && arrival->stage != AVI_ARRIVAL_NEW)
    avi_gossipsub_verify_later (self, arrival, now);
  else
    avi_gossipsub_praise (self, topic, arrival, now);
  if (message->checked)
    avi_gossipsub_forward (self, topic, arrival, now);
  avi_gossipsub_wake (self, now);
}

/* There is room. Takes what is in @arrival, and @told. */
static void
avi_gossipsub_ask_to_validate (AviGossipsub *self, AviArrival *arrival, AviMessage *told, gint64 now)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_VALIDATE, .message = told };

  event.ticket = avi_validations_get_next_ticket (self->validations);
  avi_message_set_ticket (told, event.ticket);
  avi_validations_add (self->validations, arrival, told, now);
  g_array_append_val (self->events, event);
}

/* Its author said it: from here on it counts as seen, unless there is no room for it, which there may be for a copy. */
static void
avi_gossipsub_believe (AviGossipsub *self, AviGossipsubTopic *topic, AviArrival *arrival, gint64 now)
{
  gboolean validated = (topic->flags & AVI_GOSSIPSUB_TOPIC_VALIDATED) != 0;
  AviMessage *told;

  if (avi_promises_keep (self->promises, arrival->message->id, arrival->holders[0]))
    self->statistics.iwant_recovered++;
  if (validated && !avi_validations_have_room (self->validations, arrival))
    {
      self->statistics.validate_drops++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_UNVERIFIED, 1);
      return;
    }
  if (!avi_seen_cache_add (self->seen, arrival->message->id, now)) /* the author made two of one seqno */
    {
      self->statistics.duplicates++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DUPLICATES, 1);
      return;
    }
  avi_gossipsub_say_idontwant (self, topic, arrival, now);
  told = avi_gossipsub_make_told (self, topic, arrival->message, now);
  if (validated)
    avi_gossipsub_ask_to_validate (self, arrival, told, now);
  else
    avi_gossipsub_accept (self, topic, arrival, told, now);
}

/* On a topic of ours, and not seen yet. Who sends what it says is its own is believed: the connection proves who it is,
 * and an id that holds its name keeps out no other's message. So it is, unless something that others sent in its name
 * still has to be checked, and comes before. */
static void
avi_gossipsub_receive_new (AviGossipsub *self,
                           AviGossipsubTopic *topic,
                           AviGossipsubPeer *peer,
                           const AviGossipFields *fields,
                           AviMessageId id,
                           const guint8 *content_id,
                           gint64 now)
{
  g_autoptr(AviPublicKey) key = NULL;
  g_autoptr(AviGossipMessage) message = NULL;
  g_auto(AviArrival) arrival = { 0 };
  gboolean believed = !fields->is_signed
                      || (avi_peer_id_equal (&fields->from, &peer->id)
                          && !avi_verifications_delay (self->verifications, &fields->from));

  if (!believed && (key = avi_signing_get_key (fields, NULL)) == NULL)
    {
      self->statistics.invalid++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_INVALID, 1);
      avi_gossipsub_score_invalid (self, peer->serial, topic, now);
      return;
    }
  message = avi_gossip_message_new (fields, id, content_id);
  avi_arrival_init (&arrival, message, peer->serial);
  if (!believed && !avi_gossipsub_ask_to_verify (self, &arrival, key))
    return;
  if (believed)
    avi_gossipsub_believe (self, topic, &arrival, now);
}

/* It is dropped for what it is, and nobody is blamed: it may be of another configuration, or from before a restart. */
static void
avi_gossipsub_count_invalid (AviGossipsub *self, AviGossipsubTopic *topic)
{
  self->statistics.invalid++;
  avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_INVALID, 1);
}

/* Cheap before dear: nothing is allocated, no key decoded and no signature looked at before form, size, topic and
 * duplicates were. */
void
avi_gossipsub_receive_message (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan raw, gint64 now)
{
  guint8 content_id[AVI_CONTENT_ID_LEN];
  AviGossipFields fields;
  AviGossipsubTopic *topic;
  AviMessageId id;

  self->statistics.received++;
  if (!avi_gossip_fields_read (&fields, raw, NULL) || fields.data.len > self->params.max_message)
    {
      avi_gossipsub_count_invalid (self, avi_gossipsub_find_topic (self, fields.topic));
      return;
    }
  topic = avi_gossipsub_find_topic (self, fields.topic);
  if (topic == NULL || !topic->subscribed)
    {
      self->statistics.unwanted++;
      return;
    }
  if (fields.is_signed == ((topic->flags & AVI_GOSSIPSUB_TOPIC_UNSIGNED) != 0))
    {
      avi_gossipsub_count_invalid (self, topic); /* peers of one topic are configured alike */
      return;
    }

  if (fields.is_signed)
    id = avi_message_id_make (&self->secret, &fields.from, fields.seqno);
  else
    {
      avi_message_id_hash_content (fields.topic, fields.data, content_id);
      id = avi_message_id_make_content (&self->secret, content_id);
    }
  if (avi_verifications_hold (self->verifications, &id, raw, peer->serial)
      || avi_validations_hold (self->validations, &id, raw, peer->serial)
      || avi_seen_cache_contains (self->seen, id, now))
    {
      self->statistics.duplicates++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DUPLICATES, 1);
      avi_gossipsub_score_again (self, peer->serial, topic, id, now);
      avi_stagger_drop (self->stagger, &id, peer->serial);
    }
  else if (avi_peer_id_equal (&fields.from, &self->id))
    avi_gossipsub_count_invalid (self, topic); /* ours, but not published lately, if ever */
  else
    avi_gossipsub_receive_new (self, topic, peer, &fields, id, fields.is_signed ? NULL : content_id, now);
}

/* Of one that was believed, the author's own connection said it: nothing goes on from here. */
static void
avi_gossipsub_found_forged (AviGossipsub *self, const AviArrival *arrival, gint64 now)
{
  self->statistics.invalid++;
  avi_gossipsub_count_arrival (self, arrival, AVI_TOPIC_DROPPED_INVALID);
  avi_gossipsub_blame (self, arrival, now);
  if (arrival->stage != AVI_ARRIVAL_NEW)
    avi_message_cache_drop (self->cache, &arrival->message->id);
}

void
avi_gossipsub_verified (AviGossipsub *self, guint64 ticket, gboolean valid, gint64 now)
{
  g_autoptr(AviVerification) verification = avi_verifications_take (self->verifications, ticket);
  AviArrival *arrival;
  AviGossipsubTopic *topic;

  if (verification == NULL)
    return;
  arrival = &verification->arrival;
  if (!valid)
    {
      avi_gossipsub_found_forged (self, arrival, now);
      return;
    }

  arrival->message->checked = TRUE;
  topic = avi_gossipsub_find_topic (self, arrival->message->fields.topic);
  if (topic == NULL || !topic->subscribed)
    self->statistics.unwanted += arrival->stage == AVI_ARRIVAL_NEW;
  else if (arrival->stage == AVI_ARRIVAL_NEW)
    avi_gossipsub_believe (self, topic, arrival, now);
  else
    {
      avi_gossipsub_praise (self, topic, arrival, now);
      if (arrival->stage == AVI_ARRIVAL_DELIVERED)
        avi_gossipsub_forward (self, topic, arrival, now);
    }
}

void
avi_gossipsub_validated (AviGossipsub *self, guint64 ticket, AviGossipsubVerdict verdict, gint64 now)
{
  g_autoptr(AviValidation) validation = avi_validations_take (self->validations, ticket);
  AviGossipsubTopic *topic;

  if (validation == NULL)
    return;
  topic = avi_gossipsub_find_topic (self, validation->arrival.message->fields.topic);
  if (topic == NULL || !topic->subscribed)
    self->statistics.unwanted++;
  else if (verdict == AVI_GOSSIPSUB_ACCEPT)
    avi_gossipsub_accept (self, topic, &validation->arrival, avi_message_ref (validation->told), now);
  else if (verdict == AVI_GOSSIPSUB_IGNORE)
    {
      self->statistics.ignored++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_REJECTED, 1);
    }
  else
    {
      self->statistics.rejected++;
      avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_REJECTED, 1);
      avi_gossipsub_blame (self, &validation->arrival, now);
    }
}

void
avi_gossipsub_end_late_validations (AviGossipsub *self, gint64 now)
{
  AviValidation *late;

  while ((late = avi_validations_take_late (self->validations, now)) != NULL)
    {
      self->statistics.validate_drops++;
      avi_gossipsub_count_arrival (self, &late->arrival, AVI_TOPIC_DROPPED_UNVERIFIED);
      avi_validation_free (late);
    }
}

/* --- publishing --- */

/* The same as people mean them: whatever the case, without slashes around. Ends at the first character that differs, so
 * that long names of others are not read. */
static gboolean
avi_gossipsub_are_near (const char *a, const char *b)
{
  a += strspn (a, "/");
  b += strspn (b, "/");
  while (*a != '\0' && g_unichar_tolower (g_utf8_get_char (a)) == g_unichar_tolower (g_utf8_get_char (b)))
    {
      a = g_utf8_next_char (a);
      b = g_utf8_next_char (b);
    }
  return a[strspn (a, "/")] == '\0' && b[strspn (b, "/")] == '\0';
}

/* NULL: there is none. */
static AviGossipsubTopic *
avi_gossipsub_find_near (AviGossipsub *self, const char *name)
{
  GHashTableIter iter;
  AviGossipsubTopic *topic;

  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    if (topic->n_subscribers > 0 && avi_gossipsub_are_near (name, topic->name))
      return topic;
  return NULL;
}

/* Nobody hears what is published. Once per name, until somebody's subscriptions change: it is a hint. And once a second at
 * most, whatever the names: it costs a look at every topic, and peers can have very many, and change them all the time. */
void
avi_gossipsub_tell_unheard (AviGossipsub *self, const char *name, gint64 now)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_UNHEARD };
  AviGossipsubTopic *near;

  if (now < self->next_unheard || g_hash_table_contains (self->unheard, name)
      || g_hash_table_size (self->unheard) >= AVI_GOSSIPSUB_MAX_UNHEARD)
    return;
  g_hash_table_add (self->unheard, g_strdup (name));
  self->next_unheard = now + AVI_GOSSIPSUB_UNHEARD_INTERVAL;

  near = avi_gossipsub_find_near (self, name);
  event.topic = g_ref_string_new (name);
  event.near_topic = near != NULL ? g_ref_string_acquire (near->name) : NULL;
  event.n_peers = g_hash_table_size (self->peers);
  g_array_append_val (self->events, event);
}

static AviGossipMessage *
avi_gossipsub_make_signed (AviGossipsub *self, const char *topic, GBytes *data)
{
  g_autoptr(GByteArray) raw = avi_signing_sign (self->identity, topic, avi_span_from_bytes (data), self->next_seqno++);
  AviGossipMessage *message;
  AviGossipFields fields;

  if (!avi_gossip_fields_read (&fields, AVI_SPAN (raw->data, raw->len), NULL))
    g_assert_not_reached ();
  message = avi_gossip_message_new (&fields, avi_message_id_make (&self->secret, &fields.from, fields.seqno), NULL);
  message->checked = TRUE;
  return message;
}

static AviGossipMessage *
avi_gossipsub_make_unsigned (AviGossipsub *self, const char *topic, GBytes *data)
{
  g_autoptr(GByteArray) raw = avi_signing_leave_unsigned (topic, avi_span_from_bytes (data));
  guint8 content_id[AVI_CONTENT_ID_LEN];
  AviGossipFields fields;

  if (!avi_gossip_fields_read (&fields, AVI_SPAN (raw->data, raw->len), NULL))
    g_assert_not_reached ();
  avi_message_id_hash_content (fields.topic, fields.data, content_id);
  return avi_gossip_message_new (&fields, avi_message_id_make_content (&self->secret, content_id), content_id);
}

static AviGossipMessage *
avi_gossipsub_make_message (AviGossipsub *self, AviGossipsubTopic *topic, GBytes *data)
{
  if (topic->flags & AVI_GOSSIPSUB_TOPIC_UNSIGNED)
    return avi_gossipsub_make_unsigned (self, topic->name, data);
  return avi_gossipsub_make_signed (self, topic->name, data);
}

/* From here on it counts as seen. FALSE: it was heard or published lately, and without authors the same bytes are the same
 * message. */
static gboolean
avi_gossipsub_note_seen (AviGossipsub *self, const AviGossipMessage *message, AviGossipsubTopic *topic, gint64 now,
                         GError **error)
{
  if (avi_seen_cache_add (self->seen, message->id, now))
    return TRUE;
  avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_DUPLICATE, 1);
  g_set_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS,
               "On “%s”, whose messages are not signed, this very message was heard or published in the last %d s: "
               "it counts as the same one",
               topic->name, (int) (self->params.seen_ttl / G_USEC_PER_SEC));
  return FALSE;
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
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (!avi_gossipsub_is_addressed (self, member))
        continue;
      if (!avi_gossipsub_publishes_to (self, member, now))
        avi_gossipsub_drop_message (self, member->peer, message, AVI_TOPIC_DROPPED_SCORE, now);
      else if (avi_gossipsub_send_own (self, member->peer, message, now))
        g_ptr_array_add (self->takers, &member->peer->id);
    }
  return self->takers->len;
}

/* FALSE: some subscribe, and to each it is too large. */
static gboolean
avi_gossipsub_check_takers (AviGossipsub *self, AviGossipsubTopic *topic, const AviGossipMessage *message,
                            gint64 now, GError **error)
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
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (avi_gossipsub_is_addressed (self, member))
        avi_gossipsub_drop_message (self, member->peer, message, AVI_TOPIC_DROPPED_TOO_LARGE, now);
    }
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

  g_ptr_array_set_size (self->takers, 0);
  if (!avi_gossipsub_check_topic (name, error))
    return -1;
  topic = avi_gossipsub_find_topic (self, AVI_SPAN_STRING (name));
  if (g_bytes_get_size (data) > self->params.max_message)
    {
      avi_gossipsub_count (self, topic, AVI_TOPIC_DROPPED_TOO_LARGE, 1);
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "A message of %" G_GSIZE_FORMAT " bytes is too large: at most %" G_GSIZE_FORMAT
                   " bytes are allowed (max-message-size)",
                   g_bytes_get_size (data), self->params.max_message);
      return -1;
    }

  self->n_published++;
  if (topic == NULL || topic->n_subscribers == 0)
    {
      self->next_seqno++;
      avi_gossipsub_tell_unheard (self, name, now);
      return 0;
    }

  message = avi_gossipsub_make_message (self, topic, data);
  if (!avi_gossipsub_check_takers (self, topic, message, now, error)
      || !avi_gossipsub_note_seen (self, message, topic, now, error))
    return -1;
  avi_message_cache_put (self->cache, message);
  if (!topic->subscribed)
    avi_gossipsub_refresh_fanout (self, topic, now);
  n = avi_gossipsub_flood (self, topic, message, now);
  avi_gossipsub_wake (self, now);
  return n;
}
