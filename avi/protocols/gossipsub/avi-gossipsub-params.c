/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-params.h"

#include <math.h>

#include "avi-error.h"
#include "protocols/gossipsub/avi-gossip-message.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "wire/avi-multiaddr.h"
#include "wire/avi-text.h"

typedef enum
{
  PARAM_COUNT,  /* guint */
  PARAM_SIZE,   /* gsize, bytes */
  PARAM_RATE,   /* gsize, bytes/s */
  PARAM_TIME,   /* gint64 µs, told in ms */
  PARAM_REAL,   /* double */
  PARAM_SWITCH  /* gboolean, told as 0 or 1 */
} ParamType;

typedef struct
{
  const char *name;
  gboolean    of_topic; /* offset is within AviTopicScoreParams */
  gsize       offset;
  ParamType   type;
  double      least, most, standard;
} Param;

#define PARAM(name, member, type) name, FALSE, G_STRUCT_OFFSET (AviGossipsubParams, member), PARAM_##type
#define SCORE(name, member, type) name, FALSE, G_STRUCT_OFFSET (AviGossipsubParams, score.member), PARAM_##type
#define TOPIC(name, member, type) name, TRUE, G_STRUCT_OFFSET (AviTopicScoreParams, member), PARAM_##type

#define MINUTE   (60 * 1000.0) /* ms */
#define HOUR     (60 * MINUTE)
#define MOST     1e6           /* of a weight, a score, a counter */
#define NEVER    0.999999      /* the slowest decay */

/* What stands here and why: docs/gossipsub.md. */
static const Param params[] = {
  { PARAM ("d", d, COUNT), 0, 128, 6 },
  { PARAM ("d-lo", d_lo, COUNT), 0, 128, 5 },
  { PARAM ("d-hi", d_hi, COUNT), 0, 128, 12 },
  { PARAM ("d-out", d_out, COUNT), 0, 64, 2 },
  { PARAM ("d-score", d_score, COUNT), 0, 128, 4 },
  { PARAM ("d-lazy", d_lazy, COUNT), 0, 128, 6 },
  { PARAM ("gossip-factor", gossip_factor, REAL), 0, 1, 0.25 },
  { PARAM ("heartbeat-interval", heartbeat, TIME), 100, MINUTE, 1000 },
  { PARAM ("history-length", history_length, COUNT), 1, 120, 5 },
  { PARAM ("history-gossip", history_gossip, COUNT), 1, 120, 3 },
  { PARAM ("fanout-ttl", fanout_ttl, TIME), 0, HOUR, MINUTE },
  { PARAM ("prune-backoff", prune_backoff, TIME), 1000, HOUR, MINUTE },
  { PARAM ("unsubscribe-backoff", unsubscribe_backoff, TIME), 1000, HOUR, 10 * 1000 },
  { PARAM ("seen-ttl", seen_ttl, TIME), 1000, HOUR, 2 * MINUTE },
  { PARAM ("max-message-size", max_message, SIZE), 1, AVI_GOSSIPSUB_MAX_MESSAGE, AVI_GOSSIPSUB_MAX_MESSAGE },
  { PARAM ("idontwant-threshold", idontwant_threshold, SIZE), 0, AVI_GOSSIPSUB_MAX_MESSAGE, 1024 },
  { PARAM ("max-idontwant-ids", max_idontwant_ids, COUNT), 1, 100000, 1024 },
  { PARAM ("idontwant-ttl", idontwant_ttl, TIME), 100, MINUTE, 3000 },
  { PARAM ("stagger-copies", stagger_copies, COUNT), 1, 128, 3 },
  { PARAM ("stagger-bandwidth", stagger_bandwidth, RATE), 0, 1e9, 1.25e6 },
  { PARAM ("flood-publish", flood_publish, SWITCH), 0, 1, 1 },
  { PARAM ("prune-peers", prune_peers, COUNT), 0, 64, 16 },
  { PARAM ("max-ihave-messages", max_ihave_messages, COUNT), 1, 1000, 10 },
  { PARAM ("max-ihave-length", max_ihave_length, COUNT), 1, 100000, 5000 },
  { PARAM ("gossip-retransmission", gossip_retransmission, COUNT), 1, 100, 3 },
  { PARAM ("iwant-followup-time", iwant_followup, TIME), 100, 10 * MINUTE, 3000 },
  { PARAM ("opportunistic-graft-interval", opportunistic_graft_interval, TIME), 1000, HOUR, MINUTE },
  { PARAM ("opportunistic-graft-peers", opportunistic_graft_peers, COUNT), 0, 64, 2 },

  { PARAM ("gossip-threshold", gossip_threshold, REAL), -MOST, 0, -10 },
  { PARAM ("publish-threshold", publish_threshold, REAL), -MOST, 0, -50 },
  { PARAM ("graylist-threshold", graylist_threshold, REAL), -MOST, 0, -80 },
  { PARAM ("accept-px-threshold", accept_px_threshold, REAL), 0, MOST, 10 },
  { PARAM ("opportunistic-graft-threshold", opportunistic_graft_threshold, REAL), 0, MOST, 4 },

  { SCORE ("topic-score-cap", topic_score_cap, REAL), 0, MOST, 30 },
  { SCORE ("app-specific-weight", application_weight, REAL), 0, MOST, 1 },
  { SCORE ("ip-colocation-factor-weight", colocation_weight, REAL), -MOST, 0, -5 },
  { SCORE ("ip-colocation-factor-threshold", colocation_threshold, COUNT), 1, 65536, 32 },
  { SCORE ("behaviour-penalty-weight", behaviour_weight, REAL), -MOST, 0, -10 },
  { SCORE ("behaviour-penalty-threshold", behaviour_threshold, REAL), 0, MOST, 6 },
  { SCORE ("behaviour-penalty-decay", behaviour_decay, REAL), 0, NEVER, 0.95 },
  { SCORE ("slow-peer-weight", slow_weight, REAL), -MOST, 0, -1 },
  { SCORE ("slow-peer-threshold", slow_threshold, REAL), 0, MOST, 1 },
  { SCORE ("slow-peer-decay", slow_decay, REAL), 0, NEVER, 0.9 },
  { SCORE ("decay-interval", decay_interval, TIME), 100, HOUR, 1000 },
  { SCORE ("decay-to-zero", decay_to_zero, REAL), 0, 1, 0.05 },
  { SCORE ("retain-score", retain, TIME), 0, 24 * HOUR, 10 * MINUTE },

  { TOPIC ("topic-weight", topic_weight, REAL), 0, MOST, 1 },
  { TOPIC ("time-in-mesh-weight", time_in_mesh_weight, REAL), 0, MOST, 0.01 },
  { TOPIC ("time-in-mesh-quantum", time_in_mesh_quantum, TIME), 1, HOUR, 1000 },
  { TOPIC ("time-in-mesh-cap", time_in_mesh_cap, REAL), 0, MOST, 300 },
  { TOPIC ("first-message-deliveries-weight", first_deliveries_weight, REAL), 0, MOST, 1 },
  { TOPIC ("first-message-deliveries-decay", first_deliveries_decay, REAL), 0, NEVER, 0.98 },
  { TOPIC ("first-message-deliveries-cap", first_deliveries_cap, REAL), 0, MOST, 20 },
  { TOPIC ("mesh-message-deliveries-weight", mesh_deliveries_weight, REAL), -MOST, 0, 0 },
  { TOPIC ("mesh-message-deliveries-decay", mesh_deliveries_decay, REAL), 0, NEVER, 0.98 },
  { TOPIC ("mesh-message-deliveries-cap", mesh_deliveries_cap, REAL), 0, MOST, 20 },
  { TOPIC ("mesh-message-deliveries-threshold", mesh_deliveries_threshold, REAL), 0, MOST, 4 },
  { TOPIC ("mesh-message-deliveries-window", mesh_deliveries_window, TIME), 0, MINUTE, 2000 },
  { TOPIC ("mesh-message-deliveries-activation", mesh_deliveries_activation, TIME), 0, HOUR, 30 * 1000 },
  { TOPIC ("mesh-failure-penalty-weight", mesh_failure_weight, REAL), -MOST, 0, 0 },
  { TOPIC ("mesh-failure-penalty-decay", mesh_failure_decay, REAL), 0, NEVER, 0.98 },
  { TOPIC ("invalid-message-deliveries-weight", invalid_weight, REAL), -MOST, 0, -1 },
  { TOPIC ("invalid-message-deliveries-decay", invalid_decay, REAL), 0, NEVER, 0.97 },
};

static void
param_write (const Param *self, gpointer base, double value)
{
  gpointer place = (guint8 *) base + self->offset;

  switch (self->type)
    {
    case PARAM_COUNT:
      *(guint *) place = (guint) value;
      break;
    case PARAM_SIZE:
    case PARAM_RATE:
      *(gsize *) place = (gsize) value;
      break;
    case PARAM_TIME:
      *(gint64 *) place = (gint64) (value * G_TIME_SPAN_MILLISECOND);
      break;
    case PARAM_REAL:
      *(double *) place = value;
      break;
    case PARAM_SWITCH:
      *(gboolean *) place = value != 0;
      break;
    }
}

static double
param_read (const Param *self, gconstpointer base)
{
  gconstpointer place = (const guint8 *) base + self->offset;

  switch (self->type)
    {
    case PARAM_COUNT:
      return *(const guint *) place;
    case PARAM_SIZE:
    case PARAM_RATE:
      return (double) *(const gsize *) place;
    case PARAM_TIME:
      return (double) *(const gint64 *) place / G_TIME_SPAN_MILLISECOND;
    case PARAM_SWITCH:
      return *(const gboolean *) place;
    case PARAM_REAL:
    default:
      return *(const double *) place;
    }
}

static const Param *
param_find (const char *name, GError **error)
{
  g_autofree char *quoted = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    if (strcmp (params[i].name, name) == 0)
      return &params[i];
  quoted = avi_text_quote (AVI_SPAN_STRING (name));
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "Pub/sub has no parameter %s", quoted);
  return NULL;
}

/* --- the whole --- */

void
avi_gossipsub_params_init (AviGossipsubParams *self)
{
  *self = (AviGossipsubParams) { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    param_write (&params[i], params[i].of_topic ? (gpointer) &self->topic : self, params[i].standard);
}

static GHashTable *
avi_gossipsub_params_make_topics (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

void
avi_gossipsub_params_copy (AviGossipsubParams *self, const AviGossipsubParams *other)
{
  GHashTableIter iter;
  gpointer name, topic;

  *self = *other;
  self->direct_peers = g_strdupv (other->direct_peers);
  if (other->topics == NULL)
    return;
  self->topics = avi_gossipsub_params_make_topics ();
  g_hash_table_iter_init (&iter, other->topics);
  while (g_hash_table_iter_next (&iter, &name, &topic))
    g_hash_table_insert (self->topics, g_strdup (name), g_memdup2 (topic, sizeof (AviTopicScoreParams)));
}

void
avi_gossipsub_params_clear (AviGossipsubParams *self)
{
  g_clear_pointer (&self->topics, g_hash_table_unref);
  g_clear_pointer (&self->direct_peers, g_strfreev);
}

const char *
avi_gossipsub_params_get_name (guint n, gboolean *is_time, gboolean *of_topic)
{
  if (n >= G_N_ELEMENTS (params))
    return NULL;
  *is_time = params[n].type == PARAM_TIME;
  *of_topic = params[n].of_topic;
  return params[n].name;
}

void
avi_gossipsub_params_get_range (guint n, double *least, double *most)
{
  *least = params[n].least;
  *most = params[n].most;
}

const AviTopicScoreParams *
avi_gossipsub_params_find_topic (const AviGossipsubParams *self, const char *topic)
{
  const AviTopicScoreParams *found = self->topics != NULL ? g_hash_table_lookup (self->topics, topic) : NULL;

  return found != NULL ? found : &self->topic;
}

/* --- one by one --- */

static gboolean
param_takes (const Param *self, double value, GError **error)
{
  static const char *const units[] = { "", " bytes", " bytes/s", " ms", "", "" };
  char given[G_ASCII_DTOSTR_BUF_SIZE], least[G_ASCII_DTOSTR_BUF_SIZE], most[G_ASCII_DTOSTR_BUF_SIZE];
  gboolean is_whole = self->type != PARAM_REAL && self->type != PARAM_TIME;

  if (value >= self->least && value <= self->most && (!is_whole || value == floor (value)))
    return TRUE;
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
               "The pub/sub parameter “%s” cannot be %s: it is %s from %s to %s%s", self->name,
               g_ascii_formatd (given, sizeof given, "%.9g", value), is_whole ? "a whole number" : "a number",
               g_ascii_formatd (least, sizeof least, "%.9g", self->least),
               g_ascii_formatd (most, sizeof most, "%.9g", self->most), units[self->type]);
  return FALSE;
}

/* NULL: there cannot be such. */
static AviTopicScoreParams *
avi_gossipsub_params_ensure_topic (AviGossipsubParams *self, const char *topic, GError **error)
{
  AviTopicScoreParams *own;

  if (!avi_gossipsub_check_topic (topic, error))
    return NULL;
  if (self->topics == NULL)
    self->topics = avi_gossipsub_params_make_topics ();
  own = g_hash_table_lookup (self->topics, topic);
  if (own != NULL)
    return own;
  if (g_hash_table_size (self->topics) >= AVI_GOSSIPSUB_MAX_TOPIC_PARAMS)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "At most %d topics have score parameters of their own",
                   AVI_GOSSIPSUB_MAX_TOPIC_PARAMS);
      return NULL;
    }
  own = g_memdup2 (&self->topic, sizeof self->topic);
  g_hash_table_insert (self->topics, g_strdup (topic), own);
  return own;
}

static const Param *
param_find_for (const char *topic, const char *name, GError **error)
{
  const Param *param = param_find (name, error);

  if (param == NULL || topic == NULL || param->of_topic)
    return param;
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
               "The pub/sub parameter “%s” is not one that each topic has", name);
  return NULL;
}

gboolean
avi_gossipsub_params_set (AviGossipsubParams *self, const char *topic, const char *name, double value, GError **error)
{
  const Param *param = param_find_for (topic, name, error);
  gpointer base = self;

  if (param == NULL || !param_takes (param, value, error))
    return FALSE;
  if (param->of_topic)
    base = topic != NULL ? avi_gossipsub_params_ensure_topic (self, topic, error) : &self->topic;
  if (base == NULL)
    return FALSE;
  param_write (param, base, value);
  return TRUE;
}

gboolean
avi_gossipsub_params_get (const AviGossipsubParams *self, const char *topic, const char *name, double *value,
                          GError **error)
{
  const Param *param = param_find_for (topic, name, error);
  gconstpointer base = self;

  if (param == NULL)
    return FALSE;
  if (param->of_topic)
    base = topic != NULL ? avi_gossipsub_params_find_topic (self, topic) : &self->topic;
  *value = param_read (param, base);
  return TRUE;
}

static gboolean
avi_gossipsub_params_check_direct_peer (const char *text, GError **error)
{
  g_autoptr(AviMultiaddr) address = NULL;
  AviPeerId peer;
  g_autofree char *quoted = NULL;

  if (text[0] != '/')
    return avi_peer_id_parse (text, &peer, error);
  address = avi_multiaddr_parse (text, error);
  if (address == NULL)
    return FALSE;
  if (avi_multiaddr_get_peer (address, &peer))
    return TRUE;
  quoted = avi_text_quote (AVI_SPAN_STRING (text));
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "%s does not end in /p2p/ and a peer id", quoted);
  return FALSE;
}

gboolean
avi_gossipsub_params_set_direct_peers (AviGossipsubParams *self, const char *const *peers, GError **error)
{
  guint n = peers != NULL ? g_strv_length ((char **) peers) : 0;

  if (n > AVI_GOSSIPSUB_MAX_DIRECT_PEERS)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "There can be %d direct peers, not %u",
                   AVI_GOSSIPSUB_MAX_DIRECT_PEERS, n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    if (!avi_gossipsub_params_check_direct_peer (peers[i], error))
      {
        g_prefix_error (error, "Direct peer %u: ", i + 1);
        return FALSE;
      }
  g_strfreev (self->direct_peers);
  self->direct_peers = n > 0 ? g_strdupv ((char **) peers) : NULL;
  return TRUE;
}

/* --- together --- */

static const char *
avi_topic_score_params_find_fault (const AviTopicScoreParams *self)
{
  return self->mesh_deliveries_weight < 0 && self->mesh_deliveries_threshold > self->mesh_deliveries_cap
           ? "mesh-message-deliveries-threshold is at most mesh-message-deliveries-cap" : NULL;
}

static const char *
avi_gossipsub_params_find_fault (const AviGossipsubParams *self)
{
  if (self->d_lo > self->d || self->d > self->d_hi)
    return "d-lo is at most d, and d at most d-hi";
  if (self->d_out > 0 && (self->d_out >= self->d_lo || self->d_out > self->d / 2))
    return "d-out is 0, or less than d-lo and at most half of d";
  if (self->d_score > self->d)
    return "d-score is at most d";
  if (self->history_gossip > self->history_length)
    return "history-gossip is at most history-length";
  if (self->graylist_threshold > self->publish_threshold || self->publish_threshold > self->gossip_threshold)
    return "graylist-threshold is at most publish-threshold, and that at most gossip-threshold";
  return avi_topic_score_params_find_fault (&self->topic);
}

/* A message that is forgotten before the last of those who hold it has stopped offering it is asked for again, and told
 * twice: they hold it from one heartbeat on for so many, and who is asked then has the time that an answer may take. */
static gboolean
avi_gossipsub_params_check_memory (const AviGossipsubParams *self, GError **error)
{
  gint64 least = self->heartbeat * (self->history_length + 1) + self->iwant_followup;
  gint64 ms = G_TIME_SPAN_MILLISECOND;

  if (self->seen_ttl >= least)
    return TRUE;
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
               "The pub/sub parameters do not go together: seen-ttl, which is %" G_GINT64_FORMAT
               " ms, is at least heartbeat-interval × (history-length + 1) + iwant-followup-time, or one message "
               "would be told twice: %" G_GINT64_FORMAT " ms × (%u + 1) + %" G_GINT64_FORMAT " ms = %" G_GINT64_FORMAT
               " ms",
               self->seen_ttl / ms, self->heartbeat / ms, self->history_length, self->iwant_followup / ms, least / ms);
  return FALSE;
}

gboolean
avi_gossipsub_params_check (const AviGossipsubParams *self, GError **error)
{
  const char *fault = avi_gossipsub_params_find_fault (self);
  GHashTableIter iter;
  gpointer topic;

  if (self->topics != NULL)
    {
      g_hash_table_iter_init (&iter, self->topics);
      while (fault == NULL && g_hash_table_iter_next (&iter, NULL, &topic))
        fault = avi_topic_score_params_find_fault (topic);
    }
  if (fault == NULL)
    return avi_gossipsub_params_check_memory (self, error);
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "The pub/sub parameters do not go together: %s", fault);
  return FALSE;
}
