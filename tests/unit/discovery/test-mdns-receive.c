/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <netinet/in.h>

#include "mdns-fixture.h"

static void
test_answer (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 asked = now;
  AviDnsReader reader;

  node_ask (node, "_P2P._udp.LOCAL", AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_assert_sent (node, 0, "PTR 4500 | SRV*120 TXT*4500 A*120");
  g_assert_true (node_sent (node, 0)->multicast);
  g_assert_cmpint (node_sent (node, 0)->at, >=, asked + 20 * MS);
  g_assert_cmpint (node_sent (node, 0)->at, <=, asked + 120 * MS);
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (node_sent (node, 0)->bytes), NULL));
  g_assert_cmpuint (reader.id, ==, 0);
  g_assert_cmphex (reader.flags, ==, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
}

static void
test_names (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance_name, host_name;

  node_get_names (node, &now, &instance_name, &host_name);
  g_autofree char *instance = mdns_name_to_text (&instance_name);
  g_autofree char *host = mdns_name_to_text (&host_name);
  const struct
  {
    const char *name;
    AviDnsType type;
    const char *answer;
  } asked[] = {
    { instance, AVI_DNS_TYPE_TXT, "TXT*4500" },
    { instance, AVI_DNS_TYPE_SRV, "SRV*120 | A*120" },
    { instance, AVI_DNS_TYPE_ANY, "SRV*120 TXT*4500 | A*120" },
    { instance, AVI_DNS_TYPE_A, "NSEC*120" },
    { host, AVI_DNS_TYPE_A, "A*120" },
    { host, AVI_DNS_TYPE_ANY, "A*120" },
    { host, AVI_DNS_TYPE_AAAA, "NSEC*120" },
    { "_services._dns-sd._udp.local", AVI_DNS_TYPE_PTR, "PTR 4500" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (asked); i++)
    {
      node_run (node, &now, now + 2 * SECOND);
      node_forget (node);
      node_ask (node, asked[i].name, asked[i].type, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + 200 * MS);
      node_forget_queries (node);
      node_assert_sent (node, 0, asked[i].answer);
      g_assert_cmpuint (node->sent->len, ==, 1);
    }

  node_run (node, &now, now + 2 * SECOND);
  node_forget (node);
  node_ask (node, "somebody.local", AVI_DNS_TYPE_ANY, FALSE, AVI_MDNS_PORT, now);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_TXT, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 0);
}

static void
test_probe (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;

  node_get_names (node, &now, &instance, &host);
  g_autofree char *name = mdns_name_to_text (&instance);

  /* Who probes for our name is told at once, and again after a quarter of a second. */
  for (guint i = 0; i < 2; i++)
    {
      Packet packet;

      packet_init (&packet, 0, 0);
      packet_ask (&packet, name, AVI_DNS_TYPE_ANY, FALSE);
      packet_put_txt (&packet, AVI_DNS_AUTHORITY, &instance, 120, FALSE, "", NULL);
      packet_send (&packet, node, now);
      node_run (node, &now, now + 100 * MS);
      node_forget_queries (node);
      g_assert_cmpuint (node->sent->len, ==, 1);
    }
  node_run (node, &now, now + 100 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 2);
  g_assert_cmpint (node_sent (node, 1)->at - node_sent (node, 0)->at, ==, 250 * MS);
}

static void
test_known_answer (void)
{
  static const struct
  {
    guint32 ttl;
    guint answers;
  } known[] = { { 4500, 0 }, { 2250, 0 }, { 2249, 1 }, { 0, 1 } };
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;

  node_get_names (node, &now, &instance, &host);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      Packet packet;

      packet_init (&packet, 0, 0);
      packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
      packet_put_ptr (&packet, &instance, known[i].ttl);
      packet_send (&packet, node, now);
      node_run (node, &now, now + 2 * SECOND);
      node_forget_queries (node);
      g_assert_cmpuint (node->sent->len, ==, known[i].answers);
      node_forget (node);
    }
}

static void
test_truncated (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host, other;
  gint64 asked;
  Packet packet;

  node_get_names (node, &now, &instance, &host);
  mdns_instance_init (&other, "other");

  /* The list goes on in the next packet, and we are in it. */
  packet_init (&packet, 0, AVI_DNS_FLAG_TRUNCATED);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  packet_put_ptr (&packet, &other, 4500);
  packet_send (&packet, node, now);
  node_run (node, &now, now + 300 * MS);
  packet_init (&packet, 0, 0);
  packet_put_ptr (&packet, &instance, 4500);
  packet_send (&packet, node, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 0);

  /* We are not. */
  asked = now;
  packet_init (&packet, 0, AVI_DNS_FLAG_TRUNCATED);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  packet_send (&packet, node, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_cmpint (node_sent (node, 0)->at, >=, asked + 400 * MS);
  g_assert_cmpint (node_sent (node, 0)->at, <=, asked + 500 * MS);
}

static void
test_legacy (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  const Sent *multicast, *unicast;
  AviDnsReader reader;

  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, 40000, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 2);
  multicast = node_sent (node, !node_sent (node, 0)->multicast);
  unicast = node_sent (node, node_sent (node, 0)->multicast);
  g_assert_true (multicast->multicast && !unicast->multicast);

  g_autofree char *to_all = sent_describe (multicast);
  g_autofree char *to_one = sent_describe (unicast);

  g_assert_cmpstr (to_all, ==, "PTR 4500 | SRV*120 TXT*4500 A*120");
  g_assert_cmpstr (to_one, ==, "[PTR] PTR 10 | SRV 10 TXT 10 A 10");
  g_assert_cmpuint (unicast->port, ==, 40000);
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (unicast->bytes), NULL));
  g_assert_cmphex (reader.id, ==, 0x1234);

  /* Another question is of interest to nobody else. */
  node_forget (node);
  node_ask (node, "_services._dns-sd._udp.local", AVI_DNS_TYPE_PTR, FALSE, 40000, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_false (node_sent (node, 0)->multicast);
}

static void
test_far (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviMdnsPacket in = { .ifindex = IFINDEX, .near = FALSE };
  Packet packet;

  /* A source that is not of this link is answered by multicast, which reaches this link only. */
  packet_init (&packet, 1, 0);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  in.bytes = AVI_SPAN (packet.writer.data, packet.writer.len);
  ((struct sockaddr_in *) &in.remote)->sin_family = AF_INET;
  ((struct sockaddr_in *) &in.remote)->sin_port = htons (40000);
  g_assert_true (avi_mdns_receive (node->mdns, &in, now, NULL));
  avi_writer_clear (&packet.writer);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_true (node_sent (node, 0)->multicast);
}

static void
test_unicast (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsReader reader;

  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_false (node_sent (node, 0)->multicast);
  node_assert_sent (node, 0, "PTR 4500 | SRV*120 TXT*4500 A*120");
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (node_sent (node, 0)->bytes), NULL));
  g_assert_cmphex (reader.id, ==, 0x1234);

  /* A quarter of the TTL later the others deserve to hear it too. */
  node_run (node, &now, START + 1130 * SECOND);
  node_forget (node);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_true (node_sent (node, 0)->multicast);
}

static void
test_overheard (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  guint n = 0;

  /* Somebody else asks every 10 s, as js-libp2p does: everybody hears the answers. */
  for (guint i = 0; i < 100; i++)
    {
      node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + 10 * SECOND);
    }
  for (guint i = 0; i < node->sent->len; i++)
    n += sent_is_query (node_sent (node, i));
  g_assert_cmpuint (n, <=, 1);

  /* But not where it knows somebody whom we do not know: that one will not answer. */
  node_forget (node);
  for (guint i = 0; i < 100; i++)
    {
      AviDnsName other;
      Packet packet;

      mdns_instance_init (&other, "other");
      packet_init (&packet, 0, 0);
      packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
      packet_put_ptr (&packet, &other, 4500);
      packet_send (&packet, node, now);
      node_run (node, &now, now + 10 * SECOND);
    }
  n = 0;
  for (guint i = 0; i < node->sent->len; i++)
    n += sent_is_query (node_sent (node, i));
  g_assert_cmpuint (n, >=, 2);
}

static void
test_own_packets (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;
  g_autofree char *ours = mdns_dnsaddr ("/ip4/10.9.9.9/tcp/1", 1);
  g_autofree char *theirs = mdns_dnsaddr ("/ip4/10.0.0.66/tcp/1", 66);
  AviDnsName same, same_host, renamed;
  Packet packet;

  /* A reflector sends us what we announced on another interface: no conflict, nobody found. */
  node_get_names (node, &now, &instance, &host);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, TRUE, ours, theirs, NULL);
  packet_send (&packet, node, now);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 0);
  node_get_names (node, &now, &same, &same_host);
  g_assert_true (avi_dns_name_equal (&instance, &same));

  /* Another peer under our name: we take another, once in a while. */
  for (guint i = 0; i < 100; i++)
    {
      packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
      packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, TRUE, theirs, NULL);
      packet_send (&packet, node, now);
    }
  node_run (node, &now, now + 5 * SECOND);
  g_assert_cmpuint (node->sent->len, >=, 10);
  node_forget (node);
  node_get_names (node, &now, &renamed, &same_host);
  g_assert_false (avi_dns_name_equal (&instance, &renamed));
  g_assert_cmpuint (renamed.bytes[0], ==, 32);

  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &renamed, 120, TRUE, theirs, NULL);
  packet_send (&packet, node, now);
  node_get_names (node, &now, &same, &same_host);
  g_assert_true (avi_dns_name_equal (&renamed, &same));
}

static void
test_resolve (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance;
  Packet packet;

  node_run (node, &now, now + 600 * SECOND);
  node_forget (node);
  mdns_instance_init (&instance, "shy");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 4500);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_assert_sent (node, 0, "[PTR] [TXT]");
}

static void
test_malformed (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree guint8 *huge = g_malloc0 (AVI_MDNS_MAX_PACKET + 1);
  g_autofree char *string = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/1", 9);
  AviDnsName instance;
  Packet packet;

  mdns_instance_init (&instance, "peer9");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 120);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 120, TRUE, string, NULL);
  for (gsize len = 0; len < packet.writer.len; len++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (node_receive (node, AVI_SPAN (packet.writer.data, len), "10.0.0.9", AVI_MDNS_PORT, now, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
    }
  g_assert_cmpuint (node->told->len, ==, 0);

  g_autoptr(GError) error = NULL;

  g_assert_false (
      node_receive (node, AVI_SPAN (huge, AVI_MDNS_MAX_PACKET + 1), "10.0.0.9", AVI_MDNS_PORT, now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);

  packet_send (&packet, node, now);
  node_assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/1");
}

static void
test_codes (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  Packet packet;

  /* Other operations and failures are not for us. */
  packet_init (&packet, 0, 0x2800);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  packet_send (&packet, node, now);
  packet_init (&packet, 0, 3);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);
}

/* PTRs of @n instances from "a" on, without their TXT. */
static void
name_instances (Node *node, guint n, gint64 now)
{
  Packet packet;

  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  for (guint i = 0; i < n; i++)
    {
      AviDnsName instance;
      char label[] = { 'a' + i, '\0' };

      mdns_instance_init (&instance, label);
      packet_put_ptr (&packet, &instance, 4500);
    }
  packet_send (&packet, node, now);
}

static void
test_resolve_many (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  node_run (node, &now, now + 600 * SECOND);
  node_forget (node);
  name_instances (node, 12, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_assert_sent (node, 0, "[PTR] [TXT] [TXT] [TXT] [TXT] [TXT] [TXT] [TXT] [TXT]");
}

static void
test_resolve_once (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* Named by three packets before there was time to ask. */
  node_run (node, &now, now + 600 * SECOND);
  node_forget (node);
  name_instances (node, 1, now);
  name_instances (node, 2, now);
  name_instances (node, 2, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_assert_sent (node, 0, "[PTR] [TXT] [TXT]");
}

/* A question for the service from @remote, which need not be of IPv4. */
static void
ask_from (Node *node, const struct sockaddr *remote, gsize len, gboolean own, gint64 now)
{
  AviMdnsPacket in = { .ifindex = IFINDEX, .near = TRUE, .own = own };
  Packet packet;

  packet_init (&packet, 1, 0);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  in.bytes = AVI_SPAN (packet.writer.data, packet.writer.len);
  memcpy (&in.remote, remote, len);
  g_assert_true (avi_mdns_receive (node->mdns, &in, now, NULL));
  avi_writer_clear (&packet.writer);
}

static void
test_families (void)
{
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons (AVI_MDNS_PORT) };
  struct sockaddr other = { .sa_family = AF_UNIX };
  g_autoptr(GPtrArray) addresses = mdns_make_addresses ("/ip4/10.0.0.1/tcp/4001", NULL);
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* The interface is up in IPv4 only. */
  ask_from (node, (struct sockaddr *) &in6, sizeof in6, FALSE, now);
  ask_from (node, &other, sizeof other, FALSE, now);
  node_take_events (node);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 0);
  g_assert_cmpuint (node->told->len, ==, 0);

  /* Now in both: the answer goes where the question came from. */
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, TRUE, addresses, now);
  node_run (node, &now, now + 5 * SECOND);
  node_forget (node);
  ask_from (node, (struct sockaddr *) &in6, sizeof in6, FALSE, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_cmpint (node_sent (node, 0)->family, ==, AF_INET6);
  g_assert_cmpstr (node_told (node, 0), ==, "foreign");
}

static void
test_own_question (void)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 deadline = avi_mdns_deadline (node->mdns);

  /* Our own comes back by the group, and is no reason to be silent; nor is it news. */
  ask_from (node, (struct sockaddr *) &in, sizeof in, TRUE, now);
  node_take_events (node);
  node_run (node, &now, deadline);
  g_assert_cmpuint (node->told->len, ==, 0);
  g_assert_true (sent_is_query (node_sent (node, node->sent->len - 1)));
  g_assert_cmpint (node_sent (node, node->sent->len - 1)->at, ==, deadline);
}

static void
test_port_0 (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* Nobody can be answered there. */
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, 0, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_true (node_sent (node, 0)->multicast);
}

static void
test_list_of_another (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;
  Packet packet;

  /* The list of known answers that goes on is somebody else's. */
  node_get_names (node, &now, &instance, &host);
  packet_init (&packet, 0, AVI_DNS_FLAG_TRUNCATED);
  packet_ask (&packet, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE);
  packet_send (&packet, node, now);
  packet_init (&packet, 0, 0);
  packet_put_ptr (&packet, &instance, 4500);
  packet_send_from (&packet, node, "10.0.0.201", AVI_MDNS_PORT, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
}

static void
test_withdrawn_under_our_name (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *theirs = mdns_dnsaddr ("/ip4/10.0.0.66/tcp/1", 66);
  AviDnsName instance, host, same, same_host;
  Packet packet;

  /* Who withdraws a name does not claim it, and what names no peer claims nothing. */
  node_get_names (node, &now, &instance, &host);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 0, TRUE, theirs, NULL);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, TRUE, "version=1", NULL);
  packet_send (&packet, node, now);
  node_get_names (node, &now, &same, &same_host);
  g_assert_true (avi_dns_name_equal (&instance, &same));
}

static void
test_other_class (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *string = mdns_dnsaddr ("/ip4/10.0.0.9/tcp/1", 9);
  AviDnsName instance;
  Packet packet;

  /* A record of class CHAOS is none of ours, whatever it holds: the class stands behind name and type. */
  mdns_instance_init (&instance, "peer9");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, string, NULL);
  packet.writer.data[AVI_DNS_HEADER_LEN + instance.len + 3] = 3;
  packet_send (&packet, node, now);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-receive/answers for the service by multicast, after a random while", test_answer);
  g_test_add_func ("/mdns-receive/answers for its own names and for the list of services", test_names);
  g_test_add_func ("/mdns-receive/defends its name within a quarter of a second", test_probe);
  g_test_add_func ("/mdns-receive/does not tell who knows already", test_known_answer);
  g_test_add_func ("/mdns-receive/waits for the rest of a list of known answers", test_truncated);
  g_test_add_func ("/mdns-receive/answers questions from other ports by multicast and unicast", test_legacy);
  g_test_add_func ("/mdns-receive/sends nothing by unicast to who is not of the link", test_far);
  g_test_add_func ("/mdns-receive/answers by unicast who asks for it, unless others should hear it again",
                   test_unicast);
  g_test_add_func ("/mdns-receive/lets the question of another stand for its own", test_overheard);
  g_test_add_func ("/mdns-receive/knows its own packets by the peer id, and gives up a name that is taken",
                   test_own_packets);
  g_test_add_func ("/mdns-receive/asks for the addresses of an instance that came without", test_resolve);
  g_test_add_func ("/mdns-receive/refuses a packet that is cut anywhere, and goes on", test_malformed);
  g_test_add_func ("/mdns-receive/passes over other operations", test_codes);
  g_test_add_func ("/mdns-receive/asks for the addresses of eight instances at once", test_resolve_many);
  g_test_add_func ("/mdns-receive/asks once for an instance that was named repeatedly", test_resolve_once);
  g_test_add_func ("/mdns-receive/answers in the family of the question", test_families);
  g_test_add_func ("/mdns-receive/does not take its own question for another's", test_own_question);
  g_test_add_func ("/mdns-receive/answers nobody at port 0", test_port_0);
  g_test_add_func ("/mdns-receive/adds nobody else's list to one that goes on", test_list_of_another);
  g_test_add_func ("/mdns-receive/keeps its name where another withdraws it", test_withdrawn_under_our_name);
  g_test_add_func ("/mdns-receive/passes over other classes", test_other_class);
  return g_test_run ();
}
