/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How fast peers take what is for them, and who waits for that: the program's publishing, as long as some stream
 * is full, and publishers who want to know that their message has gone. A peer that does not keep up is waited
 * for no longer: STALL_TIME each time it falls behind, and not again before all that it was given has gone.
 */
#include "config.h"

#include "avi-error.h"
#include "avi-pubsub-private.h"

/* Within this time a stream that something waits for has to move on by MIN_PROGRESS bytes. */
#define STALL_TIME   (1 * G_USEC_PER_SEC)
#define MIN_PROGRESS (64 * 1024)

struct _AviReceipt
{
  AviCall *call;
  guint    n_handed;
  guint    n_waiting; /* peers that it is not known of yet */
};

/* A message that a publisher wants to have gone to one peer. */
typedef struct
{
  AviReceipt *receipt;
  guint64     number;  /* of the message, as the router counts */
  guint64     end;     /* of its RPC on the stream; 0: the stream was not given it */
  guint64     sealed;  /* of the connection's bytes, when it had left the stream for the socket; 0: it has not */
} AviAwaited;

/* --- receipts --- */

static void
avi_receipt_check (AviReceipt *self,
                   AviCore    *core)
{
  if (self->n_waiting > 0)
    return;
  avi_core_answer (core, self->call, self->n_handed, NULL, NULL);
  avi_call_unref (self->call);
  g_free (self);
}

/* The first that is awaited of the peer: it has it, or it is given up. */
static void
avi_output_end_first (AviPubsubOutput *self,
                      gboolean         handed)
{
  GList *link = self->awaited.head;
  AviAwaited *first = link->data;
  AviReceipt *receipt = first->receipt;

  if (self->first_queued == link)
    self->first_queued = link->next;
  g_queue_delete_link (&self->awaited, link);
  g_free (first);
  receipt->n_waiting--;
  receipt->n_handed += handed ? 1 : 0;
  avi_receipt_check (receipt, self->pubsub->engine->core);
}

static void
avi_output_give_up_all (AviPubsubOutput *self)
{
  while (self->awaited.length > 0)
    avi_output_end_first (self, FALSE);
}

/* --- one peer --- */

static gsize
avi_output_get_queued (AviPubsubOutput *self)
{
  return avi_link_get_queued (self->owner.connection->link, self->owner.stream);
}

/* How far the stream has come: bytes of it that have left our queue for the socket. */
static guint64
avi_output_get_position (AviPubsubOutput *self)
{
  return self->n_bytes - MIN (self->n_bytes, avi_output_get_queued (self));
}

/* One that stalled counts again once it has caught up. */
static gboolean
avi_output_has_stalled (AviPubsubOutput *self)
{
  if (self->stalled && self->held == NULL && avi_output_get_queued (self) == 0)
    self->stalled = FALSE;
  return self->stalled;
}

void
avi_output_watch (AviPubsubOutput *self)
{
  if (self->is_watched)
    return;
  self->is_watched = TRUE;
  self->watch_since = avi_loop_now (self->pubsub->engine->loop);
  self->watch_at = avi_output_get_position (self);
  self->watch_link.data = self;
  g_queue_push_tail_link (&self->pubsub->watched, &self->watch_link);
}

void
avi_output_unwatch (AviPubsubOutput *self)
{
  avi_output_give_up_all (self);
  if (self->is_watched)
    g_queue_unlink (&self->pubsub->watched, &self->watch_link);
  self->is_watched = FALSE;
}

void
avi_output_given (AviPubsubOutput *self)
{
  guint64 n_taken;

  if (self->first_queued == NULL)
    return;
  n_taken = avi_gossipsub_get_n_taken (self->pubsub->router, &self->peer);
  for (; self->first_queued != NULL; self->first_queued = self->first_queued->next)
    {
      AviAwaited *awaited = self->first_queued->data;

      if (awaited->number > n_taken)
        break;
      awaited->end = self->n_bytes;
    }
}

/* TRUE: the socket has it. */
static gboolean
avi_output_has_sent (AviPubsubOutput *self,
                     AviAwaited      *awaited)
{
  AviConnection *connection = self->owner.connection;

  if (awaited->end == 0 || avi_output_get_position (self) < awaited->end)
    return FALSE;
  if (awaited->sealed == 0)
    awaited->sealed = connection->n_sealed;
  return connection->n_sent >= awaited->sealed;
}

static void
avi_output_check_awaited (AviPubsubOutput *self)
{
  if (self->held == NULL) /* what the peer has already is in no RPC */
    avi_output_given (self);
  while (self->awaited.length > 0 && avi_output_has_sent (self, self->awaited.head->data))
    avi_output_end_first (self, TRUE);
}

static void
avi_output_stall (AviPubsubOutput *self)
{
  AviConnection *connection = self->owner.connection;

  if (!self->stalled)
    avi_engine_log (connection->engine, &self->peer, connection->remote,
                    "pub/sub: the peer has read %" G_GUINT64_FORMAT " bytes in %d ms, with %" G_GSIZE_FORMAT
                    " bytes waiting on its stream: what does not fit behind them is dropped, and counted as "
                    "sends-dropped",
                    avi_output_get_position (self) - self->watch_at, (int) (STALL_TIME / G_TIME_SPAN_MILLISECOND),
                    avi_output_get_queued (self));
  self->stalled = TRUE;
  avi_output_give_up_all (self);
}

/* FALSE: nothing waits for it any more. */
static gboolean
avi_output_check (AviPubsubOutput *self,
                  gint64           now)
{
  guint64 position = avi_output_get_position (self);

  avi_output_check_awaited (self);
  if (self->held == NULL && self->awaited.length == 0)
    return FALSE;
  if (position - self->watch_at >= MIN_PROGRESS)
    {
      self->watch_since = now;
      self->watch_at = position;
    }
  else if (now - self->watch_since >= STALL_TIME)
    avi_output_stall (self);
  return self->held != NULL || self->awaited.length > 0;
}

/* --- all of them --- */

void
avi_pubsub_await (AviPubsub *self,
                  AviCall   *call)
{
  AviReceipt *receipt = g_new0 (AviReceipt, 1);
  guint n;
  const AviPeerId *const *takers = avi_gossipsub_get_takers (self->router, &n);

  receipt->call = avi_call_ref (call);
  for (guint i = 0; i < n; i++)
    {
      AviPubsubOutput *output = g_hash_table_lookup (self->outputs, takers[i]);
      AviAwaited *awaited;

      if (output == NULL || avi_output_has_stalled (output))
        continue;
      awaited = g_new0 (AviAwaited, 1);
      awaited->receipt = receipt;
      awaited->number = avi_gossipsub_get_n_published (self->router);
      g_queue_push_tail (&output->awaited, awaited);
      if (output->first_queued == NULL)
        output->first_queued = output->awaited.tail;
      receipt->n_waiting++;
      avi_output_watch (output);
    }
  avi_receipt_check (receipt, self->engine->core);
}

static void
avi_pubsub_tell_blocker (AviPubsub             *self,
                         const AviPubsubOutput *output)
{
  gboolean is_blocked = output != NULL;

  if (is_blocked == self->is_blocked && (!is_blocked || avi_peer_id_equal (&output->peer, &self->blocker)))
    return;
  self->is_blocked = is_blocked;
  if (is_blocked)
    self->blocker = output->peer;
  avi_core_set_blocker (self->engine->core, is_blocked ? &self->blocker : NULL);
}

/* Asked after every round of events, whatever they were about: it looks at those only that something waits for. */
void
avi_pubsub_check_flow (AviPubsub *self)
{
  gint64 now = avi_loop_now (self->engine->loop);
  AviPubsubOutput *fullest = NULL;
  GList *next;

  self->full_until = G_MININT64;
  self->next_stall = G_MAXINT64;
  for (GList *link = self->watched.head; link != NULL; link = next)
    {
      AviPubsubOutput *output = link->data;
      gint64 stall;

      next = link->next;
      if (!avi_output_check (output, now))
        {
          avi_output_unwatch (output);
          continue;
        }
      if (output->stalled)
        continue;
      stall = output->watch_since + STALL_TIME;
      self->next_stall = MIN (self->next_stall, stall);
      if (output->held == NULL || stall <= self->full_until)
        continue;
      self->full_until = stall;
      fullest = output;
    }
  avi_pubsub_tell_blocker (self, fullest);
}
