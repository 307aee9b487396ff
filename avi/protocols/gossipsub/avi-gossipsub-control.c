/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "protocols/gossipsub/avi-rpc.h"

/* Gossipsub 1.0, Message Processing; 1.1, Spam Protection Measures; 1.2, IDONTWANT. Extensions (1.3) describe
 * their sender, and we know of none. */

/* py counts back-offs in whole seconds, from the beginning of one. */
#define GRAFT_EARLY G_USEC_PER_SEC

/* GRAFT and PRUNE name a topic and little else; for the peers that a PRUNE may name: -px.c. */
static gboolean
avi_gossipsub_read_graft (AviSpan bytes, AviSpan *topic, guint64 *backoff, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  G_STATIC_ASSERT (AVI_GRAFT_TOPIC == AVI_PRUNE_TOPIC);
  *topic = AVI_SPAN_EMPTY;
  *backoff = 0;
  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_PRUNE_TOPIC)
      *topic = field.bytes;
    else if (field.tag == AVI_PRUNE_BACKOFF)
      *backoff = field.value;
  return avi_rpc_reader_finish (&reader, "A GRAFT or PRUNE", error);
}

/* The peer as a member of a topic of ours; NULL for any other topic, which GRAFT and PRUNE may not
 * touch, nor be answered for. */
static AviGossipsubMember *
avi_gossipsub_find_grafting (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan name)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, name);

  if (topic == NULL || !topic->subscribed || !avi_gossipsub_peer_has_mesh (peer))
    return NULL;
  return avi_gossipsub_ensure_member (self, peer, topic);
}

static gboolean
avi_gossipsub_member_is_early (const AviGossipsubMember *member, gint64 now)
{
  return member->backoff_until > now + GRAFT_EARLY;
}

/* While the mesh is full only who we dialled: those who dial us may be many, and of one mind. */
static gboolean
avi_gossipsub_takes_graft (AviGossipsub *self, const AviGossipsubMember *member, gint64 now)
{
  const AviGossipsubPeer *peer = member->peer;

  return !peer->direct && !avi_gossipsub_member_is_early (member, now) && avi_gossipsub_peer_get_score (peer, now) >= 0
         && (member->topic->n_placed[AVI_MEMBER_MESH] < self->params.d_hi || peer->outbound);
}

static gboolean
avi_gossipsub_receive_graft (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now, GError **error)
{
  AviGossipsubMember *member;
  AviSpan topic;
  guint64 unused;
  gboolean early;

  if (!avi_gossipsub_read_graft (bytes, &topic, &unused, error))
    return FALSE;
  member = avi_gossipsub_find_grafting (self, peer, topic);
  if (member == NULL)
    return TRUE;

  /* Who grafts subscribes, even where that was not said. */
  avi_gossipsub_set_subscribed (self, member, TRUE, now);
  if (member->place == AVI_MEMBER_MESH)
    {
      /* Ours and its own cross where both find out at once that they have a topic in common, and after a change of
       * connections each topic comes again; in a flood they do without end. */
      if (++peer->grafts_again > AVI_GOSSIPSUB_MAX_GRAFTS_AGAIN * g_hash_table_size (peer->members))
        avi_gossipsub_offend (self, peer, AVI_OFFENCE_GRAFT, now);
      return TRUE;
    }
  if (avi_gossipsub_takes_graft (self, member, now))
    {
      avi_gossipsub_place (self, member, AVI_MEMBER_MESH, now);
      return TRUE;
    }
  self->statistics.grafts_refused++;
  early = avi_gossipsub_member_is_early (member, now);
  if (early)
    avi_gossipsub_offend (self, peer, AVI_OFFENCE_GRAFT, now);
  avi_gossipsub_prune (self, member, self->params.prune_backoff, now);
  if (!early && !peer->direct)
    avi_gossipsub_exchange (self, member, now);
  return TRUE;
}

static gboolean
avi_gossipsub_receive_prune (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now, GError **error)
{
  AviGossipsubMember *member;
  AviSpan topic;
  guint64 backoff;

  if (!avi_gossipsub_read_graft (bytes, &topic, &backoff, error))
    return FALSE;
  member = avi_gossipsub_find_grafting (self, peer, topic);
  if (member == NULL)
    return TRUE;

  if (backoff == 0)
    backoff = self->params.prune_backoff / G_USEC_PER_SEC;
  backoff = MIN (backoff, AVI_GOSSIPSUB_MAX_BACKOFF);
  avi_gossipsub_place (self, member, AVI_MEMBER_OUTSIDE, now);
  member->backoff_until = MAX (member->backoff_until, now + (gint64) backoff * G_USEC_PER_SEC);
  return avi_gossipsub_receive_exchange (self, peer, bytes, now, error);
}

static void
avi_gossipsub_send_iwant (AviGossipsub *self, AviGossipsubPeer *peer, GByteArray *ids, gint64 now)
{
  g_autoptr(GByteArray) field = g_byte_array_new ();

  avi_rpc_put_bytes (field, AVI_CONTROL_IWANT, AVI_SPAN (ids->data, ids->len));
  avi_gossipsub_send_gossip (self, peer, AVI_SPAN (field->data, field->len), now);
  g_byte_array_set_size (ids, 0);
}

static gboolean
avi_gossipsub_wants (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now)
{
  AviPeerId from;
  AviMessageId id;
  AviMessageIdForm form = avi_message_id_read (&self->secret, bytes, &id, &from);

  if (form == AVI_MESSAGE_ID_UNKNOWN)
    return FALSE;
  avi_gossipsub_peer_heard_form (peer, form);

  if (avi_seen_cache_contains (self->seen, id, now) || avi_verifications_contain (self->verifications, &id)
      || avi_peer_id_equal (&from, &self->id))
    return FALSE;
  return avi_promises_make (self->promises, id, peer->serial, now);
}

/* An id of an IHAVE. @iwant: ids to ask for, in the very bytes that the peer used, sent when full. */
static void
avi_gossipsub_receive_ihave_id (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan id, GByteArray *iwant, gint64 now)
{
  gsize len = avi_rpc_get_field_len (id.len);

  if (peer->ids_asked_of_it >= self->params.max_ihave_length)
    {
      avi_gossipsub_offend (self, peer, AVI_OFFENCE_IHAVE, now);
      self->statistics.limit_drops++;
      return;
    }
  if (!avi_gossipsub_wants (self, peer, id, now))
    return;

  peer->ids_asked_of_it++;
  if (iwant->len > 0 && iwant->len + len > AVI_RPC_QUEUE_MAX_GOSSIP - 16)
    avi_gossipsub_send_iwant (self, peer, iwant, now);
  avi_rpc_put_bytes (iwant, AVI_IWANT_ID, id);
}

static gboolean
avi_gossipsub_receive_ihave (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, GByteArray *iwant, gint64 now,
                             GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviGossipsubTopic *topic = NULL;
  AviRpcField field;
  guint n = 0;

  /* The topic comes first from everybody; ids before it are of no topic of ours. */
  while (n < self->params.max_ihave_length && avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_IHAVE_TOPIC)
      topic = avi_gossipsub_find_topic (self, field.bytes);
    else if (field.tag == AVI_IHAVE_ID)
      {
        n++;
        if (topic != NULL && topic->subscribed)
          avi_gossipsub_receive_ihave_id (self, peer, field.bytes, iwant, now);
      }
  return avi_rpc_reader_finish (&reader, "An IHAVE", error);
}

static void
avi_gossipsub_answer (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now)
{
  AviGossipMessage *message;
  AviPeerId from;
  AviMessageId id;

  if (avi_message_id_read (&self->secret, bytes, &id, &from) == AVI_MESSAGE_ID_UNKNOWN)
    return;
  message = avi_message_cache_get_for (self->cache, &id, peer->serial, self->params.gossip_retransmission,
                                       &peer->answers_refused);
  if (message != NULL)
    avi_gossipsub_send_asked_for (self, peer, message, now);
}

static gboolean
avi_gossipsub_receive_iwant (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    {
      if (field.tag != AVI_IWANT_ID)
        continue;
      if (peer->ids_asked_by_it >= self->params.max_ihave_length)
        {
          avi_gossipsub_offend (self, peer, AVI_OFFENCE_IWANT, now);
          self->statistics.limit_drops++;
          continue;
        }
      peer->ids_asked_by_it++;
      avi_gossipsub_answer (self, peer, field.bytes, now);
    }
  if (peer->answers_refused > AVI_GOSSIPSUB_MAX_REFUSED)
    avi_gossipsub_offend (self, peer, AVI_OFFENCE_IWANT, now);
  return avi_rpc_reader_finish (&reader, "An IWANT", error);
}

static void
avi_gossipsub_receive_unwanted (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now)
{
  AviPeerId from;
  AviMessageId id;
  AviMessageIdForm form = avi_message_id_read (&self->secret, bytes, &id, &from);

  if (form == AVI_MESSAGE_ID_UNKNOWN)
    return;
  avi_gossipsub_peer_heard_form (peer, form);
  if (peer->unwanted == NULL)
    peer->unwanted = avi_seen_cache_new (self->params.idontwant_ttl, self->params.max_idontwant_ids);

  avi_seen_cache_add (peer->unwanted, id, now);
  if (avi_stagger_waits (self->stagger, &id, peer->serial))
    {
      avi_stagger_drop (self->stagger, &id, peer->serial);
      self->statistics.spared++;
    }
  else if (avi_rpc_queue_drop (&peer->queue, id))
    {
      self->statistics.spared++;
      avi_gossipsub_send (self, peer);
    }
}

static gboolean
avi_gossipsub_receive_idontwant (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes, gint64 now, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag != AVI_IDONTWANT_ID)
      continue;
    else if (peer->ids_unwanted_by_it++ < self->params.max_idontwant_ids)
      avi_gossipsub_receive_unwanted (self, peer, field.bytes, now);
    else
      {
        if (peer->ids_unwanted_by_it > AVI_GOSSIPSUB_MAX_EXCESS * self->params.max_idontwant_ids)
          avi_gossipsub_offend (self, peer, AVI_OFFENCE_IDONTWANT, now);
        self->statistics.limit_drops++;
      }
  return avi_rpc_reader_finish (&reader, "An IDONTWANT", error);
}

/* TRUE: this RPC's IHAVEs are within the limit. Others' heartbeats are not ours, and what stalled comes in bursts: to be
 * an offence it has to be far beyond. */
static gboolean
avi_gossipsub_allow_ihaves (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  if (peer->ihave_rpcs++ < self->params.max_ihave_messages)
    return TRUE;
  if (peer->ihave_rpcs > AVI_GOSSIPSUB_MAX_EXCESS * self->params.max_ihave_messages)
    avi_gossipsub_offend (self, peer, AVI_OFFENCE_IHAVE, now);
  self->statistics.limit_drops++;
  return FALSE;
}

gboolean
avi_gossipsub_receive_control (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan control, gint64 now, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (control);
  g_autoptr(GByteArray) iwant = NULL;
  gboolean gossips = avi_gossipsub_gossips_with (self, peer, now);
  gboolean allowed = FALSE;
  gboolean good = TRUE;
  AviRpcField field;

  avi_gossipsub_wake (self, now);
  while (good && avi_rpc_reader_next (&reader, &field))
    switch (field.tag)
      {
      case AVI_CONTROL_IHAVE:
        if (iwant == NULL)
          {
            iwant = g_byte_array_new ();
            allowed = avi_gossipsub_allow_ihaves (self, peer, now) && gossips;
          }
        if (allowed)
          good = avi_gossipsub_receive_ihave (self, peer, field.bytes, iwant, now, error);
        break;

      case AVI_CONTROL_IWANT:
        if (gossips)
          good = avi_gossipsub_receive_iwant (self, peer, field.bytes, now, error);
        break;

      case AVI_CONTROL_IDONTWANT:
        good = avi_gossipsub_receive_idontwant (self, peer, field.bytes, now, error);
        break;

      case AVI_CONTROL_GRAFT:
        good = avi_gossipsub_receive_graft (self, peer, field.bytes, now, error);
        break;

      case AVI_CONTROL_PRUNE:
        good = avi_gossipsub_receive_prune (self, peer, field.bytes, now, error);
        break;

      default:
        break;
      }

  if (iwant != NULL && iwant->len > 0)
    avi_gossipsub_send_iwant (self, peer, iwant, now);
  return good && avi_rpc_reader_finish (&reader, "A control message", error);
}
