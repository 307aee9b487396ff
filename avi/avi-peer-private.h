/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device's side of a peer's handle.
 */
#pragma once

#include "avi-peer.h"
#include "engine/avi-core.h"

G_BEGIN_DECLS

AviPeer *avi_peer_new  (AviCore *core, AviPeerInfo *info);
/* In the device's context: the engine has said something of the peer. Notifies what reads otherwise
 * than when this was called last. */
void     avi_peer_tell (AviPeer *self, AviPeerInfo *event);

G_END_DECLS
