/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pub/sub's streams: one of ours to each peer, the peers' to us, and what joins them to the router.
 */
#include "config.h"

#include "avi-pubsub-private.h"
#include "avi-services.h"
#include "wire/avi-frame-reader.h"

/* Of our stream on one connection: rust-libp2p has done with a connection's pub/sub at its fifth stream. */
#define MAX_RENEWALS 3
/* And then the connection ends, for the swarm to dial again; not at once, lest it be done all the time. */
#define RENEWAL_PAUSE (10 * G_USEC_PER_SEC)
/* Bytes that the length in front of an RPC has at most. */
#define MAX_LEN_LEN 4
/* What a peer has not read of a stream is no more than the largest window that implementations give. */
#define MAX_UNREAD (16 * 1024 * 1024)
/* In place of a count of renewals: the peer does not speak the protocol. */
#define REFUSED (MAX_RENEWALS + 1)

typedef AviPubsubOutput Output;

/* A peer's stream to us. What comes before the peer is attached is held: its subscriptions are sent
 * once. It is bounded by the stream's window, for what is held is not consumed. */
typedef struct
{
  AviStreamOwner owner;
  AviFrameReader reader;
  GByteArray    *held;
  gsize          n_partial;  /* bytes that are held, or of an RPC that is not whole */
  gint64         progressed; /* monotonic: when the last of them came */
  GList          partial_link; /* in the pub/sub's `partials` while there are any */
} Input;

static void avi_pubsub_forget (AviPubsub *self, AviPeerEntry *entry);
static void avi_pubsub_renew (AviPubsub *self, AviPeerEntry *entry, guint n_renewals);
static void avi_pubsub_limit (AviPubsub *self, AviPeerEntry *entry, const char *why);

/* --- our stream to a peer --- */

static void
avi_output_note (Output *self,
                 GBytes *rpc)
{
  self->n_bytes += g_bytes_get_size (rpc);
  if (g_bytes_get_size (rpc) > AVI_GOSSIPSUB_MAX_OLD_RPC + MAX_LEN_LEN)
    self->large_end = self->n_bytes;
}

/* Where a stream ends with a large RPC among what the peer may not have read yet, that is why, most likely. */
static gboolean
avi_output_was_too_large (const Output *self)
{
  return self->large_end > 0 && self->n_bytes - self->large_end < MAX_UNREAD;
}

void
avi_pubsub_output_send (AviPubsubOutput *self,
                        GBytes          *rpc)
{
  if (avi_stream_send (&self->owner, rpc))
    {
      avi_output_note (self, rpc);
      avi_output_given (self);
      return;
    }
  g_assert (self->held == NULL);
  self->held = g_bytes_ref (rpc);
  avi_output_watch (self);
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
  avi_pubsub_output_send (self, held);
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

  g_clear_pointer (&self->held, g_bytes_unref);
  avi_output_unwatch (self);
  if (g_hash_table_lookup (pubsub->outputs, &self->peer) == self)
    {
      g_hash_table_remove (pubsub->outputs, &self->peer);
      /* With the whole connection gone the swarm says what follows: another connection, or detach. */
      if (owner->connection->state == AVI_CONNECTION_OPEN && avi_output_was_too_large (self))
        avi_pubsub_limit (pubsub, owner->connection->entry, "it ended our stream at one");
      if (owner->connection->state == AVI_CONNECTION_OPEN)
        avi_pubsub_renew (pubsub, owner->connection->entry, refused ? REFUSED : self->n_renewals);
    }
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

/* What comes of it is the end of its stream: a frame cannot be left out. */
static void
avi_input_refuse (Input      *self,
                  const char *why)
{
  AviConnection *connection = self->owner.connection;

  avi_engine_log (connection->engine, &connection->peer, connection->remote, "pub/sub: %s", why);
  avi_core_count (connection->engine->core, AVI_COUNT_STREAMS_INVALID, 1);
  avi_stream_reset (&self->owner);
}

static void
avi_pubsub_bound_partials (AviPubsub *self)
{
  while (self->n_partial > AVI_PUBSUB_MAX_PARTIAL)
    {
      Input *oldest = g_queue_peek_head (&self->partials);
      g_autofree char *why = g_strdup_printf ("the limit for RPCs that are not whole is reached, %" G_GSIZE_FORMAT
                                              " of %d bytes are in use; "
                                              "the first, %" G_GSIZE_FORMAT " of them, is dropped",
                                              self->n_partial, AVI_PUBSUB_MAX_PARTIAL, oldest->n_partial);

      avi_input_refuse (oldest, why);
    }
}

/* @n: bytes that are not a whole RPC now; @anew: they are of another RPC than those before. */
static void
avi_input_set_partial (Input   *self,
                       gsize    n,
                       gboolean anew)
{
  AviPubsub *pubsub = self->owner.connection->engine->pubsub;

  pubsub->n_partial += n - self->n_partial;
  if (self->n_partial > 0 && (anew || n == 0))
    g_queue_unlink (&pubsub->partials, &self->partial_link);
  if (n > 0 && (anew || self->n_partial == 0))
    g_queue_push_tail_link (&pubsub->partials, &self->partial_link);
  self->n_partial = n;
  self->progressed = avi_loop_now (pubsub->engine->loop);
  if (pubsub->partials.length == 0)
    pubsub->partial_check = G_MAXINT64;
  else if (pubsub->partial_check == G_MAXINT64)
    pubsub->partial_check = self->progressed + AVI_PUBSUB_PARTIAL_TIME;
}

/* Each stream makes for one look in AVI_PUBSUB_PARTIAL_TIME at most. */
void
avi_pubsub_check_partials (AviPubsub *self,
                           gint64     now)
{
  GList *next;

  if (now < self->partial_check)
    return;
  self->partial_check = G_MAXINT64;
  for (GList *link = self->partials.head; link != NULL; link = next)
    {
      Input *input = link->data;
      gint64 end = input->progressed + AVI_PUBSUB_PARTIAL_TIME;

      next = link->next;
      if (now < end)
        self->partial_check = MIN (self->partial_check, end);
      else
        avi_input_refuse (input, "an RPC has begun, and nothing more of it has come for 30 s");
    }
}

gsize
avi_pubsub_get_n_partial (AviPubsub *self)
{
  return self->n_partial;
}

/* May reset this stream, or another. */
static void
avi_input_read (Input  *self,
                AviSpan data)
{
  AviConnection *connection = self->owner.connection;
  AviPubsub *pubsub = connection->engine->pubsub;
  g_autoptr(GError) error = NULL;
  gboolean any = FALSE;
  AviSpan rpc;

  /* The wall clock may have been set, or the machine have slept. */
  avi_gossipsub_set_unix_offset (pubsub->router, g_get_real_time () - g_get_monotonic_time ());
  avi_frame_reader_push (&self->reader, data);
  while (avi_frame_reader_next (&self->reader, &rpc, &error)
         && avi_gossipsub_receive (pubsub->router, &connection->peer, rpc, avi_loop_now (pubsub->engine->loop), &error))
    {
      avi_pubsub_hear (pubsub);
      avi_pubsub_make_room (pubsub);
      any = TRUE;
    }
  avi_pubsub_deliver (pubsub);
  if (error != NULL)
    {
      avi_input_refuse (self, error->message);
      return;
    }
  avi_stream_consume (&self->owner, data.len);
  avi_input_set_partial (self, avi_frame_reader_get_n_partial (&self->reader), any);
  avi_pubsub_bound_partials (pubsub);
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
    {
      avi_input_release (self);
      return;
    }
  avi_input_set_partial (self, self->held->len, FALSE);
  avi_pubsub_bound_partials (owner->connection->engine->pubsub);
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

  avi_input_set_partial (self, 0, FALSE);
  avi_frame_reader_clear (&self->reader);
  g_clear_pointer (&self->held, g_byte_array_unref);
  g_free (self);
}

static AviStreamOwner *
avi_input_accept (AviConnection *connection,
                  AviLinkStream *stream)
{
  Input *self = g_new0 (Input, 1);

  self->partial_link.data = self;
  avi_frame_reader_init (&self->reader, AVI_GOSSIPSUB_MAX_RPC);
  return &self->owner;
}

/* A peer needs one, of whichever protocol; a second while it replaces that. */
#define INPUT_HANDLER(name)                                                                                            \
 {                                                                                                                     \
  .protocol = name, .max_streams = 2, .family = "pub/sub", .accept = avi_input_accept, .data = avi_input_data,         \
  .finished = avi_input_finished, .gone = avi_input_gone                                                               \
 }

const AviStreamHandler avi_meshsub_1_3_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_3);
const AviStreamHandler avi_meshsub_1_2_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_2);
const AviStreamHandler avi_meshsub_1_1_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_1);
const AviStreamHandler avi_meshsub_1_0_handler = INPUT_HANDLER (AVI_GOSSIPSUB_PROTOCOL_1_0);
const AviStreamHandler avi_floodsub_handler = INPUT_HANDLER (AVI_FLOODSUB_PROTOCOL);

static gboolean
avi_pubsub_is_input (AviStreamOwner *owner)
{
  return owner->handler->data == avi_input_data;
}

/* --- attaching --- */

/* One protocol, the best that the peer says it speaks: no answer is waited for. */
static const char *const *
avi_pubsub_choose_protocol (AviPeerEntry *entry)
{
  static const char *const choices[][2] = {
    { AVI_GOSSIPSUB_PROTOCOL_1_3, NULL },
    { AVI_GOSSIPSUB_PROTOCOL_1_2, NULL },
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
  avi_output_unwatch (output);
  if (output->owner.connection->state == AVI_CONNECTION_OPEN)
    avi_stream_finish (&output->owner);
}

static void
avi_pubsub_forget (AviPubsub    *self,
                   AviPeerEntry *entry)
{
  avi_gossipsub_remove_peer (self->router, &entry->id, avi_loop_now (self->engine->loop));
}

/* A node of Avi without a boot id is one of those in the field, on rust-libp2p. */
static gboolean
avi_pubsub_is_old (AviPeerEntry *entry)
{
  return entry->is_avi && !entry->main->info.has_boot_id;
}

static void
avi_pubsub_limit (AviPubsub    *self,
                  AviPeerEntry *entry,
                  const char   *why)
{
  avi_engine_log (self->engine, &entry->id, NULL,
                  "pub/sub: gets no RPC of more than %d bytes: %s", AVI_GOSSIPSUB_MAX_OLD_RPC, why);
  avi_gossipsub_limit_peer (self->router, &entry->id, AVI_GOSSIPSUB_MAX_OLD_RPC, avi_loop_now (self->engine->loop));
}

/* A program on js-libp2p may call itself what it likes, and scores down who gossips to it in ids that are
 * not js's. Its protocol version and its way to say where it sees us stay. */
static gboolean
avi_pubsub_looks_like_js (AviPeerEntry *entry)
{
  return entry->main->info.observed_by_id && g_strcmp0 (entry->main->info.protocol_version, "ipfs/0.1.0") == 0
         && (entry->agent == NULL || !g_str_has_prefix (entry->agent, "rust-libp2p"));
}

/* By whose rule the peer names messages: nodes of Avi say their name as their agent. */
static const char *
avi_pubsub_guess_family (AviPeerEntry *entry)
{
  if (!entry->is_avi)
    return avi_pubsub_looks_like_js (entry) ? "js-libp2p" : entry->agent;
  return avi_pubsub_is_old (entry) ? "rust-libp2p" : "avi";
}

/* A stream with what the peer said before it was attached; NULL: there is none. */
static Input *
avi_pubsub_find_held (AviPeerEntry *entry)
{
  for (guint i = 0; i < entry->connections->len; i++)
    {
      AviConnection *connection = g_ptr_array_index (entry->connections, i);

      for (GList *link = connection->owners.head; link != NULL; link = link->next)
        {
          Input *input = avi_pubsub_is_input (link->data) ? link->data : NULL;

          if (input != NULL && input->held != NULL && avi_input_is_attached (input))
            return input;
        }
    }
  return NULL;
}

/* That is heard now. Each may end any of the others. */
static void
avi_pubsub_release_inputs (AviPeerEntry *entry)
{
  Input *input;

  while ((input = avi_pubsub_find_held (entry)) != NULL)
    avi_input_release (input);
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
  avi_pubsub_describe (self, entry);
  if (avi_pubsub_is_old (entry))
    avi_pubsub_limit (self, entry, "it is of the old kind");
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
        avi_connection_drain (entry->main, RENEWAL_PAUSE, "the peer has ended pub/sub on it");
      return;
    }
  avi_engine_log (self->engine, &entry->id, entry->main->remote, "pub/sub: the peer ended our stream, here is another");
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
