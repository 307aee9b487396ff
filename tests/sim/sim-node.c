/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim.h"

#include "sim-hostile.h"

SimNode *
sim_node_new (Sim *sim, guint number)
{
  SimNode *self = g_new0 (SimNode, 1);
  guint8 seed[AVI_KEY_SEED_LEN];

  sim->random.fill (&sim->random, seed, sizeof seed);
  avi_random_seed (&self->random, avi_random_u32 (&sim->random));
  self->number = number;
  self->address = number + 1;
  self->identity = avi_key_pair_from_seed (seed);
  self->record = sim_router_make_record (self->identity);
  self->topics = g_ptr_array_new ();
  self->edges = g_ptr_array_new ();
  self->links = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->tick_at = G_MAXINT64;
  sim_node_start (sim, self);
  return self;
}

void
sim_node_free (SimNode *self)
{
  g_clear_pointer (&self->router, sim_router_free);
  g_clear_pointer (&self->hostile, sim_hostile_free);
  avi_key_pair_unref (self->identity);
  g_bytes_unref (self->record);
  g_ptr_array_unref (self->topics);
  g_ptr_array_unref (self->edges);
  g_hash_table_unref (self->links);
  g_free (self);
}

/* --- its life --- */

/* A program that knows what it wants to hear. */
static gboolean
sim_node_accepts (AviSpan payload, gpointer sim)
{
  return sim_record_find (&((Sim *) sim)->record, payload) != NULL;
}

void
sim_node_start (Sim *sim, SimNode *self)
{
  SimRouterConfig config = sim->router;

  config.identity = self->identity;
  config.random = &self->random;
  config.accepts = sim_node_accepts;
  config.accepts_data = sim;
  config.first_seqno = sim->now - sim->start + 1; /* grows over lives: no node publishes each microsecond */
  self->state = SIM_NODE_UP;
  self->lives++;
  self->spell++;
  self->router = sim_router_new (&config, sim->now);
  for (guint i = 0; i < self->topics->len; i++)
    sim_router_subscribe (self->router, self->topics->pdata[i], sim->now);
}

/* What is left of its connections at the others' ends. */
static void
sim_node_vanish (Sim *sim, gpointer data, guint64 spell)
{
  SimNode *self = data;

  if (self->spell != spell)
    return;
  for (guint i = 0; i < self->edges->len; i++)
    {
      SimEdge *edge = self->edges->pdata[i];
      SimNode *other = edge->ends[edge->ends[0] == self];
      SimLink *link = sim_edge_get_link (edge, other);

      if (link != NULL)
        sim_link_shut (sim, link);
    }
}

static void
sim_node_stop (Sim *sim, SimNode *self, gboolean orderly)
{
  g_clear_pointer (&self->router, sim_router_free);
  for (guint i = 0; i < self->edges->len; i++)
    {
      SimLink *link = sim_edge_get_link (self->edges->pdata[i], self);

      if (link == NULL)
        continue;
      if (orderly)
        sim_link_write (sim, link, NULL);
      sim_link_shut (sim, link);
    }
}

void
sim_node_depart (Sim *sim, SimNode *self, SimDeparture departure)
{
  g_assert_true (self->state == SIM_NODE_UP);
  sim_record_excuse (&sim->record, self->number, sim->now);
  self->spell++;
  self->state = departure == SIM_SLEEP ? SIM_NODE_ASLEEP : SIM_NODE_DOWN;
  if (departure != SIM_SLEEP)
    sim_node_stop (sim, self, departure == SIM_LEAVE);
  sim_at (sim, sim->now + sim->dead_time, sim_node_vanish, self, self->spell);
}

/* Who wakes up finds those connections dead that the others gave up. */
static void
sim_node_wake (Sim *sim, SimNode *self)
{
  self->spell++;
  self->state = SIM_NODE_UP;
  for (guint i = 0; i < self->edges->len; i++)
    {
      SimLink *link = sim_edge_get_link (self->edges->pdata[i], self);

      if (link != NULL && !link->back->open)
        sim_link_shut (sim, link);
    }
  sim_links_resume (sim, self);
}

void
sim_node_return (Sim *sim, SimNode *self)
{
  g_assert_true (self->state != SIM_NODE_UP);
  if (self->state == SIM_NODE_ASLEEP)
    sim_node_wake (sim, self);
  else
    sim_node_start (sim, self);
  for (guint i = 0; i < self->edges->len; i++)
    sim_edge_dial (sim, self->edges->pdata[i], avi_random_below (&sim->random, SECOND));
  sim_node_pump (sim, self);
}

/* --- its router --- */

void
sim_node_dial (Sim *sim, SimNode *self, const AviPeerId *id)
{
  SimNode *other = g_hash_table_lookup (sim->numbers, id);
  SimEdge *edge;

  if (other == NULL || other == self)
    return;
  edge = sim_find_edge (sim, self->number, other->number);
  if (edge == NULL)
    edge = sim_know (sim, self->number, other->number);
  sim_edge_dial (sim, edge, 0);
}

/* µs; it remembers nothing of an earlier life. */
static gint64
sim_node_hears_once (SimNode *self)
{
  return self->lives > 1 ? 0 : sim_router_get_seen_ttl (self->router);
}

static void
sim_node_take_events (Sim *sim, SimNode *self)
{
  SimRouterEvent event;

  while (sim_router_next (self->router, &event))
    switch (event.type)
      {
      case SIM_ROUTER_MESSAGE:
        {
          g_autoptr(GBytes) data = event.data;

          sim_record_hear (&sim->record, self->number, avi_span_from_bytes (data), sim_node_hears_once (self),
                           sim->now);
          break;
        }

      case SIM_ROUTER_VERIFY:
        sim_router_verified (self->router, event.ticket,
                             sim_verify (sim, event.key, event.signed_bytes, event.signature), sim->now);
        break;

      case SIM_ROUTER_DIAL:
        sim_node_dial (sim, self, &event.peer);
        break;
      }
}

/* FALSE, and an event for later: the uplink is full, and the router may yet change its mind. */
static gboolean
sim_node_may_send (Sim *sim, SimNode *self)
{
  if (self->uplink_free_at <= sim->now)
    return TRUE;
  if (!self->pump_waits)
    sim_queue_push (&sim->queue, self->uplink_free_at, SIM_EVENT_PUMP, self, NULL);
  self->pump_waits = TRUE;
  return FALSE;
}

void
sim_node_pump (Sim *sim, SimNode *self)
{
  AviPeerId to;
  GBytes *rpc;
  gint64 deadline;

  if (self->router == NULL || self->state != SIM_NODE_UP)
    return;
  sim_node_take_events (sim, self);
  while (sim_node_may_send (sim, self) && sim_router_transmit (self->router, &to, &rpc, sim->now))
    sim_link_write (sim, g_hash_table_lookup (self->links, &to), rpc);

  deadline = MAX (sim_router_deadline (self->router), sim->now);
  if (deadline < self->tick_at)
    {
      self->tick_at = deadline;
      sim_queue_push (&sim->queue, deadline, SIM_EVENT_TICK, self, NULL);
    }
}

void
sim_node_tick (Sim *sim, SimNode *self)
{
  if (self->tick_at <= sim->now) /* else the event stood for a deadline that is no more */
    self->tick_at = G_MAXINT64;
  if (self->router == NULL || self->state != SIM_NODE_UP)
    return;
  sim_router_tick (self->router, sim->now);
  sim_node_pump (sim, self);
  if (sim->checked)
    sim_router_check (self->router);
}

void
sim_node_receive (Sim *sim, SimNode *self, SimLink *link, AviSpan rpc)
{
  g_autoptr(GError) error = NULL;

  if (self->hostile != NULL)
    {
      sim_hostile_receive (self->hostile, link->back, rpc);
      return;
    }
  sim_record_copies (&sim->record, rpc);
  if (!sim_router_receive (self->router, sim_node_get_id (link->from), rpc, sim->now, &error)
      && link->from->hostile == NULL)
    g_error ("Node %u refuses what %u says: %s", self->number, link->from->number, error->message);
  sim_node_pump (sim, self);
}
