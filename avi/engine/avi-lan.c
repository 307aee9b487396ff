/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * INTERIM, until the author of avi-lan.h's real implementation replaces this file whole: addresses
 * by getifaddrs, no mDNS.
 */
#include "config.h"

#include "avi-lan.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

struct _AviLan
{
  GPtrArray *listeners;
};

AviLan *
avi_lan_new (AviLoop *loop, gboolean mdns, const AviPeerId *self_id, const AviLanCallbacks *callbacks, gpointer user_data)
{
  AviLan *self = g_new0 (AviLan, 1);

  callbacks->status (user_data, "no mDNS yet");
  return self;
}

void
avi_lan_set_listeners (AviLan *self, GPtrArray *listeners)
{
  self->listeners = g_ptr_array_ref (listeners);
}

static void
avi_lan_expand (GPtrArray *found, struct sockaddr_in *wildcard, gboolean loopback)
{
  struct ifaddrs *all, *one;

  if (getifaddrs (&all) < 0)
    return;
  for (one = all; one != NULL; one = one->ifa_next)
    if (one->ifa_addr != NULL && one->ifa_addr->sa_family == wildcard->sin_family && (one->ifa_flags & IFF_UP)
        && (loopback || !(one->ifa_flags & IFF_LOOPBACK)))
      {
        ((struct sockaddr_in *) one->ifa_addr)->sin_port = wildcard->sin_port;
        g_ptr_array_add (found, avi_multiaddr_from_sockaddr (one->ifa_addr));
      }
  freeifaddrs (all);
}

GPtrArray *
avi_lan_get_addresses (AviLan *self, gboolean loopback)
{
  GPtrArray *found = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; self->listeners != NULL && i < self->listeners->len; i++)
    {
      AviMultiaddr *address = g_ptr_array_index (self->listeners, i);
      g_autofree char *text = avi_multiaddr_to_string (address);
      struct sockaddr_storage storage;
      socklen_t len;

      if (!g_str_has_prefix (text, "/ip4/0.0.0.0/") && !g_str_has_prefix (text, "/ip6/::/"))
        g_ptr_array_add (found, avi_multiaddr_ref (address));
      else if (avi_multiaddr_to_sockaddr (address, &storage, &len))
        avi_lan_expand (found, (struct sockaddr_in *) &storage, loopback);
    }
  return found;
}

gboolean avi_lan_is_own (AviLan *self, const AviMultiaddr *address) { return FALSE; }
gboolean avi_lan_is_near (AviLan *self, const AviMultiaddr *address) { return FALSE; }
void avi_lan_query (AviLan *self) { }
void avi_lan_goodbye (AviLan *self) { }

void
avi_lan_free (AviLan *self)
{
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_free (self);
}
