/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who gives engines their time, and what the exit of a process waits for. What it says to peers is in
 * test-process-exit.c.
 */
#include "config.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "avi-error.h"
#include "core-fixture.h"
#include "engine/avi-core-private.h"

#define DEADLINE 30 /* seconds; met only where something is wrong */

/* Two cores whose engines run in one context. */
typedef struct
{
  GMainContext *context;
  CoreFixture   left;
  CoreFixture   right;
} Fixture;

static gboolean
try_start (CoreFixture *fixture,
           GError     **error)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_start (fixture->core, &fixture->settings, call);
  avi_core_wait (fixture->core, call);
  return avi_call_get_result (call, NULL, NULL, error);
}

static void
stop (CoreFixture *fixture)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_stop (fixture->core, call);
  avi_core_hurry (fixture->core);
  avi_core_wait (fixture->core, call);
  core_fixture_clear (fixture);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->context = g_main_context_new ();
  core_fixture_init (&fixture->left);
  core_fixture_init (&fixture->right);
  fixture->left.settings.context = fixture->context;
  fixture->right.settings.context = fixture->context;
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  stop (&fixture->left);
  stop (&fixture->right);
  g_main_context_unref (fixture->context);
}

static void
start_both (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  try_start (&fixture->left, &error);
  g_assert_no_error (error);
  try_start (&fixture->right, &error);
  g_assert_no_error (error);
}

/* --- in a context --- */

static void
test_all_in_context (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *target = NULL;
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  start_both (fixture);
  target = core_fixture_format ("127.0.0.1", core_fixture_get_port (&fixture->left), fixture->left.identity);
  avi_core_dial (fixture->right.core, target, call);
  avi_core_wait (fixture->right.core, call);
  avi_call_get_result (call, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
test_source (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  start_both (fixture);
  avi_core_dial (fixture->left.core, "nobody", call);
  g_assert_false (avi_call_is_done (call));
  while (!avi_call_is_done (call))
    g_main_context_iteration (fixture->context, TRUE);
}

static gpointer
iterate_elsewhere (gpointer core)
{
  return GINT_TO_POINTER (avi_core_iterate (core));
}

static void
test_owned_context (Fixture      *fixture,
                    gconstpointer data)
{
  start_both (fixture);
  g_assert_true (g_main_context_acquire (fixture->context));
  g_assert_false (g_thread_join (g_thread_new ("other", iterate_elsewhere, fixture->left.core)));
  g_main_context_release (fixture->context);
}

static void
test_no_descriptors (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;
  struct rlimit limit, none;

  start_both (fixture);
  stop (&fixture->left);
  core_fixture_init (&fixture->left);
  fixture->left.settings.context = fixture->context;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  g_assert_false (try_start (&fixture->left, &error));
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);

  /* Nothing of the one that did not start is run with the other. */
  avi_core_dial (fixture->right.core, "nobody", call);
  avi_core_wait (fixture->right.core, call);
  g_clear_error (&error);
  try_start (&fixture->left, &error);
  g_assert_no_error (error);
}

/* --- in a child of fork () --- */

static void
run_child (void (*func) (Fixture *fixture),
           Fixture *fixture)
{
  int status;
  pid_t child = fork ();

  if (child == 0)
    {
      alarm (DEADLINE);
      func (fixture);
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

static void
iterate_in_child (Fixture *fixture)
{
  g_assert_false (avi_core_iterate (fixture->left.core));
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (fixture->context, FALSE);
  /* Nothing is left that would keep the context busy. */
  g_assert_false (g_main_context_iteration (fixture->context, FALSE));
}

static void
test_child (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  start_both (fixture);
  avi_core_dial (fixture->left.core, "nobody", call);
  run_child (iterate_in_child, fixture);
  g_assert_false (avi_call_is_done (call));
  avi_core_wait (fixture->left.core, call);
}

/* --- in a thread --- */

static void
test_thread (Fixture      *fixture,
             gconstpointer data)
{
  fixture->left.settings.context = NULL;
  core_fixture_start (&fixture->left);
  g_assert_false (avi_core_iterate (fixture->left.core));
  core_fixture_settle (&fixture->left);
}

/* --- the exit --- */

static void
hang (AviEngine *engine,
      gpointer   user_data)
{
  for (;;)
    pause ();
}

/* A program whose first engine is stuck: it does not end with the second one's goodbye, but it ends. */
static int
exit_with_hung_engine (void)
{
  CoreFixture hung, other;

  alarm (DEADLINE);
  core_fixture_init (&hung);
  core_fixture_init (&other);
  core_fixture_start (&hung);
  core_fixture_start (&other);
  avi_core_run (hung.core, hang, NULL);
  exit (0);
}

static void
test_hung (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *arguments[] = { program, "--hang", NULL };
  /* A program that exits without tidying up has leaks by intention. */
  g_auto(GStrv) environment = g_get_environ ();
  const char *options = g_environ_getenv (environment, "ASAN_OPTIONS");
  g_autofree char *without_leaks = g_strconcat (options != NULL ? options : "", ":detect_leaks=0", NULL);
  g_autoptr(GError) error = NULL;
  int status;

  environment = g_environ_setenv (environment, "ASAN_OPTIONS", without_leaks, TRUE);
  g_spawn_sync (NULL, (char **) arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
}

int
main (int   argc,
      char *argv[])
{
  if (argc == 2 && g_str_equal (argv[1], "--hang"))
    return exit_with_hung_engine ();
  g_test_init (&argc, &argv, NULL);
#define add_test(name, func) g_test_add ("/runner/" name, Fixture, NULL, set_up, func, tear_down)
  add_test ("who waits for one engine of a context runs them all", test_all_in_context);
  add_test ("an engine of a context runs as that is iterated", test_source);
  add_test ("an engine is not run from a thread that does not own its context", test_owned_context);
  add_test ("an engine for which descriptors are lacking leaves nothing in its context", test_no_descriptors);
  add_test ("in a child the engines of its parent do not run, nor keep a context busy", test_child);
  add_test ("an engine with a thread needs nobody's time", test_thread);
  g_test_add_func ("/runner/a process exits although an engine hangs", test_hung);
  return g_test_run ();
}
