/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocols/avi-identify.h"
#include "protocols/avi-ping.h"

#define PATIENCE (10 * G_USEC_PER_SEC)

struct _Puppet
{
  int             fd;
  AviLink        *link;
  AviNoiseStatic *statics;
  AviKeyPair     *key;
  guint8          boot;
  gboolean        silent;
  gboolean        open;
  gboolean        closed;
  gboolean        told_to_go;
  guint           n_identified;
};

static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, AVI_PING_PROTOCOL, NULL };

static Puppet *
puppet_new (AviKeyPair *key,
            int         fd,
            gboolean    dialer,
            guint8      boot)
{
  Puppet *self = g_new0 (Puppet, 1);
  AviLinkConfig config = { .dialer = dialer, .protocols = protocols, .random = avi_random_system () };

  g_assert_cmpint (fd, >=, 0);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  self->fd = fd;
  self->key = avi_key_pair_ref (key);
  self->boot = boot;
  self->statics = config.statics = avi_noise_static_new (key, config.random);
  self->link = avi_link_new (&config, g_get_monotonic_time ());
  return self;
}

Puppet *
puppet_dial (AviKeyPair *key,
             guint16     port,
             guint8      boot)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (port),
                            .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  return puppet_new (key, fd, TRUE, boot);
}

int
puppet_listen (guint16 *port)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof to;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (listen (fd, 16), ==, 0);
  getsockname (fd, (struct sockaddr *) &to, &len);
  *port = g_ntohs (to.sin_port);
  return fd;
}

Puppet *
puppet_accept (AviKeyPair *key,
               int         listener,
               guint8      boot)
{
  struct pollfd wait = { .fd = listener, .events = POLLIN };

  g_assert_cmpint (poll (&wait, 1, PATIENCE / 1000), ==, 1);
  return puppet_new (key, accept (listener, NULL, NULL), FALSE, boot);
}

void
puppet_free (Puppet *self)
{
  close (self->fd);
  avi_link_free (self->link);
  avi_noise_static_unref (self->statics);
  avi_key_pair_unref (self->key);
  g_free (self);
}

void
puppet_set_silent (Puppet  *self,
                   gboolean silent)
{
  self->silent = silent;
}

gboolean
puppet_is_open (Puppet *self)
{
  return self->open && !self->closed;
}

gboolean
puppet_is_closed (Puppet *self)
{
  return self->closed;
}

gboolean
puppet_was_told_to_go (Puppet *self)
{
  return self->told_to_go;
}

guint
puppet_get_n_identified (Puppet *self)
{
  return self->n_identified;
}

static void
puppet_say_who (Puppet        *self,
                AviLinkStream *stream)
{
  AviPublicKey *key = avi_key_pair_get_public (self->key);
  AviIdentify info = {
    .protocol_version = (char *) "/avi/1.0.0",
    .agent_version = (char *) "puppet",
    .key = key,
    .protocols = (char **) protocols,
    .has_boot_id = self->boot != 0,
  };
  g_autoptr(GBytes) bytes = NULL;

  memset (info.boot_id, self->boot, sizeof info.boot_id);
  bytes = avi_identify_encode (&info);
  avi_link_send (self->link, stream, bytes);
  avi_link_finish (self->link, stream);
  self->n_identified++;
}

static void
puppet_handle (Puppet       *self,
               AviLinkEvent *event)
{
  switch (event->type)
    {
    case AVI_LINK_EVENT_ESTABLISHED:
      self->open = TRUE;
      break;
    case AVI_LINK_EVENT_STREAM:
      if (g_str_equal (event->protocol, AVI_IDENTIFY_PROTOCOL))
        puppet_say_who (self, event->stream);
      break;
    case AVI_LINK_EVENT_DATA:
      avi_link_consume (self->link, event->stream, event->data.len);
      if (g_strcmp0 (avi_link_stream_get_protocol (event->stream), AVI_PING_PROTOCOL) == 0)
        {
          g_autoptr(GBytes) echo = g_bytes_new (event->data.data, event->data.len);

          avi_link_send (self->link, event->stream, echo);
        }
      break;
    case AVI_LINK_EVENT_FINISHED:
      avi_link_finish (self->link, event->stream);
      break;
    case AVI_LINK_EVENT_GO_AWAY:
      self->told_to_go = TRUE;
      break;
    default:
      break;
    }
}

static void
puppet_write (Puppet *self)
{
  AviWriter writer;
  gsize sent = 0;

  avi_writer_init (&writer, 256 * 1024);
  avi_link_transmit (self->link, &writer, g_get_monotonic_time ());
  while (sent < writer.len && !self->closed)
    {
      ssize_t n = send (self->fd, writer.data + sent, writer.len - sent, MSG_NOSIGNAL);

      if (n > 0)
        sent += (gsize) n;
      else if (errno != EAGAIN)
        self->closed = TRUE;
    }
  avi_writer_clear (&writer);
}

static void
puppet_step (Puppet *self)
{
  guint8 buffer[16 * 1024];
  AviLinkEvent event;
  ssize_t n;

  if (self->silent || self->closed)
    return;
  n = recv (self->fd, buffer, sizeof buffer, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN))
    {
      self->closed = TRUE;
      return;
    }
  avi_link_receive (self->link, AVI_SPAN (buffer, n > 0 ? (gsize) n : 0), g_get_monotonic_time (), NULL);
  while (avi_link_next (self->link, &event))
    puppet_handle (self, &event);
  puppet_write (self);
}

void
puppets_step (Puppet **puppets)
{
  struct pollfd wait[8] = { { .fd = -1 } };
  nfds_t n = 0;

  for (; puppets[n] != NULL; n++)
    {
      puppet_step (puppets[n]);
      wait[n] =
          (struct pollfd){ .fd = puppets[n]->silent || puppets[n]->closed ? -1 : puppets[n]->fd, .events = POLLIN };
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  poll (wait, n, 2);
}

void
puppets_run (Puppet **puppets,
             gboolean (*done) (gpointer data),
             gpointer  data)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  while (!done (data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      puppets_step (puppets);
    }
}
