/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "pubsub.pb-c.h"
#include "wire/avi-protobuf.h"

static AviSpan
span (GByteArray *bytes)
{
  return AVI_SPAN (bytes->data, bytes->len);
}

static void
test_fields (void)
{
  static const guint8 bytes[] = {
    0x08, 0x96, 0x01,                                     /* 1, varint: 150 */
    0x12, 0x03, 'a',  'b',  'c',                          /* 2, bytes */
    0x19, 1,    2,    3,    4,    5,    6,    7,    8,    /* 3, 64 bits */
    0x25, 1,    2,    3,    4,                            /* 4, 32 bits */
    0xfa, 0x01, 0x00,                                     /* 31, empty bytes */
  };
  AviRpcReader reader = avi_rpc_reader_init (AVI_SPAN (bytes, sizeof bytes));
  AviRpcField field;

  g_assert_true (avi_rpc_reader_next (&reader, &field));
  g_assert_cmpuint (field.tag, ==, 0x08);
  g_assert_cmpuint (field.value, ==, 150);
  g_assert_true (avi_rpc_reader_next (&reader, &field));
  g_assert_cmpmem (field.bytes.data, field.bytes.len, "abc", 3);
  g_assert_cmpmem (field.whole.data, field.whole.len, bytes + 3, 5);
  g_assert_true (avi_rpc_reader_next (&reader, &field));
  g_assert_cmpuint (field.whole.len, ==, 9);
  g_assert_true (avi_rpc_reader_next (&reader, &field));
  g_assert_cmpuint (field.whole.len, ==, 5);
  g_assert_true (avi_rpc_reader_next (&reader, &field));
  g_assert_cmpuint (field.tag, ==, 0xfa);
  g_assert_cmpuint (field.bytes.len, ==, 0);
  g_assert_false (avi_rpc_reader_next (&reader, &field));
  g_assert_true (avi_rpc_reader_finish (&reader, "It", NULL));
}

static void
assert_malformed (const char *bytes, gsize len, const char *why)
{
  AviRpcReader reader = avi_rpc_reader_init (AVI_SPAN (bytes, len));
  g_autoptr(GError) error = NULL;
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    ;
  g_assert_false (avi_rpc_reader_next (&reader, &field));
  g_assert_false (avi_rpc_reader_finish (&reader, "It", &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_cmpstr (error->message, ==, why);
}

static void
test_malformed (void)
{
  assert_malformed ("\x80", 1, "It of 1 bytes: a varint cut short, at byte 1");
  assert_malformed ("\x08", 1, "It of 1 bytes: a varint cut short, at byte 1");
  assert_malformed ("\x08\x01\x12\x05xx", 6, "It of 6 bytes: a field cut short, at byte 4");
  assert_malformed ("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
                    "It of 11 bytes: a field cut short, at byte 11");
  assert_malformed ("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
                    "It of 11 bytes: a varint over 64 bits, at byte 11");
  assert_malformed ("\x19zzzzzzz", 8, "It of 8 bytes: a field cut short, at byte 1");
  assert_malformed ("\x0b", 1, "It of 1 bytes: a wire type that is none, at byte 1");
  assert_malformed ("\x00\x00", 2, "It of 2 bytes: a field number out of range, at byte 1");
  assert_malformed ("\x80\x80\x80\x80\x10\x00", 6, "It of 6 bytes: a field number out of range, at byte 5");
}

static void
test_varints (void)
{
  for (guint shift = 0; shift < 64; shift++)
    for (guint64 value = (G_GUINT64_CONSTANT (1) << shift) - 1; value <= G_GUINT64_CONSTANT (1) << shift; value++)
      {
        g_autoptr(GByteArray) bytes = g_byte_array_new ();
        AviRpcReader reader;
        AviRpcField field;

        avi_rpc_put_varint (bytes, 0x08, value);
        g_assert_cmpuint (bytes->len, ==, 1 + avi_rpc_get_varint_len (value));
        reader = avi_rpc_reader_init (span (bytes));
        g_assert_true (avi_rpc_reader_next (&reader, &field));
        g_assert_cmpuint (field.value, ==, value);
      }
}

static void
test_writes_as_protobuf_c (void)
{
  Avi__Wire__PubsubMessage message = AVI__WIRE__PUBSUB_MESSAGE__INIT;
  g_autoptr(GByteArray) ours = g_byte_array_new ();
  g_autoptr(GBytes) theirs = NULL;
  guint8 data[300] = { 1, 2, 3 };

  message.has_from = message.has_data = message.has_topic = TRUE;
  message.from = (ProtobufCBinaryData) { 2, (guint8 *) "me" };
  message.data = (ProtobufCBinaryData) { sizeof data, data };
  message.topic = (ProtobufCBinaryData) { 0, NULL };
  theirs = avi_protobuf_pack (&message.base);

  avi_rpc_put_bytes (ours, AVI_MESSAGE_FROM, AVI_SPAN ("me", 2));
  avi_rpc_put_bytes (ours, AVI_MESSAGE_DATA, AVI_SPAN (data, sizeof data));
  avi_rpc_put_bytes (ours, AVI_MESSAGE_TOPIC, AVI_SPAN_EMPTY);
  g_assert_true (avi_span_equal (span (ours), avi_span_from_bytes (theirs)));
  g_assert_cmpuint (ours->len, ==, avi_rpc_get_field_len (2) + avi_rpc_get_field_len (300) + avi_rpc_get_field_len (0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rpc/fields of every wire type are read where they lie", test_fields);
  g_test_add_func ("/rpc/a malformed message ends the walk and says why and where", test_malformed);
  g_test_add_func ("/rpc/varints of every length come back", test_varints);
  g_test_add_func ("/rpc/writes what protobuf-c writes", test_writes_as_protobuf_c);
  return g_test_run ();
}
