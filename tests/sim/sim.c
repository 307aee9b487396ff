/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim.h"

#include "gossipsub-invariants.h"

typedef struct
{
  gint64  latency;
  gint64  last_arrival; /* of what was sent before: nothing overtakes */
  guint64 stay;         /* which connection this is */
} SimLink;

typedef struct
{
  gint64  arrival;
  guint64 order;
  guint   from, to;
  guint64 stay;
  GBytes *rpc;
} SimFlight;

static void
sim_flight_free (SimFlight *self)
{
  g_bytes_unref (self->rpc);
  g_free (self);
}

static int
sim_flight_compare (gconstpointer a, gconstpointer b, gpointer data)
{
  const SimFlight *x = a, *y = b;

  if (x->arrival != y->arrival)
    return x->arrival < y->arrival ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

static SimNode *
sim_node_new (Sim *sim, guint number)
{
  SimNode *self = g_new0 (SimNode, 1);
  guint8 seed[AVI_KEY_SEED_LEN];
  AviGossipsubConfig config = { .first_seqno = 1 };

  sim->random.fill (&sim->random, seed, sizeof seed);
  avi_random_seed (&self->random, avi_random_u32 (&sim->random));
  self->number = number;
  self->identity = avi_key_pair_from_seed (seed);
  config.identity = self->identity;
  config.random = &self->random;
  self->router = avi_gossipsub_new (&config, sim->now);
  self->links = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

static void
sim_node_free (SimNode *self)
{
  avi_gossipsub_free (self->router);
  avi_key_pair_unref (self->identity);
  g_hash_table_unref (self->links);
  g_hash_table_unref (self->heard);
  g_free (self);
}

Sim *
sim_new (guint n_nodes, guint64 seed)
{
  Sim *self = g_new0 (Sim, 1);

  avi_random_seed (&self->random, seed);
  self->now = 1000 * SECOND;
  self->min_latency = MILLISECOND;
  self->max_latency = 50 * MILLISECOND;
  self->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_node_free);
  self->numbers = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->flights = g_sequence_new ((GDestroyNotify) sim_flight_free);
  for (guint i = 0; i < n_nodes; i++)
    {
      SimNode *node = sim_node_new (self, i);

      g_ptr_array_add (self->nodes, node);
      g_hash_table_insert (self->numbers, (gpointer) avi_key_pair_get_peer_id (node->identity), node);
    }
  return self;
}

void
sim_free (Sim *self)
{
  g_sequence_free (self->flights);
  g_hash_table_unref (self->numbers);
  g_ptr_array_unref (self->nodes);
  g_free (self);
}

SimNode *
sim_get (Sim *self, guint node)
{
  return self->nodes->pdata[node];
}

static SimLink *
sim_get_link (Sim *self, guint from, guint to)
{
  return g_hash_table_lookup (sim_get (self, from)->links, GUINT_TO_POINTER (to + 1));
}

static const AviPeerId *
sim_get_id (Sim *self, guint node)
{
  return avi_key_pair_get_peer_id (sim_get (self, node)->identity);
}

/* --- what routers say --- */

static void
sim_send (Sim *self, guint from, guint to, GBytes *rpc)
{
  SimLink *link = sim_get_link (self, from, to);
  SimFlight *flight = g_new0 (SimFlight, 1);

  self->n_bytes += g_bytes_get_size (rpc);
  link->last_arrival = MAX (link->last_arrival, self->now + link->latency);
  flight->arrival = link->last_arrival;
  flight->order = self->n_flights++;
  flight->from = from;
  flight->to = to;
  flight->stay = link->stay;
  flight->rpc = rpc;
  g_sequence_insert_sorted (self->flights, flight, sim_flight_compare, NULL);
}

static void
sim_hear (SimNode *node, AviMessage *message)
{
  /* Nothing is ever delivered twice. */
  g_assert_true (g_hash_table_add (node->heard, g_strdup (avi_message_get_text (message))));
  avi_message_unref (message);
}

/* After whatever was done to a router: its words. */
static void
sim_pump (Sim *self, SimNode *node)
{
  AviGossipsubEvent event;
  AviPeerId to;
  GBytes *rpc;

  while (avi_gossipsub_next (node->router, &event))
    if (event.type == AVI_GOSSIPSUB_EVENT_MESSAGE)
      sim_hear (node, event.message);
    else if (event.type == AVI_GOSSIPSUB_EVENT_VERIFY)
      avi_gossipsub_verified (node->router, event.ticket,
                              avi_public_key_verify (event.key, event.signed_bytes, event.signature), self->now);
  while (avi_gossipsub_transmit (node->router, &to, &rpc, self->now))
    sim_send (self, node->number, ((SimNode *) g_hash_table_lookup (self->numbers, &to))->number, rpc);
}

/* --- links --- */

static void
sim_connect_half (Sim *self, guint from, guint to, gint64 latency, guint64 stay)
{
  SimNode *node = sim_get (self, from);
  SimLink *link = g_new0 (SimLink, 1);

  link->latency = latency;
  link->stay = stay;
  g_hash_table_insert (node->links, GUINT_TO_POINTER (to + 1), link);
  avi_gossipsub_add_peer (node->router, sim_get_id (self, to), AVI_GOSSIPSUB_PROTOCOL_1_1, "avi", self->now);
  sim_pump (self, node);
}

void
sim_connect (Sim *self, guint a, guint b)
{
  gint64 spread = self->max_latency - self->min_latency + 1;
  gint64 latency = self->min_latency + avi_random_below (&self->random, (guint32) spread);
  guint64 stay = self->n_flights++;

  g_assert_true (a != b && !sim_are_connected (self, a, b));
  sim_connect_half (self, a, b, latency, stay);
  sim_connect_half (self, b, a, latency, stay);
}

static void
sim_disconnect_half (Sim *self, guint from, guint to)
{
  SimNode *node = sim_get (self, from);

  g_hash_table_remove (node->links, GUINT_TO_POINTER (to + 1));
  avi_gossipsub_remove_peer (node->router, sim_get_id (self, to), self->now);
  sim_pump (self, node);
}

void
sim_disconnect (Sim *self, guint a, guint b)
{
  sim_disconnect_half (self, a, b);
  sim_disconnect_half (self, b, a);
}

gboolean
sim_are_connected (Sim *self, guint a, guint b)
{
  return sim_get_link (self, a, b) != NULL;
}

void
sim_connect_randomly (Sim *self, guint degree)
{
  guint n = self->nodes->len;

  for (guint node = 1; node < n; node++) /* to somebody earlier: then all are one */
    for (guint i = 0; i < MIN (degree, node); i++)
      {
        guint other = avi_random_below (&self->random, i == 0 ? node : n);

        if (other != node && !sim_are_connected (self, node, other))
          sim_connect (self, node, other);
      }
}

/* --- verbs --- */

void
sim_subscribe (Sim *self, guint node, const char *topic)
{
  avi_gossipsub_subscribe (sim_get (self, node)->router, topic, self->now);
  sim_pump (self, sim_get (self, node));
}

void
sim_subscribe_all (Sim *self, const char *topic)
{
  for (guint i = 0; i < self->nodes->len; i++)
    sim_subscribe (self, i, topic);
}

gint
sim_publish (Sim *self, guint node, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;
  gint n = avi_gossipsub_publish (sim_get (self, node)->router, topic, data, self->now, &error);

  g_assert_no_error (error);
  sim_pump (self, sim_get (self, node));
  return n;
}

/* --- time --- */

static SimNode *
sim_find_next_heartbeat (Sim *self)
{
  SimNode *next = sim_get (self, 0);

  for (guint i = 1; i < self->nodes->len; i++)
    if (avi_gossipsub_deadline (sim_get (self, i)->router) < avi_gossipsub_deadline (next->router))
      next = sim_get (self, i);
  return next;
}

static void
sim_arrive (Sim *self, SimFlight *flight)
{
  SimNode *to = sim_get (self, flight->to);
  SimLink *back = sim_get_link (self, flight->to, flight->from);
  AviSpan rpc = avi_span_from_bytes (flight->rpc);
  g_autoptr(GError) error = NULL;
  gsize len_len = 1;

  if (back == NULL || back->stay != flight->stay) /* the connection broke meanwhile */
    return;
  while (rpc.data[len_len - 1] & 0x80)
    len_len++;
  rpc = avi_span_skip (rpc, len_len);
  if (self->drop != NULL && self->drop (self, flight->from, flight->to, rpc, self->drop_data))
    return;
  avi_gossipsub_receive (to->router, sim_get_id (self, flight->from), rpc, self->now, &error);
  g_assert_no_error (error);
  sim_pump (self, to);
}

void
sim_run (Sim *self, gint64 span)
{
  gint64 until = self->now + span;

  while (TRUE)
    {
      GSequenceIter *first = g_sequence_get_begin_iter (self->flights);
      SimFlight *flight = g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
      SimNode *beating = sim_find_next_heartbeat (self);
      gint64 arrival = flight != NULL ? flight->arrival : G_MAXINT64;
      gint64 beat = avi_gossipsub_deadline (beating->router);

      if (MIN (arrival, beat) > until)
        break;
      self->now = MAX (self->now, MIN (arrival, beat));
      if (arrival <= beat)
        {
          sim_arrive (self, flight);
          g_sequence_remove (first);
        }
      else
        {
          avi_gossipsub_tick (beating->router, self->now);
          sim_pump (self, beating);
          gossipsub_check (beating->router);
        }
    }
  self->now = until;
}

/* --- what came of it --- */

gboolean
sim_has_heard (Sim *self, guint node, const char *text)
{
  return g_hash_table_contains (sim_get (self, node)->heard, text);
}

guint
sim_count_heard (Sim *self, const char *text)
{
  guint n = 0;

  for (guint i = 0; i < self->nodes->len; i++)
    n += sim_has_heard (self, i, text);
  return n;
}

AviGossipsubStatistics
sim_sum_statistics (Sim *self)
{
  AviGossipsubStatistics sum = { 0 };

  for (guint i = 0; i < self->nodes->len; i++)
    {
      AviGossipsubStatistics one;

      avi_gossipsub_get_statistics (sim_get (self, i)->router, &one);
      sum.received += one.received;
      sum.delivered += one.delivered;
      sum.duplicates += one.duplicates;
      sum.forwarded += one.forwarded;
      sum.invalid += one.invalid;
      sum.queue_drops += one.queue_drops;
      sum.iwant_recovered += one.iwant_recovered;
      sum.broken_promises += one.broken_promises;
    }
  return sum;
}
