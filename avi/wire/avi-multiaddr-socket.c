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
avi_multiaddr_get_scope (AviSpan zone)
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
      && (scope = avi_multiaddr_get_scope (zone)) == 0)
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

/* The IP address that it begins with, as IPv6. FALSE: with none. */
static gboolean
avi_multiaddr_get_ip (const AviMultiaddr *self, struct in6_addr *ip)
{
  static const struct in6_addr v4_mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
  AviMultiaddrIter iter = { 0 };

  if (!avi_multiaddr_next (self, &iter))
    return FALSE;
  if (iter.protocol == AVI_MULTIADDR_IP6ZONE && !avi_multiaddr_next (self, &iter))
    return FALSE;
  *ip = v4_mapped;
  if (iter.protocol == AVI_MULTIADDR_IP4)
    memcpy (ip->s6_addr + 12, iter.value.data, 4);
  else if (iter.protocol == AVI_MULTIADDR_IP6)
    memcpy (ip, iter.value.data, sizeof *ip);
  else
    return FALSE;
  return TRUE;
}

gboolean
avi_multiaddr_is_loopback (const AviMultiaddr *self)
{
  struct in6_addr ip;

  return avi_multiaddr_get_ip (self, &ip)
         && (IN6_IS_ADDR_LOOPBACK (&ip) || (IN6_IS_ADDR_V4MAPPED (&ip) && ip.s6_addr[12] == 127));
}

gboolean
avi_multiaddr_is_unspecified (const AviMultiaddr *self)
{
  static const guint8 zeros[4];
  struct in6_addr ip;

  return avi_multiaddr_get_ip (self, &ip)
         && (IN6_IS_ADDR_UNSPECIFIED (&ip)
             || (IN6_IS_ADDR_V4MAPPED (&ip) && memcmp (ip.s6_addr + 12, zeros, sizeof zeros) == 0));
}
