/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPeerId: a libp2p peer id (specs/peer-ids): the multihash of a public key, by value. Identity
 * (keys of at most 42 bytes: Ed25519, secp256k1) or SHA2-256. An AviPeerId of length 0 is none.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

#define AVI_PEER_ID_MAX_LEN 46

typedef struct
{
  guint8 len;
  guint8 bytes[AVI_PEER_ID_MAX_LEN];
} AviPeerId;

/* From the protobuf form of a public key. */
void      avi_peer_id_from_public_key (AviSpan key_protobuf, AviPeerId *out);
/* From the multihash: only identity of 1 to 42 bytes and sha2-256 of 32, nothing after it. */
gboolean  avi_peer_id_decode          (AviSpan multihash, AviPeerId *out, GError **error);
/* Either text form: base58btc of the multihash (Qm…, 1…), or a CIDv1 of codec libp2p-key in
 * base32 (b…), base58btc (z…) or base36 (k…). */
gboolean  avi_peer_id_parse           (const char *text, AviPeerId *out, GError **error);
/* base58btc: (transfer full) */
char     *avi_peer_id_to_string       (const AviPeerId *self);
/* CIDv1 in base32: (transfer full) */
char     *avi_peer_id_to_cid          (const AviPeerId *self);
/* The protobuf form of the key that an identity multihash holds; an empty span for a hash. */
AviSpan   avi_peer_id_get_inline_key  (const AviPeerId *self);

static inline AviSpan
avi_peer_id_get_bytes (const AviPeerId *self)
{
  return AVI_SPAN (self->bytes, self->len);
}

/* For hash tables keyed by `const AviPeerId *`. */
guint     avi_peer_id_hash            (gconstpointer self);
gboolean  avi_peer_id_equal           (gconstpointer a, gconstpointer b);
/* By bytes; the order that decides which of two connections stays. */
int       avi_peer_id_compare         (const AviPeerId *a, const AviPeerId *b);

G_END_DECLS
