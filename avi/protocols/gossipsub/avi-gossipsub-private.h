/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The router's state, shared by its files: avi-gossipsub.c (its life and its doors), -membership.c
 * (peers, their subscriptions and ours), -messages.c (a message's way in, and ours out),
 * -forwarding.c (others' on their way), -control.c (what peers' control messages do), -heartbeat.c (what time does), -scoring.c (what peers are worth), -px.c
 * (whom peers hear of by a PRUNE). Tests look at it, to check that it agrees with itself.
 */
#pragma once

#include "avi-deliveries.h"
#include "avi-gossipsub-topic.h"
#include "avi-gossipsub.h"
#include "avi-message-cache.h"
#include "avi-promises.h"
#include "avi-seen-cache.h"
#include "avi-stagger.h"
#include "avi-validations.h"
#include "avi-verifications.h"

G_BEGIN_DECLS

#define AVI_GOSSIPSUB_SEEN_MAX          65536
#define AVI_GOSSIPSUB_CACHE_BYTES       (16 * 1024 * 1024)
#define AVI_GOSSIPSUB_MAX_CHECKS        1024               /* signatures being checked */
#define AVI_GOSSIPSUB_MAX_CHECKS_BYTES  (32 * 1024 * 1024)
#define AVI_GOSSIPSUB_VALIDATION_TIME  (10 * G_USEC_PER_SEC)
/* For so long a message of another's waits for a peer to take it. Late by more than the time for which ids are known
 * as seen, it would be delivered once more. */
#define AVI_GOSSIPSUB_FORWARD_TIME     (30 * G_USEC_PER_SEC)
/* A large message that is not sent to all at once, and how many such. */
#define AVI_GOSSIPSUB_MAX_STAGGER      (G_USEC_PER_SEC / 2)
#define AVI_GOSSIPSUB_MAX_STAGGERED       256
#define AVI_GOSSIPSUB_MAX_STAGGERED_BYTES (4 * 1024 * 1024)
/* For so long a peer counts as slow after it lost a message to its full queue. */
#define AVI_GOSSIPSUB_SLOW_TIME        (5 * G_USEC_PER_SEC)
#define AVI_GOSSIPSUB_MANY_TOPICS       16384              /* topics known, from which on each peer has a share */
#define AVI_GOSSIPSUB_TOPICS_SHARE      128
#define AVI_GOSSIPSUB_MAX_ALL_TOPICS    (16384 + 512 * 128) /* from which on only ours are added */
#define AVI_GOSSIPSUB_MAX_UNHEARD       1024
#define AVI_GOSSIPSUB_UNHEARD_INTERVAL  G_USEC_PER_SEC
#define AVI_GOSSIPSUB_MAX_PROMISES      8192
#define AVI_GOSSIPSUB_MAX_OVERDUE       8192               /* of them, those that may be lies */
#define AVI_GOSSIPSUB_LIE_TIME          (30 * G_USEC_PER_SEC) /* until a message that nobody brought does not exist */
#define AVI_GOSSIPSUB_MAX_RETAINED      1024               /* peers that left with a bad score */
#define AVI_GOSSIPSUB_MAX_DELIVERIES    4096               /* messages whose copies are counted (P3) */
#define AVI_GOSSIPSUB_MAX_EXCHANGE      (8 * 1024)         /* bytes from which on a PRUNE names no more peers */
#define AVI_GOSSIPSUB_MAX_EXCHANGED     16                 /* peers taken from PRUNEs, per heartbeat */
/* Of who is in the mesh, in a heartbeat, for each of its topics: no offence yet. */
#define AVI_GOSSIPSUB_MAX_GRAFTS_AGAIN  3
#define AVI_GOSSIPSUB_MAX_EXCESS        4                  /* times max-ihave-messages, max-idontwant-ids: likewise */
#define AVI_GOSSIPSUB_MAX_REFUSED       5                  /* answers refused, in a heartbeat: likewise */
#define AVI_GOSSIPSUB_MAX_BACKOFF       3600               /* s; the longest that a peer may demand */

struct _AviGossipsub
{
  AviKeyPair            *identity;
  AviPeerId              id;
  AviRandom             *random;
  AviSipKey              secret; /* of the hashes of topics and messages */
  AviGossipsubParams     params;
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
  AviStagger            *stagger;
  AviPromises           *promises;
  GArray                *lies;            /* of AviLie; whoever needs it uses it at once */

  AviScore              *score;
  AviDeliveries         *deliveries;      /* NULL: no topic counts them */
  GHashTable            *serials;         /* of the peers that are there → AviGossipsubPeer */
  GHashTable            *direct;          /* a set of AviPeerId */
  GHashTable            *application_scores; /* AviPeerId → double, whether or not the peer is there */
  guint                  n_exchanged;     /* peers taken from PRUNEs since the last heartbeat */
  gint64                 next_opportunistic; /* µs */
  gint64                 slow_until;      /* µs; from then on no peer counts as slow */

  gint64                 next_heartbeat;  /* G_MAXINT64: it sleeps */
  GHashTable            *recent;          /* AviGossipsubTopic → AviRecent, of this heartbeat; NULL: nobody needs it */

  GArray                *events;          /* of AviGossipsubEvent, from first_event on */
  guint                  first_event;
  AviGossipsubEvent      told;            /* the one handed out last, which holds its names */

  GHashTable            *unheard;         /* names of which that was told since subscriptions changed */
  gint64                 next_unheard;    /* µs */
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

/* It does not go to @peer, for one of the reasons of AviPeerDrops: counted. */
void                avi_gossipsub_drop_message  (AviGossipsub *self, AviGossipsubPeer *peer,
                                                 const AviGossipMessage *message, AviTopicCount why, gint64 now);
/* That is told. */
void                avi_gossipsub_tell_dropped  (AviGossipsub *self, AviGossipsubPeer *peer);

/* There may be something to send to @peer. */
void                avi_gossipsub_send          (AviGossipsub *self, AviGossipsubPeer *peer);
/* FALSE: dropped, and counted. */
gboolean            avi_gossipsub_send_message  (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message,
                                                 gint64 now);
/* The same of the message that we published last. */
gboolean            avi_gossipsub_send_own      (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message,
                                                 gint64 now);
void avi_gossipsub_send_gossip (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan fields, gint64 now);

/* @topic: NULL: there is none to count for. */
void                avi_gossipsub_count         (AviGossipsub *self, AviGossipsubTopic *topic, AviTopicCount what,
                                                 guint64 n);
/* All that waits for it: its connection ended. */
void                avi_gossipsub_drop_queued   (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now);
/* Messages of more than @max bytes are taken back. */
void                avi_gossipsub_drop_larger   (AviGossipsub *self, AviGossipsubPeer *peer, gsize max, gint64 now);

/* Into the mesh, and out of it with a back-off in µs; the peer is told. */
void                avi_gossipsub_graft         (AviGossipsub *self, AviGossipsubMember *member, gint64 now);
void                avi_gossipsub_prune         (AviGossipsub *self, AviGossipsubMember *member, gint64 backoff,
                                                 gint64 now);

/* -membership.c */
/* Known from now on, be it only by what it says. */
AviGossipsubPeer   *avi_gossipsub_ensure_peer   (AviGossipsub *self, const AviPeerId *id, gint64 now);
/* The peer says so. */
void                avi_gossipsub_set_subscribed (AviGossipsub *self, AviGossipsubMember *member, gboolean subscribed,
                                                  gint64 now);
/* FALSE: malformed. */
gboolean            avi_gossipsub_receive_subscription (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan bytes,
                                                        gint64 now, GError **error);

/* -messages.c */
void                avi_gossipsub_receive_message (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan raw, gint64 now);
/* There is somebody to gossip to: what was believed and not checked is to be, so that the next gossip tells of it.
 * @messages: of AviGossipMessage. */
void                avi_gossipsub_verify_for_gossip (AviGossipsub *self, const GPtrArray *messages, gint64 now);
/* Those that no validator answered in time. */
void                avi_gossipsub_end_late_validations (AviGossipsub *self, gint64 now);

/* -forwarding.c */
/* Who would send us the message as well is told not to; not before its signature was looked at, for a forgery of the same
 * name would keep the message itself from us. */
void avi_gossipsub_say_idontwant (AviGossipsub *self, AviGossipsubTopic *topic, const AviArrival *arrival, gint64 now);
/* To the mesh and to those without one; not to whom it came from, nor to its author. */
void avi_gossipsub_forward (AviGossipsub *self, AviGossipsubTopic *topic, const AviArrival *arrival, gint64 now);
/* What was to wait @until then, to those who still are to have it. */
void                avi_gossipsub_forward_staggered (AviGossipsub *self, gint64 until, gint64 now);
/* Likewise of one topic, whenever it was to go. */
void                avi_gossipsub_hurry_topic   (AviGossipsub *self, AviGossipsubTopic *topic, gint64 now);
/* The peer's IWANT is answered; after what its author said earlier, where that waits for the peer. */
void                avi_gossipsub_send_asked_for (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipMessage *message,
                                                  gint64 now);

/* -control.c. FALSE: malformed. */
gboolean            avi_gossipsub_receive_control (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan control,
                                                   gint64 now, GError **error);

/* -heartbeat.c */
void                avi_gossipsub_heartbeat     (AviGossipsub *self, gint64 now);
/* Something happened that the next heartbeat is to look at. */
void                avi_gossipsub_wake          (AviGossipsub *self, gint64 now);
/* Grafts up to @n more. */
void                avi_gossipsub_graft_more    (AviGossipsub *self, AviGossipsubTopic *topic, guint n, gint64 now);

/* -scoring.c */
void                avi_gossipsub_init_scoring  (AviGossipsub *self, gint64 now);
void                avi_gossipsub_clear_scoring (AviGossipsub *self);
void                avi_gossipsub_begin_account (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now);
void                avi_gossipsub_end_account   (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now);
/* NULL: it is gone. */
AviGossipsubPeer   *avi_gossipsub_find_serial   (AviGossipsub *self, guint64 serial);
/* The one way into the mesh and out of it, which the score hears of. */
void                avi_gossipsub_place         (AviGossipsub *self, AviGossipsubMember *member, AviMemberPlace place,
                                                 gint64 now);
/* The peer of that serial delivered a message on a topic of ours: a valid one first of all; such a one again; one that
 * an honest peer would not have passed on. */
void                avi_gossipsub_score_first   (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic,
                                                 AviMessageId id, gint64 now);
void                avi_gossipsub_score_again   (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic,
                                                 AviMessageId id, gint64 now);
void                avi_gossipsub_score_invalid (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic,
                                                 gint64 now);
gboolean            avi_gossipsub_is_graylisted (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now);
gboolean            avi_gossipsub_gossips_with  (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now);
gboolean            avi_gossipsub_is_worth_publishing_to (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now);
/* Whether what we publish is for it, were its score good; whether it is good enough for that. */
gboolean            avi_gossipsub_is_addressed  (AviGossipsub *self, const AviGossipsubMember *member);
gboolean            avi_gossipsub_publishes_to  (AviGossipsub *self, const AviGossipsubMember *member, gint64 now);
/* Whether it gets what others publish. */
gboolean            avi_gossipsub_forwards_to   (AviGossipsub *self, const AviGossipsubMember *member, gint64 now);
/* It does not take what it is sent. */
void                avi_gossipsub_found_slow    (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now);
/* P7, once a heartbeat for each kind. */
void                avi_gossipsub_offend        (AviGossipsub *self, AviGossipsubPeer *peer,
                                                 AviGossipsubOffence offence, gint64 now);
void                avi_gossipsub_check_promises (AviGossipsub *self, gint64 now);

/* -px.c */
/* The PRUNE of @member that is queued names others, where the peer deserves it. */
void                avi_gossipsub_exchange      (AviGossipsub *self, AviGossipsubMember *member, gint64 now);
/* FALSE: malformed. */
gboolean            avi_gossipsub_receive_exchange (AviGossipsub *self, AviGossipsubPeer *peer, AviSpan prune,
                                                    gint64 now, GError **error);

G_END_DECLS
