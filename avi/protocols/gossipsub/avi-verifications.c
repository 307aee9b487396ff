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
  GHashTable *authors;   /* AviPeerId → how many of that author's nobody was told of; owned */
};

typedef struct
{
  AviPeerId id;
  guint     n;
} AviPendingAuthor;

AviVerifications *
avi_verifications_new (guint max, gsize max_bytes)
{
  AviVerifications *self = g_new0 (AviVerifications, 1);

  self->max = max;
  self->max_bytes = max_bytes;
  self->by_ticket = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, (GDestroyNotify) avi_verification_free);
  self->by_id = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  self->authors = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, g_free);
  return self;
}

void
avi_verifications_free (AviVerifications *self)
{
  g_hash_table_unref (self->authors);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->by_ticket);
  g_free (self);
}

static gsize
avi_verification_get_cost (const AviVerification *self)
{
  return sizeof *self + self->signed_len + avi_gossip_message_get_cost (self->arrival.message);
}

static void
avi_verifications_count_author (AviVerifications *self, const AviVerification *of, int change)
{
  const AviPeerId *id = &of->arrival.message->fields.from;
  AviPendingAuthor *author;

  if (of->arrival.stage != AVI_ARRIVAL_NEW)
    return;
  author = g_hash_table_lookup (self->authors, id);
  if (author == NULL)
    {
      author = g_new0 (AviPendingAuthor, 1);
      author->id = *id;
      g_hash_table_insert (self->authors, &author->id, author);
    }
  author->n += change;
  if (author->n == 0)
    g_hash_table_remove (self->authors, id);
}

gboolean
avi_verifications_delay (AviVerifications *self, const AviPeerId *author)
{
  return g_hash_table_size (self->authors) > 0 && g_hash_table_contains (self->authors, author);
}

AviVerification *
avi_verifications_add (AviVerifications *self, AviArrival *arrival, AviPublicKey *key)
{
  AviGossipMessage *message = arrival->message;
  AviSpan raw = message->fields.raw;
  guint n = g_hash_table_size (self->by_ticket);
  AviVerification *added;

  if (n > 0 && (n >= self->max || self->bytes + 2 * avi_gossip_message_get_cost (message) > self->max_bytes))
    return NULL;

  added = g_malloc (sizeof *added + sizeof AVI_SIGNING_PREFIX + raw.len);
  *added = (AviVerification) { 0 };
  added->ticket = ++self->last_ticket;
  avi_arrival_move (&added->arrival, arrival);
  added->key = avi_public_key_ref (key);
  added->signed_len = avi_signing_write_signed (raw, added->signed_bytes);

  added->next = g_hash_table_lookup (self->by_id, &message->id);
  g_hash_table_replace (self->by_id, &message->id, added);
  g_hash_table_insert (self->by_ticket, &added->ticket, added);
  self->bytes += avi_verification_get_cost (added);
  avi_verifications_count_author (self, added, 1);
  return added;
}

gboolean
avi_verifications_hold (AviVerifications *self, const AviMessageId *id, AviSpan raw, guint64 peer)
{
  AviVerification *held = g_hash_table_lookup (self->by_id, id);

  while (held != NULL && !avi_span_equal (held->arrival.message->fields.raw, raw))
    held = held->next;
  if (held == NULL)
    return FALSE;

  avi_arrival_hold (&held->arrival, peer);
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
  AviVerification *first = g_hash_table_lookup (self->by_id, &gone->arrival.message->id);
  AviVerification **place = &first;

  while (*place != gone)
    place = &(*place)->next;
  *place = gone->next;

  /* Anew in any case: the key in the table may be that of the message that goes. */
  g_hash_table_remove (self->by_id, &gone->arrival.message->id);
  if (first != NULL)
    g_hash_table_insert (self->by_id, &first->arrival.message->id, first);
}

AviVerification *
avi_verifications_take (AviVerifications *self, guint64 ticket)
{
  AviVerification *taken = NULL;

  if (!g_hash_table_steal_extended (self->by_ticket, &ticket, NULL, (gpointer *) &taken))
    return NULL;

  avi_verifications_unchain (self, taken);
  self->bytes -= avi_verification_get_cost (taken);
  avi_verifications_count_author (self, taken, -1);
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

void
avi_verification_free (AviVerification *self)
{
  avi_public_key_unref (self->key);
  avi_arrival_clear (&self->arrival);
  g_free (self);
}
