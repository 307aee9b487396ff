/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-pipe.h"

#define MOST_LOSSES 10 /* of one segment in a row: by then TCP has given up, and so do we */

gint64
sim_pipe_duration (guint64 bandwidth, gsize len)
{
  return bandwidth == 0 ? 0 : (gint64) (len * (guint64) SECOND / bandwidth);
}

gint64
sim_pipe_penalty (const SimPipe *self, guint n)
{
  return ((1 << n) - 1) * (2 * self->quality.latency + SIM_RETRANSMISSION);
}

/* Of the segments that are lost the worst counts: the others come again meanwhile. */
static gint64
sim_pipe_lose (SimPipe *self, gsize len, AviRandom *random)
{
  guint32 threshold = (guint32) (self->quality.loss * G_MAXUINT32);
  guint worst = 0;

  for (gsize at = 0; at < len; at += SIM_SEGMENT)
    {
      guint n = 0;

      while (n < MOST_LOSSES && avi_random_u32 (random) < threshold)
        n++;
      worst = MAX (worst, n);
    }
  return sim_pipe_penalty (self, worst);
}

gint64
sim_pipe_send (SimPipe *self, gsize len, gint64 now, AviRandom *random)
{
  gint64 arrival;

  self->free_at = MAX (self->free_at, now) + sim_pipe_duration (self->quality.bandwidth, len);
  arrival = self->free_at + self->quality.latency;
  if (self->quality.jitter > 0)
    arrival += avi_random_below (random, (guint32) self->quality.jitter + 1);
  if (self->quality.loss > 0)
    arrival += sim_pipe_lose (self, len, random);
  self->last_arrival = MAX (self->last_arrival, arrival);
  return self->last_arrival;
}
