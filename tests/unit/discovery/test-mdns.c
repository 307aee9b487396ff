/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdns under virtual time: alone, with packets made by hand in the form of each family, and in
 * company on a LAN that delivers at once.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "avi-error.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

#define MS      G_GINT64_CONSTANT (1000)
#define SECOND  G_GINT64_CONSTANT (1000000)
#define START   (1000 * SECOND)
#define IFINDEX 1000003 /* no interface of the machine that runs the test */

/* --- a node --- */

typedef struct
{
  gint64              at;
  gboolean            multicast;
  guint16             port;  /* where to */
  int                 family;
  GBytes             *bytes;
} Sent;

typedef struct
{
  AviMdns  *mdns;
  AviRandom random;
  AviPeerId id;
  char     *text;
  char     *host;   /* "10.0.0.1" */
  GArray   *sent;   /* of Sent */
  GPtrArray *told;  /* of text: what happened */
  guint     wakes;
} Node;

static void
sent_clear (gpointer data)
{
  g_bytes_unref (((Sent *) data)->bytes);
}

static void
make_peer (guint number, AviPeerId *id)
{
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32 };

  multihash[6] = number >> 8;
  multihash[7] = number;
  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), id, NULL));
}

static GPtrArray *
make_addresses (const char *first, ...)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    {
      AviMultiaddr *address = avi_multiaddr_parse (text, NULL);

      g_assert_nonnull (address);
      g_ptr_array_add (addresses, address);
    }
  va_end (args);
  return addresses;
}

static Node *
node_new (guint number)
{
  Node *node = g_new0 (Node, 1);

  avi_random_seed (&node->random, number);
  make_peer (number, &node->id);
  node->text = avi_peer_id_to_string (&node->id);
  node->host = g_strdup_printf ("10.0.%u.%u", number >> 8, number & 255);
  node->mdns = avi_mdns_new (&node->id, &node->random);
  node->sent = g_array_new (FALSE, FALSE, sizeof (Sent));
  g_array_set_clear_func (node->sent, sent_clear);
  node->told = g_ptr_array_new_with_free_func (g_free);
  return node;
}

static void
node_free (Node *node)
{
  avi_mdns_free (node->mdns);
  g_array_unref (node->sent);
  g_ptr_array_unref (node->told);
  g_free (node->text);
  g_free (node->host);
  g_free (node);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)

static void
node_up (Node *node, gint64 now)
{
  g_autofree char *text = g_strdup_printf ("/ip4/%s/tcp/4001", node->host);
  g_autoptr(GPtrArray) addresses = make_addresses (text, NULL);

  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
}

/* "found PEER ADDRESS ADDRESS", "gone PEER", "foreign", "quiet". */
static void
node_take_events (Node *node)
{
  AviMdnsEvent event;

  while (avi_mdns_next (node->mdns, &event))
    {
      gboolean of_peer = event.type == AVI_MDNS_EVENT_FOUND || event.type == AVI_MDNS_EVENT_GONE;
      g_autofree char *peer = of_peer ? avi_peer_id_to_string (&event.peer) : NULL;
      GString *text = g_string_new (NULL);

      g_assert_cmpuint (event.ifindex, ==, IFINDEX);
      if (event.type == AVI_MDNS_EVENT_FOREIGN)
        g_string_append (text, "foreign");
      else if (event.type == AVI_MDNS_EVENT_QUIET)
        g_string_append (text, "quiet");
      else
        g_string_append_printf (text, "%s %s", event.type == AVI_MDNS_EVENT_GONE ? "gone" : "found", peer);
      for (guint i = 0; event.addresses != NULL && i < event.addresses->len; i++)
        {
          g_autofree char *address = avi_multiaddr_to_string (g_ptr_array_index (event.addresses, i));

          g_string_append_printf (text, " %s", address);
        }
      g_ptr_array_add (node->told, g_string_free (text, FALSE));
    }
}

static void
node_take_sent (Node *node, gint64 now)
{
  AviMdnsPacket packet;

  avi_mdns_tick (node->mdns, now);
  for (guint n = 0; avi_mdns_transmit (node->mdns, &packet, now); n++)
    {
      struct sockaddr_in *in = (struct sockaddr_in *) &packet.remote;
      Sent sent = { now, packet.multicast, ntohs (in->sin_port), packet.remote.ss_family,
                    g_bytes_new (packet.bytes.data, packet.bytes.len) };

      g_assert_cmpuint (n, <, 200);
      g_assert_cmpuint (packet.bytes.len, <=, AVI_MDNS_MAX_SENT);
      g_assert_cmpuint (packet.ifindex, ==, IFINDEX);
      g_array_append_val (node->sent, sent);
    }
  g_assert_cmpint (avi_mdns_deadline (node->mdns), >, now);
  node_take_events (node);
}

static const char *
node_told (Node *node, guint index)
{
  return index < node->told->len ? g_ptr_array_index (node->told, index) : "nothing";
}

static void
node_forget (Node *node)
{
  g_ptr_array_set_size (node->told, 0);
  g_array_set_size (node->sent, 0);
}

static gboolean
node_receive (Node *node, AviSpan bytes, const char *from, guint16 port, gint64 now, GError **error)
{
  AviMdnsPacket packet = { .ifindex = IFINDEX, .own = g_str_equal (from, node->host), .near = TRUE };
  struct sockaddr_in *in = (struct sockaddr_in *) &packet.remote;
  g_autofree guint8 *exact = g_memdup2 (bytes.data, bytes.len);
  gboolean good;

  in->sin_family = AF_INET;
  in->sin_port = htons (port);
  g_assert_cmpint (inet_pton (AF_INET, from, &in->sin_addr), ==, 1);
  packet.bytes = AVI_SPAN (exact, bytes.len);
  good = avi_mdns_receive (node->mdns, &packet, now, error);
  node_take_events (node);
  return good;
}

/* Lets time pass for one node alone. */
static void
node_run (Node *node, gint64 *now, gint64 until)
{
  for (guint rounds = 0;; rounds++)
    {
      gint64 next = MAX (avi_mdns_deadline (node->mdns), *now);

      g_assert_cmpuint (rounds, <, 100000);
      if (next > until)
        break;
      *now = next;
      node->wakes++;
      node_take_sent (node, *now);
    }
  *now = until;
}

/* Up, and past its train. */
static Node *
node_new_settled (guint number, gint64 *now)
{
  Node *node = node_new (number);

  *now = START;
  node_up (node, *now);
  node_run (node, now, START + 5 * SECOND);
  node_forget (node);
  return node;
}

/* --- a LAN --- */

static void
lan_deliver (Node **nodes, guint n, guint sender, guint *seen, gint64 now)
{
  for (; *seen < nodes[sender]->sent->len; (*seen)++)
    {
      GBytes *bytes = g_bytes_ref (g_array_index (nodes[sender]->sent, Sent, *seen).bytes);

      for (guint i = 0; i < n; i++)
        g_assert_true (
            node_receive (nodes[i], avi_span_from_bytes (bytes), nodes[sender]->host, AVI_MDNS_PORT, now, NULL));
      g_bytes_unref (bytes);
    }
}

static void
lan_run (Node **nodes, guint n, gint64 *now, gint64 until)
{
  g_autofree guint *seen = g_new0 (guint, n);

  for (guint i = 0; i < n; i++)
    seen[i] = nodes[i]->sent->len;
  for (guint rounds = 0;; rounds++)
    {
      gint64 next = G_MAXINT64;

      g_assert_cmpuint (rounds, <, 1000000);
      for (guint i = 0; i < n; i++)
        next = MIN (next, avi_mdns_deadline (nodes[i]->mdns));
      next = MAX (next, *now);
      if (next > until)
        break;
      *now = next;
      for (guint i = 0; i < n; i++)
        {
          if (avi_mdns_deadline (nodes[i]->mdns) > *now)
            continue;
          nodes[i]->wakes++;
          node_take_sent (nodes[i], *now);
          lan_deliver (nodes, n, i, &seen[i], *now);
        }
    }
  *now = until;
}

/* --- packets by hand --- */

typedef struct
{
  AviWriter    writer;
  AviDnsWriter dns;
  AviDnsName   service;
} Packet;

static void
packet_init (Packet *packet, guint16 id, guint16 flags)
{
  avi_writer_init (&packet->writer, 65536);
  g_assert_true (avi_dns_writer_init (&packet->dns, &packet->writer, id, flags));
  avi_dns_name_init (&packet->service, AVI_MDNS_SERVICE);
}

static void
packet_ask (Packet *packet, const char *name, AviDnsType type, gboolean unicast)
{
  AviDnsName question;

  avi_dns_name_init (&question, name);
  g_assert_true (avi_dns_writer_question (&packet->dns, &question, type, AVI_DNS_CLASS_IN, unicast));
}

static void
packet_put_ptr (Packet *packet, const AviDnsName *instance, guint32 ttl)
{
  avi_dns_writer_begin (&packet->dns, AVI_DNS_ANSWER, &packet->service, AVI_DNS_TYPE_PTR, FALSE, ttl);
  avi_dns_writer_name (&packet->dns, instance, TRUE);
  g_assert_true (avi_dns_writer_end (&packet->dns));
}

static void
packet_put_txt (Packet *packet, AviDnsSection section, const AviDnsName *instance, guint32 ttl, gboolean flush,
                const char *first, ...)
{
  va_list args;

  avi_dns_writer_begin (&packet->dns, section, instance, AVI_DNS_TYPE_TXT, flush, ttl);
  va_start (args, first);
  for (const char *string = first; string != NULL; string = va_arg (args, const char *))
    {
      guint8 len = strlen (string);

      avi_dns_writer_bytes (&packet->dns, AVI_SPAN (&len, 1));
      avi_dns_writer_bytes (&packet->dns, AVI_SPAN (string, len));
    }
  va_end (args);
  g_assert_true (avi_dns_writer_end (&packet->dns));
}

static void
packet_send_from (Packet *packet, Node *to, const char *from, guint16 port, gint64 now)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (node_receive (to, AVI_SPAN (packet->writer.data, packet->writer.len), from, port, now, &error));
  g_assert_no_error (error);
  avi_writer_clear (&packet->writer);
}

static void
packet_send (Packet *packet, Node *to, gint64 now)
{
  packet_send_from (packet, to, "10.0.0.200", AVI_MDNS_PORT, now);
}

static void
ask (Node *node, const char *name, AviDnsType type, gboolean unicast, guint16 port, gint64 now)
{
  Packet packet;

  packet_init (&packet, 0x1234, 0);
  packet_ask (&packet, name, type, unicast);
  packet_send_from (&packet, node, "10.0.0.200", port, now);
}

static void
instance_init (AviDnsName *instance, const char *label)
{
  AviDnsName service;

  avi_dns_name_init (&service, AVI_MDNS_SERVICE);
  avi_dns_name_prepend (instance, AVI_SPAN_STRING (label), &service);
}

static char *
dnsaddr (const char *address, guint peer)
{
  g_autofree char *text = NULL;
  AviPeerId id;

  make_peer (peer, &id);
  text = avi_peer_id_to_string (&id);
  return g_strdup_printf ("dnsaddr=%s/p2p/%s", address, text);
}

/* A peer of ours as itself announces, in the plainest form. */
static void
announce (Node *node, guint peer, const char *address, guint32 ttl, gint64 now)
{
  g_autofree char *label = g_strdup_printf ("peer%u", peer);
  g_autofree char *string = dnsaddr (address, peer);
  AviDnsName instance;
  Packet packet;

  instance_init (&instance, label);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, ttl);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, ttl, TRUE, string, NULL);
  packet_send (&packet, node, now);
}

static char *
found_text (guint peer, const char *addresses)
{
  g_autofree char *text = NULL;
  AviPeerId id;

  make_peer (peer, &id);
  text = avi_peer_id_to_string (&id);
  return addresses != NULL ? g_strdup_printf ("found %s %s", text, addresses) : g_strdup_printf ("gone %s", text);
}

static void
assert_told (Node *node, guint index, guint peer, const char *addresses)
{
  g_autofree char *expected = found_text (peer, addresses);

  g_assert_cmpstr (node_told (node, index), ==, expected);
}

/* --- what a node has sent, taken apart --- */

static const Sent *
node_sent (Node *node, guint index)
{
  g_assert_cmpuint (index, <, node->sent->len);
  return &g_array_index (node->sent, Sent, index);
}

static gboolean
sent_is_query (const Sent *sent)
{
  AviDnsReader reader;

  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (sent->bytes), NULL));
  return (reader.flags & AVI_DNS_FLAG_RESPONSE) == 0;
}

/* Leaves what @node had to answer. */
static void
node_forget_queries (Node *node)
{
  for (guint i = node->sent->len; i > 0; i--)
    {
      if (sent_is_query (node_sent (node, i - 1)))
        g_array_remove_index (node->sent, i - 1);
    }
}

/* "PTR*4500 …": type, * where the cache is flushed, TTL; questions in brackets; | between answers
 * and additionals. */
static char *
sent_describe (const Sent *sent)
{
  GString *text = g_string_new (NULL);
  AviDnsSection section = AVI_DNS_QUESTION;
  AviDnsReader reader;
  AviDnsRecord record;

  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (sent->bytes), NULL));
  while (avi_dns_reader_next (&reader, &record, NULL))
    {
      const char *type = record.type == AVI_DNS_TYPE_A ? "A" : record.type == AVI_DNS_TYPE_PTR ? "PTR"
                         : record.type == AVI_DNS_TYPE_TXT ? "TXT" : record.type == AVI_DNS_TYPE_AAAA ? "AAAA"
                         : record.type == AVI_DNS_TYPE_SRV ? "SRV" : record.type == AVI_DNS_TYPE_NSEC ? "NSEC" : "?";

      if (text->len > 0)
        g_string_append_c (text, ' ');
      if (record.section != section && record.section == AVI_DNS_ADDITIONAL)
        g_string_append (text, "| ");
      section = record.section;
      if (section == AVI_DNS_QUESTION)
        g_string_append_printf (text, "[%s%s]", type, record.top_bit ? "*" : "");
      else
        g_string_append_printf (text, "%s%s%u", type, record.top_bit ? "*" : " ", record.ttl);
    }
  return g_string_free (text, FALSE);
}

static void
assert_sent (Node *node, guint index, const char *description)
{
  g_autofree char *text = sent_describe (node_sent (node, index));

  g_assert_cmpstr (text, ==, description);
}

static void
sent_find (const Sent *sent, AviDnsType type, AviDnsRecord *record)
{
  AviDnsReader reader;

  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (sent->bytes), NULL));
  do
    g_assert_true (avi_dns_reader_next (&reader, record, NULL));
  while (record->type != type || record->section == AVI_DNS_QUESTION);
}

/* The names under which @node announces itself. */
static void
node_get_names (Node *node, gint64 *now, AviDnsName *instance, AviDnsName *host)
{
  AviDnsRecord record;

  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, *now);
  node_run (node, now, *now + 3 * SECOND);
  for (guint i = 0; i < node->sent->len; i++)
    {
      if (sent_is_query (node_sent (node, i)))
        continue;
      sent_find (node_sent (node, i), AVI_DNS_TYPE_SRV, &record);
      *instance = record.name;
      *host = record.target;
      node_forget (node);
      return;
    }
  g_assert_not_reached ();
}

static char *
name_to_text (const AviDnsName *name)
{
  GString *text = g_string_new (NULL);

  for (gsize at = 0; name->bytes[at] != 0; at += 1 + name->bytes[at])
    g_string_append_printf (text, "%s%.*s", at > 0 ? "." : "", name->bytes[at], (const char *) name->bytes + at + 1);
  return g_string_free (text, FALSE);
}

/* --- tests: what we say --- */

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
      assert_sent (node, 2 * i, "[PTR]");
      assert_sent (node, 2 * i + 1, "PTR 4500 | SRV*120 TXT*4500 A*120");
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

      assert_sent (node, i, "[PTR]");
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
      make_addresses ("/ip4/10.0.0.1/tcp/4001", "/ip6/2001:db8::1/tcp/4002", "/ip6zone/eth0/ip6/fe80::1/tcp/4002",
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
  assert_sent (node, 1, "PTR 4500 | SRV*120 TXT*4500 A*120 AAAA*120 AAAA*120");
  assert_sent (node, 3, "PTR 4500 | SRV*120 TXT*4500 A*120 AAAA*120 AAAA*120");

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
test_many_addresses (void)
{
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses = make_addresses (NULL, NULL);
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

static void
test_nothing_to_announce (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses = make_addresses (NULL, NULL);

  now = START;
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
  node_run (node, &now, now + 5 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 5);
  node_forget (node);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, 40000, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);

  /* Listeners came, and went. */
  node_up (node, now);
  node_run (node, &now, now + 5 * SECOND);
  node_forget (node);
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
  node_take_sent (node, now);
  assert_sent (node, 0, "PTR 0");
  assert_sent (node, 1, "[PTR]");
  g_assert_cmpuint (node->sent->len, ==, 2);
}

static void
test_answer (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 asked = now;
  AviDnsReader reader;

  ask (node, "_P2P._udp.LOCAL", AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  assert_sent (node, 0, "PTR 4500 | SRV*120 TXT*4500 A*120");
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
  g_autofree char *instance = name_to_text (&instance_name);
  g_autofree char *host = name_to_text (&host_name);
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
      ask (node, asked[i].name, asked[i].type, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + 200 * MS);
      node_forget_queries (node);
      assert_sent (node, 0, asked[i].answer);
      g_assert_cmpuint (node->sent->len, ==, 1);
    }

  node_run (node, &now, now + 2 * SECOND);
  node_forget (node);
  ask (node, "somebody.local", AVI_DNS_TYPE_ANY, FALSE, AVI_MDNS_PORT, now);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_TXT, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 0);
}

static void
test_rate (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 start = now;
  guint n = 0;

  /* 10 s of a thousand questions a second. */
  for (guint i = 0; i < 10000; i++)
    {
      ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  for (guint i = 0; i < node->sent->len; i++)
    n += !sent_is_query (node_sent (node, i));
  g_assert_cmpuint (n, <=, 10);
  g_assert_cmpuint (n, >=, 9);
  for (guint i = 1; i < node->sent->len; i++)
    g_assert_cmpint (node_sent (node, i)->at - node_sent (node, i - 1)->at, >=, SECOND);

  /* Of those who ask to be answered alone, 50 a second and as many at first. */
  node_forget (node);
  start = now;
  for (guint i = 0; i < 4000; i++)
    {
      ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  node_run (node, &now, now + SECOND);
  n = 0;
  for (guint i = 0; i < node->sent->len; i++)
    n += !node_sent (node, i)->multicast;
  g_assert_cmpuint (n, >=, 200);
  g_assert_cmpuint (n, <=, 50 + (now - start) / (20 * MS));
}

static void
test_postponed (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* A question within the second that follows an answer is not lost: it waits. */
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 2);
  g_assert_cmpint (node_sent (node, 1)->at - node_sent (node, 0)->at, ==, SECOND);
}

static void
test_probe (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;

  node_get_names (node, &now, &instance, &host);
  g_autofree char *name = name_to_text (&instance);

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
  instance_init (&other, "other");

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

  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, 40000, now);
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
  ask (node, "_services._dns-sd._udp.local", AVI_DNS_TYPE_PTR, FALSE, 40000, now);
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

  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 2 * SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_false (node_sent (node, 0)->multicast);
  assert_sent (node, 0, "PTR 4500 | SRV*120 TXT*4500 A*120");
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (node_sent (node, 0)->bytes), NULL));
  g_assert_cmphex (reader.id, ==, 0x1234);

  /* A quarter of the TTL later the others deserve to hear it too. */
  node_run (node, &now, START + 1130 * SECOND);
  node_forget (node);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  g_assert_true (node_sent (node, 0)->multicast);
}

static void
test_goodbye (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  avi_mdns_goodbye (node->mdns, now);
  node_run (node, &now, now + 3600 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  assert_sent (node, 0, "PTR 0"); /* without TXT: js-libp2p would take it for a discovery */
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  g_assert_cmpint (avi_mdns_deadline (node->mdns), ==, G_MAXINT64);
}

static void
test_change (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autoptr(GPtrArray) addresses = make_addresses ("/ip4/10.0.0.77/tcp/4001", NULL);

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
test_overheard (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  guint n = 0;

  /* Somebody else asks every 10 s, as js-libp2p does: everybody hears the answers. */
  for (guint i = 0; i < 100; i++)
    {
      ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
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

      instance_init (&other, "other");
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

/* --- tests: what we hear --- */

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
  assert_told (nodes[0], 1, 2, "/ip4/10.0.0.2/tcp/4001");
  lan_run (nodes, 2, &now, now + 120 * MS);
  g_assert_cmpstr (node_told (nodes[1], 0), ==, "foreign");
  assert_told (nodes[1], 1, 1, "/ip4/10.0.0.1/tcp/4001");
  g_assert_cmpuint (nodes[1]->told->len, ==, 2);

  /* It leaves; a second later it is gone. */
  lan_run (nodes, 2, &now, now + 60 * SECOND);
  node_forget (nodes[0]);
  avi_mdns_goodbye (nodes[1]->mdns, now);
  lan_run (nodes, 2, &now, now + 999 * MS);
  g_assert_cmpuint (nodes[0]->told->len, ==, 0);
  lan_run (nodes, 2, &now, now + MS);
  assert_told (nodes[0], 0, 2, NULL);

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
test_rust (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = dnsaddr ("/ip4/10.0.0.9/udp/4001/quic-v1", 9);
  AviDnsName instance;
  Packet packet;

  /* From an ephemeral port; the instance a bare label; a TXT record per address, as additionals. */
  avi_dns_name_init (&instance, "2Gk8vYeLrPqXz1QnMB5TtWsHc7JdFa4R");
  packet_init (&packet, 0xbeef, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
  packet_put_ptr (&packet, &instance, 360);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 360, TRUE, one, NULL);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 360, TRUE, two, NULL);
  packet_send_from (&packet, node, "10.0.0.9", 51234, now);
  assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001");
}

static void
test_js (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = dnsaddr ("/ip4/10.0.0.9/tcp/4002/ws", 9);
  g_autofree char *three = dnsaddr ("/ip4/10.0.0.10/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  instance_init (&instance, "js");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 120);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, one, NULL);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, two, NULL);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, three, NULL);
  packet_send (&packet, node, now);
  assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001 /ip4/10.0.0.10/tcp/4001");
}

static void
test_go (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = dnsaddr ("/ip6/2001:db8::9/tcp/4001", 9);
  AviDnsName instance, host;
  Packet packet;

  instance_init (&instance, "go");
  avi_dns_name_init (&host, "go.local");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 3200);
  avi_dns_writer_begin (&packet.dns, AVI_DNS_ADDITIONAL, &instance, AVI_DNS_TYPE_SRV, TRUE, 3200);
  avi_dns_writer_bytes (&packet.dns, AVI_SPAN ("\0\0\0\0\x0f\xa1", 6));
  avi_dns_writer_name (&packet.dns, &host, FALSE);
  g_assert_true (avi_dns_writer_end (&packet.dns));
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 3200, TRUE, one, "unrelated", two, NULL);
  packet_send (&packet, node, now);
  assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001 /ip6/2001:db8::9/tcp/4001");
}

static void
test_avahi (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  g_autofree char *two = dnsaddr ("/ip4/10.0.0.8/tcp/4001", 8);
  AviDnsName instance, other;
  Packet packet;

  /* All in the answers, several hosts in a packet, TXT before PTR or without it. */
  instance_init (&instance, "Living room \\ 1");
  instance_init (&other, "other");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 4500, TRUE, one, NULL);
  packet_put_ptr (&packet, &instance, 4500);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &other, 4500, TRUE, two, NULL);
  packet_send (&packet, node, now);
  assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/4001");
  assert_told (node, 2, 8, "/ip4/10.0.0.8/tcp/4001");
}

static void
test_other_services (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *one = dnsaddr ("/ip4/10.0.0.9/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  avi_dns_name_init (&instance, "printer._ipp._tcp.local");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 4500, TRUE, one, NULL);
  packet_send (&packet, node, now);
  g_assert_cmpuint (node->told->len, ==, 1);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 0);
}

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
      announce (node, 50 + i, addresses[i].told, 120, now);
      if (addresses[i].kept != NULL)
        assert_told (node, node->told->len - 1, 50 + i, addresses[i].kept);
    }
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, 4);
}

static void
test_own_host (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *string = dnsaddr ("/ip4/127.0.0.1/tcp/4001", 9);
  AviDnsName instance;
  Packet packet;

  /* Another program on this machine: its loopback address is ours; and it is no sign of a LAN. */
  instance_init (&instance, "other");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 120);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, 120, TRUE, string, NULL);
  packet_send_from (&packet, node, node->host, AVI_MDNS_PORT, now);
  assert_told (node, 0, 9, "/ip4/127.0.0.1/tcp/4001");
  g_assert_cmpuint (node->told->len, ==, 1);
}

static void
test_own_packets (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsName instance, host;
  g_autofree char *ours = dnsaddr ("/ip4/10.9.9.9/tcp/1", 1);
  g_autofree char *theirs = dnsaddr ("/ip4/10.0.0.66/tcp/1", 66);
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
test_expiry (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 heard;
  guint n = 0;

  node_run (node, &now, now + 3600 * SECOND); /* so that its own queries are minutes apart */
  node_forget (node);
  heard = now;
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
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
  assert_told (node, 2, 9, NULL);
  g_assert_cmpuint (node->told->len, ==, 3);

  /* And where it is answered, nothing happens. */
  node_forget (node);
  for (guint i = 0; i < 10; i++)
    {
      announce (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
      node_run (node, &now, now + 110 * SECOND);
    }
  g_assert_cmpuint (node->told->len, ==, 10);
  for (guint i = 0; i < 10; i++)
    assert_told (node, i, 9, "/ip4/10.0.0.9/tcp/1");
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
      announce (node, 9, "/ip4/10.0.0.9/tcp/1", 1, now);
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
      announce (node, 9, "/ip4/10.0.0.9/tcp/1", 120, now);
      node_run (node, &now, now + 90 * MS);
    }
  g_assert_cmpuint (node->told->len, ==, 2);
  announce (node, 9, "/ip4/10.0.0.9/tcp/2", 120, now);
  assert_told (node, 2, 9, "/ip4/10.0.0.9/tcp/2 /ip4/10.0.0.9/tcp/1");
}

static void
test_flush (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  node_run (node, &now, now + 10 * SECOND);
  announce (node, 9, "/ip4/10.0.0.99/tcp/1", 4500, now);
  assert_told (node, 2, 9, "/ip4/10.0.0.99/tcp/1 /ip4/10.0.0.9/tcp/1");
  node_run (node, &now, now + SECOND);
  assert_told (node, 3, 9, "/ip4/10.0.0.99/tcp/1");
}

static void
test_goodbyes (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree char *string = dnsaddr ("/ip4/10.0.0.9/tcp/1", 9);
  AviDnsName instance;
  Packet packet;

  instance_init (&instance, "PEER9");

  /* By the PTR alone, in whatever case. */
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 0);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  assert_told (node, 2, 9, NULL);

  /* By the TXT. */
  node_run (node, &now, now + 10 * SECOND);
  node_forget (node);
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 0, TRUE, string, NULL);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  assert_told (node, 1, 9, NULL);

  /* Of somebody who is back within the second. */
  node_run (node, &now, now + 10 * SECOND);
  node_forget (node);
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 0);
  packet_send (&packet, node, now);
  node_run (node, &now, now + 100 * MS);
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
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
  instance_init (&instance, "peer9");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *address = g_strdup_printf ("/ip4/10.0.1.%u/tcp/1", i);
      g_autofree char *string = dnsaddr (address, 9);

      packet_put_txt (&packet, AVI_DNS_ANSWER, &instance, 120, FALSE, string, NULL);
    }
  packet_send (&packet, node, now);
  g_assert_true (g_str_has_suffix (node_told (node, 1), " /ip4/10.0.1.15/tcp/1"));

  /* Then one more, later: the oldest gives way. */
  node_run (node, &now, now + 100 * MS);
  announce (node, 9, "/ip4/10.0.2.1/tcp/1", 120, now);
  g_assert_nonnull (strstr (node_told (node, 2), " /ip4/10.0.2.1/tcp/1 "));
  g_assert_null (strstr (node_told (node, 2), "/ip4/10.0.1.0/"));

  /* 1,024 more peers: the first, unheard of for longest, goes. */
  node_forget (node);
  for (guint i = 0; i < AVI_MDNS_MAX_PEERS; i++)
    announce (node, 100 + i, "/ip4/10.0.0.9/tcp/1", 120, now);
  g_assert_cmpuint (avi_mdns_get_n_peers (node->mdns), ==, AVI_MDNS_MAX_PEERS);
  assert_told (node, AVI_MDNS_MAX_PEERS - 1, 9, NULL);
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
  instance_init (&instance, "shy");
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, 4500);
  packet_send (&packet, node, now);
  node_run (node, &now, now + SECOND);
  g_assert_cmpuint (node->sent->len, ==, 1);
  assert_sent (node, 0, "[PTR] [TXT]");
}

static void
test_known_list (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  AviDnsReader reader;

  /* What is known and not yet half through is listed in the next query. */
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  avi_mdns_query (node->mdns, now);
  node_run (node, &now, now + 100 * MS);
  assert_sent (node, 0, "[PTR] PTR 4500");
  node_run (node, &now, now + 2260 * SECOND);
  node_forget (node);
  avi_mdns_query (node->mdns, now);
  node_take_sent (node, now);
  assert_sent (node, 0, "[PTR]");

  /* As many as fit a packet. */
  node_run (node, &now, now + 2 * SECOND);
  node_forget (node);
  for (guint i = 0; i < 500; i++)
    announce (node, 100 + i, "/ip4/10.0.0.9/tcp/1", 4500, now);
  avi_mdns_query (node->mdns, now);
  node_take_sent (node, now);
  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (node_sent (node, 0)->bytes), NULL));
  g_assert_cmpuint (reader.counts[AVI_DNS_ANSWER], >, 40);
}

static void
test_interface_gone (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
  avi_mdns_remove_interface (node->mdns, IFINDEX);
  node_take_events (node);
  assert_told (node, 2, 9, NULL);
  g_assert_cmpuint (node->sent->len, ==, 0);

  /* What still arrives from there is passed over. */
  announce (node, 9, "/ip4/10.0.0.9/tcp/1", 4500, now);
  g_assert_cmpuint (node->told->len, ==, 3);
  node_run (node, &now, now + 10 * SECOND);
  g_assert_cmpuint (node->sent->len, ==, 0);
}

static void
test_malformed (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  g_autofree guint8 *huge = g_malloc0 (AVI_MDNS_MAX_PACKET + 1);
  g_autofree char *string = dnsaddr ("/ip4/10.0.0.9/tcp/1", 9);
  AviDnsName instance;
  Packet packet;

  instance_init (&instance, "peer9");
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
  assert_told (node, 1, 9, "/ip4/10.0.0.9/tcp/1");
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns/queries and announces at 0, 0.25, 0.5, 1 and 2 s, then queries ever more seldom", test_train);
  g_test_add_func ("/mdns/announces in both families, in the form that all take, the best address first",
                   test_both_families);
  g_test_add_func ("/mdns/keeps many addresses within a packet", test_many_addresses);
  g_test_add_func ("/mdns/only looks while it has nothing to announce", test_nothing_to_announce);
  g_test_add_func ("/mdns/answers for the service by multicast, after a random while", test_answer);
  g_test_add_func ("/mdns/answers for its own names and for the list of services", test_names);
  g_test_add_func ("/mdns/a flood of questions costs a bounded number of answers", test_rate);
  g_test_add_func ("/mdns/an answer that must wait is not lost", test_postponed);
  g_test_add_func ("/mdns/defends its name within a quarter of a second", test_probe);
  g_test_add_func ("/mdns/does not tell who knows already", test_known_answer);
  g_test_add_func ("/mdns/waits for the rest of a list of known answers", test_truncated);
  g_test_add_func ("/mdns/answers questions from other ports by multicast and unicast", test_legacy);
  g_test_add_func ("/mdns/sends nothing by unicast to who is not of the link", test_far);
  g_test_add_func ("/mdns/answers by unicast who asks for it, unless others should hear it again", test_unicast);
  g_test_add_func ("/mdns/says goodbye once, and is silent", test_goodbye);
  g_test_add_func ("/mdns/announces anew when addresses change, and only then", test_change);
  g_test_add_func ("/mdns/looks again at once when asked, once a second", test_query);
  g_test_add_func ("/mdns/lets the question of another stand for its own", test_overheard);
  g_test_add_func ("/mdns/two find each other with their first packets", test_pair);
  g_test_add_func ("/mdns/twenty live a day together in peace", test_company);
  g_test_add_func ("/mdns/takes the answers of rust-libp2p", test_rust);
  g_test_add_func ("/mdns/takes the answers of js-libp2p", test_js);
  g_test_add_func ("/mdns/takes the answers of go-libp2p", test_go);
  g_test_add_func ("/mdns/takes the answers of Avahi", test_avahi);
  g_test_add_func ("/mdns/passes over other services", test_other_services);
  g_test_add_func ("/mdns/keeps addresses that can be dialled, and no others", test_addresses);
  g_test_add_func ("/mdns/takes loopback addresses from its own host only", test_own_host);
  g_test_add_func ("/mdns/knows its own packets by the peer id, and gives up a name that is taken", test_own_packets);
  g_test_add_func ("/mdns/asks for what is about to expire, then lets it go", test_expiry);
  g_test_add_func ("/mdns/records of short life do not make it ask", test_short_lives);
  g_test_add_func ("/mdns/tells of a peer that was heard again once a second at most", test_renewal);
  g_test_add_func ("/mdns/an address that is replaced goes after a second", test_flush);
  g_test_add_func ("/mdns/who withdraws is gone after a second, unless back by then", test_goodbyes);
  g_test_add_func ("/mdns/remembers 16 addresses of 1024 peers", test_limits);
  g_test_add_func ("/mdns/asks for the addresses of an instance that came without", test_resolve);
  g_test_add_func ("/mdns/lists what it knows in its queries", test_known_list);
  g_test_add_func ("/mdns/forgets what it heard on an interface that is gone", test_interface_gone);
  g_test_add_func ("/mdns/refuses a packet that is cut anywhere, and goes on", test_malformed);
  g_test_add_func ("/mdns/passes over other operations", test_codes);
  return g_test_run ();
}
