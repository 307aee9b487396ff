/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "avi-error.h"
#include "tests/unit/hex.h"
#include "wire/avi-multiaddr.h"

#define PEER  "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"
#define OTHER "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"

/* The examples of multiformats/multiaddr and of its implementations' test suites, then one per protocol. */
static const struct
{
  const char *text;
  const char *hex;
} vectors[] = {
  { "/ip4/192.0.2.42/tcp/443", "04c000022a0601bb" },
  { "/ip4/127.0.0.1/udp/1234", "047f000001910204d2" },
  { "/ip4/127.0.0.1/tcp/4321", "047f0000010610e1" },
  { "/ip4/127.0.0.1/udp/1234/ip4/127.0.0.1/tcp/4321", "047f000001910204d2047f0000010610e1" },
  { "/ip6zone/eth0/ip6/::1", "2a04657468302900000000000000000000000000000001" },
  { "/ip4/0.0.0.0", "0400000000" },
  { "/tcp/0", "060000" },
  { "/tcp/65535", "06ffff" },
  { "/ip6/2601:9:4f81:9700:803e:ca65:66e8:c21/udp/1234/quic-v1", "29260100094f819700803eca6566e80c21910204d2cd03" },
  { "/ip6zone/x%y/ip6/fe80::1", "2a0378257929fe800000000000000000000000000001" },
  { "/dns/a.b/tcp/80/ws", "3503612e62060050dd03" },
  { "/dns4/a.b/tcp/443/wss", "3603612e620601bbde03" },
  { "/dns6/a.b/tcp/443/tls/ws", "3703612e620601bbc003dd03" },
  { "/dnsaddr/bootstrap.libp2p.io", "3813626f6f7473747261702e6c69627032702e696f" },
  { "/unix/a/b/c/d/e", "90030a2f612f622f632f642f65" },
  { "/unix/stdio", "9003062f737464696f" },
  { "/p2p/" PEER, "a503221220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b" },
  { "/p2p-circuit", "a202" },
  { "/ip4/1.2.3.4/udp/9/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g",
    "04010203049102000998"
    "02d203221220c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2" },
};

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
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (vectors[i].text);
      g_autoptr(GByteArray) bytes = from_hex (vectors[i].hex);
      g_autoptr(AviMultiaddr) decoded = NULL;
      g_autoptr(GError) error = NULL;

      assert_hex (avi_multiaddr_get_bytes (address), vectors[i].hex);
      decoded = avi_multiaddr_decode (span_of (bytes), &error);
      g_assert_no_error (error);
      assert_text (decoded, vectors[i].text);
      g_assert_true (avi_multiaddr_equal (address, decoded));
      g_assert_cmpuint (avi_multiaddr_hash (address), ==, avi_multiaddr_hash (decoded));
    }
}

static void
test_other_spellings (void)
{
  static const struct
  {
    const char *read;
    const char *written;
  } spellings[] = {
    { "/ipfs/" PEER, "/p2p/" PEER },
    { "/p2p/k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl7", "/p2p/" PEER },
    { "/p2p/bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm/p2p-circuit", "/p2p/" PEER "/p2p-circuit" },
    { "/ip6/2001:0DB8:0:0:0:0:0:1", "/ip6/2001:db8::1" },
    { "/certhash/b2uaraocy6yrdblb4sfptaddgimjmmpy", "/certhash/u1QEQOFj2IjCsPJFfMAxmQxLGPw" },
    { "/certhash/zQmbWTwYGcmdyK9CYfNBcfs9nhZs17a6FQ4Y8oea278xx41",
      "/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (spellings[i].read);

      assert_text (address, spellings[i].written);
    }
}

static void
assert_text_refused (const char *text, const char *words)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_multiaddr_parse (text, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
test_malformed_text (void)
{
  g_autofree char *name = g_strnfill (254, 'x');
  g_autofree char *long_name = g_strconcat ("/dns/", name, NULL);

  assert_text_refused ("", "begin with a slash");
  assert_text_refused ("/", "at character 1: protocol “” is unknown");
  assert_text_refused ("ip4/1.2.3.4", "begin with a slash");
  assert_text_refused ("//ip4/1.2.3.4", "protocol “” is unknown");
  assert_text_refused ("/ip4", "ip4 lacks its value");
  assert_text_refused ("/ip4/", "ip4 lacks its value");
  assert_text_refused ("/ip4/1.2.3.4/tcp", "at character 13: tcp lacks its value");
  assert_text_refused ("/ip4/1.2.3.4/tcp/80/", "at character 20: protocol “” is unknown");
  assert_text_refused ("/ip4/1.2.3.4/sctp/80", "at character 13: protocol “sctp” is unknown");
  assert_text_refused ("/IP4/1.2.3.4", "protocol “IP4” is unknown");
  assert_text_refused ("/ip4/::1", "ip4: “::1” is not an IPv4 address");
  assert_text_refused ("/ip4/1.2.3", "“1.2.3” is not an IPv4 address");
  assert_text_refused ("/ip4/1.2.3.04", "not an IPv4 address");
  assert_text_refused ("/ip4/0x7f000001", "not an IPv4 address");
  assert_text_refused ("/ip6/1.2.3.4", "not an IPv6 address");
  assert_text_refused ("/ip6/fe80::1%eth0", "not an IPv6 address");
  assert_text_refused ("/ip6zone//ip6/fe80::1", "ip6zone lacks its value");
  assert_text_refused ("/tcp/65536", "“65536” is not a port");
  assert_text_refused ("/tcp/-1", "not a port");
  assert_text_refused ("/tcp/+1", "not a port");
  assert_text_refused ("/tcp/ 1", "not a port");
  assert_text_refused ("/tcp/01", "not a port");
  assert_text_refused ("/tcp/00", "not a port");
  assert_text_refused ("/udp/1a", "not a port");
  assert_text_refused ("/udp/4294967297", "not a port");
  assert_text_refused ("/quic-v1/1234", "protocol “1234” is unknown");
  assert_text_refused ("/p2p/kitchen", "p2p: “kitchen” is not a peer id");
  assert_text_refused ("/p2p", "p2p lacks its value");
  assert_text_refused ("/unix", "unix lacks its value");
  assert_text_refused ("/dns/a\nb", "dns: it is no name");
  assert_text_refused ("/dns/\xff", "dns: it is no name");
  assert_text_refused (long_name, "no name of 1 to 253 bytes");
  assert_text_refused ("/certhash/b2uaraocy6yrdblb4sfptaddgimjmmp", "certhash: ");
  assert_text_refused ("/certhash/uEiA", "certhash: it is no multihash");
  assert_text_refused ("/certhash/xEiD", "none of the bases");
}

static void
assert_bytes_refused (const char *hex, const char *words)
{
  g_autoptr(GByteArray) bytes = from_hex (hex);
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_multiaddr_decode (span_of (bytes), &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
test_malformed_bytes (void)
{
  assert_bytes_refused ("", "0 bytes");
  assert_bytes_refused ("047f0000", "at byte 0: ip4 of 4 bytes is cut short after 3");
  assert_bytes_refused ("047f00000106", "at byte 5: tcp of 2 bytes is cut short after 0");
  assert_bytes_refused ("047f000001060050ff", "at byte 8: its protocol code is cut short");
  assert_bytes_refused ("047f00000121", "at byte 5: protocol code 33 is unknown");
  assert_bytes_refused ("84007f000001", "at byte 0: its protocol code is not minimally encoded");
  assert_bytes_refused ("8480808080808080808001", "is longer than 9 bytes");
  assert_bytes_refused ("35", "its length is cut short");
  assert_bytes_refused ("358100" "61", "its length is not minimally encoded");
  assert_bytes_refused ("3500", "dns: it is no name");
  assert_bytes_refused ("350461", "dns of 4 bytes is cut short after 1");
  assert_bytes_refused ("35ffffffffffffffff7f61", "cut short after 1");
  assert_bytes_refused ("3503612f62", "dns: it is no name"); /* a/b */
  assert_bytes_refused ("3503610062", "dns: it is no name"); /* a, NUL, b */
  assert_bytes_refused ("3501ff", "dns: it is no name");
  assert_bytes_refused ("90030161", "unix: it is no absolute path");
  assert_bytes_refused ("9003022f61060050", "at byte 5: something follows a unix path");
  assert_bytes_refused ("a50300", "p2p: A peer id of 0 bytes");
  assert_bytes_refused ("a503221221c05877cbae039d70a5e600ea02c6f9f2942439285c9e344e26f8d280c850fad6", "p2p: ");
  assert_bytes_refused ("d203021200", "certhash: it is no multihash");
  assert_bytes_refused ("d2030112", "certhash: it is no multihash");
  assert_bytes_refused ("d20300", "certhash: it is no multihash");
}

static void
test_limits (void)
{
  GString *text = g_string_new (NULL);
  g_autoptr(GByteArray) circuits = g_byte_array_new ();
  g_autofree char *path = NULL, *long_path = NULL;
  g_autoptr(AviMultiaddr) most = NULL, longest = NULL;
  g_autoptr(GError) many = NULL, large = NULL, endless = NULL, bytes_many = NULL, bytes_large = NULL;
  guint8 bytes[AVI_MULTIADDR_MAX_LEN + 1] = { 0 };

  for (guint i = 0; i < AVI_MULTIADDR_MAX_COMPONENTS; i++)
    {
      g_string_append (text, "/p2p-circuit");
      g_byte_array_append (circuits, (const guint8 *) "\xa2\x02", 2);
    }
  most = parse (text->str);
  assert_text (most, text->str);
  g_string_append (text, "/ws");
  g_byte_array_append (circuits, (const guint8 *) "\xdd\x03", 2);
  g_assert_null (avi_multiaddr_parse (text->str, &many));
  g_assert_error (many, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_null (avi_multiaddr_decode (span_of (circuits), &bytes_many));
  g_assert_error (bytes_many, AVI_ERROR, AVI_ERROR_LIMIT);

  path = g_strnfill (AVI_MULTIADDR_MAX_LEN - 5, 'x');
  g_string_printf (text, "/unix/%s", path);
  longest = parse (text->str);
  g_assert_cmpuint (avi_multiaddr_get_bytes (longest).len, ==, AVI_MULTIADDR_MAX_LEN);
  g_string_append_c (text, 'x');
  g_assert_null (avi_multiaddr_parse (text->str, &large));
  g_assert_error (large, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_null (avi_multiaddr_decode (AVI_SPAN (bytes, sizeof bytes), &bytes_large));
  g_assert_error (bytes_large, AVI_ERROR, AVI_ERROR_LIMIT);

  long_path = g_strnfill (1000000, '/');
  g_assert_null (avi_multiaddr_parse (long_path, &endless));
  g_assert_error (endless, AVI_ERROR, AVI_ERROR_LIMIT);
  g_string_free (text, TRUE);
}

static void
test_walk (void)
{
  g_autoptr(AviMultiaddr) address = parse ("/ip4/1.2.3.4/tcp/80/ws/p2p/" PEER);
  AviMultiaddrIter iter = { 0 };

  g_assert_true (avi_multiaddr_next (address, &iter));
  g_assert_cmpint (iter.protocol, ==, AVI_MULTIADDR_IP4);
  assert_hex (iter.value, "01020304");
  g_assert_true (avi_multiaddr_next (address, &iter));
  g_assert_cmpint (iter.protocol, ==, AVI_MULTIADDR_TCP);
  assert_hex (iter.value, "0050");
  g_assert_true (avi_multiaddr_next (address, &iter));
  g_assert_cmpint (iter.protocol, ==, AVI_MULTIADDR_WS);
  g_assert_cmpuint (iter.value.len, ==, 0);
  g_assert_true (avi_multiaddr_next (address, &iter));
  g_assert_cmpint (iter.protocol, ==, AVI_MULTIADDR_P2P);
  g_assert_cmpuint (iter.value.len, ==, 34);
  g_assert_false (avi_multiaddr_next (address, &iter));
  g_assert_false (avi_multiaddr_next (address, &iter));
}

static void
assert_peer (const char *text, const char *peer, const char *without)
{
  g_autoptr(AviMultiaddr) address = parse (text);
  g_autoptr(AviMultiaddr) rest = avi_multiaddr_without_peer (address);
  AviPeerId id;

  g_assert_cmpint (avi_multiaddr_get_peer (address, &id), ==, peer != NULL);
  if (peer != NULL)
    {
      g_autofree char *shown = avi_peer_id_to_string (&id);

      g_assert_cmpstr (shown, ==, peer);
    }
  if (without != NULL)
    assert_text (rest, without);
  else
    g_assert_null (rest);
}

static void
test_peer (void)
{
  assert_peer ("/ip4/1.2.3.4/tcp/80/p2p/" PEER, PEER, "/ip4/1.2.3.4/tcp/80");
  assert_peer ("/ip4/1.2.3.4/tcp/80", NULL, "/ip4/1.2.3.4/tcp/80");
  assert_peer ("/p2p/" PEER, PEER, NULL);
  /* a relay is not whom the address leads to */
  assert_peer ("/ip4/1.2.3.4/tcp/80/p2p/" PEER "/p2p-circuit", NULL, "/ip4/1.2.3.4/tcp/80/p2p/" PEER "/p2p-circuit");
  assert_peer ("/p2p/" PEER "/p2p-circuit/p2p/" OTHER, OTHER, "/p2p/" PEER "/p2p-circuit");
}

static void
assert_with_peer (const char *text, const char *expected)
{
  g_autoptr(AviMultiaddr) address = parse (text);
  g_autoptr(AviMultiaddr) result = NULL;
  AviPeerId peer;

  g_assert_true (avi_peer_id_parse (OTHER, &peer, NULL));
  result = avi_multiaddr_with_peer (address, &peer);
  if (expected != NULL)
    assert_text (result, expected);
  else
    g_assert_null (result);
}

static void
test_with_peer (void)
{
  assert_with_peer ("/ip4/1.2.3.4/tcp/80", "/ip4/1.2.3.4/tcp/80/p2p/" OTHER);
  assert_with_peer ("/ip4/1.2.3.4/tcp/80/p2p/" PEER, "/ip4/1.2.3.4/tcp/80/p2p/" OTHER);
  assert_with_peer ("/p2p/" PEER, "/p2p/" OTHER);
  assert_with_peer ("/p2p/" PEER "/p2p-circuit", "/p2p/" PEER "/p2p-circuit/p2p/" OTHER);
  assert_with_peer ("/unix/stdio", NULL);
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
  };
  guint32 lo = if_nametoindex ("lo");

  assert_sockaddr ("/ip4/1.2.3.4/tcp/4001", AF_INET, "1.2.3.4", 4001, 0);
  assert_sockaddr ("/ip4/1.2.3.4/tcp/4001/p2p/" PEER, AF_INET, "1.2.3.4", 4001, 0);
  assert_sockaddr ("/ip6/fe80::1/tcp/0", AF_INET6, "fe80::1", 0, 0);
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

  assert_from_in6 ("2001:db8::1", 7, "/ip6/2001:db8::1/tcp/4001");
  assert_from_in6 ("::ffff:10.0.0.1", 0, "/ip4/10.0.0.1/tcp/4001");
  assert_from_in6 ("fe80::1", 4000000, "/ip6zone/4000000/ip6/fe80::1/tcp/4001");
  if (lo != 0)
    assert_from_in6 ("fe80::1", lo, "/ip6zone/lo/ip6/fe80::1/tcp/4001");
  g_assert_null (avi_multiaddr_from_sockaddr (&other));
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
    { "/ip4/1.2.3.4/tcp/4001", -1 },
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
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (cases[i].text);

      g_assert_cmpint (avi_multiaddr_is_loopback (address), ==, cases[i].loopback);
    }
}

static void
test_unspecified (void)
{
  static const struct
  {
    const char *text;
    gboolean    unspecified;
  } cases[] = {
    { "/ip4/0.0.0.0/tcp/1", TRUE },        { "/ip6/::/tcp/1/p2p/" PEER, TRUE },
    { "/ip6/::ffff:0.0.0.0/tcp/1", TRUE }, { "/ip4/0.0.0.1/tcp/1", FALSE },
    { "/ip6/::1/tcp/1", FALSE },           { "/ip4/127.0.0.1/tcp/1", FALSE },
    { "/dns/localhost/tcp/1", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviMultiaddr) address = parse (cases[i].text);

      g_assert_cmpint (avi_multiaddr_is_unspecified (address), ==, cases[i].unspecified);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/multiaddr/reads and writes the specification's examples, in text and binary", test_examples);
  g_test_add_func ("/multiaddr/writes other spellings in the usual one", test_other_spellings);
  g_test_add_func ("/multiaddr/refuses malformed text, naming the component and its place", test_malformed_text);
  g_test_add_func ("/multiaddr/refuses malformed bytes, naming the component and its place", test_malformed_bytes);
  g_test_add_func ("/multiaddr/refuses what passes its limits", test_limits);
  g_test_add_func ("/multiaddr/is walked component by component", test_walk);
  g_test_add_func ("/multiaddr/knows whom it leads to", test_peer);
  g_test_add_func ("/multiaddr/is given a peer to lead to", test_with_peer);
  g_test_add_func ("/multiaddr/becomes a socket address where it is for TCP alone", test_to_sockaddr);
  g_test_add_func ("/multiaddr/is made from a socket address", test_from_sockaddr);
  g_test_add_func ("/multiaddr/tells which name to look up", test_host);
  g_test_add_func ("/multiaddr/tells whether it stays on this machine", test_loopback);
  g_test_add_func ("/multiaddr/0.0.0.0 and :: are told from all other addresses", test_unspecified);
  return g_test_run ();
}
