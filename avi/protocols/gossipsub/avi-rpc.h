/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protobuf of pub/sub RPCs (specs/pubsub, gossipsub 1.0 to 1.3; wire/pubsub.proto), read where
 * it lies and written field by field. Not by protobuf-c, because a signature covers a message as it
 * came, unknown fields included, and a message is passed on as it came; and so that nothing is
 * allocated for what a peer merely lists. Used by the router's files only.
 */
#pragma once

#include "wire/avi-span.h"

G_BEGIN_DECLS

/* A field's tag: its number, times 8, plus the wire type. A known number under another wire type is
 * one more unknown field, as protobuf has it. */
enum
{
  AVI_RPC_SUBSCRIPTION = 0x0a,
  AVI_RPC_PUBLISH      = 0x12,
  AVI_RPC_CONTROL      = 0x1a,

  AVI_SUBSCRIPTION_SUBSCRIBE = 0x08,
  AVI_SUBSCRIPTION_TOPIC     = 0x12,

  AVI_MESSAGE_FROM      = 0x0a,
  AVI_MESSAGE_DATA      = 0x12,
  AVI_MESSAGE_SEQNO     = 0x1a,
  AVI_MESSAGE_TOPIC     = 0x22,
  AVI_MESSAGE_SIGNATURE = 0x2a,
  AVI_MESSAGE_KEY       = 0x32,

  AVI_CONTROL_IHAVE = 0x0a,
  AVI_CONTROL_IWANT = 0x12,
  AVI_CONTROL_GRAFT = 0x1a,
  AVI_CONTROL_PRUNE = 0x22,
  AVI_CONTROL_IDONTWANT  = 0x2a,
  AVI_CONTROL_EXTENSIONS = 0x32,

  AVI_IHAVE_TOPIC   = 0x0a,
  AVI_IHAVE_ID      = 0x12,
  AVI_IWANT_ID      = 0x0a,
  AVI_IDONTWANT_ID  = 0x0a,
  AVI_GRAFT_TOPIC   = 0x0a,
  AVI_PRUNE_TOPIC   = 0x0a,
  AVI_PRUNE_PEER    = 0x12,
  AVI_PRUNE_BACKOFF = 0x18,

  AVI_PEER_INFO_ID     = 0x0a,
  AVI_PEER_INFO_RECORD = 0x12
};

typedef struct
{
  AviSpan     all;
  gsize       at;        /* of what comes next */
  const char *malformed; /* why the walk ended early; or NULL */
} AviRpcReader;

typedef struct
{
  guint64 tag;
  guint64 value; /* of a varint */
  AviSpan bytes; /* of a field with a length: its content; else empty */
  AviSpan whole; /* tag and length included */
} AviRpcField;

static inline AviRpcReader
avi_rpc_reader_init (AviSpan message)
{
  return (AviRpcReader) { .all = message };
}

/* FALSE at the end, be it an early one. */
gboolean avi_rpc_reader_next   (AviRpcReader *self, AviRpcField *field);
/* FALSE with AVI_ERROR_PROTOCOL where the walk ended early. @what: was read. */
gboolean avi_rpc_reader_finish (const AviRpcReader *self, const char *what, GError **error);

gsize    avi_rpc_get_varint_len (guint64 value);
/* Of a field with a length, all in all. */
gsize    avi_rpc_get_field_len  (gsize len);
/* @out: at least 10 bytes. Returns how many were written. */
gsize    avi_rpc_encode_varint  (guint64 value, guint8 *out);
void     avi_rpc_put_varint     (GByteArray *out, guint64 tag, guint64 value);
void     avi_rpc_put_bytes      (GByteArray *out, guint64 tag, AviSpan bytes);

G_END_DECLS
