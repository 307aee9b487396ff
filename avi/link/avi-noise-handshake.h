/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviNoiseHandshake: the three messages of Noise_XX_25519_ChaChaPoly_SHA256 (noiseprotocol.org,
 * revision 34) and the two ciphers that come of them. AviNoise uses it and adds what is libp2p's:
 * frames, payloads, identities. This knows nothing of those, has no randomness of its own and never
 * looks into a payload, so that the public test vectors run on it as it stands.
 */
#pragma once

#include "crypto/avi-crypto.h"

G_BEGIN_DECLS

/* Noise's CipherState. */
typedef struct
{
  AviAead *aead;    /* NULL: no key yet */
  guint64  counter; /* the next nonce; the last of them, 2^64 - 1, is never used */
} AviNoiseCipher;

void     avi_noise_cipher_set_key (AviNoiseCipher *self, const guint8 key[AVI_AEAD_KEY_LEN]);
void     avi_noise_cipher_clear   (AviNoiseCipher *self);
/* In place. FALSE: the nonces are used up. */
gboolean avi_noise_cipher_seal (AviNoiseCipher *self, AviSpan additional, AviSpan text, guint8 tag[AVI_AEAD_TAG_LEN]);
/* In place. FALSE: not what was sealed, or the nonces are used up. */
gboolean avi_noise_cipher_open (AviNoiseCipher *self, AviSpan additional, AviSpan text,
                                const guint8 tag[AVI_AEAD_TAG_LEN]);

typedef struct
{
  guint8 secret[AVI_X25519_LEN];
  guint8 public[AVI_X25519_LEN];
} AviNoiseKeys;

void     avi_noise_keys_init  (AviNoiseKeys *self, const guint8 secret[AVI_X25519_LEN]);
void     avi_noise_keys_clear (AviNoiseKeys *self);

/* Noise's HandshakeState and SymmetricState. Cleared, and so wiped, as soon as it was split. */
typedef struct
{
  gboolean       initiator;
  guint          n_messages; /* that have passed, of three */
  AviNoiseKeys   local_static;
  AviNoiseKeys   ephemeral;
  guint8         remote_static[AVI_X25519_LEN];
  guint8         remote_ephemeral[AVI_X25519_LEN];
  guint8         hash[AVI_SHA256_LEN];         /* of all that both have seen */
  guint8         chaining_key[AVI_SHA256_LEN];
  AviNoiseCipher cipher;
} AviNoiseHandshake;

void     avi_noise_handshake_init    (AviNoiseHandshake  *self,
                                      gboolean            initiator,
                                      AviSpan             prologue,
                                      const AviNoiseKeys *local_static,
                                      const guint8        ephemeral_secret[AVI_X25519_LEN]);
void     avi_noise_handshake_clear   (AviNoiseHandshake *self);
/* Appends our next message to @out. It must be our turn. AVI_ERROR_SECURITY where the peer's key is
 * of small order. */
gboolean avi_noise_handshake_write   (AviNoiseHandshake *self, AviSpan payload, GByteArray *out, GError **error);
/* Opens the peer's next message where it lies. It must be the peer's turn. AVI_ERROR_PROTOCOL where
 * @message is too short, AVI_ERROR_SECURITY where it does not open or its key is of small order. */
gboolean avi_noise_handshake_read    (AviNoiseHandshake *self, AviSpan message, AviSpan *payload, GError **error);
gboolean avi_noise_handshake_is_done (const AviNoiseHandshake *self);
/* Once it is done. */
void     avi_noise_handshake_split   (AviNoiseHandshake *self, AviNoiseCipher *sending, AviNoiseCipher *receiving);

G_END_DECLS
