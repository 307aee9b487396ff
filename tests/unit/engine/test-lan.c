/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLan with real sockets, in network namespaces of the program's own: a host (the program's
 * namespace) and a second one, joined by a cable, nodes on both, all driven by this one thread.
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "crypto/avi-random.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"
#include "engine/avi-lan.h"
#include "netns.h"

#define DEADLINE (8 * G_USEC_PER_SEC)
#define SILENCE  (14 * G_USEC_PER_SEC) /* for what takes ten seconds by itself */

/* --- a node --- */

typedef struct
{
  NetnsHost    *host; /* NULL: the program's own */
  GMainContext *context;
  AviLoop      *loop;
  AviLan       *lan;
  AviPeerId     id;
  char         *text;
  char         *status;
  GHashTable   *found;    /* peer's text → addresses, with spaces between them */
  guint64       n_ignored; /* addresses */
  guint         networks; /* how often the network changed */
} Node;

static void
woken (gpointer user_data)
{
}

static void
found (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses)
{
  Node *node = user_data;
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < addresses->len; i++)
    {
      g_autofree char *address = avi_multiaddr_to_string (g_ptr_array_index (addresses, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", address);
    }
  g_hash_table_replace (node->found, avi_peer_id_to_string (peer), g_string_free (text, FALSE));
}

static void
gone (gpointer user_data, const AviPeerId *peer)
{
  Node *node = user_data;
  g_autofree char *text = avi_peer_id_to_string (peer);

  g_assert_true (g_hash_table_remove (node->found, text));
}

static void
network (gpointer user_data)
{
  Node *node = user_data;

  node->networks++;
}

static void
status (gpointer user_data, const char *text)
{
  Node *node = user_data;

  g_free (node->status);
  node->status = g_strdup (text);
}

static void ignored (gpointer user_data, guint64 n);

static const AviLanCallbacks callbacks = {
  .found = found,
  .gone = gone,
  .network = network,
  .status = status,
  .ignored = ignored,
};

static void
node_listen (Node *node, const char *const *listeners)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; listeners[i] != NULL; i++)
    g_ptr_array_add (addresses, avi_multiaddr_parse (listeners[i], NULL));
  avi_lan_set_listeners (node->lan, addresses);
}

static Node *
node_new (NetnsHost *host, guint8 number, gboolean mdns)
{
  static const char *const listeners[] = { "/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4002", NULL };
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32, number };
  Node *node = g_new0 (Node, 1);

  node->host = host;
  node->found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &node->id, NULL));
  node->text = avi_peer_id_to_string (&node->id);
  netns_switch (host);
  node->context = g_main_context_new ();
  g_main_context_push_thread_default (node->context);
  node->loop = avi_loop_new (node->context, woken, node);
  node->lan = avi_lan_new (node->loop, mdns, &node->id, &callbacks, node);
  node_listen (node, listeners);
  g_main_context_pop_thread_default (node->context);
  netns_switch (NULL);
  return node;
}

static void
node_free (Node *node)
{
  netns_switch (node->host);
  g_clear_pointer (&node->lan, avi_lan_free);
  avi_loop_free (node->loop);
  netns_switch (NULL);
  g_main_context_unref (node->context);
  g_hash_table_unref (node->found);
  g_free (node->status);
  g_free (node->text);
  g_free (node);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)

static void
node_run (Node *node)
{
  netns_switch (node->host);
  while (g_main_context_iteration (node->context, FALSE))
    continue;
  netns_switch (NULL);
}

/* Runs both (the second may be NULL) until @condition holds; returns how long that took. */
static gint64
run_until (Node *node, Node *other, gboolean (*condition) (Node *node, gconstpointer data), gconstpointer data,
           gint64 limit)
{
  gint64 start = g_get_monotonic_time ();

  while (!condition (node, data))
    {
      if (g_get_monotonic_time () - start > limit)
        {
          g_autofree gpointer *peers = g_hash_table_get_keys_as_array (node->found, NULL);

          g_error ("In vain: status is “%s”, %u found, one at %s", node->status, g_hash_table_size (node->found),
                   peers[0] != NULL ? (const char *) g_hash_table_lookup (node->found, peers[0]) : "none");
        }
      node_run (node);
      if (other != NULL)
        node_run (other);
      g_usleep (200);
    }
  return g_get_monotonic_time () - start;
}

static gboolean
has_found (Node *node, gconstpointer other)
{
  return g_hash_table_contains (node->found, ((const Node *) other)->text);
}

static gboolean
has_lost (Node *node, gconstpointer other)
{
  return !has_found (node, other);
}

/* One peer, with these addresses. */
static gboolean
has_found_only (Node *node, gconstpointer addresses)
{
  GHashTableIter iter;
  gpointer value = NULL;

  g_hash_table_iter_init (&iter, node->found);
  return g_hash_table_size (node->found) == 1 && g_hash_table_iter_next (&iter, NULL, &value)
         && g_str_equal (value, addresses);
}

static gboolean
says (Node *node, gconstpointer text)
{
  return node->status != NULL && strstr (node->status, text) != NULL;
}

static gboolean
saw_network (Node *node, gconstpointer n)
{
  return node->networks >= (guint) GPOINTER_TO_INT (n);
}

static char *
list_addresses (Node *node, gboolean loopback)
{
  g_autoptr(GPtrArray) addresses = NULL;
  GString *text = g_string_new (NULL);

  netns_switch (node->host);
  addresses = avi_lan_get_addresses (node->lan, loopback);
  for (guint i = 0; i < addresses->len; i++)
    {
      g_autofree char *address = avi_multiaddr_to_string (g_ptr_array_index (addresses, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", address);
    }
  netns_switch (NULL);
  return g_string_free (text, FALSE);
}

static void
assert_addresses (Node *node, gboolean loopback, const char *expected)
{
  g_autofree char *text = list_addresses (node, loopback);

  g_assert_cmpstr (text, ==, expected);
}

static gboolean
has_addresses (Node *node, gconstpointer expected)
{
  g_autofree char *text = list_addresses (node, FALSE);

  return g_str_equal (text, expected);
}

/* --- the cable --- */

typedef struct
{
  NetnsHost there;
} Fixture;

/* v0 is here, v1 there, both running; IPv6 in the hand of the tests. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  netns_host_init (&fixture->there);
  netns_ip ("link set lo up");
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v0 addrgenmode none");
  netns_ip ("link set v1 addrgenmode none");
  netns_ip ("link set v1 netns %d", fixture->there.pid);
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  netns_switch (&fixture->there);
  netns_ip ("link set v1 addrgenmode none");
  netns_ip ("link set v1 up");
  netns_ip ("addr add 10.1.0.2/24 dev v1");
  netns_await_running ("v1");
  netns_switch (NULL);
  netns_await_running ("v0");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  netns_ip ("link del v0");
  netns_host_clear (&fixture->there);
}

/* --- tests --- */

static void
test_two_hosts (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  g_autoptr(Node) b = NULL;
  gint64 first, both;

  run_until (a, NULL, says, "mDNS on v0: no other node seen yet", DEADLINE);
  b = node_new (&fixture->there, 2, TRUE);
  first = run_until (a, b, has_found, b, DEADLINE);
  both = run_until (b, a, has_found, a, DEADLINE);
  g_test_message ("found after %.1f ms, both after %.1f ms more", first / 1000.0, both / 1000.0);
  g_assert_cmpstr (g_hash_table_lookup (a->found, b->text), ==, "/ip4/10.1.0.2/tcp/4001");
  g_assert_cmpstr (g_hash_table_lookup (b->found, a->text), ==, "/ip4/10.1.0.1/tcp/4001");
  run_until (a, b, says, "mDNS on v0: 1 node seen", DEADLINE);

  /* It says goodbye. */
  netns_switch (&fixture->there);
  avi_lan_goodbye (b->lan);
  netns_switch (NULL);
  run_until (a, NULL, has_lost, b, DEADLINE);
}

static void
test_ip6 (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = NULL;
  g_autoptr(Node) b = NULL;
  g_autoptr(AviMultiaddr) near = avi_multiaddr_parse ("/ip6zone/v0/ip6/fe80::2/tcp/1", NULL);
  g_autoptr(AviMultiaddr) elsewhere = avi_multiaddr_parse ("/ip6zone/lo/ip6/fe80::2/tcp/1", NULL);

  /* Nothing but link-local addresses. */
  netns_ip ("addr del 10.1.0.1/24 dev v0");
  netns_ip ("addr add fe80::1/64 dev v0 nodad");
  netns_switch (&fixture->there);
  netns_ip ("addr del 10.1.0.2/24 dev v1");
  netns_ip ("addr add fe80::2/64 dev v1 nodad");
  netns_switch (NULL);

  a = node_new (NULL, 1, TRUE);
  b = node_new (&fixture->there, 2, TRUE);
  run_until (a, b, has_found, b, DEADLINE);
  run_until (b, a, has_found, a, DEADLINE);
  g_assert_cmpstr (g_hash_table_lookup (a->found, b->text), ==, "/ip6zone/v0/ip6/fe80::2/tcp/4002");
  g_assert_cmpstr (g_hash_table_lookup (b->found, a->text), ==, "/ip6zone/v1/ip6/fe80::1/tcp/4002");
  assert_addresses (a, FALSE, "/ip6zone/v0/ip6/fe80::1/tcp/4002");
  g_assert_true (avi_lan_is_near (a->lan, near));
  g_assert_false (avi_lan_is_near (a->lan, elsewhere));
}

static void
ignored (gpointer user_data, guint64 n)
{
  ((Node *) user_data)->n_ignored += n;
}

static gboolean
has_ignored (Node *node, gconstpointer data)
{
  return node->n_ignored > 0;
}

/* What it has on a network of its own is of no use to us. */
static void
test_elsewhere (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = NULL;
  g_autoptr(Node) b = NULL;
  const char *found_there;

  netns_ip ("addr add 2001:db8::1/64 dev v0 nodad");
  netns_switch (&fixture->there);
  netns_ip ("addr add 10.99.0.1/24 dev v1");
  netns_ip ("addr add 2001:db8::2/64 dev v1 nodad");
  netns_ip ("addr add 2001:db8:1::2/64 dev v1 nodad");
  netns_switch (NULL);
  a = node_new (NULL, 1, TRUE);
  b = node_new (&fixture->there, 2, TRUE);
  run_until (a, b, has_found, b, DEADLINE);
  run_until (a, b, has_ignored, NULL, DEADLINE);
  found_there = g_hash_table_lookup (a->found, b->text);
  g_assert_nonnull (strstr (found_there, "/ip4/10.1.0.2/tcp/4001"));
  g_assert_nonnull (strstr (found_there, "/ip6/2001:db8::2/tcp/4002"));
  g_assert_null (strstr (found_there, "10.99."));
  g_assert_null (strstr (found_there, "2001:db8:1:"));
}

static void
test_one_host (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  g_autoptr(Node) b = node_new (NULL, 2, TRUE);

  run_until (a, b, has_found, b, DEADLINE);
  run_until (b, a, has_found, a, DEADLINE);
}

static void
test_change (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  g_autoptr(Node) b = node_new (&fixture->there, 2, TRUE);
  guint networks;

  run_until (a, b, has_found, b, DEADLINE);
  g_assert_cmpuint (a->networks, ==, 0);

  /* The other one gets another address. */
  networks = b->networks;
  netns_switch (&fixture->there);
  netns_ip ("addr del 10.1.0.2/24 dev v1");
  netns_ip ("addr add 10.1.0.99/24 dev v1");
  netns_switch (NULL);
  run_until (b, a, saw_network, GINT_TO_POINTER (networks + 1), DEADLINE);
  run_until (a, b, has_found_only, "/ip4/10.1.0.99/tcp/4001", DEADLINE);

  /* The cable is pulled, and put back. */
  netns_switch (&fixture->there);
  netns_ip ("link set v1 down");
  netns_switch (NULL);
  run_until (a, b, has_lost, b, DEADLINE);
  run_until (a, b, says, "no network interface is up but loopback", DEADLINE);
  assert_addresses (a, FALSE, "");
  netns_switch (&fixture->there);
  netns_ip ("link set v1 up");
  netns_switch (NULL);
  run_until (a, b, has_found, b, DEADLINE);
}

static void
test_late (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = NULL;
  g_autoptr(Node) b = NULL;

  /* Started before there is a network. */
  netns_ip ("link set v0 down");
  a = node_new (NULL, 1, TRUE);
  b = node_new (&fixture->there, 2, TRUE);
  run_until (a, b, says, "no network interface is up but loopback", DEADLINE);
  assert_addresses (a, TRUE, "/ip4/127.0.0.1/tcp/4001 /ip6/::1/tcp/4002");
  netns_ip ("link set v0 up");
  run_until (a, b, has_found, b, DEADLINE);
  run_until (b, a, has_found, a, DEADLINE);
  g_assert_cmpuint (a->networks, >=, 1);
}

static void
test_addresses (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *address;
    gboolean own, near;
  } cases[] = {
    { "/ip4/10.1.0.1/tcp/1", TRUE, TRUE },
    { "/ip4/10.1.0.2/tcp/1", FALSE, TRUE },
    { "/ip4/10.2.0.2/tcp/1", FALSE, FALSE },
    { "/ip4/127.0.0.5/tcp/1", TRUE, FALSE },
    { "/ip6/fd00::1/tcp/1", TRUE, TRUE },
    { "/ip6/fd00::2/tcp/1", FALSE, TRUE },
    { "/ip6/fd01::2/tcp/1", FALSE, FALSE },
    { "/dns4/localhost/tcp/1", FALSE, FALSE },
    { "/ip4/10.1.0.1/udp/1/quic-v1", FALSE, FALSE },
  };
  static const char *const one[] = { "/ip4/10.1.0.1/tcp/7", "/ip4/127.0.0.1/tcp/8", NULL };
  g_autoptr(Node) a = NULL;

  netns_ip ("addr add fd00::1/64 dev v0 nodad");
  netns_ip ("addr add fe80::1/64 dev v0 nodad");
  a = node_new (NULL, 1, TRUE);
  assert_addresses (a, FALSE, "/ip4/10.1.0.1/tcp/4001 /ip6/fd00::1/tcp/4002");
  assert_addresses (a, TRUE, "/ip4/10.1.0.1/tcp/4001 /ip6/fd00::1/tcp/4002 /ip4/127.0.0.1/tcp/4001 /ip6/::1/tcp/4002");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (cases[i].address, NULL);

      g_test_message ("%s", cases[i].address);
      g_assert_cmpint (avi_lan_is_own (a->lan, address), ==, cases[i].own);
      g_assert_cmpint (avi_lan_is_near (a->lan, address), ==, cases[i].near);
    }
  node_listen (a, one);
  assert_addresses (a, FALSE, "/ip4/10.1.0.1/tcp/7");
  assert_addresses (a, TRUE, "/ip4/10.1.0.1/tcp/7 /ip4/127.0.0.1/tcp/8");
}

static void
test_switched_off (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, FALSE);
  g_autoptr(Node) b = node_new (&fixture->there, 2, TRUE);

  run_until (a, b, says, "mDNS is switched off", DEADLINE);
  /* The kernel says a moment later that a cable is plugged in. */
  run_until (a, b, has_addresses, "/ip4/10.1.0.1/tcp/4001", DEADLINE);
  avi_lan_query (a->lan);
  netns_ip ("addr add 10.1.0.3/24 dev v0");
  run_until (a, b, has_addresses, "/ip4/10.1.0.1/tcp/4001 /ip4/10.1.0.3/tcp/4001", DEADLINE);
  run_until (a, b, saw_network, GINT_TO_POINTER (1), DEADLINE);
  g_assert_cmpuint (g_hash_table_size (b->found), ==, 0);
  avi_lan_goodbye (a->lan);
}

static int
open_port (const char *ip, gboolean shared)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = 1;

  inet_pton (AF_INET, ip, &in.sin_addr);
  if (shared)
    {
      setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    }
  g_assert_cmpint (bind (fd, (struct sockaddr *) &in, sizeof in), ==, 0);
  return fd;
}

static void
test_port_taken (Fixture *fixture, gconstpointer data)
{
  int fd = open_port ("0.0.0.0", FALSE);
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  g_autoptr(Node) b = node_new (&fixture->there, 2, TRUE);

  run_until (a, b, says, "UDP port 5353 is taken on v0", DEADLINE);

  /* Tried again when the network changes, and every half minute. */
  close (fd);
  netns_ip ("addr add 10.1.0.3/24 dev v0");
  run_until (a, b, has_found, b, DEADLINE);
  g_assert_false (says (a, "taken"));
}

static void
put_query (AviWriter *writer)
{
  AviDnsWriter dns;
  AviDnsName service;

  avi_writer_init (writer, 512);
  avi_dns_name_init (&service, AVI_MDNS_SERVICE);
  g_assert_true (avi_dns_writer_init (&dns, writer, 77, 0));
  g_assert_true (avi_dns_writer_question (&dns, &service, AVI_DNS_TYPE_PTR, AVI_DNS_CLASS_IN, FALSE));
}

static void
test_legacy (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  struct sockaddr_in from = { 0 };
  struct ip_mreqn out = { 0 };
  socklen_t from_len = sizeof from;
  gint64 deadline = g_get_monotonic_time () + DEADLINE;
  AviWriter writer;
  guint8 answer[1500];
  gssize len;
  int fd;

  /* A plain resolver: any port, and it hears nothing but what is sent to it. */
  run_until (a, NULL, says, "mDNS on v0", DEADLINE);
  netns_switch (&fixture->there);
  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  inet_pton (AF_INET, AVI_MDNS_GROUP_IP4, &group.sin_addr);
  out.imr_ifindex = if_nametoindex ("v1");
  g_assert_cmpint (setsockopt (fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out), ==, 0);
  netns_switch (NULL);
  put_query (&writer);
  g_assert_cmpint (sendto (fd, writer.data, writer.len, 0, (struct sockaddr *) &group, sizeof group), >, 0);
  while ((len = recvfrom (fd, answer, sizeof answer, 0, (struct sockaddr *) &from, &from_len)) < 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      node_run (a);
      g_usleep (200);
    }
  g_assert_cmpint (answer[1], ==, 77);
  g_assert_cmphex (ntohl (from.sin_addr.s_addr), ==, 0x0a010001);
  g_assert_cmpint (ntohs (from.sin_port), ==, AVI_MDNS_PORT);
  avi_writer_clear (&writer);
  close (fd);
}

static void
test_unicast_is_not_ours (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  g_autoptr(Node) a = NULL;
  int daemon = open_port ("0.0.0.0", TRUE);
  int sender;
  guint heard = 0;
  gint64 deadline = g_get_monotonic_time () + DEADLINE;

  /* Whatever is sent to this host alone is for the daemon, whoever opened the port last. */
  a = node_new (NULL, 1, TRUE);
  run_until (a, NULL, says, "mDNS on v0", DEADLINE);
  inet_pton (AF_INET, "10.1.0.1", &here.sin_addr);
  netns_switch (&fixture->there);
  sender = open_port ("10.1.0.2", TRUE);
  netns_switch (NULL);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpint (sendto (sender, "unicast", 7, 0, (struct sockaddr *) &here, sizeof here), ==, 7);
  while (heard < 50)
    {
      char bytes[16];

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      node_run (a);
      if (recv (daemon, bytes, sizeof bytes, 0) == 7 && memcmp (bytes, "unicast", 7) == 0)
        heard++;
    }
  close (daemon);
  close (sender);
}

static void
test_silence (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Node) a = node_new (NULL, 1, TRUE);
  g_autoptr(Node) b = node_new (NULL, 2, TRUE);
  g_autoptr(Node) c = NULL;
  gint64 took;

  /* Another node of this very host is no sign that the network works. */
  run_until (a, b, has_found, b, DEADLINE);
  took = run_until (a, b, says, "no mDNS of any other host heard on v0 for 10 s", SILENCE);
  g_assert_cmpint (took, >, 8 * G_USEC_PER_SEC);
  g_assert_true (says (a, "mDNS on v0: 1 node seen; "));
  c = node_new (&fixture->there, 3, TRUE);
  run_until (a, c, has_found, c, DEADLINE);
  g_assert_cmpstr (a->status, ==, "mDNS on v0: 2 nodes seen");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  const char *why = NULL;
  gboolean entered = netns_enter (&why);

  g_test_init (&argc, &argv, NULL);
  if (!entered)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return 0;
    }
  /* The daemon that may run here belongs to another network. */
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
  ADD ("/lan/two hosts find each other at once, and one that leaves is gone", test_two_hosts);
  ADD ("/lan/two hosts find each other by link-local addresses alone", test_ip6);
  ADD ("/lan/addresses on networks that are not ours are passed over", test_elsewhere);
  ADD ("/lan/two nodes of one host find each other", test_one_host);
  ADD ("/lan/follows addresses that change and cables that are pulled", test_change);
  ADD ("/lan/begins when the network comes", test_late);
  ADD ("/lan/expands listeners to the addresses that interfaces have", test_addresses);
  ADD ("/lan/switched off it watches the interfaces only", test_switched_off);
  ADD ("/lan/says that the port is taken, and tries again", test_port_taken);
  ADD ("/lan/answers a plain resolver", test_legacy);
  ADD ("/lan/leaves to the daemon what is sent to this host alone", test_unicast_is_not_ours);
  ADD ("/lan/says that no other host is heard, and that one is", test_silence);
  return g_test_run ();
}
