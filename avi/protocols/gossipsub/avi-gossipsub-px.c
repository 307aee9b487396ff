/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "protocols/gossipsub/avi-rpc.h"

/* Gossipsub 1.1, PRUNE Backoff and Peer Exchange. Who is pruned because the mesh is full hears whom else it may ask. */

/* --- giving --- */

static gboolean
avi_gossipsub_member_is_worth_telling (const AviGossipsubMember *member, gint64 now)
{
  return member->subscribed && avi_gossipsub_peer_has_mesh (member->peer)
         && avi_gossipsub_peer_get_score (member->peer, now) >= 0;
}

static void
avi_gossipsub_put_peer (GByteArray *out, const AviGossipsubPeer *peer)
{
  g_autoptr(GByteArray) info = g_byte_array_new ();

  avi_rpc_put_bytes (info, AVI_PEER_INFO_ID, avi_peer_id_get_bytes (&peer->id));
  if (peer->record != NULL)
    avi_rpc_put_bytes (info, AVI_PEER_INFO_RECORD, avi_span_from_bytes (peer->record));
  avi_rpc_put_bytes (out, AVI_PRUNE_PEER, AVI_SPAN (info->data, info->len));
}

void
avi_gossipsub_exchange (AviGossipsub *self, AviGossipsubMember *member, gint64 now)
{
  AviGossipsubPeer *peer = member->peer;
  g_autoptr(GPtrArray) told = NULL;
  g_autoptr(GByteArray) fields = NULL;

  if (self->params.prune_peers == 0 || peer->kind < AVI_GOSSIPSUB_PEER_MESH_1_1
      || avi_gossipsub_peer_get_score (peer, now) < 0)
    return;
  told = g_ptr_array_new ();
  fields = g_byte_array_new ();
  avi_gossipsub_topic_pick (member->topic, avi_gossipsub_member_is_worth_telling, now, self->params.prune_peers,
                            self->random, told);
  for (guint i = 0; i < told->len && fields->len < AVI_GOSSIPSUB_MAX_EXCHANGE; i++)
    if (((AviGossipsubMember *) told->pdata[i])->peer != peer)
      {
        avi_gossipsub_put_peer (fields, ((AviGossipsubMember *) told->pdata[i])->peer);
        self->statistics.px_told++;
      }
  if (fields->len > 0)
    avi_rpc_queue_exchange (&peer->queue, member->topic->name, AVI_SPAN (fields->data, fields->len));
}

void
avi_gossipsub_set_record (AviGossipsub *self, const AviPeerId *id, GBytes *record)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (peer == NULL || (record != NULL && g_bytes_get_size (record) > AVI_GOSSIPSUB_MAX_RECORD))
    return;
  g_clear_pointer (&peer->record, g_bytes_unref);
  peer->record = record != NULL ? g_bytes_ref (record) : NULL;
}

/* --- taking --- */

static void
avi_gossipsub_ask_to_dial (AviGossipsub *self, const AviPeerId *id, const AviPeerId *teller, AviSpan record)
{
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_DIAL };

  event.peer = g_memdup2 (id, sizeof *id);
  event.teller = g_memdup2 (teller, sizeof *teller);
  event.record = record.len > 0 ? g_bytes_new (record.data, record.len) : NULL;
  g_array_append_val (self->events, event);
  self->n_exchanged++;
  self->statistics.px_taken++;
}

/* FALSE: malformed. */
static gboolean
avi_gossipsub_receive_peer (AviGossipsub *self, AviSpan bytes, const AviPeerId *from, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviSpan id = AVI_SPAN_EMPTY, record = AVI_SPAN_EMPTY;
  AviRpcField field;
  AviPeerId peer;

  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_PEER_INFO_ID)
      id = field.bytes;
    else if (field.tag == AVI_PEER_INFO_RECORD)
      record = field.bytes;
  if (!avi_rpc_reader_finish (&reader, "A peer of a PRUNE", error))
    return FALSE;

  if (self->n_exchanged >= AVI_GOSSIPSUB_MAX_EXCHANGED || record.len > AVI_GOSSIPSUB_MAX_RECORD)
    self->statistics.limit_drops++;
  else if (avi_peer_id_decode (id, &peer, NULL) && !avi_peer_id_equal (&peer, &self->id)
           && !avi_peer_id_equal (&peer, from) && !g_hash_table_contains (self->peers, &peer))
    avi_gossipsub_ask_to_dial (self, &peer, from, record);
  return TRUE;
}

gboolean
avi_gossipsub_receive_exchange (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan prune, gint64 now, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (prune);
  AviRpcField field;

  if (avi_gossipsub_peer_get_score (peer, now) < self->params.accept_px_threshold)
    return TRUE;
  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_PRUNE_PEER && !avi_gossipsub_receive_peer (self, field.bytes, &peer->id, error))
      return FALSE;
  return TRUE;
}
