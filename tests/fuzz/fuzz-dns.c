/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * DNS messages: what is read keeps to the limits, and written again by our writer it reads the same.
 */
#include "config.h"

#include <stdint.h>

#include "avi-error.h"
#include "discovery/avi-dns.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
write_record (AviDnsWriter *dns, const AviDnsRecord *record)
{
  avi_dns_writer_begin (dns, record->section, &record->name, record->type, record->top_bit, record->ttl);
  switch (record->type)
    {
    case AVI_DNS_TYPE_PTR:
      avi_dns_writer_name (dns, &record->target, TRUE);
      break;
    case AVI_DNS_TYPE_SRV:
      avi_dns_writer_bytes (dns, AVI_SPAN (record->data.data, 4));
      avi_dns_writer_u16 (dns, record->port);
      avi_dns_writer_name (dns, &record->target, FALSE);
      break;
    default:
      avi_dns_writer_bytes (dns, record->data);
    }
  g_assert_true (avi_dns_writer_end (dns));
}

static void
compare (const AviDnsRecord *a, const AviDnsRecord *b)
{
  g_assert_true (avi_dns_name_equal (&a->name, &b->name));
  g_assert_cmpuint (avi_dns_name_hash (&a->name), ==, avi_dns_name_hash (&b->name));
  g_assert_cmpuint (a->section, ==, b->section);
  g_assert_cmpuint (a->type, ==, b->type);
  g_assert_cmpuint (a->ttl, ==, b->ttl);
  g_assert_cmpint (a->top_bit, ==, b->top_bit);
  g_assert_cmpuint (a->klass, ==, b->klass);
  g_assert_true (avi_dns_name_equal (&a->target, &b->target));
  if (a->target.len == 0)
    g_assert_true (avi_span_equal (a->data, b->data));
}

/* Our writer knows no other class for records. */
static gboolean
next (AviDnsReader *reader, AviDnsRecord *record, GError **error)
{
  do
    {
      if (!avi_dns_reader_next (reader, record, error))
        return FALSE;
    }
  while (record->section != AVI_DNS_QUESTION && record->klass != AVI_DNS_CLASS_IN);
  return TRUE;
}

static void
walk_strings (AviSpan data)
{
  gsize offset = 0, sum = 0;
  AviSpan string;

  while (avi_dns_txt_next (data, &offset, &string))
    sum += 1 + string.len;
  g_assert_cmpuint (sum, ==, data.len);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  AviDnsReader reader, again;
  AviDnsRecord record, copy;
  AviDnsWriter dns;
  AviWriter writer;
  g_autoptr(GError) error = NULL;
  guint n = 0;

  if (size > 9000 || !avi_dns_reader_init (&reader, AVI_SPAN (data, size), &error))
    return 0;

  avi_writer_init (&writer, 16 * 1024 * 1024);
  g_assert_true (avi_dns_writer_init (&dns, &writer, reader.id, reader.flags));
  while (next (&reader, &record, &error))
    {
      g_assert_cmpuint (++n, <=, size / 5);
      g_assert_cmpuint (record.name.len, <=, AVI_DNS_MAX_NAME_LEN);
      if (record.section == AVI_DNS_QUESTION)
        g_assert_true (avi_dns_writer_question (&dns, &record.name, record.type, record.klass, record.top_bit));
      else
        write_record (&dns, &record);
      if (record.type == AVI_DNS_TYPE_TXT)
        walk_strings (record.data);
    }
  if (error != NULL)
    g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);

  avi_dns_reader_init (&reader, AVI_SPAN (data, size), NULL);
  g_assert_true (avi_dns_reader_init (&again, AVI_SPAN (writer.data, writer.len), NULL));
  for (; n > 0; n--)
    {
      g_assert_true (next (&reader, &record, NULL));
      g_assert_true (next (&again, &copy, NULL));
      compare (&record, &copy);
    }
  g_assert_false (next (&again, &copy, NULL));
  avi_writer_clear (&writer);
  return 0;
}
