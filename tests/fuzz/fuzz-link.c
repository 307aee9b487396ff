/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An established link whose peer seals as it should and says anything under it, while its owner does
 * anything. The first byte of the input chooses who dialled and the limits; then come commands, one
 * byte each with their arguments behind them (enum below). The streams that the owner was told of
 * are written down beside it, and every event is held against that.
 */
#include "config.h"

#include <stdint.h>

#include "link-invariants.h"
#include "sealed-peer.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define MAX_STREAMS 16
#define MAX_SEND    AVI_YAMUX_INITIAL_WINDOW /* an echo */

enum
{
  SAY_DATA,   /* flags, id, length, and as many of the input's bytes */
  SAY_UPDATE, /* flags, id, credit in KiB */
  SAY_PHRASE, /* flags, id, which: words of multistream-select, as data */
  SAY_RAW,    /* length, and as many of the input's bytes */
  OPEN,       /* which list of protocols */
  SEND,       /* which stream, length */
  CONSUME,    /* which stream */
  FINISH,     /* which stream */
  RESET,      /* which stream */
  PING,
  GO_AWAY,
  WAIT,   /* time in 100 ms */
  MANNER, /* what is done in events */
  N_COMMANDS
};

enum
{
  CONSUME_AT_ONCE = 1 << 0,
  ECHO = 1 << 1,
  FINISH_WITH_PEER = 1 << 2,
  RESET_ON_DATA = 1 << 3,
  RESET_ON_START = 1 << 4,
  OPEN_ON_DATA = 1 << 5
};

typedef struct
{
  AviLinkStream *stream; /* NULL: unused */
  gboolean       agreed;
  gboolean       peer_finished;
  gboolean       finished;
  gsize          held;
} Entry;

typedef struct
{
  SealedPeer   *peer;
  Entry         entries[MAX_STREAMS];
  gboolean      established;
  guint8        manner;
  const guint8 *input;
  gsize         left;
} Model;

static const char *const served[] = { "/a", "/b/1.0.0", NULL };
static const char *const one[] = { "/a", NULL };
static const char *const two[] = { "/c", "/b/1.0.0", NULL };
static const char *const *const offers[] = { one, two };

static guint8
model_take (Model *self)
{
  if (self->left == 0)
    return 0;

  self->left--;
  return *self->input++;
}

static AviSpan
model_take_bytes (Model *self)
{
  gsize len = model_take (self);
  AviSpan bytes = AVI_SPAN (self->input, MIN (len, self->left));

  self->input += bytes.len;
  self->left -= bytes.len;
  return bytes;
}

/* The owner of a stream is its entry. */
static Entry *
model_add (Model *self, AviLinkStream *stream)
{
  for (guint i = 0; i < MAX_STREAMS; i++)
    {
      Entry *entry = &self->entries[i];

      if (entry->stream != NULL)
        continue;
      *entry = (Entry) { .stream = stream };
      avi_link_stream_set_owner (stream, entry);
      return entry;
    }
  g_assert_not_reached (); /* max-streams */
}

static void
model_reset (Model *self, Entry *entry)
{
  if (entry->stream == NULL)
    return;

  avi_link_reset (self->peer->link, entry->stream);
  entry->stream = NULL;
}

static void
model_finish (Model *self, Entry *entry)
{
  if (entry->stream == NULL)
    return;

  avi_link_finish (self->peer->link, entry->stream);
  entry->finished = TRUE;
}

static void
model_consume (Model *self, Entry *entry)
{
  if (entry->stream == NULL)
    return;

  avi_link_consume (self->peer->link, entry->stream, entry->held);
  entry->held = 0;
}

static void
model_send (Model *self, Entry *entry, gsize len)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_malloc0 (len), len);

  if (entry->stream != NULL && avi_link_send (self->peer->link, entry->stream, bytes))
    g_assert (!entry->finished);
}

static void
model_open (Model *self, guint which)
{
  AviLinkStream *stream = avi_link_open (self->peer->link, offers[which % 2], self->peer->now, NULL);

  if (stream == NULL)
    return;
  g_assert (self->established && avi_link_stream_get_protocol (stream) == NULL);
  model_add (self, stream);
}

/* --- events --- */

static void
model_on_start (Model *self, Entry *entry, const AviLinkEvent *event)
{
  g_assert (event->protocol != NULL && event->protocol == avi_link_stream_get_protocol (event->stream));
  g_assert (!entry->agreed);
  entry->agreed = TRUE;
  if (self->manner & RESET_ON_START)
    model_reset (self, entry);
}

static void
model_on_data (Model *self, Entry *entry, const AviLinkEvent *event)
{
  volatile guint8 last = event->data.data[event->data.len - 1]; /* the view is good */

  (void) last;
  g_assert (entry->agreed && !entry->peer_finished);
  entry->held += event->data.len;
  g_assert (entry->held <= AVI_YAMUX_INITIAL_WINDOW);

  if (self->manner & ECHO)
    model_send (self, entry, event->data.len);
  if (self->manner & CONSUME_AT_ONCE)
    model_consume (self, entry);
  if (self->manner & OPEN_ON_DATA)
    model_open (self, self->manner >> 7);
  if (self->manner & RESET_ON_DATA)
    model_reset (self, entry);
}

static void
model_on_event (SealedPeer *peer, const AviLinkEvent *event)
{
  Model *self = peer->user_data;
  Entry *entry = event->stream != NULL ? avi_link_stream_get_owner (event->stream) : NULL;

  if (event->type == AVI_LINK_EVENT_STREAM)
    {
      g_assert (entry == NULL && avi_link_stream_is_inbound (event->stream));
      entry = model_add (self, event->stream);
    }
  g_assert ((event->stream == NULL) == (entry == NULL));
  g_assert (entry == NULL || entry->stream == event->stream);

  switch (event->type)
    {
    case AVI_LINK_EVENT_ESTABLISHED:
      g_assert (!self->established && event->key != NULL);
      self->established = TRUE;
      break;
    case AVI_LINK_EVENT_STREAM:
    case AVI_LINK_EVENT_AGREED:
      model_on_start (self, entry, event);
      break;
    case AVI_LINK_EVENT_DATA:
      model_on_data (self, entry, event);
      break;
    case AVI_LINK_EVENT_FINISHED:
      g_assert (entry->agreed && !entry->peer_finished);
      entry->peer_finished = TRUE;
      if (self->manner & FINISH_WITH_PEER)
        model_finish (self, entry);
      break;
    case AVI_LINK_EVENT_REFUSED:
      g_assert (!entry->agreed);
      entry->stream = NULL;
      break;
    case AVI_LINK_EVENT_CLOSED:
      g_assert (entry->peer_finished && entry->finished);
      entry->stream = NULL;
      break;
    case AVI_LINK_EVENT_RESET:
      entry->stream = NULL;
      break;
    case AVI_LINK_EVENT_WRITABLE:
    case AVI_LINK_EVENT_PONG:
    case AVI_LINK_EVENT_GO_AWAY:
      g_assert (self->established);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* --- commands --- */

static void
model_check (Model *self)
{
  guint n_owned = 0;

  for (guint i = 0; i < MAX_STREAMS; i++)
    n_owned += self->entries[i].stream != NULL;
  if (self->peer->link != NULL)
    link_check (self->peer->link, n_owned, MAX_SEND, self->peer->now);
}

static void
model_say_frame (Model *self, guint command)
{
  static const char *const phrases[] = {
    "\x13/multistream/1.0.0\n", "\x03/a\n", "\x09/b/1.0.0\n", "\x03na\n", "\x03/c\n",
    "\x13/multistream/1.0.0\n\x03/a\n", "\x13/multistream/1.0.0\n\x03/a\nhello", "\x13/multistream/1.0.0\n\x03/c\n\x01",
  };
  AviYamuxFrame frame = { .type = command == SAY_UPDATE ? AVI_YAMUX_WINDOW_UPDATE : AVI_YAMUX_DATA };
  AviSpan payload = AVI_SPAN_EMPTY;
  const char *phrase;
  AviWriter out;

  frame.flags = model_take (self) & 0xf;
  frame.stream = model_take (self);
  if (command == SAY_DATA)
    payload = model_take_bytes (self);
  else if (command == SAY_PHRASE)
    {
      phrase = phrases[model_take (self) % G_N_ELEMENTS (phrases)];
      payload = AVI_SPAN_STRING (phrase);
    }
  frame.length = command == SAY_UPDATE ? 1024 * model_take (self) : payload.len;

  avi_writer_init (&out, AVI_YAMUX_HEADER_LEN + 256);
  avi_yamux_frame_put (&frame, &out);
  avi_writer_put (&out, payload);
  sealed_peer_say (self->peer, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

static Entry *
model_take_entry (Model *self)
{
  return &self->entries[model_take (self) % MAX_STREAMS];
}

static void
model_command (Model *self)
{
  guint command = model_take (self) % N_COMMANDS;
  Entry *entry;

  switch (command)
    {
    case SAY_DATA:
    case SAY_UPDATE:
    case SAY_PHRASE:
      model_say_frame (self, command);
      break;
    case SAY_RAW:
      sealed_peer_say (self->peer, model_take_bytes (self));
      break;
    case OPEN:
      model_open (self, model_take (self));
      break;
    case SEND:
      entry = model_take_entry (self);
      model_send (self, entry, 16 * model_take (self));
      break;
    case CONSUME:
      model_consume (self, model_take_entry (self));
      break;
    case FINISH:
      model_finish (self, model_take_entry (self));
      break;
    case RESET:
      model_reset (self, model_take_entry (self));
      break;
    case PING:
      avi_link_ping (self->peer->link);
      break;
    case GO_AWAY:
      avi_link_go_away (self->peer->link, 0);
      break;
    case WAIT:
      sealed_peer_advance (self->peer, model_take (self) * (G_USEC_PER_SEC / 10));
      break;
    case MANNER:
    default:
      self->manner = model_take (self);
      break;
    }
  sealed_peer_drive (self->peer);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree Model *self = g_new0 (Model, 1);
  guint8 choice;

  self->input = data;
  self->left = size;
  choice = model_take (self);
  self->peer = sealed_peer_new (
      &(AviLinkConfig) {
          .dialer = choice & 1,
          .protocols = served,
          .yamux = {
            .max_streams = MAX_STREAMS,
            .max_unaccepted = choice & 4 ? 2 : 0,
            .max_window = AVI_YAMUX_INITIAL_WINDOW,
            .max_send_queue = choice & 8 ? 2000 : 0,
            .ping_interval = choice & 16 ? -1 : 0,
          },
      },
      choice & 2, model_on_event, self);

  /* Where the muxer was not agreed early, in the proper words or in the input's. */
  if (!(choice & 2) && !(choice & 32))
    sealed_peer_say (self->peer, AVI_SPAN_STRING ("\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n"));
  while (self->left > 0 && self->peer->link != NULL)
    {
      model_command (self);
      model_check (self);
    }

  sealed_peer_free (self->peer);
  return 0;
}
