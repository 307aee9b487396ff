/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * avi-sim: a network of Avi's pub/sub routers under virtual time, for people; see docs/simulator.md.
 */
#include "config.h"

#include "sim-report.h"
#include "sim-svg.h"

#include <errno.h>
#include <locale.h>

/* An option that stands for a key of a scenario. */
typedef struct
{
  const char *option;
  const char *group, *key;
  const char *value_name, *help;
} SimOption;

static const SimOption options[] = {
  { "nodes", "network", "nodes", "N", "How many nodes (1000)" },
  { "topology", "network", "topology", "NAME", "Who knows whom: regular (at random), full, line, star" },
  { "degree", "network", "degree", "N", "Connections per node (20)" },
  { "latency", "network", "latency", "TIME", "Of each link, one way: 20ms, or a range, 5ms..80ms" },
  { "jitter", "network", "jitter", "TIME", "What may come on top, each time anew" },
  { "loss", "network", "loss", "SHARE", "Of packets, which TCP sends again: 0.05 or 5%" },
  { "bandwidth", "network", "bandwidth", "RATE", "Of each link each way: 10Mbit" },
  { "uplink", "network", "uplink", "RATE", "Of a node to all others together" },
  { "message-size", "traffic", "message-size", "SIZE", "Bytes of payload: 64, 64KiB" },
  { "rate", "traffic", "rate", "RATE", "Messages, of all nodes together: 1, 10/s, 30/min" },
  { "duration", "traffic", "duration", "TIME", "For how long messages are published (60s)" },
  { "churn", "churn", "rate", "RATE", "Nodes that leave, crash or fall asleep, and return: 10/min" },
  { "attack", "attack", "kind", "KIND[:SHARE]",
    "silent, spam, forge, graft-flood, ihave-flood, iwant-flood, eclipse, sybil" },
  { "seed", "scenario", "seed", "N", "The same seed gives the same run (1)" },
};

typedef struct
{
  char    *path, *svg, *log;
  gboolean json;
  char    *values[G_N_ELEMENTS (options)];
  char   **sets;
} SimArguments;

static gboolean
sim_arguments_read (SimArguments *self, int *argc, char ***argv, GError **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autofree GOptionEntry *entries = g_new0 (GOptionEntry, G_N_ELEMENTS (options) + 1);
  const GOptionEntry rest[] = {
    { "scenario", 0, 0, G_OPTION_ARG_FILENAME, &self->path, "Begin with this; other options change it", "FILE" },
    { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->sets, "Any key of a scenario: --set router.d=8",
      "GROUP.KEY=VALUE" },
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &self->svg, "Write a picture of latencies and mesh", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, "Print JSON", NULL },
    { "log", 0, 0, G_OPTION_ARG_FILENAME, &self->log, "Write a line per event", "FILE" },
    { NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    entries[i] = (GOptionEntry) { .long_name = options[i].option,
                                  .arg = G_OPTION_ARG_STRING,
                                  .arg_data = &self->values[i],
                                  .description = options[i].help,
                                  .arg_description = options[i].value_name };
  g_option_context_set_summary (context, "Simulates a network of pub/sub routers under virtual time.");
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, rest, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc == 1)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "“%s” is no option; --help lists them",
               (*argv)[1]);
  return FALSE;
}

static gboolean
sim_arguments_set (SimScenario *scenario, const char *text, GError **error)
{
  const char *dot = strchr (text, '.');
  const char *equals = dot != NULL ? strchr (dot, '=') : NULL;
  g_autofree char *group = NULL;
  g_autofree char *key = NULL;

  if (equals == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "“%s” is not GROUP.KEY=VALUE", text);
      return FALSE;
    }
  group = g_strndup (text, dot - text);
  key = g_strndup (dot + 1, equals - dot - 1);
  return sim_scenario_set (scenario, group, key, equals + 1, error);
}

static SimScenario *
sim_arguments_make_scenario (SimArguments *self, GError **error)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();

  if (self->path != NULL && !sim_scenario_load (scenario, self->path, error))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    if (self->values[i] != NULL
        && !sim_scenario_set (scenario, options[i].group, options[i].key, self->values[i], error))
      {
        g_prefix_error (error, "--%s: ", options[i].option);
        return NULL;
      }
  for (guint i = 0; self->sets != NULL && self->sets[i] != NULL; i++)
    if (!sim_arguments_set (scenario, self->sets[i], error))
      return NULL;
  return sim_scenario_check (scenario, error) ? g_steal_pointer (&scenario) : NULL;
}

static void
sim_arguments_clear (SimArguments *self)
{
  g_free (self->path);
  g_free (self->svg);
  g_free (self->log);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    g_free (self->values[i]);
  g_strfreev (self->sets);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SimArguments, sim_arguments_clear)

/* What the scenario expects, where it expects anything. FALSE: it is not so. */
static gboolean
sim_tell_expectations (SimDirector *director)
{
  GPtrArray *expectations = director->scenario->expectations;
  gboolean good = TRUE;

  for (guint i = 0; i < expectations->len; i++)
    {
      SimExpectation *expectation = expectations->pdata[i];
      g_autofree char *wrong = NULL;
      SimReport report;

      sim_report_make (&report, director->sim, director->victim, expectation->from, expectation->to);
      wrong = sim_report_compare (&report, expectation);
      if (wrong == NULL)
        continue;
      g_printerr ("not as expected, “%s”: %s\n", expectation->name, wrong);
      good = FALSE;
    }
  return good;
}

static gboolean
sim_tell (SimArguments *self, SimDirector *director, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *svg = NULL;
  SimReport report;

  sim_report_make (&report, director->sim, director->victim, 0, G_MAXINT64);
  text = self->json ? sim_report_to_json (&report, director->scenario, director->sim, director->seconds)
                    : sim_report_to_text (&report, director->scenario, director->sim, director->seconds);
  g_print ("%s", text);
  if (self->svg == NULL)
    return TRUE;
  svg = sim_svg_draw (director);
  return g_file_set_contents (self->svg, svg, -1, error);
}

static FILE *
sim_open_log (const char *path, GError **error)
{
  FILE *log = fopen (path, "w");

  if (log == NULL)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
  return log;
}

static gboolean
sim_main (SimArguments *arguments, int *argc, char ***argv, GError **error)
{
  g_autoptr(SimScenario) scenario = NULL;
  g_autoptr(SimDirector) director = NULL;
  FILE *log = NULL;
  gboolean good;

  if (!sim_arguments_read (arguments, argc, argv, error))
    return FALSE;
  scenario = sim_arguments_make_scenario (arguments, error);
  if (scenario == NULL)
    return FALSE;
  if (arguments->log != NULL)
    {
      log = sim_open_log (arguments->log, error);
      if (log == NULL)
        return FALSE;
    }

  director = sim_director_new (scenario, log);
  sim_director_play (director);
  good = sim_tell (arguments, director, error) && sim_tell_expectations (director);
  if (log != NULL)
    fclose (log);
  return good;
}

int
main (int argc, char **argv)
{
  g_auto(SimArguments) arguments = { 0 };
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  if (sim_main (&arguments, &argc, &argv, &error))
    return 0;
  if (error != NULL)
    g_printerr ("avi-sim: %s\n", error->message);
  return 1;
}
