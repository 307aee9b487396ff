/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a connection ends: who ended it, and who is told.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-connection-private.h"
#include "avi-dial.h"
#include "avi-error.h"
#include "avi-services.h"
#include "avi-swarm.h"
#include "wire/avi-fork.h"

static void
avi_connection_drop_owners (AviConnection *self)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&self->owners)) != NULL)
    {
      AviStreamOwner *owner = link->data;

      owner->handler->gone (owner, FALSE);
    }
}

AviCloser
avi_closer_of (const GError *error)
{
  return g_error_matches (error, AVI_ERROR, AVI_ERROR_TIMEOUT) ? AVI_CLOSER_NETWORK : AVI_CLOSER_US;
}

/* What there was of it. */
static const char *
avi_connection_describe (AviConnectionState state)
{
  return state == AVI_CONNECTION_CONNECTING  ? "attempt"
         : state == AVI_CONNECTION_HANDSHAKE ? "handshake"
                                             : "connection";
}

static void
avi_connection_log_end (AviConnection     *self,
                        AviConnectionState before)
{
  const char *direction = self->inbound ? "inbound" : "outbound";

  if (before == AVI_CONNECTION_OPEN)
    avi_engine_log_state (self->engine, &self->peer, self->remote, "%s connection %s", direction, self->why_closed);
  else
    avi_engine_log (self->engine, NULL, self->remote, "%s %s %s", direction, avi_connection_describe (before),
                    self->why_closed);
}

static void
avi_connection_shut (AviConnection     *self,
                     AviConnectionState before)
{
  AviEngine *engine = self->engine;

  g_queue_unlink (&engine->connections, &self->all_link);
  if (self->is_dirty)
    g_queue_unlink (&engine->dirty, &self->dirty_link);
  avi_loop_clear_timer (engine->loop, &self->timer);
  avi_loop_unwatch (engine->loop, &self->watch);
  /* A child that was forked as it was opened may hold it too. */
  shutdown (self->watch.fd, SHUT_RDWR);
  avi_fork_close (self->watch.fd);
  g_clear_pointer (&self->unsent, g_byte_array_unref);
  avi_limits_close (&engine->limits, (const struct sockaddr *) &self->source, self->inbound,
                    before != AVI_CONNECTION_OPEN);
}

/* @error: NULL: nothing is wrong. */
static void
avi_connection_finish (AviConnection *self,
                       AviCloser      closer,
                       const char    *why,
                       const GError  *error)
{
  static const char *const closers[] = { "this node", "the peer", "the network" };
  AviEngine *engine = self->engine;
  AviConnectionState before = self->state;
  AviDial *dial = g_steal_pointer (&self->dial);

  self->state = AVI_CONNECTION_CLOSED;
  if (before == AVI_CONNECTION_OPEN)
    avi_core_count (engine->core, AVI_COUNT_CONNECTIONS_CLOSED, 1);
  else if (error != NULL)
    avi_core_count (engine->core, AVI_COUNT_HANDSHAKES_FAILED, 1);
  self->why_closed = g_strdup_printf ("ended by %s: %s", closers[closer], why);
  avi_connection_end_capture (self, closer == AVI_CLOSER_PEER);
  avi_connection_shut (self, before);
  avi_connection_log_end (self, before);
  avi_connection_drop_owners (self);
  g_ptr_array_add (engine->graveyard, self);
  avi_loop_request_round (engine->loop);
  if (before == AVI_CONNECTION_OPEN)
    avi_swarm_closed (engine->swarm, self);
  if (dial != NULL)
    avi_dial_failed (dial, self, error);
}

void
avi_connection_close (AviConnection *self,
                      AviCloser      closer,
                      GError        *reason)
{
  g_autoptr(GError) error = reason;

  if (self->state != AVI_CONNECTION_CLOSED)
    avi_connection_finish (self, closer, error->message, error);
}

void
avi_connection_end (AviConnection *self,
                    const char    *why)
{
  if (self->state != AVI_CONNECTION_CLOSED)
    avi_connection_finish (self, AVI_CLOSER_US, why, NULL);
}

static GError *
avi_connection_system_error (int code)
{
  AviError ours = code == ECONNREFUSED || code == EHOSTUNREACH || code == ENETUNREACH ? AVI_ERROR_REFUSED
                  : code == ETIMEDOUT                                                  ? AVI_ERROR_TIMEOUT
                                                                                       : AVI_ERROR_CLOSED;

  return g_error_new_literal (AVI_ERROR, ours, g_strerror (code));
}

void
avi_connection_break (AviConnection *self,
                      int            code)
{
  AviCloser closer =
      code == ECONNRESET || code == ECONNREFUSED || code == EPIPE ? AVI_CLOSER_PEER : AVI_CLOSER_NETWORK;

  avi_connection_close (self, closer, avi_connection_system_error (code));
}
