/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-crypto.h"
#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-message-id.h"

/* A peer id and its public key's protobuf, as the specification of peer ids has them. */
static AviKeyPair *
some_key (void)
{
  static const guint8 seed[AVI_KEY_SEED_LEN] = { 9 };

  return avi_key_pair_from_seed (seed);
}

static GByteArray *
append_seqno (AviSpan author, guint64 seqno)
{
  GByteArray *id = g_byte_array_new ();
  guint64 big_endian = GUINT64_TO_BE (seqno);

  g_byte_array_append (id, author.data, author.len);
  g_byte_array_append (id, (const guint8 *) &big_endian, sizeof big_endian);
  return id;
}

static void
assert_parses (AviSpan bytes, AviMessageIdForm form, const AviPeerId *from, guint64 seqno)
{
  AviPeerId parsed;
  guint64 parsed_seqno;

  g_assert_cmpint (avi_message_id_parse (bytes, &parsed, &parsed_seqno), ==, form);
  g_assert_true (avi_peer_id_equal (&parsed, from));
  g_assert_cmpuint (parsed_seqno, ==, seqno);
}

static void
assert_unknown (AviSpan bytes)
{
  AviPeerId from;
  guint64 seqno;

  g_assert_cmpint (avi_message_id_parse (bytes, &from, &seqno), ==, AVI_MESSAGE_ID_UNKNOWN);
}

static void
test_forms (void)
{
  g_autoptr(AviKeyPair) key = some_key ();
  const AviPeerId *id = avi_key_pair_get_peer_id (key);
  g_autofree char *text = avi_peer_id_to_string (id);
  static const guint64 seqnos[] = { 0, 1, 255, 1767225600, G_GUINT64_CONSTANT (1767225600000000000), G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (seqnos); i++)
    {
      g_autoptr(GByteArray) plain = append_seqno (avi_peer_id_get_bytes (id), seqnos[i]);
      g_autoptr(GByteArray) by_key = append_seqno (avi_peer_id_get_inline_key (id), seqnos[i]);
      g_autofree char *by_text = g_strdup_printf ("%s%" G_GUINT64_FORMAT, text, seqnos[i]);

      assert_parses (AVI_SPAN (plain->data, plain->len), AVI_MESSAGE_ID_PLAIN, id, seqnos[i]);
      assert_parses (AVI_SPAN (by_key->data, by_key->len), AVI_MESSAGE_ID_KEY, id, seqnos[i]);
      assert_parses (AVI_SPAN_STRING (by_text), AVI_MESSAGE_ID_TEXT, id, seqnos[i]);
    }
}

/* Every kind of peer id has one length in base58, which is how author and seqno are told apart. */
static void
test_authors (void)
{
  guint8 protobuf[300] = { 0x08, 0x02, 0x12, 0x21, 0x02 }; /* secp256k1, 37 bytes; RSA is longer than 42 */
  AviRandom random;

  avi_random_seed (&random, 1);
  for (guint i = 0; i < 200; i++)
    {
      AviPeerId id;
      g_autofree char *by_text = NULL;
      g_autofree char *text = NULL;

      random.fill (&random, protobuf + 5, 32);
      avi_peer_id_from_public_key (AVI_SPAN (protobuf, i % 2 == 0 ? 37 : sizeof protobuf), &id);
      text = avi_peer_id_to_string (&id);
      by_text = g_strdup_printf ("%s%u", text, i);
      assert_parses (AVI_SPAN_STRING (by_text), AVI_MESSAGE_ID_TEXT, &id, i);
    }
}

static void
test_hashed_key (void)
{
  guint8 protobuf[300] = { 0x08, 0x00, 0x12, 0xa8, 0x02 };
  AviPeerId id;
  g_autoptr(GByteArray) by_key = append_seqno (AVI_SPAN (protobuf, sizeof protobuf), 5);

  avi_peer_id_from_public_key (AVI_SPAN (protobuf, sizeof protobuf), &id);
  assert_parses (AVI_SPAN (by_key->data, by_key->len), AVI_MESSAGE_ID_KEY, &id, 5);
}

static void
test_unknown (void)
{
  g_autoptr(AviKeyPair) key = some_key ();
  const AviPeerId *id = avi_key_pair_get_peer_id (key);
  g_autofree char *text = avi_peer_id_to_string (id);
  static const char *const seqnos[] = {
    "", "x", "07", "00", " 7", "+7", "7 ", "18446744073709551616", "111111111111111111111"
  };
  guint8 large[4096] = { 0x08 };
  g_autofree char *nul = g_strdup_printf ("%s1", text);

  for (guint i = 0; i < G_N_ELEMENTS (seqnos); i++)
    {
      g_autofree char *by_text = g_strconcat (text, seqnos[i], NULL);

      assert_unknown (AVI_SPAN_STRING (by_text));
    }
  assert_unknown (AVI_SPAN_EMPTY);
  assert_unknown (AVI_SPAN_STRING ("a hash of the data, as Ethereum's"));
  assert_unknown (AVI_SPAN_STRING ("1"));
  assert_unknown (AVI_SPAN_STRING ("Q"));
  assert_unknown (AVI_SPAN (id->bytes, id->len));
  assert_unknown (AVI_SPAN (id->bytes, AVI_SEQNO_LEN));
  assert_unknown (AVI_SPAN (large, sizeof large));
  assert_unknown (AVI_SPAN (large, AVI_SEQNO_LEN));
  text[20] = '0'; /* not of base58 */
  assert_unknown (AVI_SPAN_STRING (text));
  nul[strlen (nul) - 1] = '\0';
  assert_unknown (AVI_SPAN (nul, strlen (nul) + 1));
}

static void
test_hash (void)
{
  g_autoptr(AviKeyPair) key = some_key ();
  const AviPeerId *id = avi_key_pair_get_peer_id (key);
  AviSipKey secret = { { 1 } }, other_secret = { { 2 } };
  AviMessageId a = avi_message_id_make (&secret, id, 1);
  AviMessageId b = avi_message_id_make (&secret, id, 2);
  AviMessageId again = avi_message_id_make (&secret, id, 1);
  AviMessageId elsewhere = avi_message_id_make (&other_secret, id, 1);

  g_assert_true (avi_message_id_equal (&a, &again));
  g_assert_cmpuint (avi_message_id_hash (&a), ==, avi_message_id_hash (&again));
  g_assert_false (avi_message_id_equal (&a, &b));
  g_assert_false (avi_message_id_equal (&a, &elsewhere));
}

/* By its length alone, whatever its first byte is. */
static void
test_content (void)
{
  AviSipKey secret = { { 1 } };
  guint8 digest[AVI_SHA256_LEN], content[AVI_CONTENT_ID_LEN];
  AviMessageId made, read;
  AviPeerId from;

  avi_sha256 (AVI_SPAN_STRING ("chathello"), digest);
  avi_message_id_hash_content (AVI_SPAN_STRING ("chat"), AVI_SPAN_STRING ("hello"), content);
  g_assert_cmpmem (content, sizeof content, digest, AVI_CONTENT_ID_LEN);
  for (guint first = 0; first < 256; first++)
    {
      content[0] = first;
      made = avi_message_id_make_content (&secret, content);
      g_assert_cmpint (avi_message_id_read (&secret, AVI_SPAN (content, sizeof content), &read, &from), ==,
                       AVI_MESSAGE_ID_CONTENT);
      g_assert_true (avi_message_id_equal (&made, &read));
      g_assert_cmpuint (from.len, ==, 0);
    }
  g_assert_cmpint (avi_message_id_read (&secret, AVI_SPAN (digest, AVI_CONTENT_ID_LEN + 1), &read, &from), !=,
                   AVI_MESSAGE_ID_CONTENT);
}

static void
test_read (void)
{
  g_autoptr(AviKeyPair) key = some_key ();
  const AviPeerId *id = avi_key_pair_get_peer_id (key);
  g_autoptr(GByteArray) plain = append_seqno (avi_peer_id_get_bytes (id), 7);
  g_autoptr(GByteArray) by_key = append_seqno (avi_peer_id_get_inline_key (id), 7);
  AviSipKey secret = { { 1 } };
  AviMessageId made = avi_message_id_make (&secret, id, 7);
  GByteArray *const forms[] = { plain, by_key };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      AviMessageId read;
      AviPeerId from;

      g_assert_cmpint (avi_message_id_read (&secret, AVI_SPAN (forms[i]->data, forms[i]->len), &read, &from), !=,
                       AVI_MESSAGE_ID_UNKNOWN);
      g_assert_true (avi_message_id_equal (&made, &read));
      g_assert_true (avi_peer_id_equal (&from, id));
    }
}

static void
test_guess (void)
{
  g_assert_cmpint (avi_message_id_guess (NULL), ==, AVI_MESSAGE_ID_UNKNOWN);
  g_assert_cmpint (avi_message_id_guess (""), ==, AVI_MESSAGE_ID_PLAIN);
  g_assert_cmpint (avi_message_id_guess ("kitchen"), ==, AVI_MESSAGE_ID_PLAIN);
  g_assert_cmpint (avi_message_id_guess ("go-libp2p/0.51.0"), ==, AVI_MESSAGE_ID_PLAIN);
  g_assert_cmpint (avi_message_id_guess ("rust-libp2p/0.57.0"), ==, AVI_MESSAGE_ID_TEXT);
  g_assert_cmpint (avi_message_id_guess ("js-libp2p/3.3.0 node/22"), ==, AVI_MESSAGE_ID_KEY);
}

int
main (int argc, char **argv)
{
  avi_crypto_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message-id/author and seqno are read from the form of every family", test_forms);
  g_test_add_func ("/message-id/rust's form is read for every kind of peer id", test_authors);
  g_test_add_func ("/message-id/js's form with a key too long to be inlined leads to its hash", test_hashed_key);
  g_test_add_func ("/message-id/anything else is unknown", test_unknown);
  g_test_add_func ("/message-id/the internal id depends on author, seqno and the table's secret", test_hash);
  g_test_add_func ("/message-id/twenty bytes are the content's", test_content);
  g_test_add_func ("/message-id/every form leads to the same internal id", test_read);
  g_test_add_func ("/message-id/an agent's name hints at the form", test_guess);
  return g_test_run ();
}
