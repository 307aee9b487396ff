/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-local-own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "crypto/avi-random.h"
#include "wire/avi-file.h"
#include "wire/avi-fork.h"

#define PUBLISH_ATTEMPTS 16 /* each lost to another node's clean-up, which is done in microseconds */

/* A new file with @text, locked; -1 on failure. With EWOULDBLOCK another node took the still
 * unlocked file for a dead one's, and removes it. */
static int
avi_local_own_write_temporary (AviLocalOwn *self, const char *temporary, GBytes *text)
{
  int fd = openat (self->folder->fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return -1;
  /* The lock is the child's as well, as long as that has the descriptor. */
  avi_fork_guard (fd);
  if (flock (fd, LOCK_EX | LOCK_NB) == 0 && avi_file_write (fd, avi_span_from_bytes (text)))
    return fd;

  int saved = errno;

  unlinkat (self->folder->fd, temporary, 0);
  avi_fork_close (fd);
  errno = saved;
  return -1;
}

/* Gives the file its name. EEXIST: somebody else's has it. */
static gboolean
avi_local_own_rename (AviLocalOwn *self, const char *temporary)
{
  guint flags = avi_local_folder_names (self->folder, self->name, self->fd) ? 0 : RENAME_NOREPLACE;

  return renameat2 (self->folder->fd, temporary, self->folder->fd, self->name, flags) == 0;
}

/* The file that has our name already: FALSE where it is a living node's, or no file at all. */
static gboolean
avi_local_own_reap_predecessor (AviLocalOwn *self)
{
  struct stat st;
  int fd = avi_local_folder_open_file (self->folder, self->name, &st);

  if (fd < 0)
    return errno == ENOENT;

  AviLocalLife life = avi_local_folder_reap (self->folder, self->name, fd);

  close (fd);
  return life != AVI_LOCAL_ALIVE;
}

/* One attempt. FALSE: errno says why; EWOULDBLOCK and ENOENT: our temporary file was taken for a
 * dead one's; EEXIST: the name is taken. */
static gboolean
avi_local_own_replace (AviLocalOwn *self, GBytes *text)
{
  AviRandom *random = avi_random_system ();
  guint32 high = avi_random_u32 (random);
  guint32 low = avi_random_u32 (random);
  g_autofree char *temporary = g_strdup_printf (".%08x%08x" AVI_LOCAL_TEMPORARY_SUFFIX, high, low);
  int fd = avi_local_own_write_temporary (self, temporary, text);

  if (fd < 0)
    return FALSE;
  if (avi_local_own_rename (self, temporary))
    {
      /* Only now may the predecessor's lock go: the path names the new inode. */
      if (self->fd >= 0)
        avi_fork_close (self->fd);
      self->fd = fd;
      return TRUE;
    }

  int saved = errno;

  unlinkat (self->folder->fd, temporary, 0);
  avi_fork_close (fd);
  errno = saved;
  return FALSE;
}

static gboolean
avi_local_own_write (AviLocalOwn *self, GBytes *text, GError **error)
{
  g_autofree char *path = g_build_filename (self->folder->path, self->name, NULL);
  int reason = 0;

  for (guint i = 0; i < PUBLISH_ATTEMPTS; i++)
    {
      if (avi_local_own_replace (self, text))
        return TRUE;
      reason = errno;
      if (reason == EEXIST && !avi_local_own_reap_predecessor (self))
        return avi_local_fail (error, AVI_ERROR_ALREADY_EXISTS, path, "another node with this peer id is running");
      if (reason != EEXIST && reason != EWOULDBLOCK && reason != ENOENT)
        break;
    }
  /* EEXIST: whenever a rival's file was out of the way, there was the next. */
  return avi_local_fail (error, reason == EEXIST ? AVI_ERROR_ALREADY_EXISTS : AVI_ERROR_FAILED, path,
                         g_strerror (reason));
}

/* --- doors --- */

gboolean
avi_local_own_set (AviLocalOwn *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses, GError **error)
{
  AviLocalFile file = { .peer = self->id, .name = (char *) name, .addresses = addresses };
  GBytes *text;

  memcpy (file.boot_id, boot_id, sizeof file.boot_id);
  text = avi_local_file_format (&file, error);
  if (text == NULL)
    return FALSE;
  g_clear_pointer (&self->wanted, g_bytes_unref);
  self->wanted = text;
  return TRUE;
}

gboolean
avi_local_own_is_lost (AviLocalOwn *self)
{
  return self->fd >= 0 && !avi_local_folder_names (self->folder, self->name, self->fd);
}

gboolean
avi_local_own_renew (AviLocalOwn *self, GError **error)
{
  if (self->wanted == NULL)
    return TRUE;
  if (self->fd >= 0 && g_bytes_equal (self->there, self->wanted) && !avi_local_own_is_lost (self))
    return TRUE;
  if (!avi_local_own_write (self, self->wanted, error))
    return FALSE;
  g_clear_pointer (&self->there, g_bytes_unref);
  self->there = g_bytes_ref (self->wanted);
  return TRUE;
}

void
avi_local_own_retract (AviLocalOwn *self)
{
  /* The name goes before the lock, so that nobody sees a file without an owner. */
  if (self->fd >= 0 && !avi_local_own_is_lost (self))
    unlinkat (self->folder->fd, self->name, 0);
  if (self->fd >= 0)
    avi_fork_close (self->fd);
  self->fd = -1;
}

void
avi_local_own_init (AviLocalOwn *self, AviLocalFolder *folder, const AviPeerId *id)
{
  g_autofree char *text = avi_peer_id_to_string (id);

  *self = (AviLocalOwn) { .folder = folder, .id = *id, .fd = -1 };
  self->name = g_strconcat (text, AVI_LOCAL_NODE_SUFFIX, NULL);
}

void
avi_local_own_clear (AviLocalOwn *self)
{
  avi_local_own_retract (self);
  g_clear_pointer (&self->wanted, g_bytes_unref);
  g_clear_pointer (&self->there, g_bytes_unref);
  g_clear_pointer (&self->name, g_free);
}
