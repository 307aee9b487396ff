/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * That the machine slept, and what an engine does then.
 */
#include "config.h"

#include "clock.h"
#include "engine/avi-sleep.h"
#include "finding-fixture.h"

#define PONG_TIME (10 * (gint64) G_USEC_PER_SEC) /* for a peer to answer a ping */

static gint64 (*real_sleep_get) (void);

static void
sleep_for_an_hour (FindingFixture *fixture)
{
  clock_sleep (G_TIME_SPAN_HOUR);
  /* Anything that wakes the engine lets it see that. */
  core_fixture_settle (&fixture->under_test);
}

static void
set_up (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_set_up (fixture, data);
  clock_stop ();
}

static void
tear_down (FindingFixture *fixture, gconstpointer data)
{
  clock_go_on ();
  finding_fixture_tear_down (fixture, data);
}

/* While a machine sleeps its monotonic clock stands. */
static void
test_how_long (void)
{
  gint64 before;

  clock_stop ();
  before = real_sleep_get ();
  for (guint i = 0; i < 10000 && real_sleep_get () - before < G_USEC_PER_SEC / 100; i++)
    g_usleep (100);
  g_assert_cmpint (real_sleep_get () - before, >=, G_USEC_PER_SEC / 100);
  clock_go_on ();
}

static void
test_back_off (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, finding_fixture_find_dead_port ());
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 1);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, 1);
  sleep_for_an_hour (fixture);
  finding_fixture_await_failed_dials (fixture, 2);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, 2);
}

/* A ping would not be due for a while. */
static void
test_connections (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, fixture->port);
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_dials (fixture, 1);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  for (guint i = 0; i < 10; i++)
    puppets_step (fixture->puppets);
  puppet_set_silent (fixture->puppets[0], TRUE);
  clock_advance (PONG_TIME);
  core_fixture_settle (&fixture->under_test);
  g_assert_true (finding_fixture_is_connected (fixture));
  sleep_for_an_hour (fixture);
  clock_advance (PONG_TIME - 1);
  core_fixture_settle (&fixture->under_test);
  g_assert_true (finding_fixture_is_connected (fixture));
  clock_advance (1);
  core_fixture_settle (&fixture->under_test);
  g_assert_false (finding_fixture_is_connected (fixture));
}

int
main (int argc, char **argv)
{
  real_sleep_get = avi_sleep_get;
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sleep/is by how much more time has passed than the monotonic clock tells", test_how_long);
  g_test_add ("/sleep/makes the back-off void", FindingFixture, NULL, set_up, test_back_off, tear_down);
  g_test_add ("/sleep/makes every connection show that it lives", FindingFixture, NULL, set_up, test_connections,
              tear_down);
  return finding_fixture_run_tests ();
}
