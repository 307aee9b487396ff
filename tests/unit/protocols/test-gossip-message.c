/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-gossip-message.h"
#include "protocols/gossipsub/avi-rpc.h"

#define FIELD(tag, text) field (tag, AVI_SPAN (text, sizeof text - 1))

static GByteArray *message;

static void
field (guint64 tag, AviSpan bytes)
{
  avi_rpc_put_bytes (message, tag, bytes);
}

static void
begin (void)
{
  g_clear_pointer (&message, g_byte_array_unref);
  message = g_byte_array_new ();
}

static void
field_from (void)
{
  field (AVI_MESSAGE_FROM, avi_peer_id_get_bytes (gossip_id (1)));
}

/* All that is needed but for the field of that tag. */
static void
begin_without (guint64 tag)
{
  begin ();
  if (tag != AVI_MESSAGE_FROM)
    field_from ();
  if (tag != AVI_MESSAGE_DATA)
    FIELD (AVI_MESSAGE_DATA, "hello");
  if (tag != AVI_MESSAGE_SEQNO)
    FIELD (AVI_MESSAGE_SEQNO, "\0\0\0\0\0\0\1\2");
  if (tag != AVI_MESSAGE_TOPIC)
    FIELD (AVI_MESSAGE_TOPIC, "chat");
  if (tag != AVI_MESSAGE_SIGNATURE)
    FIELD (AVI_MESSAGE_SIGNATURE, "signed");
}

static void
assert_refused (const char *why)
{
  AviGossipFields fields;
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_gossip_fields_read (&fields, AVI_SPAN (message->data, message->len), &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, why));
}

static AviGossipFields
assert_read (void)
{
  AviGossipFields fields;
  g_autoptr(GError) error = NULL;

  avi_gossip_fields_read (&fields, AVI_SPAN (message->data, message->len), &error);
  g_assert_no_error (error);
  return fields;
}

static void
test_fields (void)
{
  AviGossipFields fields;

  begin_without (AVI_MESSAGE_KEY);
  FIELD (0x7a, "of a later version");
  fields = assert_read ();
  g_assert_true (avi_peer_id_equal (&fields.from, gossip_id (1)));
  g_assert_cmpuint (fields.seqno, ==, 0x0102);
  g_assert_cmpmem (fields.data.data, fields.data.len, "hello", 5);
  g_assert_cmpmem (fields.topic.data, fields.topic.len, "chat", 4);
  g_assert_cmpmem (fields.signature.data, fields.signature.len, "signed", 6);
  g_assert_cmpuint (fields.key.len, ==, 0);

  begin_without (AVI_MESSAGE_DATA);
  g_assert_cmpuint (assert_read ().data.len, ==, 0);
}

static void
test_strict_sign (void)
{
  guint8 large[2 * AVI_PUBLIC_KEY_MAX] = { 0 };

  begin_without (AVI_MESSAGE_FROM);
  assert_refused ("peer id of 0 bytes");
  begin_without (AVI_MESSAGE_FROM);
  FIELD (AVI_MESSAGE_FROM, "me, of course");
  assert_refused ("peer id");
  begin_without (AVI_MESSAGE_SEQNO);
  assert_refused ("seqno is not of 8 bytes");
  FIELD (AVI_MESSAGE_SEQNO, "\1");
  assert_refused ("seqno is not of 8 bytes");
  begin_without (AVI_MESSAGE_SIGNATURE);
  assert_refused ("signature is missing");
  field (AVI_MESSAGE_SIGNATURE, AVI_SPAN (large, sizeof large));
  assert_refused ("signature is missing or too long");
  begin_without (AVI_MESSAGE_KEY);
  field (AVI_MESSAGE_KEY, AVI_SPAN (large, sizeof large));
  assert_refused ("key is too long");
}

static void
test_topic (void)
{
  g_autofree char *longest = g_strnfill (AVI_GOSSIPSUB_MAX_TOPIC, 'x');
  g_autofree char *too_long = g_strnfill (AVI_GOSSIPSUB_MAX_TOPIC + 1, 'x');

  begin_without (AVI_MESSAGE_TOPIC);
  assert_refused ("topic");
  FIELD (AVI_MESSAGE_TOPIC, "");
  assert_refused ("topic");
  begin_without (AVI_MESSAGE_TOPIC);
  FIELD (AVI_MESSAGE_TOPIC, "nul\0byte");
  assert_refused ("topic");
  begin_without (AVI_MESSAGE_TOPIC);
  FIELD (AVI_MESSAGE_TOPIC, "\xff\xfe");
  assert_refused ("topic");
  begin_without (AVI_MESSAGE_TOPIC);
  field (AVI_MESSAGE_TOPIC, AVI_SPAN_STRING (too_long));
  assert_refused ("topic");
  begin_without (AVI_MESSAGE_TOPIC);
  field (AVI_MESSAGE_TOPIC, AVI_SPAN_STRING (longest));
  assert_read ();
}

static void
test_twice (void)
{
  begin_without (AVI_MESSAGE_KEY);
  FIELD (AVI_MESSAGE_DATA, "hullo");
  assert_refused ("twice");
  begin_without (AVI_MESSAGE_KEY);
  FIELD (AVI_MESSAGE_TOPIC, "chat");
  assert_refused ("twice");
}

static void
test_cut_short (void)
{
  gsize len;

  begin_without (AVI_MESSAGE_KEY);
  for (len = message->len - 1; len > 0; len--)
    {
      g_byte_array_set_size (message, len);
      assert_refused ("");
    }
}

static void
test_framed (void)
{
  static const gsize sizes[] = { 0, 1, 5, 100, 127, 128, 200, 16000, 16383, 16384, 100000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *data = g_strnfill (sizes[i], 'x');
      g_autoptr(AviGossipMessage) kept = NULL;
      g_autoptr(GBytes) view = NULL;
      AviGossipFields fields;
      AviRpcReader reader;
      AviRpcField entry, content;
      AviSpan rpc;

      begin_without (AVI_MESSAGE_DATA);
      field (AVI_MESSAGE_DATA, AVI_SPAN_STRING (data));
      fields = assert_read ();
      kept = avi_gossip_message_new (&fields, (AviMessageId) { 1, 2 }, NULL);
      memset (message->data, 0, message->len); /* what it was made from is not needed any more */

      rpc = AVI_SPAN (kept->rpc, kept->rpc_len);
      reader = avi_rpc_reader_init (avi_span_skip (rpc, rpc.len - kept->entry.len));
      g_assert_true (avi_rpc_reader_next (&reader, &entry));
      g_assert_cmpuint (entry.tag, ==, AVI_RPC_PUBLISH);
      g_assert_true (avi_span_equal (entry.whole, kept->entry));
      g_assert_true (avi_span_equal (entry.bytes, kept->fields.raw));
      g_assert_false (avi_rpc_reader_next (&reader, &content));
      g_assert_cmpuint (rpc.len, ==, kept->entry.len + avi_rpc_get_varint_len (kept->entry.len));

      view = avi_gossip_message_dup_data (kept);
      g_clear_pointer (&kept, avi_gossip_message_unref);
      g_assert_true (avi_span_equal (avi_span_from_bytes (view), AVI_SPAN_STRING (data)));
    }
}

static void
test_ids (void)
{
  static const AviMessageIdForm forms[] = { AVI_MESSAGE_ID_PLAIN, AVI_MESSAGE_ID_TEXT, AVI_MESSAGE_ID_KEY };
  AviGossipFields fields;
  g_autoptr(AviGossipMessage) kept = NULL;
  g_autoptr(GByteArray) id = g_byte_array_new ();

  begin_without (AVI_MESSAGE_KEY);
  fields = assert_read ();
  kept = avi_gossip_message_new (&fields, (AviMessageId) { 1, 2 }, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      AviPeerId from;
      guint64 seqno;

      avi_gossip_message_write_id (kept, forms[i], id);
      g_assert_cmpint (avi_message_id_parse (AVI_SPAN (id->data, id->len), &from, &seqno), ==, forms[i]);
      g_assert_true (avi_peer_id_equal (&from, gossip_id (1)));
      g_assert_cmpuint (seqno, ==, 0x0102);
    }
}

/* Of the fields of who says it not even an empty one may be there, or all have to. */
static void
test_unsigned (void)
{
  static const guint64 others[] = { AVI_MESSAGE_FROM, AVI_MESSAGE_SEQNO, AVI_MESSAGE_SIGNATURE, AVI_MESSAGE_KEY };
  g_autoptr(AviGossipMessage) kept = NULL;
  g_autoptr(GByteArray) id = g_byte_array_new ();
  guint8 content_id[AVI_CONTENT_ID_LEN] = { 1, 2, 3 };
  AviGossipFields fields;

  begin ();
  FIELD (AVI_MESSAGE_DATA, "hello");
  FIELD (AVI_MESSAGE_TOPIC, "chat");
  FIELD (0x7a, "of a later version");
  fields = assert_read ();
  g_assert_false (fields.is_signed);
  g_assert_cmpuint (fields.from.len, ==, 0);
  kept = avi_gossip_message_new (&fields, (AviMessageId) { 1, 2 }, content_id);
  g_assert_true (kept->checked);
  g_assert_null (avi_gossip_message_get_author (kept));
  avi_gossip_message_write_id (kept, AVI_MESSAGE_ID_TEXT, id);
  g_assert_cmpmem (id->data, id->len, content_id, sizeof content_id);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      begin ();
      FIELD (AVI_MESSAGE_DATA, "hello");
      FIELD (AVI_MESSAGE_TOPIC, "chat");
      FIELD (others[i], "");
      assert_refused ("");
    }
  begin ();
  FIELD (AVI_MESSAGE_DATA, "hello");
  assert_refused ("topic");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gossip-message/fields are read, unknown ones passed over", test_fields);
  g_test_add_func ("/gossip-message/what StrictSign demands must be there", test_strict_sign);
  g_test_add_func ("/gossip-message/what StrictNoSign demands must not be there", test_unsigned);
  g_test_add_func ("/gossip-message/a topic is text of 1 to 1024 bytes", test_topic);
  g_test_add_func ("/gossip-message/a field given twice is refused", test_twice);
  g_test_add_func ("/gossip-message/a message cut short is refused, wherever", test_cut_short);
  g_test_add_func ("/gossip-message/is kept as an RPC of its own, whatever its size", test_framed);
  g_test_add_func ("/gossip-message/has an id in every family's form", test_ids);
  status = g_test_run ();
  g_clear_pointer (&message, g_byte_array_unref);
  return status;
}
