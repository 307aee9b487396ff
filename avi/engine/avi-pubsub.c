/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "avi-message-private.h"
#include "avi-pubsub-private.h"

/* Bytes of messages that go out together, in one RPC where they fit. */
#define BATCH (64 * 1024)
/* Of a stream that takes nothing: then publishing goes on without that peer. */
#define STALL_TIME (1 * G_USEC_PER_SEC)

/* Who waits until a topic has so many subscribers. */
typedef struct
{
  AviCall *call;
  char    *topic;
  guint    n;
} Waiter;

static void avi_pubsub_timeout (AviTimer *timer, gint64 now);
static void avi_pubsub_submit (AviPubsub *self, AviCommand *command);

/* --- the router's words --- */

static void
avi_pubsub_check_waiters (AviPubsub  *self,
                          const char *topic)
{
  guint n = avi_gossipsub_count_subscribers (self->router, topic);

  for (guint i = self->waiters->len; i > 0; i--)
    {
      Waiter *waiter = g_ptr_array_index (self->waiters, i - 1);

      if (strcmp (waiter->topic, topic) != 0 || n < waiter->n)
        continue;
      avi_core_answer (self->engine->core, waiter->call, n, NULL, NULL);
      g_ptr_array_remove_index (self->waiters, i - 1);
    }
}

static void
avi_pubsub_tell (AviPubsub         *self,
                 AviGossipsubEvent *event)
{
  AviCore *core = self->engine->core;

  switch (event->type)
    {
    case AVI_GOSSIPSUB_EVENT_MESSAGE:
      avi_core_deliver (core, event->message);
      avi_message_unref (event->message);
      break;

    case AVI_GOSSIPSUB_EVENT_VERIFY:
      avi_gossipsub_verified (self->router, event->ticket,
                              avi_public_key_verify (event->key, event->signed_bytes, event->signature),
                              avi_loop_now (self->engine->loop));
      break;

    case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
      avi_core_set_subscribers (core, event->topic, event->n_peers);
      avi_pubsub_check_waiters (self, event->topic);
      break;

    case AVI_GOSSIPSUB_EVENT_DIAL:
      avi_pubsub_dial (self, event);
      break;

    case AVI_GOSSIPSUB_EVENT_NEAR_MISS:
      avi_engine_log (self->engine, NULL, NULL, "nobody subscribes to “%s”, but somebody to “%s”", event->topic,
                      event->near_topic);
      break;
    }
}

void
avi_pubsub_hear (AviPubsub *self)
{
  AviGossipsubEvent event;

  while (avi_gossipsub_next (self->router, &event))
    avi_pubsub_tell (self, &event);
}

static void
avi_pubsub_count (AviPubsub *self)
{
  AviCore *core = self->engine->core;
  AviGossipsubStatistics statistics;

  avi_gossipsub_get_statistics (self->router, &statistics);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_RECEIVED, statistics.received);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_DELIVERED, statistics.delivered);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_DUPLICATE, statistics.duplicates);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_FORWARDED, statistics.forwarded);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_INVALID, statistics.invalid);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_RECOVERED, statistics.iwant_recovered);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_UNWANTED, statistics.unwanted);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_UNVERIFIED, statistics.verify_drops);
  avi_core_set_count (core, AVI_COUNT_SENDS_DROPPED, statistics.queue_drops + statistics.size_drops);
  if (statistics.size_drops > self->n_size_drops)
    avi_engine_log (self->engine, NULL, NULL,
                    "pub/sub: not sent, since the peer takes none so large: %" G_GUINT64_FORMAT " messages",
                    statistics.size_drops - self->n_size_drops);
  self->n_size_drops = statistics.size_drops;
  avi_core_set_count (core, AVI_COUNT_GOSSIP_LIMITED, statistics.limit_drops);
  avi_core_set_count (core, AVI_COUNT_PROMISES_BROKEN, statistics.broken_promises);
  avi_core_set_count (core, AVI_COUNT_OFFENCES, statistics.offences);
  avi_core_set_count (core, AVI_COUNT_RPCS_IGNORED, statistics.graylisted);
  avi_core_set_count (core, AVI_COUNT_PEERS_EXCHANGED, statistics.px_taken);
}

static void
avi_pubsub_give_up (AviPubsubOutput *output)
{
  AviConnection *connection = output->owner.connection;

  if (output->given_up)
    return;
  output->given_up = TRUE;
  avi_engine_log (connection->engine, &output->peer, connection->remote,
                  "pub/sub: the peer has read nothing for %d ms, with %" G_GSIZE_FORMAT " bytes waiting on its stream: "
                  "what does not fit behind them is dropped, and counted as sends-dropped",
                  (int) (STALL_TIME / G_TIME_SPAN_MILLISECOND),
                  avi_link_get_queued (connection->link, output->owner.stream));
}

/* Some peer's stream is full: until when is that waited for? A peer that took nothing for a while is
 * waited for no longer: what it misses is dropped, and counted. */
static void
avi_pubsub_check_room (AviPubsub *self)
{
  gint64 now = avi_loop_now (self->engine->loop);
  GHashTableIter iter;
  gpointer value;

  self->full_until = G_MININT64;
  /* This is asked after every round of events, whatever they were about. */
  if (self->n_held == 0)
    return;
  g_hash_table_iter_init (&iter, self->outputs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPubsubOutput *output = value;

      if (output->held == NULL)
        continue;
      if (now - output->held_since < STALL_TIME)
        self->full_until = MAX (self->full_until, output->held_since + STALL_TIME);
      else
        avi_pubsub_give_up (output);
    }
}

/* Hands what the router has to send to the streams. */
static void
avi_pubsub_send (AviPubsub *self)
{
  AviPeerId peer;
  GBytes *rpc;

  while (avi_gossipsub_transmit (self->router, &peer, &rpc, avi_loop_now (self->engine->loop)))
    {
      AviPubsubOutput *output = g_hash_table_lookup (self->outputs, &peer);

      if (output != NULL)
        avi_pubsub_output_send (output, rpc);
      g_bytes_unref (rpc);
    }
  self->n_unsent = 0;
  avi_pubsub_check_room (self);
}

/* What the program has published goes to the router, as long as there is room. */
static void
avi_pubsub_go_on (AviPubsub *self)
{
  while (self->publishing.length > 0 && self->full_until == G_MININT64)
    {
      AviCommand *command = g_queue_pop_head (&self->publishing);

      self->n_unsent += g_bytes_get_size (command->data);
      avi_pubsub_submit (self, command);
      if (self->n_unsent >= BATCH)
        avi_pubsub_send (self);
    }
}

void
avi_pubsub_pump (AviPubsub *self)
{
  avi_pubsub_hear (self);
  avi_pubsub_send (self);
  avi_pubsub_go_on (self);
  avi_pubsub_send (self);
  avi_pubsub_count (self);
  avi_loop_set_timer (self->engine->loop, &self->timer,
                      MIN (MIN (avi_gossipsub_deadline (self->router), self->partial_check),
                           self->publishing.length > 0 ? self->full_until : G_MAXINT64),
                      avi_pubsub_timeout);
}

static void
avi_pubsub_timeout (AviTimer *timer,
                    gint64    now)
{
  AviPubsub *self = AVI_CONTAINER_OF (timer, AviPubsub, timer);

  avi_gossipsub_tick (self->router, now);
  avi_pubsub_check_partials (self, now);
  /* The round that this is part of ends with a pump. */
}

/* --- the program's words --- */

void
avi_pubsub_subscribe (AviPubsub  *self,
                      const char *topic)
{
  avi_gossipsub_subscribe (self->router, topic, avi_loop_now (self->engine->loop));
}

void
avi_pubsub_unsubscribe (AviPubsub  *self,
                        const char *topic)
{
  avi_gossipsub_unsubscribe (self->router, topic, avi_loop_now (self->engine->loop));
}

static void
avi_pubsub_echo (AviPubsub  *self,
                 const char *topic,
                 GBytes     *data)
{
  g_autofree char *from = avi_peer_id_to_string (&self->engine->self_id);
  g_autoptr(AviMessage) message =
      avi_message_new (topic, from, avi_gossipsub_get_seqno (self->router), data, g_get_real_time ());

  avi_core_deliver (self->engine->core, message);
}

/* Takes @command, to the router. */
static void
avi_pubsub_submit (AviPubsub  *self,
                   AviCommand *command)
{
  GError *error = NULL;
  gint n =
      avi_gossipsub_publish (self->router, command->text, command->data, avi_loop_now (self->engine->loop), &error);

  if (error != NULL)
    avi_engine_log (self->engine, NULL, NULL, "publish: %s", error->message);
  else if (command->echo)
    avi_pubsub_echo (self, command->text, command->data);
  avi_core_published (self->engine->core, g_bytes_get_size (command->data));
  avi_core_answer (self->engine->core, command->call, n, NULL, error);
  avi_command_free (command);
}

void
avi_pubsub_publish (AviPubsub  *self,
                    AviCommand *command)
{
  g_queue_push_tail (&self->publishing, command);
  avi_pubsub_go_on (self);
}

static void
avi_pubsub_waiter_free (Waiter *waiter)
{
  avi_call_unref (waiter->call);
  g_free (waiter->topic);
  g_free (waiter);
}

void
avi_pubsub_wait (AviPubsub  *self,
                 const char *topic,
                 guint       n,
                 AviCall    *call)
{
  Waiter *waiter = g_new0 (Waiter, 1);

  waiter->call = avi_call_ref (call);
  waiter->topic = g_strdup (topic);
  waiter->n = n;
  g_ptr_array_add (self->waiters, waiter);
  avi_pubsub_check_waiters (self, topic);
}

void
avi_pubsub_cancel (AviPubsub *self,
                   AviCall   *call)
{
  GList *next;

  for (GList *link = self->publishing.head; link != NULL; link = next)
    {
      AviCommand *command = link->data;

      next = link->next;
      if (command->call != call)
        continue;
      g_queue_delete_link (&self->publishing, link);
      avi_core_published (self->engine->core, g_bytes_get_size (command->data));
      avi_command_free (command);
    }
  for (guint i = self->waiters->len; i > 0; i--)
    if (((Waiter *) g_ptr_array_index (self->waiters, i - 1))->call == call)
      g_ptr_array_remove_index (self->waiters, i - 1);
}

/* --- life --- */

AviPubsub *
avi_pubsub_new (AviEngine *engine)
{
  AviPubsub *self = g_new0 (AviPubsub, 1);
  g_auto(GStrv) topics = avi_core_dup_topics (engine->core);
  gint64 now = avi_loop_now (engine->loop);
  AviGossipsubConfig config = {
    .identity = engine->settings->identity,
    .random = engine->random,
    .params = engine->settings->pubsub,
    .first_seqno = (guint64) g_get_real_time () * 1000,
  };

  self->engine = engine;
  self->router = avi_gossipsub_new (&config, now);
  self->outputs = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->full_until = G_MININT64;
  self->partial_check = G_MAXINT64;
  self->waiters = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_pubsub_waiter_free);
  for (guint i = 0; topics[i] != NULL; i++)
    avi_gossipsub_subscribe (self->router, topics[i], now);
  return self;
}

void
avi_pubsub_stop (AviPubsub *self)
{
  AviCommand *command;

  while ((command = g_queue_pop_head (&self->publishing)) != NULL)
    avi_pubsub_submit (self, command);
  for (guint i = 0; i < self->waiters->len; i++)
    avi_core_answer (self->engine->core, ((Waiter *) g_ptr_array_index (self->waiters, i))->call, 0, NULL,
                     g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "The device stopped"));
  g_ptr_array_set_size (self->waiters, 0);
}

void
avi_pubsub_free (AviPubsub *self)
{
  g_assert (self->waiters->len == 0);
  g_assert (g_hash_table_size (self->outputs) == 0);
  g_assert (self->partials.length == 0 && self->n_partial == 0);
  avi_loop_clear_timer (self->engine->loop, &self->timer);
  g_ptr_array_unref (self->waiters);
  g_hash_table_unref (self->outputs);
  avi_gossipsub_free (self->router);
  g_free (self);
}
