/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-report.h"

#include "sim-units.h"

#include <stdlib.h>

typedef struct
{
  const char *name;
  gboolean    is_time; /* µs */
  gsize       offset;
} SimMetric;

#define METRIC(name, member, is_time) name, is_time, G_STRUCT_OFFSET (SimReport, member)

static const SimMetric metrics[] = {
  { METRIC ("delivery", delivery, FALSE) },
  { METRIC ("to-nobody", to_nobody, FALSE) },
  { METRIC ("twice", twice, FALSE) },
  { METRIC ("victim-delivery", victim_delivery, FALSE) },
  { METRIC ("median", median, TRUE) },
  { METRIC ("p90", p90, TRUE) },
  { METRIC ("p99", p99, TRUE) },
  { METRIC ("slowest", slowest, TRUE) },
  { METRIC ("copies", copies, FALSE) },
  { METRIC ("spared", spared, FALSE) },
  { METRIC ("sent", sent, FALSE) },
  { METRIC ("received", received, FALSE) },
  { METRIC ("mesh", mesh, FALSE) },
  { METRIC ("mesh-least", mesh_least, FALSE) },
  { METRIC ("mesh-most", mesh_most, FALSE) },
  { METRIC ("mesh-hostile", mesh_hostile, FALSE) },
  { METRIC ("mesh-onesided", mesh_onesided, FALSE) },
  { METRIC ("recovered", recovered, FALSE) },
  { METRIC ("broken-promises", broken_promises, FALSE) },
  { METRIC ("invalid", invalid, FALSE) },
  { METRIC ("queue-drops", queue_drops, FALSE) },
  { METRIC ("limit-drops", limit_drops, FALSE) },
  { METRIC ("foreign", foreign, FALSE) },
  { METRIC ("graylisted", graylisted, FALSE) },
  { METRIC ("offences", offences, FALSE) },
  { METRIC ("grafts-refused", grafts_refused, FALSE) },
  { METRIC ("px-taken", px_taken, FALSE) },
  { METRIC ("score-least", score_least, FALSE) },
  { METRIC ("hostile-negative", hostile_negative, FALSE) },
  { METRIC ("hostile-graylisted", hostile_graylisted, FALSE) },
};

/* --- adding up --- */

static int
sim_compare_latencies (gconstpointer a, gconstpointer b)
{
  guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

  return x < y ? -1 : x > y;
}

static double
sim_get_percentile (const GArray *sorted, double share)
{
  return sorted->len > 0 ? g_array_index (sorted, guint32, (guint) (share * (sorted->len - 1) + 0.5)) : 0;
}

static void
sim_report_add_messages (SimReport *self, Sim *sim, guint victim, gint64 from, gint64 to)
{
  g_autoptr(GArray) latencies = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint n_copies = 0, n_for_victim = 0, n_by_victim = 0;

  for (guint i = 0; i < sim->record.messages->len; i++)
    {
      SimPublished *message = sim->record.messages->pdata[i];

      if (message->at - sim->start < from || message->at - sim->start >= to)
        continue;
      self->n_messages++;
      self->n_expected += message->n_expected;
      self->n_heard += message->n_heard;
      self->n_complete += !message->to_nobody && message->n_heard == message->n_expected;
      self->to_nobody += message->to_nobody;
      n_copies += message->n_copies;
      g_array_append_vals (latencies, message->latencies->data, message->latencies->len);
      if (victim < self->n_nodes && (message->expected[victim / 8] >> victim % 8 & 1) != 0)
        {
          n_for_victim++;
          n_by_victim += sim_published_is_heard_by (message, victim);
        }
    }
  g_array_sort (latencies, sim_compare_latencies);
  self->delivery = self->n_expected > 0 ? (double) self->n_heard / self->n_expected : 1;
  self->victim_delivery = n_for_victim > 0 ? (double) n_by_victim / n_for_victim : 1;
  self->copies = self->n_expected > 0 ? (double) n_copies / self->n_expected : 0;
  self->median = sim_get_percentile (latencies, 0.5);
  self->p90 = sim_get_percentile (latencies, 0.9);
  self->p99 = sim_get_percentile (latencies, 0.99);
  self->slowest = sim_get_percentile (latencies, 1);
}

static guint
sim_count_hostile (Sim *sim, const GArray *mesh)
{
  guint n = 0;

  for (guint i = 0; i < mesh->len; i++)
    {
      SimNode *node = g_hash_table_lookup (sim->numbers, &g_array_index (mesh, AviPeerId, i));

      n += node->hostile != NULL;
    }
  return n;
}

static gboolean
sim_has_in_mesh (SimNode *node, SimNode *other)
{
  g_autoptr(GArray) mesh = sim_router_list_mesh (node->router, SIM_TOPIC);

  for (guint i = 0; i < mesh->len; i++)
    if (avi_peer_id_equal (&g_array_index (mesh, AviPeerId, i), sim_node_get_id (other)))
      return TRUE;
  return FALSE;
}

/* Passing while a GRAFT or PRUNE is under way; else it costs copies or keeps messages back. */
guint
sim_report_count_onesided (Sim *sim)
{
  guint n = 0;

  for (guint i = 0; i < sim->edges->len; i++)
    {
      SimEdge *edge = sim->edges->pdata[i];

      if (sim_node_counts (edge->ends[0]) && sim_node_counts (edge->ends[1]))
        n += sim_has_in_mesh (edge->ends[0], edge->ends[1]) != sim_has_in_mesh (edge->ends[1], edge->ends[0]);
    }
  return n;
}

static void
sim_report_add_nodes (SimReport *self, Sim *sim)
{
  double seconds = (double) (sim->now - sim->start) / SECOND;
  guint n = 0, n_up = 0;

  self->mesh_least = G_MAXUINT;
  for (guint i = 0; i < sim->nodes->len; i++)
    {
      SimNode *node = sim_get (sim, i);
      g_autoptr(GArray) mesh = NULL;

      if (node->hostile != NULL)
        continue;
      n++;
      self->sent += node->bytes_sent;
      self->received += node->bytes_received;
      if (!sim_node_counts (node))
        continue;
      mesh = sim_router_list_mesh (node->router, SIM_TOPIC);
      n_up++;
      self->mesh += mesh->len;
      self->mesh_hostile += sim_count_hostile (sim, mesh);
      self->mesh_least = MIN (self->mesh_least, mesh->len);
      self->mesh_most = MAX (self->mesh_most, mesh->len);
    }
  self->n_hostile = self->n_nodes - n;
  self->sent /= MAX (n, 1) * seconds;
  self->received /= MAX (n, 1) * seconds;
  self->mesh_hostile /= MAX (self->mesh, 1);
  self->mesh /= MAX (n_up, 1);
  self->mesh_least = MIN (self->mesh_least, self->mesh_most);
  self->mesh_onesided = sim_report_count_onesided (sim);
}

static void
sim_report_add_hostile (SimReport *self, Sim *sim)
{
  guint n = 0;

  for (guint i = 0; i < sim->edges->len; i++)
    {
      SimEdge *edge = sim->edges->pdata[i];
      SimNode *judge = edge->ends[edge->ends[0]->hostile != NULL];
      SimNode *judged = edge->ends[edge->ends[0]->hostile == NULL];
      double score;

      if (judged->hostile == NULL || !sim_node_counts (judge) || sim_edge_get_link (edge, judge) == NULL)
        continue;
      score = sim_router_get_score (judge->router, sim_node_get_id (judged), sim->now);
      n++;
      self->hostile_negative += score < 0;
      self->hostile_graylisted += sim_router_graylists (judge->router, score);
    }
  self->hostile_negative /= MAX (n, 1);
  self->hostile_graylisted /= MAX (n, 1);
}

void
sim_report_make (SimReport *self, Sim *sim, guint victim, gint64 from, gint64 to)
{
  SimRouterStatistics sum = sim_sum_statistics (sim);

  *self = (SimReport) {
    .n_nodes = sim->nodes->len,
    .spared = sum.spared,
    .recovered = sum.iwant_recovered,
    .broken_promises = sum.broken_promises,
    .invalid = sum.invalid,
    .queue_drops = sum.queue_drops,
    .limit_drops = sum.limit_drops,
    .foreign = sim->record.n_foreign,
    .twice = sim->record.n_twice,
    .graylisted = sum.graylisted,
    .offences = sum.offences,
    .grafts_refused = sum.grafts_refused,
    .px_taken = sum.px_taken,
    .score_least = sim->least_score,
  };
  sim_report_add_messages (self, sim, victim, from, to);
  sim_report_add_nodes (self, sim);
  sim_report_add_hostile (self, sim);
}

/* --- telling --- */

static double
sim_metric_get (const SimMetric *self, const SimReport *report)
{
  return *(const double *) ((const guint8 *) report + self->offset);
}

char *
sim_report_to_text (const SimReport *self, const SimScenario *scenario, Sim *sim, double seconds)
{
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%u nodes, ", self->n_nodes);
  if (self->n_hostile > 0)
    g_string_append_printf (out, "%u of them hostile (%s), ", self->n_hostile,
                            sim_hostile_get_name (scenario->attack.kind));
  g_string_append_printf (out, "seed %" G_GUINT64_FORMAT ": %u messages in %.0f s of virtual time\n", scenario->seed,
                          self->n_messages, (double) (sim->now - sim->start) / SECOND);
  g_string_append_printf (out, "delivery  %.4f %%: %u of %u; %u messages reached all\n", 100 * self->delivery,
                          self->n_heard, self->n_expected, self->n_complete);
  if (self->to_nobody + self->twice > 0)
    g_string_append_printf (out, "beside    %.0f messages to nobody, as publish said; %.0f heard twice\n",
                            self->to_nobody, self->twice);
  if (scenario->attack.kind != NULL && sim_hostile_has_victim (scenario->attack.kind))
    g_string_append_printf (out, "victim    %.4f %%\n", 100 * self->victim_delivery);
  g_string_append_printf (out, "latency   median %.1f ms, 90 %% %.1f ms, 99 %% %.1f ms, slowest %.1f ms\n",
                          self->median / 1000, self->p90 / 1000, self->p99 / 1000, self->slowest / 1000);
  g_string_append_printf (out, "copies    %.3f per node and message; %.0f more spared by IDONTWANT\n", self->copies,
                          self->spared);
  g_string_append_printf (out, "bytes     %.0f sent and %.0f received per node and second\n", self->sent,
                          self->received);
  g_string_append_printf (out, "mesh      %.0f to %.0f peers at the end, %.2f on average, %.1f %% of them hostile\n",
                          self->mesh_least, self->mesh_most, self->mesh, 100 * self->mesh_hostile);
  g_string_append_printf (out, "gossip    %.0f recovered, %.0f promises broken\n", self->recovered,
                          self->broken_promises);
  g_string_append_printf (out, "dropped   %.0f invalid, %.0f by full queues, %.0f beyond limits\n", self->invalid,
                          self->queue_drops, self->limit_drops);
  g_string_append_printf (out, "scores    at least %.2f among the honest; %.0f offences, %.0f RPCs not listened to, "
                               "%.0f grafts refused, %.0f peers taken from PRUNEs\n", self->score_least, self->offences,
                          self->graylisted, self->grafts_refused, self->px_taken);
  if (self->n_hostile > 0)
    g_string_append_printf (out, "hostile   %.1f %% have a bad score, %.1f %% are not listened to\n",
                            100 * self->hostile_negative, 100 * self->hostile_graylisted);
  if (self->foreign > 0)
    g_string_append_printf (out, "spam      %.0f deliveries\n", self->foreign);
  g_string_append_printf (out, "run       %" G_GUINT64_FORMAT " events, %.1f s of CPU, digest %016" G_GINT64_MODIFIER
                               "x\n", sim->n_events, seconds, sim->digest);
  return g_string_free (out, FALSE);
}

char *
sim_report_to_json (const SimReport *self, const SimScenario *scenario, Sim *sim, double seconds)
{
  GString *out = g_string_new ("{");
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (out, "\"nodes\": %u, \"hostile\": %u, \"seed\": %" G_GUINT64_FORMAT, self->n_nodes,
                          self->n_hostile, scenario->seed);
  g_string_append_printf (out, ", \"messages\": %u, \"expected\": %u, \"heard\": %u, \"complete\": %u",
                          self->n_messages, self->n_expected, self->n_heard, self->n_complete);
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    g_string_append_printf (out, ", \"%s%s\": %s", metrics[i].name, metrics[i].is_time ? "-us" : "",
                            g_ascii_formatd (number, sizeof number, "%.9g", sim_metric_get (&metrics[i], self)));
  g_string_append_printf (out, ", \"events\": %" G_GUINT64_FORMAT ", \"cpu-seconds\": %s", sim->n_events,
                          g_ascii_formatd (number, sizeof number, "%.3f", seconds));
  g_string_append_printf (out, ", \"digest\": \"%016" G_GINT64_MODIFIER "x\"}\n", sim->digest);
  return g_string_free (out, FALSE);
}

/* --- comparing --- */

gboolean
sim_metric_find (const char *name, guint *metric)
{
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (strcmp (metrics[i].name, name) == 0)
      {
        *metric = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
sim_metric_parse (guint metric, const char *text, double *value, GError **error)
{
  gint64 us;

  if (!metrics[metric].is_time)
    return sim_parse_number (text, value, error);
  if (!sim_parse_time (text, &us, error))
    return FALSE;
  *value = us;
  return TRUE;
}

char *
sim_report_compare (const SimReport *self, const SimExpectation *expectation)
{
  g_autoptr(GString) wrong = g_string_new (NULL);

  for (guint i = 0; i < expectation->bounds->len; i++)
    {
      const SimBound *bound = &g_array_index (expectation->bounds, SimBound, i);
      const SimMetric *metric = &metrics[bound->metric];
      double value = sim_metric_get (metric, self);

      if (bound->is_most ? value > bound->value : value < bound->value)
        g_string_append_printf (wrong, "%s%s is %.9g, %s is %.9g", wrong->len > 0 ? "; " : "", metric->name, value,
                                bound->is_most ? "the most allowed" : "the least allowed", bound->value);
    }
  if (self->n_messages == 0)
    g_string_append (wrong, "no message was published in that time");
  return wrong->len > 0 ? g_string_free (g_steal_pointer (&wrong), FALSE) : NULL;
}
