/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-siphash.h"

#include <sodium.h>

#include "crypto/avi-crypto.h"

G_STATIC_ASSERT (sizeof (AviSipKey) == crypto_shorthash_siphashx24_KEYBYTES);
G_STATIC_ASSERT (sizeof (AviSipHash) == crypto_shorthash_siphashx24_BYTES);

void
avi_sip_key_init (AviSipKey *self, AviRandom *random)
{
  random->fill (random, self->bytes, sizeof self->bytes);
}

AviSipHash
avi_sip_hash (const AviSipKey *key, AviSpan data)
{
  AviSipHash hash;

  crypto_shorthash_siphashx24 ((guint8 *) &hash, data.data, data.len, key->bytes);
  return (AviSipHash) { GUINT64_FROM_LE (hash.lo), GUINT64_FROM_LE (hash.hi) };
}

guint
avi_sip_text_hash (gconstpointer text)
{
  static AviSipKey key;
  static gsize is_ready;

  if (g_once_init_enter (&is_ready))
    {
      avi_crypto_init ();
      avi_sip_key_init (&key, avi_random_system ());
      g_once_init_leave (&is_ready, 1);
    }
  return (guint) avi_sip_hash (&key, AVI_SPAN_STRING (text)).lo;
}
