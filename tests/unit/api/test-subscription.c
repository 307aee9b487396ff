/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

typedef struct
{
  AviDevice *kitchen;
  AviDevice *bedroom;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->kitchen = start_device ("kitchen");
  self->bedroom = start_device ("bedroom");
  g_object_unref (connect_devices (self->kitchen, self->bedroom));
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_object_unref (self->kitchen);
  g_object_unref (self->bedroom);
  settle ();
}

static void
publish (AviDevice *device, const char *topic, const char *text)
{
  g_autoptr(GError) error = NULL;

  avi_device_publish_text (device, topic, text, &error);
  g_assert_no_error (error);
}

static void
publish_local (AviDevice *device, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;

  avi_device_publish_full (device, topic, data, AVI_PUBLISH_LOCAL, &error);
  g_assert_no_error (error);
}

static void
keep (gpointer source, AviMessage *message, GPtrArray *messages)
{
  g_ptr_array_add (messages, avi_message_ref (message));
}

static GPtrArray *
new_messages (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) avi_message_unref);
}

static void
assert_text (GPtrArray *messages, guint i, const char *text)
{
  g_assert_cmpuint (messages->len, >, i);
  g_assert_cmpstr (avi_message_get_text (g_ptr_array_index (messages, i)), ==, text);
}

/* --- messages --- */

static void
test_both_ways (Fixture *self, gconstpointer data)
{
  g_autoptr(AviSubscription) here = subscribe (self->kitchen, "room/light");
  g_autoptr(AviSubscription) there = subscribe (self->bedroom, "room/light");
  g_autoptr(GPtrArray) heard_here = new_messages ();
  g_autoptr(GPtrArray) heard_there = new_messages ();
  g_autofree char *id = avi_device_dup_peer_id (self->kitchen);
  g_autoptr(GDateTime) received = NULL;
  AviMessage *message;

  g_signal_connect (here, "message", G_CALLBACK (keep), heard_here);
  g_signal_connect (there, "message", G_CALLBACK (keep), heard_there);
  await_subscribers (self->kitchen, "room/light", 1);
  await_subscribers (self->bedroom, "room/light", 1);
  g_assert_cmpint (avi_device_publish_text (self->kitchen, "room/light", "on", NULL), ==, 1);
  publish (self->bedroom, "room/light", "off");
  wait_until (heard_here->len == 1 && heard_there->len == 1);
  assert_text (heard_here, 0, "off");
  assert_text (heard_there, 0, "on");

  message = g_ptr_array_index (heard_there, 0);
  g_assert_cmpstr (avi_message_get_from (message), ==, id);
  g_assert_cmpstr (avi_message_get_topic (message), ==, "room/light");
  received = avi_message_get_received_at (message);
  g_assert_nonnull (received);
}

static void
test_bytes (Fixture *self, gconstpointer data)
{
  g_autoptr(AviSubscription) there = subscribe (self->bedroom, "raw");
  g_autoptr(GPtrArray) heard = new_messages ();
  guint8 raw[256 * 1024];
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);

  for (guint i = 0; i < sizeof raw; i++)
    raw[i] = (guint8) (i * 7);
  bytes = g_bytes_new (raw, sizeof raw);
  g_signal_connect (there, "message", G_CALLBACK (keep), heard);
  await_subscribers (self->kitchen, "raw", 1);
  g_assert_cmpint (avi_device_publish (self->kitchen, "raw", bytes, NULL), ==, 1);
  g_assert_cmpint (avi_device_publish (self->kitchen, "raw", nothing, NULL), ==, 1);
  wait_until (heard->len == 2);
  g_assert_true (g_bytes_equal (avi_message_get_data (g_ptr_array_index (heard, 0)), bytes));
  g_assert_cmpuint (g_bytes_get_size (avi_message_get_data (g_ptr_array_index (heard, 1))), ==, 0);
}

/* --- its life --- */

static void
test_held (Fixture *self, gconstpointer data)
{
  guint n = 0;

  {
    g_autoptr(AviSubscription) forgotten = subscribe (self->kitchen, "x");

    g_signal_connect_swapped (forgotten, "message", G_CALLBACK (count), &n);
  }
  publish_local (self->kitchen, "x", "text");
  wait_until (n == 1);
}

static void
test_restart (Fixture *self, gconstpointer data)
{
  g_autoptr(AviSubscription) there = subscribe (self->bedroom, "x");
  g_autoptr(GPtrArray) heard = new_messages ();

  g_signal_connect (there, "message", G_CALLBACK (keep), heard);
  for (guint i = 0; i < 3; i++)
    {
      stop_device (self->bedroom);
      g_assert_true (avi_device_start (self->bedroom, NULL, NULL));
      g_object_unref (connect_devices (self->kitchen, self->bedroom));
      await_subscribers (self->kitchen, "x", 1);
      publish (self->kitchen, "x", "text");
      wait_until (heard->len == i + 1);
    }
}

static void
test_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr(AviSubscription) there = subscribe (self->bedroom, "x");
  guint n = 0;

  g_signal_connect_swapped (there, "message", G_CALLBACK (count), &n);
  await_subscribers (self->kitchen, "x", 1);
  /* It waits in the queue, and is not told any more. */
  publish_local (self->bedroom, "x", "text");
  avi_subscription_cancel (there);
  avi_subscription_cancel (there);
  settle ();
  /* The others hear of it. */
  wait_until (avi_device_publish_text (self->kitchen, "x", "text", NULL) == 0);
  settle ();
  g_assert_cmpuint (n, ==, 0);
}

static void
test_after_device (void)
{
  AviDevice *device = new_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &device);
  g_object_unref (device);
  /* It did not keep its device alive. */
  g_assert_null (device);
  avi_subscription_set_max_queued (subscription, 1);
  g_assert_cmpuint (avi_subscription_get_dropped (subscription), ==, 0);
  avi_subscription_cancel (subscription);
}

static void
on_active (AviSubscription *subscription, GParamSpec *pspec, guint *n)
{
  g_assert_false (avi_subscription_get_active (subscription));
  (*n)++;
}

static void
test_active (Fixture *self, gconstpointer data)
{
  g_autoptr(AviSubscription) cancelled = subscribe (self->kitchen, "x");
  g_autoptr(AviSubscription) orphan = subscribe (self->kitchen, "x");
  guint n_cancelled = 0, n_orphan = 0;
  gboolean active;

  g_signal_connect (cancelled, "notify::active", G_CALLBACK (on_active), &n_cancelled);
  g_signal_connect (orphan, "notify::active", G_CALLBACK (on_active), &n_orphan);
  g_object_get (cancelled, "active", &active, NULL);
  g_assert_true (active);

  avi_subscription_cancel (cancelled);
  avi_subscription_cancel (cancelled);
  g_assert_false (avi_subscription_get_active (cancelled));
  /* Never inside the call. */
  g_assert_cmpuint (n_cancelled, ==, 0);
  wait_until (n_cancelled > 0);

  g_assert_true (avi_subscription_get_active (orphan));
  g_clear_object (&self->kitchen);
  g_assert_false (avi_subscription_get_active (orphan));
  wait_until (n_orphan > 0);
  settle ();
  g_assert_cmpuint (n_cancelled, ==, 1);
  g_assert_cmpuint (n_orphan, ==, 1);
  self->kitchen = start_device ("kitchen");
}

/* --- limits --- */

static void
test_dropped (Fixture *self, gconstpointer data)
{
  if (skip_unthreaded ())
    return;

  g_autoptr(AviSubscription) here = subscribe (self->kitchen, "x");
  g_autoptr(AviSubscription) all = subscribe (self->kitchen, "y");
  g_autoptr(GPtrArray) heard = new_messages ();
  guint n_all = 0, n_notified = 0;

  g_assert_cmpuint (avi_subscription_get_max_queued (here), ==, 1000);
  g_assert_cmpuint (avi_subscription_get_max_queued_bytes (here), ==, 16 * 1024 * 1024);
  avi_subscription_set_max_queued (here, 3);
  g_signal_connect (here, "message", G_CALLBACK (keep), heard);
  g_signal_connect_swapped (here, "notify::dropped", G_CALLBACK (count), &n_notified);
  g_signal_connect_swapped (all, "message", G_CALLBACK (count), &n_all);

  /* In a handler's place: the program does nothing while these arrive. */
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      publish_local (self->kitchen, "x", text);
      publish_local (self->kitchen, "y", text);
    }
  while (avi_subscription_get_dropped (here) < 7)
    g_usleep (1000);
  wait_until (n_all == 10);
  g_assert_cmpuint (heard->len, ==, 3);
  assert_text (heard, 0, "7");
  assert_text (heard, 1, "8");
  assert_text (heard, 2, "9");
  g_assert_cmpuint (avi_subscription_get_dropped (here), ==, 7);
  g_assert_cmpuint (n_notified, ==, 1);
}

static void
test_dropped_bytes (Fixture *self, gconstpointer data)
{
  if (skip_unthreaded ())
    return;

  g_autoptr(AviSubscription) here = subscribe (self->kitchen, "x");
  g_autoptr(GPtrArray) heard = new_messages ();

  avi_subscription_set_max_queued_bytes (here, 10);
  g_signal_connect (here, "message", G_CALLBACK (keep), heard);
  publish_local (self->kitchen, "x", "four");
  publish_local (self->kitchen, "x", "more");
  publish_local (self->kitchen, "x", "words");
  publish_local (self->kitchen, "x", "more than ten bytes");
  publish_local (self->kitchen, "x", "end");
  while (avi_subscription_get_dropped (here) < 4)
    g_usleep (1000);
  wait_until (heard->len == 1);
  settle ();
  g_assert_cmpuint (heard->len, ==, 1);
  assert_text (heard, 0, "end");
}

#define ADD(path, test) g_test_add (path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/subscription/messages go both ways, and say whom they are from", test_both_ways);
  ADD ("/subscription/messages are bytes, many or none", test_bytes);
  ADD ("/subscription/one that the program forgot still hears", test_held);
  ADD ("/subscription/it outlasts stop and start", test_restart);
  ADD ("/subscription/a cancelled one hears nothing, and the others know", test_cancelled);
  g_test_add_func ("/subscription/it does not keep its device alive", test_after_device);
  ADD ("/subscription/its end, or its device's, is told once", test_active);
  ADD ("/subscription/of too many that wait the oldest are dropped and counted", test_dropped);
  ADD ("/subscription/so are those of too many bytes", test_dropped_bytes);
  return g_test_run ();
}
