/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program publishes, before the engine takes it: bounded, and who used it up is said; what is held
 * while nobody subscribes; what is counted of each topic.
 */
#include "config.h"

#include <gio/gio.h>

#include "avi-error.h"
#include "gate.h"

#define TOPIC "chat"

static void
set_up (CoreFixture *fixture, gconstpointer data)
{
  core_fixture_init (fixture);
}

static void
tear_down (CoreFixture *fixture, gconstpointer data)
{
  gate_open ();
  core_fixture_clear (fixture);
}

static gboolean
publish (CoreFixture *fixture, const char *topic, gsize size, guint flags, AviCall *call, GError **error)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_strnfill (size, 'x'), size);

  return avi_core_publish (fixture->core, topic, bytes, flags, call, error) >= 0;
}

static gboolean
hold (CoreFixture *fixture, const char *topic, gsize size, GError **error)
{
  return publish (fixture, topic, size, AVI_CORE_PUBLISH_HOLD, NULL, error);
}

static guint64
count (CoreFixture *fixture, const char *topic, AviTopicCount what)
{
  AviTopicCounts counts;
  guint n_held;

  avi_core_dup_topic_counts (fixture->core, topic, &counts, &n_held);
  return counts.n[what];
}

static guint
count_held (CoreFixture *fixture, const char *topic)
{
  AviTopicCounts counts;
  guint n_held;

  avi_core_dup_topic_counts (fixture->core, topic, &counts, &n_held);
  return n_held;
}

static void
assert_limit (const GError *error, ...)
{
  va_list words;
  const char *word;

  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_test_message ("%s", error->message);
  va_start (words, error);
  while ((word = va_arg (words, const char *)) != NULL)
    g_assert_nonnull (strstr (error->message, word));
  va_end (words);
}

/* --- the queue --- */

static void
test_who_used_it_up (CoreFixture *fixture, gconstpointer data)
{
  g_autofree char *peer = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->identity));
  g_autoptr(GError) error = NULL, with_peer = NULL;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  for (guint i = 0; i < AVI_CORE_MAX_QUEUED_MESSAGES; i++)
    g_assert_true (publish (fixture, i % 4 == 0 ? "seldom" : "often", 10, 0, NULL, NULL));
  g_assert_false (publish (fixture, "seldom", 10, 0, NULL, &error));
  assert_limit (error, "4096 messages", "40960 bytes", "16777216", "“often”: 3072 of 30720", NULL);
  g_assert_null (strstr (error->message, "Peer"));
  avi_core_set_blocker (fixture->core, avi_key_pair_get_peer_id (fixture->identity));
  g_assert_false (publish (fixture, "seldom", 10, 0, NULL, &with_peer));
  assert_limit (with_peer, peer, "no room", NULL);
  avi_core_set_blocker (fixture->core, NULL);
  gate_open ();
  core_fixture_settle (fixture);
  g_assert_true (publish (fixture, "seldom", 10, 0, NULL, NULL));
  g_assert_cmpuint (count (fixture, "often", AVI_TOPIC_PUBLISHED), ==, 3072);
  g_assert_cmpuint (count (fixture, "often", AVI_TOPIC_PUBLISHED_BYTES), ==, 30720);
  g_assert_cmpuint (count (fixture, "never", AVI_TOPIC_PUBLISHED), ==, 0);
}

static void
test_cancelled_in_queue (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  g_assert_true (publish (fixture, TOPIC, 1, AVI_CORE_PUBLISH_HOLD, call, NULL));
  g_assert_cmpuint (count_held (fixture, TOPIC), ==, 1);
  avi_core_cancel (fixture->core, call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (count_held (fixture, TOPIC), ==, 0);
}

/* As it is set, not as it could be at most; and as it is set anew. */
static void
test_too_large (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  AviGossipsubParams params;

  avi_gossipsub_params_init (&params);
  g_assert_true (avi_gossipsub_params_set (&params, NULL, "max-message-size", 1000, NULL));
  fixture->settings.pubsub = &params;
  core_fixture_start (fixture);
  g_assert_true (publish (fixture, TOPIC, 1000, 0, NULL, NULL));
  g_assert_false (publish (fixture, TOPIC, 1001, 0, NULL, &error));
  assert_limit (error, "1001 bytes", "at most 1000", "pubsub-params", "max-message-size", NULL);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_PUBLISHED), ==, 1);
  core_fixture_stop (fixture);
  fixture->settings.pubsub = NULL;
  core_fixture_start (fixture);
  g_assert_true (publish (fixture, TOPIC, 1001, 0, NULL, NULL));
}

/* It may lean on one of them: how its topic is treated. */
static void
test_after_commands (CoreFixture *fixture, gconstpointer data)
{
  GQueue out = G_QUEUE_INIT;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  for (AviCommand *next, *left = avi_core_take_commands (fixture->core); left != NULL; left = next) /* the gate's */
    {
      next = left->next;
      avi_command_free (left);
    }
  g_assert_true (publish (fixture, TOPIC, 1, 0, NULL, NULL));
  avi_core_discover (fixture->core);
  g_assert_true (publish (fixture, TOPIC, 1, 0, NULL, NULL));
  avi_core_take_publications (fixture->core, G_MAXSIZE, TRUE, &out);
  g_assert_cmpuint (out.length, ==, 1);
  avi_core_take_publications (fixture->core, G_MAXSIZE, FALSE, &out);
  g_assert_cmpuint (out.length, ==, 2);
  avi_core_end_publications (fixture->core, &out);
}

/* The queue is refused with the stop, too. */
static void
test_queued_at_the_end (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL), again = avi_call_new (NULL);

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  g_assert_true (publish (fixture, TOPIC, 1, 0, call, NULL));
  avi_core_stop (fixture->core, NULL);
  gate_open ();
  avi_call_wait (call);
  /* It was taken before the goodbye, and there was nobody. */
  g_assert_true (avi_call_get_result (call, NULL, NULL, NULL));
  g_assert_false (publish (fixture, TOPIC, 1, 0, again, NULL));
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_PUBLISHED), ==, 1);
}

/* --- holding --- */

static void
test_held_messages (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fixture->settings.max_held = 3;
  core_fixture_start (fixture);
  for (guint i = 0; i < 3; i++)
    g_assert_true (hold (fixture, TOPIC, 10, NULL));
  core_fixture_settle (fixture);
  g_assert_cmpuint (count_held (fixture, TOPIC), ==, 3);
  g_assert_false (hold (fixture, TOPIC, 10, &error));
  assert_limit (error, "“" TOPIC "”", "3 messages of at most 3 (max-held)", NULL);
  /* What need not be held goes. */
  g_assert_true (publish (fixture, TOPIC, 10, 0, NULL, NULL));
  g_assert_true (hold (fixture, "another", 10, NULL));
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_PUBLISHED), ==, 4);
}

static void
test_held_bytes (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fixture->settings.max_held_bytes = 1000;
  core_fixture_start (fixture);
  g_assert_true (hold (fixture, TOPIC, 600, NULL));
  g_assert_false (hold (fixture, TOPIC, 401, &error));
  assert_limit (error, "“" TOPIC "”", "600 bytes of at most 1000 (max-held-bytes)", "401", NULL);
  g_assert_true (hold (fixture, TOPIC, 400, NULL));
}

static void
test_held_in_all (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) many = NULL, much = NULL;
  guint n = 0;

  core_fixture_start (fixture);
  for (guint i = 0; i < AVI_CORE_MAX_HELD_BYTES / AVI_CORE_MAX_HELD_BYTES_EACH; i++)
    for (guint part = 0; part < AVI_CORE_MAX_HELD_BYTES_EACH / (1024 * 1024); part++)
      {
        g_autofree char *topic = g_strdup_printf ("topic %u", i);

        g_assert_true (hold (fixture, topic, 1024 * 1024, NULL));
        core_fixture_settle (fixture);
      }
  g_assert_false (hold (fixture, "one more", 1, &much));
  assert_limit (much, "“one more”", "16777216 bytes of at most 16777216", NULL);
  core_fixture_stop (fixture);

  core_fixture_start (fixture);
  for (; n < AVI_CORE_MAX_HELD_MESSAGES; n++)
    {
      g_autofree char *topic = g_strdup_printf ("topic %u", n / AVI_CORE_MAX_HELD);

      g_assert_true (hold (fixture, topic, 1, NULL));
      if (n % 256 == 0)
        core_fixture_settle (fixture);
    }
  core_fixture_settle (fixture);
  g_assert_false (hold (fixture, "one more", 1, &many));
  assert_limit (many, "“one more”", "4096 messages of at most 4096", NULL);
}

/* None survives the stop, and each is counted. */
static void
test_held_at_the_end (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  core_fixture_start (fixture);
  g_assert_true (publish (fixture, TOPIC, 1, AVI_CORE_PUBLISH_HOLD, call, NULL));
  g_assert_true (hold (fixture, TOPIC, 1, NULL));
  core_fixture_settle (fixture);
  g_assert_false (avi_call_is_done (call));
  core_fixture_stop (fixture);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_nonnull (strstr (error->message, TOPIC));
  g_assert_cmpuint (count_held (fixture, TOPIC), ==, 0);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_DROPPED_HELD), ==, 2);
  core_fixture_start (fixture);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_DROPPED_HELD), ==, 2);
}

/* --- counts --- */

static void
test_counts (CoreFixture *fixture, gconstpointer data)
{
  AviTopicCounts some = { .n = { [AVI_TOPIC_DUPLICATES] = 2, [AVI_TOPIC_DROPPED_INVALID] = 3 } };
  static const char *const expected[] = { "b", "a", NULL };
  g_auto(GStrv) topics = NULL;

  avi_core_count_topic (fixture->core, "a", &some);
  avi_core_count_topic (fixture->core, "b", &some);
  avi_core_count_topic (fixture->core, "a", &some);
  g_assert_cmpuint (count (fixture, "a", AVI_TOPIC_DUPLICATES), ==, 4);
  g_assert_cmpuint (count (fixture, "a", AVI_TOPIC_DROPPED_INVALID), ==, 6);
  g_assert_cmpuint (count (fixture, "b", AVI_TOPIC_DUPLICATES), ==, 2);
  topics = avi_core_dup_counted_topics (fixture->core);
  g_assert_true (g_strv_equal ((const char *const *) topics, expected));
}

/* An inbox's are counted with the topic's, also when it is gone. */
static void
test_unheard (CoreFixture *fixture, gconstpointer data)
{
  AviInbox *one = avi_core_subscribe (fixture->core, TOPIC, 1, 1000, NULL);
  AviInbox *two = avi_core_subscribe (fixture->core, TOPIC, 2, 1000, NULL);

  core_fixture_start (fixture);
  for (guint i = 0; i < 5; i++)
    g_assert_true (publish (fixture, TOPIC, 1, AVI_CORE_PUBLISH_ECHO, NULL, NULL));
  core_fixture_settle (fixture);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_DROPPED_SUBSCRIPTION), ==, 4 + 3);
  avi_core_unsubscribe (fixture->core, one);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_DROPPED_SUBSCRIPTION), ==, 4 + 3);
  avi_core_unsubscribe (fixture->core, two);
  g_assert_cmpuint (count (fixture, TOPIC, AVI_TOPIC_DROPPED_SUBSCRIPTION), ==, 4 + 3);
  avi_inbox_unref (one);
  avi_inbox_unref (two);
}

#define ADD(what, test) g_test_add ("/core-publish/" what, CoreFixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  gate_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("a full queue says its sizes, on which topic most is, and who has no room", test_who_used_it_up);
  ADD ("what is larger than max-message-size is refused, with its value", test_too_large);
  ADD ("what is cancelled before the engine has it is gone", test_cancelled_in_queue);
  ADD ("what is published goes behind the commands that came before", test_after_commands);
  ADD ("what was published just before a stop is answered", test_queued_at_the_end);
  ADD ("no more messages are held on a topic than may be", test_held_messages);
  ADD ("no more bytes are held on a topic than may be", test_held_bytes);
  ADD ("no more is held on all topics together than may be", test_held_in_all);
  ADD ("what is held at a stop is dropped, counted, and told to who waits for it", test_held_at_the_end);
  ADD ("counts add up by topic, and the topics are listed", test_counts);
  ADD ("what subscriptions drop is counted with their topic", test_unheard);
  return g_test_run ();
}
