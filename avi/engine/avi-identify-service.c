/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Identify on streams: answering who we are, asking, and pushing changes.
 */
#include "config.h"

#include "avi-error.h"
#include "avi-services.h"
#include "avi-swarm.h"

/* A peer that does not say who it is within this time counts as one that does not say. */
#define IDENTIFY_TIMEOUT (5 * G_USEC_PER_SEC)

typedef struct
{
  AviStreamOwner     owner;
  AviIdentifyReader *reader; /* NULL: a stream on which we speak */
  gboolean           asked;  /* ours, rather than a push of the peer's */
} IdentifyStream;

static IdentifyStream *
avi_identify_stream_new (const AviStreamHandler *handler,
                         gboolean                reads,
                         gboolean                asked)
{
  IdentifyStream *self = g_new0 (IdentifyStream, 1);

  self->owner.handler = handler;
  self->reader = reads ? avi_identify_reader_new () : NULL;
  self->asked = asked;
  return self;
}

/* Our addresses as the peer of @connection may use them: loopback says something on this machine
 * only, and a zone names an interface of ours. */
static GPtrArray *
avi_identify_service_get_addresses (AviConnection *connection)
{
  GPtrArray *addresses = avi_engine_get_addresses (connection->engine);
  gboolean local = avi_multiaddr_is_loopback (connection->remote);

  for (guint i = addresses->len; i > 0; i--)
    {
      AviMultiaddr *address = g_ptr_array_index (addresses, i - 1);
      AviMultiaddrIter iter = { 0 };

      if ((!local && avi_multiaddr_is_loopback (address))
          || (avi_multiaddr_next (address, &iter) && iter.protocol == AVI_MULTIADDR_IP6ZONE))
        g_ptr_array_remove_index (addresses, i - 1);
    }
  return addresses;
}

/* What we say of ourselves to the peer of @connection. */
static GBytes *
avi_identify_service_encode (AviConnection *connection)
{
  AviEngine *engine = connection->engine;
  g_autoptr(GPtrArray) addresses = avi_identify_service_get_addresses (connection);
  AviPublicKey *key = avi_key_pair_get_public (engine->settings->identity);
  AviIdentify info = {
    .protocol_version = (char *) AVI_PROTOCOL_VERSION,
    .agent_version = (char *) engine->settings->name,
    .key = key,
    .listen_addresses = addresses,
    .observed_address = connection->remote,
    .protocols = (char **) engine->protocols,
    .has_boot_id = TRUE,
  };

  memcpy (info.boot_id, engine->boot_id, sizeof info.boot_id);
  return avi_identify_encode (&info);
}

/* @bytes: (transfer full) */
static void
avi_identify_stream_say (IdentifyStream *self,
                         GBytes         *bytes)
{
  AviConnection *connection = self->owner.connection;

  g_clear_pointer (&connection->said, g_bytes_unref);
  connection->said = bytes;
  avi_stream_send (&self->owner, bytes);
  avi_stream_finish (&self->owner);
}

static AviStreamOwner *
avi_identify_accept (AviConnection *connection,
                     AviLinkStream *stream)
{
  IdentifyStream *self = avi_identify_stream_new (&avi_identify_handler, FALSE, FALSE);

  self->owner.connection = connection;
  self->owner.stream = stream;
  avi_identify_stream_say (self, avi_identify_service_encode (connection));
  return &self->owner;
}

static AviStreamOwner *
avi_identify_push_accept (AviConnection *connection,
                          AviLinkStream *stream)
{
  return &avi_identify_stream_new (&avi_identify_push_handler, TRUE, FALSE)->owner;
}

static void
avi_identify_data (AviStreamOwner *owner,
                   AviSpan         data)
{
  IdentifyStream *self = (IdentifyStream *) owner;
  g_autoptr(GError) error = NULL;

  avi_stream_consume (owner, data.len);
  if (self->reader == NULL || avi_identify_reader_receive (self->reader, data, &error))
    return;
  avi_engine_log (owner->connection->engine, &owner->connection->peer, owner->connection->remote, "identify: %s",
                  error->message);
  avi_core_count (owner->connection->engine->core, AVI_COUNT_STREAMS_INVALID, 1);
  avi_stream_reset (owner);
}

static void
avi_identify_finished (AviStreamOwner *owner)
{
  IdentifyStream *self = (IdentifyStream *) owner;
  AviConnection *connection = owner->connection;
  g_autoptr(AviIdentifyReader) reader = g_steal_pointer (&self->reader);
  AviIdentify info = { 0 };
  GError *error = NULL;

  avi_stream_finish (owner);
  if (reader == NULL)
    return;
  if (avi_identify_reader_finish (reader, &connection->peer, &info, &error))
    {
      self->asked = FALSE;
      avi_swarm_take_identify (connection->engine->swarm, connection, &info);
      avi_identify_clear (&info);
    }
  else if (g_error_matches (error, AVI_ERROR, AVI_ERROR_SECURITY))
    avi_connection_close (connection, AVI_CLOSER_US, error);
  else
    {
      avi_engine_log (connection->engine, &connection->peer, connection->remote, "identify: %s", error->message);
      avi_core_count (connection->engine->core, AVI_COUNT_STREAMS_INVALID, 1);
      g_error_free (error);
    }
}

static void
avi_identify_gone (AviStreamOwner *owner,
                   gboolean        refused)
{
  IdentifyStream *self = (IdentifyStream *) owner;
  AviConnection *connection = owner->connection;
  gboolean unanswered = self->asked;

  g_clear_pointer (&self->reader, avi_identify_reader_free);
  g_free (self);
  if (unanswered && connection->state == AVI_CONNECTION_OPEN)
    avi_swarm_identified (connection->engine->swarm, connection);
}

const AviStreamHandler avi_identify_handler = {
  .protocol = AVI_IDENTIFY_PROTOCOL,
  .max_streams = 4,
  .accept = avi_identify_accept,
  .data = avi_identify_data,
  .finished = avi_identify_finished,
  .gone = avi_identify_gone,
};

const AviStreamHandler avi_identify_push_handler = {
  .protocol = AVI_IDENTIFY_PUSH_PROTOCOL,
  .max_streams = 4,
  .accept = avi_identify_push_accept,
  .data = avi_identify_data,
  .finished = avi_identify_finished,
  .gone = avi_identify_gone,
};

void
avi_identify_service_ask (AviConnection *connection)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, NULL };
  IdentifyStream *self = avi_identify_stream_new (&avi_identify_handler, TRUE, TRUE);

  connection->identify_deadline = avi_loop_now (connection->engine->loop) + IDENTIFY_TIMEOUT;
  if (avi_connection_open_stream (connection, protocols, &self->owner, NULL))
    return;
  self->owner.connection = connection;
  avi_identify_gone (&self->owner, TRUE);
}

void
avi_identify_service_push (AviConnection *connection)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PUSH_PROTOCOL, NULL };
  g_autoptr(GBytes) bytes = avi_identify_service_encode (connection);
  IdentifyStream *self;

  if (connection->said != NULL && g_bytes_equal (connection->said, bytes))
    return;
  self = avi_identify_stream_new (&avi_identify_push_handler, FALSE, FALSE);
  if (avi_connection_open_stream (connection, protocols, &self->owner, NULL))
    avi_identify_stream_say (self, g_steal_pointer (&bytes));
  else
    g_free (self);
}
