/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-private.h"

/* A stream that the peer can know: until our SYN is out a frame for it is as stray as any. */
static AviYamuxStream *
avi_yamux_find_known (AviYamux *self, guint32 id)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  return stream != NULL && stream->state != AVI_YAMUX_STREAM_OPENING ? stream : NULL;
}

static gboolean
avi_yamux_is_ours (AviYamux *self, guint32 id)
{
  return (id & 1) == (self->config.initiator ? 1 : 0);
}

/* A frame of no open stream. DATA may have been under way when we reset the stream, but not more of it
 * than that stream had credit left; what has no payload costs nothing. */
static void
avi_yamux_on_stray (AviYamux *self, const AviYamuxFrame *frame)
{
  if (frame->type != AVI_YAMUX_DATA)
    return;

  if (frame->length > self->stray_credit)
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL, "Yamux DATA of %u bytes for stream %u, which is not open",
                      frame->length, frame->stream);
      return;
    }
  self->stray_credit -= frame->length;
  self->body_stream = 0;
  self->body_left = frame->length;
}

/* Returns the new stream, or NULL where it is refused. */
static AviYamuxStream *
avi_yamux_on_syn (AviYamux *self, const AviYamuxFrame *frame)
{
  if (avi_yamux_is_ours (self, frame->stream) || avi_yamux_find (self, frame->stream) != NULL)
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL, "Yamux SYN for stream %u, which %s", frame->stream,
                      avi_yamux_is_ours (self, frame->stream) ? "is not the peer's to open" : "is open already");
      return NULL;
    }

  gboolean reset = (frame->flags & AVI_YAMUX_RST) != 0;
  if (reset || self->leaving || avi_yamux_get_n_streams (self) >= self->config.max_streams
      || self->n_unaccepted >= self->config.max_unaccepted)
    {
      self->stray_credit += AVI_YAMUX_INITIAL_WINDOW;
      self->n_refused += !reset && !self->leaving;
      if (!reset)
        avi_yamux_queue_reset (self, frame->stream);
      return NULL;
    }

  AviYamuxStream *stream = avi_yamux_add (self, frame->stream, AVI_YAMUX_STREAM_OFFERED);
  avi_yamux_happened (self, stream, AVI_YAMUX_HAPPENED_STREAM);
  return stream;
}

static void
avi_yamux_on_data (AviYamux *self, AviYamuxStream *stream, const AviYamuxFrame *frame)
{
  if (frame->length > 0 && stream->received_all)
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL, "Yamux DATA of %u bytes for stream %u after its FIN", frame->length,
                      stream->id);
      return;
    }

  guint32 granted = stream->window.granted;
  if (!avi_yamux_window_receive (&stream->window, frame->length))
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL, "Yamux DATA of %u bytes for stream %u, whose window is %u bytes",
                      frame->length, stream->id, granted);
      return;
    }
  self->body_stream = stream->id;
  self->body_left = frame->length;
}

static void
avi_yamux_on_window_update (AviYamux *self, AviYamuxStream *stream, const AviYamuxFrame *frame)
{
  /* With RST the length is the reason (go-libp2p's error codes). */
  if (frame->flags & AVI_YAMUX_RST)
    return;

  if (frame->length > G_MAXUINT32 - stream->send_window)
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL,
                      "Yamux window of stream %u would grow by %u bytes from %u, past 2^32 - 1", stream->id,
                      frame->length, stream->send_window);
      return;
    }
  stream->send_window += frame->length;
  avi_yamux_check_ready (self, stream);
}

static void
avi_yamux_on_fin (AviYamux *self, AviYamuxStream *stream)
{
  if (stream->received_all)
    return;

  stream->received_all = TRUE;
  avi_yamux_happened (self, stream, AVI_YAMUX_HAPPENED_FINISHED);
  avi_yamux_check_closed (self, stream);
}

static void
avi_yamux_on_stream_frame (AviYamux *self, const AviYamuxFrame *frame)
{
  gboolean opens = (frame->flags & AVI_YAMUX_SYN) != 0;
  AviYamuxStream *stream = opens ? avi_yamux_on_syn (self, frame) : avi_yamux_find_known (self, frame->stream);

  if (self->error != NULL)
    return;
  if (stream == NULL)
    {
      avi_yamux_on_stray (self, frame);
      return;
    }

  /* Not all implementations set ACK on the first frame that they answer with. */
  if (stream->state == AVI_YAMUX_STREAM_OPENED)
    avi_yamux_set_state (self, stream, AVI_YAMUX_STREAM_ESTABLISHED);

  if (frame->type == AVI_YAMUX_DATA)
    avi_yamux_on_data (self, stream, frame);
  else
    avi_yamux_on_window_update (self, stream, frame);
  if (self->error != NULL)
    return;

  if (frame->flags & AVI_YAMUX_RST)
    {
      self->body_stream = 0;
      avi_yamux_happened (self, stream, AVI_YAMUX_HAPPENED_RESET);
    }
  else if (frame->flags & AVI_YAMUX_FIN)
    {
      /* The body first. */
      if (self->body_left > 0)
        self->body_is_last = TRUE;
      else
        avi_yamux_on_fin (self, stream);
    }
}

/* TRUE: @event is set. */
static gboolean
avi_yamux_on_ping (AviYamux *self, const AviYamuxFrame *frame, AviYamuxEvent *event)
{
  if (frame->flags & AVI_YAMUX_SYN)
    {
      self->pong_due = TRUE;
      self->pong = frame->length;
    }
  else if (frame->flags & AVI_YAMUX_ACK)
    {
      event->type = AVI_YAMUX_EVENT_PONG;
      return avi_yamux_ping_answered (&self->ping, frame->length, self->now, &event->round_trip);
    }
  else
    {
      avi_yamux_fail (self, AVI_ERROR_PROTOCOL, "Yamux PING with flags 0x%x, neither SYN nor ACK", frame->flags);
    }
  return FALSE;
}

/* TRUE: @event is set. */
static gboolean
avi_yamux_on_frame (AviYamux *self, const AviYamuxFrame *frame, AviYamuxEvent *event)
{
  switch (frame->type)
    {
    case AVI_YAMUX_DATA:
    case AVI_YAMUX_WINDOW_UPDATE:
      avi_yamux_on_stream_frame (self, frame);
      return FALSE;

    case AVI_YAMUX_PING:
      return avi_yamux_on_ping (self, frame, event);

    case AVI_YAMUX_GO_AWAY:
      self->peer_leaving = TRUE;
      event->type = AVI_YAMUX_EVENT_GO_AWAY;
      event->code = frame->length;
      return TRUE;

    default:
      g_assert_not_reached ();
    }
}

/* Reads on to the end of a header. TRUE: @event is set. */
static gboolean
avi_yamux_read_header (AviYamux *self, AviYamuxEvent *event)
{
  gsize n = MIN (self->input.len, AVI_YAMUX_HEADER_LEN - self->header_len);
  AviYamuxFrame frame;

  memcpy (self->header + self->header_len, self->input.data, n);
  self->header_len += n;
  self->input = avi_span_skip (self->input, n);
  if (self->header_len < AVI_YAMUX_HEADER_LEN)
    return FALSE;

  self->header_len = 0;
  return avi_yamux_frame_decode (self->header, &frame, &self->error) && avi_yamux_on_frame (self, &frame, event);
}

/* Reads on in a body. TRUE: @event is set. */
static gboolean
avi_yamux_read_body (AviYamux *self, AviYamuxEvent *event)
{
  AviSpan part = AVI_SPAN (self->input.data, MIN (self->input.len, self->body_left));
  /* The owner may have reset it meanwhile. */
  AviYamuxStream *stream = self->body_stream != 0 ? avi_yamux_find (self, self->body_stream) : NULL;

  self->input = avi_span_skip (self->input, part.len);
  self->body_left -= part.len;
  if (self->body_left == 0)
    {
      if (stream != NULL && self->body_is_last)
        avi_yamux_on_fin (self, stream);
      self->body_stream = 0;
      self->body_is_last = FALSE;
    }

  if (stream == NULL)
    return FALSE;

  event->type = AVI_YAMUX_EVENT_DATA;
  event->stream = stream->id;
  event->owner = stream->owner;
  event->data = part;
  return TRUE;
}

/* Hands out what happened first to the stream that waits longest. */
static void
avi_yamux_take_happened (AviYamux *self, AviYamuxEvent *event)
{
  static const AviYamuxEventType types[] = { AVI_YAMUX_EVENT_STREAM, AVI_YAMUX_EVENT_WRITABLE, AVI_YAMUX_EVENT_FINISHED,
                                             AVI_YAMUX_EVENT_RESET, AVI_YAMUX_EVENT_CLOSED };
  AviYamuxStream *stream = g_queue_peek_head (&self->happened);
  guint bit = g_bit_nth_lsf (stream->happened, -1);

  event->type = types[bit];
  event->stream = stream->id;
  event->owner = stream->owner;

  stream->happened &= ~(1u << bit);
  if ((1u << bit) >= AVI_YAMUX_HAPPENED_RESET)
    avi_yamux_drop (self, stream);
  else if (stream->happened == 0)
    avi_yamux_delist (&self->happened, &stream->in_happened);
}

gboolean
avi_yamux_next (AviYamux *self, AviYamuxEvent *event)
{
  *event = (AviYamuxEvent) { 0 };

  while (self->error == NULL)
    {
      if (self->happened.length > 0)
        {
          avi_yamux_take_happened (self, event);
          return TRUE;
        }
      if (self->input.len == 0)
        return FALSE;
      if (self->body_left > 0 ? avi_yamux_read_body (self, event) : avi_yamux_read_header (self, event))
        return TRUE;
    }
  return FALSE;
}

void
avi_yamux_advance (AviYamux *self, gboolean heard, gint64 now)
{
  self->now = now;
  if (!avi_yamux_ping_advance (&self->ping, heard, now))
    avi_yamux_fail (self, AVI_ERROR_TIMEOUT, "No answer to a Yamux ping within %" G_GINT64_FORMAT " ms",
                    self->config.ping_timeout / 1000);
}

gboolean
avi_yamux_receive (AviYamux *self, AviSpan bytes, gint64 now, GError **error)
{
  if (self->error == NULL)
    {
      g_assert (self->input.len == 0); /* `next` must have been called until FALSE */

      self->input = bytes;
      avi_yamux_advance (self, bytes.len > 0, now);
    }
  if (self->error == NULL)
    return TRUE;

  self->error_told = TRUE;
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}
