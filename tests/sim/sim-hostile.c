/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-hostile.h"

#include "sim-rpc.h"

#define BACKOFF         (62 * SECOND) /* longer than a PRUNE demands, with its slack */
#define IHAVE_IDS       100  /* made up, in one RPC */
#define IHAVE_RPCS      48   /* at once, which is far more than a peer looks at in a heartbeat */
#define REMEMBERED_IDS  200  /* of messages that came, to ask for them again */
#define FORGERIES       5    /* in one RPC */
#define SYBIL_ADDRESS   G_MAXUINT32

struct _SimHostileKind
{
  const char *name;
  double      rate;      /* how often it acts, per second; 0: it does not */
  gboolean    has_victim;
  gboolean    one_address;
  /* What it has to say to one peer; FALSE: nothing. */
  gboolean  (*act) (SimHostile *self, SimLink *link, GByteArray *out);
};

struct _SimHostile
{
  Sim                  *sim;
  SimNode              *node;
  const SimHostileKind *kind;
  gint64                interval;
  guint64               seqno;
  GBytes               *turn; /* what it says to everybody this time; or NULL */
  GPtrArray            *ids;  /* GBytes: of the latest messages that came */
};

/* --- what the kinds do --- */

/* One message a turn, signed as it should be, which nobody wants. */
static gboolean
sim_hostile_spam (SimHostile *self, SimLink *link, GByteArray *out)
{
  const guint8 data[64] = "buy now";
  AviSpan same;

  if (self->turn == NULL)
    {
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      sim_rpc_put_message (rpc, self->node->identity, SIM_TOPIC, AVI_SPAN (data, sizeof data), ++self->seqno);
      self->turn = g_byte_array_free_to_bytes (g_steal_pointer (&rpc));
    }
  same = avi_span_from_bytes (self->turn);
  g_byte_array_append (out, same.data, same.len);
  return TRUE;
}

static SimNode *
sim_hostile_pick_node (SimHostile *self)
{
  return sim_get (self->sim, avi_random_below (&self->node->random, self->sim->nodes->len));
}

/* In the name of others. */
static gboolean
sim_hostile_forge (SimHostile *self, SimLink *link, GByteArray *out)
{
  const guint8 data[64] = "it was not me";

  for (guint i = 0; i < FORGERIES; i++)
    sim_rpc_put_forgery (out, sim_node_get_id (sim_hostile_pick_node (self)), SIM_TOPIC, AVI_SPAN (data, sizeof data),
                         ++self->seqno, &self->node->random);
  return TRUE;
}

static gboolean
sim_hostile_graft (SimHostile *self, SimLink *link, GByteArray *out)
{
  sim_rpc_put_graft (out, SIM_TOPIC);
  return TRUE;
}

/* Messages that there are not; who asks for them gets nothing. */
static gboolean
sim_hostile_promise (SimHostile *self, SimLink *link, GByteArray *out)
{
  for (guint i = 0; i < IHAVE_RPCS; i++)
    {
      g_autoptr(GByteArray) ids = g_byte_array_new ();
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      for (guint j = 0; j < IHAVE_IDS; j++)
        sim_rpc_put_new_id (ids, sim_node_get_id (sim_hostile_pick_node (self)),
                            G_GUINT64_CONSTANT (1) << 40 | avi_random_u32 (&self->node->random));
      sim_rpc_put_ihave (rpc, SIM_TOPIC, ids);
      sim_link_write (self->sim, link, sim_rpc_frame (rpc));
    }
  return FALSE;
}

/* All that it has had already. */
static gboolean
sim_hostile_demand (SimHostile *self, SimLink *link, GByteArray *out)
{
  g_autoptr(GByteArray) ids = g_byte_array_new ();

  if (self->ids->len == 0)
    return FALSE;
  for (guint i = 0; i < self->ids->len; i++)
    sim_rpc_put_id (ids, FALSE, avi_span_from_bytes (self->ids->pdata[i]));
  sim_rpc_put_iwant (out, ids);
  return TRUE;
}

static const SimHostileKind kinds[] = {
  { "silent", 0, FALSE, FALSE, NULL },
  { "spam", 0.1, FALSE, FALSE, sim_hostile_spam },
  { "forge", 1, FALSE, FALSE, sim_hostile_forge },
  { "graft-flood", 10, FALSE, FALSE, sim_hostile_graft },
  { "ihave-flood", 1, FALSE, FALSE, sim_hostile_promise },
  { "iwant-flood", 2, FALSE, FALSE, sim_hostile_demand },
  { "eclipse", 0, TRUE, FALSE, NULL },
  { "sybil", 0, FALSE, TRUE, NULL },
};

/* --- its life --- */

const SimHostileKind *
sim_hostile_get_kind (guint n)
{
  return n < G_N_ELEMENTS (kinds) ? &kinds[n] : NULL;
}

const SimHostileKind *
sim_hostile_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].name, name) == 0)
      return &kinds[i];
  return NULL;
}

const char *
sim_hostile_get_name (const SimHostileKind *kind)
{
  return kind->name;
}

gboolean
sim_hostile_has_victim (const SimHostileKind *kind)
{
  return kind->has_victim;
}

static void
sim_hostile_act (Sim *sim, gpointer data, guint64 number)
{
  SimHostile *self = data;

  for (guint i = 0; i < self->node->edges->len; i++)
    {
      SimLink *link = sim_edge_get_link (self->node->edges->pdata[i], self->node);
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      if (link != NULL && link->ready && self->kind->act (self, link, rpc))
        sim_link_write (sim, link, sim_rpc_frame (rpc));
    }
  g_clear_pointer (&self->turn, g_bytes_unref);
  sim_at (sim, sim->now + self->interval, sim_hostile_act, self, 0);
}

void
sim_hostile_turn (Sim *sim, SimNode *node, const SimHostileKind *kind, double rate)
{
  SimHostile *self = g_new0 (SimHostile, 1);

  g_assert_true (node->hostile == NULL);
  self->sim = sim;
  self->node = node;
  self->kind = kind;
  self->ids = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  if (kind->one_address)
    node->address = SYBIL_ADDRESS;
  g_clear_pointer (&node->router, sim_router_free);
  node->hostile = self;
  for (guint i = 0; i < node->edges->len; i++)
    {
      SimLink *link = sim_edge_get_link (node->edges->pdata[i], node);

      if (link != NULL)
        sim_hostile_greet (self, link);
    }
  if (kind->act == NULL)
    return;
  self->interval = (gint64) (SECOND / (rate > 0 ? rate : kind->rate));
  sim_at (sim, sim->now + avi_random_below (&node->random, (guint32) self->interval + 1), sim_hostile_act, self, 0);
}

void
sim_hostile_free (SimHostile *self)
{
  g_clear_pointer (&self->turn, g_bytes_unref);
  g_ptr_array_unref (self->ids);
  g_free (self);
}

void
sim_hostile_greet (SimHostile *self, SimLink *link)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();

  sim_rpc_put_subscription (rpc, SIM_TOPIC);
  sim_rpc_put_graft (rpc, SIM_TOPIC);
  sim_link_write (self->sim, link, sim_rpc_frame (rpc));
}

static void
sim_hostile_graft_again (Sim *sim, gpointer data, guint64 number)
{
  SimLink *link = data;
  g_autoptr(GByteArray) rpc = g_byte_array_new ();

  if (!link->open)
    return;
  sim_rpc_put_graft (rpc, SIM_TOPIC);
  sim_link_write (sim, link, sim_rpc_frame (rpc));
}

void
sim_hostile_receive (SimHostile *self, SimLink *link, AviSpan rpc)
{
  if (sim_rpc_prunes (rpc, SIM_TOPIC) && self->kind->act != sim_hostile_graft)
    sim_at (self->sim, self->sim->now + BACKOFF, sim_hostile_graft_again, link, 0);
  if (self->kind->act != sim_hostile_demand)
    return;
  sim_rpc_list_ids (rpc, self->ids);
  if (self->ids->len > REMEMBERED_IDS)
    g_ptr_array_remove_range (self->ids, 0, self->ids->len - REMEMBERED_IDS);
}
