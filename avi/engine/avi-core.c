/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-core-private.h"

#include <stdlib.h>

#include <gio/gio.h>

#include "avi-engine.h"
#include "avi-error.h"
#include "protocols/gossipsub/avi-gossipsub.h"

/* How long a process that exits waits for its engines to say goodbye. */
#define EXIT_WAIT (250 * G_TIME_SPAN_MILLISECOND)

struct _AviCore
{
  AviRefCount    ref_count;
  AviEventQueue *events;

  _Atomic guint64 counts[AVI_N_COUNTS];

  AviLock      lock; /* of what follows */
  AviCoreState state;
  AviEngine   *engine; /* from its start to its last word, to wake it; its thread owns it */

  AviCommand *first_command;
  AviCommand *last_command;
  guint       n_publishing;     /* messages among the commands */
  gsize       publishing_bytes;

  GPtrArray   *start_calls;  /* of AviCall: who waits for the start under way */
  GError      *start_failure; /* what they will be told */
  GPtrArray   *stop_calls;   /* likewise for the stop */
  gboolean     stop_asked;   /* while starting */
  AviSettings *next_start;   /* a start that came while stopping */
  GPtrArray   *next_calls;   /* and who waits for it */

  GHashTable *topics;      /* char * → GPtrArray of AviInbox */
  GHashTable *subscribers; /* char * → count, of topics with any */
  GHashTable *peers;       /* AviPeerId → AviPeerInfo */
  char      **addresses;
  char       *status;
};

static const char *const count_names[] = {
  "connections-opened",
  "connections-closed",
  "handshakes-failed",
  "refused-max-connections",
  "refused-max-connections-per-address",
  "refused-max-connections-per-peer",
  "refused-max-pending",
  "dials",
  "dials-failed",
  "bytes-received",
  "bytes-sent",
  "mdns-packets-invalid",
  "addresses-ignored",
  "identity-conflicts",
  "messages-received",
  "messages-delivered",
  "messages-duplicate",
  "messages-forwarded",
  "messages-invalid",
  "messages-recovered",
  "messages-unwanted",
  "messages-unverified",
  "sends-dropped",
  "gossip-limited",
  "promises-broken",
};
G_STATIC_ASSERT (G_N_ELEMENTS (count_names) == AVI_N_COUNTS);

/* --- the process's engines --- */

static AviLock engines_lock = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER };
static GPtrArray *running_cores; /* of AviCore that have an engine's thread; under engines_lock */

static void
avi_core_stop_all_at_exit (void)
{
  g_autoptr(GPtrArray) cores = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_core_unref);
  struct timespec deadline;

  /* A core's lock is never taken under this one: it is taken the other way round. */
  avi_lock (&engines_lock);
  for (guint i = 0; i < running_cores->len; i++)
    g_ptr_array_add (cores, avi_core_ref (g_ptr_array_index (running_cores, i)));
  avi_unlock (&engines_lock);
  for (guint i = 0; i < cores->len; i++)
    avi_core_stop (g_ptr_array_index (cores, i), NULL);

  avi_lock (&engines_lock);
  clock_gettime (CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += EXIT_WAIT * 1000;
  deadline.tv_sec += deadline.tv_nsec / 1000000000;
  deadline.tv_nsec %= 1000000000;
  while (running_cores->len > 0)
    if (pthread_cond_timedwait (&engines_lock.cond, &engines_lock.mutex, &deadline) != 0)
      break;
  avi_unlock (&engines_lock);
}

static void
avi_core_register (AviCore *self)
{
  avi_lock (&engines_lock);
  if (running_cores == NULL)
    {
      running_cores = g_ptr_array_new ();
      atexit (avi_core_stop_all_at_exit);
    }
  g_ptr_array_add (running_cores, self);
  avi_unlock (&engines_lock);
}

static void
avi_core_unregister (AviCore *self)
{
  avi_lock (&engines_lock);
  g_ptr_array_remove_fast (running_cores, self);
  avi_signal (&engines_lock);
  avi_unlock (&engines_lock);
}

/* --- settings and commands --- */

static AviSettings *
avi_settings_copy (const AviSettings *settings)
{
  AviSettings *copy = g_memdup2 (settings, sizeof *settings);

  copy->name = g_strdup (settings->name);
  copy->identity = avi_key_pair_ref (settings->identity);
  copy->identity_file = g_strdup (settings->identity_file);
  copy->listen = (const char *const *) g_strdupv ((char **) settings->listen);
  copy->bootstrap = (const char *const *) g_strdupv ((char **) settings->bootstrap);
  return copy;
}

static void
avi_settings_free (AviSettings *self)
{
  g_free ((char *) self->name);
  avi_key_pair_unref (self->identity);
  g_free ((char *) self->identity_file);
  g_strfreev ((char **) self->listen);
  g_strfreev ((char **) self->bootstrap);
  g_free (self);
}

void
avi_command_free (AviCommand *self)
{
  g_clear_pointer (&self->call, avi_call_unref);
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->data, g_bytes_unref);
  g_free (self);
}

static AviCommand *
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

/* With the lock held. One wake-up serves any number of commands before the engine looks. */
static void
avi_core_send_locked (AviCore    *self,
                      AviCommand *command)
{
  gboolean was_empty = self->first_command == NULL;

  if (was_empty)
    self->first_command = command;
  else
    self->last_command->next = command;
  self->last_command = command;
  if (was_empty && self->engine != NULL)
    avi_engine_wake (self->engine);
}

AviCommand *
avi_core_take_commands (AviCore *self)
{
  AviCommand *commands;

  avi_lock (&self->lock);
  commands = g_steal_pointer (&self->first_command);
  self->last_command = NULL;
  self->n_publishing = 0;
  self->publishing_bytes = 0;
  avi_unlock (&self->lock);
  return commands;
}

/* --- life --- */

AviCore *
avi_core_new (void)
{
  AviCore *self = g_new0 (AviCore, 1);

  avi_ref_count_init (&self->ref_count);
  avi_lock_init (&self->lock);
  self->events = avi_event_queue_new ();
  self->topics = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  self->subscribers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_peer_info_unref);
  self->addresses = g_new0 (char *, 1);
  self->status = g_strdup ("not running");
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
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, NULL, &inboxes))
    for (guint i = 0; i < ((GPtrArray *) inboxes)->len; i++)
      avi_inbox_close (g_ptr_array_index ((GPtrArray *) inboxes, i));
  g_hash_table_unref (self->topics);
  g_hash_table_unref (self->subscribers);
  g_hash_table_unref (self->peers);
  g_strfreev (self->addresses);
  g_free (self->status);
  avi_event_queue_unref (self->events);
  avi_lock_clear (&self->lock);
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
  return avi_event_queue_take (self->events);
}

void
avi_core_push (AviCore  *self,
               AviEvent *event)
{
  avi_event_queue_push (self->events, event);
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

typedef struct
{
  AviCore     *core;
  AviSettings *settings;
} Launch;

static gpointer
avi_core_run (gpointer data)
{
  Launch *launch = data;
  AviCore *self = launch->core;
  AviEngine *engine = avi_engine_new (self, launch->settings);

  avi_lock (&self->lock);
  self->engine = engine;
  avi_unlock (&self->lock);

  avi_engine_run (engine);

  /* avi_core_stopped () has let go of it: nobody wakes it any more. */
  avi_engine_free (engine);
  avi_settings_free (launch->settings);
  g_free (launch);
  avi_core_unregister (self);
  avi_core_unref (self);
  return NULL;
}

static void
avi_core_launch_locked (AviCore     *self,
                        AviSettings *settings)
{
  Launch *launch = g_new0 (Launch, 1);
  g_autoptr(GError) error = NULL;
  GThread *thread;

  launch->core = avi_core_ref (self);
  launch->settings = settings;
  self->stop_asked = FALSE;
  avi_core_set_state_locked (self, AVI_CORE_STARTING);
  avi_core_register (self);
  thread = g_thread_try_new ("avi-engine", avi_core_run, launch, &error);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return;
    }
  avi_core_set_state_locked (self, AVI_CORE_STOPPED);
  avi_core_answer_all (self, g_steal_pointer (&self->start_calls), error);
  avi_core_unregister (self);
  avi_settings_free (settings);
  g_free (launch);
  avi_ref_count_dec (&self->ref_count);
}

void
avi_core_start (AviCore           *self,
                const AviSettings *settings,
                AviCall           *call)
{
  avi_lock (&self->lock);
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

/* A start that waited for this stop gives way to a stop that came after it. */
static void
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
  avi_lock (&self->lock);
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

  avi_lock (&self->lock);
  go_on = error == NULL && !self->stop_asked;
  if (go_on)
    {
      avi_core_set_state_locked (self, AVI_CORE_RUNNING);
      avi_core_push (self, avi_event_new (AVI_EVENT_STARTED));
      avi_core_answer_all (self, g_steal_pointer (&self->start_calls), NULL);
    }
  else
    /* Told once the device is stopped, so that whoever is told finds it so. */
    self->start_failure = error != NULL ? error
                                        : g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "The device was stopped while it started");
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
  self->n_publishing = 0;
  self->publishing_bytes = 0;
}

void
avi_core_stopped (AviCore *self,
                  GError  *error)
{
  AviEvent *event;
  gboolean was_running;

  avi_lock (&self->lock);
  was_running = self->state == AVI_CORE_RUNNING || self->state == AVI_CORE_STOPPING;
  self->engine = NULL;
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

/* --- what handles ask for --- */

static GError *
avi_core_not_running_error (AviCoreState state)
{
  static const char *const names[] = { "stopped", "starting", "running", "stopping" };

  return g_error_new (AVI_ERROR, AVI_ERROR_NOT_RUNNING, "The device is not running, it is %s", names[state]);
}

static void
avi_core_ask (AviCore    *self,
              AviCommand *command)
{
  avi_lock (&self->lock);
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
  avi_lock (&self->lock);
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
  AviCommand *command = avi_command_new (AVI_COMMAND_WAIT_FOR_SUBSCRIBERS, topic, call);

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
  avi_lock (&self->lock);
  if (avi_core_remove_call (self->start_calls, call))
    /* Nobody waits for this start any more: it is not to happen. */
    self->stop_asked = self->stop_asked || (self->start_calls->len == 0 && self->state == AVI_CORE_STARTING);
  else if (avi_core_remove_call (self->next_calls, call))
    {
      if (self->next_calls->len == 0)
        avi_core_forget_next_start_locked (self);
    }
  else if (self->engine != NULL)
    avi_core_send_locked (self, avi_core_remove_call (self->stop_calls, call)
                                  ? avi_command_new (AVI_COMMAND_HURRY, NULL, NULL)
                                  : avi_command_new (AVI_COMMAND_CANCEL, NULL, call));
  avi_unlock (&self->lock);
}

static gboolean
avi_core_check_topic (const char *topic,
                      GError    **error)
{
  gsize len = topic != NULL ? strlen (topic) : 0;

  if (len == 0)
    g_set_error_literal (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "A topic has at least one character");
  else if (len > AVI_GOSSIPSUB_MAX_TOPIC)
    g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "The topic “%.32s…” is of %" G_GSIZE_FORMAT " bytes; at most %d are allowed",
                 topic, len, AVI_GOSSIPSUB_MAX_TOPIC);
  else if (!g_utf8_validate (topic, (gssize) len, NULL))
    g_set_error_literal (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "The topic is not valid UTF-8");
  else
    return TRUE;
  return FALSE;
}

AviInbox *
avi_core_subscribe (AviCore    *self,
                    const char *topic,
                    gpointer    tag,
                    guint       max_queued,
                    gsize       max_bytes,
                    GError    **error)
{
  AviInbox *inbox;
  GPtrArray *inboxes;

  if (!avi_core_check_topic (topic, error))
    return NULL;
  avi_lock (&self->lock);
  inboxes = g_hash_table_lookup (self->topics, topic);
  if (inboxes == NULL && g_hash_table_size (self->topics) >= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS)
    {
      avi_unlock (&self->lock);
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "This device subscribes to %d topics already, no more are allowed: not to “%s”",
                   AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS, topic);
      return NULL;
    }
  inbox = avi_inbox_new (self->events, topic, tag, max_queued, max_bytes);
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
  GPtrArray *inboxes;

  avi_inbox_close (inbox);
  avi_lock (&self->lock);
  inboxes = g_hash_table_lookup (self->topics, topic);
  if (inboxes != NULL && g_ptr_array_remove (inboxes, inbox) && inboxes->len == 0)
    {
      if (self->engine != NULL)
        avi_core_send_locked (self, avi_command_new (AVI_COMMAND_UNSUBSCRIBE, topic, NULL));
      g_hash_table_remove (self->topics, topic);
    }
  avi_unlock (&self->lock);
}

static gboolean
avi_core_check_publish_locked (AviCore *self,
                               gsize    size,
                               gboolean waits,
                               GError **error)
{
  if (self->state != AVI_CORE_RUNNING)
    {
      g_propagate_error (error, avi_core_not_running_error (self->state));
      return FALSE;
    }
  if (size > AVI_GOSSIPSUB_MAX_MESSAGE)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "The message is of %" G_GSIZE_FORMAT " bytes; at most %d are allowed",
                   size, AVI_GOSSIPSUB_MAX_MESSAGE);
      return FALSE;
    }
  if (!waits
      && (self->n_publishing >= AVI_CORE_MAX_QUEUED_MESSAGES
          || self->publishing_bytes + size > AVI_CORE_MAX_QUEUED_BYTES))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "This program publishes faster than the mesh takes: %u messages of %" G_GSIZE_FORMAT
                   " bytes in all are queued; at most %d messages of %d bytes may be",
                   self->n_publishing, self->publishing_bytes, AVI_CORE_MAX_QUEUED_MESSAGES, AVI_CORE_MAX_QUEUED_BYTES);
      return FALSE;
    }
  return TRUE;
}

gint
avi_core_publish (AviCore    *self,
                  const char *topic,
                  GBytes     *data,
                  gboolean    echo,
                  AviCall    *call,
                  GError    **error)
{
  gsize size = g_bytes_get_size (data);
  gint n = -1;

  if (!avi_core_check_topic (topic, error))
    return -1;
  avi_lock (&self->lock);
  if (avi_core_check_publish_locked (self, size, call != NULL, error))
    {
      AviCommand *command = avi_command_new (AVI_COMMAND_PUBLISH, topic, call);

      command->data = g_bytes_ref (data);
      command->echo = echo;
      self->n_publishing++;
      self->publishing_bytes += size;
      avi_core_send_locked (self, command);
      n = GPOINTER_TO_INT (g_hash_table_lookup (self->subscribers, topic));
    }
  avi_unlock (&self->lock);
  return n;
}

/* --- what the engine delivers --- */

char **
avi_core_dup_topics (AviCore *self)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer topic;

  avi_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->topics);
  while (g_hash_table_iter_next (&iter, &topic, NULL))
    g_strv_builder_add (builder, topic);
  avi_unlock (&self->lock);
  return g_strv_builder_end (builder);
}

void
avi_core_deliver (AviCore    *self,
                  AviMessage *message)
{
  GPtrArray *inboxes;

  avi_lock (&self->lock);
  inboxes = g_hash_table_lookup (self->topics, avi_message_get_topic (message));
  for (guint i = 0; inboxes != NULL && i < inboxes->len; i++)
    avi_core_push (self, avi_event_new_message (g_ptr_array_index (inboxes, i), message, i + 1 == inboxes->len));
  avi_unlock (&self->lock);
}

/* --- the snapshot --- */

AviCoreState
avi_core_get_state (AviCore *self)
{
  AviCoreState state;

  avi_lock (&self->lock);
  state = self->state;
  avi_unlock (&self->lock);
  return state;
}

void
avi_core_set_addresses (AviCore *self,
                        char   **addresses)
{
  gboolean same;

  avi_lock (&self->lock);
  same = g_strv_equal ((const char *const *) self->addresses, (const char *const *) addresses);
  if (!same)
    {
      g_strfreev (self->addresses);
      self->addresses = g_strdupv (addresses);
    }
  avi_unlock (&self->lock);
  if (!same)
    avi_core_push (self, avi_event_new (AVI_EVENT_ADDRESSES));
}

char **
avi_core_dup_addresses (AviCore *self)
{
  char **addresses;

  avi_lock (&self->lock);
  addresses = g_strdupv (self->addresses);
  avi_unlock (&self->lock);
  return addresses;
}

void
avi_core_set_status (AviCore    *self,
                     const char *status)
{
  gboolean same;

  avi_lock (&self->lock);
  same = g_strcmp0 (self->status, status) == 0;
  if (!same)
    {
      g_free (self->status);
      self->status = g_strdup (status);
    }
  avi_unlock (&self->lock);
  if (!same)
    avi_core_push (self, avi_event_new (AVI_EVENT_STATUS));
}

char *
avi_core_dup_status (AviCore *self)
{
  char *status;

  avi_lock (&self->lock);
  status = g_strdup (self->status);
  avi_unlock (&self->lock);
  return status;
}

void
avi_core_set_peer (AviCore     *self,
                   AviPeerInfo *info)
{
  avi_lock (&self->lock);
  g_hash_table_replace (self->peers, &info->peer, avi_peer_info_ref (info));
  avi_unlock (&self->lock);
}

void
avi_core_remove_peer (AviCore         *self,
                      const AviPeerId *peer)
{
  avi_lock (&self->lock);
  g_hash_table_remove (self->peers, peer);
  avi_unlock (&self->lock);
}

AviPeerInfo *
avi_core_dup_peer (AviCore         *self,
                   const AviPeerId *peer)
{
  AviPeerInfo *info;

  avi_lock (&self->lock);
  info = g_hash_table_lookup (self->peers, peer);
  if (info != NULL)
    avi_peer_info_ref (info);
  avi_unlock (&self->lock);
  return info;
}

void
avi_core_set_subscribers (AviCore    *self,
                          const char *topic,
                          guint       n)
{
  avi_lock (&self->lock);
  if (n == 0)
    g_hash_table_remove (self->subscribers, topic);
  else
    g_hash_table_replace (self->subscribers, g_strdup (topic), GINT_TO_POINTER (n));
  avi_unlock (&self->lock);
}

void
avi_core_count (AviCore *self,
                AviCount what,
                guint64  n)
{
  atomic_fetch_add_explicit (&self->counts[what], n, memory_order_relaxed);
}

void
avi_core_set_count (AviCore *self,
                    AviCount what,
                    guint64  value)
{
  atomic_store_explicit (&self->counts[what], value, memory_order_relaxed);
}

GVariant *
avi_core_dup_statistics (AviCore *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < AVI_N_COUNTS; i++)
    g_variant_builder_add (&builder, "{sv}", count_names[i],
                           g_variant_new_uint64 (atomic_load_explicit (&self->counts[i], memory_order_relaxed)));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
