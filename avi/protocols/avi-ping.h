/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPing: /ipfs/ping/1.0.0 (specs/ping): 32 random bytes that come back. One machine is one
 * direction of a stream: the prober of a stream of ours, or the echo on a peer's.
 */
#pragma once

#include "crypto/avi-random.h"
#include "wire/avi-span.h"
#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_PING_PROTOCOL "/ipfs/ping/1.0.0"
#define AVI_PING_LEN      32

#define AVI_PING_MAX_PENDING 16 /* that an echo holds; a peer has no reason to send more than one */

typedef struct _AviPing AviPing;

typedef struct
{
  gint64 round_trip; /* µs */
} AviPingEvent;

/* Sends a ping at @now and then one every @interval µs (G_MAXINT64: only when asked by `probe`), while
 * answers come within @timeout µs. One at a time: the next waits for the answer. */
AviPing *avi_ping_new_prober (gint64 interval, gint64 timeout, AviRandom *random, gint64 now);
/* Answers whole pings; holds AVI_PING_MAX_PENDING of them until they are transmitted. */
AviPing *avi_ping_new_echo   (void);
void     avi_ping_free       (AviPing *self);

/* FALSE, for good: a wrong or unasked answer (AVI_ERROR_PROTOCOL), none in time (AVI_ERROR_TIMEOUT;
 * @bytes empty), or too many pings to be answered (AVI_ERROR_LIMIT). */
gboolean avi_ping_receive    (AviPing *self, AviSpan bytes, gint64 now, GError **error);
gboolean avi_ping_transmit   (AviPing *self, AviWriter *writer, gint64 now);
gboolean avi_ping_next       (AviPing *self, AviPingEvent *event);
/* When the next ping is due or the answer overdue; G_MAXINT64: never, as for the echo. */
gint64   avi_ping_deadline   (AviPing *self);
/* A prober asks at once: is the peer there? A ping that is out already is that question. */
void     avi_ping_probe      (AviPing *self, gint64 now);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPing, avi_ping_free)

G_END_DECLS
