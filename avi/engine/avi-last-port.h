/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The port that a node with a saved identity listens on, so that an address given away once goes on
 * working: `avi/<peer id>.state` in the user's state directory. One that it had only because this
 * was taken is not saved. A convenience: it never fails loudly.
 */
#pragma once

#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

/* 0: not known. */
guint16 avi_last_port_load (const AviPeerId *peer);
void    avi_last_port_save (const AviPeerId *peer, guint16 port);

G_END_DECLS
