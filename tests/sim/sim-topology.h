/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who knows whom: the graphs that networks are made of. All are connected.
 */
#pragma once

#include "sim.h"

G_BEGIN_DECLS

typedef enum
{
  SIM_TOPOLOGY_REGULAR, /* at random, each node with `degree` others; a few may have one or two fewer */
  SIM_TOPOLOGY_FULL,
  SIM_TOPOLOGY_LINE,
  SIM_TOPOLOGY_STAR /* all know the first node, and nobody else */
} SimTopology;

gboolean sim_topology_parse (const char *name, SimTopology *topology);
/* Pairs of nodes, the first of which dials, as guint32[2] by value. Where @degree others are more than
 * there are, it is a full mesh. (transfer full) */
GArray  *sim_topology_make  (SimTopology topology, guint n_nodes, guint degree, AviRandom *random);
/* They are dialled, each within @span. */
void     sim_topology_join  (Sim *sim, const GArray *pairs, gint64 span);

G_END_DECLS
