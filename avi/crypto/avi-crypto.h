/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The primitives: start-up of the libraries, SHA-256 and HMAC, X25519, ChaCha20-Poly1305.
 * Bulk work is libcrypto's, the curve libsodium's.
 */
#pragma once

#include "wire/avi-span.h"

G_BEGIN_DECLS

/* Once per process, before anything else here; safe to call again and from any thread.
 * OPENSSL_INIT_NO_ATEXIT: a process may exit while engines still stop. */
void avi_crypto_init (void);

#define AVI_SHA256_LEN 32
void avi_sha256      (AviSpan data, guint8 out[AVI_SHA256_LEN]);
void avi_sha256_pair (AviSpan first, AviSpan second, guint8 out[AVI_SHA256_LEN]); /* of both, joined */
void avi_hmac_sha256 (AviSpan key, AviSpan first, AviSpan second, guint8 out[AVI_SHA256_LEN]);

#define AVI_X25519_LEN 32
void     avi_x25519_public (const guint8 secret[AVI_X25519_LEN], guint8 out[AVI_X25519_LEN]);
/* FALSE where the result is all zeros (a point of small order). */
gboolean avi_x25519 (const guint8 secret[AVI_X25519_LEN], const guint8 point[AVI_X25519_LEN],
                     guint8 out[AVI_X25519_LEN]);

#define AVI_AEAD_KEY_LEN 32
#define AVI_AEAD_TAG_LEN 16
typedef struct _AviAead AviAead; /* ChaCha20-Poly1305 (RFC 8439) under one key, one direction */

AviAead *avi_aead_new  (const guint8 key[AVI_AEAD_KEY_LEN]);
void     avi_aead_free (AviAead *self);
/* In place. Noise's nonce: 4 bytes of zero, then @counter little-endian. */
void     avi_aead_seal (AviAead *self, guint64 counter, AviSpan additional, AviSpan text, guint8 tag[AVI_AEAD_TAG_LEN]);
gboolean avi_aead_open (AviAead *self, guint64 counter, AviSpan additional, AviSpan text,
                        const guint8 tag[AVI_AEAD_TAG_LEN]);

void avi_wipe (gpointer data, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAead, avi_aead_free)

G_END_DECLS
