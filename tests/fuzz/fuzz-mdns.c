/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The machine of multicast DNS: packets, time and interfaces as the input has them. It never sends
 * what it would not read itself, nor more than its rates allow, never wants to be called in the
 * past, and remembers no more than it may.
 *
 * An input is a sequence of: 0x40 + flags, a length of 16 bits, a packet; or 0x80 + n: time; or one
 * of the verbs below.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdint.h>

#include "avi-error.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

#define SECOND   G_GINT64_CONSTANT (1000000)
#define IFINDEX  1000003
#define MAX_OPS  2000

enum
{
  PACKET_PLAIN_PORT = 1, /* not 5353 */
  PACKET_OWN        = 2,
  PACKET_FAR        = 4,
  PACKET_IP6        = 8
};

typedef struct
{
  AviMdns  *mdns;
  AviRandom random;
  AviSpan   input;
  gint64    now;
  guint     trains;   /* that the input has brought about */
  guint     multicasts;
  guint     unicasts;
} Run;

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What we send, we could read; and of services it names but one. */
static void
check_sent (Run *run, const AviMdnsPacket *packet)
{
  g_autoptr(GError) error = NULL;
  AviDnsReader reader;
  AviDnsRecord record;
  guint n_ptr = 0;

  g_assert_cmpuint (packet->bytes.len, >=, AVI_DNS_HEADER_LEN);
  g_assert_cmpuint (packet->bytes.len, <=, AVI_MDNS_MAX_SENT);
  g_assert_true (avi_dns_reader_init (&reader, packet->bytes, &error));
  while (avi_dns_reader_next (&reader, &record, &error))
    n_ptr += record.section == AVI_DNS_ANSWER && record.type == AVI_DNS_TYPE_PTR;
  g_assert_no_error (error);
  if ((reader.flags & AVI_DNS_FLAG_RESPONSE) != 0 && packet->multicast)
    {
      g_assert_cmpuint (n_ptr, <=, 1);
      g_assert_cmpuint (reader.counts[AVI_DNS_QUESTION], ==, 0);
    }
  if (packet->multicast)
    run->multicasts++;
  else
    run->unicasts++;
}

static void
check_events (Run *run)
{
  AviMdnsEvent event;

  while (avi_mdns_next (run->mdns, &event))
    {
      g_assert_true (event.type == AVI_MDNS_EVENT_FOREIGN || event.type == AVI_MDNS_EVENT_QUIET || event.peer.len > 0);
      if (event.type != AVI_MDNS_EVENT_FOUND)
        continue;
      g_assert_cmpuint (event.addresses->len, >, 0);
      g_assert_cmpuint (event.addresses->len, <=, AVI_MDNS_MAX_ADDRESSES);
    }
  g_assert_cmpuint (avi_mdns_get_n_peers (run->mdns), <=, AVI_MDNS_MAX_PEERS);
}

static void
drain (Run *run)
{
  AviMdnsPacket packet;

  avi_mdns_tick (run->mdns, run->now);
  for (guint n = 0; avi_mdns_transmit (run->mdns, &packet, run->now); n++)
    {
      g_assert_cmpuint (n, <, 100);
      check_sent (run, &packet);
    }
  g_assert_cmpint (avi_mdns_deadline (run->mdns), >, run->now);
  check_events (run);
}

static void
pass_time (Run *run, gint64 duration)
{
  gint64 until = run->now + duration;

  for (gint64 next; (next = avi_mdns_deadline (run->mdns)) <= until;)
    {
      run->now = MAX (next, run->now);
      drain (run);
    }
  run->now = until;
}

static guint8
take (Run *run)
{
  guint8 byte = run->input.len > 0 ? run->input.data[0] : 0;

  run->input = avi_span_skip (run->input, MIN (run->input.len, 1));
  return byte;
}

static void
receive (Run *run, guint flags)
{
  static const AviMdnsNetwork networks[] = { { .family = AF_INET, .ip = { 10 }, .prefix = 8 },
                                             { .family = AF_INET6, .ip = { 0x20 }, .prefix = 3 } };
  AviMdnsPacket packet = { .ifindex = IFINDEX,
                           .own = (flags & PACKET_OWN) != 0,
                           .near = (flags & PACKET_FAR) == 0,
                           .networks = networks,
                           .n_networks = G_N_ELEMENTS (networks) };
  gsize len = take (run) << 8;
  g_autofree guint8 *copy = NULL;
  g_autoptr(GError) error = NULL;

  len |= take (run);
  len = MIN (len, run->input.len);
  copy = g_memdup2 (run->input.data, len); /* of the exact length: the sanitizer sees what passes its end */
  packet.bytes = AVI_SPAN (copy, len);
  run->input = avi_span_skip (run->input, len);
  packet.remote.ss_family = (flags & PACKET_IP6) != 0 ? AF_INET6 : AF_INET;
  /* The port lies at the same place in both families. */
  ((struct sockaddr_in *) &packet.remote)->sin_port = htons ((flags & PACKET_PLAIN_PORT) != 0 ? 40000 : AVI_MDNS_PORT);

  if (!avi_mdns_receive (run->mdns, &packet, run->now, &error))
    g_assert_true (error->domain == AVI_ERROR);
  check_events (run);
}

static void
set_interface (Run *run, guint8 choice)
{
  static const char *const texts[] = { "/ip4/10.0.0.1/tcp/4001", "/ip6/fe80::1/tcp/4001", "/ip6/fd00::1/tcp/4002",
                                       "/ip4/10.0.0.2/tcp/4003/ws" };
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if ((choice & (1 << i)) != 0)
      g_ptr_array_add (addresses, avi_multiaddr_parse (texts[i], NULL));
  avi_mdns_set_interface (run->mdns, IFINDEX, (choice & 0x10) == 0, (choice & 0x20) == 0, addresses, run->now);
  run->trains++;
}

static void
step (Run *run)
{
  guint8 verb = take (run);

  if (verb >= 0x80)
    pass_time (run, (gint64) 1000 << MIN (verb & 0x1f, 23)); /* 1 ms to two hours and more */
  else if (verb >= 0x40)
    receive (run, verb & 0x0f);
  else
    switch (verb & 3)
      {
      case 0:
        set_interface (run, take (run));
        break;
      case 1:
        avi_mdns_remove_interface (run->mdns, IFINDEX);
        break;
      case 2:
        avi_mdns_query (run->mdns, run->now);
        break;
      default:
        if (verb == 3)
          avi_mdns_goodbye (run->mdns, run->now);
      }
  drain (run);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32 };
  Run run = { .input = AVI_SPAN (data, size), .now = 1000 * SECOND };
  AviPeerId self_id;
  gint64 seconds;

  avi_random_seed (&run.random, 1);
  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &self_id, NULL));
  run.mdns = avi_mdns_new (&self_id, &run.random);
  set_interface (&run, 1);
  drain (&run);
  for (guint n = 0; n < MAX_OPS && run.input.len > 0; n++)
    step (&run);

  /* A train is five queries and announcements in each family, and a change of name begins one every
   * ten seconds at most. Else, in each family: a query or so and eight kinds of record a second, and
   * two kinds four times as often for those that probe. */
  seconds = 1 + (run.now - 1000 * SECOND) / SECOND;
  g_assert_cmpint (run.multicasts, <=, 2 * (11 * (run.trains + 1 + seconds / 10) + 4 * 9 * seconds));
  g_assert_cmpint (run.unicasts, <=, 51 + 50 * seconds);
  avi_mdns_free (run.mdns);
  return 0;
}
