/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One AviYamux opposite a peer that is spelled out frame by frame. What it says and what it reports
 * is written down as text, so that a test reads as a conversation.
 */
#include "config.h"

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "link/avi-yamux.h"

#define SYN    AVI_YAMUX_SYN
#define ACK    AVI_YAMUX_ACK
#define FIN    AVI_YAMUX_FIN
#define RST    AVI_YAMUX_RST
#define WINDOW AVI_YAMUX_INITIAL_WINDOW

typedef struct
{
  AviYamux *yamux;
  AviWriter writer;
  gint64    now;
  GString  *events;
  GString  *frames;
  gboolean  consumes; /* each DATA event, at once */
} Fixture;

static Fixture *
fixture_new (const AviYamuxConfig *config)
{
  Fixture *self = g_new0 (Fixture, 1);
  AviYamuxConfig quiet = *config;

  if (quiet.ping_interval == 0)
    quiet.ping_interval = -1;
  self->yamux = avi_yamux_new (&quiet);
  self->now = G_USEC_PER_SEC;
  self->events = g_string_new (NULL);
  self->frames = g_string_new (NULL);
  avi_writer_init (&self->writer, 1 << 20);
  return self;
}

static Fixture *
fixture_new_listener (void)
{
  return fixture_new (&(AviYamuxConfig) { .initiator = FALSE });
}

static Fixture *
fixture_new_dialler (void)
{
  return fixture_new (&(AviYamuxConfig) { .initiator = TRUE });
}

static void
fixture_free (Fixture *self)
{
  avi_yamux_free (self->yamux);
  avi_writer_clear (&self->writer);
  g_string_free (self->events, TRUE);
  g_string_free (self->frames, TRUE);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* Bytes as text where they are short, else their number. */
static void
note_bytes (GString *to,
            AviSpan  bytes)
{
  if (bytes.len <= 16)
    g_string_append_len (to, (const char *) bytes.data, bytes.len);
  else
    g_string_append_printf (to, "(%" G_GSIZE_FORMAT ")", bytes.len);
}

static void
note_event (Fixture             *self,
            const AviYamuxEvent *event)
{
  static const char *names[] = { "stream", "data", "finished", "reset", "closed", "writable", "pong", "go-away" };

  g_string_append_printf (self->events, "%s%s", self->events->len > 0 ? ", " : "", names[event->type]);
  if (event->type == AVI_YAMUX_EVENT_PONG)
    g_string_append_printf (self->events, " %" G_GINT64_FORMAT, event->round_trip);
  else if (event->type == AVI_YAMUX_EVENT_GO_AWAY)
    g_string_append_printf (self->events, " %u", event->code);
  else
    g_string_append_printf (self->events, " %u", event->stream);

  if (event->type == AVI_YAMUX_EVENT_DATA)
    {
      g_string_append_c (self->events, ' ');
      note_bytes (self->events, event->data);
      if (self->consumes)
        avi_yamux_consume (self->yamux, event->stream, event->data.len);
    }
}

static void
drain (Fixture *self)
{
  AviYamuxEvent event;

  while (avi_yamux_next (self->yamux, &event))
    note_event (self, &event);
}

/* The peer says @bytes; the machine takes them. */
static void
receive (Fixture *self,
         AviSpan  bytes)
{
  g_autoptr(GError) error = NULL;

  avi_yamux_receive (self->yamux, bytes, self->now, &error);
  g_assert_no_error (error);
  drain (self);
}

/* A frame; @payload for DATA only, of @length bytes. */
static void
frame_bytes (AviWriter        *out,
             AviYamuxFrameType type,
             guint16           flags,
             guint32           stream,
             guint32           length,
             const guint8     *payload)
{
  AviYamuxFrame frame = { type, flags, stream, length };

  g_assert_true (avi_yamux_frame_put (&frame, out));
  if (type == AVI_YAMUX_DATA && length > 0)
    avi_writer_put (out, AVI_SPAN (payload, length));
}

static void
say (Fixture          *self,
     AviYamuxFrameType type,
     guint16           flags,
     guint32           stream,
     guint32           length)
{
  AviWriter out;

  avi_writer_init (&out, AVI_YAMUX_HEADER_LEN);
  frame_bytes (&out, type, flags, stream, length, NULL);
  receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

static void
say_update (Fixture *self,
            guint16  flags,
            guint32  stream,
            guint32  credit)
{
  say (self, AVI_YAMUX_WINDOW_UPDATE, flags, stream, credit);
}

static void
say_data (Fixture    *self,
          guint16     flags,
          guint32     stream,
          const char *text)
{
  AviWriter out;

  avi_writer_init (&out, 1024);
  frame_bytes (&out, AVI_YAMUX_DATA, flags, stream, strlen (text), (const guint8 *) text);
  receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

/* @n bytes, in one frame. */
static void
say_bulk (Fixture *self,
          guint16  flags,
          guint32  stream,
          guint32  n)
{
  AviWriter out;
  g_autofree guint8 *payload = g_malloc0 (n);

  avi_writer_init (&out, n + AVI_YAMUX_HEADER_LEN);
  frame_bytes (&out, AVI_YAMUX_DATA, flags, stream, n, payload);
  receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

static void
note_frame (GString             *to,
            const AviYamuxFrame *frame,
            AviSpan              payload)
{
  static const char *types[] = { "DATA", "UPDATE", "PING", "GOAWAY" };
  static const char *flags[] = { "+SYN", "+ACK", "+FIN", "+RST" };

  g_string_append_printf (to, "%s%s", to->len > 0 ? ", " : "", types[frame->type]);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (frame->flags & 1 << i)
      g_string_append (to, flags[i]);

  g_string_append_printf (to, " %u ", frame->stream);
  if (frame->type == AVI_YAMUX_DATA)
    note_bytes (to, payload);
  else
    g_string_append_printf (to, "%u", frame->length);
}

/* What the machine says now. */
static const char *
hear (Fixture *self)
{
  g_string_truncate (self->frames, 0);
  avi_writer_truncate (&self->writer, 0);
  gboolean said = avi_yamux_transmit (self->yamux, &self->writer, self->now);
  g_assert_cmpint (said, ==, self->writer.len > 0);

  for (AviSpan rest = AVI_SPAN (self->writer.data, self->writer.len); rest.len > 0;)
    {
      AviYamuxFrame frame;

      g_assert_cmpuint (rest.len, >=, AVI_YAMUX_HEADER_LEN);
      g_assert_true (avi_yamux_frame_decode (rest.data, &frame, NULL));
      rest = avi_span_skip (rest, AVI_YAMUX_HEADER_LEN);

      gsize n = frame.type == AVI_YAMUX_DATA ? frame.length : 0;
      g_assert_cmpuint (rest.len, >=, n);
      note_frame (self->frames, &frame, AVI_SPAN (rest.data, n));
      rest = avi_span_skip (rest, n);
    }

  drain (self);
  return self->frames->str;
}

/* What happened since the last call. */
static const char *
happened (Fixture *self)
{
  static char last[4096];

  g_strlcpy (last, self->events->str, sizeof last);
  g_string_truncate (self->events, 0);
  return last;
}

static void
send_text (Fixture    *self,
           guint32     stream,
           const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_true (avi_yamux_send (self->yamux, stream, bytes));
}

static gboolean
send_bulk (Fixture *self,
           guint32  stream,
           gsize    n)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (memset (g_malloc (n), 'x', n), n);

  return avi_yamux_send (self->yamux, stream, bytes);
}

static guint32
open_stream (Fixture *self)
{
  g_autoptr(GError) error = NULL;
  guint32 id = avi_yamux_open (self->yamux, &error);

  g_assert_no_error (error);
  return id;
}

/* The machine has failed: the driver, which follows the deadline, learns it from `receive`. */
static void
assert_failed (Fixture    *self,
               AviError    code,
               const char *message)
{
  g_autoptr(GError) error = NULL;
  AviYamuxEvent event;

  g_assert_cmpint (avi_yamux_deadline (self->yamux), ==, 0);
  g_assert_false (avi_yamux_receive (self->yamux, AVI_SPAN_EMPTY, self->now, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, message);

  g_assert_cmpint (avi_yamux_deadline (self->yamux), ==, G_MAXINT64);
  g_assert_false (avi_yamux_next (self->yamux, &event));
  g_assert_cmpstr (hear (self), ==, "");
  g_assert_cmpuint (avi_yamux_open (self->yamux, NULL), ==, 0);
}

/* --- frames --- */

static void
test_header_vector (void)
{
  const guint8 expected[] = { 0, 1, 0, 3, 0x01, 0x02, 0x03, 0x04, 0xff, 0xfe, 0xfd, 0xfc };
  AviYamuxFrame frame = { AVI_YAMUX_WINDOW_UPDATE, SYN | ACK, 0x01020304, 0xfffefdfc };
  AviYamuxFrame back;
  AviWriter out;

  avi_writer_init (&out, sizeof expected);
  g_assert_true (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpmem (out.data, out.len, expected, sizeof expected);
  g_assert_false (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpuint (out.len, ==, sizeof expected);
  avi_writer_clear (&out);

  g_assert_true (avi_yamux_frame_decode (expected, &back, NULL));
  g_assert_cmpuint (back.type, ==, frame.type);
  g_assert_cmpuint (back.flags, ==, frame.flags);
  g_assert_cmpuint (back.stream, ==, frame.stream);
  g_assert_cmpuint (back.length, ==, frame.length);
}

static void
test_bad_headers (void)
{
  static const struct
  {
    guint8      bytes[AVI_YAMUX_HEADER_LEN];
    const char *message;
  } cases[] = {
    { { 1 }, "Yamux frame of version 1" },
    { { 0, 4 }, "Yamux frame of type 4" },
    { { 0, 0 }, "Yamux frame of type 0 on stream 0" },
    { { 0, 1 }, "Yamux frame of type 1 on stream 0" },
    { { 0, 2, 0, 1, 0, 0, 0, 5 }, "Yamux frame of type 2 on stream 5" },
    { { 0, 3, 0, 0, 0, 0, 0, 5 }, "Yamux frame of type 3 on stream 5" },
    { { 0, 2, 0, 4 }, "Yamux PING with flags 0x4, neither SYN nor ACK" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Fixture) f = fixture_new_listener ();

      receive (f, AVI_SPAN (cases[i].bytes, AVI_YAMUX_HEADER_LEN));
      assert_failed (f, AVI_ERROR_PROTOCOL, cases[i].message);
    }
}

static void
test_events_before_an_error (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();
  AviWriter out;

  avi_writer_init (&out, 1024);
  frame_bytes (&out, AVI_YAMUX_DATA, SYN, 1, 2, (const guint8 *) "hi");
  frame_bytes (&out, AVI_YAMUX_PING, FIN, 0, 0, NULL);
  receive (f, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);

  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 hi");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux PING with flags 0x4, neither SYN nor ACK");
}

static void
test_cut_everywhere (void)
{
  AviWriter out;

  avi_writer_init (&out, 1024);
  frame_bytes (&out, AVI_YAMUX_WINDOW_UPDATE, SYN, 1, 0, NULL);
  frame_bytes (&out, AVI_YAMUX_DATA, 0, 1, 5, (const guint8 *) "hello");
  frame_bytes (&out, AVI_YAMUX_PING, SYN, 0, 7, NULL);
  frame_bytes (&out, AVI_YAMUX_DATA, FIN, 1, 5, (const guint8 *) "world");
  frame_bytes (&out, AVI_YAMUX_GO_AWAY, 0, 0, 0, NULL);

  for (gsize cut = 0; cut <= out.len; cut++)
    {
      g_autoptr(Fixture) f = fixture_new_listener ();
      g_autofree char *all = NULL;

      receive (f, AVI_SPAN (out.data, cut));
      receive (f, avi_span_skip (AVI_SPAN (out.data, out.len), cut));
      all = g_strdup (happened (f));

      /* Only the pieces of data may differ. */
      g_assert_true (g_str_has_prefix (all, "stream 1, data 1 h"));
      g_assert_true (g_str_has_suffix (all, "d, finished 1, go-away 0"));
      g_assert_cmpstr (hear (f), ==, "PING+ACK 0 7");
    }
  avi_writer_clear (&out);
}

static void
test_partial_frames_handed_up (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  /* js sends DATA frames as large as the window. */
  say_update (f, SYN, 1, 0);
  say (f, AVI_YAMUX_DATA, 0, 1, WINDOW);
  receive (f, AVI_SPAN_STRING ("the first"));
  receive (f, AVI_SPAN_STRING ("the second"));
  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 the first, data 1 the second");
}

/* --- opening --- */

static void
test_open_with_data (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 first = open_stream (f), second = open_stream (f);

  g_assert_cmpuint (first, ==, 1);
  g_assert_cmpuint (second, ==, 3);
  send_text (f, first, "hel");
  send_text (f, first, "lo");
  g_assert_cmpstr (hear (f), ==, "DATA+SYN 1 hello, UPDATE+SYN 3 0");
  send_text (f, first, "more");
  g_assert_cmpstr (hear (f), ==, "DATA 1 more");
  g_assert_true (avi_yamux_is_flushed (f->yamux));
}

static void
test_ids_of_a_listener (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  g_assert_cmpuint (open_stream (f), ==, 2);
  g_assert_cmpuint (open_stream (f), ==, 4);
}

static void
test_accept (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  /* js opens with an empty update, rust with data. */
  say_update (f, SYN, 1, 0);
  say_data (f, SYN, 3, "rust");
  say_data (f, SYN, 5, "quiet");
  g_assert_cmpstr (happened (f), ==, "stream 1, stream 3, data 3 rust, stream 5, data 5 quiet");
  g_assert_cmpstr (hear (f), ==, "");

  send_text (f, 1, "yes");
  avi_yamux_consume (f->yamux, 3, 0);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 3 0, DATA+ACK 1 yes");

  /* FIN never rides with ACK (py). */
  avi_yamux_finish (f->yamux, 5);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 5 0, UPDATE+FIN 5 0");
}

static void
test_everything_at_once (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_data (f, SYN | FIN, 1, "all");
  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 all, finished 1");
  avi_yamux_finish (f->yamux, 1);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 1 0, UPDATE+FIN 1 0");
  g_assert_cmpstr (happened (f), ==, "closed 1");
  g_assert_cmpuint (avi_yamux_get_n_streams (f->yamux), ==, 0);
}

static void
test_syn_and_reset (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_data (f, SYN | RST, 1, "never mind");
  g_assert_cmpstr (happened (f), ==, "");
  g_assert_cmpstr (hear (f), ==, "");
  g_assert_cmpuint (avi_yamux_get_n_streams (f->yamux), ==, 0);
}

static void
test_wrong_syn (void)
{
  g_autoptr(Fixture) parity = fixture_new_listener ();
  g_autoptr(Fixture) twice = fixture_new_listener ();

  say_update (parity, SYN, 2, 0);
  assert_failed (parity, AVI_ERROR_PROTOCOL, "Yamux SYN for stream 2, which is not the peer's to open");

  say_update (twice, SYN, 1, 0);
  say_update (twice, SYN, 1, 0);
  assert_failed (twice, AVI_ERROR_PROTOCOL, "Yamux SYN for stream 1, which is open already");
}

static void
test_owner (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();
  guint32 id = open_stream (f);
  AviYamuxEvent event;
  guint8 frame[AVI_YAMUX_HEADER_LEN + 2] = { 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 'h', 'i' };

  hear (f);
  avi_yamux_set_owner (f->yamux, id, f);
  g_assert_true (avi_yamux_get_owner (f->yamux, id) == f);
  g_assert_null (avi_yamux_get_owner (f->yamux, 99));
  avi_yamux_set_owner (f->yamux, 99, f);

  g_assert_true (avi_yamux_receive (f->yamux, AVI_SPAN (frame, sizeof frame), f->now, NULL));
  g_assert_true (avi_yamux_next (f->yamux, &event));
  g_assert_cmpint (event.type, ==, AVI_YAMUX_EVENT_DATA);
  g_assert_true (event.owner == f);
  g_assert_true (event.data.data == frame + AVI_YAMUX_HEADER_LEN); /* a view, not a copy */
  drain (f);
}

/* --- limits --- */

static void
test_max_streams (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .max_streams = 2 });
  g_autoptr(GError) error = NULL;

  say_update (f, SYN, 1, 0);
  open_stream (f);
  say_data (f, SYN, 3, "too much");
  g_assert_cmpstr (happened (f), ==, "stream 1");
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 3 0, UPDATE+SYN 2 0");

  g_assert_cmpuint (avi_yamux_open (f->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==,
                   "max-streams: 2 streams of at most 2 are open on the connection, 1 of at most 256 wait for the "
                   "peer's acknowledgement");
  g_assert_cmpuint (avi_yamux_get_n_refused (f->yamux), ==, 1);

  avi_yamux_reset (f->yamux, 1);
  say_update (f, SYN, 5, 0);
  g_assert_cmpstr (happened (f), ==, "stream 5");
}

static void
test_max_unaccepted (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .max_unaccepted = 1 });

  say_update (f, SYN, 1, 0);
  say_update (f, SYN, 3, 0);
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 3 0");
  avi_yamux_consume (f->yamux, 1, 0);
  say_update (f, SYN, 5, 0);
  avi_yamux_reset (f->yamux, 5);
  say_update (f, SYN, 7, 0);
  say_update (f, RST, 7, 0);
  say_update (f, SYN, 9, 0);
  g_assert_cmpstr (happened (f), ==, "stream 1, stream 5, stream 7, reset 7, stream 9");
}

static void
test_unacknowledged (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 256; i++)
    open_stream (f);
  g_assert_cmpuint (avi_yamux_open (f->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);

  hear (f);
  say_update (f, ACK, 1, 0);
  g_assert_cmpuint (open_stream (f), ==, 513);
  say_update (f, RST, 3, 0);
  g_assert_cmpuint (open_stream (f), ==, 515);
  avi_yamux_reset (f->yamux, 5);
  g_assert_cmpuint (open_stream (f), ==, 517);
  g_assert_cmpuint (avi_yamux_open (f->yamux, NULL), ==, 0);
}

static void
test_reset_flood (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .max_streams = 1 });

  /* A peer that opens and opens and never reads. */
  for (guint32 i = 0; i < 4097; i++)
    say_update (f, SYN, 1 + 2 * i, 0);
  g_assert_cmpstr (hear (f), !=, "");

  for (guint32 i = 0; i < 4097; i++)
    say_update (f, SYN, 10001 + 2 * i, 0);
  assert_failed (f, AVI_ERROR_LIMIT, "More than 4096 resets of Yamux streams wait for a peer that does not read");
}

/* --- ends of a stream --- */

static void
test_half_close (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 id = open_stream (f);
  g_autoptr(GBytes) late = g_bytes_new_static ("late", 4);

  send_text (f, id, "question");
  avi_yamux_finish (f->yamux, id);
  avi_yamux_finish (f->yamux, id);
  g_assert_false (avi_yamux_send (f->yamux, id, late));
  g_assert_cmpstr (hear (f), ==, "DATA+SYN 1 question, UPDATE+FIN 1 0");

  say_data (f, ACK, id, "answer");
  say_update (f, FIN, id, 0);
  g_assert_cmpstr (happened (f), ==, "data 1 answer, finished 1, closed 1");
  g_assert_cmpuint (avi_yamux_get_n_streams (f->yamux), ==, 0);

  /* Nothing is left to act on. */
  avi_yamux_consume (f->yamux, id, 6);
  avi_yamux_finish (f->yamux, id);
  avi_yamux_reset (f->yamux, id);
  g_assert_false (avi_yamux_send (f->yamux, id, late));
  g_assert_cmpuint (avi_yamux_get_queued (f->yamux, id), ==, 0);
  g_assert_cmpstr (hear (f), ==, "");
}

static void
test_fin_opens (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();

  avi_yamux_finish (f->yamux, open_stream (f));
  g_assert_cmpstr (hear (f), ==, "UPDATE+SYN 1 0, UPDATE+FIN 1 0");
}

static void
test_peer_finishes_first (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_data (f, SYN, 1, "q");
  say (f, AVI_YAMUX_DATA, FIN, 1, 0); /* as rust does it */
  say (f, AVI_YAMUX_DATA, FIN, 1, 0); /* once more does no harm */
  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 q, finished 1");

  send_text (f, 1, "a");
  avi_yamux_finish (f->yamux, 1);
  g_assert_cmpstr (hear (f), ==, "DATA+ACK 1 a, UPDATE+FIN 1 0");
  g_assert_cmpstr (happened (f), ==, "closed 1");
}

static void
test_data_after_fin (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN | FIN, 1, 0);
  say_data (f, 0, 1, "more");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux DATA of 4 bytes for stream 1 after its FIN");
}

static void
test_reset_by_peer (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, 0);
  send_bulk (f, 1, 2 * WINDOW);
  hear (f);
  /* rust resets with DATA; what it carries is dropped. go puts a reason in an update. */
  say_data (f, RST, 1, "gone");
  say_update (f, SYN, 3, 0);
  say_update (f, RST, 3, G_MAXUINT32);
  g_assert_cmpstr (happened (f), ==, "stream 1, reset 1, stream 3, reset 3");
  g_assert_cmpuint (avi_yamux_get_n_streams (f->yamux), ==, 0);
  g_assert_true (avi_yamux_is_flushed (f->yamux));
  g_assert_cmpstr (hear (f), ==, "");
}

static void
test_reset_by_us (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 known = open_stream (f);

  hear (f);
  send_text (f, known, "dropped");
  avi_yamux_reset (f->yamux, known);
  avi_yamux_reset (f->yamux, open_stream (f)); /* of which the peer never heard */
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 1 0");
  g_assert_cmpstr (happened (f), ==, "");
  g_assert_cmpuint (avi_yamux_get_n_streams (f->yamux), ==, 0);
}

static void
test_reset_within_a_frame (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, 0);
  say (f, AVI_YAMUX_DATA, FIN, 1, 10);
  receive (f, AVI_SPAN_STRING ("12345"));
  avi_yamux_reset (f->yamux, 1);
  receive (f, AVI_SPAN_STRING ("67890"));
  say_update (f, SYN, 3, 0);
  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 12345, stream 3");
}

static void
test_stray_frames (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_data (f, SYN, 1, "1234");
  avi_yamux_reset (f->yamux, 1);
  happened (f);

  /* On its way when we reset, up to the credit that the stream had. */
  say_bulk (f, 0, 1, WINDOW - 4);
  say_update (f, 0, 1, 1000);
  say_update (f, FIN, 1, 0);
  say_update (f, RST, 1, 0);
  say_update (f, 0, 77, 1000);
  g_assert_cmpstr (happened (f), ==, "");
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 1 0");

  say_data (f, 0, 1, "x");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux DATA of 1 bytes for stream 1, which is not open");
}

static void
test_stray_data_behind_an_empty_frame (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, 0);
  say_update (f, SYN, 3, 0);
  avi_yamux_reset (f->yamux, 3);
  say_data (f, 0, 1, "");
  say_data (f, 0, 3, "not for stream 1");
  g_assert_cmpstr (happened (f), ==, "stream 1, stream 3");
}

static void
test_frames_before_our_syn (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();
  guint32 id = open_stream (f);

  say_update (f, 0, id, 10);
  say_update (f, RST, id, 0);
  g_assert_cmpstr (happened (f), ==, "");
  say_data (f, 0, id, "x");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux DATA of 1 bytes for stream 2, which is not open");
}

/* --- flow control --- */

static void
test_send_window (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 id = open_stream (f);

  g_assert_true (send_bulk (f, id, WINDOW + 5));
  g_assert_cmpstr (hear (f), ==,
                   "DATA+SYN 1 (65507), DATA 1 (65507), DATA 1 (65507), DATA 1 (65507), DATA 1 (116)");
  g_assert_cmpuint (avi_yamux_get_queued (f->yamux, id), ==, 5);
  g_assert_false (avi_yamux_is_flushed (f->yamux));
  g_assert_cmpstr (hear (f), ==, "");

  avi_yamux_finish (f->yamux, id);
  g_assert_cmpstr (hear (f), ==, "");
  say_update (f, ACK, id, 3);
  g_assert_cmpstr (hear (f), ==, "DATA 1 xxx");
  say_update (f, 0, id, 100);
  g_assert_cmpstr (hear (f), ==, "DATA 1 xx, UPDATE+FIN 1 0");
  g_assert_true (avi_yamux_is_flushed (f->yamux));
}

static void
test_send_window_of_syn (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, WINDOW);
  g_assert_true (send_bulk (f, 1, 2 * WINDOW));
  hear (f);
  g_assert_true (avi_yamux_is_flushed (f->yamux));
}

static void
test_window_overflow (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, G_MAXUINT32 - WINDOW);
  say_update (f, 0, 1, 1);
  assert_failed (f, AVI_ERROR_PROTOCOL,
                 "Yamux window of stream 1 would grow by 1 bytes from 4294967295, past 2^32 - 1");
}

static void
test_receive_window (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, 0);
  say_bulk (f, 0, 1, WINDOW - 1);
  say_bulk (f, 0, 1, 2);
  g_assert_cmpstr (happened (f), ==, "stream 1, data 1 (262143)");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux DATA of 2 bytes for stream 1, whose window is 1 bytes");
}

static void
test_first_frame_over_the_window (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say (f, AVI_YAMUX_DATA, SYN, 1, WINDOW + 1);
  g_assert_cmpstr (happened (f), ==, "");
  assert_failed (f, AVI_ERROR_PROTOCOL, "Yamux DATA of 262145 bytes for stream 1, whose window is 262144 bytes");
}

static void
test_credit_returned_by_halves (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say_update (f, SYN, 1, 0);
  say_bulk (f, 0, 1, WINDOW);
  avi_yamux_consume (f->yamux, 1, WINDOW / 2 - 1);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 1 0");
  avi_yamux_consume (f->yamux, 1, 1);
  g_assert_cmpstr (hear (f), ==, "UPDATE 1 131072");
  avi_yamux_consume (f->yamux, 1, WINDOW / 2);
  g_assert_cmpstr (hear (f), ==, "UPDATE 1 131072");
  say_bulk (f, 0, 1, WINDOW);
  g_assert_cmpstr (hear (f), ==, "");

  /* Nobody needs credit on a stream that is finished. */
  say_update (f, FIN, 1, 0);
  avi_yamux_consume (f->yamux, 1, WINDOW);
  g_assert_cmpstr (hear (f), ==, "");
}

/* Makes the machine measure a round trip of @round_trip µs. */
static void
measure (Fixture *self,
         gint64   round_trip)
{
  g_autofree char *expected = g_strdup_printf ("pong %" G_GINT64_FORMAT, round_trip);

  g_assert_true (g_str_has_prefix (hear (self), "PING+SYN 0 0"));
  self->now += round_trip;
  say (self, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (happened (self), ==, expected);
}

static void
test_window_grows (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .max_window = 3 * WINDOW, .ping_interval = G_USEC_PER_SEC });

  measure (f, 1000);
  say_update (f, SYN, 1, 0);
  f->consumes = TRUE;

  f->now += 999; /* half of it in just under a round trip: all in just under two */
  say_bulk (f, 0, 1, WINDOW / 2);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 1 393216");

  f->now += 10; /* up to max-window, no further */
  say_bulk (f, 0, 1, 2 * WINDOW);
  g_assert_cmpstr (hear (f), ==, "UPDATE 1 786432");
  say_bulk (f, 0, 1, 3 * WINDOW);
  g_assert_cmpstr (hear (f), ==, "UPDATE 1 786432");
}

static void
test_window_stays (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = G_USEC_PER_SEC });

  measure (f, 1000);
  say_update (f, SYN, 1, 0);
  f->consumes = TRUE;
  f->now += 1000;
  say_bulk (f, 0, 1, WINDOW / 2);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 1 131072");

  /* It is who consumes that sets the pace. */
  f->consumes = FALSE;
  say_bulk (f, 0, 1, WINDOW);
  f->now += 5000;
  avi_yamux_consume (f->yamux, 1, WINDOW);
  g_assert_cmpstr (hear (f), ==, "UPDATE 1 262144");
}

static void
test_windows_share_max_receive (void)
{
  g_autoptr(Fixture) f =
      fixture_new (&(AviYamuxConfig) { .max_receive = WINDOW + 10, .ping_interval = G_USEC_PER_SEC });

  measure (f, 1000);
  f->consumes = TRUE;
  say_bulk (f, SYN, 1, WINDOW);
  say_bulk (f, SYN, 3, WINDOW);
  g_assert_cmpstr (hear (f), ==, "UPDATE+ACK 1 524288, UPDATE+ACK 3 262154");

  /* A stream that ends leaves its share to the others. */
  avi_yamux_reset (f->yamux, 1);
  say_bulk (f, 0, 3, WINDOW);
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 1 0, UPDATE 3 524288");
}

static void
test_round_trip_is_measured_again (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = G_USEC_PER_SEC });

  measure (f, 1000);
  f->consumes = TRUE;
  say_update (f, SYN, 1, 0);
  for (guint i = 0; i < 4; i++)
    {
      f->now += G_USEC_PER_SEC / 4;
      say_bulk (f, 0, 1, WINDOW / 2);
      g_assert_cmpint (strstr (hear (f), "PING") != NULL, ==, i == 3);
    }
}

/* --- sending in turn --- */

static void
test_max_send_queue (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .initiator = TRUE, .max_send_queue = 10000 });
  guint32 id = open_stream (f);

  send_bulk (f, id, 1000); /* as good as empty: anything goes */
  g_assert_true (send_bulk (f, id, WINDOW + 5000));
  g_assert_false (send_bulk (f, id, 1));
  hear (f);
  g_assert_cmpuint (avi_yamux_get_queued (f->yamux, id), ==, 6000);
  g_assert_cmpstr (happened (f), ==, "writable 1");

  g_assert_true (send_bulk (f, id, 4000));
  g_assert_false (send_bulk (f, id, 5000));
  say_update (f, ACK, id, 4999);
  hear (f);
  g_assert_cmpstr (happened (f), ==, "");
  say_update (f, 0, id, 1);
  hear (f);
  g_assert_cmpstr (happened (f), ==, "writable 1");
  g_assert_true (send_bulk (f, id, 5000));

  /* More than the queue ever takes waits until it is as good as empty. */
  g_assert_false (send_bulk (f, id, 50000));
  say_update (f, 0, id, 10000 - 1024);
  hear (f);
  g_assert_cmpstr (happened (f), ==, "");
  say_update (f, 0, id, 1);
  hear (f);
  g_assert_cmpstr (happened (f), ==, "writable 1");
}

static void
test_turns (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();

  for (guint i = 0; i < 3; i++)
    send_bulk (f, open_stream (f), 100000);
  g_assert_cmpstr (hear (f), ==,
                   "DATA+SYN 1 (65507), DATA+SYN 3 (65507), DATA+SYN 5 (65507), "
                   "DATA 1 (34493), DATA 3 (34493), DATA 5 (34493)");

  /* In a writer that takes one frame at a time, too. */
  f->writer.limit = 2000;
  for (guint i = 0; i < 3; i++)
    send_bulk (f, 1 + 2 * i, 3000);
  g_assert_cmpstr (hear (f), ==, "DATA 1 (1988)");
  g_assert_cmpstr (hear (f), ==, "DATA 3 (1988)");
  g_assert_cmpstr (hear (f), ==, "DATA 5 (1988)");
  g_assert_cmpstr (hear (f), ==, "DATA 1 (1012)");
}

static void
test_control_first (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();
  guint32 id = open_stream (f);

  send_bulk (f, id, 100);
  say_bulk (f, SYN, 1, WINDOW);
  avi_yamux_consume (f->yamux, 1, WINDOW);
  say_update (f, SYN, 3, 0);
  avi_yamux_reset (f->yamux, 3);
  avi_yamux_ping (f->yamux);
  say (f, AVI_YAMUX_PING, SYN, 0, 9);
  g_assert_cmpstr (hear (f), ==, "PING+ACK 0 9, UPDATE+RST 3 0, UPDATE+ACK 1 262144, PING+SYN 0 0, DATA+SYN 2 (100)");
}

static void
test_little_room (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 id = open_stream (f);

  send_bulk (f, id, 5000);
  f->writer.limit = AVI_YAMUX_HEADER_LEN - 1;
  g_assert_cmpstr (hear (f), ==, "");
  f->writer.limit = AVI_YAMUX_HEADER_LEN + 1023; /* no crumbs */
  g_assert_cmpstr (hear (f), ==, "");
  f->writer.limit = AVI_YAMUX_HEADER_LEN + 1024;
  g_assert_cmpstr (hear (f), ==, "DATA+SYN 1 (1024)");
  send_text (f, open_stream (f), "hi");
  f->writer.limit = 1 << 20;
  g_assert_cmpstr (hear (f), ==, "DATA 1 (3976), DATA+SYN 3 hi");
}

/* --- the connection --- */

static void
test_ping_answers_collapse (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  for (guint32 i = 0; i < 1000; i++)
    say (f, AVI_YAMUX_PING, SYN, 0, i);
  g_assert_cmpstr (hear (f), ==, "PING+ACK 0 999");
  g_assert_cmpstr (hear (f), ==, "");
}

static void
test_unasked_pong (void)
{
  g_autoptr(Fixture) f = fixture_new_listener ();

  say (f, AVI_YAMUX_PING, ACK, 0, 0);
  avi_yamux_ping (f->yamux);
  say (f, AVI_YAMUX_PING, ACK, 0, 0); /* not sent yet */
  g_assert_cmpstr (hear (f), ==, "PING+SYN 0 0");
  avi_yamux_ping (f->yamux); /* joins it */
  g_assert_cmpstr (hear (f), ==, "");
  say (f, AVI_YAMUX_PING, ACK, 0, 1);
  g_assert_cmpstr (happened (f), ==, "");
  f->now += 50;
  say (f, AVI_YAMUX_PING, ACK, 0, 0);
  say (f, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (happened (f), ==, "pong 50");
}

static void
test_keep_alive (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, G_MAXINT64);
  g_assert_cmpstr (hear (f), ==, "PING+SYN 0 0");
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 30);
  f->now += 10;
  say (f, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (happened (f), ==, "pong 10");

  /* Any byte puts the next one off. */
  f->now += 90;
  say_update (f, SYN, 1, 0);
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 100);
  f->now += 99;
  receive (f, AVI_SPAN_EMPTY);
  g_assert_cmpstr (hear (f), ==, "");
  f->now += 1;
  receive (f, AVI_SPAN_EMPTY);
  g_assert_cmpstr (hear (f), ==, "PING+SYN 0 1");

  /* A peer that is busy sending is there, if late to answer. */
  f->now += 29;
  say_data (f, 0, 1, "busy");
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 30);
  f->now += 29;
  receive (f, AVI_SPAN_EMPTY);
  f->now += 1;
  g_assert_false (avi_yamux_receive (f->yamux, AVI_SPAN_EMPTY, f->now, NULL));
}

static void
test_timeout (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = 100000, .ping_timeout = 30000 });
  g_autoptr(GError) error = NULL;

  hear (f);
  f->now += 30000;
  g_assert_false (avi_yamux_receive (f->yamux, AVI_SPAN_EMPTY, f->now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_cmpstr (error->message, ==, "No answer to a Yamux ping within 30 ms");
}

static void
test_timeout_without_a_writer (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  /* The peer does not read, so that not even the ping can be written. */
  receive (f, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 30);
  f->now += 29;
  receive (f, AVI_SPAN_EMPTY);
  f->now += 1;
  g_assert_false (avi_yamux_receive (f->yamux, AVI_SPAN_EMPTY, f->now, NULL));
}

static void
test_late_driver (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  hear (f);
  say (f, AVI_YAMUX_PING, ACK, 0, 0);

  /* A process that was stopped for long asks before it gives up, by whatever way it comes to it. */
  f->now += 100000;
  receive (f, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 30);
  g_assert_cmpstr (hear (f), ==, "PING+SYN 0 1");
  say (f, AVI_YAMUX_PING, ACK, 0, 1);
  f->now += 99;
  avi_yamux_ping (f->yamux);
  f->now += 100000;
  g_assert_cmpstr (hear (f), ==, "PING+SYN 0 2");
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, f->now + 30);
}

static void
test_no_wake_ups (void)
{
  g_autoptr(Fixture) f = fixture_new (&(AviYamuxConfig) { .ping_interval = -1 });

  g_assert_cmpstr (hear (f), ==, "");
  receive (f, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (f->yamux), ==, G_MAXINT64);
}

static void
test_go_away_received (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 id = open_stream (f);
  g_autoptr(GError) error = NULL;

  hear (f);
  say (f, AVI_YAMUX_GO_AWAY, 0, 0, 2);
  g_assert_cmpuint (avi_yamux_open (f->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);

  say_data (f, ACK, id, "still here");
  g_assert_cmpstr (happened (f), ==, "go-away 2, data 1 still here");
}

static void
test_go_away_sent (void)
{
  g_autoptr(Fixture) f = fixture_new_dialler ();
  guint32 id = open_stream (f);
  g_autoptr(GError) error = NULL;

  send_bulk (f, id, WINDOW + 100);
  avi_yamux_go_away (f->yamux, 0);
  avi_yamux_go_away (f->yamux, 1);
  g_assert_false (avi_yamux_is_flushed (f->yamux));

  /* Behind what can go, but not behind what waits for credit. */
  g_assert_true (g_str_has_suffix (hear (f), "DATA 1 (116), GOAWAY 0 0"));
  g_assert_cmpuint (avi_yamux_open (f->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);

  say_update (f, SYN, 2, 0);
  g_assert_cmpstr (happened (f), ==, "");
  g_assert_cmpstr (hear (f), ==, "UPDATE+RST 2 0");
  say_update (f, ACK, id, 100);
  g_assert_cmpstr (hear (f), ==, "DATA 1 (100)");
}

#define ADD(what, func) g_test_add_func ("/yamux/" what, func)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("writes and reads the header of the specification", test_header_vector);
  ADD ("refuses headers that make no sense", test_bad_headers);
  ADD ("reports what came before an error, then the error", test_events_before_an_error);
  ADD ("reads the same however the bytes are cut", test_cut_everywhere);
  ADD ("hands up a large frame as it arrives", test_partial_frames_handed_up);

  ADD ("opens a stream with its first data", test_open_with_data);
  ADD ("opens streams of even ids where it listens", test_ids_of_a_listener);
  ADD ("acknowledges a stream once its owner touches it", test_accept);
  ADD ("takes a stream that is opened, used and finished in one frame", test_everything_at_once);
  ADD ("ignores a stream that is opened and reset in one frame", test_syn_and_reset);
  ADD ("refuses a SYN of the wrong parity or for an open stream", test_wrong_syn);
  ADD ("remembers a stream's owner and hands out views", test_owner);

  ADD ("resets streams beyond max-streams", test_max_streams);
  ADD ("resets streams beyond max-unaccepted", test_max_unaccepted);
  ADD ("opens no more than the peer acknowledges", test_unacknowledged);
  ADD ("fails where resets pile up", test_reset_flood);

  ADD ("finishes in one direction, then the other", test_half_close);
  ADD ("opens a stream that is finished at once", test_fin_opens);
  ADD ("answers after the peer has finished", test_peer_finishes_first);
  ADD ("refuses data after FIN", test_data_after_fin);
  ADD ("drops a stream that the peer resets", test_reset_by_peer);
  ADD ("resets a stream that the peer knows", test_reset_by_us);
  ADD ("skips the rest of a frame when its stream is reset", test_reset_within_a_frame);
  ADD ("ignores stray frames, data within the credit of what was reset", test_stray_frames);
  ADD ("gives stray data to nobody", test_stray_data_behind_an_empty_frame);
  ADD ("ignores frames for a stream whose SYN is not out", test_frames_before_our_syn);

  ADD ("sends no more than the peer's window", test_send_window);
  ADD ("counts the credit that comes with SYN", test_send_window_of_syn);
  ADD ("refuses a window beyond 32 bits", test_window_overflow);
  ADD ("refuses data beyond the window", test_receive_window);
  ADD ("refuses a first frame beyond the window", test_first_frame_over_the_window);
  ADD ("returns credit once half the window is consumed", test_credit_returned_by_halves);
  ADD ("doubles a window that is used up within two round trips", test_window_grows);
  ADD ("leaves a window that is not used up", test_window_stays);
  ADD ("keeps the windows within max-receive in sum", test_windows_share_max_receive);
  ADD ("measures the round trip again while data flows", test_round_trip_is_measured_again);

  ADD ("refuses data over max-send-queue and says when it fits", test_max_send_queue);
  ADD ("gives streams their turns", test_turns);
  ADD ("sends control frames first", test_control_first);
  ADD ("cuts frames to the room that there is", test_little_room);

  ADD ("answers the newest ping", test_ping_answers_collapse);
  ADD ("ignores an answer that nobody waits for", test_unasked_pong);
  ADD ("pings a silent peer", test_keep_alive);
  ADD ("fails when a ping is not answered", test_timeout);
  ADD ("fails when a ping cannot be written", test_timeout_without_a_writer);
  ADD ("asks before it gives up, however late it is called", test_late_driver);
  ADD ("never wakes without keep-alive", test_no_wake_ups);
  ADD ("opens no streams after the peer's GoAway", test_go_away_received);
  ADD ("says GoAway behind everything that can go", test_go_away_sent);
  return g_test_run ();
}
