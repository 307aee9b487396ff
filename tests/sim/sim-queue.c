/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-queue.h"

#define CHILDREN 4

void
sim_queue_init (SimQueue *self)
{
  *self = (SimQueue) { .n_allocated = 1024 };
  self->events = g_new (SimEvent, self->n_allocated);
}

void
sim_queue_clear (SimQueue *self)
{
  for (guint i = 0; i < self->n; i++)
    g_clear_pointer (&self->events[i].bytes, g_bytes_unref);
  g_free (self->events);
  *self = (SimQueue) { 0 };
}

static inline gboolean
sim_event_is_before (const SimEvent *a, const SimEvent *b)
{
  return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void
sim_queue_push (SimQueue *self, gint64 at, guint kind, gpointer target, GBytes *bytes)
{
  SimEvent event = { .at = at, .order = ++self->last_order, .kind = kind, .target = target, .bytes = bytes };
  guint place = self->n;

  if (self->n == self->n_allocated)
    {
      self->n_allocated *= 2;
      self->events = g_renew (SimEvent, self->events, self->n_allocated);
    }
  self->n++;
  while (place > 0)
    {
      guint parent = (place - 1) / CHILDREN;

      if (!sim_event_is_before (&event, &self->events[parent]))
        break;
      self->events[place] = self->events[parent];
      place = parent;
    }
  self->events[place] = event;
}

gint64
sim_queue_next (const SimQueue *self)
{
  return self->n > 0 ? self->events[0].at : G_MAXINT64;
}

static guint
sim_queue_first_child (const SimQueue *self, guint place)
{
  guint first = CHILDREN * place + 1;
  guint end = MIN (first + CHILDREN, self->n);
  guint best = first;

  for (guint i = first + 1; i < end; i++)
    if (sim_event_is_before (&self->events[i], &self->events[best]))
      best = i;
  return best;
}

gboolean
sim_queue_pop (SimQueue *self, SimEvent *event)
{
  SimEvent last;
  guint place = 0;

  if (self->n == 0)
    return FALSE;

  *event = self->events[0];
  last = self->events[--self->n];
  while (CHILDREN * place + 1 < self->n)
    {
      guint child = sim_queue_first_child (self, place);

      if (!sim_event_is_before (&self->events[child], &last))
        break;
      self->events[place] = self->events[child];
      place = child;
    }
  self->events[place] = last;
  return TRUE;
}
