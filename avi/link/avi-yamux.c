/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-private.h"

#define DEFAULT_MAX_STREAMS    1024
#define DEFAULT_MAX_UNACCEPTED 256
#define DEFAULT_MAX_WINDOW     (16 * 1024 * 1024)
#define DEFAULT_MAX_RECEIVE    (32 * 1024 * 1024)
#define DEFAULT_PING_INTERVAL  (10 * G_USEC_PER_SEC)
#define DEFAULT_PING_TIMEOUT   (10 * G_USEC_PER_SEC)

/* Streams of ours that the peer has not acknowledged (specs/yamux, "ACK backlog"). */
#define MAX_UNACKNOWLEDGED 256

/* There are thousands of them, most of them idle. */
G_STATIC_ASSERT (sizeof (AviYamux) < 1024);

AviYamux *
avi_yamux_new (const AviYamuxConfig *config)
{
  AviYamux *self = g_new0 (AviYamux, 1);
  AviYamuxConfig *limits = &self->config;

  *limits = *config;
  if (limits->max_streams == 0)
    limits->max_streams = DEFAULT_MAX_STREAMS;
  if (limits->max_unaccepted == 0)
    limits->max_unaccepted = DEFAULT_MAX_UNACCEPTED;
  if (limits->max_window == 0)
    limits->max_window = DEFAULT_MAX_WINDOW;
  if (limits->max_receive == 0)
    limits->max_receive = DEFAULT_MAX_RECEIVE;
  if (limits->max_send_queue == 0)
    limits->max_send_queue = AVI_YAMUX_MAX_SEND_QUEUE;
  if (limits->ping_interval == 0)
    limits->ping_interval = DEFAULT_PING_INTERVAL;
  if (limits->ping_timeout == 0)
    limits->ping_timeout = DEFAULT_PING_TIMEOUT;

  self->next_id = limits->initiator ? 1 : 2;
  g_queue_init (&self->happened);
  g_queue_init (&self->updates);
  g_queue_init (&self->ready);
  avi_yamux_ping_init (&self->ping, limits->ping_interval, limits->ping_timeout);
  return self;
}

void
avi_yamux_free (AviYamux *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->streams, g_hash_table_unref);
  g_clear_pointer (&self->resets, g_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

guint32
avi_yamux_open (AviYamux *self, GError **error)
{
  if (self->error != NULL || self->leaving || self->peer_leaving || self->next_id > G_MAXUINT32)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "The connection takes no more streams: %s",
                   self->error != NULL  ? self->error->message
                   : self->leaving      ? "we are leaving"
                   : self->peer_leaving ? "the peer is leaving"
                                        : "its stream ids are used up");
      return 0;
    }
  if (avi_yamux_get_n_streams (self) >= self->config.max_streams || self->n_unacknowledged >= MAX_UNACKNOWLEDGED)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "max-streams: %u streams of at most %u are open on the connection, %u of at most %u wait for the "
                   "peer's acknowledgement",
                   avi_yamux_get_n_streams (self), self->config.max_streams, self->n_unacknowledged,
                   MAX_UNACKNOWLEDGED);
      return 0;
    }

  AviYamuxStream *stream = avi_yamux_add (self, self->next_id, AVI_YAMUX_STREAM_OPENING);
  self->next_id += 2;
  avi_yamux_check_ready (self, stream);
  return stream->id;
}

void
avi_yamux_set_owner (AviYamux *self, guint32 id, gpointer owner)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  if (stream != NULL)
    stream->owner = owner;
}

gpointer
avi_yamux_get_owner (AviYamux *self, guint32 id)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  return stream != NULL ? stream->owner : NULL;
}

gboolean
avi_yamux_send (AviYamux *self, guint32 id, GBytes *bytes)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);
  gsize n = g_bytes_get_size (bytes);

  if (stream == NULL || stream->send_state != AVI_YAMUX_SENDING)
    return FALSE;
  if (!avi_yamux_fits (self, stream, n))
    {
      stream->refused = n;
      return FALSE;
    }

  avi_yamux_accept (self, stream);
  avi_yamux_queue_push (&stream->queue, bytes);
  self->queued += n;
  avi_yamux_check_ready (self, stream);
  return TRUE;
}

gsize
avi_yamux_get_queued (AviYamux *self, guint32 id)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  return stream != NULL ? stream->queue.len : 0;
}

void
avi_yamux_consume (AviYamux *self, guint32 id, gsize n)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  if (stream == NULL)
    return;

  avi_yamux_accept (self, stream);
  avi_yamux_window_consume (&stream->window, n);
  if (avi_yamux_window_is_due (&stream->window))
    avi_yamux_enlist (&self->updates, &stream->in_updates, stream);
}

void
avi_yamux_finish (AviYamux *self, guint32 id)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  if (stream == NULL || stream->send_state != AVI_YAMUX_SENDING)
    return;

  avi_yamux_accept (self, stream);
  stream->send_state = AVI_YAMUX_SENDING_LAST;
  stream->refused = 0;
  avi_yamux_check_ready (self, stream);
}

void
avi_yamux_reset (AviYamux *self, guint32 id)
{
  AviYamuxStream *stream = avi_yamux_find (self, id);

  if (stream == NULL)
    return;

  /* Not where the peer has never heard of it, or knows that it is over. */
  if (stream->state != AVI_YAMUX_STREAM_OPENING && (stream->happened & AVI_YAMUX_HAPPENED_CLOSED) == 0)
    {
      avi_yamux_queue_reset (self, id);
      if (!stream->received_all)
        self->stray_credit += stream->window.granted;
    }
  avi_yamux_drop (self, stream);
}

void
avi_yamux_go_away (AviYamux *self, guint32 code)
{
  if (self->leaving)
    return;

  self->leaving = TRUE;
  self->go_away_due = TRUE;
  self->go_away_code = code;
}

void
avi_yamux_ping (AviYamux *self)
{
  avi_yamux_ping_ask (&self->ping);
}

guint64
avi_yamux_get_n_refused (AviYamux *self)
{
  return self->n_refused;
}

guint
avi_yamux_get_n_streams (AviYamux *self)
{
  return self->streams != NULL ? g_hash_table_size (self->streams) : 0;
}
