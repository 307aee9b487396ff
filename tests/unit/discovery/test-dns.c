/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "discovery/avi-dns.h"

#define HEADER(flags, qd, an) 0, 7, (flags) >> 8, (flags) % 256, 0, qd, 0, an, 0, 0, 0, 0

/* Reads all there is; the first error, which names @what, or NULL. */
static char *
read_all (AviSpan message, guint *n)
{
  g_autoptr(GError) error = NULL;
  AviDnsReader reader;
  AviDnsRecord record;

  *n = 0;
  if (avi_dns_reader_init (&reader, message, &error))
    {
      while (avi_dns_reader_next (&reader, &record, &error))
        (*n)++;
    }
  if (error == NULL)
    return NULL;
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  return g_strdup (error->message);
}

static void
assert_refused (AviSpan message, const char *what)
{
  g_autofree guint8 *exact = g_memdup2 (message.data, message.len); /* the sanitizer sees what passes its end */
  guint n;
  g_autofree char *problem = read_all (AVI_SPAN (exact, message.len), &n);

  g_assert_nonnull (problem);
  if (strstr (problem, what) == NULL)
    g_error ("“%s” does not say “%s”", problem, what);
}

#define BYTES(...)                ((const guint8[]){ __VA_ARGS__ })
#define ASSERT_REFUSED(what, ...) assert_refused (AVI_SPAN (BYTES (__VA_ARGS__), sizeof BYTES (__VA_ARGS__)), what)

#define N_UNCOUNTED 4 /* bytes at its end that are of no record */

static const guint8 whole[] = {
  0x12, 0x34, 0x84, 0x00, 0, 1, 0, 1, 0, 1, 0, 1,
  /* 12: a question for b.a, unicast welcome */
  1, 'b', 1, 'a', 0, 0, 12, 0x80, 1,
  /* 21: an answer: PTR c.b.a, by pointers */
  0xc0, 12, 0, 12, 0, 1, 0, 0, 0x11, 0x94, 0, 4, 1, 'c', 0xc0, 12,
  /* 37: authority: SRV c.b.a, port 4001, target a */
  0xc0, 33, 0, 33, 0x80, 1, 0, 0, 0, 120, 0, 8, 0, 0, 0, 0, 0x0f, 0xa1, 0xc0, 14,
  /* 57: additional: TXT with two strings */
  0xc0, 33, 0, 16, 0x80, 1, 0, 1, 0, 0, 0, 5, 1, 'x', 2, 'y', 'z',
  'j', 'u', 'n', 'k',
};

static void
test_read (void)
{
  g_autoptr(GError) error = NULL;
  AviDnsReader reader;
  AviDnsRecord record;
  AviDnsName a, ba, cba;
  gsize offset = 0;
  AviSpan string;

  avi_dns_name_init (&a, "a");
  avi_dns_name_init (&ba, "b.a");
  avi_dns_name_prepend (&cba, AVI_SPAN_STRING ("c"), &ba);

  g_assert_true (avi_dns_reader_init (&reader, AVI_SPAN (whole, sizeof whole), &error));
  g_assert_cmpuint (reader.id, ==, 0x1234);
  g_assert_cmpuint (reader.flags, ==, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);

  g_assert_true (avi_dns_reader_next (&reader, &record, &error));
  g_assert_cmpuint (record.section, ==, AVI_DNS_QUESTION);
  g_assert_true (avi_dns_name_equal (&record.name, &ba));
  g_assert_true (record.top_bit);

  g_assert_true (avi_dns_reader_next (&reader, &record, &error));
  g_assert_cmpuint (record.section, ==, AVI_DNS_ANSWER);
  g_assert_true (avi_dns_name_equal (&record.name, &ba));
  g_assert_true (avi_dns_name_equal (&record.target, &cba));
  g_assert_cmpuint (record.ttl, ==, 4500);
  g_assert_false (record.top_bit);

  g_assert_true (avi_dns_reader_next (&reader, &record, &error));
  g_assert_cmpuint (record.section, ==, AVI_DNS_AUTHORITY);
  g_assert_true (avi_dns_name_equal (&record.name, &cba));
  g_assert_true (avi_dns_name_equal (&record.target, &a));
  g_assert_cmpuint (record.port, ==, 4001);
  g_assert_true (record.top_bit);

  g_assert_true (avi_dns_reader_next (&reader, &record, &error));
  g_assert_cmpuint (record.section, ==, AVI_DNS_ADDITIONAL);
  g_assert_cmpuint (record.ttl, ==, 65536);
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_true (avi_span_equal (string, AVI_SPAN_STRING ("x")));
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_true (avi_span_equal (string, AVI_SPAN_STRING ("yz")));
  g_assert_false (avi_dns_txt_next (record.data, &offset, &string));

  g_assert_false (avi_dns_reader_next (&reader, &record, &error));
  g_assert_no_error (error);
}

static void
test_cut (void)
{
  for (gsize len = 0; len < sizeof whole - N_UNCOUNTED; len++)
    {
      g_autofree guint8 *exact = g_memdup2 (whole, len);
      guint n;
      g_autofree char *problem = read_all (AVI_SPAN (exact, len), &n);

      g_assert_nonnull (problem);
    }
}

static void
test_pointers (void)
{
  ASSERT_REFUSED ("does not lead back at byte 12", HEADER (0, 1, 0), 0xc0, 12, 0, 12, 0, 1);
  ASSERT_REFUSED ("does not lead back at byte 14", HEADER (0, 1, 0), 1, 'a', 0xc0, 12, 0, 12, 0, 1);
  ASSERT_REFUSED ("does not lead back at byte 12", HEADER (0, 1, 0), 0xc0, 18, 0, 12, 0, 1, 0);
  ASSERT_REFUSED ("does not lead back at byte 12", HEADER (0, 1, 0), 0xc0, 4, 0, 12, 0, 1);
  ASSERT_REFUSED ("runs past the end", HEADER (0, 1, 0), 0xc0);
}

static void
test_pieces (void)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  const guint8 header[] = { HEADER (0, 18, 0) };
  guint n;

  /* The first question is the root, each further one a pointer to the name before it. */
  g_byte_array_append (message, header, sizeof header);
  g_byte_array_append (message, (const guint8 *) "\0\0\1\0\1", 5);
  for (guint i = 0; i < 17; i++)
    {
      guint8 pointer[] = { 0xc0, i == 0 ? 12 : message->len - 6, 0, 1, 0, 1 };

      g_byte_array_append (message, pointer, sizeof pointer);
    }
  g_autofree char *problem = read_all (AVI_SPAN (message->data, message->len), &n);

  g_assert_cmpuint (n, ==, 17);
  g_assert_nonnull (strstr (problem, "more than 16 pieces"));
}

static void
test_long_names (void)
{
  /* Labels of 63, 63, 63 and 61: with their lengths and the root's zero 255 bytes. */
  guint8 message[AVI_DNS_HEADER_LEN + 256 + 4] = { HEADER (0, 1, 0) };
  guint8 *at = message + AVI_DNS_HEADER_LEN;
  guint n;

  for (guint i = 0; i < 4; i++)
    {
      *at++ = i < 3 ? 63 : 61;
      memset (at, 'a', at[-1]);
      at += at[-1];
    }
  memcpy (at, "\0\0\1\0\1", 5);
  g_autofree char *problem = read_all (AVI_SPAN (message, at + 5 - message), &n);

  g_assert_null (problem);
  g_assert_cmpuint (n, ==, 1);

  /* And one more. */
  at[-62] = 62;
  *at++ = 'a';
  memcpy (at, "\0\0\1\0\1", 5);
  assert_refused (AVI_SPAN (message, at + 5 - message), "longer than 255");
}

static void
test_labels (void)
{
  ASSERT_REFUSED ("a label of unknown kind at byte 12", HEADER (0, 1, 0), 0x40, 'a', 0, 0, 12, 0, 1);
  ASSERT_REFUSED ("a label of unknown kind at byte 12", HEADER (0, 1, 0), 0x80, 'a', 0, 0, 12, 0, 1);
  ASSERT_REFUSED ("a label runs past the end at byte 12", HEADER (0, 1, 0), 9, 'a', 0, 0, 12, 0, 1);
}

static void
test_data (void)
{
#define RECORD(type, klass, len) HEADER (0x8000, 0, 1), 0, 0, type, 0, klass, 0, 0, 0, 1, 0, len
  const guint8 other_class[] = { RECORD (AVI_DNS_TYPE_A, 3, 1), 1 };
  const guint8 no_strings[] = { RECORD (AVI_DNS_TYPE_TXT, 1, 0) };
  guint n;

  ASSERT_REFUSED ("not of 4 bytes", RECORD (AVI_DNS_TYPE_A, 1, 5), 1, 2, 3, 4, 5);
  ASSERT_REFUSED ("not of 16 bytes", RECORD (AVI_DNS_TYPE_AAAA, 1, 4), 1, 2, 3, 4);
  ASSERT_REFUSED ("TXT string runs past its record", RECORD (AVI_DNS_TYPE_TXT, 1, 2), 2, 'a', 'b');
  ASSERT_REFUSED ("does not end with its record", RECORD (AVI_DNS_TYPE_PTR, 1, 3), 0, 0, 0);
  ASSERT_REFUSED ("does not end with its record", RECORD (AVI_DNS_TYPE_PTR, 1, 2), 1, 'a', 0);
  ASSERT_REFUSED ("too short for its type", RECORD (AVI_DNS_TYPE_SRV, 1, 6), 0, 0, 0, 0, 0, 1);
  ASSERT_REFUSED ("too short for its type", RECORD (AVI_DNS_TYPE_PTR, 1, 0));
  ASSERT_REFUSED ("data runs past the end", RECORD (AVI_DNS_TYPE_TXT, 1, 200), 0);
  ASSERT_REFUSED ("a record runs past the end", HEADER (0x8000, 0, 1), 0, 0, 1, 0, 1, 0, 0);

  g_assert_null (read_all (AVI_SPAN (other_class, sizeof other_class), &n));
  g_assert_cmpuint (n, ==, 1);
  g_assert_null (read_all (AVI_SPAN (no_strings, sizeof no_strings), &n));
  g_assert_cmpuint (n, ==, 1);
#undef RECORD
}

static void
test_counts (void)
{
  guint n;
  const guint8 claims[] = { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  g_autofree char *problem = read_all (AVI_SPAN (claims, sizeof claims), &n);

  g_assert_nonnull (problem);
  g_assert_cmpuint (n, ==, 0);
}

static void
test_names (void)
{
  AviDnsName parent, child, other;

  avi_dns_name_init (&parent, "_p2p._udp.local");
  avi_dns_name_init (&other, "_P2P._Udp.LOCAL");
  g_assert_cmpuint (parent.len, ==, 17);
  g_assert_true (avi_dns_name_equal (&parent, &other));
  g_assert_cmpuint (avi_dns_name_hash (&parent), ==, avi_dns_name_hash (&other));

  avi_dns_name_prepend (&child, AVI_SPAN_STRING ("Kitchen"), &parent);
  g_assert_true (avi_dns_name_is_child (&child, &other));
  g_assert_false (avi_dns_name_is_child (&parent, &child));
  g_assert_false (avi_dns_name_is_child (&parent, &parent));
  g_assert_true (avi_span_equal (avi_dns_name_get_label (&child), AVI_SPAN_STRING ("Kitchen")));
  avi_dns_name_prepend (&other, AVI_SPAN_STRING ("x"), &child);
  g_assert_false (avi_dns_name_is_child (&other, &parent));

  /* A dot within a label is no border between labels. */
  avi_dns_name_init (&child, "a.b");
  avi_dns_name_init (&parent, "x");
  avi_dns_name_prepend (&other, AVI_SPAN_STRING ("a\001b"), &parent);
  g_assert_false (avi_dns_name_equal (&child, &other));
}

static void
put_service (AviDnsWriter *dns, const AviDnsName *service, const AviDnsName *instance)
{
  avi_dns_writer_begin (dns, AVI_DNS_ANSWER, service, AVI_DNS_TYPE_PTR, FALSE, 4500);
  avi_dns_writer_name (dns, instance, TRUE);
  g_assert_true (avi_dns_writer_end (dns));
  avi_dns_writer_begin (dns, AVI_DNS_ADDITIONAL, instance, AVI_DNS_TYPE_SRV, TRUE, 120);
  avi_dns_writer_u16 (dns, 0);
  avi_dns_writer_u16 (dns, 0);
  avi_dns_writer_u16 (dns, 4001);
  avi_dns_writer_name (dns, instance, FALSE);
  g_assert_true (avi_dns_writer_end (dns));
}

static void
test_write (void)
{
  AviDnsName service, instance;
  AviDnsReader reader;
  AviDnsRecord record;
  AviDnsWriter dns;
  AviWriter writer;

  avi_dns_name_init (&service, "_p2p._udp.local");
  avi_dns_name_prepend (&instance, AVI_SPAN_STRING ("kitchen"), &service);
  avi_writer_init (&writer, 512);
  avi_writer_append (&writer, 3); /* a message need not be the first in its writer */
  g_assert_true (avi_dns_writer_init (&dns, &writer, 7, AVI_DNS_FLAG_RESPONSE));
  g_assert_true (avi_dns_writer_question (&dns, &service, AVI_DNS_TYPE_PTR, AVI_DNS_CLASS_IN, TRUE));
  put_service (&dns, &service, &instance);

  /* The service once, the instance's label once, both again for SRV's target, which is not compressed. */
  g_assert_cmpuint (writer.len - 3, ==, 12 + (17 + 4) + (2 + 10 + 8 + 2) + (2 + 10 + 6 + 25));

  g_assert_true (avi_dns_reader_init (&reader, AVI_SPAN (writer.data + 3, writer.len - 3), NULL));
  g_assert_cmpuint (reader.id, ==, 7);
  g_assert_true (avi_dns_reader_next (&reader, &record, NULL));
  g_assert_true (record.top_bit && record.klass == AVI_DNS_CLASS_IN && avi_dns_name_equal (&record.name, &service));
  g_assert_true (avi_dns_reader_next (&reader, &record, NULL));
  g_assert_true (!record.top_bit && record.ttl == 4500 && avi_dns_name_equal (&record.target, &instance));
  g_assert_true (avi_dns_reader_next (&reader, &record, NULL));
  g_assert_true (record.top_bit && record.section == AVI_DNS_ADDITIONAL && record.port == 4001);
  g_assert_true (avi_dns_name_equal (&record.name, &instance) && avi_dns_name_equal (&record.target, &instance));
  g_assert_false (avi_dns_reader_next (&reader, &record, NULL));
  avi_writer_clear (&writer);
}

static void
test_full (void)
{
  AviDnsName service, instance, extra;

  avi_dns_name_init (&service, "_p2p._udp.local");
  avi_dns_name_prepend (&instance, AVI_SPAN_STRING ("kitchen"), &service);
  avi_dns_name_prepend (&extra, AVI_SPAN_STRING ("elsewhere"), &service);

  /* Whatever is short of the third record's length leaves the two before it as they were. */
  for (gsize limit = 99; limit < 99 + 40; limit++)
    {
      AviDnsWriter dns;
      AviWriter writer;
      guint n;

      avi_writer_init (&writer, limit);
      g_assert_true (avi_dns_writer_init (&dns, &writer, 0, AVI_DNS_FLAG_RESPONSE));
      avi_dns_writer_begin (&dns, AVI_DNS_ANSWER, &service, AVI_DNS_TYPE_PTR, FALSE, 1);
      avi_dns_writer_name (&dns, &instance, TRUE);
      g_assert_true (avi_dns_writer_end (&dns));
      gsize before = writer.len;

      avi_dns_writer_begin (&dns, AVI_DNS_ANSWER, &extra, AVI_DNS_TYPE_TXT, FALSE, 1);
      avi_dns_writer_bytes (&dns, AVI_SPAN ("\x1f" "1234567890123456789012345678901", 32));
      gboolean fits = avi_dns_writer_end (&dns);

      g_assert_cmpint (fits, ==, before + 10 + 2 + 10 + 32 <= limit);
      g_assert_cmpuint (writer.len, ==, fits ? before + 54 : before);

      /* A name that was given up is not pointed to. */
      avi_dns_writer_begin (&dns, AVI_DNS_ADDITIONAL, &extra, AVI_DNS_TYPE_TXT, FALSE, 1);
      gboolean again = avi_dns_writer_end (&dns);

      g_autofree char *problem = read_all (AVI_SPAN (writer.data, writer.len), &n);

      g_assert_null (problem);
      g_assert_cmpuint (n, ==, 1 + fits + again);
      avi_writer_clear (&writer);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dns/reads questions and records of every section", test_read);
  g_test_add_func ("/dns/refuses a message that is cut anywhere in its records", test_cut);
  g_test_add_func ("/dns/refuses a pointer that does not lead back", test_pointers);
  g_test_add_func ("/dns/refuses a name of more than 16 pieces", test_pieces);
  g_test_add_func ("/dns/takes a name of 255 bytes and refuses one of 256", test_long_names);
  g_test_add_func ("/dns/refuses labels of unknown kinds and beyond the end", test_labels);
  g_test_add_func ("/dns/refuses records whose data does not fit their type", test_data);
  g_test_add_func ("/dns/counts that claim too much cost nothing", test_counts);
  g_test_add_func ("/dns/compares names label by label without regard to case", test_names);
  g_test_add_func ("/dns/writes what it reads, compressed but for the target of SRV", test_write);
  g_test_add_func ("/dns/a record that does not fit leaves no trace", test_full);
  return g_test_run ();
}
