/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-connection.h"
#include "avi-error.h"
#include "wire/avi-fork.h"

#define BACKLOG           1024
#define ACCEPTS_PER_ROUND 64
#define PAUSE             (1 * G_USEC_PER_SEC) /* where descriptors or memory have run out */

struct _AviListener
{
  AviEngine    *engine;
  AviWatch      watch;
  AviTimer      timer;
  AviMultiaddr *address;
  guint16       port;
};

static void avi_listener_ready (AviWatch *watch, guint32 events);

static AviError
avi_listener_get_code (int code)
{
  switch (code)
    {
    case EADDRINUSE:
      return AVI_ERROR_ALREADY_EXISTS;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENODEV:
      return AVI_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
      return AVI_ERROR_SECURITY;
    case EMFILE:
    case ENFILE:
      return AVI_ERROR_LIMIT;
    default:
      return AVI_ERROR_FAILED;
    }
}

static void
avi_listener_set_port (struct sockaddr_storage *storage,
                       guint16                  port)
{
  /* The port lies at the same place in both families. */
  struct sockaddr_in *in = (struct sockaddr_in *) storage;

  if (in->sin_port == 0)
    in->sin_port = g_htons (port);
}

/* The descriptor of a listening socket; -1 with errno set. */
static int
avi_listener_open (const struct sockaddr_storage *storage,
                   socklen_t                      len)
{
  int fd = socket (storage->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = 1;

  if (fd < 0)
    return -1;
  avi_fork_guard (fd);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (storage->ss_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind (fd, (const struct sockaddr *) storage, len) < 0 || listen (fd, BACKLOG) < 0)
    {
      int code = errno;

      avi_fork_close (fd);
      errno = code;
      return -1;
    }
  return fd;
}

AviListener *
avi_listener_new (AviEngine    *engine,
                  AviMultiaddr *address,
                  guint16       port,
                  GError      **error)
{
  g_autofree char *text = avi_multiaddr_to_string (address);
  struct sockaddr_storage storage = { 0 };
  AviListener *self;
  socklen_t len;
  int fd;

  if (!avi_multiaddr_to_sockaddr (address, &storage, &len))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "Cannot listen on %s: not an address of a TCP socket",
                   text);
      return NULL;
    }
  avi_listener_set_port (&storage, port);
  fd = avi_listener_open (&storage, len);
  if (fd < 0)
    {
      int code = errno;

      g_set_error (error, AVI_ERROR, (gint) avi_listener_get_code (code), "Cannot listen on %s: %s", text,
                   g_strerror (code));
      return NULL;
    }
  len = sizeof storage;
  getsockname (fd, (struct sockaddr *) &storage, &len);

  self = g_new0 (AviListener, 1);
  self->engine = engine;
  self->address = avi_multiaddr_from_sockaddr ((struct sockaddr *) &storage);
  self->port = g_ntohs (((struct sockaddr_in *) &storage)->sin_port);
  self->watch.fd = fd;
  if (!avi_loop_watch (engine->loop, &self->watch, fd, EPOLLIN, avi_listener_ready, error))
    {
      avi_listener_free (self);
      return NULL;
    }
  return self;
}

void
avi_listener_free (AviListener *self)
{
  avi_loop_unwatch (self->engine->loop, &self->watch);
  avi_loop_clear_timer (self->engine->loop, &self->timer);
  /* A child that was forked as it was opened may hold it too. */
  shutdown (self->watch.fd, SHUT_RDWR);
  avi_fork_close (self->watch.fd);
  avi_multiaddr_unref (self->address);
  g_free (self);
}

AviMultiaddr *
avi_listener_get_address (AviListener *self)
{
  return self->address;
}

guint16
avi_listener_get_port (AviListener *self)
{
  return self->port;
}

static void avi_listener_pause (AviListener *self, const char *why);

static void
avi_listener_resume (AviTimer *timer,
                     gint64    now)
{
  AviListener *self = AVI_CONTAINER_OF (timer, AviListener, timer);
  g_autoptr(GError) error = NULL;

  if (!avi_loop_watch (self->engine->loop, &self->watch, self->watch.fd, EPOLLIN, avi_listener_ready, &error))
    avi_listener_pause (self, error->message);
}

/* Nothing to be had from the system for now: rather than spin, look again in a while. */
static void
avi_listener_pause (AviListener *self,
                    const char  *why)
{
  avi_engine_log (self->engine, NULL, self->address, "accepting pauses: %s", why);
  avi_loop_unwatch (self->engine->loop, &self->watch);
  avi_loop_set_timer (self->engine->loop, &self->timer, avi_loop_now (self->engine->loop) + PAUSE, avi_listener_resume);
}

/* The connections are in the order in which they came. */
static void
avi_listener_displace (AviListener *self,
                       GBytes      *crowd)
{
  for (GList *link = self->engine->connections.head; link != NULL; link = link->next)
    {
      AviConnection *connection = link->data;
      g_autofree char *why = NULL;

      if (!connection->inbound || connection->state != AVI_CONNECTION_HANDSHAKE
          || !avi_limits_is_of_crowd (crowd, (const struct sockaddr *) &connection->source))
        continue;
      why = avi_limits_displace (&self->engine->limits, crowd);
      avi_connection_end (connection, why);
      return;
    }
}

static void
avi_listener_take (AviListener                   *self,
                   int                            fd,
                   const struct sockaddr_storage *source,
                   socklen_t                      len)
{
  g_autoptr(GBytes) crowd = avi_limits_find_crowd (&self->engine->limits, (const struct sockaddr *) source);
  g_autoptr(GError) error = NULL;

  if (!avi_limits_accept (&self->engine->limits, (const struct sockaddr *) source, &error))
    {
      g_autoptr(AviMultiaddr) remote = avi_multiaddr_from_sockaddr ((const struct sockaddr *) source);

      avi_engine_log (self->engine, NULL, remote, "inbound connection refused: %s", error->message);
      close (fd);
      return;
    }
  if (crowd != NULL)
    avi_listener_displace (self, crowd);
  avi_connection_accept (self->engine, fd, source, len);
}

static void
avi_listener_ready (AviWatch *watch,
                    guint32   events)
{
  AviListener *self = AVI_CONTAINER_OF (watch, AviListener, watch);

  for (guint i = 0; i < ACCEPTS_PER_ROUND; i++)
    {
      struct sockaddr_storage source = { 0 };
      socklen_t len = sizeof source;
      int fd = accept4 (self->watch.fd, (struct sockaddr *) &source, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0)
        avi_listener_take (self, fd, &source, len);
      else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        {
          avi_listener_pause (self, g_strerror (errno));
          return;
        }
      else if (errno != EINTR && errno != ECONNABORTED)
        return;
    }
}
