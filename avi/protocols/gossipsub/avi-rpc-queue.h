/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviRpcQueue: what is to be sent to one peer, and how it is cut into RPCs. Changes of state
 * (subscriptions, GRAFT, PRUNE) are held once per topic, the newest winning, so they are bounded by
 * our topics and never lost; messages and gossip are bounded in bytes, and gossip gives way first.
 * IDONTWANT goes before all messages, since it is of use only while they are under way.
 * Used by the router's files only.
 */
#pragma once

#include "avi-gossip-message.h"

G_BEGIN_DECLS

/* Bytes of an RPC of several parts: what a rust-libp2p node takes unless it is told otherwise. A
 * message that alone is more goes alone. */
#define AVI_RPC_QUEUE_MAX_RPC    (64 * 1024)
#define AVI_RPC_QUEUE_MAX_GOSSIP (16 * 1024)

typedef struct
{
  gsize       max_bytes;     /* of messages and gossip */
  gsize       bytes;
  gsize       gossip_bytes;  /* of them, gossip */
  GHashTable *subscriptions; /* topic's name → what to tell of it */
  GHashTable *grafts;        /* topic's name → seconds of a PRUNE (0: not said), or -1: GRAFT */
  GHashTable *exchanges;     /* topic's name → GBytes of what a PRUNE says beside (PX) */
  gsize       exchange_bytes; /* at most AVI_RPC_QUEUE_MAX_GOSSIP */
  GPtrArray  *messages;      /* AviGossipMessage, owned, from first_message on */
  guint       first_message;
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

/* FALSE: no room, and nothing changed. @dropped: goes up by each gossip that had to make room. */
gboolean avi_rpc_queue_message   (AviRpcQueue *self, AviGossipMessage *message, guint64 *dropped);
/* How many messages of more than @max bytes, as part of an RPC, were taken out. */
guint    avi_rpc_queue_drop_larger (AviRpcQueue *self, gsize max);
/* @fields: of a ControlMessage, at most AVI_RPC_QUEUE_MAX_GOSSIP. FALSE: no room. */
gboolean avi_rpc_queue_gossip    (AviRpcQueue *self, AviSpan fields);

/* The same, before all else. FALSE: no room. */
gboolean avi_rpc_queue_urgent    (AviRpcQueue *self, AviSpan fields);
/* The stream is new: its first RPC says that we have no extensions. */
void     avi_rpc_queue_extensions (AviRpcQueue *self);
/* Takes the message of that id out. FALSE: it was not there. */
gboolean avi_rpc_queue_drop      (AviRpcQueue *self, AviMessageId id);

/* The next RPC, its length in front; NULL where the queue is empty: (transfer full) */
GBytes  *avi_rpc_queue_pop       (AviRpcQueue *self);

G_END_DECLS
