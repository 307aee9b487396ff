/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-interfaces.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "wire/avi-fork.h"

#define BUFFER_LEN      32768 /* the kernel's dumps come in messages of at most that */
#define READS_PER_ROUND 64

/* Links first, so that addresses find their interface. */
typedef enum
{
  DUMP_NONE,
  DUMP_LINKS,
  DUMP_ADDRESSES
} Dump;

struct _AviInterfaces
{
  AviLoop  *loop;
  AviWatch  watch;
  int       fd;
  guint32   port_id;     /* of the socket: replies to us carry it */
  void    (*changed) (gpointer user_data);
  gpointer  user_data;

  GPtrArray *interfaces; /* of AviInterface */
  Dump       dump;
  guint      seq;        /* of the request under way */
  gboolean   replied;    /* it has begun to be answered: what comes from here on is newer than it */
  gboolean   again;      /* something was lost meanwhile: once more from the start */
  gboolean   left_out;   /* something found no room since the last dump began */
  guint      generation; /* of what the last dump has shown; older things are gone */
  gboolean   dirty;
};

/* --- what is known --- */

static void
avi_interface_free (AviInterface *self)
{
  g_array_unref (self->addresses);
  g_free (self);
}

GPtrArray *
avi_interfaces_get (AviInterfaces *self)
{
  return self->interfaces;
}

AviInterface *
avi_interfaces_find (AviInterfaces *self,
                     guint          index)
{
  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviInterface *interface = g_ptr_array_index (self->interfaces, i);

      if (interface->index == index)
        return interface;
    }
  return NULL;
}

static gboolean
avi_interface_address_is_in (const guint8 *ip,
                             const guint8 *network,
                             guint         prefix)
{
  guint8 mask = 0xff << (8 - prefix % 8);

  if (memcmp (ip, network, prefix / 8) != 0)
    return FALSE;
  return prefix % 8 == 0 || ((ip[prefix / 8] ^ network[prefix / 8]) & mask) == 0;
}

gboolean
avi_interface_has (const AviInterface *self,
                   int                 family,
                   const guint8       *ip)
{
  for (guint i = 0; i < self->addresses->len; i++)
    {
      const AviInterfaceAddress *address = &g_array_index (self->addresses, AviInterfaceAddress, i);

      if (address->family != family)
        continue;
      if (memcmp (address->ip, ip, family == AF_INET ? 4 : 16) == 0
          || (self->loopback && avi_interface_address_is_in (ip, address->network, address->prefix)))
        return TRUE;
    }
  return FALSE;
}

gboolean
avi_interface_is_near (const AviInterface *self,
                       int                 family,
                       const guint8       *ip)
{
  if (family == AF_INET ? ip[0] == 169 && ip[1] == 254 : ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
    return TRUE;
  for (guint i = 0; i < self->addresses->len; i++)
    {
      const AviInterfaceAddress *address = &g_array_index (self->addresses, AviInterfaceAddress, i);

      if (address->family == family && avi_interface_address_is_in (ip, address->network, address->prefix))
        return TRUE;
    }
  return FALSE;
}

static gint
avi_interface_compare (gconstpointer a,
                       gconstpointer b)
{
  const AviInterface *one = *(AviInterface *const *) a;
  const AviInterface *two = *(AviInterface *const *) b;

  return one->index < two->index ? -1 : one->index > two->index;
}

static AviInterface *
avi_interfaces_add (AviInterfaces *self,
                    guint          index)
{
  AviInterface *interface;

  if (self->interfaces->len >= AVI_INTERFACES_MAX)
    {
      self->left_out = TRUE;
      return NULL;
    }
  interface = g_new0 (AviInterface, 1);
  interface->index = index;
  interface->addresses = g_array_new (FALSE, FALSE, sizeof (AviInterfaceAddress));
  g_ptr_array_add (self->interfaces, interface);
  g_ptr_array_sort (self->interfaces, avi_interface_compare);
  self->dirty = TRUE;
  return interface;
}

/* Messages that were under way before a dump began may tell of what has ended since, unseen: they
 * do not keep it from being swept. */
static guint
avi_interfaces_get_mark (AviInterfaces *self,
                         Dump           kind)
{
  gboolean begun = self->dump == DUMP_NONE || self->dump > kind || (self->dump == kind && self->replied);

  return begun ? self->generation : self->generation - 1;
}

/* --- one message --- */

/* The attributes of a message by their types; those above @max are left out. */
static void
avi_interfaces_get_attributes (const struct nlmsghdr *message,
                               gsize                  header_len,
                               const struct rtattr  **attributes,
                               guint                  max)
{
  gsize skip = NLMSG_LENGTH (header_len);
  const struct rtattr *attribute = (const struct rtattr *) ((const guint8 *) message + NLMSG_ALIGN (skip));
  int left = (int) message->nlmsg_len - (int) NLMSG_ALIGN (skip);

  memset (attributes, 0, (max + 1) * sizeof *attributes);
  for (; RTA_OK (attribute, left); attribute = RTA_NEXT (attribute, left))
    {
      if ((attribute->rta_type & NLA_TYPE_MASK) <= max)
        attributes[attribute->rta_type & NLA_TYPE_MASK] = attribute;
    }
}

/* A port's addresses are its master's; but an interface in a VRF keeps its own. */
static gboolean
avi_interfaces_is_port (const struct rtattr *master,
                        const struct rtattr *link_info)
{
  int left = link_info != NULL ? RTA_PAYLOAD (link_info) : 0;

  if (master == NULL)
    return FALSE;
  for (const struct rtattr *info = link_info != NULL ? RTA_DATA (link_info) : NULL; info != NULL && RTA_OK (info, left);
       info = RTA_NEXT (info, left))
    {
      if ((info->rta_type & NLA_TYPE_MASK) == IFLA_INFO_SLAVE_KIND
          && RTA_PAYLOAD (info) >= 3 && memcmp (RTA_DATA (info), "vrf", 3) == 0)
        return FALSE;
    }
  return TRUE;
}

static void
avi_interfaces_read_link (AviInterfaces         *self,
                          const struct nlmsghdr *message)
{
  const struct ifinfomsg *info = NLMSG_DATA (message);
  const struct rtattr *attributes[IFLA_LINKINFO + 1];
  AviInterface *interface;

  if (message->nlmsg_len < NLMSG_LENGTH (sizeof *info))
    return;
  avi_interfaces_get_attributes (message, sizeof *info, attributes, IFLA_LINKINFO);
  /* A bridge tells of its ports by the same messages, wireless drivers of their scans: neither is
   * about the interface. */
  if (info->ifi_family != AF_UNSPEC || attributes[IFLA_WIRELESS] != NULL)
    return;

  interface = avi_interfaces_find (self, info->ifi_index);
  if (message->nlmsg_type == RTM_DELLINK)
    {
      self->dirty |= interface != NULL && g_ptr_array_remove (self->interfaces, interface);
      return;
    }
  if (interface == NULL && (interface = avi_interfaces_add (self, info->ifi_index)) == NULL)
    return;

  AviInterface before = *interface;

  interface->generation = MAX (before.generation, avi_interfaces_get_mark (self, DUMP_LINKS));
  interface->up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
  interface->multicast = (info->ifi_flags & IFF_MULTICAST) != 0;
  interface->loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
  interface->port = avi_interfaces_is_port (attributes[IFLA_MASTER], attributes[IFLA_LINKINFO]);
  if (attributes[IFLA_IFNAME] != NULL)
    g_strlcpy (interface->name, RTA_DATA (attributes[IFLA_IFNAME]),
               MIN (sizeof interface->name, RTA_PAYLOAD (attributes[IFLA_IFNAME])));
  self->dirty |= interface->up != before.up || interface->multicast != before.multicast
                 || interface->loopback != before.loopback || interface->port != before.port
                 || strcmp (interface->name, before.name) != 0;
}

/* FALSE where the message is not about an address. */
static gboolean
avi_interfaces_parse_address (const struct nlmsghdr *message,
                              AviInterfaceAddress   *address,
                              guint32               *flags)
{
  const struct ifaddrmsg *info = NLMSG_DATA (message);
  const struct rtattr *attributes[IFA_FLAGS + 1];
  const struct rtattr *local, *other;
  gsize len;

  if (message->nlmsg_len < NLMSG_LENGTH (sizeof *info) || (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
    return FALSE;
  avi_interfaces_get_attributes (message, sizeof *info, attributes, IFA_FLAGS);
  len = info->ifa_family == AF_INET ? 4 : 16;
  other = attributes[IFA_ADDRESS];
  local = attributes[IFA_LOCAL] != NULL ? attributes[IFA_LOCAL] : other;
  other = other != NULL ? other : local;
  if (local == NULL || RTA_PAYLOAD (local) < len || RTA_PAYLOAD (other) < len || info->ifa_prefixlen > len * 8)
    return FALSE;

  *address = (AviInterfaceAddress) { .family = info->ifa_family, .prefix = info->ifa_prefixlen };
  memcpy (address->ip, RTA_DATA (local), len);
  memcpy (address->network, RTA_DATA (other), len);
  *flags = info->ifa_flags;
  if (attributes[IFA_FLAGS] != NULL && RTA_PAYLOAD (attributes[IFA_FLAGS]) >= sizeof *flags)
    memcpy (flags, RTA_DATA (attributes[IFA_FLAGS]), sizeof *flags);
  /* Of IPv4, IFA_F_TEMPORARY is the bit for a second address of a subnet. */
  address->fleeting = info->ifa_family == AF_INET6 && (*flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED)) != 0;
  return TRUE;
}

static guint
avi_interface_find_address (AviInterface              *interface,
                            const AviInterfaceAddress *address)
{
  guint i;

  for (i = 0; i < interface->addresses->len; i++)
    {
      const AviInterfaceAddress *known = &g_array_index (interface->addresses, AviInterfaceAddress, i);

      if (known->family == address->family && known->prefix == address->prefix
          && memcmp (known->ip, address->ip, sizeof known->ip) == 0
          && memcmp (known->network, address->network, sizeof known->network) == 0)
        break;
    }
  return i;
}

static void
avi_interfaces_read_address (AviInterfaces         *self,
                             const struct nlmsghdr *message)
{
  const struct ifaddrmsg *info = NLMSG_DATA (message);
  AviInterfaceAddress address;
  AviInterface *interface;
  guint32 flags;

  if (!avi_interfaces_parse_address (message, &address, &flags)
      || (interface = avi_interfaces_find (self, info->ifa_index)) == NULL)
    return;

  guint at = avi_interface_find_address (interface, &address);
  gboolean is_known = at < interface->addresses->len;

  /* An address that is still looked for duplicates of cannot be used. */
  if (message->nlmsg_type == RTM_DELADDR || (flags & IFA_F_DADFAILED) != 0
      || ((flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0))
    {
      if (is_known)
        g_array_remove_index (interface->addresses, at);
      self->dirty |= is_known;
      return;
    }

  address.generation = avi_interfaces_get_mark (self, DUMP_ADDRESSES);
  if (is_known)
    {
      AviInterfaceAddress *known = &g_array_index (interface->addresses, AviInterfaceAddress, at);

      address.generation = MAX (known->generation, address.generation);
      self->dirty |= known->fleeting != address.fleeting;
      *known = address;
    }
  else if (interface->addresses->len < AVI_INTERFACES_MAX_ADDRESSES)
    {
      g_array_append_val (interface->addresses, address);
      self->dirty = TRUE;
    }
  else
    self->left_out = TRUE;
}

/* --- dumps --- */

static void
avi_interfaces_request (AviInterfaces *self,
                        Dump           dump)
{
  struct
  {
    struct nlmsghdr header;
    struct rtgenmsg body;
  } request = {
    .header = {
      .nlmsg_len = NLMSG_LENGTH (sizeof (struct rtgenmsg)),
      .nlmsg_type = dump == DUMP_LINKS ? RTM_GETLINK : RTM_GETADDR,
      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
      .nlmsg_seq = ++self->seq,
    },
    .body = { .rtgen_family = AF_UNSPEC },
  };

  self->dump = dump;
  self->replied = FALSE;
  if (send (self->fd, &request, request.header.nlmsg_len, 0) < 0)
    {
      g_debug ("Cannot ask for the network interfaces: %s", g_strerror (errno));
      self->dump = DUMP_NONE;
    }
}

static void
avi_interfaces_start_dump (AviInterfaces *self)
{
  if (self->dump != DUMP_NONE)
    {
      self->again = TRUE;
      return;
    }
  self->again = FALSE;
  self->left_out = FALSE;
  self->generation++;
  avi_interfaces_request (self, DUMP_LINKS);
}

/* What the dump did not show is no longer there. TRUE: something was not. */
static gboolean
avi_interfaces_sweep (AviInterfaces *self)
{
  gboolean any = FALSE;

  for (guint i = self->interfaces->len; i > 0; i--)
    {
      AviInterface *interface = g_ptr_array_index (self->interfaces, i - 1);

      for (guint j = interface->addresses->len; j > 0; j--)
        {
          if (g_array_index (interface->addresses, AviInterfaceAddress, j - 1).generation == self->generation)
            continue;
          g_array_remove_index (interface->addresses, j - 1);
          any = TRUE;
        }
      if (interface->generation == self->generation)
        continue;
      g_ptr_array_remove_index (self->interfaces, i - 1);
      any = TRUE;
    }
  self->dirty |= any;
  return any;
}

static void
avi_interfaces_dump_done (AviInterfaces *self)
{
  if (self->dump == DUMP_LINKS)
    {
      avi_interfaces_request (self, DUMP_ADDRESSES);
      return;
    }
  self->dump = DUMP_NONE;
  if (self->again)
    avi_interfaces_start_dump (self);
  /* Where the old left no room for the new, there may be some now. */
  else if (avi_interfaces_sweep (self) && self->left_out)
    avi_interfaces_start_dump (self);
}

/* What others asked for is told to all, with the number that they gave it. */
static gboolean
avi_interfaces_is_reply (AviInterfaces         *self,
                         const struct nlmsghdr *message)
{
  return self->dump != DUMP_NONE && message->nlmsg_seq == self->seq && message->nlmsg_pid == self->port_id;
}

static void
avi_interfaces_read (AviInterfaces         *self,
                     const struct nlmsghdr *message)
{
  gboolean is_reply = avi_interfaces_is_reply (self, message);

  if (is_reply)
    {
      self->replied = TRUE;
      self->again |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    }

  switch (message->nlmsg_type)
    {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      avi_interfaces_read_link (self, message);
      break;

    case RTM_NEWADDR:
    case RTM_DELADDR:
      avi_interfaces_read_address (self, message);
      break;

    case NLMSG_DONE:
      if (is_reply)
        avi_interfaces_dump_done (self);
      break;

    case NLMSG_ERROR: /* refused: what is known stays */
      if (is_reply)
        self->dump = DUMP_NONE;
      break;

    default:
      break;
    }
}

/* --- the socket --- */

/* FALSE where there is nothing more to read for now. */
static gboolean
avi_interfaces_receive (AviInterfaces *self)
{
  union
  {
    struct nlmsghdr header;
    guint8          bytes[BUFFER_LEN];
  } buffer;
  struct sockaddr_nl from = { 0 };
  socklen_t from_len = sizeof from;
  gssize len = recvfrom (self->fd, &buffer, sizeof buffer, MSG_TRUNC, (struct sockaddr *) &from, &from_len);

  if (len < 0)
    {
      if (errno == ENOBUFS) /* more changed than the socket holds */
        avi_interfaces_start_dump (self);
      return errno == ENOBUFS || errno == EINTR;
    }
  if (from.nl_pid != 0) /* not the kernel */
    return TRUE;
  if ((gsize) len > sizeof buffer)
    {
      avi_interfaces_start_dump (self);
      return TRUE;
    }

  guint left = len;

  for (const struct nlmsghdr *message = &buffer.header; NLMSG_OK (message, left); message = NLMSG_NEXT (message, left))
    avi_interfaces_read (self, message);
  return TRUE;
}

static void
avi_interfaces_ready (AviWatch *watch,
                      guint32   events)
{
  AviInterfaces *self = AVI_CONTAINER_OF (watch, AviInterfaces, watch);

  for (guint i = 0; i < READS_PER_ROUND && avi_interfaces_receive (self); i++)
    continue;
  /* Half of a dump would look as if the other half had gone. */
  if (!self->dirty || self->dump != DUMP_NONE)
    return;
  self->dirty = FALSE;
  self->changed (self->user_data);
}

AviInterfaces *
avi_interfaces_new (AviLoop  *loop,
                    void    (*changed) (gpointer user_data),
                    gpointer  user_data,
                    GError  **error)
{
  g_autoptr(AviInterfaces) self = g_new0 (AviInterfaces, 1);
  struct sockaddr_nl address = {
    .nl_family = AF_NETLINK,
    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
  };
  socklen_t len = sizeof address;

  self->loop = loop;
  self->changed = changed;
  self->user_data = user_data;
  self->interfaces = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_interface_free);
  self->fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (self->fd >= 0)
    avi_fork_guard (self->fd);
  if (self->fd < 0 || bind (self->fd, (const struct sockaddr *) &address, sizeof address) < 0
      || getsockname (self->fd, (struct sockaddr *) &address, &len) < 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_FAILED, "Cannot watch the network interfaces: %s", g_strerror (errno));
      return NULL;
    }
  self->port_id = address.nl_pid;
  if (!avi_loop_watch (loop, &self->watch, self->fd, EPOLLIN, avi_interfaces_ready, error))
    return NULL;

  /* The kernel answers within the system call that asks, so this reads without waiting. */
  avi_interfaces_start_dump (self);
  for (guint i = 0; self->dump != DUMP_NONE && i < READS_PER_ROUND && avi_interfaces_receive (self); i++)
    continue;
  self->dirty = self->dump != DUMP_NONE;
  return g_steal_pointer (&self);
}

void
avi_interfaces_free (AviInterfaces *self)
{
  avi_loop_unwatch (self->loop, &self->watch);
  if (self->fd >= 0)
    avi_fork_close (self->fd);
  g_ptr_array_unref (self->interfaces);
  g_free (self);
}
