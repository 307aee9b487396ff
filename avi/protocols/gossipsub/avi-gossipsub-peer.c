/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-peer.h"

#include "protocols/gossipsub/avi-gossipsub-topic.h"
#include "protocols/gossipsub/avi-gossipsub.h"

AviGossipsubPeer *
avi_gossipsub_peer_new (const AviPeerId *id, guint64 serial, gsize max_queue)
{
  AviGossipsubPeer *self = g_new0 (AviGossipsubPeer, 1);

  self->id = *id;
  self->serial = serial;
  self->kind = AVI_GOSSIPSUB_PEER_HEARD;
  self->members = g_hash_table_new (avi_gossipsub_member_hash, avi_gossipsub_member_equal);
  self->sending.data = self;
  self->max_rpc = G_MAXSIZE;
  avi_rpc_queue_init (&self->queue, max_queue);
  return self;
}

void
avi_gossipsub_peer_free (AviGossipsubPeer *self)
{
  avi_rpc_queue_clear (&self->queue);
  g_clear_pointer (&self->unwanted, avi_seen_cache_free);
  g_clear_pointer (&self->record, g_bytes_unref);
  g_hash_table_unref (self->members);
  g_free (self);
}

void
avi_gossipsub_peer_set_protocol (AviGossipsubPeer *self, const char *protocol)
{
  static const struct
  {
    const char          *protocol;
    AviGossipsubPeerKind kind;
  } kinds[] = {
    { AVI_GOSSIPSUB_PROTOCOL_1_3, AVI_GOSSIPSUB_PEER_MESH_1_3 },
    { AVI_GOSSIPSUB_PROTOCOL_1_2, AVI_GOSSIPSUB_PEER_MESH_1_2 },
    { AVI_GOSSIPSUB_PROTOCOL_1_1, AVI_GOSSIPSUB_PEER_MESH_1_1 },
    { AVI_GOSSIPSUB_PROTOCOL_1_0, AVI_GOSSIPSUB_PEER_MESH_1_0 },
  };

  self->kind = AVI_GOSSIPSUB_PEER_FLOODSUB;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (protocol, kinds[i].protocol) == 0)
      self->kind = kinds[i].kind;
  /* We have none: that is said in the first RPC of the stream. */
  if (self->kind >= AVI_GOSSIPSUB_PEER_MESH_1_3)
    avi_rpc_queue_extensions (&self->queue);
}

void
avi_gossipsub_peer_set_agent (AviGossipsubPeer *self, const char *agent)
{
  if (!self->id_form_heard)
    self->id_form = avi_message_id_guess (agent);
}

void
avi_gossipsub_peer_heard_form (AviGossipsubPeer *self, AviMessageIdForm form)
{
  /* Which says nothing of the family. */
  if (form == AVI_MESSAGE_ID_CONTENT)
    return;
  self->id_form = form;
  self->id_form_heard = TRUE;
}

void
avi_gossipsub_peer_heartbeat (AviGossipsubPeer *self)
{
  self->ihave_rpcs = 0;
  self->ids_asked_of_it = 0;
  self->ids_asked_by_it = 0;
  self->ids_unwanted_by_it = 0;
  self->ids_unwanted_by_us = 0;
  self->ids_told = 0;
  self->ids_told_bytes = 0;
  self->grafts_again = 0;
  self->answers_refused = 0;
  self->offences = 0;
  self->found_slow = FALSE;
}
