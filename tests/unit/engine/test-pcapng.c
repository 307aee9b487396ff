/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Blocks as draft-ietf-opsawg-pcapng has them; whole files, with tshark too, are in test-capture.c.
 */
#include "config.h"

#include <netinet/in.h>

#include "engine/avi-pcapng.h"

#define SECTION_HEADER  0x0a0d0d0au
#define INTERFACE       1u
#define ENHANCED_PACKET 6u
#define BYTE_ORDER_WORD 0x1a2b3c4du
#define IP4_LEN         20u
#define TCP_LEN         20u
#define SYN             0x02
#define FIN             0x01

static guint32
word_at (const GByteArray *bytes, gsize at)
{
  guint32 word;

  g_assert_cmpuint (at + 4, <=, bytes->len);
  memcpy (&word, bytes->data + at, sizeof word);
  return word;
}

/* The length of the block at @at, which stands at both of its ends. */
static gsize
check_block (const GByteArray *bytes, gsize at, guint32 type)
{
  guint32 len = word_at (bytes, at + 4);

  g_assert_cmpuint (word_at (bytes, at), ==, type);
  g_assert_cmpuint (len % 4, ==, 0);
  g_assert_cmpuint (word_at (bytes, at + len - 4), ==, len);
  return len;
}

static void
test_head (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  gsize len;

  avi_pcapng_put_head (out, "test", "a comment");
  len = check_block (out, 0, SECTION_HEADER);
  g_assert_cmpuint (word_at (out, 8), ==, BYTE_ORDER_WORD);
  len += check_block (out, len, INTERFACE);
  g_assert_cmpuint (len, ==, out->len);
}

static struct sockaddr_in
address (const char *ip, guint16 port)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = g_htons (port) };

  in.sin_addr.s_addr = g_htonl (ip[0] == 'u' ? 0x0a000001 : 0x0a000002);
  return in;
}

static void
flow_between (AviPcapngFlow *flow)
{
  struct sockaddr_in us = address ("us", 1000), peer = address ("peer", 2000);

  avi_pcapng_flow_init (flow, (struct sockaddr *) &us, (struct sockaddr *) &peer);
}

/* Of an enhanced packet: the IP packet begins behind type, lengths, interface and time. */
static const guint8 *
packet_at (const GByteArray *bytes, gsize at)
{
  return bytes->data + at + 28;
}

static guint32
sequence_of (const guint8 *packet)
{
  guint32 word;

  memcpy (&word, packet + IP4_LEN + 4, sizeof word);
  return g_ntohl (word);
}

static void
test_flow (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint8 text[] = "hello";
  AviPcapngFlow flow;
  gsize at, first;

  flow_between (&flow);
  avi_pcapng_put_open (&flow, out, AVI_PCAPNG_US, 0, NULL);
  check_block (out, 0, ENHANCED_PACKET);
  g_assert_cmpuint (packet_at (out, 0)[IP4_LEN + 13] & SYN, ==, SYN);

  at = first = out->len;
  avi_pcapng_put_data (&flow, out, AVI_PCAPNG_US, AVI_SPAN (text, 5), 0, NULL);
  g_assert_cmpmem (packet_at (out, at) + IP4_LEN + TCP_LEN, 5, "hello", 5);
  at += check_block (out, at, ENHANCED_PACKET);
  g_assert_cmpuint (at, ==, out->len);

  /* What is missing leaves a gap in the sequence, as lost segments do. */
  avi_pcapng_skip (&flow, AVI_PCAPNG_US, 100);
  avi_pcapng_put_data (&flow, out, AVI_PCAPNG_US, AVI_SPAN (text, 5), 0, NULL);
  g_assert_cmpuint (sequence_of (packet_at (out, at)), ==, sequence_of (packet_at (out, first)) + 5 + 100);

  at = out->len;
  avi_pcapng_put_close (&flow, out, AVI_PCAPNG_PEER, 0, NULL);
  g_assert_cmpuint (packet_at (out, at)[IP4_LEN + 13] & FIN, ==, FIN);
}

/* More than one IP packet holds is several. */
static void
test_much (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autofree guint8 *much = g_malloc0 (200000);
  AviPcapngFlow flow;
  gsize n = 0;

  flow_between (&flow);
  avi_pcapng_put_data (&flow, out, AVI_PCAPNG_PEER, AVI_SPAN (much, 200000), 0, "with a comment");
  for (gsize at = 0; at < out->len; at += check_block (out, at, ENHANCED_PACKET))
    n++;
  g_assert_cmpuint (n, >=, 4);
  g_assert_cmpuint (out->len, <, 200000 + n * 200);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pcapng/a file begins with its section and an interface", test_head);
  g_test_add_func ("/pcapng/a conversation is segments in sequence, from SYN to FIN", test_flow);
  g_test_add_func ("/pcapng/much at once is several packets", test_much);
  return g_test_run ();
}
