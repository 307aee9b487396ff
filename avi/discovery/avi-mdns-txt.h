/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strings of the TXT record by which libp2p announces itself (specs/discovery/mdns):
 * "dnsaddr=" and a multiaddr that ends in /p2p/ID. Written and read for TCP over IP, which is what
 * we listen on and dial; all else that others put there is passed over.
 */
#pragma once

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_MDNS_TXT_PREFIX "dnsaddr="

/* Where something listens; the zone of a link-local address is the interface it was heard on. */
typedef struct
{
  int     family; /* AF_INET, AF_INET6 */
  guint8  ip[16];
  guint16 port;
} AviMdnsEndpoint;

/* FALSE for whatever is not TCP over an IP address, a zone and a trailing /p2p/ allowed. */
gboolean avi_mdns_endpoint_init (AviMdnsEndpoint *self, const AviMultiaddr *address);
/* Appends the string, behind its length, to a record's data. */
void     avi_mdns_txt_append    (GByteArray *data, const AviMdnsEndpoint *endpoint, const char *peer);
/* FALSE where @string names no peer. @address: (out) (nullable) (transfer full): without /p2p/ and
 * with @ifindex as its zone where it needs one; NULL where it is none that could be dialled from
 * here: not TCP over IP, a group, no address at all, or loopback unless @own (told by this host). */
gboolean avi_mdns_txt_parse     (AviSpan string, guint ifindex, gboolean own, AviPeerId *peer, AviMultiaddr **address);

G_END_DECLS
