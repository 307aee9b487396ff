/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "engine/avi-lan-addresses.h"

typedef struct
{
  GPtrArray *interfaces; /* of AviInterface */
  GPtrArray *listeners;
} Fixture;

static void
free_interface (gpointer data)
{
  AviInterface *interface = data;

  g_array_unref (interface->addresses);
  g_free (interface);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->interfaces = g_ptr_array_new_with_free_func (free_interface);
  fixture->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_ptr_array_unref (fixture->interfaces);
  g_ptr_array_unref (fixture->listeners);
}

/* @addresses: separated by spaces; with "~" behind it: fleeting. */
static AviInterface *
add_interface (Fixture *fixture, guint index, const char *addresses)
{
  AviInterface *interface = g_new0 (AviInterface, 1);
  g_auto(GStrv) parts = g_strsplit (addresses, " ", -1);

  interface->index = index;
  interface->up = interface->multicast = TRUE;
  interface->addresses = g_array_new (FALSE, FALSE, sizeof (AviInterfaceAddress));
  for (guint i = 0; parts[i] != NULL; i++)
    {
      AviInterfaceAddress address = { .family = strchr (parts[i], ':') != NULL ? AF_INET6 : AF_INET };
      char *mark = strchr (parts[i], '~');

      address.fleeting = mark != NULL;
      if (mark != NULL)
        *mark = '\0';
      g_assert_cmpint (inet_pton (address.family, parts[i], address.ip), ==, 1);
      g_array_append_val (interface->addresses, address);
    }
  g_ptr_array_add (fixture->interfaces, interface);
  return interface;
}

static void
listen_on (Fixture *fixture, const char *address)
{
  AviMultiaddr *parsed = avi_multiaddr_parse (address, NULL);

  g_assert_nonnull (parsed);
  g_ptr_array_add (fixture->listeners, parsed);
}

static void
assert_list (GPtrArray *list, const char *expected)
{
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    {
      g_autofree char *address = avi_multiaddr_to_string (g_ptr_array_index (list, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", address);
    }
  g_assert_cmpstr (text->str, ==, expected);
  g_ptr_array_unref (list);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  AviInterface *lo = add_interface (fixture, 1, "fe80::1 169.254.0.1 fd00::1 10.0.0.1 fd00::2~");

  listen_on (fixture, "/ip4/0.0.0.0/tcp/4");
  listen_on (fixture, "/ip6/::/tcp/6");
  assert_list (avi_lan_expand (fixture->listeners, lo), "/ip4/10.0.0.1/tcp/4 /ip6/fd00::1/tcp/6 "
                                                        "/ip4/169.254.0.1/tcp/4 /ip6zone/lo/ip6/fe80::1/tcp/6");
}

static void
test_bound (Fixture *fixture, gconstpointer data)
{
  AviInterface *eth0 = add_interface (fixture, 2, "10.0.0.1 10.0.0.2 fd00::1");

  listen_on (fixture, "/ip4/10.0.0.2/tcp/4");
  listen_on (fixture, "/ip4/10.9.9.9/tcp/4");
  assert_list (avi_lan_expand (fixture->listeners, eth0), "/ip4/10.0.0.2/tcp/4");
  listen_on (fixture, "/ip4/0.0.0.0/tcp/4");
  assert_list (avi_lan_expand (fixture->listeners, eth0), "/ip4/10.0.0.1/tcp/4 /ip4/10.0.0.2/tcp/4");
}

static void
test_all (Fixture *fixture, gconstpointer data)
{
  AviInterface *lo = add_interface (fixture, 1, "127.0.0.1 ::1");
  AviInterface *down, *port;

  lo->loopback = TRUE;
  add_interface (fixture, 2, "169.254.0.1 fd00::1");
  add_interface (fixture, 3, "10.0.0.1");
  down = add_interface (fixture, 4, "10.4.0.1");
  down->up = FALSE;
  port = add_interface (fixture, 5, "10.5.0.1");
  port->port = TRUE;
  g_assert_false (avi_lan_is_usable (lo));
  g_assert_false (avi_lan_is_usable (down));
  g_assert_false (avi_lan_is_usable (port));
  listen_on (fixture, "/ip4/0.0.0.0/tcp/4");
  listen_on (fixture, "/ip6/::/tcp/6");
  assert_list (avi_lan_expand_all (fixture->listeners, fixture->interfaces, FALSE),
               "/ip4/10.0.0.1/tcp/4 /ip6/fd00::1/tcp/6");
  assert_list (avi_lan_expand_all (fixture->listeners, fixture->interfaces, TRUE),
               "/ip4/10.0.0.1/tcp/4 /ip6/fd00::1/tcp/6 /ip4/127.0.0.1/tcp/4 /ip6/::1/tcp/6");
}

static void
test_link_local_alone (Fixture *fixture, gconstpointer data)
{
  add_interface (fixture, 2, "169.254.0.1");
  listen_on (fixture, "/ip4/0.0.0.0/tcp/4");
  assert_list (avi_lan_expand_all (fixture->listeners, fixture->interfaces, FALSE), "/ip4/169.254.0.1/tcp/4");
}

static void
test_nowhere (Fixture *fixture, gconstpointer data)
{
  AviInterface *lo = add_interface (fixture, 1, "127.0.0.1");

  lo->loopback = TRUE;
  assert_list (avi_lan_expand_all (fixture->listeners, fixture->interfaces, TRUE), "");
  listen_on (fixture, "/ip4/0.0.0.0/tcp/4");
  lo->up = FALSE;
  assert_list (avi_lan_expand_all (fixture->listeners, fixture->interfaces, TRUE), "");
}

/* As Avahi tells them: nothing is known of who said so. */
static void
test_near (Fixture *fixture, gconstpointer data)
{
  AviInterface *interface = add_interface (fixture, 1, "10.1.0.1 2001:db8::1");
  g_autoptr(GPtrArray) near = NULL;
  g_autoptr(GPtrArray) of_none = NULL;

  for (guint i = 0; i < interface->addresses->len; i++)
    {
      AviInterfaceAddress *address = &g_array_index (interface->addresses, AviInterfaceAddress, i);

      memcpy (address->network, address->ip, sizeof address->network);
      address->prefix = address->family == AF_INET ? 24 : 64;
    }
  listen_on (fixture, "/ip4/172.17.0.1/tcp/1");
  listen_on (fixture, "/ip4/10.1.0.7/tcp/1");
  listen_on (fixture, "/ip4/203.0.113.9/tcp/1");
  listen_on (fixture, "/ip4/127.0.0.1/tcp/1");
  listen_on (fixture, "/ip6/64:ff9b::10.1.0.7/tcp/1");
  listen_on (fixture, "/ip6/2001:db8::7/tcp/1");
  listen_on (fixture, "/ip6/2001:db8:0:1::7/tcp/1");
  near = avi_lan_list_near (fixture->listeners, interface);
  g_assert_cmpuint (near->len, ==, 2);
  g_assert_true (near->pdata[0] == fixture->listeners->pdata[1]);
  g_assert_true (near->pdata[1] == fixture->listeners->pdata[5]);
  of_none = avi_lan_list_near (fixture->listeners, NULL);
  g_assert_cmpuint (of_none->len, ==, 0);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/lan-addresses/a wildcard stands for all of its family, the best first, but fleeting ones", test_order);
  ADD ("/lan-addresses/a bound address stands for itself, where it is, once", test_bound);
  ADD ("/lan-addresses/interfaces that take no part are left out, loopback is last where it is asked for", test_all);
  ADD ("/lan-addresses/link-local ones count where there are no others", test_link_local_alone);
  ADD ("/lan-addresses/there are none without a listener or an interface that is up", test_nowhere);
  ADD ("/lan-addresses/what others tell is taken where it leads nowhere else", test_near);
  return g_test_run ();
}
