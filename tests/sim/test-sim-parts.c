/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-director.h"
#include "sim-report.h"
#include "sim-rpc.h"
#include "sim-units.h"

#include <glib/gstdio.h>

/* --- the queue --- */

static void
test_queue_order (void)
{
  SimQueue queue;
  AviRandom random;
  SimEvent event;
  gint64 last_at = -1;
  guint last_number = 0;

  avi_random_seed (&random, 1);
  sim_queue_init (&queue);
  for (guint i = 0; i < 5000; i++) /* more than there is room for at first; many at the same time */
    sim_queue_push (&queue, avi_random_below (&random, 100), 0, GUINT_TO_POINTER (i), NULL);
  for (guint i = 0; i < 5000; i++)
    {
      guint number;

      g_assert_cmpint (sim_queue_next (&queue), >=, last_at);
      g_assert_true (sim_queue_pop (&queue, &event));
      number = GPOINTER_TO_UINT (event.target);
      if (event.at == last_at)
        g_assert_cmpuint (number, >, last_number);
      g_assert_cmpint (event.at, >=, last_at);
      last_at = event.at;
      last_number = number;
    }
  g_assert_false (sim_queue_pop (&queue, &event));
  g_assert_cmpint (sim_queue_next (&queue), ==, G_MAXINT64);
  sim_queue_clear (&queue);
}

/* Taken out and put in by turns, as a run does. */
static void
test_queue_turns (void)
{
  SimQueue queue;
  AviRandom random;
  SimEvent event = { 0 };
  gint64 now = 0;

  avi_random_seed (&random, 2);
  sim_queue_init (&queue);
  for (guint i = 0; i < 300; i++)
    sim_queue_push (&queue, avi_random_below (&random, 1000), 0, NULL, NULL);
  for (guint i = 0; i < 20000; i++)
    {
      g_assert_true (sim_queue_pop (&queue, &event));
      g_assert_cmpint (event.at, >=, now);
      now = event.at;
      sim_queue_push (&queue, now + avi_random_below (&random, 1000), 0, NULL, g_bytes_new ("x", 1));
      g_clear_pointer (&event.bytes, g_bytes_unref);
    }
  g_assert_cmpuint (queue.n, ==, 300);
  sim_queue_clear (&queue);
}

/* --- pipes --- */

static void
test_pipe_latency (void)
{
  SimPipe pipe = { .quality = { .latency = 20 * MILLISECOND } };
  AviRandom random;

  avi_random_seed (&random, 1);
  g_assert_cmpint (sim_pipe_send (&pipe, 1, 0, &random), ==, 20 * MILLISECOND);
  g_assert_cmpint (sim_pipe_send (&pipe, 1000000, 5 * MILLISECOND, &random), ==, 25 * MILLISECOND);
}

static void
test_pipe_bandwidth (void)
{
  SimPipe pipe = { .quality = { .latency = 20 * MILLISECOND, .bandwidth = 1000 * 1000 } };
  AviRandom random;

  avi_random_seed (&random, 1);
  g_assert_cmpint (sim_pipe_send (&pipe, 10000, 0, &random), ==, 30 * MILLISECOND);
  g_assert_cmpint (sim_pipe_send (&pipe, 10000, 0, &random), ==, 40 * MILLISECOND); /* behind the first */
  g_assert_cmpint (sim_pipe_send (&pipe, 10000, SECOND, &random), ==, SECOND + 30 * MILLISECOND);
}

static void
test_pipe_jitter (void)
{
  SimPipe pipe = { .quality = { .latency = 20 * MILLISECOND, .jitter = 30 * MILLISECOND } };
  AviRandom random;
  gint64 last = 0, least = G_MAXINT64, most = 0;

  avi_random_seed (&random, 1);
  for (gint64 now = 0; now < 100 * SECOND; now += 100 * MILLISECOND)
    {
      gint64 took = sim_pipe_send (&pipe, 1, now, &random) - now;

      least = MIN (least, took);
      most = MAX (most, took);
    }
  g_assert_cmpint (least, >=, 20 * MILLISECOND);
  g_assert_cmpint (least, <, 22 * MILLISECOND);
  g_assert_cmpint (most, <=, 50 * MILLISECOND);
  g_assert_cmpint (most, >, 48 * MILLISECOND);

  for (gint64 now = 200 * SECOND; now < 201 * SECOND; now += MILLISECOND) /* closer than the jitter */
    {
      gint64 arrival = sim_pipe_send (&pipe, 1, now, &random);

      g_assert_cmpint (arrival, >=, last);
      last = arrival;
    }
}

static void
test_pipe_loss (void)
{
  SimPipe pipe = { .quality = { .latency = 20 * MILLISECOND, .loss = 0.1 } };
  const gint64 penalty = 2 * 20 * MILLISECOND + SIM_RETRANSMISSION;
  AviRandom random;
  guint n[4] = { 0 };

  avi_random_seed (&random, 1);
  g_assert_cmpint (sim_pipe_penalty (&pipe, 0), ==, 0);
  g_assert_cmpint (sim_pipe_penalty (&pipe, 1), ==, penalty);
  g_assert_cmpint (sim_pipe_penalty (&pipe, 2), ==, penalty + 2 * penalty); /* the time-out doubles */
  for (gint64 i = 0; i < 10000; i++) /* far enough apart not to wait for each other */
    {
      gint64 now = i * 1000 * SECOND;
      gint64 late = sim_pipe_send (&pipe, 1, now, &random) - now - 20 * MILLISECOND;

      for (guint j = 0; j < G_N_ELEMENTS (n); j++)
        n[j] += late == sim_pipe_penalty (&pipe, j);
    }
  g_assert_cmpuint (n[0], >, 8900);
  g_assert_cmpuint (n[0], <, 9100);
  g_assert_cmpuint (n[1], >, 800);
  g_assert_cmpuint (n[1], <, 1000);
  g_assert_cmpuint (n[2], >, 50);
  g_assert_cmpuint (n[2], <, 130);
}

static void
test_pipe_stall (void)
{
  SimPipe pipe = { .quality = { .latency = 20 * MILLISECOND, .loss = 0.5 } };
  AviRandom random;
  gint64 stalled = 0;

  avi_random_seed (&random, 1);
  while (stalled <= pipe.quality.latency)
    stalled = sim_pipe_send (&pipe, 1, 0, &random);
  pipe.quality.loss = 0;
  g_assert_cmpint (sim_pipe_send (&pipe, 1, MILLISECOND, &random), ==, stalled); /* not lost, but behind what was */
  g_assert_cmpint (sim_pipe_send (&pipe, 1, stalled, &random), ==, stalled + 20 * MILLISECOND);
}

/* An RPC of many segments is late where any of them was lost. */
static void
test_pipe_segments (void)
{
  AviRandom random;
  guint n_late = 0;

  avi_random_seed (&random, 1);
  for (guint i = 0; i < 1000; i++)
    {
      SimPipe pipe = { .quality = { .latency = MILLISECOND, .loss = 0.05 } };

      n_late += sim_pipe_send (&pipe, 20 * SIM_SEGMENT, 0, &random) > MILLISECOND;
    }
  g_assert_cmpuint (n_late, >, 590); /* 1 - 0.95^20 = 0.64 */
  g_assert_cmpuint (n_late, <, 690);
}

/* --- who knows whom --- */

static void
assert_graph (SimTopology topology, guint n, guint degree, guint least, guint most)
{
  AviRandom random;
  g_autofree guint *degrees = g_new0 (guint, n);
  g_autofree gboolean *reached = g_new0 (gboolean, n);
  g_autoptr(GHashTable) known = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_autoptr(GArray) pairs = NULL;
  guint n_short = 0, n_reached = 1;

  avi_random_seed (&random, n + degree);
  pairs = sim_topology_make (topology, n, degree, &random);
  for (guint i = 0; i < pairs->len; i++)
    {
      const guint32 *pair = (const guint32 *) (gconstpointer) pairs->data + 2 * i;
      guint64 key = (guint64) MIN (pair[0], pair[1]) << 32 | MAX (pair[0], pair[1]);

      g_assert_cmpuint (pair[0], !=, pair[1]);
      g_assert_cmpuint (MAX (pair[0], pair[1]), <, n);
      g_assert_true (g_hash_table_add (known, g_memdup2 (&key, sizeof key)));
      degrees[pair[0]]++;
      degrees[pair[1]]++;
    }
  reached[0] = TRUE;
  for (guint round = 0; round < n; round++)
    for (guint i = 0; i < pairs->len; i++)
      {
        const guint32 *pair = (const guint32 *) (gconstpointer) pairs->data + 2 * i;

        if (reached[pair[0]] == reached[pair[1]])
          continue;
        reached[pair[0]] = reached[pair[1]] = TRUE;
        n_reached++;
      }
  g_assert_cmpuint (n_reached, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (degrees[i], >=, least);
      g_assert_cmpuint (degrees[i], <=, most);
      n_short += degrees[i] < most;
    }
  if (topology == SIM_TOPOLOGY_REGULAR)
    g_assert_cmpuint (n_short, <=, 2 * degree); /* the end of a round may meet a pair that is there already */
}

static void
test_topologies (void)
{
  assert_graph (SIM_TOPOLOGY_REGULAR, 200, 10, 8, 10);
  assert_graph (SIM_TOPOLOGY_REGULAR, 200, 7, 5, 7);
  assert_graph (SIM_TOPOLOGY_REGULAR, 51, 2, 2, 2);
  assert_graph (SIM_TOPOLOGY_REGULAR, 5, 20, 4, 4);
  assert_graph (SIM_TOPOLOGY_FULL, 20, 3, 19, 19);
  assert_graph (SIM_TOPOLOGY_LINE, 20, 3, 1, 2);
}

/* --- RPCs --- */

static void
test_rpc (void)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();
  g_autoptr(GByteArray) ids = g_byte_array_new ();
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  const guint8 seed[AVI_KEY_SEED_LEN] = { 1 };
  g_autoptr(AviKeyPair) author = avi_key_pair_from_seed (seed);
  g_autoptr(GByteArray) expected = g_byte_array_new ();
  g_autoptr(GBytes) frame = NULL;
  SimRpcReader reader;
  AviSpan payload;

  sim_rpc_put_graft (rpc, "chat");
  g_assert_false (sim_rpc_has_messages (AVI_SPAN (rpc->data, rpc->len)));
  sim_rpc_put_message (rpc, author, "chat", AVI_SPAN_STRING ("one"), 7);
  sim_rpc_put_message (rpc, author, "chat", AVI_SPAN_STRING ("two"), 8);
  frame = sim_rpc_frame (rpc);
  g_assert_true (avi_span_equal (sim_rpc_unframe (frame), AVI_SPAN (rpc->data, rpc->len)));

  reader = sim_rpc_read (sim_rpc_unframe (frame));
  g_assert_true (sim_rpc_next_payload (&reader, &payload));
  g_assert_true (avi_span_equal (payload, AVI_SPAN_STRING ("one")));
  g_assert_true (sim_rpc_next_payload (&reader, &payload));
  g_assert_true (avi_span_equal (payload, AVI_SPAN_STRING ("two")));
  g_assert_false (sim_rpc_next_payload (&reader, &payload));

  sim_rpc_list_ids (sim_rpc_unframe (frame), found);
  g_assert_cmpuint (found->len, ==, 2);
  sim_rpc_put_new_id (expected, avi_key_pair_get_peer_id (author), 8);
  sim_rpc_put_id (ids, TRUE, avi_span_from_bytes (found->pdata[1]));
  g_assert_true (avi_span_equal (AVI_SPAN (ids->data, ids->len), AVI_SPAN (expected->data, expected->len)));
}

/* --- scenarios --- */

static void
test_units (void)
{
  gint64 least, most;
  guint64 bandwidth;
  double number;
  gsize size;

  g_assert_true (sim_parse_time ("1.5s", &most, NULL) && most == 1500000);
  g_assert_true (sim_parse_time ("10min", &most, NULL) && most == 600 * SECOND);
  g_assert_true (sim_parse_time_range ("5ms..80ms", &least, &most, NULL) && least == 5000 && most == 80000);
  g_assert_true (sim_parse_time_range ("20ms", &least, &most, NULL) && least == 20000 && most == 20000);
  g_assert_true (sim_parse_size ("64KiB", &size, NULL) && size == 65536);
  g_assert_true (sim_parse_bandwidth ("10Mbit", &bandwidth, NULL) && bandwidth == 1250000);
  g_assert_true (sim_parse_rate ("30/min", &number, NULL) && number == 0.5);
  g_assert_true (sim_parse_share ("5%", &number, NULL) && number == 0.05);

  g_assert_false (sim_parse_time ("5", &most, NULL));
  g_assert_false (sim_parse_time ("-5s", &most, NULL));
  g_assert_false (sim_parse_time ("s", &most, NULL));
  g_assert_false (sim_parse_time_range ("80ms..5ms", &least, &most, NULL));
  g_assert_false (sim_parse_time_range ("", &least, &most, NULL));
  g_assert_false (sim_parse_share ("1.5", &number, NULL));
  g_assert_false (sim_parse_number ("nan", &number, NULL));
}

static void
assert_refused (const char *group, const char *key, const char *value)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (sim_scenario_set (scenario, group, key, value, &error));
  g_assert_nonnull (error);
}

static void
assert_impossible (const char *group, const char *key, const char *value)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(GError) error = NULL;

  g_assert_true (sim_scenario_check (scenario, &error));
  g_assert_no_error (error);
  g_assert_true (sim_scenario_set (scenario, group, key, value, &error));
  g_assert_false (sim_scenario_check (scenario, &error));
  g_assert_nonnull (error);
}

static void
test_scenario_limits (void)
{
  assert_impossible ("network", "nodes", "1");
  assert_impossible ("network", "nodes", "20001");
  assert_impossible ("network", "degree", "1");
  assert_impossible ("network", "latency", "1ms..2min");
  assert_impossible ("network", "jitter", "1h");
  assert_impossible ("network", "loss", "1");
  assert_impossible ("traffic", "rate", "0");
  assert_impossible ("traffic", "message-size", "7");
  assert_impossible ("traffic", "message-size", "2MiB");
  assert_impossible ("churn", "rate", "1001");
  assert_impossible ("attack", "rate", "1001");
  assert_impossible ("attack", "share", "1");
}

static void
test_scenario_keys (void)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(GError) error = NULL;

  g_assert_true (sim_scenario_set (scenario, "network", "latency", "5ms..80ms", &error));
  g_assert_true (sim_scenario_set (scenario, "attack", "kind", "spam:0.3", &error));
  g_assert_true (sim_scenario_set (scenario, "churn", "kinds", "crash;sleep", &error));
  g_assert_true (sim_scenario_set (scenario, "router", "d-hi", "9", &error));
  g_assert_no_error (error);
  g_assert_cmpint (scenario->network.latency[1], ==, 80 * MILLISECOND);
  g_assert_true (scenario->attack.kind == sim_hostile_find ("spam") && scenario->attack.share == 0.3);
  g_assert_cmphex (scenario->churn.departures, ==, 1 << SIM_CRASH | 1 << SIM_SLEEP);
  g_assert_true (sim_scenario_set (scenario, "router", "heartbeat-interval", "1.5s", &error));
  g_assert_true (sim_scenario_set (scenario, "router", "mesh-failure-penalty-weight", "-2", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (scenario->router.n_numbers, ==, 3);
  g_assert_cmpfloat (scenario->router.numbers[0].value, ==, 9);
  g_assert_cmpfloat (scenario->router.numbers[1].value, ==, 1500);
  g_assert_cmpfloat (scenario->router.numbers[2].value, ==, -2);

  assert_refused ("network", "hodes", "3");
  assert_refused ("network", "topology", "ring");
  assert_refused ("attack", "kind", "kindness");
  assert_refused ("churn", "kinds", "crash;snore");
  assert_refused ("router", "d-sideways", "3");
  assert_refused ("router", "d", "500");
  assert_refused ("router", "d", "-x");
  assert_refused ("scenario", "seed", "x");
}

static void
assert_file_refused (const char *content, const char *named)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("avi-sim-XXXXXX", &path, &error);

  g_assert_no_error (error);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  g_assert_false (sim_scenario_load (scenario, path, &error));
  g_assert_nonnull (strstr (error->message, named));
  g_unlink (path);
}

static void
test_scenario_files (void)
{
  assert_file_refused ("[network]\nnodes=many\n", "many");
  assert_file_refused ("[event a]\nat=3s\ndo=dance\n", "dance");
  assert_file_refused ("[expect a]\ndelivery-least=1\n", "delivery-least");
  assert_file_refused ("[expect a]\nhappiness-min=1\n", "happiness-min");
  assert_file_refused ("[expect a]\nneeds=score\n", "needs");
  assert_file_refused ("[expect a]\nmedian-max=1\n", "no time");
  assert_file_refused ("nothing", "line");
}

static void
test_expectations (void)
{
  SimReport report = { .n_messages = 1, .delivery = 0.99, .median = 50000 };
  g_autoptr(GArray) bounds = g_array_new (FALSE, FALSE, sizeof (SimBound));
  SimExpectation expectation = { .bounds = bounds };
  SimBound bound = { .value = 0.99 };
  g_autofree char *wrong = NULL;

  g_assert_true (sim_metric_find ("delivery", &bound.metric));
  g_array_append_val (bounds, bound);
  g_assert_null (sim_report_compare (&report, &expectation));
  g_assert_true (sim_metric_find ("median", &bound.metric));
  g_assert_true (sim_metric_parse (bound.metric, "49ms", &bound.value, NULL));
  bound.is_most = TRUE;
  g_array_append_val (bounds, bound);
  wrong = sim_report_compare (&report, &expectation);
  g_assert_cmpstr (wrong, ==, "median is 50000, the most allowed is 49000");

  g_free (wrong);
  g_array_set_size (bounds, 0);
  report.n_messages = 0; /* a bound on nothing would always hold */
  wrong = sim_report_compare (&report, &expectation);
  g_assert_nonnull (wrong);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim-parts/queue/events come by their time, then as they were put in", test_queue_order);
  g_test_add_func ("/sim-parts/queue/order holds while events come and go", test_queue_turns);
  g_test_add_func ("/sim-parts/pipe/what is sent arrives after the latency", test_pipe_latency);
  g_test_add_func ("/sim-parts/pipe/bytes leave one after the other", test_pipe_bandwidth);
  g_test_add_func ("/sim-parts/pipe/jitter is within its bounds, and nothing overtakes", test_pipe_jitter);
  g_test_add_func ("/sim-parts/pipe/a lost segment is late by a time-out that doubles", test_pipe_loss);
  g_test_add_func ("/sim-parts/pipe/a lost segment holds up what is behind it", test_pipe_stall);
  g_test_add_func ("/sim-parts/pipe/large RPCs are lost more often", test_pipe_segments);
  g_test_add_func ("/sim-parts/topology/graphs are connected, simple, and of the degree asked for", test_topologies);
  g_test_add_func ("/sim-parts/rpc/what is written is read", test_rpc);
  g_test_add_func ("/sim-parts/units/quantities are read, nonsense is not", test_units);
  g_test_add_func ("/sim-parts/scenario/keys are set, unknown ones refused", test_scenario_keys);
  g_test_add_func ("/sim-parts/scenario/what no network can be made of is refused", test_scenario_limits);
  g_test_add_func ("/sim-parts/scenario/a file that is wrong is refused by what is wrong", test_scenario_files);
  g_test_add_func ("/sim-parts/report/bounds are inclusive, and one on nothing fails", test_expectations);
  return g_test_run ();
}
