/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A Yamux machine between a peer that says anything and an owner that does anything. The first byte
 * of the input chooses the machine's role and limits; then come commands, one byte each with their
 * arguments behind them (enum below). A model beside it holds what either side may do at most, and
 * every event and every frame is held against it. Ids are a byte, so that streams meet.
 */
#include "config.h"

#include <stdint.h>

#include "link/avi-yamux-frame.h"
#include "link/avi-yamux.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The model is checked for the ids that frames with one byte of id can have. */
#define N_IDS 256

enum
{
  FRAME_DATA,   /* flags, id, length (2), and as many bytes of payload */
  FRAME_UPDATE, /* flags, id, length (2) */
  FRAME_PING,   /* flags, id, length (2) */
  FRAME_GO_AWAY,
  FRAME_HUGE, /* an update or data whose length is shifted to the top; flags, id, length (2) */
  RAW,        /* length, bytes: a frame cut short, or anything */
  OPEN,
  SEND,    /* id, length / 256 */
  CONSUME, /* id, share of what is held, in 255ths */
  FINISH,  /* id */
  RESET,   /* id */
  PING,
  GO_AWAY,
  TRANSMIT, /* room / 256 */
  WAIT,     /* time in 100 ms; 255: until the deadline */
  MANNER,   /* how bytes are cut, and what is done in events */
  N_COMMANDS
};

typedef struct
{
  gboolean open;       /* told or opened, and not ended */
  gboolean finished;   /* FINISHED was told */
  gboolean sent_fin;
  guint64  may_send;   /* what the peer let us, at most */
  guint64  may_come;   /* what we let the peer, at most */
  guint64  sent, came;
  gsize    held;       /* told and not consumed */
} StreamModel;

typedef struct
{
  AviYamux      *yamux;
  AviYamuxConfig config;
  gint64         now;
  StreamModel    streams[N_IDS];
  guint64        pings; /* of the peer; many where anything was said */
  gboolean       wild;  /* raw bytes were said: what the peer granted is not known */
  gboolean       leaves;
  guint8         manner;
  AviWriter      writer;
  const guint8  *input;
  gsize          left;
} Model;

static guint8
model_take (Model *self)
{
  if (self->left == 0)
    return 0;

  self->left--;
  return *self->input++;
}

static guint
model_take_16 (Model *self)
{
  guint high = model_take (self);

  return high << 8 | model_take (self);
}

static StreamModel *
model_get (Model *self, guint32 id)
{
  return id < N_IDS ? &self->streams[id] : NULL;
}

static void
model_started (Model *self, StreamModel *stream)
{
  g_assert (!stream->open);
  stream->open = TRUE;
  stream->finished = stream->sent_fin = FALSE;
  stream->held = 0;
  stream->may_come += AVI_YAMUX_INITIAL_WINDOW;
}

/* --- events --- */

static void
model_on_data (Model *self, StreamModel *stream, const AviYamuxEvent *event)
{
  volatile guint8 last = event->data.data[event->data.len - 1]; /* the view is good */

  (void) last;
  g_assert (event->data.len > 0 && !stream->finished);
  stream->came += event->data.len;
  stream->held += event->data.len;
  g_assert (stream->came <= stream->may_come);
  g_assert (stream->held <= MAX (self->config.max_window, AVI_YAMUX_INITIAL_WINDOW));

  if (self->manner & 1)
    {
      avi_yamux_consume (self->yamux, event->stream, stream->held);
      stream->held = 0;
    }
}

static void
model_on_event (Model *self, const AviYamuxEvent *event)
{
  StreamModel *stream = model_get (self, event->stream);

  if (event->stream == 0)
    {
      g_assert (event->type == AVI_YAMUX_EVENT_PONG || event->type == AVI_YAMUX_EVENT_GO_AWAY);
      return;
    }
  if (stream == NULL)
    return;

  g_assert (event->owner == (event->type == AVI_YAMUX_EVENT_STREAM ? NULL : stream));
  g_assert (stream->open || event->type == AVI_YAMUX_EVENT_STREAM);
  switch (event->type)
    {
    case AVI_YAMUX_EVENT_STREAM:
      g_assert ((event->stream & 1) == !self->config.initiator);
      model_started (self, stream);
      avi_yamux_set_owner (self->yamux, event->stream, stream);
      break;
    case AVI_YAMUX_EVENT_DATA:
      model_on_data (self, stream, event);
      break;
    case AVI_YAMUX_EVENT_FINISHED:
      g_assert (!stream->finished);
      stream->finished = TRUE;
      break;
    case AVI_YAMUX_EVENT_CLOSED:
      g_assert (stream->finished && stream->sent_fin);
      stream->open = FALSE;
      break;
    case AVI_YAMUX_EVENT_RESET:
      stream->open = FALSE;
      break;
    case AVI_YAMUX_EVENT_WRITABLE:
      g_assert (!stream->sent_fin);
      break;
    case AVI_YAMUX_EVENT_PONG:
    case AVI_YAMUX_EVENT_GO_AWAY:
    default:
      g_assert_not_reached ();
    }

  if (stream->open && (self->manner & 6) == 6)
    {
      avi_yamux_reset (self->yamux, event->stream);
      stream->open = FALSE;
    }
}

static void
model_drain (Model *self)
{
  AviYamuxEvent event;

  while (avi_yamux_next (self->yamux, &event))
    model_on_event (self, &event);
  g_assert (avi_yamux_get_n_streams (self->yamux) <= self->config.max_streams);
}

/* --- what the peer says --- */

static void
model_feed (Model *self, const guint8 *bytes, gsize len)
{
  gsize cut = self->manner >> 3;

  for (gsize n; len > 0; bytes += n, len -= n)
    {
      g_autofree guint8 *copy = NULL;

      n = cut > 0 && cut < len ? cut : len;
      cut = 0;
      copy = g_memdup2 (bytes, n);
      avi_yamux_receive (self->yamux, AVI_SPAN (copy, n), self->now, NULL);
      model_drain (self);
    }
}

static void
model_say_frame (Model *self, guint command)
{
  static const guint8 payload[0x10000];
  AviYamuxFrame frame;
  StreamModel *stream;
  AviWriter out;

  frame.type = command;
  frame.flags = model_take (self);
  frame.stream = model_take (self);
  frame.length = model_take_16 (self);
  stream = model_get (self, frame.stream);
  if (command == FRAME_HUGE)
    {
      frame.length <<= 16;
      frame.type = frame.flags & 0x80 ? AVI_YAMUX_DATA : AVI_YAMUX_WINDOW_UPDATE;
    }
  if (frame.flags & AVI_YAMUX_SYN)
    stream->may_send += AVI_YAMUX_INITIAL_WINDOW;
  if (frame.type == AVI_YAMUX_WINDOW_UPDATE)
    stream->may_send += frame.length;
  self->pings += frame.type == AVI_YAMUX_PING;

  avi_writer_init (&out, AVI_YAMUX_HEADER_LEN + sizeof payload);
  avi_yamux_frame_put (&frame, &out);
  if (command == FRAME_DATA)
    avi_writer_put (&out, AVI_SPAN (payload, frame.length));
  model_feed (self, out.data, out.len);
  avi_writer_clear (&out);
}

static void
model_say_raw (Model *self)
{
  gsize len = model_take (self);

  len = MIN (len, self->left);
  self->wild = TRUE;
  self->pings = G_MAXUINT32;
  model_feed (self, self->input, len);
  self->input += len;
  self->left -= len;
}

/* --- what the machine says --- */

static void
model_on_frame (Model *self, const AviYamuxFrame *frame)
{
  StreamModel *stream = model_get (self, frame->stream);

  switch (frame->type)
    {
    case AVI_YAMUX_PING:
      g_assert (frame->flags == AVI_YAMUX_SYN || frame->flags == AVI_YAMUX_ACK);
      g_assert (frame->flags == AVI_YAMUX_SYN || self->pings > 0);
      self->pings -= frame->flags == AVI_YAMUX_ACK && self->pings < G_MAXUINT32;
      return;
    case AVI_YAMUX_GO_AWAY:
      g_assert (self->leaves);
      self->leaves = FALSE;
      return;
    case AVI_YAMUX_DATA:
    case AVI_YAMUX_WINDOW_UPDATE:
    default:
      break;
    }

  /* FIN and RST travel alone. */
  g_assert (!(frame->flags & (AVI_YAMUX_FIN | AVI_YAMUX_RST))
            || (frame->type == AVI_YAMUX_WINDOW_UPDATE && frame->length == 0 && !(frame->flags & (frame->flags - 1))));
  if (stream == NULL || frame->flags & AVI_YAMUX_RST)
    return;

  g_assert (stream->open);
  if (frame->type == AVI_YAMUX_WINDOW_UPDATE)
    {
      stream->may_come += frame->length;
    }
  else
    {
      g_assert (!stream->sent_fin && frame->length > 0 && frame->length <= AVI_YAMUX_SEND_FRAME_MAX);
      stream->sent += frame->length;
      g_assert (self->wild || stream->sent <= stream->may_send);
    }
  if (frame->flags & AVI_YAMUX_FIN)
    {
      g_assert (!stream->sent_fin);
      stream->sent_fin = TRUE;
    }
}

/* Events of it are told later: what was open when it was sent is open in the model. */
static gboolean
model_transmit (Model *self, gsize room)
{
  gboolean said;
  AviSpan rest;

  avi_writer_truncate (&self->writer, 0);
  self->writer.limit = room;
  said = avi_yamux_transmit (self->yamux, &self->writer, self->now);
  g_assert (said == (self->writer.len > 0) && self->writer.len <= room);

  rest = AVI_SPAN (self->writer.data, self->writer.len);
  while (rest.len > 0)
    {
      AviYamuxFrame frame;

      g_assert (rest.len >= AVI_YAMUX_HEADER_LEN && avi_yamux_frame_decode (rest.data, &frame, NULL));
      rest = avi_span_skip (rest, AVI_YAMUX_HEADER_LEN);
      if (frame.type == AVI_YAMUX_DATA)
        {
          g_assert (rest.len >= frame.length);
          rest = avi_span_skip (rest, frame.length);
        }
      model_on_frame (self, &frame);
    }
  model_drain (self);
  return said;
}

/* --- what the owner does --- */

static void
model_open (Model *self)
{
  guint32 id = avi_yamux_open (self->yamux, NULL);
  StreamModel *stream = model_get (self, id);

  if (id == 0 || stream == NULL)
    return;

  g_assert ((id & 1) == !!self->config.initiator);
  model_started (self, stream);
  stream->may_send += AVI_YAMUX_INITIAL_WINDOW;
  avi_yamux_set_owner (self->yamux, id, stream);
}

static void
model_send (Model *self)
{
  guint32 id = model_take (self);
  gsize len = 256 * model_take (self);
  gsize before = avi_yamux_get_queued (self->yamux, id);
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_malloc0 (len), len);

  if (avi_yamux_send (self->yamux, id, bytes))
    g_assert (avi_yamux_get_queued (self->yamux, id) == before + len
              && (len == 0 || before < 1024 || before + len <= self->config.max_send_queue));
  else
    g_assert (avi_yamux_get_queued (self->yamux, id) == before);
}

static void
model_consume (Model *self)
{
  guint32 id = model_take (self);
  StreamModel *stream = model_get (self, id);
  gsize n = stream->held * model_take (self) / 255;

  if (!stream->open)
    n = 100; /* of a stream that is gone: ignored */
  else
    stream->held -= n;
  avi_yamux_consume (self->yamux, id, n);
}

static void
model_reset (Model *self)
{
  guint32 id = model_take (self);

  avi_yamux_reset (self->yamux, id);
  model_get (self, id)->open = FALSE;
}

static void
model_wait (Model *self)
{
  guint8 time = model_take (self);
  gint64 deadline = avi_yamux_deadline (self->yamux);

  if (time < 255)
    self->now += time * (G_USEC_PER_SEC / 10);
  else if (deadline < G_MAXINT64)
    self->now = MAX (self->now, deadline);

  avi_yamux_receive (self->yamux, AVI_SPAN_EMPTY, self->now, NULL);
  model_drain (self);
  g_assert (avi_yamux_deadline (self->yamux) > self->now);
}

static void
model_command (Model *self)
{
  guint command = model_take (self) % N_COMMANDS;

  switch (command)
    {
    case FRAME_DATA:
    case FRAME_UPDATE:
    case FRAME_PING:
    case FRAME_GO_AWAY:
    case FRAME_HUGE:
      model_say_frame (self, command);
      break;
    case RAW:
      model_say_raw (self);
      break;
    case OPEN:
      model_open (self);
      break;
    case SEND:
      model_send (self);
      break;
    case CONSUME:
      model_consume (self);
      break;
    case FINISH:
      avi_yamux_finish (self->yamux, model_take (self));
      break;
    case RESET:
      model_reset (self);
      break;
    case PING:
      avi_yamux_ping (self->yamux);
      break;
    case GO_AWAY:
      avi_yamux_go_away (self->yamux, 0);
      self->leaves = TRUE;
      break;
    case TRANSMIT:
      model_transmit (self, 256 * model_take (self));
      break;
    case WAIT:
      model_wait (self);
      break;
    case MANNER:
    default:
      self->manner = model_take (self);
      break;
    }
}

/* An error is final, and told. */
static gboolean
model_has_failed (Model *self)
{
  g_autoptr(GError) error = NULL;
  AviYamuxEvent event;

  if (avi_yamux_receive (self->yamux, AVI_SPAN_EMPTY, self->now, &error))
    return FALSE;

  g_assert (error != NULL);
  g_assert (avi_yamux_deadline (self->yamux) == G_MAXINT64);
  g_assert (!avi_yamux_next (self->yamux, &event));
  g_assert (!avi_yamux_transmit (self->yamux, &self->writer, self->now));
  g_assert (avi_yamux_open (self->yamux, NULL) == 0);
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree Model *self = g_new0 (Model, 1);
  guint8 choice;

  self->input = data;
  self->left = size;
  choice = model_take (self);
  self->config = (AviYamuxConfig) {
    .initiator = choice & 1,
    .max_streams = choice & 2 ? 4 : 100,
    .max_unaccepted = choice & 4 ? 2 : 50,
    .max_window = choice & 8 ? AVI_YAMUX_INITIAL_WINDOW : 1024 * 1024,
    .max_receive = choice & 16 ? 100000 : 4 * 1024 * 1024,
    .max_send_queue = choice & 32 ? 2000 : 100000,
    .ping_interval = choice & 64 ? -1 : 0,
  };
  self->yamux = avi_yamux_new (&self->config);
  self->now = G_USEC_PER_SEC;
  avi_writer_init (&self->writer, 0x10000);
  avi_yamux_receive (self->yamux, AVI_SPAN_EMPTY, self->now, NULL);

  while (self->left > 0 && !model_has_failed (self))
    model_command (self);

  /* What is left to say is finite. */
  for (guint i = 0; model_transmit (self, 0x10000); i++)
    g_assert (i < 10000);

  avi_writer_clear (&self->writer);
  avi_yamux_free (self->yamux);
  return 0;
}
