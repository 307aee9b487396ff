/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-verifications.h"

#include "protocols/gossipsub/avi-signing.h"

struct _AviVerifications
{
  guint       max;
  gsize       max_bytes;

  guint64     last_ticket;
  gsize       bytes;     /* that all of them take */
  GHashTable *by_ticket; /* ticket → AviVerification, owned */
  GHashTable *by_id;     /* id of the message → the first of a chain by `next` */
};

AviVerifications *
avi_verifications_new (guint max, gsize max_bytes)
{
  AviVerifications *self = g_new0 (AviVerifications, 1);

  self->max = max;
  self->max_bytes = max_bytes;
  self->by_ticket = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, (GDestroyNotify) avi_verification_free);
  self->by_id = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  return self;
}

void
avi_verifications_free (AviVerifications *self)
{
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->by_ticket);
  g_free (self);
}

static gsize
avi_verification_get_cost (const AviVerification *self)
{
  return sizeof *self + self->signed_len + avi_gossip_message_get_cost (self->message);
}

AviVerification *
avi_verifications_add (AviVerifications *self, AviGossipMessage *message, AviPublicKey *key, guint64 peer)
{
  AviSpan raw = message->fields.raw;
  guint n = g_hash_table_size (self->by_ticket);
  AviVerification *added;

  if (n > 0 && (n >= self->max || self->bytes + 2 * avi_gossip_message_get_cost (message) > self->max_bytes))
    return NULL;

  added = g_malloc0 (sizeof *added + sizeof AVI_SIGNING_PREFIX + raw.len);
  added->ticket = ++self->last_ticket;
  added->message = avi_gossip_message_ref (message);
  added->key = avi_public_key_ref (key);
  added->holders[added->n_holders++] = peer;
  added->signed_len = avi_signing_write_signed (raw, added->signed_bytes);

  added->next = g_hash_table_lookup (self->by_id, &message->id);
  g_hash_table_replace (self->by_id, &message->id, added);
  g_hash_table_insert (self->by_ticket, &added->ticket, added);
  self->bytes += avi_verification_get_cost (added);
  return added;
}

gboolean
avi_verifications_hold (AviVerifications *self, const AviMessageId *id, AviSpan raw, guint64 peer)
{
  AviVerification *held = g_hash_table_lookup (self->by_id, id);

  while (held != NULL && !avi_span_equal (held->message->fields.raw, raw))
    held = held->next;
  if (held == NULL)
    return FALSE;

  if (held->n_holders < AVI_VERIFICATION_MAX_HOLDERS)
    held->holders[held->n_holders++] = peer;
  return TRUE;
}

gboolean
avi_verifications_contain (AviVerifications *self, const AviMessageId *id)
{
  return g_hash_table_contains (self->by_id, id);
}

static void
avi_verifications_unchain (AviVerifications *self, AviVerification *gone)
{
  AviVerification *first = g_hash_table_lookup (self->by_id, &gone->message->id);
  AviVerification **place = &first;

  while (*place != gone)
    place = &(*place)->next;
  *place = gone->next;

  /* Anew in any case: the key in the table may be that of the message that goes. */
  g_hash_table_remove (self->by_id, &gone->message->id);
  if (first != NULL)
    g_hash_table_insert (self->by_id, &first->message->id, first);
}

AviVerification *
avi_verifications_take (AviVerifications *self, guint64 ticket)
{
  AviVerification *taken = NULL;

  if (!g_hash_table_steal_extended (self->by_ticket, &ticket, NULL, (gpointer *) &taken))
    return NULL;

  avi_verifications_unchain (self, taken);
  self->bytes -= avi_verification_get_cost (taken);
  return taken;
}

gboolean
avi_verifications_are_many (AviVerifications *self)
{
  return g_hash_table_size (self->by_ticket) >= self->max / 2 || self->bytes >= self->max_bytes / 2;
}

guint
avi_verifications_get_size (AviVerifications *self)
{
  return g_hash_table_size (self->by_ticket);
}

gboolean
avi_verification_is_held_by (const AviVerification *self, guint64 peer)
{
  for (guint i = 0; i < self->n_holders; i++)
    if (self->holders[i] == peer)
      return TRUE;
  return FALSE;
}

void
avi_verification_free (AviVerification *self)
{
  avi_public_key_unref (self->key);
  avi_gossip_message_unref (self->message);
  g_free (self);
}
