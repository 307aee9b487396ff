/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-crypto.h"
#include "crypto/avi-siphash.h"

/* github.com/veorq/SipHash, vectors.h, vectors_sip128: the key is 00 01 … 0f, the message 00 01 …. */
static void
test_vectors (void)
{
  static const guint8 expected[][16] = {
    { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 },
    { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 },
    { 0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4 },
  };
  AviSipKey key;
  guint8 message[G_N_ELEMENTS (expected)];

  for (guint i = 0; i < sizeof key.bytes; i++)
    key.bytes[i] = i;
  for (guint n = 0; n < G_N_ELEMENTS (expected); n++)
    {
      AviSipHash hash = avi_sip_hash (&key, AVI_SPAN (message, n));
      guint64 words[] = { GUINT64_TO_LE (hash.lo), GUINT64_TO_LE (hash.hi) };

      g_assert_cmpmem (words, sizeof words, expected[n], sizeof expected[n]);
      message[n] = n;
    }
}

static void
test_key (void)
{
  AviSpan text = AVI_SPAN_STRING ("x");
  AviSipKey a, b;
  AviRandom random;

  avi_random_seed (&random, 1);
  avi_sip_key_init (&a, &random);
  avi_sip_key_init (&b, &random);
  g_assert_false (avi_sip_hash_equal (avi_sip_hash (&a, text), avi_sip_hash (&b, text)));
  g_assert_true (avi_sip_hash_equal (avi_sip_hash (&a, text), avi_sip_hash (&a, text)));
}

/* g_str_hash gives both the same. */
static void
test_text (void)
{
  g_autofree char *same = g_strdup ("Ez");

  g_assert_cmpuint (g_str_hash ("Ez"), ==, g_str_hash ("FY"));
  g_assert_cmpuint (avi_sip_text_hash ("Ez"), !=, avi_sip_text_hash ("FY"));
  g_assert_cmpuint (avi_sip_text_hash ("Ez"), ==, avi_sip_text_hash (same));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avi_crypto_init ();
  g_test_add_func ("/siphash/gives what the reference gives", test_vectors);
  g_test_add_func ("/siphash/depends on the key", test_key);
  g_test_add_func ("/siphash/is for texts that peers choose", test_text);
  return g_test_run ();
}
