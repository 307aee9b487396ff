/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-score.h"

#include <math.h>

typedef struct
{
  AviSipHash                 topic;
  const AviTopicScoreParams *params;
  gboolean                   in_mesh;
  gint64                     grafted;  /* µs */
  double                     first_deliveries, mesh_deliveries, mesh_failure, invalid;
} AviTopicScore;

/* Where some of the peers are. */
typedef struct
{
  guint64 hash;
  guint   n_peers;
} AviScoreNetwork;

struct _AviPeerScore
{
  AviPeerId   id;
  AviScoreNetwork *network; /* NULL: does not count */
  double      application;
  double      behaviour;
  double      slow;
  double      of_topics;   /* as summed up when last asked for; good until something is counted or decays */
  gboolean    is_summed;
  /* Of AviTopicScore, owned: those in whose mesh it is, or in which it said something lately. */
  GHashTable *topics;
  gint64      decayed;     /* decay intervals since the beginning, that its counters have seen */
  /* Of one that left: */
  gint64      expires;     /* µs */
  double      left_with;
};

struct _AviScore
{
  const AviScoreParams *params;
  AviScoreTopicFunc     topic_params;
  gpointer              user_data;
  guint                 max_retained;
  gint64                since;    /* µs */
  GHashTable           *peers;    /* id → AviPeerScore, owned */
  GHashTable           *retained; /* likewise, of those that left */
  GHashTable           *networks; /* hash → AviScoreNetwork, owned, of each of `peers` */
};

static void
avi_peer_score_free (AviPeerScore *self)
{
  g_hash_table_unref (self->topics);
  g_free (self);
}

static guint
avi_topic_score_hash (gconstpointer self)
{
  return (guint) ((const AviTopicScore *) self)->topic.lo;
}

static gboolean
avi_topic_score_equal (gconstpointer a, gconstpointer b)
{
  return avi_sip_hash_equal (((const AviTopicScore *) a)->topic, ((const AviTopicScore *) b)->topic);
}

static AviPeerScore *
avi_peer_score_new (const AviPeerId *id)
{
  AviPeerScore *self = g_new0 (AviPeerScore, 1);

  self->id = *id;
  self->topics = g_hash_table_new_full (avi_topic_score_hash, avi_topic_score_equal, g_free, NULL);
  return self;
}

AviScore *
avi_score_new (const AviScoreParams *params, AviScoreTopicFunc topic_params, gpointer user_data, guint max_retained,
               gint64 now)
{
  AviScore *self = g_new0 (AviScore, 1);

  self->params = params;
  self->topic_params = topic_params;
  self->user_data = user_data;
  self->max_retained = max_retained;
  self->since = now;
  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, (GDestroyNotify) avi_peer_score_free);
  self->retained = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                          (GDestroyNotify) avi_peer_score_free);
  self->networks = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  return self;
}

void
avi_score_free (AviScore *self)
{
  g_hash_table_unref (self->peers);
  g_hash_table_unref (self->retained);
  g_hash_table_unref (self->networks);
  g_free (self);
}

/* --- decay --- */

static gint64
avi_score_get_interval (AviScore *self, gint64 now)
{
  return (now - self->since) / self->params->decay_interval;
}

static void
avi_score_decay_counter (AviScore *self, double *counter, double decay, double n_intervals)
{
  if (*counter == 0)
    return;
  *counter *= pow (decay, n_intervals);
  if (*counter < self->params->decay_to_zero)
    *counter = 0;
}

static gboolean
avi_topic_score_is_empty (const AviTopicScore *self)
{
  return !self->in_mesh && self->first_deliveries == 0 && self->mesh_deliveries == 0 && self->mesh_failure == 0
         && self->invalid == 0;
}

static void
avi_score_catch_up (AviScore *self, AviPeerScore *peer, gint64 now)
{
  gint64 interval = avi_score_get_interval (self, now);
  double n = (double) (interval - peer->decayed);
  GHashTableIter iter;
  AviTopicScore *topic;

  if (n <= 0)
    return;
  peer->decayed = interval;
  peer->is_summed = FALSE;
  avi_score_decay_counter (self, &peer->behaviour, self->params->behaviour_decay, n);
  avi_score_decay_counter (self, &peer->slow, self->params->slow_decay, n);
  g_hash_table_iter_init (&iter, peer->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      avi_score_decay_counter (self, &topic->first_deliveries, topic->params->first_deliveries_decay, n);
      avi_score_decay_counter (self, &topic->mesh_deliveries, topic->params->mesh_deliveries_decay, n);
      avi_score_decay_counter (self, &topic->mesh_failure, topic->params->mesh_failure_decay, n);
      avi_score_decay_counter (self, &topic->invalid, topic->params->invalid_decay, n);
      if (avi_topic_score_is_empty (topic))
        g_hash_table_iter_remove (&iter);
    }
}

/* --- topics --- */

/* Its counters are those of now; NULL: none has counted yet. */
static AviTopicScore *
avi_score_find_topic (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  AviTopicScore key = { .topic = hash };

  avi_score_catch_up (self, peer, now);
  peer->is_summed = FALSE; /* whoever asks for it counts something */
  return g_hash_table_lookup (peer->topics, &key);
}

static AviTopicScore *
avi_score_ensure_topic (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  AviTopicScore *topic = avi_score_find_topic (self, peer, hash, now);

  if (topic == NULL)
    {
      topic = g_new0 (AviTopicScore, 1);
      topic->topic = hash;
      topic->params = self->topic_params (self->user_data, hash);
      g_hash_table_add (peer->topics, topic);
    }
  return topic;
}

/* Of deliveries that were to be expected. */
static double
avi_topic_score_get_deficit (const AviTopicScore *self, gint64 now)
{
  const AviTopicScoreParams *params = self->params;

  if (!self->in_mesh || params->mesh_deliveries_weight == 0
      || now - self->grafted <= params->mesh_deliveries_activation)
    return 0;
  return MAX (params->mesh_deliveries_threshold - self->mesh_deliveries, 0);
}

static double
avi_topic_score_get (const AviTopicScore *self, gint64 now)
{
  const AviTopicScoreParams *params = self->params;
  double time_in_mesh = self->in_mesh ? (double) ((now - self->grafted) / params->time_in_mesh_quantum) : 0;
  double deficit = avi_topic_score_get_deficit (self, now);

  return params->topic_weight
         * (params->time_in_mesh_weight * MIN (time_in_mesh, params->time_in_mesh_cap)
            + params->first_deliveries_weight * self->first_deliveries
            + params->mesh_deliveries_weight * deficit * deficit
            + params->mesh_failure_weight * self->mesh_failure
            + params->invalid_weight * self->invalid * self->invalid);
}

/* --- peers --- */

static AviScoreNetwork *
avi_score_ensure_network (AviScore *self, guint64 hash)
{
  AviScoreNetwork *network = g_hash_table_lookup (self->networks, &hash);

  if (network == NULL)
    {
      network = g_new0 (AviScoreNetwork, 1);
      network->hash = hash;
      g_hash_table_insert (self->networks, &network->hash, network);
    }
  return network;
}

void
avi_score_set_network (AviScore *self, AviPeerScore *peer, guint64 hash)
{
  AviScoreNetwork *left = peer->network;

  peer->network = hash != 0 ? avi_score_ensure_network (self, hash) : NULL;
  if (peer->network != NULL)
    peer->network->n_peers++;
  if (left != NULL && --left->n_peers == 0)
    g_hash_table_remove (self->networks, &left->hash);
}

void
avi_score_set_application (AviScore *self, AviPeerScore *peer, double value)
{
  peer->application = value;
}

static void
avi_score_forget_expired (AviScore *self, gint64 now)
{
  GHashTableIter iter;
  AviPeerScore *peer;

  g_hash_table_iter_init (&iter, self->retained);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &peer))
    if (peer->expires <= now)
      g_hash_table_iter_remove (&iter);
}

AviPeerScore *
avi_score_add (AviScore *self, const AviPeerId *id, gint64 now)
{
  AviPeerScore *peer;

  g_return_val_if_fail (g_hash_table_lookup (self->peers, id) == NULL, NULL);

  avi_score_forget_expired (self, now);
  peer = g_hash_table_lookup (self->retained, id);
  if (peer != NULL)
    g_hash_table_steal (self->retained, id);
  else
    peer = avi_peer_score_new (id);
  /* While it was away nothing was forgiven: else leaving would be the way to be rid of a score. */
  peer->decayed = avi_score_get_interval (self, now);
  g_hash_table_insert (self->peers, &peer->id, peer);
  return peer;
}

/* What counts for it does not outlast its stay, what counts against it does. */
static void
avi_peer_score_settle (AviPeerScore *peer, gint64 now)
{
  GHashTableIter iter;
  AviTopicScore *topic;

  peer->application = 0;
  peer->is_summed = FALSE;
  g_hash_table_iter_init (&iter, peer->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    {
      double deficit = avi_topic_score_get_deficit (topic, now);

      topic->mesh_failure += deficit * deficit;
      topic->in_mesh = FALSE;
      topic->first_deliveries = topic->mesh_deliveries = 0;
      if (avi_topic_score_is_empty (topic))
        g_hash_table_iter_remove (&iter);
    }
}

/* For one that left with @score. FALSE: all that are remembered have more against them. */
static gboolean
avi_score_make_room (AviScore *self, double score, gint64 now)
{
  AviPeerScore *mildest = NULL;
  GHashTableIter iter;
  AviPeerScore *peer;

  avi_score_forget_expired (self, now);
  if (g_hash_table_size (self->retained) < self->max_retained)
    return TRUE;
  g_hash_table_iter_init (&iter, self->retained);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &peer))
    if (mildest == NULL || peer->left_with > mildest->left_with)
      mildest = peer;
  if (mildest == NULL || mildest->left_with <= score)
    return FALSE;
  g_hash_table_remove (self->retained, &mildest->id);
  return TRUE;
}

void
avi_score_remove (AviScore *self, AviPeerScore *peer, gint64 now)
{
  avi_score_catch_up (self, peer, now);
  avi_score_set_network (self, peer, 0);
  g_hash_table_steal (self->peers, &peer->id);
  avi_peer_score_settle (peer, now);
  peer->left_with = avi_score_get (self, peer, now);
  if (peer->left_with >= 0 || self->params->retain == 0 || !avi_score_make_room (self, peer->left_with, now))
    {
      avi_peer_score_free (peer);
      return;
    }
  peer->expires = now + self->params->retain;
  g_hash_table_insert (self->retained, &peer->id, peer);
}

static void
avi_score_sum_topics (AviScore *self, AviPeerScore *peer, gint64 now)
{
  GHashTableIter iter;
  const AviTopicScore *topic;

  if (peer->is_summed)
    return;
  peer->is_summed = TRUE;
  peer->of_topics = 0;
  g_hash_table_iter_init (&iter, peer->topics);
  while (g_hash_table_iter_next (&iter, (gpointer *) &topic, NULL))
    peer->of_topics += avi_topic_score_get (topic, now);
  if (self->params->topic_score_cap > 0)
    peer->of_topics = MIN (peer->of_topics, self->params->topic_score_cap);
}

/* Whoever is slow comes after those who are not, and is never worse than who has done nothing yet. */
static double
avi_score_slow_down (const AviScoreParams *params, const AviPeerScore *peer, double score)
{
  double excess = MAX (peer->slow - params->slow_threshold, 0);

  return score > 0 ? MAX (score + params->slow_weight * excess, 0) : score;
}

double
avi_score_get (AviScore *self, AviPeerScore *peer, gint64 now)
{
  const AviScoreParams *params = self->params;
  guint n_there = peer->network != NULL ? peer->network->n_peers : 0;
  double surplus = n_there > params->colocation_threshold ? n_there - params->colocation_threshold : 0;
  double excess;

  avi_score_catch_up (self, peer, now);
  avi_score_sum_topics (self, peer, now);
  excess = MAX (peer->behaviour - params->behaviour_threshold, 0);
  return avi_score_slow_down (params, peer,
                              peer->of_topics + params->application_weight * peer->application
                                + params->colocation_weight * surplus * surplus
                                + params->behaviour_weight * excess * excess);
}

/* --- what it does --- */

void
avi_score_graft (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  AviTopicScore *topic = avi_score_ensure_topic (self, peer, hash, now);

  topic->in_mesh = TRUE;
  topic->grafted = now;
}

void
avi_score_prune (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  AviTopicScore *topic = avi_score_find_topic (self, peer, hash, now);
  double deficit;

  if (topic == NULL)
    return;
  deficit = avi_topic_score_get_deficit (topic, now);
  topic->mesh_failure += deficit * deficit;
  topic->in_mesh = FALSE;
}

static void
avi_topic_score_add_mesh_delivery (AviTopicScore *self)
{
  if (self->in_mesh && self->params->mesh_deliveries_weight != 0)
    self->mesh_deliveries = MIN (self->mesh_deliveries + 1, self->params->mesh_deliveries_cap);
}

void
avi_score_first (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  AviTopicScore *topic = avi_score_ensure_topic (self, peer, hash, now);

  topic->first_deliveries = MIN (topic->first_deliveries + 1, topic->params->first_deliveries_cap);
  avi_topic_score_add_mesh_delivery (topic);
}

void
avi_score_again (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 since, gint64 now)
{
  AviTopicScore *topic = avi_score_find_topic (self, peer, hash, now);

  if (topic != NULL && now - since <= topic->params->mesh_deliveries_window)
    avi_topic_score_add_mesh_delivery (topic);
}

void
avi_score_invalid (AviScore *self, AviPeerScore *peer, AviSipHash hash, gint64 now)
{
  avi_score_ensure_topic (self, peer, hash, now)->invalid += 1;
}

void
avi_score_misbehaved (AviScore *self, AviPeerScore *peer, double n, gint64 now)
{
  avi_score_catch_up (self, peer, now);
  peer->behaviour += n;
}

void
avi_score_slow (AviScore *self, AviPeerScore *peer, gint64 now)
{
  avi_score_catch_up (self, peer, now);
  peer->slow += 1;
}

guint
avi_score_get_n_peers (AviScore *self)
{
  return g_hash_table_size (self->peers);
}

guint
avi_score_get_n_retained (AviScore *self)
{
  return g_hash_table_size (self->retained);
}

guint
avi_peer_score_get_n_topics (AviPeerScore *peer)
{
  return g_hash_table_size (peer->topics);
}
