/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-noise-handshake.h"

#include "avi-error.h"

/* As long as a hash, so that it is the first hash (section 5.2, InitializeSymmetric). */
#define PROTOCOL_NAME "Noise_XX_25519_ChaChaPoly_SHA256"
G_STATIC_ASSERT (sizeof PROTOCOL_NAME - 1 == AVI_SHA256_LEN);

#define N_MESSAGES 3

/* Section 7.5, pattern XX. */
typedef enum
{
  END,
  E,
  S,
  EE,
  ES,
  SE
} Token;

static const guint8 pattern[N_MESSAGES][5] = {
  { E, END },
  { E, EE, S, ES, END },
  { S, SE, END },
};

void
avi_noise_cipher_set_key (AviNoiseCipher *self, const guint8 key[AVI_AEAD_KEY_LEN])
{
  g_clear_pointer (&self->aead, avi_aead_free);
  self->aead = avi_aead_new (key);
  self->counter = 0;
}

void
avi_noise_cipher_clear (AviNoiseCipher *self)
{
  g_clear_pointer (&self->aead, avi_aead_free);
}

gboolean
avi_noise_cipher_seal (AviNoiseCipher *self, AviSpan additional, AviSpan text, guint8 tag[AVI_AEAD_TAG_LEN])
{
  if (self->counter == G_MAXUINT64)
    return FALSE;

  avi_aead_seal (self->aead, self->counter++, additional, text, tag);
  return TRUE;
}

gboolean
avi_noise_cipher_open (AviNoiseCipher *self, AviSpan additional, AviSpan text, const guint8 tag[AVI_AEAD_TAG_LEN])
{
  return self->counter < G_MAXUINT64 && avi_aead_open (self->aead, self->counter++, additional, text, tag);
}

void
avi_noise_keys_init (AviNoiseKeys *self, const guint8 secret[AVI_X25519_LEN])
{
  memcpy (self->secret, secret, AVI_X25519_LEN);
  avi_x25519_public (secret, self->public);
}

void
avi_noise_keys_clear (AviNoiseKeys *self)
{
  avi_wipe (self, sizeof *self);
}

static void
avi_noise_handshake_mix_hash (AviNoiseHandshake *self, AviSpan data)
{
  avi_sha256_pair (AVI_SPAN (self->hash, AVI_SHA256_LEN), data, self->hash);
}

/* Section 4.3, HKDF with two outputs. */
static void
avi_noise_handshake_derive (AviNoiseHandshake *self, AviSpan material, guint8 first[AVI_SHA256_LEN],
                            guint8 second[AVI_SHA256_LEN])
{
  static const guint8 one = 1, two = 2;
  guint8 temporary[AVI_SHA256_LEN];

  avi_hmac_sha256 (AVI_SPAN (self->chaining_key, AVI_SHA256_LEN), material, AVI_SPAN_EMPTY, temporary);
  avi_hmac_sha256 (AVI_SPAN (temporary, AVI_SHA256_LEN), AVI_SPAN (&one, 1), AVI_SPAN_EMPTY, first);
  avi_hmac_sha256 (AVI_SPAN (temporary, AVI_SHA256_LEN), AVI_SPAN (first, AVI_SHA256_LEN), AVI_SPAN (&two, 1), second);
  avi_wipe (temporary, sizeof temporary);
}

static gboolean
avi_noise_handshake_mix_key (AviNoiseHandshake *self, const guint8 *secret, const guint8 *point, GError **error)
{
  guint8 shared[AVI_X25519_LEN];
  guint8 key[AVI_SHA256_LEN];

  if (!avi_x25519 (secret, point, shared))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "Noise handshake: the peer's X25519 key is of small order");
      return FALSE;
    }

  avi_noise_handshake_derive (self, AVI_SPAN (shared, sizeof shared), self->chaining_key, key);
  avi_noise_cipher_set_key (&self->cipher, key);
  avi_wipe (shared, sizeof shared);
  avi_wipe (key, sizeof key);
  return TRUE;
}

/* In a token of two letters the first is the initiator's key, the second the responder's. */
static gboolean
avi_noise_handshake_mix_token (AviNoiseHandshake *self, Token token, GError **error)
{
  gboolean our_static = token == (self->initiator ? SE : ES);
  gboolean their_static = token == (self->initiator ? ES : SE);

  return avi_noise_handshake_mix_key (self,
                                      our_static ? self->local_static.secret : self->ephemeral.secret,
                                      their_static ? self->remote_static : self->remote_ephemeral, error);
}

void
avi_noise_handshake_init (AviNoiseHandshake *self, gboolean initiator, AviSpan prologue,
                          const AviNoiseKeys *local_static, const guint8 ephemeral_secret[AVI_X25519_LEN])
{
  *self = (AviNoiseHandshake) { .initiator = initiator, .local_static = *local_static };
  avi_noise_keys_init (&self->ephemeral, ephemeral_secret);
  memcpy (self->hash, PROTOCOL_NAME, AVI_SHA256_LEN);
  memcpy (self->chaining_key, PROTOCOL_NAME, AVI_SHA256_LEN);
  avi_noise_handshake_mix_hash (self, prologue);
}

void
avi_noise_handshake_clear (AviNoiseHandshake *self)
{
  avi_noise_cipher_clear (&self->cipher);
  avi_wipe (self, sizeof *self);
}

gboolean
avi_noise_handshake_is_done (const AviNoiseHandshake *self)
{
  return self->n_messages == N_MESSAGES;
}

static gboolean
avi_noise_handshake_is_our_turn (const AviNoiseHandshake *self)
{
  return !avi_noise_handshake_is_done (self) && (self->n_messages % 2 == 0) == (self->initiator != FALSE);
}

/* Section 5.2, EncryptAndHash. */
static void
avi_noise_handshake_append (AviNoiseHandshake *self, AviSpan text, GByteArray *out)
{
  gsize tag_len = self->cipher.aead != NULL ? AVI_AEAD_TAG_LEN : 0;
  gsize start = out->len;
  guint8 *place;

  g_byte_array_set_size (out, start + text.len + tag_len);
  place = out->data + start;
  if (text.len > 0)
    memcpy (place, text.data, text.len);
  if (tag_len > 0)
    avi_noise_cipher_seal (&self->cipher, AVI_SPAN (self->hash, AVI_SHA256_LEN), AVI_SPAN (place, text.len),
                           place + text.len);
  avi_noise_handshake_mix_hash (self, AVI_SPAN (place, text.len + tag_len));
}

gboolean
avi_noise_handshake_write (AviNoiseHandshake *self, AviSpan payload, GByteArray *out, GError **error)
{
  g_return_val_if_fail (avi_noise_handshake_is_our_turn (self), FALSE);

  for (const guint8 *token = pattern[self->n_messages]; *token != END; token++)
    switch ((Token) *token)
      {
      case E:
        g_byte_array_append (out, self->ephemeral.public, AVI_X25519_LEN);
        avi_noise_handshake_mix_hash (self, AVI_SPAN (self->ephemeral.public, AVI_X25519_LEN));
        break;
      case S:
        avi_noise_handshake_append (self, AVI_SPAN (self->local_static.public, AVI_X25519_LEN), out);
        break;
      case EE:
      case ES:
      case SE:
        if (!avi_noise_handshake_mix_token (self, *token, error))
          return FALSE;
        break;
      case END:
      default:
        g_assert_not_reached ();
      }

  avi_noise_handshake_append (self, payload, out);
  self->n_messages++;
  return TRUE;
}

static gboolean
avi_noise_handshake_fail (AviNoiseHandshake *self, AviError code, const char *what, GError **error)
{
  g_set_error (error, AVI_ERROR, code, "Noise handshake: message %u of %d %s", self->n_messages + 1, N_MESSAGES, what);
  return FALSE;
}

/* Takes @n bytes off the front of @message. */
static gboolean
avi_noise_handshake_take (AviNoiseHandshake *self, AviSpan *message, gsize n, AviSpan *taken, GError **error)
{
  if (message->len < n)
    return avi_noise_handshake_fail (self, AVI_ERROR_PROTOCOL, "is too short", error);

  *taken = AVI_SPAN (message->data, n);
  *message = avi_span_skip (*message, n);
  return TRUE;
}

/* Section 5.2, DecryptAndHash; in place. */
static gboolean
avi_noise_handshake_open (AviNoiseHandshake *self, AviSpan sealed, AviSpan *text, GError **error)
{
  guint8 additional[AVI_SHA256_LEN];

  if (self->cipher.aead == NULL)
    {
      avi_noise_handshake_mix_hash (self, sealed);
      *text = sealed;
      return TRUE;
    }
  if (sealed.len < AVI_AEAD_TAG_LEN)
    return avi_noise_handshake_fail (self, AVI_ERROR_PROTOCOL, "is too short", error);

  memcpy (additional, self->hash, AVI_SHA256_LEN);
  avi_noise_handshake_mix_hash (self, sealed);
  *text = AVI_SPAN (sealed.data, sealed.len - AVI_AEAD_TAG_LEN);
  if (!avi_noise_cipher_open (&self->cipher, AVI_SPAN (additional, AVI_SHA256_LEN), *text, sealed.data + text->len))
    return avi_noise_handshake_fail (self, AVI_ERROR_SECURITY, "was changed on its way, or is not meant for us", error);
  return TRUE;
}

gboolean
avi_noise_handshake_read (AviNoiseHandshake *self, AviSpan message, AviSpan *payload, GError **error)
{
  AviSpan taken;

  g_return_val_if_fail (!avi_noise_handshake_is_done (self) && !avi_noise_handshake_is_our_turn (self), FALSE);

  for (const guint8 *token = pattern[self->n_messages]; *token != END; token++)
    switch ((Token) *token)
      {
      case E:
        if (!avi_noise_handshake_take (self, &message, AVI_X25519_LEN, &taken, error))
          return FALSE;
        memcpy (self->remote_ephemeral, taken.data, AVI_X25519_LEN);
        avi_noise_handshake_mix_hash (self, taken);
        break;
      case S: /* sealed in every message of XX that has it */
        if (!avi_noise_handshake_take (self, &message, AVI_X25519_LEN + AVI_AEAD_TAG_LEN, &taken, error)
            || !avi_noise_handshake_open (self, taken, &taken, error))
          return FALSE;
        memcpy (self->remote_static, taken.data, AVI_X25519_LEN);
        break;
      case EE:
      case ES:
      case SE:
        if (!avi_noise_handshake_mix_token (self, *token, error))
          return FALSE;
        break;
      case END:
      default:
        g_assert_not_reached ();
      }

  if (!avi_noise_handshake_open (self, message, payload, error))
    return FALSE;
  self->n_messages++;
  return TRUE;
}

void
avi_noise_handshake_split (AviNoiseHandshake *self, AviNoiseCipher *sending, AviNoiseCipher *receiving)
{
  guint8 first[AVI_SHA256_LEN], second[AVI_SHA256_LEN];

  g_return_if_fail (avi_noise_handshake_is_done (self));

  avi_noise_handshake_derive (self, AVI_SPAN_EMPTY, first, second);
  avi_noise_cipher_set_key (self->initiator ? sending : receiving, first);
  avi_noise_cipher_set_key (self->initiator ? receiving : sending, second);
  avi_wipe (first, sizeof first);
  avi_wipe (second, sizeof second);
}
