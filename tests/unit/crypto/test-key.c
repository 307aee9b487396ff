/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "crypto/avi-key.h"
#include "key-vectors.h"
#include "tests/unit/hex.h"

static AviPublicKey *
decode_public (const char *hex)
{
  g_autoptr(GByteArray) protobuf = from_hex (hex);
  g_autoptr(GError) error = NULL;
  AviPublicKey *key = avi_public_key_decode (span_of (protobuf), &error);

  g_assert_no_error (error);
  return key;
}

/* RFC 8032, section 7.1. */
static void
test_rfc8032 (void)
{
  static const struct
  {
    const char *seed, *public, *message, *signature;
  } vectors[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(GByteArray) seed = from_hex (vectors[i].seed), message = from_hex (vectors[i].message);
      g_autoptr(AviKeyPair) pair = avi_key_pair_from_seed (seed->data);
      AviPublicKey *public = avi_key_pair_get_public (pair);
      guint8 signature[AVI_SIGNATURE_LEN];

      assert_hex (avi_span_skip (avi_public_key_get_protobuf (public), 4), vectors[i].public);
      avi_key_pair_sign (pair, span_of (message), signature);
      assert_hex (AVI_SPAN (signature, sizeof signature), vectors[i].signature);
      g_assert_true (avi_public_key_verify (public, span_of (message), AVI_SPAN (signature, sizeof signature)));
    }
}

static void
test_own_vector (void)
{
  g_autoptr(GByteArray) private = from_hex (ed25519_private);
  g_autoptr(AviPublicKey) public = decode_public (ed25519_public);
  g_autoptr(AviKeyPair) pair = NULL;
  g_autoptr(GBytes) encoded = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *peer = NULL;

  pair = avi_key_pair_decode (span_of (private), &error);
  g_assert_no_error (error);
  assert_hex (avi_public_key_get_protobuf (avi_key_pair_get_public (pair)), ed25519_public);
  encoded = avi_key_pair_encode (pair);
  assert_hex (avi_span_from_bytes (encoded), ed25519_private);
  g_assert_true (avi_peer_id_equal (avi_key_pair_get_peer_id (pair), avi_public_key_get_peer_id (public)));
  peer = avi_peer_id_to_string (avi_key_pair_get_peer_id (pair));
  g_assert_true (g_str_has_prefix (peer, "12D3KooW"));
}

static void
test_older_form (void)
{
  g_autoptr(GByteArray) older = from_hex (ed25519_private);
  g_autoptr(AviKeyPair) pair = NULL, other = NULL;
  g_autoptr(GBytes) encoded = NULL;
  g_autoptr(GError) error = NULL;

  older->data[3] = 96;
  g_byte_array_append (older, older->data + older->len - 32, 32);
  pair = avi_key_pair_decode (span_of (older), &error);
  g_assert_no_error (error);
  encoded = avi_key_pair_encode (pair);
  assert_hex (avi_span_from_bytes (encoded), ed25519_private);

  older->data[older->len - 1] ^= 1;
  other = avi_key_pair_decode (span_of (older), &error);
  g_assert_null (other);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
}

static void
assert_pair_refused (const char *hex, AviError code)
{
  g_autoptr(GByteArray) bytes = from_hex (hex);
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_key_pair_decode (span_of (bytes), &error));
  g_assert_error (error, AVI_ERROR, (int) code);
}

static void
test_bad_pairs (void)
{
  g_autofree char *mismatch = g_strdup (ed25519_private);
  g_autofree char *cut = g_strndup (ed25519_private, strlen (ed25519_private) - 2);
  g_autofree char *long_one = g_strconcat (ed25519_private, "00", NULL);

  mismatch[strlen (mismatch) - 1] ^= 1;
  assert_pair_refused (mismatch, AVI_ERROR_SECURITY);
  assert_pair_refused (cut, AVI_ERROR_PROTOCOL);
  assert_pair_refused (long_one, AVI_ERROR_PROTOCOL);
  assert_pair_refused ("", AVI_ERROR_PROTOCOL);
  assert_pair_refused ("08011200", AVI_ERROR_PROTOCOL);
  assert_pair_refused (secp256k1_private, AVI_ERROR_PROTOCOL);
  assert_pair_refused (rsa_private, AVI_ERROR_PROTOCOL);
}

static void
test_generates (void)
{
  g_autoptr(AviKeyPair) a = avi_key_pair_generate (), b = avi_key_pair_generate ();

  g_assert_false (avi_peer_id_equal (avi_key_pair_get_peer_id (a), avi_key_pair_get_peer_id (b)));
}

static void
test_references (void)
{
  AviKeyPair *pair = avi_key_pair_generate ();
  g_autoptr(AviPublicKey) public = avi_public_key_ref (avi_key_pair_get_public (pair));
  g_autoptr(AviPublicKey) rsa = decode_public (rsa_public);
  g_autoptr(AviPublicKey) rsa_too = avi_public_key_ref (rsa);
  AviKeyPair *again = avi_key_pair_ref (pair);
  guint8 signature[AVI_SIGNATURE_LEN];

  avi_key_pair_unref (pair);
  avi_key_pair_sign (again, AVI_SPAN_STRING ("fire"), signature);
  avi_key_pair_unref (again);
  g_assert_true (avi_public_key_verify (public, AVI_SPAN_STRING ("fire"), AVI_SPAN (signature, sizeof signature)));
  g_assert_true (rsa_too == rsa);
}

static void
test_bad_ed25519_signatures (void)
{
  g_autoptr(AviKeyPair) pair = avi_key_pair_generate ();
  g_autoptr(AviKeyPair) other = avi_key_pair_generate ();
  AviPublicKey *public = avi_key_pair_get_public (pair);
  AviSpan message = AVI_SPAN_STRING ("fire");
  guint8 signature[AVI_SIGNATURE_LEN + 1] = { 0 };

  avi_key_pair_sign (pair, message, signature);
  g_assert_true (avi_public_key_verify (public, message, AVI_SPAN (signature, 64)));
  g_assert_false (avi_public_key_verify (public, AVI_SPAN_STRING ("ire"), AVI_SPAN (signature, 64)));
  g_assert_false (avi_public_key_verify (public, message, AVI_SPAN (signature, 63)));
  g_assert_false (avi_public_key_verify (public, message, AVI_SPAN (signature, 65)));
  g_assert_false (avi_public_key_verify (public, message, AVI_SPAN_EMPTY));
  g_assert_false (avi_public_key_verify (avi_key_pair_get_public (other), message, AVI_SPAN (signature, 64)));
  for (guint bit = 0; bit < 512; bit++)
    {
      signature[bit / 8] ^= 1 << bit % 8;
      g_assert_false (avi_public_key_verify (public, message, AVI_SPAN (signature, 64)));
      signature[bit / 8] ^= 1 << bit % 8;
    }
}

/* The private halves of the other kinds, which only tests ever use. */

static EVP_PKEY *
load_private (AviKeyType type, AviSpan data)
{
  const guint8 *at = data.data;
  BIGNUM *secret;
  OSSL_PARAM params[3];
  EVP_PKEY_CTX *context;
  EVP_PKEY *pkey = NULL;
  guint8 native[32];

  if (type != AVI_KEY_SECP256K1)
    return d2i_AutoPrivateKey (NULL, &at, data.len);

  g_assert_cmpuint (data.len, ==, sizeof native);
  secret = BN_bin2bn (data.data, data.len, NULL);
  BN_bn2nativepad (secret, native, sizeof native);
  params[0] = OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME, (char *) "secp256k1", 0);
  params[1] = OSSL_PARAM_construct_BN (OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof native);
  params[2] = OSSL_PARAM_construct_end ();
  context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);
  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_KEYPAIR, params), ==, 1);
  EVP_PKEY_CTX_free (context);
  BN_free (secret);
  return pkey;
}

static GByteArray *
sign (EVP_PKEY *pkey, AviSpan message)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  GByteArray *signature = g_byte_array_new ();
  size_t len;

  g_assert_cmpint (EVP_DigestSignInit_ex (context, NULL, "SHA2-256", NULL, NULL, pkey, NULL), ==, 1);
  g_assert_cmpint (EVP_DigestSign (context, NULL, &len, message.data, message.len), ==, 1);
  g_byte_array_set_size (signature, len);
  g_assert_cmpint (EVP_DigestSign (context, signature->data, &len, message.data, message.len), ==, 1);
  g_byte_array_set_size (signature, len);
  EVP_MD_CTX_free (context);
  return signature;
}

/* @header_len: of the private key's protobuf, up to its data. */
static void
check_foreign_key (AviKeyType type, const char *private_hex, gsize header_len, const char *public_hex)
{
  g_autoptr(GByteArray) private = from_hex (private_hex);
  g_autoptr(AviPublicKey) public = decode_public (public_hex);
  AviSpan message = AVI_SPAN_STRING ("noise-libp2p-static-key:");
  g_autoptr(GByteArray) signature = NULL;
  EVP_PKEY *pkey;

  g_assert_cmpint (avi_public_key_get_type_of (public), ==, type);
  assert_hex (avi_public_key_get_protobuf (public), public_hex);

  pkey = load_private (type, avi_span_skip (span_of (private), header_len));
  g_assert_nonnull (pkey);
  signature = sign (pkey, message);
  EVP_PKEY_free (pkey);

  g_assert_true (avi_public_key_verify (public, message, span_of (signature)));
  g_assert_false (avi_public_key_verify (public, AVI_SPAN_STRING ("noise"), span_of (signature)));
  g_assert_false (avi_public_key_verify (public, message, AVI_SPAN (signature->data, signature->len - 1)));
  g_assert_false (avi_public_key_verify (public, message, AVI_SPAN_EMPTY));
  for (guint i = 0; i < signature->len; i++)
    {
      signature->data[i] ^= 0x40;
      g_assert_false (avi_public_key_verify (public, message, span_of (signature)));
      signature->data[i] ^= 0x40;
    }
  g_byte_array_append (signature, (const guint8 *) "", 1);
  g_assert_false (avi_public_key_verify (public, message, span_of (signature)));
}

static void
test_foreign_vectors (void)
{
  check_foreign_key (AVI_KEY_SECP256K1, secp256k1_private, 4, secp256k1_public);
  check_foreign_key (AVI_KEY_ECDSA, ecdsa_private, 4, ecdsa_public);
  check_foreign_key (AVI_KEY_RSA, rsa_private, 5, rsa_public);
}

static void
test_peer_ids (void)
{
  static const struct
  {
    const char *hex;
    const char *peer;
  } vectors[] = {
    { ed25519_public, "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq" },
    { secp256k1_public, "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY" },
    { ecdsa_public, "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(AviPublicKey) key = decode_public (vectors[i].hex);
      g_autofree char *peer = avi_peer_id_to_string (avi_public_key_get_peer_id (key));

      g_assert_cmpstr (peer, ==, vectors[i].peer);
    }
}

static void
assert_public_refused (AviSpan protobuf, AviError code, const char *words)
{
  g_autofree guint8 *exact = g_memdup2 (protobuf.data, protobuf.len); /* for the sanitizer */
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_public_key_decode (AVI_SPAN (exact, protobuf.len), &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
  g_assert_cmpuint (ERR_peek_error (), ==, 0);
}

static void
assert_hex_refused (const char *hex, const char *words)
{
  g_autoptr(GByteArray) protobuf = from_hex (hex);

  assert_public_refused (span_of (protobuf), AVI_ERROR_PROTOCOL, words);
}

static void
test_malformed_protobuf (void)
{
  g_autofree char *more = g_strconcat (ed25519_public, "00", NULL);
  g_autofree char *long_type = g_strconcat ("088100", ed25519_public + 4, NULL);
  g_autofree char *long_len = g_strconcat ("080112a000", ed25519_public + 8, NULL);
  g_autofree char *swapped = g_strconcat (ed25519_public + 4, "0801", NULL);

  assert_hex_refused ("", "missing at byte 0");
  assert_hex_refused ("08", "a varint that is cut short at byte 1");
  assert_hex_refused ("0801", "missing at byte 2");
  assert_hex_refused ("080112", "a varint that is cut short at byte 3");
  assert_hex_refused ("08011220", "claim 32 bytes and have 0");
  assert_hex_refused (more, "claim 32 bytes and have 33");
  assert_hex_refused (long_type, "not minimally encoded at byte 1");
  assert_hex_refused (long_len, "not minimally encoded at byte 3");
  assert_hex_refused (swapped, "the type is not at byte 0");
  assert_hex_refused ("0801080112", "the data are not at byte 2");
  assert_hex_refused ("08011200", "0 bytes of data are not an Ed25519 key");
  assert_hex_refused ("080112020000", "2 bytes of data are not an Ed25519 key");
  assert_hex_refused ("08041200", "type 4 is unknown");
  assert_hex_refused ("08ffffffffffffffff7f1200", "type 9223372036854775807 is unknown");
}

/* Every prefix and every changed byte of a key is refused, or is another key. */
static void
check_mutations (const char *hex, gsize structure_len)
{
  g_autoptr(GByteArray) key = from_hex (hex);

  for (guint len = 0; len < key->len; len++)
    assert_public_refused (AVI_SPAN (key->data, len), AVI_ERROR_PROTOCOL, "Key: ");
  for (guint i = 0; i < structure_len; i++)
    {
      key->data[i] ^= 0x80;
      assert_public_refused (span_of (key), AVI_ERROR_PROTOCOL, "Key: ");
      key->data[i] ^= 0x80;
    }
}

static void
test_mutations (void)
{
  check_mutations (ed25519_public, 4);
  check_mutations (secp256k1_public, 5);
  check_mutations (ecdsa_public, 31); /* up to the point */
  check_mutations (rsa_public, 38);   /* up to the modulus */
}

static void
test_points (void)
{
  g_autoptr(GByteArray) ecdsa = from_hex (ecdsa_public), secp256k1 = from_hex (secp256k1_public);
  g_autoptr(GByteArray) uncompressed = from_hex ("08021241" "04");

  ecdsa->data[ecdsa->len - 1] ^= 1; /* not on the curve */
  assert_public_refused (span_of (ecdsa), AVI_ERROR_PROTOCOL, "not an ECDSA key on P-256");
  memset (secp256k1->data + 5, 0xff, 32); /* beyond the field */
  assert_public_refused (span_of (secp256k1), AVI_ERROR_PROTOCOL, "not a compressed point on secp256k1");
  secp256k1->data[4] = 0x04;
  assert_public_refused (span_of (secp256k1), AVI_ERROR_PROTOCOL, "not a compressed point on secp256k1");
  g_byte_array_set_size (uncompressed, 4 + 65);
  memset (uncompressed->data + 5, 0, 64);
  assert_public_refused (span_of (uncompressed), AVI_ERROR_PROTOCOL, "not a compressed point on secp256k1");
}

/* An RSA key of any modulus of @bits bits: nothing about it can be checked but its size. */
static GByteArray *
make_rsa (guint bits, guint exponent)
{
  g_autofree guint8 *modulus = g_malloc (bits / 8);
  guint64 native = GUINT64_TO_LE (exponent);
  OSSL_PARAM params[3];
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "RSA", NULL);
  EVP_PKEY *pkey = NULL;
  GByteArray *protobuf = g_byte_array_new ();
  guint8 *der = NULL;
  int len;

  memset (modulus, 0xff, bits / 8);
  params[0] = OSSL_PARAM_construct_BN (OSSL_PKEY_PARAM_RSA_N, modulus, bits / 8);
  params[1] = OSSL_PARAM_construct_BN (OSSL_PKEY_PARAM_RSA_E, (guint8 *) &native, sizeof native);
  params[2] = OSSL_PARAM_construct_end ();
  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
  len = i2d_PUBKEY (pkey, &der);
  g_byte_array_append (protobuf, (const guint8 *) "\x08\x00\x12", 3);
  g_byte_array_append (protobuf, &(guint8) { len | 0x80 }, 1);
  g_byte_array_append (protobuf, &(guint8) { len >> 7 }, 1);
  g_byte_array_append (protobuf, der, len);
  OPENSSL_free (der);
  EVP_PKEY_free (pkey);
  EVP_PKEY_CTX_free (context);
  return protobuf;
}

static void
test_rsa_sizes (void)
{
  static const struct
  {
    guint    bits, exponent;
    AviError code; /* -1: good */
  } cases[] = {
    { 1024, 65537, AVI_ERROR_SECURITY }, { 2040, 65537, AVI_ERROR_SECURITY }, { 2048, 65537, -1 },
    { 8192, 65537, -1 }, { 8200, 65537, AVI_ERROR_SECURITY }, { 2048, 3, -1 }, { 2048, 0x7fffffff, -1 },
    { 2048, 1, AVI_ERROR_PROTOCOL }, { 2048, 65536, AVI_ERROR_PROTOCOL }, { 2048, 0x80000001, AVI_ERROR_PROTOCOL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GByteArray) protobuf = make_rsa (cases[i].bits, cases[i].exponent);

      if ((int) cases[i].code == -1)
        {
          g_autoptr(AviPublicKey) key = avi_public_key_decode (span_of (protobuf), NULL);

          g_assert_nonnull (key);
        }
      else
        assert_public_refused (span_of (protobuf), cases[i].code, "RSA");
    }
}

static void
test_limit (void)
{
  guint8 bytes[AVI_PUBLIC_KEY_MAX + 1] = { 0x08, 0x00, 0x12, 0xfc, 0x0f };

  assert_public_refused (AVI_SPAN (bytes, sizeof bytes), AVI_ERROR_LIMIT, "2049");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/key/signs as RFC 8032's examples do", test_rfc8032);
  g_test_add_func ("/key/reads and writes the specification's Ed25519 pair", test_own_vector);
  g_test_add_func ("/key/reads the older form of a pair, whose public halves must agree", test_older_form);
  g_test_add_func ("/key/refuses a pair that is malformed or does not match", test_bad_pairs);
  g_test_add_func ("/key/is new each time it is generated", test_generates);
  g_test_add_func ("/key/outlives whoever gives its reference back", test_references);
  g_test_add_func ("/key/refuses every changed Ed25519 signature", test_bad_ed25519_signatures);
  g_test_add_func ("/key/checks signatures of the specification's other pairs", test_foreign_vectors);
  g_test_add_func ("/key/has the peer id that other implementations give it", test_peer_ids);
  g_test_add_func ("/key/takes the protobuf in its one form only", test_malformed_protobuf);
  g_test_add_func ("/key/refuses cut and changed keys", test_mutations);
  g_test_add_func ("/key/refuses points that are not on the curve", test_points);
  g_test_add_func ("/key/takes RSA of 2048 to 8192 bits and a short exponent", test_rsa_sizes);
  g_test_add_func ("/key/refuses what is too long to be a key", test_limit);
  return g_test_run ();
}
