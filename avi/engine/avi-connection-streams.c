/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection's streams and their owners: ours that are opened, the peer's that are let in.
 */
#include "config.h"

#include "avi-connection-private.h"
#include "avi-error.h"
#include "avi-services.h"

gboolean
avi_connection_open_stream (AviConnection     *self,
                            const char *const *protocols,
                            AviStreamOwner    *owner,
                            GError           **error)
{
  AviLinkStream *stream;

  if (self->state != AVI_CONNECTION_OPEN)
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_CLOSED, "The connection is closed");
      return FALSE;
    }
  stream = avi_link_open (self->link, protocols, avi_loop_now (self->engine->loop), error);
  if (stream == NULL)
    return FALSE;
  owner->connection = self;
  owner->stream = stream;
  owner->link.data = owner;
  avi_link_stream_set_owner (stream, owner);
  g_queue_push_tail_link (&self->owners, &owner->link);
  avi_connection_touch (self);
  return TRUE;
}

gboolean
avi_stream_send (AviStreamOwner *owner,
                 GBytes         *bytes)
{
  avi_connection_touch (owner->connection);
  return avi_link_send (owner->connection->link, owner->stream, bytes);
}

void
avi_stream_finish (AviStreamOwner *owner)
{
  avi_link_finish (owner->connection->link, owner->stream);
  avi_connection_touch (owner->connection);
}

void
avi_stream_consume (AviStreamOwner *owner,
                    gsize           n)
{
  avi_link_consume (owner->connection->link, owner->stream, n);
  avi_connection_touch (owner->connection);
}

void
avi_connection_stream_gone (AviConnection  *self,
                            AviStreamOwner *owner,
                            gboolean        refused)
{
  g_queue_unlink (&self->owners, &owner->link);
  owner->handler->gone (owner, refused);
}

void
avi_stream_reset (AviStreamOwner *owner)
{
  AviConnection *self = owner->connection;

  avi_link_reset (self->link, owner->stream);
  avi_connection_touch (self);
  avi_connection_stream_gone (self, owner, FALSE);
}

static gboolean
avi_stream_handler_shares (const AviStreamHandler *self,
                           const AviStreamHandler *other)
{
  return self == other || (self->family != NULL && g_strcmp0 (self->family, other->family) == 0);
}

static guint
avi_connection_count_streams (AviConnection          *self,
                              const AviStreamHandler *handler)
{
  guint n = 0;

  for (GList *link = self->owners.head; link != NULL; link = link->next)
    {
      AviStreamOwner *owner = link->data;

      n += avi_stream_handler_shares (handler, owner->handler) && avi_link_stream_is_inbound (owner->stream);
    }
  return n;
}

/* Counts all, and tells of the first on a connection: who does it, does it a thousand times. */
void
avi_connection_refused_streams (AviConnection *self,
                                guint64        n,
                                const char    *what,
                                guint          n_open,
                                guint          max)
{
  avi_core_count (self->engine->core, AVI_COUNT_STREAMS_REFUSED, n);
  if (!self->refusal_told)
    avi_engine_log (self->engine, &self->peer, self->remote,
                    "streams of the peer's are reset: %s is reached, %u of %u are in use",
                    what, n_open, max);
  self->refusal_told = TRUE;
}

static gboolean
avi_connection_may_accept (AviConnection          *self,
                           const AviStreamHandler *handler)
{
  guint n = handler->max_streams > 0 ? avi_connection_count_streams (self, handler) : 0;
  g_autofree char *what = NULL;

  if (handler->max_streams == 0 || n < handler->max_streams)
    return TRUE;
  what = g_strdup_printf ("the limit for %s", handler->family != NULL ? handler->family : handler->protocol);
  avi_connection_refused_streams (self, 1, what, n, handler->max_streams);
  return FALSE;
}

void
avi_connection_accept_stream (AviConnection *self,
                              AviLinkEvent  *event)
{
  const AviStreamHandler *handler = avi_services_find (self->engine->settings->handlers, event->protocol);
  AviStreamOwner *owner = NULL;

  if (handler != NULL && !self->draining && avi_connection_may_accept (self, handler))
    owner = handler->accept (self, event->stream);
  if (owner == NULL)
    {
      avi_link_reset (self->link, event->stream);
      return;
    }
  owner->handler = handler;
  owner->connection = self;
  owner->stream = event->stream;
  owner->link.data = owner;
  avi_link_stream_set_owner (event->stream, owner);
  g_queue_push_tail_link (&self->owners, &owner->link);
}
