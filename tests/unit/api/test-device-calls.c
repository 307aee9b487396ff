/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/* A port of the loopback interface at which nobody listens. */
static guint16
closed_port (void)
{
  g_autoptr(GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);

  g_socket_listener_close (listener);
  return port;
}

/* --- dial --- */

static gboolean
has_name (AviPeer *peer, const char *name)
{
  g_autofree char *now = avi_peer_dup_name (peer);

  return g_strcmp0 (now, name) == 0;
}

static void
test_dial (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autofree char *address = first_address (other);
  g_autofree char *id = avi_device_dup_peer_id (other);
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  g_autoptr(AviPeer) again = NULL;
  g_autoptr(AviPeer) by_id = NULL;
  g_autoptr(GDateTime) since = NULL;
  g_auto(GStrv) addresses = NULL;
  g_auto(GStrv) protocols = NULL;
  g_auto(Outcome) outcome = { NULL };

  /* What the peer tells is current, though the context was not iterated. */
  g_assert_cmpstr (avi_peer_get_id (peer), ==, id);
  g_assert_true (avi_peer_get_connected (peer));
  g_assert_true (avi_peer_get_source (peer) & AVI_PEER_SOURCE_DIAL);
  since = avi_peer_dup_since (peer);
  g_assert_nonnull (since);
  addresses = avi_peer_dup_addresses (peer);
  g_assert_nonnull (addresses[0]);
  g_assert_null (avi_peer_dup_last_error (peer));

  /* There is one object per peer, and one connection. */
  again = connect_devices (device, other);
  g_assert_true (again == peer);
  by_id = avi_device_dial (device, id, NULL, NULL);
  g_assert_true (by_id == peer);
  avi_device_dial_async (device, address, NULL, on_done, &outcome);
  wait_until (outcome.result != NULL);
  g_clear_object (&by_id);
  by_id = avi_device_dial_finish (device, outcome.result, NULL);
  g_assert_true (by_id == peer);

  /* Identify comes after. */
  wait_until (has_name (peer, "bedroom"));
  protocols = avi_peer_dup_protocols (peer);
  g_assert_true (g_strv_contains ((const char *const *) protocols, "/ipfs/id/1.0.0"));
}

static void
test_dial_refused (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autofree char *address = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", closed_port ());
  g_autoptr(GError) error = NULL;
  g_auto(Outcome) outcome = { NULL };

  g_assert_null (avi_device_dial (device, address, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, address));

  g_clear_error (&error);
  avi_device_dial_async (device, address, NULL, on_done, &outcome);
  wait_until (outcome.result != NULL);
  g_assert_null (avi_device_dial_finish (device, outcome.result, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, address));
}

/* The addresses of localhost are those of a peer whose every address is dead. */
static void
test_dial_lists_causes (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  guint16 port = closed_port ();
  g_autofree char *address = g_strdup_printf ("/dns/localhost/tcp/%u", port);
  g_autoptr(GResolver) resolver = g_resolver_get_default ();
  GList *found = g_resolver_lookup_by_name (resolver, "localhost", NULL, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_device_dial (device, address, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  /* What was asked for is named, too. */
  g_assert_nonnull (strstr (error->message, address));
  for (GList *l = found; l != NULL; l = l->next)
    {
      g_autofree char *text = g_inet_address_to_string (l->data);
      gboolean four = g_inet_address_get_family (l->data) == G_SOCKET_FAMILY_IPV4;
      g_autofree char *each = g_strdup_printf ("/ip%c/%s/tcp/%u", four ? '4' : '6', text, port);
      const char *at = strstr (error->message, each);

      g_test_message ("%s: %s", each, error->message);
      g_assert_nonnull (at);
      g_assert_cmpint (at[strlen (each)], ==, ':');
    }
  g_resolver_free_addresses (found);
}

static void
test_dial_nonsense (void)
{
  const char *const targets[] = {
    "", "kitchen", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/5", "/ip4/1/tcp/1", "\xff", "/ip4/127.0.0.1/tcp/1/p2p/nobody"
  };
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviIdentity) unknown = avi_identity_generate ();
  g_autofree char *own = avi_device_dup_peer_id (device);
  g_autofree char *address = first_address (device);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_assert_null (avi_device_dial (device, targets[i], NULL, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
    }
  g_assert_null (avi_device_dial (device, avi_identity_get_peer_id (unknown), NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  /* Oneself is no peer, by whatever name. */
  g_assert_null (avi_device_dial (device, own, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "this device itself"));
  g_clear_error (&error);
  g_assert_null (avi_device_dial (device, address, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "this device itself"));
  g_clear_error (&error);
  g_assert_null (avi_device_dial (device, "", NULL, &error));
  g_assert_nonnull (strstr (error->message, "the target is empty"));
}

/* Two devices were given one identity: that is what is in the way, rather than dialling oneself. */
static void
test_dial_own_key (void)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(AviDevice) device = new_device ("original");
  g_autoptr(AviDevice) copy = new_device ("copy");
  g_autofree char *address = NULL;
  g_autofree char *nobody = NULL;
  g_autoptr(GError) error = NULL;

  avi_device_set_identity (device, identity);
  avi_device_set_identity (copy, identity);
  g_assert_true (avi_device_start (device, NULL, NULL));
  g_assert_true (avi_device_start (copy, NULL, NULL));
  address = first_address (copy);
  g_assert_null (avi_device_dial (device, address, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, "another node has this node's key"));
  g_clear_error (&error);

  /* Where nobody is nobody has it. */
  nobody = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s", closed_port (), avi_identity_get_peer_id (identity));
  g_assert_null (avi_device_dial (device, nobody, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
}

static void
test_dial_other (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviIdentity) expected = avi_identity_generate ();
  g_autofree char *address = first_address (other);
  g_autofree char *id = avi_device_dup_peer_id (other);
  g_autofree char *wrong = NULL;
  g_autoptr(GError) error = NULL;

  *strstr (address, "/p2p/") = '\0';
  wrong = g_strdup_printf ("%s/p2p/%s", address, avi_identity_get_peer_id (expected));
  g_assert_null (avi_device_dial (device, wrong, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, id));
}

/* --- what peers are worth --- */

static guint64
count_ignored (AviDevice *device)
{
  g_autoptr(GVariant) statistics = avi_device_get_statistics (device);
  guint64 n = 0;

  g_assert_true (g_variant_lookup (statistics, "rpcs-ignored", "t", &n));
  return n;
}

static void
set_score (AviDevice *device, const char *peer, double score)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_device_set_peer_score (device, peer, score, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (avi_device_get_peer_score (device, peer), ==, score);
}

static gpointer
set_score_there (gpointer data)
{
  AviDevice **devices = data;
  g_autofree char *id = avi_device_dup_peer_id (devices[1]);

  set_score (devices[0], id, 0);
  return NULL;
}

/* Of whom the program thinks so little it does not hear, from before they meet until it thinks better. */
static void
test_peer_score (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autofree char *id = avi_device_dup_peer_id (other);
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  AviDevice *devices[] = { device, other };
  g_autoptr(AviPeer) peer = NULL;
  guint n_heard = 0;
  guint64 n_ignored;

  g_signal_connect_swapped (subscription, "message", G_CALLBACK (count), &n_heard);
  set_score (device, id, -100);
  g_assert_true (avi_device_start (device, NULL, NULL));
  peer = connect_devices (other, device);
  await_subscribers (other, "x", 1);
  n_ignored = count_ignored (device);
  g_assert_cmpint (avi_device_publish_text (other, "x", "text", NULL), ==, 1);
  wait_until (count_ignored (device) > n_ignored);
  g_assert_cmpuint (n_heard, ==, 0);
  g_thread_join (g_thread_new ("scores", set_score_there, devices));
  await_subscribers (device, "x", 0); /* the engine knows by then */
  g_assert_cmpint (avi_device_publish_text (other, "x", "text", NULL), ==, 1);
  wait_until (n_heard == 1);
}

static void
test_peer_score_refused (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_device_set_peer_score (device, "nobody", 1, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (avi_device_set_peer_score (device, id, 1e7, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "The score of a peer cannot be 10000000: it is a number from -1000000 to 1000000");
}

/* --- the states in which calls fail --- */

static void
test_not_running (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_device_dial (device, "/ip4/127.0.0.1/tcp/1", NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
  g_clear_error (&error);
  g_assert_cmpint (avi_device_publish_text (device, "x", "y", &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
  g_clear_error (&error);
  g_assert_false (avi_device_wait_for_subscribers (device, "x", 1, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING);
  avi_device_discover (device);
}

static void
test_statistics (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(GVariant) statistics = avi_device_get_statistics (device);

  g_assert_true (g_variant_is_of_type (statistics, G_VARIANT_TYPE_VARDICT));
  g_assert_false (g_variant_is_floating (statistics));
}

static void
test_stop_ends_calls (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(GError) error = NULL;
  g_auto(Outcome) waiting = { NULL };
  g_auto(Outcome) stopping = { NULL };

  avi_device_wait_for_subscribers_async (device, "x", 1, NULL, on_done, &waiting);
  avi_device_stop_async (device, NULL, on_done, &stopping);
  wait_until (stopping.result != NULL);
  /* What happened first was told first. */
  g_assert_nonnull (waiting.result);
  g_assert_true (avi_device_stop_finish (device, stopping.result, NULL));
  g_assert_false (avi_device_wait_for_subscribers_finish (device, waiting.result, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
}

/* --- threads --- */

typedef struct
{
  AviDevice *device;
  AviDevice *other;
  char      *address;
  guint      number;
} Work;

/* Everything, from any thread. */
static gpointer
work (gpointer data)
{
  Work *self = data;
  g_autofree char *topic = g_strdup_printf ("topic/%u", self->number);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(AviSubscription) subscription = avi_device_subscribe (self->device, topic, NULL);
      g_autoptr(AviPeer) peer = avi_device_dial (self->device, self->address, NULL, NULL);
      g_autoptr(GVariant) statistics = avi_device_get_statistics (self->device);
      g_auto(GStrv) addresses = avi_device_dup_addresses (self->device);
      g_autofree char *name = NULL;

      g_assert_nonnull (subscription);
      g_assert_nonnull (peer);
      g_assert_nonnull (statistics);
      g_assert_nonnull (addresses);
      name = avi_peer_dup_name (peer);
      g_assert_cmpint (avi_device_publish_text (self->device, topic, "text", NULL), >=, 0);
      avi_subscription_set_max_queued (subscription, 1 + i);
      avi_device_discover (self->device);
      avi_subscription_cancel (subscription);
    }
  return NULL;
}

static void
test_ten_threads (void)
{
  if (skip_unthreaded ())
    return;

  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autofree char *address = first_address (other);
  GThread *threads[10];
  Work works[G_N_ELEMENTS (threads)];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      works[i] = (Work) { device, other, address, i };
      threads[i] = g_thread_new (NULL, work, &works[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  settle ();
  stop_device (device);
  settle ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-calls/dial gives the one object of a peer, whose properties are current", test_dial);
  g_test_add_func ("/device-calls/dial names the address that refuses", test_dial_refused);
  g_test_add_func ("/device-calls/dial lists every address with its cause", test_dial_lists_causes);
  g_test_add_func ("/device-calls/dial refuses nonsense, strangers and oneself", test_dial_nonsense);
  g_test_add_func ("/device-calls/dial refuses a peer that is another one than asked for", test_dial_other);
  g_test_add_func ("/device-calls/dial of a node with the device's own key says so", test_dial_own_key);
  g_test_add_func ("/device-calls/a peer that the program thinks little of is not heard", test_peer_score);
  g_test_add_func ("/device-calls/scores that are none are refused", test_peer_score_refused);
  g_test_add_func ("/device-calls/calls of a device that does not run say so", test_not_running);
  g_test_add_func ("/device-calls/but its statistics can be read", test_statistics);
  g_test_add_func ("/device-calls/stop ends calls in flight before it completes", test_stop_ends_calls);
  g_test_add_func ("/device-calls/ten threads may use one device", test_ten_threads);
  return g_test_run ();
}
