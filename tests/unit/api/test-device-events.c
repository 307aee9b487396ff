/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/* --- the order of things --- */

typedef struct
{
  AviDevice *device;
  GString   *told;
} Log;

static void
log_started (AviDevice *device, Log *log)
{
  g_string_append (log->told, "started ");
}

static void
log_start_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Log *log = user_data;

  g_assert_true (avi_device_start_finish (AVI_DEVICE (source), result, NULL));
  g_string_append (log->told, "start-done ");
}

static void
log_message (AviSubscription *subscription, AviMessage *message, Log *log)
{
  g_string_append_printf (log->told, "%s ", avi_message_get_text (message));
}

static void
log_publish_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Log *log = user_data;

  g_assert_cmpint (avi_device_publish_finish (AVI_DEVICE (source), result, NULL), ==, 0);
  g_string_append (log->told, "published ");
}

static void
publish_local (AviDevice *device, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;

  avi_device_publish_full (device, topic, data, AVI_PUBLISH_LOCAL, &error);
  g_assert_no_error (error);
}

static void
test_order (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GString) told = g_string_new (NULL);
  g_autoptr(GBytes) data = g_bytes_new_static ("b", 1);
  Log log = { device, told };

  g_signal_connect (device, "started", G_CALLBACK (log_started), &log);
  g_signal_connect (subscription, "message", G_CALLBACK (log_message), &log);
  avi_device_start_async (device, NULL, log_start_done, &log);
  wait_until (told->len > 15);
  publish_local (device, "x", "a");
  avi_device_publish_async (device, "x", data, AVI_PUBLISH_LOCAL, NULL, log_publish_done, &log);
  publish_local (device, "x", "c");
  wait_until (g_str_has_suffix (told->str, "c "));
  g_assert_cmpstr (told->str, ==, "started start-done a b published c ");
}

/* A call that is made and answered within one iteration of the context must not be told behind
 * what came after it. */
static gboolean
publish_from_idle (gpointer user_data)
{
  Log *log = user_data;
  g_autoptr(GBytes) data = g_bytes_new_static ("b", 1);

  publish_local (log->device, "x", "a");
  avi_device_publish_async (log->device, "x", data, AVI_PUBLISH_LOCAL, NULL, log_publish_done, log);
  publish_local (log->device, "x", "c");
  /* Long enough for the answer to be there before this iteration looks at the device. */
  g_usleep (20000);
  return G_SOURCE_REMOVE;
}

static void
test_order_in_one_iteration (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GString) told = g_string_new (NULL);
  Log log = { device, told };

  settle ();
  g_signal_connect (subscription, "message", G_CALLBACK (log_message), &log);
  g_idle_add_full (G_PRIORITY_HIGH, publish_from_idle, &log, NULL);
  wait_until (g_str_has_suffix (told->str, "c "));
  g_assert_cmpstr (told->str, ==, "a b published c ");
}

static guint n_wakeups;

static int
count_polls (GPollFD *fds, guint n, int timeout)
{
  n_wakeups++;
  return g_poll (fds, n, timeout);
}

static void
test_few_wakeups (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GBytes) data = g_bytes_new_static ("text", 4);
  guint n_messages = 0;

  settle ();
  g_signal_connect_swapped (subscription, "message", G_CALLBACK (count), &n_messages);
  for (guint i = 0; i < 998; i++)
    publish_local (device, "x", "text");
  /* Answered after all of these were taken. */
  g_assert_cmpint (avi_device_publish_sync (device, "x", data, AVI_PUBLISH_LOCAL, NULL, NULL), ==, 0);
  n_wakeups = 0;
  g_main_context_set_poll_func (NULL, count_polls);
  wait_until (n_messages == 999);
  g_main_context_set_poll_func (NULL, NULL);
  g_test_message ("%u wake-ups", n_wakeups);
  g_assert_cmpuint (n_wakeups, <, 20);
}

/* --- what handlers may do --- */

static gboolean dropped;

static void
on_device_gone (gpointer user_data, GObject *where)
{
  dropped = TRUE;
}

static void
drop_device (AviSubscription *subscription, AviMessage *message, AviDevice **device)
{
  g_assert_nonnull (*device);
  g_clear_object (device);
}

static void
test_drop_in_handler (void)
{
  AviDevice *device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  guint n_device = 0, n_other = 0;

  g_object_unref (connect_devices (device, other));
  settle ();
  dropped = FALSE;
  g_object_weak_ref (G_OBJECT (device), on_device_gone, NULL);
  g_signal_connect (subscription, "message", G_CALLBACK (drop_device), &device);
  g_signal_connect_swapped (other, "peer-disconnected", G_CALLBACK (count), &n_other);
  g_signal_connect_swapped (device, "stopped", G_CALLBACK (count), &n_device);
  /* The handler of the first drops the device: the others are told to nobody. */
  for (guint i = 0; i < 10; i++)
    publish_local (device, "x", "text");
  wait_until (dropped);
  wait_until (n_other == 1);
  settle ();
  g_assert_cmpuint (n_device, ==, 0);
}

static void
cancel_subscription (AviSubscription *subscription, AviMessage *message, guint *n)
{
  (*n)++;
  avi_subscription_cancel (subscription);
}

static void
test_cancel_in_handler (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  AviSubscription *subscription = subscribe (device, "x");
  g_autoptr(AviSubscription) other = subscribe (device, "x");
  guint n = 0, n_other = 0;

  g_signal_connect (subscription, "message", G_CALLBACK (cancel_subscription), &n);
  g_signal_connect_swapped (other, "message", G_CALLBACK (count), &n_other);
  g_object_add_weak_pointer (G_OBJECT (subscription), (gpointer *) &subscription);
  g_object_unref (subscription);
  g_assert_nonnull (subscription);
  for (guint i = 0; i < 3; i++)
    publish_local (device, "x", "text");
  wait_until (n_other == 3);
  g_assert_cmpuint (n, ==, 1);
  g_assert_null (subscription);
}

static void
stop_in_handler (AviSubscription *subscription, AviMessage *message, guint *n)
{
  g_autoptr(AviDevice) device = g_object_ref (g_object_get_data (G_OBJECT (subscription), "device"));

  if ((*n)++ == 0)
    {
      stop_device (device);
      g_assert_cmpint (avi_device_get_state (device), ==, AVI_DEVICE_STATE_STOPPED);
    }
}

static void
test_stop_in_handler (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  guint n = 0, n_stopped = 0;

  g_object_set_data (G_OBJECT (subscription), "device", device);
  g_signal_connect (subscription, "message", G_CALLBACK (stop_in_handler), &n);
  g_signal_connect_swapped (device, "stopped", G_CALLBACK (count), &n_stopped);
  for (guint i = 0; i < 3; i++)
    publish_local (device, "x", "text");
  wait_until (n_stopped == 1);
  /* What had happened before is told before. */
  g_assert_cmpuint (n, ==, 3);
}

typedef struct
{
  GString *told;
  guint    depth;
  guint    n;
} Nested;

static void
iterate_in_handler (AviSubscription *subscription, AviMessage *message, Nested *self)
{
  guint n = self->n + 1;

  g_string_append (self->told, avi_message_get_text (message));
  self->n = n;
  self->depth++;
  /* The first handler waits for the second message, and so on: each is told once, in order. */
  if (n < 300)
    wait_until (self->n > n);
  self->depth--;
}

static void
test_iterate_in_handler (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GString) expected = g_string_new (NULL);
  g_autoptr(GString) told = g_string_new (NULL);
  Nested nested = { .told = told };

  g_signal_connect (subscription, "message", G_CALLBACK (iterate_in_handler), &nested);
  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u ", i);

      g_string_append (expected, text);
      publish_local (device, "x", text);
    }
  wait_until (nested.n == 300 && nested.depth == 0);
  g_assert_cmpstr (told->str, ==, expected->str);
}

static void
start_again (AviDevice *device, GError *error, guint *n)
{
  if ((*n)++ < 3)
    avi_device_start_async (device, NULL, NULL, NULL);
}

static void
stop_again (AviDevice *device, gpointer user_data)
{
  avi_device_stop_async (device, NULL, NULL, NULL);
}

static void
test_restart_in_handler (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  guint n_stopped = 0, n_started = 0;

  g_signal_connect (device, "started", G_CALLBACK (stop_again), NULL);
  g_signal_connect_swapped (device, "started", G_CALLBACK (count), &n_started);
  g_signal_connect (device, "stopped", G_CALLBACK (start_again), &n_stopped);
  wait_until (n_stopped == 4);
  g_assert_cmpuint (n_started, ==, 4);
}

/* --- peers --- */

static void
on_items_changed (GListModel *peers, guint position, guint removed, guint added, GString *told)
{
  g_string_append_printf (told, "-%u+%u ", removed, added);
}

static void
on_peer_signal (AviDevice *device, AviPeer *peer, GString *told)
{
  GListModel *peers = avi_device_get_peers (device);
  g_autoptr(AviPeer) first = g_list_model_get_item (peers, 0);

  g_assert_true (first == peer);
  g_string_append (told, avi_peer_get_connected (peer) ? "yes " : "no ");
}

static void
test_peers (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  GListModel *peers = avi_device_get_peers (device);
  g_autoptr(GString) told = g_string_new (NULL);
  g_autoptr(AviPeer) dialled = NULL;
  g_autoptr(AviPeer) listed = NULL;
  g_autofree char *name = NULL;
  guint n_connected = 0;

  settle ();
  g_signal_connect (peers, "items-changed", G_CALLBACK (on_items_changed), told);
  g_signal_connect (device, "peer-discovered", G_CALLBACK (on_peer_signal), told);
  g_signal_connect (device, "peer-connected", G_CALLBACK (on_peer_signal), told);
  g_signal_connect (device, "peer-disconnected", G_CALLBACK (on_peer_signal), told);
  dialled = connect_devices (device, other);
  g_signal_connect_swapped (dialled, "notify::connected", G_CALLBACK (count), &n_connected);
  /* Nothing changes in a call. */
  g_assert_cmpuint (g_list_model_get_n_items (peers), ==, 0);

  wait_until (g_str_has_suffix (told->str, "yes yes "));
  g_assert_cmpuint (g_list_model_get_n_items (peers), ==, 1);
  listed = g_list_model_get_item (peers, 0);
  g_assert_true (listed == dialled);
  g_assert_cmpstr (told->str, ==, "-0+1 yes yes ");

  stop_device (other);
  wait_until (g_str_has_suffix (told->str, "no "));
  g_assert_cmpstr (told->str, ==, "-0+1 yes yes no ");
  g_assert_cmpuint (n_connected, ==, 1);
  g_assert_null (avi_peer_dup_since (dialled));
  name = avi_peer_dup_name (dialled);
  g_assert_cmpstr (name, ==, "bedroom");
}

static void
test_return (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) other = start_device ("bedroom");
  g_autoptr(AviPeer) peer = connect_devices (device, other);
  guint n_disconnected = 0, n_connected = 0;

  settle ();
  g_signal_connect_swapped (device, "peer-disconnected", G_CALLBACK (count), &n_disconnected);
  g_signal_connect_swapped (device, "peer-connected", G_CALLBACK (count), &n_connected);
  stop_device (other);
  g_assert_true (avi_device_start (other, NULL, NULL));
  g_object_unref (connect_devices (other, device));
  /* Both stay visible, though they may have happened before anybody looked. */
  wait_until (n_disconnected == 1 && n_connected == 1);
  g_assert_true (avi_peer_get_connected (peer));
}

static void
test_two_devices_of_a_user (void)
{
  g_autoptr(AviDevice) device = new_device ("kitchen");
  g_autoptr(AviDevice) other = new_device ("bedroom");
  guint n_discovered = 0, n_connected = 0;

  g_signal_connect_swapped (device, "peer-discovered", G_CALLBACK (count), &n_discovered);
  g_signal_connect_swapped (device, "peer-connected", G_CALLBACK (count), &n_connected);
  avi_device_set_enable_local (device, TRUE);
  avi_device_set_enable_local (other, TRUE);
  g_assert_true (avi_device_start (device, NULL, NULL));
  g_assert_true (avi_device_start (other, NULL, NULL));
  wait_until (n_connected == 1);
  g_assert_cmpuint (n_discovered, ==, 1);
}

/* --- one key, two nodes --- */

typedef struct
{
  char *id;
  char *file;
  guint n_addresses;
  guint n;
} Conflict;

static void
conflict_clear (Conflict *conflict)
{
  g_free (conflict->id);
  g_free (conflict->file);
}

static void
on_conflict (AviDevice         *device,
             const char        *id,
             const char *const *addresses,
             const char        *file,
             Conflict          *conflict)
{
  conflict_clear (conflict);
  conflict->id = g_strdup (id);
  conflict->file = g_strdup (file);
  conflict->n_addresses = g_strv_length ((char **) addresses);
  conflict->n++;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Conflict, conflict_clear)

static AviDevice *
start_with_identity (const char *name, AviIdentity *identity)
{
  AviDevice *device = new_device (name);
  g_autoptr(GError) error = NULL;

  avi_device_set_identity (device, identity);
  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  return device;
}

static void
test_peers_conflict (void)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviDevice) original = start_with_identity ("original", identity);
  g_autoptr(AviDevice) copy = start_with_identity ("copy", identity);
  g_autoptr(AviPeer) peer = connect_devices (device, original);
  g_autofree char *address = first_address (device);
  g_auto(Conflict) conflict = { NULL };

  g_signal_connect (device, "identity-conflict", G_CALLBACK (on_conflict), &conflict);
  avi_device_dial_async (copy, address, NULL, NULL, NULL);
  wait_until (conflict.n == 1);
  g_assert_cmpstr (conflict.id, ==, avi_identity_get_peer_id (identity));
  g_assert_cmpuint (conflict.n_addresses, ==, 2);
  g_assert_null (conflict.file);
  /* The older one stays. */
  g_assert_true (avi_peer_get_connected (peer));
}

static void
test_own_conflict (void)
{
  g_autofree char *folder = g_dir_make_tmp ("avi-conflict-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "key", NULL);
  g_autoptr(AviIdentity) identity = avi_identity_load_or_create (file, NULL);
  g_autoptr(AviDevice) device = start_with_identity ("original", identity);
  g_autoptr(AviDevice) copy = start_with_identity ("copy", identity);
  g_autofree char *address = first_address (copy);
  g_auto(Conflict) conflict = { NULL };

  g_signal_connect (device, "identity-conflict", G_CALLBACK (on_conflict), &conflict);
  *strstr (address, "/p2p/") = '\0';
  avi_device_dial_async (device, address, NULL, NULL, NULL);
  wait_until (conflict.n == 1);
  g_assert_cmpstr (conflict.id, ==, avi_identity_get_peer_id (identity));
  g_assert_cmpuint (conflict.n_addresses, >=, 1);
  g_assert_cmpstr (conflict.file, ==, file);
  stop_device (device);
  stop_device (copy);
  remove_folder (folder);
}

/* --- contexts --- */

static gpointer
run_device (gpointer user_data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  guint n_started = 0;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(AviDevice) device = new_device ("kitchen");

    g_signal_connect_swapped (device, "started", G_CALLBACK (count), &n_started);
    avi_device_start_async (device, NULL, NULL, NULL);
    while (n_started == 0)
      g_main_context_iteration (context, TRUE);
  }
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_own_context (void)
{
  g_thread_join (g_thread_new (NULL, run_device, NULL));
  settle ();
}

int
main (int argc, char **argv)
{
  g_autofree char *runtime = g_dir_make_tmp ("avi-events-XXXXXX", NULL);
  int status;

  /* Local discovery looks here. */
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-events/what happened first is told first", test_order);
  g_test_add_func ("/device-events/so it is within one iteration of the context", test_order_in_one_iteration);
  g_test_add_func ("/device-events/a thousand events cost a few wake-ups", test_few_wakeups);
  g_test_add_func ("/device-events/a handler may drop the device", test_drop_in_handler);
  g_test_add_func ("/device-events/a handler may cancel its subscription", test_cancel_in_handler);
  g_test_add_func ("/device-events/a handler may stop the device", test_stop_in_handler);
  g_test_add_func ("/device-events/a handler may iterate the context", test_iterate_in_handler);
  g_test_add_func ("/device-events/handlers may start and stop the device", test_restart_in_handler);
  g_test_add_func ("/device-events/peers are listed from their discovery on", test_peers);
  g_test_add_func ("/device-events/a peer that goes and returns is told to have done both", test_return);
  g_test_add_func ("/device-events/two devices of a user find each other", test_two_devices_of_a_user);
  g_test_add_func ("/device-events/two nodes with one key are told of, with their addresses", test_peers_conflict);
  g_test_add_func ("/device-events/another node with the device's own key is told of, with the file",
                   test_own_conflict);
  g_test_add_func ("/device-events/a device tells in the context that it was made in", test_own_context);
  status = g_test_run ();
  remove_folder (runtime);
  return status;
}
