/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A device that shows what happens on the mesh, and a chat: a line typed here is printed by all
 * the others. simple-node.py and simple-node.js do the same.
 *
 * Each event is one line on standard output, its first word says which. The format is stable; a
 * program may read it (lines that begin with # are for people):
 *
 *   started ID ADDRESS…             it runs; where others can reach it
 *   addresses ADDRESS…              that has changed
 *   discovery TEXT                  how finding others goes, and what is in the way
 *   peer-discovered ID NAME
 *   peer-connected ID NAME
 *   peer-disconnected ID NAME       (“: CAUSE” follows where it is known)
 *   identity-conflict ID ADDRESS…   two nodes have one key
 *   message TOPIC NAME: TEXT
 *   published N                     the line was sent to N peers
 *   peer ID NAME connected|known    an answer to /peers
 *   error WHAT: TEXT
 *   stopped                         (“: CAUSE” follows where it was not asked for)
 *
 * NAME is followed by the end of the id in parentheses where another node has the same name.
 *
 * Lines on standard input are published, but for those that begin with a slash: the commands /peers,
 * /dial ADDRESS and /quit. Of a line that begins with two slashes all but the first is published. The
 * input's end ends nothing; SIGINT and SIGTERM do, and a second one does not wait for goodbyes.
 */
#include <locale.h>
#include <stdio.h>

#include <avi.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>

typedef struct
{
  GMainLoop        *loop;
  AviDevice        *device;
  GDataInputStream *input;
  GCancellable     *goodbye; /* cancelled where it is not to be waited for */
  const char       *topic;
  gboolean          started;
  gboolean          stopping;
} Node;

/* What others sent must not steer this terminal. */
static char *
printable (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_string_append_unichar (out, c == '\n' || c == '\t' ? ' ' : g_unichar_isprint (c) ? c : 0xfffd);
    }
  return g_string_free (out, FALSE);
}

static void say (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
say (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  line = printable (text);
  printf ("%s\n", line);
  fflush (stdout);
}

static void
say_addresses (const char *event, AviDevice *device)
{
  g_auto(GStrv) addresses = avi_device_dup_addresses (device);
  g_autofree char *text = g_strjoinv (" ", addresses);

  say ("%s%s%s", event, *text != '\0' ? " " : "", text);
}

/* A name is a label, which others may bear too: then the end of the id tells them apart. */
static char *
label_of (Node *self, AviPeer *peer)
{
  GListModel *peers = avi_device_get_peers (self->device);
  g_autofree char *name = avi_peer_dup_name (peer);
  g_autofree char *own_name = avi_device_dup_node_name (self->device);
  gboolean is_double = g_str_equal (name, own_name);
  const char *id = avi_peer_get_id (peer);

  for (guint i = 0; !is_double && i < g_list_model_get_n_items (peers); i++)
    {
      g_autoptr(AviPeer) other = g_list_model_get_item (peers, i);
      g_autofree char *other_name = avi_peer_dup_name (other);

      is_double = other != peer && g_str_equal (name, other_name);
    }
  return is_double ? g_strdup_printf ("%s (…%s)", name, id + MAX (strlen (id), 8) - 8) : g_steal_pointer (&name);
}

static void
say_peer (Node *self, const char *event, AviPeer *peer, const char *more)
{
  g_autofree char *label = label_of (self, peer);

  say ("%s %s %s%s", event, avi_peer_get_id (peer), label, more);
}

/* --- what the device tells --- */

static void
on_started (AviDevice *device, Node *self)
{
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autofree char *name = avi_device_dup_node_name (device);
  g_autofree char *event = g_strdup_printf ("started %s", id);

  self->started = TRUE;
  say_addresses (event, device);
  say ("# This is “%s”. Type a line to send it to all who listen to “%s”; /peers lists them, /quit ends.", name,
       self->topic);
}

static void
on_addresses (AviDevice *device, GParamSpec *pspec, Node *self)
{
  if (self->started && !self->stopping)
    say_addresses ("addresses", device);
}

static void
on_discovery_status (AviDevice *device, GParamSpec *pspec, Node *self)
{
  g_autofree char *status = avi_device_dup_discovery_status (device);

  say ("discovery %s", status);
}

static void
on_peer_discovered (AviDevice *device, AviPeer *peer, Node *self)
{
  say_peer (self, "peer-discovered", peer, "");
}

static void
on_peer_connected (AviDevice *device, AviPeer *peer, Node *self)
{
  GListModel *peers = avi_device_get_peers (device);
  g_autoptr(GString) names = g_string_new (NULL);

  say_peer (self, "peer-connected", peer, "");
  for (guint i = 0; i < g_list_model_get_n_items (peers); i++)
    {
      g_autoptr(AviPeer) other = g_list_model_get_item (peers, i);
      g_autofree char *label = label_of (self, other);

      if (avi_peer_get_connected (other))
        g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", label);
    }
  say ("# Connected: %s", names->str);
}

static void
on_peer_disconnected (AviDevice *device, AviPeer *peer, Node *self)
{
  g_autofree char *cause = avi_peer_dup_last_error (peer);
  g_autofree char *more = g_strconcat (cause != NULL ? ": " : "", cause, NULL);

  say_peer (self, "peer-disconnected", peer, more);
}

static void
on_identity_conflict (AviDevice *device, const char *id, const char *const *addresses, const char *file, Node *self)
{
  g_autofree char *text = g_strjoinv (" ", (char **) addresses);

  say ("identity-conflict %s %s", id, text);
  if (file != NULL)
    say ("# Another node has the key of %s. Give one of the two a new identity.", file);
}

static char *
name_of (Node *self, const char *id)
{
  GListModel *peers = avi_device_get_peers (self->device);

  for (guint i = 0; i < g_list_model_get_n_items (peers); i++)
    {
      g_autoptr(AviPeer) peer = g_list_model_get_item (peers, i);

      if (g_strcmp0 (avi_peer_get_id (peer), id) == 0)
        return label_of (self, peer);
    }
  return g_strdup (id != NULL ? id : "somebody");
}

static void
on_message (AviSubscription *subscription, AviMessage *message, Node *self)
{
  g_autofree char *name = name_of (self, avi_message_get_from (message));
  const char *text = avi_message_get_text (message);

  if (text != NULL)
    say ("message %s %s: %s", avi_message_get_topic (message), name, text);
  else
    say ("message %s %s: (%" G_GSIZE_FORMAT " bytes)", avi_message_get_topic (message), name,
         g_bytes_get_size (avi_message_get_data (message)));
}

static void
on_stopped (AviDevice *device, GError *error, Node *self)
{
  say ("stopped%s%s", error != NULL ? ": " : "", error != NULL ? error->message : "");
  g_main_loop_quit (self->loop);
}

/* --- what the user asks for --- */

static void
stop (Node *self)
{
  if (self->stopping)
    g_cancellable_cancel (self->goodbye);
  else
    avi_device_stop_async (self->device, self->goodbye, NULL, NULL);
  self->stopping = TRUE;
}

static gboolean
on_signal (gpointer user_data)
{
  stop (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_dialled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AviPeer) peer = avi_device_dial_finish (AVI_DEVICE (source), result, &error);

  if (peer == NULL)
    say ("error dial: %s", error->message);
}

static void
list_peers (Node *self)
{
  GListModel *peers = avi_device_get_peers (self->device);
  guint n = g_list_model_get_n_items (peers);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr(AviPeer) peer = g_list_model_get_item (peers, i);

      say_peer (self, "peer", peer, avi_peer_get_connected (peer) ? " connected" : " known");
    }
  say ("# %u %s", n, n == 1 ? "peer" : "peers");
}

static void
on_published (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  int n = avi_device_publish_finish (AVI_DEVICE (source), result, &error);

  if (n >= 0)
    say ("published %d", n);
  else
    say ("error publish: %s", error->message);
}

static void
publish (Node *self, const char *line, gsize len)
{
  g_autoptr(GBytes) data = g_bytes_new (line, len);

  avi_device_publish_async (self->device, self->topic, data, AVI_PUBLISH_NONE, NULL, on_published, NULL);
}

/* What looks like a command and is none was hardly meant for everybody. */
static void
obey (Node *self, const char *command)
{
  const char *address = g_str_has_prefix (command, "/dial ") ? command + strlen ("/dial ") : "";

  if (g_str_equal (command, "/quit"))
    stop (self);
  else if (g_str_equal (command, "/peers"))
    list_peers (self);
  else if (address[strspn (address, " ")] != '\0')
    avi_device_dial_async (self->device, address, NULL, on_dialled, NULL);
  else
    {
      g_autofree char *text = g_utf8_make_valid (command, -1);

      say ("error command: what is “%s”? There are /peers, /dial ADDRESS and /quit; // begins a line with a slash",
           text);
    }
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(GError) error = NULL;
  gsize len;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, &len, &error);

  /* At its end, input is over; the node is not. */
  if (line == NULL)
    return;
  if (g_str_has_prefix (line, "//"))
    publish (self, line + 1, len - 1);
  else if (line[0] == '/')
    obey (self, line);
  else if (len > 0)
    publish (self, line, len);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

/* --- to begin with --- */

static gboolean
start (Node *self, GError **error)
{
  g_autoptr(AviSubscription) subscription = avi_device_subscribe (self->device, self->topic, error);

  if (subscription == NULL)
    return FALSE;
  g_signal_connect (subscription, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->device, "started", G_CALLBACK (on_started), self);
  g_signal_connect (self->device, "stopped", G_CALLBACK (on_stopped), self);
  g_signal_connect (self->device, "peer-discovered", G_CALLBACK (on_peer_discovered), self);
  g_signal_connect (self->device, "peer-connected", G_CALLBACK (on_peer_connected), self);
  g_signal_connect (self->device, "peer-disconnected", G_CALLBACK (on_peer_disconnected), self);
  g_signal_connect (self->device, "identity-conflict", G_CALLBACK (on_identity_conflict), self);
  g_signal_connect (self->device, "notify::addresses", G_CALLBACK (on_addresses), self);
  g_signal_connect (self->device, "notify::discovery-status", G_CALLBACK (on_discovery_status), self);
  return avi_device_start (self->device, NULL, error);
}

static gboolean
run (Node *self, const char *identity_file, const char *const *listen, const char *const *dial, GError **error)
{
  g_autoptr(GInputStream) stdin_stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);

  if (identity_file != NULL)
    {
      g_autoptr(AviIdentity) identity = avi_identity_load_or_create (identity_file, error);

      if (identity == NULL)
        return FALSE;
      avi_device_set_identity (self->device, identity);
    }
  if (listen != NULL)
    avi_device_set_listen_addresses (self->device, listen);
  if (!start (self, error))
    return FALSE;

  for (; dial != NULL && *dial != NULL; dial++)
    avi_device_dial_async (self->device, *dial, NULL, on_dialled, NULL);
  g_unix_signal_add (SIGINT, on_signal, self);
  g_unix_signal_add (SIGTERM, on_signal, self);
  self->input = g_data_input_stream_new (stdin_stream);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
  g_main_loop_run (self->loop);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *name = NULL, *topic = NULL, *identity = NULL;
  g_auto(GStrv) listen = NULL, dial = NULL;
  gboolean no_mdns = FALSE, no_local = FALSE, unthreaded = FALSE;
  const GOptionEntry options[] = {
    { "name", 0, 0, G_OPTION_ARG_STRING, &name, "What others call this node (default: the host's name)", "NAME" },
    { "topic", 0, 0, G_OPTION_ARG_STRING, &topic, "What to listen to, and to publish on (default: chat)", "TOPIC" },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &listen, "Where to listen (default: anywhere)", "MULTIADDR" },
    { "dial", 0, 0, G_OPTION_ARG_STRING_ARRAY, &dial, "Whom to connect to at once", "MULTIADDR" },
    { "identity", 0, 0, G_OPTION_ARG_FILENAME, &identity, "A file to keep the key in (default: a new key)", "FILE" },
    { "no-mdns", 0, 0, G_OPTION_ARG_NONE, &no_mdns, "Do not look for others on the LAN", NULL },
    { "no-local", 0, 0, G_OPTION_ARG_NONE, &no_local, "Do not look for others on this machine", NULL },
    { "unthreaded", 0, 0, G_OPTION_ARG_NONE, &unthreaded, "Run the network in the main thread", NULL },
    { NULL }
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("- a node of the mesh, and a chat");
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GCancellable) goodbye = g_cancellable_new ();
  g_autoptr(AviDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  Node self = { .loop = loop, .goodbye = goodbye };
  gboolean success;

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, options, NULL);
  success = g_option_context_parse (context, &argc, &argv, &error);
  if (success && argc > 1)
    {
      g_set_error (&error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "what is “%s”? See --help", argv[1]);
      success = FALSE;
    }
  if (success)
    {
      device = avi_device_new (name != NULL ? name : g_get_host_name ());
      g_object_set (device, "enable-mdns", !no_mdns, "enable-local", !no_local, "threaded", !unthreaded, NULL);
      self.device = device;
      self.topic = topic != NULL ? topic : "chat";
      success = run (&self, identity, (const char *const *) listen, (const char *const *) dial, &error);
    }
  if (!success)
    g_printerr ("simple-node: %s\n", error->message);
  g_clear_object (&self.input);
  return success ? 0 : 1;
}
