/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture of a run: how long deliveries took, and the mesh as it is at the end, from one node outwards.
 */
#pragma once

#include "sim-director.h"

G_BEGIN_DECLS

/* (transfer full) */
char *sim_svg_draw (SimDirector *director);

G_END_DECLS
