/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>

/* Fetched once and never given back: at exit an engine may still use them. */
static EVP_MD *sha256;
static EVP_CIPHER *chacha20_poly1305;

static void
avi_crypto_init_once (void)
{
  /* Only what a broken installation lacks fails here, and nothing works without. */
  if (!OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, NULL) || sodium_init () < 0
      || (sha256 = EVP_MD_fetch (NULL, "SHA2-256", NULL)) == NULL
      || (chacha20_poly1305 = EVP_CIPHER_fetch (NULL, "ChaCha20-Poly1305", NULL)) == NULL)
    g_error ("libcrypto or libsodium cannot be used: %s", ERR_reason_error_string (ERR_peek_last_error ()));
}

void
avi_crypto_init (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once (&once, avi_crypto_init_once);
}

void
avi_sha256 (AviSpan data, guint8 out[AVI_SHA256_LEN])
{
  avi_sha256_pair (data, AVI_SPAN_EMPTY, out);
}

void
avi_sha256_pair (AviSpan first, AviSpan second, guint8 out[AVI_SHA256_LEN])
{
  EVP_MD_CTX *context;

  avi_crypto_init ();
  context = EVP_MD_CTX_new ();
  if (context == NULL || !EVP_DigestInit_ex2 (context, sha256, NULL)
      || !EVP_DigestUpdate (context, first.data, first.len)
      || !EVP_DigestUpdate (context, second.data, second.len)
      || !EVP_DigestFinal_ex (context, out, NULL))
    g_error ("SHA-256 failed");
  EVP_MD_CTX_free (context);
}

/* Short inputs only (key derivation), where libsodium needs no allocation. */
void
avi_hmac_sha256 (AviSpan key, AviSpan first, AviSpan second, guint8 out[AVI_SHA256_LEN])
{
  crypto_auth_hmacsha256_state state;

  crypto_auth_hmacsha256_init (&state, key.data, key.len);
  crypto_auth_hmacsha256_update (&state, first.data, first.len);
  crypto_auth_hmacsha256_update (&state, second.data, second.len);
  crypto_auth_hmacsha256_final (&state, out);
  avi_wipe (&state, sizeof state);
}

void
avi_x25519_public (const guint8 secret[AVI_X25519_LEN], guint8 out[AVI_X25519_LEN])
{
  avi_crypto_init ();
  crypto_scalarmult_curve25519_base (out, secret);
}

gboolean
avi_x25519 (const guint8 secret[AVI_X25519_LEN], const guint8 point[AVI_X25519_LEN], guint8 out[AVI_X25519_LEN])
{
  avi_crypto_init ();
  return crypto_scalarmult_curve25519 (out, secret, point) == 0;
}

/* An AviAead is nothing but libcrypto's context: the key is scheduled once, each frame sets its nonce. */
AviAead *
avi_aead_new (const guint8 key[AVI_AEAD_KEY_LEN])
{
  EVP_CIPHER_CTX *context;

  avi_crypto_init ();
  context = EVP_CIPHER_CTX_new ();
  if (context == NULL || !EVP_CipherInit_ex2 (context, chacha20_poly1305, key, NULL, TRUE, NULL))
    g_error ("ChaCha20-Poly1305 failed");
  return (AviAead *) context;
}

void
avi_aead_free (AviAead *self)
{
  EVP_CIPHER_CTX_free ((EVP_CIPHER_CTX *) self);
}

/* Sets the nonce and runs @additional and @text through, the latter in place. */
static gboolean
avi_aead_run (EVP_CIPHER_CTX *context, gboolean seal, guint64 counter, AviSpan additional, AviSpan text)
{
  guint8 nonce[12] = { 0 };
  guint64 little = GUINT64_TO_LE (counter);
  int n;

  g_return_val_if_fail (text.len <= G_MAXINT && additional.len <= G_MAXINT, FALSE);

  memcpy (nonce + 4, &little, sizeof little);
  return EVP_CipherInit_ex2 (context, NULL, NULL, nonce, seal, NULL)
         && (additional.len == 0 || EVP_CipherUpdate (context, NULL, &n, additional.data, additional.len))
         && (text.len == 0 || EVP_CipherUpdate (context, text.data, &n, text.data, text.len));
}

void
avi_aead_seal (AviAead *self, guint64 counter, AviSpan additional, AviSpan text, guint8 tag[AVI_AEAD_TAG_LEN])
{
  EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *) self;
  guint8 nothing[1];
  int n;

  if (!avi_aead_run (context, TRUE, counter, additional, text)
      || !EVP_CipherFinal_ex (context, nothing, &n)
      || !EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, AVI_AEAD_TAG_LEN, tag))
    g_error ("ChaCha20-Poly1305 failed");
}

gboolean
avi_aead_open (AviAead *self, guint64 counter, AviSpan additional, AviSpan text, const guint8 tag[AVI_AEAD_TAG_LEN])
{
  EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *) self;
  guint8 nothing[1];
  int n;

  return avi_aead_run (context, FALSE, counter, additional, text)
         && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, AVI_AEAD_TAG_LEN, (gpointer) tag)
         && EVP_CipherFinal_ex (context, nothing, &n);
}

void
avi_wipe (gpointer data, gsize len)
{
  sodium_memzero (data, len);
}
