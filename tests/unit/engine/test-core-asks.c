/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What handles ask of a core: refused where it does not run, kept until the engine is there, bounded
 * while the engine is slow.
 */
#include "config.h"

#include "avi-error.h"
#include "engine/avi-core-private.h"
#include "gate.h"
#include "protocols/gossipsub/avi-gossipsub.h"

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

static void
assert_not_running (AviCall *call)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_call_is_done (call));
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
}

static void
test_stopped (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) dial = avi_call_new (NULL);
  g_autoptr(AviCall) wait = avi_call_new (NULL);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("x", 1);
  g_autoptr(GError) error = NULL;

  avi_core_dial (fixture->core, "/ip4/127.0.0.1/tcp/1", dial);
  assert_not_running (dial);
  avi_core_wait_for_subscribers (fixture->core, "chat", 1, wait);
  assert_not_running (wait);
  avi_core_discover (fixture->core);
  avi_core_hurry (fixture->core);
  g_assert_cmpint (avi_core_publish (fixture->core, "chat", bytes, FALSE, NULL, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
}

static void
test_starting (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) start = avi_call_new (NULL);
  g_autoptr(AviCall) dial = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  gate_close ();
  avi_core_start (fixture->core, &fixture->settings, start);
  avi_core_dial (fixture->core, "nobody", dial);
  g_assert_false (avi_call_is_done (dial));
  gate_open ();
  avi_call_wait (dial);
  g_assert_false (avi_call_get_result (dial, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
}

/* It was asked before the stop, and is not left without an answer. */
static void
test_stopping (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) before = avi_call_new (NULL);
  g_autoptr(AviCall) stop = avi_call_new (NULL);
  g_autoptr(AviCall) after = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  avi_core_stop (fixture->core, stop);
  avi_core_wait_for_subscribers (fixture->core, "chat", 1, after);
  assert_not_running (after);
  gate_open ();
  avi_call_wait (stop);

  gate_close ();
  avi_core_start (fixture->core, &fixture->settings, NULL);
  avi_core_dial (fixture->core, "nobody", before);
  avi_core_stop (fixture->core, NULL);
  gate_open ();
  avi_call_wait (before);
  g_assert_false (avi_call_get_result (before, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
}

static gboolean
publish (CoreFixture *fixture, gsize size, AviCall *call, GError **error)
{
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr(GBytes) bytes = g_bytes_new (text, size);

  return avi_core_publish (fixture->core, "chat", bytes, FALSE, call, error) >= 0;
}

static void
test_many_messages (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) waits = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  for (guint i = 0; i < AVI_CORE_MAX_QUEUED_MESSAGES; i++)
    g_assert_true (publish (fixture, 1, NULL, NULL));
  g_assert_false (publish (fixture, 1, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, G_STRINGIFY (AVI_CORE_MAX_QUEUED_MESSAGES)));
  g_assert_true (publish (fixture, 1, waits, NULL));
  g_assert_false (avi_call_is_done (waits));
  gate_open ();
  avi_call_wait (waits);
  g_assert_true (avi_call_get_result (waits, NULL, NULL, NULL));
  g_assert_true (publish (fixture, 1, NULL, NULL));
}

static void
test_many_bytes (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) too_much = NULL;
  g_autoptr(GError) too_long = NULL;

  core_fixture_start (fixture);
  gate_close_behind (fixture);
  for (guint i = 0; i < AVI_CORE_MAX_QUEUED_BYTES / AVI_GOSSIPSUB_MAX_MESSAGE; i++)
    g_assert_true (publish (fixture, AVI_GOSSIPSUB_MAX_MESSAGE, NULL, NULL));
  g_assert_false (publish (fixture, 1, NULL, &too_much));
  g_assert_error (too_much, AVI_ERROR, AVI_ERROR_LIMIT);
  gate_open ();
  core_fixture_settle (fixture);
  g_assert_true (publish (fixture, 1, NULL, NULL));
  g_assert_false (publish (fixture, AVI_GOSSIPSUB_MAX_MESSAGE + 1, NULL, &too_long));
  g_assert_error (too_long, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (too_long->message, "1048577"));
}

static void
test_topics (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) inboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_inbox_unref);
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) topics = NULL;
  AviInbox *again;

  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic %u", i);
      AviInbox *inbox = avi_core_subscribe (fixture->core, topic, 1, 1, NULL);

      g_assert_nonnull (inbox);
      g_ptr_array_add (inboxes, inbox);
    }
  g_assert_null (avi_core_subscribe (fixture->core, "one more", 1, 1, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "one more"));

  /* Another inbox of a topic is not another topic, and a topic stays with its last one. */
  again = avi_core_subscribe (fixture->core, "topic 0", 1, 1, NULL);
  g_assert_nonnull (again);
  avi_core_unsubscribe (fixture->core, again);
  avi_inbox_unref (again);
  topics = avi_core_dup_topics (fixture->core);
  g_assert_cmpuint (g_strv_length (topics), ==, AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS);
  for (guint i = 0; i < inboxes->len; i++)
    avi_core_unsubscribe (fixture->core, g_ptr_array_index (inboxes, i));
  g_strfreev (topics);
  topics = avi_core_dup_topics (fixture->core);
  g_assert_cmpuint (g_strv_length (topics), ==, 0);
}

#define ADD(path, func) g_test_add (path, CoreFixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  gate_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/core-asks/what is asked of one that is stopped is refused at once", test_stopped);
  ADD ("/core-asks/what is asked of one that starts waits for it", test_starting);
  ADD ("/core-asks/what is asked of one that stops is refused, or has an answer", test_stopping);
  ADD ("/core-asks/no more messages than allowed wait for the engine, but for who waits for room", test_many_messages);
  ADD ("/core-asks/no more bytes than allowed wait for the engine", test_many_bytes);
  ADD ("/core-asks/no more topics than allowed are subscribed to", test_topics);
  return g_test_run ();
}
