/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * base58 and multibase, where each text stands for one sequence of bytes and each sequence has one
 * text: the input is taken as either.
 */
#include "config.h"

#include <stdint.h>

#include "wire/avi-base58.h"
#include "wire/avi-multibase.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
try_bytes (AviSpan bytes)
{
  g_autofree char *base58 = avi_base58_encode (bytes);
  g_autofree char *base32 = avi_multibase_encode ('b', bytes);
  g_autofree char *base64 = avi_multibase_encode ('u', bytes);
  g_autoptr(GByteArray) from58 = NULL, from32 = NULL, from64 = NULL;

  g_assert (avi_base58_decode (base58, &from58, NULL));
  g_assert (avi_span_equal (bytes, AVI_SPAN (from58->data, from58->len)));
  g_assert (avi_multibase_decode (base32, &from32, NULL));
  g_assert (avi_span_equal (bytes, AVI_SPAN (from32->data, from32->len)));
  g_assert (avi_multibase_decode (base64, &from64, NULL));
  g_assert (avi_span_equal (bytes, AVI_SPAN (from64->data, from64->len)));
}

static void
try_text (const char *text)
{
  g_autoptr(GByteArray) from58 = NULL, decoded = NULL;
  g_autoptr(GError) error58 = NULL, error = NULL;
  g_autofree char *again = NULL;

  g_assert (avi_base58_decode (text, &from58, &error58) == (error58 == NULL));
  if (from58 != NULL)
    {
      g_autofree char *again58 = avi_base58_encode (AVI_SPAN (from58->data, from58->len));

      g_assert_cmpstr (again58, ==, text);
    }

  g_assert (avi_multibase_decode (text, &decoded, &error) == (error == NULL));
  if (decoded == NULL)
    return;
  g_assert (decoded->len <= AVI_MULTIBASE_MAX_LEN);
  if (text[0] != 'b' && text[0] != 'u')
    return;
  again = avi_multibase_encode (text[0], AVI_SPAN (decoded->data, decoded->len));
  g_assert_cmpstr (again, ==, text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  if (size <= AVI_BASE58_MAX_LEN)
    try_bytes (AVI_SPAN (data, size));
  try_text (text);
  return 0;
}
