/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-core-internal.h"

#include <gio/gio.h>

#include "avi-error.h"
#include "crypto/avi-siphash.h"
#include "protocols/gossipsub/avi-gossipsub.h"

/* In ms: an answer from an engine's own thread does not wake those that its caller runs meanwhile. */
#define MAX_UNNOTICED 5
/* In µs: for how long a context that another thread has may be nobody's without this one noticing. */
#define MAX_HELD (10 * G_TIME_SPAN_MILLISECOND)

/* --- settings --- */

static AviSettings *
avi_settings_copy (const AviSettings *settings)
{
  AviSettings *copy = g_memdup2 (settings, sizeof *settings);

  copy->name = g_strdup (settings->name);
  copy->identity = avi_key_pair_ref (settings->identity);
  copy->identity_file = g_strdup (settings->identity_file);
  copy->listen = (const char *const *) g_strdupv ((char **) settings->listen);
  copy->bootstrap = (const char *const *) g_strdupv ((char **) settings->bootstrap);
  if (settings->pubsub != NULL)
    {
      AviGossipsubParams *pubsub = g_new0 (AviGossipsubParams, 1);

      avi_gossipsub_params_copy (pubsub, settings->pubsub);
      copy->pubsub = pubsub;
    }
  if (settings->context != NULL)
    g_main_context_ref (settings->context);
  return copy;
}

void
avi_settings_free (AviSettings *self)
{
  g_free ((char *) self->name);
  avi_key_pair_unref (self->identity);
  g_free ((char *) self->identity_file);
  g_strfreev ((char **) self->listen);
  g_strfreev ((char **) self->bootstrap);
  if (self->pubsub != NULL)
    avi_gossipsub_params_clear ((AviGossipsubParams *) self->pubsub);
  g_free ((gpointer) self->pubsub);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}

/* --- life --- */

AviCore *
avi_core_new (void)
{
  AviCore *self = g_new0 (AviCore, 1);

  avi_ref_count_init (&self->ref_count);
  avi_lock_init (&self->lock);
  avi_lock_init (&self->wake_lock);
  self->events = avi_event_queue_new ();
  avi_topic_table_init (&self->table);
  self->to_validate = avi_core_new_validation_inbox (self->events);
  self->topics = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  self->topic_flags = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->peer_scores = avi_core_new_peer_scores ();
  self->subscribers = g_hash_table_new_full (avi_sip_text_hash, g_str_equal, g_free, NULL);
  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_peer_info_unref);
  self->addresses = g_new0 (char *, 1);
  self->status = g_strdup (AVI_CORE_STATUS_STOPPED);
  avi_core_enlist (self);
  return self;
}

AviCore *
avi_core_ref (AviCore *self)
{
  avi_ref_count_inc (&self->ref_count);
  return self;
}

void
avi_core_unref (AviCore *self)
{
  GHashTableIter iter;
  gpointer inboxes;

  if (!avi_ref_count_dec (&self->ref_count))
    return;
  avi_core_delist (self);
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, NULL, &inboxes))
    for (guint i = 0; i < ((GPtrArray *) inboxes)->len; i++)
      avi_inbox_close (g_ptr_array_index ((GPtrArray *) inboxes, i));
  avi_topic_table_clear (&self->table);
  avi_inbox_close (self->to_validate);
  avi_inbox_unref (self->to_validate);
  g_hash_table_unref (self->topics);
  g_hash_table_unref (self->topic_flags);
  g_hash_table_unref (self->peer_scores);
  g_hash_table_unref (self->subscribers);
  g_hash_table_unref (self->peers);
  g_strfreev (self->addresses);
  g_free (self->status);
  avi_event_queue_unref (self->events);
  avi_lock_clear (&self->lock);
  avi_lock_clear (&self->wake_lock);
  g_free (self);
}

void
avi_core_set_wake (AviCore *self,
                   void   (*wake) (gpointer user_data),
                   gpointer user_data)
{
  avi_event_queue_set_wake (self->events, wake, user_data);
}

AviEvent *
avi_core_take_events (AviCore *self)
{
  /* Which drops what is not told in this process. */
  avi_core_lock (self);
  avi_unlock (&self->lock);
  return avi_event_queue_take (self->events);
}

void
avi_core_push (AviCore  *self,
               AviEvent *events)
{
  avi_event_queue_push (self->events, events);
}

void
avi_core_answer (AviCore     *self,
                 AviCall     *call,
                 gint64       number,
                 AviPeerInfo *peer,
                 GError      *error)
{
  if (call == NULL)
    g_clear_error (&error);
  else if (avi_call_answer (call, number, peer, error) && avi_call_get_tag (call) != NULL)
    avi_core_push (self, avi_event_new_for_call (call));
}

static void
avi_core_answer_all (AviCore      *self,
                     GPtrArray    *calls,
                     const GError *error)
{
  for (guint i = 0; calls != NULL && i < calls->len; i++)
    avi_core_answer (self, g_ptr_array_index (calls, i), 0, NULL, error != NULL ? g_error_copy (error) : NULL);
  if (calls != NULL)
    g_ptr_array_unref (calls);
}

static void
avi_core_add_call (GPtrArray **calls,
                   AviCall    *call)
{
  if (call == NULL)
    return;
  if (*calls == NULL)
    *calls = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_call_unref);
  g_ptr_array_add (*calls, avi_call_ref (call));
}

static void
avi_core_set_state_locked (AviCore     *self,
                           AviCoreState state)
{
  self->state = state;
  avi_core_push (self, avi_event_new (AVI_EVENT_STATE));
}

/* When this returns nobody wakes the one before any more. */
static void
avi_core_replace_engine_locked (AviCore   *self,
                                AviEngine *engine)
{
  self->engine = engine;
  avi_lock (&self->wake_lock);
  self->to_wake = engine;
  avi_unlock (&self->wake_lock);
}

void
avi_core_set_engine_locked (AviCore   *self,
                            AviEngine *engine)
{
  avi_core_replace_engine_locked (self, engine);
  /* What came before it was there. */
  avi_engine_wake (engine);
}

void
avi_core_set_engine (AviCore   *self,
                     AviEngine *engine)
{
  avi_core_lock (self);
  avi_core_set_engine_locked (self, engine);
  avi_unlock (&self->lock);
}

static void
avi_core_launch_locked (AviCore     *self,
                        AviSettings *settings)
{
  g_autoptr(GError) error = NULL;

  self->stop_asked = FALSE;
  self->context = settings->context;
  self->max_message = settings->pubsub != NULL ? settings->pubsub->max_message : AVI_GOSSIPSUB_MAX_MESSAGE;
  self->max_held = settings->max_held > 0 ? settings->max_held : AVI_CORE_MAX_HELD;
  self->max_held_bytes = settings->max_held_bytes > 0 ? settings->max_held_bytes : AVI_CORE_MAX_HELD_BYTES_EACH;
  avi_core_set_state_locked (self, AVI_CORE_STARTING);
  if (avi_runner_launch (self, settings, &error))
    return;
  self->context = NULL;
  avi_core_set_state_locked (self, AVI_CORE_STOPPED);
  avi_core_answer_all (self, g_steal_pointer (&self->start_calls), error);
}

/* FALSE where there is none, or another thread has it. That one may have seen to the answer to @call (or NULL) just
 * before it let go: then nothing may come any more. */
static gboolean
avi_core_iterate_context (GMainContext *context,
                          int           max_wait,
                          AviCall      *call)
{
  if (context == NULL || !g_main_context_acquire (context))
    return FALSE;
  if (call == NULL || !avi_call_is_done (call))
    avi_runners_iterate (context, max_wait);
  g_main_context_release (context);
  return TRUE;
}

/* (transfer full): NULL where the engine has a thread. */
static GMainContext *
avi_core_dup_context (AviCore *self)
{
  GMainContext *context;

  avi_core_lock (self);
  context = self->context != NULL ? g_main_context_ref (self->context) : NULL;
  avi_unlock (&self->lock);
  return context;
}

gboolean
avi_core_iterate (AviCore *self)
{
  g_autoptr(GMainContext) context = avi_core_dup_context (self);

  return avi_core_iterate_context (context, -1, NULL);
}

/* The answer may have to wait for an engine that nobody but the caller's thread runs. Where another thread has the
 * context, it may let go of it with its own call answered and this one not. */
void
avi_core_wait (AviCore *self,
               AviCall *call)
{
  while (!avi_call_is_done (call))
    {
      g_autoptr(GMainContext) context = avi_core_dup_context (self);
      g_autoptr(GMainContext) here = avi_runners_dup_context ();

      if (avi_core_iterate_context (context, -1, call) || avi_core_iterate_context (here, MAX_UNNOTICED, call))
        continue;
      avi_call_wait_until (call, context == NULL && here == NULL ? G_MAXINT64 : g_get_monotonic_time () + MAX_HELD);
    }
}

void
avi_core_start (AviCore           *self,
                const AviSettings *settings,
                AviCall           *call)
{
  avi_core_lock (self);
  switch (self->state)
    {
    case AVI_CORE_STOPPED:
      avi_core_add_call (&self->start_calls, call);
      avi_core_launch_locked (self, avi_settings_copy (settings));
      break;

    case AVI_CORE_STARTING:
      if (!self->stop_asked)
        {
          avi_core_add_call (&self->start_calls, call);
          break;
        }
      G_GNUC_FALLTHROUGH;

    case AVI_CORE_STOPPING:
      g_clear_pointer (&self->next_start, avi_settings_free);
      self->next_start = avi_settings_copy (settings);
      avi_core_add_call (&self->next_calls, call);
      break;

    case AVI_CORE_RUNNING:
      avi_core_answer (self, call, 0, NULL, NULL);
      break;
    }
  avi_unlock (&self->lock);
}

void
avi_core_forget_next_start_locked (AviCore *self)
{
  g_autoptr(GError) error = g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "The device was stopped before it had started");

  g_clear_pointer (&self->next_start, avi_settings_free);
  avi_core_answer_all (self, g_steal_pointer (&self->next_calls), error);
}

void
avi_core_stop (AviCore *self,
               AviCall *call)
{
  avi_core_lock (self);
  switch (self->state)
    {
    case AVI_CORE_STOPPED:
      avi_core_answer (self, call, 0, NULL, NULL);
      break;

    case AVI_CORE_STARTING:
      self->stop_asked = TRUE;
      avi_core_add_call (&self->stop_calls, call);
      avi_core_forget_next_start_locked (self);
      break;

    case AVI_CORE_RUNNING:
      avi_core_set_state_locked (self, AVI_CORE_STOPPING);
      avi_core_add_call (&self->stop_calls, call);
      avi_core_send_locked (self, avi_command_new (AVI_COMMAND_STOP, NULL, NULL));
      break;

    case AVI_CORE_STOPPING:
      avi_core_add_call (&self->stop_calls, call);
      avi_core_forget_next_start_locked (self);
      break;
    }
  avi_unlock (&self->lock);
}

gboolean
avi_core_started (AviCore *self,
                  GError  *error)
{
  gboolean go_on;

  avi_core_lock (self);
  go_on = error == NULL && !self->stop_asked;
  if (go_on)
    {
      avi_core_set_state_locked (self, AVI_CORE_RUNNING);
      avi_core_push (self, avi_event_new (AVI_EVENT_STARTED));
      avi_core_answer_all (self, g_steal_pointer (&self->start_calls), NULL);
    }
  else
    /* Told once the device is stopped, so that whoever is told finds it so. */
    self->start_failure =
        error != NULL ? error : g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "The device was stopped while it started");
  avi_unlock (&self->lock);
  return go_on;
}

static void
avi_core_refuse_commands_locked (AviCore *self)
{
  while (self->first_command != NULL)
    {
      AviCommand *command = self->first_command;

      self->first_command = command->next;
      if (command->call != NULL && command->type != AVI_COMMAND_CANCEL)
        avi_core_answer (self, command->call, -1, NULL,
                         g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "The device stopped"));
      avi_command_free (command);
    }
  self->last_command = NULL;
  avi_core_refuse_publications_locked (self);
}

void
avi_core_stopped (AviCore *self,
                  GError  *error)
{
  AviEvent *event;
  gboolean was_running;

  avi_core_lock (self);
  was_running = self->state == AVI_CORE_RUNNING || self->state == AVI_CORE_STOPPING;
  avi_core_replace_engine_locked (self, NULL);
  self->context = NULL;
  avi_core_refuse_commands_locked (self);
  g_hash_table_remove_all (self->subscribers);
  avi_core_set_state_locked (self, AVI_CORE_STOPPED);
  if (was_running)
    {
      event = avi_event_new (AVI_EVENT_STOPPED);
      event->error = g_steal_pointer (&error);
      avi_core_push (self, event);
    }
  g_clear_error (&error);
  avi_core_answer_all (self, g_steal_pointer (&self->start_calls), self->start_failure);
  g_clear_error (&self->start_failure);
  avi_core_answer_all (self, g_steal_pointer (&self->stop_calls), NULL);
  if (self->next_start != NULL)
    {
      self->start_calls = g_steal_pointer (&self->next_calls);
      avi_core_launch_locked (self, g_steal_pointer (&self->next_start));
    }
  avi_unlock (&self->lock);
}
