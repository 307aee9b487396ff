/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-records.h"

#include "discovery/avi-mdns-txt.h"
#include "discovery/avi-mdns.h"

#define TTL_HOST   120  /* seconds: of records that hold a host's name or address */
#define TTL_OTHER  4500
#define TTL_LEGACY 10

/* Of the TXT record: leaves the rest of a packet to PTR, SRV and the first addresses. */
#define MAX_TXT_LEN 1000

struct _AviMdnsRecords
{
  guint16     port; /* of the first address */
  GByteArray *txt;  /* the record's data */
  GByteArray *ip4;  /* addresses of 4 bytes, each once */
  GByteArray *ip6;  /* of 16 */
};

void
avi_mdns_names_init (AviMdnsNames *self,
                     AviSpan       label)
{
  AviDnsName local;

  avi_dns_name_init (&local, "local");
  avi_dns_name_init (&self->service, AVI_MDNS_SERVICE);
  avi_dns_name_init (&self->services, "_services._dns-sd._udp.local");
  avi_dns_name_prepend (&self->instance, label, &self->service);
  avi_dns_name_prepend (&self->host, label, &local);
}

static gboolean
avi_mdns_list_has (const GByteArray *list,
                   AviSpan           item)
{
  for (guint at = 0; at + item.len <= list->len; at += item.len)
    {
      if (memcmp (list->data + at, item.data, item.len) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
avi_mdns_records_add (AviMdnsRecords        *self,
                      const AviMdnsEndpoint *endpoint,
                      const char            *peer)
{
  GByteArray *list = endpoint->family == AF_INET ? self->ip4 : self->ip6;
  AviSpan ip = AVI_SPAN (endpoint->ip, endpoint->family == AF_INET ? 4 : 16);
  guint before = self->txt->len;

  avi_mdns_txt_append (self->txt, endpoint, peer);
  if (self->txt->len > MAX_TXT_LEN)
    {
      g_byte_array_set_size (self->txt, before);
      return;
    }
  if (self->port == 0)
    self->port = endpoint->port;
  if (!avi_mdns_list_has (list, ip))
    g_byte_array_append (list, ip.data, ip.len);
}

AviMdnsRecords *
avi_mdns_records_new (GPtrArray  *addresses,
                      const char *peer)
{
  AviMdnsRecords *self = g_new0 (AviMdnsRecords, 1);

  self->txt = g_byte_array_new ();
  self->ip4 = g_byte_array_new ();
  self->ip6 = g_byte_array_new ();
  for (guint i = 0; i < addresses->len; i++)
    {
      AviMdnsEndpoint endpoint;

      if (avi_mdns_endpoint_init (&endpoint, g_ptr_array_index (addresses, i)))
        avi_mdns_records_add (self, &endpoint, peer);
    }
  if (self->txt->len == 0)
    g_clear_pointer (&self, avi_mdns_records_free);
  return self;
}

void
avi_mdns_records_free (AviMdnsRecords *self)
{
  g_byte_array_unref (self->txt);
  g_byte_array_unref (self->ip4);
  g_byte_array_unref (self->ip6);
  g_free (self);
}

guint
avi_mdns_records_count (AviMdnsRecords *self,
                        AviMdnsKind     kind)
{
  switch (kind)
    {
    case AVI_MDNS_A:
      return self->ip4->len / 4;
    case AVI_MDNS_AAAA:
      return self->ip6->len / 16;
    default:
      return 1;
    }
}

guint32
avi_mdns_kind_get_ttl (AviMdnsKind kind)
{
  return kind == AVI_MDNS_PTR || kind == AVI_MDNS_META || kind == AVI_MDNS_TXT ? TTL_OTHER : TTL_HOST;
}

gboolean
avi_mdns_kind_is_shared (AviMdnsKind kind)
{
  return kind == AVI_MDNS_PTR || kind == AVI_MDNS_META;
}

/* --- questions and known answers --- */

static guint
avi_mdns_match_host (AviMdnsRecords *self,
                     guint16         type)
{
  guint bits = 0;

  if (self->ip4->len > 0 && (type == AVI_DNS_TYPE_A || type == AVI_DNS_TYPE_ANY))
    bits |= AVI_MDNS_BIT (AVI_MDNS_A);
  if (self->ip6->len > 0 && (type == AVI_DNS_TYPE_AAAA || type == AVI_DNS_TYPE_ANY))
    bits |= AVI_MDNS_BIT (AVI_MDNS_AAAA);
  return bits != 0 ? bits : AVI_MDNS_BIT (AVI_MDNS_NO_HOST);
}

static guint
avi_mdns_match_instance (guint16 type)
{
  switch (type)
    {
    case AVI_DNS_TYPE_SRV:
      return AVI_MDNS_BIT (AVI_MDNS_SRV);
    case AVI_DNS_TYPE_TXT:
      return AVI_MDNS_BIT (AVI_MDNS_TXT);
    case AVI_DNS_TYPE_ANY:
      return AVI_MDNS_BIT (AVI_MDNS_SRV) | AVI_MDNS_BIT (AVI_MDNS_TXT);
    default:
      return AVI_MDNS_BIT (AVI_MDNS_NO_INSTANCE);
    }
}

guint
avi_mdns_records_match (AviMdnsRecords     *self,
                        const AviMdnsNames *names,
                        const AviDnsRecord *question)
{
  gboolean wants_ptr = question->type == AVI_DNS_TYPE_PTR || question->type == AVI_DNS_TYPE_ANY;

  if (question->klass != AVI_DNS_CLASS_IN && question->klass != AVI_DNS_CLASS_ANY)
    return 0;
  if (avi_dns_name_equal (&question->name, &names->service))
    return wants_ptr ? AVI_MDNS_BIT (AVI_MDNS_PTR) : 0;
  if (avi_dns_name_equal (&question->name, &names->services))
    return wants_ptr ? AVI_MDNS_BIT (AVI_MDNS_META) : 0;
  if (avi_dns_name_equal (&question->name, &names->instance))
    return avi_mdns_match_instance (question->type);
  if (avi_dns_name_equal (&question->name, &names->host))
    return avi_mdns_match_host (self, question->type);
  return 0;
}

AviMdnsKind
avi_mdns_records_find (AviMdnsRecords     *self,
                       const AviMdnsNames *names,
                       const AviDnsRecord *record)
{
  const AviDnsName *name = &record->name;
  const AviDnsName *target = &record->target;
  AviSpan txt = AVI_SPAN (self->txt->data, self->txt->len);

  if (record->klass != AVI_DNS_CLASS_IN)
    return AVI_MDNS_N_KINDS;
  switch (record->type)
    {
    case AVI_DNS_TYPE_PTR:
      if (avi_dns_name_equal (name, &names->service) && avi_dns_name_equal (target, &names->instance))
        return AVI_MDNS_PTR;
      if (avi_dns_name_equal (name, &names->services) && avi_dns_name_equal (target, &names->service))
        return AVI_MDNS_META;
      return AVI_MDNS_N_KINDS;

    case AVI_DNS_TYPE_TXT:
      return avi_dns_name_equal (name, &names->instance) && avi_span_equal (record->data, txt)
             ? AVI_MDNS_TXT : AVI_MDNS_N_KINDS;

    case AVI_DNS_TYPE_SRV:
      return avi_dns_name_equal (name, &names->instance) && record->port == self->port
             && avi_dns_name_equal (target, &names->host) ? AVI_MDNS_SRV : AVI_MDNS_N_KINDS;

    case AVI_DNS_TYPE_A:
      return avi_dns_name_equal (name, &names->host) && avi_mdns_list_has (self->ip4, record->data)
             ? AVI_MDNS_A : AVI_MDNS_N_KINDS;

    case AVI_DNS_TYPE_AAAA:
      return avi_dns_name_equal (name, &names->host) && avi_mdns_list_has (self->ip6, record->data)
             ? AVI_MDNS_AAAA : AVI_MDNS_N_KINDS;

    default:
      return AVI_MDNS_N_KINDS;
    }
}

/* --- writing --- */

/* RFC 6762, section 6.1: the owner's name again, then one window of bits, here for types below 64. */
static void
avi_mdns_put_nsec (AviDnsWriter     *dns,
                   const AviDnsName *name,
                   AviDnsType        a,
                   AviDnsType        b)
{
  guint8 len = MAX (a, b) / 8 + 1;
  guint8 window[2 + 8] = { 0, len };

  if (a != 0)
    window[2 + a / 8] |= 0x80 >> a % 8;
  if (b != 0)
    window[2 + b / 8] |= 0x80 >> b % 8;
  avi_dns_writer_name (dns, name, TRUE);
  avi_dns_writer_bytes (dns, AVI_SPAN (window, 2 + len));
}

typedef struct
{
  AviMdnsRecords     *records;
  const AviMdnsNames *names;
  AviDnsWriter       *dns;
  AviDnsSection       section;
  gboolean            legacy;
} Putter;

static void
avi_mdns_putter_begin (const Putter     *self,
                AviMdnsKind       kind,
                const AviDnsName *name,
                AviDnsType        type)
{
  guint32 ttl = avi_mdns_kind_get_ttl (kind);

  avi_dns_writer_begin (self->dns, self->section, name, type,
                        !self->legacy && !avi_mdns_kind_is_shared (kind),
                        self->legacy ? MIN (ttl, TTL_LEGACY) : ttl);
}

static void
avi_mdns_putter_put_hosts (const Putter     *self,
                    AviMdnsKind       kind,
                    AviDnsType        type,
                    const GByteArray *list,
                    gsize             size)
{
  for (guint at = 0; at < list->len; at += size)
    {
      avi_mdns_putter_begin (self, kind, &self->names->host, type);
      avi_dns_writer_bytes (self->dns, AVI_SPAN (list->data + at, size));
      avi_dns_writer_end (self->dns);
    }
}

static void
avi_mdns_putter_put (const Putter *self,
                   AviMdnsKind   kind)
{
  const AviMdnsNames *names = self->names;
  AviMdnsRecords *records = self->records;
  AviDnsWriter *dns = self->dns;

  switch (kind)
    {
    case AVI_MDNS_PTR:
      avi_mdns_putter_begin (self, kind, &names->service, AVI_DNS_TYPE_PTR);
      avi_dns_writer_name (dns, &names->instance, TRUE);
      break;

    case AVI_MDNS_META:
      avi_mdns_putter_begin (self, kind, &names->services, AVI_DNS_TYPE_PTR);
      avi_dns_writer_name (dns, &names->service, TRUE);
      break;

    case AVI_MDNS_SRV:
      avi_mdns_putter_begin (self, kind, &names->instance, AVI_DNS_TYPE_SRV);
      avi_dns_writer_u16 (dns, 0); /* priority */
      avi_dns_writer_u16 (dns, 0); /* weight */
      avi_dns_writer_u16 (dns, records->port);
      /* In a legacy answer it may not be compressed (RFC 6762, section 18.14): one form for all. */
      avi_dns_writer_name (dns, &names->host, FALSE);
      break;

    case AVI_MDNS_TXT:
      avi_mdns_putter_begin (self, kind, &names->instance, AVI_DNS_TYPE_TXT);
      avi_dns_writer_bytes (dns, AVI_SPAN (records->txt->data, records->txt->len));
      break;

    case AVI_MDNS_A:
      avi_mdns_putter_put_hosts (self, kind, AVI_DNS_TYPE_A, records->ip4, 4);
      return;

    case AVI_MDNS_AAAA:
      avi_mdns_putter_put_hosts (self, kind, AVI_DNS_TYPE_AAAA, records->ip6, 16);
      return;

    case AVI_MDNS_NO_INSTANCE:
      avi_mdns_putter_begin (self, kind, &names->instance, AVI_DNS_TYPE_NSEC);
      avi_mdns_put_nsec (dns, &names->instance, AVI_DNS_TYPE_TXT, AVI_DNS_TYPE_SRV);
      break;

    case AVI_MDNS_NO_HOST:
      avi_mdns_putter_begin (self, kind, &names->host, AVI_DNS_TYPE_NSEC);
      avi_mdns_put_nsec (dns, &names->host, records->ip4->len > 0 ? AVI_DNS_TYPE_A : 0,
                         records->ip6->len > 0 ? AVI_DNS_TYPE_AAAA : 0);
      break;

    case AVI_MDNS_N_KINDS:
    default:
      g_return_if_reached ();
    }
  avi_dns_writer_end (dns);
}

void
avi_mdns_records_put (AviMdnsRecords     *self,
                      const AviMdnsNames *names,
                      AviDnsWriter       *dns,
                      AviDnsSection       section,
                      guint               bits,
                      gboolean            legacy)
{
  const Putter putter = { self, names, dns, section, legacy };

  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if ((bits & AVI_MDNS_BIT (kind)) != 0)
        avi_mdns_putter_put (&putter, kind);
    }
}

void
avi_mdns_records_put_bye (const AviMdnsNames *names,
                          AviDnsWriter       *dns)
{
  avi_dns_writer_begin (dns, AVI_DNS_ANSWER, &names->service, AVI_DNS_TYPE_PTR, FALSE, 0);
  avi_dns_writer_name (dns, &names->instance, TRUE);
  avi_dns_writer_end (dns);
}
