/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-private.h"

/* RST frames that wait for a writer. A peer that never reads could make us hold any number. */
#define MAX_RESETS 4096
/* A queue with less than that counts as empty: what a negotiation leaves there is in nobody's way. */
#define NEARLY_EMPTY 1024

void
avi_yamux_fail (AviYamux *self, AviError code, const char *format, ...)
{
  va_list args;

  if (self->error != NULL)
    return;

  va_start (args, format);
  self->error = g_error_new_valist (AVI_ERROR, code, format, args);
  va_end (args);
}

void
avi_yamux_enlist (GQueue *queue, GList *link, AviYamuxStream *stream)
{
  if (link->data != NULL)
    return;

  link->data = stream;
  g_queue_push_tail_link (queue, link);
}

void
avi_yamux_delist (GQueue *queue, GList *link)
{
  if (link->data == NULL)
    return;

  g_queue_unlink (queue, link);
  link->data = NULL;
}

AviYamuxStream *
avi_yamux_find (AviYamux *self, guint32 id)
{
  return self->streams != NULL ? g_hash_table_lookup (self->streams, GUINT_TO_POINTER (id)) : NULL;
}

static void
avi_yamux_stream_free (AviYamuxStream *stream)
{
  avi_yamux_queue_clear (&stream->queue);
  g_free (stream);
}

AviYamuxStream *
avi_yamux_add (AviYamux *self, guint32 id, AviYamuxStreamState state)
{
  AviYamuxStream *stream = g_new0 (AviYamuxStream, 1);

  stream->id = id;
  stream->state = state;
  stream->send_window = AVI_YAMUX_INITIAL_WINDOW;
  avi_yamux_window_init (&stream->window, self->now);

  if (state == AVI_YAMUX_STREAM_OFFERED)
    self->n_unaccepted++;
  else
    self->n_unacknowledged++;

  if (self->streams == NULL)
    self->streams = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) avi_yamux_stream_free);
  g_hash_table_insert (self->streams, GUINT_TO_POINTER (id), stream);
  return stream;
}

void
avi_yamux_set_state (AviYamux *self, AviYamuxStream *stream, AviYamuxStreamState state)
{
  if (stream->state == AVI_YAMUX_STREAM_OFFERED)
    self->n_unaccepted--;
  if (stream->state <= AVI_YAMUX_STREAM_OPENED && state > AVI_YAMUX_STREAM_OPENED)
    self->n_unacknowledged--;

  stream->state = state;
}

void
avi_yamux_drop (AviYamux *self, AviYamuxStream *stream)
{
  avi_yamux_set_state (self, stream, AVI_YAMUX_STREAM_ESTABLISHED); /* counted nowhere */
  avi_yamux_delist (&self->happened, &stream->in_happened);
  avi_yamux_delist (&self->updates, &stream->in_updates);
  avi_yamux_delist (&self->ready, &stream->in_ready);

  self->grown -= stream->window.size - AVI_YAMUX_INITIAL_WINDOW;
  self->queued -= stream->queue.len;
  g_hash_table_remove (self->streams, GUINT_TO_POINTER (stream->id));
}

void
avi_yamux_accept (AviYamux *self, AviYamuxStream *stream)
{
  if (stream->state != AVI_YAMUX_STREAM_OFFERED)
    return;

  avi_yamux_set_state (self, stream, AVI_YAMUX_STREAM_ACCEPTED);
  avi_yamux_enlist (&self->updates, &stream->in_updates, stream);
}

void
avi_yamux_happened (AviYamux *self, AviYamuxStream *stream, guint what)
{
  stream->happened |= what;
  avi_yamux_enlist (&self->happened, &stream->in_happened, stream);
}

void
avi_yamux_check_closed (AviYamux *self, AviYamuxStream *stream)
{
  if (stream->received_all && stream->send_state == AVI_YAMUX_SENT_ALL)
    avi_yamux_happened (self, stream, AVI_YAMUX_HAPPENED_CLOSED);
}

gboolean
avi_yamux_fits (AviYamux *self, const AviYamuxStream *stream, gsize n)
{
  gsize max = self->config.max_send_queue;

  return stream->queue.len < NEARLY_EMPTY || n <= max - MIN (stream->queue.len, max);
}

guint32
avi_yamux_get_sendable (const AviYamuxStream *stream)
{
  return MIN (stream->queue.len, stream->send_window);
}

void
avi_yamux_check_ready (AviYamux *self, AviYamuxStream *stream)
{
  if (stream->state == AVI_YAMUX_STREAM_OPENING || avi_yamux_get_sendable (stream) > 0
      || (stream->send_state == AVI_YAMUX_SENDING_LAST && stream->queue.len == 0))
    avi_yamux_enlist (&self->ready, &stream->in_ready, stream);
}

void
avi_yamux_queue_reset (AviYamux *self, guint32 id)
{
  if (self->resets == NULL)
    self->resets = g_array_new (FALSE, FALSE, sizeof (guint32));

  if (self->resets->len < MAX_RESETS)
    g_array_append_val (self->resets, id);
  else
    avi_yamux_fail (self, AVI_ERROR_LIMIT, "More than %u resets of Yamux streams wait for a peer that does not read",
                    MAX_RESETS);
}
