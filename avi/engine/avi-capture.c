/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-capture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of one name. */
#define MAX_NUMBER 999

/* Bytes: what a FIFO holds, as much as the system lets anybody have; and what waits here for its reader beyond that. */
#define FIFO_SIZE        (1 << 20)
#define FIFO_MAX_WAITING (4u << 20)

struct _AviCapture
{
  char       *path;
  guint64     limit;   /* bytes, of a file */
  guint64     size;    /* up to the end of the last whole block */
  GByteArray *waiting; /* of a FIFO: what it has no room for yet, lost where that is still so at the end; else NULL */
  int         fd;      /* -1: it is full, or could not be written */
};

struct _AviCaptureFlow
{
  AviCapture   *capture;
  AviPcapngFlow flow;
  char         *comment; /* for the next segment, or NULL */
  GByteArray   *blocks;  /* what is to be written */
};

/* --- opening --- */

/* Never one that is there, nor what a link leads to. */
static int
avi_capture_open_file (const char *path)
{
  return open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static char *
avi_capture_number_path (const char *path,
                         guint       number)
{
  const char *slash = strrchr (path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  const char *dot = strrchr (name, '.');
  gsize stem = dot != NULL && dot != name ? (gsize) (dot - path) : strlen (path);

  return g_strdup_printf ("%.*s-%u%s", (int) stem, path, number, path + stem);
}

/* @path: replaced where another name was taken. */
static int
avi_capture_create (char **path)
{
  g_autofree char *asked = g_strdup (*path);
  int fd = avi_capture_open_file (*path);

  for (guint number = 1; fd < 0 && errno == EEXIST && number <= MAX_NUMBER; number++)
    {
      g_free (*path);
      *path = avi_capture_number_path (asked, number);
      fd = avi_capture_open_file (*path);
    }
  return fd;
}

/* Of somebody else it would be their program that reads. The lock: two captures in one FIFO could not be told apart. */
static int
avi_capture_open_fifo (const char  *path,
                       const char **why)
{
  int fd = open (path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  struct stat status;

  *why = NULL;
  if (fd < 0)
    *why = errno == ENXIO ? "nobody reads from this FIFO" : g_strerror (errno);
  else if (fstat (fd, &status) < 0 || !S_ISFIFO (status.st_mode) || status.st_uid != geteuid ())
    *why = "it is not a FIFO of this user";
  else if (flock (fd, LOCK_EX | LOCK_NB) < 0)
    *why = "another capture is written to this FIFO";
  if (*why == NULL)
    (void) fcntl (fd, F_SETPIPE_SZ, FIFO_SIZE);
  else if (fd >= 0)
    close (fd);
  return *why == NULL ? fd : -1;
}

/* @path: as for avi_capture_create (). @fifo: set. Returns -1 and @why. */
static int
avi_capture_open (char       **path,
                  gboolean    *fifo,
                  const char **why)
{
  struct stat status;
  gboolean taken = lstat (*path, &status) == 0;
  int fd = -1;

  *fifo = taken && S_ISFIFO (status.st_mode);
  if (*fifo)
    return avi_capture_open_fifo (*path, why);
  if (taken && !S_ISREG (status.st_mode))
    *why = "it is there, and neither a regular file nor a FIFO";
  else if ((fd = avi_capture_create (path)) < 0)
    *why = g_strerror (errno);
  return fd;
}

/* --- writing --- */

static void
avi_capture_give_up (AviCapture *self,
                     const char *why)
{
  g_message ("Decrypted traffic is no longer written to %s: %s", self->path, why);
  close (self->fd);
  self->fd = -1;
}

/* write (), but the signals that it raises at this thread, of a limit or a reader that is gone, never arrive. */
static ssize_t
avi_capture_write_quietly (int     fd,
                           AviSpan bytes)
{
  static const struct timespec at_once = { 0, 0 };
  sigset_t raised, before, pending;
  ssize_t n;
  int code;

  sigemptyset (&raised);
  sigaddset (&raised, SIGXFSZ);
  sigaddset (&raised, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &raised, &before);
  /* One that waited already is the program's. */
  sigpending (&pending);
  if (sigismember (&pending, SIGXFSZ))
    sigdelset (&raised, SIGXFSZ);
  if (sigismember (&pending, SIGPIPE))
    sigdelset (&raised, SIGPIPE);
  n = write (fd, bytes.data, bytes.len);
  code = errno;
  if (n < 0 && (code == EFBIG || code == EPIPE))
    while (sigtimedwait (&raised, NULL, &at_once) < 0 && errno == EINTR)
      continue;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = code;
  return n;
}

/* @bytes: what is left of them is left over. Returns 0, or what went wrong. */
static int
avi_capture_write_some (AviCapture *self,
                        AviSpan    *bytes)
{
  while (bytes->len > 0)
    {
      ssize_t n = avi_capture_write_quietly (self->fd, *bytes);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      *bytes = avi_span_skip (*bytes, (gsize) n);
    }
  return 0;
}

static void
avi_capture_write_fifo (AviCapture *self,
                        GByteArray *blocks)
{
  AviSpan rest;
  int code;

  g_byte_array_append (self->waiting, blocks->data, blocks->len);
  rest = AVI_SPAN (self->waiting->data, self->waiting->len);
  code = avi_capture_write_some (self, &rest);
  g_byte_array_remove_range (self->waiting, 0, self->waiting->len - (guint) rest.len);
  if (code == EPIPE)
    avi_capture_give_up (self, "nobody reads from this FIFO any more");
  else if (code != 0 && code != EAGAIN)
    avi_capture_give_up (self, g_strerror (code));
  else if (rest.len > FIFO_MAX_WAITING)
    avi_capture_give_up (self, "who reads from this FIFO is too slow");
}

/* Whole blocks or nothing. */
static void
avi_capture_write_file (AviCapture *self,
                        GByteArray *blocks)
{
  AviSpan rest = AVI_SPAN (blocks->data, blocks->len);
  int code;

  if (blocks->len > self->limit - self->size)
    {
      g_autofree char *limit = g_format_size_full (self->limit, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *why = g_strdup_printf ("it has reached its limit of %s", limit);

      avi_capture_give_up (self, why);
      return;
    }
  code = avi_capture_write_some (self, &rest);
  if (code == 0)
    self->size += blocks->len;
  /* Half a block would make the file unreadable. */
  else if (ftruncate (self->fd, (off_t) self->size) < 0)
    avi_capture_give_up (self, g_strerror (errno));
  else if (code == EFBIG)
    avi_capture_give_up (self, "it has reached the limit of files of this process (RLIMIT_FSIZE)");
  else
    avi_capture_give_up (self, g_strerror (code));
}

static void
avi_capture_write (AviCapture *self,
                   GByteArray *blocks)
{
  if (self->fd >= 0 && self->waiting != NULL)
    avi_capture_write_fifo (self, blocks);
  else if (self->fd >= 0)
    avi_capture_write_file (self, blocks);
  g_byte_array_set_size (blocks, 0);
}

AviCapture *
avi_capture_new (const char *path,
                 guint64     limit,
                 GError    **error)
{
  g_autofree char *actual = g_strdup (path);
  g_autoptr(GByteArray) head = g_byte_array_new ();
  const char *why = NULL;
  gboolean fifo;
  int fd = avi_capture_open (&actual, &fifo, &why);
  AviCapture *self;

  if (fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "Decrypted traffic cannot be written to %s: %s", actual,
                   why);
      return NULL;
    }
  self = g_new0 (AviCapture, 1);
  self->path = g_steal_pointer (&actual);
  self->limit = limit;
  self->waiting = fifo ? g_byte_array_new () : NULL;
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
  g_clear_pointer (&self->waiting, g_byte_array_unref);
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
  if (self != NULL && self->fd >= 0)
    g_message ("All that this device says and hears is written in clear to %s (" AVI_CAPTURE_VARIABLE ")", self->path);
  else if (self == NULL)
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
