/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviTopicCounts: what is counted of one topic. The router counts what it sees since it was last asked; the
 * core adds that up over the life of a device. AviPeerDrops: the same of one peer. Plain numbers: nothing is done here.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  AVI_TOPIC_PUBLISHED,        /* messages of ours */
  AVI_TOPIC_PUBLISHED_BYTES,  /* of data */
  AVI_TOPIC_DELIVERED,        /* messages of others, to our subscriptions */
  AVI_TOPIC_DELIVERED_BYTES,
  AVI_TOPIC_DUPLICATES,
  /* Dropped: in the order of AviDropReason. */
  AVI_TOPIC_DROPPED_QUEUE,        /* not sent to a peer that is too slow, once for each */
  AVI_TOPIC_DROPPED_TOO_LARGE,    /* not sent to a peer that takes none so large, likewise */
  AVI_TOPIC_DROPPED_INVALID,      /* form, size or signature */
  AVI_TOPIC_DROPPED_REJECTED,     /* by a validator */
  AVI_TOPIC_DROPPED_UNVERIFIED,   /* too many being checked, or for too long before a validator */
  AVI_TOPIC_DROPPED_SUBSCRIPTION, /* the program did not take it in time */
  AVI_TOPIC_DROPPED_HELD,         /* nobody came to subscribe */
  AVI_TOPIC_DROPPED_DUPLICATE,    /* of ours, without an author: said lately */
  AVI_TOPIC_DROPPED_SCORE,        /* of ours, not sent to a peer below publish-threshold, once for each */
  AVI_N_TOPIC_COUNTS
} AviTopicCount;

#define AVI_TOPIC_FIRST_DROPPED AVI_TOPIC_DROPPED_QUEUE

typedef struct
{
  guint64 n[AVI_N_TOPIC_COUNTS];
} AviTopicCounts;

/* Of these, what did not go to one peer. */
typedef struct
{
  guint64 queue, too_large, score;
} AviPeerDrops;

static inline guint64
avi_peer_drops_sum (const AviPeerDrops *self)
{
  return self->queue + self->too_large + self->score;
}

G_END_DECLS
