/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages through a running core: what a peer signed wrongly is dropped and counted, and nothing else;
 * and when they came, by a wall clock that is set meanwhile.
 */
#include "config.h"

#include "clock.h"
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

#define ADD(path, func) g_test_add (path, PubsubFixture, NULL, pubsub_fixture_set_up, func, pubsub_fixture_tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub/messages with a wrong signature are dropped and counted, the stream goes on", test_wrong_signature);
  ADD ("/pubsub/when a message was received is right after the wall clock was set", test_wall_clock);
  return g_test_run ();
}
