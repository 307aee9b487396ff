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

#define ADD_SHARED(path, test) g_test_add (path, Shared, NULL, shared_set_up, test, shared_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_SHARED ("/device-messages/the device tells of a message after all its subscriptions", test_shared_order);
  ADD_SHARED ("/device-messages/the device tells of what one of two subscriptions had to drop", test_shared_limited);
  ADD_SHARED ("/device-messages/the device tells of what is left where one of two is cancelled", test_shared_cancelled);
  ADD_SHARED ("/device-messages/so it does where a handler cancels the other", test_shared_cancelled_in_handler);
  ADD_SHARED ("/device-messages/the device does not tell of what no subscription is told of", test_shared_told_to_none);
  return g_test_run ();
}
