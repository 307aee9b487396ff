/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is particular to devices whose engine runs in the program's context. The tests of the device
 * itself run both ways.
 */
#include <stdatomic.h>

#include "fixture.h"

static AviDevice *
new_unthreaded (const char *name)
{
  AviDevice *device = new_device (name);

  avi_device_set_threaded (device, FALSE);
  return device;
}

static guint
count_threads (void)
{
  g_autoptr(GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (tasks) != NULL)
    n++;
  return n;
}

static void
test_no_thread (void)
{
  guint before = count_threads ();
  g_autoptr(AviDevice) device = new_unthreaded ("kitchen");
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_device_get_threaded (device));
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_threads (), ==, before);
  stop_device (device);
}

static void
test_two_in_one_context (void)
{
  g_autoptr(AviDevice) kitchen = new_unthreaded ("kitchen");
  g_autoptr(AviDevice) bedroom = new_unthreaded ("bedroom");
  g_autoptr(AviPeer) peer = NULL;
  g_autoptr(GError) error = NULL;

  avi_device_start (kitchen, NULL, &error);
  g_assert_no_error (error);
  avi_device_start (bedroom, NULL, &error);
  g_assert_no_error (error);
  /* Each needs the other to answer, and only one of them was asked. */
  peer = connect_devices (kitchen, bedroom);
  g_assert_true (avi_peer_get_connected (peer));
  stop_device (kitchen);
  stop_device (bedroom);
}

/* --- beside a device with a thread --- */

static AviDevice *
start_threaded (guint dial_timeout)
{
  AviDevice *device = new_device ("attic");
  g_autoptr(GError) error = NULL;

  avi_device_set_threaded (device, TRUE);
  g_object_set (device, "dial-timeout", dial_timeout, NULL);
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  return device;
}

static void
test_beside_threaded (void)
{
  g_autoptr(AviDevice) attic = start_threaded (10000);
  g_autoptr(AviDevice) kitchen = new_unthreaded ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (kitchen, "x");
  g_autoptr(AviPeer) peer = NULL;
  g_autoptr(GError) error = NULL;

  avi_device_start (kitchen, NULL, &error);
  g_assert_no_error (error);
  peer = connect_devices (attic, kitchen);
  g_assert_true (avi_peer_get_connected (peer));
  await_subscribers (attic, "x", 1);
  stop_device (attic);
  stop_device (kitchen);
}

typedef struct
{
  AviDevice *from;
  char      *address;
  GError    *error;
} Dialler;

static gpointer
dial_in_thread (gpointer data)
{
  Dialler *dialler = data;

  g_assert_null (avi_device_dial (dialler->from, dialler->address, NULL, &dialler->error));
  return NULL;
}

static void
test_not_in_a_stranger (void)
{
  g_autoptr(AviDevice) attic = start_threaded (300);
  g_autoptr(AviDevice) kitchen = new_unthreaded ("kitchen");
  g_autoptr(GError) error = NULL;
  Dialler dialler = { .from = attic };

  avi_device_start (kitchen, NULL, &error);
  g_assert_no_error (error);
  dialler.address = first_address (kitchen);
  g_thread_join (g_thread_new ("stranger", dial_in_thread, &dialler));
  g_assert_nonnull (dialler.error);
  g_clear_error (&dialler.error);
  g_free (dialler.address);
  stop_device (attic);
  stop_device (kitchen);
}

static gpointer
restart_in_thread (gpointer device)
{
  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (avi_device_start (device, NULL, NULL));
      stop_device (device);
    }
  return NULL;
}

/* Each call looks through the engines of the process, for those of its own thread. */
static void
test_restarts_beside (void)
{
  g_autoptr(AviDevice) attic = start_threaded (10000);
  g_autoptr(AviDevice) kitchen = new_unthreaded ("kitchen");
  GThread *thread;

  stop_device (attic);
  thread = g_thread_new ("other", restart_in_thread, attic);
  restart_in_thread (kitchen);
  g_thread_join (thread);
}

/* --- calls from another thread --- */

typedef struct
{
  AviDevice *device;
  gboolean   success;
  GError    *error;
  atomic_bool done;
} Stopper;

static gpointer
stop_in_thread (gpointer data)
{
  Stopper *stopper = data;

  stopper->success = avi_device_stop (stopper->device, NULL, &stopper->error);
  atomic_store (&stopper->done, TRUE);
  return NULL;
}

static void
test_call_from_other_thread (void)
{
  g_autoptr(AviDevice) device = new_unthreaded ("kitchen");
  Stopper stopper = { .device = device };
  g_autoptr(GError) error = NULL;
  GThread *thread;

  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_main_context_acquire (NULL));
  thread = g_thread_new ("stopper", stop_in_thread, &stopper);
  wait_until (atomic_load (&stopper.done));
  g_main_context_release (NULL);
  g_thread_join (thread);
  g_assert_no_error (stopper.error);
  g_assert_true (stopper.success);
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
}

#define N_CALLS 200

static gpointer
call_again_and_again (gpointer device)
{
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr(AviPeer) peer = avi_device_dial (device, "/ip4/127.0.0.1/tcp/1", NULL, NULL);

      g_assert_null (peer);
    }
  return NULL;
}

/* Whose call was answered no longer runs the engine for the other. */
static void
test_calls_of_two_threads (void)
{
  g_autoptr(AviDevice) device = new_unthreaded ("kitchen");
  g_autoptr(GError) error = NULL;
  GThread *thread;

  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  thread = g_thread_new ("other", call_again_and_again, device);
  call_again_and_again (device);
  g_thread_join (thread);
  stop_device (device);
}

/* --- the context of another thread --- */

static gpointer
live_in_thread (gpointer data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(AviDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  device = new_unthreaded ("kitchen");
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  avi_device_stop (device, NULL, &error);
  g_assert_no_error (error);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_context_of_a_thread (void)
{
  g_thread_join (g_thread_new ("owner", live_in_thread, NULL));
}

/* --- dropped --- */

static void
test_dropped (void)
{
  AviDevice *device = new_unthreaded ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autoptr(AviPeer) peer = NULL;
  g_autoptr(GError) error = NULL;

  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (connect_devices (device, other));
  wait_until (g_list_model_get_n_items (avi_device_get_peers (other)) == 1);
  peer = g_list_model_get_item (avi_device_get_peers (other), 0);
  g_assert_cmpstr (avi_peer_get_id (peer), ==, id);
  wait_until (avi_peer_get_connected (peer));
  g_object_unref (device);
  /* It goes on saying goodbye for as long as the context is iterated. */
  wait_until (!avi_peer_get_connected (peer));
  stop_device (other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/unthreaded/a device without a thread starts none", test_no_thread);
  g_test_add_func ("/unthreaded/a call on one device lets the others of its context act", test_two_in_one_context);
  g_test_add_func ("/unthreaded/so does one on a device that has a thread", test_beside_threaded);
  g_test_add_func ("/unthreaded/but not from a thread that did not start them", test_not_in_a_stranger);
  g_test_add_func ("/unthreaded/engines with and without a thread come and go beside each other",
                   test_restarts_beside);
  g_test_add_func ("/unthreaded/a call from another thread waits for the context to be iterated",
                   test_call_from_other_thread);
  g_test_add_func ("/unthreaded/calls from two threads at once are answered both", test_calls_of_two_threads);
  g_test_add_func ("/unthreaded/a device lives in the context of the thread that made it", test_context_of_a_thread);
  g_test_add_func ("/unthreaded/a device that was dropped says goodbye while its context is iterated", test_dropped);
  return g_test_run ();
}
