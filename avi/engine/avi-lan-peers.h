/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLanPeers: who is on the LAN, put together from those who look: the machine of our own, and
 * Avahi on each interface. For AviLan.
 */
#pragma once

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_LAN_MAX_PEERS    2048 /* our own machine and Avahi remember 1,024 each */
#define AVI_LAN_OWN_MDNS     0    /* the source that is our own machine; Avahi's are its ifindexes */

typedef struct _AviLanPeers AviLanPeers;

AviLanPeers *avi_lan_peers_new    (void);
void         avi_lan_peers_free   (AviLanPeers *self);
guint        avi_lan_peers_get_n  (AviLanPeers *self);
/* @addresses is all that @source knows of @peer now. Returns what all know together, our own
 * machine's first; NULL where the table is full. (transfer full) (element-type AviMultiaddr) */
GPtrArray   *avi_lan_peers_set    (AviLanPeers *self, const AviPeerId *peer, guint source, GPtrArray *addresses);
/* @source knows it no more. TRUE where it was known; @left: (out) (nullable) (transfer full): what the
 * others know, NULL for nothing: it is gone. */
gboolean     avi_lan_peers_remove (AviLanPeers *self, const AviPeerId *peer, guint source, GPtrArray **left);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLanPeers, avi_lan_peers_free)

G_END_DECLS
