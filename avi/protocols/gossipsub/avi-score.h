/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviScore: what each peer's behaviour is worth to us (gossipsub 1.1, Peer Scoring): P1 to P4 for each
 * topic, P5 to P7 for the peer as a whole. It counts what it is told, lets counters decay as time
 * passes, and remembers for a while who left with a score that is not good. It decides nothing: what
 * a score leads to is the router's. Counters decay when they are looked at, so nothing has to be
 * called while nothing happens.
 */
#pragma once

#include "crypto/avi-siphash.h"
#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

/* Of one topic. Weights of P3, P3b and P4 are 0 or less, of P1 and P2 0 or more. A decay is what a counter is
 * multiplied with at each decay interval. */
typedef struct
{
  double topic_weight;

  double time_in_mesh_weight; /* P1 */
  gint64 time_in_mesh_quantum; /* µs */
  double time_in_mesh_cap;    /* quanta */

  double first_deliveries_weight, first_deliveries_decay, first_deliveries_cap; /* P2 */

  double mesh_deliveries_weight, mesh_deliveries_decay, mesh_deliveries_cap; /* P3; weight 0: off */
  double mesh_deliveries_threshold;
  gint64 mesh_deliveries_window;     /* µs after the first copy */
  gint64 mesh_deliveries_activation; /* µs in the mesh, until then nothing is expected */

  double mesh_failure_weight, mesh_failure_decay; /* P3b */
  double invalid_weight, invalid_decay;           /* P4 */
} AviTopicScoreParams;

/* Of the peer as a whole. */
typedef struct
{
  double topic_score_cap; /* of all topics together; 0: none */
  double application_weight; /* P5 */
  double colocation_weight;  /* P6 */
  guint  colocation_threshold; /* peers of one network that are no offence */
  double behaviour_weight, behaviour_threshold, behaviour_decay; /* P7 */
  double slow_weight, slow_threshold, slow_decay; /* takes away what it has earned, and no more */
  gint64 decay_interval; /* µs */
  double decay_to_zero;
  gint64 retain; /* µs, after a peer left */
} AviScoreParams;

typedef struct _AviScore     AviScore;
typedef struct _AviPeerScore AviPeerScore;

/* What is asked of whoever knows the topics: the parameters of one, which stay where they are. */
typedef const AviTopicScoreParams *(*AviScoreTopicFunc) (gpointer user_data, AviSipHash topic);

/* @params, and what @topic_params gives, stay where they are. @max_retained: peers that left and are remembered; the
 * one with the least against it gives way. */
AviScore     *avi_score_new         (const AviScoreParams *params, AviScoreTopicFunc topic_params, gpointer user_data,
                                     guint max_retained, gint64 now);
void          avi_score_free        (AviScore *self);

/* The peer is here, once: as good or bad as it was remembered. (transfer none), until `remove` */
AviPeerScore *avi_score_add         (AviScore *self, const AviPeerId *peer, gint64 now);
void          avi_score_remove      (AviScore *self, AviPeerScore *peer, gint64 now);
/* Where it is: a hash of whatever is hard to get many of; 0: not to be held against anybody. */
void          avi_score_set_network (AviScore *self, AviPeerScore *peer, guint64 network);
/* P5: what the program thinks of it. */
void          avi_score_set_application (AviScore *self, AviPeerScore *peer, double value);

double        avi_score_get         (AviScore *self, AviPeerScore *peer, gint64 now);

/* It came into our mesh; it is out of it, P3b where it delivered too little. */
void          avi_score_graft       (AviScore *self, AviPeerScore *peer, AviSipHash topic, gint64 now);
void          avi_score_prune       (AviScore *self, AviPeerScore *peer, AviSipHash topic, gint64 now);
/* It delivered a valid message, first of all. */
void          avi_score_first       (AviScore *self, AviPeerScore *peer, AviSipHash topic, gint64 now);
/* It delivered a valid message, again, that came first at @since; not to be told twice of one message. */
void          avi_score_again       (AviScore *self, AviPeerScore *peer, AviSipHash topic, gint64 since, gint64 now);
/* It delivered an invalid one. */
void          avi_score_invalid     (AviScore *self, AviPeerScore *peer, AviSipHash topic, gint64 now);
/* P7: it broke the rules @n times. */
void          avi_score_misbehaved  (AviScore *self, AviPeerScore *peer, double n, gint64 now);

/* It did not take what it was to be sent. */
void          avi_score_slow        (AviScore *self, AviPeerScore *peer, gint64 now);

guint         avi_score_get_n_peers    (AviScore *self);
guint         avi_score_get_n_retained (AviScore *self);
/* Topics that something is counted in; of topics not in its mesh those at 0 are forgotten. */
guint         avi_peer_score_get_n_topics (AviPeerScore *peer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviScore, avi_score_free)

G_END_DECLS
