/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviNoise: Noise_XX_25519_ChaChaPoly_SHA256 with libp2p's signed payload (specs/noise), and the
 * transport after it. A machine without I/O. Frames are opened where they lie and sealed where
 * they stand in the writer; only a frame that arrives in pieces is copied, once, and memory for it
 * follows what arrived.
 *
 * Sending after the handshake: `begin` leaves room for the frame's length and lowers the writer's
 * limit to what one frame takes, the layer above appends to the writer, `seal` seals it in place.
 */
#pragma once

#include "crypto/avi-key.h"
#include "crypto/avi-random.h"
#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_NOISE_FRAME_MAX   65535               /* of ciphertext, tag included */
#define AVI_NOISE_PAYLOAD_MAX (65535 - 16)        /* of plaintext in a frame */
#define AVI_NOISE_OVERHEAD    (2 + 16)            /* of a frame: length and tag */
#define AVI_NOISE_HANDSHAKE_MAX 8192              /* of a handshake message that a peer may send */

typedef struct _AviNoise       AviNoise;

/* What all handshakes of a device share: its static X25519 key and the identity's signature over
 * it, made once per start so that a handshake costs no signature. Never written to disk. */
typedef struct _AviNoiseStatic AviNoiseStatic;

AviNoiseStatic *avi_noise_static_new   (AviKeyPair *identity, AviRandom *random);
AviNoiseStatic *avi_noise_static_ref   (AviNoiseStatic *self);
void            avi_noise_static_unref (AviNoiseStatic *self);

typedef struct
{
  gboolean           initiator;
  AviNoiseStatic    *statics;  /* a reference is taken */
  const AviPeerId   *expected; /* the peer that must answer; NULL: whoever does. Copied. */
  const char *const *muxers;   /* early muxer negotiation: ours, best first; NULL: none. Must outlive the machine. */
  AviRandom         *random;
} AviNoiseConfig;

typedef enum
{
  AVI_NOISE_EVENT_ESTABLISHED, /* the peer is proven; key, muxer */
  AVI_NOISE_EVENT_DATA         /* data: opened, for the layer above */
} AviNoiseEventType;

typedef struct
{
  AviNoiseEventType type;
  AviPublicKey     *key;   /* (transfer none) the peer's identity */
  const char       *muxer; /* agreed early, one of the config's; NULL: negotiate by multistream */
  AviSpan           data;
} AviNoiseEvent;

AviNoise *avi_noise_new      (const AviNoiseConfig *config);
void      avi_noise_free     (AviNoise *self);
/* Opens all frames that are whole, or fails: AVI_ERROR_SECURITY where the peer is not who it must be
 * or bytes were changed, AVI_ERROR_PROTOCOL and AVI_ERROR_LIMIT where they are malformed. Take all
 * events, until `next` says FALSE, before the next call and before @bytes go. */
gboolean  avi_noise_receive  (AviNoise *self, AviSpan bytes, gint64 now, GError **error);
/* Handshake messages only. */
gboolean  avi_noise_transmit (AviNoise *self, AviWriter *writer, gint64 now);
gboolean  avi_noise_next     (AviNoise *self, AviNoiseEvent *event);
gint64    avi_noise_deadline (AviNoise *self); /* G_MAXINT64: it has none; its owner bounds the handshake's time */

/* TRUE once `begin` and `seal` may be used: the handshake is over, and our part of it transmitted. */
gboolean  avi_noise_can_seal (AviNoise *self);
/* Reserves a frame's head. Returns where the frame starts; G_MAXSIZE, and nothing changed, where the
 * writer has no room for a frame of at least @min bytes of plaintext. Limits the writer so that what
 * is appended fits into one frame, AVI_NOISE_PAYLOAD_MAX bytes, and the tag behind it; `seal`, which
 * must follow, lifts that again. */
gsize     avi_noise_begin    (AviNoise *self, AviWriter *writer, gsize min);
/* Seals what was appended since `begin`; where that is nothing, takes the head back.
 * FALSE: the direction has used up its nonces (2^64 - 1 frames); the link must end. */
gboolean  avi_noise_seal     (AviNoise *self, AviWriter *writer, gsize start);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviNoise, avi_noise_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviNoiseStatic, avi_noise_static_unref)

G_END_DECLS
