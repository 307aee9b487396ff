/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocal: nodes of one user on one machine find each other through files in the user's runtime
 * directory: avi/<peer id>.node, a key file with peer id, name, boot id and loopback listen
 * addresses (AviLocalFile). Needs nothing but `lo`. The engine makes one per device; everything
 * happens on the thread-default context of the thread that makes it, which watches the folder by a
 * GFileMonitor. Never connects, and never follows a symbolic link below the runtime directory.
 *
 * The rules by which nodes share the folder without ever waiting for each other:
 *
 *  - The owner of a file holds an exclusive flock on its inode from before the file has its name
 *    until after it has lost it. Renaming keeps the lock, and a file once named never changes.
 *  - Whoever gets a shared lock on a file knows that its owner is dead. Only who then gets the
 *    exclusive lock may remove it, and only while the path still names the inode that is locked.
 *  - A name that exists is taken only by its owner, by renaming over it; everybody else fails.
 */
#pragma once

#include <gio/gio.h>

#include "discovery/avi-local-file.h"

G_BEGIN_DECLS

#define AVI_LOCAL_MAX_NODES       256  /* others of the same user; more are not seen */
#define AVI_LOCAL_MAX_ENTRIES     1024 /* of the folder, looked at by one scan */
#define AVI_LOCAL_RECHECK_SECONDS 10   /* while there are others: a death makes no event in the folder */

typedef struct _AviLocal AviLocal;

/* @addresses: (element-type AviMultiaddr), without /p2p/, loopback only; may be empty. Called once
 * per node that is there or has changed, from the context or from `scan`; never for oneself.
 * Neither may free the AviLocal. */
typedef void (*AviLocalFound) (gpointer user_data, const AviPeerId *peer, const char *name, GPtrArray *addresses);
typedef void (*AviLocalGone)  (gpointer user_data, const AviPeerId *peer);

/* @directory: the user's runtime directory (the "avi" folder below it is made, 0700), NULL for
 * g_get_user_runtime_dir (). Errors name the path: AVI_ERROR_NOT_FOUND where it does not exist,
 * AVI_ERROR_SECURITY where it, or the folder, is not the user's alone, else AVI_ERROR_FAILED. The
 * first scan comes with the next iteration of the context. */
AviLocal *avi_local_new     (const char       *directory,
                             const AviPeerId  *self_id,
                             AviLocalFound     found,
                             AviLocalGone      gone,
                             gpointer          user_data,
                             GError          **error);
/* Writes our own file, whole: to a temporary name, synced, locked, renamed. Again where something
 * has changed. Addresses that are not loopback, and those beyond AVI_LOCAL_FILE_MAX_ADDRESSES, are
 * left out. AVI_ERROR_ALREADY_EXISTS: a living node has this peer id; its file stays. */
gboolean avi_local_publish (AviLocal *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses,
                            GError **error);
/* Looks at the folder now: rather than when the monitor says so, or at the recheck. To be called
 * when the connection with a local node has ended. */
void      avi_local_scan    (AviLocal *self);
/* Removes our own file and forgets the rest. */
void      avi_local_free    (AviLocal *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLocal, avi_local_free)

G_END_DECLS
