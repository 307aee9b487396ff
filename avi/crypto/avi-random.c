/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-random.h"

#include <sodium.h>

#include "crypto/avi-crypto.h"

static void
avi_random_fill_system (AviRandom *self, guint8 *out, gsize len)
{
  randombytes_buf (out, len);
}

AviRandom *
avi_random_system (void)
{
  static AviRandom system = { .fill = avi_random_fill_system };

  avi_crypto_init ();
  return &system;
}

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static guint64
avi_random_step (AviRandom *self)
{
  guint64 z = self->state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static void
avi_random_fill_seeded (AviRandom *self, guint8 *out, gsize len)
{
  while (len > 0)
    {
      guint64 word = GUINT64_TO_LE (avi_random_step (self));
      gsize n = MIN (len, sizeof word);

      memcpy (out, &word, n);
      out += n;
      len -= n;
    }
}

void
avi_random_seed (AviRandom *self, guint64 seed)
{
  *self = (AviRandom) { .fill = avi_random_fill_seeded, .state = seed };
}

guint32
avi_random_u32 (AviRandom *self)
{
  guint32 value;

  self->fill (self, (guint8 *) &value, sizeof value);
  return GUINT32_FROM_LE (value);
}

guint32
avi_random_below (AviRandom *self, guint32 bound)
{
  guint32 first_fair = -bound % bound; /* 2^32 mod bound: below it, values would come once too often */
  guint32 value;

  do
    value = avi_random_u32 (self);
  while (value < first_fair);

  return value % bound;
}
