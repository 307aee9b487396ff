/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who announces ten thousand addresses on the LAN: what is kept of them, of a peer's and of all, and how often
 * anybody is told, which is how often they could be dialled, is bounded by docs/hostile-peers.md.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "crypto/avi-key.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

#define N_STRINGS 10000
#define IFINDEX   2

typedef struct
{
  AviMdns   *mdns;
  AviKeyPair *own, *hostile;
  gint64     now;
  guint      n_found;
  guint      n_addresses; /* of what was found last */
  guint      n_sent;
  guint32    from;        /* whose packets are */
  GString   *told;        /* of the addresses that were found last, each with a space */
  AviRandom  random;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  avi_crypto_init ();
  avi_random_seed (&fixture->random, 1);
  fixture->own = avi_key_pair_generate ();
  fixture->hostile = avi_key_pair_generate ();
  fixture->now = G_USEC_PER_SEC;
  fixture->from = 0xc0a80163;
  fixture->told = g_string_new (NULL);
  fixture->mdns = avi_mdns_new (avi_key_pair_get_peer_id (fixture->own), &fixture->random);
  g_ptr_array_add (addresses, avi_multiaddr_parse ("/ip4/192.168.1.2/tcp/4001", NULL));
  avi_mdns_set_interface (fixture->mdns, IFINDEX, TRUE, FALSE, addresses, fixture->now);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  avi_mdns_free (fixture->mdns);
  avi_key_pair_unref (fixture->own);
  avi_key_pair_unref (fixture->hostile);
  g_string_free (fixture->told, TRUE);
}

static void
hear (Fixture *fixture)
{
  AviMdnsEvent event;
  AviMdnsPacket out;

  while (avi_mdns_next (fixture->mdns, &event))
    if (event.type == AVI_MDNS_EVENT_FOUND)
      {
        fixture->n_found++;
        fixture->n_addresses = event.addresses->len;
        g_string_truncate (fixture->told, 0);
        for (guint i = 0; i < event.addresses->len; i++)
          {
            g_autofree char *text = avi_multiaddr_to_string (g_ptr_array_index (event.addresses, i));

            g_string_append_printf (fixture->told, "%s ", text);
          }
      }
  while (avi_mdns_transmit (fixture->mdns, &out, fixture->now))
    fixture->n_sent++;
}

static gboolean
receive (Fixture *fixture, AviSpan bytes, GError **error)
{
  static const AviMdnsNetwork networks[] = {
    { .family = AF_INET, .ip = { 192, 168, 1, 2 }, .prefix = 18 },
    { .family = AF_INET6, .ip = { 0x20, 0x01, 0x0d, 0xb8 }, .prefix = 64 },
    { .family = AF_INET6, .ip = { 0x00, 0x64, 0xff, 0x9b }, .prefix = 96 }, /* as translators have it */
  };
  AviMdnsPacket packet = { .ifindex = IFINDEX,
                           .multicast = TRUE,
                           .near = TRUE,
                           .bytes = bytes,
                           .networks = networks,
                           .n_networks = G_N_ELEMENTS (networks) };
  struct sockaddr_in *from = (struct sockaddr_in *) &packet.remote;
  gboolean good;

  from->sin_family = AF_INET;
  from->sin_port = htons (AVI_MDNS_PORT);
  from->sin_addr.s_addr = htonl (fixture->from);
  good = avi_mdns_receive (fixture->mdns, &packet, fixture->now, error);
  hear (fixture);
  return good;
}

/* A TXT record of the peer's with as many strings as the packet may hold, from number @first on. The number behind
 * the last. */
static guint
fill (AviWriter *writer, const char *peer, guint first)
{
  AviDnsName service, instance;
  AviDnsWriter dns;
  guint i = first;

  avi_dns_name_init (&service, AVI_MDNS_SERVICE);
  avi_dns_name_prepend (&instance, AVI_SPAN_STRING ("hostile"), &service);
  g_assert_true (avi_dns_writer_init (&dns, writer, 0, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE));
  avi_dns_writer_begin (&dns, AVI_DNS_ANSWER, &instance, AVI_DNS_TYPE_TXT, FALSE, 120);
  for (; i < N_STRINGS && avi_writer_get_room (writer) > 256; i++)
    {
      g_autofree char *text =
        g_strdup_printf ("dnsaddr=/ip4/192.168.%u.%u/tcp/%u/p2p/%s", i / 200 % 60, 1 + i % 200, 1 + i, peer);
      guint8 len = (guint8) strlen (text);

      avi_dns_writer_bytes (&dns, AVI_SPAN (&len, 1));
      avi_dns_writer_bytes (&dns, AVI_SPAN (text, len));
    }
  g_assert_true (avi_dns_writer_end (&dns));
  return i;
}

static guint
announce (Fixture *fixture, AviKeyPair *key, guint first)
{
  g_autofree char *peer = avi_peer_id_to_string (avi_key_pair_get_peer_id (key));
  AviWriter writer;
  guint next;

  avi_writer_init (&writer, AVI_MDNS_MAX_PACKET);
  next = fill (&writer, peer, first);
  g_assert_true (receive (fixture, AVI_SPAN (writer.data, writer.len), NULL));
  avi_writer_clear (&writer);
  return next;
}

/* Without the record's top bit, so that nothing that was told before goes. */
static void
announce_one (Fixture *fixture, AviKeyPair *key, const char *address)
{
  g_autofree char *peer = avi_peer_id_to_string (avi_key_pair_get_peer_id (key));
  g_autofree char *text = g_strdup_printf ("dnsaddr=%s/p2p/%s", address, peer);
  guint8 len = (guint8) strlen (text);
  AviDnsName service, instance;
  AviDnsWriter dns;
  AviWriter writer;

  avi_dns_name_init (&service, AVI_MDNS_SERVICE);
  avi_dns_name_prepend (&instance, AVI_SPAN_STRING ("hostile"), &service);
  avi_writer_init (&writer, AVI_MDNS_MAX_PACKET);
  g_assert_true (avi_dns_writer_init (&dns, &writer, 0, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE));
  avi_dns_writer_begin (&dns, AVI_DNS_ANSWER, &instance, AVI_DNS_TYPE_TXT, FALSE, 120);
  avi_dns_writer_bytes (&dns, AVI_SPAN (&len, 1));
  avi_dns_writer_bytes (&dns, AVI_SPAN (text, len));
  g_assert_true (avi_dns_writer_end (&dns));
  g_assert_true (receive (fixture, AVI_SPAN (writer.data, writer.len), NULL));
  avi_writer_clear (&writer);
}

/* In as many packets as they take: each is told of once, 16 addresses at a time, and nothing is answered. */
static void
test_one_peer (Fixture *fixture, gconstpointer data)
{
  guint n_packets = 0, n_sent;

  hear (fixture);
  n_sent = fixture->n_sent;
  for (guint i = 0; i < N_STRINGS; n_packets++)
    {
      i = announce (fixture, fixture->hostile, i);
      g_assert_cmpuint (fixture->n_addresses, ==, AVI_MDNS_MAX_ADDRESSES);
    }
  g_assert_cmpuint (n_packets, >, 100);
  g_assert_cmpuint (fixture->n_found, <=, n_packets);
  g_assert_cmpuint (fixture->n_sent, ==, n_sent);
  g_assert_cmpuint (avi_mdns_get_n_peers (fixture->mdns), ==, 1);
}

static void
test_many_peers (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 2 * AVI_MDNS_MAX_PEERS; i++)
    {
      g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

      announce (fixture, key, N_STRINGS - 1);
    }
  g_assert_cmpuint (fixture->n_found, ==, 2 * AVI_MDNS_MAX_PEERS);
  g_assert_cmpuint (avi_mdns_get_n_peers (fixture->mdns), ==, AVI_MDNS_MAX_PEERS);
}

/* What is told of itself by who stands at @from, and which of them are kept. */
static void
test_elsewhere (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint32     from;
    const char *told;
    gboolean    kept;
  } cases[] = {
    { 0xc0a80163, "/ip4/192.168.1.7/tcp/22", TRUE },
    { 0xc0a80163, "/ip4/192.168.63.7/tcp/22", TRUE },    /* our subnet */
    { 0xc0a80163, "/ip4/192.168.64.7/tcp/22", FALSE },
    { 0xc0a80163, "/ip4/10.0.0.1/tcp/22", FALSE },
    { 0xc0a80163, "/ip4/172.17.0.2/tcp/22", FALSE },
    { 0xc0a80163, "/ip4/100.64.0.1/tcp/22", FALSE },
    { 0xc0a80163, "/ip4/203.0.113.9/tcp/22", FALSE },
    { 0xc0a80163, "/ip4/169.254.7.7/tcp/22", TRUE },
    { 0xc0a80163, "/ip4/127.0.0.1/tcp/22", FALSE },
    { 0xc0a80163, "/ip6/2001:db8::7/tcp/22", TRUE },
    { 0xc0a80163, "/ip6/2001:db8:0:1::7/tcp/22", FALSE },
    { 0xc0a80163, "/ip6/fd00::7/tcp/22", FALSE },
    { 0xc0a80163, "/ip6/64:ff9b::127.0.0.1/tcp/22", FALSE },
    { 0xc0a80163, "/ip6/64:ff9b::192.168.1.7/tcp/22", FALSE },
    { 0xc0a80163, "/ip6/64:ff9b::203.0.113.9/tcp/22", FALSE },
    { 0x0a070009, "/ip4/10.7.0.1/tcp/22", TRUE },        /* behind a reflector */
    { 0x0a070009, "/ip4/10.7.1.1/tcp/22", FALSE },
    { 0xcb007109, "/ip4/203.0.113.9/tcp/22", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviKeyPair) key = avi_key_pair_generate ();
      guint64 n_ignored = avi_mdns_get_n_ignored (fixture->mdns);
      g_autofree char *expected = g_strdup_printf ("%s ", cases[i].told);

      g_test_message ("%s", cases[i].told);
      fixture->from = cases[i].from;
      fixture->n_found = 0;
      announce_one (fixture, key, cases[i].told);
      g_assert_cmpuint (fixture->n_found, ==, cases[i].kept);
      if (cases[i].kept)
        g_assert_cmpstr (fixture->told->str, ==, expected);
      /* Loopback is none that was ever read. */
      g_assert_cmpuint (avi_mdns_get_n_ignored (fixture->mdns) - n_ignored, ==,
                        !cases[i].kept && !g_str_has_prefix (cases[i].told, "/ip4/127."));
    }
}

/* A machine with many containers tells of all its addresses, more than are kept of a peer. */
static void
test_among_others (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 2 * AVI_MDNS_MAX_ADDRESSES; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/172.%u.0.1/tcp/4001", 16 + i % 16);

      announce_one (fixture, fixture->hostile, i == 5 ? "/ip4/192.168.1.7/tcp/4001" : text);
    }
  g_assert_cmpstr (fixture->told->str, ==, "/ip4/192.168.1.7/tcp/4001 ");
  g_assert_cmpuint (avi_mdns_get_n_ignored (fixture->mdns), ==, 2 * AVI_MDNS_MAX_ADDRESSES - 1);
}

/* Of ten thousand in one packet nothing is read. */
static void
test_large_packet (Fixture *fixture, gconstpointer data)
{
  g_autofree char *peer = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->hostile));
  g_autoptr(GError) error = NULL;
  AviWriter writer;

  avi_writer_init (&writer, G_MAXUINT16);
  fill (&writer, peer, 0);
  g_assert_false (receive (fixture, AVI_SPAN (writer.data, writer.len), &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "the limit is 9000"));
  g_assert_cmpuint (fixture->n_found, ==, 0);
  g_assert_cmpuint (avi_mdns_get_n_peers (fixture->mdns), ==, 0);
  avi_writer_clear (&writer);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/hostile-mdns/of ten thousand addresses of a peer 16 are kept", test_one_peer);
  ADD ("/hostile-mdns/of two thousand peers 1024 are", test_many_peers);
  ADD ("/hostile-mdns/who points elsewhere points nowhere", test_elsewhere);
  ADD ("/hostile-mdns/near addresses are found among those that lead elsewhere", test_among_others);
  ADD ("/hostile-mdns/a packet of ten thousand strings is not read", test_large_packet);
  return g_test_run ();
}
