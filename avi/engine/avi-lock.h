/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one place where threads of ours meet: a mutex and a condition on pthread, so that
 * ThreadSanitizer sees what crosses the engine's edge (GLib's own locks are futexes unknown to it).
 * Reference counts that cross the edge are C11 atomics (avi-ref-count.h). GLib is used across threads
 * only to wake.
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <time.h>

#include "wire/avi-ref-count.h"

G_BEGIN_DECLS

typedef struct
{
  pthread_mutex_t mutex;
  pthread_cond_t  cond; /* on CLOCK_MONOTONIC */
} AviLock;

static inline void
avi_lock_init (AviLock *self)
{
  pthread_condattr_t attributes;

  pthread_mutex_init (&self->mutex, NULL);
  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&self->cond, &attributes);
  pthread_condattr_destroy (&attributes);
}

static inline void
avi_lock_clear (AviLock *self)
{
  pthread_cond_destroy (&self->cond);
  pthread_mutex_destroy (&self->mutex);
}

static inline void
avi_lock (AviLock *self)
{
  pthread_mutex_lock (&self->mutex);
}
/* FALSE: another thread has it, or this one. */
static inline gboolean
avi_try_lock (AviLock *self)
{
  return pthread_mutex_trylock (&self->mutex) == 0;
}
static inline void
avi_unlock (AviLock *self)
{
  pthread_mutex_unlock (&self->mutex);
}
static inline void
avi_signal (AviLock *self)
{
  pthread_cond_broadcast (&self->cond);
}

/* With the lock held: until signalled, spuriously too, or until @deadline (monotonic µs).
 * FALSE where the deadline passed. */
static inline gboolean
avi_wait (AviLock *self, gint64 deadline)
{
  struct timespec when = { .tv_sec = deadline / G_USEC_PER_SEC, .tv_nsec = (deadline % G_USEC_PER_SEC) * 1000 };

  if (deadline == G_MAXINT64)
    return pthread_cond_wait (&self->cond, &self->mutex) == 0;
  return pthread_cond_timedwait (&self->cond, &self->mutex, &when) != ETIMEDOUT;
}

G_END_DECLS
