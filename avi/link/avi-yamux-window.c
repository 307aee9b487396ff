/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-window.h"

#include "link/avi-yamux.h"

/* Keeps the products below in 64 bits. */
#define MAX_ROUND_TRIP (60 * G_USEC_PER_SEC)

void
avi_yamux_window_init (AviYamuxWindow *self, gint64 now)
{
  *self = (AviYamuxWindow) { .size = AVI_YAMUX_INITIAL_WINDOW, .granted = AVI_YAMUX_INITIAL_WINDOW, .epoch = now };
}

gboolean
avi_yamux_window_receive (AviYamuxWindow *self, guint32 n)
{
  if (n > self->granted)
    return FALSE;

  self->granted -= n;
  return TRUE;
}

void
avi_yamux_window_consume (AviYamuxWindow *self, gsize n)
{
  g_return_if_fail (n <= self->size - self->granted - self->consumed);

  self->consumed += n;
}

gboolean
avi_yamux_window_is_due (const AviYamuxWindow *self)
{
  return self->consumed >= self->size / 2;
}

/* At the pace since the last grant, would the whole window be gone within two round trips? */
static gboolean
avi_yamux_window_limits_sender (const AviYamuxWindow *self, gint64 round_trip, gint64 now)
{
  guint64 limit = 2 * MIN (round_trip, MAX_ROUND_TRIP);
  guint64 elapsed = MAX (now - self->epoch, 0);

  return elapsed < limit && elapsed * self->size < limit * self->consumed;
}

guint32
avi_yamux_window_grant (AviYamuxWindow *self, gint64 round_trip, guint32 max, gsize spare, gint64 now)
{
  guint32 credit = self->consumed;

  if (self->size < max && avi_yamux_window_limits_sender (self, round_trip, now))
    {
      guint32 growth = MIN (MIN (self->size, max - self->size), spare);

      self->size += growth;
      credit += growth;
    }

  self->granted += credit;
  self->consumed = 0;
  self->epoch = now;
  return credit;
}
