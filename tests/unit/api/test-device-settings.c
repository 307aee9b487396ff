/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

static void
test_defaults (void)
{
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  g_autofree char *name = avi_device_dup_node_name (device);
  g_auto(GStrv) listen = avi_device_dup_listen_addresses (device);
  g_auto(GStrv) bootstrap = avi_device_dup_bootstrap_peers (device);
  g_auto(GStrv) addresses = avi_device_dup_addresses (device);
  g_autoptr(AviIdentity) identity = avi_device_dup_identity (device);
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autofree char *status = avi_device_dup_discovery_status (device);

  g_assert_cmpstr (name, ==, "kitchen");
  g_assert_cmpstr (listen[0], ==, "/ip4/0.0.0.0/tcp/0");
  g_assert_cmpstr (listen[1], ==, "/ip6/::/tcp/0");
  g_assert_null (listen[2]);
  g_assert_null (bootstrap[0]);
  g_assert_null (addresses[0]);
  g_assert_cmpstr (id, ==, avi_identity_get_peer_id (identity));
  g_assert_nonnull (status);
  g_assert_true (avi_device_get_enable_mdns (device));
  g_assert_true (avi_device_get_enable_local (device));
  g_assert_true (avi_device_get_threaded (device));
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
  g_assert_cmpuint (g_list_model_get_n_items (avi_device_get_peers (device)), ==, 0);
}

/* @texts: (transfer full) */
static void
assert_strv (char **texts, const char *const *expected)
{
  g_assert_true (g_strv_equal ((const char *const *) texts, expected));
  g_strfreev (texts);
}

static void
test_lists (void)
{
  static const char *const none[] = { NULL };
  static const char *const standard[] = { "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0", NULL };
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  char text[] = "/ip4/127.0.0.1/tcp/4001";
  const char *const one[] = { text, NULL };
  g_auto(GStrv) given = NULL;

  avi_device_set_listen_addresses (device, one);
  avi_device_set_bootstrap_peers (device, one);
  /* Copies both ways. */
  text[0] = '!';
  given = avi_device_dup_listen_addresses (device);
  given[0][0] = '?';
  text[0] = '/';
  assert_strv (avi_device_dup_listen_addresses (device), one);
  assert_strv (avi_device_dup_bootstrap_peers (device), one);

  /* An empty list means none, no list the default. */
  avi_device_set_listen_addresses (device, none);
  assert_strv (avi_device_dup_listen_addresses (device), none);
  avi_device_set_listen_addresses (device, NULL);
  assert_strv (avi_device_dup_listen_addresses (device), standard);
  avi_device_set_bootstrap_peers (device, NULL);
  assert_strv (avi_device_dup_bootstrap_peers (device), none);
}

static void
test_booleans (void)
{
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  guint n_notified = 0;

  g_signal_connect_swapped (device, "notify", G_CALLBACK (count), &n_notified);
  avi_device_set_enable_mdns (device, 2);
  avi_device_set_enable_local (device, TRUE);
  avi_device_set_threaded (device, -1);
  g_assert_cmpuint (n_notified, ==, 0);
  g_assert_cmpint (avi_device_get_enable_mdns (device), ==, TRUE);
  avi_device_set_enable_mdns (device, FALSE);
  avi_device_set_enable_local (device, FALSE);
  avi_device_set_threaded (device, FALSE);
  g_assert_cmpuint (n_notified, ==, 3);
  g_assert_false (avi_device_get_enable_mdns (device));
  g_assert_false (avi_device_get_enable_local (device));
  g_assert_false (avi_device_get_threaded (device));
}

static void
test_identity (void)
{
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(AviIdentity) held = NULL;
  g_autofree char *id = NULL;
  guint n_identity = 0, n_id = 0;

  g_signal_connect_swapped (device, "notify::identity", G_CALLBACK (count), &n_identity);
  g_signal_connect_swapped (device, "notify::peer-id", G_CALLBACK (count), &n_id);
  avi_device_set_identity (device, identity);
  g_assert_cmpuint (n_identity, ==, 1);
  g_assert_cmpuint (n_id, ==, 1);
  held = avi_device_dup_identity (device);
  g_assert_true (held == identity);
  id = avi_device_dup_peer_id (device);
  g_assert_cmpstr (id, ==, avi_identity_get_peer_id (identity));
}

static void
test_readable (void)
{
  static const char *const none[] = { NULL };
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autofree char *address = first_address (device);
  g_autofree char *status = avi_device_dup_discovery_status (device);
  g_autofree char *ending = g_strconcat ("/p2p/", id, NULL);

  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_RUNNING);
  g_assert_true (g_str_has_prefix (address, "/ip4/127.0.0.1/tcp/"));
  g_assert_true (g_str_has_suffix (address, ending));
  g_assert_cmpstr (status, !=, "");
  g_assert_true (avi_device_get_peers (device) == avi_device_get_peers (device));
  stop_device (device);
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
  assert_strv (avi_device_dup_addresses (device), none);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-settings/a new device is stopped and has its defaults", test_defaults);
  g_test_add_func ("/device-settings/lists are copied, and without one the default holds", test_lists);
  g_test_add_func ("/device-settings/a boolean that stays as it is notifies nobody", test_booleans);
  g_test_add_func ("/device-settings/a new identity is a new peer id", test_identity);
  g_test_add_func ("/device-settings/what can only be read is current once a call returns", test_readable);
  return g_test_run ();
}
