/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"

static GByteArray *
what_is_signed (AviSpan message)
{
  GByteArray *out = g_byte_array_new ();

  g_byte_array_set_size (out, message.len + sizeof AVI_SIGNING_PREFIX);
  g_byte_array_set_size (out, avi_signing_write_signed (message, out->data));
  return out;
}

static gboolean
is_valid (AviSpan message)
{
  g_autoptr(GByteArray) text = what_is_signed (message);
  g_autoptr(AviPublicKey) key = NULL;
  g_autoptr(GError) error = NULL;
  AviGossipFields fields;

  avi_gossip_fields_read (&fields, message, &error);
  g_assert_no_error (error);
  key = avi_signing_get_key (&fields, &error);
  g_assert_no_error (error);
  return avi_public_key_verify (key, AVI_SPAN (text->data, text->len), fields.signature);
}

/* Ed25519 signs one text in one way, so the two makers of messages must agree to the byte. */
static void
test_as_others (void)
{
  g_autoptr(GByteArray) ours = avi_signing_sign (gossip_key (1), "chat", AVI_SPAN_STRING ("hello"), 77);
  g_autoptr(GBytes) theirs = gossip_sign (1, "chat", "hello", 77);

  g_assert_true (avi_span_equal (AVI_SPAN (ours->data, ours->len), avi_span_from_bytes (theirs)));
  g_assert_true (is_valid (AVI_SPAN (ours->data, ours->len)));
}

static void
test_every_byte_counts (void)
{
  g_autoptr(GByteArray) message = avi_signing_sign (gossip_key (1), "chat", AVI_SPAN_STRING ("hello"), 77);

  for (guint i = 0; i < message->len; i++)
    {
      AviSpan span = AVI_SPAN (message->data, message->len);
      AviGossipFields fields;
      g_autoptr(AviPublicKey) key = NULL;

      message->data[i] ^= 1;
      if (avi_gossip_fields_read (&fields, span, NULL) && (key = avi_signing_get_key (&fields, NULL)) != NULL)
        g_assert_false (is_valid (span));
      message->data[i] ^= 1;
    }
}

/* In another order, with a field that nobody knows, the signature in the middle. */
static void
test_as_it_came (void)
{
  g_autoptr(GByteArray) unsigned_bytes = g_byte_array_new ();
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autoptr(GByteArray) text = g_byte_array_new ();
  g_autoptr(GByteArray) seen = NULL;
  guint8 signature[AVI_SIGNATURE_LEN];
  AviSpan key = avi_public_key_get_protobuf (avi_key_pair_get_public (gossip_key (1)));

  avi_rpc_put_bytes (unsigned_bytes, AVI_MESSAGE_TOPIC, AVI_SPAN_STRING ("chat"));
  avi_rpc_put_varint (unsigned_bytes, 0x78, 5);
  avi_rpc_put_bytes (unsigned_bytes, AVI_MESSAGE_SEQNO, AVI_SPAN ("\0\0\0\0\0\0\0\1", 8));
  avi_rpc_put_bytes (unsigned_bytes, AVI_MESSAGE_FROM, avi_peer_id_get_bytes (gossip_id (1)));

  g_byte_array_append (text, (const guint8 *) "libp2p-pubsub:", 14);
  g_byte_array_append (text, unsigned_bytes->data, unsigned_bytes->len);
  avi_key_pair_sign (gossip_key (1), AVI_SPAN (text->data, text->len), signature);

  avi_rpc_put_bytes (message, AVI_MESSAGE_KEY, key);
  g_byte_array_append (message, unsigned_bytes->data, 8);
  avi_rpc_put_bytes (message, AVI_MESSAGE_SIGNATURE, AVI_SPAN (signature, sizeof signature));
  g_byte_array_append (message, unsigned_bytes->data + 8, unsigned_bytes->len - 8);

  seen = what_is_signed (AVI_SPAN (message->data, message->len));
  g_assert_cmpmem (seen->data, seen->len, text->data, text->len);
  g_assert_true (is_valid (AVI_SPAN (message->data, message->len)));
}

static void
test_key (void)
{
  AviSpan key = avi_public_key_get_protobuf (avi_key_pair_get_public (gossip_key (1)));
  AviGossipFields fields = { .from = *gossip_id (1), .key = key };
  g_autoptr(AviPublicKey) found = avi_signing_get_key (&fields, NULL);
  g_autoptr(GError) other = NULL, hashed = NULL, garbage = NULL;

  g_assert_true (avi_peer_id_equal (avi_public_key_get_peer_id (found), gossip_id (1)));

  fields.from = *gossip_id (2);
  g_assert_null (avi_signing_get_key (&fields, &other));
  g_assert_error (other, AVI_ERROR, AVI_ERROR_SECURITY);

  fields = (AviGossipFields) { .from = { .len = 34, .bytes = { 0x12, 0x20 } } };
  g_assert_null (avi_signing_get_key (&fields, &hashed));
  g_assert_error (hashed, AVI_ERROR, AVI_ERROR_SECURITY);

  fields = (AviGossipFields) { .from = { .len = 3, .bytes = { 0x00, 0x01, 'x' } } };
  g_assert_null (avi_signing_get_key (&fields, &garbage));
  g_assert_error (garbage, AVI_ERROR, AVI_ERROR_PROTOCOL);
}

static void
test_unsigned (void)
{
  g_autoptr(GByteArray) message = avi_signing_leave_unsigned ("chat", AVI_SPAN_STRING ("hello"));
  Avi__Wire__PubsubMessage *read = avi__wire__pubsub_message__unpack (NULL, message->len, message->data);

  g_assert_nonnull (read);
  g_assert_cmpmem (read->data.data, read->data.len, "hello", 5);
  g_assert_cmpmem (read->topic.data, read->topic.len, "chat", 4);
  g_assert_false (read->has_from || read->has_seqno || read->has_signature || read->has_key);
  avi__wire__pubsub_message__free_unpacked (read, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/signing/a message of ours is what protobuf-c makes of it", test_as_others);
  g_test_add_func ("/signing/no byte can be changed", test_every_byte_counts);
  g_test_add_func ("/signing/covers the bytes as they came", test_as_it_came);
  g_test_add_func ("/signing/what is left unsigned says topic and data alone", test_unsigned);
  g_test_add_func ("/signing/the key is the author's own", test_key);
  return g_test_run ();
}
