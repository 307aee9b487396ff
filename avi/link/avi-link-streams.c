/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-link-private.h"

/* All that a negotiation says at once: the header, its refusals, a name. */
#define NEGOTIATION_MAX 1024

/* --- life --- */

static AviLinkStream *
avi_link_stream_new (AviLink *self, guint32 id, AviLinkStreamState state, AviMultistream *negotiation)
{
  AviLinkStream *stream = g_new0 (AviLinkStream, 1);

  stream->id = id;
  stream->state = state;
  stream->inbound = state == AVI_LINK_STREAM_LISTENING;
  stream->negotiation = negotiation;
  stream->deadline = self->now + self->negotiation_timeout;

  avi_yamux_set_owner (self->yamux, id, stream);
  stream->in_all.data = stream->in_negotiating.data = stream;
  g_queue_push_tail_link (&self->streams, &stream->in_all);
  g_queue_push_tail_link (&self->negotiating, &stream->in_negotiating);
  return stream;
}

static void
avi_link_stream_end_negotiation (AviLink *self, AviLinkStream *stream)
{
  g_clear_pointer (&stream->negotiation, avi_multistream_free);
  if (stream->in_negotiating.data != NULL)
    g_queue_unlink (&self->negotiating, &stream->in_negotiating);
  stream->in_negotiating.data = NULL;
}

void
avi_link_stream_free (AviLink *self, AviLinkStream *stream)
{
  if (self->speaking == stream)
    self->speaking = NULL;
  if (self->gone == stream)
    self->gone = NULL;

  avi_link_stream_end_negotiation (self, stream);
  g_queue_unlink (&self->streams, &stream->in_all);
  avi_yamux_queue_clear (&stream->held);
  g_free (stream);
}

/* Yamux does not know the stream any more. It is told where its owner knows it: with the event it is
 * still good. */
static AviLinkPulled
avi_link_stream_tell_end (AviLink *self, AviLinkStream *stream, AviLinkEventType type, AviLinkEvent *event)
{
  if (stream->state == AVI_LINK_STREAM_LISTENING || stream->state == AVI_LINK_STREAM_REFUSING)
    {
      avi_link_stream_free (self, stream);
      return AVI_LINK_PULLED_SOMETHING;
    }

  if (self->speaking == stream)
    self->speaking = NULL;
  avi_link_stream_end_negotiation (self, stream);
  self->gone = stream;
  event->type = type;
  event->stream = stream;
  return AVI_LINK_PULLED_EVENT;
}

/* Ends it from our side. */
static AviLinkPulled
avi_link_stream_give_up (AviLink *self, AviLinkStream *stream, AviLinkEventType type, AviLinkEvent *event)
{
  avi_yamux_reset (self->yamux, stream->id);
  return avi_link_stream_tell_end (self, stream, type, event);
}

/* --- negotiating --- */

/* Puts what the negotiation has to say into the stream. FALSE: nothing. */
static gboolean
avi_link_stream_speak (AviLink *self, AviLinkStream *stream)
{
  gboolean spoke;
  AviWriter writer;

  avi_writer_init (&writer, NEGOTIATION_MAX);
  spoke = avi_multistream_transmit (stream->negotiation, &writer, self->now);
  if (spoke)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (writer.data, writer.len);

      avi_yamux_send (self->yamux, stream->id, bytes);
    }
  avi_writer_clear (&writer);
  return spoke;
}

/* FALSE: it does not fit. */
static gboolean
avi_link_stream_release (AviLink *self, AviLinkStream *stream)
{
  while (stream->held.len > 0)
    {
      g_autoptr(GBytes) bytes = g_queue_pop_head (&stream->held.chunks);

      if (!avi_yamux_send (self->yamux, stream->id, bytes))
        return FALSE;
      stream->held.len -= g_bytes_get_size (bytes);
    }
  return TRUE;
}

static AviLinkPulled
avi_link_stream_agree (AviLink *self, AviLinkStream *stream, const char *protocol, AviLinkEvent *event)
{
  avi_link_stream_speak (self, stream); /* a listener's answer, before anything its owner sends */
  stream->state = AVI_LINK_STREAM_OPEN;
  stream->protocol = protocol;

  if (!avi_link_stream_release (self, stream))
    return avi_link_stream_give_up (self, stream, AVI_LINK_EVENT_RESET, event);
  if (stream->finishing)
    avi_yamux_finish (self->yamux, stream->id);

  event->type = stream->inbound ? AVI_LINK_EVENT_STREAM : AVI_LINK_EVENT_AGREED;
  event->stream = stream;
  event->protocol = protocol;
  return AVI_LINK_PULLED_EVENT;
}

/* The peer proposed what we do not speak, then something that is no proposal: data that it sent
 * without waiting for the answer. It gets the answer, and a reset only if it does not end then. */
static AviLinkPulled
avi_link_stream_refuse (AviLink *self, AviLinkStream *stream, gsize unread, AviLinkEvent *event)
{
  if (!avi_link_stream_speak (self, stream))
    return avi_link_stream_give_up (self, stream, AVI_LINK_EVENT_RESET, event);

  avi_yamux_consume (self->yamux, stream->id, unread);
  avi_yamux_finish (self->yamux, stream->id);
  stream->state = AVI_LINK_STREAM_REFUSING;
  g_clear_pointer (&stream->negotiation, avi_multistream_free);
  return AVI_LINK_PULLED_SOMETHING;
}

static AviLinkPulled
avi_link_stream_hear (AviLink *self, AviLinkStream *stream, AviSpan bytes, AviLinkEvent *event)
{
  g_autoptr(GError) error = NULL;

  if (avi_multistream_receive (stream->negotiation, bytes, self->now, &error))
    {
      self->speaking = stream;
      self->spoken = bytes.len;
      return AVI_LINK_PULLED_SOMETHING;
    }

  if (stream->inbound)
    return avi_link_stream_refuse (self, stream, bytes.len, event);

  gboolean refused = g_error_matches (error, AVI_ERROR, AVI_ERROR_REJECTED);
  return avi_link_stream_give_up (self, stream, refused ? AVI_LINK_EVENT_REFUSED : AVI_LINK_EVENT_RESET, event);
}

/* What it took of the stream's data has been read to the end. */
static void
avi_link_end_speaking (AviLink *self)
{
  AviLinkStream *stream = g_steal_pointer (&self->speaking);

  avi_yamux_consume (self->yamux, stream->id, self->spoken);
  avi_link_stream_speak (self, stream);
  if (avi_multistream_is_done (stream->negotiation))
    avi_link_stream_end_negotiation (self, stream);
}

AviLinkPulled
avi_link_pull_negotiation (AviLink *self, AviLinkEvent *event)
{
  AviLinkStream *stream = self->speaking;
  AviMultistreamEvent told;

  if (stream == NULL)
    return AVI_LINK_PULLED_NOTHING;
  if (!avi_multistream_next (stream->negotiation, &told))
    {
      avi_link_end_speaking (self);
      return AVI_LINK_PULLED_SOMETHING;
    }

  switch (told.type)
    {
    case AVI_MULTISTREAM_EVENT_AGREED:
      /* An optimistic one agrees with itself first. */
      if (stream->state == AVI_LINK_STREAM_OPTIMISTIC)
        return AVI_LINK_PULLED_SOMETHING;
      return avi_link_stream_agree (self, stream, told.protocol, event);

    case AVI_MULTISTREAM_EVENT_ANSWERED:
      return avi_link_stream_agree (self, stream, told.protocol, event);

    case AVI_MULTISTREAM_EVENT_DATA:
      self->spoken -= told.data.len;
      event->type = AVI_LINK_EVENT_DATA;
      event->stream = stream;
      event->data = told.data;
      return AVI_LINK_PULLED_EVENT;

    default:
      g_assert_not_reached ();
    }
}

AviLinkPulled
avi_link_pull_expired (AviLink *self, AviLinkEvent *event)
{
  AviLinkStream *first = g_queue_peek_head (&self->negotiating);

  if (first == NULL || self->now < first->deadline)
    return AVI_LINK_PULLED_NOTHING;

  return avi_link_stream_give_up (self, first, AVI_LINK_EVENT_RESET, event);
}

/* --- Yamux's events --- */

static AviLinkPulled
avi_link_on_data (AviLink *self, AviLinkStream *stream, AviSpan data, AviLinkEvent *event)
{
  if (stream->negotiation != NULL)
    return avi_link_stream_hear (self, stream, data, event);

  if (stream->state == AVI_LINK_STREAM_REFUSING)
    {
      avi_yamux_consume (self->yamux, stream->id, data.len);
      return AVI_LINK_PULLED_SOMETHING;
    }

  event->type = AVI_LINK_EVENT_DATA;
  event->stream = stream;
  event->data = data;
  return AVI_LINK_PULLED_EVENT;
}

static AviLinkPulled
avi_link_on_finished (AviLink *self, AviLinkStream *stream, AviLinkEvent *event)
{
  switch (stream->state)
    {
    case AVI_LINK_STREAM_OFFERING:
    case AVI_LINK_STREAM_OPTIMISTIC:
    case AVI_LINK_STREAM_LISTENING:
      /* It will never say what is to be agreed. */
      return avi_link_stream_give_up (self, stream, AVI_LINK_EVENT_RESET, event);

    case AVI_LINK_STREAM_REFUSING:
      return AVI_LINK_PULLED_SOMETHING;

    case AVI_LINK_STREAM_OPEN:
    default:
      event->type = AVI_LINK_EVENT_FINISHED;
      event->stream = stream;
      return AVI_LINK_PULLED_EVENT;
    }
}

AviLinkPulled
avi_link_pull_yamux (AviLink *self, AviLinkEvent *event)
{
  AviYamuxEvent told;

  if (self->yamux == NULL || !avi_yamux_next (self->yamux, &told))
    return AVI_LINK_PULLED_NOTHING;

  AviLinkStream *stream = told.owner;
  event->stream = stream;
  event->round_trip = told.round_trip;
  event->code = told.code;

  switch (told.type)
    {
    case AVI_YAMUX_EVENT_STREAM:
      avi_link_stream_new (self, told.stream, AVI_LINK_STREAM_LISTENING,
                           avi_multistream_new_listener (self->protocols));
      return AVI_LINK_PULLED_SOMETHING;

    case AVI_YAMUX_EVENT_DATA:
      return avi_link_on_data (self, stream, told.data, event);

    case AVI_YAMUX_EVENT_FINISHED:
      return avi_link_on_finished (self, stream, event);

    case AVI_YAMUX_EVENT_RESET:
      return avi_link_stream_tell_end (self, stream, AVI_LINK_EVENT_RESET, event);

    case AVI_YAMUX_EVENT_CLOSED:
      return avi_link_stream_tell_end (self, stream, AVI_LINK_EVENT_CLOSED, event);

    case AVI_YAMUX_EVENT_WRITABLE:
      event->type = AVI_LINK_EVENT_WRITABLE;
      return AVI_LINK_PULLED_EVENT;

    case AVI_YAMUX_EVENT_PONG:
      event->type = AVI_LINK_EVENT_PONG;
      return AVI_LINK_PULLED_EVENT;

    case AVI_YAMUX_EVENT_GO_AWAY:
      event->type = AVI_LINK_EVENT_GO_AWAY;
      return AVI_LINK_PULLED_EVENT;

    default:
      g_assert_not_reached ();
    }
}

/* --- verbs --- */

AviLinkStream *
avi_link_open (AviLink *self, const char *const *protocols, gint64 now, GError **error)
{
  gboolean optimistic = protocols[1] == NULL;

  if (self->stage < AVI_LINK_OPEN || self->error != NULL)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "The connection takes no streams: %s",
                   self->error != NULL ? self->error->message : "it is not established");
      return NULL;
    }

  guint32 id = avi_yamux_open (self->yamux, error);
  if (id == 0)
    return NULL;

  self->now = now;
  AviLinkStream *stream =
    avi_link_stream_new (self, id, optimistic ? AVI_LINK_STREAM_OPTIMISTIC : AVI_LINK_STREAM_OFFERING,
                         avi_multistream_new_dialer (protocols, optimistic));
  avi_link_stream_speak (self, stream);
  return stream;
}

static gboolean
avi_link_is_gone (AviLink *self, AviLinkStream *stream)
{
  return self->gone == stream;
}

gboolean
avi_link_send (AviLink *self, AviLinkStream *stream, GBytes *bytes)
{
  if (avi_link_is_gone (self, stream) || stream->finishing)
    return FALSE;
  if (stream->state != AVI_LINK_STREAM_OFFERING)
    return avi_yamux_send (self->yamux, stream->id, bytes);

  gsize max = self->limits.max_send_queue;
  if (stream->held.len > 0 && g_bytes_get_size (bytes) > max - MIN (stream->held.len, max))
    return FALSE;

  avi_yamux_queue_push (&stream->held, bytes);
  return TRUE;
}

void
avi_link_finish (AviLink *self, AviLinkStream *stream)
{
  if (avi_link_is_gone (self, stream) || stream->finishing)
    return;

  stream->finishing = TRUE;
  if (stream->state == AVI_LINK_STREAM_OPEN)
    avi_yamux_finish (self->yamux, stream->id);
}

void
avi_link_reset (AviLink *self, AviLinkStream *stream)
{
  if (avi_link_is_gone (self, stream))
    return;

  avi_yamux_reset (self->yamux, stream->id);
  avi_link_stream_free (self, stream);
}

void
avi_link_consume (AviLink *self, AviLinkStream *stream, gsize n)
{
  avi_yamux_consume (self->yamux, stream->id, n);
}

gsize
avi_link_get_queued (AviLink *self, AviLinkStream *stream)
{
  return stream->held.len + avi_yamux_get_queued (self->yamux, stream->id);
}

void
avi_link_go_away (AviLink *self, guint32 code)
{
  if (self->yamux != NULL)
    avi_yamux_go_away (self->yamux, code);
}

void
avi_link_ping (AviLink *self)
{
  if (self->yamux != NULL)
    avi_yamux_ping (self->yamux);
}

gboolean
avi_link_is_flushed (AviLink *self)
{
  if (self->yamux == NULL || !avi_yamux_is_flushed (self->yamux))
    return FALSE;

  for (GList *l = self->negotiating.head; l != NULL; l = l->next)
    {
      AviLinkStream *stream = l->data;

      if (stream->held.len > 0 || stream->finishing)
        return FALSE;
    }
  return TRUE;
}

guint
avi_link_get_n_streams (AviLink *self)
{
  return self->yamux != NULL ? avi_yamux_get_n_streams (self->yamux) : 0;
}

guint64
avi_link_get_n_refused (AviLink *self)
{
  return self->yamux != NULL ? avi_yamux_get_n_refused (self->yamux) : 0;
}

gpointer
avi_link_stream_get_owner (AviLinkStream *stream)
{
  return stream->owner;
}

void
avi_link_stream_set_owner (AviLinkStream *stream, gpointer owner)
{
  stream->owner = owner;
}

const char *
avi_link_stream_get_protocol (AviLinkStream *stream)
{
  return stream->protocol;
}

gboolean
avi_link_stream_is_inbound (AviLinkStream *stream)
{
  return stream->inbound;
}
