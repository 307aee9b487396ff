/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-runner.h"

#include <stdlib.h>

#include "avi-core-internal.h"
#include "wire/avi-fork.h"

/* How long a process that exits waits for its engines to say goodbye. */
#define EXIT_WAIT (250 * G_TIME_SPAN_MILLISECOND)

struct _AviRunner
{
  AviCore      *core;
  AviSettings  *settings;
  AviEngine    *engine;
  GMainContext *context; /* the settings', for as long as the runner is in the list; NULL: it has a thread */
  GThread      *starter; /* which launched it; only to compare */
  guint         generation; /* of the process that it runs in */
};

/* --- the process's engines --- */

static AviLock runners_lock;
static pthread_once_t runners_once = PTHREAD_ONCE_INIT;
/* Under runners_lock, of AviRunner: all that run, and those that do so in the process that forked this one,
 * which nobody here can free. */
static GPtrArray *runners;
static GPtrArray *runners_left_behind;
static gboolean runners_at_exit; /* and in every child, which has the handlers of its parent */

static void
avi_runners_init (void)
{
  avi_lock_init (&runners_lock);
}

void
avi_runners_hold (void)
{
  pthread_once (&runners_once, avi_runners_init);
  avi_lock (&runners_lock);
}

void
avi_runners_release (void)
{
  avi_unlock (&runners_lock);
}

void
avi_runners_leave_behind (void)
{
  if (runners == NULL)
    return;
  runners_left_behind = runners;
  runners = NULL;
}

static GPtrArray *
avi_runners_dup_cores (void)
{
  GPtrArray *cores = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_core_unref);

  /* A core's lock is never taken under this one: it is taken the other way round. */
  avi_lock (&runners_lock);
  for (guint i = 0; runners != NULL && i < runners->len; i++)
    g_ptr_array_add (cores, avi_core_ref (((AviRunner *) g_ptr_array_index (runners, i))->core));
  avi_unlock (&runners_lock);
  return cores;
}

static void
avi_runners_stop_at_exit (void)
{
  gint64 end = g_get_monotonic_time () + EXIT_WAIT;
  g_autoptr(GPtrArray) cores = avi_runners_dup_cores ();

  for (guint i = 0; i < cores->len; i++)
    avi_core_stop (g_ptr_array_index (cores, i), NULL);
  for (guint i = 0; i < cores->len; i++)
    while (g_get_monotonic_time () < end && avi_core_iterate (g_ptr_array_index (cores, i)))
      ;

  avi_lock (&runners_lock);
  while (runners != NULL && runners->len > 0 && avi_wait (&runners_lock, end))
    ;
  avi_unlock (&runners_lock);
}

static void
avi_runner_register (AviRunner *self)
{
  pthread_once (&runners_once, avi_runners_init);
  avi_lock (&runners_lock);
  if (runners == NULL)
    runners = g_ptr_array_new ();
  if (!runners_at_exit)
    atexit (avi_runners_stop_at_exit);
  runners_at_exit = TRUE;
  g_ptr_array_add (runners, self);
  avi_unlock (&runners_lock);
}

static void
avi_runner_unregister (AviRunner *self)
{
  avi_lock (&runners_lock);
  g_ptr_array_remove_fast (runners, self);
  avi_signal (&runners_lock);
  avi_unlock (&runners_lock);
}

/* --- one of them --- */

static void
avi_runner_free (AviRunner *self)
{
  g_clear_pointer (&self->engine, avi_engine_free);
  avi_settings_free (self->settings);
  avi_runner_unregister (self);
  g_clear_pointer (&self->context, g_main_context_unref);
  avi_core_unref (self->core);
  g_free (self);
}

static gpointer
avi_runner_run (gpointer data)
{
  AviRunner *self = data;

  self->engine = avi_engine_new (self->core, self->settings);
  avi_core_set_engine (self->core, self->engine);
  while (avi_engine_iterate (self->engine, TRUE))
    ;
  avi_runner_free (self);
  return NULL;
}

static gboolean
avi_runner_launch_thread (AviRunner *self,
                          GError   **error)
{
  GThread *thread = g_thread_try_new ("avi-engine", avi_runner_run, self, error);

  if (thread != NULL)
    g_thread_unref (thread);
  return thread != NULL;
}

static gboolean
avi_runner_dispatch (gpointer data)
{
  AviRunner *self = data;

  /* A child has the context's sources, too. */
  if (self->generation != avi_fork_get_generation ())
    return G_SOURCE_REMOVE;
  if (avi_engine_iterate (self->engine, FALSE))
    return G_SOURCE_CONTINUE;
  avi_runner_free (self);
  return G_SOURCE_REMOVE;
}

/* (transfer container): those that run in @context. Only its owner, who asks, ends any of them. */
static GPtrArray *
avi_runners_in (GMainContext *context)
{
  GPtrArray *found = g_ptr_array_new ();

  avi_lock (&runners_lock);
  for (guint i = 0; runners != NULL && i < runners->len; i++)
    {
      AviRunner *runner = g_ptr_array_index (runners, i);

      if (runner->context == context)
        g_ptr_array_add (found, runner);
    }
  avi_unlock (&runners_lock);
  return found;
}

GMainContext *
avi_runners_dup_context (void)
{
  GMainContext *context = NULL;

  pthread_once (&runners_once, avi_runners_init);
  avi_lock (&runners_lock);
  for (guint i = 0; context == NULL && runners != NULL && i < runners->len; i++)
    {
      AviRunner *runner = g_ptr_array_index (runners, i);

      if (runner->context != NULL && runner->starter == g_thread_self ())
        context = g_main_context_ref (runner->context);
    }
  avi_unlock (&runners_lock);
  return context;
}

static void
avi_runners_poll (GPtrArray *chosen,
                  int        max_wait)
{
  g_autofree GPollFD *fds = g_new0 (GPollFD, chosen->len);
  int timeout = max_wait;

  for (guint i = 0; i < chosen->len; i++)
    {
      AviRunner *runner = g_ptr_array_index (chosen, i);
      int left = avi_engine_get_poll (runner->engine, &fds[i]);

      if (left >= 0)
        timeout = timeout < 0 ? left : MIN (timeout, left);
    }
  g_poll (fds, chosen->len, timeout);
}

void
avi_runners_iterate (GMainContext *context,
                     int           max_wait)
{
  g_autoptr(GPtrArray) chosen = avi_runners_in (context);
  gboolean may_block = chosen->len == 1 && max_wait < 0;

  if (!may_block && chosen->len > 0)
    avi_runners_poll (chosen, max_wait);
  for (guint i = 0; i < chosen->len; i++)
    {
      AviRunner *runner = g_ptr_array_index (chosen, i);

      if (!avi_engine_iterate (runner->engine, may_block))
        avi_runner_free (runner);
    }

  /* For whoever has the context next, and begins with this lock, too: that of the context is GLib's, of which
   * ThreadSanitizer knows nothing. */
  avi_lock (&runners_lock);
  avi_unlock (&runners_lock);
}

static gboolean
avi_runner_attach (AviRunner *self,
                   GError   **error)
{
  self->engine = avi_engine_new (self->core, self->settings);
  if (!avi_engine_set_dispatch (self->engine, avi_runner_dispatch, self, error))
    {
      g_clear_pointer (&self->engine, avi_engine_free);
      return FALSE;
    }
  avi_core_set_engine_locked (self->core, self->engine);
  return TRUE;
}

gboolean
avi_runner_launch (AviCore     *core,
                   AviSettings *settings,
                   GError     **error)
{
  AviRunner *self = g_new0 (AviRunner, 1);

  self->core = avi_core_ref (core);
  self->settings = settings;
  self->context = settings->context != NULL ? g_main_context_ref (settings->context) : NULL;
  self->starter = g_thread_self ();
  self->generation = avi_fork_get_generation ();
  avi_runner_register (self);
  if (settings->context != NULL ? avi_runner_attach (self, error) : avi_runner_launch_thread (self, error))
    return TRUE;
  avi_runner_unregister (self);
  g_clear_pointer (&self->context, g_main_context_unref);
  avi_settings_free (settings);
  /* Not the last reference: whoever holds the lock has one. */
  avi_core_unref (core);
  g_free (self);
  return FALSE;
}
