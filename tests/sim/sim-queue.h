/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimQueue: what is going to happen, next first; of what happens at one time, what was put in first
 * comes first, so that a run never depends on how the queue is built. Knows nothing of what an
 * event means. A heap of four children a node: the keys compared lie in one or two cache lines.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gint64   at;    /* µs */
  guint64  order; /* given by the queue */
  guint    kind;
  gpointer target;
  GBytes  *bytes; /* owned by the event; or NULL */
} SimEvent;

typedef struct
{
  SimEvent *events;
  guint     n;
  guint     n_allocated;
  guint64   last_order;
} SimQueue;

void     sim_queue_init  (SimQueue *self);
void     sim_queue_clear (SimQueue *self);
/* @bytes: (transfer full) (nullable) */
void     sim_queue_push  (SimQueue *self, gint64 at, guint kind, gpointer target, GBytes *bytes);
/* G_MAXINT64: nothing is. */
gint64   sim_queue_next  (const SimQueue *self);
/* FALSE: it is empty. @event: (transfer full) */
gboolean sim_queue_pop   (SimQueue *self, SimEvent *event);

G_END_DECLS
