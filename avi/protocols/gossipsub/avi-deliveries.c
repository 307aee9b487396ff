/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-deliveries.h"

typedef struct
{
  GList        link; /* in `oldest`; data: the entry itself */
  AviMessageId id;
  gint64       since; /* µs */
  guint        n_peers;
  guint64      peers[AVI_DELIVERIES_MAX_PEERS];
} AviDelivery;

struct _AviDeliveries
{
  guint       max;
  GHashTable *by_id;  /* id → AviDelivery, owned */
  GQueue      oldest; /* the oldest first */
};

AviDeliveries *
avi_deliveries_new (guint max)
{
  AviDeliveries *self = g_new0 (AviDeliveries, 1);

  self->max = max;
  self->by_id = g_hash_table_new_full (avi_message_id_hash, avi_message_id_equal, NULL, g_free);
  g_queue_init (&self->oldest);
  return self;
}

void
avi_deliveries_free (AviDeliveries *self)
{
  g_hash_table_unref (self->by_id);
  g_free (self);
}

void
avi_deliveries_begin (AviDeliveries *self, AviMessageId id, gint64 now)
{
  AviDelivery *delivery;

  if (g_hash_table_contains (self->by_id, &id))
    return;
  if (self->oldest.length >= self->max)
    {
      delivery = g_queue_pop_head_link (&self->oldest)->data;
      g_hash_table_remove (self->by_id, &delivery->id);
    }
  delivery = g_new0 (AviDelivery, 1);
  delivery->link.data = delivery;
  delivery->id = id;
  delivery->since = now;
  g_queue_push_tail_link (&self->oldest, &delivery->link);
  g_hash_table_insert (self->by_id, &delivery->id, delivery);
}

gboolean
avi_deliveries_add (AviDeliveries *self, AviMessageId id, guint64 peer, gint64 *since)
{
  AviDelivery *delivery = g_hash_table_lookup (self->by_id, &id);

  if (delivery == NULL || delivery->n_peers == AVI_DELIVERIES_MAX_PEERS)
    return FALSE;
  for (guint i = 0; i < delivery->n_peers; i++)
    if (delivery->peers[i] == peer)
      return FALSE;
  delivery->peers[delivery->n_peers++] = peer;
  *since = delivery->since;
  return TRUE;
}

guint
avi_deliveries_get_size (AviDeliveries *self)
{
  return self->oldest.length;
}
