/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "wire/avi-multiaddr.h"

#define PEER "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"

static AviMultiaddr *
parse (const char *text)
{
  g_autoptr(GError) error = NULL;
  AviMultiaddr *address = avi_multiaddr_parse (text, &error);

  g_assert_no_error (error);
  return address;
}

static void
assert_text (const AviMultiaddr *address, const char *expected)
{
  g_autofree char *text = avi_multiaddr_to_string (address);

  g_assert_cmpstr (text, ==, expected);
}

static void
assert_sockaddr (const char *text, int family, const char *host, guint16 port, guint32 scope)
{
  g_autoptr(AviMultiaddr) address = parse (text);
  struct sockaddr_storage storage;
  const struct sockaddr_in *in = (const struct sockaddr_in *) &storage;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &storage;
  char shown[INET6_ADDRSTRLEN];
  socklen_t len;

  g_assert_true (avi_multiaddr_to_sockaddr (address, &storage, &len));
  g_assert_cmpint (storage.ss_family, ==, family);
  if (family == AF_INET)
    {
      g_assert_cmpuint (len, ==, sizeof *in);
      g_assert_cmpuint (ntohs (in->sin_port), ==, port);
      inet_ntop (AF_INET, &in->sin_addr, shown, sizeof shown);
    }
  else
    {
      g_assert_cmpuint (len, ==, sizeof *in6);
      g_assert_cmpuint (ntohs (in6->sin6_port), ==, port);
      g_assert_cmpuint (in6->sin6_scope_id, ==, scope);
      inet_ntop (AF_INET6, &in6->sin6_addr, shown, sizeof shown);
    }
  g_assert_cmpstr (shown, ==, host);
}

static void
test_to_sockaddr (void)
{
  static const char *const others[] = {
    "/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/1/ws", "/ip4/1.2.3.4/tcp/1/p2p/" PEER "/p2p-circuit",
    "/ip4/1.2.3.4/tcp/1/p2p/" PEER "/p2p/" PEER, "/dns4/a.b/tcp/1", "/tcp/1", "/unix/a",
    "/ip6/::1/udp/1", "/ip6zone/1/ip4/1.2.3.4/tcp/1", "/ip6zone/no-such-interface/ip6/fe80::1/tcp/1", "/ip6zone/lo",
    "/ip6zone/0/ip6/fe80::1/tcp/1", "/ip6zone/4294967296/ip6/fe80::1/tcp/1", "/ip6zone/-1/ip6/fe80::1/tcp/1",
    "/ip6/fe80::1", "/ip6/fe80::1/p2p/" PEER, "/p2p/" PEER "/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/ip4/1.2.3.4/tcp/1",
  };
  guint32 lo = if_nametoindex ("lo");

  assert_sockaddr ("/ip4/1.2.3.4/tcp/4001", AF_INET, "1.2.3.4", 4001, 0);
  assert_sockaddr ("/ip4/1.2.3.4/tcp/4001/p2p/" PEER, AF_INET, "1.2.3.4", 4001, 0);
  assert_sockaddr ("/ip4/255.255.255.255/tcp/65535", AF_INET, "255.255.255.255", 65535, 0);
  assert_sockaddr ("/ip6/fe80::1/tcp/0", AF_INET6, "fe80::1", 0, 0);
  assert_sockaddr ("/ip6zone/7/ip6/2001:db8::1/tcp/9", AF_INET6, "2001:db8::1", 9, 7);
  assert_sockaddr ("/ip6zone/4294967295/ip6/fe80::1/tcp/9", AF_INET6, "fe80::1", 9, G_MAXUINT32);
  assert_sockaddr ("/ip6zone/4000000/ip6/fe80::1/tcp/9", AF_INET6, "fe80::1", 9, 4000000);
  if (lo != 0)
    assert_sockaddr ("/ip6zone/lo/ip6/fe80::1/tcp/9/p2p/" PEER, AF_INET6, "fe80::1", 9, lo);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (others[i]);
      struct sockaddr_storage storage;
      socklen_t len;

      g_assert_false (avi_multiaddr_to_sockaddr (address, &storage, &len));
    }
}

static void
assert_from_in6 (const char *host, guint32 scope, const char *expected)
{
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons (4001), .sin6_scope_id = scope };
  g_autoptr(AviMultiaddr) address = NULL;

  inet_pton (AF_INET6, host, &in6.sin6_addr);
  address = avi_multiaddr_from_sockaddr ((const struct sockaddr *) &in6);
  assert_text (address, expected);
}

static void
test_from_sockaddr (void)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (80) };
  struct sockaddr other = { .sa_family = AF_UNIX };
  g_autoptr(AviMultiaddr) address = NULL;
  guint32 lo = if_nametoindex ("lo");

  inet_pton (AF_INET, "10.0.0.1", &in.sin_addr);
  address = avi_multiaddr_from_sockaddr ((const struct sockaddr *) &in);
  assert_text (address, "/ip4/10.0.0.1/tcp/80");

  /* The zone is of link-local addresses only, and those may lack one. */
  assert_from_in6 ("fe80::1", 0, "/ip6/fe80::1/tcp/4001");
  assert_from_in6 ("febf::1", G_MAXUINT32, "/ip6zone/4294967295/ip6/febf::1/tcp/4001");
  assert_from_in6 ("fec0::1", 7, "/ip6/fec0::1/tcp/4001");
  assert_from_in6 ("::", 0, "/ip6/::/tcp/4001");
  assert_from_in6 ("::1", 1, "/ip6/::1/tcp/4001");
  assert_from_in6 ("2001:db8::1", 7, "/ip6/2001:db8::1/tcp/4001");
  assert_from_in6 ("::ffff:10.0.0.1", 0, "/ip4/10.0.0.1/tcp/4001");
  assert_from_in6 ("fe80::1", 4000000, "/ip6zone/4000000/ip6/fe80::1/tcp/4001");
  if (lo != 0)
    assert_from_in6 ("fe80::1", lo, "/ip6zone/lo/ip6/fe80::1/tcp/4001");
  g_assert_null (avi_multiaddr_from_sockaddr (&other));
}

static void
test_round_trip (void)
{
  static const char *const texts[] = {
    "/ip4/0.0.0.0/tcp/0",
    "/ip4/10.0.0.1/tcp/4001",
    "/ip6/::/tcp/65535",
    "/ip6/2001:db8::1/tcp/256",
    "/ip6/fe80::1/tcp/1",
    "/ip6zone/4000000/ip6/fe80::1/tcp/1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (texts[i]);
      g_autoptr(AviMultiaddr) back = NULL;
      struct sockaddr_storage storage;
      socklen_t len;

      /* All that is no part of the address is zero, so that two of them can be compared. */
      memset (&storage, 0xff, sizeof storage);
      g_assert_true (avi_multiaddr_to_sockaddr (address, &storage, &len));
      for (gsize at = len; at < sizeof storage; at++)
        g_assert_cmpuint (((const guint8 *) &storage)[at], ==, 0);
      back = avi_multiaddr_from_sockaddr ((const struct sockaddr *) &storage);
      g_assert_true (avi_multiaddr_equal (back, address));
    }
}

static void
test_host (void)
{
  static const struct
  {
    const char *text;
    int         family; /* -1: no host */
  } cases[] = {
    { "/dns/node.local/tcp/4001", AF_UNSPEC },
    { "/dns4/node.local/tcp/4001", AF_INET },
    { "/dns6/node.local/tcp/4001/p2p/" PEER, AF_INET6 },
    { "/dnsaddr/node.local/tcp/4001", -1 },
    { "/dns4/node.local", -1 },
    { "/dns4/node.local/tcp/4001/ws", -1 },
    { "/dns4/node.local/tcp/4001/p2p/" PEER "/p2p-circuit", -1 },
    { "/dns6/node.local/udp/4001", -1 },
    { "/ip4/1.2.3.4/tcp/4001", -1 },
    { "/tcp/4001", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (cases[i].text);
      g_autofree char *name = NULL;
      guint16 port;
      int family;

      g_assert_cmpint (avi_multiaddr_get_host (address, &name, &port, &family), ==, cases[i].family != -1);
      if (cases[i].family == -1)
        continue;
      g_assert_cmpstr (name, ==, "node.local");
      g_assert_cmpuint (port, ==, 4001);
      g_assert_cmpint (family, ==, cases[i].family);
    }
}

static void
test_loopback (void)
{
  static const struct
  {
    const char *text;
    gboolean    loopback;
  } cases[] = {
    { "/ip4/127.0.0.1/tcp/1", TRUE },        { "/ip4/127.255.0.9/udp/1/quic-v1", TRUE },
    { "/ip4/128.0.0.1/tcp/1", FALSE },       { "/ip6/::1/tcp/1/p2p/" PEER, TRUE },
    { "/ip6zone/lo/ip6/::1/tcp/1", TRUE },   { "/ip6/::2/tcp/1", FALSE },
    { "/ip6/::ffff:127.0.0.1/tcp/1", TRUE }, { "/dns/localhost/tcp/1", FALSE },
    { "/ip6/::ffff:128.0.0.1/tcp/1", FALSE }, { "/ip6/::127.0.0.1/tcp/1", FALSE },
    { "/ip4/127.0.0.1", TRUE },              { "/tcp/1/ip4/127.0.0.1", FALSE },
    { "/ip6zone/lo", FALSE },                { "/ip6zone/1/ip6/fe80::1", FALSE },
    { "/unix/stdio", FALSE },                { "/p2p/" PEER, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (cases[i].text);

      g_assert_cmpint (avi_multiaddr_is_loopback (address), ==, cases[i].loopback);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/multiaddr-socket/becomes a socket address where it is for TCP alone", test_to_sockaddr);
  g_test_add_func ("/multiaddr-socket/is made from a socket address", test_from_sockaddr);
  g_test_add_func ("/multiaddr-socket/comes back from a socket address as it was", test_round_trip);
  g_test_add_func ("/multiaddr-socket/tells which name to look up", test_host);
  g_test_add_func ("/multiaddr-socket/tells whether it stays on this machine", test_loopback);
  return g_test_run ();
}
