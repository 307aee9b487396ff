/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-records.h"
#include "mdns-fixture.h"

#define PEER "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"
#define BIT  AVI_MDNS_BIT
#define ALL  (BIT (AVI_MDNS_N_KINDS) - 1)

static void
test_many_addresses (void)
{
  g_autoptr(Node) node = node_new (1);
  g_autoptr(GPtrArray) addresses = mdns_make_addresses (NULL, NULL);
  AviDnsRecord record;
  gsize offset = 0;
  AviSpan string;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip6/2001:db8:aaaa:bbbb:cccc:dddd:eeee:%x/tcp/65535", 0xf000 + i);

      g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
    }
  avi_mdns_set_interface (node->mdns, IFINDEX, TRUE, FALSE, addresses, START);
  node_take_sent (node, START);
  sent_find (node_sent (node, 1), AVI_DNS_TYPE_TXT, &record);
  g_assert_true (avi_dns_txt_next (record.data, &offset, &string));
  g_assert_nonnull (g_strstr_len ((const char *) string.data, string.len, ":f000/tcp"));
  sent_find (node_sent (node, 1), AVI_DNS_TYPE_AAAA, &record);
}

/* --- by themselves --- */

/* What "me" announces, and its message. */
typedef struct
{
  AviMdnsNames    names;
  AviMdnsRecords *records;
  AviWriter       writer;
  AviDnsWriter    dns;
} Fixture;

static void
fixture_init (Fixture *f, GPtrArray *addresses)
{
  avi_mdns_names_init (&f->names, AVI_SPAN_STRING ("me"));
  f->records = avi_mdns_records_new (addresses, PEER);
  avi_writer_init (&f->writer, AVI_MDNS_MAX_SENT);
  g_assert_true (avi_dns_writer_init (&f->dns, &f->writer, 0, AVI_DNS_FLAG_RESPONSE));
}

/* Two IPv4 addresses, one of them twice, and one of IPv6. */
static void
fixture_init_plain (Fixture *f)
{
  g_autoptr(GPtrArray) addresses = mdns_make_addresses ("/ip4/10.0.0.1/tcp/4001", "/ip4/10.0.0.1/udp/1",
                                                        "/ip4/10.0.0.2/tcp/4002", "/ip4/10.0.0.1/tcp/4003",
                                                        "/ip6/2001:db8::1/tcp/4004", NULL);

  fixture_init (f, addresses);
}

static void
fixture_clear (Fixture *f)
{
  avi_mdns_records_free (f->records);
  avi_writer_clear (&f->writer);
}

static void
fixture_read (Fixture *f, AviDnsReader *reader)
{
  g_assert_true (avi_dns_reader_init (reader, AVI_SPAN (f->writer.data, f->writer.len), NULL));
}

/* The first record of @type that @bits put. */
static void
put_one (Fixture *f, guint bits, AviDnsType type, AviDnsRecord *record)
{
  AviDnsReader reader;

  avi_mdns_records_put (f->records, &f->names, &f->dns, AVI_DNS_ANSWER, bits, FALSE);
  fixture_read (f, &reader);
  do
    g_assert_true (avi_dns_reader_next (&reader, record, NULL));
  while (record->type != type);
}

static void
test_own_names (void)
{
  AviMdnsNames names;
  g_autofree char *service = NULL;
  g_autofree char *services = NULL;
  g_autofree char *instance = NULL;
  g_autofree char *host = NULL;

  avi_mdns_names_init (&names, AVI_SPAN_STRING ("me"));
  service = mdns_name_to_text (&names.service);
  services = mdns_name_to_text (&names.services);
  instance = mdns_name_to_text (&names.instance);
  host = mdns_name_to_text (&names.host);
  g_assert_cmpstr (service, ==, "_p2p._udp.local");
  g_assert_cmpstr (services, ==, "_services._dns-sd._udp.local");
  g_assert_cmpstr (instance, ==, "me._p2p._udp.local");
  g_assert_cmpstr (host, ==, "me.local");
}

static void
test_none (void)
{
  g_autoptr(GPtrArray) none = mdns_make_addresses (NULL, NULL);
  g_autoptr(GPtrArray) useless =
      mdns_make_addresses ("/ip4/10.0.0.1/udp/1/quic-v1", "/dns4/a.b/tcp/1", "/ip4/10.0.0.1/tcp/1/ws", NULL);

  g_assert_null (avi_mdns_records_new (none, PEER));
  g_assert_null (avi_mdns_records_new (useless, PEER));
}

static void
test_counts (void)
{
  Fixture f;

  fixture_init_plain (&f);
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    g_assert_cmpuint (avi_mdns_records_count (f.records, kind), ==, kind == AVI_MDNS_A ? 2 : 1);
  fixture_clear (&f);
}

/* RFC 6762, section 10: 120 s for records that hold a host's name, in name or data, else 75 minutes. */
static void
test_kinds (void)
{
  static const struct
  {
    AviMdnsKind kind;
    guint32     ttl;
    gboolean    shared;
  } kinds[] = {
    { AVI_MDNS_PTR, 4500, TRUE },  { AVI_MDNS_META, 4500, TRUE },  { AVI_MDNS_TXT, 4500, FALSE },
    { AVI_MDNS_SRV, 120, FALSE },  { AVI_MDNS_A, 120, FALSE },     { AVI_MDNS_AAAA, 120, FALSE },
    { AVI_MDNS_NO_HOST, 120, FALSE }, { AVI_MDNS_NO_INSTANCE, 120, FALSE },
  };

  G_STATIC_ASSERT (G_N_ELEMENTS (kinds) == AVI_MDNS_N_KINDS);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_assert_cmpuint (avi_mdns_kind_get_ttl (kinds[i].kind), ==, kinds[i].ttl);
      g_assert_cmpint (avi_mdns_kind_is_shared (kinds[i].kind), ==, kinds[i].shared);
    }
}

static void
assert_matches (Fixture *f, const char *name, guint16 type, guint16 klass, guint expected)
{
  AviDnsRecord question = { .type = type, .klass = klass };

  avi_dns_name_init (&question.name, name);
  g_assert_cmphex (avi_mdns_records_match (f->records, &f->names, &question), ==, expected);
}

static void
test_match (void)
{
  const struct
  {
    const char *name;
    guint16     type;
    guint       bits;
  } cases[] = {
    { "_p2p._udp.local", AVI_DNS_TYPE_PTR, BIT (AVI_MDNS_PTR) },
    { "_P2P._UDP.Local", AVI_DNS_TYPE_PTR, BIT (AVI_MDNS_PTR) },
    { "_p2p._udp.local", AVI_DNS_TYPE_ANY, BIT (AVI_MDNS_PTR) },
    { "_p2p._udp.local", AVI_DNS_TYPE_TXT, 0 },
    { "_services._dns-sd._udp.local", AVI_DNS_TYPE_PTR, BIT (AVI_MDNS_META) },
    { "_services._dns-sd._udp.local", AVI_DNS_TYPE_ANY, BIT (AVI_MDNS_META) },
    { "_services._dns-sd._udp.local", AVI_DNS_TYPE_SRV, 0 },
    { "me._p2p._udp.local", AVI_DNS_TYPE_SRV, BIT (AVI_MDNS_SRV) },
    { "me._p2p._udp.local", AVI_DNS_TYPE_TXT, BIT (AVI_MDNS_TXT) },
    { "ME._p2p._udp.local", AVI_DNS_TYPE_ANY, BIT (AVI_MDNS_SRV) | BIT (AVI_MDNS_TXT) },
    { "me._p2p._udp.local", AVI_DNS_TYPE_A, BIT (AVI_MDNS_NO_INSTANCE) },
    { "me.local", AVI_DNS_TYPE_A, BIT (AVI_MDNS_A) },
    { "me.local", AVI_DNS_TYPE_AAAA, BIT (AVI_MDNS_AAAA) },
    { "me.local", AVI_DNS_TYPE_ANY, AVI_MDNS_HOSTS },
    { "me.local", AVI_DNS_TYPE_SRV, BIT (AVI_MDNS_NO_HOST) },
    { "you.local", AVI_DNS_TYPE_A, 0 },
    { "you._p2p._udp.local", AVI_DNS_TYPE_TXT, 0 },
    { "local", AVI_DNS_TYPE_ANY, 0 },
    { "me._ipp._tcp.local", AVI_DNS_TYPE_SRV, 0 },
  };
  Fixture f;

  fixture_init_plain (&f);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      assert_matches (&f, cases[i].name, cases[i].type, AVI_DNS_CLASS_IN, cases[i].bits);
      assert_matches (&f, cases[i].name, cases[i].type, AVI_DNS_CLASS_ANY, cases[i].bits);
      assert_matches (&f, cases[i].name, cases[i].type, 3, 0);
    }
  fixture_clear (&f);
}

static void
test_match_of_one_family (void)
{
  g_autoptr(GPtrArray) ip4 = mdns_make_addresses ("/ip4/10.0.0.1/tcp/1", NULL);
  g_autoptr(GPtrArray) ip6 = mdns_make_addresses ("/ip6/2001:db8::1/tcp/1", NULL);
  Fixture f;

  fixture_init (&f, ip4);
  assert_matches (&f, "me.local", AVI_DNS_TYPE_AAAA, AVI_DNS_CLASS_IN, BIT (AVI_MDNS_NO_HOST));
  assert_matches (&f, "me.local", AVI_DNS_TYPE_ANY, AVI_DNS_CLASS_IN, BIT (AVI_MDNS_A));
  fixture_clear (&f);

  fixture_init (&f, ip6);
  assert_matches (&f, "me.local", AVI_DNS_TYPE_A, AVI_DNS_CLASS_IN, BIT (AVI_MDNS_NO_HOST));
  assert_matches (&f, "me.local", AVI_DNS_TYPE_ANY, AVI_DNS_CLASS_IN, BIT (AVI_MDNS_AAAA));
  fixture_clear (&f);
}

/* Each record that is put is found again, and not where any part of it differs. */
static void
test_find (void)
{
  static const AviMdnsKind kinds[] = { AVI_MDNS_PTR, AVI_MDNS_META, AVI_MDNS_SRV, AVI_MDNS_TXT, AVI_MDNS_A, AVI_MDNS_A,
                                       AVI_MDNS_AAAA };
  AviDnsReader reader;
  AviDnsRecord record;
  Fixture f;

  fixture_init_plain (&f);
  avi_mdns_records_put (f.records, &f.names, &f.dns, AVI_DNS_ANSWER, ALL, FALSE);
  fixture_read (&f, &reader);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree guint8 *data = NULL;

      g_assert_true (avi_dns_reader_next (&reader, &record, NULL));
      g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &record), ==, kinds[i]);

      AviDnsRecord other = record;
      other.klass = 3;
      g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &other), ==, AVI_MDNS_N_KINDS);
      other = record;
      avi_dns_name_init (&other.name, "you.local");
      g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &other), ==, AVI_MDNS_N_KINDS);
      other = record;
      if (record.target.len > 0)
        avi_dns_name_init (&other.target, "you.local");
      else
        other.data.data = data = memset (g_malloc (record.data.len), 9, record.data.len);
      g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &other), ==, AVI_MDNS_N_KINDS);
    }

  /* An NSEC says what is not: no answer that could be known. */
  while (avi_dns_reader_next (&reader, &record, NULL))
    g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &record), ==, AVI_MDNS_N_KINDS);
  fixture_clear (&f);
}

static void
test_find_srv_of_another_port (void)
{
  AviDnsRecord record;
  Fixture f;

  fixture_init_plain (&f);
  put_one (&f, BIT (AVI_MDNS_SRV), AVI_DNS_TYPE_SRV, &record);
  g_assert_cmpuint (record.port, ==, 4001);
  record.port++;
  g_assert_cmpint (avi_mdns_records_find (f.records, &f.names, &record), ==, AVI_MDNS_N_KINDS);
  fixture_clear (&f);
}

static void
assert_put (guint bits, gboolean legacy, const char *expected)
{
  g_autofree char *text = NULL;
  Sent sent = { 0 };
  Fixture f;

  fixture_init_plain (&f);
  avi_mdns_records_put (f.records, &f.names, &f.dns, AVI_DNS_ANSWER, bits, legacy);
  sent.bytes = g_bytes_new (f.writer.data, f.writer.len);
  text = sent_describe (&sent);
  g_assert_cmpstr (text, ==, expected);
  g_bytes_unref (sent.bytes);
  fixture_clear (&f);
}

static void
test_put (void)
{
  assert_put (0, FALSE, "");
  assert_put (BIT (AVI_MDNS_PTR), FALSE, "PTR 4500");
  assert_put (AVI_MDNS_DETAILS, FALSE, "SRV*120 TXT*4500 A*120 A*120 AAAA*120");
  assert_put (ALL, FALSE, "PTR 4500 PTR 4500 SRV*120 TXT*4500 A*120 A*120 AAAA*120 NSEC*120 NSEC*120");

  /* RFC 6762, section 6.7: at most 10 s, and no cache to flush. */
  assert_put (ALL, TRUE, "PTR 10 PTR 10 SRV 10 TXT 10 A 10 A 10 AAAA 10 NSEC 10 NSEC 10");
}

static void
test_put_as_far_as_it_fits (void)
{
  gsize whole = 0;

  for (gsize limit = AVI_MDNS_MAX_SENT; limit >= AVI_DNS_HEADER_LEN; limit--)
    {
      AviDnsReader reader;
      AviDnsRecord record;
      guint n = 0;
      Fixture f;

      fixture_init_plain (&f);
      f.writer.limit = limit;
      avi_mdns_records_put (f.records, &f.names, &f.dns, AVI_DNS_ANSWER, ALL, FALSE);
      g_assert_cmpuint (f.writer.len, <=, limit);
      fixture_read (&f, &reader);
      while (avi_dns_reader_next (&reader, &record, NULL))
        n++;
      g_assert_cmpuint (n, ==, reader.counts[AVI_DNS_ANSWER]);
      g_assert_cmpuint (reader.offset, ==, f.writer.len);
      if (limit == AVI_MDNS_MAX_SENT)
        whole = f.writer.len;
      g_assert_cmpint (n == 9, ==, limit >= whole);
      fixture_clear (&f);
    }
}

static void
test_srv (void)
{
  AviDnsRecord record;
  Fixture f;

  /* The target is not compressed (RFC 6762, section 18.14), priority and weight are 0. */
  fixture_init_plain (&f);
  put_one (&f, BIT (AVI_MDNS_SRV), AVI_DNS_TYPE_SRV, &record);
  g_assert_cmpmem (record.data.data, record.data.len, "\0\0\0\0\x0f\xa1\2me\5local", 6 + f.names.host.len);
  g_assert_true (avi_dns_name_equal (&record.target, &f.names.host));
  fixture_clear (&f);
}

/* RFC 6762, section 6.1: a window of bits behind the name, here a pointer of two bytes. */
static void
assert_nsec (GPtrArray *addresses, AviMdnsKind kind, const char *window, gsize len)
{
  AviDnsRecord record;
  Fixture f;

  fixture_init (&f, addresses);
  put_one (&f, BIT (kind), AVI_DNS_TYPE_NSEC, &record);
  g_assert_cmpuint (record.data.len, ==, 2 + len);
  g_assert_cmpuint (record.data.data[0] & 0xc0, ==, 0xc0);
  g_assert_cmpmem (record.data.data + 2, len, window, len);
  g_assert_true (avi_dns_name_equal (&record.name, kind == AVI_MDNS_NO_HOST ? &f.names.host : &f.names.instance));
  fixture_clear (&f);
}

static void
test_nsec (void)
{
  g_autoptr(GPtrArray) ip4 = mdns_make_addresses ("/ip4/10.0.0.1/tcp/1", NULL);
  g_autoptr(GPtrArray) ip6 = mdns_make_addresses ("/ip6/2001:db8::1/tcp/1", NULL);
  g_autoptr(GPtrArray) both = mdns_make_addresses ("/ip4/10.0.0.1/tcp/1", "/ip6/2001:db8::1/tcp/1", NULL);

  assert_nsec (ip4, AVI_MDNS_NO_HOST, "\0\1\x40", 3);         /* 1: A */
  assert_nsec (ip6, AVI_MDNS_NO_HOST, "\0\4\0\0\0\x08", 6);   /* 28: AAAA */
  assert_nsec (both, AVI_MDNS_NO_HOST, "\0\4\x40\0\0\x08", 6);
  assert_nsec (ip4, AVI_MDNS_NO_INSTANCE, "\0\5\0\0\x80\0\x40", 7); /* 16: TXT, 33: SRV */
}

static void
test_bye (void)
{
  AviDnsReader reader;
  AviDnsRecord record;
  Fixture f;

  fixture_init_plain (&f);
  avi_mdns_records_put_bye (&f.names, &f.dns);
  fixture_read (&f, &reader);
  g_assert_true (avi_dns_reader_next (&reader, &record, NULL));
  g_assert_cmpint (record.section, ==, AVI_DNS_ANSWER);
  g_assert_cmpint (record.type, ==, AVI_DNS_TYPE_PTR);
  g_assert_cmpuint (record.ttl, ==, 0);
  g_assert_false (record.top_bit);
  g_assert_true (avi_dns_name_equal (&record.name, &f.names.service));
  g_assert_true (avi_dns_name_equal (&record.target, &f.names.instance));
  g_assert_false (avi_dns_reader_next (&reader, &record, NULL));
  fixture_clear (&f);
}

static void
test_too_many (void)
{
  g_autoptr(GPtrArray) addresses = mdns_make_addresses (NULL, NULL);
  AviDnsRecord record;
  gsize offset = 0;
  guint n = 0;
  AviSpan string;
  Fixture f;

  for (guint i = 1; i <= 100; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/%u", i, 4000 + i);

      g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
    }
  fixture_init (&f, addresses);

  /* The best come first, and only what the TXT record names has a host's record. */
  put_one (&f, BIT (AVI_MDNS_PTR) | AVI_MDNS_DETAILS, AVI_DNS_TYPE_TXT, &record);
  g_assert_cmpuint (record.data.len, <=, 1000);
  while (avi_dns_txt_next (record.data, &offset, &string))
    {
      g_autofree char *expected = g_strdup_printf ("dnsaddr=/ip4/10.0.0.%u/tcp/%u/p2p/" PEER, n + 1, 4001 + n);

      g_assert_true (avi_span_equal (string, AVI_SPAN_STRING (expected)));
      n++;
    }
  g_assert_cmpuint (n, >=, 10);
  g_assert_cmpuint (avi_mdns_records_count (f.records, AVI_MDNS_A), ==, n);
  g_assert_cmpuint (f.dns.counts[AVI_DNS_ANSWER], ==, 3 + n);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-records/keeps many addresses within a packet", test_many_addresses);
  g_test_add_func ("/mdns-records/are under names of one label", test_own_names);
  g_test_add_func ("/mdns-records/are none where nothing is TCP over IP", test_none);
  g_test_add_func ("/mdns-records/count an address once, whatever its ports", test_counts);
  g_test_add_func ("/mdns-records/live as long as the RFC says", test_kinds);
  g_test_add_func ("/mdns-records/are matched by name, type and class", test_match);
  g_test_add_func ("/mdns-records/say so where there is no address of a family", test_match_of_one_family);
  g_test_add_func ("/mdns-records/are found among known answers where nothing differs", test_find);
  g_test_add_func ("/mdns-records/differ where a port does", test_find_srv_of_another_port);
  g_test_add_func ("/mdns-records/are put by kind, for all or for a plain resolver", test_put);
  g_test_add_func ("/mdns-records/are put as far as they fit", test_put_as_far_as_it_fits);
  g_test_add_func ("/mdns-records/name the host in full in SRV", test_srv);
  g_test_add_func ("/mdns-records/list the types that there are in NSEC", test_nsec);
  g_test_add_func ("/mdns-records/are withdrawn by the PTR alone", test_bye);
  g_test_add_func ("/mdns-records/leave out what does not fit a packet", test_too_many);
  return g_test_run ();
}
