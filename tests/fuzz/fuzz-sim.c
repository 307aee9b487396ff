/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small network of routers in the simulator, to which anything happens. The input: how many nodes, a
 * seed, how good the links are; then a script, a byte for what happens and the bytes after it for whom.
 * After each heartbeat a router must agree with itself, and nobody may hear a message twice. When it is
 * over, all are back, and the honest are joined in a line, every one of them hears what one publishes,
 * and both ends of each connection agree about the mesh.
 */
#include "config.h"

#include <stdint.h>

#include "sim-report.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define MAX_NODES 9
#define MAX_STEPS 60
#define MAX_SPAN  (100 * SECOND)

enum
{
  STEP_CONNECT,
  STEP_DISCONNECT,
  STEP_DEPART,
  STEP_RETURN,
  STEP_CUT,
  STEP_HEAL,
  STEP_PUBLISH,
  STEP_PUBLISH_LARGE,
  STEP_TURN,
  STEP_WAIT,
  STEP_WAIT_LONG,
  N_STEPS
};

static const SimPipeQuality qualities[] = {
  { 0 },
  { .loss = 0.05 },
  { .jitter = 80 * MILLISECOND },
  { .jitter = 30 * MILLISECOND, .loss = 0.02, .bandwidth = 50000 },
};

typedef struct
{
  AviSpan script;
  Sim    *sim;
  gint64  left; /* µs that the script may still take */
  guint   n_hostile;
} Fuzz;

static guint8
take (Fuzz *f)
{
  guint8 byte;

  if (f->script.len == 0)
    return 0;
  byte = f->script.data[0];
  f->script = avi_span_skip (f->script, 1);
  return byte;
}

static guint
take_number (Fuzz *f)
{
  return take (f) % f->sim->nodes->len;
}

static void
run (Fuzz *f, gint64 span)
{
  span = MIN (span, f->left);
  f->left -= span;
  sim_run (f->sim, span);
}

static void
connect (Fuzz *f, guint a, guint b)
{
  Sim *sim = f->sim;
  gboolean reachable = sim_get (sim, a)->state == SIM_NODE_UP && sim_get (sim, b)->state == SIM_NODE_UP
                       && sim_get (sim, a)->group == sim_get (sim, b)->group;

  if (a != b && reachable && !sim_are_connected (sim, a, b))
    sim_connect (sim, a, b);
}

/* Half of the nodes stay honest. */
static void
turn (Fuzz *f, SimNode *node, guint kind)
{
  guint n_kinds = 0;

  while (sim_hostile_get_kind (n_kinds) != NULL)
    n_kinds++;
  if (!sim_node_counts (node) || 2 * (f->n_hostile + 1) > f->sim->nodes->len)
    return;
  f->n_hostile++;
  sim_record_excuse (&f->sim->record, node->number, f->sim->now);
  sim_hostile_turn (f->sim, node, sim_hostile_get_kind (kind % n_kinds), 0.2);
}

static void
step (Fuzz *f)
{
  guint kind = take (f) % N_STEPS;
  guint a = take_number (f);
  SimNode *node = sim_get (f->sim, a);

  switch (kind)
    {
    case STEP_CONNECT:
      connect (f, a, take_number (f));
      break;

    case STEP_DISCONNECT:
      {
        guint b = take_number (f);

        if (a != b && sim_find_edge (f->sim, a, b) != NULL)
          sim_disconnect (f->sim, a, b);
        break;
      }

    case STEP_DEPART:
      if (sim_node_counts (node))
        sim_node_depart (f->sim, node, take (f) % SIM_N_DEPARTURES);
      break;

    case STEP_RETURN:
      if (node->state != SIM_NODE_UP)
        sim_node_return (f->sim, node);
      break;

    case STEP_CUT:
      sim_cut (f->sim, take (f) / 256.);
      break;

    case STEP_HEAL:
      sim_heal (f->sim);
      break;

    case STEP_PUBLISH:
    case STEP_PUBLISH_LARGE:
      if (sim_node_counts (node))
        sim_publish_bytes (f->sim, a, SIM_TOPIC, kind == STEP_PUBLISH ? 64 : 100000);
      break;

    case STEP_TURN:
      turn (f, node, take (f));
      break;

    case STEP_WAIT:
      run (f, take (f) * 4 * MILLISECOND);
      break;

    case STEP_WAIT_LONG:
    default:
      run (f, take (f) * 200 * MILLISECOND);
      break;
    }
}

/* Everything is repaired: whoever is honest hears. */
static void
finish (Fuzz *f)
{
  Sim *sim = f->sim;
  SimNode *last = NULL;
  SimPublished *message;

  sim_heal (sim);
  for (guint i = 0; i < sim->nodes->len; i++)
    if (sim_get (sim, i)->state != SIM_NODE_UP)
      sim_node_return (sim, sim_get (sim, i));
  for (guint i = 0; i < sim->nodes->len; i++)
    if (sim_get (sim, i)->hostile == NULL)
      {
        if (last != NULL)
          connect (f, last->number, i);
        last = sim_get (sim, i);
      }
  sim_run (sim, 100 * SECOND); /* the longest stall, and the back-off after a PRUNE */
  sim_publish (sim, last->number, SIM_TOPIC, "after all");
  sim_run (sim, 100 * SECOND);
  message = sim_record_find_text (&sim->record, "after all");
  g_assert_cmpuint (message->n_heard, ==, message->n_expected);
  g_assert_cmpuint (message->n_expected + 1, ==, sim->nodes->len - f->n_hostile);
  g_assert_cmpuint (sim_report_count_onesided (sim), ==, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Fuzz fuzz = { .script = AVI_SPAN (data, size), .left = MAX_SPAN };
  guint n_nodes = 2 + take (&fuzz) % (MAX_NODES - 1);

  fuzz.sim = sim_new (n_nodes, take (&fuzz));
  fuzz.sim->quality = qualities[take (&fuzz) % G_N_ELEMENTS (qualities)];
  fuzz.sim->dead_time = 5 * SECOND;
  sim_subscribe_all (fuzz.sim, SIM_TOPIC);
  for (guint i = 0; i < MAX_STEPS && fuzz.script.len > 0; i++)
    step (&fuzz);
  finish (&fuzz);
  sim_free (fuzz.sim);
  return 0;
}
