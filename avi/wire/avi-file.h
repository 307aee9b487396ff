/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviFile: small files of the user's own, read with a limit, and written whole or not at all, synced,
 * mode 0600. Whoever is killed in the midst of writing leaves nothing, or else, where the file system
 * has no nameless files, `.NAME.XXXXXX.tmp`, which the next who writes NAME removes once it is old.
 * It never follows a symbolic link that has the name to be written, and never says more of a failure
 * than errno does.
 */
#pragma once

#include "wire/avi-span.h"

G_BEGIN_DECLS

#define AVI_FILE_STALE_SECONDS 3600 /* nobody takes that long to write one */

/* To the end of @fd, or until @size bytes are read: how many; -1 with errno. */
gssize   avi_file_read   (int fd, guint8 *buffer, gsize size);
/* All of @bytes, synced; FALSE with errno. */
gboolean avi_file_write  (int fd, AviSpan bytes);

/* A new file. EEXIST: the name is taken, by whatever it is. */
gboolean avi_file_create  (const char *path, AviSpan bytes);
/* A new file, or another in the place of an old one. */
gboolean avi_file_replace (const char *path, AviSpan bytes);

/* What avi_file_create does on a file system without nameless files: for its test. */
gboolean avi_file_create_by_name (const char *path, AviSpan bytes);

G_END_DECLS
