/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-multibase.h"

#include "avi-error.h"
#include "wire/avi-base58.h"
#include "wire/avi-text.h"

G_STATIC_ASSERT (AVI_MULTIBASE_MAX_LEN == AVI_BASE58_MAX_LEN);

typedef struct
{
  char        prefix;
  guint8      bits; /* per digit */
  const char *name;
  const char *digits;
} AviBitBase;

static const AviBitBase bit_bases[] = {
  { 'b', 5, "base32", "abcdefghijklmnopqrstuvwxyz234567" },
  { 'u', 6, "base64url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" },
};

static const AviBitBase *
avi_bit_base_find (char prefix)
{
  for (guint i = 0; i < G_N_ELEMENTS (bit_bases); i++)
    if (bit_bases[i].prefix == prefix)
      return &bit_bases[i];
  return NULL;
}

char *
avi_multibase_encode (char prefix, AviSpan bytes)
{
  const AviBitBase *base = avi_bit_base_find (prefix);
  guint window = 0, n_bits = 0; /* bits taken in and not yet put out are the low n_bits of window */
  char *text, *end;

  g_return_val_if_fail (base != NULL && bytes.len <= AVI_MULTIBASE_MAX_LEN, NULL);

  text = end = g_malloc (1 + (bytes.len * 8 + base->bits - 1) / base->bits + 1);
  *end++ = prefix;
  for (gsize i = 0; i < bytes.len; i++)
    {
      window = window << 8 | bytes.data[i];
      for (n_bits += 8; n_bits >= base->bits;)
        {
          n_bits -= base->bits;
          *end++ = base->digits[window >> n_bits & ((1u << base->bits) - 1)];
        }
    }
  if (n_bits > 0)
    *end++ = base->digits[window << (base->bits - n_bits) & ((1u << base->bits) - 1)];
  *end = '\0';
  return text;
}

static gboolean
avi_bit_base_decode (const AviBitBase *base, const char *text, GByteArray **out, GError **error)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  guint window = 0, n_bits = 0;

  for (const char *at = text; *at != '\0'; at++)
    {
      const char *digit = strchr (base->digits, *at);

      if (digit == NULL)
        {
          g_autofree char *shown = avi_text_quote (AVI_SPAN (at, 1));

          g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
                       "%s at position %" G_GSIZE_FORMAT " is no %s digit", shown, (gsize) (at - text), base->name);
          return FALSE;
        }

      window = window << base->bits | (guint) (digit - base->digits);
      n_bits += base->bits;
      if (n_bits < 8)
        continue;

      n_bits -= 8;
      if (bytes->len == AVI_MULTIBASE_MAX_LEN)
        {
          g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                       "The %s text stands for more than %d bytes", base->name, AVI_MULTIBASE_MAX_LEN);
          return FALSE;
        }
      g_byte_array_append (bytes, &(guint8) { window >> n_bits }, 1);
    }

  if (n_bits >= base->bits || (window & ((1u << n_bits) - 1)) != 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "The %s text has bits left over at its end",
                   base->name);
      return FALSE;
    }
  *out = g_steal_pointer (&bytes);
  return TRUE;
}

gboolean
avi_multibase_decode (const char *text, GByteArray **out, GError **error)
{
  const AviBitBase *base = avi_bit_base_find (text[0]);

  if (base != NULL)
    return avi_bit_base_decode (base, text + 1, out, error);
  if (text[0] == 'z')
    return avi_base58_decode (text + 1, out, error);
  if (text[0] == 'k')
    return avi_base36_decode (text + 1, out, error);

  g_set_error_literal (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
                       "The first character is none of the bases b, k, u and z");
  return FALSE;
}
