/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static guint
count_node_files (void)
{
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "avi", NULL);
  g_autoptr(GDir) folder = g_dir_open (path, 0, NULL);
  guint n = 0;

  for (const char *name = NULL; folder != NULL && (name = g_dir_read_name (folder)) != NULL;)
    n += g_str_has_suffix (name, ".node");
  return n;
}

static AviDevice *
start_local_device (const char *name)
{
  AviDevice *device = new_device (name);
  g_autoptr(GError) error = NULL;

  avi_device_set_enable_local (device, TRUE);
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  return device;
}

/* The child has its parent's exit hook, but not the threads of its engines. */
static void
fork_child_that_exits (void)
{
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      start_local_device ("child");
      g_assert_cmpuint (count_node_files (), ==, 1);
      exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpuint (count_node_files (), ==, 0);
}

/* What a program leaves behind in the midst of it. */
static int
leave (const char *how)
{
  AviDevice *device = start_device ("kitchen");
  AviDevice *other = start_device ("bedroom");
  AviSubscription *subscription = subscribe (device, "x");

  if (g_str_equal (how, "dropped"))
    {
      g_object_unref (connect_devices (device, other));
      avi_device_publish_text (other, "x", "text", NULL);
      g_object_unref (subscription);
      g_object_unref (device);
      g_object_unref (other);
    }
  else if (g_str_equal (how, "running"))
    {
      g_object_unref (connect_devices (device, other));
      avi_device_dial_async (device, "/ip4/127.0.0.1/tcp/1", NULL, NULL, NULL);
    }
  else if (g_str_equal (how, "forked"))
    {
      fork_child_that_exits ();
    }
  else
    {
      avi_device_stop_async (device, NULL, NULL, NULL);
    }
  exit (0);
}

/* A program that is in touch with another one. */
static int
leave_peer (const char *address)
{
  AviDevice *device = start_local_device ("leaving");
  g_autoptr(AviPeer) peer = avi_device_dial (device, address, NULL, NULL);

  g_assert_nonnull (peer);
  exit (0);
}

/* This program, with an argument that says what to do. */
static void
run (const char *option, const char *argument)
{
  g_autoptr(GError) error = NULL;
  /* A program that exits without tidying up has leaks by intention. */
  g_auto(GStrv) environment = g_get_environ ();
  const char *options = g_environ_getenv (environment, "ASAN_OPTIONS");
  g_autofree char *without_leaks = g_strconcat (options != NULL ? options : "", ":detect_leaks=0", NULL);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", &error);
  const char *arguments[] = { program, option, argument, NULL };
  int status;

  g_assert_no_error (error);
  environment = g_environ_setenv (environment, "ASAN_OPTIONS", without_leaks, TRUE);
  g_spawn_sync (NULL, (char **) arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
}

static void
test_exits (const char *how, guint n)
{
  for (guint i = 0; i < n; i++)
    run ("--leave", how);
}

/* The peer is told, rather than left to find out, and so is who reads the folder of node files. */
static void
test_goodbye (void)
{
  g_autoptr(AviDevice) device = new_device ("staying");
  g_autofree char *address = NULL;
  g_autofree char *why = NULL;
  g_autoptr(GListModel) peers = NULL;
  g_autoptr(AviPeer) peer = NULL;
  guint n_disconnected = 0;

  /* For this program waits for the other's end. */
  avi_device_set_threaded (device, TRUE);
  avi_device_start (device, NULL, NULL);
  address = first_address (device);
  g_signal_connect_swapped (device, "peer-disconnected", G_CALLBACK (count), &n_disconnected);
  run ("--leave-peer", address);
  g_assert_cmpuint (count_node_files (), ==, 0);
  wait_until (n_disconnected > 0);
  peers = g_object_ref (avi_device_get_peers (device));
  peer = g_list_model_get_item (peers, 0);
  why = avi_peer_dup_last_error (peer);
  g_assert_nonnull (strstr (why, "the peer said goodbye"));
  stop_device (device);
}

static void
test_dropped (void)
{
  test_exits ("dropped", 200);
}

static void
test_forked (void)
{
  test_exits ("forked", 20);
}

static void
test_running (void)
{
  test_exits ("running", 50);
}

static void
test_stopping (void)
{
  test_exits ("stopping", 50);
}

int
main (int argc, char **argv)
{
  g_autofree char *runtime = NULL;
  int result;

  if (argc == 3 && g_str_equal (argv[1], "--leave"))
    return leave (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--leave-peer"))
    return leave_peer (argv[2]);
  runtime = g_dir_make_tmp ("avi-process-exit-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/process-exit/200 programs drop their devices and exit", test_dropped);
  g_test_add_func ("/process-exit/50 programs exit while devices run", test_running);
  g_test_add_func ("/process-exit/20 programs fork a child that exits while a device of its own runs", test_forked);
  g_test_add_func ("/process-exit/50 programs exit while a device stops", test_stopping);
  g_test_add_func ("/process-exit/a program that exits says goodbye", test_goodbye);
  result = g_test_run ();
  remove_folder (runtime);
  return result;
}
