/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "pcapng-file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

static void
pcapng_segment_free (gpointer data)
{
  PcapngSegment *self = data;

  g_free (self->source);
  g_bytes_unref (self->payload);
  g_string_free (self->comments, TRUE);
  g_free (self);
}

static guint32
add_up (guint32 sum, const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    sum += i % 2 == 0 ? (guint32) bytes[i] << 8 : bytes[i];
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void
read_tcp (PcapngSegment *segment, guint32 sum, const guint8 *bytes, gsize len)
{
  struct tcphdr tcp;

  g_assert_cmpuint (len, >=, sizeof tcp);
  memcpy (&tcp, bytes, sizeof tcp);
  g_assert_cmpuint (tcp.th_off * 4u, >=, sizeof tcp);
  g_assert_cmpuint (tcp.th_off * 4u, <=, len);
  g_assert_cmpuint (add_up (sum + IPPROTO_TCP + (guint32) len, bytes, len), ==, 0xffff);
  segment->ports[0] = ntohs (tcp.th_sport);
  segment->ports[1] = ntohs (tcp.th_dport);
  segment->flags = tcp.th_flags;
  segment->seq = ntohl (tcp.th_seq);
  segment->ack = ntohl (tcp.th_ack);
  segment->payload = g_bytes_new (bytes + tcp.th_off * 4u, len - tcp.th_off * 4u);
}

static void
read_ip (PcapngSegment *segment, const guint8 *bytes, gsize len)
{
  char source[INET6_ADDRSTRLEN];

  if (bytes[0] >> 4 == 4)
    {
      g_assert_cmpuint (len, >=, sizeof (struct iphdr));
      g_assert_cmpuint ((gsize) bytes[2] << 8 | bytes[3], ==, len);
      g_assert_cmpuint (add_up (0, bytes, sizeof (struct iphdr)), ==, 0xffff);
      inet_ntop (AF_INET, bytes + 12, source, sizeof source);
      read_tcp (segment, add_up (0, bytes + 12, 8), bytes + 20, len - 20);
    }
  else
    {
      g_assert_cmpuint (bytes[0] >> 4, ==, 6);
      g_assert_cmpuint ((gsize) bytes[4] << 8 | bytes[5], ==, len - 40);
      inet_ntop (AF_INET6, bytes + 8, source, sizeof source);
      read_tcp (segment, add_up (0, bytes + 8, 32), bytes + 40, len - 40);
    }
  segment->source = g_strdup (source);
}

static guint32
get_u32 (const guint8 *bytes)
{
  guint32 value;

  memcpy (&value, bytes, sizeof value);
  return value;
}

static guint16
get_u16 (const guint8 *bytes)
{
  guint16 value;

  memcpy (&value, bytes, sizeof value);
  return value;
}

/* @code: of the options that are texts, all of which are put together. */
static GString *
read_options (const guint8 *bytes, const guint8 *end, guint16 code)
{
  GString *text = g_string_new (NULL);

  for (;;)
    {
      guint16 type = get_u16 (bytes), len = get_u16 (bytes + 2);

      bytes += 4;
      if (type == code)
        g_string_append_len (text, (const char *) bytes, len);
      bytes += (len + 3u) / 4 * 4;
      if (type == 0)
        break;
    }
  g_assert_true (bytes == end);
  return text;
}

static PcapngSegment *
read_packet (const guint8 *block, gsize len)
{
  PcapngSegment *segment = g_new0 (PcapngSegment, 1);
  gsize captured = get_u32 (block + 20);

  g_assert_cmpuint (get_u32 (block + 8), ==, 0);
  g_assert_cmpuint (get_u32 (block + 24), ==, captured);
  g_assert_cmpuint (captured, <=, len - 32);
  read_ip (segment, block + 28, captured);
  segment->comments = read_options (block + 28 + (captured + 3) / 4 * 4, block + len - 4, 1);
  return segment;
}

GPtrArray *
pcapng_file_read (const char *path)
{
  GPtrArray *segments = g_ptr_array_new_with_free_func (pcapng_segment_free);
  g_autoptr(GError) error = NULL;
  g_autoptr(GString) program = NULL;
  g_autofree char *content = NULL;
  gsize size, len;

  g_file_get_contents (path, &content, &size, &error);
  g_assert_no_error (error);
  for (gsize at = 0, n = 0; at < size; at += len, n++)
    {
      const guint8 *block = (const guint8 *) content + at;

      g_assert_cmpuint (size - at, >=, 12);
      len = get_u32 (block + 4);
      g_assert_cmpuint (len % 4, ==, 0);
      g_assert_cmpuint (len, <=, size - at);
      g_assert_cmpuint (get_u32 (block + len - 4), ==, len);
      g_assert_cmphex (get_u32 (block), ==, n == 0 ? 0x0A0D0D0A : n == 1 ? 1 : 6);
      if (n == 0)
        {
          g_assert_cmphex (get_u32 (block + 8), ==, 0x1A2B3C4D);
          program = read_options (block + 24, block + len - 4, 4);
          g_assert_true (g_str_has_prefix (program->str, "Avi "));
        }
      else if (n == 1)
        g_assert_cmpuint (get_u16 (block + 8), ==, 101);
      else
        g_ptr_array_add (segments, read_packet (block, len));
    }
  return segments;
}

GByteArray *
pcapng_file_follow (GPtrArray *segments, guint16 port, guint16 to, gboolean complete)
{
  GByteArray *said = g_byte_array_new ();
  guint32 seq = 0, heard = 0;
  guint8 seen = 0;

  for (guint i = 0; i < segments->len; i++)
    {
      PcapngSegment *segment = g_ptr_array_index (segments, i);
      gsize len = g_bytes_get_size (segment->payload);

      if (segment->ports[1] == port && segment->ports[0] == to)
        heard = segment->seq + (guint32) len + ((segment->flags & (TH_SYN | TH_FIN)) != 0);
      if (segment->ports[0] != port || segment->ports[1] != to)
        continue;
      g_assert_true (((segment->flags & TH_SYN) != 0) == (seen == 0));
      g_assert_false (seen & TH_FIN && len > 0);
      g_assert_true (!complete || segment->seq == seq);
      g_assert_true (!(segment->flags & TH_ACK) || segment->ack == heard);
      g_byte_array_append (said, g_bytes_get_data (segment->payload, NULL), (guint) len);
      seen |= segment->flags;
      seq = segment->seq + (guint32) len + ((segment->flags & (TH_SYN | TH_FIN)) != 0);
    }
  g_assert_cmphex (seen & (TH_SYN | TH_FIN), ==, TH_SYN | TH_FIN);
  return said;
}
