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
/* Bytes that rust-libp2p reads; what would be more goes without its signed record. */
#define MAX_SAID         4096

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

static gboolean
avi_identify_service_may_say (const AviMultiaddr *address,
                              gboolean            local)
{
  AviMultiaddrIter iter = { 0 };

  return (local || !avi_multiaddr_is_loopback (address))
         && !(avi_multiaddr_next (address, &iter) && iter.protocol == AVI_MULTIADDR_IP6ZONE);
}

/* Our addresses as a peer may use them: loopback says something on this machine only (@local), and a zone names an
 * interface of ours. */
static GPtrArray *
avi_identify_service_get_addresses (AviEngine *engine,
                                    gboolean   local)
{
  GPtrArray *addresses = avi_engine_get_addresses (engine);

  for (guint i = addresses->len; i > 0; i--)
    if (!avi_identify_service_may_say (g_ptr_array_index (addresses, i - 1), local))
      g_ptr_array_remove_index (addresses, i - 1);
  return addresses;
}

/* The same words have the same number, so that who has heard them is not told again. */
static guint64
avi_identify_service_get_seq (AviEngine *engine)
{
  g_autoptr(GPtrArray) addresses = avi_identify_service_get_addresses (engine, TRUE);
  g_autoptr(GByteArray) joined = g_byte_array_new ();

  for (guint i = 0; i < addresses->len; i++)
    {
      AviSpan bytes = avi_multiaddr_get_bytes (g_ptr_array_index (addresses, i));

      g_byte_array_append (joined, bytes.data, (guint) bytes.len);
    }
  if (engine->record_of != NULL
      && avi_span_equal (AVI_SPAN (engine->record_of->data, engine->record_of->len),
                         AVI_SPAN (joined->data, joined->len)))
    return engine->record_seq;
  g_clear_pointer (&engine->record_of, g_byte_array_unref);
  engine->record_of = g_steal_pointer (&joined);
  engine->record_seq = MAX (engine->record_seq + 1, (guint64) g_get_real_time ());
  return engine->record_seq;
}

/* What we say of ourselves to the peer of @connection. */
static GBytes *
avi_identify_service_encode (AviConnection *connection)
{
  AviEngine *engine = connection->engine;
  gboolean local = avi_multiaddr_is_loopback (connection->remote);
  g_autoptr(GPtrArray) addresses = avi_identify_service_get_addresses (engine, local);
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

  g_autoptr(GBytes) record = avi_peer_record_seal (engine->settings->identity, avi_identify_service_get_seq (engine),
                                                   addresses);
  g_autoptr(GBytes) whole = NULL;

  memcpy (info.boot_id, engine->boot_id, sizeof info.boot_id);
  info.signed_peer_record = record;
  whole = avi_identify_encode (&info);
  if (g_bytes_get_size (whole) <= MAX_SAID)
    return g_steal_pointer (&whole);
  info.signed_peer_record = NULL;
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
