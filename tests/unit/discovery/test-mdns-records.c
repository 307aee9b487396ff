/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

static void
test_many_addresses (void)
{
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses = mdns_make_addresses (NULL, NULL);
  AviDnsRecord record;
  gsize offset = 0;
  AviSpan string;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip6/2001:db8:aaaa:bbbb:cccc:dddd:eeee:%x/tcp/65535", 0xf000 + i);

      g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
    }
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, START);
  node_take_sent (node, START);
  sent_find (node_sent (node, 1), AVI_DNS_TYPE_TXT, &record);
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_nonnull (g_strstr_len ((const char *) string.data, string.len, ":f000/tcp"));
  sent_find (node_sent (node, 1), AVI_DNS_TYPE_AAAA, &record);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-records/keeps many addresses within a packet", test_many_addresses);
  return g_test_run ();
}
