/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMultiaddr to and from what sockets and resolvers take.
 */
#include "config.h"

#include "wire/avi-multiaddr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

/* Steps over the next component where it is @protocol; else stays. */
static gboolean
avi_multiaddr_take (const AviMultiaddr *self, AviMultiaddrIter *iter, AviMultiaddrProtocol protocol, AviSpan *value)
{
  AviMultiaddrIter ahead = *iter;

  if (!avi_multiaddr_next (self, &ahead) || ahead.protocol != protocol)
    return FALSE;
  *iter = ahead;
  if (value != NULL)
    *value = ahead.value;
  return TRUE;
}

/* The rest of an address for TCP: a port, perhaps a peer, nothing else. */
static gboolean
avi_multiaddr_take_port (const AviMultiaddr *self, AviMultiaddrIter *iter, guint16 *port)
{
  AviSpan value;

  if (!avi_multiaddr_take (self, iter, AVI_MULTIADDR_TCP, &value))
    return FALSE;
  avi_multiaddr_take (self, iter, AVI_MULTIADDR_P2P, NULL);
  *port = value.data[0] << 8 | value.data[1];
  return !avi_multiaddr_next (self, iter);
}

/* 0 where there is no such interface. */
static guint32
avi_multiaddr_get_scope_id (AviSpan zone)
{
  g_autofree char *name = g_strndup ((const char *) zone.data, zone.len);
  guint32 scope = if_nametoindex (name);
  guint64 number;

  if (scope == 0 && g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT32, &number, NULL))
    scope = number;
  return scope;
}

gboolean
avi_multiaddr_to_sockaddr (const AviMultiaddr *self, struct sockaddr_storage *out, socklen_t *len)
{
  AviMultiaddrIter iter = { 0 };
  AviSpan zone = AVI_SPAN_EMPTY, value;
  guint32 scope = 0;
  guint16 port;

  memset (out, 0, sizeof *out);
  if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP6ZONE, &zone)
      && (scope = avi_multiaddr_get_scope_id (zone)) == 0)
    return FALSE;

  if (zone.len == 0 && avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP4, &value))
    {
      struct sockaddr_in *in = (struct sockaddr_in *) out;

      if (!avi_multiaddr_take_port (self, &iter, &port))
        return FALSE;
      in->sin_family = AF_INET;
      in->sin_port = htons (port);
      memcpy (&in->sin_addr, value.data, value.len);
      *len = sizeof *in;
      return TRUE;
    }

  if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP6, &value))
    {
      struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) out;

      if (!avi_multiaddr_take_port (self, &iter, &port))
        return FALSE;
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons (port);
      in6->sin6_scope_id = scope;
      memcpy (&in6->sin6_addr, value.data, value.len);
      *len = sizeof *in6;
      return TRUE;
    }

  return FALSE;
}

static AviMultiaddr *
avi_multiaddr_from_host (const char *zone, int family, gconstpointer address, guint16 port)
{
  char host[INET6_ADDRSTRLEN];
  g_autofree char *text = NULL;

  inet_ntop (family, address, host, sizeof host);
  text = g_strdup_printf ("%s%s/%s/%s/tcp/%u", zone[0] != '\0' ? "/ip6zone/" : "", zone,
                          family == AF_INET ? "ip4" : "ip6", host, ntohs (port));
  return avi_multiaddr_parse (text, NULL);
}

AviMultiaddr *
avi_multiaddr_from_sockaddr (const struct sockaddr *address)
{
  const struct sockaddr_in *in = (const struct sockaddr_in *) address;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;
  char zone[MAX (IF_NAMESIZE, 16)] = "";

  if (address->sa_family == AF_INET)
    return avi_multiaddr_from_host (zone, AF_INET, &in->sin_addr, in->sin_port);
  if (address->sa_family != AF_INET6)
    return NULL;
  if (IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr))
    return avi_multiaddr_from_host (zone, AF_INET, in6->sin6_addr.s6_addr + 12, in6->sin6_port);

  if (IN6_IS_ADDR_LINKLOCAL (&in6->sin6_addr) && in6->sin6_scope_id != 0
      && if_indextoname (in6->sin6_scope_id, zone) == NULL)
    g_snprintf (zone, sizeof zone, "%u", in6->sin6_scope_id);
  return avi_multiaddr_from_host (zone, AF_INET6, &in6->sin6_addr, in6->sin6_port);
}

gboolean
avi_multiaddr_get_host (const AviMultiaddr *self, char **name, guint16 *port, int *family)
{
  AviMultiaddrIter iter = { 0 };
  AviSpan value;

  if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_DNS, &value))
    *family = AF_UNSPEC;
  else if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_DNS4, &value))
    *family = AF_INET;
  else if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_DNS6, &value))
    *family = AF_INET6;
  else
    return FALSE;

  if (!avi_multiaddr_take_port (self, &iter, port))
    return FALSE;
  *name = g_strndup ((const char *) value.data, value.len);
  return TRUE;
}

typedef struct
{
  guint8            prefix[16];
  guint             bits;
  AviMultiaddrScope scope;
} AviMultiaddrNetwork;

/* The IANA registries of special-purpose addresses, as far as what is theirs leads to other machines than
 * its speaker means; the first that fits counts. */
static const AviMultiaddrNetwork ip4_networks[] = {
  { { 0 }, 8, AVI_MULTIADDR_NOWHERE },
  { { 127 }, 8, AVI_MULTIADDR_LOOPBACK },
  { { 10 }, 8, AVI_MULTIADDR_PRIVATE },
  { { 100, 64 }, 10, AVI_MULTIADDR_PRIVATE },
  { { 169, 254 }, 16, AVI_MULTIADDR_PRIVATE },
  { { 172, 16 }, 12, AVI_MULTIADDR_PRIVATE },
  { { 192, 168 }, 16, AVI_MULTIADDR_PRIVATE },
  { { 224 }, 3, AVI_MULTIADDR_NOWHERE }, /* groups, reserved, broadcast */
};
static const AviMultiaddrNetwork ip6_networks[] = {
  { { [15] = 1 }, 128, AVI_MULTIADDR_LOOPBACK },
  { { 0 }, 96, AVI_MULTIADDR_NOWHERE }, /* unspecified, and the IPv4-compatible ones, long gone */
  { { 0xfc }, 7, AVI_MULTIADDR_PRIVATE },
  { { 0xfe, 0x80 }, 10, AVI_MULTIADDR_PRIVATE },
  { { 0xfe, 0xc0 }, 10, AVI_MULTIADDR_PRIVATE }, /* of sites, before RFC 3879 */
  { { 0xff }, 8, AVI_MULTIADDR_NOWHERE },
};

static gboolean
avi_multiaddr_is_within (const guint8 *ip, const guint8 *prefix, guint bits)
{
  guint8 mask = 0xff << (8 - bits % 8);

  return memcmp (ip, prefix, bits / 8) == 0 && (bits % 8 == 0 || ((ip[bits / 8] ^ prefix[bits / 8]) & mask) == 0);
}

static AviMultiaddrScope
avi_multiaddr_find_scope (const guint8 *ip, const AviMultiaddrNetwork *networks, guint n_networks)
{
  for (guint i = 0; i < n_networks; i++)
    if (avi_multiaddr_is_within (ip, networks[i].prefix, networks[i].bits))
      return networks[i].scope;
  return AVI_MULTIADDR_PUBLIC;
}

AviMultiaddrScope
avi_multiaddr_get_scope (const AviMultiaddr *self)
{
  static const guint8 mapped[16] = { [10] = 0xff, [11] = 0xff };
  static const guint8 nat64[16] = { 0x00, 0x64, 0xff, 0x9b };
  AviMultiaddrIter iter = { 0 };
  AviSpan ip;

  avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP6ZONE, NULL);
  if (avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP4, &ip))
    return avi_multiaddr_find_scope (ip.data, ip4_networks, G_N_ELEMENTS (ip4_networks));
  if (!avi_multiaddr_take (self, &iter, AVI_MULTIADDR_IP6, &ip))
    return AVI_MULTIADDR_NAMED;
  if (avi_multiaddr_is_within (ip.data, mapped, 96) || avi_multiaddr_is_within (ip.data, nat64, 96))
    return avi_multiaddr_find_scope (ip.data + 12, ip4_networks, G_N_ELEMENTS (ip4_networks));
  return avi_multiaddr_find_scope (ip.data, ip6_networks, G_N_ELEMENTS (ip6_networks));
}

gboolean
avi_multiaddr_is_loopback (const AviMultiaddr *self)
{
  return avi_multiaddr_get_scope (self) == AVI_MULTIADDR_LOOPBACK;
}
