/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-sleep.h"

#include <time.h>

static gint64
avi_sleep_get_now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return (gint64) boot.tv_sec * G_USEC_PER_SEC + boot.tv_nsec / 1000 - g_get_monotonic_time ();
}

gint64 (*avi_sleep_get) (void) = avi_sleep_get_now;
