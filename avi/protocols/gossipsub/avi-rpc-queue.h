/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviRpcQueue: what is to be sent to one peer, and how it is cut into RPCs. First goes control:
 * IDONTWANT, since it is of use only while messages are under way, and changes of state
 * (subscriptions, GRAFT, PRUNE), held once per topic, the newest winning, so that they are bounded
 * by our topics and never lost. Then what we publish, then messages of others, then gossip; of each
 * the oldest first.
 *
 * Messages and gossip are bounded in bytes. What a peer is too slow for it loses in this order: the
 * oldest messages of others, which have most likely come to it another way by now, and of which
 * gossip tells it; then gossip; what we publish only where nothing else is left to drop.
 * Used by the router's files only.
 */
#pragma once

#include "avi-gossip-message.h"

G_BEGIN_DECLS

/* Bytes of an RPC of several parts: what a rust-libp2p node takes unless it is told otherwise. A
 * message that alone is more goes alone. */
#define AVI_RPC_QUEUE_MAX_RPC    (64 * 1024)
/* Likewise of one RPC, or rust-libp2p ends the stream, and of too many subscriptions takes none: messages;
 * subscriptions; bytes of these and of control, of which a single piece is the smaller by what frames it. */
#define AVI_RPC_QUEUE_MAX_MESSAGES      500
#define AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS 100
#define AVI_RPC_QUEUE_MAX_CONTROL       (16 * 1024)
#define AVI_RPC_QUEUE_MAX_GOSSIP        (AVI_RPC_QUEUE_MAX_CONTROL - 64)
/* Of what PRUNEs say beside: the rest is for a topic's name. */
#define AVI_RPC_QUEUE_MAX_EXCHANGE      (14 * 1024)
/* Gossip has one part in so many of a queue: beyond it the oldest gives way to what is newer. */
#define AVI_RPC_QUEUE_GOSSIP_SHARE 8

typedef enum
{
  AVI_RPC_QUEUE_OWN,     /* what we publish */
  AVI_RPC_QUEUE_OTHERS,  /* what others publish: forwarded, or asked for */
  AVI_RPC_QUEUE_N_RANKS
} AviRpcQueueRank;

typedef struct
{
  AviGossipMessage *message; /* owned */
  guint64           number;  /* of what we publish, counting up; of others' when it was put here, in µs */
} AviRpcQueueItem;

typedef struct
{
  GArray *items; /* of AviRpcQueueItem, from `first` on */
  guint   first;
} AviRpcQueueLane;

typedef struct
{
  gsize       max_bytes;     /* of messages and gossip */
  gsize       bytes;
  gsize       gossip_bytes;  /* of them, gossip */
  gsize       own_bytes;     /* and what we publish */
  GHashTable *subscriptions; /* topic's name → what to tell of it; NULL: nothing */
  GHashTable *grafts;        /* topic's name → seconds of a PRUNE (0: not said), or -1: GRAFT; NULL: none */
  AviRpcQueueLane lanes[AVI_RPC_QUEUE_N_RANKS];
  GHashTable *exchanges;     /* topic's name → GBytes of what a PRUNE says beside (PX) */
  gsize       exchange_bytes; /* at most AVI_RPC_QUEUE_MAX_EXCHANGE */
  GQueue      gossip;        /* GBytes: fields of a ControlMessage */
  GByteArray *urgent;        /* likewise, to go first; at most AVI_RPC_QUEUE_MAX_GOSSIP; NULL: none */
  gboolean    extensions;    /* to be said with what goes first on the stream */
} AviRpcQueue;

void     avi_rpc_queue_init      (AviRpcQueue *self, gsize max_bytes);
void     avi_rpc_queue_clear     (AviRpcQueue *self);
gboolean avi_rpc_queue_is_empty  (const AviRpcQueue *self);

/* Our subscription changed. Changing it back before the peer was told leaves nothing to tell. */
void     avi_rpc_queue_subscribe (AviRpcQueue *self, GRefString *topic, gboolean subscribe);
/* We subscribe, and the peer may or may not have been told. */
void     avi_rpc_queue_subscribe_again (AviRpcQueue *self, GRefString *topic);
void     avi_rpc_queue_graft     (AviRpcQueue *self, GRefString *topic);
/* @backoff: seconds; 0: not said. */
void     avi_rpc_queue_prune     (AviRpcQueue *self, GRefString *topic, guint backoff);
/* The PRUNE of that topic, which is queued, also says @fields. FALSE: no room, it goes without. */
gboolean avi_rpc_queue_exchange  (AviRpcQueue *self, GRefString *topic, AviSpan fields);

/* What had to make room: messages (owned), for whoever counts them by topic, and pieces of gossip. */
typedef struct
{
  GPtrArray *messages;
  guint      n_gossip;
} AviRpcQueueDropped;

/* FALSE: no room, and nothing changed. */
gboolean avi_rpc_queue_own       (AviRpcQueue *self, AviGossipMessage *message, guint64 number,
                                  AviRpcQueueDropped *dropped);
gboolean avi_rpc_queue_others    (AviRpcQueue *self, AviGossipMessage *message, gint64 now,
                                  AviRpcQueueDropped *dropped);
/* What others published gives way to its age: all that was put here before @when. */
void     avi_rpc_queue_expire    (AviRpcQueue *self, gint64 when, AviRpcQueueDropped *dropped);
/* The number of the first of what we publish that is still here; G_MAXUINT64: there is none. */
guint64  avi_rpc_queue_get_first_own (const AviRpcQueue *self);
/* Takes out messages of more than @max bytes, as part of an RPC. */
void     avi_rpc_queue_drop_larger (AviRpcQueue *self, gsize max, AviRpcQueueDropped *dropped);
/* All messages. */
void     avi_rpc_queue_drop_all    (AviRpcQueue *self, AviRpcQueueDropped *dropped);
/* @fields: of a ControlMessage, at most AVI_RPC_QUEUE_MAX_GOSSIP. FALSE: no room. */
gboolean avi_rpc_queue_gossip    (AviRpcQueue *self, AviSpan fields, AviRpcQueueDropped *dropped);

/* The same, before all else. FALSE: no room. */
gboolean avi_rpc_queue_urgent    (AviRpcQueue *self, AviSpan fields);
/* The stream is new: its first RPC says that we have no extensions. */
void     avi_rpc_queue_extensions (AviRpcQueue *self);
/* Takes the message of that id out. FALSE: it was not there. */
gboolean avi_rpc_queue_drop      (AviRpcQueue *self, AviMessageId id);

/* The next RPC, its length in front; NULL where the queue is empty: (transfer full) */
GBytes  *avi_rpc_queue_pop       (AviRpcQueue *self);

G_END_DECLS
