/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gnetworking.h>

#include "fixture.h"

static void
note (GPtrArray  *events,
      const char *event)
{
  g_ptr_array_add (events, (gpointer) event);
}

static void
on_started (AviDevice *device,
            GPtrArray *events)
{
  note (events, "started");
}

static void
on_stopped (AviDevice *device,
            GError    *error,
            GPtrArray *events)
{
  g_assert_no_error (error);
  note (events, "stopped");
}

static void
on_peer_disconnected (AviDevice *device,
                      AviPeer   *peer,
                      GPtrArray *events)
{
  note (events, "peer-disconnected");
}

static void
assert_events (GPtrArray  *events,
               const char *first,
               ...)
{
  va_list arguments;
  guint i = 0;

  va_start (arguments, first);
  for (const char *event = first; event != NULL; event = va_arg (arguments, const char *), i++)
    {
      g_assert_cmpuint (i, <, events->len);
      g_assert_cmpstr (g_ptr_array_index (events, i), ==, event);
    }
  va_end (arguments);
  g_assert_cmpuint (events->len, ==, i);
}

static void
test_start_stop (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GPtrArray) events = g_ptr_array_new ();
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) addresses = NULL;
  g_autofree char *id = avi_device_dup_peer_id (device);

  g_signal_connect (device, "started", G_CALLBACK (on_started), events);
  g_signal_connect (device, "stopped", G_CALLBACK (on_stopped), events);

  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (avi_device_start (device, NULL, &error));
      g_assert_no_error (error);
      /* Current at once, and nothing told inside the call. */
      g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_RUNNING);
      assert_events (events, NULL);
      addresses = avi_device_dup_addresses (device);
      g_assert_nonnull (addresses[0]);
      g_assert_true (g_str_has_prefix (addresses[0], "/ip4/127.0.0.1/tcp/"));
      g_assert_true (g_str_has_suffix (addresses[0], id));
      g_clear_pointer (&addresses, g_strfreev);
      /* A second start joins the first. */
      g_assert_true (avi_device_start (device, NULL, &error));
      wait_until (events->len > 0);
      assert_events (events, "started", NULL);

      g_assert_true (avi_device_stop (device, NULL, &error));
      g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
      assert_events (events, "started", NULL);
      g_assert_true (avi_device_stop (device, NULL, &error));
      wait_until (events->len > 1);
      settle ();
      assert_events (events, "started", "stopped", NULL);
      addresses = avi_device_dup_addresses (device);
      g_assert_null (addresses[0]);
      g_clear_pointer (&addresses, g_strfreev);
      g_ptr_array_set_size (events, 0);
    }
}

static void
test_stop_order (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviDevice) third = start_device ("hall");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autoptr(AviPeer) third_peer = connect_devices (device, third);
  g_autoptr(GPtrArray) events = g_ptr_array_new ();

  settle ();
  g_signal_connect (device, "stopped", G_CALLBACK (on_stopped), events);
  g_signal_connect (device, "peer-disconnected", G_CALLBACK (on_peer_disconnected), events);
  stop_device (device);
  g_assert_false (avi_peer_get_connected (peer));
  g_assert_false (avi_peer_get_connected (third_peer));
  wait_until (events->len == 3);
  settle ();
  assert_events (events, "peer-disconnected", "peer-disconnected", "stopped", NULL);
}

static void
test_stop_while_starting (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  guint n_done = 0;

  for (guint i = 0; i < 20; i++)
    {
      avi_device_start_async (device, NULL, NULL, NULL);
      stop_device (device);
      g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
    }
  settle ();
  g_assert_cmpuint (n_done, ==, 0);
}

/* A socket that listens and is never asked for its connections: a peer that is silent. */
static GSocket *
silent_listener (guint16 *port)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr(GSocketAddress) bound = NULL;

  g_assert_no_error (error);
  g_assert_true (g_socket_bind (socket, any, FALSE, NULL));
  g_assert_true (g_socket_listen (socket, NULL));
  bound = g_socket_get_local_address (socket, NULL);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  return g_steal_pointer (&socket);
}

static void
test_absent_peer (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(AviIdentity) absent = avi_identity_generate ();
  g_autoptr(GSocket) listener = NULL;
  g_autofree char *address = NULL;
  guint16 port;

  listener = silent_listener (&port);
  address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", port, avi_identity_get_peer_id (absent));
  avi_device_set_bootstrap_peers (device, (const char *const[]){ address, NULL });
  /* Who waits for the peer waits longer than this test may take. */
  g_object_set (device, "dial-timeout", 600000, NULL);
  g_assert_true (avi_device_start (device, NULL, NULL));
  g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_RUNNING);
  g_assert_true (avi_device_stop (device, NULL, NULL));
}

static void
test_port_in_use (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) listener = NULL;
  g_autofree char *address = NULL;
  guint16 port;
  guint n_started = 0;

  g_signal_connect_swapped (device, "started", G_CALLBACK (count), &n_started);
  listener = silent_listener (&port);
  address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", port);
  avi_device_set_listen_addresses (device, (const char *const[]){ address, NULL });
  g_assert_false (avi_device_start (device, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
  g_assert_nonnull (strstr (error->message, address));
  wait_until (avi_device_get_state (device) == AVI_DEVICE_STATE_STOPPED);
  settle ();
  g_assert_cmpuint (n_started, ==, 0);

  /* With another address it starts. */
  avi_device_set_listen_addresses (device, (const char *const[]){ "/ip4/127.0.0.1/tcp/0", NULL });
  g_clear_error (&error);
  g_assert_true (avi_device_start (device, NULL, &error));
}

static void
test_bad_settings (void)
{
  g_autofree char *long_name = g_strnfill (256, 'x');
  const char *const names[] = { "", long_name, "two\nlines", "\xff" };
  const char *const listen[] = { "", "127.0.0.1:80", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1",
                                 "/ip4/127.0.0.256/tcp/0" };
  const char *const bootstrap[] = { "", "kitchen", "/ip4/127.0.0.1/tcp/1/p2p/nobody" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr(AviDevice) device = new_device (names[i]);
      g_autoptr(GError) error = NULL;

      g_assert_false (avi_device_start (device, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
    }
  for (guint i = 0; i < G_N_ELEMENTS (listen); i++)
    {
      g_autoptr(AviDevice) device = new_device ("kitchen");
      g_autoptr(GError) error = NULL;

      avi_device_set_listen_addresses (device, (const char *const[]){ listen[i], NULL });
      g_assert_false (avi_device_start (device, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, listen[i]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bootstrap); i++)
    {
      g_autoptr(AviDevice) device = new_device ("kitchen");
      g_autoptr(GError) error = NULL;

      avi_device_set_bootstrap_peers (device, (const char *const[]){ bootstrap[i], NULL });
      g_assert_false (avi_device_start (device, NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, bootstrap[i]));
    }
}

static void
test_no_listening (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = NULL;

  avi_device_set_listen_addresses (device, (const char *const[]){ NULL });
  g_assert_true (avi_device_start (device, NULL, NULL));
  peer = connect_devices (device, other);
  g_assert_true (avi_peer_get_connected (peer));
}

static void
test_dropped (void)
{
  AviDevice *device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autofree char *name = NULL;
  guint n_stopped = 0, n_disconnected = 0;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &device);
  g_signal_connect_swapped (device, "stopped", G_CALLBACK (count), &n_stopped);
  g_signal_connect_swapped (other, "peer-disconnected", G_CALLBACK (count), &n_disconnected);
  g_object_unref (device);
  g_assert_null (device);

  /* It stops in the background and tells nobody; what it gave out stays usable. */
  wait_until (n_disconnected == 1);
  g_assert_cmpuint (n_stopped, ==, 0);
  name = avi_peer_dup_name (peer);
  g_assert_cmpstr (name, ==, "bedroom");
  g_assert_cmpstr (avi_subscription_get_topic (subscription), ==, "x");
  avi_subscription_cancel (subscription);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/it starts and stops, over and over", test_start_stop);
  g_test_add_func ("/device/stopping tells each peer, then that it has stopped, then nothing", test_stop_order);
  g_test_add_func ("/device/stop cancels a start that is under way", test_stop_while_starting);
  g_test_add_func ("/device/start never waits for a peer", test_absent_peer);
  g_test_add_func ("/device/start fails, naming the address, where a port is in use", test_port_in_use);
  g_test_add_func ("/device/start fails, naming the setting, where one is malformed", test_bad_settings);
  g_test_add_func ("/device/one that does not listen can dial", test_no_listening);
  g_test_add_func ("/device/one that is dropped stops in the background", test_dropped);
  return g_test_run ();
}
