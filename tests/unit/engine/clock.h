/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The clocks that the library reads in a test program that links this, in place of GLib's: they go
 * as the system's do until a test sets the wall's, or takes the monotonic one into its own hand.
 * GLib's own waiting is not deceived: where time is in the test's hand an engine sees that a timer is
 * due when it is woken next, as core_fixture_settle () does.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* In main: from here on the machine sleeps (avi_sleep_get) only when clock_sleep says so, rather than
 * whenever the monotonic clock stands. */
void clock_init     (void);
void clock_sleep    (gint64 by);

/* µs by which the wall clock is set forward. */
void clock_set_wall (gint64 by);

/* From here on the monotonic clock stands, an hour or more from now: before an engine runs. So GLib
 * never believes that a timer of it is due, which would keep it turning. */
void clock_stop     (void);
/* It stands at a later time. */
void clock_advance  (gint64 by);
/* It goes on from where it stands; GLib stays behind. */
void clock_go_on    (void);

G_END_DECLS
