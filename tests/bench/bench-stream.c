/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node to be measured by what its engine does: connections and streams, which no public type shows yet.
 * peers/README.md says what it is asked and answers. It decides nothing, and ends by itself.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/avi-crypto.h"
#include "echo.h"
#include "engine/avi-core-private.h"
#include "engine/avi-dial.h"
#include "engine/avi-swarm.h"
#include "perf.h"

#define PATIENCE  60    /* seconds until what does not come to its end is ended by SIGALRM */
#define MANY      4096u /* more peers than any measurement has */
#define BYTES     64    /* of an echo */
#define AT_A_TIME 32    /* dials of a crowd: fewer than any listener refuses */

static const AviStreamHandler *const handlers[] = { &perf_handler, &echo_handler, NULL };

typedef struct _Node Node;
struct _Node
{
  AviCore       *core;
  AviKeyPair    *identity;
  AviMultiaddr  *address; /* of the other node */
  AviPeerId      peer;

  /* What is measured; in the engine's thread until `done` is answered. */
  AviCall       *done;
  AviConnection *connection;
  gint64         began;   /* ns */
  gint64         budget;  /* ns */
  guint          count;
  guint64        up, down;
  GArray        *times;   /* of gint64, ns */
  void         (*measure) (Node *self);
};

static void
result (const char *name, double value)
{
  g_print ("result %s %.3f\n", name, value);
}

G_GNUC_NORETURN static void
fail (const char *what)
{
  g_printerr ("%s\n", what);
  exit (1);
}

/* GLib's microseconds are too coarse for an echo. */
static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* --- a node --- */

static void
node_start (Node *self, gboolean listens)
{
  static const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  static const char *const nowhere[] = { NULL };
  g_autoptr(AviCall) call = avi_call_new (NULL);
  AviSettings settings = {
    .name = "bench",
    .listen = listens ? loopback : nowhere,
    .bootstrap = nowhere,
    .max_peers = MANY,
    .max_connections = MANY,
    .max_connections_per_peer = MANY,
    .max_connections_per_address = MANY,
    .max_pending = MANY,
    .max_dials = MANY,
    .max_streams = 1024,
    .dial_timeout = PATIENCE * G_USEC_PER_SEC,
    .handlers = handlers,
  };

  avi_crypto_init ();
  self->core = avi_core_new ();
  self->identity = avi_key_pair_generate ();
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
  settings.identity = self->identity;
  avi_core_start (self->core, &settings, call);
  avi_call_wait (call);
  if (!avi_call_get_result (call, NULL, NULL, NULL))
    fail ("the node does not start");
}

static void
node_clear (Node *self)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_stop (self->core, call);
  avi_call_wait (call);
  avi_core_unref (self->core);
  avi_key_pair_unref (self->identity);
  g_array_unref (self->times);
  g_clear_pointer (&self->address, avi_multiaddr_unref);
  g_clear_pointer (&self->done, avi_call_unref);
}

/* Until there is input, or its end. */
static void
hold (void)
{
  char byte;

  alarm (0);
  if (read (STDIN_FILENO, &byte, 1) < 0)
    fail ("no input");
}

static void
listen_and_answer (void)
{
  Node node = { 0 };
  g_auto(GStrv) addresses = NULL;

  node_start (&node, TRUE);
  addresses = avi_core_dup_addresses (node.core);
  g_print ("listening %s\n", addresses[0]);
  hold ();
  node_clear (&node);
}

/* --- in the engine's thread --- */

static void
node_done (Node *self)
{
  avi_core_answer (self->core, self->done, 0, NULL, NULL);
}

static void
node_note (Node *self)
{
  gint64 now = now_ns ();
  gint64 took = now - self->began;

  g_array_append_val (self->times, took);
  self->began = now;
}

/* --- perf --- */

static void
on_perf (gboolean success, gpointer user_data)
{
  Node *self = user_data;

  if (!success)
    fail ("not all of it came");
  node_note (self);
  node_done (self);
}

static void
run_perf (Node *self)
{
  self->began = now_ns ();
  perf_start (self->connection, self->up, self->down, on_perf, self);
}

/* --- echo, and open --- */

typedef struct
{
  AviStreamOwner owner;
  Node          *node;
  gsize          heard;
  gboolean       for_one; /* opened for one byte */
} Asker;

static void open_asker (Node *node, gboolean for_one);

static void
asker_ask (Asker *self)
{
  static const guint8 text[BYTES] = { 'x' };
  g_autoptr(GBytes) bytes = g_bytes_new_static (text, self->for_one ? 1 : BYTES);

  self->heard = 0;
  avi_stream_send (&self->owner, bytes);
}

static gboolean
asker_may_go_on (Asker *self)
{
  Node *node = self->node;

  node_note (node);
  node->budget -= g_array_index (node->times, gint64, node->times->len - 1);
  return node->budget > 0;
}

static void
asker_data (AviStreamOwner *owner, AviSpan data)
{
  Asker *self = (Asker *) owner;

  self->heard += data.len;
  avi_stream_consume (owner, data.len);
  if (self->heard < (self->for_one ? 1 : BYTES))
    return;
  if (self->for_one)
    avi_stream_finish (owner);
  if (!asker_may_go_on (self))
    node_done (self->node);
  else if (self->for_one)
    open_asker (self->node, TRUE);
  else
    asker_ask (self);
}

static void
asker_gone (AviStreamOwner *owner, gboolean refused)
{
  Asker *self = (Asker *) owner;

  if (self->for_one && self->heard != 1)
    fail ("no echo");
  g_free (self);
}

static const AviStreamHandler asker_handler = {
  .protocol = ECHO_PROTOCOL,
  .data = asker_data,
  .gone = asker_gone,
};

static void
open_asker (Node *node, gboolean for_one)
{
  static const char *const protocols[] = { ECHO_PROTOCOL, NULL };
  Asker *self = g_new0 (Asker, 1);

  self->owner.handler = &asker_handler;
  self->node = node;
  self->for_one = for_one;
  if (!avi_connection_open_stream (node->connection, protocols, &self->owner, NULL))
    fail ("no stream");
  asker_ask (self);
}

static void
run_echo (Node *self)
{
  self->began = now_ns ();
  open_asker (self, FALSE);
}

static void
run_open (Node *self)
{
  self->began = now_ns ();
  open_asker (self, TRUE);
}

/* --- dial --- */

static void dial_again (AviEngine *engine, gpointer user_data);

static void
on_dialled (gpointer user_data, AviDial *dial, AviConnection *connection, const GError *error)
{
  Node *self = user_data;

  if (connection == NULL)
    fail (error->message);
  node_note (self);
  avi_connection_end (connection, "the run is over");
  if (self->times->len < self->count)
    avi_core_run (self->core, dial_again, self);
  else
    node_done (self);
}

static void
dial_again (AviEngine *engine, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();

  g_ptr_array_add (addresses, self->address);
  self->began = now_ns ();
  avi_dial_new (engine, &self->peer, addresses, on_dialled, NULL, self);
}

/* --- the one that measures --- */

static void
node_aim (Node *self, const char *address)
{
  self->address = avi_multiaddr_parse (address, NULL);
  if (self->address == NULL || !avi_multiaddr_get_peer (self->address, &self->peer))
    fail ("an address with /p2p/ is needed");
  self->done = avi_call_new (NULL);
}

static void
node_prepare (Node *self, const char *address)
{
  node_aim (self, address);
  node_start (self, FALSE);
}

static void
wait_for_dial (AviCall *call)
{
  avi_call_wait (call);
  if (!avi_call_get_result (call, NULL, NULL, NULL))
    fail ("cannot connect");
}

static void
begin (AviEngine *engine, gpointer user_data)
{
  Node *self = user_data;
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, &self->peer);

  self->connection = entry->main;
  self->measure (self);
}

/* On the connection with the other node, which is there and identified. */
static void
node_measure (Node *self, void (*measure) (Node *self))
{
  self->measure = measure;
  avi_core_run (self->core, begin, self);
  avi_call_wait (self->done);
}

static void
node_run (Node *self, const char *address, void (*measure) (Node *self))
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  node_prepare (self, address);
  avi_core_dial (self->core, address, call);
  wait_for_dial (call);
  node_measure (self, measure);
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

/* In µs */
static double
node_median (Node *self)
{
  g_array_sort (self->times, compare_times);
  return g_array_index (self->times, gint64, self->times->len / 2) / 1e3;
}

/* Of all together, in seconds */
static double
node_sum (Node *self)
{
  gint64 sum = 0;

  for (guint i = 0; i < self->times->len; i++)
    sum += g_array_index (self->times, gint64, i);
  return sum / 1e9;
}

static void
measure_up (const char *address, double bytes)
{
  Node node = { .up = (guint64) bytes };

  node_run (&node, address, run_perf);
  result ("stream-up", bytes * 8 / 1e9 / node_sum (&node));
  node_clear (&node);
}

static void
measure_down (const char *address, double bytes)
{
  Node node = { .down = (guint64) bytes };

  node_run (&node, address, run_perf);
  result ("stream-down", bytes * 8 / 1e9 / node_sum (&node));
  node_clear (&node);
}

static void
measure_echo (const char *address, double seconds)
{
  Node node = { .budget = (gint64) (seconds * 1e9) };

  node_run (&node, address, run_echo);
  result ("echo", node_median (&node));
  node_clear (&node);
}

static void
measure_open (const char *address, double seconds)
{
  Node node = { .budget = (gint64) (seconds * 1e9) };

  node_run (&node, address, run_open);
  result ("open", node.times->len / node_sum (&node));
  node_clear (&node);
}

static void
measure_dial (const char *address, double count)
{
  Node node = { .count = (guint) count };

  node_prepare (&node, address);
  avi_core_run (node.core, dial_again, &node);
  avi_call_wait (node.done);
  result ("dial", node.times->len / node_sum (&node));
  node_clear (&node);
}

/* Once, where the input asks for it: `echo SECONDS`. */
static void
echo_if_asked (Node *self, const char *address)
{
  char line[64];
  double seconds;

  if (fgets (line, sizeof line, stdin) == NULL || !g_str_has_prefix (line, "echo "))
    return;
  seconds = g_ascii_strtod (line + strlen ("echo "), NULL);
  node_aim (self, address);
  self->budget = (gint64) (seconds * 1e9);
  alarm (PATIENCE);
  node_measure (self, run_echo);
  result ("echo", node_median (self));
  hold ();
}

/* What it does with what it hears there is no matter. */
static void
node_subscribe (Node *self, guint n_topics)
{
  for (guint i = 0; i < n_topics; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic-%u", i);
      g_autoptr(GError) error = NULL;
      AviInbox *inbox = avi_core_subscribe (self->core, topic, 1, G_MAXUINT, &error);

      if (inbox == NULL)
        fail (error->message);
      avi_inbox_unref (inbox);
    }
}

/* Each connection is of a node of its own: one that has many with the same peer would not be believed. */
static void
measure_crowd (const char *address, double count, guint n_topics)
{
  guint n = (guint) count;
  g_autofree Node *nodes = g_new0 (Node, n);
  g_autoptr(GPtrArray) calls = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_call_unref);
  gint64 began;

  for (guint i = 0; i < n; i++)
    {
      node_start (&nodes[i], FALSE);
      node_subscribe (&nodes[i], n_topics);
    }
  began = now_ns ();
  for (guint i = 0; i < n + AT_A_TIME; i++)
    {
      if (i >= AT_A_TIME)
        wait_for_dial (g_ptr_array_index (calls, i - AT_A_TIME));
      if (i < n)
        {
          g_ptr_array_add (calls, avi_call_new (NULL));
          avi_core_dial (nodes[i].core, address, g_ptr_array_index (calls, i));
        }
    }
  result ("crowd", (now_ns () - began) / 1e9);
  alarm (0);
  echo_if_asked (&nodes[n / 2], address);
  for (guint i = 0; i < n; i++)
    node_clear (&nodes[i]);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void      (*measure) (const char *address, double amount);
  } verbs[] = {
    { "up", measure_up },     { "down", measure_down }, { "echo", measure_echo },
    { "open", measure_open }, { "dial", measure_dial },
  };
  double amount = argc >= 4 ? g_ascii_strtod (argv[3], NULL) : 0;

  alarm (PATIENCE);
  if (argc == 2 && g_str_equal (argv[1], "listen"))
    {
      listen_and_answer ();
      return 0;
    }
  if (amount > 0 && g_str_equal (argv[1], "crowd"))
    {
      measure_crowd (argv[2], amount, argc == 5 ? (guint) g_ascii_strtoull (argv[4], NULL, 10) : 0);
      return 0;
    }
  for (guint i = 0; amount > 0 && i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i].name))
      {
        verbs[i].measure (argv[2], amount);
        return 0;
      }
  g_printerr ("see peers/README.md\n");
  return 1;
}
