/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

static void
test_addresses (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *link_local = g_strdup_printf ("/ip6zone/%u/ip6/fe80::9/tcp/1", IFINDEX);
  const struct
  {
    const char *told, *kept;
  } addresses[] = {
    { "/ip4/10.0.0.9/tcp/1", "/ip4/10.0.0.9/tcp/1" },
    { "/ip6/2001:db8::9/tcp/1", "/ip6/2001:db8::9/tcp/1" },
    { "/ip6/fe80::9/tcp/1", link_local },
    { "/ip6zone/wlan7/ip6/fe80::9/tcp/1", link_local },
    { "/ip4/127.0.0.1/tcp/1", NULL },
    { "/ip6/::1/tcp/1", NULL },
    { "/ip4/0.0.0.0/tcp/1", NULL },
    { "/ip6/::/tcp/1", NULL },
    { "/ip4/224.0.0.1/tcp/1", NULL },
    { "/ip4/255.255.255.255/tcp/1", NULL },
    { "/ip6/ff02::1/tcp/1", NULL },
    { "/ip6/::ffff:10.0.0.9/tcp/1", NULL },
    { "/ip4/10.0.0.9/tcp/0", NULL },
    { "/ip4/10.0.0.9/udp/1", NULL },
    { "/ip4/10.0.0.9/tcp/1/ws", NULL },
    { "/ip4/10.0.0.9", NULL },
    { "/dns4/kitchen.local/tcp/1", NULL },
    { "/unheard/of", NULL },
    { "/ip4/10.0.0.9/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC/p2p-circuit", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      node_hear_peer (node, 50 + i, addresses[i].told, 120, now);
      if (addresses[i].kept != NULL)
        node_assert_told (node, node->told->len - 1, 50 + i, addresses[i].kept);
    }
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 4);
}

static void
test_own_host (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *string = mdns_dnsaddr ("/ip4/127.0.0.1/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  /* Another program on this machine: its loopback address is ours; and it is no sign of a LAN. */
  mdns_instance_init (&instance, "other");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 120);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 120, TRUE, string, NULL);
  packet_send_from (&packet, node, node->host, AVI_MDNS_PORT, now);
  node_assert_told (node, 0, 9, "/ip4/127.0.0.1/tcp/4001");
  g_assert_cmpuint (node->told->len, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-txt/keeps addresses that can be dialled, and no others", test_addresses);
  g_test_add_func ("/mdns-txt/takes loopback addresses from its own host only", test_own_host);
  return g_test_run ();
}
