/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-pcapng.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#define BLOCK_SECTION   0x0A0D0D0Au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define LINKTYPE_RAW    101 /* a packet begins with its IPv4 or IPv6 header */

#define OPTION_END              0
#define OPTION_COMMENT          1
#define OPTION_INTERFACE_NAME   2
#define OPTION_PACKET_FLAGS     2
#define OPTION_SECTION_PROGRAM  4

#define MAX_COMMENT 1024

/* Of payload: so that an IPv4 packet with its two headers and the options of a SYN is at most 65,535 bytes. */
#define MAX_SEGMENT (65535 - 20 - 24)

/* In a SYN: windows are scaled by 2^14, so that nobody is told that one is full. */
static const guint8 syn_options[] = { 3, 3, 14, 1 };

static void
avi_pcapng_put (GByteArray   *out,
                gconstpointer data,
                gsize         len)
{
  g_byte_array_append (out, data, (guint) len);
}

static void
avi_pcapng_put_u16 (GByteArray *out,
                    guint16     value)
{
  avi_pcapng_put (out, &value, sizeof value);
}

static void
avi_pcapng_put_u32 (GByteArray *out,
                    guint32     value)
{
  avi_pcapng_put (out, &value, sizeof value);
}

/* To a multiple of four bytes. */
static void
avi_pcapng_pad (GByteArray *out)
{
  static const guint8 zeros[3] = { 0 };

  avi_pcapng_put (out, zeros, (4 - out->len % 4) % 4);
}

static void
avi_pcapng_put_option (GByteArray   *out,
                       guint16       code,
                       gconstpointer data,
                       gsize         len)
{
  avi_pcapng_put_u16 (out, code);
  avi_pcapng_put_u16 (out, (guint16) len);
  avi_pcapng_put (out, data, len);
  avi_pcapng_pad (out);
}

static void
avi_pcapng_put_text (GByteArray *out,
                     guint16     code,
                     const char *text)
{
  if (text != NULL)
    avi_pcapng_put_option (out, code, text, MIN (strlen (text), MAX_COMMENT));
}

/* Its length is filled in at its end. */
static gsize
avi_pcapng_begin_block (GByteArray *out,
                        guint32     type)
{
  gsize start = out->len;

  avi_pcapng_put_u32 (out, type);
  avi_pcapng_put_u32 (out, 0);
  return start;
}

static void
avi_pcapng_end_block (GByteArray *out,
                      gsize       start)
{
  guint32 len;

  avi_pcapng_put_option (out, OPTION_END, NULL, 0);
  len = (guint32) (out->len - start + sizeof len);
  avi_pcapng_put_u32 (out, len);
  memcpy (out->data + start + sizeof (guint32), &len, sizeof len);
}

void
avi_pcapng_put_head (GByteArray *out,
                     const char *program,
                     const char *comment)
{
  static const guint8 unknown_length[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  gsize start = avi_pcapng_begin_block (out, BLOCK_SECTION);

  avi_pcapng_put_u32 (out, BYTE_ORDER_MAGIC);
  avi_pcapng_put_u16 (out, 1);
  avi_pcapng_put_u16 (out, 0);
  avi_pcapng_put (out, unknown_length, sizeof unknown_length);
  avi_pcapng_put_text (out, OPTION_SECTION_PROGRAM, program);
  avi_pcapng_put_text (out, OPTION_COMMENT, comment);
  avi_pcapng_end_block (out, start);

  start = avi_pcapng_begin_block (out, BLOCK_INTERFACE);
  avi_pcapng_put_u16 (out, LINKTYPE_RAW);
  avi_pcapng_put_u16 (out, 0);
  avi_pcapng_put_u32 (out, 0); /* packets are whole */
  avi_pcapng_put_text (out, OPTION_INTERFACE_NAME, "avi");
  avi_pcapng_end_block (out, start);
}

/* --- a packet --- */

/* The sum of RFC 1071; @sum goes on from an even number of bytes. */
static guint32
avi_pcapng_sum (guint32       sum,
                gconstpointer data,
                gsize         len)
{
  const guint8 *bytes = data;

  for (gsize i = 0; i + 1 < len; i += 2)
    {
      sum += (guint32) bytes[i] << 8 | bytes[i + 1];
      sum = (sum & 0xffff) + (sum >> 16);
    }
  if (len % 2 != 0)
    sum += (guint32) bytes[len - 1] << 8;
  return (sum & 0xffff) + (sum >> 16);
}

static guint16
avi_pcapng_check (guint32 sum)
{
  return g_htons ((guint16) ~sum);
}

/* Of the pseudo header before @len bytes of TCP (RFC 9293, 3.1; RFC 8200, 8.1). */
static guint32
avi_pcapng_sum_addresses (gconstpointer from,
                          gconstpointer to,
                          gsize         address_len,
                          gsize         len)
{
  return avi_pcapng_sum (avi_pcapng_sum (IPPROTO_TCP + (guint32) len, from, address_len), to, address_len);
}

/* Returns the sum of the pseudo header. @len: of the TCP segment. */
static guint32
avi_pcapng_put_ip4 (GByteArray               *out,
                    const struct sockaddr_in *from,
                    const struct sockaddr_in *to,
                    gsize                     len)
{
  struct iphdr ip = {
    .version = 4,
    .ihl = sizeof ip / 4,
    .tot_len = g_htons ((guint16) (sizeof ip + len)),
    .frag_off = g_htons (IP_DF),
    .ttl = 64,
    .protocol = IPPROTO_TCP,
    .saddr = from->sin_addr.s_addr,
    .daddr = to->sin_addr.s_addr,
  };

  ip.check = avi_pcapng_check (avi_pcapng_sum (0, &ip, sizeof ip));
  avi_pcapng_put (out, &ip, sizeof ip);
  return avi_pcapng_sum_addresses (&ip.saddr, &ip.daddr, sizeof ip.saddr, len);
}

static guint32
avi_pcapng_put_ip6 (GByteArray                *out,
                    const struct sockaddr_in6 *from,
                    const struct sockaddr_in6 *to,
                    gsize                      len)
{
  struct ip6_hdr ip = {
    .ip6_src = from->sin6_addr,
    .ip6_dst = to->sin6_addr,
  };

  ip.ip6_flow = g_htonl (6u << 28);
  ip.ip6_plen = g_htons ((guint16) len);
  ip.ip6_nxt = IPPROTO_TCP;
  ip.ip6_hlim = 64;
  avi_pcapng_put (out, &ip, sizeof ip);
  return avi_pcapng_sum_addresses (&ip.ip6_src, &ip.ip6_dst, sizeof ip.ip6_src, len);
}

static guint16
avi_pcapng_get_port (const struct sockaddr_storage *end)
{
  return end->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *) end)->sin6_port
                                    : ((const struct sockaddr_in *) end)->sin_port;
}

static void
avi_pcapng_put_tcp (AviPcapngFlow *self,
                    GByteArray    *out,
                    AviPcapngEnd   from,
                    guint8         flags,
                    AviSpan        payload)
{
  const struct sockaddr_storage *source = &self->ends[from], *target = &self->ends[!from];
  gsize options_len = flags & TH_SYN ? sizeof syn_options : 0;
  struct tcphdr tcp = {
    .th_sport = avi_pcapng_get_port (source),
    .th_dport = avi_pcapng_get_port (target),
    .th_seq = g_htonl (self->next[from]),
    .th_ack = flags & TH_ACK ? g_htonl (self->next[!from]) : 0,
    .th_off = (sizeof tcp + options_len) / 4,
    .th_flags = flags,
    .th_win = G_MAXUINT16,
  };
  gsize len = sizeof tcp + options_len + payload.len;
  guint32 sum;

  if (source->ss_family == AF_INET6)
    sum = avi_pcapng_put_ip6 (out, (const struct sockaddr_in6 *) source, (const struct sockaddr_in6 *) target, len);
  else
    sum = avi_pcapng_put_ip4 (out, (const struct sockaddr_in *) source, (const struct sockaddr_in *) target, len);

  sum = avi_pcapng_sum (sum, &tcp, sizeof tcp);
  sum = avi_pcapng_sum (sum, syn_options, options_len);
  tcp.th_sum = avi_pcapng_check (avi_pcapng_sum (sum, payload.data, payload.len));
  avi_pcapng_put (out, &tcp, sizeof tcp);
  avi_pcapng_put (out, syn_options, options_len);
  avi_pcapng_put (out, payload.data, payload.len);
}

/* @payload: at most MAX_SEGMENT. */
static void
avi_pcapng_put_segment (AviPcapngFlow *self,
                        GByteArray    *out,
                        AviPcapngEnd   from,
                        guint8         flags,
                        AviSpan        payload,
                        gint64         time,
                        const char    *comment)
{
  gsize start = avi_pcapng_begin_block (out, BLOCK_PACKET);
  gsize len_at, packet_at;
  guint32 direction = from == AVI_PCAPNG_US ? 2 : 1; /* outbound, inbound */
  guint32 len;

  avi_pcapng_put_u32 (out, 0); /* the interface */
  avi_pcapng_put_u32 (out, (guint32) ((guint64) time >> 32));
  avi_pcapng_put_u32 (out, (guint32) time);
  len_at = out->len;
  avi_pcapng_put_u32 (out, 0);
  avi_pcapng_put_u32 (out, 0);
  packet_at = out->len;
  avi_pcapng_put_tcp (self, out, from, flags, payload);
  len = (guint32) (out->len - packet_at);
  memcpy (out->data + len_at, &len, sizeof len);
  memcpy (out->data + len_at + sizeof len, &len, sizeof len);
  avi_pcapng_pad (out);
  avi_pcapng_put_option (out, OPTION_PACKET_FLAGS, &direction, sizeof direction);
  avi_pcapng_put_text (out, OPTION_COMMENT, comment);
  avi_pcapng_end_block (out, start);

  self->next[from] += (guint32) payload.len + (flags & (TH_SYN | TH_FIN) ? 1 : 0);
}

/* --- a conversation --- */

void
avi_pcapng_flow_init (AviPcapngFlow         *self,
                      const struct sockaddr *us,
                      const struct sockaddr *peer)
{
  const struct sockaddr *ends[] = { us, peer };
  gboolean known = us->sa_family == peer->sa_family && (us->sa_family == AF_INET || us->sa_family == AF_INET6);

  *self = (AviPcapngFlow) { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      if (known)
        memcpy (&self->ends[i], ends[i],
                ends[i]->sa_family == AF_INET6 ? sizeof (struct sockaddr_in6) : sizeof (struct sockaddr_in));
      else
        self->ends[i].ss_family = AF_INET;
    }
}

void
avi_pcapng_put_open (AviPcapngFlow *self,
                     GByteArray    *out,
                     AviPcapngEnd   dialler,
                     gint64         time,
                     const char    *comment)
{
  avi_pcapng_put_segment (self, out, dialler, TH_SYN, AVI_SPAN_EMPTY, time, comment);
  avi_pcapng_put_segment (self, out, !dialler, TH_SYN | TH_ACK, AVI_SPAN_EMPTY, time, NULL);
  avi_pcapng_put_segment (self, out, dialler, TH_ACK, AVI_SPAN_EMPTY, time, NULL);
}

void
avi_pcapng_put_data (AviPcapngFlow *self,
                     GByteArray    *out,
                     AviPcapngEnd   from,
                     AviSpan        bytes,
                     gint64         time,
                     const char    *comment)
{
  while (bytes.len > 0)
    {
      AviSpan part = AVI_SPAN (bytes.data, MIN (bytes.len, MAX_SEGMENT));

      avi_pcapng_put_segment (self, out, from, TH_PUSH | TH_ACK, part, time, comment);
      bytes = avi_span_skip (bytes, part.len);
      comment = NULL;
    }
}

void
avi_pcapng_skip (AviPcapngFlow *self,
                 AviPcapngEnd   from,
                 gsize          n)
{
  self->next[from] += (guint32) n;
}

void
avi_pcapng_put_close (AviPcapngFlow *self,
                      GByteArray    *out,
                      AviPcapngEnd   first,
                      gint64         time,
                      const char    *comment)
{
  avi_pcapng_put_segment (self, out, first, TH_FIN | TH_ACK, AVI_SPAN_EMPTY, time, comment);
  avi_pcapng_put_segment (self, out, !first, TH_FIN | TH_ACK, AVI_SPAN_EMPTY, time, NULL);
  avi_pcapng_put_segment (self, out, first, TH_ACK, AVI_SPAN_EMPTY, time, NULL);
}
