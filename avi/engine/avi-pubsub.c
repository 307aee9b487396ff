/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-pubsub.h"

#include "avi-error.h"
#include "avi-message-private.h"
#include "avi-services.h"
#include "wire/avi-frame-reader.h"

/* Of our stream on one connection: rust-libp2p has done with a connection's pub/sub at its fifth stream. */
#define MAX_RENEWALS 3
/* Bytes of messages that go out together, in one RPC where they fit. */
#define BATCH (64 * 1024)
/* Of a stream that takes nothing: then publishing goes on without that peer. */
#define STALL_TIME (1 * G_USEC_PER_SEC)
/* And then the connection ends, for the swarm to dial again; not at once, lest it be done all the time. */
#define RENEWAL_PAUSE (10 * G_USEC_PER_SEC)
/* In place of a count of renewals: the peer does not speak the protocol. */
#define REFUSED (MAX_RENEWALS + 1)

/* Who waits until a topic has so many subscribers. */
typedef struct
{
  AviCall *call;
  char    *topic;
  guint    n;
} Waiter;

struct _AviPubsub
{
  AviEngine    *engine;
  AviGossipsub *router;
  GHashTable   *outputs; /* AviPeerId → Output: our stream to each attached peer */
  GPtrArray    *waiters; /* of Waiter */
  GQueue        publishing; /* of AviCommand: published by the program, not with the router yet */
  gsize         n_unsent;   /* bytes of messages that the router has, and no stream */
  gint64        full_until; /* G_MININT64: there is room; else nothing more goes to the router before */
  AviTimer      timer;
};

/* Our stream to a peer. */
typedef struct
{
  AviStreamOwner owner;
  AviPubsub     *pubsub;
  AviPeerId      peer;
  GBytes        *held;       /* an RPC that the stream did not take yet; the router waits meanwhile */
  gint64         held_since; /* monotonic */
  guint          n_renewals; /* streams on this connection before this one */
} Output;

/* A peer's stream to us. What comes before the peer is attached is held: its subscriptions are sent
 * once. It is bounded by the stream's window, for what is held is not consumed. */
typedef struct
{
  AviStreamOwner owner;
  AviFrameReader reader;
  GByteArray    *held;
} Input;

static void avi_pubsub_timeout (AviTimer *timer, gint64 now);
static void avi_pubsub_forget (AviPubsub *self, AviPeerEntry *entry);
static void avi_pubsub_hear (AviPubsub *self);
static void avi_pubsub_renew (AviPubsub *self, AviPeerEntry *entry, guint n_renewals);

/* --- our stream to a peer --- */

static void
avi_output_send (Output *self,
                 GBytes *rpc)
{
  if (avi_stream_send (&self->owner, rpc))
    return;
  g_assert (self->held == NULL);
  self->held = g_bytes_ref (rpc);
  self->held_since = avi_loop_now (self->pubsub->engine->loop);
  avi_gossipsub_set_ready (self->pubsub->router, &self->peer, FALSE);
}

static void
avi_output_writable (AviStreamOwner *owner)
{
  Output *self = (Output *) owner;
  g_autoptr(GBytes) held = g_steal_pointer (&self->held);

  if (held == NULL)
    return;
  avi_gossipsub_set_ready (self->pubsub->router, &self->peer, TRUE);
  avi_output_send (self, held);
}

static void
avi_output_data (AviStreamOwner *owner,
                 AviSpan         data)
{
  /* Nothing is ever said on this direction. */
  avi_stream_consume (owner, data.len);
}

/* Nothing is ever said on this direction, so its end means that the peer has closed the stream and
 * reads no more: so does rust-libp2p when an RPC is over its limit. */
static void
avi_output_finished (AviStreamOwner *owner)
{
  Output *self = (Output *) owner;

  if (g_hash_table_lookup (self->pubsub->outputs, &self->peer) == self)
    avi_stream_reset (owner);
  else
    avi_stream_finish (owner);
}

static void
avi_output_gone (AviStreamOwner *owner,
                 gboolean        refused)
{
  Output *self = (Output *) owner;
  AviPubsub *pubsub = self->pubsub;

  if (g_hash_table_lookup (pubsub->outputs, &self->peer) == self)
    {
      g_hash_table_remove (pubsub->outputs, &self->peer);
      /* With the whole connection gone the swarm says what follows: another connection, or detach. */
      if (owner->connection->state == AVI_CONNECTION_OPEN)
        avi_pubsub_renew (pubsub, owner->connection->entry, refused ? REFUSED : self->n_renewals);
    }
  g_clear_pointer (&self->held, g_bytes_unref);
  g_free (self);
}

/* A queue that was full while the protocol was negotiated is told of by this, not by WRITABLE. */
static void
avi_output_agreed (AviStreamOwner *owner,
                   const char     *protocol)
{
  avi_output_writable (owner);
}

static const AviStreamHandler output_handler = {
  .agreed = avi_output_agreed,
  .data = avi_output_data,
  .finished = avi_output_finished,
  .writable = avi_output_writable,
  .gone = avi_output_gone,
};

/* --- peers' streams to us --- */

static gboolean
avi_input_is_attached (Input *self)
{
  AviConnection *connection = self->owner.connection;

  return connection->identified && connection->entry->challenger != connection
         && g_hash_table_contains (connection->engine->pubsub->outputs, &connection->peer);
}

/* FALSE where the stream was reset. */
static gboolean
avi_input_read (Input  *self,
                AviSpan data)
{
  AviConnection *connection = self->owner.connection;
  AviPubsub *pubsub = connection->engine->pubsub;
  g_autoptr(GError) error = NULL;
  AviSpan rpc;

  /* The wall clock may have been set, or the machine have slept. */
  avi_gossipsub_set_unix_offset (pubsub->router, g_get_real_time () - g_get_monotonic_time ());
  avi_frame_reader_push (&self->reader, data);
  while (avi_frame_reader_next (&self->reader, &rpc, &error)
         && avi_gossipsub_receive (pubsub->router, &connection->peer, rpc, avi_loop_now (pubsub->engine->loop), &error))
    avi_pubsub_hear (pubsub);
  if (error != NULL)
    {
      avi_engine_log (&connection->peer, connection->remote, "pub/sub: %s", error->message);
      avi_core_count (pubsub->engine->core, AVI_COUNT_STREAMS_INVALID, 1);
      avi_stream_reset (&self->owner);
      return FALSE;
    }
  avi_stream_consume (&self->owner, data.len);
  return TRUE;
}

static void
avi_input_release (Input *self)
{
  g_autoptr(GByteArray) held = g_steal_pointer (&self->held);

  if (held != NULL)
    avi_input_read (self, AVI_SPAN (held->data, held->len));
}

static void
avi_input_data (AviStreamOwner *owner,
                AviSpan         data)
{
  Input *self = (Input *) owner;

  if (self->held == NULL && avi_input_is_attached (self))
    {
      avi_input_read (self, data);
      return;
    }
  if (self->held == NULL)
    self->held = g_byte_array_new ();
  g_byte_array_append (self->held, data.data, (guint) data.len);
  if (avi_input_is_attached (self))
    avi_input_release (self);
}

static void
avi_input_finished (AviStreamOwner *owner)
{
  avi_stream_finish (owner);
}

static void
avi_input_gone (AviStreamOwner *owner,
                gboolean        refused)
{
  Input *self = (Input *) owner;

  avi_frame_reader_clear (&self->reader);
  g_clear_pointer (&self->held, g_byte_array_unref);
  g_free (self);
}

static AviStreamOwner *
avi_input_accept (AviConnection *connection,
                  AviLinkStream *stream)
{
  Input *self = g_new0 (Input, 1);

  avi_frame_reader_init (&self->reader, AVI_GOSSIPSUB_MAX_RPC);
  return &self->owner;
}

#define INPUT_HANDLER(name)                                                                                            \
 {                                                                                                                     \
  .protocol = name, .accept = avi_input_accept, .data = avi_input_data, .finished = avi_input_finished,                \
  .gone = avi_input_gone                                                                                               \
 }

const AviStreamHandler avi_meshsub_1_1_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_1);
const AviStreamHandler avi_meshsub_1_0_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_0);
const AviStreamHandler avi_floodsub_handler = INPUT_HANDLER (AVI_FLOODSUB_PROTOCOL);

static gboolean
avi_pubsub_is_input (AviStreamOwner *owner)
{
  return owner->handler == &avi_meshsub_1_1_handler || owner->handler == &avi_meshsub_1_0_handler
         || owner->handler == &avi_floodsub_handler;
}

/* --- attaching --- */

/* One protocol, the best that the peer says it speaks: no answer is waited for. */
static const char *const *
avi_pubsub_choose_protocol (AviPeerEntry *entry)
{
  static const char *const choices[][2] = {
    { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL },
    { AVI_GOSSIPSUB_PROTOCOL_1_0, NULL },
    { AVI_FLOODSUB_PROTOCOL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (avi_peer_entry_speaks (entry, choices[i][0]))
      return choices[i];
  return NULL;
}

/* The stream on the connection used before, if any, is not the peer's any more. */
static void
avi_pubsub_drop_output (AviPubsub    *self,
                        AviPeerEntry *entry)
{
  Output *output = g_hash_table_lookup (self->outputs, &entry->id);

  if (output == NULL)
    return;
  g_hash_table_remove (self->outputs, &entry->id);
  if (output->owner.connection->state == AVI_CONNECTION_OPEN)
    avi_stream_finish (&output->owner);
}

static void
avi_pubsub_forget (AviPubsub    *self,
                   AviPeerEntry *entry)
{
  avi_gossipsub_remove_peer (self->router, &entry->id, avi_loop_now (self->engine->loop));
}

/* By whose rule the peer names messages: nodes of Avi say their name as their agent. Those without a
 * boot id are the deployed ones, on rust-libp2p. */
static const char *
avi_pubsub_guess_family (AviPeerEntry *entry)
{
  if (!entry->is_avi)
    return entry->agent;
  return entry->main->info.has_boot_id ? "avi" : "rust-libp2p";
}

/* What the peer said before it was attached is heard now. */
static void
avi_pubsub_release_inputs (AviPeerEntry *entry)
{
  for (guint i = 0; i < entry->connections->len; i++)
    {
      AviConnection *connection = g_ptr_array_index (entry->connections, i);
      GList *next;

      for (GList *link = connection->owners.head; link != NULL; link = next)
        {
          AviStreamOwner *owner = link->data;

          next = link->next;
          if (avi_pubsub_is_input (owner) && avi_input_is_attached ((Input *) owner))
            avi_input_release ((Input *) owner);
        }
    }
}

/* @moved: the router goes on with what it knows of the peer. */
static void
avi_pubsub_open (AviPubsub    *self,
                 AviPeerEntry *entry,
                 gboolean      moved,
                 guint         n_renewals)
{
  const char *const *protocol = avi_pubsub_choose_protocol (entry);
  gint64 now = avi_loop_now (self->engine->loop);
  Output *output;

  if (protocol == NULL)
    {
      avi_pubsub_forget (self, entry);
      return;
    }
  output = g_new0 (Output, 1);
  output->owner.handler = &output_handler;
  output->pubsub = self;
  output->peer = entry->id;
  output->n_renewals = n_renewals;
  if (!avi_connection_open_stream (entry->main, protocol, &output->owner, NULL))
    {
      g_free (output);
      avi_pubsub_forget (self, entry);
      return;
    }
  g_hash_table_insert (self->outputs, &output->peer, output);
  if (!moved || !avi_gossipsub_move_peer (self->router, &entry->id, protocol[0], now))
    avi_gossipsub_add_peer (self->router, &entry->id, protocol[0], avi_pubsub_guess_family (entry), now);
  avi_pubsub_release_inputs (entry);
}

/* Our stream to the peer is gone, and the connection is not. What was under way is lost. */
static void
avi_pubsub_renew (AviPubsub    *self,
                  AviPeerEntry *entry,
                  guint         n_renewals)
{
  if (n_renewals >= MAX_RENEWALS || entry->main == NULL || entry->main->draining)
    {
      avi_pubsub_forget (self, entry);
      if (n_renewals == MAX_RENEWALS && entry->main != NULL)
        /* A peer that has done with this connection's pub/sub may begin anew on another. */
        avi_connection_drain (entry->main, RENEWAL_PAUSE);
      return;
    }
  avi_engine_log (&entry->id, entry->main->remote, "pub/sub: the peer ended our stream, here is another");
  avi_pubsub_open (self, entry, TRUE, n_renewals + 1);
}

void
avi_pubsub_attach (AviPubsub    *self,
                   AviPeerEntry *entry,
                   gboolean      moved)
{
  avi_pubsub_drop_output (self, entry);
  avi_pubsub_open (self, entry, moved, 0);
}

gboolean
avi_pubsub_is_attached (AviPubsub    *self,
                        AviPeerEntry *entry)
{
  return g_hash_table_contains (self->outputs, &entry->id);
}

void
avi_pubsub_detach (AviPubsub    *self,
                   AviPeerEntry *entry)
{
  avi_pubsub_drop_output (self, entry);
  avi_pubsub_forget (self, entry);
}

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

    case AVI_GOSSIPSUB_EVENT_NEAR_MISS:
      avi_engine_log (NULL, NULL, "nobody subscribes to “%s”, but somebody to “%s”", event->topic, event->near_topic);
      break;
    }
}

static void
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
  avi_core_set_count (core, AVI_COUNT_SENDS_DROPPED, statistics.queue_drops);
  avi_core_set_count (core, AVI_COUNT_GOSSIP_LIMITED, statistics.limit_drops);
  avi_core_set_count (core, AVI_COUNT_PROMISES_BROKEN, statistics.broken_promises);
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
  g_hash_table_iter_init (&iter, self->outputs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Output *output = value;

      if (output->held != NULL && now - output->held_since < STALL_TIME)
        self->full_until = MAX (self->full_until, output->held_since + STALL_TIME);
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
      Output *output = g_hash_table_lookup (self->outputs, &peer);

      if (output != NULL)
        avi_output_send (output, rpc);
      g_bytes_unref (rpc);
    }
  self->n_unsent = 0;
  avi_pubsub_check_room (self);
}

static void avi_pubsub_submit (AviPubsub *self, AviCommand *command);

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
                      MIN (avi_gossipsub_deadline (self->router),
                           self->publishing.length > 0 ? self->full_until : G_MAXINT64),
                      avi_pubsub_timeout);
}

static void
avi_pubsub_timeout (AviTimer *timer,
                    gint64    now)
{
  AviPubsub *self = AVI_CONTAINER_OF (timer, AviPubsub, timer);

  avi_gossipsub_tick (self->router, now);
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
    avi_engine_log (NULL, NULL, "publish: %s", error->message);
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
    .first_seqno = (guint64) g_get_real_time () * 1000,
  };

  self->engine = engine;
  self->router = avi_gossipsub_new (&config, now);
  self->outputs = g_hash_table_new (avi_peer_id_hash, avi_peer_id_equal);
  self->full_until = G_MININT64;
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
  avi_loop_clear_timer (self->engine->loop, &self->timer);
  g_ptr_array_unref (self->waiters);
  g_hash_table_unref (self->outputs);
  avi_gossipsub_free (self->router);
  g_free (self);
}
