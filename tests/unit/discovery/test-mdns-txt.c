/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-txt.h"
#include "mdns-fixture.h"

#define PEER "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"

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

static void
test_endpoints (void)
{
  static const struct
  {
    const char *text;
    int         family; /* 0: none */
    guint16     port;
  } cases[] = {
    { "/ip4/10.0.0.9/tcp/4001", AF_INET, 4001 },
    { "/ip4/10.0.0.9/tcp/65535/p2p/" PEER, AF_INET, 65535 },
    { "/ip6/2001:db8::9/tcp/256", AF_INET6, 256 },
    { "/ip6zone/eth0/ip6/fe80::9/tcp/0/p2p/" PEER, AF_INET6, 0 },
    { "/ip4/10.0.0.9", 0 },
    { "/ip4/10.0.0.9/udp/1", 0 },
    { "/ip4/10.0.0.9/tcp/1/ws", 0 },
    { "/ip4/10.0.0.9/tcp/1/p2p/" PEER "/p2p-circuit", 0 },
    { "/ip4/10.0.0.9/p2p/" PEER, 0 },
    { "/dns4/kitchen.local/tcp/1", 0 },
    { "/ip6zone/eth0", 0 },
    { "/tcp/1", 0 },
    { "/p2p/" PEER, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (cases[i].text, NULL);
      AviMdnsEndpoint endpoint;

      g_assert_cmpint (avi_mdns_endpoint_init (&endpoint, address), ==, cases[i].family != 0);
      if (cases[i].family == 0)
        continue;
      g_assert_cmpint (endpoint.family, ==, cases[i].family);
      g_assert_cmpuint (endpoint.port, ==, cases[i].port);
      g_assert_cmpuint (endpoint.ip[cases[i].family == AF_INET ? 3 : 15], ==, 9);
    }
}

static void
test_append (void)
{
  static const char one[] = "dnsaddr=/ip4/10.0.0.9/tcp/4001/p2p/" PEER;
  const AviMdnsEndpoint longest = {
    .family = AF_INET6,
    .ip = { 0x20, 0x01, 0x1d, 0xb8, 0xaa, 0xaa, 0xbb, 0xbb, 0xcc, 0xcc, 0xdd, 0xdd, 0xee, 0xee, 0xff, 0xff },
    .port = 65535,
  };
  const AviMdnsEndpoint plain = { .family = AF_INET, .ip = { 10, 0, 0, 9 }, .port = 4001 };
  g_autofree char *long_peer = g_strnfill (70, 'x');
  g_autoptr(GByteArray) data = g_byte_array_new ();
  guint before;

  avi_mdns_txt_append (data, &plain, PEER);
  g_assert_cmpuint (data->data[0], ==, data->len - 1);
  g_assert_cmpmem (data->data + 1, data->len - 1, one, strlen (one));

  /* Behind what is there. */
  before = data->len;
  avi_mdns_txt_append (data, &longest, long_peer);
  g_assert_cmpuint (data->data[before], ==, data->len - before - 1);
  g_assert_cmpuint (data->len - before, <, 160);
  g_assert_nonnull (g_strstr_len ((const char *) data->data + before, data->len - before,
                                  "/ip6/2001:1db8:aaaa:bbbb:cccc:dddd:eeee:ffff/tcp/65535/p2p/xxx"));
}

/* NULL: no peer is named. "": one is, but no address of use. */
static void
assert_parsed (const char *string, gboolean own, const char *expected)
{
  g_autoptr(AviMultiaddr) address = NULL;
  g_autofree char *exact = g_memdup2 (string, strlen (string));
  g_autofree char *text = NULL;
  AviPeerId peer;

  g_assert_cmpint (avi_mdns_txt_parse (AVI_SPAN (exact, strlen (string)), IFINDEX, own, &peer, &address), ==,
                   expected != NULL);
  if (expected == NULL || expected[0] == '\0')
    {
      g_assert_null (address);
      return;
    }
  text = avi_peer_id_to_string (&peer);
  g_assert_cmpstr (text, ==, PEER);
  g_clear_pointer (&text, g_free);
  text = avi_multiaddr_to_string (address);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_parse (void)
{
  g_autofree char *zoned = g_strdup_printf ("/ip6zone/%u/ip6/fe80::9/tcp/1", IFINDEX);

  assert_parsed ("dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/" PEER, FALSE, "/ip4/10.0.0.9/tcp/1");
  assert_parsed ("DnsAddr=/ip4/10.0.0.9/tcp/1/ipfs/" PEER, FALSE, "/ip4/10.0.0.9/tcp/1");
  assert_parsed ("dnsaddr=/ip6/fe80::9/tcp/1/p2p/" PEER, FALSE, zoned);
  assert_parsed ("dnsaddr=/ip6zone/7/ip6/fe80::9/tcp/1/p2p/" PEER, FALSE, zoned);
  assert_parsed ("dnsaddr=/ip6zone/7/ip6/2001:db8::9/tcp/1/p2p/" PEER, FALSE, "/ip6/2001:db8::9/tcp/1");

  assert_parsed ("", FALSE, NULL);
  assert_parsed ("dnsaddr", FALSE, NULL);
  assert_parsed ("dnsaddr=", FALSE, NULL);
  assert_parsed ("dnsaddr=/", FALSE, NULL);
  assert_parsed (" dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/" PEER, FALSE, NULL);
  assert_parsed ("dnsaddr:/ip4/10.0.0.9/tcp/1/p2p/" PEER, FALSE, NULL);
  assert_parsed ("dnsaddr=ip4/10.0.0.9/tcp/1/p2p/" PEER, FALSE, NULL);
  assert_parsed ("dnsaddr=/ip4/10.0.0.9/tcp/1", FALSE, NULL);
  assert_parsed ("dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/" PEER "/p2p-circuit", FALSE, NULL);
  assert_parsed ("dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/12D3KooW", FALSE, NULL);

  /* A relay's address ends in the peer, but is none for us. */
  assert_parsed ("dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC/p2p-circuit/p2p/" PEER,
                 FALSE, "");
}

static void
test_loopback (void)
{
  static const char *const addresses[] = { "/ip4/127.0.0.1/tcp/1", "/ip4/127.255.255.254/tcp/1", "/ip6/::1/tcp/1" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autofree char *string = g_strdup_printf ("dnsaddr=%s/p2p/" PEER, addresses[i]);

      assert_parsed (string, TRUE, addresses[i]);
      assert_parsed (string, FALSE, "");
    }

  /* Nothing else is better for being told by this host. */
  assert_parsed ("dnsaddr=/ip4/0.0.0.0/tcp/1/p2p/" PEER, TRUE, "");
  assert_parsed ("dnsaddr=/ip4/0.1.2.3/tcp/1/p2p/" PEER, TRUE, "");
  assert_parsed ("dnsaddr=/ip4/127.0.0.1/tcp/0/p2p/" PEER, TRUE, "");
  assert_parsed ("dnsaddr=/ip4/239.1.2.3/tcp/1/p2p/" PEER, TRUE, "");
  assert_parsed ("dnsaddr=/ip6/::127.0.0.1/tcp/1/p2p/" PEER, TRUE, "");
  assert_parsed ("dnsaddr=/ip6/::ffff:127.0.0.1/tcp/1/p2p/" PEER, TRUE, "");
}

static void
test_zeros_and_length (void)
{
  static const char good[] = "dnsaddr=/ip4/10.0.0.9/tcp/1/p2p/" PEER;
  g_autofree char *name = g_strnfill (255 - strlen ("dnsaddr=/dns4//tcp/1/p2p/" PEER), 'a');
  g_autofree char *longest = g_strdup_printf ("dnsaddr=/dns4/%s/tcp/1/p2p/" PEER, name);
  AviMultiaddr *address;
  AviPeerId peer;

  /* A zero, be it the last byte, does not end the string. */
  g_assert_true (avi_mdns_txt_parse (AVI_SPAN (good, strlen (good)), IFINDEX, FALSE, &peer, &address));
  g_clear_pointer (&address, avi_multiaddr_unref);
  g_assert_false (avi_mdns_txt_parse (AVI_SPAN (good, sizeof good), IFINDEX, FALSE, &peer, &address));
  g_assert_null (address);

  /* The longest that a TXT record can hold: 255 bytes. */
  g_assert_cmpuint (strlen (longest), ==, 255);
  g_assert_true (avi_mdns_txt_parse (AVI_SPAN_STRING (longest), IFINDEX, FALSE, &peer, &address));
  g_assert_null (address);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-txt/keeps addresses that can be dialled, and no others", test_addresses);
  g_test_add_func ("/mdns-txt/takes loopback addresses from its own host only", test_own_host);
  g_test_add_func ("/mdns-txt/takes TCP over IP, and nothing else, for where something listens", test_endpoints);
  g_test_add_func ("/mdns-txt/writes strings behind their length", test_append);
  g_test_add_func ("/mdns-txt/reads the peer, and the address as it is dialled from here", test_parse);
  g_test_add_func ("/mdns-txt/takes loopback addresses where this host tells them", test_loopback);
  g_test_add_func ("/mdns-txt/reads strings of any length, without zeros", test_zeros_and_length);
  return g_test_run ();
}
