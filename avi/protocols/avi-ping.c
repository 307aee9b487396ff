/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/avi-ping.h"

#include "avi-error.h"

typedef enum
{
  RESTING, /* prober: the next ping goes at `due` */
  ASKING,  /* prober: one is out since `sent` */
  ECHOING, /* echo */
  FAILED
} State;

struct _AviPing
{
  State      state;
  AviRandom *random;
  gint64     interval; /* µs */
  gint64     timeout;  /* µs */
  gint64     due;
  gint64     sent;
  gboolean   tell_answer;
  gint64     round_trip; /* of the answer that waits for `next` */

  /* Prober: the ping that is out, of which so many bytes have come back. Echo: so many bytes that have
   * come and are not transmitted yet. */
  gsize  len;
  guint8 bytes[];
};

static AviPing *
avi_ping_new (State state, gsize room)
{
  AviPing *self = g_malloc0 (sizeof *self + room);

  self->state = state;
  return self;
}

AviPing *
avi_ping_new_prober (gint64 interval, gint64 timeout, AviRandom *random, gint64 now)
{
  AviPing *self = avi_ping_new (RESTING, AVI_PING_LEN);

  self->random = random;
  self->interval = interval;
  self->timeout = timeout;
  self->due = now;
  return self;
}

AviPing *
avi_ping_new_echo (void)
{
  return avi_ping_new (ECHOING, AVI_PING_MAX_PENDING * AVI_PING_LEN);
}

void
avi_ping_free (AviPing *self)
{
  g_free (self);
}

static gint64
avi_ping_later (gint64 when, gint64 wait)
{
  return wait < G_MAXINT64 - when ? when + wait : G_MAXINT64;
}

static gboolean
avi_ping_hear_answer (AviPing *self, AviSpan bytes, gint64 now, GError **error)
{
  gsize n = self->state == ASKING ? MIN (bytes.len, AVI_PING_LEN - self->len) : 0;

  if (n < bytes.len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Ping: the peer sent %" G_GSIZE_FORMAT " bytes that nobody asked for", bytes.len - n);
      return FALSE;
    }
  if (memcmp (bytes.data, self->bytes + self->len, n) != 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Ping: the answer is not what was sent");
      return FALSE;
    }

  self->len += n;
  if (self->len == AVI_PING_LEN)
    {
      self->state = RESTING;
      self->due = avi_ping_later (self->sent, self->interval);
      self->round_trip = now - self->sent;
      self->tell_answer = TRUE;
    }
  return TRUE;
}

static gboolean
avi_ping_check_time (AviPing *self, gint64 now, GError **error)
{
  if (self->state != ASKING || now < avi_ping_later (self->sent, self->timeout))
    return TRUE;

  g_set_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT,
               "Ping: no answer within %" G_GINT64_FORMAT " ms", self->timeout / G_TIME_SPAN_MILLISECOND);
  return FALSE;
}

static gboolean
avi_ping_hear_question (AviPing *self, AviSpan bytes, GError **error)
{
  if (bytes.len > AVI_PING_MAX_PENDING * AVI_PING_LEN - self->len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "Ping: the peer sent more than %d pings without waiting for an answer", AVI_PING_MAX_PENDING);
      return FALSE;
    }

  memcpy (self->bytes + self->len, bytes.data, bytes.len);
  self->len += bytes.len;
  return TRUE;
}

static gboolean
avi_ping_hear (AviPing *self, AviSpan bytes, gint64 now, GError **error)
{
  switch (self->state)
    {
    case RESTING:
    case ASKING:
      return bytes.len > 0 ? avi_ping_hear_answer (self, bytes, now, error) : avi_ping_check_time (self, now, error);
    case ECHOING:
      return bytes.len == 0 || avi_ping_hear_question (self, bytes, error);
    case FAILED:
    default:
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "Ping: this stream has failed before");
      return FALSE;
    }
}

gboolean
avi_ping_receive (AviPing *self, AviSpan bytes, gint64 now, GError **error)
{
  if (avi_ping_hear (self, bytes, now, error))
    return TRUE;

  self->state = FAILED;
  return FALSE;
}

static gboolean
avi_ping_ask (AviPing *self, AviWriter *writer, gint64 now)
{
  if (now < self->due || avi_writer_get_room (writer) < AVI_PING_LEN)
    return FALSE;

  self->random->fill (self->random, self->bytes, AVI_PING_LEN);
  avi_writer_put (writer, AVI_SPAN (self->bytes, AVI_PING_LEN));
  self->len = 0;
  self->sent = now;
  self->state = ASKING;
  return TRUE;
}

/* Whole pings only. */
static gboolean
avi_ping_answer (AviPing *self, AviWriter *writer)
{
  gsize n = MIN (self->len, avi_writer_get_room (writer)) / AVI_PING_LEN * AVI_PING_LEN;

  if (n == 0)
    return FALSE;

  avi_writer_put (writer, AVI_SPAN (self->bytes, n));
  self->len -= n;
  memmove (self->bytes, self->bytes + n, self->len);
  return TRUE;
}

gboolean
avi_ping_transmit (AviPing *self, AviWriter *writer, gint64 now)
{
  switch (self->state)
    {
    case RESTING:
      return avi_ping_ask (self, writer, now);
    case ECHOING:
      return avi_ping_answer (self, writer);
    case ASKING:
    case FAILED:
    default:
      return FALSE;
    }
}

gboolean
avi_ping_next (AviPing *self, AviPingEvent *event)
{
  if (!self->tell_answer)
    return FALSE;

  self->tell_answer = FALSE;
  *event = (AviPingEvent) { .round_trip = self->round_trip };
  return TRUE;
}

gint64
avi_ping_deadline (AviPing *self)
{
  switch (self->state)
    {
    case RESTING:
      return self->due;
    case ASKING:
      return avi_ping_later (self->sent, self->timeout);
    case ECHOING:
    case FAILED:
    default:
      return G_MAXINT64;
    }
}

void
avi_ping_probe (AviPing *self, gint64 now)
{
  if (self->state == RESTING)
    self->due = MIN (self->due, now);
}
