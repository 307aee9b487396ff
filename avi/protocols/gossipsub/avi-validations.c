/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-validations.h"

/* Of one peer's. */
typedef struct
{
  guint64 peer;
  guint   n;
  gsize   bytes;
} AviValidationShare;

struct _AviValidations
{
  guint max;
  gsize max_bytes;
  gint64 patience;

  guint64 next_ticket;
  gsize bytes;           /* that all of them take */
  GQueue waiting;        /* oldest first: all have the same time */
  GHashTable *by_ticket; /* ticket → AviValidation */
  GHashTable *by_id;     /* id of the message → AviValidation: a message is seen once, so one of each */
  GHashTable *shares;    /* a set of AviValidationShare, by the peer that sent it first; owned */
};

AviValidations *
avi_validations_new (guint64 first_ticket, guint max, gsize max_bytes, gint64 patience)
{
  AviValidations *self = g_new0 (AviValidations, 1);

  self->max = max;
  self->max_bytes = max_bytes;
  self->patience = patience;
  self->next_ticket = first_ticket;
  g_queue_init (&self->waiting);
  self->by_ticket = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->by_id = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  self->shares = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  return self;
}

void
avi_validations_free (AviValidations *self)
{
  while (self->waiting.head != NULL)
    avi_validation_free (g_queue_pop_head_link (&self->waiting)->data);
  g_hash_table_unref (self->shares);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->by_ticket);
  g_free (self);
}

static gsize
avi_validation_get_cost (const AviGossipMessage *message)
{
  return sizeof (AviValidation) + avi_gossip_message_get_cost (message);
}

guint64
avi_validations_get_next_ticket (AviValidations *self)
{
  return self->next_ticket;
}

/* @change: 1 or -1. */
static void
avi_validations_count (AviValidations *self, const AviArrival *arrival, gint change)
{
  AviValidationShare *share = g_hash_table_lookup (self->shares, &arrival->holders[0]);
  gsize cost = avi_validation_get_cost (arrival->message);

  if (share == NULL)
    {
      share = g_new0 (AviValidationShare, 1);
      share->peer = arrival->holders[0];
      g_hash_table_add (self->shares, share);
    }
  share->n += change;
  share->bytes += change * cost;
  self->bytes += change * cost;
  if (share->n == 0)
    g_hash_table_remove (self->shares, share);
}

gboolean
avi_validations_have_room (AviValidations *self, const AviArrival *arrival)
{
  static const AviValidationShare none;
  const AviValidationShare *share = g_hash_table_lookup (self->shares, &arrival->holders[0]);
  gsize cost = avi_validation_get_cost (arrival->message);

  if (share == NULL)
    share = &none;
  return self->waiting.length == 0
         || (share->n < self->max - self->waiting.length && self->bytes <= self->max_bytes
             && share->bytes + cost <= self->max_bytes - self->bytes);
}

void
avi_validations_add (AviValidations *self, AviArrival *arrival, AviMessage *told, gint64 now)
{
  AviValidation *added = g_new0 (AviValidation, 1);

  added->ticket = self->next_ticket++;
  added->deadline = now + self->patience;
  avi_arrival_move (&added->arrival, arrival);
  added->told = avi_message_ref (told);
  added->link.data = added;
  g_queue_push_tail_link (&self->waiting, &added->link);
  g_hash_table_insert (self->by_ticket, &added->ticket, added);
  g_hash_table_replace (self->by_id, &added->arrival.message->id, added);
  avi_validations_count (self, &added->arrival, 1);
}

gboolean
avi_validations_hold (AviValidations *self, const AviMessageId *id, AviSpan raw, guint64 peer)
{
  AviValidation *held = g_hash_table_lookup (self->by_id, id);

  if (held == NULL || !avi_span_equal (held->arrival.message->fields.raw, raw))
    return FALSE;
  avi_arrival_hold (&held->arrival, peer);
  return TRUE;
}

AviValidation *
avi_validations_take (AviValidations *self, guint64 ticket)
{
  AviValidation *taken = g_hash_table_lookup (self->by_ticket, &ticket);

  if (taken == NULL)
    return NULL;
  g_hash_table_remove (self->by_ticket, &ticket);
  if (g_hash_table_lookup (self->by_id, &taken->arrival.message->id) == taken)
    g_hash_table_remove (self->by_id, &taken->arrival.message->id);
  g_queue_unlink (&self->waiting, &taken->link);
  avi_validations_count (self, &taken->arrival, -1);
  return taken;
}

AviValidation *
avi_validations_take_late (AviValidations *self, gint64 now)
{
  AviValidation *first = self->waiting.head != NULL ? self->waiting.head->data : NULL;

  return first != NULL && first->deadline <= now ? avi_validations_take (self, first->ticket) : NULL;
}

gint64
avi_validations_get_deadline (AviValidations *self)
{
  return self->waiting.head != NULL ? ((AviValidation *) self->waiting.head->data)->deadline : G_MAXINT64;
}

guint
avi_validations_get_size (AviValidations *self)
{
  return self->waiting.length;
}

gsize
avi_validations_get_bytes (AviValidations *self)
{
  return self->bytes;
}

void
avi_validation_free (AviValidation *self)
{
  avi_arrival_clear (&self->arrival);
  avi_message_unref (self->told);
  g_free (self);
}
