/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPeer: another node, as far as it is known: its names and addresses, whether it is connected, how
 * far away it is. AviDevice gives out one object per peer, the same one as long as anybody holds it; its
 * properties follow what happens. It never acts: dialling is the device's.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

/**
 * AviPeerSource:
 * @AVI_PEER_SOURCE_NONE: from nowhere yet
 * @AVI_PEER_SOURCE_MDNS: its announcement on the LAN was heard
 * @AVI_PEER_SOURCE_LOCAL: it runs on this machine, for the same user
 * @AVI_PEER_SOURCE_BOOTSTRAP: it is one of [property@Avi.Device:bootstrap-peers]
 * @AVI_PEER_SOURCE_INBOUND: it connected by itself
 * @AVI_PEER_SOURCE_DIAL: the program asked for it by [method@Avi.Device.dial]
 *
 * How a peer came to be known; several may hold. The value `1 << 2` is reserved for peers that
 * Kademlia tells of.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  AVI_PEER_SOURCE_NONE      = 0,
  AVI_PEER_SOURCE_MDNS      = 1 << 0,
  AVI_PEER_SOURCE_LOCAL     = 1 << 1,
  AVI_PEER_SOURCE_BOOTSTRAP = 1 << 3,
  AVI_PEER_SOURCE_INBOUND   = 1 << 4,
  AVI_PEER_SOURCE_DIAL      = 1 << 5
} AviPeerSource;

#define AVI_TYPE_PEER (avi_peer_get_type ())

AVI_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (AviPeer, avi_peer, AVI, PEER, GObject)

AVI_AVAILABLE_IN_1_0
const char     *avi_peer_get_id         (AviPeer *self);
AVI_AVAILABLE_IN_1_0
char           *avi_peer_dup_name       (AviPeer *self);
AVI_AVAILABLE_IN_1_0
char           *avi_peer_dup_agent      (AviPeer *self);
AVI_AVAILABLE_IN_1_0
char          **avi_peer_dup_addresses  (AviPeer *self);
AVI_AVAILABLE_IN_1_0
char          **avi_peer_dup_protocols  (AviPeer *self);
AVI_AVAILABLE_IN_1_0
gboolean        avi_peer_get_connected  (AviPeer *self);
AVI_AVAILABLE_IN_1_0
gint64          avi_peer_get_round_trip (AviPeer *self);
AVI_AVAILABLE_IN_1_0
guint64         avi_peer_get_dropped    (AviPeer *self);
AVI_AVAILABLE_IN_1_0
GDateTime      *avi_peer_dup_since      (AviPeer *self);
AVI_AVAILABLE_IN_1_0
char           *avi_peer_dup_last_error (AviPeer *self);
AVI_AVAILABLE_IN_1_0
AviPeerSource   avi_peer_get_source     (AviPeer *self);

G_END_DECLS
