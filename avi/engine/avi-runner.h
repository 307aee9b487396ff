/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviRunner: who gives an engine its time: a thread of its own, or the program's main context, in
 * which it is one source. It makes the engine, and frees it and itself once that has ended. Also the
 * list of the process's engines, for which an exit waits a moment. Used by AviCore only.
 */
#pragma once

#include "avi-core.h"

G_BEGIN_DECLS

typedef struct _AviRunner AviRunner;

/* With the core's lock held. Takes @settings, and holds the core until the engine has ended. FALSE:
 * nothing was begun. */
gboolean avi_runner_launch   (AviCore *core, AviSettings *settings, GError **error);
/* In the thread that owns @context: waits for an event of any of the engines that run in it, at most @max_wait ms
 * where that is not -1, and lets each act. All of them, for one may wait for another. */
void     avi_runners_iterate (GMainContext *context, int max_wait);
/* (transfer full): a context in which an engine runs that the calling thread started; NULL: there is none. */
GMainContext *avi_runners_dup_context (void);

/* The list is not changed in between: while the process forks. */
void     avi_runners_hold    (void);
void     avi_runners_release (void);
/* In the child, in between: its parent's engines are not its own. Allocates nothing. */
void     avi_runners_leave_behind (void);

G_END_DECLS
