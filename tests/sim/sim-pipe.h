/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimPipe: how long one direction of a connection takes, which is ordered and reliable as TCP is.
 * So nothing is lost: a lost segment holds up what it belongs to, and all behind it, until it was
 * sent again (RFC 6298, the smallest time-out that Linux has). Moves no bytes: it says when they arrive.
 */
#pragma once

#include "crypto/avi-random.h"

G_BEGIN_DECLS

#define SECOND      ((gint64) G_USEC_PER_SEC)
#define MILLISECOND (SECOND / 1000)

#define SIM_SEGMENT        1448              /* bytes of an RPC in one packet */
#define SIM_RETRANSMISSION (200 * MILLISECOND) /* beyond a round trip; doubled each time in a row */

typedef struct
{
  gint64  latency;   /* µs, one way */
  gint64  jitter;    /* µs; each RPC takes up to so much longer */
  double  loss;      /* of segments, 0 to below 1 */
  guint64 bandwidth; /* bytes a second; 0: no limit */
} SimPipeQuality;

typedef struct
{
  SimPipeQuality quality;
  gint64         free_at;      /* µs; when all bytes so far have left */
  gint64         last_arrival; /* µs; nothing overtakes */
} SimPipe;

/* Returns when the last of @len bytes is there that are written at @now, which does not go back. */
gint64 sim_pipe_send    (SimPipe *self, gsize len, gint64 now, AviRandom *random);
/* How long a segment is late whose first @n sendings were lost. µs */
gint64 sim_pipe_penalty (const SimPipe *self, guint n);
/* How long @len bytes take at @bandwidth. µs */
gint64 sim_pipe_duration (guint64 bandwidth, gsize len);

G_END_DECLS
