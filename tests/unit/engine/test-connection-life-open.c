/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a connection that is open: a test is named after the row of docs/connection-life.md that
 * it holds. Time is virtual.
 */
#include "config.h"

#include "avi-error.h"
#include "engine/avi-connection.h"
#include "engine/avi-core-private.h"
#include "life-fixture.h"
#include "protocols/gossipsub/avi-gossipsub.h"

static guint64
count (LifeFixture *fixture, const char *name)
{
  return core_fixture_count (&fixture->under_test, name);
}

/* --- not identified --- */

static void
come_with_manners (LifeFixture *fixture, PuppetManners manners)
{
  life_fixture_start (fixture);
  puppet_set_manners (life_fixture_come (fixture, 0, 1), manners);
}

/* Without a word of identify nothing is known of it, not even that it is of Avi. */
static void
assert_in_use_without_identify (LifeFixture *fixture)
{
  g_autoptr(AviPeerInfo) info = NULL;

  life_fixture_await_story (fixture, "c");
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_null (info->agent);
  g_assert_cmpuint (g_strv_length (info->protocols), ==, 0);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_cmpuint (count (fixture, "connections-closed"), ==, 0);
}

static void
test_answers (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  life_fixture_meet (fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_true (info->connected);
  g_assert_cmpstr (info->agent, ==, "puppet");
}

static void
test_refuses (LifeFixture *fixture, gconstpointer data)
{
  come_with_manners (fixture, PUPPET_RESETS);
  assert_in_use_without_identify (fixture);
}

static void
test_mute (LifeFixture *fixture, gconstpointer data)
{
  come_with_manners (fixture, PUPPET_IS_MUTE);
  life_fixture_settle (fixture);
  life_fixture_wait (fixture, 5 * SECOND - 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "");
  life_fixture_wait (fixture, 1);
  assert_in_use_without_identify (fixture);
}

static void
test_late (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  come_with_manners (fixture, PUPPET_IS_MUTE);
  life_fixture_settle (fixture);
  life_fixture_wait (fixture, 5 * SECOND);
  assert_in_use_without_identify (fixture);
  puppet_set_manners (fixture->puppets[0], PUPPET_SAYS_WHO);
  life_fixture_settle (fixture);
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_cmpstr (info->agent, ==, "puppet");
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

/* Nobody gets past the limit by saying late what he is. */
static void
test_late_max_peers (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) first = avi_key_pair_generate ();

  fixture->under_test.settings.max_peers = 1;
  come_with_manners (fixture, PUPPET_IS_MUTE);
  fixture->puppets[1] = puppet_dial (first, fixture->port, 1);
  life_fixture_await_story (fixture, "c");
  life_fixture_wait (fixture, 5 * SECOND);
  life_fixture_await_story (fixture, "cc");
  puppet_set_manners (fixture->puppets[0], PUPPET_SAYS_WHO);
  life_fixture_await_story (fixture, "ccd");
  g_assert_nonnull (strstr (fixture->why, "ended by this node: max-peers is reached: 1 of 1"));
  life_fixture_await_close (fixture, 0);
  g_assert_true (puppet_is_open (fixture->puppets[1]));
  g_assert_cmpuint (count (fixture, "refused-max-peers"), ==, 1);
}

static void
test_mumbles (LifeFixture *fixture, gconstpointer data)
{
  come_with_manners (fixture, PUPPET_MUMBLES);
  assert_in_use_without_identify (fixture);
}

static void
test_lies (LifeFixture *fixture, gconstpointer data)
{
  come_with_manners (fixture, PUPPET_LIES);
  life_fixture_await_close (fixture, 0);
  life_fixture_await_count (fixture, "connections-closed", 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "");
}

static void
test_max_peers (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) first = avi_key_pair_generate ();

  fixture->under_test.settings.max_peers = 1;
  life_fixture_start (fixture);
  fixture->puppets[0] = puppet_dial (first, fixture->port, 1);
  life_fixture_await_story (fixture, "c");
  life_fixture_come (fixture, 1, 1);
  life_fixture_await_close (fixture, 1);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[1]), ==, 1);
  g_assert_cmpuint (count (fixture, "refused-max-peers"), ==, 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

static void
test_ends_before (LifeFixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *target = core_fixture_format ("127.0.0.1", port, fixture->other);
  g_autoptr(GError) error = NULL;
  AviCall *call;

  life_fixture_start (fixture);
  call = life_fixture_dial (fixture, target);
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  puppet_set_manners (fixture->puppets[0], PUPPET_IS_MUTE);
  life_fixture_settle (fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  error = life_fixture_await_error (fixture, call);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_nonnull (strstr (error->message, "did not last: ended by the peer: "));
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "");
  close (listener);
}

/* --- in use --- */

static void
test_peer_closes (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  life_fixture_await_story (fixture, "cd");
  g_assert_cmpstr (fixture->why, ==, "ended by the peer: it closed the socket without a goodbye");
  g_assert_cmpuint (count (fixture, "connections-closed"), ==, 1);
}

static void
test_reset (LifeFixture *fixture, gconstpointer data)
{
  puppet_cut (life_fixture_meet (fixture));
  life_fixture_await_story (fixture, "cd");
  g_assert_cmpstr (fixture->why, ==, "ended by the peer: Connection reset by peer");
}

static void
test_babbles (LifeFixture *fixture, gconstpointer data)
{
  puppet_babble (life_fixture_meet (fixture));
  life_fixture_await_story (fixture, "cd");
  g_assert_true (g_str_has_prefix (fixture->why, "ended by this node: A Noise frame of 3 bytes "));
}

static void
test_no_pings (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_start (fixture);
  puppet_refuse_pings (life_fixture_come (fixture, 0, 1));
  life_fixture_await_story (fixture, "c");
  life_fixture_settle (fixture);
  for (guint i = 0; i < 40; i++)
    life_fixture_wait (fixture, SECOND);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  puppet_set_silent (fixture->puppets[0], TRUE);
  for (guint i = 0; i < 26; i++)
    life_fixture_wait (fixture, SECOND);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "cd");
  g_assert_cmpstr (fixture->why, ==, "ended by the network: No answer to a Yamux ping within 10000 ms");
}

static void
test_goodbye (LifeFixture *fixture, gconstpointer data)
{
  puppet_go_away (life_fixture_meet (fixture));
  life_fixture_settle (fixture);
  life_fixture_wait (fixture, 2 * SECOND - 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  life_fixture_wait (fixture, 1);
  life_fixture_await_story (fixture, "cd");
  g_assert_cmpstr (fixture->why, ==, "ended by this node: the peer said goodbye");
  life_fixture_await_close (fixture, 0);
}

static void
test_goodbye_with_another (LifeFixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

  life_fixture_start (fixture);
  puppet_set_protocols (life_fixture_come (fixture, 0, 0), protocols);
  life_fixture_await_story (fixture, "c");
  puppet_set_protocols (life_fixture_come (fixture, 1, 0), protocols);
  life_fixture_await_identified (fixture, 1);
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[1]), ==, 0);
  puppet_go_away (fixture->puppets[0]);
  life_fixture_settle (fixture);
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[1]), ==, 1);
  life_fixture_wait (fixture, 2 * SECOND);
  life_fixture_await_close (fixture, 0);
  g_assert_true (puppet_is_open (fixture->puppets[1]));
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

/* The peer has stopped and is there again, before its old connection is quite gone: no conflict. */
static void
test_goodbye_before_another (LifeFixture *fixture, gconstpointer data)
{
  puppet_go_away (life_fixture_meet (fixture));
  life_fixture_settle (fixture);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_story (fixture, "cdc");
  life_fixture_wait (fixture, 2 * SECOND);
  life_fixture_await_close (fixture, 0);
  g_assert_true (puppet_is_open (fixture->puppets[1]));
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "cdc");
}

/* --- challenger --- */

/* The first is in use and silent, the second of another boot. */
static void
challenge (LifeFixture *fixture)
{
  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  puppet_set_silent (fixture->puppets[0], TRUE);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_identified (fixture, 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

static void
test_old_is_silent (LifeFixture *fixture, gconstpointer data)
{
  challenge (fixture);
  life_fixture_wait (fixture, SECOND - 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  life_fixture_wait (fixture, 1);
  life_fixture_await_story (fixture, "cdc");
  g_assert_nonnull (strstr (fixture->why, "ended by this node: the peer restarted"));
}

static void
test_old_ends (LifeFixture *fixture, gconstpointer data)
{
  challenge (fixture);
  puppet_cut (fixture->puppets[0]);
  life_fixture_await_story (fixture, "cdc");
  g_assert_cmpstr (fixture->why, ==, "ended by the peer: Connection reset by peer");
}

static void
test_challenger_ends (LifeFixture *fixture, gconstpointer data)
{
  challenge (fixture);
  puppet_cut (fixture->puppets[1]);
  life_fixture_await_count (fixture, "connections-closed", 1);
  life_fixture_wait (fixture, SECOND);
  g_assert_cmpuint (count (fixture, "connections-closed"), ==, 1);
  puppet_set_silent (fixture->puppets[0], FALSE);
  life_fixture_settle (fixture);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

static void
test_third_boot (LifeFixture *fixture, gconstpointer data)
{
  challenge (fixture);
  life_fixture_wait (fixture, SECOND / 2);
  life_fixture_come (fixture, 2, 3);
  life_fixture_await_close (fixture, 1);
  life_fixture_settle (fixture);
  /* The second begins anew. */
  life_fixture_wait (fixture, SECOND - 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  life_fixture_wait (fixture, 1);
  life_fixture_await_story (fixture, "cdc");
  g_assert_true (puppet_is_open (fixture->puppets[2]));
}

static void
test_challenger_says_goodbye (LifeFixture *fixture, gconstpointer data)
{
  challenge (fixture);
  puppet_go_away (fixture->puppets[1]);
  life_fixture_settle (fixture);
  life_fixture_wait (fixture, SECOND);
  life_fixture_await_story (fixture, "cd");
  life_fixture_wait (fixture, SECOND);
  life_fixture_await_close (fixture, 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "cd");
}

/* Its answer says nothing about now, but the next does. */
static void
test_ping_under_way (LifeFixture *fixture, gconstpointer data)
{
  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  puppet_set_silent (fixture->puppets[0], TRUE);
  clock_advance (15 * SECOND); /* a ping goes */
  core_fixture_settle (&fixture->under_test);
  clock_advance (SECOND / 10);
  life_fixture_come (fixture, 1, 2);
  life_fixture_await_identified (fixture, 1);
  puppet_set_silent (fixture->puppets[0], FALSE);
  life_fixture_await_story (fixture, "c!");
  life_fixture_await_close (fixture, 1);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* --- draining --- */

/* The first is drained, the second in use. */
static void
drain (LifeFixture *fixture)
{
  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  life_fixture_come (fixture, 1, 1);
  life_fixture_await_identified (fixture, 1);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
  g_assert_false (puppet_was_told_to_go (fixture->puppets[1]));
}

static void
test_drained (LifeFixture *fixture, gconstpointer data)
{
  drain (fixture);
  life_fixture_wait (fixture, 2 * SECOND - 1);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  clock_advance (1);
  core_fixture_settle (&fixture->under_test);
  life_fixture_await_close (fixture, 0);
  g_assert_cmpuint (count (fixture, "connections-closed"), ==, 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
}

static void
test_drained_peer_closes (LifeFixture *fixture, gconstpointer data)
{
  drain (fixture);
  puppet_cut (fixture->puppets[0]);
  life_fixture_await_count (fixture, "connections-closed", 1);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  g_assert_true (puppet_is_open (fixture->puppets[1]));
}

static void
test_drained_takes_nothing (LifeFixture *fixture, gconstpointer data)
{
  static const char *const ping[] = { "/ipfs/ping/1.0.0", NULL };

  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  puppet_set_silent (fixture->puppets[0], TRUE);
  life_fixture_come (fixture, 1, 1);
  life_fixture_await_identified (fixture, 1);
  /* It has not heard the goodbye yet. */
  puppet_open (fixture->puppets[0], ping);
  puppet_set_silent (fixture->puppets[0], FALSE);
  life_fixture_settle (fixture);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
  g_assert_cmpuint (puppet_get_n_reset (fixture->puppets[0]), ==, 1);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

static void
test_drained_is_identified (LifeFixture *fixture, gconstpointer data)
{
  come_with_manners (fixture, PUPPET_IS_MUTE);
  life_fixture_settle (fixture);
  puppet_go_away (fixture->puppets[0]);
  life_fixture_settle (fixture);
  puppet_set_manners (fixture->puppets[0], PUPPET_SAYS_WHO);
  life_fixture_settle (fixture);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[0]), ==, 1);
  life_fixture_wait (fixture, 2 * SECOND);
  life_fixture_await_close (fixture, 0);
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "");
}

/* --- stop, closed --- */

static AviStreamOwner *take (AviConnection *connection, AviLinkStream *stream);
static void hear_data (AviStreamOwner *owner, AviSpan data);
static void forget (AviStreamOwner *owner, gboolean refused);

#define SLOW_PROTOCOL "/slow/1.0.0"
#define N_SLOW        64
#define SLOW_LEN      (256 * 1024) /* as much as a window */

static const AviStreamHandler slow_handler = {
  .protocol = SLOW_PROTOCOL,
  .accept = take,
  .data = hear_data,
  .gone = forget,
};
static const AviStreamHandler *const further[] = { &slow_handler, NULL };
static _Atomic guint n_gone;

static AviStreamOwner *
take (AviConnection *connection, AviLinkStream *stream)
{
  return g_new0 (AviStreamOwner, 1);
}

static void
hear_data (AviStreamOwner *owner, AviSpan data)
{
  avi_stream_consume (owner, data.len);
}

static void
forget (AviStreamOwner *owner, gboolean refused)
{
  n_gone++;
  g_free (owner);
}

/* In the engine's thread: more than any socket takes. */
static void
send_much (AviEngine *engine, gpointer user_data)
{
  static const char *const protocols[] = { SLOW_PROTOCOL, NULL };
  AviConnection *connection = g_queue_peek_head (&engine->connections);
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_malloc0 (SLOW_LEN), SLOW_LEN);

  for (guint i = 0; i < N_SLOW; i++)
    {
      AviStreamOwner *owner = g_new0 (AviStreamOwner, 1);

      owner->handler = &slow_handler;
      g_assert_true (avi_connection_open_stream (connection, protocols, owner, NULL));
      avi_stream_send (owner, bytes);
    }
}

/* The peer is silent, and much for it does not go out. */
static void
begin_stop (LifeFixture *fixture, AviCall *call)
{
  g_autoptr(AviCall) in_flight = avi_call_new (NULL);

  n_gone = 0;
  life_fixture_meet (fixture);
  life_fixture_settle (fixture);
  puppet_set_silent (fixture->puppets[0], TRUE);
  avi_core_run (fixture->under_test.core, send_much, NULL);
  core_fixture_settle (&fixture->under_test);
  avi_core_wait_for_subscribers (fixture->under_test.core, "nobody", 1, in_flight);
  avi_core_stop (fixture->under_test.core, call);
  avi_call_wait (in_flight); /* it has begun */
}

static void
test_stop_flush (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  begin_stop (fixture, call);
  clock_advance (SECOND / 2 - 1);
  life_fixture_settle (fixture);
  g_assert_false (avi_call_is_done (call));
  g_assert_cmpstr (life_fixture_hear (fixture), ==, "c");
  clock_advance (1);
  life_fixture_await_story (fixture, "cd");
  avi_call_wait (call);
  g_assert_cmpstr (fixture->why, ==, "ended by this node: this device stopped");
  g_assert_cmpuint (n_gone, ==, N_SLOW);
}

static void
test_comes_during_stop (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  begin_stop (fixture, call);
  life_fixture_come (fixture, 1, 1);
  life_fixture_await_close (fixture, 1);
  g_assert_cmpuint (puppet_get_n_identified (fixture->puppets[1]), ==, 0);
  g_assert_false (avi_call_is_done (call));
}

static void
test_stop_in_a_hurry (LifeFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  begin_stop (fixture, call);
  life_fixture_settle (fixture);
  g_assert_false (avi_call_is_done (call));
  avi_core_hurry (fixture->under_test.core);
  clock_advance (SECOND / 200); /* it looks again */
  life_fixture_await_story (fixture, "cd");
  avi_call_wait (call);
}

static void
test_owners (LifeFixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { SLOW_PROTOCOL, NULL };

  n_gone = 0;
  fixture->under_test.settings.handlers = further;
  life_fixture_meet (fixture);
  for (guint i = 0; i < 3; i++)
    puppet_send (fixture->puppets[0], puppet_open (fixture->puppets[0], protocols), AVI_SPAN_STRING ("hello"));
  life_fixture_settle (fixture);
  g_assert_cmpuint (n_gone, ==, 0);
  puppet_cut (fixture->puppets[0]);
  life_fixture_await_story (fixture, "cd");
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (n_gone, ==, 3);
}

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  LIFE_ADD ("N1: who answers is in use, and known", test_answers);
  LIFE_ADD ("N2: who refuses identify is in use at once, unknown", test_refuses);
  LIFE_ADD ("N3: who does not answer identify is in use after 5 s, unknown", test_mute);
  LIFE_ADD ("N4: who answers what is no identify is in use at once, unknown", test_mumbles);
  LIFE_ADD ("N5: who says that it has another's key is closed", test_lies);
  LIFE_ADD ("N6: a peer beyond max-peers is closed once it has said that it is of Avi", test_max_peers);
  LIFE_ADD ("N7: one that ends before it is identified ends the call that dialled", test_ends_before);
  LIFE_ADD ("N8: who answers late is known from then on", test_late);
  LIFE_ADD ("N9: who says late that it is of Avi is closed beyond max-peers", test_late_max_peers);
  LIFE_ADD ("U1: a peer that closes is disconnected", test_peer_closes);
  LIFE_ADD ("U2: an error of the socket is why it is disconnected", test_reset);
  LIFE_ADD ("U3: what is no frame ends it", test_babbles);
  LIFE_ADD ("U5: a peer without ping that is silent is noticed after 26 s", test_no_pings);
  LIFE_ADD ("U6: a peer that says goodbye has 2 s, and is connected until then", test_goodbye);
  LIFE_ADD ("U7: with another connection that one is in use after a goodbye, and nothing is told",
            test_goodbye_with_another);
  LIFE_ADD ("U8: after a goodbye whoever comes is in use, though the old one still answers",
            test_goodbye_before_another);
  LIFE_ADD ("R1: an old connection that is silent for 1 s is closed, the challenger in use", test_old_is_silent);
  LIFE_ADD ("R3: a ping that was under way is no answer, but another is asked for", test_ping_under_way);
  LIFE_ADD ("R4: where the old connection ends the challenger is in use at once", test_old_ends);
  LIFE_ADD ("R5: a challenger that ends leaves the old connection alone", test_challenger_ends);
  LIFE_ADD ("R6: of two challengers the newer stays, and has its second", test_third_boot);
  LIFE_ADD ("R7: a challenger that says goodbye is never in use", test_challenger_says_goodbye);
  LIFE_ADD ("D1: a drained connection is closed after 2 s, and nothing is told", test_drained);
  LIFE_ADD ("D2: a drained connection ends when the peer closes", test_drained_peer_closes);
  LIFE_ADD ("D3: a drained connection takes no new stream", test_drained_takes_nothing);
  LIFE_ADD ("D4: one that drains and is identified is not in use", test_drained_is_identified);
  LIFE_ADD ("A1: who gets through during a stop is not let in", test_comes_during_stop);
  LIFE_ADD ("S2: a stop waits 500 ms for a peer that does not read", test_stop_flush);
  LIFE_ADD ("S3: a stop in a hurry waits for nobody", test_stop_in_a_hurry);
  LIFE_ADD ("X1: the owner of a stream is told of the end once", test_owners);
  return g_test_run ();
}
