/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Files of one name. */
#define MAX_NUMBER 999

struct _AviCapture
{
  char   *path;
  guint64 limit; /* bytes */
  guint64 size;  /* up to the end of the last whole block */
  int     fd;    /* -1: it is full, or could not be written */
};

struct _AviCaptureFlow
{
  AviCapture   *capture;
  AviPcapngFlow flow;
  char         *comment; /* for the next segment, or NULL */
  GByteArray   *blocks;  /* what is to be written */
};

/* --- the file --- */

/* Never one that is there, nor what a link leads to. */
static int
avi_capture_open (const char *path)
{
  return open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static char *
avi_capture_number_path (const char *path,
                         guint       number)
{
  const char *slash = strrchr (path, '/');
  const char *dot = strrchr (slash != NULL ? slash : path, '.');
  gsize stem = dot != NULL ? (gsize) (dot - path) : strlen (path);

  return g_strdup_printf ("%.*s-%u%s", (int) stem, path, number, path + stem);
}

/* @path: replaced where another name was taken. */
static int
avi_capture_create (char **path)
{
  g_autofree char *asked = g_strdup (*path);
  int fd = avi_capture_open (*path);

  for (guint number = 1; fd < 0 && errno == EEXIST && number <= MAX_NUMBER; number++)
    {
      g_free (*path);
      *path = avi_capture_number_path (asked, number);
      fd = avi_capture_open (*path);
    }
  return fd;
}

static void
avi_capture_give_up (AviCapture *self,
                     const char *why)
{
  g_message ("Decrypted traffic is no longer written to %s: %s", self->path, why);
  close (self->fd);
  self->fd = -1;
}

/* Returns 0, or what went wrong. */
static int
avi_capture_write_all (AviCapture *self,
                       AviSpan     bytes)
{
  while (bytes.len > 0)
    {
      ssize_t n = write (self->fd, bytes.data, bytes.len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      bytes = avi_span_skip (bytes, (gsize) n);
    }
  return 0;
}

/* Whole blocks or nothing. */
static void
avi_capture_write (AviCapture *self,
                   GByteArray *blocks)
{
  int code;

  if (self->fd >= 0 && blocks->len > self->limit - self->size)
    {
      g_autofree char *limit = g_format_size_full (self->limit, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *why = g_strdup_printf ("it has reached its limit of %s", limit);

      avi_capture_give_up (self, why);
    }
  if (self->fd >= 0)
    {
      code = avi_capture_write_all (self, AVI_SPAN (blocks->data, blocks->len));
      if (code == 0)
        self->size += blocks->len;
      /* Half a block would make the file unreadable. */
      else if (ftruncate (self->fd, (off_t) self->size) < 0)
        avi_capture_give_up (self, g_strerror (errno));
      else
        avi_capture_give_up (self, g_strerror (code));
    }
  g_byte_array_set_size (blocks, 0);
}

AviCapture *
avi_capture_new (const char *path,
                 guint64     limit,
                 GError    **error)
{
  g_autofree char *actual = g_strdup (path);
  g_autoptr(GByteArray) head = g_byte_array_new ();
  int fd = avi_capture_create (&actual);
  AviCapture *self;

  if (fd < 0)
    {
      int code = errno;

      g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (code),
                   "Decrypted traffic cannot be written to %s: %s", actual, g_strerror (code));
      return NULL;
    }
  self = g_new0 (AviCapture, 1);
  self->path = g_steal_pointer (&actual);
  self->limit = limit;
  self->fd = fd;
  avi_pcapng_put_head (
      head, "Avi " PACKAGE_VERSION,
      "What Avi's connections carry, decrypted. The TCP headers are made up, their addresses are not.");
  avi_capture_write (self, head);
  return self;
}

void
avi_capture_free (AviCapture *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  g_free (self);
}

const char *
avi_capture_get_path (AviCapture *self)
{
  return self->path;
}

AviCapture *
avi_capture_get (void)
{
  /* Not what somebody says to a program with more rights than they have. */
  const char *path = secure_getenv (AVI_CAPTURE_VARIABLE);
  g_autoptr(GError) error = NULL;
  AviCapture *self;

  if (path == NULL || path[0] == '\0')
    return NULL;
  self = avi_capture_new (path, AVI_CAPTURE_MAX_BYTES, &error);
  if (self != NULL)
    g_message ("All that this device says and hears is written in clear to %s (" AVI_CAPTURE_VARIABLE ")", self->path);
  else
    g_warning ("%s (" AVI_CAPTURE_VARIABLE ")", error->message);
  return self;
}

/* --- a connection in it --- */

static void
avi_capture_flow_flush (AviCaptureFlow *self)
{
  if (self->blocks->len > 0)
    avi_capture_write (self->capture, self->blocks);
}

AviCaptureFlow *
avi_capture_flow_new (AviCapture            *capture,
                      const struct sockaddr *local,
                      const struct sockaddr *remote,
                      gboolean               dialled,
                      const char            *us)
{
  AviCaptureFlow *self = g_new0 (AviCaptureFlow, 1);
  g_autofree char *comment = g_strdup_printf ("this node is %s", us);

  self->capture = capture;
  self->blocks = g_byte_array_new ();
  avi_pcapng_flow_init (&self->flow, local, remote);
  avi_pcapng_put_open (&self->flow, self->blocks, dialled ? AVI_PCAPNG_US : AVI_PCAPNG_PEER, g_get_real_time (),
                       comment);
  avi_capture_flow_flush (self);
  return self;
}

void
avi_capture_flow_name (AviCaptureFlow *self,
                       const char     *peer)
{
  g_free (self->comment);
  self->comment = g_strdup_printf ("the peer is %s", peer);
}

void
avi_capture_flow_take (AviCaptureFlow *self,
                       AviLinkTap     *tap)
{
  gint64 now = g_get_real_time ();
  AviLinkTapRecord record;
  gsize offset = 0;

  while (self->capture->fd >= 0 && avi_link_tap_next (tap, &offset, &record))
    {
      avi_pcapng_put_data (&self->flow, self->blocks, record.said ? AVI_PCAPNG_US : AVI_PCAPNG_PEER, record.bytes, now,
                           self->comment);
      g_clear_pointer (&self->comment, g_free);
    }
  avi_pcapng_skip (&self->flow, AVI_PCAPNG_US, tap->lost[TRUE]);
  avi_pcapng_skip (&self->flow, AVI_PCAPNG_PEER, tap->lost[FALSE]);
  avi_link_tap_reset (tap);
  avi_capture_flow_flush (self);
}

void
avi_capture_flow_end (AviCaptureFlow *self,
                      gboolean        by_peer,
                      const char     *why)
{
  g_autofree char *comment = g_strdup_printf ("%s%s%s", self->comment != NULL ? self->comment : "",
                                              self->comment != NULL ? "; " : "", why);

  avi_pcapng_put_close (&self->flow, self->blocks, by_peer ? AVI_PCAPNG_PEER : AVI_PCAPNG_US, g_get_real_time (),
                        comment);
  avi_capture_flow_flush (self);
  g_byte_array_unref (self->blocks);
  g_free (self->comment);
  g_free (self);
}
