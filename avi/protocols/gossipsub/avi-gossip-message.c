/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossip-message.h"

#include "avi-error.h"
#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"

#define SIGNATURE_MAX 1024 /* bytes: that of an RSA key of 8192 bits */

static gboolean
avi_gossip_fields_refuse (const char *why, GError **error)
{
  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "A message of pub/sub: %s", why);
  return FALSE;
}

/* Of the fields of a message, by their numbers. */
#define BIT(tag)  (1u << ((tag) >> 3))
#define NO_SIGN   (BIT (AVI_MESSAGE_DATA) | BIT (AVI_MESSAGE_TOPIC)) /* all that one without signature may have */

/* @from, @seqno: the fields as they came. @seen: a bit for each field that is there. */
static gboolean
avi_gossip_fields_walk (AviGossipFields *self, AviSpan *from, AviSpan *seqno, guint *seen, GError **error)
{
  AviRpcReader reader = avi_rpc_reader_init (self->raw);
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    {
      AviSpan *place;

      switch (field.tag)
        {
        case AVI_MESSAGE_FROM:
          place = from;
          break;
        case AVI_MESSAGE_DATA:
          place = &self->data;
          break;
        case AVI_MESSAGE_SEQNO:
          place = seqno;
          break;
        case AVI_MESSAGE_TOPIC:
          place = &self->topic;
          break;
        case AVI_MESSAGE_SIGNATURE:
          place = &self->signature;
          break;
        case AVI_MESSAGE_KEY:
          place = &self->key;
          break;
        default:
          continue;
        }
      if (*seen & BIT (field.tag))
        return avi_gossip_fields_refuse ("a field is given twice", error);
      *seen |= BIT (field.tag);
      *place = field.bytes;
    }
  return avi_rpc_reader_finish (&reader, "A message of pub/sub", error);
}

/* Of a message that says more than topic and data. */
static gboolean
avi_gossip_fields_read_signed (AviGossipFields *self, AviSpan from, AviSpan seqno, GError **error)
{
  guint64 big_endian;

  self->is_signed = TRUE;
  if (!avi_peer_id_decode (from, &self->from, error))
    return FALSE;
  if (seqno.len != AVI_SEQNO_LEN)
    return avi_gossip_fields_refuse ("its seqno is not of 8 bytes", error);
  if (self->signature.len == 0 || self->signature.len > SIGNATURE_MAX)
    return avi_gossip_fields_refuse ("its signature is missing or too long", error);
  if (self->key.len > AVI_PUBLIC_KEY_MAX)
    return avi_gossip_fields_refuse ("its key is too long", error);

  memcpy (&big_endian, seqno.data, AVI_SEQNO_LEN);
  self->seqno = GUINT64_FROM_BE (big_endian);
  return TRUE;
}

gboolean
avi_gossip_fields_read (AviGossipFields *self, AviSpan raw, GError **error)
{
  AviSpan from = AVI_SPAN_EMPTY;
  AviSpan seqno = AVI_SPAN_EMPTY;
  guint seen = 0;

  *self = (AviGossipFields) { .raw = raw };
  if (!avi_gossip_fields_walk (self, &from, &seqno, &seen, error))
    return FALSE;
  if (!avi_gossip_topic_is_valid (self->topic))
    return avi_gossip_fields_refuse ("its topic is missing, too long, or not UTF-8", error);
  return (seen & ~NO_SIGN) == 0 || avi_gossip_fields_read_signed (self, from, seqno, error);
}

gboolean
avi_gossip_topic_is_valid (AviSpan topic)
{
  return topic.len > 0 && topic.len <= AVI_GOSSIPSUB_MAX_TOPIC
         && g_utf8_validate_len ((const char *) topic.data, topic.len, NULL);
}

/* @span points into @from; the same place in @to, a copy of it. */
static AviSpan
avi_gossip_message_move (AviSpan span, AviSpan from, guint8 *to)
{
  return span.len == 0 ? AVI_SPAN_EMPTY : AVI_SPAN (to + (span.data - from.data), span.len);
}

AviGossipMessage *
avi_gossip_message_new (const AviGossipFields *fields, AviMessageId id, const guint8 *content_id)
{
  AviSpan raw = fields->raw;
  gsize entry_len = avi_rpc_get_field_len (raw.len);
  gsize rpc_len = avi_rpc_get_varint_len (entry_len) + entry_len;
  AviGossipMessage *self = g_malloc (sizeof *self + rpc_len);
  guint8 *entry = self->rpc + avi_rpc_encode_varint (entry_len, self->rpc);
  guint8 *copy = entry + avi_rpc_encode_varint (AVI_RPC_PUBLISH, entry);

  copy += avi_rpc_encode_varint (raw.len, copy);
  memcpy (copy, raw.data, raw.len);

  avi_ref_count_init (&self->refs);
  self->id = id;
  self->author = NULL;
  self->checked = !fields->is_signed;
  if (content_id != NULL)
    memcpy (self->content_id, content_id, sizeof self->content_id);
  self->rpc_len = rpc_len;
  self->entry = AVI_SPAN (entry, entry_len);
  self->fields = *fields;
  self->fields.raw = AVI_SPAN (copy, raw.len);
  self->fields.data = avi_gossip_message_move (fields->data, raw, copy);
  self->fields.topic = avi_gossip_message_move (fields->topic, raw, copy);
  self->fields.signature = avi_gossip_message_move (fields->signature, raw, copy);
  self->fields.key = avi_gossip_message_move (fields->key, raw, copy);
  return self;
}

AviGossipMessage *
avi_gossip_message_ref (AviGossipMessage *self)
{
  avi_ref_count_inc (&self->refs);
  return self;
}

void
avi_gossip_message_unref (AviGossipMessage *self)
{
  if (!avi_ref_count_dec (&self->refs))
    return;
  g_free (self->author);
  g_free (self);
}

gsize
avi_gossip_message_get_cost (const AviGossipMessage *self)
{
  return self->rpc_len + sizeof *self + 96; /* author, and what holds it */
}

const char *
avi_gossip_message_get_author (AviGossipMessage *self)
{
  if (self->author == NULL && self->fields.is_signed)
    self->author = avi_peer_id_to_string (&self->fields.from);
  return self->author;
}

static GBytes *
avi_gossip_message_view (AviGossipMessage *self, AviSpan bytes)
{
  return g_bytes_new_with_free_func (bytes.data, bytes.len, (GDestroyNotify) avi_gossip_message_unref,
                                     avi_gossip_message_ref (self));
}

GBytes *
avi_gossip_message_dup_data (AviGossipMessage *self)
{
  AviSpan data = self->fields.data;

  return data.len == 0 ? g_bytes_new (NULL, 0) : avi_gossip_message_view (self, data);
}

GBytes *
avi_gossip_message_dup_rpc (AviGossipMessage *self)
{
  return avi_gossip_message_view (self, AVI_SPAN (self->rpc, self->rpc_len));
}

void
avi_gossip_message_write_id (AviGossipMessage *self, AviMessageIdForm form, GByteArray *out)
{
  const AviGossipFields *fields = &self->fields;
  guint64 seqno = GUINT64_TO_BE (fields->seqno);
  AviSpan author;
  char decimal[21];

  g_byte_array_set_size (out, 0);
  if (!fields->is_signed)
    {
      g_byte_array_append (out, self->content_id, sizeof self->content_id);
      return;
    }
  switch (form)
    {
    case AVI_MESSAGE_ID_TEXT:
      author = AVI_SPAN_STRING (avi_gossip_message_get_author (self));
      g_snprintf (decimal, sizeof decimal, "%" G_GUINT64_FORMAT, fields->seqno);
      g_byte_array_append (out, author.data, author.len);
      g_byte_array_append (out, (const guint8 *) decimal, strlen (decimal));
      return;

    case AVI_MESSAGE_ID_KEY:
      author = fields->key.len > 0 ? fields->key : avi_peer_id_get_inline_key (&fields->from);
      break;

    case AVI_MESSAGE_ID_PLAIN:
      author = avi_peer_id_get_bytes (&fields->from);
      break;

    case AVI_MESSAGE_ID_UNKNOWN:
    case AVI_MESSAGE_ID_CONTENT:
    default:
      g_return_if_reached ();
    }
  g_byte_array_append (out, author.data, author.len);
  g_byte_array_append (out, (const guint8 *) &seqno, sizeof seqno);
}
