/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-near.h"

#include <netinet/in.h>

#include "discovery/avi-mdns-txt.h"

static gboolean
avi_mdns_is_in (const guint8 *ip,
                const guint8 *network,
                guint         prefix)
{
  guint8 mask = (guint8) (0xff << (8 - prefix % 8));

  return memcmp (ip, network, prefix / 8) == 0
         && (prefix % 8 == 0 || ((ip[prefix / 8] ^ network[prefix / 8]) & mask) == 0);
}

static gboolean
avi_mdns_is_link_local (const AviMdnsEndpoint *endpoint)
{
  if (endpoint->family == AF_INET)
    return endpoint->ip[0] == 169 && endpoint->ip[1] == 254;
  return IN6_IS_ADDR_LINKLOCAL ((const struct in6_addr *) endpoint->ip);
}

static gboolean
avi_mdns_is_beside_source (const AviMdnsPacket   *packet,
                           const AviMdnsEndpoint *endpoint)
{
  if (packet->remote.ss_family != endpoint->family)
    return FALSE;
  if (endpoint->family == AF_INET)
    return avi_mdns_is_in (endpoint->ip,
                           (const guint8 *) &((const struct sockaddr_in *) &packet->remote)->sin_addr, 24);
  return avi_mdns_is_in (endpoint->ip,
                         (const guint8 *) &((const struct sockaddr_in6 *) &packet->remote)->sin6_addr, 64);
}

gboolean
avi_mdns_is_near (const AviMdnsPacket *packet,
                  const AviMultiaddr  *address)
{
  static const guint8 nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
  AviMultiaddrScope scope = avi_multiaddr_get_scope (address);
  AviMdnsEndpoint endpoint;

  if (!avi_mdns_endpoint_init (&endpoint, address))
    return FALSE;
  /* Nobody has such an address: it stands for one of IPv4, wherever that leads. */
  if (endpoint.family == AF_INET6 && memcmp (endpoint.ip, nat64, sizeof nat64) == 0)
    return FALSE;
  if (scope == AVI_MULTIADDR_LOOPBACK)
    return packet->own;
  if (avi_mdns_is_link_local (&endpoint))
    return TRUE;
  for (guint i = 0; i < packet->n_networks; i++)
    {
      const AviMdnsNetwork *network = &packet->networks[i];

      if (network->family == endpoint.family && avi_mdns_is_in (endpoint.ip, network->ip, network->prefix))
        return TRUE;
    }
  return scope == AVI_MULTIADDR_PRIVATE && avi_mdns_is_beside_source (packet, &endpoint);
}
