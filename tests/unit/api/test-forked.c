/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

/* What a child that is to live on does with its time. */
#define WORKER_SECONDS (3 * DEADLINE)

typedef struct
{
  AviDevice       *device;
  AviDevice       *other; /* the two are connected */
  AviSubscription *subscription; /* of the device, to "x" */
  guint            n_messages;
  guint            n_disconnected;
} Fixture;

static void
setup (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeer) peer = NULL;

  fixture->device = new_device ("kitchen");
  avi_device_set_enable_local (fixture->device, TRUE);
  avi_device_start (fixture->device, NULL, NULL);
  fixture->other = start_device ("bedroom");
  fixture->subscription = subscribe (fixture->device, "x");
  g_signal_connect_swapped (fixture->subscription, "message", G_CALLBACK (count), &fixture->n_messages);
  g_signal_connect_swapped (fixture->other, "peer-disconnected", G_CALLBACK (count), &fixture->n_disconnected);
  peer = connect_devices (fixture->other, fixture->device);
  await_subscribers (fixture->other, "x", 1);
  settle ();
}

static void
teardown (Fixture *fixture, gconstpointer data)
{
  stop_device (fixture->device);
  stop_device (fixture->other);
  g_clear_object (&fixture->subscription);
  g_clear_object (&fixture->device);
  g_clear_object (&fixture->other);
  settle ();
}

static char *
node_file (AviDevice *device)
{
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autofree char *name = g_strconcat (id, ".node", NULL);

  return g_build_filename (g_get_user_runtime_dir (), "avi", name, NULL);
}

/* The parent's devices are as they were. */
static void
assert_untouched (Fixture *fixture)
{
  g_autofree char *file = node_file (fixture->device);
  guint n = fixture->n_messages;

  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));
  g_assert_cmpint (avi_device_publish_text (fixture->other, "x", "text", NULL), ==, 1);
  wait_until (fixture->n_messages > n);
  g_assert_cmpuint (fixture->n_disconnected, ==, 0);
  g_assert_cmpint (avi_device_get_state (fixture->device), ==, AVI_DEVICE_STATE_RUNNING);
}

/* A child that does @what, and is ended where that takes for ever. */
static pid_t
fork_child (void (*what) (Fixture *fixture), Fixture *fixture)
{
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child > 0)
    return child;
  alarm (DEADLINE);
  what (fixture);
  /* Not what the test program does at its exit. */
  _exit (0);
}

static void
assert_good (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

/* --- the parent's device, in a child --- */

static void
assert_not_running (GError **error)
{
  g_assert_error (*error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
  g_clear_error (error);
}

static void
call_all (Fixture *fixture)
{
  g_auto(GStrv) addresses = avi_device_dup_addresses (fixture->device);
  g_autofree char *status = avi_device_dup_discovery_status (fixture->device);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (avi_device_get_state (fixture->device), ==, AVI_DEVICE_STATE_STOPPED);
  g_assert_cmpuint (g_strv_length (addresses), ==, 0);
  g_assert_cmpstr (status, ==, "not running");
  g_assert_cmpint (avi_device_publish_text (fixture->device, "x", "text", &error), ==, -1);
  assert_not_running (&error);
  g_assert_null (avi_device_dial (fixture->device, "/ip4/127.0.0.1/tcp/1", NULL, &error));
  assert_not_running (&error);
  g_assert_false (avi_device_wait_for_subscribers (fixture->device, "x", 1, NULL, &error));
  assert_not_running (&error);
  avi_device_discover (fixture->device);
  avi_subscription_cancel (fixture->subscription);
  stop_device (fixture->device);
}

static void
test_calls_fail (Fixture *fixture, gconstpointer data)
{
  assert_good (fork_child (call_all, fixture));
  assert_untouched (fixture);
}

static void
drop (Fixture *fixture)
{
  guint n_told = 0;

  g_signal_connect_swapped (fixture->device, "notify", G_CALLBACK (count), &n_told);
  g_signal_connect_swapped (fixture->device, "stopped", G_CALLBACK (count), &n_told);
  settle ();
  g_object_unref (fixture->subscription);
  g_object_unref (fixture->device);
  g_object_unref (fixture->other);
  settle ();
  g_assert_cmpuint (n_told, ==, 0);
}

static void
test_drop (Fixture *fixture, gconstpointer data)
{
  assert_good (fork_child (drop, fixture));
  assert_untouched (fixture);
}

/* Of a device that runs in the parent's context the child has the source. */
static void
iterate (Fixture *fixture)
{
  for (guint i = 0; i < 1000; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
test_iterate (Fixture *fixture, gconstpointer data)
{
  /* So that there is something to be done which is not the child's to do. */
  for (guint i = 0; i < 10; i++)
    avi_device_publish_text (fixture->other, "x", "text", NULL);
  assert_good (fork_child (iterate, fixture));
  wait_until (fixture->n_messages == 10);
  assert_untouched (fixture);
}

static void
start_again (Fixture *fixture)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();

  avi_device_set_identity (fixture->device, identity);
  g_assert_true (avi_device_start (fixture->device, NULL, NULL));
  stop_device (fixture->device);
}

static void
test_start_again (Fixture *fixture, gconstpointer data)
{
  assert_good (fork_child (start_again, fixture));
  assert_untouched (fixture);
}

/* --- a child's own device --- */

static void
talk (Fixture *fixture)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(AviDevice) left = NULL;
  g_autoptr(AviDevice) right = NULL;
  g_autoptr(AviSubscription) subscription = NULL;
  g_autoptr(AviPeer) peer = NULL;
  guint n = 0;

  g_main_context_push_thread_default (context);
  left = start_device ("left");
  right = start_device ("right");
  subscription = subscribe (left, "y");
  g_signal_connect_swapped (subscription, "message", G_CALLBACK (count), &n);
  peer = connect_devices (right, left);
  await_subscribers (right, "y", 1);
  g_assert_cmpint (avi_device_publish_text (right, "y", "text", NULL), ==, 1);
  while (n == 0)
    g_main_context_iteration (context, TRUE);
  stop_device (left);
  stop_device (right);
  g_main_context_pop_thread_default (context);
}

static void
test_new_devices (Fixture *fixture, gconstpointer data)
{
  assert_good (fork_child (talk, fixture));
  assert_untouched (fixture);
}

/* --- a child that outlives its parent --- */

typedef struct
{
  char *address;
  pid_t worker;
} Survivor;

/* A program that starts a device, forks a worker, and is killed. */
static int
leave_worker (const char *identity_file)
{
  g_autoptr(AviIdentity) identity = avi_identity_load_or_create (identity_file, NULL);
  AviDevice *device = new_device ("kitchen");
  g_autofree char *address = NULL;
  pid_t worker;

  avi_device_set_identity (device, identity);
  avi_device_set_enable_local (device, TRUE);
  g_assert_true (avi_device_start (device, NULL, NULL));
  address = first_address (device);
  worker = fork ();
  if (worker == 0)
    {
      /* Or whoever reads what the parent says waits for the worker's end. */
      close (STDOUT_FILENO);
      sleep (WORKER_SECONDS);
      _exit (0);
    }
  g_print ("%s %d\n", address, (int) worker);
  kill (getpid (), SIGKILL);
  return 1;
}

static Survivor
run_leave_worker (const char *identity_file)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *arguments[] = { program, "--leave-worker", identity_file, NULL };
  g_autoptr(GError) error = NULL;
  g_autofree char *output = NULL;
  g_auto(GStrv) words = NULL;

  g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, NULL, &error);
  g_assert_no_error (error);
  words = g_strsplit (g_strchomp (output), " ", -1);
  g_assert_cmpuint (g_strv_length (words), ==, 2);
  *strstr (words[0], "/p2p/") = '\0';
  return (Survivor) { g_strdup (words[0]), (pid_t) g_ascii_strtoll (words[1], NULL, 10) };
}

static void
test_restart (void)
{
  g_autofree char *folder = g_dir_make_tmp ("avi-forked-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "identity", NULL);
  Survivor survivor = run_leave_worker (file);
  const char *listen[] = { survivor.address, NULL };
  g_autoptr(AviIdentity) identity = avi_identity_load_or_create (file, NULL);
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GError) error = NULL;
  g_autofree char *status = NULL;

  g_assert_cmpint (kill (survivor.worker, 0), ==, 0);
  avi_device_set_identity (device, identity);
  avi_device_set_listen_addresses (device, listen);
  avi_device_set_enable_local (device, TRUE);
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  status = avi_device_dup_discovery_status (device);
  g_assert_null (strstr (status, "already"));
  stop_device (device);
  kill (survivor.worker, SIGKILL);
  g_free (survivor.address);
  remove_folder (folder);
}

int
main (int argc, char **argv)
{
  g_autofree char *runtime = NULL;
  int result;

  if (argc == 3 && g_str_equal (argv[1], "--leave-worker"))
    return leave_worker (argv[2]);
  runtime = g_dir_make_tmp ("avi-forked-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  g_test_init (&argc, &argv, NULL);

#define add_test(name, func) g_test_add ("/forked/" name, Fixture, NULL, setup, func, teardown)
  add_test ("a child finds its parent's device stopped, and calls on it fail at once", test_calls_fail);
  add_test ("a child that drops its parent's devices is told nothing, and nor is a peer", test_drop);
  add_test ("a child that iterates its parent's context does not run its parent's engines", test_iterate);
  add_test ("a child may start its parent's device as another node", test_start_again);
  add_test ("a child's own devices work", test_new_devices);
  g_test_add_func ("/forked/a program restarts while a worker that it had forked lives on", test_restart);
  result = g_test_run ();
  remove_folder (runtime);
  return result;
}
