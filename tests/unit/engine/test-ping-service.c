/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pings on a running core's connections, with the clock in the test's hand.
 */
#include "config.h"

#include "clock.h"
#include "core-fixture.h"
#include "puppet.h"

#define INTERVAL 15 /* s */
#define TIMEOUT  10 /* s */

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
} Fixture;

static gboolean
has_pong (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL && info->connected && info->round_trip >= 0;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
  clock_stop ();
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  clock_go_on ();
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  avi_key_pair_unref (fixture->other);
}

static void
wait_for (Fixture *fixture, guint seconds)
{
  for (guint i = 0; i < seconds; i++)
    {
      clock_advance (G_USEC_PER_SEC);
      core_fixture_settle (&fixture->under_test);
      for (guint j = 0; j < 3; j++)
        puppets_step (fixture->puppets);
    }
}

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  puppets_run (fixture->puppets, has_pong, fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_cmpint (info->round_trip, ==, 0); /* the clock stands */
}

static void
test_silent (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  puppets_run (fixture->puppets, has_pong, fixture);
  puppet_set_silent (fixture->puppets[0], TRUE);
  wait_for (fixture, INTERVAL + TIMEOUT - 1);
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
  wait_for (fixture, 1);
  g_assert_false (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

static void
test_answers (Fixture *fixture, gconstpointer data)
{
  puppets_run (fixture->puppets, has_pong, fixture);
  wait_for (fixture, 10 * (INTERVAL + TIMEOUT));
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "connections-opened"), ==, 1);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/ping-service/how far away a peer is, is known soon", test_round_trip);
  ADD ("/ping-service/a peer that is silent is noticed after 25 s", test_silent);
  ADD ("/ping-service/a peer that answers stays", test_answers);
  return g_test_run ();
}
