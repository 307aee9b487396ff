/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What pub/sub's files share: the streams to and from peers (avi-pubsub-streams.c), how fast peers take what
 * is for them and who waits for that (avi-pubsub-flow.c), what the program publishes (avi-pubsub-publish.c),
 * and the router with what else the program asks of it (avi-pubsub.c). Nobody else includes this.
 */
#pragma once

#include "avi-pubsub.h"
#include "avi-verifier.h"

G_BEGIN_DECLS

struct _AviPubsub
{
  AviEngine    *engine;
  AviGossipsub *router;
  AviVerifier  *verifier;
  GHashTable   *outputs; /* AviPeerId → AviPubsubOutput: our stream to each attached peer */
  GQueue        watched; /* of AviPubsubOutput, by their `watch_link`: something waits for them */
  GPtrArray    *waiters; /* of Waiter */
  GHashTable   *holding; /* topic → GQueue of AviPublication, by their `link`: held until somebody subscribes */
  GQueue        held;    /* all of these, by their `held_link`: whose time ends first is the first */
  GQueue        ready;   /* of AviPublication: to go to the router now, before all that the core has */
  GQueue        ended;   /* likewise: with the router, or dropped; to be freed */
  gsize         n_unsent;   /* bytes of messages that the router has, and no stream */
  GPtrArray    *heard;   /* of AviMessage: to be delivered together */
  guint64       n_size_drops; /* as last logged */
  GQueue        partials;   /* of Input, by their `partial_link`: with an RPC that is not whole, the one begun first */
  gsize         n_partial;  /* bytes of these */
  gint64        partial_check; /* when to look which of these rest; G_MAXINT64: there are none */
  gint64        full_until; /* G_MININT64: there is room; else nothing more goes to the router before */
  gint64        next_stall; /* when some watched stream has stalled, unless it moves; G_MAXINT64: none can */
  gboolean      is_blocked; /* as the core was told */
  AviPeerId     blocker;
  AviTimer      timer;
};

/* Our stream to a peer. */
typedef struct
{
  AviStreamOwner owner;
  AviPubsub     *pubsub;
  AviPeerId      peer;
  GBytes        *held;       /* an RPC that the stream did not take yet; the router waits meanwhile */

  /* While something waits for it: since when, and at what place in the stream, it is seen whether it moves. */
  gboolean       is_watched;
  GList          watch_link;
  gint64         watch_since; /* monotonic */
  guint64        watch_at;
  gboolean       stalled;     /* nobody waits for it, until all that it has is with the socket */
  GQueue         awaited;     /* of AviAwaited: messages whose publishers wait for this peer, in order */
  GList         *first_queued; /* the first of them that the stream was not given yet; NULL: it has all */

  guint          n_renewals; /* streams on this connection before this one */
  guint64        n_bytes;    /* given to the stream */
  guint64        large_end;  /* n_bytes at the end of the last RPC of more than AVI_GOSSIPSUB_MAX_OLD_RPC; 0: none */
} AviPubsubOutput;

/* The router wants a connection: avi-pubsub-peers.c. */
void avi_pubsub_dial        (AviPubsub *self, const AviGossipsubEvent *event);

/* A publisher that waits until its message is with the sockets of those who are to get it. */
typedef struct _AviReceipt AviReceipt;

/* Does what the router has to tell; messages are gathered for `deliver`. */
void avi_pubsub_hear        (AviPubsub *self);
/* Checks signatures until the next RPC's find room. */
void avi_pubsub_make_room   (AviPubsub *self);
/* Takes what was heard to the program: before anything else is told to it. */
void avi_pubsub_deliver     (AviPubsub *self);
/* Hands what the router has to send to the streams. */
void avi_pubsub_send        (AviPubsub *self);

/* avi-pubsub-flow.c */

/* @call is answered once the message that was published last has been handed to all of its takers that take
 * anything: with their number. */
void avi_pubsub_await       (AviPubsub *self, AviCall *call);
/* Something waits for @output: an RPC that it holds, or a publisher. */
void avi_output_watch       (AviPubsubOutput *output);
/* The stream was given another RPC. */
void avi_output_given       (AviPubsubOutput *output);
/* Its stream is gone, or not the peer's any more: nobody waits for it. */
void avi_output_unwatch     (AviPubsubOutput *output);

/* avi-pubsub-publish.c */

/* What the program published goes to the router, as long as there is room. */
void   avi_pubsub_go_on       (AviPubsub *self);
/* Somebody subscribes to @topic: what is held for it goes next. */
void   avi_pubsub_release     (AviPubsub *self, const char *topic);
void   avi_pubsub_expire_held (AviPubsub *self, gint64 now);
/* G_MAXINT64: nothing is held. */
gint64 avi_pubsub_get_held_deadline (AviPubsub *self);
void   avi_pubsub_cancel_held (AviPubsub *self, AviCall *call);
/* All goes to the router, room or not, but for what is held: that is dropped. */
void   avi_pubsub_end_publishing (AviPubsub *self);

/* Resets peers' streams whose RPC is not whole and does not go on. */
void avi_pubsub_check_partials (AviPubsub *self, gint64 now);
/* Queues @rpc on the stream, or holds it until there is room. */
void avi_pubsub_output_send (AviPubsubOutput *output, GBytes *rpc);

G_END_DECLS
