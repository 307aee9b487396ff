/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "sim-rpc.h"
#include "sim.h"

#define SEEDS 5 /* each test runs with so many */

/* A connected graph in which every node has dialled @degree others. */
static void
connect_randomly (Sim *sim, guint degree)
{
  guint n = sim->nodes->len;

  for (guint node = 1; node < n; node++) /* to somebody earlier: then all are one */
    for (guint i = 0; i < MIN (degree, node); i++)
      {
        guint other = avi_random_below (&sim->random, i == 0 ? node : n);

        if (other != node && !sim_are_connected (sim, node, other))
          sim_connect (sim, node, other);
      }
}

static AviGossipsub *
get_machine (Sim *sim, guint node)
{
  return sim_router_get_machine (sim_get (sim, node)->router);
}

static void
assert_all_heard (Sim *sim, const char *text)
{
  guint expected = sim->nodes->len - 1;

  if (sim_count_heard (sim, text) == expected)
    return;
  g_test_message ("“%s” was heard by %u of %u", text, sim_count_heard (sim, text), expected);
  g_test_fail ();
}

static void
test_everybody_hears (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (50, seed);
  SimRouterStatistics sum;

  sim_subscribe_all (sim, "chat");
  connect_randomly (sim, 5);
  sim_run (sim, 5 * SECOND);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *text = g_strdup_printf ("from %u", i);

      g_assert_cmpint (sim_publish (sim, i, "chat", text), >, 0);
      sim_run (sim, 10 * MILLISECOND);
    }
  sim_run (sim, SECOND);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *text = g_strdup_printf ("from %u", i);

      assert_all_heard (sim, text);
    }

  sum = sim_sum_statistics (sim);
  g_assert_cmpuint (sum.delivered, ==, 50 * 49);
  g_assert_cmpuint (sum.duplicates, <, 12 * sum.delivered);
  g_assert_cmpuint (sum.invalid + sum.queue_drops + sum.broken_promises, ==, 0);
}

/* The mesh holds its bounds where there are peers enough, and both ends agree about it. */
static void
test_meshes_are_sound (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (40, seed);

  sim_subscribe_all (sim, "chat");
  for (guint a = 0; a < 40; a++)
    for (guint b = 0; b < a; b++)
      sim_connect (sim, a, b);
  sim_run (sim, 200 * SECOND);
  for (guint i = 0; i < 40; i++)
    {
      AviGossipsub *router = get_machine (sim, i);
      AviGossipsubTopic *topic = avi_gossipsub_find_topic (router, AVI_SPAN_STRING ("chat"));

      g_assert_cmpuint (topic->n_placed[AVI_MEMBER_MESH], >=, 5);
      g_assert_cmpuint (topic->n_placed[AVI_MEMBER_MESH], <=, 12);
      for (guint j = 0; j < topic->members->len; j++)
        {
          AviGossipsubMember *member = topic->members->pdata[j];
          SimNode *other = g_hash_table_lookup (sim->numbers, &member->peer->id);
          AviGossipsub *theirs = sim_router_get_machine (other->router);
          AviGossipsubTopic *there = avi_gossipsub_find_topic (theirs, AVI_SPAN_STRING ("chat"));
          AviGossipsubPeer *we = g_hash_table_lookup (theirs->peers, &router->id);
          AviGossipsubMember *back = avi_gossipsub_member_find (there, we);

          g_assert_cmpint (back->place, ==, member->place);
        }
      g_assert_cmpint (avi_gossipsub_deadline (router), ==, G_MAXINT64); /* nothing left to do: all sleep */
    }
}

static void
test_line (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (20, seed);

  sim_subscribe_all (sim, "chat");
  for (guint i = 1; i < 20; i++)
    sim_connect (sim, i - 1, i);
  sim_run (sim, SECOND);
  sim_publish (sim, 0, "chat", "to the end");
  sim_run (sim, SECOND);
  assert_all_heard (sim, "to the end");
}

static void
cut (Sim *sim, guint half)
{
  for (guint a = 0; a < half; a++)
    for (guint b = half; b < sim->nodes->len; b++)
      if (sim_are_connected (sim, a, b))
        sim_disconnect (sim, a, b);
}

static void
test_partition_heals (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (30, seed);

  sim_subscribe_all (sim, "chat");
  connect_randomly (sim, 6);
  sim_run (sim, 5 * SECOND);
  sim_publish (sim, 0, "chat", "together");
  sim_run (sim, SECOND);

  cut (sim, 15);
  for (guint i = 1; i < 15; i++) /* whatever was cut, each half is one */
    {
      if (!sim_are_connected (sim, i - 1, i))
        sim_connect (sim, i - 1, i);
      if (!sim_are_connected (sim, 14 + i, 15 + i))
        sim_connect (sim, 14 + i, 15 + i);
    }
  sim_run (sim, 3 * SECOND);
  sim_publish (sim, 0, "chat", "on this side");
  sim_run (sim, 60 * SECOND);
  g_assert_cmpuint (sim_count_heard (sim, "on this side"), ==, 14);

  sim_connect (sim, 3, 20);
  sim_connect (sim, 7, 25);
  sim_run (sim, 3 * SECOND);
  sim_publish (sim, 0, "chat", "together again");
  sim_publish (sim, 29, "chat", "indeed");
  sim_run (sim, 2 * SECOND);
  assert_all_heard (sim, "together");
  assert_all_heard (sim, "together again");
  assert_all_heard (sim, "indeed");
}

/* @data: the node that no message reaches. */
static gboolean
drop_all_to (Sim *sim, guint from, guint to, AviSpan rpc, gpointer data)
{
  return to == GPOINTER_TO_UINT (data) && sim_rpc_has_messages (rpc);
}

static void
test_gossip_recovers (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (30, seed);
  const guint victim = 17;
  SimRouterStatistics statistics;

  sim_subscribe_all (sim, "chat");
  for (guint a = 0; a < 30; a++)
    for (guint b = 0; b < a; b++)
      sim_connect (sim, a, b);
  sim_run (sim, 70 * SECOND);

  sim->drop = drop_all_to;
  sim->drop_data = GUINT_TO_POINTER (victim);
  sim_publish (sim, 3, "chat", "lost");
  sim_run (sim, SECOND / 2);
  g_assert_cmpuint (sim_count_heard (sim, "lost"), ==, 28);
  sim->drop = NULL;
  sim_run (sim, 4 * SECOND);
  assert_all_heard (sim, "lost");
  sim_router_get_statistics (sim_get (sim, victim)->router, &statistics);
  g_assert_cmpuint (statistics.iwant_recovered, ==, 1);
}

/* @data: percent. */
static gboolean
drop_some (Sim *sim, guint from, guint to, AviSpan rpc, gpointer data)
{
  return sim_rpc_has_messages (rpc) && avi_random_below (&sim->random, 100) < GPOINTER_TO_UINT (data);
}

static void
test_loss (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (40, seed);

  sim_subscribe_all (sim, "chat");
  for (guint a = 0; a < 40; a++)
    for (guint b = 0; b < a; b++)
      sim_connect (sim, a, b);
  sim_run (sim, 70 * SECOND);
  sim->drop = drop_some;
  sim->drop_data = GUINT_TO_POINTER (40);
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *text = g_strdup_printf ("from %u", i);

      sim_publish (sim, i, "chat", text);
      sim_run (sim, 100 * MILLISECOND);
    }
  sim_run (sim, 10 * SECOND);
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *text = g_strdup_printf ("from %u", i);

      assert_all_heard (sim, text);
    }
}

/* Nodes come and go, for a minute; whoever is there at the end hears. */
static void
test_churn (guint64 seed)
{
  g_autoptr(Sim) sim = sim_new (30, seed);

  sim_subscribe_all (sim, "chat");
  for (guint i = 0; i < 600; i++)
    {
      guint a = avi_random_below (&sim->random, 30);
      guint b = avi_random_below (&sim->random, 30);

      if (a != b && sim_are_connected (sim, a, b) && i % 3 == 0)
        sim_disconnect (sim, a, b);
      else if (a != b && !sim_are_connected (sim, a, b))
        sim_connect (sim, a, b);
      if (i % 10 == 0)
        {
          g_autofree char *text = g_strdup_printf ("%u", i);

          sim_publish (sim, a, "chat", text);
        }
      sim_run (sim, 100 * MILLISECOND);
    }
  for (guint i = 1; i < 30; i++)
    if (!sim_are_connected (sim, i - 1, i))
      sim_connect (sim, i - 1, i);
  sim_run (sim, 2 * SECOND);
  sim_publish (sim, 5, "chat", "at the end");
  sim_run (sim, 2 * SECOND);
  assert_all_heard (sim, "at the end");
}

/* The same seed, the same bytes. */
static void
test_repeatable (guint64 seed)
{
  guint64 digests[2], n_events[2];

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(Sim) sim = sim_new (20, seed);

      sim->drop = drop_some;
      sim->drop_data = GUINT_TO_POINTER (30);
      sim_subscribe_all (sim, "chat");
      sim_subscribe_all (sim, "news");
      connect_randomly (sim, 10);
      for (guint j = 0; j < 20; j++)
        {
          g_autofree char *text = g_strdup_printf ("%u", j);

          sim_publish (sim, j, j % 2 == 0 ? "chat" : "news", text);
          sim_run (sim, 200 * MILLISECOND);
        }
      digests[i] = sim->digest;
      n_events[i] = sim->n_events;
    }
  g_assert_cmpuint (n_events[0], ==, n_events[1]);
  g_assert_cmphex (digests[0], ==, digests[1]);
}

typedef struct
{
  const char *path;
  void (*run) (guint64 seed);
} Scenario;

static void
run_seeds (gconstpointer scenario)
{
  for (guint64 seed = 1; seed <= SEEDS; seed++)
    {
      g_test_message ("seed %" G_GUINT64_FORMAT, seed);
      ((const Scenario *) scenario)->run (seed);
    }
}

int
main (int argc, char **argv)
{
  static const Scenario scenarios[] = {
    { "fifty nodes all hear each message, once", test_everybody_hears },
    { "meshes keep their bounds, both ends agree, and then all sleep", test_meshes_are_sound },
    { "a message passes along a line", test_line },
    { "a partition heals", test_partition_heals },
    { "a message lost on the way is recovered by IHAVE and IWANT", test_gossip_recovers },
    { "where many messages are lost all still arrive", test_loss },
    { "nodes that come and go leave nobody deaf", test_churn },
    { "a run can be repeated", test_repeatable },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++)
    {
      g_autofree char *path = g_strconcat ("/sim-gossipsub/", scenarios[i].path, NULL);

      g_test_add_data_func (path, &scenarios[i], run_seeds);
    }
  return g_test_run ();
}
