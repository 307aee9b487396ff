/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which addresses our listeners have on which interface, in the order in which others should try
 * them. For AviLan.
 */
#pragma once

#include "engine/avi-interfaces.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

/* Takes part in the network: up, not loopback, not the port of something that has the addresses. */
static inline gboolean
avi_lan_is_usable (const AviInterface *interface)
{
  return interface->up && !interface->loopback && !interface->port;
}

/* The addresses of @listeners (as bound; wildcards stand for all) on @interface, the best first:
 * IPv4, IPv6, link-local ones last; no fleeting ones. (transfer full) (element-type AviMultiaddr) */
GPtrArray *avi_lan_expand       (GPtrArray *listeners, const AviInterface *interface);
/* The same over all interfaces; link-local ones only where there are no others, for they mean
 * nothing beyond their link; @loopback: and at the end those of loopback. */
GPtrArray *avi_lan_expand_all   (GPtrArray *listeners, GPtrArray *interfaces, gboolean loopback);

/* Those of @addresses, which others told on @interface (NULL: it is gone), that lead nowhere else: on its subnets, or
 * link-local. (transfer full) (element-type AviMultiaddr) */
GPtrArray *avi_lan_list_near    (GPtrArray *addresses, const AviInterface *interface);

/* The IP address and family behind a socket address; NULL for another family. */
const guint8 *avi_lan_get_ip    (const struct sockaddr_storage *address);

G_END_DECLS
