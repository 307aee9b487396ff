/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is known: peers come and go by their node files.
 */
#include "config.h"

#include "finding-fixture.h"

static gboolean
is_not_local_any_more (gpointer data)
{
  FindingFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL && !(info->source & AVI_SOURCE_LOCAL);
}

static void
test_found_is_dialled (FindingFixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  finding_fixture_publish (fixture, fixture->port);
  core_fixture_start (&fixture->under_test);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_cmpstr (info->name, ==, "puppet");
  g_assert_cmpuint (info->source, ==, AVI_SOURCE_LOCAL);
}

static void
test_record_goes (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, fixture->port);
  core_fixture_start (&fixture->under_test);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  g_clear_pointer (&fixture->local, avi_local_free);
  puppets_run (fixture->puppets, is_not_local_any_more, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (finding_fixture_is_connected (fixture));
  g_assert_false (puppet_was_told_to_go (fixture->puppets[0]));
}

static gboolean
is_known (gpointer data)
{
  FindingFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL;
}

static gboolean
is_forgotten (gpointer data)
{
  return !is_known (data);
}

static void
test_forgotten (FindingFixture *fixture, gconstpointer data)
{
  finding_fixture_publish (fixture, finding_fixture_find_dead_port ());
  core_fixture_start (&fixture->under_test);
  puppets_run (fixture->puppets, is_known, fixture);
  g_clear_pointer (&fixture->local, avi_local_free);
  puppets_run (fixture->puppets, is_forgotten, fixture);
}

/* After five failures the next dial is seconds away; a new address makes it come at once. */
static void
test_new_address_clears_backoff (FindingFixture *fixture, gconstpointer data)
{
  gint64 then;

  finding_fixture_publish (fixture, finding_fixture_find_dead_port ());
  core_fixture_start (&fixture->under_test);
  finding_fixture_await_failed_dials (fixture, 5);
  then = (gint64) core_fixture_count (&fixture->under_test, "dials");
  finding_fixture_publish (fixture, fixture->port);
  finding_fixture_accept (fixture, 1);
  finding_fixture_await_connection (fixture);
  g_assert_cmpint ((gint64) core_fixture_count (&fixture->under_test, "dials"), ==, then + 1);
}

#define ADD(path, func) g_test_add (path, FindingFixture, NULL, finding_fixture_set_up, func, finding_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/swarm/found is dialled, by its name before it says it", test_found_is_dialled);
  ADD ("/swarm/a record that goes leaves the connection alone", test_record_goes);
  ADD ("/swarm/a peer that is not connected is forgotten with its last address", test_forgotten);
  ADD ("/swarm/a new address makes the back-off void", test_new_address_clears_backoff);
  return finding_fixture_run_tests ();
}
