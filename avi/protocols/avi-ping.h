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

typedef struct _AviPing AviPing;

typedef struct
{
  gint64 round_trip; /* µs */
} AviPingEvent;

/* Sends one ping every @interval µs while answers come within @timeout µs. */
AviPing *avi_ping_new_prober (gint64 interval, gint64 timeout, AviRandom *random, gint64 now);
AviPing *avi_ping_new_echo   (void);
void     avi_ping_free       (AviPing *self);

/* FALSE: a wrong echo (AVI_ERROR_PROTOCOL), or none in time (AVI_ERROR_TIMEOUT; @bytes empty). */
gboolean avi_ping_receive    (AviPing *self, AviSpan bytes, gint64 now, GError **error);
gboolean avi_ping_transmit   (AviPing *self, AviWriter *writer, gint64 now);
gboolean avi_ping_next       (AviPing *self, AviPingEvent *event);
gint64   avi_ping_deadline   (AviPing *self);
/* Ask at once: is the peer there? */
void     avi_ping_probe      (AviPing *self, gint64 now);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPing, avi_ping_free)

G_END_DECLS
