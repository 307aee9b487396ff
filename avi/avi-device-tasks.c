/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"

/* A call that somebody waits for, and what its cancellation does. Held by its task and by the
 * cancellable's handler. */
typedef struct
{
  AviRefCount ref_count;
  AviCore    *core;
  AviCall    *call;
  gint64      created; /* the time of the iteration of the context in which it was made; 0: in none */
  AviCancelFunc cancel;
  AviGiveFunc give;

  GCancellable *cancellable;

  AviLock  lock; /* of what follows: the answer may be told while the caller still connects */
  gulong   handler;
  gboolean done;

  atomic_bool armed; /* published to the thread that cancels: what it reads of this was written before */
} AviErrand;

static AviErrand *
avi_errand_new (AviDevice    *device,
                AviCall      *call,
                GCancellable *cancellable,
                AviCancelFunc cancel)
{
  AviErrand *self = g_new0 (AviErrand, 1);

  avi_ref_count_init (&self->ref_count);
  avi_lock_init (&self->lock);
  self->core = avi_core_ref (device->core);
  self->call = call;
  self->cancel = cancel;
  g_set_object (&self->cancellable, cancellable);
  return self;
}

static void
avi_errand_unref (gpointer data)
{
  AviErrand *self = data;

  if (!avi_ref_count_dec (&self->ref_count))
    return;
  avi_call_unref (self->call);
  avi_core_unref (self->core);
  g_clear_object (&self->cancellable);
  avi_lock_clear (&self->lock);
  g_free (self);
}

static void
avi_errand_on_cancelled (GCancellable *cancellable,
                         gpointer      user_data)
{
  AviErrand *self = user_data;

  if (atomic_load_explicit (&self->armed, memory_order_acquire))
    self->cancel (self->core, self->call);
}

/* After the core was asked: a cancellation before that would find nothing to cancel. */
static void
avi_errand_connect (AviErrand *self)
{
  if (self->cancellable == NULL)
    return;
  avi_lock (&self->lock);
  if (!self->done)
    {
      avi_ref_count_inc (&self->ref_count);
      atomic_store_explicit (&self->armed, TRUE, memory_order_release);
      self->handler = g_cancellable_connect (self->cancellable, G_CALLBACK (avi_errand_on_cancelled), self,
                                             avi_errand_unref);
    }
  avi_unlock (&self->lock);
}

static void
avi_errand_disconnect (AviErrand *self)
{
  gulong handler;

  avi_lock (&self->lock);
  handler = self->handler;
  self->handler = 0;
  self->done = TRUE;
  avi_unlock (&self->lock);
  g_cancellable_disconnect (self->cancellable, handler);
}

/* --- the synchronous form: waits in the calling thread, and iterates no context --- */

gboolean
avi_device_wait (AviDevice    *self,
                 AviCall      *call,
                 GCancellable *cancellable,
                 AviCancelFunc cancel,
                 AviPeerInfo **peer,
                 GError      **error)
{
  AviErrand *errand = avi_errand_new (self, avi_call_ref (call), cancellable, cancel);
  gboolean success;

  avi_errand_connect (errand);
  avi_core_wait (self->core, call);
  avi_errand_disconnect (errand);
  success = avi_call_get_result (call, NULL, peer, error);
  avi_errand_unref (errand);
  return success;
}

/* --- the asynchronous form --- */

void
avi_device_give_boolean (GTask   *task,
                         AviCall *call)
{
  GError *error = NULL;

  if (avi_call_get_result (call, NULL, NULL, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
avi_device_give_number (GTask   *task,
                        AviCall *call)
{
  gint64 number;
  GError *error = NULL;

  if (avi_call_get_result (call, &number, NULL, &error))
    g_task_return_int (task, number);
  else
    g_task_return_error (task, error);
}

void
avi_device_give_peer (GTask   *task,
                      AviCall *call)
{
  g_autoptr(AviPeerInfo) info = NULL;
  GError *error = NULL;

  if (avi_call_get_result (call, NULL, &info, &error))
    g_task_return_pointer (task, avi_device_ensure_peer (g_task_get_source_object (task), info), g_object_unref);
  else
    g_task_return_error (task, error);
}

/* In the task's context. Takes the reference that the call stood for. */
static void
avi_device_complete_task (GTask *task)
{
  AviErrand *errand = g_task_get_task_data (task);

  avi_errand_disconnect (errand);
  errand->give (task, errand->call);
  g_object_unref (task);
}

void
avi_device_complete (AviCall *call)
{
  avi_device_complete_task (avi_call_get_tag (call));
}

gboolean
avi_device_may_complete (AviCall *call,
                         GSource *source)
{
  AviErrand *errand = g_task_get_task_data (avi_call_get_tag (call));

  return errand->created != g_source_get_time (source);
}

static gboolean
avi_device_on_elsewhere (gpointer user_data)
{
  avi_device_complete_task (user_data);
  return G_SOURCE_REMOVE;
}

/* In the engine's thread: only wakes the context in which the caller waits. */
static void
avi_device_answered_elsewhere (AviCall *call,
                               gpointer user_data)
{
  GTask *task = user_data;
  GSource *source = g_idle_source_new ();

  g_source_set_static_name (source, "AviDevice completion");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, avi_device_on_elsewhere, task, NULL);
  g_source_attach (source, g_task_get_context (task));
  g_source_unref (source);
}

static gint64
avi_device_get_iteration (void)
{
  GSource *source = g_main_current_source ();

  return source != NULL ? g_source_get_time (source) : 0;
}

GTask *
avi_device_task_new (AviDevice          *self,
                     GCancellable       *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer            user_data,
                     AviCancelFunc       cancel,
                     AviGiveFunc         give,
                     const char         *tag)
{
  GTask *task = g_object_ref (g_task_new (self, cancellable, callback, user_data));
  AviCall *call = g_task_get_context (task) == self->context
                    ? avi_call_new (task)
                    : avi_call_new_notify (avi_device_answered_elsewhere, task);
  AviErrand *errand = avi_errand_new (self, call, cancellable, cancel);

  errand->give = give;
  errand->created = avi_device_get_iteration ();
  g_task_set_source_tag (task, (gpointer) tag);
  g_task_set_name (task, tag);
  g_task_set_task_data (task, errand, avi_errand_unref);
  /* The engine says how it ended: what has happened is not told as if it had not. */
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

AviCall *
avi_device_task_get_call (GTask *task)
{
  return ((AviErrand *) g_task_get_task_data (task))->call;
}

void
avi_device_task_fail (GTask  *task,
                      GError *error)
{
  g_task_return_error (task, error);
  g_object_unref (task);
}

gboolean
avi_device_task_is_cancelled (GTask        *task,
                              GCancellable *cancellable)
{
  GError *error = NULL;

  if (!g_cancellable_set_error_if_cancelled (cancellable, &error))
    return FALSE;
  avi_device_task_fail (task, error);
  return TRUE;
}

void
avi_device_task_connect (GTask *task)
{
  avi_errand_connect (g_task_get_task_data (task));
}
