/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-local-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define FOLDER "avi"

gboolean
avi_local_fail (GError **error, AviError code, const char *path, const char *what)
{
  g_set_error (error, AVI_ERROR, (gint) code, "%s: %s", path, what);
  return FALSE;
}

void
avi_local_folder_init (AviLocalFolder *self, const char *directory)
{
  self->directory = g_strdup (directory);
  self->path = g_build_filename (directory, FOLDER, NULL);
  self->fd = -1;
}

static void
avi_local_folder_close (AviLocalFolder *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

void
avi_local_folder_clear (AviLocalFolder *self)
{
  avi_local_folder_close (self);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->directory, g_free);
}

/* --- opening --- */

/* A directory that is the user's own. */
static gboolean
avi_local_folder_check_owner (int fd, mode_t forbidden, const char *path, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) != 0)
    return avi_local_fail (error, AVI_ERROR_FAILED, path, g_strerror (errno));
  if (st.st_uid != geteuid ())
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "%s: belongs to user %u, not to user %u",
                   path, (guint) st.st_uid, (guint) geteuid ());
      return FALSE;
    }
  if ((st.st_mode & forbidden) != 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "%s: has mode %04o, which lets others in; it must be 0700",
                   path, (guint) st.st_mode & 07777);
      return FALSE;
    }
  return TRUE;
}

static gboolean
avi_local_folder_open_below (AviLocalFolder *self, int runtime, GError **error)
{
  if (runtime < 0)
    return avi_local_fail (error, errno == ENOENT ? AVI_ERROR_NOT_FOUND : AVI_ERROR_FAILED,
                           self->directory, g_strerror (errno));
  if (!avi_local_folder_check_owner (runtime, 0, self->directory, error))
    return FALSE;

  if (mkdirat (runtime, FOLDER, 0700) != 0 && errno != EEXIST)
    return avi_local_fail (error, AVI_ERROR_FAILED, self->path, g_strerror (errno));

  self->fd = openat (runtime, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (self->fd < 0 && (errno == ELOOP || errno == ENOTDIR))
    return avi_local_fail (error, AVI_ERROR_SECURITY, self->path, "is not a directory");
  if (self->fd < 0)
    return avi_local_fail (error, AVI_ERROR_FAILED, self->path, g_strerror (errno));

  return avi_local_folder_check_owner (self->fd, 0077, self->path, error);
}

gboolean
avi_local_folder_open (AviLocalFolder *self, GError **error)
{
  int runtime;
  gboolean opened;

  avi_local_folder_close (self);
  runtime = open (self->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  opened = avi_local_folder_open_below (self, runtime, error);
  if (runtime >= 0)
    close (runtime);
  if (!opened)
    avi_local_folder_close (self);
  return opened;
}

static gboolean
avi_local_folder_is_same (int fd, int at, const char *name)
{
  struct stat open_file, named;

  return fd >= 0 && fstat (fd, &open_file) == 0 && fstatat (at, name, &named, AT_SYMLINK_NOFOLLOW) == 0
         && open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

gboolean
avi_local_folder_is_there (AviLocalFolder *self)
{
  return avi_local_folder_is_same (self->fd, AT_FDCWD, self->path);
}

/* --- the files in it --- */

gboolean
avi_local_folder_names (AviLocalFolder *self, const char *name, int fd)
{
  return avi_local_folder_is_same (fd, self->fd, name);
}

int
avi_local_folder_open_file (AviLocalFolder *self, const char *name, struct stat *st)
{
  int fd = openat (self->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd < 0)
    return -1;
  if (fstat (fd, st) == 0 && S_ISREG (st->st_mode) && st->st_uid == geteuid ())
    return fd;

  close (fd);
  errno = EPERM;
  return -1;
}

/* Two nodes may hold the shared lock and be about to unlink; a new file that took the name after the
 * first did so would fall to the second. The exclusive lock makes it one, and nobody takes a name
 * that is there. */
AviLocalLife
avi_local_folder_reap (AviLocalFolder *self, const char *name, int fd)
{
  if (flock (fd, LOCK_SH | LOCK_NB) != 0)
    return AVI_LOCAL_ALIVE;
  /* Its owner lets go of a lock only when the name is another file's. */
  if (!avi_local_folder_names (self, name, fd))
    return AVI_LOCAL_REPLACED;

  if (flock (fd, LOCK_EX | LOCK_NB) == 0 && avi_local_folder_names (self, name, fd) &&
      unlinkat (self->fd, name, 0) == 0)
    g_debug ("Removed %s/%s: its owner is gone", self->path, name);
  return AVI_LOCAL_DEAD;
}
