/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A gate on an engine's way: while it is closed the engine's thread waits there, when it starts and after
 * each round, holding no lock; so that a test can say what comes before what.
 */
#pragma once

#include "core-fixture.h"

G_BEGIN_DECLS

/* In main. It is open. */
void gate_init         (void);
void gate_close        (void);
void gate_open         (void);
/* Closes it, and waits until the running engine has come to it. */
void gate_close_behind (CoreFixture *fixture);

G_END_DECLS
