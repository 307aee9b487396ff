/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviEngine: one device's network state, used by one thread at a time from its start to its stop. It obeys
 * the commands of its AviCore and tells it what happens; it knows no public object.
 */
#pragma once

#include "avi-core.h"

G_BEGIN_DECLS

typedef struct _AviEngine AviEngine;

/* @settings must outlive it. */
AviEngine *avi_engine_new     (AviCore *core, const AviSettings *settings);
/* One round; the first one starts it, waiting for nothing. The core is told of its start and its end. FALSE:
 * it has ended. */
gboolean   avi_engine_iterate (AviEngine *self, gboolean may_block);
/* With a context in its settings: what its source there calls, which is to iterate it. FALSE: there are no
 * descriptors for a source. */
gboolean   avi_engine_set_dispatch (AviEngine *self, GSourceFunc dispatch, gpointer user_data, GError **error);
/* What to poll until it can act; returns the timeout in ms, -1: none. */
int        avi_engine_get_poll (AviEngine *self, GPollFD *fd);
void       avi_engine_free    (AviEngine *self);
/* Any thread: there are commands. */
void       avi_engine_wake    (AviEngine *self);
/* Instead of waking it: TRUE where nobody runs it just now. Then nobody else does, nor frees it, until the caller has
 * obeyed its commands, and sent what they gave rise to. */
gboolean   avi_engine_enter   (AviEngine *self);
void       avi_engine_obey_here (AviEngine *self);

G_END_DECLS
