/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program publishes: from the core to the router, as fast as peers take it; held, where that is wanted,
 * until somebody subscribes. A message is in one place at a time: with the core, held, ready, or ended.
 */
#include "config.h"

#include "avi-error.h"
#include "avi-message-private.h"
#include "avi-pubsub-private.h"

/* Bytes of messages that go out together, in one RPC where they fit. */
#define BATCH (64 * 1024)
/* Messages between two looks at the sockets: signing so many takes a millisecond or two. */
#define MAX_IN_A_ROW 128

/* --- what is held --- */

static gint64
avi_pubsub_get_hold_timeout (AviPubsub *self)
{
  gint64 timeout = self->engine->settings->hold_timeout;

  return timeout > 0 ? timeout : AVI_CORE_HOLD_TIMEOUT * (gint64) G_USEC_PER_SEC;
}

static void
avi_pubsub_answer (AviPubsub      *self,
                   AviPublication *publication,
                   gint            n,
                   GError         *error)
{
  avi_core_answer (self->engine->core, publication->call, n, NULL, error);
  g_queue_push_tail_link (&self->ended, &publication->link);
}

/* In the order of their ends, which is that in which they come, but for those that come back. */
static void
avi_pubsub_insert_held (AviPubsub      *self,
                        AviPublication *publication)
{
  GList *before = self->held.tail;

  while (before != NULL && ((AviPublication *) before->data)->until > publication->until)
    before = before->prev;
  publication->held_link = (GList) { .data = publication };
  if (before == NULL)
    g_queue_push_head_link (&self->held, &publication->held_link);
  else
    g_queue_insert_after_link (&self->held, before, &publication->held_link);
}

/* It is in no queue. Takes @error, which says why. */
static void
avi_pubsub_drop_held (AviPubsub      *self,
                      AviPublication *publication,
                      GError         *error)
{
  avi_engine_log (self->engine, NULL, NULL, "publish: a message that was held is dropped: %s", error->message);
  avi_core_count_topic (self->engine->core, publication->topic,
                        &(AviTopicCounts) { .n = { [AVI_TOPIC_DROPPED_HELD] = 1 } });
  avi_pubsub_answer (self, publication, -1, error);
}

static void
avi_pubsub_hold (AviPubsub      *self,
                 AviPublication *publication)
{
  GQueue *queue = g_hash_table_lookup (self->holding, publication->topic);
  GError *error = NULL;

  if (!avi_core_hold (self->engine->core, publication, &error))
    {
      avi_pubsub_drop_held (self, publication, error);
      return;
    }
  if (queue == NULL)
    {
      queue = g_queue_new ();
      g_hash_table_insert (self->holding, g_strdup (publication->topic), queue);
    }
  g_queue_push_tail_link (queue, &publication->link);
  if (publication->until == 0)
    publication->until = avi_loop_now (self->engine->loop) + avi_pubsub_get_hold_timeout (self);
  avi_pubsub_insert_held (self, publication);
}

/* Out of both queues in which it is held. */
static void
avi_pubsub_unhold (AviPubsub      *self,
                   AviPublication *publication)
{
  GQueue *queue = g_hash_table_lookup (self->holding, publication->topic);

  g_queue_unlink (queue, &publication->link);
  g_queue_unlink (&self->held, &publication->held_link);
  if (queue->length == 0)
    g_hash_table_remove (self->holding, publication->topic);
}

void
avi_pubsub_release (AviPubsub  *self,
                    const char *topic)
{
  GQueue *queue = g_hash_table_lookup (self->holding, topic);
  guint n = queue != NULL ? queue->length : 0;

  /* All that is ready already was published later. */
  for (; n > 0; n--)
    {
      AviPublication *publication = g_queue_peek_tail (queue);

      avi_pubsub_unhold (self, publication);
      g_queue_push_head_link (&self->ready, &publication->link);
    }
}

void
avi_pubsub_expire_held (AviPubsub *self,
                        gint64     now)
{
  AviPublication *first;

  while ((first = g_queue_peek_head (&self->held)) != NULL && first->until <= now)
    {
      avi_pubsub_unhold (self, first);
      avi_pubsub_drop_held (self, first,
                            g_error_new (AVI_ERROR, AVI_ERROR_TIMEOUT,
                                         "Nobody came to subscribe to “%s” within %.1f s (hold-timeout)", first->topic,
                                         (double) avi_pubsub_get_hold_timeout (self) / G_USEC_PER_SEC));
    }
  avi_core_end_publications (self->engine->core, &self->ended);
}

gint64
avi_pubsub_get_held_deadline (AviPubsub *self)
{
  AviPublication *first = g_queue_peek_head (&self->held);

  return first != NULL ? first->until : G_MAXINT64;
}

void
avi_pubsub_cancel_held (AviPubsub *self,
                        AviCall   *call)
{
  GList *next;

  for (GList *link = self->held.head; link != NULL; link = next)
    {
      AviPublication *publication = link->data;

      next = link->next;
      if (publication->call != call)
        continue;
      avi_pubsub_unhold (self, publication);
      g_queue_push_tail_link (&self->ended, &publication->link);
    }
  avi_core_end_publications (self->engine->core, &self->ended);
}

/* --- to the router --- */

/* Gathered, as what peers say is. */
static void
avi_pubsub_echo (AviPubsub      *self,
                 AviPublication *publication,
                 guint64         seqno)
{
  gboolean is_signed = avi_gossipsub_signs (self->router, publication->topic);
  g_autofree char *from = is_signed ? avi_peer_id_to_string (&self->engine->self_id) : NULL;

  publication->echo = FALSE;
  g_ptr_array_add (self->heard, avi_message_new (publication->topic, from, is_signed ? seqno : 0, publication->data,
                                                 g_get_real_time ()));
}

static void
avi_pubsub_submit (AviPubsub      *self,
                   AviPublication *publication)
{
  GError *error = NULL;
  gint n = avi_gossipsub_publish (self->router, publication->topic, publication->data,
                                  avi_loop_now (self->engine->loop), &error);

  self->n_unsent += g_bytes_get_size (publication->data);
  if (error != NULL)
    avi_engine_log (self->engine, NULL, NULL, "publish: %s", error->message);
  else if (publication->echo)
    avi_pubsub_echo (self, publication, avi_gossipsub_get_seqno (self->router));
  if (publication->call == NULL || n <= 0)
    {
      /* What happened first is told first. */
      if (publication->call != NULL)
        avi_pubsub_deliver (self);
      avi_pubsub_answer (self, publication, n, error);
      return;
    }
  avi_pubsub_await (self, publication->call);
  g_queue_push_tail_link (&self->ended, &publication->link);
}

static void
avi_pubsub_submit_or_hold (AviPubsub      *self,
                           AviPublication *publication)
{
  if (!publication->hold || avi_gossipsub_count_subscribers (self->router, publication->topic) > 0)
    {
      avi_pubsub_submit (self, publication);
      return;
    }
  /* Our own subscriptions need not wait. */
  if (publication->echo)
    avi_pubsub_echo (self, publication, avi_gossipsub_skip_seqno (self->router));
  avi_gossipsub_tell_unheard (self->router, publication->topic, avi_loop_now (self->engine->loop));
  avi_pubsub_hold (self, publication);
}

/* NULL: there is nothing more. */
static AviPublication *
avi_pubsub_pop_ready (AviPubsub *self,
                      gboolean   in_order)
{
  GList *link;

  if (self->ready.length == 0)
    avi_core_take_publications (self->engine->core, BATCH, in_order, &self->ready);
  link = g_queue_pop_head_link (&self->ready);
  return link != NULL ? link->data : NULL;
}

void
avi_pubsub_go_on (AviPubsub *self)
{
  AviPublication *publication;
  guint n = 0;

  while (self->full_until == G_MININT64 && n < MAX_IN_A_ROW
         && (publication = avi_pubsub_pop_ready (self, TRUE)) != NULL)
    {
      avi_pubsub_submit_or_hold (self, publication);
      n++;
      if (self->n_unsent >= BATCH)
        avi_pubsub_send (self);
    }
  avi_pubsub_hear (self); /* the next round may be far */
  avi_pubsub_deliver (self);
  avi_core_end_publications (self->engine->core, &self->ended);
  if (n == MAX_IN_A_ROW) /* more may wait, of which the core has said so already */
    avi_loop_wake (self->engine->loop);
}

void
avi_pubsub_end_publishing (AviPubsub *self)
{
  AviPublication *publication;

  while ((publication = avi_pubsub_pop_ready (self, FALSE)) != NULL)
    avi_pubsub_submit_or_hold (self, publication);
  avi_pubsub_deliver (self);
  while ((publication = g_queue_peek_head (&self->held)) != NULL)
    {
      avi_pubsub_unhold (self, publication);
      avi_pubsub_drop_held (self, publication,
                            g_error_new (AVI_ERROR, AVI_ERROR_CLOSED,
                                         "The device stopped before somebody came to subscribe to “%s”",
                                         publication->topic));
    }
  avi_core_end_publications (self->engine->core, &self->ended);
}
