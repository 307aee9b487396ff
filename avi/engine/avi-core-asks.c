/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <gio/gio.h>

#include "avi-core-internal.h"
#include "avi-error.h"
#include "protocols/gossipsub/avi-gossipsub.h"

/* --- commands --- */

void
avi_command_free (AviCommand *self)
{
  g_clear_pointer (&self->call, avi_call_unref);
  g_clear_pointer (&self->text, g_free);
  g_free (self);
}

AviCommand *
avi_command_new (AviCommandType type,
                 const char    *text,
                 AviCall       *call)
{
  AviCommand *self = g_new0 (AviCommand, 1);

  self->type = type;
  self->text = g_strdup (text);
  self->call = call != NULL ? avi_call_ref (call) : NULL;
  return self;
}

gboolean
avi_core_append_locked (AviCore    *self,
                        AviCommand *command)
{
  gboolean was_empty = self->first_command == NULL;

  command->n_published = self->n_published;
  if (was_empty)
    self->first_command = command;
  else
    self->last_command->next = command;
  self->last_command = command;
  return was_empty && self->engine != NULL;
}

void
avi_core_send_locked (AviCore    *self,
                      AviCommand *command)
{
  if (avi_core_append_locked (self, command))
    avi_engine_wake (self->engine);
}

void
avi_core_wake (AviCore *self)
{
  avi_lock (&self->wake_lock);
  if (self->to_wake != NULL)
    avi_engine_wake (self->to_wake);
  avi_unlock (&self->wake_lock);
}

void
avi_core_obey_here (AviCore *self)
{
  AviEngine *engine;
  gboolean entered;

  avi_lock (&self->wake_lock);
  engine = self->to_wake;
  entered = engine != NULL && avi_engine_enter (engine);
  if (engine != NULL && !entered)
    avi_engine_wake (engine);
  avi_unlock (&self->wake_lock);
  if (entered)
    avi_engine_obey_here (engine);
}

AviCommand *
avi_core_take_commands (AviCore *self)
{
  AviCommand *commands;

  avi_core_lock (self);
  commands = g_steal_pointer (&self->first_command);
  self->last_command = NULL;
  avi_unlock (&self->lock);
  return commands;
}

/* --- what handles ask for --- */

GError *
avi_core_not_running_error (AviCoreState state)
{
  static const char *const names[] = { "stopped", "starting", "running", "stopping" };

  return g_error_new (AVI_ERROR, AVI_ERROR_NOT_RUNNING, "The device is not running, it is %s", names[state]);
}

static void
avi_core_ask (AviCore    *self,
              AviCommand *command)
{
  avi_core_lock (self);
  if (self->state == AVI_CORE_RUNNING || (self->state == AVI_CORE_STARTING && !self->stop_asked))
    avi_core_send_locked (self, command);
  else
    {
      avi_core_answer (self, command->call, -1, NULL, avi_core_not_running_error (self->state));
      avi_command_free (command);
    }
  avi_unlock (&self->lock);
}

void
avi_core_hurry (AviCore *self)
{
  avi_core_lock (self);
  if (self->engine != NULL)
    avi_core_send_locked (self, avi_command_new (AVI_COMMAND_HURRY, NULL, NULL));
  avi_unlock (&self->lock);
}

void
avi_core_dial (AviCore    *self,
               const char *target,
               AviCall    *call)
{
  avi_core_ask (self, avi_command_new (AVI_COMMAND_DIAL, target, call));
}

void
avi_core_run (AviCore      *self,
              AviEngineFunc run,
              gpointer      user_data)
{
  AviCommand *command = avi_command_new (AVI_COMMAND_RUN, NULL, NULL);

  command->run = run;
  command->run_data = user_data;
  avi_core_ask (self, command);
}

void
avi_core_discover (AviCore *self)
{
  avi_core_ask (self, avi_command_new (AVI_COMMAND_DISCOVER, NULL, NULL));
}

void
avi_core_wait_for_subscribers (AviCore    *self,
                               const char *topic,
                               guint       n,
                               AviCall    *call)
{
  AviCommand *command;
  GError *error = NULL;

  if (!avi_gossipsub_check_topic (topic, &error))
    {
      avi_core_answer (self, call, -1, NULL, error);
      return;
    }
  command = avi_command_new (AVI_COMMAND_WAIT_FOR_SUBSCRIBERS, topic, call);
  command->number = n;
  avi_core_ask (self, command);
}

/* TRUE where @call was in @calls, and is out of it now. */
static gboolean
avi_core_remove_call (GPtrArray *calls,
                      AviCall   *call)
{
  return calls != NULL && g_ptr_array_remove (calls, call);
}

void
avi_core_cancel (AviCore *self,
                 AviCall *call)
{
  avi_core_answer (self, call, -1, NULL, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled"));
  avi_core_lock (self);
  if (avi_core_remove_call (self->start_calls, call))
    /* Nobody waits for this start any more: it is not to happen. */
    self->stop_asked = self->stop_asked || (self->start_calls->len == 0 && self->state == AVI_CORE_STARTING);
  else if (avi_core_remove_call (self->next_calls, call))
    {
      if (self->next_calls->len == 0)
        avi_core_forget_next_start_locked (self);
    }
  else if (!avi_core_cancel_publication_locked (self, call) && self->engine != NULL)
    avi_core_send_locked (self, avi_core_remove_call (self->stop_calls, call)
                                  ? avi_command_new (AVI_COMMAND_HURRY, NULL, NULL)
                                  : avi_command_new (AVI_COMMAND_CANCEL, NULL, call));
  avi_unlock (&self->lock);
}

AviInbox *
avi_core_subscribe (AviCore    *self,
                    const char *topic,
                    guint       max_queued,
                    gsize       max_bytes,
                    GError    **error)
{
  AviInbox *inbox;
  GPtrArray *inboxes;

  if (!avi_gossipsub_check_topic (topic, error))
    return NULL;
  avi_core_lock (self);
  inboxes = g_hash_table_lookup (self->topics, topic);
  if (inboxes == NULL && g_hash_table_size (self->topics) >= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS)
    {
      avi_unlock (&self->lock);
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "This device subscribes to %d topics already, no more are allowed: not to “%s”",
                   AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS, topic);
      return NULL;
    }
  inbox = avi_inbox_new (self->events, topic, max_queued, max_bytes);
  if (inboxes == NULL)
    {
      inboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_inbox_unref);
      g_hash_table_insert (self->topics, g_strdup (topic), inboxes);
      if (self->engine != NULL)
        avi_core_send_locked (self, avi_command_new (AVI_COMMAND_SUBSCRIBE, topic, NULL));
    }
  g_ptr_array_add (inboxes, avi_inbox_ref (inbox));
  avi_unlock (&self->lock);
  return inbox;
}

void
avi_core_unsubscribe (AviCore  *self,
                      AviInbox *inbox)
{
  const char *topic = avi_inbox_get_topic (inbox);
  guint64 n_dropped;
  GPtrArray *inboxes;

  avi_inbox_close (inbox);
  n_dropped = avi_inbox_get_dropped (inbox);
  avi_core_lock (self);
  inboxes = g_hash_table_lookup (self->topics, topic);
  if (inboxes == NULL || !g_ptr_array_remove (inboxes, inbox))
    n_dropped = 0;
  if (n_dropped > 0)
    avi_topic_table_use (&self->table, topic)->counts.n[AVI_TOPIC_DROPPED_SUBSCRIPTION] += n_dropped;
  if (inboxes != NULL && inboxes->len == 0)
    {
      if (self->engine != NULL)
        avi_core_send_locked (self, avi_command_new (AVI_COMMAND_UNSUBSCRIBE, topic, NULL));
      g_hash_table_remove (self->topics, topic);
    }
  avi_unlock (&self->lock);
}

/* --- what the engine delivers --- */

char **
avi_core_dup_topics (AviCore *self)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer topic;

  avi_core_lock (self);
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, &topic, NULL))
    g_strv_builder_add (builder, topic);
  avi_unlock (&self->lock);
  return g_strv_builder_end (builder);
}

/* (transfer full): one event for each inbox, linked. */
static AviEvent *
avi_core_address_locked (AviCore    *self,
                         AviMessage *message,
                         AviEvent   *next)
{
  GPtrArray *inboxes = g_hash_table_lookup (self->topics, avi_message_get_topic (message));

  for (guint i = inboxes != NULL ? inboxes->len : 0; i > 0; i--)
    {
      AviEvent *event = avi_event_new_message (g_ptr_array_index (inboxes, i - 1), message);

      event->next = next;
      next = event;
    }
  return next;
}

void
avi_core_deliver (AviCore           *self,
                  AviMessage *const *messages,
                  guint              n)
{
  AviEvent *first = NULL;

  if (n == 0)
    return;
  avi_core_lock (self);
  for (guint i = n; i > 0; i--)
    first = avi_core_address_locked (self, messages[i - 1], first);
  avi_unlock (&self->lock);
  /* Without the lock: it is what the program's thread takes first when it is woken. */
  if (first != NULL)
    avi_core_push (self, first);
}
