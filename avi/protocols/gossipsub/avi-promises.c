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

struct _AviPromises
{
  guint       max;
  gint64      patience; /* µs */
  GHashTable *by_id;    /* id → AviPromise, owned */
};

AviPromises *
avi_promises_new (guint max, gint64 patience)
{
  AviPromises *self = g_new0 (AviPromises, 1);

  self->max = max;
  self->patience = patience;
  self->by_id = g_hash_table_new_full (avi_message_id_hash, avi_message_id_equal, NULL, g_free);
  return self;
}

void
avi_promises_free (AviPromises *self)
{
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

gboolean
avi_promises_keep (AviPromises *self, AviMessageId id, guint64 peer)
{
  AviPromise *promise = g_hash_table_lookup (self->by_id, &id);
  gboolean kept = promise != NULL && avi_promise_is_by (promise, peer);

  if (promise != NULL)
    g_hash_table_remove (self->by_id, &id);
  return kept;
}

guint
avi_promises_heartbeat (AviPromises *self, gint64 now)
{
  GHashTableIter iter;
  AviPromise *promise;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->by_id);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &promise))
    {
      promise->n_lately = 0;
      if (promise->expires > now)
        continue;
      g_hash_table_iter_remove (&iter);
      n++;
    }
  return n;
}

guint
avi_promises_get_size (AviPromises *self)
{
  return g_hash_table_size (self->by_id);
}
