/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the program wants topics to be treated (signed or not, validated or not), and validators' verdicts.
 */
#include "config.h"

#include "avi-core-internal.h"
#include "avi-error.h"
#include "avi-message-private.h"
#include "protocols/gossipsub/avi-gossipsub.h"

G_STATIC_ASSERT ((guint) AVI_CORE_TOPIC_UNSIGNED == (guint) AVI_GOSSIPSUB_TOPIC_UNSIGNED);
G_STATIC_ASSERT ((guint) AVI_CORE_TOPIC_VALIDATED == (guint) AVI_GOSSIPSUB_TOPIC_VALIDATED);

static void
avi_core_change_topic_locked (AviCore    *self,
                              const char *topic,
                              guint       flags)
{
  AviCommand *command;

  if (flags != 0)
    g_hash_table_replace (self->topic_flags, g_strdup (topic), GUINT_TO_POINTER (flags));
  else
    g_hash_table_remove (self->topic_flags, topic);
  if (self->engine == NULL)
    return;
  command = avi_command_new (AVI_COMMAND_SET_TOPIC, topic, NULL);
  command->number = flags;
  avi_core_send_locked (self, command);
}

gboolean
avi_core_set_topic_flag (AviCore         *self,
                         const char      *topic,
                         AviCoreTopicFlag flag,
                         gboolean         on,
                         GError         **error)
{
  gboolean good = TRUE;
  guint before, after;

  if (!avi_gossipsub_check_topic (topic, error))
    return FALSE;
  avi_core_lock (self);
  before = GPOINTER_TO_UINT (g_hash_table_lookup (self->topic_flags, topic));
  after = on ? before | flag : before & ~(guint) flag;
  if (before == 0 && after != 0 && g_hash_table_size (self->topic_flags) >= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS)
    {
      good = FALSE;
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "This device has validators or policies for %d topics already, no more are allowed: not for “%s”",
                   AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS, topic);
    }
  else if (after != before)
    avi_core_change_topic_locked (self, topic, after);
  avi_unlock (&self->lock);
  return good;
}

guint
avi_core_get_topic_flags (AviCore    *self,
                          const char *topic)
{
  guint flags;

  avi_core_lock (self);
  flags = GPOINTER_TO_UINT (g_hash_table_lookup (self->topic_flags, topic));
  avi_unlock (&self->lock);
  return flags;
}

GHashTable *
avi_core_dup_topic_flags (AviCore *self)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer topic, flags;

  avi_core_lock (self);
  g_hash_table_iter_init (&iter, self->topic_flags);
  while (g_hash_table_iter_next (&iter, &topic, &flags))
    g_hash_table_insert (copy, g_strdup (topic), flags);
  avi_unlock (&self->lock);
  return copy;
}

/* --- validators --- */

/* A program that does not look at them for long finds the newest: those before the router has given up. */
AviInbox *
avi_core_new_validation_inbox (AviEventQueue *events)
{
  return avi_inbox_new (events, "", AVI_GOSSIPSUB_MAX_VALIDATIONS, AVI_GOSSIPSUB_MAX_VALIDATIONS_BYTES);
}

void
avi_core_validate (AviCore    *self,
                   AviMessage *message)
{
  AviEvent *event = avi_event_new_message (self->to_validate, message);

  event->type = AVI_EVENT_VALIDATE;
  avi_core_push (self, event);
}

void
avi_core_judge (AviCore    *self,
                AviMessage *message,
                guint       verdict)
{
  AviCommand *command;
  guint64 ticket;

  if (!avi_message_take_ticket (message, &ticket))
    return;
  avi_core_lock (self);
  if (self->engine != NULL)
    {
      command = avi_command_new (AVI_COMMAND_JUDGE, NULL, NULL);
      command->number = verdict;
      command->ticket = ticket;
      avi_core_send_locked (self, command);
    }
  avi_unlock (&self->lock);
}
