/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim.h"

#include "sim-hostile.h"
#include "sim-rpc.h"

#define HANDSHAKE_TRIPS 5 /* one way each, until a connection is there: TCP, Noise, the muxer */
#define MOST_TRIES      10

/* --- edges --- */

SimEdge *
sim_find_edge (Sim *self, guint a, guint b)
{
  SimNode *node = sim_get (self, a);

  for (guint i = 0; i < node->edges->len; i++)
    {
      SimEdge *edge = node->edges->pdata[i];

      if (edge->ends[0]->number == b || edge->ends[1]->number == b)
        return edge;
    }
  return NULL;
}

SimEdge *
sim_know (Sim *self, guint a, guint b)
{
  SimEdge *edge = g_new0 (SimEdge, 1);
  gint64 spread = self->max_latency - self->min_latency + 1;

  g_assert_true (a != b);
  edge->ends[0] = sim_get (self, a);
  edge->ends[1] = sim_get (self, b);
  edge->latency = self->min_latency + avi_random_below (&self->random, (guint32) spread);
  edge->wanted = TRUE;
  g_ptr_array_add (self->edges, edge);
  g_ptr_array_add (edge->ends[0]->edges, edge);
  g_ptr_array_add (edge->ends[1]->edges, edge);
  return edge;
}

SimLink *
sim_edge_get_link (SimEdge *edge, SimNode *from)
{
  SimLink *link = edge->links[from == edge->ends[1]];

  return link != NULL && link->open ? link : NULL;
}

static gboolean
sim_edge_is_whole (SimEdge *edge)
{
  return sim_edge_get_link (edge, edge->ends[0]) != NULL && sim_edge_get_link (edge, edge->ends[1]) != NULL;
}

static gboolean
sim_edge_may_open (SimEdge *edge)
{
  return edge->wanted && edge->ends[0]->state == SIM_NODE_UP && edge->ends[1]->state == SIM_NODE_UP
         && edge->ends[0]->group == edge->ends[1]->group && !sim_edge_is_whole (edge);
}

static SimLink *
sim_link_new (Sim *sim, SimEdge *edge, guint end)
{
  SimLink *self = g_new0 (SimLink, 1);

  self->edge = edge;
  self->from = edge->ends[end];
  self->to = edge->ends[1 - end];
  self->pipe.quality = sim->quality;
  self->pipe.quality.latency = edge->latency;
  self->open = TRUE;
  self->ready = TRUE;
  g_queue_init (&self->parked);
  g_ptr_array_add (sim->links, self);
  return self;
}

static void
sim_link_announce (Sim *sim, SimLink *self)
{
  SimPeer peer = {
    .id = sim_node_get_id (self->to),
    .record = self->to->record,
    .outbound = self == self->edge->links[0],
    .address = self->to->address,
  };

  g_hash_table_insert (self->from->links, (gpointer) peer.id, self);
  if (self->from->hostile != NULL)
    sim_hostile_greet (self->from->hostile, self);
  else
    sim_router_add_peer (self->from->router, &peer, sim->now);
  sim_node_pump (sim, self->from);
}

void
sim_edge_open (Sim *self, SimEdge *edge)
{
  for (guint i = 0; i < 2; i++)
    if (sim_edge_get_link (edge, edge->ends[i]) != NULL) /* one end had not noticed that the old one is gone */
      sim_link_shut (self, edge->links[i]);
  for (guint i = 0; i < 2; i++)
    edge->links[i] = sim_link_new (self, edge, i);
  edge->links[0]->back = edge->links[1];
  edge->links[1]->back = edge->links[0];
  sim_link_announce (self, edge->links[0]);
  sim_link_announce (self, edge->links[1]);
}

static void
sim_edge_dialled (Sim *self, gpointer data, guint64 number)
{
  SimEdge *edge = data;

  edge->dialling = FALSE;
  if (sim_edge_may_open (edge))
    sim_edge_open (self, edge);
}

void
sim_edge_dial (Sim *self, SimEdge *edge, gint64 delay)
{
  if (edge->dialling || !sim_edge_may_open (edge))
    return;
  edge->dialling = TRUE;
  sim_at (self, self->now + delay + HANDSHAKE_TRIPS * edge->latency, sim_edge_dialled, edge, 0);
}

void
sim_connect (Sim *self, guint a, guint b)
{
  SimEdge *edge = sim_find_edge (self, a, b);

  g_assert_false (sim_are_connected (self, a, b));
  if (edge == NULL)
    edge = sim_know (self, a, b);
  edge->wanted = TRUE;
  sim_edge_open (self, edge);
}

void
sim_disconnect (Sim *self, guint a, guint b)
{
  SimEdge *edge = sim_find_edge (self, a, b);

  edge->wanted = FALSE;
  for (guint i = 0; i < 2; i++)
    if (sim_edge_get_link (edge, edge->ends[i]) != NULL)
      sim_link_shut (self, edge->links[i]);
}

gboolean
sim_are_connected (Sim *self, guint a, guint b)
{
  SimEdge *edge = sim_find_edge (self, a, b);

  return edge != NULL && sim_edge_is_whole (edge);
}

/* --- links --- */

void
sim_link_write (Sim *self, SimLink *link, GBytes *rpc)
{
  SimNode *node = link->from;
  gsize len = rpc != NULL ? g_bytes_get_size (rpc) : 0;
  gint64 leaves = self->now;

  node->bytes_sent += len;
  node->rpcs_sent++;
  link->in_flight += len;
  if (link->ready && link->in_flight >= self->window)
    {
      link->ready = FALSE;
      if (node->router != NULL)
        sim_router_set_ready (node->router, sim_node_get_id (link->to), FALSE);
    }
  if (self->uplink > 0)
    leaves = node->uplink_free_at = MAX (node->uplink_free_at, self->now) + sim_pipe_duration (self->uplink, len);
  sim_queue_push (&self->queue, sim_pipe_send (&link->pipe, len, leaves, &self->noise), SIM_EVENT_ARRIVAL, link, rpc);
}

static gboolean
sim_link_is_stuck (SimLink *link)
{
  return link->to->state == SIM_NODE_ASLEEP || link->from->group != link->to->group;
}

static void
sim_link_park (Sim *self, SimLink *link, GBytes *rpc)
{
  if (link->parked.length == 0)
    link->parked_since = self->now;
  g_queue_push_tail (&link->parked, rpc);
}

/* The sender tries again when its time-out, doubled each time, says so. */
static gint64
sim_link_next_try (Sim *self, SimLink *link)
{
  guint n = 1;

  while (n < MOST_TRIES && link->parked_since + sim_pipe_penalty (&link->pipe, n) < self->now)
    n++;
  return MAX (link->parked_since + sim_pipe_penalty (&link->pipe, n), self->now);
}

void
sim_links_resume (Sim *self, SimNode *node)
{
  for (guint i = 0; i < self->links->len; i++)
    {
      SimLink *link = self->links->pdata[i];

      if (link->parked.length == 0 || (node != NULL && link->to != node) || sim_link_is_stuck (link))
        continue;
      link->resume_at = sim_link_next_try (self, link);
      while (link->parked.length > 0)
        sim_queue_push (&self->queue, link->resume_at, SIM_EVENT_ARRIVAL, link, g_queue_pop_head (&link->parked));
      link->pipe.last_arrival = MAX (link->pipe.last_arrival, link->resume_at);
    }
}

/* What came is acknowledged. */
static void
sim_link_acknowledge (Sim *self, SimLink *link, gsize len)
{
  link->in_flight -= len;
  if (link->ready || link->in_flight >= self->window || !link->open)
    return;
  link->ready = TRUE;
  if (link->from->router == NULL)
    return;
  sim_router_set_ready (link->from->router, sim_node_get_id (link->to), TRUE);
  sim_node_pump (self, link->from);
}

void
sim_link_arrive (Sim *self, SimLink *link, GBytes *rpc)
{
  g_autoptr(GBytes) arrived = rpc;
  AviSpan span;

  if (sim_link_is_stuck (link))
    sim_link_park (self, link, g_steal_pointer (&arrived));
  else if (link->resume_at > self->now) /* was under way when what came before had to wait */
    sim_queue_push (&self->queue, link->resume_at, SIM_EVENT_ARRIVAL, link, g_steal_pointer (&arrived));
  else if (!link->back->open) /* the connection broke meanwhile */
    return;
  else if (rpc == NULL)
    sim_link_shut (self, link->back);
  else
    {
      span = sim_rpc_unframe (rpc);
      link->to->bytes_received += g_bytes_get_size (rpc);
      sim_link_acknowledge (self, link, g_bytes_get_size (rpc));
      if (self->drop == NULL || !self->drop (self, link->from->number, link->to->number, span, self->drop_data))
        sim_node_receive (self, link->to, link, span);
    }
}

void
sim_link_shut (Sim *self, SimLink *link)
{
  SimNode *node = link->from;

  link->open = FALSE;
  g_hash_table_remove (node->links, sim_node_get_id (link->to));
  if (node->router == NULL)
    return;
  sim_router_remove_peer (node->router, sim_node_get_id (link->to), self->now);
  if (node->state == SIM_NODE_UP)
    sim_node_pump (self, node);
}

void
sim_link_free (SimLink *link)
{
  while (link->parked.length > 0)
    {
      GBytes *rpc = g_queue_pop_head (&link->parked);

      g_clear_pointer (&rpc, g_bytes_unref);
    }
  g_free (link);
}
