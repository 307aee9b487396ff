/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-addresses.h"

enum
{
  MDNS = 1,
  LOCAL = 2,
  TOLD = 4
};

static void
add (AviAddresses *addresses,
     const char   *text,
     guint         source)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  g_assert_nonnull (address);
  avi_addresses_add (addresses, address, source);
}

static void
note (AviAddresses *addresses,
      const char   *text,
      const char   *error)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  avi_addresses_note (addresses, address, error);
}

static guint
rank_all_alike (gpointer            data,
                const AviMultiaddr *address)
{
  return 1;
}

static guint
rank_loopback_out (gpointer            data,
                   const AviMultiaddr *address)
{
  return avi_multiaddr_is_loopback (address) ? G_MAXUINT : 1;
}

static void
assert_order (AviAddresses  *addresses,
              AviAddressRank rank,
              const char    *expected)
{
  g_autoptr(GPtrArray) sorted = avi_addresses_sort (addresses, rank, NULL);
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < sorted->len; i++)
    {
      g_autofree char *one = avi_multiaddr_to_string (g_ptr_array_index (sorted, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", one);
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
test_sources (void)
{
  g_autoptr(AviAddresses) addresses = avi_addresses_new ();
  g_autoptr(GPtrArray) now = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  add (addresses, "/ip4/10.0.0.1/tcp/1", MDNS);
  add (addresses, "/ip4/10.0.0.1/tcp/1", TOLD);
  add (addresses, "/ip4/10.0.0.2/tcp/1", MDNS);
  g_assert_cmpuint (avi_addresses_get_n (addresses), ==, 2);
  g_ptr_array_add (now, avi_multiaddr_parse ("/ip4/10.0.0.3/tcp/1", NULL));
  g_assert_true (avi_addresses_replace (addresses, MDNS, now));
  g_assert_false (avi_addresses_replace (addresses, MDNS, now));
  assert_order (addresses, rank_all_alike, "/ip4/10.0.0.1/tcp/1 /ip4/10.0.0.3/tcp/1");
  g_assert_cmpuint (avi_addresses_get_sources (addresses), ==, MDNS | TOLD);
  avi_addresses_replace (addresses, MDNS, NULL);
  avi_addresses_replace (addresses, TOLD, NULL);
  g_assert_cmpuint (avi_addresses_get_n (addresses), ==, 0);
}

static void
test_order (void)
{
  g_autoptr(AviAddresses) addresses = avi_addresses_new ();

  add (addresses, "/ip4/10.0.0.1/tcp/1", MDNS);
  add (addresses, "/ip4/10.0.0.2/tcp/1", MDNS);
  add (addresses, "/ip6/2001:db8::1/tcp/1", MDNS);
  add (addresses, "/ip4/127.0.0.1/tcp/1", MDNS);
  assert_order (addresses, rank_loopback_out, "/ip4/10.0.0.1/tcp/1 /ip6/2001:db8::1/tcp/1 /ip4/10.0.0.2/tcp/1");
  note (addresses, "/ip4/10.0.0.1/tcp/1", "refused");
  assert_order (addresses, rank_loopback_out, "/ip4/10.0.0.2/tcp/1 /ip6/2001:db8::1/tcp/1 /ip4/10.0.0.1/tcp/1");
  note (addresses, "/ip4/10.0.0.1/tcp/1", NULL);
  assert_order (addresses, rank_loopback_out, "/ip4/10.0.0.1/tcp/1 /ip6/2001:db8::1/tcp/1 /ip4/10.0.0.2/tcp/1");
}

static void
test_bound (void)
{
  g_autoptr(AviAddresses) addresses = avi_addresses_new ();

  add (addresses, "/ip4/10.1.0.1/tcp/1", MDNS);
  note (addresses, "/ip4/10.1.0.1/tcp/1", NULL);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.1/tcp/%u", i + 1);

      add (addresses, text, TOLD);
      note (addresses, text, "refused");
    }
  g_assert_cmpuint (avi_addresses_get_n (addresses), ==, AVI_ADDRESSES_MAX);
  g_assert_cmpuint (avi_addresses_get_sources (addresses), ==, MDNS | TOLD);
}

static void
test_flood (void)
{
  g_autoptr(AviAddresses) addresses = avi_addresses_new ();

  add (addresses, "/ip4/10.1.0.1/tcp/1", LOCAL);
  add (addresses, "/ip4/10.1.0.2/tcp/1", MDNS);
  note (addresses, "/ip4/10.1.0.2/tcp/1", "refused");
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.1/tcp/%u", i + 1);

      add (addresses, text, TOLD);
    }
  g_assert_cmpuint (avi_addresses_get_n (addresses), ==, AVI_ADDRESSES_MAX);
  g_assert_cmpuint (avi_addresses_get_sources (addresses), ==, LOCAL | MDNS | TOLD);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/addresses/an address lives as long as some source knows it", test_sources);
  g_test_add_func ("/addresses/those that worked come first, families take turns", test_order);
  g_test_add_func ("/addresses/a thousand addresses do not push out the one that works", test_bound);
  g_test_add_func ("/addresses/nor those of another source", test_flood);
  return g_test_run ();
}
