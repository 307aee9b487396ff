/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-private.h"

/* A DATA frame is cut to what the writer holds, but not into crumbs. */
#define MIN_FRAGMENT 1024

/* The flag that the next frame on the stream carries. FIN and RST travel alone: js loses the
 * payload of a DATA frame with FIN, py a FIN beside ACK. */
static guint16
avi_yamux_take_flags (AviYamux *self, AviYamuxStream *stream)
{
  switch (stream->state)
    {
    case AVI_YAMUX_STREAM_OPENING:
      avi_yamux_set_state (self, stream, AVI_YAMUX_STREAM_OPENED);
      return AVI_YAMUX_SYN;

    case AVI_YAMUX_STREAM_ACCEPTED:
      avi_yamux_set_state (self, stream, AVI_YAMUX_STREAM_ESTABLISHED);
      return AVI_YAMUX_ACK;

    case AVI_YAMUX_STREAM_OPENED:
    case AVI_YAMUX_STREAM_OFFERED:
    case AVI_YAMUX_STREAM_ESTABLISHED:
    default:
      return 0;
    }
}

static void
avi_yamux_put (AviWriter *writer, AviYamuxFrameType type, guint16 flags, guint32 stream, guint32 length)
{
  AviYamuxFrame frame = { type, flags, stream, length };
  gboolean put = avi_yamux_frame_put (&frame, writer);

  g_assert (put); /* whoever calls has looked for room */
}

static gboolean
avi_yamux_has_room (const AviWriter *writer)
{
  return avi_writer_get_room (writer) >= AVI_YAMUX_HEADER_LEN;
}

static void
avi_yamux_put_resets (AviYamux *self, AviWriter *writer)
{
  guint n = 0;

  if (self->resets == NULL)
    return;

  for (; n < self->resets->len && avi_yamux_has_room (writer); n++)
    avi_yamux_put (writer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, g_array_index (self->resets, guint32, n), 0);

  g_array_remove_range (self->resets, 0, n);
  if (self->resets->len == 0)
    g_clear_pointer (&self->resets, g_array_unref);
}

static void
avi_yamux_put_updates (AviYamux *self, AviWriter *writer)
{
  while (self->updates.length > 0 && avi_yamux_has_room (writer))
    {
      AviYamuxStream *stream = g_queue_peek_head (&self->updates);
      guint32 size = stream->window.size, credit = 0;

      avi_yamux_delist (&self->updates, &stream->in_updates);
      if (avi_yamux_window_is_due (&stream->window) && !stream->received_all)
        {
          credit = avi_yamux_window_grant (&stream->window, self->ping.round_trip, self->config.max_window,
                                           self->config.max_receive - self->grown, self->now);
          self->grown += stream->window.size - size;
          avi_yamux_ping_refresh (&self->ping, self->now);
        }

      /* An ACK by itself rides on data where there is some. */
      if (credit > 0 || (stream->state == AVI_YAMUX_STREAM_ACCEPTED && avi_yamux_get_sendable (stream) == 0))
        avi_yamux_put (writer, AVI_YAMUX_WINDOW_UPDATE, avi_yamux_take_flags (self, stream), stream->id, credit);
    }
}

static void
avi_yamux_put_control (AviYamux *self, AviWriter *writer)
{
  if (self->pong_due && avi_yamux_has_room (writer))
    {
      avi_yamux_put (writer, AVI_YAMUX_PING, AVI_YAMUX_ACK, 0, self->pong);
      self->pong_due = FALSE;
    }

  avi_yamux_put_resets (self, writer);
  avi_yamux_put_updates (self, writer);

  if (self->ping.state == AVI_YAMUX_PING_WANTED && avi_yamux_has_room (writer))
    {
      avi_yamux_put (writer, AVI_YAMUX_PING, AVI_YAMUX_SYN, 0, self->ping.value);
      avi_yamux_ping_sent (&self->ping, self->now);
    }
}

static void
avi_yamux_put_data (AviYamux *self, AviWriter *writer, AviYamuxStream *stream, guint32 n)
{
  avi_yamux_put (writer, AVI_YAMUX_DATA, avi_yamux_take_flags (self, stream), stream->id, n);
  avi_yamux_queue_take (&stream->queue, avi_writer_append (writer, n), n);
  stream->send_window -= n;
  self->queued -= n;

  if (stream->refused > 0 && avi_yamux_fits (self, stream, stream->refused))
    {
      stream->refused = 0;
      avi_yamux_happened (self, stream, AVI_YAMUX_HAPPENED_WRITABLE);
    }
}

/* One frame of the stream whose turn it is. FALSE: the writer has no room for it. */
static gboolean
avi_yamux_put_turn (AviYamux *self, AviWriter *writer, AviYamuxStream *stream)
{
  if (!avi_yamux_has_room (writer))
    return FALSE;

  guint32 sendable = avi_yamux_get_sendable (stream);
  gsize room = avi_writer_get_room (writer) - AVI_YAMUX_HEADER_LEN;
  if (room < MIN (sendable, MIN_FRAGMENT))
    return FALSE;

  if (sendable > 0)
    {
      avi_yamux_put_data (self, writer, stream, MIN (MIN (sendable, room), AVI_YAMUX_SEND_FRAME_MAX));
    }
  else if (stream->state == AVI_YAMUX_STREAM_OPENING)
    {
      avi_yamux_put (writer, AVI_YAMUX_WINDOW_UPDATE, avi_yamux_take_flags (self, stream), stream->id, 0);
    }
  else
    {
      avi_yamux_put (writer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, stream->id, 0);
      stream->send_state = AVI_YAMUX_SENT_ALL;
      avi_yamux_check_closed (self, stream);
    }
  return TRUE;
}

gboolean
avi_yamux_transmit (AviYamux *self, AviWriter *writer, gint64 now)
{
  gsize before = writer->len;

  if (self->error == NULL)
    avi_yamux_advance (self, FALSE, now);
  if (self->error != NULL)
    return FALSE;

  avi_yamux_put_control (self, writer);

  while (self->ready.length > 0)
    {
      AviYamuxStream *stream = g_queue_peek_head (&self->ready);

      if (!avi_yamux_put_turn (self, writer, stream))
        break;
      avi_yamux_delist (&self->ready, &stream->in_ready);
      avi_yamux_check_ready (self, stream);
    }

  /* Peers end the connection at a GoAway, so it comes behind all that can go now. */
  if (self->go_away_due && self->ready.length == 0 && avi_yamux_has_room (writer))
    {
      avi_yamux_put (writer, AVI_YAMUX_GO_AWAY, 0, 0, self->go_away_code);
      self->go_away_due = FALSE;
    }
  return writer->len > before;
}

gint64
avi_yamux_deadline (AviYamux *self)
{
  if (self->error != NULL)
    return self->error_told ? G_MAXINT64 : 0;

  return avi_yamux_ping_deadline (&self->ping);
}

gboolean
avi_yamux_is_flushed (AviYamux *self)
{
  return self->queued == 0 && self->ready.length == 0 && self->updates.length == 0 && self->resets == NULL
         && !self->pong_due && !self->go_away_due && self->ping.state != AVI_YAMUX_PING_WANTED;
}
