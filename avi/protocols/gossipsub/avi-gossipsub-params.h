/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipsubParams: every number that the router goes by, with its name, its range and what it is
 * where nobody says otherwise (docs/gossipsub.md has the reasons). Read by the router, set by the
 * program through AviPubsubParams, which is this in public, and by the simulator.
 */
#pragma once

#include "avi-score.h"

G_BEGIN_DECLS

#define AVI_GOSSIPSUB_MAX_DIRECT_PEERS  64
#define AVI_GOSSIPSUB_MAX_TOPIC_PARAMS  1024 /* topics with score parameters of their own */

typedef struct
{
  guint    d, d_lo, d_hi, d_out, d_score, d_lazy;
  double   gossip_factor;
  gint64   heartbeat;           /* µs, as all times here */
  guint    history_length, history_gossip; /* heartbeats */
  gint64   fanout_ttl, prune_backoff, unsubscribe_backoff, seen_ttl;
  gsize    max_message;         /* bytes of data */
  gsize    idontwant_threshold; /* bytes of data, of which a message has more for IDONTWANT */
  guint    max_idontwant_ids;   /* per peer and heartbeat, and remembered */
  gint64   idontwant_ttl;       /* for which they are */
  guint    stagger_copies;      /* forwarded at once, of a message above idontwant_threshold */
  gsize    stagger_bandwidth;   /* bytes/s, of the links that the others wait for; 0: none waits */
  gboolean flood_publish;
  guint    prune_peers;         /* told in a PRUNE (PX); 0: none */
  guint    max_ihave_messages;  /* RPCs with IHAVE, per peer and heartbeat */
  guint    max_ihave_length;    /* ids, per peer and heartbeat */
  guint    gossip_retransmission;
  gint64   iwant_followup;      /* until a promise is broken */
  gint64   opportunistic_graft_interval;
  guint    opportunistic_graft_peers;

  double   gossip_threshold, publish_threshold, graylist_threshold;
  double   accept_px_threshold, opportunistic_graft_threshold;

  AviScoreParams      score;
  AviTopicScoreParams topic;    /* of topics that have none of their own */
  GHashTable         *topics;   /* name → AviTopicScoreParams, owned; NULL: none has its own */
  char              **direct_peers; /* peer ids, or multiaddrs that end in one; NULL: none */
} AviGossipsubParams;

/* As a home is served well. */
void     avi_gossipsub_params_init  (AviGossipsubParams *self);
void     avi_gossipsub_params_copy  (AviGossipsubParams *self, const AviGossipsubParams *other);
void     avi_gossipsub_params_clear (AviGossipsubParams *self);

/* The names, in an order that stays; NULL: there are no more. @is_time: in ms. @of_topic: also one of a topic's own. */
const char *avi_gossipsub_params_get_name (guint n, gboolean *is_time, gboolean *of_topic);
/* Of the one of that place: the least and the most that it may be, times in ms. */
void        avi_gossipsub_params_get_range (guint n, double *least, double *most);
/* @topic: NULL: what holds for all. Times in ms. Errors: AVI_ERROR_INVALID_ARGUMENT, with the name, the value and the
 * range; AVI_ERROR_LIMIT. */
gboolean avi_gossipsub_params_set   (AviGossipsubParams *self, const char *topic, const char *name, double value,
                                     GError **error);
gboolean avi_gossipsub_params_get   (const AviGossipsubParams *self, const char *topic, const char *name, double *value,
                                     GError **error);
/* @peers: NULL: none */
gboolean avi_gossipsub_params_set_direct_peers (AviGossipsubParams *self, const char *const *peers, GError **error);
/* Whether they go together: FALSE with AVI_ERROR_INVALID_ARGUMENT. */
gboolean avi_gossipsub_params_check (const AviGossipsubParams *self, GError **error);

const AviTopicScoreParams *avi_gossipsub_params_find_topic (const AviGossipsubParams *self, const char *topic);

G_END_DECLS
