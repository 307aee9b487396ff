/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/unit/hex.h"
#include "wire/avi-varint.h"

/* The examples of multiformats/unsigned-varint, and the edges of each length. */
static const struct
{
  guint64     value;
  const char *hex;
} vectors[] = {
  { 0, "00" },
  { 1, "01" },
  { 127, "7f" },
  { 128, "8001" },
  { 255, "ff01" },
  { 300, "ac02" },
  { 16383, "ff7f" },
  { 16384, "808001" },
  { G_MAXUINT32, "ffffffff0f" },
  { G_MAXINT64, "ffffffffffffffff7f" },
};

static void
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(GByteArray) bytes = from_hex (vectors[i].hex);
      guint8 out[AVI_VARINT_MAX_LEN];
      gsize len = avi_varint_encode (vectors[i].value, out), used;
      guint64 value;

      assert_hex (AVI_SPAN (out, len), vectors[i].hex);
      g_assert_cmpuint (avi_varint_get_len (vectors[i].value), ==, len);
      g_assert_cmpint (avi_varint_decode (span_of (bytes), &value, &used), ==, AVI_VARINT_OK);
      g_assert_cmpuint (value, ==, vectors[i].value);
      g_assert_cmpuint (used, ==, len);
    }
}

static void
assert_status (const char *hex, AviVarintStatus expected)
{
  g_autoptr(GByteArray) bytes = from_hex (hex);
  guint64 value;
  gsize used;

  g_assert_cmpint (avi_varint_decode (span_of (bytes), &value, &used), ==, expected);
}

static void
test_leaves_the_rest (void)
{
  g_autoptr(GByteArray) bytes = from_hex ("ac02ff");
  guint64 value;
  gsize used;

  g_assert_cmpint (avi_varint_decode (span_of (bytes), &value, &used), ==, AVI_VARINT_OK);
  g_assert_cmpuint (value, ==, 300);
  g_assert_cmpuint (used, ==, 2);
}

static void
test_not_minimal (void)
{
  assert_status ("8000", AVI_VARINT_NOT_MINIMAL);
  assert_status ("818000", AVI_VARINT_NOT_MINIMAL);
  assert_status ("808080808080808000", AVI_VARINT_NOT_MINIMAL);
}

static void
test_more (void)
{
  assert_status ("", AVI_VARINT_MORE);
  assert_status ("80", AVI_VARINT_MORE);
  assert_status ("ffffffffffffffff", AVI_VARINT_MORE);
}

static void
test_too_long (void)
{
  assert_status ("ffffffffffffffffff", AVI_VARINT_TOO_LONG);
  assert_status ("80808080808080808001", AVI_VARINT_TOO_LONG);
  assert_status ("ffffffffffffffffffffffff", AVI_VARINT_TOO_LONG);
}

static void
test_explains (void)
{
  for (AviVarintStatus status = AVI_VARINT_OK; status <= AVI_VARINT_NOT_MINIMAL; status++)
    g_assert_nonnull (avi_varint_explain (status));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/varint/encodes and decodes the specification's examples", test_examples);
  g_test_add_func ("/varint/leaves what follows it alone", test_leaves_the_rest);
  g_test_add_func ("/varint/refuses an encoding that is not minimal", test_not_minimal);
  g_test_add_func ("/varint/asks for more where the bytes end within it", test_more);
  g_test_add_func ("/varint/refuses more than nine bytes", test_too_long);
  g_test_add_func ("/varint/has words for every status", test_explains);
  return g_test_run ();
}
