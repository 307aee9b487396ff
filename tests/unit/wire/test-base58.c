/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "tests/unit/hex.h"
#include "wire/avi-base58.h"

/* draft-msporny-base58-03, section 5; then leading zeros alone, and nothing. */
static const struct
{
  const char *hex;
  const char *text;
} vectors[] = {
  { "48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U" },
  { "54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
    "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z" },
  { "0000287fb4cd", "11233QC4" },
  { "00", "1" },
  { "000000", "111" },
  { "39", "z" },
  { "3a", "21" },
  { "", "" },
};

static void
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(GByteArray) bytes = from_hex (vectors[i].hex);
      g_autoptr(GByteArray) decoded = NULL;
      g_autoptr(GError) error = NULL;
      g_autofree char *text = avi_base58_encode (span_of (bytes));

      g_assert_cmpstr (text, ==, vectors[i].text);
      g_assert_true (avi_base58_decode (vectors[i].text, &decoded, &error));
      g_assert_no_error (error);
      assert_hex (span_of (decoded), vectors[i].hex);
    }
}

static void
test_every_length (void)
{
  static const guint8 firsts[] = { 0x00, 0x01, 0x7f, 0xff };
  guint8 bytes[AVI_BASE58_MAX_LEN];

  for (guint i = 0; i < G_N_ELEMENTS (firsts); i++)
    for (gsize len = 0; len <= sizeof bytes; len++)
      {
        g_autofree char *text = NULL;
        g_autoptr(GByteArray) decoded = NULL;

        memset (bytes, firsts[i], sizeof bytes);
        if (len > 0)
          bytes[len - 1] ^= len;
        text = avi_base58_encode (AVI_SPAN (bytes, len));
        g_assert_true (avi_base58_decode (text, &decoded, NULL));
        g_assert_cmpmem (decoded->data, decoded->len, bytes, len);
      }
}

static void
test_foreign_characters (void)
{
  g_autoptr(GByteArray) decoded = NULL;
  g_autoptr(GError) zero = NULL, accent = NULL;

  g_assert_false (avi_base58_decode ("12D0", &decoded, &zero));
  g_assert_error (zero, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (zero->message, "“0” at position 3"));
  g_assert_false (avi_base58_decode ("\xc3\xa9", &decoded, &accent));
  g_assert_nonnull (strstr (accent->message, "0xc3 at position 0"));
  g_assert_null (decoded);
}

static void
test_limit (void)
{
  g_autofree char *ones = g_strnfill (AVI_BASE58_MAX_LEN + 1, '1');
  g_autofree char *zs = g_strnfill (100000, 'z');
  g_autoptr(GByteArray) decoded = NULL;
  g_autoptr(GError) many_zeros = NULL, large = NULL;

  g_assert_false (avi_base58_decode (ones, &decoded, &many_zeros));
  g_assert_error (many_zeros, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_false (avi_base58_decode (zs, &decoded, &large));
  g_assert_error (large, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_null (decoded);
}

static void
test_limit_with_leading_zeros (void)
{
  guint8 bytes[AVI_BASE58_MAX_LEN] = { 0 };
  g_autofree char *text = NULL, *longer = NULL;
  g_autoptr(GByteArray) decoded = NULL;
  g_autoptr(GError) error = NULL;

  memset (bytes + 1, 0xff, sizeof bytes - 1);
  text = avi_base58_encode (AVI_SPAN (bytes, sizeof bytes));
  longer = g_strconcat ("1", text, NULL);
  g_assert_false (avi_base58_decode (longer, &decoded, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
}

static void
test_base36 (void)
{
  g_autoptr(GByteArray) decoded = NULL, zeros = NULL;

  /* multiformats/multibase, tests/basic.csv and two_leading_zeros.csv */
  g_assert_true (avi_base36_decode ("2lcpzo5yikidynfl", &decoded, NULL));
  g_assert_cmpmem (decoded->data, decoded->len, "yes mani !", 10);
  g_assert_true (avi_base36_decode ("002lcpzo5yikidynfl", &zeros, NULL));
  g_assert_cmpmem (zeros->data, zeros->len, "\0\0yes mani !", 12);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base58/encodes and decodes the specification's examples", test_examples);
  g_test_add_func ("/base58/brings back bytes of every length", test_every_length);
  g_test_add_func ("/base58/names a character that is not of its alphabet, and its place", test_foreign_characters);
  g_test_add_func ("/base58/refuses text that stands for more than its limit", test_limit);
  g_test_add_func ("/base58/counts leading zeros towards the limit", test_limit_with_leading_zeros);
  g_test_add_func ("/base58/decodes base36 alike", test_base36);
  return g_test_run ();
}
