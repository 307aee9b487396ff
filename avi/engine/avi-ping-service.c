/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ping on streams: the echo for peers, and one prober per connection, by which a connection that
 * died silently is noticed: at most PING_INTERVAL + PING_TIMEOUT after.
 */
#include "config.h"

#include "avi-error.h"
#include "avi-services.h"
#include "avi-swarm.h"
#include "protocols/avi-ping.h"

#define PING_INTERVAL (15 * G_USEC_PER_SEC)
#define PING_TIMEOUT  (10 * G_USEC_PER_SEC)

/* Bytes on an echo's stream: its negotiation, and as many answers as it takes questions at once. */
#define MAX_QUEUED (1024 + AVI_PING_MAX_PENDING * AVI_PING_LEN)

typedef struct
{
  AviStreamOwner owner;
  AviPing       *ping;
  AviTimer       timer;
  gboolean       prober;
} PingStream;

static void avi_ping_stream_timeout (AviTimer *timer, gint64 now);

static void
avi_ping_stream_send (PingStream *self)
{
  AviEngine *engine = self->owner.connection->engine;
  gint64 now = avi_loop_now (engine->loop);
  AviWriter writer;

  avi_writer_init (&writer, 16 * 1024);
  if (avi_ping_transmit (self->ping, &writer, now) && writer.len > 0)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (writer.data, writer.len);

      avi_stream_send (&self->owner, bytes);
    }
  avi_writer_clear (&writer);
  if (self->prober)
    avi_loop_set_timer (engine->loop, &self->timer, avi_ping_deadline (self->ping), avi_ping_stream_timeout);
}

/* An echo whose answers are not read has no more to answer. */
static gboolean
avi_ping_stream_hear (PingStream *self,
                      AviSpan     data,
                      gint64      now,
                      GError    **error)
{
  gsize queued = avi_link_get_queued (self->owner.connection->link, self->owner.stream);

  if (self->prober || queued <= MAX_QUEUED)
    return avi_ping_receive (self->ping, data, now, error);
  g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
               "Ping: %" G_GSIZE_FORMAT " bytes of answers wait for the peer to read, at most %d may", queued,
               MAX_QUEUED);
  return FALSE;
}

/* FALSE where it failed; the stream, or the connection, has then ended. */
static gboolean
avi_ping_stream_receive (PingStream *self,
                         AviSpan     data)
{
  AviConnection *connection = self->owner.connection;
  AviEngine *engine = connection->engine;
  gint64 now = avi_loop_now (engine->loop);
  GError *error = NULL;
  AviPingEvent event;

  if (!avi_ping_stream_hear (self, data, now, &error))
    {
      if (self->prober)
        avi_connection_close (connection, avi_closer_of (error), error);
      else
        {
          avi_engine_log (engine, &connection->peer, connection->remote, "%s", error->message);
          avi_core_count (engine->core, AVI_COUNT_STREAMS_INVALID, 1);
          g_error_free (error);
          avi_stream_reset (&self->owner);
        }
      return FALSE;
    }
  while (avi_ping_next (self->ping, &event))
    {
      avi_swarm_pong (engine->swarm, connection, event.round_trip);
      if (connection->state != AVI_CONNECTION_OPEN)
        return FALSE;
    }
  avi_ping_stream_send (self);
  return TRUE;
}

static void
avi_ping_stream_timeout (AviTimer *timer,
                         gint64    now)
{
  avi_ping_stream_receive (AVI_CONTAINER_OF (timer, PingStream, timer), AVI_SPAN_EMPTY);
}

static AviStreamOwner *
avi_ping_accept (AviConnection *connection,
                 AviLinkStream *stream)
{
  PingStream *self = g_new0 (PingStream, 1);

  self->ping = avi_ping_new_echo ();
  return &self->owner;
}

static void
avi_ping_data (AviStreamOwner *owner,
               AviSpan         data)
{
  avi_stream_consume (owner, data.len);
  avi_ping_stream_receive ((PingStream *) owner, data);
}

static void
avi_ping_finished (AviStreamOwner *owner)
{
  avi_stream_finish (owner);
}

static void
avi_ping_gone (AviStreamOwner *owner,
               gboolean        refused)
{
  PingStream *self = (PingStream *) owner;

  if (owner->connection->ping == owner)
    owner->connection->ping = NULL;
  if (self->prober && refused)
    avi_connection_ping (owner->connection);
  avi_loop_clear_timer (owner->connection->engine->loop, &self->timer);
  avi_ping_free (self->ping);
  g_free (self);
}

const AviStreamHandler avi_ping_handler = {
  .protocol = AVI_PING_PROTOCOL,
  .max_streams = 2, /* as specs/ping has it */
  .accept = avi_ping_accept,
  .data = avi_ping_data,
  .finished = avi_ping_finished,
  .gone = avi_ping_gone,
};

void
avi_ping_service_start (AviConnection *connection)
{
  static const char *const protocols[] = { AVI_PING_PROTOCOL, NULL };
  AviEngine *engine = connection->engine;
  PingStream *self = g_new0 (PingStream, 1);

  self->owner.handler = &avi_ping_handler;
  self->prober = TRUE;
  if (!avi_connection_open_stream (connection, protocols, &self->owner, NULL))
    {
      g_free (self);
      return;
    }
  self->ping = avi_ping_new_prober (PING_INTERVAL, PING_TIMEOUT, engine->random, avi_loop_now (engine->loop));
  connection->ping = &self->owner;
  avi_ping_stream_send (self);
}

void
avi_ping_service_probe (AviConnection *connection)
{
  PingStream *self = (PingStream *) connection->ping;

  if (self == NULL)
    {
      avi_connection_ping (connection);
      return;
    }
  avi_ping_probe (self->ping, avi_loop_now (connection->engine->loop));
  avi_ping_stream_send (self);
}
