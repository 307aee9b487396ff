/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPubsub: the router (AviGossipsub) as the engine drives it: one stream of ours to each peer,
 * the peers' streams to us, signatures, and what comes of it for the program.
 */
#pragma once

#include "avi-peer-entry.h"
#include "protocols/gossipsub/avi-gossipsub.h"

G_BEGIN_DECLS

#define AVI_PUBSUB_MAX_PARTIAL  (16 * 1024 * 1024)    /* bytes of RPCs that are not whole, over all connections */
#define AVI_PUBSUB_PARTIAL_TIME (30 * G_USEC_PER_SEC) /* without a byte, then it is given up */

AviPubsub *avi_pubsub_new    (AviEngine *engine);
/* What waits to be published goes to the router, room or not; what is held until somebody subscribes is dropped,
 * and who waits for subscribers is told that it is in vain. */
void       avi_pubsub_stop   (AviPubsub *self);
/* What the router counted so far is the core's to tell. */
void       avi_pubsub_tell_counts (AviPubsub *self);
void       avi_pubsub_free   (AviPubsub *self);

/* @entry's main connection is new. @moved: the peer is the same running program as before, and what
 * is known of its subscriptions still holds. */
void       avi_pubsub_attach (AviPubsub *self, AviPeerEntry *entry, gboolean moved);
/* Of @entry's main connection, and of the record that the peer gave on it, something may be new. */
void       avi_pubsub_describe (AviPubsub *self, AviPeerEntry *entry);
/* The peers that there is an agreement with are found. Once, when the swarm is there. */
void       avi_pubsub_dial_direct (AviPubsub *self);
gboolean   avi_pubsub_is_attached (AviPubsub *self, AviPeerEntry *entry);
void       avi_pubsub_detach (AviPubsub *self, AviPeerEntry *entry);
/* Bytes of RPCs that have begun and are not whole, and of what peers said that are not attached yet. */
gsize      avi_pubsub_get_n_partial (AviPubsub *self);
/* Sends what the router has to send and tells what it has to tell. Called after each round. */
void       avi_pubsub_pump   (AviPubsub *self);
/* What was sent since may be what a publisher waits for. Called when the round is over. */
void       avi_pubsub_check_flow (AviPubsub *self);

void       avi_pubsub_subscribe   (AviPubsub *self, const char *topic);
void       avi_pubsub_unsubscribe (AviPubsub *self, const char *topic);
/* @flags: AviGossipsubTopicFlags, all of the topic's. */
void       avi_pubsub_set_topic   (AviPubsub *self, const char *topic, guint flags);
/* What the program thinks of @peer, now or when it comes; of several: AviPeerId → double. */
void       avi_pubsub_set_score   (AviPubsub *self, const AviPeerId *peer, double score);
void       avi_pubsub_set_scores  (AviPubsub *self, GHashTable *scores);
/* A validator's verdict, AviGossipsubVerdict. */
void       avi_pubsub_judge       (AviPubsub *self, guint64 ticket, guint verdict);
void       avi_pubsub_wait        (AviPubsub *self, const char *topic, guint n, AviCall *call);
void       avi_pubsub_cancel      (AviPubsub *self, AviCall *call);

G_END_DECLS
