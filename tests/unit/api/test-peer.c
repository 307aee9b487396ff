/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a peer tells of itself, by getters and by notify, while it is connected and after.
 */
#include "fixture.h"

static void
on_notify (AviPeer *peer, GParamSpec *pspec, GString *told)
{
  g_string_append_printf (told, "%s ", pspec->name);
}

static void
test_life (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autofree char *id = avi_device_dup_peer_id (other);
  g_autofree char *address = first_address (other);
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autoptr(GString) told = g_string_new (NULL);
  g_auto(GStrv) addresses = NULL;
  g_autofree char *agent = NULL;
  g_autofree char *why = NULL;
  g_autoptr(GDateTime) since = NULL;
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();

  wait_until (avi_peer_get_round_trip (peer) >= 0);
  settle ();
  agent = avi_peer_dup_agent (peer);
  g_assert_cmpstr (agent, ==, "bedroom");
  g_assert_cmpstr (avi_peer_get_id (peer), ==, id);
  addresses = avi_peer_dup_addresses (peer);
  g_assert_cmpstr (addresses[0], ==, address);
  since = avi_peer_dup_since (peer);
  g_assert_cmpint (ABS (g_date_time_difference (now, since)), <, DEADLINE * G_TIME_SPAN_SECOND);
  g_assert_null (avi_peer_dup_last_error (peer));

  /* Told is what changed, and that is not its name. */
  g_signal_connect (peer, "notify", G_CALLBACK (on_notify), told);
  stop_device (other);
  wait_until (strstr (told->str, "last-error ") != NULL);
  g_assert_nonnull (strstr (told->str, "connected "));
  g_assert_nonnull (strstr (told->str, "since "));
  g_assert_null (strstr (told->str, "name "));
  g_assert_null (strstr (told->str, "agent "));
  g_assert_null (strstr (told->str, "id "));
  g_assert_false (avi_peer_get_connected (peer));
  g_assert_cmpint (avi_peer_get_round_trip (peer), ==, -1);
  g_assert_null (avi_peer_dup_since (peer));
  why = avi_peer_dup_last_error (peer);
  g_assert_nonnull (why);
  g_signal_handlers_disconnect_by_data (peer, told);
}

static void
test_properties (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autofree char *id = NULL, *name = NULL, *agent = NULL, *why = NULL, *getter_name = NULL;
  g_auto(GStrv) addresses = NULL, protocols = NULL;
  g_autoptr(GDateTime) since = NULL;
  gboolean connected;
  gint64 round_trip;
  guint64 dropped;
  AviPeerSource source;

  wait_until (avi_peer_get_round_trip (peer) >= 0);
  g_object_get (peer, "id", &id, "name", &name, "agent", &agent, "addresses", &addresses, "protocols", &protocols,
                "connected", &connected, "round-trip", &round_trip, "dropped", &dropped, "since", &since, "last-error",
                &why, "source", &source, NULL);
  getter_name = avi_peer_dup_name (peer);
  g_assert_cmpstr (id, ==, avi_peer_get_id (peer));
  g_assert_cmpstr (name, ==, getter_name);
  g_assert_cmpstr (agent, ==, "bedroom");
  g_assert_nonnull (addresses[0]);
  g_assert_nonnull (protocols[0]);
  g_assert_true (connected);
  g_assert_cmpint (round_trip, >=, 0);
  g_assert_cmpuint (dropped, ==, 0);
  g_assert_cmpuint (dropped, ==, avi_peer_get_dropped (peer));
  g_assert_nonnull (since);
  g_assert_null (why);
  g_assert_cmpint (source, ==, AVI_PEER_SOURCE_DIAL);
}

/* Of what a peer below publish-threshold is not sent. */
static void
test_dropped (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autoptr(AviSubscription) subscription = NULL;
  g_autoptr(GError) error = NULL;
  guint told = 0;

  subscription = avi_device_subscribe (other, "chat", &error);
  g_assert_no_error (error);
  wait_until (avi_device_publish_text (device, "chat", "first", NULL) == 1);
  g_signal_connect_swapped (peer, "notify::dropped", G_CALLBACK (count), &told);
  avi_device_set_peer_score (device, avi_peer_get_id (peer), -1000, &error);
  g_assert_no_error (error);
  wait_until (avi_device_publish_text (device, "chat", "second", NULL) == 1
              && avi_peer_get_dropped (peer) > 0);
  g_assert_cmpuint (told, >, 0);
  g_signal_handlers_disconnect_by_data (peer, &told);
}

/* It tells what was known last, but for what cannot be any more. */
static void
test_without_device (void)
{
  AviDevice *device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autofree char *name = NULL;
  g_auto(GStrv) addresses = NULL;

  wait_until (avi_peer_get_round_trip (peer) >= 0);
  stop_device (device);
  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &device);
  g_object_unref (device);
  wait_until (device == NULL);
  name = avi_peer_dup_name (peer);
  g_assert_cmpstr (name, ==, "bedroom");
  addresses = avi_peer_dup_addresses (peer);
  g_assert_nonnull (addresses[0]);
  g_assert_false (avi_peer_get_connected (peer));
  g_assert_null (avi_peer_dup_since (peer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peer/tells what is known, and notifies of what changed when it goes", test_life);
  g_test_add_func ("/peer/its properties are what its getters say", test_properties);
  g_test_add_func ("/peer/what it is not sent is counted", test_dropped);
  g_test_add_func ("/peer/stays usable without its device", test_without_device);
  return g_test_run ();
}
