/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A core's life: starts and stops that meet each other, from any thread and in any state.
 */
#include "config.h"

#include <gio/gio.h>

#include "avi-error.h"
#include "gate.h"

typedef struct
{
  CoreFixture under_test;
  AviCall    *calls[3];
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (fixture->calls); i++)
    fixture->calls[i] = avi_call_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gate_open ();
  core_fixture_clear (&fixture->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (fixture->calls); i++)
    avi_call_unref (fixture->calls[i]);
}

static void
start (Fixture *fixture, guint call)
{
  avi_core_start (fixture->under_test.core, &fixture->under_test.settings, fixture->calls[call]);
}

static void
stop (Fixture *fixture, guint call)
{
  avi_core_stop (fixture->under_test.core, fixture->calls[call]);
}

static void
assert_state (Fixture *fixture, AviCoreState state)
{
  g_assert_cmpint (avi_core_get_state (fixture->under_test.core), ==, state);
}

static void
assert_succeeds (Fixture *fixture, guint call)
{
  g_autoptr(GError) error = NULL;

  avi_call_wait (fixture->calls[call]);
  avi_call_get_result (fixture->calls[call], NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_fails (Fixture *fixture, guint call, GQuark domain, gint code)
{
  g_autoptr(GError) error = NULL;

  avi_call_wait (fixture->calls[call]);
  g_assert_false (avi_call_get_result (fixture->calls[call], NULL, NULL, &error));
  g_assert_error (error, domain, code);
}

/* "s" for started, "S" for stopped. */
static void
assert_told (Fixture *fixture, const char *story)
{
  g_autoptr(GString) told = g_string_new (NULL);
  AviEvent *event, *next;

  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_STARTED)
        g_string_append_c (told, 's');
      if (event->type == AVI_EVENT_STOPPED)
        g_string_append_c (told, 'S');
      avi_event_free (event);
    }
  g_assert_cmpstr (told->str, ==, story);
}

static void
test_start_joins (Fixture *fixture, gconstpointer data)
{
  gate_close ();
  start (fixture, 0);
  start (fixture, 1);
  assert_state (fixture, AVI_CORE_STARTING);
  g_assert_false (avi_call_is_done (fixture->calls[0]));
  g_assert_false (avi_call_is_done (fixture->calls[1]));
  gate_open ();
  assert_succeeds (fixture, 0);
  assert_succeeds (fixture, 1);
  assert_state (fixture, AVI_CORE_RUNNING);
  start (fixture, 2);
  assert_succeeds (fixture, 2);
  assert_told (fixture, "s");
}

static void
test_stop_joins (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  gate_close_behind (&fixture->under_test);
  stop (fixture, 0);
  stop (fixture, 1);
  assert_state (fixture, AVI_CORE_STOPPING);
  g_assert_false (avi_call_is_done (fixture->calls[0]));
  g_assert_false (avi_call_is_done (fixture->calls[1]));
  gate_open ();
  assert_succeeds (fixture, 0);
  assert_succeeds (fixture, 1);
  assert_state (fixture, AVI_CORE_STOPPED);
  stop (fixture, 2);
  assert_succeeds (fixture, 2);
  assert_told (fixture, "sS");
}

static void
test_failed_start (Fixture *fixture, gconstpointer data)
{
  static const char *const listen[] = { "/ip4/192.0.2.1/tcp/0", NULL };

  fixture->under_test.settings.listen = listen;
  gate_close ();
  start (fixture, 0);
  start (fixture, 1);
  gate_open ();
  assert_fails (fixture, 0, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  assert_state (fixture, AVI_CORE_STOPPED);
  assert_fails (fixture, 1, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  assert_told (fixture, "");
}

static void
test_stop_during_start (Fixture *fixture, gconstpointer data)
{
  gate_close ();
  start (fixture, 0);
  stop (fixture, 1);
  assert_state (fixture, AVI_CORE_STARTING);
  gate_open ();
  assert_fails (fixture, 0, AVI_ERROR, AVI_ERROR_CLOSED);
  assert_succeeds (fixture, 1);
  assert_state (fixture, AVI_CORE_STOPPED);
  assert_told (fixture, "");
}

static void
test_start_after_that (Fixture *fixture, gconstpointer data)
{
  gate_close ();
  start (fixture, 0);
  stop (fixture, 1);
  start (fixture, 2);
  gate_open ();
  assert_fails (fixture, 0, AVI_ERROR, AVI_ERROR_CLOSED);
  assert_succeeds (fixture, 1);
  assert_succeeds (fixture, 2);
  assert_state (fixture, AVI_CORE_RUNNING);
  assert_told (fixture, "s");
}

static void
test_start_during_stop (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  gate_close_behind (&fixture->under_test);
  stop (fixture, 0);
  start (fixture, 1);
  start (fixture, 2);
  assert_state (fixture, AVI_CORE_STOPPING);
  gate_open ();
  assert_succeeds (fixture, 0);
  assert_succeeds (fixture, 1);
  assert_succeeds (fixture, 2);
  assert_state (fixture, AVI_CORE_RUNNING);
  assert_told (fixture, "sSs");
}

/* The last word counts; who wanted the start is told at once. */
static void
test_stop_again (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  gate_close_behind (&fixture->under_test);
  stop (fixture, 0);
  start (fixture, 1);
  stop (fixture, 2);
  assert_fails (fixture, 1, AVI_ERROR, AVI_ERROR_CLOSED);
  gate_open ();
  assert_succeeds (fixture, 0);
  assert_succeeds (fixture, 2);
  assert_state (fixture, AVI_CORE_STOPPED);
  assert_told (fixture, "sS");
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  gate_close ();
  start (fixture, 0);
  start (fixture, 1);
  avi_core_cancel (fixture->under_test.core, fixture->calls[0]);
  assert_fails (fixture, 0, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gate_open ();
  assert_succeeds (fixture, 1); /* for it still waits */
  assert_told (fixture, "s");
}

static void
test_all_cancelled (Fixture *fixture, gconstpointer data)
{
  gate_close ();
  start (fixture, 0);
  avi_core_cancel (fixture->under_test.core, fixture->calls[0]);
  stop (fixture, 1);
  gate_open ();
  assert_fails (fixture, 0, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_succeeds (fixture, 1);
  assert_told (fixture, "");
}

/* Nobody is left to stop it, and nobody leaks. */
static void
test_dropped (Fixture *fixture, gconstpointer data)
{
  AviCore *core = avi_core_new ();

  gate_close ();
  avi_core_start (core, &fixture->under_test.settings, fixture->calls[0]);
  avi_core_stop (core, fixture->calls[1]);
  avi_core_unref (core);
  gate_open ();
  assert_fails (fixture, 0, AVI_ERROR, AVI_ERROR_CLOSED);
  assert_succeeds (fixture, 1);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  gate_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/core/a second start joins the first", test_start_joins);
  ADD ("/core/a second stop joins the first", test_stop_joins);
  ADD ("/core/all who wait for a start that fails are told, and find it stopped", test_failed_start);
  ADD ("/core/a stop during the start cancels it", test_stop_during_start);
  ADD ("/core/a start after such a stop begins anew", test_start_after_that);
  ADD ("/core/a start during the stop begins when that is done", test_start_during_stop);
  ADD ("/core/a stop after such a start makes it void", test_stop_again);
  ADD ("/core/a start goes on while somebody waits for it", test_cancelled);
  ADD ("/core/a start that nobody waits for is not to be", test_all_cancelled);
  ADD ("/core/one that is dropped while it starts is stopped all the same", test_dropped);
  return g_test_run ();
}
