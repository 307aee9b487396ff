/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviInterfaces: the machine's network interfaces and their addresses, by rtnetlink, and every
 * change of them. For AviLan; decides nothing about them.
 */
#pragma once

#include <net/if.h>

#include "avi-loop.h"

G_BEGIN_DECLS

#define AVI_INTERFACES_MAX           512 /* further ones are not seen */
#define AVI_INTERFACES_MAX_ADDRESSES 64  /* of one */

typedef struct
{
  int      family;      /* AF_INET, AF_INET6 */
  guint8   ip[16];
  guint8   network[16]; /* of the subnet; of a point-to-point link the other end */
  guint8   prefix;      /* bits of it */
  gboolean fleeting;    /* temporary or deprecated (IPv6): good to come from, not to be told of */
  guint    generation;  /* private */
} AviInterfaceAddress;

typedef struct
{
  guint    index;
  char     name[IF_NAMESIZE];
  gboolean up;          /* and running: there is a carrier, as far as the driver can tell */
  gboolean multicast;
  gboolean loopback;
  gboolean port;        /* of a bridge, bond or team, which has the addresses */
  GArray  *addresses;   /* of AviInterfaceAddress; none that is not usable yet */
  guint    generation;  /* private */
} AviInterface;

typedef struct _AviInterfaces AviInterfaces;

/* Asks the kernel before it returns, which does not wait for anybody. @changed: from the loop only,
 * once per batch of changes; it may not free the AviInterfaces. */
AviInterfaces *avi_interfaces_new  (AviLoop *loop, void (*changed) (gpointer user_data), gpointer user_data,
                                    GError **error);
void           avi_interfaces_free (AviInterfaces *self);
/* (transfer none) (element-type AviInterface), by index; good until the loop runs again. */
GPtrArray     *avi_interfaces_get  (AviInterfaces *self);
AviInterface  *avi_interfaces_find (AviInterfaces *self, guint index);

/* @ip is one of the interface's own addresses; of loopback: lies in its network. */
gboolean       avi_interface_has   (const AviInterface *self, int family, const guint8 *ip);
/* @ip lies in a subnet of the interface, or is link-local. */
gboolean       avi_interface_is_near (const AviInterface *self, int family, const guint8 *ip);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviInterfaces, avi_interfaces_free)

G_END_DECLS
