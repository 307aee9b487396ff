/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

static void
test_train (void)
{
  static const gint64 steps[] = { 0, 250 * MS, 500 * MS, 1000 * MS, 2000 * MS };
  g_autoptr(Node) node = node_new (1);
  gint64 now = START;
  gint64 last;

  node_up (node, now);
  node_run (node, &now, START + 2 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 2 * G_N_ELEMENTS (steps));
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_assert_cmpint (node_sent (node, 2 * i)->at - START, ==, steps[i]);
      g_assert_cmpint (node_sent (node, 2 * i + 1)->at - START, ==, steps[i]);
      node_assert_sent (node, 2 * i, "[PTR]");
      node_assert_sent (node, 2 * i + 1, "PTR 4500 | SRV*120 TXT*4500 A*120");
      g_assert_true (node_sent (node, 2 * i)->multicast && node_sent (node, 2 * i)->port == AVI_MDNS_PORT);
    }

  /* Then queries only: after 4, 8, 16 … 300 s, each up to a quarter more. */
  node_forget (node);
  last = now;
  node_run (node, &now, START + 3600 * SECOND);
  g_assert_cmpuint (node->sent->len, >=, 14);
  g_assert_cmpuint (node->wakes, <, 30);
  for (guint i = 0; i < node->sent->len; i++)
    {
      gint64 interval = MIN (4 * SECOND << MIN (i, 10), 300 * SECOND);

      node_assert_sent (node, i, "[PTR]");
      g_assert_cmpint (node_sent (node, i)->at - last, >=, interval);
      g_assert_cmpint (node_sent (node, i)->at - last, <=, interval * 5 / 4);
      last = node_sent (node, i)->at;
    }
}

static void
test_both_families (void)
{
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses =
      mdns_make_addresses ("/ip4/10.0.0.1/tcp/4001", "/ip6/2001:db8::1/tcp/4002", "/ip6zone/eth0/ip6/fe80::1/tcp/4002",
                      "/ip4/10.0.0.1/tcp/4003", NULL);
  g_autofree char *first = g_strdup_printf ("dnsaddr=/ip4/10.0.0.1/tcp/4001/p2p/%s", node->text);
  g_autofree char *third = g_strdup_printf ("dnsaddr=/ip6/fe80::1/tcp/4002/p2p/%s", node->text);
  gint64 now = START;
  AviDnsRecord record;
  gsize offset = 0;
  AviSpan string;

  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, TRUE, addresses, now);
  node_take_sent (node, now);
  g_assert_cmpuint (node->sent->len, ==, 4);
  g_assert_cmpint (node_sent (node, 1)->family, ==, AF_INET);
  g_assert_cmpint (node_sent (node, 3)->family, ==, AF_INET6);
  node_assert_sent (node, 1, "PTR 4500 | SRV*120 TXT*4500 A*120 AAAA*120 AAAA*120");
  node_assert_sent (node, 3, "PTR 4500 | SRV*120 TXT*4500 A*120 AAAA*120 AAAA*120");

  sent_find (node_sent (node, 1), AVI_DNS_TYPE_SRV, &record);
  g_assert_cmpuint (record.port, ==, 4001);
  sent_find (node_sent (node, 1), AVI_DNS_TYPE_TXT, &record);
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_true (avi_span_equal (string, AVI_SPAN_STRING (first)));
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_true (avi_span_equal (string, AVI_SPAN_STRING (third)));
}

static void
test_nothing_to_announce (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses = mdns_make_addresses (NULL, NULL);

  now = START;
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
  node_run (node, &now, now + 5 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 5);
  node_forget (node);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, 40000, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);

  /* Listeners came, and went. */
  node_up (node, now);
  node_run (node, &now, now + 5 * SECOND);
  node_forget (node);
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
  node_take_sent (node, now);
  node_assert_sent (node, 0, "PTR 0");
  node_assert_sent (node, 1, "[PTR]");
  g_assert_cmpuint (node->sent->len, ==, 2);
}

static void
test_goodbye (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  avi_mdns_goodbye (node->mdns, now);
  node_run (node, &now, now + 3600 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_assert_sent (node, 0, "PTR 0"); /* without TXT: js-libp2p would take it for a discovery */
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  g_assert_cmpint (avi_mdns_deadline (node->mdns), ==, G_MAXINT64);
}

static void
test_change (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autoptr(GPtrArray) addresses = mdns_make_addresses ("/ip4/10.0.0.77/tcp/4001", NULL);

  node_up (node, now); /* as before */
  node_take_sent (node, now);
  g_assert_cmpuint (node->sent->len, ==, 0);

  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
  node_run (node, &now, now + 2 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 10);
}

static void
test_query (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 asked = now + 20 * SECOND;

  node_run (node, &now, asked);
  node_forget (node);
  for (guint i = 0; i < 10; i++)
    avi_mdns_query (node->mdns, now);
  node_take_sent (node, now);
  avi_mdns_query (node->mdns, now);
  node_run (node, &now, now + 3 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 2);
  g_assert_cmpint (node_sent (node, 0)->at, ==, asked);
  g_assert_cmpint (node_sent (node, 1)->at, ==, asked + SECOND);
}

static void
test_pair (void)
{
  Node *nodes[] = { node_new (1), node_new (2) };
  gint64 now = START;

  node_up (nodes[0], now);
  lan_run (nodes, 2, &now, START + 60 * SECOND);
  node_forget (nodes[0]);
  g_assert_cmpuint (nodes[0]->told->len, ==, 0);

  /* The first finds the second by its announcement, at once; the second the first by its answer. */
  node_up (nodes[1], now);
  lan_run (nodes, 2, &now, now);
  g_assert_cmpstr (node_told (nodes[0], 0), ==, "foreign");
  node_assert_told (nodes[0], 1, 2, "/ip4/10.0.0.2/tcp/4001");
  lan_run (nodes, 2, &now, now + 120 * MS);
  g_assert_cmpstr (node_told (nodes[1], 0), ==, "foreign");
  node_assert_told (nodes[1], 1, 1, "/ip4/10.0.0.1/tcp/4001");
  g_assert_cmpuint (nodes[1]->told->len, ==, 2);

  /* It leaves; a second later it is gone. */
  lan_run (nodes, 2, &now, now + 60 * SECOND);
  node_forget (nodes[0]);
  avi_mdns_goodbye (nodes[1]->mdns, now);
  lan_run (nodes, 2, &now, now + 999 * MS);
  g_assert_cmpuint (nodes[0]->told->len, ==, 0);
  lan_run (nodes, 2, &now, now + MS);
  node_assert_told (nodes[0], 0, 2, NULL);

  node_free (nodes[0]);
  node_free (nodes[1]);
}

static void
test_company (void)
{
  enum
  {
    N = 20
  };
  Node *nodes[N];
  gint64 now = START;
  guint sent = 0, wakes = 0;

  for (guint i = 0; i < N; i++)
    {
      nodes[i] = node_new (i + 1);
      node_up (nodes[i], now);
    }
  lan_run (nodes, N, &now, START + 3 * SECOND);
  for (guint i = 0; i < N; i++)
    {
      g_assert_cmpuint (avi_mdns_get_n_peers (nodes[i]->mdns), ==, N - 1);
      node_forget (nodes[i]);
      nodes[i]->wakes = 0;
    }

  /* A day of peace: nobody is lost, and what that costs is bounded. Beside the queries, of which
   * those that are known need not be answered, there are a few answers per life of a record. */
  lan_run (nodes, N, &now, START + 86400 * SECOND);
  for (guint i = 0; i < N; i++)
    {
      g_assert_cmpuint (avi_mdns_get_n_peers (nodes[i]->mdns), ==, N - 1);
      for (guint j = 0; j < nodes[i]->told->len; j++)
        g_assert_false (g_str_has_prefix (node_told (nodes[i], j), "gone"));
      sent += nodes[i]->sent->len;
      wakes += nodes[i]->wakes;
      node_free (nodes[i]);
    }
  g_test_message ("a day of %u nodes: %u packets, %u wake-ups each", N, sent / N, wakes / N);
  g_assert_cmpuint (sent / N, <, 86400 / 300 / 2);
  g_assert_cmpuint (wakes / N, <, 86400 / 300);
}

static void
test_interface_gone (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  avi_mdns_remove_interface (node->mdns, IFINDEX);
  node_take_events (node);
  node_assert_told (node, 2, 9, NULL);
  g_assert_cmpuint (node->sent->len, ==, 0);

  /* What still arrives from there is passed over. */
  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  g_assert_cmpuint (node->told->len, ==, 3);
  node_run (node, &now, now + 10 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);
}

/* All that is to be said on two interfaces: which address is announced where? */
static void
note_announced (AviMdns *mdns, gint64 now, GString *all)
{
  AviMdnsPacket packet;

  for (guint n = 0; avi_mdns_transmit (mdns, &packet, now); n++)
    {
      Sent sent = { .bytes = g_bytes_new (packet.bytes.data, packet.bytes.len) };
      AviDnsRecord record;

      g_assert_cmpuint (n, <, 20);
      if (!sent_is_query (&sent))
        {
          sent_find (&sent, AVI_DNS_TYPE_A, &record);
          g_string_append_printf (all, "%s%u: %u", all->len > 0 ? ", " : "", packet.ifindex, record.data.data[3]);
        }
      g_bytes_unref (sent.bytes);
    }
}

static void
test_two_interfaces (void)
{
  g_autoptr(GPtrArray) one = mdns_make_addresses ("/ip4/10.0.0.1/tcp/4001", NULL);
  g_autoptr(GPtrArray) two = mdns_make_addresses ("/ip4/10.0.0.2/tcp/4001", NULL);
  g_autoptr(AviMdns) mdns = NULL;
  g_autoptr(GString) all = g_string_new (NULL);
  AviRandom random;
  AviPeerId id;

  avi_random_seed (&random, 1);
  mdns_make_peer (1, &id);
  mdns = avi_mdns_new (&id, &random);
  g_assert_cmpint (avi_mdns_deadline (mdns), ==, G_MAXINT64);
  avi_mdns_set_interface (mdns, 1, TRUE, FALSE, one, START);
  avi_mdns_set_interface (mdns, 2, TRUE, FALSE, two, START);
  note_announced (mdns, START, all);
  g_assert_cmpstr (all->str, ==, "1: 1, 2: 2");

  /* One goes, and one that was never there: the other goes on. */
  g_string_truncate (all, 0);
  avi_mdns_remove_interface (mdns, 1);
  avi_mdns_remove_interface (mdns, 3);
  note_announced (mdns, START + 250 * MS, all);
  g_assert_cmpstr (all->str, ==, "2: 2");

  /* In neither family: it is there and says nothing. */
  g_string_truncate (all, 0);
  avi_mdns_set_interface (mdns, 2, FALSE, FALSE, two, START + 300 * MS);
  note_announced (mdns, START + 500 * MS, all);
  g_assert_cmpstr (all->str, ==, "");
  g_assert_cmpint (avi_mdns_deadline (mdns), ==, G_MAXINT64);
}

static void
test_nothing_after_goodbye (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  node_hear_peer (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
  avi_mdns_goodbye (node->mdns, now);
  node_run (node, &now, now + SECOND);
  node_forget (node);

  /* Neither a packet nor a wish nor a record about to expire nor a new interface makes it speak again. */
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  node_hear_peer (node, 8, "/ip4/10.0.0.8/tcp/1", 120, now);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 1);
  avi_mdns_query (node->mdns, now);
  node_up (node, now);
  node_run (node, &now, now + 200 * SECOND);
  avi_mdns_remove_interface (node->mdns, IFINDEX);
  node_up (node, now);
  node_run (node, &now, now + 200 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 0);
}

static void
test_goodbye_in_both_families (void)
{
  g_autoptr(GPtrArray) addresses = mdns_make_addresses ("/ip4/10.0.0.1/tcp/4001", NULL);
  g_autoptr(Node) node = node_new (1);
  gint64 now = START;

  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, TRUE, addresses, now);
  node_run (node, &now, now + 5 * SECOND);
  node_forget (node);
  avi_mdns_goodbye (node->mdns, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 2);
  node_assert_sent (node, 0, "PTR 0");
  node_assert_sent (node, 1, "PTR 0");
  g_assert_cmpint (node_sent (node, 0)->family, ==, AF_INET);
  g_assert_cmpint (node_sent (node, 1)->family, ==, AF_INET6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns/queries and announces at 0, 0.25, 0.5, 1 and 2 s, then queries ever more seldom", test_train);
  g_test_add_func ("/mdns/announces in both families, in the form that all take, the best address first",
                   test_both_families);
  g_test_add_func ("/mdns/only looks while it has nothing to announce", test_nothing_to_announce);
  g_test_add_func ("/mdns/says goodbye once, and is silent", test_goodbye);
  g_test_add_func ("/mdns/announces anew when addresses change, and only then", test_change);
  g_test_add_func ("/mdns/looks again at once when asked, once a second", test_query);
  g_test_add_func ("/mdns/two find each other with their first packets", test_pair);
  g_test_add_func ("/mdns/twenty live a day together in peace", test_company);
  g_test_add_func ("/mdns/forgets what it heard on an interface that is gone", test_interface_gone);
  g_test_add_func ("/mdns/announces on each interface its own addresses", test_two_interfaces);
  g_test_add_func ("/mdns/stays silent after its goodbye", test_nothing_after_goodbye);
  g_test_add_func ("/mdns/says goodbye in both families", test_goodbye_in_both_families);
  return g_test_run ();
}
