/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What pub/sub's two files share: the streams to and from peers (avi-pubsub-streams.c), and the router
 * with what the program asks of it (avi-pubsub.c). Nobody else includes this.
 */
#pragma once

#include "avi-pubsub.h"

G_BEGIN_DECLS

struct _AviPubsub
{
  AviEngine    *engine;
  AviGossipsub *router;
  GHashTable   *outputs; /* AviPeerId → AviPubsubOutput: our stream to each attached peer */
  guint         n_held;  /* streams with an RPC that they did not take yet */
  GPtrArray    *waiters; /* of Waiter */
  GQueue        publishing; /* of AviCommand: published by the program, not with the router yet */
  gsize         n_unsent;   /* bytes of messages that the router has, and no stream */
  guint64       n_size_drops; /* as last logged */
  GQueue        partials;   /* of Input, by their `partial_link`: with an RPC that is not whole, the one begun first */
  gsize         n_partial;  /* bytes of these */
  gint64        partial_check; /* when to look which of these rest; G_MAXINT64: there are none */
  gint64        full_until; /* G_MININT64: there is room; else nothing more goes to the router before */
  AviTimer      timer;
};

/* Our stream to a peer. */
typedef struct
{
  AviStreamOwner owner;
  AviPubsub     *pubsub;
  AviPeerId      peer;
  GBytes        *held;       /* an RPC that the stream did not take yet; the router waits meanwhile */
  gint64         held_since; /* monotonic */
  gboolean       given_up;   /* it is told that nobody waits for the peer any more */
  guint          n_renewals; /* streams on this connection before this one */
  guint64        n_bytes;    /* given to the stream */
  guint64        large_end;  /* n_bytes at the end of the last RPC of more than AVI_GOSSIPSUB_MAX_OLD_RPC; 0: none */
} AviPubsubOutput;

/* The router wants a connection: avi-pubsub-peers.c. */
void avi_pubsub_dial        (AviPubsub *self, const AviGossipsubEvent *event);
/* Tells what the router has to tell. */
void avi_pubsub_hear        (AviPubsub *self);
/* Resets peers' streams whose RPC is not whole and does not go on. */
void avi_pubsub_check_partials (AviPubsub *self, gint64 now);
/* Queues @rpc on the stream, or holds it until there is room. */
void avi_pubsub_output_send (AviPubsubOutput *output, GBytes *rpc);

G_END_DECLS
