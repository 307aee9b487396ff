/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGuest: a GMainContext that lives in an AviLoop: what GIO does for the engine (D-Bus, file
 * monitors, the resolver) ends there, and the loop's thread need not sleep in two places. The
 * context's descriptors are in the loop's epoll set, its next timeout is a timer. Between `enter` and
 * `leave` it is the thread's default, as it has to be whenever GIO is called.
 */
#pragma once

#include "avi-loop.h"

G_BEGIN_DECLS

typedef struct _AviGuest AviGuest;

AviGuest *avi_guest_new    (AviLoop *loop);
/* Runs what ends yet, cancelled calls of GIO say, so that nothing is left in the context. */
void      avi_guest_free   (AviGuest *self);
void      avi_guest_enter  (AviGuest *self);
void      avi_guest_leave  (AviGuest *self);
/* At the end of each round: GIO may have been asked for something in it. */
void      avi_guest_update (AviGuest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviGuest, avi_guest_free)

G_END_DECLS
