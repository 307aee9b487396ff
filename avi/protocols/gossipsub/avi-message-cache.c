/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-message-cache.h"

#define SMALLEST 16 /* slots of the ring */

typedef struct
{
  guint64 peer;
  guint   times;
} AviCacheAnswer;

typedef struct
{
  AviGossipMessage *message; /* NULL: it was dropped */
  guint64           window;  /* in which it came */
  GArray           *answers; /* of AviCacheAnswer; NULL: nobody asked yet */
} AviCacheEntry;

struct _AviMessageCache
{
  guint          windows;
  guint          gossip_windows;
  gsize          max_bytes;

  guint64        window;  /* the current one; counts heartbeats */
  gsize          bytes;   /* of all messages held */
  guint          n;       /* these */
  AviCacheEntry *entries; /* a ring: the entry of a number is at that modulo n_slots */
  guint          n_slots; /* a power of two, or 0 */
  guint64        first;   /* number of the oldest entry */
  guint64        next;    /* number of the next one */

  /* Id of the message → entry. Messages come and go by the hundred thousand, and hardly one is asked for by its id:
   * this is made when somebody asks, and kept for as long as somebody does in each heartbeat. */
  GHashTable    *by_id;
  gboolean       was_asked; /* in the current window */
};

AviMessageCache *
avi_message_cache_new (guint windows, guint gossip_windows, gsize max_bytes)
{
  AviMessageCache *self = g_new0 (AviMessageCache, 1);

  self->windows = windows;
  self->gossip_windows = gossip_windows;
  self->max_bytes = max_bytes;
  return self;
}

void
avi_message_cache_free (AviMessageCache *self)
{
  avi_message_cache_clear (self);
  g_free (self);
}

static inline AviCacheEntry *
avi_message_cache_get_entry (AviMessageCache *self, guint64 number)
{
  return &self->entries[number & (self->n_slots - 1)];
}

/* --- by id --- */

static void
avi_message_cache_index (AviMessageCache *self)
{
  self->by_id = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  for (guint64 number = self->first; number < self->next; number++)
    {
      AviCacheEntry *entry = avi_message_cache_get_entry (self, number);

      if (entry->message != NULL)
        g_hash_table_replace (self->by_id, &entry->message->id, entry);
    }
}

static AviCacheEntry *
avi_message_cache_find (AviMessageCache *self, const AviMessageId *id)
{
  self->was_asked = TRUE;
  if (self->by_id == NULL)
    avi_message_cache_index (self);
  return g_hash_table_lookup (self->by_id, id);
}

/* --- what comes and goes --- */

static void
avi_message_cache_drop_entry (AviMessageCache *self, AviCacheEntry *entry)
{
  self->bytes -= avi_gossip_message_get_cost (entry->message);
  self->n--;
  if (self->by_id != NULL && g_hash_table_lookup (self->by_id, &entry->message->id) == entry)
    g_hash_table_remove (self->by_id, &entry->message->id);
  g_clear_pointer (&entry->answers, g_array_unref);
  g_clear_pointer (&entry->message, avi_gossip_message_unref);
  while (self->first < self->next && avi_message_cache_get_entry (self, self->first)->message == NULL)
    self->first++;
}

static void
avi_message_cache_drop_oldest (AviMessageCache *self)
{
  avi_message_cache_drop_entry (self, avi_message_cache_get_entry (self, self->first));
}

void
avi_message_cache_drop (AviMessageCache *self, const AviMessageId *id)
{
  AviCacheEntry *entry = avi_message_cache_find (self, id);

  if (entry != NULL)
    avi_message_cache_drop_entry (self, entry);
}

static void
avi_message_cache_grow (AviMessageCache *self)
{
  AviMessageCache old = *self;

  g_clear_pointer (&self->by_id, g_hash_table_unref);
  self->n_slots = MAX (SMALLEST, 2 * old.n_slots);
  self->entries = g_new (AviCacheEntry, self->n_slots);
  for (guint64 number = self->first; number < self->next; number++)
    *avi_message_cache_get_entry (self, number) = *avi_message_cache_get_entry (&old, number);
  g_free (old.entries);
}

void
avi_message_cache_put (AviMessageCache *self, AviGossipMessage *message)
{
  gsize cost = avi_gossip_message_get_cost (message);
  AviCacheEntry *entry;

  if (cost > self->max_bytes)
    return;
  while (self->bytes > self->max_bytes - cost)
    avi_message_cache_drop_oldest (self);
  if (self->next - self->first == self->n_slots)
    avi_message_cache_grow (self);

  entry = avi_message_cache_get_entry (self, self->next++);
  *entry = (AviCacheEntry) { avi_gossip_message_ref (message), self->window, NULL };
  if (self->by_id != NULL)
    g_hash_table_replace (self->by_id, &message->id, entry);
  self->bytes += cost;
  self->n++;
}

/* --- what is asked for --- */

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
  AviCacheEntry *entry = avi_message_cache_find (self, id);

  if (entry == NULL || !entry->message->checked)
    return NULL;
  if (avi_cache_entry_count_answer (entry, peer) <= max)
    return entry->message;
  if (refused != NULL)
    ++*refused;
  return NULL;
}

void
avi_message_cache_list (AviMessageCache *self, GPtrArray *out)
{
  for (guint64 number = self->next; number > self->first; number--)
    {
      AviCacheEntry *entry = avi_message_cache_get_entry (self, number - 1);

      if (self->window - entry->window >= self->gossip_windows)
        return;
      if (entry->message != NULL)
        g_ptr_array_add (out, entry->message);
    }
}

static void
avi_message_cache_give_back (AviMessageCache *self)
{
  if (!self->was_asked || self->n == 0)
    g_clear_pointer (&self->by_id, g_hash_table_unref);
  self->was_asked = FALSE;
  if (self->n > 0)
    return;
  g_clear_pointer (&self->entries, g_free);
  self->n_slots = 0;
}

void
avi_message_cache_shift (AviMessageCache *self)
{
  self->window++;
  while (self->n > 0 && self->window - avi_message_cache_get_entry (self, self->first)->window >= self->windows)
    avi_message_cache_drop_oldest (self);
  avi_message_cache_give_back (self);
}

void
avi_message_cache_clear (AviMessageCache *self)
{
  while (self->n > 0)
    avi_message_cache_drop_oldest (self);
  avi_message_cache_give_back (self);
}

guint
avi_message_cache_get_size (AviMessageCache *self)
{
  return self->n;
}

gsize
avi_message_cache_get_bytes (AviMessageCache *self)
{
  return self->bytes;
}
