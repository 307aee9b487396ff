/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-lan-private.h"

#include <errno.h>
#include <netinet/in.h>

#include "avi-lan-addresses.h"

#define PACKETS_PER_ROUND 64 /* read of one socket, or sent, before others have their turn */

static void avi_lan_timer_due (AviTimer *timer, gint64 now);

/* What the program hears, it hears from the loop, never inside of a call. */
static void
avi_lan_wake (AviLan *self)
{
  avi_loop_set_timer (self->loop, &self->timer, avi_loop_now (self->loop), avi_lan_timer_due);
}

/* --- packets --- */

static void
avi_lan_ignored (AviLan *self,
                 guint64 n)
{
  if (n > 0 && self->callbacks->ignored != NULL)
    self->callbacks->ignored (self->user_data, n);
}

static guint
avi_lan_list_networks (const AviInterface *interface,
                       AviMdnsNetwork     *networks)
{
  guint n = MIN (interface->addresses->len, AVI_INTERFACES_MAX_ADDRESSES);

  for (guint i = 0; i < n; i++)
    {
      const AviInterfaceAddress *address = &g_array_index (interface->addresses, AviInterfaceAddress, i);

      networks[i] = (AviMdnsNetwork) { .family = address->family, .prefix = address->prefix };
      memcpy (networks[i].ip, address->network, sizeof networks[i].ip);
    }
  return n;
}

/* @networks: AVI_INTERFACES_MAX_ADDRESSES of them. */
static void
avi_lan_describe_source (AviLan         *self,
                         AviMdnsPacket  *packet,
                         AviMdnsNetwork *networks)
{
  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);
  AviInterface *interface = avi_interfaces_find (self->interfaces, packet->ifindex);
  const guint8 *ip = avi_lan_get_ip (&packet->remote);

  packet->networks = networks;
  packet->n_networks = interface != NULL ? avi_lan_list_networks (interface, networks) : 0;
  packet->near = interface != NULL && avi_interface_is_near (interface, packet->remote.ss_family, ip);
  for (guint i = 0; i < interfaces->len && !packet->own; i++)
    packet->own = avi_interface_has (g_ptr_array_index (interfaces, i), packet->remote.ss_family, ip);
}

void
avi_lan_receive (gpointer      user_data,
                 AviLanSocket *socket)
{
  AviLan *self = user_data;
  gint64 now = avi_loop_now (self->loop);
  guint64 n_ignored = avi_mdns_get_n_ignored (self->mdns);
  AviMdnsNetwork networks[AVI_INTERFACES_MAX_ADDRESSES];

  for (guint i = 0; i < PACKETS_PER_ROUND; i++)
    {
      AviMdnsPacket packet = { .ifindex = avi_lan_socket_get_ifindex (socket) };
      g_autoptr(GError) error = NULL;

      if (!avi_lan_socket_receive (socket, AVI_SPAN (self->buffer, AVI_MDNS_MAX_PACKET), &packet.bytes, &packet.remote))
        break;
      if (avi_lan_get_ip (&packet.remote) == NULL)
        continue;
      avi_lan_describe_source (self, &packet, networks);
      if (avi_mdns_receive (self->mdns, &packet, now, &error))
        continue;
      g_debug ("An mDNS packet is not understood: %s", error->message);
      if (self->callbacks->invalid != NULL)
        self->callbacks->invalid (self->user_data);
    }
  avi_lan_ignored (self, avi_mdns_get_n_ignored (self->mdns) - n_ignored);
  avi_lan_wake (self);
}

static void
avi_lan_send (AviLan              *self,
              const AviMdnsPacket *packet)
{
  AviLanLink *link = avi_lan_find_link (self, packet->ifindex);
  AviLanSocket *socket = link != NULL ? link->sockets[packet->remote.ss_family == AF_INET6] : NULL;

  if (socket == NULL)
    return;
  if (avi_lan_socket_send (socket, &packet->remote, packet->bytes))
    link->send_error = packet->multicast ? 0 : link->send_error;
  else if (packet->multicast)
    link->send_error = errno;
}

/* TRUE where there is more to send than one round takes. */
static gboolean
avi_lan_transmit (AviLan *self,
                  gint64  now)
{
  AviMdnsPacket packet;
  guint n = 0;

  while (n < PACKETS_PER_ROUND && avi_mdns_transmit (self->mdns, &packet, now))
    {
      avi_lan_send (self, &packet);
      n++;
    }
  return n == PACKETS_PER_ROUND;
}

/* --- what was found --- */

static void
avi_lan_found (AviLan          *self,
               const AviPeerId *peer,
               guint            source,
               GPtrArray       *addresses)
{
  g_autoptr(GPtrArray) all = avi_lan_peers_set (self->peers, peer, source, addresses);

  if (all != NULL)
    self->callbacks->found (self->user_data, peer, all);
}

static void
avi_lan_gone (AviLan          *self,
              const AviPeerId *peer,
              guint            source)
{
  g_autoptr(GPtrArray) left = NULL;

  if (!avi_lan_peers_remove (self->peers, peer, source, &left))
    return;
  if (left != NULL)
    self->callbacks->found (self->user_data, peer, left);
  else
    self->callbacks->gone (self->user_data, peer);
}

static void
avi_lan_tell_events (AviLan *self)
{
  AviMdnsEvent event;
  AviLanLink *link;

  while (self->mdns != NULL && avi_mdns_next (self->mdns, &event))
    {
      switch (event.type)
        {
        case AVI_MDNS_EVENT_FOUND:
          avi_lan_found (self, &event.peer, AVI_LAN_OWN_MDNS, event.addresses);
          break;
        case AVI_MDNS_EVENT_GONE:
          avi_lan_gone (self, &event.peer, AVI_LAN_OWN_MDNS);
          break;
        case AVI_MDNS_EVENT_FOREIGN:
        case AVI_MDNS_EVENT_QUIET:
          if ((link = avi_lan_find_link (self, event.ifindex)) != NULL)
            {
              link->heard = TRUE;
              link->quiet = event.type == AVI_MDNS_EVENT_QUIET;
            }
          break;
        default:
          g_assert_not_reached ();
        }
    }
}

static void
avi_lan_timer_due (AviTimer *timer,
                   gint64    now)
{
  AviLan *self = AVI_CONTAINER_OF (timer, AviLan, timer);

  if (self->network_changed)
    {
      self->network_changed = FALSE;
      self->callbacks->network (self->user_data);
    }
  if (self->mdns != NULL)
    {
      avi_mdns_tick (self->mdns, now);
      gboolean more = avi_lan_transmit (self, now);

      avi_lan_tell_events (self);
      if (self->mdns != NULL)
        avi_loop_set_timer (self->loop, &self->timer, more ? now : avi_mdns_deadline (self->mdns), avi_lan_timer_due);
    }
  avi_lan_update_status (self, now);
}

static void
avi_lan_avahi_found (gpointer         user_data,
                     const AviPeerId *peer,
                     GPtrArray       *addresses,
                     guint            ifindex)
{
  AviLan *self = user_data;
  g_autoptr(GPtrArray) near = avi_lan_list_near (addresses, avi_interfaces_find (self->interfaces, ifindex));

  avi_lan_ignored (self, addresses->len - near->len);
  if (near->len > 0)
    avi_lan_found (self, peer, ifindex, near);
  else
    avi_lan_gone (self, peer, ifindex);
  avi_lan_wake (self); /* for the status */
}

static void
avi_lan_avahi_gone (gpointer         user_data,
                    const AviPeerId *peer,
                    guint            ifindex)
{
  AviLan *self = user_data;

  avi_lan_gone (self, peer, ifindex);
  avi_lan_wake (self);
}

static void
avi_lan_avahi_changed (gpointer    user_data,
                       gboolean    running,
                       const char *problem)
{
  AviLan *self = user_data;

  g_debug ("avahi-daemon is %s%s%s", running ? "there" : "not there", problem != NULL ? ": " : "",
           problem != NULL ? problem : "");
  g_free (self->avahi_problem);
  self->avahi_problem = running ? g_strdup (problem) : NULL;
  avi_lan_wake (self);
}

/* --- the network --- */

static char *
avi_lan_describe_network (AviLan *self)
{
  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < interfaces->len; i++)
    {
      const AviInterface *interface = g_ptr_array_index (interfaces, i);

      if (!avi_lan_is_usable (interface))
        continue;
      g_string_append_printf (text, "%u %s", interface->index, interface->name);
      for (guint j = 0; j < interface->addresses->len; j++)
        {
          const AviInterfaceAddress *address = &g_array_index (interface->addresses, AviInterfaceAddress, j);

          g_string_append_c (text, ' ');
          for (guint k = 0; k < sizeof address->ip; k++)
            g_string_append_printf (text, "%02x", address->ip[k]);
          g_string_append_printf (text, "/%u%s", address->prefix, address->fleeting ? "~" : "");
        }
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

static void
avi_lan_update (AviLan *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->addresses); i++)
    g_clear_pointer (&self->addresses[i], g_ptr_array_unref);
  if (self->interfaces == NULL || self->left)
    return;
  if (self->mdns != NULL)
    avi_lan_update_links (self);
  avi_lan_wake (self);
}

static void
avi_lan_interfaces_changed (gpointer user_data)
{
  AviLan *self = user_data;
  g_autofree char *network = avi_lan_describe_network (self);

  avi_lan_update (self);
  if (g_strcmp0 (network, self->network) == 0)
    return;
  g_free (self->network);
  self->network = g_steal_pointer (&network);
  g_debug ("The network interfaces are:\n%s", self->network);
  self->network_changed = TRUE;
}

void
avi_lan_retry_due (AviTimer *timer,
                   gint64    now)
{
  avi_lan_update (AVI_CONTAINER_OF (timer, AviLan, retry_timer));
}

/* --- doors --- */

AviLan *
avi_lan_new (AviLoop               *loop,
             gboolean               mdns,
             const AviPeerId       *self_id,
             const AviLanCallbacks *callbacks,
             gpointer               user_data)
{
  AviLan *self = g_new0 (AviLan, 1);
  g_autoptr(GError) error = NULL;

  self->loop = loop;
  self->callbacks = callbacks;
  self->user_data = user_data;
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  self->links = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_lan_link_free);
  self->peers = avi_lan_peers_new ();
  self->interfaces = avi_interfaces_new (loop, avi_lan_interfaces_changed, self, &error);
  if (self->interfaces == NULL)
    self->problem = g_strdup (error->message);
  else
    self->network = avi_lan_describe_network (self);
  if (mdns && self->interfaces != NULL)
    {
      self->buffer = g_malloc (AVI_MDNS_MAX_PACKET);
      self->mdns = avi_mdns_new (self_id, avi_random_system ());
      self->avahi = avi_avahi_new (self_id, avi_lan_avahi_found, avi_lan_avahi_gone, avi_lan_avahi_changed, self);
    }
  avi_lan_update (self);
  avi_lan_wake (self);
  return self;
}

void
avi_lan_set_listeners (AviLan    *self,
                       GPtrArray *listeners)
{
  g_ptr_array_set_size (self->listeners, 0);
  for (guint i = 0; i < listeners->len; i++)
    g_ptr_array_add (self->listeners, avi_multiaddr_ref (g_ptr_array_index (listeners, i)));
  avi_lan_update (self);
}

GPtrArray *
avi_lan_get_addresses (AviLan  *self,
                       gboolean loopback)
{
  GPtrArray **cached = &self->addresses[loopback ? 1 : 0];
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  if (self->interfaces == NULL)
    return copy;
  if (*cached == NULL)
    *cached = avi_lan_expand_all (self->listeners, avi_interfaces_get (self->interfaces), loopback);
  for (guint i = 0; i < (*cached)->len; i++)
    g_ptr_array_add (copy, avi_multiaddr_ref (g_ptr_array_index (*cached, i)));
  return copy;
}

gboolean
avi_lan_is_own (AviLan             *self,
                const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len;

  if (self->interfaces == NULL || !avi_multiaddr_to_sockaddr (address, &storage, &len))
    return FALSE;

  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);

  for (guint i = 0; i < interfaces->len; i++)
    {
      if (avi_interface_has (g_ptr_array_index (interfaces, i), storage.ss_family, avi_lan_get_ip (&storage)))
        return TRUE;
    }
  return FALSE;
}

gboolean
avi_lan_has_lost (AviLan             *self,
                  const AviMultiaddr *address)
{
  return self->interfaces != NULL && !avi_lan_is_own (self, address);
}

gboolean
avi_lan_is_near (AviLan             *self,
                 const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len;
  guint32 scope = 0;

  if (self->interfaces == NULL || !avi_multiaddr_to_sockaddr (address, &storage, &len))
    return FALSE;
  if (storage.ss_family == AF_INET6)
    scope = ((const struct sockaddr_in6 *) &storage)->sin6_scope_id;

  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);

  for (guint i = 0; i < interfaces->len; i++)
    {
      const AviInterface *interface = g_ptr_array_index (interfaces, i);

      if (avi_lan_is_usable (interface) && (scope == 0 || scope == interface->index)
          && avi_interface_is_near (interface, storage.ss_family, avi_lan_get_ip (&storage)))
        return TRUE;
    }
  return FALSE;
}

void
avi_lan_query (AviLan *self)
{
  if (self->mdns == NULL)
    return;
  avi_mdns_query (self->mdns, avi_loop_now (self->loop));
  avi_lan_wake (self);
}

/* Ends all there is; from here on nothing is told. */
static void
avi_lan_close (AviLan *self)
{
  avi_loop_clear_timer (self->loop, &self->timer);
  avi_loop_clear_timer (self->loop, &self->status_timer);
  avi_loop_clear_timer (self->loop, &self->retry_timer);
  g_ptr_array_set_size (self->links, 0);
  g_clear_pointer (&self->mdns, avi_mdns_free);
  g_clear_pointer (&self->avahi, avi_avahi_free);
}

void
avi_lan_goodbye (AviLan *self)
{
  gint64 now = avi_loop_now (self->loop);

  self->left = TRUE;
  if (self->mdns != NULL)
    {
      /* One packet per interface and family at most, so that this ends. */
      avi_mdns_goodbye (self->mdns, now);
      while (avi_lan_transmit (self, now))
        continue;
    }
  avi_lan_close (self);
}

void
avi_lan_free (AviLan *self)
{
  avi_lan_close (self);
  g_clear_pointer (&self->interfaces, avi_interfaces_free);
  for (guint i = 0; i < G_N_ELEMENTS (self->addresses); i++)
    g_clear_pointer (&self->addresses[i], g_ptr_array_unref);
  g_ptr_array_unref (self->listeners);
  g_ptr_array_unref (self->links);
  avi_lan_peers_free (self->peers);
  g_free (self->problem);
  g_free (self->network);
  g_free (self->avahi_problem);
  g_free (self->status);
  g_free (self->buffer);
  g_free (self);
}
