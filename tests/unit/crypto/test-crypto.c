/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>

#include "crypto/avi-crypto.h"
#include "tests/unit/hex.h"

/* FIPS 180-4's examples, as NIST publishes them. */
static void
test_sha256 (void)
{
  guint8 digest[AVI_SHA256_LEN];

  avi_sha256 (AVI_SPAN_STRING ("abc"), digest);
  assert_hex (AVI_SPAN (digest, sizeof digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  avi_sha256 (AVI_SPAN_EMPTY, digest);
  assert_hex (AVI_SPAN (digest, sizeof digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  avi_sha256_pair (AVI_SPAN_STRING ("abcdbcdecdefdefgefghfghighij"), AVI_SPAN_STRING ("hijkijkljklmklmnlmnomnopnopq"),
                   digest);
  assert_hex (AVI_SPAN (digest, sizeof digest), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, test cases 1, 2 and 6. */
static void
test_hmac (void)
{
  guint8 key[131], mac[AVI_SHA256_LEN];

  memset (key, 0x0b, 20);
  avi_hmac_sha256 (AVI_SPAN (key, 20), AVI_SPAN_STRING ("Hi There"), AVI_SPAN_EMPTY, mac);
  assert_hex (AVI_SPAN (mac, sizeof mac), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  avi_hmac_sha256 (AVI_SPAN_STRING ("Jefe"), AVI_SPAN_STRING ("what do ya want "), AVI_SPAN_STRING ("for nothing?"),
                   mac);
  assert_hex (AVI_SPAN (mac, sizeof mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset (key, 0xaa, sizeof key);
  avi_hmac_sha256 (AVI_SPAN (key, sizeof key), AVI_SPAN_EMPTY,
                   AVI_SPAN_STRING ("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
  assert_hex (AVI_SPAN (mac, sizeof mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 7748, section 6.1. */
static void
test_x25519 (void)
{
  g_autoptr(GByteArray) alice = from_hex ("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  g_autoptr(GByteArray) bob = from_hex ("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  guint8 alice_public[AVI_X25519_LEN], bob_public[AVI_X25519_LEN], shared[AVI_X25519_LEN];

  avi_x25519_public (alice->data, alice_public);
  assert_hex (AVI_SPAN (alice_public, 32), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  avi_x25519_public (bob->data, bob_public);
  assert_hex (AVI_SPAN (bob_public, 32), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  g_assert_true (avi_x25519 (alice->data, bob_public, shared));
  assert_hex (AVI_SPAN (shared, 32), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  g_assert_true (avi_x25519 (bob->data, alice_public, shared));
  assert_hex (AVI_SPAN (shared, 32), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* The points of small order on the curve (RFC 7748, section 6.1, asks for the check). */
static void
test_small_order (void)
{
  static const char *const points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  };
  guint8 secret[AVI_X25519_LEN] = { 7 }, out[AVI_X25519_LEN];

  for (guint i = 0; i < G_N_ELEMENTS (points); i++)
    {
      g_autoptr(GByteArray) point = from_hex (points[i]);

      g_assert_false (avi_x25519 (secret, point->data, out));
    }
}

/* RFC 8439, appendix A.5, whose nonce has four zeros in front, as Noise's have. */
#define AEAD_COUNTER G_GUINT64_CONSTANT (0x0807060504030201)
static const char aead_key[] = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
static const char aead_additional[] = "f33388860000000000004e91";
static const char aead_text[] =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or "
    "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material "
    "or to cite them other than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
static const char aead_sealed[] =
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c"
    "321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61"
    "c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0"
    "a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434e"
    "cebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4"
    "022b02709b";
static const char aead_tag[] = "eead9d67890cbb22392336fea1851f38";

static void
test_aead (void)
{
  g_autoptr(GByteArray) key = from_hex (aead_key), more = from_hex (aead_additional);
  g_autoptr(AviAead) sealer = avi_aead_new (key->data), opener = avi_aead_new (key->data);
  guint8 text[sizeof aead_text - 1], tag[AVI_AEAD_TAG_LEN];
  const gsize len = sizeof text;

  memcpy (text, aead_text, len);
  avi_aead_seal (sealer, AEAD_COUNTER, span_of (more), AVI_SPAN (text, len), tag);
  assert_hex (AVI_SPAN (text, len), aead_sealed);
  assert_hex (AVI_SPAN (tag, sizeof tag), aead_tag);

  g_assert_true (avi_aead_open (opener, AEAD_COUNTER, span_of (more), AVI_SPAN (text, len), tag));
  g_assert_cmpmem (text, len, aead_text, len);
}

static void
test_aead_many_frames (void)
{
  const guint8 key[AVI_AEAD_KEY_LEN] = { 1, 2, 3 };
  g_autoptr(AviAead) sealer = avi_aead_new (key), opener = avi_aead_new (key);
  g_autofree guint8 *text = g_malloc0 (65535);

  for (guint64 counter = 0; counter < 300; counter++)
    {
      gsize len = counter * counter * 7 % 65536; /* among them 0 */
      guint8 tag[AVI_AEAD_TAG_LEN];

      memset (text, counter, len);
      avi_aead_seal (sealer, counter, AVI_SPAN (&counter, counter % 9 ? sizeof counter : 0), AVI_SPAN (text, len), tag);
      g_assert_true (avi_aead_open (opener, counter, AVI_SPAN (&counter, counter % 9 ? sizeof counter : 0),
                                    AVI_SPAN (text, len), tag));
      for (gsize i = 0; i < len; i++)
        g_assert_cmpuint (text[i], ==, counter & 0xff);
    }
}

/* A changed bit anywhere, or another counter; and the next right frame opens all the same. */
static void
test_aead_forged (void)
{
  const guint8 key[AVI_AEAD_KEY_LEN] = { 9 };
  g_autoptr(AviAead) sealer = avi_aead_new (key), opener = avi_aead_new (key);
  guint8 sealed[20 + AVI_AEAD_TAG_LEN + 4] = "some text, sealed...", *tag = sealed + 20, *more = tag + AVI_AEAD_TAG_LEN;

  memcpy (more, "more", 4);
  avi_aead_seal (sealer, 5, AVI_SPAN (more, 4), AVI_SPAN (sealed, 20), tag);
  for (guint bit = 0; bit < sizeof sealed * 8; bit++)
    {
      guint8 copy[sizeof sealed];

      memcpy (copy, sealed, sizeof sealed);
      copy[bit / 8] ^= 1 << bit % 8;
      g_assert_false (avi_aead_open (opener, 5, AVI_SPAN (copy + 36, 4), AVI_SPAN (copy, 20), copy + 20));
    }
  g_assert_true (avi_aead_open (opener, 5, AVI_SPAN (more, 4), AVI_SPAN (sealed, 20), tag));
  g_assert_cmpmem (sealed, 20, "some text, sealed...", 20);

  avi_aead_seal (sealer, 6, AVI_SPAN_EMPTY, AVI_SPAN (sealed, 20), tag);
  g_assert_false (avi_aead_open (opener, 7, AVI_SPAN_EMPTY, AVI_SPAN (sealed, 20), tag));
}

static void
test_wipe (void)
{
  guint8 secret[32], zeros[32] = { 0 };

  memset (secret, 0xaa, sizeof secret);
  avi_wipe (secret, sizeof secret);
  g_assert_cmpmem (secret, sizeof secret, zeros, sizeof zeros);
}

static gpointer
init_and_hash (gpointer data)
{
  guint8 digest[AVI_SHA256_LEN];

  avi_crypto_init ();
  avi_sha256 (AVI_SPAN_STRING ("abc"), digest);
  g_assert_cmpuint (digest[0], ==, 0xba);
  return NULL;
}

static void
test_threads (void)
{
  pthread_t threads[8];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, init_and_hash, NULL), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto/starts once, from whichever thread", test_threads);
  g_test_add_func ("/crypto/hashes as NIST's examples do", test_sha256);
  g_test_add_func ("/crypto/authenticates as RFC 4231's examples do", test_hmac);
  g_test_add_func ("/crypto/agrees on a secret as RFC 7748's example does", test_x25519);
  g_test_add_func ("/crypto/refuses to agree with a point of small order", test_small_order);
  g_test_add_func ("/crypto/seals and opens as RFC 8439's example does", test_aead);
  g_test_add_func ("/crypto/seals and opens frame after frame, of any length", test_aead_many_frames);
  g_test_add_func ("/crypto/opens nothing that was changed, and goes on after it", test_aead_forged);
  g_test_add_func ("/crypto/wipes what is secret", test_wipe);
  return g_test_run ();
}
