/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program that does not wait: it drops its device, cancels, starts and stops in the midst of whatever is under
 * way. Each call ends once, the device ends with its last call, and nothing is left.
 */
#include "fixture.h"

typedef struct
{
  AviDevice    *device; /* NULL once it is gone */
  AviDevice    *other;
  char         *silent; /* the address of a port where nobody answers */
  GSocketListener *listener;
  guint         n_begun;
  guint         n_ended;
  guint         n_fds; /* that the process has while nothing goes on */
} Fixture;

static guint
count_fds (void)
{
  g_autoptr(GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  guint16 port;

  fixture->listener = g_socket_listener_new ();
  port = g_socket_listener_add_any_inet_port (fixture->listener, NULL, NULL);
  fixture->silent = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", port);
  fixture->other = start_device ("bedroom");
  settle ();
  fixture->n_fds = count_fds ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  /* Engines of devices that were dropped end in the background. One more is of GLib's own thread, which it
   * makes when it first needs it. */
  wait_until (count_fds () <= fixture->n_fds + 1);
  g_socket_listener_close (fixture->listener);
  g_object_unref (fixture->listener);
  g_free (fixture->silent);
  stop_device (fixture->other);
  g_object_unref (fixture->other);
  settle ();
}

static void
take_device (Fixture *fixture, AviDevice *device)
{
  fixture->device = device;
  fixture->n_begun = fixture->n_ended = 0;
  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_task_is_valid (result, source));
  fixture->n_ended++;
}

/* --- the calls --- */

static void
begin_start (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  avi_device_start_async (fixture->device, cancellable, callback, fixture);
}

static void
begin_stop (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  avi_device_stop_async (fixture->device, cancellable, callback, fixture);
}

static void
begin_dial (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  g_autofree char *address = first_address (fixture->other);

  avi_device_dial_async (fixture->device, address, cancellable, callback, fixture);
}

/* It is in its handshake for 10 s. */
static void
begin_dial_silent (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  avi_device_dial_async (fixture->device, fixture->silent, cancellable, callback, fixture);
}

static void
begin_publish (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_malloc0 (100000), 100000);

  avi_device_publish_async (fixture->device, "x", bytes, AVI_PUBLISH_LOCAL, cancellable, callback, fixture);
}

static void
begin_wait (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback)
{
  avi_device_wait_for_subscribers_async (fixture->device, "x", 1, cancellable, callback, fixture);
}

typedef void (*BeginFunc) (Fixture *fixture, GCancellable *cancellable, GAsyncReadyCallback callback);

static const BeginFunc calls[] = { begin_start,       begin_stop,    begin_dial,
                                   begin_dial_silent, begin_publish, begin_wait };

static gboolean
needs_cancelling (BeginFunc call)
{
  return call == begin_dial_silent || call == begin_wait;
}

static void
new_device_for (Fixture *fixture, BeginFunc call)
{
  take_device (fixture, call == begin_start ? new_device ("kitchen") : start_device ("kitchen"));
}

static void
iterate (guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
}

/* --- dropped and cancelled at any moment --- */

static const guint moments[] = { 0, 1, 2, 4, 8, 16, 32 };

static void
test_dropped (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    for (guint j = 0; j < G_N_ELEMENTS (moments); j++)
      {
        g_autoptr(GCancellable) cancellable = g_cancellable_new ();

        new_device_for (fixture, calls[i]);
        calls[i](fixture, cancellable, on_ended);
        iterate (moments[j]);
        g_object_unref (fixture->device);
        if (needs_cancelling (calls[i]))
          g_cancellable_cancel (cancellable);
        wait_until (fixture->device == NULL && fixture->n_ended == 1);
      }
  settle ();
  g_assert_cmpuint (fixture->n_ended, ==, 1);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    for (guint j = 0; j < G_N_ELEMENTS (moments); j++)
      {
        g_autoptr(GCancellable) cancellable = g_cancellable_new ();

        new_device_for (fixture, calls[i]);
        calls[i](fixture, cancellable, on_ended);
        iterate (moments[j]);
        g_cancellable_cancel (cancellable);
        wait_until (fixture->n_ended == 1);
        g_object_unref (fixture->device);
        wait_until (fixture->device == NULL);
        g_assert_cmpuint (fixture->n_ended, ==, 1);
      }
}

/* All at once, and none is waited for: the device ends when they have. */
static void
test_all_dropped (Fixture *fixture, gconstpointer data)
{
  for (guint j = 0; j < G_N_ELEMENTS (moments); j++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();

      take_device (fixture, start_device ("kitchen"));
      for (guint i = 0; i < 10 * G_N_ELEMENTS (calls); i++)
        calls[i % G_N_ELEMENTS (calls)](fixture, cancellable, on_ended);
      iterate (moments[j]);
      g_object_unref (fixture->device);
      g_cancellable_cancel (cancellable);
      wait_until (fixture->device == NULL);
      g_assert_cmpuint (fixture->n_ended, ==, 10 * G_N_ELEMENTS (calls));
    }
}

static void
on_ended_drop (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;

  on_ended (source, result, data);
  g_object_unref (fixture->device);
}

static void
test_dropped_in_callback (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();

      new_device_for (fixture, calls[i]);
      calls[i](fixture, cancellable, on_ended_drop);
      if (needs_cancelling (calls[i]))
        g_cancellable_cancel (cancellable);
      wait_until (fixture->device == NULL);
      g_assert_cmpuint (fixture->n_ended, ==, 1);
    }
}

/* --- started and stopped at once --- */

static void
test_start_and_stop (Fixture *fixture, gconstpointer data)
{
  for (guint pattern = 0; pattern < 64; pattern++)
    {
      take_device (fixture, new_device ("kitchen"));
      for (guint bit = 0; bit < 6; bit++)
        {
          BeginFunc call = pattern & (1u << bit) ? begin_start : begin_stop;

          call (fixture, NULL, on_ended);
        }
      begin_stop (fixture, NULL, on_ended);
      wait_until (fixture->n_ended == 7);
      g_assert_cmpint (avi_device_get_state (fixture->device), ==, AVI_DEVICE_STATE_STOPPED);
      if (pattern % 8 == 0)
        {
          g_assert_true (avi_device_start (fixture->device, NULL, NULL));
          g_assert_cmpint (avi_device_get_state (fixture->device), ==, AVI_DEVICE_STATE_RUNNING);
        }
      g_object_unref (fixture->device);
      wait_until (fixture->device == NULL);
    }
}

static void
test_start_and_drop (Fixture *fixture, gconstpointer data)
{
  for (guint pattern = 0; pattern < 32; pattern++)
    {
      take_device (fixture, new_device ("kitchen"));
      for (guint bit = 0; bit < 5; bit++)
        {
          BeginFunc call = pattern & (1u << bit) ? begin_start : begin_stop;

          call (fixture, NULL, on_ended);
        }
      g_object_unref (fixture->device);
      wait_until (fixture->device == NULL);
      g_assert_cmpuint (fixture->n_ended, ==, 5);
    }
}

/* --- while messages are under way --- */

#define N_MESSAGES 100

static void
test_busy (Fixture *fixture, gconstpointer data)
{
  for (guint j = 0; j < G_N_ELEMENTS (moments); j++)
    {
      AviDevice *hears = start_device ("hears");
      AviSubscription *subscription = subscribe (hears, "x");
      AviPeer *peer;

      take_device (fixture, start_device ("speaks"));
      peer = connect_devices (fixture->device, hears);
      await_subscribers (fixture->device, "x", 1);
      for (guint i = 0; i < N_MESSAGES; i++)
        begin_publish (fixture, NULL, on_ended);
      iterate (moments[j]);
      if (j % 2 == 0)
        g_object_unref (hears);
      g_object_unref (fixture->device);
      g_object_unref (peer);
      g_object_unref (subscription);
      if (j % 2 == 1)
        g_object_unref (hears);
      wait_until (fixture->device == NULL);
      g_assert_cmpuint (fixture->n_ended, ==, N_MESSAGES);
    }
}

#define ADD(path, test) g_test_add (path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/abandon/a device may be dropped at any moment of any call", test_dropped);
  ADD ("/abandon/any call may be cancelled at any moment", test_cancelled);
  ADD ("/abandon/all calls at once may be left behind", test_all_dropped);
  ADD ("/abandon/a call's callback may drop the device", test_dropped_in_callback);
  ADD ("/abandon/start and stop in any order end each, and the last counts", test_start_and_stop);
  ADD ("/abandon/so they do where the device is dropped", test_start_and_drop);
  ADD ("/abandon/devices may be dropped while messages are under way", test_busy);
  return g_test_run ();
}
