/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

static void
test_expiry (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 heard;
  guint n = 0;

  node_run (node, &now, now + 3600 * SECOND); /* so that its own queries are minutes apart */
  node_forget (node);
  heard = now;
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
  node_run (node, &now, heard + 119 * SECOND);
  g_assert_cmpuint (node->told->len, ==, 2);

  /* Asked for again at 80, 90 and 95 of a hundred parts of its life. */
  for (guint i = 0; i < node->sent->len; i++)
    {
      gint64 at = node_sent (node, i)->at - heard;

      n += (at >= 96 * SECOND && at <= 98 * SECOND) || (at >= 108 * SECOND && at <= 110 * SECOND)
           || (at >= 114 * SECOND && at <= 116 * SECOND);
    }
  g_assert_cmpuint (n, ==, 3);
  node_run (node, &now, heard + 120 * SECOND);
  node_assert_told (node, 2, 9, NULL);
  g_assert_cmpuint (node->told->len, ==, 3);

  /* And where it is answered, nothing happens. */
  node_forget (node);
  for (guint i = 0; i < 10; i++)
    {
      node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
      node_run (node, &now, now + 110 * SECOND);
    }
  g_assert_cmpuint (node->told->len, ==, 10);
  for (guint i = 0; i < 10; i++)
    node_assert_told (node, i, 9, "/ip4/10.0.0.9/tcp/1");
}

static void
test_short_lives (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* Records that live a second make us tell, but never ask, more than ever. */
  node_run (node, &now, now + 3600 * SECOND);
  node_forget (node);
  for (guint i = 0; i < 200; i++)
    {
      node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 1, now);
      node_run (node, &now, now + 500 * MS);
    }
  g_assert_cmpuint (node->sent->len, <=, 1);
  g_assert_cmpuint (node->told->len, <=, 102);
}

static void
test_renewal (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* Heard ten times within a second: told once. A new address: at once. */
  for (guint i = 0; i < 10; i++)
    {
      node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
      node_run (node, &now, now + 90 * MS);
    }
  g_assert_cmpuint (node->told->len, ==, 2);
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/2", 120, now);
  node_assert_told (node, 2, 9, "/ip4/10.0.0.9/tcp/2 /ip4/10.0.0.9/tcp/1");
}

static void
test_flush (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  node_run (node, &now, now + 10 * SECOND);
  node_hear_peer (node, 9, "/ip4/10.0.0.99/tcp/1", 4500, now);
  node_assert_told (node, 2, 9, "/ip4/10.0.0.99/tcp/1 /ip4/10.0.0.9/tcp/1");
  node_run (node, &now, now + SECOND);
  node_assert_told (node, 3, 9, "/ip4/10.0.0.99/tcp/1");
}

static void
test_goodbyes (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *string = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/1", 9);
  AviDnsName instance;
  Packet packet;

  mdns_instance_init (&instance, "PEER9");

  /* By the PTR alone, in whatever case. */
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 0);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  node_assert_told (node, 2, 9, NULL);

  /* By the TXT. */
  node_run (node, &now, now + 10 * SECOND);
  node_forget (node);
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 0, TRUE, string, NULL);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  node_assert_told (node, 1, 9, NULL);

  /* Of somebody who is back within the second. */
  node_run (node, &now, now + 10 * SECOND);
  node_forget (node);
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 0);
  packet_send (&packet, node, now);
  node_run (node, &now, now + 100 * MS);
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  node_run (node, &now, now + 10 * SECOND);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 1);
  g_assert_cmpuint (node->told->len, ==, 1);
}

static void
test_limits (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance;
  Packet packet;

  /* 20 addresses in one packet: the first 16. */
  mdns_instance_init (&instance, "peer9");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *address = g_strdup_printf ("/ip4/10.0.1.%u/tcp/1", i);
      g_autofree char *string = mdns_dnsaddr (address, 9);

      packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, string, NULL);
    }
  packet_send (&packet, node, now);
  g_assert_true (g_str_has_suffix (node_told (node, 1), " /ip4/10.0.1.15/tcp/1"));

  /* Then one more, later: the oldest gives way. */
  node_run (node, &now, now + 100 * MS);
  node_hear_peer (node, 9, "/ip4/10.0.2.1/tcp/1", 120, now);
  g_assert_nonnull (strstr (node_told (node, 2), " /ip4/10.0.2.1/tcp/1 "));
  g_assert_null (strstr (node_told (node, 2), "/ip4/10.0.1.0/"));

  /* 1,024 more peers: the first, unheard of for longest, goes. */
  node_forget (node);
  for (guint i = 0; i < AVI_MDNS_MAX_PEERS; i++)
    node_hear_peer (node, 100 + i, "/ip4/10.0.0.9/tcp/1", 120, now);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, AVI_MDNS_MAX_PEERS);
  node_assert_told (node, AVI_MDNS_MAX_PEERS - 1, 9, NULL);
}

static void
test_known_list (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsReader reader;

  /* What is known and not yet half through is listed in the next query. */
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  avi_mdns_query (node->mdns, now);
  node_run (node, &now, now + 100 * MS);
  node_assert_sent (node, 0, "[PTR] PTR 4500");
  node_run (node, &now, now + 2260 * SECOND);
  node_forget (node);
  avi_mdns_query (node->mdns, now);
  node_take_sent (node, now);
  node_assert_sent (node, 0, "[PTR]");

  /* As many as fit a packet. */
  node_run (node, &now, now + 2 * SECOND);
  node_forget (node);
  for (guint i = 0; i < 500; i++)
    node_hear_peer (node, 100 + i, "/ip4/10.0.0.9/tcp/1", 4500, now);
  avi_mdns_query (node->mdns, now);
  node_take_sent (node, now);
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (node_sent (node, 0)->bytes), NULL));
  g_assert_cmpuint (reader.counts[AVI_DNS_ANSWER], >, 40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-cache/asks for what is about to expire, then lets it go", test_expiry);
  g_test_add_func ("/mdns-cache/records of short life do not make it ask", test_short_lives);
  g_test_add_func ("/mdns-cache/tells of a peer that was heard again once a second at most", test_renewal);
  g_test_add_func ("/mdns-cache/an address that is replaced goes after a second", test_flush);
  g_test_add_func ("/mdns-cache/who withdraws is gone after a second, unless back by then", test_goodbyes);
  g_test_add_func ("/mdns-cache/remembers 16 addresses of 1024 peers", test_limits);
  g_test_add_func ("/mdns-cache/lists what it knows in its queries", test_known_list);
  return g_test_run ();
}
