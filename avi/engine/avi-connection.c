/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-connection-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-dial.h"
#include "avi-error.h"
#include "avi-services.h"
#include "avi-swarm.h"
#include "wire/avi-fork.h"

/* Reads of one round, so that one fast peer does not keep the others waiting. */
#define READS_PER_ROUND 4

/* While the link is not heard for this long, Yamux asks; with ping's 15 s it seldom has to. */
#define KEEP_ALIVE_INTERVAL (16 * G_USEC_PER_SEC)
#define KEEP_ALIVE_TIMEOUT  (10 * G_USEC_PER_SEC)

static void avi_connection_ready (AviWatch *watch, guint32 events);
static void avi_connection_timeout (AviTimer *timer, gint64 now);

/* --- life --- */

static AviConnection *
avi_connection_new (AviEngine       *engine,
                    AviMultiaddr    *remote,
                    gboolean         inbound,
                    const AviPeerId *expected)
{
  AviConnection *self = g_new0 (AviConnection, 1);
  AviLinkConfig config = {
    .dialer = !inbound,
    .statics = engine->statics,
    .expected = expected,
    .protocols = engine->protocols,
    .early_muxer = TRUE,
    /* Of a dial all the time is dial-timeout's, which counts from before the handshake. */
    .handshake_timeout = inbound ? 0 : engine->settings->dial_timeout,
    .yamux = {
      .max_streams = engine->settings->max_streams,
      .ping_interval = KEEP_ALIVE_INTERVAL,
      .ping_timeout = KEEP_ALIVE_TIMEOUT,
    },
    .random = engine->random,
    .tap = engine->capture != NULL ? &engine->tap : NULL,
  };

  self->engine = engine;
  self->remote = avi_multiaddr_ref (remote);
  self->inbound = inbound;
  self->all_link.data = self;
  self->dirty_link.data = self;
  self->identify_deadline = G_MAXINT64;
  self->drain_deadline = G_MAXINT64;
  self->connect_deadline = G_MAXINT64;
  self->round_trip = -1;
  self->link = avi_link_new (&config, avi_loop_now (engine->loop));
  return self;
}

void
avi_connection_free (AviConnection *self)
{
  g_assert (self->state == AVI_CONNECTION_CLOSED);
  avi_link_free (self->link);
  avi_multiaddr_unref (self->remote);
  g_clear_pointer (&self->local, avi_multiaddr_unref);
  avi_identify_clear (&self->info);
  g_clear_pointer (&self->said, g_bytes_unref);
  g_free (self->why_closed);
  g_free (self);
}

static void
avi_connection_note_local (AviConnection *self)
{
  struct sockaddr_storage storage;
  socklen_t len = sizeof storage;

  if (getsockname (self->watch.fd, (struct sockaddr *) &storage, &len) == 0)
    self->local = avi_multiaddr_from_sockaddr ((struct sockaddr *) &storage);
}

void
avi_connection_check_address (AviConnection *self)
{
  if (self->local != NULL && avi_lan_has_lost (self->engine->lan, self->local))
    {
      g_autofree char *text = avi_multiaddr_to_string (self->local);

      avi_connection_close (self, AVI_CLOSER_NETWORK,
                            g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "this machine has lost the address %s", text));
    }
}

void
avi_connection_touch (AviConnection *self)
{
  if (self->is_dirty || self->state == AVI_CONNECTION_CLOSED)
    return;
  self->is_dirty = TRUE;
  g_queue_push_tail_link (&self->engine->dirty, &self->dirty_link);
  avi_loop_request_round (self->engine->loop);
}

void
avi_connection_ping (AviConnection *self)
{
  avi_link_ping (self->link);
  avi_connection_touch (self);
}

AviConnection *
avi_connection_dial (AviEngine       *engine,
                     AviMultiaddr    *address,
                     const AviPeerId *expected,
                     AviDial         *dial,
                     gint64           deadline,
                     GError         **error)
{
  struct sockaddr_storage storage;
  socklen_t len;
  AviConnection *self;
  int one = 1;
  int fd;

  if (!avi_multiaddr_to_sockaddr (address, &storage, &len))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "not an address of a TCP socket");
      return NULL;
    }
  if (!avi_limits_dial (&engine->limits, error))
    return NULL;
  fd = socket (storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || (connect (fd, (struct sockaddr *) &storage, len) < 0 && errno != EINPROGRESS))
    {
      if (errno == EMFILE || errno == ENFILE)
        g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "%s has no file descriptors left (%s): %u connections are open",
                     errno == EMFILE ? "this process" : "this machine",
                     errno == EMFILE ? "RLIMIT_NOFILE" : "fs.file-max", engine->limits.n_connections - 1);
      else
        g_set_error_literal (error, AVI_ERROR, AVI_ERROR_REFUSED, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      avi_limits_close (&engine->limits, NULL, FALSE, TRUE);
      return NULL;
    }
  avi_fork_guard (fd);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  self = avi_connection_new (engine, address, FALSE, expected);
  self->state = AVI_CONNECTION_CONNECTING;
  self->dial = dial;
  self->connect_deadline = deadline;
  if (!avi_loop_watch (engine->loop, &self->watch, fd, EPOLLOUT, avi_connection_ready, error))
    {
      avi_fork_close (fd);
      avi_limits_close (&engine->limits, NULL, FALSE, TRUE);
      self->state = AVI_CONNECTION_CLOSED;
      avi_connection_free (self);
      return NULL;
    }
  g_queue_push_tail_link (&engine->connections, &self->all_link);
  avi_connection_update_timer (self);
  return self;
}

AviConnection *
avi_connection_accept (AviEngine                     *engine,
                       int                            fd,
                       const struct sockaddr_storage *source,
                       socklen_t                      len)
{
  g_autoptr(AviMultiaddr) remote = avi_multiaddr_from_sockaddr ((const struct sockaddr *) source);
  AviConnection *self = avi_connection_new (engine, remote, TRUE, NULL);
  int one = 1;

  avi_fork_guard (fd);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  self->source = *source;
  self->state = AVI_CONNECTION_HANDSHAKE;
  if (!avi_loop_watch (engine->loop, &self->watch, fd, EPOLLIN, avi_connection_ready, NULL))
    {
      avi_fork_close (fd);
      avi_limits_close (&engine->limits, (const struct sockaddr *) source, TRUE, TRUE);
      self->state = AVI_CONNECTION_CLOSED;
      avi_connection_free (self);
      return NULL;
    }
  g_queue_push_tail_link (&engine->connections, &self->all_link);
  avi_connection_note_local (self);
  avi_connection_begin_capture (self);
  avi_connection_update_timer (self);
  return self;
}

void
avi_connection_drain (AviConnection *self,
                      gint64         after,
                      const char    *why)
{
  if (self->state != AVI_CONNECTION_OPEN || self->draining)
    return;
  self->draining = TRUE;
  self->why_drained = why;
  self->drain_deadline = avi_loop_now (self->engine->loop) + after;
  avi_link_go_away (self->link, 0);
  avi_connection_touch (self);
}

/* --- what the link says --- */

static void
avi_connection_established (AviConnection *self,
                            AviPublicKey  *key)
{
  AviDial *dial;
  GError *error = NULL;

  self->state = AVI_CONNECTION_OPEN;
  self->peer = *avi_public_key_get_peer_id (key);
  self->established = avi_loop_now (self->engine->loop);
  self->since = g_get_real_time ();
  self->connect_deadline = G_MAXINT64;
  avi_core_count (self->engine->core, AVI_COUNT_CONNECTIONS_OPENED, 1);
  avi_limits_handshake_done (&self->engine->limits, self->inbound ? (const struct sockaddr *) &self->source : NULL);
  avi_connection_name_in_capture (self);
  avi_engine_log_state (self->engine, &self->peer, self->remote, "%s connection established",
                        self->inbound ? "inbound" : "outbound");
  if (!avi_swarm_admit (self->engine->swarm, self, &error))
    {
      avi_connection_close (self, AVI_CLOSER_US, error);
      return;
    }
  dial = g_steal_pointer (&self->dial);
  if (dial != NULL)
    avi_dial_succeeded (dial, self);
}

static void
avi_connection_handle (AviConnection *self,
                       AviLinkEvent  *event)
{
  AviStreamOwner *owner = event->stream != NULL ? avi_link_stream_get_owner (event->stream) : NULL;

  switch (event->type)
    {
    case AVI_LINK_EVENT_ESTABLISHED:
      avi_connection_established (self, event->key);
      break;

    case AVI_LINK_EVENT_STREAM:
      avi_connection_accept_stream (self, event);
      break;

    case AVI_LINK_EVENT_AGREED:
      if (owner != NULL && owner->handler->agreed != NULL)
        owner->handler->agreed (owner, event->protocol);
      break;

    case AVI_LINK_EVENT_DATA:
      if (owner != NULL)
        owner->handler->data (owner, event->data);
      else
        avi_link_consume (self->link, event->stream, event->data.len);
      break;

    case AVI_LINK_EVENT_FINISHED:
      if (owner != NULL && owner->handler->finished != NULL)
        owner->handler->finished (owner);
      break;

    case AVI_LINK_EVENT_WRITABLE:
      if (owner != NULL && owner->handler->writable != NULL)
        owner->handler->writable (owner);
      break;

    case AVI_LINK_EVENT_REFUSED:
    case AVI_LINK_EVENT_RESET:
    case AVI_LINK_EVENT_CLOSED:
      if (owner != NULL)
        avi_connection_stream_gone (self, owner, event->type == AVI_LINK_EVENT_REFUSED);
      break;

    case AVI_LINK_EVENT_PONG:
      /* All that is known of the distance of a peer without /ipfs/ping. */
      if (self->ping == NULL)
        avi_swarm_pong (self->engine->swarm, self, event->round_trip);
      break;

    case AVI_LINK_EVENT_GO_AWAY:
      avi_engine_log (self->engine, &self->peer, self->remote, "the peer goes away (code %u)", event->code);
      avi_swarm_going_away (self->engine->swarm, self);
      break;
    }
}

/* Acts on all that the link has to say. */
static void
avi_connection_hear (AviConnection *self)
{
  AviLinkEvent event;

  guint64 n_refused;

  while (self->state != AVI_CONNECTION_CLOSED && avi_link_next (self->link, &event))
    {
      /* Before the event: it may end this connection or drive another. */
      avi_connection_capture (self);
      avi_connection_handle (self, &event);
    }
  avi_connection_capture (self);
  n_refused = avi_link_get_n_refused (self->link);
  if (n_refused > self->n_refused)
    avi_connection_refused_streams (self, n_refused - self->n_refused, "max-streams, or what is not accepted of it,",
                                    avi_link_get_n_streams (self->link), self->engine->settings->max_streams);
  self->n_refused = n_refused;
}

/* Hands @bytes (empty: time passed) to the link. */
static void
avi_connection_receive (AviConnection *self,
                        AviSpan        bytes)
{
  GError *error = NULL;
  gboolean fine = avi_link_receive (self->link, bytes, avi_loop_now (self->engine->loop), &error);

  avi_connection_hear (self);
  if (self->state == AVI_CONNECTION_CLOSED)
    {
      g_clear_error (&error);
      return;
    }
  if (!fine)
    avi_connection_close (self, avi_closer_of (error), error);
  else
    avi_connection_touch (self);
}

/* --- the socket --- */

static void
avi_connection_connected (AviConnection *self)
{
  int code = 0;
  socklen_t len = sizeof code;

  if (getsockopt (self->watch.fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
    code = errno;
  if (code != 0)
    {
      avi_connection_break (self, code);
      return;
    }
  self->state = AVI_CONNECTION_HANDSHAKE;
  avi_connection_note_local (self);
  avi_connection_begin_capture (self);
  avi_connection_touch (self);
}

/* Peers that leave TCP's Nagle on wait for our acknowledgement before they say more: in the handshake,
 * where we have nothing to say, that would be 40 ms each time. */
static void
avi_connection_acknowledge (AviConnection *self)
{
  int one = 1;

  setsockopt (self->watch.fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void
avi_connection_read (AviConnection *self)
{
  for (guint i = 0; i < READS_PER_ROUND && self->state != AVI_CONNECTION_CLOSED; i++)
    {
      ssize_t n = recv (self->watch.fd, self->engine->receive_buffer, AVI_ENGINE_RECEIVE_BUFFER, 0);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (n < 0)
        {
          avi_connection_break (self, errno);
          return;
        }
      if (n == 0)
        {
          avi_connection_close (self, AVI_CLOSER_PEER,
                                g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED,
                                                     self->state != AVI_CONNECTION_OPEN
                                                         ? "closed by the peer during the handshake"
                                                     : self->draining ? self->why_drained
                                                                      : "it closed the socket without a goodbye"));
          return;
        }
      avi_core_count (self->engine->core, AVI_COUNT_BYTES_RECEIVED, (guint64) n);
      if (self->state == AVI_CONNECTION_HANDSHAKE)
        avi_connection_acknowledge (self);
      avi_connection_receive (self, AVI_SPAN (self->engine->receive_buffer, (gsize) n));
      if (n < AVI_ENGINE_RECEIVE_BUFFER)
        return;
    }
}

static void
avi_connection_ready (AviWatch *watch,
                      guint32   events)
{
  AviConnection *self = AVI_CONTAINER_OF (watch, AviConnection, watch);

  if (self->state == AVI_CONNECTION_CONNECTING)
    {
      avi_connection_connected (self);
      return;
    }
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
    avi_connection_read (self);
  if (self->state != AVI_CONNECTION_CLOSED && (events & EPOLLOUT))
    avi_connection_touch (self);
}

/* FALSE where the socket is full, or the connection has ended. */
static gboolean
avi_connection_write (AviConnection *self,
                      AviSpan        bytes)
{
  gsize sent = 0;

  while (sent < bytes.len)
    {
      ssize_t n = send (self->watch.fd, bytes.data + sent, bytes.len - sent, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        break;
      if (n < 0)
        {
          avi_connection_break (self, errno);
          return FALSE;
        }
      sent += (gsize) n;
    }
  avi_core_count (self->engine->core, AVI_COUNT_BYTES_SENT, sent);
  self->n_sent += sent;
  if (self->unsent != NULL && sent > 0 && bytes.data == self->unsent->data)
    g_byte_array_remove_range (self->unsent, 0, (guint) sent);
  else if (self->unsent == NULL && sent < bytes.len)
    {
      self->unsent = g_byte_array_new ();
      g_byte_array_append (self->unsent, bytes.data + sent, (guint) (bytes.len - sent));
    }
  return sent == bytes.len;
}

static void
avi_connection_write_all (AviConnection *self)
{
  AviEngine *engine = self->engine;

  if (self->unsent != NULL)
    {
      if (!avi_connection_write (self, AVI_SPAN (self->unsent->data, self->unsent->len)))
        return;
      g_clear_pointer (&self->unsent, g_byte_array_unref);
    }
  for (;;)
    {
      avi_writer_truncate (&engine->writer, 0);
      if (!avi_link_transmit (self->link, &engine->writer, avi_loop_now (engine->loop)) || engine->writer.len == 0)
        return;
      avi_connection_capture (self);
      self->n_sealed += engine->writer.len;
      if (!avi_connection_write (self, AVI_SPAN (engine->writer.data, engine->writer.len)))
        return;
    }
}

void
avi_connection_flush (AviConnection *self)
{
  self->is_dirty = FALSE;
  if (self->state != AVI_CONNECTION_HANDSHAKE && self->state != AVI_CONNECTION_OPEN)
    return;
  avi_connection_write_all (self);
  /* Sending made room, or ended streams. */
  if (self->state != AVI_CONNECTION_CLOSED)
    avi_connection_hear (self);
  if (self->state == AVI_CONNECTION_CLOSED)
    return;
  avi_loop_watch (self->engine->loop, &self->watch, self->watch.fd,
                  EPOLLIN | (self->unsent != NULL ? EPOLLOUT : 0u), avi_connection_ready, NULL);
  avi_connection_update_timer (self);
}

gboolean
avi_connection_is_flushed (AviConnection *self)
{
  return self->state == AVI_CONNECTION_CLOSED || (self->unsent == NULL && avi_link_is_flushed (self->link));
}

/* --- time --- */

void
avi_connection_update_timer (AviConnection *self)
{
  gint64 when = MIN (self->connect_deadline, MIN (self->identify_deadline, self->drain_deadline));

  if (self->state == AVI_CONNECTION_CLOSED)
    return;
  if (self->state != AVI_CONNECTION_CONNECTING)
    when = MIN (when, avi_link_deadline (self->link));
  avi_loop_set_timer (self->engine->loop, &self->timer, when, avi_connection_timeout);
}

static GError *
avi_connection_dial_timeout_error (AviConnection *self)
{
  double seconds = (double) self->engine->settings->dial_timeout / G_USEC_PER_SEC;

  if (self->state == AVI_CONNECTION_CONNECTING)
    return g_error_new (AVI_ERROR, AVI_ERROR_TIMEOUT, "no answer within %.1f s (dial-timeout)", seconds);
  return g_error_new (AVI_ERROR, AVI_ERROR_TIMEOUT, "no answer within %.1f s (dial-timeout) in the %s", seconds,
                      avi_link_get_stage (self->link));
}

static void
avi_connection_timeout (AviTimer *timer,
                        gint64    now)
{
  AviConnection *self = AVI_CONTAINER_OF (timer, AviConnection, timer);

  if (now >= self->connect_deadline)
    {
      avi_connection_close (self, AVI_CLOSER_NETWORK, avi_connection_dial_timeout_error (self));
      return;
    }
  if (now >= self->drain_deadline)
    {
      avi_connection_end (self, self->why_drained);
      return;
    }
  if (now >= self->identify_deadline)
    {
      self->identify_deadline = G_MAXINT64;
      avi_swarm_identified (self->engine->swarm, self);
    }
  if (self->state == AVI_CONNECTION_HANDSHAKE || self->state == AVI_CONNECTION_OPEN)
    avi_connection_receive (self, AVI_SPAN_EMPTY);
  avi_connection_update_timer (self);
}
