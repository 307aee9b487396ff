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
      }
  while (avi_mdns_transmit (fixture->mdns, &out, fixture->now))
    fixture->n_sent++;
}

static gboolean
receive (Fixture *fixture, AviSpan bytes, GError **error)
{
  AviMdnsPacket packet = { .ifindex = IFINDEX, .multicast = TRUE, .near = TRUE, .bytes = bytes };
  struct sockaddr_in *from = (struct sockaddr_in *) &packet.remote;
  gboolean good;

  from->sin_family = AF_INET;
  from->sin_port = htons (AVI_MDNS_PORT);
  from->sin_addr.s_addr = htonl (0xc0a80163);
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
        g_strdup_printf ("dnsaddr=/ip4/192.168.%u.%u/tcp/%u/p2p/%s", i / 200 % 200, 1 + i % 200, 1 + i, peer);
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
  ADD ("/hostile-mdns/a packet of ten thousand strings is not read", test_large_packet);
  return g_test_run ();
}
