/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls that are waited for: cancelled, abandoned, and in whose context they end.
 */
#include "fixture.h"

typedef void (*BeginFunc) (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);

static void
begin_start (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  avi_device_start_async (device, cancellable, callback, data);
}

static void
begin_stop (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  avi_device_stop_async (device, cancellable, callback, data);
}

/* TEST-NET-1: leads nowhere, and where it is refused at once, that is an answer, too. */
static void
begin_dial (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  avi_device_dial_async (device, "/ip4/127.0.0.1/tcp/1", cancellable, callback, data);
}

static void
begin_publish (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static ("x", 1);

  avi_device_publish_async (device, "x", bytes, AVI_PUBLISH_LOCAL, cancellable, callback, data);
}

static void
begin_wait (AviDevice *device, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  avi_device_wait_for_subscribers_async (device, "x", 1, cancellable, callback, data);
}

static const BeginFunc begin_funcs[] = { begin_start, begin_stop, begin_dial, begin_publish, begin_wait };

static void
on_cancelled_too (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  guint *n = user_data;

  g_assert_true (g_task_is_valid (result, source));
  (*n)++;
}

/* Each call, cancelled before it begins, right after, and a little later; each ends once. */
static void
test_cancelled (void)
{
  guint n_begun = 0, n_ended = 0;
  g_autoptr(AviDevice) device = new_device ("kitchen");

  for (guint i = 0; i < G_N_ELEMENTS (begin_funcs); i++)
    for (guint when = 0; when < 3; when++)
      {
        g_autoptr(GCancellable) cancellable = g_cancellable_new ();

        if (begin_funcs[i] != begin_start)
          g_assert_true (avi_device_start (device, NULL, NULL));
        if (when == 0)
          g_cancellable_cancel (cancellable);
        begin_funcs[i](device, cancellable, on_cancelled_too, &n_ended);
        n_begun++;
        if (when == 2)
          g_main_context_iteration (NULL, FALSE);
        g_cancellable_cancel (cancellable);
        wait_until (n_ended == n_begun);
      }
  stop_device (device);
  settle ();
  g_assert_cmpuint (n_ended, ==, n_begun);
}

/* Nobody waits for these, neither for the device: it ends when the calls have. */
static void
test_abandoned (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (begin_funcs); i++)
    for (guint cancel = 0; cancel < 2; cancel++)
      {
        g_autoptr(GCancellable) cancellable = g_cancellable_new ();
        AviDevice *device = begin_funcs[i] == begin_start ? new_device ("kitchen") : start_device ("kitchen");

        g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &device);
        begin_funcs[i](device, cancellable, NULL, NULL);
        g_object_unref (device);
        if (cancel || begin_funcs[i] == begin_wait)
          g_cancellable_cancel (cancellable);
        wait_until (device == NULL);
      }
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled_sync (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autoptr(GError) error = NULL;
      GThread *thread = g_thread_new (NULL, cancel_soon, cancellable);

      g_assert_false (avi_device_wait_for_subscribers (device, "x", 1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }
}

static gboolean
is_listened_to (GCancellable *cancellable)
{
  return g_signal_has_handler_pending (cancellable, g_signal_lookup ("cancelled", G_TYPE_CANCELLABLE), 0, TRUE);
}

/* A program may have one for all that it does. */
static void
test_long_lived_cancellable (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_auto(Outcome) outcome = { NULL };

  avi_device_start_async (device, cancellable, on_done, &outcome);
  wait_until (outcome.result != NULL);
  g_assert_true (avi_device_start_finish (device, outcome.result, NULL));
  g_assert_false (is_listened_to (cancellable));
  g_assert_null (avi_device_dial (device, "/ip4/127.0.0.1/tcp/1", cancellable, NULL));
  g_assert_false (is_listened_to (cancellable));
  g_assert_true (avi_device_stop (device, cancellable, NULL));
  g_assert_false (is_listened_to (cancellable));
}

static void
test_start_cancelled (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (avi_device_start (device, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
  /* A stop that is cancelled is a stop all the same. */
  g_assert_true (avi_device_start (device, NULL, NULL));
  g_assert_true (avi_device_stop (device, cancellable, NULL));
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
}

typedef struct
{
  AviDevice *device;
  Outcome    outcome;
} Elsewhere;

/* The completion comes in this thread, though nobody iterates the device's context. */
static gpointer
call_elsewhere (gpointer data)
{
  Elsewhere *self = data;
  g_autoptr(GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  avi_device_start_async (self->device, NULL, on_done, &self->outcome);
  while (self->outcome.result == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_true (self->outcome.thread == g_thread_self ());
  g_assert_true (avi_device_start_finish (self->device, self->outcome.result, NULL));
  outcome_clear (&self->outcome);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_other_context (void)
{
  if (skip_unthreaded ())
    return;

  g_autoptr(AviDevice) device = new_device ("kitchen");
  Elsewhere elsewhere = { .device = device };

  g_thread_join (g_thread_new (NULL, call_elsewhere, &elsewhere));
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_RUNNING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-tasks/every asynchronous call can be cancelled at any time", test_cancelled);
  g_test_add_func ("/device-tasks/every asynchronous call can be abandoned", test_abandoned);
  g_test_add_func ("/device-tasks/a synchronous call can be cancelled from another thread", test_cancelled_sync);
  g_test_add_func ("/device-tasks/a cancellable that lives on holds no call that has ended",
                   test_long_lived_cancellable);
  g_test_add_func ("/device-tasks/a start that was cancelled before does not begin", test_start_cancelled);
  g_test_add_func ("/device-tasks/a call completes in its caller's context", test_other_context);
  return g_test_run ();
}
