/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "tests/unit/hex.h"
#include "wire/avi-peer-id.h"

/* One peer in all its forms: specs/peer-ids, and multiaddr's own test suites. */
static const struct
{
  const char *base58;
  const char *cid;       /* base32 */
  const char *other_cid; /* base36 or base58 */
} vectors[] = {
  { "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
    "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", NULL },
  { "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
    "bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm",
    "k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl7" },
  { "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV",
    "bafzaajaiaejcalj543iwv2d7pkjt7ykvefrkfu7qjfi6sduakhso4lay6abn2d5u",
    "k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs" },
  { "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA", NULL, NULL },
};

static void
test_text_forms (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      const char *const texts[] = { vectors[i].base58, vectors[i].cid, vectors[i].other_cid };

      for (guint j = 0; j < G_N_ELEMENTS (texts); j++)
        {
          g_autoptr(GError) error = NULL;
          g_autofree char *base58 = NULL, *cid = NULL;
          AviPeerId id;

          if (texts[j] == NULL)
            continue;
          avi_peer_id_parse (texts[j], &id, &error);
          g_assert_no_error (error);
          base58 = avi_peer_id_to_string (&id);
          cid = avi_peer_id_to_cid (&id);
          g_assert_cmpstr (base58, ==, vectors[i].base58);
          if (vectors[i].cid != NULL)
            g_assert_cmpstr (cid, ==, vectors[i].cid);
        }
    }
}

static void
test_inline_key (void)
{
  /* specs/peer-ids, Test vectors: the Ed25519 public key */
  g_autoptr(GByteArray) key = from_hex ("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e");
  g_autofree char *expected =
      g_strconcat ("0024", "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e", NULL);
  AviPeerId id;

  avi_peer_id_from_public_key (span_of (key), &id);
  assert_hex (avi_peer_id_get_bytes (&id), expected);
  g_assert_true (avi_span_equal (avi_peer_id_get_inline_key (&id), span_of (key)));
}

static void
test_hashed_key (void)
{
  guint8 key[100] = { 0 }, digest[AVI_SHA256_LEN];
  AviPeerId longest_inline, shortest_hash;
  AviPeerId none = { 0 };

  avi_peer_id_from_public_key (AVI_SPAN (key, 42), &longest_inline);
  avi_peer_id_from_public_key (AVI_SPAN (key, 43), &shortest_hash);
  avi_sha256 (AVI_SPAN (key, 43), digest);

  g_assert_cmpuint (longest_inline.len, ==, 44);
  g_assert_cmpuint (avi_peer_id_get_inline_key (&longest_inline).len, ==, 42);
  g_assert_cmpuint (shortest_hash.len, ==, 34);
  g_assert_cmpmem (shortest_hash.bytes, 2, "\x12\x20", 2);
  g_assert_cmpmem (shortest_hash.bytes + 2, 32, digest, 32);
  g_assert_cmpuint (avi_peer_id_get_inline_key (&shortest_hash).len, ==, 0);
  g_assert_cmpuint (avi_peer_id_get_inline_key (&none).len, ==, 0);
}

static void
assert_bytes_refused (const char *hex, const char *words)
{
  g_autoptr(GByteArray) bytes = from_hex (hex);
  g_autoptr(GError) error = NULL;
  AviPeerId id;

  g_assert_false (avi_peer_id_decode (span_of (bytes), &id, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
test_malformed_bytes (void)
{
  assert_bytes_refused ("", "0 bytes is cut short");
  assert_bytes_refused ("00", "1 bytes is cut short");
  assert_bytes_refused ("0000", "claims a digest of 0 bytes");
  assert_bytes_refused ("002b", "claims a digest of 43 bytes");
  assert_bytes_refused ("001f00", "claims a digest of 31 bytes and has 1");
  assert_bytes_refused ("000100ff", "claims a digest of 1 bytes and has 2");
  assert_bytes_refused ("1114" "0000000000000000000000000000000000000000", "0x11"); /* sha1 */
  assert_bytes_refused ("121f" "00000000000000000000000000000000000000000000000000000000000000", "31 bytes");
  assert_bytes_refused ("1221" "000000000000000000000000000000000000000000000000000000000000000000", "33 bytes");
  assert_bytes_refused ("1220" "00", "claims a digest of 32 bytes and has 1");
  assert_bytes_refused ("9200" "20", "0x92"); /* sha2-256, not minimally encoded */
  assert_bytes_refused ("00810000", "129 bytes");
}

static void
assert_text_refused (const char *text, const char *words)
{
  g_autoptr(GError) error = NULL;
  AviPeerId id;

  g_assert_false (avi_peer_id_parse (text, &id, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
test_malformed_text (void)
{
  g_autofree char *endless = g_strnfill (100000, '1');

  assert_text_refused ("", "none of the bases");
  assert_text_refused ("kitchen", "“kitchen” is not a peer id");
  assert_text_refused ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5", "begins with 0x50");
  assert_text_refused ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx0N", "“0” at position 44");
  assert_text_refused ("QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY", "digest"); /* more than 32 bytes */
  assert_text_refused ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N ", "position 46");
  assert_text_refused ("k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl-", "“-”");
  /* a CID of another codec */
  assert_text_refused ("k2jmtxwoe2phm1hbqp0e7nufqf6umvuu2e9qd7ana7h411a0haqj6i2z", "libp2p-key");
  /* multibase of a bare multihash */
  assert_text_refused ("zQmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "no CID");
  assert_text_refused ("BAFZBEIE5745RPV2M6TJYUUGYWY4D5EWRQGQQHFNF445HE3OMZPJBX5XQXE", "none of the bases");
  assert_text_refused ("b", "no CID");
  assert_text_refused (endless, "more than 128 bytes");
}

static void
test_order (void)
{
  AviPeerId a, b, none = { 0 };

  g_assert_true (avi_peer_id_parse (vectors[2].base58, &a, NULL));
  g_assert_true (avi_peer_id_parse (vectors[3].base58, &b, NULL));
  g_assert_cmpint (avi_peer_id_compare (&a, &a), ==, 0);
  g_assert_cmpint (avi_peer_id_compare (&a, &b), <, 0);
  g_assert_cmpint (avi_peer_id_compare (&b, &a), >, 0);
  g_assert_cmpint (avi_peer_id_compare (&none, &a), <, 0);
  g_assert_true (avi_peer_id_equal (&a, &a));
  g_assert_false (avi_peer_id_equal (&a, &b));
}

static void
test_hash_table (void)
{
  g_autoptr(GHashTable) table = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  AviPeerId ids[G_N_ELEMENTS (vectors)], again;

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_assert_true (avi_peer_id_parse (vectors[i].base58, &ids[i], NULL));
      g_assert_true (g_hash_table_insert (table, &ids[i], (gpointer) vectors[i].base58));
    }
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_assert_true (avi_peer_id_parse (vectors[i].base58, &again, NULL));
      g_assert_cmpstr (g_hash_table_lookup (table, &again), ==, vectors[i].base58);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peer-id/reads every text form and writes base58 and CID", test_text_forms);
  g_test_add_func ("/peer-id/holds a key of at most 42 bytes", test_inline_key);
  g_test_add_func ("/peer-id/hashes a longer key", test_hashed_key);
  g_test_add_func ("/peer-id/refuses malformed bytes, saying why", test_malformed_bytes);
  g_test_add_func ("/peer-id/refuses malformed text, saying why", test_malformed_text);
  g_test_add_func ("/peer-id/is ordered by its bytes", test_order);
  g_test_add_func ("/peer-id/is a key of hash tables", test_hash_table);
  return g_test_run ();
}
