/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocalNodes: who else has a file in the folder, as far as the last scan saw, and what that says.
 * AviLocal tells it when to scan. It reads a file only where it is another one than before, and
 * removes those of the dead.
 */
#pragma once

#include "discovery/avi-local-file.h"
#include "discovery/avi-local-folder.h"

G_BEGIN_DECLS

#define AVI_LOCAL_MAX_NODES   256  /* others of the same user; more are not seen */
#define AVI_LOCAL_MAX_ENTRIES 1024 /* of the folder, looked at by one scan */

typedef struct _AviLocalNodes AviLocalNodes;

/* @addresses: (element-type AviMultiaddr), without /p2p/, loopback only; may be empty. Called once
 * per node that is there or has changed, never for oneself. Neither may free who calls. */
typedef void (*AviLocalFound) (gpointer user_data, const AviPeerId *peer, const char *name, GPtrArray *addresses);
typedef void (*AviLocalGone)  (gpointer user_data, const AviPeerId *peer);

/* @folder lives longer. */
AviLocalNodes *avi_local_nodes_new   (AviLocalFolder  *folder,
                                      const AviPeerId *self_id,
                                      AviLocalFound    found,
                                      AviLocalGone     gone,
                                      gpointer         user_data);
void           avi_local_nodes_free  (AviLocalNodes *self);
/* Does nothing from within what it calls, and where the folder cannot be read: what was known stays. */
void           avi_local_nodes_scan  (AviLocalNodes *self);
guint          avi_local_nodes_get_n (AviLocalNodes *self);

G_END_DECLS
