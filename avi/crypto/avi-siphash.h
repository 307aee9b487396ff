/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SipHash-2-4 with 128 bits of output, for tables whose keys come from peers: without the table's
 * secret nobody can choose keys that collide. Not for anything that another node is to compute.
 */
#pragma once

#include "avi-random.h"
#include "wire/avi-span.h"

G_BEGIN_DECLS

typedef struct
{
  guint8 bytes[16];
} AviSipKey;

typedef struct
{
  guint64 lo, hi;
} AviSipHash;

void       avi_sip_key_init (AviSipKey *self, AviRandom *random);
AviSipHash avi_sip_hash     (const AviSipKey *key, AviSpan data);

/* For a GHashTable of texts: with a key of this process's own. */
guint      avi_sip_text_hash (gconstpointer text);

static inline gboolean
avi_sip_hash_equal (AviSipHash a, AviSipHash b)
{
  return a.lo == b.lo && a.hi == b.hi;
}

G_END_DECLS
