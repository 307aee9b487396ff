/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <net/if.h>

#include "avahi-fixture.h"
#include "discovery/avi-avahi-browser.h"

static void
test_finds (AvahiFixture *f, gconstpointer data)
{
  char lo[IF_NAMESIZE] = "";
  g_autofree char *expected = NULL;

  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 1);
  avahi_tell (f, "ItemNew", INSTANCE, 1, 0, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001",
              "/ip4/127.0.0.1/tcp/4001", "/ip4/10.0.0.2/udp/4001/quic-v1", NULL);
  wait_for (avahi_sees (f, 5, 1) != NULL);
  if_indextoname (1, lo);
  expected = g_strdup_printf ("/ip4/10.0.0.2/tcp/4001 /ip6zone/%s/ip6/fe80::2/tcp/4001", lo);
  g_assert_cmpstr (avahi_sees (f, 5, 1), ==, expected);

  /* The same by the other protocol, and on another interface */
  avahi_tell (f, "ItemNew", INSTANCE, 1, 1, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  avahi_tell (f, "ItemNew", INSTANCE, 3, 0, 5, "/ip4/192.168.1.2/tcp/4001", NULL);
  wait_for (avahi_sees (f, 5, 3) != NULL);
  g_assert_cmpstr (avahi_sees (f, 5, 3), ==, "/ip4/192.168.1.2/tcp/4001");
  g_assert_cmpuint (f->n_found, ==, 2);

  /* It stays until the last that says so is gone. */
  avahi_tell (f, "ItemRemove", INSTANCE, 1, 0, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  avahi_settle (f);
  g_assert_cmpstr (avahi_sees (f, 5, 1), ==, expected);
  avahi_tell (f, "ItemRemove", INSTANCE, 1, 1, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  wait_for (avahi_sees (f, 5, 1) == NULL);
  g_assert_nonnull (avahi_sees (f, 5, 3));
  g_assert_cmpuint (f->n_gone, ==, 1);
}

static void
test_several_records (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip6/2001:db8::2/tcp/1", NULL);
  wait_for (f->n_found == 2);
  g_assert_cmpstr (avahi_sees (f, 5, 2), ==, "/ip4/10.0.0.2/tcp/1 /ip6/2001:db8::2/tcp/1");
  avahi_tell (f, "ItemRemove", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (f->n_found == 3);
  g_assert_cmpstr (avahi_sees (f, 5, 2), ==, "/ip6/2001:db8::2/tcp/1");

  /* A second name for the same node, as after its restart */
  avahi_introduce (f, "def._p2p._udp.local", 2);
  avahi_tell (f, "ItemNew", "def._p2p._udp.local", 2, 0, 5, "/ip4/10.0.0.3/tcp/1", NULL);
  wait_for (f->n_found == 4);
  avahi_point (f, "ItemRemove", INSTANCE, 2, 0);
  wait_for (f->n_found == 5);
  g_assert_cmpstr (avahi_sees (f, 5, 2), ==, "/ip4/10.0.0.3/tcp/1");
  g_assert_cmpuint (f->n_gone, ==, 0);
  avahi_point (f, "ItemRemove", "def._p2p._udp.local", 2, 0);
  wait_for (f->n_gone == 1);
  wait_for (mock_avahi_count_browsers (f->mock) == 1);
}

static void
test_pointers (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  avahi_point (f, "ItemNew", INSTANCE, 2, 1);
  avahi_point (f, "ItemNew", "ABC._p2p._udp.local", 3, 0);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
  avahi_point (f, "ItemRemove", INSTANCE, 2, 0);
  avahi_point (f, "ItemRemove", INSTANCE, 3, 0);
  avahi_settle (f);
  g_assert_nonnull (avahi_sees (f, 5, 2));
  avahi_point (f, "ItemRemove", INSTANCE, 2, 1);
  wait_for (avahi_sees (f, 5, 2) == NULL);
  avahi_point (f, "ItemRemove", INSTANCE, 2, 1);
  avahi_settle (f);
}

static void
test_ourselves (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 0, "/ip4/10.0.0.1/tcp/1", NULL);
  avahi_settle (f);
  g_assert_cmpuint (f->n_found, ==, 0);
}

static void
test_malformed (AvahiFixture *f, gconstpointer data)
{
  static const char *const names[] = { "", "\3ab", "\3abc", "\300\014", "\100aaa", "\3abc\0\1x" };

  avahi_start_with_daemon (f);
  MockBrowser *browser = mock_avahi_get_browser (f->mock, SERVICE, PTR);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, names[i], i == 5 ? 7 : strlen (names[i]));
  mock_avahi_item (f->mock, browser, "ItemNew", -1, 0, "\3abc", 5);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "", 1);
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "ItemNew", g_variant_new ("(s)", "what"));
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "Unheard", NULL);
  mock_avahi_emit (f->mock, browser->path, "EntryGroup", "ItemNew", NULL);
  mock_avahi_emit (f->mock, "/elsewhere", "RecordBrowser", "ItemNew", NULL);
  avahi_introduce (f, INSTANCE, 2);
  g_assert_cmpuint (mock_avahi_count_browsers (f->mock), ==, 2);

  browser = mock_avahi_get_browser (f->mock, INSTANCE, TXT);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "\377dnsaddr=", 9);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "", 0);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "\11dnsaddr=/", 10);
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "ItemNew", g_variant_new ("(s)", "what"));
  avahi_settle (f);
  g_assert_cmpuint (f->n_found, ==, 0);
}

static void
test_names (void)
{
  static const struct
  {
    const char *data;
    gsize       len;
    const char *name;
  } cases[] = {
    { "\3abc\4_p2p\4_udp\5local", 21, "abc._p2p._udp.local" },
    { "\3aBc", 5, "abc" },
    { "\6a.b\\ \303", 8, "a\\.b\\\\\\032\\195" },
    { "", 1, NULL },
    { "\3abc", 4, NULL },
    { "\3abc\0", 6, NULL },
    { "\300\014", 3, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = avi_avahi_parse_name (AVI_SPAN (cases[i].data, cases[i].len));

      g_assert_cmpstr (name, ==, cases[i].name);
    }
}

static void
test_max_instances (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  for (guint i = 0; i < AVI_AVAHI_MAX_INSTANCES + 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("i%u._p2p._udp.local", i);

      avahi_point (f, "ItemNew", name, 2, 0);
    }
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "256"));
  wait_for (mock_avahi_count_browsers (f->mock) == AVI_AVAHI_MAX_INSTANCES + 1);
  avahi_point (f, "ItemRemove", "i0._p2p._udp.local", 2, 0);
  wait_for (f->problem == NULL);
  avahi_introduce (f, INSTANCE, 2);
}

static void
test_browsing_fails (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
  mock_avahi_emit (f->mock, mock_avahi_get_browser (f->mock, SERVICE, PTR)->path, "RecordBrowser", "Failure",
                   g_variant_new ("(s)", "org.freedesktop.Avahi.Failure"));
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "does not browse"));
  g_assert_null (avahi_sees (f, 5, 2));
  wait_for (mock_avahi_count_browsers (f->mock) == 0);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
  avahi_introduce (f, INSTANCE, 2);
  wait_for (f->problem == NULL);
}

/* The data of a TXT record. */
static void
append_text (GByteArray *data, const char *address, guint n)
{
  AviPeerId id = avahi_peer (n);
  g_autofree char *id_text = avi_peer_id_to_string (&id);
  g_autofree char *text = g_strdup_printf ("dnsaddr=%s/p2p/%s", address, id_text);
  guint8 len = strlen (text);

  g_byte_array_append (data, &len, 1);
  g_byte_array_append (data, (const guint8 *) text, len);
}

/* NULL: nothing. */
static void
assert_texts (GByteArray *data, guint n, const char *expected)
{
  AviPeerId id, wanted = avahi_peer (n);
  g_autoptr(GPtrArray) addresses = avi_avahi_parse_texts (AVI_SPAN (data->data, data->len), 1000003, &id);
  g_autoptr(GString) all = g_string_new (NULL);

  g_assert_cmpint (addresses == NULL, ==, expected == NULL);
  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    {
      g_autofree char *text = avi_multiaddr_to_string (addresses->pdata[i]);

      g_string_append_printf (all, "%s%s", i > 0 ? " " : "", text);
    }
  if (expected == NULL)
    return;
  g_assert_cmpstr (all->str, ==, expected);
  g_assert_true (avi_peer_id_equal (&id, &wanted));
}

static void
test_texts (void)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();

  g_byte_array_append (data, (const guint8 *) "\0", 1);
  assert_texts (data, 0, NULL);
  g_byte_array_append (data, (const guint8 *) "\7version", 8);
  append_text (data, "/ip4/10.0.0.1/udp/1", 5);
  append_text (data, "/ip4/127.0.0.1/tcp/1", 5);
  assert_texts (data, 0, NULL);

  /* Each address once, and of one peer. */
  append_text (data, "/ip4/10.0.0.1/tcp/1", 5);
  append_text (data, "/ip4/10.0.0.2/tcp/1", 6);
  append_text (data, "/ip6/fe80::1/tcp/1", 5);
  append_text (data, "/ip4/10.0.0.1/tcp/1", 5);
  assert_texts (data, 5, "/ip4/10.0.0.1/tcp/1 /ip6zone/1000003/ip6/fe80::1/tcp/1");

  /* What is cut counts up to there. */
  g_byte_array_set_size (data, data->len - 1);
  assert_texts (data, 5, "/ip4/10.0.0.1/tcp/1 /ip6zone/1000003/ip6/fe80::1/tcp/1");
}

static void
test_max_texts (void)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  g_autoptr(GPtrArray) addresses = NULL;
  AviPeerId id;

  for (guint i = 0; i < AVI_AVAHI_MAX_ADDRESSES + 1; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/1", i + 1);

      append_text (data, text, 5);
    }
  addresses = avi_avahi_parse_texts (AVI_SPAN (data->data, data->len), 1, &id);
  g_assert_cmpuint (addresses->len, ==, AVI_AVAHI_MAX_ADDRESSES);
}

static void
test_longest_names (void)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  g_autofree char *name = NULL;
  g_autofree char *label = g_strnfill (64, 'a');

  /* 63 bytes a label, 255 in all. */
  for (guint i = 0; i < 3; i++)
    {
      g_byte_array_append (data, (const guint8 *) "\x3f", 1);
      g_byte_array_append (data, (const guint8 *) label, 63);
    }
  g_byte_array_append (data, (const guint8 *) "\x3d", 1);
  g_byte_array_append (data, (const guint8 *) label, 61);
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_assert_cmpuint (data->len, ==, 255);
  name = avi_avahi_parse_name (AVI_SPAN (data->data, data->len));
  g_assert_cmpuint (strlen (name), ==, 3 * 64 + 61);

  data->data[3 * 64] = 0x3e;
  data->data[data->len - 1] = 'a';
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_assert_null (avi_avahi_parse_name (AVI_SPAN (data->data, data->len)));

  g_byte_array_set_size (data, 0);
  g_byte_array_append (data, (const guint8 *) "\x40", 1);
  g_byte_array_append (data, (const guint8 *) label, 64);
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_assert_null (avi_avahi_parse_name (AVI_SPAN (data->data, data->len)));
}

static void
test_max_addresses (AvahiFixture *f, gconstpointer data)
{
  guint n = 0;

  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  for (guint i = 0; i < AVI_AVAHI_MAX_ADDRESSES + 5; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/1", i + 1);

      avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, text, NULL);
    }
  avahi_settle (f);
  g_auto(GStrv) addresses = g_strsplit (avahi_sees (f, 5, 2), " ", -1);
  n = g_strv_length (addresses);
  g_assert_cmpuint (n, ==, AVI_AVAHI_MAX_ADDRESSES);
  g_assert_cmpuint (f->n_found, ==, AVI_AVAHI_MAX_ADDRESSES); /* what changes nothing is not told */
}

static void
test_max_records (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  avahi_introduce (f, INSTANCE, 2);
  for (guint i = 0; i < AVI_AVAHI_MAX_RECORDS; i++)
    avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 100 + i, "/ip4/10.0.0.1/tcp/1", NULL);
  wait_for (f->n_found == AVI_AVAHI_MAX_RECORDS);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.1/tcp/1", NULL);

  /* One goes, so that there is room for another. */
  avahi_tell (f, "ItemRemove", INSTANCE, 2, 0, 100, "/ip4/10.0.0.1/tcp/1", NULL);
  avahi_tell (f, "ItemNew", INSTANCE, 2, 0, 6, "/ip4/10.0.0.1/tcp/1", NULL);
  wait_for (avahi_sees (f, 6, 2) != NULL);
  g_assert_null (avahi_sees (f, 5, 2));
  g_assert_null (avahi_sees (f, 100, 2));

  /* With the instance all of them go. */
  avahi_point (f, "ItemRemove", INSTANCE, 2, 0);
  wait_for (f->n_gone == AVI_AVAHI_MAX_RECORDS + 1);
  g_assert_cmpuint (g_hash_table_size (f->peers), ==, 0);
  avahi_introduce (f, "def._p2p._udp.local", 2);
  avahi_tell (f, "ItemNew", "def._p2p._udp.local", 2, 0, 5, "/ip4/10.0.0.1/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
}

static void
test_refused_name (AvahiFixture *f, gconstpointer data)
{
  avahi_start_with_daemon (f);
  f->mock->refuse_name = INSTANCE;
  avahi_point (f, "ItemNew", INSTANCE, 2, 0);
  avahi_introduce (f, "def._p2p._udp.local", 2);
  avahi_tell (f, "ItemNew", "def._p2p._udp.local", 2, 0, 5, "/ip4/10.0.0.1/tcp/1", NULL);
  wait_for (avahi_sees (f, 5, 2) != NULL);
  avahi_point (f, "ItemRemove", INSTANCE, 2, 0);
  avahi_settle (f);
  g_assert_nonnull (avahi_sees (f, 5, 2));
  g_assert_null (f->problem);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  avahi_add_test ("/avahi-browser/finds peers per interface, and misses them when the last record is gone", test_finds);
  avahi_add_test ("/avahi-browser/adds up records and instances of one peer", test_several_records);
  avahi_add_test ("/avahi-browser/an instance is there while any pointer to it is", test_pointers);
  avahi_add_test ("/avahi-browser/does not find itself", test_ourselves);
  avahi_add_test ("/avahi-browser/passes over what is malformed", test_malformed);
  g_test_add_func ("/avahi-browser/escapes names as the daemon does", test_names);
  avahi_add_test ("/avahi-browser/looks at 256 instances and says so", test_max_instances);
  avahi_add_test ("/avahi-browser/browses again after a failure", test_browsing_fails);
  g_test_add_func ("/avahi-browser/reads the addresses of one peer, each once", test_texts);
  g_test_add_func ("/avahi-browser/reads 32 addresses of a record at most", test_max_texts);
  g_test_add_func ("/avahi-browser/takes names as long as names may be", test_longest_names);
  avahi_add_test ("/avahi-browser/tells 32 addresses of a peer at most", test_max_addresses);
  avahi_add_test ("/avahi-browser/keeps 1024 records, and has room when they go", test_max_records);
  avahi_add_test ("/avahi-browser/goes on where the daemon does not take a name", test_refused_name);
  return g_test_run ();
}
