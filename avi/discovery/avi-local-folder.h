/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocalFolder: the folder in which the nodes of one user on one machine find each other, and what
 * can be done with the files in it whose owners nobody asks: who lives, and who may remove what. Its
 * rules are those of avi-local.h. AviLocal holds it; AviLocalNodes and AviLocalOwn work in it. It
 * never follows a symbolic link below the runtime directory.
 */
#pragma once

#include <sys/stat.h>

#include <glib.h>

#include "avi-error.h"

G_BEGIN_DECLS

#define AVI_LOCAL_NODE_SUFFIX      ".node"
#define AVI_LOCAL_TEMPORARY_SUFFIX ".tmp"

typedef struct
{
  char *directory; /* the user's runtime directory */
  char *path;      /* of the folder below it, for messages */
  int   fd;        /* a folder moved away is not written to; -1: not open */
} AviLocalFolder;

typedef enum
{
  AVI_LOCAL_ALIVE,   /* its owner holds the lock */
  AVI_LOCAL_DEAD,    /* the file is removed, by us or by whoever was faster */
  AVI_LOCAL_REPLACED /* another file has taken the name meanwhile, or none has it */
} AviLocalLife;

void         avi_local_folder_init      (AviLocalFolder *self, const char *directory);
void         avi_local_folder_clear     (AviLocalFolder *self);

/* Makes it where there is none, and lets go of the one that was open. Errors name the path:
 * AVI_ERROR_NOT_FOUND where the runtime directory does not exist, AVI_ERROR_SECURITY where it, or the
 * folder, is not the user's alone, else AVI_ERROR_FAILED. */
gboolean     avi_local_folder_open      (AviLocalFolder *self, GError **error);
/* FALSE: what is open is not, or no longer, where others look. */
gboolean     avi_local_folder_is_there  (AviLocalFolder *self);

/* TRUE where @name still names the inode that @fd is open on. */
gboolean     avi_local_folder_names     (AviLocalFolder *self, const char *name, int fd);
/* A regular file of ours, for reading; -1 and errno for anything else. Never waits (for a FIFO). */
int          avi_local_folder_open_file (AviLocalFolder *self, const char *name, struct stat *st);
/* What stands behind @name, open as @fd, and its removal where its owner is dead. */
AviLocalLife avi_local_folder_reap      (AviLocalFolder *self, const char *name, int fd);

/* FALSE, and an error that names @path. */
gboolean     avi_local_fail             (GError **error, AviError code, const char *path, const char *what);

G_END_DECLS
