/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our reader and writer of pub/sub RPCs beside protobuf-c on wire/pubsub.proto. The input is a message where its
 * first byte is odd, else an RPC. Whatever both take has the same value in each field, of all depths. What we alone
 * refuse is a varint of more than 64 bits or a field's number out of range, and of messages what StrictSign and our
 * limits refuse; what protobuf-c alone refuses is a known field under another wire type, or a number written longer
 * than need be. What our reader took, as our writer puts it, protobuf-c takes always.
 */
#include "config.h"

#include <stdint.h>

#include "avi-error.h"
#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-gossip-message.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "pubsub.pb-c.h"
#include "wire/avi-protobuf.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define BUDGET        (1024 * 1024)
#define SIGNATURE_MAX 1024

static AviSpan
span_of (GByteArray *bytes)
{
  return AVI_SPAN (bytes->data, bytes->len);
}

/* --- reading: what is well-formed --- */

/* The field of ours by that name and wire type; or NULL: an unknown one. */
static const ProtobufCFieldDescriptor *
find_known (const ProtobufCMessageDescriptor *descriptor, const AviRpcField *field)
{
  const ProtobufCFieldDescriptor *known =
      protobuf_c_message_descriptor_get_field (descriptor, (unsigned) (field->tag >> 3));
  gboolean is_varint;

  if (known == NULL)
    return NULL;
  is_varint = known->type == PROTOBUF_C_TYPE_BOOL || known->type == PROTOBUF_C_TYPE_UINT64;
  return (field->tag & 7) == (is_varint ? 0 : 2) ? known : NULL;
}

static gboolean
has_number (const ProtobufCMessageDescriptor *descriptor, const AviRpcField *field)
{
  return protobuf_c_message_descriptor_get_field (descriptor, (unsigned) (field->tag >> 3)) != NULL;
}

/* Whether its numbers are as short as they can be. */
static gboolean
is_minimal (const AviRpcField *field)
{
  gsize len = avi_rpc_get_varint_len (field->tag);

  switch (field->tag & 7)
    {
    case 0:
      return field->whole.len == len + avi_rpc_get_varint_len (field->value);
    case 2:
      return field->whole.len == len + avi_rpc_get_varint_len (field->bytes.len) + field->bytes.len;
    default:
      return field->whole.len == len + ((field->tag & 7) == 1 ? 8 : 4);
    }
}

typedef struct
{
  const char *malformed; /* as the reader has it; NULL: all of it can be read */
  gboolean mistyped;     /* a known field under another wire type: to us unknown; protobuf-c refuses it or,
                            of a bool, reads what there is */
  gboolean longer;       /* a number in more bytes than need be, of which protobuf-c takes fewer */
} Form;

static void
look_at_form (Form *form, const ProtobufCMessageDescriptor *descriptor, AviSpan bytes)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  while (form->malformed == NULL && avi_rpc_reader_next (&reader, &field))
    {
      const ProtobufCFieldDescriptor *known = find_known (descriptor, &field);

      form->longer |= !is_minimal (&field);
      form->mistyped |= known == NULL && has_number (descriptor, &field);
      if (known != NULL && known->type == PROTOBUF_C_TYPE_MESSAGE)
        look_at_form (form, known->descriptor, field.bytes);
    }
  if (form->malformed == NULL)
    form->malformed = reader.malformed;
}

/* --- reading: what it says --- */

static void check_message (const ProtobufCMessage *message, AviSpan bytes);

static void
check_value (const ProtobufCFieldDescriptor *known, const guint8 *at, const AviRpcField *field)
{
  const ProtobufCBinaryData *bytes = (const ProtobufCBinaryData *) at;

  switch (known->type)
    {
    case PROTOBUF_C_TYPE_BOOL:
      g_assert_cmpint (*(const protobuf_c_boolean *) at, ==, field->value != 0);
      break;
    case PROTOBUF_C_TYPE_UINT64:
      g_assert_cmpuint (*(const uint64_t *) at, ==, field->value);
      break;
    case PROTOBUF_C_TYPE_BYTES:
      g_assert_cmpmem (bytes->data, bytes->len, field->bytes.data, field->bytes.len);
      break;
    case PROTOBUF_C_TYPE_MESSAGE:
      check_message (*(ProtobufCMessage *const *) at, field->bytes);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* @fields: all of that number. */
static void
check_repeated (const ProtobufCFieldDescriptor *known, const guint8 *message, GArray *fields)
{
  gsize n = *(const size_t *) (message + known->quantifier_offset);
  const guint8 *values = *(const guint8 *const *) (message + known->offset);
  gsize size = known->type == PROTOBUF_C_TYPE_MESSAGE ? sizeof (gpointer) : sizeof (ProtobufCBinaryData);

  g_assert_cmpuint (n, ==, fields->len);
  for (guint i = 0; i < fields->len; i++)
    check_value (known, values + i * size, &g_array_index (fields, AviRpcField, i));
}

/* A message that comes in parts is one: the same as all parts in a row. Of a value the last counts. */
static void
check_single (const ProtobufCFieldDescriptor *known, const guint8 *message, GArray *fields)
{
  g_autoptr(GByteArray) parts = g_byte_array_new ();

  if (known->type == PROTOBUF_C_TYPE_MESSAGE)
    {
      ProtobufCMessage *inner = *(ProtobufCMessage *const *) (message + known->offset);

      g_assert_cmpint (inner != NULL, ==, fields->len > 0);
      for (guint i = 0; i < fields->len; i++)
        g_byte_array_append (parts, g_array_index (fields, AviRpcField, i).bytes.data,
                             g_array_index (fields, AviRpcField, i).bytes.len);
      if (inner != NULL)
        check_message (inner, span_of (parts));
      return;
    }
  g_assert_cmpint (*(const protobuf_c_boolean *) (message + known->quantifier_offset) != 0, ==, fields->len > 0);
  if (fields->len > 0)
    check_value (known, message + known->offset, &g_array_index (fields, AviRpcField, fields->len - 1));
}

/* protobuf-c has read @message; @bytes, as our reader walks them, say the same. */
static void
check_message (const ProtobufCMessage *message, AviSpan bytes)
{
  for (unsigned i = 0; i < message->descriptor->n_fields; i++)
    {
      const ProtobufCFieldDescriptor *known = &message->descriptor->fields[i];
      g_autoptr(GArray) fields = g_array_new (FALSE, FALSE, sizeof (AviRpcField));
      AviRpcReader reader = avi_rpc_reader_init (bytes);
      AviRpcField field;

      while (avi_rpc_reader_next (&reader, &field))
        if (find_known (message->descriptor, &field) == known)
          g_array_append_val (fields, field);
      if (known->label == PROTOBUF_C_LABEL_REPEATED)
        check_repeated (known, (const guint8 *) message, fields);
      else
        check_single (known, (const guint8 *) message, fields);
    }
}

static void
rewrite (GByteArray *out, const ProtobufCMessageDescriptor *descriptor, AviSpan bytes)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    {
      const ProtobufCFieldDescriptor *known = find_known (descriptor, &field);
      g_autoptr(GByteArray) inner = g_byte_array_new ();

      if (known == NULL)
        continue;
      if (known->type == PROTOBUF_C_TYPE_MESSAGE)
        rewrite (inner, known->descriptor, field.bytes);
      else
        g_byte_array_append (inner, field.bytes.data, field.bytes.len);
      if ((field.tag & 7) == 0)
        avi_rpc_put_varint (out, field.tag, field.value);
      else
        avi_rpc_put_bytes (out, field.tag, span_of (inner));
    }
}

/* What our reader took, as our writer puts it, is to protobuf-c the same, in @arena. */
static gpointer
check_rewritten (const ProtobufCMessageDescriptor *descriptor, AviSpan bytes, AviArena *arena)
{
  g_autoptr(GByteArray) written = g_byte_array_new ();
  g_autoptr(GError) error = NULL;
  ProtobufCMessage *message;

  rewrite (written, descriptor, bytes);
  message = avi_protobuf_unpack (descriptor, span_of (written), arena, "What was written", &error);
  g_assert_no_error (error);
  check_message (message, bytes);
  return message;
}

/* Returns @bytes as a message of protobuf-c's, in @arena; NULL where our reader does not take them. */
static gpointer
check_reader (const ProtobufCMessageDescriptor *descriptor, AviSpan bytes, AviArena *arena)
{
  g_autoptr(AviArena) own_arena = avi_arena_new (BUDGET);
  g_autoptr(GError) error = NULL;
  ProtobufCMessage *message = avi_protobuf_unpack (descriptor, bytes, own_arena, "Input", &error);
  Form form = { 0 };

  look_at_form (&form, descriptor, bytes);
  if (form.malformed == NULL && !form.mistyped && !form.longer)
    g_assert_no_error (error);
  if (form.malformed != NULL && message != NULL)
    g_assert_true (g_str_equal (form.malformed, "a varint over 64 bits")
                   || g_str_equal (form.malformed, "a field number out of range"));
  if (form.malformed != NULL)
    return NULL;

  if (message != NULL && !form.mistyped)
    {
      g_autoptr(GBytes) packed = avi_protobuf_pack (message);

      check_message (message, bytes);
      check_message (message, avi_span_from_bytes (packed));
    }
  return check_rewritten (descriptor, bytes, arena);
}

/* --- messages --- */

static gboolean
has_duplicates (AviSpan bytes)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  guint seen = 0;
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    {
      guint bit = field.tag >> 3 < 32 ? 1u << (field.tag >> 3) : 0;

      if (find_known (&avi__wire__pubsub_message__descriptor, &field) == NULL)
        continue;
      if (seen & bit)
        return TRUE;
      seen |= bit;
    }
  return FALSE;
}

static AviSpan
span_of_field (const ProtobufCBinaryData *field)
{
  return AVI_SPAN (field->data, field->len);
}

/* What StrictNoSign demands: none of the fields that say who it is from, not even an empty one. */
static gboolean
is_unsigned (const Avi__Wire__PubsubMessage *message)
{
  return !message->has_from && !message->has_seqno && !message->has_signature && !message->has_key;
}

/* What StrictSign and our limits demand. */
static gboolean
is_signed (const Avi__Wire__PubsubMessage *message, AviPeerId *from)
{
  return avi_peer_id_decode (span_of_field (&message->from), from, NULL) && message->seqno.len == 8
         && message->signature.len > 0 && message->signature.len <= SIGNATURE_MAX
         && message->key.len <= AVI_PUBLIC_KEY_MAX;
}

static void
check_field (AviSpan ours, const ProtobufCBinaryData *theirs)
{
  g_assert_cmpmem (ours.data, ours.len, theirs->data, theirs->len);
}

/* @message: the same as protobuf-c has it. */
static void
check_fields (const Avi__Wire__PubsubMessage *message, AviSpan bytes)
{
  AviGossipFields fields;
  AviPeerId from;
  gboolean expected = !has_duplicates (bytes) && avi_gossip_topic_is_valid (span_of_field (&message->topic))
                      && (is_unsigned (message) || is_signed (message, &from));
  guint64 seqno;

  g_assert_cmpint (avi_gossip_fields_read (&fields, bytes, NULL), ==, expected);
  if (!expected)
    return;
  check_field (fields.data, &message->data);
  check_field (fields.topic, &message->topic);
  check_field (fields.signature, &message->signature);
  check_field (fields.key, &message->key);
  g_assert_cmpint (fields.is_signed, ==, !is_unsigned (message));
  if (!fields.is_signed)
    return;
  g_assert_true (avi_peer_id_equal (&fields.from, &from));
  memcpy (&seqno, message->seqno.data, sizeof seqno);
  g_assert_cmpuint (fields.seqno, ==, GUINT64_FROM_BE (seqno));
}

static void
try_message (AviSpan bytes)
{
  g_autoptr(AviArena) arena = avi_arena_new (BUDGET);
  Avi__Wire__PubsubMessage *message = check_reader (&avi__wire__pubsub_message__descriptor, bytes, arena);

  if (message != NULL)
    check_fields (message, bytes);
}

static void
try_rpc (AviSpan bytes)
{
  g_autoptr(AviArena) arena = avi_arena_new (BUDGET);
  Avi__Wire__Rpc *rpc = check_reader (&avi__wire__rpc__descriptor, bytes, arena);
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;
  gsize n = 0;

  if (rpc == NULL)
    return;
  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_RPC_PUBLISH)
      check_fields (rpc->publish[n++], field.bytes);
  g_assert_cmpuint (n, ==, rpc->n_publish);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size > 0 && data[0] % 2 == 1)
    try_message (AVI_SPAN (data + 1, size - 1));
  else if (size > 0)
    try_rpc (AVI_SPAN (data + 1, size - 1));
  return 0;
}
