/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipsubPeer: what the router knows of one peer for as long as one connection lasts: the
 * protocol that it speaks, its topics, the form of its message ids, how much it asked for since the
 * last heartbeat, and what is to be sent to it. Used by the router's files only.
 */
#pragma once

#include "avi-message-id.h"
#include "avi-rpc-queue.h"
#include "avi-score.h"
#include "avi-seen-cache.h"
#include "avi-topic-counts.h"

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

/* What it may do against the rules; each counts once a heartbeat (P7), for what stalls comes in bursts. */
typedef enum
{
  AVI_OFFENCE_GRAFT     = 1 << 0, /* while we back off from it, or again and again */
  AVI_OFFENCE_PROMISE   = 1 << 1, /* it announced a message that there is not */
  AVI_OFFENCE_IHAVE     = 1 << 2, /* more of it than is looked at */
  AVI_OFFENCE_IWANT     = 1 << 3, /* likewise, or again and again for what it was given */
  AVI_OFFENCE_IDONTWANT = 1 << 4
} AviGossipsubOffence;

struct _AviGossipsubPeer
{
  AviPeerId            id;
  /* Unique to this stay: what outlives the peer remembers it by this. */
  guint64              serial;
  AviGossipsubPeerKind kind;
  /* Our stream to it takes RPCs. */
  gboolean             ready;
  /* We dialled it. */
  gboolean             outbound;
  /* By agreement (gossipsub 1.1, Explicit Peering Agreements): gets everything, is in no mesh, has no score. */
  gboolean             direct;
  /* µs; when an RPC of it last came. */
  gint64               heard;

  /* What its behaviour is worth; both NULL: nobody keeps account. */
  AviScore            *scores;
  AviPeerScore        *score;
  /* Its signed peer record, to be passed on (PX); NULL: none is known. */
  GBytes              *record;

  /* The form that it uses in its IHAVEs, else the one that its name suggests. */
  AviMessageIdForm     id_form;
  gboolean             id_form_heard;

  /* A set of AviGossipsubMember, not owned, one of each of its topics. */
  GHashTable          *members;

  /* Since the last heartbeat. */
  guint                ihave_rpcs;
  guint                ids_asked_of_it;
  guint                ids_asked_by_it;
  guint                ids_unwanted_by_it;
  guint                ids_unwanted_by_us;
  guint                ids_told;        /* by our IHAVEs */
  gsize                ids_told_bytes;
  guint                grafts_again;    /* while it was in the mesh */
  guint                answers_refused; /* of messages that it was given often enough */
  guint                offences;        /* flags */
  gboolean             found_slow;

  AviPeerDrops         drops;           /* told by the heartbeat */
  /* µs; until then it counts as slow. */
  gint64               slow_until;

  /* Messages that it has, as it said by IDONTWANT; NULL until it does. */
  AviSeenCache        *unwanted;

  /* Bytes of an RPC that it takes; G_MAXSIZE: all that we send. */
  gsize                max_rpc;

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

static inline double
avi_gossipsub_peer_get_score (const AviGossipsubPeer *self, gint64 now)
{
  return self->direct || self->score == NULL ? 0 : avi_score_get (self->scores, self->score, now);
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
