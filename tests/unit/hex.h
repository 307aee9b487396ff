/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes as specifications print them, for tests only.
 */
#pragma once

#include <glib.h>

#include "wire/avi-span.h"

/* (transfer full) */
static inline GByteArray *
from_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  for (; hex[0] != '\0'; hex += 2)
    {
      int high = g_ascii_xdigit_value (hex[0]), low = g_ascii_xdigit_value (hex[1]);

      g_assert_true (high >= 0 && low >= 0);
      g_byte_array_append (bytes, &(guint8) { high << 4 | low }, 1);
    }
  return bytes;
}

static inline AviSpan
span_of (const GByteArray *bytes)
{
  return AVI_SPAN (bytes->data, bytes->len);
}

/* (transfer full) */
static inline char *
to_hex (AviSpan bytes)
{
  GString *hex = g_string_new (NULL);

  for (gsize i = 0; i < bytes.len; i++)
    g_string_append_printf (hex, "%02x", bytes.data[i]);
  return g_string_free (hex, FALSE);
}

static inline void
assert_hex (AviSpan bytes, const char *expected)
{
  g_autofree char *hex = to_hex (bytes);

  g_assert_cmpstr (hex, ==, expected);
}
