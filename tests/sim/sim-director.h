/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimDirector: plays a scenario: builds its network, publishes, and does to the nodes what the scenario
 * says, at its virtual times.
 */
#pragma once

#include "sim-scenario.h"

G_BEGIN_DECLS

typedef struct
{
  SimScenario *scenario; /* (unowned) */
  Sim         *sim;
  guint        victim;   /* of the attack; G_MAXUINT: none */
  double       seconds;  /* CPU time that it took */
} SimDirector;

/* @log: gets a line per event; or NULL. The scenario has been checked, and stays. */
SimDirector *sim_director_new  (SimScenario *scenario, FILE *log);
void         sim_director_free (SimDirector *self);
/* To the end. */
void         sim_director_play (SimDirector *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimDirector, sim_director_free)

G_END_DECLS
