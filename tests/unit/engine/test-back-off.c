/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What makes a back-off void, with the clock in the test's hand: while it stands, nobody is dialled who
 * would have to wait.
 */
#include "config.h"

#include "clock.h"
#include "finding-fixture.h"

#define N_FAILURES   6
#define BACKOFF_MAX  (60 * (gint64) G_USEC_PER_SEC)
#define FIRST_AT_MOST (313 * (gint64) G_TIME_SPAN_MILLISECOND) /* a back-off after one failure, and its jitter */

static void
set_up (FindingFixture *fixture, gconstpointer data)
{
  clock_stop ();
  finding_fixture_set_up (fixture, data);
}

static void
tear_down (FindingFixture *fixture, gconstpointer data)
{
  clock_go_on ();
  finding_fixture_tear_down (fixture, data);
}

/* So often dialled in vain that the next dial is seconds away. */
static void
fail_often (FindingFixture *fixture)
{
  core_fixture_start (&fixture->under_test);
  for (guint i = 1; i <= N_FAILURES; i++)
    {
      finding_fixture_await_failed_dials (fixture, i);
      if (i < N_FAILURES)
        clock_advance (BACKOFF_MAX);
    }
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, N_FAILURES);
}

static gboolean
is_disconnected (gpointer data)
{
  return !finding_fixture_is_connected (data);
}

static void
test_inbound (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, finding_fixture_find_dead_port ());
  fail_often (fixture);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
  finding_fixture_await_connection (fixture);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  puppets_run (fixture->puppets, is_disconnected, fixture);
  /* That it did not last is the only failure that counts. */
  clock_advance (FIRST_AT_MOST);
  finding_fixture_await_failed_dials (fixture, N_FAILURES + 1);
}

static void
test_new_address (FindingFixture *fixture, gconstpointer data)
{
  g_autofree char *dead = core_fixture_format ("127.0.0.1", finding_fixture_find_dead_port (), NULL);
  g_autofree char *alive = core_fixture_format ("127.0.0.1", fixture->port, NULL);

  finding_fixture_publish_all (fixture, (const char *const[]){ dead, NULL });
  fail_often (fixture);
  finding_fixture_publish_all (fixture, (const char *const[]){ dead, alive, NULL });
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, N_FAILURES);
}

#define ADD(path, func) g_test_add ("/back-off/" path, FindingFixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("a peer that was out of reach, and came by itself, is dialled as soon as it goes", test_inbound);
  ADD ("a new address is dialled at once, before one that failed", test_new_address);
  return finding_fixture_run_tests ();
}
