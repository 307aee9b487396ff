/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device's side of a peer's handle.
 */
#pragma once

#include "avi-peer.h"
#include "engine/avi-core.h"

G_BEGIN_DECLS

AviPeer *avi_peer_new  (AviCore *core, AviPeerInfo *info);
/* In the device's context: what the engine says of the peer now; notifies what differs from what
 * it said last. */
void     avi_peer_tell (AviPeer *self, AviPeerInfo *info);

G_END_DECLS
