/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long the machine has slept since it was started. An engine that sees it grow knows that its
 * connections may be dead and that its back-offs say nothing any more.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* µs: by how much the clock that counts sleep (CLOCK_BOOTTIME) is ahead of the one that does not. */
extern gint64 (*avi_sleep_get) (void); /* tests put another in its place before an engine runs */

G_END_DECLS
