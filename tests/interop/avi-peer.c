/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node on Avi's public interface that obeys lines, as the peers of other implementations do:
 * peers/README.md has the options, commands and events. The tests drive it; it decides nothing. With
 * AVI_TEST_UNTHREADED in the environment its engine runs in the main thread.
 */
#include <avi.h>
#include <gio/gunixinputstream.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "avi-peer-streams.h"

#define MAX_SHOWN 256 /* bytes of a message that are printed as they are */

typedef struct
{
  GMainLoop *loop;
  AviDevice *device;
  GDataInputStream *input;
  GHashTable *subscriptions; /* topic → AviSubscription */
} Node;

typedef struct
{
  gint64 seed;
  char *agent;
  char **listen;
  char **bootstrap;
  char **dial;
  char **subscribe;
  char **param;
  gboolean no_sign;
  gboolean mdns;
  gboolean local;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->agent);
  g_strfreev (options->listen);
  g_strfreev (options->bootstrap);
  g_strfreev (options->dial);
  g_strfreev (options->subscribe);
  g_strfreev (options->param);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

G_GNUC_PRINTF (1, 2)
static void
tell (const char *format, ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  g_print ("%s\n", g_strdelimit (line, "\n", ' '));
}

/* One field of an event. */
static char *
field (const char *text)
{
  return text == NULL || *text == '\0' ? g_strdup ("-") : g_strdelimit (g_strdup (text), " \t\n", '_');
}

static char *
shown (GBytes *data)
{
  g_autofree char *hash = NULL;

  if (g_bytes_get_size (data) == 0)
    return g_strdup ("");
  if (g_bytes_get_size (data) <= MAX_SHOWN)
    return g_strndup (g_bytes_get_data (data, NULL), g_bytes_get_size (data));
  hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, data);
  return g_strdup_printf ("%" G_GSIZE_FORMAT "-bytes:%s", g_bytes_get_size (data), hash);
}

static void
on_message (AviSubscription *subscription, AviMessage *message, gpointer user_data)
{
  g_autofree char *text = shown (avi_message_get_data (message));
  const char *from = avi_message_get_from (message);

  tell ("message %s %s %s", avi_message_get_topic (message), from != NULL ? from : "-", text);
}

static void
on_identified (AviPeer *peer, GParamSpec *pspec, gpointer user_data)
{
  g_autofree char *agent = avi_peer_dup_agent (peer);
  g_auto(GStrv) protocols = avi_peer_dup_protocols (peer);
  g_autofree char *agent_field = field (agent);
  g_autofree char *joined = NULL;
  g_autofree char *protocols_field = NULL;

  if (protocols == NULL || protocols[0] == NULL)
    return;
  joined = g_strjoinv (",", protocols);
  protocols_field = field (joined);
  tell ("identified %s %s - %s", avi_peer_get_id (peer), agent_field, protocols_field);
}

static void
on_addresses (AviPeer *peer, GParamSpec *pspec, gpointer user_data)
{
  g_auto(GStrv) addresses = avi_peer_dup_addresses (peer);
  g_autofree char *joined = addresses != NULL ? g_strjoinv (",", addresses) : NULL;
  g_autofree char *addresses_field = field (joined);

  tell ("addresses %s %s", avi_peer_get_id (peer), addresses_field);
}

static void
on_round_trip (AviPeer *peer, GParamSpec *pspec, gpointer user_data)
{
  if (avi_peer_get_round_trip (peer) >= 0)
    tell ("ping %s %" G_GINT64_FORMAT, avi_peer_get_id (peer), avi_peer_get_round_trip (peer));
}

static void
on_last_error (AviPeer *peer, GParamSpec *pspec, gpointer user_data)
{
  g_autofree char *error = avi_peer_dup_last_error (peer);

  if (error != NULL)
    tell ("last-error %s %s", avi_peer_get_id (peer), error);
}

static void
on_peer_connected (AviDevice *device, AviPeer *peer, gpointer user_data)
{
  tell ("connected %s", avi_peer_get_id (peer));
}

static void
on_peer_disconnected (AviDevice *device, AviPeer *peer, gpointer user_data)
{
  tell ("disconnected %s", avi_peer_get_id (peer));
}

static void
on_peer_discovered (AviDevice *device, AviPeer *peer, gpointer user_data)
{
  g_auto(GStrv) addresses = avi_peer_dup_addresses (peer);

  tell ("discovered %s %s", avi_peer_get_id (peer),
        addresses != NULL && addresses[0] != NULL ? addresses[0] : "-");
}

/* Every peer is in the list before anything is told of it. */
static void
on_peers_changed (GListModel *peers, guint position, guint removed, guint added, gpointer user_data)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr(AviPeer) peer = g_list_model_get_item (peers, i);

      g_signal_connect (peer, "notify::protocols", G_CALLBACK (on_identified), NULL);
      g_signal_connect (peer, "notify::addresses", G_CALLBACK (on_addresses), NULL);
      g_signal_connect (peer, "notify::round-trip", G_CALLBACK (on_round_trip), NULL);
      g_signal_connect (peer, "notify::last-error", G_CALLBACK (on_last_error), NULL);
      on_identified (peer, NULL, NULL);
      on_round_trip (peer, NULL, NULL);
    }
}

static void
on_dialled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AviPeer) peer = avi_device_dial_finish (AVI_DEVICE (source), result, &error);

  if (peer == NULL)
    tell ("error dial: %s", error->message);
}

static void
on_subscribers (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *wanted = user_data;
  g_autoptr(GError) error = NULL;

  if (avi_device_wait_for_subscribers_finish (AVI_DEVICE (source), result, &error))
    tell ("subscribers %s", wanted);
  else
    tell ("error wait: %s", error->message);
}

static gboolean
subscribe (Node *self, const char *topic, GError **error)
{
  AviSubscription *subscription = avi_device_subscribe (self->device, topic, error);

  if (subscription == NULL)
    return FALSE;
  g_signal_connect (subscription, "message", G_CALLBACK (on_message), NULL);
  g_hash_table_replace (self->subscriptions, g_strdup (topic), subscription);
  return TRUE;
}

static gboolean
publish (Node *self, const char *topic, GBytes *data, GError **error)
{
  if (avi_device_publish (self->device, topic, data, error) < 0)
    return FALSE;
  tell ("published %s", topic);
  return TRUE;
}

static void
on_published (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *topic = user_data;
  g_autoptr(GError) error = NULL;
  int n = avi_device_publish_finish (AVI_DEVICE (source), result, &error);

  if (n >= 0)
    tell ("sent %s %d", topic, n);
  else
    tell ("error publish-async: %s", error->message);
}

static void
publish_async (Node *self, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));

  avi_device_publish_async (self->device, topic, data, AVI_PUBLISH_NONE, NULL, on_published, g_strdup (topic));
}

static void
tell_count (Node *self, const char *name)
{
  g_autoptr(GVariant) statistics = avi_device_get_statistics (self->device);
  guint64 value;

  if (g_variant_lookup (statistics, name, "t", &value))
    tell ("count %s %" G_GUINT64_FORMAT, name, value);
  else
    tell ("error count %s: nothing of that name", name);
}

static GBytes *
bytes_of_x (const char *length)
{
  gsize n = g_ascii_strtoull (length, NULL, 10);
  char *data = g_malloc (n);

  memset (data, 'x', n);
  return g_bytes_new_take (data, n);
}

static gboolean
obey (Node *self, const char *line, GError **error)
{
  g_auto(GStrv) words = g_strsplit (line, " ", 3);
  guint n = g_strv_length (words);
  const char *verb = n > 0 ? words[0] : "";
  const char *first = n > 1 ? words[1] : "";
  const char *text = n > 2 ? words[2] : "";

  if (g_str_equal (verb, "dial"))
    avi_device_dial_async (self->device, first, NULL, on_dialled, NULL);
  else if (g_str_equal (verb, "discover"))
    avi_device_discover (self->device);
  else if (g_str_equal (verb, "subscribe"))
    return subscribe (self, first, error);
  else if (g_str_equal (verb, "unsubscribe"))
    {
      AviSubscription *subscription = g_hash_table_lookup (self->subscriptions, first);

      if (subscription != NULL)
        avi_subscription_cancel (subscription);
      g_hash_table_remove (self->subscriptions, first);
    }
  else if (g_str_equal (verb, "wait"))
    avi_device_wait_for_subscribers_async (self->device, first, (guint) atoi (text), NULL, on_subscribers,
                                           g_strdup_printf ("%s %s", first, text));
  else if (g_str_equal (verb, "publish"))
    {
      g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));

      return publish (self, first, data, error);
    }
  else if (g_str_equal (verb, "publish-async"))
    publish_async (self, first, text);
  else if (g_str_equal (verb, "perf") && strchr (text, ' ') != NULL)
    peer_streams_perf (self->device, first, g_ascii_strtoull (text, NULL, 10),
                       g_ascii_strtoull (strchr (text, ' '), NULL, 10));
  else if (g_str_equal (verb, "reset"))
    peer_streams_reset (self->device, first);
  else if (g_str_equal (verb, "count"))
    tell_count (self, first);
  else if (g_str_equal (verb, "publish-size"))
    {
      g_autoptr(GBytes) data = bytes_of_x (text);

      return publish (self, first, data, error);
    }
  else
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no command %s", verb);
      return FALSE;
    }
  return TRUE;
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, NULL, &error);

  if (line == NULL || g_str_equal (line, "quit"))
    {
      g_main_loop_quit (self->loop);
      return;
    }
  if (!obey (self, line, &error))
    tell ("error %s: %s", line, error->message);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

/* The same key as the other peers make of that number. */
static AviIdentity *
identity_from_number (gint64 number, GError **error)
{
  guint64 text = GUINT64_TO_BE ((guint64) number);
  g_autoptr(GChecksum) sha256 = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 seed[32];
  gsize n = sizeof seed;
  g_autoptr(GBytes) bytes = NULL;

  g_checksum_update (sha256, (const guchar *) &text, sizeof text);
  g_checksum_get_digest (sha256, seed, &n);
  bytes = g_bytes_new (seed, n);
  return avi_identity_from_seed (bytes, error);
}

/* NAME=VALUE, each. */
static gboolean
set_params (AviDevice *device, char **texts, GError **error)
{
  g_autoptr(AviPubsubParams) params = avi_device_dup_pubsub_params (device);

  for (char **text = texts; *text != NULL; text++)
    {
      const char *value = strchr (*text, '=');
      g_autofree char *name = value != NULL ? g_strndup (*text, (gsize) (value - *text)) : g_strdup (*text);

      if (!avi_pubsub_params_set_number (params, name, value != NULL ? g_ascii_strtod (value + 1, NULL) : NAN, error))
        return FALSE;
    }
  avi_device_set_pubsub_params (device, params);
  return TRUE;
}

static AviDevice *
make_device (const Options *options, GError **error)
{
  const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  g_autoptr(AviDevice) device = avi_device_new (options->agent != NULL ? options->agent : "avi-peer");

  if (options->seed >= 0)
    {
      g_autoptr(AviIdentity) identity = identity_from_number (options->seed, error);

      if (identity == NULL)
        return NULL;
      avi_device_set_identity (device, identity);
    }
  avi_device_set_listen_addresses (device, options->listen != NULL ? (const char *const *) options->listen : loopback);
  if (options->bootstrap != NULL)
    avi_device_set_bootstrap_peers (device, (const char *const *) options->bootstrap);
  avi_device_set_threaded (device, g_getenv ("AVI_TEST_UNTHREADED") == NULL);
  avi_device_set_enable_mdns (device, options->mdns);
  avi_device_set_enable_local (device, options->local);
  if (options->param != NULL && !set_params (device, options->param, error))
    return NULL;
  peer_streams_serve (device);
  return g_steal_pointer (&device);
}

static void
connect_device (AviDevice *device)
{
  g_signal_connect (device, "peer-connected", G_CALLBACK (on_peer_connected), NULL);
  g_signal_connect (device, "peer-disconnected", G_CALLBACK (on_peer_disconnected), NULL);
  g_signal_connect (device, "peer-discovered", G_CALLBACK (on_peer_discovered), NULL);
  g_signal_connect (avi_device_get_peers (device), "items-changed", G_CALLBACK (on_peers_changed), NULL);
}

static gboolean
start (Node *self, const Options *options, GError **error)
{
  g_autofree char *peer_id = avi_device_dup_peer_id (self->device);
  g_auto(GStrv) addresses = NULL;

  tell ("peer-id %s", peer_id);
  for (char **topic = options->subscribe; topic != NULL && *topic != NULL; topic++)
    if ((options->no_sign && !avi_device_set_topic_policy (self->device, *topic, AVI_TOPIC_POLICY_UNSIGNED, error))
        || !subscribe (self, *topic, error))
      return FALSE;
  if (!avi_device_start (self->device, NULL, error))
    return FALSE;
  addresses = avi_device_dup_addresses (self->device);
  for (char **address = addresses; *address != NULL; address++)
    tell ("listening %s%s%s", *address, strstr (*address, "/p2p/") != NULL ? "" : "/p2p/",
          strstr (*address, "/p2p/") != NULL ? "" : peer_id);
  for (char **address = options->dial; address != NULL && *address != NULL; address++)
    avi_device_dial_async (self->device, *address, NULL, on_dialled, NULL);
  return TRUE;
}

static gboolean
parse_options (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options->seed, "The number that the key follows from", "N" },
    { "agent", 0, 0, G_OPTION_ARG_STRING, &options->agent, "The node's name", "NAME" },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->listen, "Where to listen", "ADDRESS" },
    { "bootstrap", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->bootstrap, "Whom to know for ever", "ADDRESS" },
    { "dial", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->dial, "Whom to dial at once", "ADDRESS" },
    { "subscribe", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->subscribe, "What to hear", "TOPIC" },
    { "no-sign", 0, 0, G_OPTION_ARG_NONE, &options->no_sign, "Messages of these topics are not signed", NULL },
    { "param", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->param, "A number of pub/sub", "NAME=VALUE" },
    { "mdns", 0, 0, G_OPTION_ARG_NONE, &options->mdns, "Look and be found by mDNS", NULL },
    { "local", 0, 0, G_OPTION_ARG_NONE, &options->local, "Look and be found on this machine", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  return g_option_context_parse (context, argc, argv, error);
}

int
main (int argc, char **argv)
{
  g_auto(Options) options = { .seed = -1 };
  g_autoptr(GInputStream) raw_input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (raw_input);
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GHashTable) subscriptions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  g_autoptr(AviDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  Node node = { .loop = loop, .input = input, .subscriptions = subscriptions };

  if (!parse_options (&options, &argc, &argv, &error) || (device = make_device (&options, &error)) == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  node.device = device;
  connect_device (device);
  if (!start (&node, &options, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, &node);
  g_main_loop_run (loop);
  avi_device_stop (device, NULL, NULL);
  return 0;
}
