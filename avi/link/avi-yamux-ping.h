/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviYamuxPing: whether the peer is there, and how far away. One ping at most is under way; it is
 * asked at the start, after a silence of the interval, and when somebody wants to know. A peer is
 * lost once it has neither answered nor sent a byte for the timeout. Used by AviYamux, which puts
 * the frames; this only keeps the times, all in µs.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  AVI_YAMUX_PING_IDLE,
  AVI_YAMUX_PING_WANTED, /* to be put into the next transmit */
  AVI_YAMUX_PING_SENT
} AviYamuxPingState;

typedef struct
{
  AviYamuxPingState state;
  guint32           value;       /* of the ping under way, or of the next */
  gint64            interval;    /* -1: no keep-alive */
  gint64            timeout;
  gint64            heard_at;    /* the last byte from the peer; -1: not started */
  gint64            asked_at;    /* that the ping was sent, or became wanted; -1: time has not passed since */
  gint64            measured_at;
  gint64            round_trip;  /* smoothed; 0: not known */
} AviYamuxPing;

void     avi_yamux_ping_init     (AviYamuxPing *self, gint64 interval, gint64 timeout);
/* Time passed, and perhaps a byte came. FALSE: the peer is lost. */
gboolean avi_yamux_ping_advance  (AviYamuxPing *self, gboolean heard, gint64 now);
gint64   avi_yamux_ping_deadline (const AviYamuxPing *self);
/* Wants a ping, unless one is under way. */
void     avi_yamux_ping_ask      (AviYamuxPing *self);
/* Wants one where the round trip was last measured an interval ago or longer. */
void     avi_yamux_ping_refresh  (AviYamuxPing *self, gint64 now);
/* The wanted ping was put; its value is `value`. */
void     avi_yamux_ping_sent     (AviYamuxPing *self, gint64 now);
/* FALSE: not the answer that is waited for. */
gboolean avi_yamux_ping_answered (AviYamuxPing *self, guint32 value, gint64 now, gint64 *round_trip);

G_END_DECLS
