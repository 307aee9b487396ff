/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-lan-addresses.h"

#include <netinet/in.h>

/* The order in which others should try. */
enum
{
  RANK_IP4,
  RANK_IP6,
  RANK_IP4_LINK_LOCAL,
  RANK_IP6_LINK_LOCAL,
  N_RANKS
};

const guint8 *
avi_lan_get_ip (const struct sockaddr_storage *address)
{
  switch (address->ss_family)
    {
    case AF_INET:
      return (const guint8 *) &((const struct sockaddr_in *) address)->sin_addr;
    case AF_INET6:
      return (const guint8 *) &((const struct sockaddr_in6 *) address)->sin6_addr;
    default:
      return NULL;
    }
}

static guint
avi_lan_addresses_get_rank (const AviInterfaceAddress *address)
{
  if (address->family == AF_INET)
    return address->ip[0] == 169 && address->ip[1] == 254 ? RANK_IP4_LINK_LOCAL : RANK_IP4;
  return IN6_IS_ADDR_LINKLOCAL ((const struct in6_addr *) address->ip) ? RANK_IP6_LINK_LOCAL : RANK_IP6;
}

/* @address as @listener, which is bound to it or to all, is reached by it; else NULL. */
static AviMultiaddr *
avi_lan_addresses_expand_one (const AviMultiaddr        *listener,
                              const AviInterface        *interface,
                              const AviInterfaceAddress *address)
{
  static const guint8 any[16];
  struct sockaddr_storage bound;
  socklen_t len;
  gsize ip_len = address->family == AF_INET ? 4 : 16;
  guint8 *ip;

  if (!avi_multiaddr_to_sockaddr (listener, &bound, &len) || bound.ss_family != address->family)
    return NULL;
  ip = (guint8 *) avi_lan_get_ip (&bound);
  if (memcmp (ip, any, ip_len) != 0 && memcmp (ip, address->ip, ip_len) != 0)
    return NULL;
  memcpy (ip, address->ip, ip_len);
  if (avi_lan_addresses_get_rank (address) == RANK_IP6_LINK_LOCAL)
    ((struct sockaddr_in6 *) &bound)->sin6_scope_id = interface->index;
  return avi_multiaddr_from_sockaddr ((const struct sockaddr *) &bound);
}

static void
avi_lan_addresses_expand_rank (GPtrArray          *listeners,
                               const AviInterface *interface,
                               guint               rank,
                               GPtrArray          *out)
{
  for (guint i = 0; i < interface->addresses->len; i++)
    {
      const AviInterfaceAddress *address = &g_array_index (interface->addresses, AviInterfaceAddress, i);

      if (address->fleeting || avi_lan_addresses_get_rank (address) != rank)
        continue;
      for (guint j = 0; j < listeners->len; j++)
        {
          g_autoptr(AviMultiaddr) full =
              avi_lan_addresses_expand_one (g_ptr_array_index (listeners, j), interface, address);

          if (full != NULL && !g_ptr_array_find_with_equal_func (out, full, avi_multiaddr_equal, NULL))
            g_ptr_array_add (out, g_steal_pointer (&full));
        }
    }
}

GPtrArray *
avi_lan_expand (GPtrArray          *listeners,
                const AviInterface *interface)
{
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint rank = 0; rank < N_RANKS; rank++)
    avi_lan_addresses_expand_rank (listeners, interface, rank, out);
  return out;
}

GPtrArray *
avi_lan_expand_all (GPtrArray *listeners,
                    GPtrArray *interfaces,
                    gboolean   loopback)
{
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint rank = 0; rank < N_RANKS && !(rank == RANK_IP4_LINK_LOCAL && out->len > 0); rank++)
    {
      for (guint i = 0; i < interfaces->len; i++)
        {
          if (avi_lan_is_usable (g_ptr_array_index (interfaces, i)))
            avi_lan_addresses_expand_rank (listeners, g_ptr_array_index (interfaces, i), rank, out);
        }
    }
  for (guint i = 0; loopback && i < interfaces->len; i++)
    {
      const AviInterface *interface = g_ptr_array_index (interfaces, i);

      for (guint rank = 0; interface->up && interface->loopback && rank < N_RANKS; rank++)
        avi_lan_addresses_expand_rank (listeners, interface, rank, out);
    }
  return out;
}

GPtrArray *
avi_lan_list_near (GPtrArray          *addresses,
                   const AviInterface *interface)
{
  GPtrArray *near = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; interface != NULL && i < addresses->len; i++)
    {
      AviMultiaddr *address = g_ptr_array_index (addresses, i);
      struct sockaddr_storage storage;
      socklen_t len;

      if (avi_multiaddr_to_sockaddr (address, &storage, &len)
          && avi_interface_is_near (interface, storage.ss_family, avi_lan_get_ip (&storage)))
        g_ptr_array_add (near, avi_multiaddr_ref (address));
    }
  return near;
}
