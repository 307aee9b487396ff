/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plays the scenario of a file, and holds what came of it against what it expects, a test per expectation.
 */
#include "config.h"

#include "sim-director.h"
#include "sim-report.h"

typedef struct
{
  SimScenario *scenario;
  SimDirector *director; /* NULL: not played yet */
} SimPlay;

typedef struct
{
  SimPlay              *play;
  const SimExpectation *expectation;
} SimCase;

static void
test_expectation (gconstpointer data)
{
  const SimCase *self = data;
  SimPlay *play = self->play;
  const SimExpectation *expectation = self->expectation;
  g_autofree char *wrong = NULL;
  g_autofree char *text = NULL;
  SimReport report;

  if (play->director == NULL)
    {
      play->director = sim_director_new (play->scenario, NULL);
      sim_director_play (play->director);
    }
  sim_report_make (&report, play->director->sim, play->director->victim, expectation->from, expectation->to);
  wrong = sim_report_compare (&report, expectation);
  text = sim_report_to_text (&report, play->scenario, play->director->sim, play->director->seconds);
  g_test_message ("%s", text);
  if (wrong == NULL)
    return;
  g_test_message ("%s", wrong);
  g_test_fail ();
}

int
main (int argc, char **argv)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autofree SimCase *cases = NULL;
  SimPlay play = { scenario, NULL };
  g_autoptr(GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  sim_scenario_load (scenario, argv[1], &error);
  g_assert_no_error (error);
  sim_scenario_check (scenario, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (scenario->expectations->len, >, 0);

  cases = g_new (SimCase, scenario->expectations->len);
  for (guint i = 0; i < scenario->expectations->len; i++)
    {
      SimExpectation *expectation = scenario->expectations->pdata[i];
      g_autofree char *path = g_strdup_printf ("/sim/%s/%s", scenario->name, expectation->name);

      cases[i] = (SimCase) { &play, expectation };
      g_test_add_data_func (path, &cases[i], test_expectation);
    }
  status = g_test_run ();
  g_clear_pointer (&play.director, sim_director_free);
  return status;
}
