/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node on Avi's public interface to be measured, as the peers of other implementations are:
 * peers/README.md says what it is asked and answers. It decides nothing, and ends by itself.
 */
#include <avi.h>
#include <glib-unix.h>
#include <unistd.h>

#define PATIENCE        60           /* seconds until what does not come to its end is ended by SIGALRM */
#define RETRY           20           /* ms between two questions to one that may not hear yet */
#define ATTEMPTS        500
#define SETTLE          5            /* ms between a dial that does not count and one that does */
#define WINDOW_MESSAGES 512          /* under way at a time, of this number and */
#define WINDOW_BYTES    (2 << 20)    /* of these bytes the fewer */
#define MANY            4096u        /* more peers than any measurement has */

/* Where a node is to be found. */
typedef enum
{
  NOWHERE, /* by its address only */
  MACHINE,
  LAN
} Place;

typedef struct
{
  AviDevice       *device;
  AviSubscription *subscriptions[2];
  guint64          n_received; /* by the listener: messages of "bulk" */
  guint64          n_answers;  /* by the asker: messages of "answer" */
  guint64          n_acked;    /* the most that an "ack" said */
  gint64           connected;  /* when, in µs, a peer was told of; 0: not yet */
  gint64           identified; /* when the dial was answered */
  GError          *error;
} Node;

static void
node_clear (Node *self)
{
  if (self->device != NULL)
    avi_device_stop (self->device, NULL, NULL);
  g_clear_object (&self->subscriptions[0]);
  g_clear_object (&self->subscriptions[1]);
  g_clear_object (&self->device);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Node, node_clear)

static void
node_free (gpointer node)
{
  node_clear (node);
  g_free (node);
}

static gsize
window_of (gsize size)
{
  return CLAMP (WINDOW_BYTES / MAX (size, 1), 1, WINDOW_MESSAGES);
}

static void
result (const char *name, double value)
{
  g_print ("result %s %.3f\n", name, value);
}

/* --- a node --- */

/* With its key made, which is no part of any measurement. */
static void
node_init (Node *self, Place place)
{
  static const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  g_autoptr(AviIdentity) identity = avi_identity_generate ();

  self->device = avi_device_new ("bench");
  g_object_set (self->device, "identity", identity, "listen-addresses", place == LAN ? NULL : loopback, "enable-mdns",
                place == LAN, "enable-local", place == MACHINE, "max-peers", MANY, "max-connections", MANY,
                "max-connections-per-address", MANY, NULL);
}

static gboolean
node_subscribe (Node *self, guint slot, const char *topic, GCallback on_message, GError **error)
{
  self->subscriptions[slot] = avi_device_subscribe (self->device, topic, error);
  if (self->subscriptions[slot] == NULL)
    return FALSE;
  g_signal_connect (self->subscriptions[slot], "message", on_message, self);
  return TRUE;
}

static gboolean
node_publish (Node *self, const char *topic, const char *text, GError **error)
{
  return avi_device_publish_text (self->device, topic, text, error) >= 0;
}

/* --- the one that is measured against --- */

static void
on_question (AviSubscription *subscription, AviMessage *message, Node *self)
{
  g_autoptr(GError) error = NULL;

  if (avi_device_publish (self->device, "answer", avi_message_get_data (message), &error) < 0)
    g_printerr ("%s\n", error->message);
}

static void
on_bulk (AviSubscription *subscription, AviMessage *message, Node *self)
{
  gsize every = MAX (window_of (g_bytes_get_size (avi_message_get_data (message))) / 8, 1);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  if (++self->n_received % every != 0)
    return;
  text = g_strdup_printf ("%" G_GUINT64_FORMAT, self->n_received);
  if (!node_publish (self, "ack", text, &error))
    g_printerr ("%s\n", error->message);
}

static gboolean
on_input (int fd, GIOCondition condition, gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

/* Until there is input, or its end. */
static void
hold (void)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  alarm (0);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, loop);
  g_main_loop_run (loop);
}

static gboolean
listen_and_answer (Place place, GError **error)
{
  g_auto(Node) node = { 0 };
  g_auto(GStrv) addresses = NULL;
  gint64 called;

  node_init (&node, place);
  if (!node_subscribe (&node, 0, "question", G_CALLBACK (on_question), error)
      || !node_subscribe (&node, 1, "bulk", G_CALLBACK (on_bulk), error))
    return FALSE;
  called = g_get_monotonic_time ();
  if (!avi_device_start (node.device, NULL, error))
    return FALSE;
  result ("start", g_get_monotonic_time () - called);
  addresses = avi_device_dup_addresses (node.device);
  g_print ("listening %s\n", addresses[0]);
  hold ();
  return TRUE;
}

/* --- the one that measures --- */

static void
on_dialled (GObject *source, GAsyncResult *asynchronous, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(AviPeer) peer = avi_device_dial_finish (AVI_DEVICE (source), asynchronous, &self->error);

  self->identified = g_get_monotonic_time ();
}

static gboolean
node_dial (Node *self, const char *address, GError **error)
{
  avi_device_dial_async (self->device, address, NULL, on_dialled, self);
  while (self->identified == 0)
    g_main_context_iteration (NULL, TRUE);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

static void
on_answer (AviSubscription *subscription, AviMessage *message, Node *self)
{
  self->n_answers++;
}

static void
on_ack (AviSubscription *subscription, AviMessage *message, Node *self)
{
  const char *text = avi_message_get_text (message);

  self->n_acked = MAX (self->n_acked, text != NULL ? g_ascii_strtoull (text, NULL, 10) : 0);
}

static gboolean
on_retry (gpointer user_data)
{
  gboolean *passed = user_data;

  *passed = TRUE;
  return G_SOURCE_REMOVE;
}

/* One question of a first conversation, and perhaps its answer. */
static gboolean
node_greet (Node *self, guint attempt, GError **error)
{
  g_autofree char *text = g_strdup_printf ("hello %u", attempt);
  gboolean passed = FALSE;

  if (!node_publish (self, "question", text, error))
    return FALSE;
  g_timeout_add (RETRY, on_retry, &passed);
  while (!passed)
    g_main_context_iteration (NULL, TRUE);
  return TRUE;
}

/* Connects, and returns when each is known to hear the other. */
static gboolean
node_meet (Node *self, const char *address, GError **error)
{
  node_init (self, NOWHERE);
  if (!node_subscribe (self, 0, "answer", G_CALLBACK (on_answer), error)
      || !node_subscribe (self, 1, "ack", G_CALLBACK (on_ack), error) || !avi_device_start (self->device, NULL, error)
      || !node_dial (self, address, error))
    return FALSE;
  for (guint i = 0; i < ATTEMPTS && self->n_answers == 0; i++)
    if (!node_greet (self, i, error))
      return FALSE;
  if (self->n_answers > 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the listener does not answer");
  return FALSE;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

static gboolean
measure_latency (const char *address, double seconds, GError **error)
{
  g_auto(Node) node = { 0 };
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 end;

  if (!node_meet (&node, address, error))
    return FALSE;
  end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  for (gint64 asked = g_get_monotonic_time (); asked < end;)
    {
      g_autofree char *text = g_strdup_printf ("%064u", times->len);
      guint64 before = node.n_answers;
      gint64 now, took;

      if (!node_publish (&node, "question", text, error))
        return FALSE;
      while (node.n_answers == before)
        g_main_context_iteration (NULL, TRUE);
      now = g_get_monotonic_time ();
      took = now - asked;
      g_array_append_val (times, took);
      asked = now;
    }
  g_array_sort (times, compare_times);
  result ("publish-latency", g_array_index (times, gint64, times->len / 2));
  return TRUE;
}

static gboolean
measure_messages (const char *address, gsize size, double seconds, GError **error)
{
  g_auto(Node) node = { 0 };
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr(GBytes) data = g_bytes_new_take (g_steal_pointer (&text), size);
  guint64 n_sent = 0;
  gint64 started, now;

  if (!node_meet (&node, address, error))
    return FALSE;
  started = now = g_get_monotonic_time ();
  while (now - started < (gint64) (seconds * G_USEC_PER_SEC))
    {
      guint64 before = node.n_acked;

      for (; n_sent - node.n_acked < window_of (size); n_sent++)
        if (avi_device_publish (node.device, "bulk", data, error) < 0)
          return FALSE;
      while (node.n_acked == before)
        g_main_context_iteration (NULL, TRUE);
      now = g_get_monotonic_time ();
    }
  result ("messages", node.n_acked * (double) G_USEC_PER_SEC / (now - started));
  return TRUE;
}

/* A device that runs, added to @nodes. */
static Node *
add_node (GPtrArray *nodes, GError **error)
{
  Node *node = g_new0 (Node, 1);

  g_ptr_array_add (nodes, node);
  node_init (node, NOWHERE);
  return avi_device_start (node->device, NULL, error) ? node : NULL;
}

/* A first dial to another device of this process, since a device's first steps are slow: its thread
 * has touched no memory yet. Nodes of other implementations dial again and again. */
static gboolean
node_warm_up (Node *self, Node *companion, GError **error)
{
  g_auto(GStrv) addresses = avi_device_dup_addresses (companion->device);
  gboolean passed = FALSE;

  if (!node_dial (self, addresses[0], error))
    return FALSE;
  g_timeout_add (SETTLE, on_retry, &passed);
  while (!passed)
    g_main_context_iteration (NULL, TRUE);
  self->identified = 0;
  return TRUE;
}

/* Each dial from a device of its own, since a device keeps one connection with a peer. */
static gboolean
measure_dials (const char *address, guint count, GError **error)
{
  g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func (node_free);
  Node *companion = add_node (nodes, error);
  gint64 took = 0;

  for (guint i = 0; i < count; i++)
    {
      Node *node = companion != NULL ? add_node (nodes, error) : NULL;
      gint64 called;

      if (node == NULL || !node_warm_up (node, companion, error))
        return FALSE;
      called = g_get_monotonic_time ();
      if (!node_dial (node, address, error))
        return FALSE;
      took += node->identified - called;
    }
  result ("dial-identified", count * (double) G_USEC_PER_SEC / took);
  return TRUE;
}

static void
on_peer_connected (AviDevice *device, AviPeer *peer, Node *self)
{
  self->connected = g_get_monotonic_time ();
}

static gboolean
measure_discovery (Place place, GError **error)
{
  g_auto(Node) node = { 0 };
  gint64 called;

  node_init (&node, place);
  g_signal_connect (node.device, "peer-connected", G_CALLBACK (on_peer_connected), &node);
  called = g_get_monotonic_time ();
  if (!avi_device_start (node.device, NULL, error))
    return FALSE;
  while (node.connected == 0)
    g_main_context_iteration (NULL, TRUE);
  result ("discover", (node.connected - called) / 1000.0);
  return TRUE;
}

static Place
place_of (const char *word)
{
  if (g_strcmp0 (word, "local") == 0)
    return MACHINE;
  return g_strcmp0 (word, "lan") == 0 ? LAN : NOWHERE;
}

static gboolean
obey (int n, char **words, GError **error)
{
  const char *verb = n > 0 ? words[0] : "";

  if (g_str_equal (verb, "listen"))
    return listen_and_answer (place_of (words[1]), error);
  if (g_str_equal (verb, "discover") && n == 2)
    return measure_discovery (place_of (words[1]), error);
  if (g_str_equal (verb, "dial") && n == 3)
    return measure_dials (words[1], (guint) g_ascii_strtoull (words[2], NULL, 10), error);
  if (g_str_equal (verb, "latency") && n == 3)
    return measure_latency (words[1], g_ascii_strtod (words[2], NULL), error);
  if (g_str_equal (verb, "messages") && n == 4)
    return measure_messages (words[1], g_ascii_strtoull (words[2], NULL, 10), g_ascii_strtod (words[3], NULL), error);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "see peers/README.md");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr(GError) error = NULL;

  alarm (PATIENCE);
  if (obey (argc - 1, argv + 1, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
