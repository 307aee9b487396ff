/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forms in which other implementations announce themselves.
 */
#include "config.h"

#include "mdns-fixture.h"

static void
test_rust (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = mdns_dnsaddr ("/ip4/10.0.0.9/udp/4001/quic-v1", 9);
  AviDnsName instance;
  Packet packet;

  /* From an ephemeral port; the instance a bare label; a TXT record per address, as additionals. */
  avi_dns_name_init (&instance, "2Gk8vYeLrPqXz1QnMB5TtWsHc7JdFa4R");
  packet_init (&packet, 0xbeef, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
  packet_put_ptr (&packet, &instance, 360);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 360, TRUE, one, NULL);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 360, TRUE, two, NULL);
  packet_send_from (&packet, node, "10.0.0.9", 51234, now);
  node_assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001");
}

static void
test_js (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4002/ws", 9);
  g_autofree char *three = mdns_dnsaddr ("/ip4/10.0.0.10/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  mdns_instance_init (&instance, "js");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 120);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, one, NULL);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, two, NULL);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, three, NULL);
  packet_send (&packet, node, now);
  node_assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001 /ip4/10.0.0.10/tcp/4001");
}

static void
test_go (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = mdns_dnsaddr ("/ip6/2001:db8::9/tcp/4001", 9);
  AviDnsName instance, host;
  Packet packet;

  mdns_instance_init (&instance, "go");
  avi_dns_name_init (&host, "go.local");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 3200);
  avi_dns_writer_begin (&packet.dns, AVI_DNS_ADDITIONAL, &instance, AVI_DNS_TYPE_SRV, TRUE, 3200);
  avi_dns_writer_bytes (&packet.dns, AVI_SPAN ("\0\0\0\0\x0f\xa1", 6));
  avi_dns_writer_name (&packet.dns, &host, FALSE);
  g_assert_true (avi_dns_writer_end (&packet.dns));
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 3200, TRUE, one, "unrelated", two, NULL);
  packet_send (&packet, node, now);
  node_assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001 /ip6/2001:db8::9/tcp/4001");
}

static void
test_avahi (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = mdns_dnsaddr ("/ip4/10.0.0.8/tcp/4001", 8);
  AviDnsName instance, other;
  Packet packet;

  /* All in the answers, several hosts in a packet, TXT before PTR or without it. */
  mdns_instance_init (&instance, "Living room \\ 1");
  mdns_instance_init (&other, "other");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 4500, TRUE, one, NULL);
  packet_put_ptr (&packet, &instance, 4500);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &other, 4500, TRUE, two, NULL);
  packet_send (&packet, node, now);
  node_assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001");
  node_assert_told (node, 2, 8, "/ip4/10.0.0.8/tcp/4001");
}

static void
test_other_services (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  avi_dns_name_init (&instance, "printer._ipp._tcp.local");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 4500, TRUE, one, NULL);
  packet_send (&packet, node, now);
  g_assert_cmpuint (node->told->len, ==, 1);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-dialects/takes the answers of rust-libp2p", test_rust);
  g_test_add_func ("/mdns-dialects/takes the answers of js-libp2p", test_js);
  g_test_add_func ("/mdns-dialects/takes the answers of go-libp2p", test_go);
  g_test_add_func ("/mdns-dialects/takes the answers of Avahi", test_avahi);
  g_test_add_func ("/mdns-dialects/passes over other services", test_other_services);
  return g_test_run ();
}
