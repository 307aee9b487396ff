/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What libp2p puts into Noise's messages 2 and 3 (specs/noise, "The libp2p Handshake Payload"): the
 * identity's key, its signature over the static key, and the muxers that either side speaks
 * (specs/connections, inlined-muxer-negotiation). AviNoise sends and receives it; nothing here keeps
 * anything of a peer.
 */
#pragma once

#include "link/avi-noise.h"
#include "link/avi-noise-handshake.h"

G_BEGIN_DECLS

const AviNoiseKeys *avi_noise_static_get_keys (AviNoiseStatic *self);

/* (transfer full). @muxers: NULL: none are told. */
GBytes *avi_noise_payload_encode (AviNoiseStatic *statics, const char *const *muxers);

/* Who sent @payload, proven to hold the key of @remote_static: (transfer full). Where both sides tell
 * muxers, the initiator's first that the responder has too is @muxer, one of @muxers; else NULL.
 * AVI_ERROR_SECURITY where the peer is not @expected (NULL: anybody is) or the signature is wrong,
 * AVI_ERROR_PROTOCOL where something is missing or malformed, or no muxer is shared. */
AviPublicKey *avi_noise_payload_check (AviSpan            payload,
                                       const guint8       remote_static[AVI_X25519_LEN],
                                       const AviPeerId   *expected,
                                       const char *const *muxers,
                                       gboolean           initiator,
                                       const char       **muxer,
                                       GError           **error);

G_END_DECLS
