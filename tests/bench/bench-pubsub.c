/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node on Avi's public interface, measured by what its pub/sub does: peers/README.md says what it is asked
 * and answers. It decides nothing, and ends by itself.
 */
#include <avi.h>
#include <gio/gunixinputstream.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60                /* seconds until what does not come to its end is ended by SIGALRM */
#define RETRY    20                /* ms between two greetings to one that may not hear yet */
#define ATTEMPTS 500
#define SETTLE   500               /* ms from the first answer until the mesh is as it stays */
#define WINDOW   4096              /* messages that may be under way */
#define STEP     (WINDOW / 8)      /* messages heard from one "ack" to the next */
#define OVERDUE  3000              /* ms without an "ack": what it would tell of is lost */
#define BYTES    64                /* of a message, where no size is given */
#define RATE     1000              /* probes per second */
#define WARM_UP  4                 /* one in so many probes, the first, warms up */
#define MANY     4096u             /* more peers than any measurement has */

/* The first byte of a message on "load". */
#define HELLO   'h'
#define WARMING 'w'
#define PROBE   'p'
#define LOAD    'x'

/* What a message of "load" begins with. */
typedef struct
{
  guint8  kind;
  guint8  padding[7];
  guint64 number; /* of a probe: when it was published, in ns */
} Head;

G_STATIC_ASSERT (sizeof (Head) == 16);

typedef struct
{
  AviDevice *device;
  GPtrArray *subscriptions;
  GMainLoop *loop;
  GArray    *times;     /* of gint64, ns: of each probe, from its publishing to the handler */
  guint64    n_heard;   /* messages of "load" that count, or of "mesh" */
  guint64    n_acked;   /* the most that an "ack" said */
  guint      n_answers; /* to greetings */
  guint      n_left;    /* of "mesh", to publish */
  gboolean   dialled;
  GError    *error;
} Node;

static void
node_clear (Node *self)
{
  if (self->device != NULL)
    avi_device_stop (self->device, NULL, NULL);
  g_clear_pointer (&self->subscriptions, g_ptr_array_unref);
  g_clear_pointer (&self->times, g_array_unref);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_object (&self->device);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Node, node_clear)

static void
result (const char *name, double value)
{
  g_print ("result %s %.3f\n", name, value);
}

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* --- a node --- */

static void
node_init (Node *self)
{
  static const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };

  self->device = avi_device_new ("bench");
  self->subscriptions = g_ptr_array_new_with_free_func (g_object_unref);
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->loop = g_main_loop_new (NULL, FALSE);
  g_object_set (self->device, "listen-addresses", loopback, "enable-mdns", FALSE, "enable-local", FALSE, "max-peers",
                MANY, "max-connections", MANY, "max-connections-per-address", MANY, NULL);
}

/* @on_message: NULL: only to be one that passes it on. */
static gboolean
node_subscribe (Node *self, const char *topic, GCallback on_message, GError **error)
{
  AviSubscription *subscription = avi_device_subscribe (self->device, topic, error);

  if (subscription == NULL)
    return FALSE;
  g_ptr_array_add (self->subscriptions, subscription);
  g_object_set (subscription, "max-queued", 4u * WINDOW, NULL);
  if (on_message != NULL)
    g_signal_connect (subscription, "message", on_message, self);
  return TRUE;
}

static void
on_dialled (GObject *source, GAsyncResult *asynchronous, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(AviPeer) peer = avi_device_dial_finish (AVI_DEVICE (source), asynchronous, &self->error);

  self->dialled = TRUE;
}

static gboolean
node_dial (Node *self, const char *address, GError **error)
{
  self->dialled = FALSE;
  avi_device_dial_async (self->device, address, NULL, on_dialled, self);
  while (!self->dialled)
    g_main_context_iteration (NULL, TRUE);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

static gboolean
node_publish (Node *self, const char *topic, guint8 kind, guint64 number, gsize size, GError **error)
{
  g_autofree guint8 *bytes = g_malloc0 (MAX (size, sizeof (Head)));
  g_autoptr(GBytes) data = NULL;

  *(Head *) bytes = (Head) { .kind = kind, .number = number };
  data = g_bytes_new_take (g_steal_pointer (&bytes), MAX (size, sizeof (Head)));
  return avi_device_publish (self->device, topic, data, error) >= 0;
}

static void
node_tell_address (Node *self)
{
  g_auto(GStrv) addresses = avi_device_dup_addresses (self->device);

  g_print ("listening %s\n", addresses[0]);
}

/* --- what it is told --- */

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

static void
node_report (Node *self)
{
  guint n = self->times->len;

  result ("heard", self->n_heard);
  result ("probes", n);
  if (n == 0)
    return;
  g_array_sort (self->times, compare_times);
  result ("latency", g_array_index (self->times, gint64, n / 2) / 1e3);
  result ("latency-p99", g_array_index (self->times, gint64, n * 99 / 100) / 1e3);
}

static gboolean
on_turn (gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(GError) error = NULL;

  if (!node_publish (self, "mesh", LOAD, self->n_left, BYTES, &error))
    g_printerr ("%s\n", error->message);
  if (--self->n_left > 0)
    return G_SOURCE_CONTINUE;
  g_print ("published\n");
  return G_SOURCE_REMOVE;
}

static void
on_subscribers (GObject *source, GAsyncResult *asynchronous, gpointer user_data)
{
  g_autoptr(GError) error = NULL;

  if (avi_device_wait_for_subscribers_finish (AVI_DEVICE (source), asynchronous, &error))
    g_print ("ready\n");
  else
    g_printerr ("%s\n", error->message);
}

static gboolean
node_obey (Node *self, const char *line, GError **error)
{
  g_auto(GStrv) words = g_strsplit (line, " ", 3);
  guint n = g_strv_length (words);

  if (n == 1 && g_str_equal (words[0], "report"))
    node_report (self);
  else if (n == 2 && g_str_equal (words[0], "connect"))
    return node_dial (self, words[1], error);
  else if (n == 3 && g_str_equal (words[0], "await"))
    avi_device_wait_for_subscribers_async (self->device, words[1], (guint) g_ascii_strtoull (words[2], NULL, 10), NULL,
                                           on_subscribers, self);
  else if (n == 3 && g_str_equal (words[0], "publish"))
    {
      self->n_left = (guint) g_ascii_strtoull (words[2], NULL, 10);
      g_timeout_add (1000 / (guint) g_ascii_strtoull (words[1], NULL, 10), on_turn, self);
    }
  return TRUE;
}

static void
on_line (GObject *source, GAsyncResult *asynchronous, gpointer user_data)
{
  Node *self = user_data;
  GDataInputStream *input = G_DATA_INPUT_STREAM (source);
  g_autofree char *line = g_data_input_stream_read_line_finish (input, asynchronous, NULL, NULL);

  if (line != NULL && node_obey (self, line, &self->error))
    g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, self);
  else
    g_main_loop_quit (self->loop);
}

/* Does what its input says, until that ends. */
static gboolean
node_run (Node *self, GError **error)
{
  g_autoptr(GInputStream) bytes = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (bytes);

  alarm (0);
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, self);
  g_main_loop_run (self->loop);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

/* --- those that are measured against --- */

static void
node_count (Node *self)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  if (++self->n_heard % STEP != 0)
    return;
  text = g_strdup_printf ("%" G_GUINT64_FORMAT, self->n_heard);
  if (avi_device_publish_text (self->device, "ack", text, &error) < 0)
    g_printerr ("%s\n", error->message);
}

static void
on_load (AviSubscription *subscription, AviMessage *message, Node *self)
{
  GBytes *data = avi_message_get_data (message);
  Head head = { 0 };
  gint64 took;

  /* Wherever it lies in the RPC. */
  if (g_bytes_get_size (data) < sizeof head)
    return;
  memcpy (&head, g_bytes_get_data (data, NULL), sizeof head);
  switch (head.kind)
    {
    case LOAD:
      node_count (self);
      break;

    case PROBE:
      took = now_ns () - (gint64) head.number;
      g_array_append_val (self->times, took);
      break;

    case HELLO:
      avi_device_publish (self->device, "ack", data, NULL);
      break;

    default:
      break;
    }
}

/* What is loaded with says who says it, or not. */
static gboolean
node_sign (Node *self, gboolean is_signed, GError **error)
{
  return avi_device_set_topic_policy (self->device, "load",
                                      is_signed ? AVI_TOPIC_POLICY_SIGNED : AVI_TOPIC_POLICY_UNSIGNED, error);
}

static gboolean
subscribe (gboolean is_signed, GError **error)
{
  g_auto(Node) node = { 0 };

  node_init (&node);
  if (!node_sign (&node, is_signed, error) || !node_subscribe (&node, "load", G_CALLBACK (on_load), error)
      || !avi_device_start (node.device, NULL, error))
    return FALSE;
  node_tell_address (&node);
  return node_run (&node, error);
}

/* Between two that do not know each other. */
static gboolean
relay (const char *address, GError **error)
{
  g_auto(Node) node = { 0 };

  node_init (&node);
  if (!node_subscribe (&node, "load", NULL, error) || !node_subscribe (&node, "ack", NULL, error)
      || !avi_device_start (node.device, NULL, error) || !node_dial (&node, address, error))
    return FALSE;
  node_tell_address (&node);
  return node_run (&node, error);
}

static void
on_mesh (AviSubscription *subscription, AviMessage *message, Node *self)
{
  self->n_heard++;
}

static gboolean
mesh (GError **error)
{
  g_auto(Node) node = { 0 };

  node_init (&node);
  if (!node_subscribe (&node, "mesh", G_CALLBACK (on_mesh), error) || !avi_device_start (node.device, NULL, error))
    return FALSE;
  node_tell_address (&node);
  return node_run (&node, error);
}

/* The last one is called as the input calls it, to `await` it. */
static gboolean
topics (guint count, GError **error)
{
  g_auto(Node) node = { 0 };

  node_init (&node);
  for (guint i = 0; i < count; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic-%u", i);

      if (!node_subscribe (&node, topic, G_CALLBACK (on_mesh), error))
        return FALSE;
    }
  if (!avi_device_start (node.device, NULL, error))
    return FALSE;
  node_tell_address (&node);
  return node_run (&node, error);
}

/* --- the one that publishes --- */

static void
on_ack (AviSubscription *subscription, AviMessage *message, Node *self)
{
  const char *text = avi_message_get_text (message);

  if (text != NULL && g_ascii_isdigit (*text))
    self->n_acked = MAX (self->n_acked, g_ascii_strtoull (text, NULL, 10));
  else
    self->n_answers++;
}

static gboolean
on_passed (gpointer user_data)
{
  gboolean *passed = user_data;

  *passed = TRUE;
  return G_SOURCE_REMOVE;
}

static void
pause_for (guint ms)
{
  gboolean passed = FALSE;

  g_timeout_add (ms, on_passed, &passed);
  while (!passed)
    g_main_context_iteration (NULL, TRUE);
}

/* Connects, and returns when the subscriber is known to hear, whoever is between. */
static gboolean
node_meet (Node *self, const char *address, gboolean is_signed, GError **error)
{
  node_init (self);
  if (!node_sign (self, is_signed, error) || !node_subscribe (self, "ack", G_CALLBACK (on_ack), error)
      || !avi_device_start (self->device, NULL, error) || !node_dial (self, address, error))
    return FALSE;
  for (guint i = 0; i < ATTEMPTS && self->n_answers == 0; i++)
    {
      if (!node_publish (self, "load", HELLO, i, BYTES, error))
        return FALSE;
      pause_for (RETRY);
    }
  pause_for (SETTLE);
  if (self->n_answers > 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the subscriber does not answer");
  return FALSE;
}

/* FALSE where no more was acknowledged for a while. */
static gboolean
node_wait_for_ack (Node *self)
{
  guint64 before = self->n_acked;
  gboolean overdue = FALSE;
  guint timeout = g_timeout_add (OVERDUE, on_passed, &overdue);

  while (self->n_acked == before && !overdue)
    g_main_context_iteration (NULL, TRUE);
  if (!overdue)
    g_source_remove (timeout);
  return !overdue;
}

/* Publishes up to @n_sent until @end, as far as the window and the queue let it. */
static gboolean
node_fill (Node *self, guint64 *n_sent, guint64 end, gsize size, GError **error)
{
  g_autoptr(GError) full = NULL;

  while (*n_sent < end && node_publish (self, "load", LOAD, *n_sent, size, &full))
    (*n_sent)++;
  if (full == NULL || g_error_matches (full, AVI_ERROR, AVI_ERROR_LIMIT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&full));
  return FALSE;
}

static gboolean
load (const char *address, gsize size, double seconds, gboolean is_signed, GError **error)
{
  g_auto(Node) node = { 0 };
  guint64 n_sent = 0;
  gint64 started, took = 0;

  if (!node_meet (&node, address, is_signed, error))
    return FALSE;
  started = now_ns ();
  /* What is sent last fills a step, so that an acknowledgement tells of it. */
  while (took < seconds * 1e9 || n_sent % STEP != 0 || node.n_acked < n_sent)
    {
      guint64 end = took < seconds * 1e9 ? node.n_acked + WINDOW : (n_sent + STEP - 1) / STEP * STEP;

      if (!node_fill (&node, &n_sent, end, size, error))
        return FALSE;
      if (!node_wait_for_ack (&node))
        break;
      took = now_ns () - started;
    }
  result ("lost", n_sent - node.n_acked);
  if (took > 0)
    result ("load", node.n_acked * 1e9 / took);
  return TRUE;
}

static gboolean
pace (const char *address, guint n, GError **error)
{
  g_auto(Node) node = { 0 };
  gint64 turn;

  if (!node_meet (&node, address, TRUE, error))
    return FALSE;
  turn = now_ns ();
  for (guint i = 0; i < n; i++)
    {
      struct timespec until = { .tv_sec = turn / 1000000000, .tv_nsec = turn % 1000000000 };

      clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      if (!node_publish (&node, "load", i < n / WARM_UP ? WARMING : PROBE, now_ns (), BYTES, error))
        return FALSE;
      turn += 1000000000 / RATE;
    }
  pause_for (SETTLE);
  return TRUE;
}

static gboolean
obey (int n, char **words, GError **error)
{
  const char *verb = n > 0 ? words[0] : "";
  gboolean is_signed = n == 0 || !g_str_equal (words[n - 1], "unsigned");

  n -= !is_signed;
  if (g_str_equal (verb, "subscribe") && n == 1)
    return subscribe (is_signed, error);
  if (g_str_equal (verb, "relay") && n == 2)
    return relay (words[1], error);
  if (g_str_equal (verb, "mesh") && n == 1)
    return mesh (error);
  if (g_str_equal (verb, "topics") && n == 2)
    return topics ((guint) g_ascii_strtoull (words[1], NULL, 10), error);
  if (g_str_equal (verb, "load") && n == 4)
    return load (words[1], g_ascii_strtoull (words[2], NULL, 10), g_ascii_strtod (words[3], NULL), is_signed, error);
  if (g_str_equal (verb, "pace") && n == 3)
    return pace (words[1], (guint) g_ascii_strtoull (words[2], NULL, 10), error);
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
