/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviEngine: one device's network state, owned by one thread from its start to its stop. It obeys
 * the commands of its AviCore and tells it what happens; it knows no public object.
 */
#pragma once

#include "avi-core.h"

G_BEGIN_DECLS

typedef struct _AviEngine AviEngine;

/* On the thread that is to run it. @settings must outlive it. */
AviEngine *avi_engine_new  (AviCore *core, const AviSettings *settings);
/* Starts, runs and stops; the core is told of each. */
void       avi_engine_run  (AviEngine *self);
void       avi_engine_free (AviEngine *self);
/* Any thread: there are commands. */
void       avi_engine_wake (AviEngine *self);

G_END_DECLS
