/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviBootstrap: the addresses that a program gives its device to begin with. Those that name their
 * peer are addresses of that peer like any other, never forgotten. Those that do not are dialled
 * until a peer answers, with exponential back-off and jitter, for ever, and are then addresses of
 * that peer.
 */
#pragma once

#include "avi-dial.h"

G_BEGIN_DECLS

/* Errors: AVI_ERROR_INVALID_ARGUMENT, naming the address. */
AviBootstrap *avi_bootstrap_new     (AviEngine *engine, GError **error);
void          avi_bootstrap_start   (AviBootstrap *self);
/* Another network: try at once. */
void          avi_bootstrap_forgive (AviBootstrap *self);
/* At @address another peer answers than before. TRUE where it is one of ours without a peer id, to
 * be dialled anew for whoever is there now. */
gboolean      avi_bootstrap_has_moved (AviBootstrap *self, const AviMultiaddr *address);
void          avi_bootstrap_free    (AviBootstrap *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviBootstrap, avi_bootstrap_free)

G_END_DECLS
