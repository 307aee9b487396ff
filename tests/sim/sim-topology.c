/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-topology.h"

#define SWAPS 1000 /* tried to get rid of a pair that is there already */

typedef struct
{
  GArray     *pairs;
  GHashTable *known; /* a set of smaller << 32 | larger */
} SimGraph;

gboolean
sim_topology_parse (const char *name, SimTopology *topology)
{
  static const char *const names[] = { "regular", "full", "line", "star" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i], name) == 0)
      {
        *topology = i;
        return TRUE;
      }
  return FALSE;
}

static guint64
sim_graph_key (guint32 a, guint32 b)
{
  return (guint64) MIN (a, b) << 32 | MAX (a, b);
}

static gboolean
sim_graph_has (SimGraph *self, guint32 a, guint32 b)
{
  guint64 key = sim_graph_key (a, b);

  return a == b || g_hash_table_contains (self->known, &key);
}

static void
sim_graph_add (SimGraph *self, guint32 a, guint32 b)
{
  guint64 key = sim_graph_key (a, b);
  guint32 pair[2] = { a, b };

  if (sim_graph_has (self, a, b))
    return;
  g_hash_table_add (self->known, g_memdup2 (&key, sizeof key));
  g_array_append_vals (self->pairs, pair, 1);
}

static void
sim_swap (guint32 *order, guint a, guint b)
{
  guint32 held = order[a];

  order[a] = order[b];
  order[b] = held;
}

static void
sim_shuffle (guint32 *order, guint n, AviRandom *random)
{
  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = 0; i + 1 < n; i++)
    sim_swap (order, i, i + avi_random_below (random, n - i));
}

/* A round trip past all nodes in random order, which gives each two others; or every second step of
 * one, which gives one. */
static void
sim_graph_add_round (SimGraph *self, guint n, guint step, AviRandom *random)
{
  g_autofree guint32 *order = g_new (guint32, n);

  sim_shuffle (order, n, random);
  for (guint i = 0; i + (step == 2) < n; i += step)
    {
      guint next = (i + 1) % n;

      /* What comes later in the order may yet be anybody. */
      for (guint j = 0; j < SWAPS && next > i && next + 1 < n && sim_graph_has (self, order[i], order[next]); j++)
        sim_swap (order, next, next + avi_random_below (random, n - next));
      sim_graph_add (self, order[i], order[next]);
    }
}

static void
sim_graph_add_all (SimGraph *self, guint n)
{
  for (guint32 a = 0; a < n; a++)
    for (guint32 b = 0; b < a; b++)
      sim_graph_add (self, a, b);
}

GArray *
sim_topology_make (SimTopology topology, guint n_nodes, guint degree, AviRandom *random)
{
  SimGraph graph = { g_array_new (FALSE, FALSE, 2 * sizeof (guint32)),
                     g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL) };

  if (topology == SIM_TOPOLOGY_FULL || (topology == SIM_TOPOLOGY_REGULAR && degree + 1 >= n_nodes))
    sim_graph_add_all (&graph, n_nodes);
  else if (topology == SIM_TOPOLOGY_LINE)
    for (guint32 i = 1; i < n_nodes; i++)
      sim_graph_add (&graph, i - 1, i);
  else if (topology == SIM_TOPOLOGY_STAR)
    for (guint32 i = 1; i < n_nodes; i++)
      sim_graph_add (&graph, i, 0);
  else
    {
      for (guint i = 0; i < degree / 2; i++)
        sim_graph_add_round (&graph, n_nodes, 1, random);
      if (degree % 2 == 1)
        sim_graph_add_round (&graph, n_nodes, 2, random);
    }
  g_hash_table_unref (graph.known);
  return graph.pairs;
}

void
sim_topology_join (Sim *sim, const GArray *pairs, gint64 span)
{
  for (guint i = 0; i < pairs->len; i++)
    {
      const guint32 *pair = (const guint32 *) (gconstpointer) pairs->data + 2 * i;
      SimEdge *edge = sim_know (sim, pair[0], pair[1]);

      sim_edge_dial (sim, edge, avi_random_below (&sim->random, (guint32) span + 1));
    }
}
