/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's side of an AviCall: answering it.
 */
#pragma once

#include "avi-call.h"

G_BEGIN_DECLS

/* FALSE where it was answered before. @peer: a reference is taken. @error: (transfer full) */
gboolean avi_call_answer (AviCall *self, gint64 number, AviPeerInfo *peer, GError *error);

G_END_DECLS
