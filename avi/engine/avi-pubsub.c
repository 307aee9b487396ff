/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "avi-pubsub-private.h"
#include "avi-swarm.h"

/* Who waits until a topic has so many subscribers. */
typedef struct
{
  AviCall *call;
  char    *topic;
  guint    n;
} Waiter;

static void avi_pubsub_timeout (AviTimer *timer, gint64 now);

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
avi_pubsub_count_topics (AviPubsub *self)
{
  AviTopicCounts counts;
  GRefString *topic;

  while (avi_gossipsub_next_counts (self->router, &topic, &counts))
    {
      avi_core_count_topic (self->engine->core, topic, &counts);
      g_ref_string_release (topic);
    }
}

/* A program that hears a message, and looks, finds it counted, and what came before it. */
void
avi_pubsub_deliver (AviPubsub *self)
{
  if (self->heard->len > 0)
    avi_pubsub_count_topics (self);
  avi_core_deliver (self->engine->core, (AviMessage **) self->heard->pdata, self->heard->len);
  g_ptr_array_set_size (self->heard, 0);
}

static void
avi_pubsub_tell_subscribers (AviPubsub  *self,
                             const char *topic,
                             guint       n)
{
  avi_pubsub_deliver (self);
  avi_core_set_subscribers (self->engine->core, topic, n);
  avi_pubsub_check_waiters (self, topic);
  if (n > 0)
    avi_pubsub_release (self, topic);
}

static void
avi_pubsub_tell_unheard (AviPubsub               *self,
                         const AviGossipsubEvent *event)
{
  if (event->near_topic != NULL)
    avi_engine_log (self->engine, NULL, NULL, "0 of %u peers subscribe to “%s” (near: “%s”)", event->n_peers,
                    event->topic, event->near_topic);
  else
    avi_engine_log (self->engine, NULL, NULL, "0 of %u peers subscribe to “%s”", event->n_peers, event->topic);
}

static void
avi_pubsub_tell (AviPubsub         *self,
                 AviGossipsubEvent *event)
{

  switch (event->type)
    {
    case AVI_GOSSIPSUB_EVENT_MESSAGE:
      g_ptr_array_add (self->heard, event->message);
      break;

    case AVI_GOSSIPSUB_EVENT_VERIFY:
      avi_verifier_add (self->verifier, event->ticket, event->key, event->signed_bytes, event->signature);
      break;

    case AVI_GOSSIPSUB_EVENT_VALIDATE:
      avi_core_validate (self->engine->core, event->message);
      avi_message_unref (event->message);
      break;

    case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
      avi_pubsub_tell_subscribers (self, event->topic, event->n_peers);
      break;

    case AVI_GOSSIPSUB_EVENT_DIAL:
      avi_pubsub_dial (self, event);
      break;

    case AVI_GOSSIPSUB_EVENT_DROPPED:
      avi_engine_log (self->engine, event->peer, NULL,
                      "pub/sub: messages that did not go to it: %" G_GUINT64_FORMAT " since it reads too slowly, "
                      "%" G_GUINT64_FORMAT " since it takes none so large, %" G_GUINT64_FORMAT " for its score",
                      event->drops.queue, event->drops.too_large, event->drops.score);
      avi_swarm_dropped (self->engine->swarm, event->peer, avi_peer_drops_sum (&event->drops));
      break;

    case AVI_GOSSIPSUB_EVENT_UNHEARD:
      avi_pubsub_tell_unheard (self, event);
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

/* Once a round, for what all of its RPCs brought. TRUE: there is more to be done. */
static gboolean
avi_pubsub_verify (AviPubsub *self)
{
  gboolean valid;
  guint64 ticket;

  gboolean more = avi_verifier_work (self->verifier);

  while (avi_verifier_next (self->verifier, &ticket, &valid))
    avi_gossipsub_verified (self->router, ticket, valid, avi_loop_now (self->engine->loop));
  avi_pubsub_hear (self);
  return more;
}

/* Between two RPCs: where so many are being checked that the next one's might find no room they are checked first. */
void
avi_pubsub_make_room (AviPubsub *self)
{
  /* A thread of the pool may have been put aside with the first of them, for which all the others wait. */
  while (avi_gossipsub_is_busy (self->router) && (avi_pubsub_verify (self) || avi_verifier_wait (self->verifier)))
    ;
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
  avi_core_set_count (core, AVI_COUNT_MESSAGES_REJECTED, statistics.rejected);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_IGNORED, statistics.ignored);
  avi_core_set_count (core, AVI_COUNT_MESSAGES_UNJUDGED, statistics.validate_drops);
  avi_core_set_count (core, AVI_COUNT_SENDS_DROPPED,
                      statistics.queue_drops + statistics.size_drops + statistics.score_drops);
  avi_core_set_count (core, AVI_COUNT_SENDS_SPARED, statistics.spared);
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

void
avi_pubsub_tell_counts (AviPubsub *self)
{
  avi_pubsub_count (self);
  avi_pubsub_count_topics (self);
}

void
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
  avi_pubsub_check_flow (self);
}

static void
avi_pubsub_set_timer (AviPubsub *self)
{
  gint64 when = MIN (avi_gossipsub_deadline (self->router), self->partial_check);

  when = MIN (when, MIN (self->next_stall, avi_pubsub_get_held_deadline (self)));
  avi_loop_set_timer (self->engine->loop, &self->timer, when, avi_pubsub_timeout);
}

void
avi_pubsub_pump (AviPubsub *self)
{
  avi_pubsub_hear (self);
  avi_pubsub_deliver (self);
  if (avi_pubsub_verify (self))
    avi_loop_wake (self->engine->loop);
  avi_pubsub_deliver (self);
  avi_pubsub_send (self);
  avi_pubsub_go_on (self);
  avi_pubsub_send (self);
  avi_pubsub_tell_counts (self);
  avi_pubsub_set_timer (self);
}

static void
avi_pubsub_timeout (AviTimer *timer,
                    gint64    now)
{
  AviPubsub *self = AVI_CONTAINER_OF (timer, AviPubsub, timer);

  avi_gossipsub_tick (self->router, now);
  avi_pubsub_check_partials (self, now);
  avi_pubsub_expire_held (self, now);
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

void
avi_pubsub_set_topic (AviPubsub  *self,
                      const char *topic,
                      guint       flags)
{
  avi_gossipsub_set_topic_flags (self->router, topic, flags);
}

void
avi_pubsub_judge (AviPubsub *self,
                  guint64    ticket,
                  guint      verdict)
{
  avi_gossipsub_validated (self->router, ticket, verdict, avi_loop_now (self->engine->loop));
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
  avi_pubsub_cancel_held (self, call);
  for (guint i = self->waiters->len; i > 0; i--)
    if (((Waiter *) g_ptr_array_index (self->waiters, i - 1))->call == call)
      g_ptr_array_remove_index (self->waiters, i - 1);
}

/* --- life --- */

/* From the verifier's threads. */
static void
avi_pubsub_wake (gpointer loop)
{
  avi_loop_wake (loop);
}

AviPubsub *
avi_pubsub_new (AviEngine *engine)
{
  AviPubsub *self = g_new0 (AviPubsub, 1);
  g_auto(GStrv) topics = avi_core_dup_topics (engine->core);
  g_autoptr(GHashTable) topic_flags = avi_core_dup_topic_flags (engine->core);
  g_autoptr(GHashTable) peer_scores = avi_core_dup_peer_scores (engine->core);
  GHashTableIter iter;
  gpointer topic, flags;
  gint64 now = avi_loop_now (engine->loop);
  AviGossipsubConfig config = {
    .identity = engine->settings->identity,
    .random = engine->random,
    .params = engine->settings->pubsub,
    .first_seqno = (guint64) g_get_real_time () * 1000,
  };

  self->engine = engine;
  self->router = avi_gossipsub_new (&config, now);
  /* Whoever wants no thread of ours gets none here either. */
  self->verifier = avi_verifier_new (engine->settings->context == NULL ? avi_verifier_get_default_threads () : 0,
                                     avi_pubsub_wake, engine->loop);
  self->outputs = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->holding = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_queue_free);
  self->heard = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_message_unref);
  self->full_until = G_MININT64;
  self->next_stall = G_MAXINT64;
  self->partial_check = G_MAXINT64;
  self->waiters = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_pubsub_waiter_free);
  g_hash_table_iter_init (&iter, topic_flags);
  while (g_hash_table_iter_next (&iter, &topic, &flags))
    avi_pubsub_set_topic (self, topic, GPOINTER_TO_UINT (flags));
  avi_pubsub_set_scores (self, peer_scores);
  for (guint i = 0; topics[i] != NULL; i++)
    avi_gossipsub_subscribe (self->router, topics[i], now);
  return self;
}

void
avi_pubsub_stop (AviPubsub *self)
{
  avi_pubsub_end_publishing (self);
  avi_gossipsub_hurry (self->router, avi_loop_now (self->engine->loop));
  /* So that the streams show that there is something to wait for. */
  avi_pubsub_send (self);
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
  g_assert (self->watched.length == 0 && self->held.length == 0 && self->ready.length == 0);
  avi_loop_clear_timer (self->engine->loop, &self->timer);
  g_ptr_array_unref (self->heard);
  g_hash_table_unref (self->holding);
  g_ptr_array_unref (self->waiters);
  g_hash_table_unref (self->outputs);
  avi_verifier_free (self->verifier); /* first: what it checks is the router's */
  avi_gossipsub_free (self->router);
  g_free (self);
}
