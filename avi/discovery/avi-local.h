/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocal: nodes of one user on one machine find each other through files in the user's runtime
 * directory: avi/<peer id>.node, a key file with peer id, name, boot id and loopback listen
 * addresses. The owner of a file holds an exclusive flock on it: whoever gets a shared lock knows
 * that its owner is dead, and removes it. Needs nothing but `lo`; watched with GFileMonitor on the
 * thread-default context of the thread that makes it.
 */
#pragma once

#include <gio/gio.h>

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_LOCAL_MAX_NODES     256
#define AVI_LOCAL_MAX_FILE_LEN  (16 * 1024)

typedef struct _AviLocal AviLocal;

/* @addresses: (element-type AviMultiaddr). Called once per node that is there or has changed, from
 * the context; never for oneself. */
typedef void (*AviLocalFound) (gpointer user_data, const AviPeerId *peer, const char *name, GPtrArray *addresses);
typedef void (*AviLocalGone)  (gpointer user_data, const AviPeerId *peer);

/* @directory: the user's runtime directory (the "avi" folder below it is made, 0700), NULL for
 * g_get_user_runtime_dir (). Errors name the path. */
AviLocal *avi_local_new     (const char       *directory,
                             const AviPeerId  *self_id,
                             AviLocalFound     found,
                             AviLocalGone      gone,
                             gpointer          user_data,
                             GError          **error);
/* Writes our own file, whole: to a temporary name, synced, locked, renamed. */
gboolean  avi_local_publish (AviLocal *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses, GError **error);
/* Looks at the folder now, rather than when the monitor says so. */
void      avi_local_scan    (AviLocal *self);
/* Removes our own file and forgets the rest. */
void      avi_local_free    (AviLocal *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLocal, avi_local_free)

G_END_DECLS
