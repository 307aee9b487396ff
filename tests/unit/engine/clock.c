/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "clock.h"

#include <stdatomic.h>
#include <time.h>

#include "engine/avi-sleep.h"

#define FAR (3600 * (gint64) G_USEC_PER_SEC)

static _Atomic gint64 slept;
static _Atomic gint64 wall_ahead;
static _Atomic gint64 ahead;
static _Atomic gint64 stands_at; /* 0: it goes */

static gint64
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
g_get_monotonic_time (void)
{
  return stands_at != 0 ? stands_at : read_clock (CLOCK_MONOTONIC) + ahead;
}

gint64
g_get_real_time (void)
{
  return read_clock (CLOCK_REALTIME) + wall_ahead;
}

static gint64
get_slept (void)
{
  return slept;
}

void
clock_init (void)
{
  avi_sleep_get = get_slept;
}

void
clock_sleep (gint64 by)
{
  slept += by;
}

void
clock_set_wall (gint64 by)
{
  wall_ahead = by;
}

void
clock_stop (void)
{
  stands_at = MAX (g_get_monotonic_time (), read_clock (CLOCK_MONOTONIC) + FAR);
}

void
clock_advance (gint64 by)
{
  g_assert_true (stands_at != 0);
  stands_at += by;
}

void
clock_go_on (void)
{
  ahead = stands_at - read_clock (CLOCK_MONOTONIC);
  stands_at = 0;
}
