/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-promises.h"

/* One that does not deliver must not keep a message from us; everybody at once would be a waste. So
 * three peers are asked, and after a heartbeat in vain three more. */
#define ASKED_AT_ONCE 3
#define ASKED_AT_ALL  12

typedef struct
{
  AviMessageId id;
  gint64       expires; /* µs */
  guint64      peers[ASKED_AT_ALL];
  guint        n_peers;
  guint        n_lately; /* of them since the last heartbeat */
} AviPromise;

/* A message that was announced, and that nobody has brought. */
typedef struct
{
  GList        link; /* in the promises' `overdue`; data: the entry itself */
  AviMessageId id;
  AviLie       lie;  /* if it is one */
} AviOverdue;

struct _AviPromises
{
  guint       max;
  gint64      patience; /* µs */
  GHashTable *by_id;    /* id → AviPromise, owned */

  guint       max_overdue;
  gint64      lie_time; /* µs */
  GQueue      overdue;       /* of AviOverdue, the oldest first */
  GHashTable *overdue_by_id; /* id → AviOverdue, owned */
  GHashTable *suspects;      /* a set of serials: who has one of this heartbeat */
};

AviPromises *
avi_promises_new (guint max, gint64 patience, guint max_overdue, gint64 lie_time)
{
  AviPromises *self = g_new0 (AviPromises, 1);

  self->max = max;
  self->patience = patience;
  self->by_id = g_hash_table_new_full (avi_message_id_hash, avi_message_id_equal, NULL, g_free);
  self->max_overdue = max_overdue;
  self->lie_time = lie_time;
  g_queue_init (&self->overdue);
  self->overdue_by_id = g_hash_table_new_full (avi_message_id_hash, avi_message_id_equal, NULL, g_free);
  self->suspects = g_hash_table_new (g_int64_hash, g_int64_equal);
  return self;
}

void
avi_promises_free (AviPromises *self)
{
  g_hash_table_unref (self->suspects);
  g_hash_table_unref (self->overdue_by_id);
  g_hash_table_unref (self->by_id);
  g_free (self);
}

static gboolean
avi_promise_is_by (const AviPromise *self, guint64 peer)
{
  for (guint i = 0; i < self->n_peers; i++)
    if (self->peers[i] == peer)
      return TRUE;
  return FALSE;
}

gboolean
avi_promises_make (AviPromises *self, AviMessageId id, guint64 peer, gint64 now)
{
  AviPromise *promise = g_hash_table_lookup (self->by_id, &id);

  if (promise == NULL)
    {
      if (g_hash_table_size (self->by_id) >= self->max)
        return TRUE;
      promise = g_new0 (AviPromise, 1);
      promise->id = id;
      promise->expires = now + self->patience;
      g_hash_table_insert (self->by_id, &promise->id, promise);
    }
  else if (promise->n_lately == ASKED_AT_ONCE || promise->n_peers == ASKED_AT_ALL || avi_promise_is_by (promise, peer))
    return FALSE;

  promise->peers[promise->n_peers++] = peer;
  promise->n_lately++;
  return TRUE;
}

static void
avi_promises_acquit (AviPromises *self, AviOverdue *overdue)
{
  g_queue_unlink (&self->overdue, &overdue->link);
  g_hash_table_remove (self->overdue_by_id, &overdue->id);
}

gboolean
avi_promises_keep (AviPromises *self, AviMessageId id, guint64 peer)
{
  AviPromise *promise = g_hash_table_lookup (self->by_id, &id);
  gboolean kept = promise != NULL && avi_promise_is_by (promise, peer);
  AviOverdue *overdue = g_hash_table_lookup (self->overdue_by_id, &id);

  if (overdue != NULL)
    avi_promises_acquit (self, overdue);
  if (promise != NULL)
    g_hash_table_remove (self->by_id, &id);
  return kept;
}

/* Of a peer's promises that break in one heartbeat one will do. */
static gboolean
avi_promises_suspect (AviPromises *self, AviMessageId id, guint64 peer, gint64 now)
{
  AviOverdue *overdue;

  if (g_hash_table_contains (self->suspects, &peer))
    return TRUE;
  if (self->overdue.length >= self->max_overdue || g_hash_table_contains (self->overdue_by_id, &id))
    return FALSE;
  overdue = g_new0 (AviOverdue, 1);
  overdue->link.data = overdue;
  overdue->id = id;
  overdue->lie = (AviLie) { peer, now };
  g_queue_push_tail_link (&self->overdue, &overdue->link);
  g_hash_table_insert (self->overdue_by_id, &overdue->id, overdue);
  g_hash_table_add (self->suspects, &overdue->lie.peer);
  return TRUE;
}

static void
avi_promises_break (AviPromises *self, const AviPromise *promise, gint64 now)
{
  for (guint i = 0; i < promise->n_peers; i++)
    if (!avi_promises_suspect (self, promise->id, promise->peers[i], now))
      return;
}

static void
avi_promises_find_lies (AviPromises *self, gint64 now, GArray *lies)
{
  while (self->overdue.length > 0)
    {
      AviOverdue *overdue = self->overdue.head->data;

      if (overdue->lie.since + self->lie_time > now)
        return;
      if (lies != NULL)
        g_array_append_val (lies, overdue->lie);
      avi_promises_acquit (self, overdue);
    }
}

guint
avi_promises_heartbeat (AviPromises *self, gint64 now, GArray *lies)
{
  GHashTableIter iter;
  AviPromise *promise;
  guint n = 0;

  avi_promises_find_lies (self, now, lies);
  g_hash_table_iter_init (&iter, self->by_id);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &promise))
    {
      promise->n_lately = 0;
      if (promise->expires > now)
        continue;
      avi_promises_break (self, promise, now);
      g_hash_table_iter_remove (&iter);
      n++;
    }
  g_hash_table_remove_all (self->suspects);
  return n;
}

guint
avi_promises_get_n_overdue (AviPromises *self)
{
  return self->overdue.length;
}

guint
avi_promises_get_size (AviPromises *self)
{
  return g_hash_table_size (self->by_id);
}
