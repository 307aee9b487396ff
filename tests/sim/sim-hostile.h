/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimHostile: what a hostile node does in place of a router. Each kind subscribes, grafts itself into
 * the mesh of whoever it is connected with, and forwards nothing, gives nothing when asked; and each
 * does one thing more, which the table in sim-hostile.c names.
 */
#pragma once

#include "sim.h"

G_BEGIN_DECLS

typedef struct _SimHostileKind SimHostileKind;

/* NULL: no such kind. */
const SimHostileKind *sim_hostile_find       (const char *name);
const char           *sim_hostile_get_name   (const SimHostileKind *kind);
/* Kinds in turn, until NULL. */
const SimHostileKind *sim_hostile_get_kind   (guint n);
/* It goes for one victim, and every such node knows it. */
gboolean              sim_hostile_has_victim (const SimHostileKind *kind);

/* The node is hostile from now on. @rate: of what it does, per second; 0: as of its kind. */
void                  sim_hostile_turn       (Sim *sim, SimNode *node, const SimHostileKind *kind, double rate);
void                  sim_hostile_free       (SimHostile *self);
/* There is a connection. */
void                  sim_hostile_greet      (SimHostile *self, SimLink *link);
/* @link: to whom the RPC came from. */
void                  sim_hostile_receive    (SimHostile *self, SimLink *link, AviSpan rpc);

G_END_DECLS
