/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-ping.h"

void
avi_yamux_ping_init (AviYamuxPing *self, gint64 interval, gint64 timeout)
{
  *self = (AviYamuxPing) { .interval = interval, .timeout = timeout, .heard_at = -1, .asked_at = -1 };

  /* The first one measures the round trip, which the windows want to know. */
  if (interval >= 0)
    self->state = AVI_YAMUX_PING_WANTED;
}

gint64
avi_yamux_ping_deadline (const AviYamuxPing *self)
{
  /* A peer that is busy sending may answer late, but it is there: what counts is silence. A ping that
   * cannot even be written, because the peer does not read, counts from when it was wanted. */
  if (self->state != AVI_YAMUX_PING_IDLE && self->asked_at >= 0)
    return MAX (self->asked_at, self->heard_at) + self->timeout;
  if (self->interval < 0 || self->heard_at < 0)
    return G_MAXINT64;
  return self->heard_at + self->interval;
}

gboolean
avi_yamux_ping_advance (AviYamuxPing *self, gboolean heard, gint64 now)
{
  if (heard || self->heard_at < 0)
    self->heard_at = now;
  if (self->state == AVI_YAMUX_PING_WANTED && self->asked_at < 0)
    self->asked_at = now;

  if (now < avi_yamux_ping_deadline (self))
    return TRUE;
  if (self->state != AVI_YAMUX_PING_IDLE)
    return FALSE;

  self->state = AVI_YAMUX_PING_WANTED;
  self->asked_at = now;
  return TRUE;
}

void
avi_yamux_ping_ask (AviYamuxPing *self)
{
  if (self->state != AVI_YAMUX_PING_IDLE)
    return;

  self->state = AVI_YAMUX_PING_WANTED;
  self->asked_at = -1;
}

void
avi_yamux_ping_refresh (AviYamuxPing *self, gint64 now)
{
  if (self->interval >= 0 && now - self->measured_at >= self->interval)
    avi_yamux_ping_ask (self);
}

void
avi_yamux_ping_sent (AviYamuxPing *self, gint64 now)
{
  self->state = AVI_YAMUX_PING_SENT;
  self->asked_at = now;
}

gboolean
avi_yamux_ping_answered (AviYamuxPing *self, guint32 value, gint64 now, gint64 *round_trip)
{
  if (self->state != AVI_YAMUX_PING_SENT || value != self->value)
    return FALSE;

  *round_trip = MAX (now - self->asked_at, 0);
  self->round_trip = self->round_trip == 0 ? *round_trip : (self->round_trip + *round_trip) / 2;
  self->measured_at = now;
  self->state = AVI_YAMUX_PING_IDLE;
  self->value++;
  return TRUE;
}
