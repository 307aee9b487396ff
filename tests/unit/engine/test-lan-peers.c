/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "engine/avi-lan-peers.h"

static AviPeerId
make_id (guint number)
{
  guint8 multihash[38] = { 0, 36, 8, 1, 0x12, 32, (guint8) number, (guint8) (number >> 8) };
  AviPeerId id;

  g_assert_true (avi_peer_id_decode (AVI_SPAN (multihash, sizeof multihash), &id, NULL));
  return id;
}

/* @ports: separated by spaces. */
static GPtrArray *
make_addresses (const char *ports)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  g_auto(GStrv) parts = g_strsplit (ports, " ", -1);

  for (guint i = 0; parts[i] != NULL && parts[i][0] != '\0'; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.1/tcp/%s", parts[i]);

      g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
    }
  return addresses;
}

static void
assert_addresses (GPtrArray *all, const char *ports)
{
  g_autoptr(GPtrArray) expected = make_addresses (ports);

  g_assert_nonnull (all);
  g_assert_cmpuint (all->len, ==, expected->len);
  for (guint i = 0; i < all->len; i++)
    g_assert_true (avi_multiaddr_equal (g_ptr_array_index (all, i), g_ptr_array_index (expected, i)));
}

static void
assert_set (AviLanPeers *peers, guint number, guint source, const char *ports, const char *all)
{
  g_autoptr(GPtrArray) addresses = make_addresses (ports);
  AviPeerId id = make_id (number);
  g_autoptr(GPtrArray) joined = avi_lan_peers_set (peers, &id, source, addresses);

  assert_addresses (joined, all);
}

/* @left: NULL: it is gone. */
static void
assert_removed (AviLanPeers *peers, guint number, guint source, const char *left)
{
  g_autoptr(GPtrArray) addresses = NULL;
  AviPeerId id = make_id (number);

  g_assert_true (avi_lan_peers_remove (peers, &id, source, &addresses));
  if (left != NULL)
    assert_addresses (addresses, left);
  else
    g_assert_null (addresses);
}

static void
test_joined (void)
{
  g_autoptr(AviLanPeers) peers = avi_lan_peers_new ();

  assert_set (peers, 1, 5, "50 51", "50 51");
  assert_set (peers, 1, 3, "30 51", "30 51 50");
  assert_set (peers, 1, AVI_LAN_OWN_MDNS, "1 30", "1 30 51 50");
  g_assert_cmpuint (avi_lan_peers_get_n (peers), ==, 1);
}

static void
test_replaced (void)
{
  g_autoptr(AviLanPeers) peers = avi_lan_peers_new ();

  assert_set (peers, 1, 3, "30 31", "30 31");
  assert_set (peers, 1, 5, "50", "30 31 50");
  assert_set (peers, 1, 3, "32", "32 50");
  assert_set (peers, 1, 3, "", "50");
}

static void
test_removed (void)
{
  g_autoptr(AviLanPeers) peers = avi_lan_peers_new ();
  g_autoptr(GPtrArray) left = NULL;
  AviPeerId id = make_id (1), stranger = make_id (2);

  assert_set (peers, 1, 3, "30", "30");
  assert_set (peers, 1, 5, "50", "30 50");
  assert_removed (peers, 1, 3, "50");
  g_assert_false (avi_lan_peers_remove (peers, &id, 3, &left));
  g_assert_false (avi_lan_peers_remove (peers, &stranger, 5, &left));
  g_assert_null (left);
  assert_removed (peers, 1, 5, NULL);
  g_assert_cmpuint (avi_lan_peers_get_n (peers), ==, 0);
}

static void
test_full (void)
{
  g_autoptr(AviLanPeers) peers = avi_lan_peers_new ();
  g_autoptr(GPtrArray) addresses = make_addresses ("1");
  AviPeerId one_more = make_id (AVI_LAN_MAX_PEERS);

  for (guint i = 0; i < AVI_LAN_MAX_PEERS; i++)
    assert_set (peers, i, 0, "1", "1");
  g_assert_null (avi_lan_peers_set (peers, &one_more, 0, addresses));
  assert_set (peers, 7, 1, "2", "1 2");
  assert_removed (peers, 8, 0, NULL);
  assert_set (peers, AVI_LAN_MAX_PEERS, 0, "1", "1");
  g_assert_cmpuint (avi_lan_peers_get_n (peers), ==, AVI_LAN_MAX_PEERS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lan-peers/what all know of a peer is put together, our own machine's first, each once",
                   test_joined);
  g_test_add_func ("/lan-peers/who says it anew replaces what it said", test_replaced);
  g_test_add_func ("/lan-peers/a peer is gone when nobody knows it any more", test_removed);
  g_test_add_func ("/lan-peers/no more are kept than allowed, and those go on", test_full);
  return g_test_run ();
}
