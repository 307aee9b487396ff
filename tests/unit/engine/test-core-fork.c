/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a child of fork () has of a core: one that is stopped, of which nothing is told or answered.
 */
#include "config.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/avi-core-private.h"
#include "gate.h"

#define DEADLINE 20 /* seconds; met only where something is wrong */

static void
set_up (CoreFixture *fixture, gconstpointer data)
{
  core_fixture_init (fixture);
  core_fixture_start (fixture);
}

static void
tear_down (CoreFixture *fixture, gconstpointer data)
{
  gate_open ();
  core_fixture_clear (fixture);
}

static pid_t
fork_with_deadline (void)
{
  pid_t child = fork ();

  if (child == 0)
    alarm (DEADLINE);
  return child;
}

static void
assert_good (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

static void
test_in_flight (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  pid_t child;

  avi_core_wait_for_subscribers (fixture->core, "nobody", 1, call);
  core_fixture_settle (fixture);
  child = fork_with_deadline ();
  if (child == 0)
    {
      g_assert_null (avi_core_take_events (fixture->core));
      g_assert_cmpint (avi_core_get_state (fixture->core), ==, AVI_CORE_STOPPED);
      g_assert_false (avi_call_is_done (call));
      core_fixture_start (fixture);
      core_fixture_stop (fixture);
      g_assert_false (avi_call_is_done (call));
      _exit (0);
    }
  assert_good (child);
  g_assert_false (avi_call_is_done (call));
  g_assert_cmpint (avi_core_get_state (fixture->core), ==, AVI_CORE_RUNNING);
  core_fixture_stop (fixture);
  g_assert_true (avi_call_is_done (call));
}

/* What the parent's engine had not looked at is not for the child's. */
static void
test_commands (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) dial = avi_call_new (NULL);
  g_autoptr(AviCall) stop = avi_call_new (NULL);
  pid_t child;

  gate_close_behind (fixture);
  avi_core_dial (fixture->core, "nobody", dial);
  avi_core_stop (fixture->core, stop);
  child = fork_with_deadline ();
  if (child == 0)
    {
      gate_open ();
      core_fixture_start (fixture);
      core_fixture_settle (fixture);
      g_assert_false (avi_call_is_done (dial));
      g_assert_false (avi_call_is_done (stop));
      g_assert_cmpint (avi_core_get_state (fixture->core), ==, AVI_CORE_RUNNING);
      core_fixture_stop (fixture);
      _exit (0);
    }
  assert_good (child);
  gate_open ();
  avi_call_wait (dial);
  avi_call_wait (stop);
}

/* --- locks --- */

static atomic_bool slow, waking, forking;

static void
note_fork (void)
{
  atomic_store (&forking, TRUE);
}

/* Still at it when the process forks, which has to wait for it. */
static void
wake_slowly (gpointer user_data)
{
  if (!atomic_load (&slow))
    return;
  atomic_store (&waking, TRUE);
  for (guint i = 0; i < DEADLINE * 1000 && !atomic_load (&forking); i++)
    g_usleep (1000);
  g_usleep (100000);
}

static void
tell (AviEngine *engine, gpointer core)
{
  avi_core_push (core, avi_event_new (AVI_EVENT_STATUS));
}

static void
drop_events (AviCore *core)
{
  AviEvent *next;

  for (AviEvent *event = avi_core_take_events (core); event != NULL; event = next)
    {
      next = event->next;
      avi_event_free (event);
    }
}

static void
test_locks (CoreFixture *fixture, gconstpointer data)
{
  pid_t child;

  /* Of all that are asked before a fork the last is asked first. */
  pthread_atfork (note_fork, NULL, NULL);
  avi_core_set_wake (fixture->core, wake_slowly, NULL);
  core_fixture_settle (fixture);
  drop_events (fixture->core);
  atomic_store (&slow, TRUE);
  avi_core_run (fixture->core, tell, fixture->core);
  while (!atomic_load (&waking))
    g_usleep (1000);
  child = fork_with_deadline ();
  if (child == 0)
    {
      atomic_store (&slow, FALSE);
      core_fixture_start (fixture);
      core_fixture_stop (fixture);
      _exit (0);
    }
  atomic_store (&slow, FALSE);
  assert_good (child);
  avi_core_set_wake (fixture->core, NULL, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gate_init ();
#define add_test(name, func) g_test_add ("/core-fork/" name, CoreFixture, NULL, set_up, func, tear_down)
  add_test ("what is in flight is answered in the parent only, and told there", test_in_flight);
  add_test ("commands that were not obeyed are not obeyed in a child", test_commands);
  add_test ("no lock of a core is held in a child, whatever its engine was at", test_locks);
  return g_test_run ();
}
