/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipsubPeer: what the router knows of one peer for as long as one connection lasts: the
 * protocol that it speaks, its topics, the form of its message ids, how much it asked for since the
 * last heartbeat, and what is to be sent to it. Used by the router's files only.
 */
#pragma once

#include "avi-message-id.h"
#include "avi-rpc-queue.h"
#include "avi-seen-cache.h"

G_BEGIN_DECLS

typedef struct _AviGossipsubPeer   AviGossipsubPeer;
typedef struct _AviGossipsubTopic  AviGossipsubTopic;
typedef struct _AviGossipsubMember AviGossipsubMember;

typedef enum
{
  AVI_GOSSIPSUB_PEER_HEARD,    /* its RPCs came before our stream to it was there */
  AVI_GOSSIPSUB_PEER_FLOODSUB, /* no mesh, no gossip: it gets every message of its topics */
  AVI_GOSSIPSUB_PEER_MESH_1_0,
  AVI_GOSSIPSUB_PEER_MESH_1_1, /* PRUNE says for how long */
  AVI_GOSSIPSUB_PEER_MESH_1_2, /* IDONTWANT */
  AVI_GOSSIPSUB_PEER_MESH_1_3  /* the first RPC says which extensions there are */
} AviGossipsubPeerKind;

struct _AviGossipsubPeer
{
  AviPeerId            id;
  /* Unique to this stay: what outlives the peer remembers it by this. */
  guint64              serial;
  AviGossipsubPeerKind kind;
  /* Our stream to it takes RPCs. */
  gboolean             ready;

  /* The form that it uses in its IHAVEs, else the one that its name suggests. */
  AviMessageIdForm     id_form;
  gboolean             id_form_heard;

  /* topic → AviGossipsubMember, not owned. */
  GHashTable          *members;

  /* Since the last heartbeat. */
  guint                ihave_rpcs;
  guint                ids_asked_of_it;
  guint                ids_asked_by_it;
  guint                ids_unwanted_by_it;

  /* Messages that it sent and that no honest peer would have. */
  guint64              n_invalid;

  /* Messages that it has, as it said by IDONTWANT; NULL until it does. */
  AviSeenCache        *unwanted;

  /* Bytes of an RPC that it takes; G_MAXSIZE: all that we send. */
  gsize                max_rpc;

  /* Messages and gossip that it was too slow for, since the last heartbeat: for its score. */
  guint                n_dropped;

  AviRpcQueue          queue;
  /* In the router's list of peers that have something to send and are ready; data: the peer. */
  GList                sending;
  gboolean             is_sending;
};

AviGossipsubPeer *avi_gossipsub_peer_new          (const AviPeerId *id, guint64 serial, gsize max_queue);
/* Its members are gone before, and it is in no list. */
void              avi_gossipsub_peer_free         (AviGossipsubPeer *self);
/* @protocol: as agreed on our stream; an unknown one counts as floodsub. */
void              avi_gossipsub_peer_set_protocol (AviGossipsubPeer *self, const char *protocol);
void              avi_gossipsub_peer_set_agent    (AviGossipsubPeer *self, const char *agent);
/* An id of an IHAVE of its own. Not of an IWANT: there it repeats what it was told. */
void              avi_gossipsub_peer_heard_form   (AviGossipsubPeer *self, AviMessageIdForm form);
void              avi_gossipsub_peer_heartbeat    (AviGossipsubPeer *self);

/* It speaks gossipsub, and our stream to it is there. */
static inline gboolean
avi_gossipsub_peer_has_mesh (const AviGossipsubPeer *self)
{
  return self->kind >= AVI_GOSSIPSUB_PEER_MESH_1_0;
}

static inline gboolean
avi_gossipsub_peer_knows_idontwant (const AviGossipsubPeer *self)
{
  return self->kind >= AVI_GOSSIPSUB_PEER_MESH_1_2;
}

/* It said that it has that message. */
static inline gboolean
avi_gossipsub_peer_has (const AviGossipsubPeer *self, AviMessageId id, gint64 now)
{
  return self->unwanted != NULL && avi_seen_cache_contains (self->unwanted, id, now);
}

/* It takes an RPC with this message. */
static inline gboolean
avi_gossipsub_peer_takes (const AviGossipsubPeer *self, const AviGossipMessage *message)
{
  return message->entry.len <= self->max_rpc;
}

G_END_DECLS
