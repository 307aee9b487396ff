/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define RANDOM_PART "XXXXXX"
#define SUFFIX      ".tmp"
#define ATTEMPTS    100 /* each lost to a file that has the same random name */

gssize
avi_file_read (int     fd,
               guint8 *buffer,
               gsize   size)
{
  gsize len = 0;

  while (len < size)
    {
      gssize n = TEMP_FAILURE_RETRY (read (fd, buffer + len, size - len));

      if (n < 0)
        return -1;
      if (n == 0)
        break;
      len += n;
    }
  return len;
}

gboolean
avi_file_write (int     fd,
                AviSpan bytes)
{
  while (bytes.len > 0)
    {
      gssize n = TEMP_FAILURE_RETRY (write (fd, bytes.data, bytes.len));

      if (n < 0)
        return FALSE;
      bytes = avi_span_skip (bytes, n);
    }
  return fsync (fd) == 0;
}

/* --- temporary names --- */

/* Hidden, and unlike what people call their copies: `key.backup` is nobody's to remove. */
static char *
avi_file_get_template (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *temporary = g_strdup_printf (".%s." RANDOM_PART SUFFIX, name);

  return g_build_filename (folder, temporary, NULL);
}

/* TRUE where @name is one that the template's random part makes. */
static gboolean
avi_file_is_temporary (const char *name,
                       const char *template)
{
  gsize len = strlen (template);
  gsize fixed = len - strlen (RANDOM_PART SUFFIX);

  if (strlen (name) != len || strncmp (name, template, fixed) != 0 || !g_str_has_suffix (name, SUFFIX))
    return FALSE;
  for (gsize i = fixed; i < fixed + strlen (RANDOM_PART); i++)
    if (!g_ascii_isalnum (name[i]))
      return FALSE;
  return TRUE;
}

static gboolean
avi_file_is_stale (const char *path)
{
  struct stat info;

  return lstat (path, &info) == 0 && S_ISREG (info.st_mode) && (info.st_mode & 07777) == 0600
         && info.st_uid == geteuid () && g_get_real_time () / G_USEC_PER_SEC - info.st_mtime > AVI_FILE_STALE_SECONDS;
}

/* Removes what those left who were killed while they wrote @path. */
static void
avi_file_sweep (const char *path)
{
  g_autofree char *template_path = avi_file_get_template (path);
  g_autofree char *template = g_path_get_basename (template_path);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *full = g_build_filename (folder, name, NULL);

      if (avi_file_is_temporary (name, template) && avi_file_is_stale (full))
        unlink (full);
    }
}

/* --- files without a name --- */

/* -1 where the file system has none, or anything else is wrong: the way by names says what. */
static int
avi_file_write_nameless (const char *path,
                         AviSpan     bytes)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

  if (fd < 0 || avi_file_write (fd, bytes))
    return fd;
  close (fd);
  return -1;
}

/* Through /proc, since AT_EMPTY_PATH takes a capability. */
static gboolean
avi_file_link (int         fd,
               const char *path)
{
  g_autofree char *self = g_strdup_printf ("/proc/self/fd/%d", fd);

  return linkat (AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* --- files with a temporary name --- */

/* (transfer full): the temporary file's path; NULL with errno. */
static char *
avi_file_write_named (const char *path,
                      AviSpan     bytes)
{
  g_autofree char *temporary = avi_file_get_template (path);
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0600);
  int code;

  if (fd < 0)
    return NULL;
  if (avi_file_write (fd, bytes))
    {
      close (fd);
      return g_steal_pointer (&temporary);
    }
  code = errno;
  unlink (temporary);
  close (fd);
  errno = code;
  return NULL;
}

/* Not every file system knows RENAME_NOREPLACE, and not every one has hard links. */
static gboolean
avi_file_rename_new (const char *from,
                     const char *to)
{
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return TRUE;
  if ((errno != EINVAL && errno != ENOSYS) || link (from, to) != 0)
    return FALSE;
  unlink (from);
  return TRUE;
}

/* Like avi_file_write_named, but killed it leaves a name only from here to the rename. */
static char *
avi_file_write_named_late (const char *path,
                           AviSpan     bytes)
{
  int fd = avi_file_write_nameless (path, bytes);

  for (guint i = 0; fd >= 0 && i < ATTEMPTS; i++)
    {
      g_autofree char *temporary = avi_file_get_template (path);
      char *random = temporary + strlen (temporary) - strlen (RANDOM_PART SUFFIX);
      g_autofree char *digits = g_strdup_printf ("%06x", g_random_int () & 0xffffff);

      memcpy (random, digits, strlen (RANDOM_PART));
      if (avi_file_link (fd, temporary))
        {
          close (fd);
          return g_steal_pointer (&temporary);
        }
      if (errno != EEXIST)
        break;
    }
  if (fd >= 0)
    close (fd);
  return avi_file_write_named (path, bytes);
}

/* --- doors --- */

/* A name lasts once its folder is on the disk. */
static void
avi_file_finish (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

  if (fd >= 0)
    {
      fsync (fd);
      close (fd);
    }
  avi_file_sweep (path);
}

gboolean
avi_file_create_by_name (const char *path,
                         AviSpan     bytes)
{
  g_autofree char *temporary = avi_file_write_named (path, bytes);
  int code;

  if (temporary == NULL)
    return FALSE;
  if (!avi_file_rename_new (temporary, path))
    {
      code = errno;
      unlink (temporary);
      errno = code;
      return FALSE;
    }
  avi_file_finish (path);
  return TRUE;
}

gboolean
avi_file_create (const char *path,
                 AviSpan     bytes)
{
  int fd = avi_file_write_nameless (path, bytes);
  gboolean linked = fd >= 0 && avi_file_link (fd, path);
  int code = errno;

  if (fd >= 0)
    close (fd);
  if (linked)
    avi_file_finish (path);
  else if (fd < 0 || code != EEXIST)
    return avi_file_create_by_name (path, bytes);
  errno = code;
  return linked;
}

gboolean
avi_file_replace (const char *path,
                  AviSpan     bytes)
{
  g_autofree char *temporary = avi_file_write_named_late (path, bytes);
  int code;

  if (temporary == NULL)
    return FALSE;
  if (rename (temporary, path) != 0)
    {
      code = errno;
      unlink (temporary);
      errno = code;
      return FALSE;
    }
  avi_file_finish (path);
  return TRUE;
}
