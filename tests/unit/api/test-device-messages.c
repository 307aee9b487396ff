/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

static void
publish_local (AviDevice *device, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;

  avi_device_publish_full (device, topic, data, AVI_PUBLISH_LOCAL, &error);
  g_assert_no_error (error);
}

static void
keep (gpointer source, AviMessage *message, GString *told)
{
  g_string_append_printf (told, "%s ", avi_message_get_text (message));
}

static void
test_own_messages (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GString) told = g_string_new (NULL);

  g_signal_connect (subscription, "message", G_CALLBACK (keep), told);
  g_assert_cmpint (avi_device_publish_text (device, "x", "to-others", NULL), ==, 0);
  publish_local (device, "x", "to-all");
  g_assert_cmpint (avi_device_publish_text (device, "x", "to-others", NULL), ==, 0);
  publish_local (device, "x", "the-last");
  wait_until (g_str_has_suffix (told->str, "the-last "));
  g_assert_cmpstr (told->str, ==, "to-all the-last ");
}

static void
test_topics (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autofree char *longest = g_strnfill (1 << 20, 'x');
  const char *const topics[] = { "", "\xff", longest };

  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (avi_device_subscribe (device, topics[i], &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      g_assert_cmpint (avi_device_publish_text (device, topics[i], "x", &error), ==, -1);
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      g_assert_false (avi_device_wait_for_subscribers (device, topics[i], 1, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
    }
}

static void
assert_says_sizes (const GError *error)
{
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "1048576"));
  g_assert_nonnull (strstr (error->message, "1048577"));
}

static void
test_too_large (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autofree guint8 *zeros = g_malloc0 ((1 << 20) + 1);
  g_autoptr(GBytes) bytes = g_bytes_new_static (zeros, (1 << 20) + 1);
  g_auto(Outcome) outcome = { NULL };
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (avi_device_publish (device, "x", bytes, &error), ==, -1);
  assert_says_sizes (error);
  g_clear_error (&error);
  avi_device_publish_async (device, "x", bytes, AVI_PUBLISH_NONE, NULL, on_done, &outcome);
  /* Told later, like all else. */
  g_assert_null (outcome.result);
  wait_until (outcome.result != NULL);
  g_assert_cmpint (avi_device_publish_finish (device, outcome.result, &error), ==, -1);
  assert_says_sizes (error);
}

/* --- publish --- */

#define N_PUBLISHED 3000

static void
on_published (GObject      *source,
              GAsyncResult *result,
              gpointer      n_published)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (avi_device_publish_finish (AVI_DEVICE (source), result, &error), ==, 1);
  g_assert_no_error (error);
  (*(guint *) n_published)++;
}

static void
on_heard (AviSubscription *subscription,
          AviMessage      *message,
          guint           *n_heard)
{
  (*n_heard)++;
}

/* More than the queues between here and there hold: 6 MiB at once. */
static void
test_publishing_waits (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) to = start_device ("to");
  g_autoptr(AviSubscription) subscription = subscribe (to, "x");
  g_autoptr(AviPeer) peer = connect_devices (from, to);
  g_autofree char *text = g_strnfill (2048, 'x');
  g_autoptr(GBytes) data = g_bytes_new (text, 2048);
  guint n_published = 0, n_heard = 0;

  if (g_getenv ("AVI_TEST_SLOW") != NULL)
    {
      g_test_skip ("a peer that takes nothing for a second is not waited for");
      return;
    }
  avi_subscription_set_max_queued (subscription, N_PUBLISHED);
  g_signal_connect (subscription, "message", G_CALLBACK (on_heard), &n_heard);
  await_subscribers (from, "x", 1);
  for (guint i = 0; i < N_PUBLISHED; i++)
    avi_device_publish_async (from, "x", data, AVI_PUBLISH_NONE, NULL, on_published, &n_published);
  wait_until (n_published == N_PUBLISHED && n_heard == N_PUBLISHED);
}

static void
test_publish_sync (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) to = start_device ("to");
  g_autoptr(AviSubscription) subscription = subscribe (to, "x");
  g_autoptr(GCancellable) cancelled = g_cancellable_new ();
  g_autoptr(GBytes) data = g_bytes_new_static ("text", 4);
  g_autoptr(GError) error = NULL;
  guint n_heard = 0;

  g_signal_connect (subscription, "message", G_CALLBACK (on_heard), &n_heard);
  g_assert_cmpint (avi_device_publish_sync (from, "x", data, AVI_PUBLISH_NONE, NULL, NULL), ==, 0);
  g_object_unref (connect_devices (from, to));
  await_subscribers (from, "x", 1);
  g_assert_cmpint (avi_device_publish_sync (from, "x", data, AVI_PUBLISH_NONE, NULL, NULL), ==, 1);
  wait_until (n_heard == 1);

  g_cancellable_cancel (cancelled);
  g_assert_cmpint (avi_device_publish_sync (from, "x", data, AVI_PUBLISH_NONE, cancelled, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  stop_device (from);
  g_assert_cmpint (avi_device_publish_sync (from, "x", data, AVI_PUBLISH_NONE, NULL, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
}

#define N_ALONE 100

static guint64
get_bytes_sent (AviDevice *device)
{
  g_autoptr(GVariant) statistics = avi_device_get_statistics (device);
  guint64 sent;

  g_assert_true (g_variant_lookup (statistics, "bytes-sent", "t", &sent));
  return sent;
}

/* Where the engine happens to be at work it is told to, so not each time. */
static void
test_sent_at_once (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) to = start_device ("to");
  g_autoptr(AviSubscription) subscription = subscribe (to, "x");
  g_autoptr(AviPeer) peer = connect_devices (from, to);
  guint n_at_once = 0, n_heard = 0;

  g_signal_connect (subscription, "message", G_CALLBACK (on_heard), &n_heard);
  await_subscribers (from, "x", 1);
  for (guint i = 0; i < N_ALONE; i++)
    {
      guint64 before = get_bytes_sent (from);

      g_assert_cmpint (avi_device_publish_text (from, "x", "text", NULL), ==, 1);
      n_at_once += get_bytes_sent (from) > before;
      wait_until (n_heard == i + 1);
    }
  g_assert_cmpuint (n_at_once, >, 0);
}

/* --- holding --- */

static void
append (AviSubscription *subscription, AviMessage *message, GString *heard)
{
  g_string_append_printf (heard, "%s ", avi_message_get_text (message));
}

static gint
hold (AviDevice *device, const char *topic, const char *text, GError **error)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));

  return avi_device_publish_full (device, topic, data, AVI_PUBLISH_HOLD, error);
}

/* Each knows only the hub, which sends on one copy at once, the others after a tenth of a second. */
static void
test_hub_stops (void)
{
  g_autoptr(AviDevice) hub = new_device ("hub");
  g_autoptr(AviPubsubParams) params = avi_pubsub_params_new ();
  g_autoptr(AviSubscription) subscription = NULL;
  g_autoptr(GPtrArray) leaves = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *text = g_strnfill (64 * 1024, 'x');
  g_autoptr(GError) error = NULL;
  guint n_heard = 0;

  g_assert_true (avi_pubsub_params_set_number (params, "stagger-copies", 1, NULL));
  avi_device_set_pubsub_params (hub, params);
  avi_device_start (hub, NULL, &error);
  g_assert_no_error (error);
  subscription = subscribe (hub, "x");
  for (guint i = 0; i < 4; i++)
    {
      AviDevice *leaf = start_device ("leaf");
      AviSubscription *heard = subscribe (leaf, "x");

      g_signal_connect_swapped (heard, "message", G_CALLBACK (count), &n_heard);
      g_ptr_array_add (leaves, leaf);
      g_ptr_array_add (leaves, heard);
      g_object_unref (connect_devices (leaf, hub));
      await_subscribers (leaf, "x", 1);
    }
  await_subscribers (hub, "x", 4);
  g_assert_cmpint (avi_device_publish_text (leaves->pdata[0], "x", text, NULL), ==, 1);
  wait_until (n_heard > 0);
  stop_device (hub);
  wait_until (n_heard == 3);
}

/* Published while nobody is there, it comes, in order, and before what is published then. */
static void
test_hold (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) to = start_device ("to");
  g_autoptr(AviSubscription) subscription = subscribe (to, "x");
  g_autoptr(GBytes) data = g_bytes_new_static ("three", 5);
  g_autoptr(GString) heard = g_string_new (NULL);
  g_autoptr(AviPeer) peer = NULL;
  g_auto(Outcome) outcome = { NULL };

  g_signal_connect (subscription, "message", G_CALLBACK (append), heard);
  g_assert_cmpint (hold (from, "x", "one", NULL), ==, 0);
  g_assert_cmpint (hold (from, "x", "two", NULL), ==, 0);
  avi_device_publish_async (from, "x", data, AVI_PUBLISH_HOLD, NULL, on_done, &outcome);
  g_assert_cmpint (avi_device_publish_text (from, "x", "lost", NULL), ==, 0);
  peer = connect_devices (from, to);
  await_subscribers (from, "x", 1);
  g_assert_cmpint (avi_device_publish_text (from, "x", "four", NULL), ==, 1);
  wait_until (outcome.result != NULL && g_str_has_suffix (heard->str, "four "));
  g_assert_cmpint (avi_device_publish_finish (from, outcome.result, NULL), ==, 1);
  g_assert_cmpstr (heard->str, ==, "one two three four ");
}

static void
test_hold_limits (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autofree char *long_text = g_strnfill (101, 'x');
  g_autoptr(GError) many = NULL, much = NULL;
  g_autoptr(AviTopicStatistics) statistics = NULL;

  g_object_set (device, "max-held", 2, "max-held-bytes", 100, NULL);
  avi_device_start (device, NULL, NULL);
  g_assert_cmpint (hold (device, "x", "one", NULL), ==, 0);
  g_assert_cmpint (hold (device, "x", "two", NULL), ==, 0);
  g_assert_cmpint (hold (device, "x", "three", &many), ==, -1);
  g_assert_error (many, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (many->message, "“x”"));
  g_assert_nonnull (strstr (many->message, "at most 2 (max-held)"));
  g_assert_cmpint (hold (device, "y", long_text, &much), ==, -1);
  g_assert_error (much, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (much->message, "at most 100 (max-held-bytes)"));
  statistics = avi_device_get_topic_statistics (device, "x");
  g_assert_cmpuint (avi_topic_statistics_get_held (statistics), ==, 2);
}

static void
test_hold_timeout (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GBytes) data = g_bytes_new_static ("text", 4);
  g_auto(Outcome) late = { NULL }, stopped = { NULL };
  g_autoptr(GError) error = NULL;
  g_autoptr(AviTopicStatistics) statistics = NULL;

  g_object_set (device, "hold-timeout", 1, NULL);
  avi_device_start (device, NULL, NULL);
  avi_device_publish_async (device, "x", data, AVI_PUBLISH_HOLD, NULL, on_done, &late);
  wait_until (late.result != NULL);
  g_assert_cmpint (avi_device_publish_finish (device, late.result, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "“x” within 1.0 s (hold-timeout)"));
  g_clear_error (&error);

  /* What is held does not outlast the device's run. */
  avi_device_publish_async (device, "x", data, AVI_PUBLISH_HOLD, NULL, on_done, &stopped);
  stop_device (device);
  wait_until (stopped.result != NULL);
  g_assert_cmpint (avi_device_publish_finish (device, stopped.result, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  statistics = avi_device_get_topic_statistics (device, "x");
  g_assert_cmpuint (avi_topic_statistics_get_held (statistics), ==, 0);
  g_assert_cmpuint (avi_topic_statistics_get_dropped (statistics, AVI_DROP_REASON_HELD), ==, 2);
}

/* --- who subscribes --- */

static void
test_wait_for_subscribers (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) bedroom = start_device ("bedroom");
  g_autoptr(AviDevice) attic = start_device ("attic");
  AviDevice *to[] = { bedroom, attic };
  g_auto(Outcome) one = { NULL }, both = { NULL };

  await_subscribers (from, "x", 0);
  avi_device_wait_for_subscribers_async (from, "x", 1, NULL, on_done, &one);
  avi_device_wait_for_subscribers_async (from, "x", 2, NULL, on_done, &both);
  for (guint i = 0; i < G_N_ELEMENTS (to); i++)
    {
      g_object_unref (connect_devices (from, to[i]));
      g_object_unref (subscribe (to[i], "y"));
      await_subscribers (from, "y", i + 1);
      /* Another topic is nothing to them. */
      settle ();
      g_assert_true ((one.result != NULL) == (i > 0));
      g_assert_null (both.result);
      g_object_unref (subscribe (to[i], "x"));
      await_subscribers (from, "x", i + 1);
      wait_until (one.result != NULL);
    }
  wait_until (both.result != NULL);
  g_assert_true (avi_device_wait_for_subscribers_finish (from, one.result, NULL));
  g_assert_true (avi_device_wait_for_subscribers_finish (from, both.result, NULL));
  /* What was waited for is what publishing reaches. */
  g_assert_cmpint (avi_device_publish_text (from, "x", "text", NULL), ==, 2);
}

/* --- the device's own signal of a message --- */

typedef struct
{
  AviDevice       *device;
  AviSubscription *one, *two;
  guint            n_one, n_two, n_device;
} Shared;

static void
shared_set_up (Shared *self, gconstpointer data)
{
  self->device = start_device ("kitchen");
  self->one = subscribe (self->device, "x");
  self->two = subscribe (self->device, "x");
  g_signal_connect_swapped (self->one, "message", G_CALLBACK (count), &self->n_one);
  g_signal_connect_swapped (self->two, "message", G_CALLBACK (count), &self->n_two);
  g_signal_connect_swapped (self->device, "message::x", G_CALLBACK (count), &self->n_device);
}

static void
shared_tear_down (Shared *self, gconstpointer data)
{
  g_object_unref (self->one);
  g_object_unref (self->two);
  g_object_unref (self->device);
  settle ();
}

/* Returns once the five wait for the program, of which the second subscription keeps one. */
static void
queue_five (Shared *self)
{
  avi_subscription_set_max_queued (self->two, 1);
  for (guint i = 0; i < 5; i++)
    publish_local (self->device, "x", "text");
  while (avi_subscription_get_dropped (self->two) < 4)
    g_usleep (1000);
}

static void
test_shared_limited (Shared *self, gconstpointer data)
{
  if (skip_unthreaded ())
    return;

  queue_five (self);
  wait_until (self->n_one == 5 && self->n_device == 5);
  settle ();
  g_assert_cmpuint (self->n_one, ==, 5);
  g_assert_cmpuint (self->n_two, ==, 1);
  g_assert_cmpuint (self->n_device, ==, 5);
}

static void
test_shared_cancelled (Shared *self, gconstpointer data)
{
  if (skip_unthreaded ())
    return;

  queue_five (self);
  avi_subscription_cancel (self->two);
  wait_until (self->n_one == 5 && self->n_device == 5);
  settle ();
  g_assert_cmpuint (self->n_one, ==, 5);
  g_assert_cmpuint (self->n_two, ==, 0);
  g_assert_cmpuint (self->n_device, ==, 5);
}

static void
cancel_other (AviSubscription *subscription, AviMessage *message, AviSubscription *other)
{
  avi_subscription_cancel (other);
}

/* The other one's is on its way already. */
static void
test_shared_cancelled_in_handler (Shared *self, gconstpointer data)
{
  g_signal_connect (self->one, "message", G_CALLBACK (cancel_other), self->two);
  for (guint i = 0; i < 3; i++)
    publish_local (self->device, "x", "text");
  wait_until (self->n_device == 3);
  settle ();
  g_assert_cmpuint (self->n_one, ==, 3);
  g_assert_cmpuint (self->n_two, ==, 0);
  g_assert_cmpuint (self->n_device, ==, 3);
}

static void
cancel_both (AviSubscription *first, AviMessage *message, Shared *self)
{
  avi_subscription_cancel (self->one);
  avi_subscription_cancel (self->two);
}

static void
test_shared_told_to_none (Shared *self, gconstpointer data)
{
  if (skip_unthreaded ())
    return;

  g_autoptr(AviSubscription) first = subscribe (self->device, "first");
  g_autoptr(AviSubscription) last = subscribe (self->device, "last");
  guint n_last = 0;

  g_signal_connect (first, "message", G_CALLBACK (cancel_both), self);
  g_signal_connect_swapped (last, "message", G_CALLBACK (count), &n_last);
  publish_local (self->device, "first", "text");
  queue_five (self);
  publish_local (self->device, "last", "text");
  wait_until (n_last == 1);
  g_assert_cmpuint (self->n_one, ==, 0);
  g_assert_cmpuint (self->n_two, ==, 0);
  g_assert_cmpuint (self->n_device, ==, 0);
}

static void
log_letter (gpointer source, AviMessage *message, GString *told)
{
  g_string_append_printf (told, "%c%s ", AVI_IS_DEVICE (source) ? 'd' : 's', avi_message_get_text (message));
}

static void
test_shared_order (Shared *self, gconstpointer data)
{
  g_autoptr(GString) told = g_string_new (NULL);

  g_signal_connect (self->one, "message", G_CALLBACK (log_letter), told);
  g_signal_connect (self->two, "message", G_CALLBACK (log_letter), told);
  g_signal_connect (self->device, "message", G_CALLBACK (log_letter), told);
  for (guint i = 0; i < 3; i++)
    publish_local (self->device, "x", (char[]){ (char) ('0' + i), '\0' });
  wait_until (self->n_device == 3);
  g_assert_cmpstr (told->str, ==, "s0 s0 d0 s1 s1 d1 s2 s2 d2 ");
}

static void
test_shared_details (Shared *self, gconstpointer data)
{
  g_autoptr(AviSubscription) other = subscribe (self->device, "y");
  g_autoptr(GString) told = g_string_new (NULL);

  g_signal_connect (self->device, "message", G_CALLBACK (keep), told);
  publish_local (self->device, "x", "1");
  publish_local (self->device, "y", "2");
  wait_until (g_str_has_suffix (told->str, "2 "));
  g_assert_cmpstr (told->str, ==, "1 2 ");
  g_assert_cmpuint (self->n_device, ==, 1);
  /* A detail that nobody asked for is not kept for ever. */
  g_assert_cmpuint (g_quark_try_string ("y"), ==, 0);
}

#define ADD_SHARED(path, test) g_test_add (path, Shared, NULL, shared_set_up, test, shared_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-messages/a device hears itself only where it wants to", test_own_messages);
  g_test_add_func ("/device-messages/a topic that cannot be is refused", test_topics);
  g_test_add_func ("/device-messages/a message over the limit is refused with its size and the limit", test_too_large);
  g_test_add_func ("/device-messages/what is published waits for room, and nothing is lost", test_publishing_waits);
  g_test_add_func ("/device-messages/the synchronous form says how many have it", test_publish_sync);
  g_test_add_func ("/device-messages/a small message that comes alone is sent before publish returns",
                   test_sent_at_once);
  g_test_add_func ("/device-messages/what a device is passing on goes out when it stops", test_hub_stops);
  g_test_add_func ("/device-messages/what is held comes to the first who subscribes, in order", test_hold);
  g_test_add_func ("/device-messages/no more is held than may be, and the error says of what", test_hold_limits);
  g_test_add_func ("/device-messages/what is held for too long, or at a stop, is dropped, told and counted",
                   test_hold_timeout);
  g_test_add_func ("/device-messages/subscribers are waited for by topic and number", test_wait_for_subscribers);
  ADD_SHARED ("/device-messages/the device tells of each message once, by its topic", test_shared_details);
  ADD_SHARED ("/device-messages/the device tells of a message after all its subscriptions", test_shared_order);
  ADD_SHARED ("/device-messages/the device tells of what one of two subscriptions had to drop", test_shared_limited);
  ADD_SHARED ("/device-messages/the device tells of what is left where one of two is cancelled", test_shared_cancelled);
  ADD_SHARED ("/device-messages/so it does where a handler cancels the other", test_shared_cancelled_in_handler);
  ADD_SHARED ("/device-messages/the device does not tell of what no subscription is told of", test_shared_told_to_none);
  return g_test_run ();
}
