/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimRecord: what was published, who was to hear it, who did and when, and how many copies travelled.
 * A payload begins with the number under which its message is recorded; what hostile nodes publish has
 * none. Whoever is up when a message is published is to hear it, unless it goes down before it could, or the
 * publisher was told that nobody subscribes.
 */
#pragma once

#include "wire/avi-span.h"

G_BEGIN_DECLS

#define SIM_PAYLOAD_MIN   8 /* bytes: tag and number */
#define SIM_PAYLOAD_MAX   (1024 * 1024) /* which the router takes */
#define SIM_RECORD_GRACE  (10 * G_USEC_PER_SEC) /* who goes down so soon after it need not have heard it */

typedef struct
{
  guint   publisher;
  gint64  at;        /* µs */
  gboolean to_nobody; /* so the publisher was told */
  guint8 *expected;  /* a bit per node */
  guint8 *heard;
  guint   n_expected;
  guint   n_heard;   /* of those that are expected */
  guint   n_copies;  /* that arrived at honest nodes */
  GArray *latencies; /* of guint32, µs: of those that are expected */
} SimPublished;

typedef struct
{
  guint       n_nodes;
  GPtrArray  *messages; /* of SimPublished, owned; by number */
  GHashTable *texts;    /* text → number + 1 */
  guint64     n_foreign; /* deliveries of what hostile nodes published */
  guint64     n_twice;   /* deliveries to who had heard it before */
} SimRecord;

void          sim_record_init    (SimRecord *self, guint n_nodes);
void          sim_record_clear   (SimRecord *self);
/* Returns the message, the newest; nobody is expected to hear it yet. */
SimPublished *sim_record_publish (SimRecord *self, guint publisher, const char *text, gint64 now);
void          sim_record_expect  (SimRecord *self, SimPublished *message, guint node);
/* Its payload: @text or zeroes behind the number: (transfer full) */
GBytes       *sim_record_make_payload (SimRecord *self, const char *text, gsize size);
/* NULL: of a hostile node. */
SimPublished *sim_record_find    (SimRecord *self, AviSpan payload);
SimPublished *sim_record_find_text (SimRecord *self, const char *text);

/* @once: µs from its publishing, within which hearing it twice ends the program. */
void          sim_record_hear    (SimRecord *self, guint node, AviSpan payload, gint64 once, gint64 now);
/* The messages in an RPC that came to an honest node. */
void          sim_record_copies  (SimRecord *self, AviSpan rpc);
void          sim_record_excuse  (SimRecord *self, guint node, gint64 now);

static inline gboolean
sim_published_is_heard_by (const SimPublished *self, guint node)
{
  return (self->heard[node / 8] >> node % 8 & 1) != 0;
}

G_END_DECLS
