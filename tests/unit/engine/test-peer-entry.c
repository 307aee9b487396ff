/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "engine/avi-peer-entry.h"

#define ID "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

typedef struct
{
  AviPeerEntry *entry;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  AviPeerId id;

  g_assert_true (avi_peer_id_parse (ID, &id, NULL));
  fixture->entry = avi_peer_entry_new (NULL, &id);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  fixture->entry->main = NULL;
  avi_peer_entry_free (fixture->entry);
}

static void
add_address (Fixture *fixture, const char *text, guint source)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  avi_addresses_add (fixture->entry->addresses, address, source);
}

static void
test_new (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = avi_peer_entry_describe (fixture->entry);

  g_assert_cmpstr (info->id, ==, ID);
  g_assert_true (g_str_has_prefix (info->name, "…"));
  g_assert_true (g_str_has_suffix (ID, info->name + strlen ("…")));
  g_assert_cmpuint (strlen (info->name), ==, strlen ("…") + 8);
  g_assert_null (info->agent);
  g_assert_null (info->addresses[0]);
  g_assert_null (info->protocols[0]);
  g_assert_false (info->connected);
  g_assert_cmpint (info->round_trip, ==, -1);
  g_assert_cmpint (info->since, ==, 0);
  g_assert_cmpuint (info->source, ==, 0);
}

static void
test_short_name (void)
{
  g_autofree char *name = avi_peer_short_name ("short");

  g_assert_cmpstr (name, ==, "…short");
}

static void
test_avi (Fixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { "/a/1", "/b/1", NULL };
  AviIdentify info = { .protocol_version = (char *) "/avi/1.0.0",
                       .agent_version = (char *) "kitchen",
                       .protocols = (char **) protocols };
  g_autoptr(AviPeerInfo) described = NULL;

  g_assert_true (avi_peer_is_avi (&info));
  avi_peer_entry_learn (fixture->entry, &info);
  described = avi_peer_entry_describe (fixture->entry);
  g_assert_cmpstr (described->name, ==, "kitchen");
  g_assert_cmpstr (described->agent, ==, "kitchen");
  g_assert_true (g_strv_equal ((const char *const *) described->protocols, protocols));
  g_assert_true (avi_peer_entry_speaks (fixture->entry, "/b/1"));
  g_assert_false (avi_peer_entry_speaks (fixture->entry, "/b"));
}

/* A name is what a node of Avi calls itself; another's agent is its program. */
static void
test_foreign (Fixture *fixture, gconstpointer data)
{
  AviIdentify info = { .protocol_version = (char *) "ipfs/0.1.0", .agent_version = (char *) "go-libp2p" };
  g_autoptr(AviPeerInfo) described = NULL;

  g_assert_false (avi_peer_is_avi (&info));
  g_assert_false (avi_peer_entry_speaks (fixture->entry, "/a/1"));
  avi_peer_entry_learn (fixture->entry, &info);
  described = avi_peer_entry_describe (fixture->entry);
  g_assert_cmpstr (described->agent, ==, "go-libp2p");
  g_assert_true (g_str_has_prefix (described->name, "…"));
}

static void
test_partial (Fixture *fixture, gconstpointer data)
{
  static const char *const protocols[] = { "/a/1", NULL };
  AviIdentify all = { .protocol_version = (char *) "/avi/1.0.0",
                      .agent_version = (char *) "kitchen",
                      .protocols = (char **) protocols };
  AviIdentify renamed = { .agent_version = (char *) "hall" };
  AviIdentify nothing = { 0 };

  avi_peer_entry_learn (fixture->entry, &all);
  avi_peer_entry_learn (fixture->entry, &nothing);
  g_assert_cmpstr (fixture->entry->name, ==, "kitchen");
  avi_peer_entry_learn (fixture->entry, &renamed);
  g_assert_cmpstr (fixture->entry->name, ==, "hall");
  g_assert_true (fixture->entry->is_avi);
  g_assert_true (avi_peer_entry_speaks (fixture->entry, "/a/1"));
}

static void
test_addresses (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviMultiaddr) in_use = avi_multiaddr_parse ("/ip4/10.0.0.2/tcp/1", NULL);
  AviConnection connection = { .remote = in_use, .round_trip = 1234, .since = 99 };
  g_autoptr(AviPeerInfo) before = NULL;
  g_autoptr(AviPeerInfo) outbound = NULL;
  g_autoptr(AviPeerInfo) inbound = NULL;

  add_address (fixture, "/ip4/10.0.0.1/tcp/1", AVI_SOURCE_MDNS);
  add_address (fixture, "/ip4/10.0.0.2/tcp/1", AVI_SOURCE_IDENTIFY);
  fixture->entry->last_error = g_strdup ("unplugged");
  before = avi_peer_entry_describe (fixture->entry);
  g_assert_cmpuint (g_strv_length (before->addresses), ==, 2);
  g_assert_true (g_strv_contains ((const char *const *) before->addresses, "/ip4/10.0.0.1/tcp/1/p2p/" ID));
  g_assert_cmpstr (before->last_error, ==, "unplugged");
  g_assert_cmpuint (before->source, ==, AVI_SOURCE_MDNS);

  /* Which we dialled, comes first; where it dials from is no address of it. */
  fixture->entry->main = &connection;
  outbound = avi_peer_entry_describe (fixture->entry);
  g_assert_cmpuint (g_strv_length (outbound->addresses), ==, 2);
  g_assert_cmpstr (outbound->addresses[0], ==, "/ip4/10.0.0.2/tcp/1/p2p/" ID);
  g_assert_true (outbound->connected);
  g_assert_cmpint (outbound->round_trip, ==, 1234);
  g_assert_cmpint (outbound->since, ==, 99);
  g_assert_null (outbound->last_error);

  g_clear_pointer (&in_use, avi_multiaddr_unref);
  in_use = connection.remote = avi_multiaddr_parse ("/ip4/10.0.0.3/tcp/55555", NULL);
  connection.inbound = fixture->entry->was_inbound = TRUE;
  inbound = avi_peer_entry_describe (fixture->entry);
  g_assert_cmpuint (g_strv_length (inbound->addresses), ==, 2);
  g_assert_false (g_strv_contains ((const char *const *) inbound->addresses, "/ip4/10.0.0.3/tcp/55555/p2p/" ID));
  g_assert_cmpuint (inbound->source, ==, AVI_SOURCE_MDNS | AVI_SOURCE_INBOUND);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/peer-entry/a new one is known by the end of its id, and nothing else", test_new);
  g_test_add_func ("/peer-entry/an id that is short is shown whole", test_short_name);
  ADD ("/peer-entry/a node of Avi is called by its agent", test_avi);
  ADD ("/peer-entry/another program is not", test_foreign);
  ADD ("/peer-entry/what a peer does not say stays", test_partial);
  ADD ("/peer-entry/the address in use comes first, and an inbound peer's is none", test_addresses);
  return g_test_run ();
}
