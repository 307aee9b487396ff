/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-topic-table.h"

static void
avi_topic_entry_free (gpointer data)
{
  AviTopicEntry *self = data;

  g_free (self->topic);
  g_free (self);
}

void
avi_topic_table_init (AviTopicTable *self)
{
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, avi_topic_entry_free);
  g_queue_init (&self->order);
}

void
avi_topic_table_clear (AviTopicTable *self)
{
  g_clear_pointer (&self->entries, g_hash_table_unref);
  g_queue_init (&self->order);
}

AviTopicEntry *
avi_topic_table_find (AviTopicTable *self,
                      const char    *topic)
{
  return g_hash_table_lookup (self->entries, topic);
}

static void
avi_topic_table_make_room (AviTopicTable *self)
{
  GList *link = self->order.head;

  if (self->order.length < AVI_TOPIC_TABLE_MAX)
    return;
  while (link != NULL && ((AviTopicEntry *) link->data)->n_users > 0)
    link = link->next;
  if (link == NULL)
    return;
  g_queue_unlink (&self->order, link);
  g_hash_table_remove (self->entries, ((AviTopicEntry *) link->data)->topic);
}

AviTopicEntry *
avi_topic_table_use (AviTopicTable *self,
                     const char    *topic)
{
  AviTopicEntry *entry = avi_topic_table_find (self, topic);

  if (entry != NULL)
    g_queue_unlink (&self->order, &entry->link);
  else
    {
      avi_topic_table_make_room (self);
      entry = g_new0 (AviTopicEntry, 1);
      entry->topic = g_strdup (topic);
      entry->link.data = entry;
      g_hash_table_insert (self->entries, entry->topic, entry);
    }
  g_queue_push_tail_link (&self->order, &entry->link);
  return entry;
}

AviTopicEntry *
avi_topic_table_get_fullest (AviTopicTable *self)
{
  AviTopicEntry *fullest = NULL;

  for (GList *link = self->order.head; link != NULL; link = link->next)
    {
      AviTopicEntry *entry = link->data;

      if (entry->queued.n > (fullest != NULL ? fullest->queued.n : 0))
        fullest = entry;
    }
  return fullest;
}

void
avi_backlog_add (AviBacklog *self,
                 gsize       bytes)
{
  self->n++;
  self->bytes += bytes;
}

void
avi_backlog_remove (AviBacklog *self,
                    gsize       bytes)
{
  g_assert (self->n > 0 && self->bytes >= bytes);
  self->n--;
  self->bytes -= bytes;
}
