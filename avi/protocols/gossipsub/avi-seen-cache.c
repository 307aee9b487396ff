/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-seen-cache.h"

#define SMALLEST 16 /* slots of a set */

typedef struct
{
  AviMessageId id;
  gint64       expires; /* µs; 0: the slot is free */
} AviSeenSlot;

/* Nothing is ever removed from a set, so linear probing needs no tombstones. At most half full. */
typedef struct
{
  AviSeenSlot *slots;
  guint        n_slots; /* a power of two; 0 before the first id */
  guint        n;
} AviSeenSet;

/* Two generations. Ids go into the young one; when it is full, or its first id has lived out its
 * time, it becomes the old one, and the old one is forgotten as a whole. */
struct _AviSeenCache
{
  gint64     ttl;   /* µs */
  guint      max;   /* ids in both sets together */
  gint64     since; /* when the first id came into the young set; µs */
  AviSeenSet young;
  AviSeenSet old;
};

AviSeenCache *
avi_seen_cache_new (gint64 ttl, guint max)
{
  AviSeenCache *self;

  g_return_val_if_fail (ttl > 0 && max >= SMALLEST && (max & (max - 1)) == 0, NULL);

  self = g_new0 (AviSeenCache, 1);
  self->ttl = ttl;
  self->max = max;
  return self;
}

void
avi_seen_cache_free (AviSeenCache *self)
{
  g_free (self->young.slots);
  g_free (self->old.slots);
  g_free (self);
}

/* The id's slot, or the free one where it would go; NULL in a set without slots. */
static AviSeenSlot *
avi_seen_set_find (const AviSeenSet *self, AviMessageId id)
{
  if (self->n_slots == 0)
    return NULL;

  for (guint at = (guint) id.hi;; at++)
    {
      AviSeenSlot *slot = &self->slots[at & (self->n_slots - 1)];

      if (slot->expires == 0 || avi_message_id_equal (&slot->id, &id))
        return slot;
    }
}

static void
avi_seen_set_grow (AviSeenSet *self)
{
  AviSeenSet grown = { .n_slots = MAX (SMALLEST, 2 * self->n_slots), .n = self->n };

  grown.slots = g_new0 (AviSeenSlot, grown.n_slots);
  for (guint i = 0; i < self->n_slots; i++)
    if (self->slots[i].expires != 0)
      *avi_seen_set_find (&grown, self->slots[i].id) = self->slots[i];

  g_free (self->slots);
  *self = grown;
}

static void
avi_seen_cache_turn (AviSeenCache *self, gint64 now)
{
  g_free (self->old.slots);
  self->old = self->young;
  self->young = (AviSeenSet) { 0 };
  if (now - self->since >= 2 * self->ttl) /* all of it is too old */
    {
      g_free (self->old.slots);
      self->old = (AviSeenSet) { 0 };
    }
}

gboolean
avi_seen_cache_contains (AviSeenCache *self, AviMessageId id, gint64 now)
{
  const AviSeenSlot *young = avi_seen_set_find (&self->young, id);
  const AviSeenSlot *old = avi_seen_set_find (&self->old, id);

  return (young != NULL && young->expires > now) || (old != NULL && old->expires > now);
}

gboolean
avi_seen_cache_add (AviSeenCache *self, AviMessageId id, gint64 now)
{
  AviSeenSlot *slot;

  if (avi_seen_cache_contains (self, id, now))
    return FALSE;

  if (self->young.n > 0 && (self->young.n == self->max / 2 || now - self->since >= self->ttl))
    avi_seen_cache_turn (self, now);
  if (self->young.n == 0)
    self->since = now;
  if (2 * self->young.n >= self->young.n_slots)
    avi_seen_set_grow (&self->young);

  slot = avi_seen_set_find (&self->young, id);
  if (slot->expires == 0)
    self->young.n++;
  *slot = (AviSeenSlot) { id, MAX (now + self->ttl, 1) };
  return TRUE;
}

guint
avi_seen_cache_get_size (AviSeenCache *self)
{
  return self->young.n + self->old.n;
}
