/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A whole connection: an established link, and on its streams what a node speaks there: identify, both
 * ways and pushed, ping, both ways, and pub/sub with a router behind it, all driven as the engine does.
 * The peer seals as it should and says anything under it. The first byte of the input chooses who
 * dialled and the limits; then come commands, one byte each with their arguments behind them (enum
 * below). After each of them all machines must agree with each other and be within their limits, and
 * all that was sent must be whole frames that the peer's windows have room for.
 */
#include "config.h"

#include <stdint.h>

#include "link-invariants.h"
#include "pair.h"
#include "protocols/avi-identify.h"
#include "protocols/avi-ping.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"
#include "sealed-peer.h"
#include "tests/sim/gossipsub-invariants.h"
#include "wire/avi-frame-reader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define MAX_STREAMS   16
#define MAX_STEPS     150
#define MAX_IDS       32 /* that the peer names by its commands */
#define PING_INTERVAL (15 * G_USEC_PER_SEC)
#define PING_TIMEOUT  (10 * G_USEC_PER_SEC)
#define TOPIC         "t"

enum
{
  SAY_DATA,     /* flags, id, length, and as many of the input's bytes */
  SAY_UPDATE,   /* flags, id, credit in KiB */
  SAY_PROTOCOL, /* flags, id, which: the words that begin a stream for it, or that agree to it */
  SAY_IDENTIFY, /* id, by how many bytes it is cut short */
  SAY_PING,     /* id, how many */
  SAY_PONG,     /* id, which byte is wrong; 32 and more: none */
  SAY_RPC,      /* id, what */
  SAY_RAW,      /* length, and as many of the input's bytes */
  OPEN,         /* what */
  PUBLISH,      /* size */
  SUBSCRIBE,    /* or not */
  FINISH,       /* which stream */
  RESET,        /* which stream */
  WAIT,         /* time in 100 ms */
  GO_AWAY,
  N_COMMANDS
};

typedef enum
{
  ROLE_NONE,
  ROLE_ANSWER, /* we have said who we are */
  ROLE_READER, /* the peer says who it is */
  ROLE_ECHO,
  ROLE_PROBER,
  ROLE_INPUT, /* RPCs of the peer's */
  ROLE_OUTPUT /* ours */
} Role;

typedef struct
{
  AviLinkStream     *stream; /* NULL: unused */
  Role               role;
  AviIdentifyReader *identify;
  AviPing           *ping;
  AviFrameReader     frames;
  gboolean           finished; /* by the peer */
} Stream;

/* The frames of one direction, as they go by. */
typedef struct
{
  guint8  header[AVI_YAMUX_HEADER_LEN];
  guint   header_len;
  guint32 body_left;
  guint32 stream;
} Cutter;

typedef struct
{
  SealedPeer   *peer;
  AviSpan       input;
  Stream        streams[MAX_STREAMS];
  Stream       *output; /* the one of ROLE_OUTPUT, or NULL */
  AviGossipsub *router;
  AviRandom     random;
  GBytes       *held;   /* an RPC that the output did not take */
  gboolean      closing;

  Cutter  said;
  Cutter  heard;
  guint64 credit[MAX_IDS]; /* bytes that the link may have sent at most, ever, by stream */
  guint64 sent[MAX_IDS];
  guint8  last[MAX_IDS][AVI_PING_LEN]; /* bytes of each stream, as heard */
} Node;

static const char *const served[] = { AVI_IDENTIFY_PROTOCOL, AVI_IDENTIFY_PUSH_PROTOCOL, AVI_PING_PROTOCOL,
                                      AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
static const char *const ask_identify[] = { AVI_IDENTIFY_PROTOCOL, NULL };
static const char *const ask_ping[] = { AVI_PING_PROTOCOL, NULL };
static const char *const ask_pubsub[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

static AviKeyPair *our_key, *peer_key;
static GBytes *our_identify, *peer_identify;

static guint8
node_take (Node *self)
{
  guint8 byte;

  if (self->input.len == 0)
    return 0;
  byte = self->input.data[0];
  self->input = avi_span_skip (self->input, 1);
  return byte;
}

static AviSpan
node_take_bytes (Node *self)
{
  gsize wanted = node_take (self);
  AviSpan bytes = AVI_SPAN (self->input.data, MIN (wanted, self->input.len));

  self->input = avi_span_skip (self->input, bytes.len);
  return bytes;
}

/* --- streams --- */

static Stream *
node_add (Node *self, AviLinkStream *stream, Role role)
{
  for (guint i = 0; i < MAX_STREAMS; i++)
    {
      Stream *added = &self->streams[i];

      if (added->stream != NULL)
        continue;
      *added = (Stream) { .stream = stream, .role = role };
      if (role == ROLE_READER)
        added->identify = avi_identify_reader_new ();
      else if (role == ROLE_ECHO)
        added->ping = avi_ping_new_echo ();
      else if (role == ROLE_PROBER)
        added->ping = avi_ping_new_prober (PING_INTERVAL, PING_TIMEOUT, &self->random, self->peer->now);
      else if (role == ROLE_INPUT)
        avi_frame_reader_init (&added->frames, AVI_GOSSIPSUB_MAX_RPC);
      avi_link_stream_set_owner (stream, added);
      return added;
    }
  g_assert_not_reached (); /* max-streams */
}

static void
node_gone (Node *self, Stream *stream)
{
  if (self->output == stream)
    {
      self->output = NULL;
      g_clear_pointer (&self->held, g_bytes_unref);
      avi_gossipsub_remove_peer (self->router, avi_key_pair_get_peer_id (peer_key), self->peer->now);
    }
  g_clear_pointer (&stream->identify, avi_identify_reader_free);
  g_clear_pointer (&stream->ping, avi_ping_free);
  avi_frame_reader_clear (&stream->frames);
  stream->stream = NULL;
}

static void
node_reset (Node *self, Stream *stream)
{
  if (stream->stream == NULL)
    return;
  avi_link_reset (self->peer->link, stream->stream);
  node_gone (self, stream);
}

static void
node_say_who (Node *self, Stream *stream)
{
  avi_link_send (self->peer->link, stream->stream, our_identify);
  avi_link_finish (self->peer->link, stream->stream);
}

static void
node_transmit_ping (Node *self, Stream *stream)
{
  AviWriter writer;

  avi_writer_init (&writer, 16 * 1024);
  if (avi_ping_transmit (stream->ping, &writer, self->peer->now) && writer.len > 0)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (writer.data, writer.len);

      avi_link_send (self->peer->link, stream->stream, bytes);
    }
  avi_writer_clear (&writer);
}

static void
node_hear_ping (Node *self, Stream *stream, AviSpan data)
{
  gint64 now = self->peer->now;
  AviPingEvent event;

  if (avi_ping_receive (stream->ping, data, now, NULL))
    {
      while (avi_ping_next (stream->ping, &event))
        g_assert (stream->role == ROLE_PROBER && event.round_trip >= 0);
      node_transmit_ping (self, stream);
    }
  else if (stream->role == ROLE_PROBER)
    self->closing = TRUE;
  else
    node_reset (self, stream);
}

static void
node_open (Node *self, guint what)
{
  static const struct
  {
    const char *const *protocol;
    Role               role;
  } choices[] = { { ask_identify, ROLE_READER }, { ask_ping, ROLE_PROBER }, { ask_pubsub, ROLE_OUTPUT } };
  guint choice = what % G_N_ELEMENTS (choices);
  AviLinkStream *stream;
  Stream *added;

  if (choices[choice].role == ROLE_OUTPUT && self->output != NULL)
    return;
  stream = avi_link_open (self->peer->link, choices[choice].protocol, self->peer->now, NULL);
  if (stream == NULL)
    return;
  added = node_add (self, stream, choices[choice].role);
  if (added->role == ROLE_PROBER)
    node_transmit_ping (self, added);
  if (added->role == ROLE_OUTPUT)
    {
      self->output = added;
      avi_gossipsub_add_peer (self->router, avi_key_pair_get_peer_id (peer_key), AVI_GOSSIPSUB_PROTOCOL_1_1, "avi",
                              self->peer->now);
    }
}

/* --- the router --- */

static void
node_hear_router (Node *self)
{
  AviGossipsubEvent event;

  while (avi_gossipsub_next (self->router, &event))
    if (event.type == AVI_GOSSIPSUB_EVENT_MESSAGE)
      avi_message_unref (event.message);
    else if (event.type == AVI_GOSSIPSUB_EVENT_VERIFY)
      avi_gossipsub_verified (self->router, event.ticket,
                              avi_public_key_verify (event.key, event.signed_bytes, event.signature), self->peer->now);
}

static void
node_pump (Node *self)
{
  const AviPeerId *peer = avi_key_pair_get_peer_id (peer_key);
  AviPeerId to;
  GBytes *rpc;

  if (self->output != NULL && self->held != NULL
      && avi_link_send (self->peer->link, self->output->stream, self->held))
    {
      g_clear_pointer (&self->held, g_bytes_unref);
      avi_gossipsub_set_ready (self->router, peer, TRUE);
    }
  while (avi_gossipsub_transmit (self->router, &to, &rpc, self->peer->now))
    {
      g_assert (self->output != NULL && self->held == NULL && avi_peer_id_equal (&to, peer));
      if (avi_link_send (self->peer->link, self->output->stream, rpc))
        {
          g_bytes_unref (rpc);
          continue;
        }
      self->held = rpc;
      avi_gossipsub_set_ready (self->router, peer, FALSE);
    }
}

static void
node_hear_rpcs (Node *self, Stream *stream, AviSpan data)
{
  g_autoptr(GError) error = NULL;
  AviSpan rpc;

  avi_frame_reader_push (&stream->frames, data);
  while (avi_frame_reader_next (&stream->frames, &rpc, &error)
         && avi_gossipsub_receive (self->router, avi_key_pair_get_peer_id (peer_key), rpc, self->peer->now, &error))
    node_hear_router (self);
  if (error != NULL)
    node_reset (self, stream);
  else
    avi_link_consume (self->peer->link, stream->stream, data.len);
}

/* --- events --- */

static void
node_on_stream (Node *self, const AviLinkEvent *event)
{
  Role role = g_str_equal (event->protocol, AVI_IDENTIFY_PROTOCOL)        ? ROLE_ANSWER
              : g_str_equal (event->protocol, AVI_IDENTIFY_PUSH_PROTOCOL) ? ROLE_READER
              : g_str_equal (event->protocol, AVI_PING_PROTOCOL)          ? ROLE_ECHO
                                                                          : ROLE_INPUT;
  Stream *stream = node_add (self, event->stream, role);

  if (role == ROLE_ANSWER)
    node_say_who (self, stream);
}

static void
node_on_data (Node *self, Stream *stream, AviSpan data)
{
  g_assert (data.len > 0 && !stream->finished);
  if (stream->role == ROLE_INPUT)
    {
      node_hear_rpcs (self, stream, data);
      return;
    }
  avi_link_consume (self->peer->link, stream->stream, data.len);
  if (stream->ping != NULL)
    node_hear_ping (self, stream, data);
  else if (stream->identify != NULL && !avi_identify_reader_receive (stream->identify, data, NULL))
    node_reset (self, stream);
}

static void
node_on_finished (Node *self, Stream *stream)
{
  g_autoptr(AviIdentifyReader) reader = g_steal_pointer (&stream->identify);
  g_autoptr(GError) error = NULL;
  AviIdentify info = { 0 };

  g_assert (!stream->finished);
  stream->finished = TRUE;
  if (stream == self->output)
    {
      node_reset (self, stream);
      return;
    }
  avi_link_finish (self->peer->link, stream->stream);
  if (reader == NULL)
    return;
  if (!avi_identify_reader_finish (reader, avi_key_pair_get_peer_id (peer_key), &info, &error))
    {
      self->closing |= g_error_matches (error, AVI_ERROR, AVI_ERROR_SECURITY);
      return;
    }
  g_assert (info.listen_addresses == NULL || info.listen_addresses->len <= AVI_IDENTIFY_MAX_ADDRESSES);
  g_assert (info.key == NULL
            || avi_peer_id_equal (avi_public_key_get_peer_id (info.key), avi_key_pair_get_peer_id (peer_key)));
  avi_identify_clear (&info);
}

static void
node_on_event (SealedPeer *peer, const AviLinkEvent *event)
{
  Node *self = peer->user_data;
  Stream *stream = event->stream != NULL ? avi_link_stream_get_owner (event->stream) : NULL;
  gboolean ends = event->type == AVI_LINK_EVENT_REFUSED || event->type == AVI_LINK_EVENT_RESET
                  || event->type == AVI_LINK_EVENT_CLOSED;

  self->peer = peer; /* which is in the making yet */
  g_assert ((event->stream == NULL || event->type == AVI_LINK_EVENT_STREAM) == (stream == NULL));
  g_assert (stream == NULL || stream->stream == event->stream);
  if (ends)
    node_gone (self, stream);
  else if (self->closing)
    return;
  else if (event->type == AVI_LINK_EVENT_ESTABLISHED)
    for (guint what = 0; what < 3; what++)
      node_open (self, what);
  else if (event->type == AVI_LINK_EVENT_STREAM)
    node_on_stream (self, event);
  else if (event->type == AVI_LINK_EVENT_DATA)
    node_on_data (self, stream, event->data);
  else if (event->type == AVI_LINK_EVENT_FINISHED)
    node_on_finished (self, stream);
}

/* --- what goes over the wire --- */

/* A frame of ours. */
static void
node_check_heard (Node *self, const AviYamuxFrame *frame)
{
  guint id = frame->stream;

  /* SYN, from whom ids of this kind are. */
  if (frame->flags & AVI_YAMUX_SYN && id != 0)
    g_assert (id % 2 == (self->peer->link == NULL || self->peer->link->dialer ? 1 : 0));
  if (id >= MAX_IDS || frame->type != AVI_YAMUX_DATA)
    return;
  self->sent[id] += frame->length;
  g_assert_cmpuint (self->sent[id], <=, self->credit[id]);
}

/* A frame of the peer's: a stream that it opens anew has a new window. */
static void
node_note_said (Node *self, const AviYamuxFrame *frame)
{
  if (frame->stream >= MAX_IDS)
    return;
  if (frame->flags & AVI_YAMUX_SYN)
    self->credit[frame->stream] += AVI_YAMUX_INITIAL_WINDOW;
  if (frame->type == AVI_YAMUX_WINDOW_UPDATE)
    self->credit[frame->stream] += frame->length;
}

static void
node_cut (Node *self, Cutter *cutter, AviSpan bytes)
{
  for (; bytes.len > 0; bytes = avi_span_skip (bytes, 1))
    {
      AviYamuxFrame frame;

      if (cutter->body_left > 0)
        {
          if (cutter == &self->heard && cutter->stream < MAX_IDS)
            {
              guint8 *last = self->last[cutter->stream];

              memmove (last, last + 1, AVI_PING_LEN - 1);
              last[AVI_PING_LEN - 1] = bytes.data[0];
            }
          cutter->body_left--;
          continue;
        }
      cutter->header[cutter->header_len++] = bytes.data[0];
      if (cutter->header_len < AVI_YAMUX_HEADER_LEN)
        continue;
      cutter->header_len = 0;
      if (!avi_yamux_frame_decode (cutter->header, &frame, NULL))
        {
          g_assert (cutter == &self->said);
          continue;
        }
      cutter->body_left = frame.type == AVI_YAMUX_DATA ? frame.length : 0;
      cutter->stream = frame.stream;
      if (cutter == &self->heard)
        node_check_heard (self, &frame);
      else
        node_note_said (self, &frame);
    }
}

static void
node_say (Node *self, AviSpan bytes)
{
  node_cut (self, &self->said, bytes);
  sealed_peer_say (self->peer, bytes);
}

static void
node_say_frame (Node *self, AviYamuxFrameType type, guint8 flags, guint8 id, AviSpan payload, guint32 credit)
{
  AviYamuxFrame frame = { .type = type, .flags = flags & 0xf, .stream = id % MAX_IDS };
  AviWriter out;

  frame.length = type == AVI_YAMUX_DATA ? (guint32) payload.len : credit;
  avi_writer_init (&out, AVI_YAMUX_HEADER_LEN + payload.len);
  avi_yamux_frame_put (&frame, &out);
  avi_writer_put (&out, payload);
  node_say (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

/* --- commands --- */

static void
node_say_protocol (Node *self)
{
  static const char *const lines[] = {
    "\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n",      "\x13/multistream/1.0.0\n\x14/ipfs/id/push/1.0.0\n",
    "\x13/multistream/1.0.0\n\x11/ipfs/ping/1.0.0\n",    "\x13/multistream/1.0.0\n\x0f/meshsub/1.1.0\n",
    "\x13/multistream/1.0.0\n\x03na\n",
  };
  guint8 flags = node_take (self), id = node_take (self);
  const char *line = lines[node_take (self) % G_N_ELEMENTS (lines)];

  node_say_frame (self, AVI_YAMUX_DATA, flags, id, AVI_SPAN_STRING (line), 0);
}

static void
node_say_identify (Node *self)
{
  guint8 id = node_take (self);
  AviSpan all = avi_span_from_bytes (peer_identify);
  gsize cut = node_take (self);

  node_say_frame (self, AVI_YAMUX_DATA, 0, id, AVI_SPAN (all.data, all.len - MIN (cut, all.len)), 0);
}

static void
node_say_pong (Node *self)
{
  guint8 id = node_take (self), wrong = node_take (self);
  guint8 answer[AVI_PING_LEN];

  memcpy (answer, self->last[id % MAX_IDS], sizeof answer);
  if (wrong < AVI_PING_LEN)
    answer[wrong] ^= 1;
  node_say_frame (self, AVI_YAMUX_DATA, 0, id, AVI_SPAN (answer, sizeof answer), 0);
}

static void
node_put_part (GByteArray *rpc, guint8 what)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();
  g_autoptr(GByteArray) control = g_byte_array_new ();
  g_autoptr(GByteArray) message = NULL;

  switch (what % 4)
    {
    case 0:
      avi_rpc_put_varint (part, AVI_SUBSCRIPTION_SUBSCRIBE, what / 4 % 2);
      avi_rpc_put_bytes (part, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (TOPIC));
      avi_rpc_put_bytes (rpc, AVI_RPC_SUBSCRIPTION, AVI_SPAN (part->data, part->len));
      break;
    case 1:
      message = avi_signing_sign (peer_key, TOPIC, AVI_SPAN_STRING ("text"), what / 4);
      message->data[message->len - 1] ^= what >> 7; /* of the signature */
      avi_rpc_put_bytes (rpc, AVI_RPC_PUBLISH, AVI_SPAN (message->data, message->len));
      break;
    default:
      avi_rpc_put_bytes (part, AVI_GRAFT_TOPIC, AVI_SPAN_STRING (TOPIC));
      avi_rpc_put_bytes (control, what % 4 == 2 ? AVI_CONTROL_GRAFT : AVI_CONTROL_PRUNE,
                         AVI_SPAN (part->data, part->len));
      avi_rpc_put_bytes (rpc, AVI_RPC_CONTROL, AVI_SPAN (control->data, control->len));
      break;
    }
}

static void
node_say_rpc (Node *self)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();
  g_autoptr(GByteArray) framed = g_byte_array_new ();
  guint8 id = node_take (self);
  guint8 len[10];

  node_put_part (rpc, node_take (self));
  g_byte_array_append (framed, len, (guint) avi_rpc_encode_varint (rpc->len, len));
  g_byte_array_append (framed, rpc->data, rpc->len);
  node_say_frame (self, AVI_YAMUX_DATA, 0, id, AVI_SPAN (framed->data, framed->len), 0);
}

static void
node_publish (Node *self)
{
  gsize size = node_take (self) % 100; /* as much as is quickly signed and sent */
  g_autofree guint8 *bytes = g_malloc0 (size * size * 8 + 1);
  g_autoptr(GBytes) data = g_bytes_new (bytes, size * size * 8);

  avi_gossipsub_publish (self->router, TOPIC, data, self->peer->now, NULL);
}

/* When some machine wants to be called. */
static gint64
node_deadline (Node *self)
{
  gint64 when = MIN (avi_link_deadline (self->peer->link), avi_gossipsub_deadline (self->router));

  for (guint i = 0; i < MAX_STREAMS; i++)
    if (self->streams[i].stream != NULL && self->streams[i].ping != NULL)
      when = MIN (when, avi_ping_deadline (self->streams[i].ping));
  return when;
}

static void
node_drive (Node *self)
{
  for (guint pass = 0; pass < 2 && self->peer->link != NULL && !self->closing; pass++)
    {
      node_hear_router (self);
      node_pump (self);
      sealed_peer_drive (self->peer);
    }
}

static void
node_wait (Node *self, gint64 duration)
{
  gint64 until = self->peer->now + duration;

  for (guint i = 0; self->peer->link != NULL && !self->closing && self->peer->now < until; i++)
    {
      g_assert_cmpuint (i, <, 10000);
      sealed_peer_advance (self->peer, MAX (1, MIN (until, node_deadline (self)) - self->peer->now));
      if (self->peer->link == NULL || self->closing)
        return;
      avi_gossipsub_tick (self->router, self->peer->now);
      for (guint j = 0; j < MAX_STREAMS; j++)
        if (self->streams[j].stream != NULL && self->streams[j].ping != NULL
            && avi_ping_deadline (self->streams[j].ping) <= self->peer->now)
          node_hear_ping (self, &self->streams[j], AVI_SPAN_EMPTY);
      node_drive (self);
    }
}

static void
node_command (Node *self)
{
  guint command = node_take (self) % N_COMMANDS;
  guint8 flags, id;
  AviSpan payload;
  Stream *stream;

  switch (command)
    {
    case SAY_DATA:
      flags = node_take (self);
      id = node_take (self);
      payload = node_take_bytes (self);
      node_say_frame (self, AVI_YAMUX_DATA, flags, id, payload, 0);
      break;
    case SAY_UPDATE:
      flags = node_take (self);
      id = node_take (self);
      node_say_frame (self, AVI_YAMUX_WINDOW_UPDATE, flags, id, AVI_SPAN_EMPTY, 1024u * node_take (self));
      break;
    case SAY_PROTOCOL:
      node_say_protocol (self);
      break;
    case SAY_IDENTIFY:
      node_say_identify (self);
      break;
    case SAY_PING:
      id = node_take (self);
      payload = AVI_SPAN (self->last, (gsize) AVI_PING_LEN * (node_take (self) % MAX_IDS));
      node_say_frame (self, AVI_YAMUX_DATA, 0, id, payload, 0);
      break;
    case SAY_PONG:
      node_say_pong (self);
      break;
    case SAY_RPC:
      node_say_rpc (self);
      break;
    case SAY_RAW:
      node_say (self, node_take_bytes (self));
      break;
    case OPEN:
      node_open (self, node_take (self));
      break;
    case PUBLISH:
      node_publish (self);
      break;
    case SUBSCRIBE:
      if (node_take (self) % 2 == 0)
        avi_gossipsub_subscribe (self->router, TOPIC, self->peer->now);
      else
        avi_gossipsub_unsubscribe (self->router, TOPIC, self->peer->now);
      break;
    case FINISH:
    case RESET:
      stream = &self->streams[node_take (self) % MAX_STREAMS];
      if (command == RESET)
        node_reset (self, stream);
      else if (stream->stream != NULL && stream != self->output)
        avi_link_finish (self->peer->link, stream->stream);
      break;
    case WAIT:
      node_wait (self, node_take (self) * (G_USEC_PER_SEC / 10));
      break;
    case GO_AWAY:
    default:
      avi_link_go_away (self->peer->link, 0);
      break;
    }
}

/* --- after each command --- */

static void
node_check (Node *self)
{
  SealedPeer *peer = self->peer;
  guint n_owned = 0;

  node_cut (self, &self->heard, AVI_SPAN (peer->heard->data, peer->heard->len));
  g_byte_array_set_size (peer->heard, 0);
  gossipsub_check (self->router);
  if (peer->link == NULL || self->closing)
    return;

  for (guint i = 0; i < MAX_STREAMS; i++)
    {
      Stream *stream = &self->streams[i];

      if (stream->stream == NULL)
        continue;
      n_owned++;
      g_assert (stream->frames.partial == NULL || stream->frames.partial->len <= AVI_GOSSIPSUB_MAX_RPC + 10);
      g_assert (stream->ping == NULL || avi_ping_deadline (stream->ping) > peer->now);
    }
  g_assert_cmpint (avi_gossipsub_deadline (self->router), >, peer->now);
  link_check (peer->link, n_owned, AVI_GOSSIPSUB_MAX_RPC, peer->now);
}

static void
make_keys (void)
{
  guint8 seed[2][AVI_KEY_SEED_LEN] = { { 1 }, { 2 } };
  AviIdentify info = { .protocol_version = (char *) "/avi/1.0.0", .agent_version = (char *) "node",
                       .protocols = (char **) served };

  if (our_key != NULL)
    return;
  our_key = avi_key_pair_from_seed (seed[0]);
  peer_key = avi_key_pair_from_seed (seed[1]);
  info.key = avi_key_pair_get_public (our_key);
  our_identify = avi_identify_encode (&info);
  info.key = avi_key_pair_get_public (peer_key);
  peer_identify = avi_identify_encode (&info);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree Node *self = g_new0 (Node, 1);
  AviGossipsubConfig config = { .random = &self->random, .max_queue = 20000, .first_seqno = 1 };
  guint8 choice;

  make_keys ();
  config.identity = our_key;
  avi_random_seed (&self->random, 1);
  self->input = AVI_SPAN (data, size);
  choice = node_take (self);
  for (guint id = 0; id < MAX_IDS; id++)
    self->credit[id] = AVI_YAMUX_INITIAL_WINDOW; /* of one that we open */
  self->router = avi_gossipsub_new (&config, G_USEC_PER_SEC);
  avi_gossipsub_subscribe (self->router, TOPIC, G_USEC_PER_SEC);
  self->peer = sealed_peer_new (
      &(AviLinkConfig) {
          .dialer = choice & 1,
          .protocols = served,
          .yamux = {
            .max_streams = MAX_STREAMS,
            .max_unaccepted = choice & 2 ? 2 : 8,
            .max_window = choice & 4 ? 0 : AVI_YAMUX_INITIAL_WINDOW,
            .max_receive = choice & 8 ? AVI_YAMUX_INITIAL_WINDOW : 0,
            .max_send_queue = choice & 16 ? 2000 : 0,
            .ping_interval = choice & 32 ? -1 : 0,
          },
      },
      TRUE, node_on_event, self);
  node_drive (self);
  node_check (self);
  for (guint i = 0; i < MAX_STEPS && self->input.len > 0 && self->peer->link != NULL && !self->closing; i++)
    {
      node_command (self);
      node_drive (self);
      node_check (self);
    }

  for (guint i = 0; i < MAX_STREAMS; i++)
    if (self->streams[i].stream != NULL)
      node_gone (self, &self->streams[i]);
  sealed_peer_free (self->peer);
  avi_gossipsub_free (self->router);
  return 0;
}
