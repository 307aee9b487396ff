/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-seen-cache.h"

#define SMALLEST 16                    /* slots of a set */
#define MS       G_TIME_SPAN_MILLISECOND /* in µs */

/* Where messages come fast a lookup is what memory takes to answer, so a slot is small: 96 bits of the id, which nobody can
 * foresee, and ms instead of µs. */
typedef struct
{
  guint64 hi;
  guint32 lo;
  guint32 expires; /* ms since the set's beginning; 0: the slot is free */
} AviSeenSlot;

/* Nothing is ever removed from a set, so linear probing needs no tombstones. At most half full. */
typedef struct
{
  gint64       since; /* when the first id came; µs */
  AviSeenSlot *slots;
  guint        n_slots; /* a power of two; 0 before the first id */
  guint        n;
} AviSeenSet;

/* Two generations. Ids go into the young one; when it is full, or its first id has lived out its
 * time, it becomes the old one, and the old one is forgotten as a whole. */
struct _AviSeenCache
{
  gint64     ttl; /* µs */
  guint      max; /* ids in both sets together */
  AviSeenSet young;
  AviSeenSet old;
};

AviSeenCache *
avi_seen_cache_new (gint64 ttl, guint max)
{
  AviSeenCache *self;

  g_return_val_if_fail (ttl >= MS && ttl < G_MAXINT32 * MS && max > 0 && max <= 1u << 30, NULL);

  self = g_new0 (AviSeenCache, 1);
  self->ttl = ttl;
  self->max = MAX (SMALLEST, 1u << g_bit_storage (max - 1));
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

      if (slot->expires == 0 || (slot->hi == id.hi && slot->lo == (guint32) id.lo))
        return slot;
    }
}

static gboolean
avi_seen_set_contains (const AviSeenSet *self, AviMessageId id, gint64 now)
{
  const AviSeenSlot *slot = avi_seen_set_find (self, id);

  return slot != NULL && slot->expires != 0 && self->since + slot->expires * MS > now;
}

static void
avi_seen_set_grow (AviSeenSet *self)
{
  AviSeenSet grown = { .since = self->since, .n_slots = MAX (SMALLEST, 2 * self->n_slots), .n = self->n };

  grown.slots = g_new0 (AviSeenSlot, grown.n_slots);
  for (guint i = 0; i < self->n_slots; i++)
    {
      AviSeenSlot *slot = &self->slots[i];

      if (slot->expires != 0)
        *avi_seen_set_find (&grown, (AviMessageId) { .hi = slot->hi, .lo = slot->lo }) = *slot;
    }

  g_free (self->slots);
  *self = grown;
}

static void
avi_seen_set_clear (AviSeenSet *self)
{
  g_free (self->slots);
  *self = (AviSeenSet) { 0 };
}

static void
avi_seen_cache_turn (AviSeenCache *self, gint64 now)
{
  AviSeenSet emptied = self->old;

  /* Where ids come so fast that it was full it will be again. */
  if (self->young.n == self->max / 2 && emptied.n_slots > 0)
    {
      memset (emptied.slots, 0, emptied.n_slots * sizeof *emptied.slots);
      emptied.n = 0;
    }
  else
    avi_seen_set_clear (&emptied);
  self->old = self->young;
  self->young = emptied;
  if (now - self->old.since >= 2 * self->ttl) /* all of it is too old */
    avi_seen_set_clear (&self->old);
}

gboolean
avi_seen_cache_contains (AviSeenCache *self, AviMessageId id, gint64 now)
{
  return avi_seen_set_contains (&self->young, id, now) || avi_seen_set_contains (&self->old, id, now);
}

gboolean
avi_seen_cache_add (AviSeenCache *self, AviMessageId id, gint64 now)
{
  AviSeenSlot *slot;

  if (avi_seen_cache_contains (self, id, now))
    return FALSE;

  if (self->young.n > 0 && (self->young.n == self->max / 2 || now - self->young.since >= self->ttl))
    avi_seen_cache_turn (self, now);
  if (self->young.n == 0)
    self->young.since = now;
  if (2 * self->young.n >= self->young.n_slots)
    avi_seen_set_grow (&self->young);

  slot = avi_seen_set_find (&self->young, id);
  if (slot->expires == 0)
    self->young.n++;
  *slot = (AviSeenSlot) { id.hi, (guint32) id.lo, (guint32) ((now + self->ttl - self->young.since) / MS) };
  return TRUE;
}

guint
avi_seen_cache_get_size (AviSeenCache *self)
{
  return self->young.n + self->old.n;
}
