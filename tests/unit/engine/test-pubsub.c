/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages through a running core: what a peer signed wrongly is dropped and counted, and nothing else;
 * when they came, by a wall clock that is set meanwhile; what is published just before a stop; and what
 * is said, and not done, where nothing is.
 */
#include "config.h"

#include <dlfcn.h>

#include "clock.h"
#include "log-keeper.h"
#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "pubsub-fixture.h"

/* Counted a moment after it is heard. */
static gboolean
has_wanted_deliveries (gpointer data)
{
  PubsubFixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "messages-delivered") >= fixture->wanted;
}

/* What is forged does not stand in the way of what has the same number and is true. */
static void
test_wrong_signature (PubsubFixture *fixture, gconstpointer data)
{
  enum
  {
    SIGNATURE_END = 1,
    SIGNATURE = 64,
    SEQNO = 80,
    TEXT = 88
  };
  static const guint flipped[] = { SIGNATURE_END, SIGNATURE, SEQNO, TEXT };

  pubsub_fixture_relay (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (flipped); i++)
    pubsub_fixture_say_message (fixture, "forged", i, flipped[i]);
  pubsub_fixture_say_message (fixture, "true", 0, 0);
  pubsub_fixture_await (fixture, "true.");
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_deliveries, fixture);
  g_assert_cmpstr (fixture->heard->str, ==, "true.");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-invalid"), ==, G_N_ELEMENTS (flipped));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-delivered"), ==, 1);
  g_assert_cmpuint (puppet_get_n_reset (fixture->puppets[0]), ==, 0);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* More than may be checked at a time: whoever reads checks before it reads on. */
static void
test_too_many (PubsubFixture *fixture, gconstpointer data)
{
  const guint n = 3 * AVI_GOSSIPSUB_MAX_CHECKS;

  pubsub_fixture_relay (fixture);
  for (guint i = 0; i + 1 < n; i++)
    pubsub_fixture_say_message (fixture, "one of many", i, 0);
  pubsub_fixture_say_message (fixture, "last", n, 0);
  pubsub_fixture_await (fixture, "last");
  fixture->wanted = n; /* they are counted when they have been told */
  puppets_run (fixture->puppets, has_wanted_deliveries, fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-unverified"), ==, 0);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-delivered"), ==, n);
}

/* Its connection proves who it is, and there is nobody else to whom its signature matters. */
static void
test_own_word (PubsubFixture *fixture, gconstpointer data)
{
  pubsub_fixture_say_message (fixture, "mine", 0, 1);
  pubsub_fixture_await (fixture, "mine");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-invalid"), ==, 0);
}

/* More than is few for the verifier, and no more than the inbox holds. */
static void
test_many (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(GString) expected = g_string_new (NULL);

  pubsub_fixture_relay (fixture);
  for (guint i = 0; i < 90; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      pubsub_fixture_say_message (fixture, text, i, 0);
      g_string_append_printf (expected, "%u.", i);
    }
  pubsub_fixture_await (fixture, "89");
  g_assert_cmpstr (fixture->heard->str, ==, expected->str);
}

static void
assert_just_received (PubsubFixture *fixture, gint64 before)
{
  g_autoptr(GDateTime) received = avi_message_get_received_at (fixture->last);
  gint64 when = g_date_time_to_unix (received) * G_USEC_PER_SEC + g_date_time_get_microsecond (received);

  /* The clocks are not read at one instant. */
  g_assert_cmpint (when, >=, before - G_USEC_PER_SEC);
  g_assert_cmpint (when, <=, g_get_real_time () + G_USEC_PER_SEC);
}

static void
publish_to_ourselves (PubsubFixture *fixture, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_cmpint (avi_core_publish (fixture->under_test.core, TOPIC, bytes, TRUE, NULL, NULL), >=, 0);
}

/* As on a machine without a battery, that learns the time by the network, or puts it right. */
static void
test_wall_clock (PubsubFixture *fixture, gconstpointer data)
{
  static const gint64 hours[] = { 0, 24 * 365, -48 };

  for (guint i = 0; i < G_N_ELEMENTS (hours); i++)
    {
      g_autofree char *theirs = g_strdup_printf ("theirs %u", i);
      g_autofree char *ours = g_strdup_printf ("ours %u", i);
      gint64 before;

      clock_set_wall (hours[i] * 3600 * G_USEC_PER_SEC);
      before = g_get_real_time ();
      publish_to_ourselves (fixture, ours);
      pubsub_fixture_await (fixture, ours);
      assert_just_received (fixture, before);
      pubsub_fixture_say_message (fixture, theirs, i, 0);
      pubsub_fixture_await (fixture, theirs);
      assert_just_received (fixture, before);
    }
  clock_set_wall (0);
}

/* --- the clock in the test's hand --- */

static void
set_up_standing (PubsubFixture *fixture, gconstpointer data)
{
  clock_stop ();
  pubsub_fixture_set_up (fixture, data);
}

static void
tear_down_standing (PubsubFixture *fixture, gconstpointer data)
{
  clock_go_on ();
  pubsub_fixture_tear_down (fixture, data);
}

static void
publish_later_to (PubsubFixture *fixture, const char *topic)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static ("hello", 5);

  clock_advance (G_TIME_SPAN_SECOND);
  core_fixture_settle (&fixture->under_test); /* the engine's round had begun before, perhaps */
  log_keeper_forget ();
  g_assert_cmpint (avi_core_publish (fixture->under_test.core, topic, bytes, FALSE, NULL, NULL), ==, 0);
  core_fixture_settle (&fixture->under_test);
}

static void
test_unheard (PubsubFixture *fixture, gconstpointer data)
{
  pubsub_fixture_say_subscription (fixture);
  publish_later_to (fixture, "Chat");
  log_keeper_assert ("0 of 1 peers subscribe to “Chat” (near: “" TOPIC "”)\tAVI_PEER=\tAVI_CONNECTION=\n");
  publish_later_to (fixture, "Chat");
  g_assert_false (log_keeper_has ("subscribe to")); /* again */
  publish_later_to (fixture, TOPIC "/");
  log_keeper_assert ("0 of 1 peers subscribe to “" TOPIC "/” (near: “" TOPIC "”)\tAVI_PEER=\tAVI_CONNECTION=\n");
  publish_later_to (fixture, "hat");
  log_keeper_assert ("0 of 1 peers subscribe to “hat”\tAVI_PEER=\tAVI_CONNECTION=\n");
}

typedef struct
{
  PubsubFixture *fixture;
  AviCall       *stop;
} Stop;

static gboolean
is_heard_or_stopped (gpointer data)
{
  Stop *stop = data;

  return puppet_has_heard (stop->fixture->puppets[0], stop->fixture->wanted_text) || avi_call_is_done (stop->stop);
}

static gboolean
is_stopped_in_time (gpointer data)
{
  Stop *stop = data;

  clock_advance (G_TIME_SPAN_SECOND);
  avi_core_hurry (stop->fixture->under_test.core);
  return avi_call_is_done (stop->stop);
}

static void
say_goodbye (PubsubFixture *fixture)
{
  puppet_go_away (fixture->puppets[0]);
  for (guint i = 0; i < 10000 && !log_keeper_has ("the peer goes away"); i++)
    puppets_step (fixture->puppets);
  log_keeper_assert ("the peer goes away");
}

/* More than a stream's window: it does not go out at one go. The time for it stands. */
static void
test_stop (PubsubFixture *fixture, gconstpointer data)
{
  g_autofree char *filling = g_strnfill (600 * 1024, 'x');
  g_autofree char *text = g_strconcat (filling, "to its end", NULL);
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));
  Stop stop = { fixture, avi_call_new (NULL) };

  pubsub_fixture_say_subscription (fixture);
  if (data != NULL)
    say_goodbye (fixture);
  fixture->wanted_text = "to its end";
  g_assert_cmpint (avi_core_publish (fixture->under_test.core, TOPIC, bytes, FALSE, NULL, NULL), ==, 1);
  avi_core_stop (fixture->under_test.core, stop.stop);
  puppets_run (fixture->puppets, is_heard_or_stopped, &stop);
  g_assert_true (puppet_has_heard (fixture->puppets[0], "to its end"));
  puppets_run (fixture->puppets, is_stopped_in_time, &stop);
  avi_call_unref (stop.stop);
}

/* --- what a round costs --- */

static gint n_looks;

/* In place of GLib's, to count. */
gboolean
g_hash_table_iter_next (GHashTableIter *iter, gpointer *key, gpointer *value)
{
  static gsize real;

  if (g_once_init_enter (&real))
    g_once_init_leave (&real, (gsize) dlsym (RTLD_NEXT, "g_hash_table_iter_next"));
  g_atomic_int_inc (&n_looks);
  return ((gboolean (*) (GHashTableIter *, gpointer *, gpointer *)) real) (iter, key, value);
}

/* Rounds come as often as anything does: none may look at every peer. */
static void
test_idle_round (PubsubFixture *fixture, gconstpointer data)
{
  pubsub_fixture_say_subscription (fixture);
  core_fixture_settle (&fixture->under_test);
  g_atomic_int_set (&n_looks, 0);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpint (g_atomic_int_get (&n_looks), ==, 0);
}

#define ADD(path, func)                g_test_add (path, PubsubFixture, NULL, pubsub_fixture_set_up, func, pubsub_fixture_tear_down)
#define ADD_STANDING(path, func, data) g_test_add (path, PubsubFixture, data, set_up_standing, func, tear_down_standing)

int
main (int argc, char **argv)
{
  clock_init ();
  log_keeper_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub/messages with a wrong signature are dropped and counted, the stream goes on", test_wrong_signature);
  ADD ("/pubsub/of many messages that others pass on none is dropped", test_too_many);
  ADD ("/pubsub/what its author says itself needs no signature where nobody else gets it", test_own_word);
  ADD ("/pubsub/many messages at once are checked and heard in order", test_many);
  ADD ("/pubsub/when a message was received is right after the wall clock was set", test_wall_clock);
  ADD_STANDING ("/pubsub/what is published just before a stop goes out whole", test_stop, NULL);
  ADD_STANDING ("/pubsub/what is published just before a stop goes out whole to a peer that goes as well", test_stop,
                "goodbye");
  ADD_STANDING ("/pubsub/that nobody subscribes is a line in the log, with a topic that differs by case or slash",
                test_unheard, NULL);
  ADD_STANDING ("/pubsub/a round in which nothing is said looks at no table", test_idle_round, NULL);
  return g_test_run ();
}
