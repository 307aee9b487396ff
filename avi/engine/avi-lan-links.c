/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The links of a LAN: the interfaces on which mDNS runs, as they come and go, and their sockets.
 */
#include "config.h"

#include <netinet/in.h>

#include "avi-error.h"
#include "avi-lan-addresses.h"
#include "avi-lan-private.h"

#define RETRY_INTERVAL (30 * G_USEC_PER_SEC) /* of what could not be opened */

static const int families[] = { AF_INET, AF_INET6 };
static void
avi_lan_link_close (AviLanLink *link)
{
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    g_clear_pointer (&link->sockets[i], avi_lan_socket_free);
}

void
avi_lan_link_free (AviLanLink *link)
{
  avi_lan_link_close (link);
  g_free (link->problem);
  g_free (link);
}

AviLanLink *
avi_lan_find_link (AviLan *self,
                   guint   ifindex)
{
  for (guint i = 0; i < self->links->len; i++)
    {
      AviLanLink *link = g_ptr_array_index (self->links, i);

      if (link->ifindex == ifindex)
        return link;
    }
  return NULL;
}

static gboolean
avi_lan_has_family (const AviInterface *interface,
                    int                 family)
{
  for (guint i = 0; i < interface->addresses->len; i++)
    {
      if (g_array_index (interface->addresses, AviInterfaceAddress, i).family == family)
        return TRUE;
    }
  return FALSE;
}

static void
avi_lan_open_link (AviLan     *self,
                   AviLanLink *link)
{
  link->port_taken = FALSE;
  g_clear_pointer (&link->problem, g_free);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autoptr(GError) error = NULL;

      if (!link->wanted[i])
        g_clear_pointer (&link->sockets[i], avi_lan_socket_free);
      if (!link->wanted[i] || link->sockets[i] != NULL)
        continue;
      link->sockets[i] = avi_lan_socket_new (self->loop, link->ifindex, families[i], avi_lan_receive, self, &error);
      if (link->sockets[i] != NULL)
        continue;
      g_debug ("%s", error->message);
      avi_loop_set_timer (self->loop, &self->retry_timer, avi_loop_now (self->loop) + RETRY_INTERVAL,
                          avi_lan_retry_due);
      if (g_error_matches (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS))
        link->port_taken = TRUE;
      else
        {
          g_free (link->problem);
          link->problem = g_strdup (error->message);
        }
    }
}

/* The link of an interface that takes part; NULL where it has no multicast, no address, or is one
 * too many. */
static AviLanLink *
avi_lan_take_link (AviLan             *self,
                   const AviInterface *interface)
{
  AviLanLink *link = avi_lan_find_link (self, interface->index);

  if (!avi_lan_is_usable (interface) || !interface->multicast || interface->addresses->len == 0)
    return NULL;
  if (link == NULL)
    {
      if (self->links->len >= AVI_LAN_MAX_LINKS)
        {
          self->too_many = TRUE;
          return NULL;
        }
      link = g_new0 (AviLanLink, 1);
      link->ifindex = interface->index;
      link->since = avi_loop_now (self->loop);
      g_ptr_array_add (self->links, link);
    }
  memcpy (link->name, interface->name, sizeof link->name);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    link->wanted[i] = avi_lan_has_family (interface, families[i]);
  return link;
}

static guint16
avi_lan_get_port (GPtrArray *addresses)
{
  struct sockaddr_storage address;
  socklen_t len;

  if (addresses->len == 0 || !avi_multiaddr_to_sockaddr (g_ptr_array_index (addresses, 0), &address, &len))
    return 0;
  /* The port lies at the same place in both families. */
  return ntohs (((const struct sockaddr_in *) &address)->sin_port);
}

static void
avi_lan_update_link (AviLan             *self,
                     AviLanLink         *link,
                     const AviInterface *interface)
{
  g_autoptr(GPtrArray) addresses = avi_lan_expand (self->listeners, interface);

  avi_lan_open_link (self, link);
  avi_mdns_set_interface (self->mdns, link->ifindex, link->sockets[0] != NULL, link->sockets[1] != NULL, addresses,
                          avi_loop_now (self->loop));
  avi_avahi_set_interface (self->avahi, link->ifindex, addresses, avi_lan_get_port (addresses));
}

void
avi_lan_update_links (AviLan *self)
{
  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);

  self->too_many = FALSE;
  for (guint i = 0; i < self->links->len; i++)
    ((AviLanLink *) g_ptr_array_index (self->links, i))->seen = FALSE;
  for (guint i = 0; i < interfaces->len; i++)
    {
      const AviInterface *interface = g_ptr_array_index (interfaces, i);
      AviLanLink *link = avi_lan_take_link (self, interface);

      if (link == NULL)
        continue;
      link->seen = TRUE;
      avi_lan_update_link (self, link, interface);
    }
  for (guint i = self->links->len; i > 0; i--)
    {
      AviLanLink *link = g_ptr_array_index (self->links, i - 1);

      if (link->seen)
        continue;
      avi_mdns_remove_interface (self->mdns, link->ifindex);
      avi_avahi_remove_interface (self->avahi, link->ifindex);
      g_ptr_array_remove_index (self->links, i - 1);
    }
}
