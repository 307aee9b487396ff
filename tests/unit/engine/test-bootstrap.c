/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bootstrap addresses: with a peer id and without one, dialled until somebody answers.
 */
#include "config.h"

#include "avi-error.h"
#include "clock.h"
#include "finding-fixture.h"

static void
test_without_peer_id (FindingFixture *fixture, gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", fixture->port);
  const char *bootstrap[] = { "/ip4/127.0.0.1/tcp/1", address, NULL };

  fixture->under_test.settings.bootstrap = bootstrap;
  core_fixture_start (&fixture->under_test);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
}

static void
test_another_peer (FindingFixture *fixture, gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", fixture->port);
  const char *bootstrap[] = { address, NULL };
  g_autoptr(AviKeyPair) replaced = fixture->other;

  fixture->under_test.settings.bootstrap = bootstrap;
  core_fixture_start (&fixture->under_test);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  /* The machine there was set up anew: another key. The first dial still asks for the old one. */
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->other = avi_key_pair_generate ();
  for (guint i = 0; i < 3 && !finding_fixture_is_connected (fixture); i++)
    {
      finding_fixture_accept (fixture, 1);
      while (!puppet_is_closed (fixture->puppets[0]) && !finding_fixture_is_connected (fixture))
        puppets_step (fixture->puppets);
    }
  g_assert_true (finding_fixture_is_connected (fixture));
}

/* --- back-off --- */

#define FIRST   (1 * (gint64) G_USEC_PER_SEC)
#define LONGEST (300 * (gint64) G_USEC_PER_SEC)

/* In steps, for the router's heartbeat comes every second, and all of them come. */
static void
advance (FindingFixture *fixture, gint64 by)
{
  for (; by > 0; by -= MIN (by, G_USEC_PER_SEC))
    {
      clock_advance (MIN (by, G_USEC_PER_SEC));
      core_fixture_settle (&fixture->under_test);
    }
}

/* The next dial comes a quarter earlier or later than @delay, and fails like those before. */
static void
assert_backs_off (FindingFixture *fixture, gint64 delay)
{
  guint64 n = core_fixture_count (&fixture->under_test, "dials");
  gint64 left = delay / 2 + 1;

  advance (fixture, delay - delay / 4 - 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, n);
  for (; core_fixture_count (&fixture->under_test, "dials") == n && left > 0; left -= MIN (left, G_USEC_PER_SEC))
    advance (fixture, MIN (left, G_USEC_PER_SEC));
  finding_fixture_await_failed_dials (fixture, n + 1);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, n + 1);
}

static void
test_back_off (FindingFixture *fixture, gconstpointer data)
{
  g_autofree char *nobody = core_fixture_format ("127.0.0.1", finding_fixture_find_dead_port (), NULL);
  const char *bootstrap[] = { nobody, NULL };

  clock_stop ();
  fixture->under_test.settings.bootstrap = bootstrap;
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 1);
  core_fixture_settle (&fixture->under_test);
  for (gint64 delay = FIRST; delay < LONGEST; delay *= 2)
    assert_backs_off (fixture, delay);
  for (guint i = 0; i < 4; i++)
    assert_backs_off (fixture, LONGEST);
  clock_go_on ();
}

/* By chance all come before their time, or all after it, once in a thousand million runs. */
static void
test_jitter (FindingFixture *fixture, gconstpointer data)
{
  enum
  {
    N = 31
  };
  g_auto(GStrv) bootstrap = g_new0 (char *, N + 1);
  guint64 n;

  for (guint i = 0; i < N; i++)
    bootstrap[i] = core_fixture_format ("127.0.0.1", finding_fixture_find_dead_port (), NULL);
  clock_stop ();
  fixture->under_test.settings.bootstrap = (const char *const *) bootstrap;
  fixture->under_test.settings.max_dials = fixture->under_test.settings.max_connections = 2 * N;
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, N);
  core_fixture_settle (&fixture->under_test);
  advance (fixture, FIRST);
  n = core_fixture_count (&fixture->under_test, "dials") - N;
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <, N);
  clock_go_on ();
}

static void
test_forgiven (FindingFixture *fixture, gconstpointer data)
{
  g_autofree char *nobody = core_fixture_format ("127.0.0.1", finding_fixture_find_dead_port (), NULL);
  const char *bootstrap[] = { nobody, NULL };

  clock_stop ();
  fixture->under_test.settings.bootstrap = bootstrap;
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 1);
  core_fixture_settle (&fixture->under_test);
  for (guint i = 0; i < 3; i++)
    assert_backs_off (fixture, FIRST << i);

  /* A sleep of the machine is to the engine as another network. */
  clock_sleep (G_TIME_SPAN_HOUR);
  core_fixture_settle (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 5);
  core_fixture_settle (&fixture->under_test);
  assert_backs_off (fixture, FIRST);
  clock_go_on ();
}

static void
test_not_an_address (FindingFixture *fixture, gconstpointer data)
{
  static const char *const culprits[] = { "kitchen.local", "/ip4/10.0.0.1", "/ip4/10.0.0.1/udp/1/quic-v1" };

  for (guint i = 0; i < G_N_ELEMENTS (culprits); i++)
    {
      const char *bootstrap[] = { "/ip4/127.0.0.1/tcp/1", culprits[i], NULL };
      g_autoptr(GError) error = NULL;

      fixture->under_test.settings.bootstrap = bootstrap;
      g_assert_false (core_fixture_try_start (&fixture->under_test, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, culprits[i]));
      g_assert_cmpint (avi_core_get_state (fixture->under_test.core), ==, AVI_CORE_STOPPED);
    }
}

#define ADD(path, func) g_test_add (path, FindingFixture, NULL, finding_fixture_set_up, func, finding_fixture_tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/bootstrap/an address without a peer id finds whoever is there", test_without_peer_id);
  ADD ("/bootstrap/an address where another peer is now finds that one", test_another_peer);
  ADD ("/bootstrap/an address where nobody answers is dialled ever more rarely, for ever", test_back_off);
  ADD ("/bootstrap/addresses that fail at one moment are not dialled in step", test_jitter);
  ADD ("/bootstrap/another network makes the back-off void", test_forgiven);
  ADD ("/bootstrap/an address that is none is an error that names it", test_not_an_address);
  return finding_fixture_run_tests ();
}
