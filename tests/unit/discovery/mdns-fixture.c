/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* --- a node --- */

static void
sent_clear (gpointer data)
{
  g_bytes_unref (((Sent *) data)->bytes);
}

void
mdns_make_peer (guint number, AviPeerId *id)
{
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32 };

  multihash[6] = number >> 8;
  multihash[7] = number;
  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), id, NULL));
}

GPtrArray *
mdns_make_addresses (const char *first, ...)
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

Node *
node_new (guint number)
{
  Node *node = g_new0 (Node, 1);

  avi_random_seed (&node->random, number);
  mdns_make_peer (number, &node->id);
  node->text = avi_peer_id_to_string (&node->id);
  node->host = g_strdup_printf ("10.0.%u.%u", number >> 8, number & 255);
  node->mdns = avi_mdns_new (&node->id, &node->random);
  node->sent = g_array_new (FALSE, FALSE, sizeof (Sent));
  g_array_set_clear_func (node->sent, sent_clear);
  node->told = g_ptr_array_new_with_free_func (g_free);
  return node;
}

void
node_free (Node *node)
{
  avi_mdns_free (node->mdns);
  g_array_unref (node->sent);
  g_ptr_array_unref (node->told);
  g_free (node->text);
  g_free (node->host);
  g_free (node);
}

void
node_up (Node *node, gint64 now)
{
  g_autofree char *text = g_strdup_printf ("/ip4/%s/tcp/4001", node->host);
  g_autoptr(GPtrArray) addresses = mdns_make_addresses (text, NULL);

  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, now);
}

void
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

void
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

const char *
node_told (Node *node, guint index)
{
  return index < node->told->len ? g_ptr_array_index (node->told, index) : "nothing";
}

void
node_forget (Node *node)
{
  g_ptr_array_set_size (node->told, 0);
  g_array_set_size (node->sent, 0);
}

gboolean
node_receive (Node *node, AviSpan bytes, const char *from, guint16 port, gint64 now, GError **error)
{
  static const AviMdnsNetwork networks[] = {
    { .family = AF_INET, .ip = { 10 }, .prefix = 8 },
    { .family = AF_INET6, .ip = { 0x20, 0x01, 0x0d, 0xb8 }, .prefix = 32 },
    { .family = AF_INET6, .ip = { 0xfd }, .prefix = 8 },
  };
  AviMdnsPacket packet = { .ifindex = IFINDEX,
                           .own = g_str_equal (from, node->host),
                           .near = TRUE,
                           .networks = networks,
                           .n_networks = G_N_ELEMENTS (networks) };
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

void
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

Node *
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

void
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

void
packet_init (Packet *packet, guint16 id, guint16 flags)
{
  avi_writer_init (&packet->writer, 65536);
  g_assert_true (avi_dns_writer_init (&packet->dns, &packet->writer, id, flags));
  avi_dns_name_init (&packet->service, AVI_MDNS_SERVICE);
}

void
packet_ask (Packet *packet, const char *name, AviDnsType type, gboolean unicast)
{
  AviDnsName question;

  avi_dns_name_init (&question, name);
  g_assert_true (avi_dns_writer_question (&packet->dns, &question, type, AVI_DNS_CLASS_IN, unicast));
}

void
packet_put_ptr (Packet *packet, const AviDnsName *instance, guint32 ttl)
{
  avi_dns_writer_begin (&packet->dns, AVI_DNS_ANSWER, &packet->service, AVI_DNS_TYPE_PTR, FALSE, ttl);
  avi_dns_writer_name (&packet->dns, instance, TRUE);
  g_assert_true (avi_dns_writer_end (&packet->dns));
}

void
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

void
packet_send_from (Packet *packet, Node *to, const char *from, guint16 port, gint64 now)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (node_receive (to, AVI_SPAN (packet->writer.data, packet->writer.len), from, port, now, &error));
  g_assert_no_error (error);
  avi_writer_clear (&packet->writer);
}

void
packet_send (Packet *packet, Node *to, gint64 now)
{
  packet_send_from (packet, to, "10.0.0.200", AVI_MDNS_PORT, now);
}

void
node_ask (Node *node, const char *name, AviDnsType type, gboolean unicast, guint16 port, gint64 now)
{
  Packet packet;

  packet_init (&packet, 0x1234, 0);
  packet_ask (&packet, name, type, unicast);
  packet_send_from (&packet, node, "10.0.0.200", port, now);
}

void
mdns_instance_init (AviDnsName *instance, const char *label)
{
  AviDnsName service;

  avi_dns_name_init (&service, AVI_MDNS_SERVICE);
  avi_dns_name_prepend (instance, AVI_SPAN_STRING (label), &service);
}

char *
mdns_dnsaddr (const char *address, guint peer)
{
  g_autofree char *text = NULL;
  AviPeerId id;

  mdns_make_peer (peer, &id);
  text = avi_peer_id_to_string (&id);
  return g_strdup_printf ("dnsaddr=%s/p2p/%s", address, text);
}

void
node_hear_peer (Node *node, guint peer, const char *address, guint32 ttl, gint64 now)
{
  g_autofree char *label = g_strdup_printf ("peer%u", peer);
  g_autofree char *string = mdns_dnsaddr (address, peer);
  AviDnsName instance;
  Packet packet;

  mdns_instance_init (&instance, label);
  packet_init (&packet, 0, AVI_DNS_FLAG_RESPONSE);
  packet_put_ptr (&packet, &instance, ttl);
  packet_put_txt (&packet, AVI_DNS_ADDITIONAL, &instance, ttl, TRUE, string, NULL);
  packet_send (&packet, node, now);
}

static char *
mdns_found_text (guint peer, const char *addresses)
{
  g_autofree char *text = NULL;
  AviPeerId id;

  mdns_make_peer (peer, &id);
  text = avi_peer_id_to_string (&id);
  return addresses != NULL ? g_strdup_printf ("found %s %s", text, addresses) : g_strdup_printf ("gone %s", text);
}

void
node_assert_told (Node *node, guint index, guint peer, const char *addresses)
{
  g_autofree char *expected = mdns_found_text (peer, addresses);

  g_assert_cmpstr (node_told (node, index), ==, expected);
}

/* --- what a node has sent, taken apart --- */

const Sent *
node_sent (Node *node, guint index)
{
  g_assert_cmpuint (index, <, node->sent->len);
  return &g_array_index (node->sent, Sent, index);
}

gboolean
sent_is_query (const Sent *sent)
{
  AviDnsReader reader;

  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (sent->bytes), NULL));
  return (reader.flags & AVI_DNS_FLAG_RESPONSE) == 0;
}

void
node_forget_queries (Node *node)
{
  for (guint i = node->sent->len; i > 0; i--)
    {
      if (sent_is_query (node_sent (node, i - 1)))
        g_array_remove_index (node->sent, i - 1);
    }
}

char *
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

void
node_assert_sent (Node *node, guint index, const char *description)
{
  g_autofree char *text = sent_describe (node_sent (node, index));

  g_assert_cmpstr (text, ==, description);
}

void
sent_find (const Sent *sent, AviDnsType type, AviDnsRecord *record)
{
  AviDnsReader reader;

  g_assert_true (avi_dns_reader_init (&reader, avi_span_from_bytes (sent->bytes), NULL));
  do
    g_assert_true (avi_dns_reader_next (&reader, record, NULL));
  while (record->type != type || record->section == AVI_DNS_QUESTION);
}

void
node_get_names (Node *node, gint64 *now, AviDnsName *instance, AviDnsName *host)
{
  AviDnsRecord record;

  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, *now);
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

char *
mdns_name_to_text (const AviDnsName *name)
{
  GString *text = g_string_new (NULL);

  for (gsize at = 0; name->bytes[at] != 0; at += 1 + name->bytes[at])
    g_string_append_printf (text, "%s%.*s", at > 0 ? "." : "", name->bytes[at], (const char *) name->bytes + at + 1);
  return g_string_free (text, FALSE);
}
