/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib-unix.h>
#include <unistd.h>

#include <gio/gio.h>

#include "engine/avi-guest.h"

#define PATIENCE (20 * G_USEC_PER_SEC)

typedef struct
{
  AviLoop      *loop;
  AviGuest     *guest;
  GMainContext *context;
  guint         n_ran;
} Fixture;

static void
ignore_wake (gpointer user_data)
{
}

static void
after_round (gpointer user_data)
{
  avi_guest_update (((Fixture *) user_data)->guest);
}

static void
setup (Fixture *self, gconstpointer data)
{
  self->loop = avi_loop_new (NULL, ignore_wake, NULL);
  self->guest = avi_guest_new (self->loop);
  avi_loop_set_after_round (self->loop, after_round, self);
  avi_guest_enter (self->guest);
  self->context = g_main_context_ref_thread_default ();
  /* The first round finds out what is to be watched. */
  avi_loop_iterate (self->loop, FALSE);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_main_context_unref (self->context);
  avi_guest_leave (self->guest);
  avi_guest_free (self->guest);
  avi_loop_free (self->loop);
}

static gboolean
ran (gpointer user_data)
{
  ((Fixture *) user_data)->n_ran++;
  return G_SOURCE_REMOVE;
}

static void
attach (Fixture *self, GSource *source)
{
  g_source_set_callback (source, ran, self, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

/* The loop sleeps until something of the guest's wakes it. */
static void
iterate_until_ran (Fixture *self, guint n)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;

  while (self->n_ran < n && g_get_monotonic_time () < end)
    avi_loop_iterate (self->loop, TRUE);
  g_assert_cmpuint (self->n_ran, ==, n);
}

static gpointer
invoke (gpointer data)
{
  Fixture *self = data;

  attach (self, g_idle_source_new ());
  return NULL;
}

static void
test_wakes (Fixture *self, gconstpointer data)
{
  GThread *thread = g_thread_new ("other", invoke, self);

  iterate_until_ran (self, 1);
  g_thread_join (thread);
}

/* Likewise nobody, where it takes a context that has no owner for one that nobody polls. */
static void
test_wakes_unowned (Fixture *self, gconstpointer data)
{
  avi_guest_leave (self->guest);
  g_thread_join (g_thread_new ("other", invoke, self));
  avi_loop_wait (self->loop, TRUE);
  avi_guest_enter (self->guest);
  avi_loop_act (self->loop);
  g_assert_cmpuint (self->n_ran, ==, 1);
}

/* GLib wakes nobody for what the owner of a context adds itself. */
static void
test_own_sources (Fixture *self, gconstpointer data)
{
  attach (self, g_idle_source_new ());
  avi_loop_iterate (self->loop, FALSE);
  iterate_until_ran (self, 1);
}

static void
test_timeouts (Fixture *self, gconstpointer data)
{
  gint64 before = g_get_monotonic_time ();

  attach (self, g_timeout_source_new (20));
  avi_loop_iterate (self->loop, FALSE);
  iterate_until_ran (self, 1);
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 20 * G_TIME_SPAN_MILLISECOND - 1000);
}

static gboolean
fd_ran (int fd, GIOCondition condition, gpointer user_data)
{
  return ran (user_data);
}

static void
test_descriptors (Fixture *self, gconstpointer data)
{
  int fds[2];
  GSource *source;

  g_assert_cmpint (pipe (fds), ==, 0);
  source = g_unix_fd_source_new (fds[0], G_IO_IN);
  g_source_set_callback (source, (GSourceFunc) (void (*) (void)) fd_ran, self, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
  avi_loop_iterate (self->loop, FALSE);
  g_assert_cmpuint (self->n_ran, ==, 0);
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
  iterate_until_ran (self, 1);
  avi_loop_iterate (self->loop, FALSE);
  close (fds[0]);
  close (fds[1]);
}

static void
on_task_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ran (user_data);
}

/* What GIO has under way when the engine goes must not outlive it. */
static void
test_last_words (void)
{
  Fixture self = { 0 };
  GTask *task;

  setup (&self, NULL);
  task = g_task_new (NULL, NULL, on_task_done, &self);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
  teardown (&self, NULL);
  g_assert_cmpuint (self.n_ran, ==, 1);
}

#define ADD(path, test) g_test_add (path, Fixture, NULL, setup, test, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/guest/what another thread adds wakes the loop", test_wakes);
  ADD ("/guest/so does what it adds while nobody has the guest's context", test_wakes_unowned);
  ADD ("/guest/what its own thread adds runs in the next round", test_own_sources);
  ADD ("/guest/its timeouts are timers of the loop", test_timeouts);
  ADD ("/guest/its descriptors are watched by the loop", test_descriptors);
  g_test_add_func ("/guest/what has ended is told before it goes", test_last_words);
  return g_test_run ();
}
