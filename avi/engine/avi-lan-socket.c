/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-lan-socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "avi-error.h"
#include "discovery/avi-mdns.h"
#include "wire/avi-fork.h"

#define PAUSE     (100 * G_TIME_SPAN_MILLISECOND) /* where more comes than is read */
#define FRAME_LEN 1500                            /* bytes: a packet of more frames counts as often */

struct _AviLanSocket
{
  AviLoop          *loop;
  AviWatch          watch;
  AviTimer          timer;
  AviLanSocketReady ready;
  gpointer          user_data;
  guint             ifindex;
  int               family;
  int               fd;
  gint64            read_until; /* when what was read so far would have been due at the rate allowed */
};

static AviLanSocket *
avi_lan_socket_from_watch (AviWatch *watch)
{
  return AVI_CONTAINER_OF (watch, AviLanSocket, watch);
}

static AviLanSocket *
avi_lan_socket_from_timer (AviTimer *timer)
{
  return AVI_CONTAINER_OF (timer, AviLanSocket, timer);
}

guint
avi_lan_socket_get_ifindex (AviLanSocket *self)
{
  return self->ifindex;
}

/* --- opening --- */

static gboolean
avi_lan_socket_set_option (int fd,
                           int level,
                           int option,
                           int value)
{
  return setsockopt (fd, level, option, &value, sizeof value) == 0;
}

/* 255: others may drop what could have come from another link (RFC 6762, section 11). */
static gboolean
avi_lan_socket_bind_ip4 (AviLanSocket *self)
{
  struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  struct ip_mreqn membership = { .imr_ifindex = self->ifindex };

  inet_pton (AF_INET, AVI_MDNS_GROUP_IP4, &group.sin_addr);
  membership.imr_multiaddr = group.sin_addr;
  return avi_lan_socket_set_option (self->fd, IPPROTO_IP, IP_MULTICAST_TTL, 255)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IP, IP_TTL, 255)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1)
         /* Only what comes by this interface. */
         && avi_lan_socket_set_option (self->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)
         && setsockopt (self->fd, IPPROTO_IP, IP_MULTICAST_IF, &membership, sizeof membership) == 0
         && bind (self->fd, (const struct sockaddr *) &group, sizeof group) == 0
         && setsockopt (self->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) == 0;
}

/* The group's scope ties the socket to the interface, both ways. */
static gboolean
avi_lan_socket_bind_ip6 (AviLanSocket *self)
{
  struct sockaddr_in6 group = {
    .sin6_family = AF_INET6,
    .sin6_port = htons (AVI_MDNS_PORT),
    .sin6_scope_id = self->ifindex,
  };
  struct ipv6_mreq membership = { .ipv6mr_interface = self->ifindex };

  inet_pton (AF_INET6, AVI_MDNS_GROUP_IP6, &group.sin6_addr);
  membership.ipv6mr_multiaddr = group.sin6_addr;
  return avi_lan_socket_set_option (self->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1)
         && avi_lan_socket_set_option (self->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, self->ifindex)
         && bind (self->fd, (const struct sockaddr *) &group, sizeof group) == 0
         && setsockopt (self->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &membership, sizeof membership) == 0;
}

static gboolean
avi_lan_socket_open (AviLanSocket *self)
{
  self->fd = socket (self->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd >= 0)
    avi_fork_guard (self->fd);
  return self->fd >= 0
         && avi_lan_socket_set_option (self->fd, SOL_SOCKET, SO_REUSEADDR, 1)
         && avi_lan_socket_set_option (self->fd, SOL_SOCKET, SO_REUSEPORT, 1)
         && (self->family == AF_INET ? avi_lan_socket_bind_ip4 (self) : avi_lan_socket_bind_ip6 (self));
}

/* --- reading, at a bounded rate --- */

static void
avi_lan_socket_readable (AviWatch *watch,
                         guint32   events)
{
  AviLanSocket *self = avi_lan_socket_from_watch (watch);

  self->ready (self->user_data, self);
}

static void
avi_lan_socket_resume (AviTimer *timer,
                       gint64    now)
{
  AviLanSocket *self = avi_lan_socket_from_timer (timer);

  if (!avi_loop_watch (self->loop, &self->watch, self->fd, EPOLLIN, avi_lan_socket_readable, NULL))
    avi_loop_set_timer (self->loop, timer, now + PAUSE, avi_lan_socket_resume);
}

/* A second's worth may come at once. */
static gboolean
avi_lan_socket_may_read (AviLanSocket *self)
{
  gint64 now = avi_loop_now (self->loop);

  if (self->read_until <= now + G_USEC_PER_SEC)
    return TRUE;
  avi_loop_unwatch (self->loop, &self->watch);
  avi_loop_set_timer (self->loop, &self->timer, now + PAUSE, avi_lan_socket_resume);
  return FALSE;
}

static void
avi_lan_socket_charge (AviLanSocket *self,
                       gssize        len)
{
  gint64 cost = (1 + MAX (len, 0) / FRAME_LEN) * G_USEC_PER_SEC / AVI_LAN_SOCKET_RATE;

  self->read_until = MAX (self->read_until, avi_loop_now (self->loop)) + cost;
}

gboolean
avi_lan_socket_receive (AviLanSocket            *self,
                        AviSpan                  buffer,
                        AviSpan                 *packet,
                        struct sockaddr_storage *from)
{
  while (avi_lan_socket_may_read (self))
    {
      socklen_t from_len = sizeof *from;
      gssize len;

      memset (from, 0, sizeof *from);
      len = recvfrom (self->fd, buffer.data, buffer.len, MSG_TRUNC, (struct sockaddr *) from, &from_len);
      if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return FALSE;
      avi_lan_socket_charge (self, len);
      /* An error is an ICMP answer to something sent earlier, and told once. */
      if (len < 0 || (gsize) len > buffer.len)
        continue;
      *packet = AVI_SPAN (buffer.data, len);
      return TRUE;
    }
  return FALSE;
}

gboolean
avi_lan_socket_send (AviLanSocket                  *self,
                     const struct sockaddr_storage *to,
                     AviSpan                        packet)
{
  socklen_t len = to->ss_family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);

  if (sendto (self->fd, packet.data, packet.len, MSG_NOSIGNAL, (const struct sockaddr *) to, len) >= 0)
    return TRUE;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
}

/* --- life --- */

AviLanSocket *
avi_lan_socket_new (AviLoop          *loop,
                    guint             ifindex,
                    int               family,
                    AviLanSocketReady ready,
                    gpointer          user_data,
                    GError          **error)
{
  g_autoptr(AviLanSocket) self = g_new0 (AviLanSocket, 1);
  char name[IF_NAMESIZE] = "?";

  self->loop = loop;
  self->ifindex = ifindex;
  self->family = family;
  self->ready = ready;
  self->user_data = user_data;
  self->timer.when = G_MAXINT64;
  if (!avi_lan_socket_open (self))
    {
      int code = errno;

      if_indextoname (ifindex, name);
      g_set_error (error, AVI_ERROR, code == EADDRINUSE ? AVI_ERROR_ALREADY_EXISTS : AVI_ERROR_FAILED,
                   "UDP port %u of %s on %s: %s", AVI_MDNS_PORT,
                   family == AF_INET ? AVI_MDNS_GROUP_IP4 : AVI_MDNS_GROUP_IP6, name, g_strerror (code));
      return NULL;
    }
  if (!avi_loop_watch (loop, &self->watch, self->fd, EPOLLIN, avi_lan_socket_readable, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
avi_lan_socket_free (AviLanSocket *self)
{
  avi_loop_clear_timer (self->loop, &self->timer);
  avi_loop_unwatch (self->loop, &self->watch);
  if (self->fd >= 0)
    avi_fork_close (self->fd);
  g_free (self);
}
