/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gate.h"

#include "engine/avi-lock.h"
#include "engine/avi-sleep.h"

/* For a test that forgot to open it. */
#define PATIENCE (20 * (gint64) G_USEC_PER_SEC)

static AviLock lock; /* of what follows */
static gboolean closed;
static gboolean waits; /* an engine, there */

/* What an engine asks wherever it passes. */
static gint64
pass (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  avi_lock (&lock);
  waits = closed;
  avi_signal (&lock);
  while (closed)
    g_assert_true (avi_wait (&lock, deadline));
  waits = FALSE;
  avi_unlock (&lock);
  return 0;
}

void
gate_init (void)
{
  avi_lock_init (&lock);
  avi_sleep_get = pass;
}

void
gate_close (void)
{
  avi_lock (&lock);
  closed = TRUE;
  avi_unlock (&lock);
}

void
gate_open (void)
{
  avi_lock (&lock);
  closed = FALSE;
  avi_signal (&lock);
  avi_unlock (&lock);
}

void
gate_close_behind (CoreFixture *fixture)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  core_fixture_settle (fixture);
  gate_close ();
  avi_core_dial (fixture->core, "nobody", NULL);
  avi_lock (&lock);
  while (!waits)
    g_assert_true (avi_wait (&lock, deadline));
  avi_unlock (&lock);
}
