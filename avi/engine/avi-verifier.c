/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-verifier.h"

#include "avi-lock.h"

typedef struct _Job Job;
struct _Job
{
  Job *next;
  guint64 ticket;
  AviPublicKey *key;
  AviSpan signed_bytes;
  AviSpan signature;
  gboolean done;
  gboolean valid;
};

struct _AviVerifier
{
  guint max_threads;
  void (*wake) (gpointer user_data);
  gpointer wake_data;

  /* The engine's. */
  guint n_pending; /* jobs: most rounds there are none, and no lock to take */
  guint n_threads;
  GThread *threads[AVI_VERIFIER_MAX_THREADS];

  AviLock lock; /* of what follows; of a job: who claimed it has it, until it is done */
  Job *first;   /* to be answered next */
  Job *last;
  Job *unclaimed; /* the first that nobody looks at yet */
  guint n_unclaimed;
  gboolean woken; /* the engine is going to ask for answers */
  gboolean waiting; /* the engine does, for the first answer */
  gboolean ending;
};

AviVerifier *
avi_verifier_new (guint max_threads, void (*wake) (gpointer user_data), gpointer user_data)
{
  AviVerifier *self = g_new0 (AviVerifier, 1);

  self->max_threads = MIN (max_threads, AVI_VERIFIER_MAX_THREADS);
  self->wake = wake;
  self->wake_data = user_data;
  avi_lock_init (&self->lock);
  return self;
}

guint
avi_verifier_get_default_threads (void)
{
  return MIN (g_get_num_processors () - 1, AVI_VERIFIER_MAX_THREADS);
}

/* --- jobs --- */

/* With the lock held. */
static Job *
avi_verifier_claim (AviVerifier *self)
{
  Job *job = self->unclaimed;

  if (job == NULL)
    return NULL;
  self->unclaimed = job->next;
  self->n_unclaimed--;
  return job;
}

/* With the lock held, which it gives up meanwhile. */
static void
avi_verifier_do (AviVerifier *self, Job *job)
{
  gboolean valid;

  avi_unlock (&self->lock);
  valid = avi_public_key_verify (job->key, job->signed_bytes, job->signature);
  avi_lock (&self->lock);
  job->valid = valid;
  job->done = TRUE;
}

/* In the calling thread. FALSE: none waits. */
static gboolean
avi_verifier_do_one (AviVerifier *self)
{
  Job *job;

  avi_lock (&self->lock);
  job = avi_verifier_claim (self);
  if (job != NULL)
    avi_verifier_do (self, job);
  avi_unlock (&self->lock);
  return job != NULL;
}

void
avi_verifier_add (AviVerifier *self, guint64 ticket, AviPublicKey *key, AviSpan signed_bytes, AviSpan signature)
{
  Job *job = g_new0 (Job, 1);
  gboolean full;

  self->n_pending++;
  job->ticket = ticket;
  job->key = key;
  job->signed_bytes = signed_bytes;
  job->signature = signature;

  avi_lock (&self->lock);
  if (self->last != NULL)
    self->last->next = job;
  else
    self->first = job;
  self->last = job;
  if (self->unclaimed == NULL)
    self->unclaimed = job;
  full = ++self->n_unclaimed > AVI_VERIFIER_MAX_WAITING;
  avi_unlock (&self->lock);

  if (full)
    avi_verifier_do_one (self);
}

gboolean
avi_verifier_next (AviVerifier *self, guint64 *ticket, gboolean *valid)
{
  Job *job;

  if (self->n_pending == 0)
    return FALSE;
  avi_lock (&self->lock);
  job = self->first->done ? self->first : NULL;
  if (job != NULL)
    {
      self->first = job->next;
      if (self->first == NULL)
        self->last = NULL;
    }
  self->woken = job != NULL && self->first != NULL;
  avi_unlock (&self->lock);
  if (job == NULL)
    return FALSE;

  self->n_pending--;
  *ticket = job->ticket;
  *valid = job->valid;
  g_free (job);
  return TRUE;
}

/* --- the pool --- */

static gpointer
avi_verifier_run (gpointer data)
{
  AviVerifier *self = data;

  avi_lock (&self->lock);
  while (!self->ending)
    {
      Job *job = avi_verifier_claim (self);

      if (job == NULL)
        {
          avi_wait (&self->lock, G_MAXINT64);
          continue;
        }
      avi_verifier_do (self, job);
      if (job == self->first && self->waiting)
        avi_signal (&self->lock);
      else if (job == self->first && !self->woken)
        {
          self->woken = TRUE;
          self->wake (self->wake_data);
        }
    }
  avi_unlock (&self->lock);
  return NULL;
}

/* Where the system gives no thread, the engine's does all of it. */
static void
avi_verifier_call_pool (AviVerifier *self)
{
  while (self->n_threads < self->max_threads)
    {
      GThread *thread = g_thread_try_new ("avi-verifier", avi_verifier_run, self, NULL);

      if (thread == NULL)
        self->max_threads = self->n_threads;
      else
        self->threads[self->n_threads++] = thread;
    }
  avi_lock (&self->lock);
  avi_signal (&self->lock);
  avi_unlock (&self->lock);
}

gboolean
avi_verifier_work (AviVerifier *self)
{
  guint n, n_left;

  if (self->n_pending == 0)
    return FALSE;
  avi_lock (&self->lock);
  n = self->n_unclaimed;
  avi_unlock (&self->lock);
  if (n > AVI_VERIFIER_FEW)
    avi_verifier_call_pool (self);
  for (guint i = 0; i < MIN (n, AVI_VERIFIER_FEW); i++)
    if (!avi_verifier_do_one (self))
      break;

  avi_lock (&self->lock);
  n_left = self->n_unclaimed;
  avi_unlock (&self->lock);
  return n_left > 0;
}

gboolean
avi_verifier_wait (AviVerifier *self)
{
  gboolean done;

  if (self->n_pending == 0)
    return FALSE;
  avi_lock (&self->lock);
  self->waiting = TRUE;
  while (!self->first->done && self->first != self->unclaimed)
    avi_wait (&self->lock, G_MAXINT64);
  self->waiting = FALSE;
  done = self->first->done;
  avi_unlock (&self->lock);
  return done;
}

guint
avi_verifier_get_n_threads (AviVerifier *self)
{
  return self->n_threads;
}

void
avi_verifier_free (AviVerifier *self)
{
  avi_lock (&self->lock);
  self->ending = TRUE;
  avi_signal (&self->lock);
  avi_unlock (&self->lock);
  for (guint i = 0; i < self->n_threads; i++)
    g_thread_join (self->threads[i]);

  while (self->first != NULL)
    {
      Job *job = self->first;

      self->first = job->next;
      g_free (job);
    }
  avi_lock_clear (&self->lock);
  g_free (self);
}
