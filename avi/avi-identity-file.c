/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-identity-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"

/* A PrivateKey takes 68 or 100 bytes; a larger file is something else. */
#define MAX_FILE_LEN 4096

static gboolean
avi_identity_file_fail (const char *file,
                        const char *what,
                        int         code,
                        GError    **error)
{
  g_set_error (error, AVI_ERROR,
               code == ENOENT ? AVI_ERROR_NOT_FOUND : code == EEXIST ? AVI_ERROR_ALREADY_EXISTS : AVI_ERROR_FAILED,
               "%s the identity file “%s”: %s", what, file, g_strerror (code));
  return FALSE;
}

/* Only a regular file that nobody but its owner may read or write. */
static gboolean
avi_identity_file_check (const char *file,
                         int         fd,
                         GError    **error)
{
  struct stat info;

  if (fstat (fd, &info) != 0)
    return avi_identity_file_fail (file, "Cannot look at", errno, error);
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "The identity file “%s” is not a regular file", file);
      return FALSE;
    }
  if ((info.st_mode & 077) != 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
                   "The identity file “%s” is open to others than its owner (mode %04o); "
                   "if its key is still secret, close it with: chmod 600 “%s”",
                   file, (guint) info.st_mode & 07777, file);
      return FALSE;
    }
  if (info.st_size > MAX_FILE_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "The identity file “%s” holds %" G_GINT64_FORMAT
                   " bytes, which no identity does", file, (gint64) info.st_size);
      return FALSE;
    }
  return TRUE;
}

/* Reads at most @size bytes; -1 and errno where that fails. */
static gssize
avi_identity_file_read_all (int     fd,
                            guint8 *buffer,
                            gsize   size)
{
  gsize len = 0;

  while (len < size)
    {
      gssize n = read (fd, buffer + len, size - len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      len += n;
    }
  return len;
}

static AviKeyPair *
avi_identity_file_read (const char *file,
                        int         fd,
                        GError    **error)
{
  guint8 buffer[MAX_FILE_LEN];
  gssize len;
  AviKeyPair *key;

  if (!avi_identity_file_check (file, fd, error))
    return NULL;
  len = avi_identity_file_read_all (fd, buffer, sizeof buffer);
  if (len < 0)
    {
      avi_identity_file_fail (file, "Cannot read", errno, error);
      return NULL;
    }
  key = avi_key_pair_decode (AVI_SPAN (buffer, len), error);
  avi_wipe (buffer, sizeof buffer);
  if (key == NULL && error != NULL)
    {
      g_prefix_error (error, "The identity file “%s” is damaged: ", file);
      (*error)->code = AVI_ERROR_SECURITY;
    }
  return key;
}

AviKeyPair *
avi_identity_file_load (const char *file,
                        GError    **error)
{
  /* Not blocked by a FIFO of that name: what it is gets checked once it is open. */
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  AviKeyPair *key;

  if (fd < 0)
    {
      avi_identity_file_fail (file, "Cannot open", errno, error);
      return NULL;
    }
  key = avi_identity_file_read (file, fd, error);
  close (fd);
  return key;
}

static gboolean
avi_identity_file_write_all (int     fd,
                             GBytes *bytes)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);

  while (len > 0)
    {
      gssize n = write (fd, data, len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      data += n;
      len -= n;
    }
  return fsync (fd) == 0;
}

/* Gives a finished file its name, unless that is taken (EEXIST). Not every file system knows
 * RENAME_NOREPLACE, and not every one has hard links. */
static gboolean
avi_identity_file_rename_new (const char *from,
                              const char *to)
{
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return TRUE;
  if (errno != EINVAL && errno != ENOSYS)
    return FALSE;
  if (link (from, to) != 0)
    return FALSE;
  unlink (from);
  return TRUE;
}

/* A rename lasts once its folder is on the disk. */
static void
avi_identity_file_sync_folder (const char *file)
{
  g_autofree char *folder = g_path_get_dirname (file);
  int fd = open (folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

gboolean
avi_identity_file_create (const char *file,
                          AviKeyPair *key,
                          GError    **error)
{
  g_autofree char *temporary = g_strconcat (file, ".XXXXXX", NULL);
  g_autoptr(GBytes) bytes = avi_key_pair_encode (key);
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0600);
  gboolean written;
  int code;

  if (fd < 0)
    return avi_identity_file_fail (file, "Cannot create", errno, error);
  written = avi_identity_file_write_all (fd, bytes);
  code = errno;
  avi_wipe ((gpointer) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (close (fd) != 0 && written)
    {
      written = FALSE;
      code = errno;
    }
  if (written && !avi_identity_file_rename_new (temporary, file))
    {
      written = FALSE;
      code = errno;
    }
  if (!written)
    {
      unlink (temporary);
      return avi_identity_file_fail (file, "Cannot write", code, error);
    }
  avi_identity_file_sync_folder (file);
  return TRUE;
}
