/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-txt.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define PREFIX_LEN (sizeof AVI_MDNS_TXT_PREFIX - 1)

gboolean
avi_mdns_endpoint_init (AviMdnsEndpoint    *self,
                        const AviMultiaddr *address)
{
  AviMultiaddrIter iter = { 0 };

  if (!avi_multiaddr_next (address, &iter))
    return FALSE;
  if (iter.protocol == AVI_MULTIADDR_IP6ZONE && !avi_multiaddr_next (address, &iter))
    return FALSE;
  if (iter.protocol != AVI_MULTIADDR_IP4 && iter.protocol != AVI_MULTIADDR_IP6)
    return FALSE;
  self->family = iter.protocol == AVI_MULTIADDR_IP4 ? AF_INET : AF_INET6;
  memcpy (self->ip, iter.value.data, iter.value.len);

  if (!avi_multiaddr_next (address, &iter) || iter.protocol != AVI_MULTIADDR_TCP)
    return FALSE;
  self->port = iter.value.data[0] << 8 | iter.value.data[1];

  return !avi_multiaddr_next (address, &iter)
         || (iter.protocol == AVI_MULTIADDR_P2P && !avi_multiaddr_next (address, &iter));
}

void
avi_mdns_txt_append (GByteArray            *data,
                     const AviMdnsEndpoint *endpoint,
                     const char            *peer)
{
  char host[INET6_ADDRSTRLEN];

  inet_ntop (endpoint->family, endpoint->ip, host, sizeof host);
  g_autofree char *text = g_strdup_printf ("%s/%s/%s/tcp/%u/p2p/%s", AVI_MDNS_TXT_PREFIX,
                                           endpoint->family == AF_INET ? "ip4" : "ip6", host, endpoint->port, peer);
  guint8 len = strlen (text); /* about 130 at most */

  g_byte_array_append (data, &len, 1);
  g_byte_array_append (data, (const guint8 *) text, len);
}

static gboolean
avi_mdns_endpoint_is_usable (const AviMdnsEndpoint *self,
                             gboolean               own)
{
  const struct in6_addr *ip6 = (const struct in6_addr *) self->ip;

  if (self->port == 0)
    return FALSE;
  if (self->family == AF_INET)
    {
      if (self->ip[0] == 127)
        return own;
      return self->ip[0] != 0 && self->ip[0] < 224;
    }
  if (IN6_IS_ADDR_LOOPBACK (ip6))
    return own;
  return !IN6_IS_ADDR_UNSPECIFIED (ip6) && !IN6_IS_ADDR_MULTICAST (ip6)
         && !IN6_IS_ADDR_V4MAPPED (ip6) && !IN6_IS_ADDR_V4COMPAT (ip6);
}

static AviMultiaddr *
avi_mdns_endpoint_to_multiaddr (const AviMdnsEndpoint *self,
                                guint                  ifindex)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (self->port) };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons (self->port) };

  if (self->family == AF_INET)
    {
      memcpy (&in.sin_addr, self->ip, 4);
      return avi_multiaddr_from_sockaddr ((const struct sockaddr *) &in);
    }
  memcpy (&in6.sin6_addr, self->ip, 16);
  if (IN6_IS_ADDR_LINKLOCAL (&in6.sin6_addr))
    in6.sin6_scope_id = ifindex;
  return avi_multiaddr_from_sockaddr ((const struct sockaddr *) &in6);
}

gboolean
avi_mdns_txt_parse (AviSpan        string,
                    guint          ifindex,
                    gboolean       own,
                    AviPeerId     *peer,
                    AviMultiaddr **address)
{
  g_autoptr(AviMultiaddr) told = NULL;
  AviMdnsEndpoint endpoint;
  char text[256];

  *address = NULL;
  if (string.len <= PREFIX_LEN || string.len >= sizeof text || memchr (string.data, 0, string.len) != NULL
      || g_ascii_strncasecmp ((const char *) string.data, AVI_MDNS_TXT_PREFIX, PREFIX_LEN) != 0)
    return FALSE;
  memcpy (text, string.data, string.len);
  text[string.len] = '\0';
  told = avi_multiaddr_parse (text + PREFIX_LEN, NULL);
  if (told == NULL || !avi_multiaddr_get_peer (told, peer))
    return FALSE;

  if (avi_mdns_endpoint_init (&endpoint, told) && avi_mdns_endpoint_is_usable (&endpoint, own))
    *address = avi_mdns_endpoint_to_multiaddr (&endpoint, ifindex);
  return TRUE;
}
