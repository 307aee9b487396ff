/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A core in a child of fork (): its engine is the parent's, so here it is stopped. No thread of the engine
 * is in the midst of a core while the process forks, for its locks are held then.
 */
#include "config.h"

#include <pthread.h>

#include "avi-core-internal.h"
#include "wire/avi-fork.h"

static pthread_once_t cores_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t cores_mutex = PTHREAD_MUTEX_INITIALIZER;
static GQueue cores = G_QUEUE_INIT; /* of AviCore, all there are, by their `all_link`; under cores_mutex */

/* Locks are taken in the order in which they are elsewhere: a core's two, those of its events, that of runners. */
static void
avi_cores_hold (void)
{
  pthread_mutex_lock (&cores_mutex);
  for (GList *link = cores.head; link != NULL; link = link->next)
    {
      AviCore *core = link->data;

      avi_lock (&core->lock);
      avi_lock (&core->wake_lock);
      avi_event_queue_hold (core->events);
    }
  avi_runners_hold ();
}

static void
avi_cores_release (void)
{
  avi_runners_release ();
  for (GList *link = cores.tail; link != NULL; link = link->prev)
    {
      AviCore *core = link->data;

      avi_event_queue_release (core->events);
      avi_unlock (&core->wake_lock);
      avi_unlock (&core->lock);
    }
  pthread_mutex_unlock (&cores_mutex);
}

/* Most children exec: here nothing is freed, nor allocated. */
static void
avi_cores_leave_behind (void)
{
  avi_runners_leave_behind ();
  for (GList *link = cores.head; link != NULL; link = link->next)
    {
      AviCore *core = link->data;

      core->left_behind = core->left_behind || core->state != AVI_CORE_STOPPED;
      core->state = AVI_CORE_STOPPED;
      core->engine = NULL;
      core->to_wake = NULL;
      core->context = NULL;
    }
  avi_cores_release ();
}

static void
avi_cores_init (void)
{
  /* First, so that its lock is the last to be taken. */
  avi_fork_init ();
  pthread_atfork (avi_cores_hold, avi_cores_release, avi_cores_leave_behind);
}

void
avi_core_enlist (AviCore *self)
{
  pthread_once (&cores_once, avi_cores_init);
  self->all_link.data = self;
  pthread_mutex_lock (&cores_mutex);
  g_queue_push_tail_link (&cores, &self->all_link);
  pthread_mutex_unlock (&cores_mutex);
}

void
avi_core_delist (AviCore *self)
{
  pthread_mutex_lock (&cores_mutex);
  g_queue_unlink (&cores, &self->all_link);
  pthread_mutex_unlock (&cores_mutex);
}

/* Calls in flight are the parent's, and answered there. */
static void
avi_core_tidy_locked (AviCore *self)
{
  self->left_behind = FALSE;
  while (self->first_command != NULL)
    {
      AviCommand *command = self->first_command;

      self->first_command = command->next;
      avi_command_free (command);
    }
  self->last_command = NULL;
  avi_core_forget_publications_locked (self);
  g_clear_pointer (&self->start_calls, g_ptr_array_unref);
  g_clear_pointer (&self->stop_calls, g_ptr_array_unref);
  g_clear_pointer (&self->next_calls, g_ptr_array_unref);
  g_clear_pointer (&self->next_start, avi_settings_free);
  g_clear_error (&self->start_failure);

  g_hash_table_remove_all (self->subscribers);
  g_hash_table_remove_all (self->peers);
  g_clear_pointer (&self->addresses, g_strfreev);
  self->addresses = g_new0 (char *, 1);
  g_free (self->status);
  self->status = g_strdup (AVI_CORE_STATUS_STOPPED);
  for (AviEvent *event = avi_event_queue_take (self->events), *next; event != NULL; event = next)
    {
      next = event->next;
      avi_event_free (event);
    }
}

void
avi_core_lock (AviCore *self)
{
  avi_lock (&self->lock);
  if (G_UNLIKELY (self->left_behind))
    avi_core_tidy_locked (self);
}
