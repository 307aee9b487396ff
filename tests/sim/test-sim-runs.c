/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-director.h"
#include "sim-report.h"

#include <glib/gstdio.h>

/* --- the same again --- */

static SimScenario *
make_busy_scenario (const char *seed)
{
  static const char *const settings[][3] = {
    { "network", "nodes", "60" },       { "network", "degree", "8" },      { "network", "latency", "5ms..60ms" },
    { "network", "jitter", "20ms" },    { "network", "loss", "0.05" },     { "network", "bandwidth", "5Mbit" },
    { "network", "uplink", "20Mbit" },  { "network", "dead-time", "4s" },  { "traffic", "rate", "5" },
    { "traffic", "start", "3s" },       { "traffic", "duration", "15s" },  { "traffic", "settle", "2s" },
    { "churn", "rate", "1" },           { "churn", "downtime", "1s..8s" }, { "attack", "kind", "spam:0.2" },
  };
  SimScenario *scenario = sim_scenario_new ();

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_true (sim_scenario_set (scenario, settings[i][0], settings[i][1], settings[i][2], NULL));
  g_assert_true (sim_scenario_set (scenario, "scenario", "seed", seed, NULL));
  return scenario;
}

static char *
play_to_log (const char *seed, guint64 *digest)
{
  g_autoptr(SimScenario) scenario = make_busy_scenario (seed);
  g_autoptr(SimDirector) director = NULL;
  char *text = NULL;
  size_t len;
  FILE *log = open_memstream (&text, &len);

  director = sim_director_new (scenario, log);
  sim_director_play (director);
  fclose (log);
  *digest = director->sim->digest;
  return text;
}

static void
test_repeated (void)
{
  guint64 first_digest, second_digest;
  g_autofree char *first = play_to_log ("7", &first_digest);
  g_autoptr(GPtrArray) litter = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *second = NULL;

  for (guint i = 1; i < 5000; i++) /* the second run's tables lie elsewhere, in another order */
    {
      g_ptr_array_add (litter, g_malloc (i % 700));
      if (i % 3 == 0)
        g_clear_pointer (&litter->pdata[i / 2], g_free);
    }
  second = play_to_log ("7", &second_digest);
  g_assert_cmpuint (strlen (first), >, 1000000);
  g_assert_true (strcmp (first, second) == 0);
  g_assert_cmphex (first_digest, ==, second_digest);
}

static void
test_other_seed (void)
{
  guint64 first_digest, second_digest;
  g_autofree char *first = play_to_log ("7", &first_digest);
  g_autofree char *second = play_to_log ("8", &second_digest);

  g_assert_cmphex (first_digest, !=, second_digest);
}

static char *
run_program (const char *const *arguments)
{
  const char *argv[20] = { g_getenv ("AVI_SIM"), NULL };
  g_autoptr(GError) error = NULL;
  char *output = NULL;
  char *cpu;
  int status;

  for (guint i = 0; arguments[i] != NULL; i++)
    argv[i + 1] = arguments[i];
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  cpu = strstr (output, ", \"cpu-seconds\""); /* the one thing that may differ */
  g_assert_nonnull (cpu);
  memmove (cpu, strstr (cpu, ", \"digest\""), strlen (strstr (cpu, ", \"digest\"")) + 1);
  return output;
}

/* Where the system puts a program in memory differs from one process to the next. */
static void
test_processes (void)
{
  g_autofree char *svg = g_build_filename (g_get_tmp_dir (), "avi-sim-test.svg", NULL);
  const char *const arguments[] = { "--json",
                                    "--nodes=60",
                                    "--degree=8",
                                    "--duration=10s",
                                    "--loss=5%",
                                    "--churn=60/min",
                                    "--attack=graft-flood:0.1",
                                    "--seed=3",
                                    "--svg",
                                    svg,
                                    NULL };
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *first_picture = NULL;
  g_autofree char *second_picture = NULL;

  if (g_getenv ("AVI_SIM") == NULL)
    {
      g_test_skip ("AVI_SIM does not say where avi-sim is");
      return;
    }
  first = run_program (arguments);
  g_assert_true (g_file_get_contents (svg, &first_picture, NULL, NULL));
  second = run_program (arguments);
  g_assert_cmpstr (first, ==, second);
  g_assert_true (g_file_get_contents (svg, &second_picture, NULL, NULL));
  g_assert_true (strcmp (first_picture, second_picture) == 0);
  g_unlink (svg);
}

/* All that an option takes by name. */
static void
test_help (void)
{
  static const char *const names[] = { "regular", "full", "line", "star", "silent", "spam", "forge", "graft-flood",
                                       "ihave-flood", "iwant-flood", "eclipse", "sybil" };
  const char *argv[] = { g_getenv ("AVI_SIM"), "--help", NULL };
  g_autofree char *help = NULL;
  SimTopology topology;

  if (argv[0] == NULL)
    {
      g_test_skip ("AVI_SIM does not say where avi-sim is");
      return;
    }
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &help, NULL, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_true (sim_topology_parse (names[i], &topology) || sim_hostile_find (names[i]) != NULL);
      g_assert_nonnull (strstr (help, names[i]));
    }
}

static void
test_wrong_arguments (void)
{
  const char *argv[] = { g_getenv ("AVI_SIM"), "--attack=kindness", NULL };
  g_autofree char *complaint = NULL;
  g_autoptr(GError) error = NULL;
  int status;

  if (argv[0] == NULL)
    {
      g_test_skip ("AVI_SIM does not say where avi-sim is");
      return;
    }
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &complaint, &status, &error);
  g_assert_no_error (error);
  g_assert_false (g_spawn_check_wait_status (status, NULL));
  g_assert_nonnull (strstr (complaint, "kindness"));
}

/* --- nodes and links --- */

static Sim *
make_pair (void)
{
  Sim *sim = sim_new (2, 1);

  sim->min_latency = sim->max_latency = 20 * MILLISECOND;
  sim->dead_time = 5 * SECOND;
  sim_subscribe_all (sim, SIM_TOPIC);
  sim_connect (sim, 0, 1);
  sim_run (sim, SECOND);
  return sim;
}

static void
test_leave (void)
{
  g_autoptr(Sim) sim = make_pair ();

  sim_node_depart (sim, sim_get (sim, 1), SIM_LEAVE);
  sim_run (sim, 19 * MILLISECOND);
  g_assert_nonnull (sim_edge_get_link (sim_find_edge (sim, 0, 1), sim_get (sim, 0)));
  sim_run (sim, MILLISECOND);
  g_assert_null (sim_edge_get_link (sim_find_edge (sim, 0, 1), sim_get (sim, 0)));
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "nobody is there"), ==, 0);

  sim_node_return (sim, sim_get (sim, 1));
  sim_run (sim, 3 * SECOND);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "you again"), ==, 1);
  sim_run (sim, SECOND);
  g_assert_true (sim_has_heard (sim, 1, "you again"));
  g_assert_false (sim_has_heard (sim, 1, "nobody is there"));
}

static void
test_crash (void)
{
  g_autoptr(Sim) sim = make_pair ();

  sim_node_depart (sim, sim_get (sim, 1), SIM_CRASH);
  sim_run (sim, 4999 * MILLISECOND);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "into the void"), ==, 1);
  sim_run (sim, MILLISECOND);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "noticed"), ==, 0);
  g_assert_false (sim_has_heard (sim, 1, "into the void"));

  sim_node_return (sim, sim_get (sim, 1));
  sim_run (sim, 3 * SECOND);
  sim_publish (sim, 1, SIM_TOPIC, "back");
  sim_run (sim, SECOND);
  g_assert_true (sim_has_heard (sim, 0, "back"));
}

/* It comes back before it was missed: the new connection replaces the old one. */
static void
test_quick_crash (void)
{
  g_autoptr(Sim) sim = make_pair ();

  sim_node_depart (sim, sim_get (sim, 1), SIM_CRASH);
  sim_run (sim, SECOND);
  sim_node_return (sim, sim_get (sim, 1));
  sim_run (sim, 3 * SECOND);
  g_assert_true (sim_are_connected (sim, 0, 1));
  sim_run (sim, 10 * SECOND); /* past the time when the old one would have been given up */
  g_assert_true (sim_are_connected (sim, 0, 1));
  sim_publish (sim, 0, SIM_TOPIC, "still");
  sim_run (sim, SECOND);
  g_assert_true (sim_has_heard (sim, 1, "still"));
}

static void
test_sleep (void)
{
  g_autoptr(Sim) sim = make_pair ();

  sim_node_depart (sim, sim_get (sim, 1), SIM_SLEEP);
  sim_publish (sim, 0, SIM_TOPIC, "first");
  sim_run (sim, 2 * SECOND);
  sim_publish (sim, 0, SIM_TOPIC, "second");
  sim_run (sim, SECOND);
  g_assert_false (sim_has_heard (sim, 1, "first"));
  sim_node_return (sim, sim_get (sim, 1));
  sim_run (sim, MILLISECOND);
  g_assert_false (sim_has_heard (sim, 1, "first")); /* it is sent again only when a time-out is over */
  sim_run (sim, 3 * SECOND);
  g_assert_true (sim_has_heard (sim, 1, "first") && sim_has_heard (sim, 1, "second"));
  g_assert_cmpuint (sim_get (sim, 1)->lives, ==, 1);

  sim_node_depart (sim, sim_get (sim, 1), SIM_SLEEP); /* for longer than the other waits */
  sim_run (sim, 6 * SECOND);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "gone"), ==, 0);
  sim_node_return (sim, sim_get (sim, 1));
  sim_run (sim, 3 * SECOND);
  sim_publish (sim, 0, SIM_TOPIC, "awake");
  sim_run (sim, SECOND);
  g_assert_true (sim_has_heard (sim, 1, "awake"));
}

static void
test_cut (void)
{
  g_autoptr(Sim) sim = make_pair ();

  while (sim_get (sim, 0)->group == sim_get (sim, 1)->group)
    sim_cut (sim, 0.5);
  sim_publish (sim, 0, SIM_TOPIC, "waits");
  sim_run (sim, 4 * SECOND);
  g_assert_false (sim_has_heard (sim, 1, "waits"));
  sim_heal (sim);
  sim_run (sim, 4 * SECOND);
  g_assert_true (sim_has_heard (sim, 1, "waits"));

  while (sim_get (sim, 0)->group == sim_get (sim, 1)->group)
    sim_cut (sim, 0.5);
  sim_run (sim, 5 * SECOND);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "nobody"), ==, 0);
  sim_heal (sim);
  sim_run (sim, 3 * SECOND);
  g_assert_true (sim_are_connected (sim, 0, 1));
}

/* The second cut is elsewhere: what waited for the first to heal comes, before what is sent now. */
static void
test_cut_elsewhere (void)
{
  g_autoptr(Sim) sim = make_pair ();
  SimPublished *first, *second;

  while (sim_get (sim, 0)->group == sim_get (sim, 1)->group)
    sim_cut (sim, 0.5);
  sim_publish (sim, 0, SIM_TOPIC, "waits");
  sim_run (sim, 2 * SECOND);
  sim_cut (sim, 0);
  sim_publish (sim, 0, SIM_TOPIC, "comes");
  sim_run (sim, 2 * SECOND);
  first = sim_record_find_text (&sim->record, "waits");
  second = sim_record_find_text (&sim->record, "comes");
  g_assert_cmpuint (first->latencies->len, ==, 1);
  g_assert_cmpuint (second->latencies->len, ==, 1);
  g_assert_cmpint (first->at + g_array_index (first->latencies, guint32, 0), <=,
                   second->at + g_array_index (second->latencies, guint32, 0));
}

static void
test_dial (void)
{
  g_autoptr(Sim) sim = sim_new (3, 1);
  const AviPeerId nobody = { .len = 0 };

  sim->min_latency = sim->max_latency = 20 * MILLISECOND;
  sim_subscribe_all (sim, SIM_TOPIC);
  sim_node_dial (sim, sim_get (sim, 0), sim_node_get_id (sim_get (sim, 2)));
  sim_node_dial (sim, sim_get (sim, 2), sim_node_get_id (sim_get (sim, 0))); /* both at once: one connection */
  sim_node_dial (sim, sim_get (sim, 0), sim_node_get_id (sim_get (sim, 0)));
  sim_node_dial (sim, sim_get (sim, 0), &nobody);
  sim_run (sim, 99 * MILLISECOND);
  g_assert_false (sim_are_connected (sim, 0, 2));
  sim_run (sim, MILLISECOND);
  g_assert_true (sim_are_connected (sim, 0, 2));
  g_assert_cmpuint (sim->edges->len, ==, 1);
  g_assert_cmpuint (sim->links->len, ==, 2);
}

/* What does not fit stays with the router, which bounds it. */
static void
test_window (void)
{
  g_autoptr(Sim) sim = sim_new (2, 1);
  SimLink *link;
  gsize most = 0;

  sim->quality.bandwidth = 100 * 1000;
  sim->window = 50 * 1000;
  sim_subscribe_all (sim, SIM_TOPIC);
  sim_connect (sim, 0, 1);
  sim_run (sim, SECOND);
  link = sim_edge_get_link (sim_find_edge (sim, 0, 1), sim_get (sim, 0));
  for (guint i = 0; i < 40; i++)
    sim_publish_bytes (sim, 0, SIM_TOPIC, 10 * 1000);
  for (guint i = 0; i < 500; i++)
    {
      most = MAX (most, link->in_flight);
      sim_run (sim, 10 * MILLISECOND);
    }
  g_assert_cmpuint (most, >=, 50 * 1000);
  g_assert_cmpuint (most, <, 50 * 1000 + 70 * 1000); /* an RPC more, which has 64 KiB at most */
  g_assert_cmpuint (link->in_flight, ==, 0);
  for (guint i = 0; i < 40; i++)
    {
      SimPublished *message = sim->record.messages->pdata[i];

      g_assert_cmpuint (message->n_heard, ==, 1);
      g_assert_cmpuint (message->n_copies, ==, 1);
    }
}

static gint64
get_latest (Sim *sim, guint message)
{
  SimPublished *published = sim->record.messages->pdata[message];
  guint32 latest = 0;

  for (guint i = 0; i < published->latencies->len; i++)
    latest = MAX (latest, g_array_index (published->latencies, guint32, i));
  return latest;
}

static void
test_uplink (void)
{
  g_autoptr(Sim) sim = sim_new (6, 1);
  guint64 sent;

  sim->min_latency = sim->max_latency = 0;
  sim->uplink = 100 * 1000;
  sim_subscribe_all (sim, SIM_TOPIC);
  for (guint i = 1; i < 6; i++)
    sim_connect (sim, 0, i);
  sim_run (sim, 5 * SECOND);
  sent = sim_get (sim, 0)->bytes_sent;
  sim_publish_bytes (sim, 0, SIM_TOPIC, 10 * 1000);
  g_assert_cmpuint (sim_get (sim, 0)->bytes_sent - sent, <, 20 * 1000); /* the others wait in the router */
  sim_run (sim, 5 * SECOND);
  g_assert_cmpint (get_latest (sim, 0), >=, 500 * MILLISECOND); /* five times 10 kB at 100 kB/s */
  g_assert_cmpint (get_latest (sim, 0), <, 550 * MILLISECOND);
}

static void
test_excuses (void)
{
  g_autoptr(Sim) sim = make_pair ();
  SimPublished *message;

  sim_publish (sim, 0, SIM_TOPIC, "too late");
  message = sim_record_find_text (&sim->record, "too late");
  g_assert_cmpuint (message->n_expected, ==, 1);
  sim_node_depart (sim, sim_get (sim, 1), SIM_CRASH);
  g_assert_cmpuint (message->n_expected, ==, 0);
  sim_publish (sim, 0, SIM_TOPIC, "without it");
  g_assert_cmpuint (sim_record_find_text (&sim->record, "without it")->n_expected, ==, 0);
}

static void
test_nobody (void)
{
  g_autoptr(Sim) sim = make_pair ();
  SimReport report;

  sim_publish (sim, 0, SIM_TOPIC, "you");
  sim_run (sim, SECOND);
  sim_disconnect (sim, 0, 1);
  g_assert_cmpint (sim_publish (sim, 0, SIM_TOPIC, "anybody"), ==, 0);
  g_assert_cmpuint (sim_record_find_text (&sim->record, "anybody")->n_expected, ==, 0);
  sim_report_make (&report, sim, G_MAXUINT, 0, G_MAXINT64);
  g_assert_cmpuint (report.n_messages, ==, 2);
  g_assert_cmpuint (report.n_complete, ==, 1);
  g_assert_cmpfloat (report.to_nobody, ==, 1);
  g_assert_cmpfloat (report.delivery, ==, 1);
}

/* On its way for longer than routers remember. */
static void
test_twice (void)
{
  g_autoptr(Sim) sim = make_pair ();
  SimPublished *message;
  g_autoptr(GBytes) payload = NULL;
  SimReport report;

  sim_publish (sim, 0, SIM_TOPIC, "you");
  message = sim_record_find_text (&sim->record, "you");
  payload = sim_record_make_payload (&sim->record, "you", 0);
  sim_run (sim, SECOND);
  g_assert_true (sim_has_heard (sim, 1, "you"));
  sim_record_hear (&sim->record, 1, avi_span_from_bytes (payload), SECOND, message->at + SECOND);
  sim_report_make (&report, sim, G_MAXUINT, 0, G_MAXINT64);
  g_assert_cmpfloat (report.twice, ==, 1);
  g_assert_cmpuint (report.n_heard, ==, 1);
}

static gboolean
drop_all_to_first (Sim *sim, guint from, guint to, AviSpan rpc, gpointer data)
{
  return to == 0;
}

static void
test_onesided (void)
{
  g_autoptr(Sim) sim = make_pair ();

  g_assert_cmpuint (sim_report_count_onesided (sim), ==, 0);
  sim_disconnect (sim, 0, 1);
  sim->drop = drop_all_to_first; /* it does not hear that the other grafts it */
  sim_connect (sim, 0, 1);
  sim_run (sim, SECOND);
  g_assert_cmpuint (sim_report_count_onesided (sim), ==, 1);
}

/* --- hostile nodes --- */

static void
play_attack (const char *kind, SimReport *report, guint *victim_links, guint *n_addresses)
{
  static const char *const settings[][3] = {
    { "network", "nodes", "30" },     { "network", "degree", "8" },     { "traffic", "start", "3s" },
    { "traffic", "duration", "12s" }, { "traffic", "settle", "4s" },
  };
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(SimDirector) director = NULL;
  g_autoptr(GHashTable) addresses = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_true (sim_scenario_set (scenario, settings[i][0], settings[i][1], settings[i][2], NULL));
  g_assert_true (sim_scenario_set (scenario, "attack", "kind", kind, NULL));
  director = sim_director_new (scenario, NULL);
  sim_director_play (director);
  sim_report_make (report, director->sim, director->victim, 0, G_MAXINT64);
  *victim_links = director->victim < 30 ? g_hash_table_size (sim_get (director->sim, director->victim)->links) : 0;
  for (guint i = 0; i < 30; i++)
    if (sim_get (director->sim, i)->hostile != NULL)
      g_hash_table_add (addresses, GUINT_TO_POINTER (sim_get (director->sim, i)->address));
  *n_addresses = g_hash_table_size (addresses);
}

/* Each kind does what it is for, and what the others do not. */
static void
test_attacks (void)
{
  SimReport silent, report;
  guint victim_links, n_addresses;

  play_attack ("silent", &silent, &victim_links, &n_addresses);
  g_assert_cmpuint (silent.n_hostile, ==, 6);
  g_assert_cmpuint (n_addresses, ==, 6);
  g_assert_cmpfloat (silent.invalid + silent.foreign + silent.broken_promises, ==, 0);
  g_assert_cmpfloat (silent.mesh_hostile, >, 0);

  play_attack ("spam", &report, &victim_links, &n_addresses);
  g_assert_cmpfloat (report.foreign, ==, 0); /* validators reject it */
  g_assert_cmpfloat (report.invalid, >, 6 * 3);
  play_attack ("forge", &report, &victim_links, &n_addresses);
  g_assert_cmpfloat (report.invalid, >, 500);
  g_assert_cmpfloat (report.foreign, ==, 0);
  play_attack ("graft-flood", &report, &victim_links, &n_addresses);
  g_assert_cmpfloat (report.received, >, silent.received);
  play_attack ("ihave-flood", &report, &victim_links, &n_addresses);
  g_assert_cmpfloat (report.broken_promises, >, 10000);
  g_assert_cmpfloat (report.limit_drops, >, 0);
  play_attack ("iwant-flood", &report, &victim_links, &n_addresses);
  g_assert_cmpfloat (report.sent, >, 1.2 * silent.sent);
  play_attack ("eclipse", &report, &victim_links, &n_addresses);
  g_assert_cmpuint (victim_links, >=, 8 + 4);
  play_attack ("sybil", &report, &victim_links, &n_addresses);
  g_assert_cmpuint (n_addresses, ==, 1);
}

/* In a line, the second of whose four nodes turned silent. */
static void
test_silence (void)
{
  g_autoptr(Sim) sim = sim_new (4, 1);

  sim_subscribe_all (sim, SIM_TOPIC);
  for (guint i = 1; i < 4; i++)
    sim_connect (sim, i - 1, i);
  sim_run (sim, SECOND);
  sim_hostile_turn (sim, sim_get (sim, 1), sim_hostile_find ("silent"), 0);
  sim_run (sim, SECOND);
  sim_publish (sim, 0, SIM_TOPIC, "past it");
  sim_run (sim, 10 * SECOND);
  g_assert_cmpuint (sim_count_heard (sim, "past it"), ==, 0);
  g_assert_cmpuint (sim_record_find_text (&sim->record, "past it")->n_expected, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim-runs/the same seed gives the same log, wherever things lie in memory", test_repeated);
  g_test_add_func ("/sim-runs/another seed gives another run", test_other_seed);
  g_test_add_func ("/sim-runs/two processes print the same", test_processes);
  g_test_add_func ("/sim-runs/the help names all topologies and attacks", test_help);
  g_test_add_func ("/sim-runs/an option that is wrong is refused by what is wrong", test_wrong_arguments);
  g_test_add_func ("/sim-runs/who leaves is gone after one latency", test_leave);
  g_test_add_func ("/sim-runs/who crashes is gone after the dead time", test_crash);
  g_test_add_func ("/sim-runs/who crashes and is back at once is connected anew", test_quick_crash);
  g_test_add_func ("/sim-runs/who sleeps hears afterwards what waited", test_sleep);
  g_test_add_func ("/sim-runs/a cut stalls connections, then breaks them", test_cut);
  g_test_add_func ("/sim-runs/a cut elsewhere lets come what waited", test_cut_elsewhere);
  g_test_add_func ("/sim-runs/who wants a connection has one after a handshake", test_dial);
  g_test_add_func ("/sim-runs/a full link makes its router wait", test_window);
  g_test_add_func ("/sim-runs/an uplink is shared by all links of a node", test_uplink);
  g_test_add_func ("/sim-runs/who goes down need not have heard", test_excuses);
  g_test_add_func ("/sim-runs/what was published to nobody is counted apart", test_nobody);
  g_test_add_func ("/sim-runs/what is heard twice is counted, where nobody can know", test_twice);
  g_test_add_func ("/sim-runs/a mesh that one end does not know of is counted", test_onesided);
  g_test_add_func ("/sim-runs/hostile nodes do what their kind is for", test_attacks);
  g_test_add_func ("/sim-runs/a silent node passes nothing on", test_silence);
  return g_test_run ();
}
