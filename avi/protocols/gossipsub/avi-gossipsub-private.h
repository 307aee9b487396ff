/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The router's state, shared by its files: avi-gossipsub.c (its life and its doors), -membership.c
 * (peers, their subscriptions and ours), -messages.c (a message's way in, and out), -control.c (what
 * peers' control messages do), -heartbeat.c (what time does). Tests look at it, to check that it
 * agrees with itself.
 */
#pragma once

#include "avi-gossipsub-topic.h"
#include "avi-gossipsub.h"
#include "avi-message-cache.h"
#include "avi-promises.h"
#include "avi-seen-cache.h"
#include "avi-validations.h"
#include "avi-verifications.h"

G_BEGIN_DECLS

#define AVI_GOSSIPSUB_SEEN_TTL          (120 * G_USEC_PER_SEC)
#define AVI_GOSSIPSUB_SEEN_MAX          65536
#define AVI_GOSSIPSUB_CACHE_WINDOWS     5
#define AVI_GOSSIPSUB_GOSSIP_WINDOWS    3
#define AVI_GOSSIPSUB_CACHE_BYTES       (16 * 1024 * 1024)
#define AVI_GOSSIPSUB_MAX_CHECKS        1024               /* signatures being checked */
#define AVI_GOSSIPSUB_MAX_CHECKS_BYTES  (32 * 1024 * 1024)
#define AVI_GOSSIPSUB_VALIDATION_TIME  (10 * G_USEC_PER_SEC)
#define AVI_GOSSIPSUB_MAX_ALL_TOPICS    16384              /* topics known, from which on only ours are added */
#define AVI_GOSSIPSUB_MAX_NEAR_MISSES   1024
#define AVI_GOSSIPSUB_MAX_PROMISES      8192
#define AVI_GOSSIPSUB_PATIENCE          (3 * G_USEC_PER_SEC)  /* with a peer that was asked for a message */
#define AVI_GOSSIPSUB_FANOUT_TTL        (60 * G_USEC_PER_SEC)
#define AVI_GOSSIPSUB_PRUNE_BACKOFF     60                 /* s */
#define AVI_GOSSIPSUB_LEAVE_BACKOFF     10                 /* s; after we unsubscribed */
#define AVI_GOSSIPSUB_MAX_BACKOFF       3600               /* s; the longest that a peer may demand */
#define AVI_GOSSIPSUB_GOSSIP_FACTOR     4                  /* one peer in so many is gossiped to */
#define AVI_GOSSIPSUB_MAX_IDS           5000               /* per peer and heartbeat, each way */
#define AVI_GOSSIPSUB_MAX_IHAVES        10                 /* RPCs with IHAVE, per peer and heartbeat */
#define AVI_GOSSIPSUB_IDONTWANT_MIN        1024               /* bytes of data */
#define AVI_GOSSIPSUB_MAX_UNWANTED         1024               /* ids of a peer's IDONTWANTs, per heartbeat and held */
#define AVI_GOSSIPSUB_UNWANTED_TTL         (3 * G_USEC_PER_SEC)
#define AVI_GOSSIPSUB_MAX_ANSWERS       3                  /* of one message to one peer, by IWANT */

struct _AviGossipsub
{
  AviKeyPair            *identity;
  AviPeerId              id;
  AviRandom             *random;
  AviSipKey              secret; /* of the hashes of topics and messages */
  guint                  d, d_lo, d_hi, d_lazy;
  gint64                 heartbeat;
  gsize                  max_message;
  gsize                  idontwant_min;
  guint                  max_topics;
  gsize                  max_queue;
  guint64                next_seqno;
  gint64                 unix_offset;

  GHashTable            *topics;          /* a set of AviGossipsubTopic, owned */
  GHashTable            *peers;           /* id → AviGossipsubPeer, owned */
  guint                  n_subscriptions; /* of ours */
  guint                  n_flagged;       /* topics with flags */
  guint64                last_serial;     /* of a peer */
  GQueue                 sending;         /* of peers, by their link `sending` */

  AviSeenCache          *seen;
  AviMessageCache       *cache;
  AviVerifications      *verifications;
  AviValidations        *validations;
  AviPromises           *promises;

  gint64                 next_heartbeat;  /* G_MAXINT64: it sleeps */

  GArray                *events;          /* of AviGossipsubEvent, from first_event on */
  guint                  first_event;
  AviGossipsubEvent      told;            /* the one handed out last, which holds its names */

  GHashTable            *near_misses;     /* names that a near miss was sought for since subscriptions changed */
  GPtrArray             *picked;          /* of members; whoever picks uses it at once */
  GPtrArray             *takers;          /* of AviPeerId: of the message published last */
  guint64                n_published;
  AviRpcQueueDropped     dropped;         /* of what made room; empty but while it is counted */
  GPtrArray             *tallies;         /* of AviGossipsubTally */
  AviGossipsubStatistics statistics;
};

AviGossipsubTopic  *avi_gossipsub_find_topic    (AviGossipsub *self, AviSpan name);
AviGossipsubTopic  *avi_gossipsub_ensure_topic  (AviGossipsub *self, AviSpan name);
/* Frees it where nobody needs it any more. */
void                avi_gossipsub_release_topic (AviGossipsub *self, AviGossipsubTopic *topic);
/* NULL where the peer has to do with too many topics already. */
AviGossipsubMember *avi_gossipsub_ensure_member (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubTopic *topic);
/* The topic's subscribers changed. */
void                avi_gossipsub_announce      (AviGossipsub *self, AviGossipsubTopic *topic);

/* There may be something to send to @peer. */
void                avi_gossipsub_send          (AviGossipsub *self, AviGossipsubPeer *peer);
/* FALSE: dropped, and counted. */
gboolean            avi_gossipsub_send_message  (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message);
/* The same of the message that we published last. */
gboolean            avi_gossipsub_send_own      (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message);
void                avi_gossipsub_send_gossip   (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan fields);

/* @topic: NULL: there is none to count for. */
void                avi_gossipsub_count         (AviGossipsub *self, AviGossipsubTopic *topic, AviTopicCount what,
                                                 guint64 n);
/* Messages of more than @max bytes are taken back. */
void                avi_gossipsub_drop_larger   (AviGossipsub *self, AviGossipsubPeer *peer, gsize max);

/* Into the mesh, and out of it with a back-off in seconds; the peer is told. */
void                avi_gossipsub_graft         (AviGossipsub *self, AviGossipsubMember *member);
void                avi_gossipsub_prune         (AviGossipsub *self, AviGossipsubMember *member, guint backoff,
                                                 gint64 now);

/* -membership.c */
/* Known from now on, be it only by what it says. */
AviGossipsubPeer   *avi_gossipsub_ensure_peer   (AviGossipsub *self, const AviPeerId *id);
/* The peer says so. */
void                avi_gossipsub_set_subscribed (AviGossipsub *self, AviGossipsubMember *member, gboolean subscribed,
                                                  gint64 now);
/* FALSE: malformed. */
gboolean            avi_gossipsub_receive_subscription (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes,
                                                        gint64 now, GError **error);

/* -messages.c */
void                avi_gossipsub_receive_message (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan raw, gint64 now);
/* There is somebody to gossip to: what was believed and not checked is to be, so that the next gossip tells of it. */
void                avi_gossipsub_verify_for_gossip (AviGossipsub *self, AviGossipsubTopic *topic);
/* Those that no validator answered in time. */
void                avi_gossipsub_end_late_validations (AviGossipsub *self, gint64 now);

/* -control.c. FALSE: malformed. */
gboolean            avi_gossipsub_receive_control (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan control,
                                                   gint64 now, GError **error);

/* -heartbeat.c */
void                avi_gossipsub_heartbeat     (AviGossipsub *self, gint64 now);
/* Something happened that the next heartbeat is to look at. */
void                avi_gossipsub_wake          (AviGossipsub *self, gint64 now);
/* Grafts up to @n more. */
void                avi_gossipsub_graft_more    (AviGossipsub *self, AviGossipsubTopic *topic, guint n, gint64 now);

G_END_DECLS
