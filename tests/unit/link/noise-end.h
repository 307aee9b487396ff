/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NoiseEnd: one end of a connection under Noise, and what it has told. What it writes lies in its
 * writer until a test hands it to the other end, whole, in pieces or changed. Devices are known by a
 * letter, from which their keys follow.
 */
#pragma once

#include "avi-error.h"
#include "link/avi-noise-payload.h"
#include "link/avi-noise.h"

G_BEGIN_DECLS

#define ROOM (1024 * 1024)

typedef struct
{
  AviNoise   *noise;
  AviRandom   random;
  AviWriter   writer;
  GByteArray *text;
  gboolean    established;
  AviPeerId   peer;
  const char *muxer;
} NoiseEnd;

AviKeyPair     *noise_make_identity    (char letter);
AviNoiseStatic *noise_make_statics     (char letter);

void            noise_end_init         (NoiseEnd *end, char letter, gboolean initiator, const AviPeerId *expected,
                                        const char *const *muxers);
void            noise_end_clear        (NoiseEnd *end);
/* Hands @bytes over in pieces of @step, each in a place of its own that is gone afterwards. */
gboolean        noise_end_hear         (NoiseEnd *end, AviSpan bytes, gsize step, GError **error);
AviSpan         noise_end_written      (NoiseEnd *end);
/* What @from has to say in the handshake goes to @to. */
gboolean        noise_end_pass         (NoiseEnd *from, NoiseEnd *to, gsize step, GError **error);

void            noise_ends_shake_hands (NoiseEnd *initiator, NoiseEnd *responder, gsize step);
/* Device a to device b, past the handshake. */
void            noise_ends_connect     (NoiseEnd *initiator, NoiseEnd *responder);

void            noise_assert_error     (GError *error, AviError code, const char *pattern);

G_END_DECLS
