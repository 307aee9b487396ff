/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-message-cache.h"

typedef struct
{
  guint64 peer;
  guint   times;
} AviCacheAnswer;

typedef struct
{
  GList             link;    /* in entries; data: the entry itself */
  AviGossipMessage *message;
  guint64           window;  /* in which it came */
  GArray           *answers; /* of AviCacheAnswer; NULL: nobody asked yet */
} AviCacheEntry;

struct _AviMessageCache
{
  guint       windows;
  guint       gossip_windows;
  gsize       max_bytes;

  guint64     window;  /* the current one; counts heartbeats */
  gsize       bytes;   /* of all messages held */
  GQueue      entries; /* oldest first */
  GHashTable *by_id;   /* id of the message → entry */
};

AviMessageCache *
avi_message_cache_new (guint windows, guint gossip_windows, gsize max_bytes)
{
  AviMessageCache *self = g_new0 (AviMessageCache, 1);

  self->windows = windows;
  self->gossip_windows = gossip_windows;
  self->max_bytes = max_bytes;
  self->by_id = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  g_queue_init (&self->entries);
  return self;
}

void
avi_message_cache_free (AviMessageCache *self)
{
  avi_message_cache_clear (self);
  g_hash_table_unref (self->by_id);
  g_free (self);
}

static void
avi_message_cache_drop_entry (AviMessageCache *self, AviCacheEntry *entry)
{
  g_queue_unlink (&self->entries, &entry->link);
  self->bytes -= avi_gossip_message_get_cost (entry->message);
  g_hash_table_remove (self->by_id, &entry->message->id);
  g_clear_pointer (&entry->answers, g_array_unref);
  avi_gossip_message_unref (entry->message);
  g_free (entry);
}

static void
avi_message_cache_drop_oldest (AviMessageCache *self)
{
  avi_message_cache_drop_entry (self, self->entries.head->data);
}

void
avi_message_cache_drop (AviMessageCache *self, const AviMessageId *id)
{
  AviCacheEntry *entry = g_hash_table_lookup (self->by_id, id);

  if (entry != NULL)
    avi_message_cache_drop_entry (self, entry);
}

void
avi_message_cache_put (AviMessageCache *self, AviGossipMessage *message)
{
  gsize cost = avi_gossip_message_get_cost (message);
  AviCacheEntry *entry;

  if (cost > self->max_bytes || g_hash_table_contains (self->by_id, &message->id))
    return;
  while (self->bytes > self->max_bytes - cost)
    avi_message_cache_drop_oldest (self);

  entry = g_new0 (AviCacheEntry, 1);
  entry->link.data = entry;
  entry->message = avi_gossip_message_ref (message);
  entry->window = self->window;
  g_queue_push_tail_link (&self->entries, &entry->link);
  g_hash_table_insert (self->by_id, &message->id, entry);
  self->bytes += cost;
}

/* Returns how often the peer was given it, this time included. */
static guint
avi_cache_entry_count_answer (AviCacheEntry *self, guint64 peer)
{
  AviCacheAnswer first = { peer, 1 };

  if (self->answers == NULL)
    self->answers = g_array_new (FALSE, FALSE, sizeof (AviCacheAnswer));
  for (guint i = 0; i < self->answers->len; i++)
    {
      AviCacheAnswer *answer = &g_array_index (self->answers, AviCacheAnswer, i);

      if (answer->peer == peer)
        return ++answer->times;
    }
  g_array_append_val (self->answers, first);
  return 1;
}

AviGossipMessage *
avi_message_cache_get_for (AviMessageCache *self, const AviMessageId *id, guint64 peer, guint max, guint *refused)
{
  AviCacheEntry *entry = g_hash_table_lookup (self->by_id, id);

  if (entry == NULL || !entry->message->checked)
    return NULL;
  if (avi_cache_entry_count_answer (entry, peer) <= max)
    return entry->message;
  if (refused != NULL)
    ++*refused;
  return NULL;
}

void
avi_message_cache_list (AviMessageCache *self, AviSpan topic, GPtrArray *checked, GPtrArray *unchecked)
{
  for (GList *link = self->entries.tail; link != NULL; link = link->prev)
    {
      AviCacheEntry *entry = link->data;

      if (self->window - entry->window >= self->gossip_windows)
        return;
      if (avi_span_equal (entry->message->fields.topic, topic))
        g_ptr_array_add (entry->message->checked ? checked : unchecked, entry->message);
    }
}

void
avi_message_cache_shift (AviMessageCache *self)
{
  self->window++;
  while (self->entries.head != NULL
         && self->window - ((AviCacheEntry *) self->entries.head->data)->window >= self->windows)
    avi_message_cache_drop_oldest (self);
}

void
avi_message_cache_clear (AviMessageCache *self)
{
  while (self->entries.head != NULL)
    avi_message_cache_drop_oldest (self);
}

guint
avi_message_cache_get_size (AviMessageCache *self)
{
  return self->entries.length;
}

gsize
avi_message_cache_get_bytes (AviMessageCache *self)
{
  return self->bytes;
}
