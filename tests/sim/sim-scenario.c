/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-scenario.h"

#include "sim-report.h"
#include "sim-units.h"

#define MAX_NODES 20000
#define MAX_DELAY (60 * SECOND)
#define MAX_RATE  1000 /* per second */

typedef enum
{
  VALUE_COUNT,
  VALUE_TIME,
  VALUE_TIME_RANGE,
  VALUE_SIZE,
  VALUE_BANDWIDTH,
  VALUE_RATE,
  VALUE_SHARE
} SimValueType;

typedef struct
{
  const char  *group, *key;
  SimValueType type;
  gsize        offset;
} SimKey;

#define KEY(group, key, type, member) group, key, VALUE_##type, G_STRUCT_OFFSET (SimScenario, member)

static const SimKey keys[] = {
  { KEY ("network", "nodes", COUNT, network.n_nodes) },
  { KEY ("network", "degree", COUNT, network.degree) },
  { KEY ("network", "latency", TIME_RANGE, network.latency) },
  { KEY ("network", "jitter", TIME, network.jitter) },
  { KEY ("network", "loss", SHARE, network.loss) },
  { KEY ("network", "bandwidth", BANDWIDTH, network.bandwidth) },
  { KEY ("network", "uplink", BANDWIDTH, network.uplink) },
  { KEY ("network", "window", SIZE, network.window) },
  { KEY ("network", "dead-time", TIME, network.dead_time) },
  { KEY ("network", "join", TIME, network.join) },
  { KEY ("traffic", "rate", RATE, traffic.rate) },
  { KEY ("traffic", "message-size", SIZE, traffic.message_size) },
  { KEY ("traffic", "start", TIME, traffic.start) },
  { KEY ("traffic", "duration", TIME, traffic.duration) },
  { KEY ("traffic", "settle", TIME, traffic.settle) },
  { KEY ("churn", "rate", RATE, churn.rate) },
  { KEY ("churn", "downtime", TIME_RANGE, churn.downtime) },
  { KEY ("attack", "share", SHARE, attack.share) },
  { KEY ("attack", "rate", RATE, attack.rate) },
  { KEY ("attack", "start", TIME, attack.start) },
};

static const char *const departures[] = { "leave", "crash", "sleep", NULL };
static const char *const steps[] = { "cut", "heal", "leave", "crash", "sleep", "return", NULL };

static void
sim_expectation_free (SimExpectation *self)
{
  g_free (self->name);
  g_array_unref (self->bounds);
  g_free (self);
}

SimScenario *
sim_scenario_new (void)
{
  SimScenario *self = g_new0 (SimScenario, 1);

  self->seed = 1;
  self->network = (SimNetwork) { .n_nodes = 1000,
                                 .degree = 20,
                                 .latency = { 20 * MILLISECOND, 20 * MILLISECOND },
                                 .window = 1024 * 1024,
                                 .dead_time = 25 * SECOND,
                                 .join = SECOND };
  self->traffic = (SimTraffic) {
    .rate = 1, .message_size = 64, .start = 10 * SECOND, .duration = 60 * SECOND, .settle = 10 * SECOND
  };
  self->churn = (SimChurn) { .departures = (1 << SIM_N_DEPARTURES) - 1, .downtime = { 10 * SECOND, 60 * SECOND } };
  self->attack.share = 0.2;
  self->steps = g_array_new (FALSE, FALSE, sizeof (SimStep));
  self->expectations = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_expectation_free);
  return self;
}

void
sim_scenario_free (SimScenario *self)
{
  g_free (self->name);
  g_free (self->description);
  g_array_unref (self->steps);
  g_ptr_array_unref (self->expectations);
  g_free (self);
}

static gboolean
sim_scenario_refuse (const char *group, const char *key, const char *value, GError **error)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "[%s] has no “%s=%s”", group, key, value);
  return FALSE;
}

static int
sim_find_name (const char *const *names, const char *name)
{
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return -1;
}

/* --- keys --- */

static gboolean
sim_key_read (const SimKey *self, gpointer place, const char *value, GError **error)
{
  double number;

  switch (self->type)
    {
    case VALUE_COUNT:
      if (!sim_parse_number (value, &number, error))
        return FALSE;
      *(guint *) place = (guint) MIN (number, G_MAXINT);
      return TRUE;

    case VALUE_TIME:
      return sim_parse_time (value, place, error);

    case VALUE_TIME_RANGE:
      return sim_parse_time_range (value, place, (gint64 *) place + 1, error);

    case VALUE_SIZE:
      return sim_parse_size (value, place, error);

    case VALUE_BANDWIDTH:
      return sim_parse_bandwidth (value, place, error);

    case VALUE_RATE:
      return sim_parse_rate (value, place, error);

    case VALUE_SHARE:
    default:
      return sim_parse_share (value, place, error);
    }
}

/* "spam", or with its share of the nodes, "spam:0.2" */
static gboolean
sim_scenario_set_attack (SimScenario *self, const char *value, GError **error)
{
  g_auto(GStrv) parts = g_strsplit (value, ":", 2);

  self->attack.kind = sim_hostile_find (parts[0]);
  if (self->attack.kind == NULL)
    return sim_scenario_refuse ("attack", "kind", value, error);
  return parts[1] == NULL || sim_parse_share (parts[1], &self->attack.share, error);
}

static gboolean
sim_scenario_set_departures (SimScenario *self, const char *value, GError **error)
{
  g_auto(GStrv) names = g_strsplit (value, ";", -1);

  self->churn.departures = 0;
  for (guint i = 0; names[i] != NULL; i++)
    {
      int departure = sim_find_name (departures, g_strstrip (names[i]));

      if (departure < 0)
        return sim_scenario_refuse ("churn", "kinds", value, error);
      self->churn.departures |= 1 << departure;
    }
  return TRUE;
}

static gboolean
sim_scenario_set_seed (SimScenario *self, const char *value, GError **error)
{
  return g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT64, &self->seed, error);
}

gboolean
sim_scenario_set (SimScenario *self, const char *group, const char *key, const char *value, GError **error)
{
  g_autofree char *name = g_strconcat (group, ".", key, NULL);
  SimTopology topology;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (strcmp (keys[i].group, group) == 0 && strcmp (keys[i].key, key) == 0)
      return sim_key_read (&keys[i], (guint8 *) self + keys[i].offset, value, error);

  if (strcmp (group, "router") == 0)
    return sim_router_configure (&self->router, key, value, error);
  if (strcmp (name, "scenario.seed") == 0)
    return sim_scenario_set_seed (self, value, error);
  if (strcmp (name, "attack.kind") == 0)
    return sim_scenario_set_attack (self, value, error);
  if (strcmp (name, "churn.kinds") == 0)
    return sim_scenario_set_departures (self, value, error);
  if (strcmp (name, "scenario.description") == 0)
    {
      g_free (self->description);
      self->description = g_strdup (value);
      return TRUE;
    }
  if (strcmp (name, "network.topology") == 0 && sim_topology_parse (value, &topology))
    {
      self->network.topology = topology;
      return TRUE;
    }
  return sim_scenario_refuse (group, key, value, error);
}

/* --- steps and expectations --- */

/* "cut 0.5", "heal" */
static gboolean
sim_step_set (SimStep *self, const char *group, const char *key, const char *value, GError **error)
{
  g_auto(GStrv) words = g_strsplit (value, " ", 2);
  int kind = sim_find_name (steps, words[0] != NULL ? words[0] : "");

  if (strcmp (key, "at") == 0)
    return sim_parse_time (value, &self->at, error);
  if (strcmp (key, "do") != 0 || kind < 0)
    return sim_scenario_refuse (group, key, value, error);
  self->kind = kind;
  return words[1] == NULL || sim_parse_share (words[1], &self->share, error);
}

/* "delivery-min", "median-max" */
static gboolean
sim_expectation_add_bound (SimExpectation *self, const char *group, const char *key, const char *value, GError **error)
{
  SimBound bound = { .is_most = g_str_has_suffix (key, "-max") };
  g_autofree char *name = g_strndup (key, strlen (key) - MIN (strlen (key), 4));

  if ((!bound.is_most && !g_str_has_suffix (key, "-min")) || !sim_metric_find (name, &bound.metric))
    return sim_scenario_refuse (group, key, value, error);
  if (!sim_metric_parse (bound.metric, value, &bound.value, error))
    return FALSE;
  g_array_append_val (self->bounds, bound);
  return TRUE;
}

static gboolean
sim_expectation_set (SimExpectation *self, const char *group, const char *key, const char *value, GError **error)
{
  if (strcmp (key, "from") == 0)
    return sim_parse_time (value, &self->from, error);
  if (strcmp (key, "to") == 0)
    return sim_parse_time (value, &self->to, error);
  return sim_expectation_add_bound (self, group, key, value, error);
}

/* --- files --- */

/* To whom a group's keys belong. */
typedef struct
{
  SimScenario    *scenario;
  SimStep        *step;
  SimExpectation *expectation;
} SimTarget;

static SimTarget
sim_scenario_enter (SimScenario *self, const char *group)
{
  SimTarget target = { .scenario = self };
  SimStep step = { .share = 0.5 };

  if (g_str_has_prefix (group, "event "))
    {
      g_array_append_val (self->steps, step);
      target.step = &g_array_index (self->steps, SimStep, self->steps->len - 1);
    }
  else if (g_str_has_prefix (group, "expect "))
    {
      target.expectation = g_new0 (SimExpectation, 1);
      target.expectation->name = g_strdup (group + strlen ("expect "));
      target.expectation->to = G_MAXINT64;
      target.expectation->bounds = g_array_new (FALSE, FALSE, sizeof (SimBound));
      g_ptr_array_add (self->expectations, target.expectation);
    }
  return target;
}

static gboolean
sim_target_set (const SimTarget *self, const char *group, const char *key, const char *value, GError **error)
{
  if (self->step != NULL)
    return sim_step_set (self->step, group, key, value, error);
  if (self->expectation != NULL)
    return sim_expectation_set (self->expectation, group, key, value, error);
  return sim_scenario_set (self->scenario, group, key, value, error);
}

static gboolean
sim_scenario_load_group (SimScenario *self, GKeyFile *file, const char *group, GError **error)
{
  SimTarget target = sim_scenario_enter (self, group);
  g_auto(GStrv) names = g_key_file_get_keys (file, group, NULL, error);

  if (names == NULL)
    return FALSE;
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *value = g_key_file_get_string (file, group, names[i], error);

      if (value == NULL || !sim_target_set (&target, group, names[i], value, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
sim_scenario_load (SimScenario *self, const char *path, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_auto(GStrv) groups = NULL;
  g_autofree char *base = g_path_get_basename (path);

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  g_free (self->name);
  self->name = g_strndup (base, strcspn (base, "."));
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    if (!sim_scenario_load_group (self, file, groups[i], error))
      {
        g_prefix_error (error, "%s: ", path);
        return FALSE;
      }
  return TRUE;
}

gboolean
sim_scenario_check (SimScenario *self, GError **error)
{
  const char *wrong = NULL;

  if (self->network.n_nodes < 2 || self->network.n_nodes > MAX_NODES)
    wrong = "a network has 2 to 20,000 nodes";
  else if (self->network.degree < 2)
    wrong = "with fewer than 2 connections per node the network would be in pieces";
  else if (self->traffic.rate <= 0)
    wrong = "messages need a rate above 0";
  else if (MAX (self->traffic.rate, MAX (self->churn.rate, self->attack.rate)) > MAX_RATE)
    wrong = "nothing happens more often than 1,000 times a second";
  else if (MAX (self->network.latency[1], MAX (self->network.jitter, self->network.join)) > MAX_DELAY)
    wrong = "latency, jitter and the time to join are a minute at most";
  else if (self->traffic.message_size < SIM_PAYLOAD_MIN || self->traffic.message_size > SIM_PAYLOAD_MAX)
    wrong = "a message has 8 bytes, its number, to 1 MiB";
  else if (self->network.loss >= 1 || self->attack.share >= 1)
    wrong = "loss and the share of attackers are below 1";
  if (wrong == NULL)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, wrong);
  return FALSE;
}
