/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-base58.h"

#include "avi-error.h"

/* A number in another base is worked on in limbs, least significant first. */

static const char base58_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base36_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

#define DIGITS_PER_LIMB  5
#define BASE58_LIMB      656356768u /* 58^5, below 2^32 / 4 */
#define BASE58_MAX_LIMBS 36         /* 128 bytes are at most 175 digits */

char *
avi_base58_encode (AviSpan bytes)
{
  guint32 limbs[BASE58_MAX_LIMBS];
  guint n_limbs = 0;
  gsize zeros = 0;
  char *text, *end;

  g_return_val_if_fail (bytes.len <= AVI_BASE58_MAX_LEN, NULL);

  while (zeros < bytes.len && bytes.data[zeros] == 0)
    zeros++;

  for (gsize i = zeros; i < bytes.len; i++)
    {
      guint64 carry = bytes.data[i];

      for (guint j = 0; j < n_limbs; j++)
        {
          carry += (guint64) limbs[j] << 8;
          limbs[j] = carry % BASE58_LIMB;
          carry /= BASE58_LIMB;
        }
      if (carry > 0)
        limbs[n_limbs++] = carry;
    }

  text = end = g_malloc (zeros + n_limbs * DIGITS_PER_LIMB + 1);
  memset (end, base58_digits[0], zeros);
  end += zeros;
  for (guint j = n_limbs; j-- > 0;)
    {
      char digits[DIGITS_PER_LIMB];
      guint skip = 0;

      for (guint k = DIGITS_PER_LIMB; k-- > 0; limbs[j] /= 58)
        digits[k] = base58_digits[limbs[j] % 58];
      while (j == n_limbs - 1 && digits[skip] == base58_digits[0])
        skip++;
      memcpy (end, digits + skip, DIGITS_PER_LIMB - skip);
      end += DIGITS_PER_LIMB - skip;
    }
  *end = '\0';
  return text;
}

static gboolean
avi_radix_fail (const char *name, const char *text, gsize at, GError **error)
{
  guint8 c = text[at];

  if (g_ascii_isgraph (c))
    g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
                 "“%c” at position %" G_GSIZE_FORMAT " is no %s digit", c, at, name);
  else
    g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
                 "Byte 0x%02x at position %" G_GSIZE_FORMAT " is no %s digit", c, at, name);
  return FALSE;
}

static gboolean
avi_radix_decode (const char *text, const char *alphabet, guint radix, const char *name, GByteArray **out,
                  GError **error)
{
  guint32 limbs[AVI_BASE58_MAX_LEN / 4];
  guint n_limbs = 0;
  gsize zeros = 0;
  g_autoptr(GByteArray) bytes = NULL;

  while (text[zeros] == alphabet[0])
    zeros++;

  for (gsize i = zeros; text[i] != '\0'; i++)
    {
      const char *digit = memchr (alphabet, text[i], radix);
      guint64 carry;

      if (digit == NULL)
        return avi_radix_fail (name, text, i, error);

      carry = digit - alphabet;
      for (guint j = 0; j < n_limbs; j++)
        {
          carry += (guint64) limbs[j] * radix;
          limbs[j] = carry;
          carry >>= 32;
        }
      if (carry > 0 && n_limbs == G_N_ELEMENTS (limbs))
        goto too_long;
      if (carry > 0)
        limbs[n_limbs++] = carry;
    }

  bytes = g_byte_array_new ();
  if (zeros > AVI_BASE58_MAX_LEN)
    goto too_long;
  g_byte_array_set_size (bytes, zeros);
  if (zeros > 0)
    memset (bytes->data, 0, zeros);
  for (guint j = n_limbs; j-- > 0;)
    {
      guint32 limb = GUINT32_TO_BE (limbs[j]);
      guint skip = j == n_limbs - 1 ? __builtin_clz (limbs[j]) / 8 : 0;

      g_byte_array_append (bytes, (guint8 *) &limb + skip, sizeof limb - skip);
    }
  if (bytes->len > AVI_BASE58_MAX_LEN)
    goto too_long;
  *out = g_steal_pointer (&bytes);
  return TRUE;

too_long:
  g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "The %s text stands for more than %d bytes", name,
               AVI_BASE58_MAX_LEN);
  return FALSE;
}

gboolean
avi_base58_decode (const char *text, GByteArray **out, GError **error)
{
  return avi_radix_decode (text, base58_digits, 58, "base58", out, error);
}

gboolean
avi_base36_decode (const char *text, GByteArray **out, GError **error)
{
  return avi_radix_decode (text, base36_digits, 36, "base36", out, error);
}
