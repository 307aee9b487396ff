/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yamux-talk.h"

Talk *
talk_new (const AviYamuxConfig *config)
{
  Talk *self = g_new0 (Talk, 1);
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

Talk *
talk_new_listener (void)
{
  return talk_new (&(AviYamuxConfig) { .initiator = FALSE });
}

Talk *
talk_new_dialler (void)
{
  return talk_new (&(AviYamuxConfig) { .initiator = TRUE });
}

void
talk_free (Talk *self)
{
  avi_yamux_free (self->yamux);
  avi_writer_clear (&self->writer);
  g_string_free (self->events, TRUE);
  g_string_free (self->frames, TRUE);
  g_free (self);
}

/* Bytes as text where they are short, else their number. */
static void
talk_note_bytes (GString *to, AviSpan bytes)
{
  if (bytes.len <= 16)
    g_string_append_len (to, (const char *) bytes.data, bytes.len);
  else
    g_string_append_printf (to, "(%" G_GSIZE_FORMAT ")", bytes.len);
}

static void
talk_note_event (Talk *self, const AviYamuxEvent *event)
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
      talk_note_bytes (self->events, event->data);
      if (self->consumes)
        avi_yamux_consume (self->yamux, event->stream, event->data.len);
    }
}

void
talk_drain (Talk *self)
{
  AviYamuxEvent event;

  while (avi_yamux_next (self->yamux, &event))
    talk_note_event (self, &event);
}

void
talk_receive (Talk *self, AviSpan bytes)
{
  g_autoptr(GError) error = NULL;

  avi_yamux_receive (self->yamux, bytes, self->now, &error);
  g_assert_no_error (error);
  talk_drain (self);
}

void
talk_put_frame (AviWriter *out, AviYamuxFrameType type, guint16 flags, guint32 stream, guint32 length,
                const guint8 *payload)
{
  AviYamuxFrame frame = { type, flags, stream, length };

  g_assert_true (avi_yamux_frame_put (&frame, out));
  if (type == AVI_YAMUX_DATA && length > 0)
    avi_writer_put (out, AVI_SPAN (payload, length));
}

void
talk_say (Talk *self, AviYamuxFrameType type, guint16 flags, guint32 stream, guint32 length)
{
  AviWriter out;

  avi_writer_init (&out, AVI_YAMUX_HEADER_LEN);
  talk_put_frame (&out, type, flags, stream, length, NULL);
  talk_receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

void
talk_say_update (Talk *self, guint16 flags, guint32 stream, guint32 credit)
{
  talk_say (self, AVI_YAMUX_WINDOW_UPDATE, flags, stream, credit);
}

void
talk_say_data (Talk *self, guint16 flags, guint32 stream, const char *text)
{
  AviWriter out;

  avi_writer_init (&out, 1024);
  talk_put_frame (&out, AVI_YAMUX_DATA, flags, stream, strlen (text), (const guint8 *) text);
  talk_receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

void
talk_say_bulk (Talk *self, guint16 flags, guint32 stream, guint32 n)
{
  AviWriter out;
  g_autofree guint8 *payload = g_malloc0 (n);

  avi_writer_init (&out, n + AVI_YAMUX_HEADER_LEN);
  talk_put_frame (&out, AVI_YAMUX_DATA, flags, stream, n, payload);
  talk_receive (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

static void
talk_note_frame (GString *to, const AviYamuxFrame *frame, AviSpan payload)
{
  static const char *types[] = { "DATA", "UPDATE", "PING", "GOAWAY" };
  static const char *flags[] = { "+SYN", "+ACK", "+FIN", "+RST" };

  g_string_append_printf (to, "%s%s", to->len > 0 ? ", " : "", types[frame->type]);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (frame->flags & 1 << i)
      g_string_append (to, flags[i]);

  g_string_append_printf (to, " %u ", frame->stream);
  if (frame->type == AVI_YAMUX_DATA)
    talk_note_bytes (to, payload);
  else
    g_string_append_printf (to, "%u", frame->length);
}

const char *
talk_hear (Talk *self)
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
      talk_note_frame (self->frames, &frame, AVI_SPAN (rest.data, n));
      rest = avi_span_skip (rest, n);
    }

  talk_drain (self);
  return self->frames->str;
}

const char *
talk_happened (Talk *self)
{
  static char last[4096];

  g_strlcpy (last, self->events->str, sizeof last);
  g_string_truncate (self->events, 0);
  return last;
}

void
talk_send_text (Talk *self, guint32 stream, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_true (avi_yamux_send (self->yamux, stream, bytes));
}

gboolean
talk_send_bulk (Talk *self, guint32 stream, gsize n)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (memset (g_malloc (n), 'x', n), n);

  return avi_yamux_send (self->yamux, stream, bytes);
}

guint32
talk_open (Talk *self)
{
  g_autoptr(GError) error = NULL;
  guint32 id = avi_yamux_open (self->yamux, &error);

  g_assert_no_error (error);
  return id;
}

void
talk_assert_failed (Talk *self, AviError code, const char *message)
{
  g_autoptr(GError) error = NULL;
  AviYamuxEvent event;

  g_assert_cmpint (avi_yamux_deadline (self->yamux), ==, 0);
  g_assert_false (avi_yamux_receive (self->yamux, AVI_SPAN_EMPTY, self->now, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, message);

  g_assert_cmpint (avi_yamux_deadline (self->yamux), ==, G_MAXINT64);
  g_assert_false (avi_yamux_next (self->yamux, &event));
  g_assert_cmpstr (talk_hear (self), ==, "");
  g_assert_cmpuint (avi_yamux_open (self->yamux, NULL), ==, 0);
}
