/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A core and its engine on loopback, and peers that the test leads by the hand: which of several
 * connections stays, restarts, and two nodes with one key.
 */
#include "config.h"

#include <unistd.h>

#include "core-fixture.h"
#include "puppet.h"

typedef struct
{
  CoreFixture under_test;
  guint16     port;
  GString    *story; /* in order: connected, disconnected, "!" identity conflict */
  const char *wanted_story;
  Puppet     *puppets[4];
} Fixture;

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  fixture->story = g_string_new (NULL);
  core_fixture_start (&fixture->under_test);
  fixture->port = core_fixture_get_port (&fixture->under_test);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  core_fixture_clear (&fixture->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (fixture->puppets); i++)
    g_clear_pointer (&fixture->puppets[i], puppet_free);
  g_string_free (fixture->story, TRUE);
}

static void
hear (Fixture *fixture)
{
  AviEvent *event, *next;

  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_PEER_CONNECTED)
        g_string_append_c (fixture->story, 'c');
      if (event->type == AVI_EVENT_PEER_DISCONNECTED)
        g_string_append_c (fixture->story, 'd');
      if (event->type == AVI_EVENT_IDENTITY_CONFLICT)
        g_string_append_c (fixture->story, '!');
      avi_event_free (event);
    }
}

static gboolean
story_is_told (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return g_str_equal (fixture->story->str, fixture->wanted_story);
}

static void
run_until_story (Fixture    *fixture,
                 const char *story)
{
  fixture->wanted_story = story;
  puppets_run (fixture->puppets, story_is_told, fixture);
}

static gboolean
first_is_closed (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_is_closed (fixture->puppets[0]);
}

static gboolean
second_is_closed (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_is_closed (fixture->puppets[1]);
}

static void
test_same_direction (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 1);
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
  g_assert_true (puppet_is_open (fixture->puppets[1]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
}

/* The peer dials us and we dial it: whichever peer id is smaller, its dial stays, on both ends. */
static void
test_opposite_directions (Fixture      *fixture,
                          gconstpointer data)
{
  gboolean we_are_smaller = GPOINTER_TO_INT (data);
  g_autoptr(AviKeyPair) key = NULL;
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autofree char *address = NULL;
  g_autofree char *id = NULL;
  guint16 port;
  int listener = puppet_listen (&port);
  int order;

  do
    {
      g_clear_pointer (&key, avi_key_pair_unref);
      key = avi_key_pair_generate ();
      order =
          avi_peer_id_compare (avi_key_pair_get_peer_id (fixture->under_test.identity), avi_key_pair_get_peer_id (key));
    }
  while ((order < 0) != we_are_smaller);

  id = avi_peer_id_to_string (avi_key_pair_get_peer_id (key));
  address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, id);
  avi_core_dial (fixture->under_test.core, address, call);
  /* The puppet's own dial stays silent until ours has got through. */
  fixture->puppets[0] = puppet_accept (key, listener, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 1);
  puppets_run (fixture->puppets, we_are_smaller ? second_is_closed : first_is_closed, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[we_are_smaller ? 0 : 1]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
  close (listener);
}

static void
test_restart_after_silence (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  puppet_set_silent (fixture->puppets[0], TRUE);
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  run_until_story (fixture, "cdc");
  g_assert_true (puppet_is_open (fixture->puppets[1]));
}

static void
test_two_with_one_key (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

  fixture->puppets[0] = puppet_dial (key, fixture->port, 1);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  run_until_story (fixture, "c!");
  puppets_run (fixture->puppets, second_is_closed, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  /* And no loop: the second is refused from then on, without another signal. */
  g_clear_pointer (&fixture->puppets[1], puppet_free);
  fixture->puppets[1] = puppet_dial (key, fixture->port, 2);
  puppets_run (fixture->puppets, second_is_closed, fixture);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[1]), ==, 0);
  g_assert_cmpstr (fixture->story->str, ==, "c!");
}

static void
test_our_key (Fixture      *fixture,
              gconstpointer data)
{
  fixture->puppets[0] = puppet_dial (fixture->under_test.identity, fixture->port, 1);
  run_until_story (fixture, "!");
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  fixture->puppets[0] = puppet_dial (fixture->under_test.identity, fixture->port, 1);
  puppets_run (fixture->puppets, first_is_closed, fixture);
  g_assert_cmpstr (fixture->story->str, ==, "!");
}

static gboolean
second_is_identified (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return puppet_get_n_identified (fixture->puppets[1]) > 0;
}

static gboolean
one_connection_ended (gpointer data)
{
  Fixture *fixture = data;

  hear (fixture);
  return core_fixture_count (&fixture->under_test, "connections-closed") == 1;
}

static void
test_no_boot_id (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  g_autoptr(AviPeerInfo) info = NULL;

  fixture->puppets[0] = puppet_dial (key, fixture->port, 0);
  run_until_story (fixture, "c");
  fixture->puppets[1] = puppet_dial (key, fixture->port, 0);
  puppets_run (fixture->puppets, second_is_identified, fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  /* The first goes: the peer stays connected over the second. */
  puppet_free (fixture->puppets[0]);
  fixture->puppets[0] = g_steal_pointer (&fixture->puppets[1]);
  puppets_run (fixture->puppets, one_connection_ended, fixture);
  info = avi_core_dup_peer (fixture->under_test.core, avi_key_pair_get_peer_id (key));
  g_assert_true (info->connected);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_cmpstr (fixture->story->str, ==, "c");
}

static gboolean
one_of_four_is_closed (gpointer data)
{
  Puppet **puppets = data;
  guint n = 0;

  for (guint i = 0; i < 4; i++)
    n += puppet_is_closed (puppets[i]);
  return n == 1;
}

static void
test_per_peer_limit (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
  Puppet *puppets[5] = { NULL };

  for (guint i = 0; i < 4; i++)
    puppets[i] = puppet_dial (key, fixture->port, 0);
  puppets_run (puppets, one_of_four_is_closed, puppets);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "refused-max-connections-per-peer"), ==, 1);
  for (guint i = 0; i < 4; i++)
    puppet_free (puppets[i]);
}

#define ADD(path, data, func) g_test_add (path, Fixture, data, setup, func, teardown)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/swarm-connections/same boot, same direction: the newer connection stays, the older is drained", NULL,
       test_same_direction);
  ADD ("/swarm-connections/same boot, opposite directions: our dial stays where our id is the smaller",
       GINT_TO_POINTER (TRUE), test_opposite_directions);
  ADD ("/swarm-connections/same boot, opposite directions: the peer's dial stays where its id is the smaller",
       GINT_TO_POINTER (FALSE), test_opposite_directions);
  ADD ("/swarm-connections/another boot replaces a connection that is silent", NULL, test_restart_after_silence);
  ADD ("/swarm-connections/another boot beside a connection that lives is an identity conflict, once", NULL,
       test_two_with_one_key);
  ADD ("/swarm-connections/a node with our own key is an identity conflict, once", NULL, test_our_key);
  ADD ("/swarm-connections/a peer without a boot id keeps two connections", NULL, test_no_boot_id);
  ADD ("/swarm-connections/one peer has no more connections than allowed", NULL, test_per_peer_limit);
  return g_test_run ();
}
