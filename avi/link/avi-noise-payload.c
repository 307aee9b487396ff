/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-noise-payload.h"

#include "avi-error.h"
#include "wire/avi-protobuf.h"
#include "wire/avi-ref-count.h"
#include "wire/noise.pb-c.h"

#define SIGNATURE_CONTEXT "noise-libp2p-static-key:"

/* A payload is at most AVI_NOISE_HANDSHAKE_MAX bytes; what is left is for a list of muxers that is long. */
#define ARENA_BUDGET (32 * 1024)

struct _AviNoiseStatic
{
  AviRefCount   refs;
  AviNoiseKeys  keys;
  AviPublicKey *identity;
  guint8        signature[AVI_SIGNATURE_LEN];
};

/* What an identity signs. */
typedef struct
{
  guint8 bytes[sizeof SIGNATURE_CONTEXT - 1 + AVI_X25519_LEN];
} Signed;

static void
avi_noise_payload_init_signed (Signed *self, const guint8 public[AVI_X25519_LEN])
{
  memcpy (self->bytes, SIGNATURE_CONTEXT, sizeof SIGNATURE_CONTEXT - 1);
  memcpy (self->bytes + sizeof SIGNATURE_CONTEXT - 1, public, AVI_X25519_LEN);
}

AviNoiseStatic *
avi_noise_static_new (AviKeyPair *identity, AviRandom *random)
{
  AviNoiseStatic *self = g_new0 (AviNoiseStatic, 1);
  guint8 secret[AVI_X25519_LEN];
  Signed to_sign;

  avi_ref_count_init (&self->refs);
  random->fill (random, secret, sizeof secret);
  avi_noise_keys_init (&self->keys, secret);
  avi_wipe (secret, sizeof secret);

  avi_noise_payload_init_signed (&to_sign, self->keys.public);
  avi_key_pair_sign (identity, AVI_SPAN (to_sign.bytes, sizeof to_sign.bytes), self->signature);
  self->identity = avi_public_key_ref (avi_key_pair_get_public (identity));
  return self;
}

AviNoiseStatic *
avi_noise_static_ref (AviNoiseStatic *self)
{
  avi_ref_count_inc (&self->refs);
  return self;
}

void
avi_noise_static_unref (AviNoiseStatic *self)
{
  if (!avi_ref_count_dec (&self->refs))
    return;

  avi_public_key_unref (self->identity);
  avi_noise_keys_clear (&self->keys);
  g_free (self);
}

const AviNoiseKeys *
avi_noise_static_get_keys (AviNoiseStatic *self)
{
  return &self->keys;
}

GBytes *
avi_noise_payload_encode (AviNoiseStatic *statics, const char *const *muxers)
{
  AviSpan identity = avi_public_key_get_protobuf (statics->identity);
  gsize n_muxers = muxers != NULL ? g_strv_length ((char **) muxers) : 0;
  g_autofree ProtobufCBinaryData *names = g_new (ProtobufCBinaryData, n_muxers);
  Avi__Wire__NoiseExtensions extensions = AVI__WIRE__NOISE_EXTENSIONS__INIT;
  Avi__Wire__NoiseHandshakePayload payload = AVI__WIRE__NOISE_HANDSHAKE_PAYLOAD__INIT;

  for (gsize i = 0; i < n_muxers; i++)
    names[i] = (ProtobufCBinaryData) { strlen (muxers[i]), (guint8 *) muxers[i] };
  extensions.stream_muxers = names;
  extensions.n_stream_muxers = n_muxers;

  payload.has_identity_key = payload.has_identity_sig = TRUE;
  payload.identity_key = (ProtobufCBinaryData) { identity.len, identity.data };
  payload.identity_sig = (ProtobufCBinaryData) { AVI_SIGNATURE_LEN, statics->signature };
  if (n_muxers > 0)
    payload.extensions = &extensions;
  return avi_protobuf_pack (&payload.base);
}

static gboolean
avi_noise_payload_check_peer (const AviPeerId *peer, const AviPeerId *expected, GError **error)
{
  g_autofree char *peer_text = NULL;
  g_autofree char *expected_text = NULL;

  if (expected == NULL || avi_peer_id_equal (peer, expected))
    return TRUE;

  peer_text = avi_peer_id_to_string (peer);
  expected_text = avi_peer_id_to_string (expected);
  g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
               "Noise handshake: expected peer %s, but %s answered", expected_text, peer_text);
  return FALSE;
}

static gboolean
avi_noise_payload_check_signature (AviPublicKey *key, const guint8 remote_static[AVI_X25519_LEN], AviSpan signature,
                                   GError **error)
{
  g_autofree char *peer = NULL;
  Signed to_check;

  avi_noise_payload_init_signed (&to_check, remote_static);
  if (avi_public_key_verify (key, AVI_SPAN (to_check.bytes, sizeof to_check.bytes), signature))
    return TRUE;

  peer = avi_peer_id_to_string (avi_public_key_get_peer_id (key));
  g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
               "Noise handshake: the signature of %s over its static key is wrong", peer);
  return FALSE;
}

static gboolean
avi_noise_payload_is_name (const ProtobufCBinaryData *name, const char *ours)
{
  return avi_span_equal (AVI_SPAN (name->data, name->len), AVI_SPAN_STRING (ours));
}

/* The first of the initiator's list that is in the responder's: one of @ours, or NULL. */
static const char *
avi_noise_payload_choose_muxer (const Avi__Wire__NoiseExtensions *theirs, const char *const *ours, gboolean initiator)
{
  gsize n_ours = g_strv_length ((char **) ours);
  gsize n_first = initiator ? n_ours : theirs->n_stream_muxers;
  gsize n_second = initiator ? theirs->n_stream_muxers : n_ours;

  for (gsize first = 0; first < n_first; first++)
    for (gsize second = 0; second < n_second; second++)
      {
        const char *our_name = ours[initiator ? first : second];

        if (avi_noise_payload_is_name (&theirs->stream_muxers[initiator ? second : first], our_name))
          return our_name;
      }
  return NULL;
}

AviPublicKey *
avi_noise_payload_check (AviSpan payload, const guint8 remote_static[AVI_X25519_LEN], const AviPeerId *expected,
                         const char *const *muxers, gboolean initiator, const char **muxer, GError **error)
{
  g_autoptr(AviArena) arena = avi_arena_new (ARENA_BUDGET);
  g_autoptr(AviPublicKey) key = NULL;
  Avi__Wire__NoiseHandshakePayload *message;

  message = avi_protobuf_unpack (&avi__wire__noise_handshake_payload__descriptor, payload, arena,
                                 "Noise handshake: the payload", error);
  if (message == NULL)
    return NULL;

  key = avi_public_key_decode (AVI_SPAN (message->identity_key.data, message->identity_key.len), error);
  if (key == NULL)
    {
      g_prefix_error (error, "Noise handshake: the peer's identity: ");
      return NULL;
    }

  /* The cheap check first. */
  if (!avi_noise_payload_check_peer (avi_public_key_get_peer_id (key), expected, error)
      || !avi_noise_payload_check_signature (key, remote_static,
                                             AVI_SPAN (message->identity_sig.data, message->identity_sig.len), error))
    return NULL;

  *muxer = NULL;
  if (muxers != NULL && message->extensions != NULL && message->extensions->n_stream_muxers > 0)
    {
      *muxer = avi_noise_payload_choose_muxer (message->extensions, muxers, initiator);
      if (*muxer == NULL)
        {
          g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                       "Noise handshake: none of the peer's muxers is spoken here");
          return NULL;
        }
    }
  return g_steal_pointer (&key);
}
