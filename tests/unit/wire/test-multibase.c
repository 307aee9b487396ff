/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "tests/unit/hex.h"
#include "wire/avi-multibase.h"

/* multiformats/multibase, tests/basic.csv and two_leading_zeros.csv */
static const struct
{
  const char *text;
  AviSpan     bytes;
} vectors[] = {
  { "bpfsxgidnmfxgsibb", { (guint8 *) "yes mani !", 10 } },
  { "ueWVzIG1hbmkgIQ", { (guint8 *) "yes mani !", 10 } },
  { "z7paNL19xttacUY", { (guint8 *) "yes mani !", 10 } },
  { "k2lcpzo5yikidynfl", { (guint8 *) "yes mani !", 10 } },
  { "baaahszltebwwc3tjeaqq", { (guint8 *) "\0\0yes mani !", 12 } },
  { "uAAB5ZXMgbWFuaSAh", { (guint8 *) "\0\0yes mani !", 12 } },
  { "z117paNL19xttacUY", { (guint8 *) "\0\0yes mani !", 12 } },
  { "k002lcpzo5yikidynfl", { (guint8 *) "\0\0yes mani !", 12 } },
  { "b", { NULL, 0 } },
  { "u", { NULL, 0 } },
};

static void
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(GByteArray) bytes = NULL;
      g_autofree char *text = NULL;

      g_assert_true (avi_multibase_decode (vectors[i].text, &bytes, NULL));
      g_assert_cmpmem (bytes->data, bytes->len, vectors[i].bytes.data, vectors[i].bytes.len);
      if (strchr ("bu", vectors[i].text[0]) == NULL)
        continue;
      text = avi_multibase_encode (vectors[i].text[0], span_of (bytes));
      g_assert_cmpstr (text, ==, vectors[i].text);
    }
}

static void
test_every_length (void)
{
  guint8 bytes[AVI_MULTIBASE_MAX_LEN];

  for (gsize i = 0; i < sizeof bytes; i++)
    bytes[i] = 0xff - i * 7;
  for (gsize len = 0; len <= sizeof bytes; len++)
    for (const char *prefix = "bu"; *prefix != '\0'; prefix++)
      {
        g_autofree char *text = avi_multibase_encode (*prefix, AVI_SPAN (bytes, len));
        g_autoptr(GByteArray) decoded = NULL;

        g_assert_true (avi_multibase_decode (text, &decoded, NULL));
        g_assert_cmpmem (decoded->data, decoded->len, bytes, len);
      }
}

static void
assert_refused (const char *text, AviError code, const char *words)
{
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_multibase_decode (text, &bytes, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, words));
  g_assert_null (bytes);
}

static void
test_unknown_base (void)
{
  assert_refused ("", AVI_ERROR_INVALID_ARGUMENT, "none of the bases");
  assert_refused ("f796573206d616e692021", AVI_ERROR_INVALID_ARGUMENT, "none of the bases");
  assert_refused ("BPFSXGIDNMFXGSIBB", AVI_ERROR_INVALID_ARGUMENT, "none of the bases");
}

static void
test_foreign_digits (void)
{
  assert_refused ("bpfSx", AVI_ERROR_INVALID_ARGUMENT, "“S” at position 2");
  assert_refused ("ueWV=", AVI_ERROR_INVALID_ARGUMENT, "“=” at position 3");
  assert_refused ("z0", AVI_ERROR_INVALID_ARGUMENT, "“0” at position 0");
}

static void
test_bits_left_over (void)
{
  assert_refused ("bb", AVI_ERROR_INVALID_ARGUMENT, "left over"); /* five bits are no byte */
  assert_refused ("baf", AVI_ERROR_INVALID_ARGUMENT, "left over");
  assert_refused ("bpfsxgidnmfxgsibba", AVI_ERROR_INVALID_ARGUMENT, "left over");
  assert_refused ("uA", AVI_ERROR_INVALID_ARGUMENT, "left over");
  assert_refused ("ueWVzIG1hbmkgIR", AVI_ERROR_INVALID_ARGUMENT, "left over");
}

static void
test_limit (void)
{
  g_autofree char *base32 = g_strnfill (100000, 'b');
  g_autofree char *base64 = g_strnfill (100000, 'u');

  assert_refused (base32, AVI_ERROR_LIMIT, "128");
  assert_refused (base64, AVI_ERROR_LIMIT, "128");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/multibase/encodes and decodes the specification's examples", test_examples);
  g_test_add_func ("/multibase/brings back bytes of every length", test_every_length);
  g_test_add_func ("/multibase/refuses a base that it does not know", test_unknown_base);
  g_test_add_func ("/multibase/names a foreign digit and its place", test_foreign_digits);
  g_test_add_func ("/multibase/refuses bits that stand for nothing", test_bits_left_over);
  g_test_add_func ("/multibase/refuses text that stands for more than its limit", test_limit);
  return g_test_run ();
}
