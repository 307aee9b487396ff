/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node to be measured by what its engine does: connections and streams, which no public type shows yet.
 * peers/README.md says what it is asked and answers. It decides nothing, and ends by itself.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "crypto/avi-crypto.h"
#include "echo.h"
#include "engine/avi-core-private.h"
#include "engine/avi-dial.h"
#include "engine/avi-swarm.h"
#include "perf.h"

#define PATIENCE 60    /* seconds until what does not come to its end is ended by SIGALRM */
#define MANY     4096u /* more peers than any measurement has */
#define BYTES    64    /* of an echo */

static const AviStreamHandler *const handlers[] = { &perf_handler, &echo_handler, NULL };

typedef struct _Node Node;
struct _Node
{
  AviCore    *core;
  AviKeyPair *identity;
  const char *address; /* of the other node */
  AviPeerId   peer;

  /* What is measured; in the engine's thread until `done` is answered. */
  AviCall       *done;
  AviConnection *connection;
  gint64         began;
  gint64         budget; /* µs */
  guint          count;
  guint          n;
  guint64        up, down;
  GArray        *times;  /* of gint64, µs */
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
listen_and_answer (void)
{
  Node node = { 0 };
  char byte;

  node_start (&node, TRUE);
  g_print ("listening %s\n", avi_core_dup_addresses (node.core)[0]);
  alarm (0);
  while (read (STDIN_FILENO, &byte, 1) > 0)
    ;
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
  gint64 now = g_get_monotonic_time ();
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
measure_perf (Node *self)
{
  self->began = g_get_monotonic_time ();
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
  if (self->for_one)
    avi_stream_finish (owner);
  else if (self->heard == BYTES && asker_may_go_on (self))
    asker_ask (self);
  else if (self->heard == BYTES)
    node_done (self->node);
}

static void
asker_gone (AviStreamOwner *owner, gboolean refused)
{
  Asker *self = (Asker *) owner;
  Node *node = self->node;

  if (!self->for_one)
    return;
  if (self->heard != 1)
    fail ("no echo");
  if (asker_may_go_on (self))
    open_asker (node, TRUE);
  else
    node_done (node);
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
measure_echo (Node *self)
{
  self->began = g_get_monotonic_time ();
  open_asker (self, FALSE);
}

static void
measure_open (Node *self)
{
  self->began = g_get_monotonic_time ();
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
  if (++self->n < self->count)
    avi_core_run (self->core, dial_again, self);
  else
    avi_core_answer (self->core, self->done, 0, NULL, NULL);
}

static void
dial_again (AviEngine *engine, gpointer user_data)
{
  Node *self = user_data;
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (self->address, NULL);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();

  g_ptr_array_add (addresses, address);
  self->began = g_get_monotonic_time ();
  avi_dial_new (engine, &self->peer, addresses, on_dialled, NULL, self);
}

/* --- the one that measures --- */

static void
begin (AviEngine *engine, gpointer user_data)
{
  Node *self = user_data;
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, &self->peer);

  self->connection = entry->main;
  self->measure (self);
}

static void
node_prepare (Node *self, const char *address)
{
  g_autoptr(AviMultiaddr) parsed = avi_multiaddr_parse (address, NULL);

  if (parsed == NULL || !avi_multiaddr_get_peer (parsed, &self->peer))
    fail ("an address with /p2p/ is needed");
  self->address = address;
  self->done = avi_call_new (NULL);
  node_start (self, FALSE);
}

static void
node_connect (Node *self)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_dial (self->core, self->address, call);
  avi_call_wait (call);
  if (!avi_call_get_result (call, NULL, NULL, NULL))
    fail ("cannot connect");
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

static double
node_median (Node *self)
{
  g_array_sort (self->times, compare_times);
  return g_array_index (self->times, gint64, self->times->len / 2);
}

static double
node_sum (Node *self)
{
  gint64 sum = 0;

  for (guint i = 0; i < self->times->len; i++)
    sum += g_array_index (self->times, gint64, i);
  return sum;
}

static void
node_run (Node *self, const char *address, void (*measure) (Node *self))
{
  node_prepare (self, address);
  node_connect (self);
  self->measure = measure;
  avi_core_run (self->core, begin, self);
  avi_call_wait (self->done);
}

static gboolean
obey (int n, char **words)
{
  const char *verb = n > 0 ? words[0] : "";
  double amount = n > 2 ? g_ascii_strtod (words[2], NULL) : 0;
  Node node = { .budget = (gint64) (amount * 1e6), .count = (guint) amount };

  if (g_str_equal (verb, "listen"))
    {
      listen_and_answer ();
      return TRUE;
    }
  if (n != 3)
    return FALSE;
  if (g_str_equal (verb, "up") || g_str_equal (verb, "down"))
    {
      *(g_str_equal (verb, "up") ? &node.up : &node.down) = (guint64) amount;
      node_run (&node, words[1], measure_perf);
      result (g_str_equal (verb, "up") ? "stream-up" : "stream-down", amount * 8 / 1000 / node_sum (&node));
    }
  else if (g_str_equal (verb, "echo"))
    {
      node_run (&node, words[1], measure_echo);
      result ("echo", node_median (&node));
    }
  else if (g_str_equal (verb, "open"))
    {
      node_run (&node, words[1], measure_open);
      result ("open", node.times->len * 1e6 / node_sum (&node));
    }
  else if (g_str_equal (verb, "dial"))
    {
      node_prepare (&node, words[1]);
      avi_core_run (node.core, dial_again, &node);
      avi_call_wait (node.done);
      result ("dial", node.count * 1e6 / node_sum (&node));
    }
  else
    return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  alarm (PATIENCE);
  if (obey (argc - 1, argv + 1))
    return 0;
  g_printerr ("see peers/README.md\n");
  return 1;
}
