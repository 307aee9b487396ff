/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-rpc.h"

#include "avi-error.h"

/* Protobuf's varints, unlike libp2p's: ten bytes, of all 64 bits, and not always minimal. */
#define VARINT_MAX_LEN 10

enum
{
  WIRE_TYPE_VARINT  = 0,
  WIRE_TYPE_FIXED64 = 1,
  WIRE_TYPE_BYTES   = 2,
  WIRE_TYPE_FIXED32 = 5
};

static gboolean
avi_rpc_reader_fail (AviRpcReader *self, const char *why)
{
  self->malformed = why;
  return FALSE;
}

static gboolean
avi_rpc_reader_take_varint (AviRpcReader *self, guint64 *value)
{
  guint64 sum = 0;

  for (guint i = 0; i < VARINT_MAX_LEN && self->at < self->all.len; i++)
    {
      guint8 byte = self->all.data[self->at++];

      if (i == VARINT_MAX_LEN - 1 && byte > 1)
        return avi_rpc_reader_fail (self, "a varint over 64 bits");
      sum |= (guint64) (byte & 0x7f) << (7 * i);
      if (byte < 0x80)
        {
          *value = sum;
          return TRUE;
        }
    }
  return avi_rpc_reader_fail (self, "a varint cut short");
}

static gboolean
avi_rpc_reader_skip (AviRpcReader *self, guint64 n)
{
  if (n > self->all.len - self->at)
    return avi_rpc_reader_fail (self, "a field cut short");
  self->at += n;
  return TRUE;
}

static gboolean
avi_rpc_reader_take_content (AviRpcReader *self, AviRpcField *field)
{
  guint64 len;

  switch (field->tag & 7)
    {
    case WIRE_TYPE_VARINT:
      return avi_rpc_reader_take_varint (self, &field->value);

    case WIRE_TYPE_FIXED64:
      return avi_rpc_reader_skip (self, 8);

    case WIRE_TYPE_FIXED32:
      return avi_rpc_reader_skip (self, 4);

    case WIRE_TYPE_BYTES:
      if (!avi_rpc_reader_take_varint (self, &len) || !avi_rpc_reader_skip (self, len))
        return FALSE;
      field->bytes = AVI_SPAN (self->all.data + self->at - len, len);
      return TRUE;

    default:
      return avi_rpc_reader_fail (self, "a wire type that is none");
    }
}

gboolean
avi_rpc_reader_next (AviRpcReader *self, AviRpcField *field)
{
  gsize start = self->at;

  if (self->malformed != NULL || self->at == self->all.len)
    return FALSE;

  *field = (AviRpcField) { 0 };
  if (!avi_rpc_reader_take_varint (self, &field->tag))
    return FALSE;
  if (field->tag >> 3 == 0 || field->tag > G_MAXUINT32)
    return avi_rpc_reader_fail (self, "a field number out of range");
  if (!avi_rpc_reader_take_content (self, field))
    return FALSE;

  field->whole = AVI_SPAN (self->all.data + start, self->at - start);
  return TRUE;
}

gboolean
avi_rpc_reader_finish (const AviRpcReader *self, const char *what, GError **error)
{
  if (self->malformed == NULL)
    return TRUE;

  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "%s of %" G_GSIZE_FORMAT " bytes: %s, at byte %" G_GSIZE_FORMAT,
               what, self->all.len, self->malformed, self->at);
  return FALSE;
}

gsize
avi_rpc_get_varint_len (guint64 value)
{
  gsize len = 1;

  for (; value >= 0x80; value >>= 7)
    len++;
  return len;
}

gsize
avi_rpc_get_field_len (gsize len)
{
  return 1 + avi_rpc_get_varint_len (len) + len; /* every tag of ours is one byte */
}

gsize
avi_rpc_encode_varint (guint64 value, guint8 *out)
{
  gsize len = 0;

  for (; value >= 0x80; value >>= 7)
    out[len++] = value | 0x80;
  out[len++] = value;
  return len;
}

void
avi_rpc_put_varint (GByteArray *out, guint64 tag, guint64 value)
{
  guint8 bytes[2 * VARINT_MAX_LEN];
  gsize len = avi_rpc_encode_varint (tag, bytes);

  len += avi_rpc_encode_varint (value, bytes + len);
  g_byte_array_append (out, bytes, len);
}

void
avi_rpc_put_bytes (GByteArray *out, guint64 tag, AviSpan bytes)
{
  avi_rpc_put_varint (out, tag, bytes.len);
  g_byte_array_append (out, bytes.data, bytes.len);
}
