/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-identity-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "wire/avi-file.h"

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
  len = avi_file_read (fd, buffer, sizeof buffer);
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

/* A link that leads nowhere is there, and yet is not: its name is taken, and nothing can be read. */
static void
avi_identity_file_fail_open (const char *file,
                             int         code,
                             GError    **error)
{
  g_autofree char *target = code == ENOENT ? g_file_read_link (file, NULL) : NULL;

  if (target != NULL)
    g_set_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND,
                 "The identity file “%s” is a symbolic link to “%s”, which does not exist", file, target);
  else
    avi_identity_file_fail (file, "Cannot open", code, error);
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
      avi_identity_file_fail_open (file, errno, error);
      return NULL;
    }
  key = avi_identity_file_read (file, fd, error);
  close (fd);
  return key;
}

gboolean
avi_identity_file_create (const char *file,
                          AviKeyPair *key,
                          GError    **error)
{
  g_autoptr(GBytes) bytes = avi_key_pair_encode (key);
  gboolean written = avi_file_create (file, avi_span_from_bytes (bytes));
  int code = errno;

  avi_wipe ((gpointer) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return written || avi_identity_file_fail (file, "Cannot write", code, error);
}
