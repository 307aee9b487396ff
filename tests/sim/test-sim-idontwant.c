/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plays the scenarios of files twice, as they are and without IDONTWANT: it saves a third of the copies, and
 * costs no delivery.
 */
#include "config.h"

#include "sim-director.h"
#include "sim-report.h"

static void
play (const char *path, const char *threshold, SimReport *report)
{
  g_autoptr(SimScenario) scenario = sim_scenario_new ();
  g_autoptr(SimDirector) director = NULL;
  g_autoptr(GError) error = NULL;

  sim_scenario_load (scenario, path, &error);
  g_assert_no_error (error);
  if (threshold != NULL)
    sim_scenario_set (scenario, "router", "idontwant-threshold", threshold, &error);
  g_assert_no_error (error);
  sim_scenario_check (scenario, &error);
  g_assert_no_error (error);
  director = sim_director_new (scenario, NULL);
  sim_director_play (director);
  sim_report_make (report, director->sim, director->victim, 0, G_MAXINT64);
}

static void
test_third (gconstpointer path)
{
  SimReport with, without;

  play (path, NULL, &with);
  play (path, "1048576", &without); /* no message is as large */
  g_test_message ("%.3f copies with it, %.3f without; median %.1f ms and %.1f ms", with.copies, without.copies,
                  with.median / 1000, without.median / 1000);
  g_assert_cmpuint (with.n_expected, >, 0);
  g_assert_cmpuint (with.n_expected, ==, without.n_expected);
  g_assert_cmpfloat (with.delivery, ==, 1);
  g_assert_cmpfloat (without.delivery, ==, 1);
  g_assert_cmpfloat (with.copies, <=, without.copies * 2 / 3);
  g_assert_cmpfloat (with.spared, >, 0);
  g_assert_cmpfloat (without.spared, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, >, 1);
  for (int i = 1; i < argc; i++)
    {
      g_autofree char *name = g_path_get_basename (argv[i]);
      g_autofree char *path = g_strdup_printf ("/sim-idontwant/a third fewer copies than without it/%s", name);

      g_test_add_data_func (path, argv[i], test_third);
    }
  return g_test_run ();
}
