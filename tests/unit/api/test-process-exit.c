/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

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
      pid_t child = fork ();
      int status = 0;

      /* The child has the exit hook, but not the engine's thread. */
      if (child > 0)
        g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_cmpint (status, ==, 0);
    }
  else
    {
      avi_device_stop_async (device, NULL, NULL, NULL);
    }
  exit (0);
}

static void
test_exits (const char *how, guint n)
{
  g_autoptr(GError) error = NULL;
  /* A program that exits without tidying up has leaks by intention. */
  g_auto(GStrv) environment = g_get_environ ();
  const char *options = g_environ_getenv (environment, "ASAN_OPTIONS");
  g_autofree char *without_leaks = g_strconcat (options != NULL ? options : "", ":detect_leaks=0", NULL);
  const char *arguments[] = { "/proc/self/exe", "--leave", how, NULL };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", &error);

  g_assert_no_error (error);
  arguments[0] = self;
  environment = g_environ_setenv (environment, "ASAN_OPTIONS", without_leaks, TRUE);
  for (guint i = 0; i < n; i++)
    {
      int status;

      g_spawn_sync (NULL, (char **) arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
      g_assert_no_error (error);
      g_spawn_check_wait_status (status, &error);
      g_assert_no_error (error);
    }
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
  if (argc == 3 && g_str_equal (argv[1], "--leave"))
    return leave (argv[2]);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/process-exit/200 programs drop their devices and exit", test_dropped);
  g_test_add_func ("/process-exit/50 programs exit while devices run", test_running);
  g_test_add_func ("/process-exit/20 programs fork a child that exits", test_forked);
  g_test_add_func ("/process-exit/50 programs exit while a device stops", test_stopping);
  return g_test_run ();
}
