/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-director.h"

#include <math.h>
#include <time.h>

/* A node at random that is up and honest; NULL: hardly any is. */
static SimNode *
sim_director_pick (SimDirector *self)
{
  for (guint i = 0; i < 100; i++)
    {
      SimNode *node = sim_get (self->sim, avi_random_below (&self->sim->random, self->sim->nodes->len));

      if (sim_node_counts (node))
        return node;
    }
  return NULL;
}

/* --- traffic --- */

static void
sim_director_publish (Sim *sim, gpointer data, guint64 n)
{
  SimDirector *self = data;
  const SimTraffic *traffic = &self->scenario->traffic;
  SimNode *node = sim_director_pick (self);
  gint64 next = traffic->start + (gint64) ((n + 1) * (double) SECOND / traffic->rate);

  if (node != NULL)
    sim_publish_bytes (sim, node->number, SIM_TOPIC, traffic->message_size);
  if (next < traffic->start + traffic->duration)
    sim_at (sim, sim->start + next, sim_director_publish, self, n + 1);
}

/* --- churn --- */

static void
sim_director_return (Sim *sim, gpointer data, guint64 spell)
{
  SimNode *node = data;

  if (node->spell == spell && node->state != SIM_NODE_UP)
    sim_node_return (sim, node);
}

static gint64
sim_director_draw (SimDirector *self, const gint64 range[2])
{
  double part = avi_random_u32 (&self->sim->random) / (double) G_MAXUINT32;

  return range[0] + (gint64) (part * (range[1] - range[0]));
}

static SimDeparture
sim_director_draw_departure (SimDirector *self)
{
  SimDeparture departure;

  do
    departure = avi_random_below (&self->sim->random, SIM_N_DEPARTURES);
  while ((self->scenario->churn.departures & 1u << departure) == 0);
  return departure;
}

/* Departures come independently of each other: the time between two of them is exponential. */
static gint64
sim_director_draw_pause (SimDirector *self)
{
  double part = (avi_random_u32 (&self->sim->random) + 1.0) / (G_MAXUINT32 + 1.0);

  return (gint64) (-log (part) * SECOND / self->scenario->churn.rate);
}

static void
sim_director_churn (Sim *sim, gpointer data, guint64 number)
{
  SimDirector *self = data;
  const SimTraffic *traffic = &self->scenario->traffic;
  SimNode *node = sim_director_pick (self);

  if (sim->now - sim->start >= traffic->start + traffic->duration)
    return;
  if (node != NULL)
    {
      sim_node_depart (sim, node, sim_director_draw_departure (self));
      sim_at (sim, sim->now + sim_director_draw (self, self->scenario->churn.downtime), sim_director_return, node,
              node->spell);
    }
  sim_at (sim, sim->now + sim_director_draw_pause (self), sim_director_churn, self, 0);
}

/* --- steps --- */

static void
sim_director_depart_many (SimDirector *self, SimDeparture departure, double share)
{
  for (guint i = (guint) (share * self->sim->nodes->len); i > 0; i--)
    {
      SimNode *node = sim_director_pick (self);

      if (node != NULL)
        sim_node_depart (self->sim, node, departure);
    }
}

static void
sim_director_return_all (Sim *sim)
{
  for (guint i = 0; i < sim->nodes->len; i++)
    if (sim_get (sim, i)->state != SIM_NODE_UP)
      sim_node_return (sim, sim_get (sim, i));
}

static void
sim_director_step (Sim *sim, gpointer data, guint64 number)
{
  SimDirector *self = data;
  const SimStep *step = &g_array_index (self->scenario->steps, SimStep, number);

  switch (step->kind)
    {
    case SIM_STEP_CUT:
      sim_cut (sim, step->share);
      break;

    case SIM_STEP_HEAL:
      sim_heal (sim);
      break;

    case SIM_STEP_LEAVE:
      sim_director_depart_many (self, SIM_LEAVE, step->share);
      break;

    case SIM_STEP_CRASH:
      sim_director_depart_many (self, SIM_CRASH, step->share);
      break;

    case SIM_STEP_SLEEP:
      sim_director_depart_many (self, SIM_SLEEP, step->share);
      break;

    case SIM_STEP_RETURN:
      sim_director_return_all (sim);
      break;
    }
}

/* --- the attack --- */

static void
sim_director_turn (Sim *sim, gpointer data, guint64 number)
{
  SimDirector *self = data;
  const SimAttack *attack = &self->scenario->attack;

  sim_record_excuse (&sim->record, number, sim->now);
  sim_hostile_turn (sim, sim_get (sim, number), attack->kind, attack->rate);
}

/* All of them know the victim, beside whom they know anyway. */
static void
sim_director_surround (SimDirector *self, const guint *order, guint n)
{
  const SimNetwork *network = &self->scenario->network;

  self->victim = order[n];
  for (guint i = 0; i < n; i++)
    if (sim_find_edge (self->sim, order[i], self->victim) == NULL)
      sim_edge_dial (self->sim, sim_know (self->sim, order[i], self->victim),
                     avi_random_below (&self->sim->random, (guint32) network->join + 1));
}

static void
sim_director_attack (SimDirector *self)
{
  const SimAttack *attack = &self->scenario->attack;
  guint n_nodes = self->sim->nodes->len;
  guint n = (guint) (attack->share * n_nodes);
  g_autofree guint *order = g_new (guint, n_nodes);

  for (guint i = 0; i < n_nodes; i++)
    {
      guint place = avi_random_below (&self->sim->random, i + 1);

      order[i] = order[place];
      order[place] = i;
    }
  if (sim_hostile_has_victim (attack->kind))
    sim_director_surround (self, order, n);
  for (guint i = 0; i < n; i++)
    if (attack->start == 0)
      sim_director_turn (self->sim, self, order[i]);
    else
      sim_at (self->sim, self->sim->start + attack->start, sim_director_turn, self, order[i]);
}

/* --- scores --- */

static void
sim_director_look_at_scores (Sim *sim, gpointer data, guint64 number)
{
  sim_note_scores (sim);
  sim_at (sim, sim->now + SECOND, sim_director_look_at_scores, data, 0);
}

/* --- the whole --- */

static void
sim_director_build (SimDirector *self, FILE *log)
{
  const SimScenario *scenario = self->scenario;
  const SimNetwork *network = &scenario->network;
  Sim *sim = sim_new_with (network->n_nodes, scenario->seed, &scenario->router);
  g_autoptr(GArray) pairs = NULL;

  self->sim = sim;
  sim->log = log;
  sim->checked = FALSE;
  sim->min_latency = network->latency[0];
  sim->max_latency = network->latency[1];
  sim->quality = (SimPipeQuality) { .jitter = network->jitter, .loss = network->loss,
                                    .bandwidth = network->bandwidth };
  sim->uplink = network->uplink;
  sim->window = network->window;
  sim->dead_time = network->dead_time;
  sim_subscribe_all (sim, SIM_TOPIC);
  pairs = sim_topology_make (network->topology, network->n_nodes, network->degree, &sim->random);
  sim_topology_join (sim, pairs, network->join);
}

SimDirector *
sim_director_new (SimScenario *scenario, FILE *log)
{
  SimDirector *self = g_new0 (SimDirector, 1);
  gint64 start = scenario->traffic.start;

  self->scenario = scenario;
  self->victim = G_MAXUINT;
  sim_director_build (self, log);
  if (scenario->attack.kind != NULL)
    sim_director_attack (self);
  sim_at (self->sim, self->sim->start + start, sim_director_publish, self, 0);
  sim_director_look_at_scores (self->sim, self, 0);
  if (scenario->churn.rate > 0 && scenario->churn.departures != 0)
    sim_at (self->sim, self->sim->start + start + sim_director_draw_pause (self), sim_director_churn, self, 0);
  for (guint i = 0; i < scenario->steps->len; i++)
    sim_at (self->sim, self->sim->start + g_array_index (scenario->steps, SimStep, i).at, sim_director_step, self, i);
  return self;
}

void
sim_director_free (SimDirector *self)
{
  sim_free (self->sim);
  g_free (self);
}

void
sim_director_play (SimDirector *self)
{
  const SimTraffic *traffic = &self->scenario->traffic;
  clock_t before = clock ();

  sim_run (self->sim, traffic->start + traffic->duration + traffic->settle);
  self->seconds = (double) (clock () - before) / CLOCKS_PER_SEC;
  for (guint i = 0; i < self->sim->nodes->len; i++)
    if (sim_get (self->sim, i)->router != NULL)
      sim_router_check (sim_get (self->sim, i)->router);
}
