/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node that publishes numbered messages at a rate, and counts whose numbers it heard, and which not. It obeys lines
 * on standard input and answers with lines; `soak` drives three of them. It decides nothing.
 *
 * Commands: `dial ADDRESS`, `wait PEERS` (until as many subscribe), `go RATE` (messages a second), `halt`, `report`,
 * `quit`. Events: `peer-id ID`, `listening ADDRESS`, `connected ID`, `subscribers PEERS`, `report SENT HEARD MISSING
 * AGAIN`, `error TEXT`.
 */
#include <avi.h>
#include <gio/gunixinputstream.h>
#include <unistd.h>

#define TOPIC "soak"
#define SIZE  64 /* bytes of a message, which begins with its number */
#define TICK  5  /* ms between two bursts */

typedef struct
{
  GMainLoop        *loop;
  GDataInputStream *input;
  AviDevice        *device;
  AviSubscription  *subscription;
  GHashTable       *authors; /* peer id → guint64, the number that comes next */
  guint64           n_sent;
  guint64           n_heard;
  guint64           n_missing;
  guint64           n_again; /* or too late */
  double            rate;    /* messages a second */
  guint64           n_before; /* sent when it was told to go, */
  gint64            started;  /* which was then, in µs */
  guint             ticking;  /* a source; 0: it publishes nothing */
} Node;

static void
node_clear (Node *self)
{
  g_clear_handle_id (&self->ticking, g_source_remove);
  if (self->device != NULL)
    avi_device_stop (self->device, NULL, NULL);
  g_clear_object (&self->subscription);
  g_clear_object (&self->device);
  g_clear_object (&self->input);
  g_clear_pointer (&self->authors, g_hash_table_unref);
  g_clear_pointer (&self->loop, g_main_loop_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Node, node_clear)

static void
on_message (AviSubscription *subscription, AviMessage *message, Node *self)
{
  const char *from = avi_message_get_from (message);
  guint64 *next = g_hash_table_lookup (self->authors, from);
  guint64 number;

  g_return_if_fail (g_bytes_get_size (avi_message_get_data (message)) == SIZE);
  memcpy (&number, g_bytes_get_data (avi_message_get_data (message), NULL), sizeof number);
  number = GUINT64_FROM_BE (number);
  if (next == NULL)
    {
      next = g_new0 (guint64, 1);
      g_hash_table_insert (self->authors, g_strdup (from), next);
    }
  self->n_heard++;
  if (number < *next)
    {
      self->n_again++;
      return;
    }
  self->n_missing += number - *next;
  *next = number + 1;
}

/* FALSE: there is no room, and it is to be tried again. */
static gboolean
publish_next (Node *self)
{
  guint64 bytes[SIZE / sizeof (guint64)] = { GUINT64_TO_BE (self->n_sent) };
  g_autoptr(GBytes) data = g_bytes_new (bytes, sizeof bytes);
  g_autoptr(GError) error = NULL;

  if (avi_device_publish (self->device, TOPIC, data, &error) >= 0)
    {
      self->n_sent++;
      return TRUE;
    }
  if (!g_error_matches (error, AVI_ERROR, AVI_ERROR_LIMIT))
    g_print ("error publish: %s\n", error->message);
  return FALSE;
}

static gboolean
on_tick (gpointer user_data)
{
  Node *self = user_data;
  double elapsed = (g_get_monotonic_time () - self->started) / (double) G_USEC_PER_SEC;
  guint64 due = self->n_before + (guint64) (elapsed * self->rate);

  while (self->n_sent < due && publish_next (self))
    ;
  return G_SOURCE_CONTINUE;
}

static void
on_dialled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AviPeer) peer = avi_device_dial_finish (AVI_DEVICE (source), result, &error);

  if (peer == NULL)
    g_print ("error dial: %s\n", error->message);
}

static void
on_subscribers (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;

  if (avi_device_wait_for_subscribers_finish (AVI_DEVICE (source), result, &error))
    g_print ("subscribers %u\n", GPOINTER_TO_UINT (user_data));
  else
    g_print ("error wait: %s\n", error->message);
}

static void
go (Node *self, double rate)
{
  self->rate = rate;
  self->n_before = self->n_sent;
  self->started = g_get_monotonic_time ();
  if (self->ticking == 0)
    self->ticking = g_timeout_add (TICK, on_tick, self);
}

static void
obey (Node *self, const char *verb, const char *word)
{
  guint number = (guint) g_ascii_strtoull (word, NULL, 10);

  if (g_str_equal (verb, "dial"))
    avi_device_dial_async (self->device, word, NULL, on_dialled, NULL);
  else if (g_str_equal (verb, "wait"))
    avi_device_wait_for_subscribers_async (self->device, TOPIC, number, NULL, on_subscribers,
                                           GUINT_TO_POINTER (number));
  else if (g_str_equal (verb, "go"))
    go (self, g_ascii_strtod (word, NULL));
  else if (g_str_equal (verb, "halt"))
    g_clear_handle_id (&self->ticking, g_source_remove);
  else if (g_str_equal (verb, "report"))
    g_print ("report %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
             self->n_sent, self->n_heard, self->n_missing, self->n_again);
  else
    g_print ("error %s: no such command\n", verb);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Node *self = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, NULL, NULL);
  g_auto(GStrv) words = NULL;

  if (line == NULL || g_str_equal (line, "quit"))
    {
      g_main_loop_quit (self->loop);
      return;
    }
  words = g_strsplit (line, " ", 2);
  obey (self, words[0] != NULL ? words[0] : "", words[0] != NULL && words[1] != NULL ? words[1] : "");
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

static void
on_peer_connected (AviDevice *device, AviPeer *peer, gpointer user_data)
{
  g_print ("connected %s\n", avi_peer_get_id (peer));
}

static gboolean
start (Node *self, GError **error)
{
  static const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  g_auto(GStrv) addresses = NULL;
  g_autofree char *peer_id = NULL;

  self->device = avi_device_new ("soak");
  g_object_set (self->device, "listen-addresses", loopback, "enable-mdns", FALSE, "enable-local", FALSE, NULL);
  g_signal_connect (self->device, "peer-connected", G_CALLBACK (on_peer_connected), NULL);
  self->subscription = avi_device_subscribe (self->device, TOPIC, error);
  if (self->subscription == NULL)
    return FALSE;
  g_signal_connect (self->subscription, "message", G_CALLBACK (on_message), self);
  if (!avi_device_start (self->device, NULL, error))
    return FALSE;
  peer_id = avi_device_dup_peer_id (self->device);
  addresses = avi_device_dup_addresses (self->device);
  g_print ("peer-id %s\nlistening %s/p2p/%s\n", peer_id, addresses[0], peer_id);
  return TRUE;
}

int
main (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GInputStream) raw_input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_auto(Node) node = {
    .loop = g_main_loop_new (NULL, FALSE),
    .input = g_data_input_stream_new (raw_input),
    .authors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
  };

  if (!start (&node, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_data_input_stream_read_line_async (node.input, G_PRIORITY_DEFAULT, NULL, on_line, &node);
  g_main_loop_run (node.loop);
  return 0;
}
