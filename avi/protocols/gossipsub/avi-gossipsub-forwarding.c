/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "protocols/gossipsub/avi-rpc.h"

/* Who is sent what others say, and when; and who is told not to send it to us (gossipsub 1.2, IDONTWANT). */

/* What it is worth the bytes for: a large message always; of one that says little, to a peer whose link is full. And not
 * more than is looked at where a peer is configured like us. */
static gboolean
avi_gossipsub_spares (AviGossipsub *self, const AviGossipsubPeer *peer, const AviGossipMessage *message, gint64 now)
{
  return (message->fields.data.len > self->params.idontwant_threshold || now < peer->slow_until)
         && peer->ids_unwanted_by_us < self->params.max_idontwant_ids;
}

static void
avi_gossipsub_send_idontwant (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  g_autoptr(GByteArray) id = g_byte_array_new ();
  g_autoptr(GByteArray) part = g_byte_array_new ();
  g_autoptr(GByteArray) field = g_byte_array_new ();

  avi_gossip_message_write_id (message, peer->id_form, id);
  avi_rpc_put_bytes (part, AVI_IDONTWANT_ID, AVI_SPAN (id->data, id->len));
  avi_rpc_put_bytes (field, AVI_CONTROL_IDONTWANT, AVI_SPAN (part->data, part->len));
  if (!avi_rpc_queue_urgent (&peer->queue, AVI_SPAN (field->data, field->len)))
    self->statistics.queue_drops++;
  peer->ids_unwanted_by_us++;
  avi_gossipsub_wake (self, now); /* the heartbeat counts anew */
  avi_gossipsub_send (self, peer);
}

void
avi_gossipsub_say_idontwant (AviGossipsub *self, AviGossipsubTopic *topic, const AviArrival *arrival, gint64 now)
{
  AviGossipMessage *message = arrival->message;

  if (message->fields.data.len <= self->params.idontwant_threshold && now >= self->slow_until)
    return;
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];
      AviGossipsubPeer *peer = member->peer;

      if (member->place == AVI_MEMBER_MESH && avi_gossipsub_peer_knows_idontwant (peer)
          && avi_gossipsub_spares (self, peer, message, now) && !avi_arrival_is_held_by (arrival, peer->serial)
          && peer->id_form != AVI_MESSAGE_ID_UNKNOWN && !avi_peer_id_equal (&peer->id, &message->fields.from))
        avi_gossipsub_send_idontwant (self, peer, message, now);
    }
}

/* --- forwarding --- */

/* Whether the peer has it, or it is on its way. */
static gboolean
avi_gossipsub_send_copy (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  if (avi_gossipsub_peer_has (peer, message->id, now))
    {
      self->statistics.spared++;
      return TRUE;
    }
  if (!avi_gossipsub_send_message (self, peer, message, now))
    return FALSE;
  self->statistics.forwarded++;
  return peer->ready;
}

/* A copy that waited, where it still is to be sent. */
static void
avi_gossipsub_send_staggered (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  AviGossipsubTopic *topic = avi_gossipsub_find_topic (self, message->fields.topic);
  AviGossipsubMember *member = topic != NULL ? avi_gossipsub_member_find (topic, peer) : NULL;

  if (member != NULL && topic->subscribed && avi_gossipsub_forwards_to (self, member, now))
    avi_gossipsub_send_copy (self, peer, message, now);
}

/* What waits for the peer goes before what the same author said later, where there is an author. */
static gboolean
avi_gossipsub_send_in_order (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  AviGossipMessage *earlier;

  while (message->fields.is_signed
         && (earlier = avi_stagger_take_for (self->stagger, &message->fields.from, peer->serial)) != NULL)
    {
      avi_gossipsub_send_staggered (self, peer, earlier, now);
      avi_gossip_message_unref (earlier);
    }
  return avi_gossipsub_send_copy (self, peer, message, now);
}

void
avi_gossipsub_send_asked_for (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message, gint64 now)
{
  while (message->fields.is_signed && avi_stagger_waits (self->stagger, &message->id, peer->serial))
    {
      g_autoptr(AviGossipMessage) next = avi_stagger_take_for (self->stagger, &message->fields.from, peer->serial);

      if (next != message)
        avi_gossipsub_send_staggered (self, peer, next, now);
    }
  avi_stagger_drop (self->stagger, &message->id, peer->serial);
  avi_gossipsub_send_message (self, peer, message, now);
}

/* For how long those wait that are not sent a message at once, in µs: while a peer of ours hears it from another, on a
 * link of the bandwidth that large messages are staggered for, and its word comes back. 0: nobody waits. */
static gint64
avi_gossipsub_get_stagger (const AviGossipsub *self, const AviGossipMessage *message)
{
  guint64 len = message->fields.data.len;

  if (len <= self->params.idontwant_threshold || self->params.stagger_bandwidth == 0)
    return 0;
  return (gint64) MIN (2 * len * G_USEC_PER_SEC / self->params.stagger_bandwidth, (guint64) AVI_GOSSIPSUB_MAX_STAGGER);
}

static gboolean
avi_gossipsub_is_to_have (AviGossipsub *self, const AviGossipsubMember *member, const AviArrival *arrival, gint64 now)
{
  return avi_gossipsub_forwards_to (self, member, now) && !avi_arrival_is_held_by (arrival, member->peer->serial)
         && !avi_peer_id_equal (&member->peer->id, &arrival->message->fields.from);
}

/* To those picked, at random, until it is on its way to so many that others may hear it from them; to the rest later. */
static void
avi_gossipsub_stagger (AviGossipsub *self, AviGossipMessage *message, guint n_served, gint64 delay, gint64 now)
{
  GPtrArray *members = self->picked;
  GArray *waiting = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (guint i = 0; i < members->len; i++)
    {
      guint chosen = i + avi_random_below (self->random, members->len - i);
      AviGossipsubPeer *peer = ((AviGossipsubMember *) members->pdata[chosen])->peer;

      members->pdata[chosen] = members->pdata[i];
      if (n_served < self->params.stagger_copies)
        n_served += avi_gossipsub_send_in_order (self, peer, message, now);
      else
        g_array_append_val (waiting, peer->serial);
    }
  if (waiting->len > 0 && avi_stagger_add (self->stagger, message, waiting, now + delay))
    return;
  for (guint i = 0; i < waiting->len; i++)
    avi_gossipsub_send_in_order (self, avi_gossipsub_find_serial (self, g_array_index (waiting, guint64, i)), message,
                                 now);
  g_array_unref (waiting);
}

void
avi_gossipsub_forward (AviGossipsub *self, AviGossipsubTopic *topic, const AviArrival *arrival, gint64 now)
{
  AviGossipMessage *message = arrival->message;
  gint64 delay = avi_gossipsub_get_stagger (self, message);
  guint n_served = 0;

  g_ptr_array_set_size (self->picked, 0);
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      if (!avi_gossipsub_is_to_have (self, member, arrival, now))
        continue;
      if (delay > 0 && avi_gossipsub_peer_knows_idontwant (member->peer)
          && !avi_gossipsub_peer_has (member->peer, message->id, now))
        g_ptr_array_add (self->picked, member);
      else
        n_served += avi_gossipsub_send_in_order (self, member->peer, message, now);
    }
  if (self->picked->len > 0)
    avi_gossipsub_stagger (self, message, n_served, delay, now);
}

/* Takes @staggered. */
static void
avi_gossipsub_end_waiting (AviGossipsub *self, AviStaggered *staggered, gint64 now)
{
  for (guint i = 0; i < staggered->peers->len; i++)
    {
      AviGossipsubPeer *peer = avi_gossipsub_find_serial (self, g_array_index (staggered->peers, guint64, i));

      if (peer != NULL)
        avi_gossipsub_send_staggered (self, peer, staggered->message, now);
    }
  avi_staggered_free (staggered);
}

void
avi_gossipsub_forward_staggered (AviGossipsub *self, gint64 until, gint64 now)
{
  AviStaggered *staggered;

  while ((staggered = avi_stagger_take_due (self->stagger, until)) != NULL)
    avi_gossipsub_end_waiting (self, staggered, now);
}

void
avi_gossipsub_hurry_topic (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now)
{
  AviStaggered *staggered;

  while ((staggered = avi_stagger_take_of (self->stagger, AVI_SPAN_STRING (topic->name))) != NULL)
    avi_gossipsub_end_waiting (self, staggered, now);
}

void
avi_gossipsub_hurry (AviGossipsub *self, gint64 now)
{
  avi_gossipsub_forward_staggered (self, G_MAXINT64, now);
}
