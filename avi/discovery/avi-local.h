/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocal: nodes of one user on one machine find each other through files in the user's runtime
 * directory: avi/<peer id>.node, a key file with peer id, name, boot id and loopback listen
 * addresses (AviLocalFile). Needs nothing but `lo`. The engine makes one per device; everything
 * happens on the thread-default context of the thread that makes it, which watches the folder by a
 * GFileMonitor. Never connects. The folder itself is AviLocalFolder's, who is in it AviLocalNodes's,
 * our own file AviLocalOwn's.
 *
 * The rules by which nodes share the folder without ever waiting for each other:
 *
 *  - The owner of a file holds an exclusive flock on its inode from before the file has its name
 *    until after it has lost it. Renaming keeps the lock, and a file once named never changes.
 *  - Whoever gets a shared lock on a file knows that its owner is dead. Only who then gets the
 *    exclusive lock may remove it, and only while the path still names the inode that is locked.
 *  - A name that exists is taken only by its owner, by renaming over it; everybody else fails.
 *
 * Others may remove all of it: a logind does so to /run/user/UID when the user's last session ends,
 * and makes it anew at the next. What is lost is noticed by events of the folder and at the recheck,
 * and made anew: at once, or, where that cannot be, at a recheck.
 */
#pragma once

#include <gio/gio.h>

#include "discovery/avi-local-nodes.h"

G_BEGIN_DECLS

/* While there are others, for a death makes no event in the folder; and once something was lost. */
#define AVI_LOCAL_RECHECK_SECONDS 10

typedef struct _AviLocal AviLocal;

/* @error: why nobody finds us; NULL: that is over. Called when it changes, from where @found is, but
 * not from `publish`, which says it itself. May not free the AviLocal. */
typedef void (*AviLocalTrouble) (gpointer user_data, const GError *error);

/* @directory: the user's runtime directory (the "avi" folder below it is made, 0700), NULL for
 * g_get_user_runtime_dir (). @found and @gone are called from the context or from `scan`. Fails as
 * avi_local_folder_open does. The first scan comes with the next iteration of the context. */
AviLocal *avi_local_new     (const char       *directory,
                             const AviPeerId  *self_id,
                             AviLocalFound     found,
                             AviLocalGone      gone,
                             AviLocalTrouble   trouble,
                             gpointer          user_data,
                             GError          **error);
/* Writes our own file, whole; again where something has changed. Addresses that are not loopback, and
 * those beyond AVI_LOCAL_FILE_MAX_ADDRESSES, are left out. AVI_ERROR_ALREADY_EXISTS: a living node has
 * this peer id; its file stays. What could not be written is tried again at each recheck. */
gboolean avi_local_publish (AviLocal *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses,
                            GError **error);
/* Looks at the folder now: rather than when the monitor says so, or at the recheck. To be called
 * when the connection with a local node has ended. */
void      avi_local_scan    (AviLocal *self);
/* Removes our own file and forgets the rest. */
void      avi_local_free    (AviLocal *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLocal, avi_local_free)

G_END_DECLS
