/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocalOwn: our own file in the folder, whose lock says that we live: written to a temporary name,
 * synced, locked, renamed. AviLocal tells it what is to stand there, and asks it to renew what was
 * lost. It never takes the name from a living node.
 */
#pragma once

#include "discovery/avi-local-file.h"
#include "discovery/avi-local-folder.h"

G_BEGIN_DECLS

typedef struct
{
  AviLocalFolder *folder; /* lives longer */
  AviPeerId       id;
  char           *name;
  int             fd;     /* the published file, whose exclusive lock this is; -1: none */
  GBytes         *wanted; /* what is to stand there; NULL: nothing yet */
  GBytes         *there;  /* what does */
} AviLocalOwn;

void     avi_local_own_init    (AviLocalOwn *self, AviLocalFolder *folder, const AviPeerId *id);
/* Removes the file. */
void     avi_local_own_clear   (AviLocalOwn *self);

/* What `renew` is to write from now on. */
gboolean avi_local_own_set     (AviLocalOwn *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses,
                                GError **error);
/* Writes it, where it does not stand there already. AVI_ERROR_ALREADY_EXISTS: a living node has this
 * peer id; its file stays. */
gboolean avi_local_own_renew   (AviLocalOwn *self, GError **error);
/* TRUE: somebody has removed it, or put another in its place. */
gboolean avi_local_own_is_lost (AviLocalOwn *self);
/* Removes the file, as at the end; what is wanted stays. */
void     avi_local_own_retract (AviLocalOwn *self);

G_END_DECLS
