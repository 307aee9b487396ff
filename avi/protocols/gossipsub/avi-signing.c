/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-signing.h"

#include "avi-error.h"
#include "protocols/gossipsub/avi-rpc.h"

#define PREFIX_LEN (sizeof AVI_SIGNING_PREFIX - 1)

/* The key is left out: an Ed25519 key is within the peer id. */
GByteArray *
avi_signing_sign (const AviKeyPair *identity, const char *topic, AviSpan data, guint64 seqno)
{
  g_autoptr(GByteArray) message = g_byte_array_sized_new (PREFIX_LEN + data.len + strlen (topic) + 160);
  guint64 big_endian = GUINT64_TO_BE (seqno);
  guint8 signature[AVI_SIGNATURE_LEN];

  g_byte_array_append (message, (const guint8 *) AVI_SIGNING_PREFIX, PREFIX_LEN);
  avi_rpc_put_bytes (message, AVI_MESSAGE_FROM, avi_peer_id_get_bytes (avi_key_pair_get_peer_id (identity)));
  avi_rpc_put_bytes (message, AVI_MESSAGE_DATA, data);
  avi_rpc_put_bytes (message, AVI_MESSAGE_SEQNO, AVI_SPAN (&big_endian, sizeof big_endian));
  avi_rpc_put_bytes (message, AVI_MESSAGE_TOPIC, AVI_SPAN_STRING (topic));

  avi_key_pair_sign (identity, AVI_SPAN (message->data, message->len), signature);
  avi_rpc_put_bytes (message, AVI_MESSAGE_SIGNATURE, AVI_SPAN (signature, sizeof signature));
  g_byte_array_remove_range (message, 0, PREFIX_LEN);
  return g_steal_pointer (&message);
}

GByteArray *
avi_signing_leave_unsigned (const char *topic, AviSpan data)
{
  GByteArray *message = g_byte_array_sized_new (data.len + strlen (topic) + 16);

  avi_rpc_put_bytes (message, AVI_MESSAGE_DATA, data);
  avi_rpc_put_bytes (message, AVI_MESSAGE_TOPIC, AVI_SPAN_STRING (topic));
  return message;
}

AviPublicKey *
avi_signing_get_key (const AviGossipFields *fields, GError **error)
{
  AviSpan protobuf = fields->key.len > 0 ? fields->key : avi_peer_id_get_inline_key (&fields->from);
  g_autoptr(AviPublicKey) key = NULL;

  if (protobuf.len == 0)
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_SECURITY,
                           "A message of pub/sub lacks the key that its author's peer id is a hash of");
      return NULL;
    }

  key = avi_public_key_decode (protobuf, error);
  if (key != NULL && !avi_peer_id_equal (avi_public_key_get_peer_id (key), &fields->from))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_SECURITY,
                           "A message of pub/sub came with a key that is not its author's");
      return NULL;
    }
  return g_steal_pointer (&key);
}

gsize
avi_signing_write_signed (AviSpan message, guint8 *out)
{
  AviRpcReader reader = avi_rpc_reader_init (message);
  AviRpcField field;
  gsize len = PREFIX_LEN;

  memcpy (out, AVI_SIGNING_PREFIX, PREFIX_LEN);
  while (avi_rpc_reader_next (&reader, &field))
    {
      if (field.tag == AVI_MESSAGE_SIGNATURE || field.tag == AVI_MESSAGE_KEY)
        continue;
      memcpy (out + len, field.whole.data, field.whole.len);
      len += field.whole.len;
    }
  return len;
}
