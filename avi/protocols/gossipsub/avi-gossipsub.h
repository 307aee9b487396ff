/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipsub: the router of pub/sub: GossipSub 1.3 to 1.0 and FloodSub (specs/pubsub). A machine
 * without I/O: handed RPCs of peers and the time, it says which RPCs to send to whom, which
 * messages arrived, and when to call again. Its nouns have files of their own beside it: message
 * cache, seen cache, message ids by family, signing, peers, topics (mesh, fanout, back-off).
 *
 * It never opens a stream and never checks a signature in `receive`: a message whose signature is
 * to be checked comes out as VERIFY, and is delivered and forwarded once `verified` says yes. What its author sends
 * itself is believed at once, since the connection proves who that is, and its signature asked for only before others
 * get it. On a topic with a validator a message comes out as VALIDATE first, and goes on once `validated` accepts it.
 *
 * A peer's life: known from the first of its RPCs or from `add_peer`, whichever comes first, until
 * `remove_peer`, which is called once for every connection that ends or is replaced, before any RPC
 * of the next is handed in. So what a peer says before our stream to it is there is not lost.
 */
#pragma once

#include "avi-message.h"
#include "crypto/avi-key.h"
#include "crypto/avi-random.h"
#include "protocols/gossipsub/avi-gossipsub-params.h"
#include "protocols/gossipsub/avi-topic-counts.h"

G_BEGIN_DECLS

#define AVI_GOSSIPSUB_PROTOCOL_1_3 "/meshsub/1.3.0"
#define AVI_GOSSIPSUB_PROTOCOL_1_2 "/meshsub/1.2.0"
#define AVI_GOSSIPSUB_PROTOCOL_1_1 "/meshsub/1.1.0"
#define AVI_GOSSIPSUB_PROTOCOL_1_0 "/meshsub/1.0.0"
#define AVI_FLOODSUB_PROTOCOL      "/floodsub/1.0.0"

#define AVI_GOSSIPSUB_MAX_MESSAGE  (1024 * 1024)        /* bytes of data */
#define AVI_GOSSIPSUB_MAX_RPC      (1024 * 1024 + 64 * 1024) /* of an RPC that is taken */
#define AVI_GOSSIPSUB_MAX_OLD_RPC  (1024 * 1024)        /* of one that the AVI nodes in the field take */
#define AVI_GOSSIPSUB_MAX_TOPIC    1024                 /* bytes of a topic's name */
#define AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS 1024            /* topics that we subscribe to */
#define AVI_GOSSIPSUB_MAX_COUNTED  1024                 /* topics with counts that were not asked for yet */
#define AVI_GOSSIPSUB_MAX_VALIDATIONS       1024             /* messages before validators */
#define AVI_GOSSIPSUB_MAX_VALIDATIONS_BYTES (16 * 1024 * 1024)
#define AVI_GOSSIPSUB_MAX_APPLICATION_SCORES 1024       /* peers that the program thinks something of, there or not */
#define AVI_GOSSIPSUB_MAX_RECORD   2048                 /* bytes of a signed peer record that is kept and passed on */

typedef struct _AviGossipsub AviGossipsub;

typedef struct
{
  AviKeyPair *identity;      /* signs what we publish; a reference is taken */
  AviRandom  *random;
  const AviGossipsubParams *params; /* copied; they go together; NULL: the standard ones */
  guint       max_topics;    /* that one peer may subscribe to; 0: 1,024 */
  gsize       max_queue;     /* bytes held for one peer that does not read; 0: 4 MiB */
  guint64     first_seqno;   /* our messages count up from here: Unix nanoseconds at start */
  gint64      unix_offset;   /* µs to add to a time handed in for Unix time; 0: from first_seqno */
} AviGossipsubConfig;

typedef enum
{
  AVI_GOSSIPSUB_EVENT_MESSAGE,    /* on a topic of ours: message (transfer full) */
  AVI_GOSSIPSUB_EVENT_VERIFY,     /* check signature over signed_bytes with key, then `verified (ticket)` */
  AVI_GOSSIPSUB_EVENT_VALIDATE,   /* show message (transfer full) to the program, then `validated (ticket)` */
  AVI_GOSSIPSUB_EVENT_SUBSCRIBERS, /* topic now has n_peers subscribers among our peers */
  AVI_GOSSIPSUB_EVENT_UNHEARD,    /* we publish on topic, to which none of n_peers, all there are, subscribes */
  AVI_GOSSIPSUB_EVENT_DROPPED,    /* messages did not go to peer: drops */
  AVI_GOSSIPSUB_EVENT_DIAL        /* a connection with peer is of use; record says where it is, if it is its own */
} AviGossipsubEventType;

/* What a validator says of a message (gossipsub 1.1, Extended Validators). */
typedef enum
{
  AVI_GOSSIPSUB_IGNORE, /* it is of no use, and nobody to blame */
  AVI_GOSSIPSUB_ACCEPT, /* it is delivered and passed on */
  AVI_GOSSIPSUB_REJECT  /* no honest peer would have passed it on */
} AviGossipsubVerdict;

/* Of a topic; they stay when nobody subscribes to it. */
typedef enum
{
  AVI_GOSSIPSUB_TOPIC_UNSIGNED  = 1 << 0, /* StrictNoSign in place of StrictSign */
  AVI_GOSSIPSUB_TOPIC_VALIDATED = 1 << 1  /* each message is shown to a validator before anything else */
} AviGossipsubTopicFlags;

typedef struct
{
  AviGossipsubEventType type;
  AviMessage           *message;
  const char           *topic;
  const char           *near_topic; /* UNHEARD: some subscribe to this one: case or slash differs; or NULL */
  guint                 n_peers;
  guint64               ticket;
  /* VERIFY: all three stay where they are until `verified`, so that another thread may do it. Every
   * ticket is answered, in any order, or its place in the table of checks under way is lost. */
  AviPublicKey         *key;
  AviSpan               signed_bytes;
  AviSpan               signature;
  AviPeerDrops          drops;
  AviPeerId            *peer;
  /* DIAL: what teller, a good peer, says of peer; nothing of it is checked. */
  AviPeerId            *teller;
  GBytes               *record; /* a signed envelope; NULL: only its id is known */
} AviGossipsubEvent;

typedef struct
{
  guint64 received, delivered, duplicates;
  guint64 forwarded;       /* messages of others queued for a peer */
  guint64 invalid;         /* dropped: malformed, bad signature, too large, not ours though it says so */
  guint64 unwanted;        /* dropped: on a topic that we do not subscribe to */
  guint64 verify_drops; /* not delivered or passed on: too many signatures being checked; gossip may bring them again */
  guint64 rejected;        /* dropped: a validator said so, and that its senders are to blame */
  guint64 ignored;         /* dropped: a validator said so */
  guint64 validate_drops;  /* dropped: no validator had an opinion in time, or too many messages waited for one */
  guint64 queue_drops;     /* messages and gossip not sent to a peer at max_queue, the oldest of others' first */
  guint64 size_drops;      /* messages not sent to a peer that takes none so large */
  guint64 score_drops;     /* messages of ours not sent to a peer below publish-threshold */
  guint64 limit_drops;     /* subscriptions and gossip of peers beyond a limit, not looked at */
  guint64 iwant_recovered; /* messages that came by IWANT */
  guint64 spared;          /* messages not sent to a peer that has them already, as it said by IDONTWANT */
  guint64 broken_promises; /* messages that were announced and asked for and did not come */
  guint64 graylisted;      /* RPCs not looked at, for their peer's score */
  guint64 offences;        /* against the rules, of all peers: what P7 counts */
  guint64 grafts_refused;
  guint64 px_told;         /* peers named in our PRUNEs */
  guint64 px_taken;        /* peers named in others' PRUNEs that DIAL was told for */
} AviGossipsubStatistics;

AviGossipsub *avi_gossipsub_new  (const AviGossipsubConfig *config, gint64 now);
/* Nobody may still be checking a signature that VERIFY handed out. */
void          avi_gossipsub_free (AviGossipsub *self);

/* One RPC, without its length. An error is the peer's fault; whoever drives resets that peer's
 * stream and goes on: the machine stays good. A message that is wrong is dropped, and no error: the
 * peer may merely have passed it on. */
gboolean avi_gossipsub_receive  (AviGossipsub *self, const AviPeerId *peer, AviSpan rpc, gint64 now, GError **error);
/* The time passed. */
void     avi_gossipsub_tick     (AviGossipsub *self, gint64 now);
/* The next RPC to send, its length in front: (out) (transfer full). Peers that are not ready are
 * passed over. FALSE: none. */
gboolean avi_gossipsub_transmit (AviGossipsub *self, AviPeerId *peer, GBytes **rpc, gint64 now);
/* To be emptied after each call of another door or verb. */
gboolean avi_gossipsub_next     (AviGossipsub *self, AviGossipsubEvent *event);
/* G_MAXINT64: the heartbeat sleeps, from the first one that leaves nothing to do until something
 * happens. So it does while no topic has a peer, and where every mesh is as it should be and no
 * message came lately. */
gint64   avi_gossipsub_deadline (AviGossipsub *self);
/* So many signatures are being checked that new messages will soon be dropped: whoever drives leaves
 * the peers' bytes in their streams, where flow control slows them down. */
gboolean avi_gossipsub_is_busy  (AviGossipsub *self);

/* @protocol: the one agreed on our stream to the peer. @agent: its agentVersion or NULL, a hint at
 * the family of its message ids until its own IHAVEs show it; until one or the other is known the
 * peer gets no IHAVE. Our subscriptions are sent. A peer that was added already is replaced whole. */
void     avi_gossipsub_add_peer    (AviGossipsub *self, const AviPeerId *peer, const char *protocol, const char *agent,
                                    gint64 now);
/* Our stream to the peer is another one now, to the same running program: what is known of its
 * subscriptions and the mesh stays; what the old stream may have lost, our subscriptions and grafts,
 * is sent again. FALSE: the peer is not known. */
gboolean avi_gossipsub_move_peer   (AviGossipsub *self, const AviPeerId *peer, const char *protocol, gint64 now);
/* For a deployed AVI node, which is of rust's family by another name: "rust-libp2p". */
void     avi_gossipsub_set_agent   (AviGossipsub *self, const AviPeerId *peer, const char *agent);
/* Of the connection that is used with a known peer: whether we dialled it, and from where it is, for P6: a hash of
 * whatever is hard to get many of; 0: not to be held against it. */
void     avi_gossipsub_set_link    (AviGossipsub *self, const AviPeerId *peer, gboolean outbound, guint64 network);
/* Its own signed peer record, checked before, at most AVI_GOSSIPSUB_MAX_RECORD bytes; NULL: none. */
void     avi_gossipsub_set_record  (AviGossipsub *self, const AviPeerId *peer, GBytes *record);
/* P5: what the program thinks of it, whether it is there or comes yet; 0: nothing. FALSE: it thinks something of
 * AVI_GOSSIPSUB_MAX_APPLICATION_SCORES others. */
gboolean avi_gossipsub_set_application_score (AviGossipsub *self, const AviPeerId *peer, double value, gint64 now);
/* 0 for one that is not known. */
double   avi_gossipsub_get_score   (AviGossipsub *self, const AviPeerId *peer, gint64 now);
void     avi_gossipsub_remove_peer (AviGossipsub *self, const AviPeerId *peer, gint64 now);
/* The peer's stream takes RPCs (as after add_peer), or does not for now. */
void     avi_gossipsub_set_ready   (AviGossipsub *self, const AviPeerId *peer, gboolean ready);

/* The peer ends our stream at an RPC of more than @max_rpc bytes, its length not counted: for the rest of its
 * stay it gets no message that makes a larger one, nor is it told of one. */
void     avi_gossipsub_limit_peer  (AviGossipsub *self, const AviPeerId *peer, gsize max_rpc, gint64 now);

/* What waits to be passed on waits no longer: we stop. */
void     avi_gossipsub_hurry       (AviGossipsub *self, gint64 now);

/* FALSE with AVI_ERROR_INVALID_ARGUMENT where @topic is no name for a topic. */
gboolean avi_gossipsub_check_topic (const char *topic, GError **error);
/* FALSE: no name for a topic, or AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS are held. */
gboolean avi_gossipsub_subscribe   (AviGossipsub *self, const char *topic, gint64 now);
void     avi_gossipsub_unsubscribe (AviGossipsub *self, const char *topic, gint64 now);
/* All flags of the topic, which others are replaced by. They are for what comes, and goes, from now on.
 * FALSE: no name for a topic, or as many topics have flags as we may subscribe to. */
gboolean avi_gossipsub_set_topic_flags (AviGossipsub *self, const char *topic, AviGossipsubTopicFlags flags);
/* To every peer known to subscribe. Returns for how many it was queued, 0 being no error; -1 with
 * AVI_ERROR_LIMIT (too large, for all or for each that subscribes), AVI_ERROR_INVALID_ARGUMENT (topic) or, of an
 * unsigned topic, AVI_ERROR_ALREADY_EXISTS (the same message was there lately), each counted with the topic, if that is
 * known. */
gint     avi_gossipsub_publish     (AviGossipsub *self, const char *topic, GBytes *data, gint64 now, GError **error);
/* Something is to be published on @topic once somebody subscribes, which nobody does: UNHEARD, as where it is published. */
void     avi_gossipsub_tell_unheard (AviGossipsub *self, const char *topic, gint64 now);
/* What is published on the topic says who its author is. */
gboolean avi_gossipsub_signs       (AviGossipsub *self, const char *topic);
/* Of the message published last. */
guint64  avi_gossipsub_get_seqno   (AviGossipsub *self);
/* One more of ours that no peer is to get: takes a number, as if it were published to nobody. */
guint64  avi_gossipsub_skip_seqno  (AviGossipsub *self);
/* To whom the message published last was queued: so many ids, which are good until the next call: (transfer none) */
const AviPeerId *const *avi_gossipsub_get_takers (AviGossipsub *self, guint *n);
/* Messages that were published, which number them from 1 on. */
guint64  avi_gossipsub_get_n_published (AviGossipsub *self);
/* Of these, all up to that number have left @peer's queue: by `transmit`, or since it has them or takes none so large. */
guint64  avi_gossipsub_get_n_taken (AviGossipsub *self, const AviPeerId *peer);
void     avi_gossipsub_verified    (AviGossipsub *self, guint64 ticket, gboolean valid, gint64 now);
/* Of a VALIDATE; one that is not answered within 10 s is ignored. A ticket that is none any more: nothing. */
void     avi_gossipsub_validated   (AviGossipsub *self, guint64 ticket, AviGossipsubVerdict verdict, gint64 now);
/* The wall clock was set: see AviGossipsubConfig. */
void     avi_gossipsub_set_unix_offset (AviGossipsub *self, gint64 unix_offset);

guint    avi_gossipsub_count_subscribers (AviGossipsub *self, const char *topic);
void     avi_gossipsub_get_statistics    (AviGossipsub *self, AviGossipsubStatistics *out);
/* What was counted of some topic since this was last said of it; FALSE: nothing more. @topic: (transfer full).
 * Of more than AVI_GOSSIPSUB_MAX_COUNTED topics nothing is said. What becomes of our own messages is counted by
 * whoever drives. */
gboolean avi_gossipsub_next_counts       (AviGossipsub *self, GRefString **topic, AviTopicCounts *counts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviGossipsub, avi_gossipsub_free)

G_END_DECLS
