/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of the addresses that a packet tells may be dialled: anybody on the link may say anything, and sends
 * no node elsewhere by it. For AviMdns; what Avahi tells has no source, and is judged by AviLan.
 */
#pragma once

#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

/* @address, as avi_mdns_txt_parse () gave it: TRUE on a subnet of the interface that heard @packet, link-local there,
 * loopback where @packet is of this machine. And, for reflectors that join the segments of a home and leave the source
 * as it is: private, and in the /24 (IPv6: /64) of the packet's source. */
gboolean avi_mdns_is_near (const AviMdnsPacket *packet, const AviMultiaddr *address);

G_END_DECLS
