/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-cache.h"
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

/* --- by itself: peers by number, on interfaces 1 and 2; an instance's hash is its peer's number --- */

static void
learn (AviMdnsCache *cache, guint peer, const char *text, guint ifindex, guint32 ttl, gint64 now)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);
  AviPeerId id;

  mdns_make_peer (peer, &id);
  avi_mdns_cache_learn (cache, &id, address, ifindex, peer, ttl, now);
}

static void
name (AviMdnsCache *cache, guint peer, const char *label, guint ifindex, guint32 ttl, gint64 now)
{
  AviPeerId id;

  mdns_make_peer (peer, &id);
  avi_mdns_cache_name (cache, &id, AVI_SPAN_STRING (label), ifindex, ttl, now);
}

/* "found 9 on 1: /ip4/… /ip4/…; gone 8 on 2" */
static void
assert_happened (AviMdnsCache *cache, const char *expected)
{
  g_autoptr(GString) all = g_string_new (NULL);
  AviMdnsEvent event;

  while (avi_mdns_cache_next_event (cache, &event))
    {
      const guint8 *multihash = avi_peer_id_get_bytes (&event.peer).data;

      g_string_append_printf (all, "%s%s %u on %u", all->len > 0 ? "; " : "",
                              event.type == AVI_MDNS_EVENT_GONE ? "gone" : "found", multihash[6] << 8 | multihash[7],
                              event.ifindex);
      g_assert_cmpint (event.addresses == NULL, ==, event.type == AVI_MDNS_EVENT_GONE);
      for (guint i = 0; event.addresses != NULL && i < event.addresses->len; i++)
        {
          g_autofree char *text = avi_multiaddr_to_string (g_ptr_array_index (event.addresses, i));

          g_string_append_printf (all, "%s%s", i == 0 ? ": " : " ", text);
        }
    }
  g_assert_cmpstr (all->str, ==, expected);
}

/* "kitchen 4500, living 4400" */
static void
assert_known (AviMdnsCache *cache, guint ifindex, gint64 now, const char *expected)
{
  g_autoptr(GString) all = g_string_new (NULL);
  GList *cursor = NULL;
  AviSpan label;
  guint32 ttl;

  while (avi_mdns_cache_next_known (cache, ifindex, now, &cursor, &label, &ttl))
    g_string_append_printf (all, "%s%.*s %u", all->len > 0 ? ", " : "", (int) label.len, (const char *) label.data,
                            ttl);
  g_assert_cmpstr (all->str, ==, expected);
}

static void
test_learn (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();

  g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, G_MAXINT64);
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, 0);
  g_assert_false (avi_mdns_cache_knows (cache, 9));
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, 1);
  g_assert_true (avi_mdns_cache_knows (cache, 9));
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1");

  /* The newest first; those of one time as they came; what is queued is told once. */
  learn (cache, 9, "/ip4/10.0.0.10/tcp/1", 1, 120, START + 1);
  learn (cache, 9, "/ip4/10.0.0.11/tcp/1", 1, 120, START + 1);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.10/tcp/1 /ip4/10.0.0.11/tcp/1 /ip4/10.0.0.9/tcp/1");
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START + SECOND + 1);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1 /ip4/10.0.0.10/tcp/1 /ip4/10.0.0.11/tcp/1");

  /* Heard again with nothing new to it: after a second. */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START + 2 * SECOND);
  assert_happened (cache, "");
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START + 2 * SECOND + 1);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1 /ip4/10.0.0.10/tcp/1 /ip4/10.0.0.11/tcp/1");
}

static void
test_two_interfaces (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();

  /* One host heard on both is one address, as long as either is heard. */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 2, 120, START);
  learn (cache, 9, "/ip4/10.0.0.10/tcp/1", 2, 120, START);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1 /ip4/10.0.0.10/tcp/1");
  avi_mdns_cache_drop_interface (cache, 3);
  assert_happened (cache, "");
  avi_mdns_cache_drop_interface (cache, 2);
  assert_happened (cache, "found 9 on 2: /ip4/10.0.0.9/tcp/1");
  avi_mdns_cache_drop_interface (cache, 1);
  assert_happened (cache, "gone 9 on 1");
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, 0);
  g_assert_false (avi_mdns_cache_knows (cache, 9));
}

static void
test_life (void)
{
  static const struct
  {
    guint32 ttl;
    gint64  life; /* seconds */
  } cases[] = { { 1, 1 }, { 29, 29 }, { 120, 120 }, { 4500, 4500 }, { 4501, 4500 }, { G_MAXUINT32, 4500 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
      gint64 end = START + cases[i].life * SECOND;
      guint ifindex, n_asked = 0;

      learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, cases[i].ttl, START);
      assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1");

      /* At 80, 90 and 95 of a hundred parts it is asked for, where it lives for half a minute at least. */
      for (guint n = 0; avi_mdns_cache_get_deadline (cache) < end; n++)
        {
          gint64 at = avi_mdns_cache_get_deadline (cache);

          g_assert_cmpuint (n, <, 10);
          avi_mdns_cache_tick (cache, at - 1);
          g_assert_false (avi_mdns_cache_next_stale (cache, &ifindex));
          avi_mdns_cache_tick (cache, at);
          if (!avi_mdns_cache_next_stale (cache, &ifindex))
            continue;
          g_assert_cmpuint (ifindex, ==, 1);
          g_assert_cmpint ((at - START) * 100 / (end - START), ==, ((gint[]){ 80, 90, 95 })[n_asked]);
          n_asked++;
        }
      g_assert_cmpuint (n_asked, ==, cases[i].life >= 30 ? 3 : 0);

      g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, end);
      avi_mdns_cache_tick (cache, end - 1);
      assert_happened (cache, "");
      avi_mdns_cache_tick (cache, end);
      assert_happened (cache, "gone 9 on 1");
      g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, G_MAXINT64);
    }
}

static void
test_heard_again (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  guint ifindex;

  /* A whole life from then on, and it is asked for as at first. */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 100, START);
  avi_mdns_cache_tick (cache, START + 96 * SECOND);
  g_assert_true (avi_mdns_cache_next_stale (cache, &ifindex));
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 100, START + 96 * SECOND);
  avi_mdns_cache_tick (cache, START + 100 * SECOND);
  g_assert_false (avi_mdns_cache_next_stale (cache, &ifindex));
  g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, START + 176 * SECOND);
  avi_mdns_cache_tick (cache, START + 176 * SECOND);
  g_assert_true (avi_mdns_cache_next_stale (cache, &ifindex));
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, 1);
}

static void
test_late_tick (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  guint ifindex;

  /* What was missed is asked for once, on each interface. */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 100, START);
  learn (cache, 8, "/ip4/10.0.0.8/tcp/1", 1, 100, START);
  learn (cache, 7, "/ip4/10.0.0.7/tcp/1", 2, 100, START);
  avi_mdns_cache_tick (cache, START + 96 * SECOND);
  g_assert_true (avi_mdns_cache_next_stale (cache, &ifindex));
  g_assert_cmpuint (ifindex, ==, 2);
  g_assert_true (avi_mdns_cache_next_stale (cache, &ifindex));
  g_assert_cmpuint (ifindex, ==, 1);
  g_assert_false (avi_mdns_cache_next_stale (cache, &ifindex));
  g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, START + 100 * SECOND);
}

static void
test_one_of_several_expires (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();

  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 10, START);
  learn (cache, 9, "/ip4/10.0.0.10/tcp/1", 2, 20, START);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1 /ip4/10.0.0.10/tcp/1");
  avi_mdns_cache_tick (cache, START + 10 * SECOND);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.10/tcp/1");
  avi_mdns_cache_tick (cache, START + 20 * SECOND);
  assert_happened (cache, "gone 9 on 2");
}

static void
test_withdrawn_records (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  guint ifindex;

  /* Of nobody */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 0, START);
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, 0);
  avi_mdns_cache_withdraw (cache, 9, 1, START);

  /* Of an address that is not there, or on another interface */
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/2", 1, 0, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 2, 0, START);
  avi_mdns_cache_withdraw (cache, 9, 2, START);
  avi_mdns_cache_tick (cache, START + SECOND);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1");

  /* A second is left to it, in which it is not asked for, and no more for being withdrawn again. */
  learn (cache, 8, "/ip4/10.0.0.8/tcp/1", 1, 1, START + 90 * SECOND);
  assert_happened (cache, "found 8 on 1: /ip4/10.0.0.8/tcp/1");
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 0, START + 90 * SECOND + 500 * MS);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 0, START + 90 * SECOND + 900 * MS);
  avi_mdns_cache_tick (cache, START + 91 * SECOND);
  g_assert_false (avi_mdns_cache_next_stale (cache, &ifindex));
  assert_happened (cache, "gone 8 on 1");
  g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, START + 91 * SECOND + 500 * MS);
  avi_mdns_cache_tick (cache, START + 91 * SECOND + 500 * MS);
  assert_happened (cache, "gone 9 on 1");
}

static void
test_withdrawn_instances (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();

  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/2", 2, 120, START);
  name (cache, 9, "kitchen", 1, 120, START);
  assert_known (cache, 1, START, "kitchen 120");
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1 /ip4/10.0.0.9/tcp/2");
  avi_mdns_cache_withdraw (cache, 9, 1, START + SECOND);
  assert_known (cache, 1, START + SECOND, "");
  avi_mdns_cache_tick (cache, START + 2 * SECOND - 1);
  assert_happened (cache, "");
  avi_mdns_cache_tick (cache, START + 2 * SECOND);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/2");
}

static void
test_flush_of_an_instance (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  AviPeerId id;

  /* What is older than a second goes, a second from now; of this interface. */
  mdns_make_peer (9, &id);
  avi_mdns_cache_flush (cache, &id, 9, 1, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/2", 2, 120, START);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/3", 1, 120, START + 1);
  learn (cache, 9, "/ip4/10.0.0.9/tcp/4", 1, 120, START + SECOND + 1);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/4 /ip4/10.0.0.9/tcp/3 /ip4/10.0.0.9/tcp/1 "
                          "/ip4/10.0.0.9/tcp/2");
  avi_mdns_cache_flush (cache, &id, 9, 1, START + SECOND + 1);
  avi_mdns_cache_flush (cache, &id, 8, 1, START + 90 * SECOND); /* of another instance */
  avi_mdns_cache_tick (cache, START + 2 * SECOND);
  assert_happened (cache, "");
  avi_mdns_cache_tick (cache, START + 2 * SECOND + 1);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/4 /ip4/10.0.0.9/tcp/3 /ip4/10.0.0.9/tcp/2");
  avi_mdns_cache_tick (cache, START + 100 * SECOND);
  assert_happened (cache, "");
}

static void
test_known (void)
{
  g_autofree char *longest = g_strnfill (AVI_DNS_MAX_LABEL_LEN, 'x');
  g_autofree char *too_long = g_strnfill (AVI_DNS_MAX_LABEL_LEN + 1, 'x');
  g_autofree char *expected = g_strdup_printf ("%s 4440", longest);
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();

  name (cache, 9, "nobody", 1, 120, START);
  assert_known (cache, 1, START, "");

  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 4500, START);
  learn (cache, 8, "/ip4/10.0.0.8/tcp/1", 1, 4500, START);
  learn (cache, 7, "/ip4/10.0.0.7/tcp/1", 2, 4500, START);
  learn (cache, 6, "/ip4/10.0.0.6/tcp/1", 1, 4500, START); /* without a name */
  name (cache, 9, "nine", 1, 4500, START);
  name (cache, 8, "eight", 1, 120, START);
  name (cache, 7, "seven", 2, G_MAXUINT32, START);

  /* Who was heard last comes first; with more than half of the life that is left. */
  assert_known (cache, 1, START, "eight 120, nine 4500");
  assert_known (cache, 2, START, "seven 4500");
  assert_known (cache, 3, START, "");
  learn (cache, 9, "/ip4/10.0.0.9/tcp/1", 1, 4500, START + MS);
  assert_known (cache, 1, START + MS, "nine 4499, eight 119");
  assert_known (cache, 1, START + 60 * SECOND - 1, "nine 4440, eight 60");
  assert_known (cache, 1, START + 60 * SECOND, "nine 4440");
  assert_known (cache, 1, START + 2250 * SECOND - 1, "nine 2250");
  assert_known (cache, 1, START + 2250 * SECOND, "");

  /* Of 63 bytes at most; and not beyond 75 minutes, whatever is claimed. */
  name (cache, 9, longest, 1, 4501, START);
  name (cache, 9, too_long, 1, 4500, START);
  assert_known (cache, 1, START + 60 * SECOND, expected);
}

static void
test_new_name (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse ("/ip4/10.0.0.9/tcp/1", NULL);
  AviPeerId id;

  /* A peer that was restarted: the old name is known no more. */
  mdns_make_peer (9, &id);
  avi_mdns_cache_learn (cache, &id, address, 1, 100, 4500, START);
  name (cache, 9, "old", 1, 4500, START);
  avi_mdns_cache_learn (cache, &id, address, 1, 200, 4500, START);
  g_assert_false (avi_mdns_cache_knows (cache, 100));
  g_assert_true (avi_mdns_cache_knows (cache, 200));
  assert_known (cache, 1, START, "");
  avi_mdns_cache_withdraw (cache, 100, 1, START);
  g_assert_cmpint (avi_mdns_cache_get_deadline (cache), ==, START + 3600 * SECOND);
  assert_happened (cache, "found 9 on 1: /ip4/10.0.0.9/tcp/1");
}

static void
test_max_addresses (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  AviMdnsEvent event;

  for (guint i = 0; i <= AVI_MDNS_MAX_ADDRESSES; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/1", i);

      learn (cache, 9, text, 1, 120, START);
    }
  g_assert_true (avi_mdns_cache_next_event (cache, &event));
  g_assert_cmpuint (event.addresses->len, ==, AVI_MDNS_MAX_ADDRESSES);
}

static void
test_max_peers (void)
{
  g_autoptr(AviMdnsCache) cache = avi_mdns_cache_new ();
  AviMdnsEvent event;

  for (guint i = 0; i < AVI_MDNS_MAX_PEERS; i++)
    learn (cache, i, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  learn (cache, 0, "/ip4/10.0.0.9/tcp/1", 1, 120, START); /* is heard of again */
  while (avi_mdns_cache_next_event (cache, &event))
    ;
  learn (cache, 2000, "/ip4/10.0.0.9/tcp/1", 1, 120, START);
  assert_happened (cache, "gone 1 on 1; found 2000 on 1: /ip4/10.0.0.9/tcp/1");
  g_assert_cmpuint (avi_mdns_cache_get_n (cache), ==, AVI_MDNS_MAX_PEERS);
  g_assert_false (avi_mdns_cache_knows (cache, 1));
  g_assert_true (avi_mdns_cache_knows (cache, 0));
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
  g_test_add_func ("/mdns-cache/tells all addresses of a peer, the newest first", test_learn);
  g_test_add_func ("/mdns-cache/keeps what it heard apart by interface", test_two_interfaces);
  g_test_add_func ("/mdns-cache/keeps a record for its life, 75 minutes at most", test_life);
  g_test_add_func ("/mdns-cache/gives a record that is heard again its whole life", test_heard_again);
  g_test_add_func ("/mdns-cache/asks once for what it missed", test_late_tick);
  g_test_add_func ("/mdns-cache/tells what is left where an address expires", test_one_of_several_expires);
  g_test_add_func ("/mdns-cache/leaves a second to a record that is withdrawn", test_withdrawn_records);
  g_test_add_func ("/mdns-cache/leaves a second to an instance that is withdrawn", test_withdrawn_instances);
  g_test_add_func ("/mdns-cache/flushes what is older than a second", test_flush_of_an_instance);
  g_test_add_func ("/mdns-cache/lists names with more than half of their life before them", test_known);
  g_test_add_func ("/mdns-cache/forgets a name for a newer one", test_new_name);
  g_test_add_func ("/mdns-cache/takes no more than 16 addresses at once", test_max_addresses);
  g_test_add_func ("/mdns-cache/lets the peer go that was unheard of for longest", test_max_peers);
  return g_test_run ();
}
