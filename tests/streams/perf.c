/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "perf.h"

#define HEAD_LEN 8
#define CHUNK    AVI_YAMUX_SEND_FRAME_MAX

typedef struct
{
  AviStreamOwner owner;
  gboolean       is_client;
  guint8         head[HEAD_LEN]; /* of a server: what was heard of it */
  gsize          head_len;
  guint64        to_send;
  guint64        to_receive;     /* of a client */
  gboolean       is_sending;     /* a server sends once it has heard all */
  gboolean       complete;
  PerfDone       done;
  gpointer       user_data;
} Perf;

static GBytes *
perf_chunk (gsize size)
{
  static const guint8 zeros[CHUNK];

  return g_bytes_new_static (zeros, size);
}

static void
perf_send (Perf *self)
{
  while (self->is_sending)
    {
      gsize size = MIN (self->to_send, CHUNK);
      g_autoptr(GBytes) chunk = perf_chunk (size);

      if (size > 0 && !avi_stream_send (&self->owner, chunk))
        return;
      self->to_send -= size;
      if (self->to_send == 0)
        {
          self->is_sending = FALSE;
          avi_stream_finish (&self->owner);
        }
    }
}

static AviStreamOwner *
perf_accept (AviConnection *connection, AviLinkStream *stream)
{
  Perf *self = g_new0 (Perf, 1);

  return &self->owner;
}

static void
perf_data (AviStreamOwner *owner, AviSpan data)
{
  Perf *self = (Perf *) owner;
  gsize n = data.len;

  if (self->is_client)
    self->to_receive -= MIN (self->to_receive, n);
  for (gsize i = 0; !self->is_client && i < n && self->head_len < HEAD_LEN; i++)
    self->head[self->head_len++] = data.data[i];
  avi_stream_consume (owner, n);
}

static void
perf_finished (AviStreamOwner *owner)
{
  Perf *self = (Perf *) owner;

  if (self->is_client)
    {
      self->complete = self->to_receive == 0 && !self->is_sending;
      return;
    }
  if (self->head_len < HEAD_LEN)
    {
      avi_stream_reset (owner);
      return;
    }
  for (guint i = 0; i < HEAD_LEN; i++)
    self->to_send = self->to_send << 8 | self->head[i];
  self->is_sending = TRUE;
  perf_send (self);
}

static void
perf_writable (AviStreamOwner *owner)
{
  perf_send ((Perf *) owner);
}

static void
perf_gone (AviStreamOwner *owner, gboolean refused)
{
  Perf *self = (Perf *) owner;

  if (self->done != NULL)
    self->done (self->complete, self->user_data);
  g_free (self);
}

const AviStreamHandler perf_handler = {
  .protocol = PERF_PROTOCOL,
  .accept = perf_accept,
  .data = perf_data,
  .finished = perf_finished,
  .writable = perf_writable,
  .gone = perf_gone,
};

void
perf_start (AviConnection *connection, guint64 up, guint64 down, PerfDone done, gpointer user_data)
{
  static const char *const protocols[] = { PERF_PROTOCOL, NULL };
  Perf *self = g_new0 (Perf, 1);
  guint64 head = GUINT64_TO_BE (down);
  g_autoptr(GBytes) first = g_bytes_new (&head, sizeof head);

  self->owner.handler = &perf_handler;
  self->is_client = TRUE;
  self->to_send = up;
  self->to_receive = down;
  if (!avi_connection_open_stream (connection, protocols, &self->owner, NULL))
    {
      g_free (self);
      done (FALSE, user_data);
      return;
    }
  self->done = done;
  self->user_data = user_data;
  self->is_sending = TRUE;
  avi_stream_send (&self->owner, first);
  perf_send (self);
}
