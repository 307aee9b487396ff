/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPeerRecord: where a peer says that it can be reached, signed by it, so that others may pass it on:
 * by identify, and by a PRUNE (PX). A signed envelope (RFC 0002) around a peer record (RFC 0003). The
 * signature says whose words they are, not that they are true: whoever dials judges the addresses.
 */
#pragma once

#include "crypto/avi-key.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_PEER_RECORD_MAX           2048 /* bytes of an envelope that is opened */
#define AVI_PEER_RECORD_MAX_ADDRESSES 32   /* taken; more are passed over */

typedef struct
{
  AviPeerId  peer;
  guint64    seq;       /* grows with each record of the peer; no time */
  GPtrArray *addresses; /* of AviMultiaddr, without /p2p/ */
} AviPeerRecord;

/* The envelope: as many of @addresses (without /p2p/), the first first, as keep it within AVI_PEER_RECORD_MAX:
 * (transfer full) */
GBytes  *avi_peer_record_seal  (AviKeyPair *key, guint64 seq, GPtrArray *addresses);
/* FALSE: malformed (AVI_ERROR_PROTOCOL), too large (AVI_ERROR_LIMIT), or not signed by the peer that it is of
 * (AVI_ERROR_SECURITY). Addresses that are malformed, of unknown protocols or of another peer are left out. One
 * signature is checked. */
gboolean avi_peer_record_open  (AviPeerRecord *self, AviSpan envelope, GError **error);
void     avi_peer_record_clear (AviPeerRecord *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AviPeerRecord, avi_peer_record_clear)

G_END_DECLS
