/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keys and signatures (specs/peer-ids). Our own pair is Ed25519 by libsodium; a peer's key may be
 * Ed25519, RSA of 2048 to 8192 bits, ECDSA P-256 or secp256k1, checked by libcrypto.
 */
#pragma once

#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_KEY_RSA       = 0,
  AVI_KEY_ED25519   = 1,
  AVI_KEY_SECP256K1 = 2,
  AVI_KEY_ECDSA     = 3
} AviKeyType;

#define AVI_KEY_SEED_LEN      32
#define AVI_SIGNATURE_LEN     64 /* of an Ed25519 signature */
#define AVI_PUBLIC_KEY_MAX    2048 /* bytes of the protobuf form */

typedef struct _AviPublicKey AviPublicKey; /* reference-counted, immutable */
typedef struct _AviKeyPair   AviKeyPair;   /* reference-counted, immutable; wiped at its end */

/* From libp2p's protobuf form. */
AviPublicKey *avi_public_key_decode      (AviSpan protobuf, GError **error);
AviPublicKey *avi_public_key_ref         (AviPublicKey *self);
void          avi_public_key_unref       (AviPublicKey *self);
AviKeyType    avi_public_key_get_type_of (const AviPublicKey *self);
/* The protobuf form as it was decoded. */
AviSpan       avi_public_key_get_protobuf (const AviPublicKey *self);
const AviPeerId *avi_public_key_get_peer_id (const AviPublicKey *self);
gboolean      avi_public_key_verify      (AviPublicKey *self, AviSpan message, AviSpan signature);

AviKeyPair   *avi_key_pair_generate      (void);
AviKeyPair   *avi_key_pair_from_seed     (const guint8 seed[AVI_KEY_SEED_LEN]);
/* libp2p's PrivateKey protobuf, Ed25519 only: 64 bytes, seed then public key, which must match.
 * (The older 96-byte form, with the public key twice, is taken too.) */
AviKeyPair   *avi_key_pair_decode        (AviSpan protobuf, GError **error);
GBytes       *avi_key_pair_encode        (const AviKeyPair *self);
AviKeyPair   *avi_key_pair_ref           (AviKeyPair *self);
void          avi_key_pair_unref         (AviKeyPair *self);
AviPublicKey *avi_key_pair_get_public    (AviKeyPair *self);
const AviPeerId *avi_key_pair_get_peer_id (const AviKeyPair *self);
void          avi_key_pair_sign          (const AviKeyPair *self, AviSpan message, guint8 signature[AVI_SIGNATURE_LEN]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPublicKey, avi_public_key_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviKeyPair, avi_key_pair_unref)

G_END_DECLS
