/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "engine/avi-core-private.h"

static AviCore *core;

static guint
count_events (AviEventType type)
{
  AviEvent *event, *next;
  guint n = 0;

  for (event = avi_core_take_events (core); event != NULL; event = next)
    {
      next = event->next;
      n += event->type == type;
      avi_event_free (event);
    }
  return n;
}

static void
test_new (void)
{
  g_auto(GStrv) addresses = avi_core_dup_addresses (core);
  g_autofree char *status = avi_core_dup_status (core);

  g_assert_cmpint (avi_core_get_state (core), ==, AVI_CORE_STOPPED);
  g_assert_cmpstr (status, ==, "not running");
  g_assert_null (addresses[0]);
}

static void
test_addresses (void)
{
  char *one[] = { (char *) "/ip4/10.0.0.1/tcp/1", NULL };
  g_auto(GStrv) addresses = NULL;

  avi_core_set_addresses (core, one);
  g_assert_cmpuint (count_events (AVI_EVENT_ADDRESSES), ==, 1);
  avi_core_set_addresses (core, one);
  g_assert_cmpuint (count_events (AVI_EVENT_ADDRESSES), ==, 0);
  addresses = avi_core_dup_addresses (core);
  g_assert_true (g_strv_equal ((const char *const *) addresses, (const char *const *) one));
}

static void
test_status (void)
{
  g_autofree char *status = NULL;

  avi_core_set_status (core, "searching");
  g_assert_cmpuint (count_events (AVI_EVENT_STATUS), ==, 1);
  avi_core_set_status (core, "searching");
  g_assert_cmpuint (count_events (AVI_EVENT_STATUS), ==, 0);
  status = avi_core_dup_status (core);
  g_assert_cmpstr (status, ==, "searching");
}

static AviPeerInfo *
make_info (guint8 number)
{
  AviPeerInfo *info = g_new0 (AviPeerInfo, 1);

  avi_ref_count_init (&info->ref_count);
  info->peer.len = 1;
  info->peer.bytes[0] = number;
  return info;
}

static void
test_peers (void)
{
  g_autoptr(AviPeerInfo) older = make_info (1);
  g_autoptr(AviPeerInfo) newer = make_info (1);
  g_autoptr(AviPeerInfo) other = make_info (2);
  g_autoptr(AviPeerInfo) found = NULL;

  avi_core_set_peer (core, older);
  avi_core_set_peer (core, newer);
  g_assert_null (avi_core_dup_peer (core, &other->peer));
  found = avi_core_dup_peer (core, &older->peer);
  g_assert_true (found == newer);
  avi_core_remove_peer (core, &older->peer);
  g_assert_null (avi_core_dup_peer (core, &older->peer));
  avi_core_remove_peer (core, &older->peer);
}

static guint64
get_count (const char *name)
{
  g_autoptr(GVariant) statistics = avi_core_dup_statistics (core);
  guint64 value = 0;

  g_assert_false (g_variant_is_floating (statistics));
  g_assert_cmpuint (g_variant_n_children (statistics), ==, AVI_N_COUNTS);
  g_assert_true (g_variant_lookup (statistics, name, "t", &value));
  return value;
}

static void
test_counts (void)
{
  g_assert_cmpuint (get_count ("dials"), ==, 0);
  avi_core_count (core, AVI_COUNT_DIALS, 1);
  avi_core_count (core, AVI_COUNT_DIALS, 2);
  g_assert_cmpuint (get_count ("dials"), ==, 3);
  avi_core_set_count (core, AVI_COUNT_DIALS, 1);
  g_assert_cmpuint (get_count ("dials"), ==, 1);
}

/* The names stand in the order of what they name. */
static void
test_names (void)
{
  static const struct
  {
    AviCount count;
    const char *name;
  } cases[] = {
    { AVI_COUNT_CONNECTIONS_OPENED, "connections-opened" },
    { AVI_COUNT_REFUSED_PENDING, "refused-max-pending" },
    { AVI_COUNT_DIALS_FAILED, "dials-failed" },
    { AVI_COUNT_MDNS_INVALID, "mdns-packets-invalid" },
    { AVI_COUNT_IDENTITY_CONFLICTS, "identity-conflicts" },
    { AVI_COUNT_MESSAGES_UNVERIFIED, "messages-unverified" },
    { AVI_COUNT_STREAMS_INVALID, "streams-invalid" },
    { AVI_COUNT_SENDS_DROPPED, "sends-dropped" },
    { AVI_COUNT_PROMISES_BROKEN, "promises-broken" },
    { AVI_COUNT_OFFENCES, "offences" },
    { AVI_COUNT_RPCS_IGNORED, "rpcs-ignored" },
    { AVI_COUNT_PEERS_EXCHANGED, "peers-exchanged" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      avi_core_set_count (core, cases[i].count, i + 100);
      g_assert_cmpuint (get_count (cases[i].name), ==, i + 100);
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  core = avi_core_new ();
  g_test_add_func ("/core-snapshot/a new one is stopped, and nowhere", test_new);
  g_test_add_func ("/core-snapshot/addresses are told where they changed", test_addresses);
  g_test_add_func ("/core-snapshot/so is the status", test_status);
  g_test_add_func ("/core-snapshot/a peer is known as it was set last, until it is removed", test_peers);
  g_test_add_func ("/core-snapshot/what is counted adds up, or is set", test_counts);
  g_test_add_func ("/core-snapshot/each count has its name", test_names);
  result = g_test_run ();
  avi_core_unref (core);
  return result;
}
