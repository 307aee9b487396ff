/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim.h"

#include "sim-hostile.h"
#include "sim-rpc.h"

#define MAX_VERDICTS 200000 /* kept; then all are found anew */

typedef struct
{
  SimTask  run;
  gpointer data;
  guint64  number;
} SimTaskEntry;

typedef struct
{
  AviSipHash hash;
  gboolean   valid;
} SimVerdict;

static guint
sim_verdict_hash (gconstpointer self)
{
  return (guint) ((const SimVerdict *) self)->hash.lo;
}

static gboolean
sim_verdict_equal (gconstpointer a, gconstpointer b)
{
  return avi_sip_hash_equal (((const SimVerdict *) a)->hash, ((const SimVerdict *) b)->hash);
}

Sim *
sim_new (guint n_nodes, guint64 seed)
{
  SimRouterConfig router = { 0 };

  return sim_new_with (n_nodes, seed, &router);
}

Sim *
sim_new_with (guint n_nodes, guint64 seed, const SimRouterConfig *router)
{
  Sim *self = g_new0 (Sim, 1);

  self->router = *router;
  avi_random_seed (&self->random, seed);
  avi_random_seed (&self->noise, avi_random_u32 (&self->random));
  avi_sip_key_init (&self->secret, &self->random);
  self->start = self->now = 1000 * SECOND;
  self->min_latency = MILLISECOND;
  self->max_latency = 50 * MILLISECOND;
  self->window = 1024 * 1024; /* as of a stream's queue in the engine */
  self->dead_time = 25 * SECOND; /* in which the engine notices by its pings */
  self->checked = TRUE;
  sim_queue_init (&self->queue);
  sim_record_init (&self->record, n_nodes);
  self->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_node_free);
  self->edges = g_ptr_array_new_with_free_func (g_free);
  self->links = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_link_free);
  self->numbers = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->verdicts = g_hash_table_new_full (sim_verdict_hash, sim_verdict_equal, g_free, NULL);
  for (guint i = 0; i < n_nodes; i++)
    {
      SimNode *node = sim_node_new (self, i);

      g_ptr_array_add (self->nodes, node);
      g_hash_table_insert (self->numbers, (gpointer) sim_node_get_id (node), node);
    }
  return self;
}

void
sim_free (Sim *self)
{
  SimEvent event;

  while (sim_queue_pop (&self->queue, &event))
    {
      g_clear_pointer (&event.bytes, g_bytes_unref);
      if (event.kind == SIM_EVENT_TASK)
        g_free (event.target);
    }
  sim_queue_clear (&self->queue);
  g_hash_table_unref (self->numbers);
  g_ptr_array_unref (self->nodes);
  g_ptr_array_unref (self->links);
  g_ptr_array_unref (self->edges);
  g_hash_table_unref (self->verdicts);
  sim_record_clear (&self->record);
  g_free (self);
}

SimNode *
sim_get (Sim *self, guint node)
{
  return self->nodes->pdata[node];
}

/* --- time --- */

void
sim_at (Sim *self, gint64 at, SimTask task, gpointer data, guint64 number)
{
  SimTaskEntry entry = { task, data, number };

  sim_queue_push (&self->queue, at, SIM_EVENT_TASK, g_memdup2 (&entry, sizeof entry), NULL);
}

static inline guint64
sim_mix (guint64 digest, guint64 word)
{
  digest = (digest ^ word) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return digest ^ digest >> 32;
}

static guint64
sim_mix_bytes (guint64 digest, AviSpan bytes)
{
  guint64 word = 0;
  gsize at;

  for (at = 0; at + sizeof word <= bytes.len; at += sizeof word)
    {
      memcpy (&word, bytes.data + at, sizeof word);
      digest = sim_mix (digest, GUINT64_FROM_LE (word));
    }
  word = 0;
  for (; at < bytes.len; at++)
    word = word << 8 | bytes.data[at];
  return sim_mix (digest, word);
}

/* The event goes into the digest, by numbers: no address of anything does. */
static void
sim_note (Sim *self, const SimEvent *event)
{
  static const char *const names[] = { "arrival", "tick", "pump", "task" };
  AviSpan bytes = event->bytes != NULL ? avi_span_from_bytes (event->bytes) : AVI_SPAN_EMPTY;
  SimLink *link = event->kind == SIM_EVENT_ARRIVAL ? event->target : NULL;
  guint first = 0, second = 0;

  if (link != NULL)
    {
      first = link->from->number;
      second = link->to->number;
    }
  else if (event->kind != SIM_EVENT_TASK)
    first = ((SimNode *) event->target)->number;

  self->digest = sim_mix (self->digest, (guint64) event->at);
  self->digest = sim_mix (self->digest, (guint64) event->kind << 56 | (guint64) first << 28 | second);
  self->digest = sim_mix_bytes (self->digest, bytes);
  if (self->log != NULL)
    fprintf (self->log, "%.6f %s %u %u %" G_GSIZE_FORMAT " %016" G_GINT64_MODIFIER "x\n",
             (double) (event->at - self->start) / SECOND, names[event->kind], first, second, bytes.len, self->digest);
}

static void
sim_do (Sim *self, SimEvent *event)
{
  SimNode *node = event->target;

  switch ((SimEventKind) event->kind)
    {
    case SIM_EVENT_ARRIVAL:
      sim_link_arrive (self, event->target, event->bytes);
      break;

    case SIM_EVENT_TICK:
      sim_node_tick (self, node);
      break;

    case SIM_EVENT_PUMP:
      node->pump_waits = FALSE;
      sim_node_pump (self, node);
      break;

    case SIM_EVENT_TASK:
      {
        g_autofree SimTaskEntry *task = event->target;

        task->run (self, task->data, task->number);
        break;
      }
    }
}

void
sim_run (Sim *self, gint64 span)
{
  gint64 until = self->now + span;
  SimEvent event;

  while (sim_queue_next (&self->queue) <= until && sim_queue_pop (&self->queue, &event))
    {
      self->now = MAX (self->now, event.at);
      self->n_events++;
      sim_note (self, &event);
      sim_do (self, &event);
    }
  self->now = until;
}

/* --- the network as a whole --- */

static void
sim_lose_sight (Sim *self, gpointer data, guint64 partition)
{
  if (self->partition != partition)
    return;
  for (guint i = 0; i < self->edges->len; i++)
    {
      SimEdge *edge = self->edges->pdata[i];

      if (edge->ends[0]->group == edge->ends[1]->group)
        continue;
      for (guint j = 0; j < 2; j++)
        if (edge->links[j] != NULL && edge->links[j]->open)
          sim_link_shut (self, edge->links[j]);
    }
}

/* What can be reached now is reached again. */
static void
sim_reach_out (Sim *self)
{
  sim_links_resume (self, NULL);
  for (guint i = 0; i < self->edges->len; i++)
    sim_edge_dial (self, self->edges->pdata[i], SECOND + avi_random_below (&self->random, SECOND));
}

void
sim_cut (Sim *self, double share)
{
  for (guint i = 0; i < self->nodes->len; i++)
    sim_get (self, i)->group = avi_random_below (&self->random, 1000000) < share * 1000000;
  sim_at (self, self->now + self->dead_time, sim_lose_sight, NULL, ++self->partition);
  sim_reach_out (self); /* it may have been cut elsewhere before */
}

void
sim_heal (Sim *self)
{
  self->partition++;
  for (guint i = 0; i < self->nodes->len; i++)
    sim_get (self, i)->group = 0;
  sim_reach_out (self);
}

/* --- messages --- */

void
sim_subscribe (Sim *self, guint node, const char *topic)
{
  SimNode *subscriber = sim_get (self, node);

  g_ptr_array_add (subscriber->topics, (gpointer) g_intern_string (topic));
  if (subscriber->router == NULL)
    return;
  sim_router_subscribe (subscriber->router, topic, self->now);
  sim_node_pump (self, subscriber);
}

void
sim_subscribe_all (Sim *self, const char *topic)
{
  for (guint i = 0; i < self->nodes->len; i++)
    sim_subscribe (self, i, topic);
}

static gint
sim_publish_payload (Sim *self, SimNode *node, const char *topic, const char *text, gsize size)
{
  SimPublished *message = sim_record_publish (&self->record, node->number, text, self->now);
  g_autoptr(GBytes) payload = sim_record_make_payload (&self->record, text, size);
  gint n;

  n = sim_router_publish (node->router, topic, payload, self->now);
  message->to_nobody = n == 0;
  for (guint i = 0; i < self->nodes->len; i++)
    if (n > 0 && i != node->number && sim_node_counts (sim_get (self, i)))
      sim_record_expect (&self->record, message, i);
  sim_node_pump (self, node);
  return n;
}

gint
sim_publish (Sim *self, guint node, const char *topic, const char *text)
{
  return sim_publish_payload (self, sim_get (self, node), topic, text, 0);
}

gint
sim_publish_bytes (Sim *self, guint node, const char *topic, gsize size)
{
  return sim_publish_payload (self, sim_get (self, node), topic, NULL, size);
}

/* A thousand nodes check the same bytes: the answer to the first is kept for the others. */
gboolean
sim_verify (Sim *self, AviPublicKey *key, AviSpan bytes, AviSpan signature)
{
  AviSipHash parts[3] = {
    avi_sip_hash (&self->secret, avi_public_key_get_protobuf (key)),
    avi_sip_hash (&self->secret, bytes),
    avi_sip_hash (&self->secret, signature),
  };
  SimVerdict wanted = { .hash = avi_sip_hash (&self->secret, AVI_SPAN (parts, sizeof parts)) };
  SimVerdict *known = g_hash_table_lookup (self->verdicts, &wanted);

  if (known != NULL)
    return known->valid;
  if (g_hash_table_size (self->verdicts) >= MAX_VERDICTS)
    g_hash_table_remove_all (self->verdicts);
  wanted.valid = avi_public_key_verify (key, bytes, signature);
  g_hash_table_add (self->verdicts, g_memdup2 (&wanted, sizeof wanted));
  return wanted.valid;
}

gboolean
sim_has_heard (Sim *self, guint node, const char *text)
{
  SimPublished *message = sim_record_find_text (&self->record, text);

  return message != NULL && sim_published_is_heard_by (message, node);
}

guint
sim_count_heard (Sim *self, const char *text)
{
  guint n = 0;

  for (guint i = 0; i < self->nodes->len; i++)
    n += sim_has_heard (self, i, text);
  return n;
}

SimRouterStatistics
sim_sum_statistics (Sim *self)
{
  SimRouterStatistics sum = { 0 };

  for (guint i = 0; i < self->nodes->len; i++)
    {
      SimRouterStatistics one;

      if (sim_get (self, i)->router == NULL)
        continue;
      sim_router_get_statistics (sim_get (self, i)->router, &one);
      sum.received += one.received;
      sum.delivered += one.delivered;
      sum.duplicates += one.duplicates;
      sum.forwarded += one.forwarded;
      sum.invalid += one.invalid;
      sum.queue_drops += one.queue_drops;
      sum.limit_drops += one.limit_drops;
      sum.iwant_recovered += one.iwant_recovered;
      sum.graylisted += one.graylisted;
      sum.offences += one.offences;
      sum.grafts_refused += one.grafts_refused;
      sum.px_told += one.px_told;
      sum.px_taken += one.px_taken;
      sum.broken_promises += one.broken_promises;
      sum.spared += one.spared;
    }
  return sum;
}

void
sim_note_scores (Sim *self)
{
  for (guint i = 0; i < self->edges->len; i++)
    {
      SimEdge *edge = self->edges->pdata[i];

      for (guint j = 0; j < 2; j++)
        if (sim_node_counts (edge->ends[j]) && edge->ends[!j]->hostile == NULL)
          self->least_score = MIN (self->least_score,
                                   sim_router_get_score (edge->ends[j]->router, sim_node_get_id (edge->ends[!j]),
                                                         self->now));
    }
}
