/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What avi-lan.c, avi-lan-links.c and avi-lan-status.c share.
 */
#pragma once

#include "avi-interfaces.h"
#include "avi-lan-peers.h"
#include "avi-lan-socket.h"
#include "avi-lan.h"
#include "discovery/avi-avahi.h"
#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

#define AVI_LAN_MAX_LINKS 32                   /* interfaces on which mDNS runs */
#define AVI_LAN_SILENCE   (10 * G_USEC_PER_SEC) /* without a packet of another host, after which that is told */

/* An interface on which mDNS runs. */
typedef struct
{
  guint         ifindex;
  char          name[IF_NAMESIZE];
  AviLanSocket *sockets[2];  /* IPv4, IPv6; NULL: no address of that family, or a problem */
  gboolean      wanted[2];   /* it has an address of that family */
  gboolean      port_taken;
  char         *problem;     /* what else stands in the way of opening; or NULL */
  int           send_error;  /* errno of the last packet that could not be sent; 0 */
  gint64        since;       /* when it came up */
  gboolean      heard;       /* another host */
  gboolean      quiet;       /* but not lately, though all were asked */
  gboolean      seen;        /* in the pass over the interfaces under way */
} AviLanLink;

struct _AviLan
{
  AviLoop               *loop;
  const AviLanCallbacks *callbacks;
  gpointer               user_data;

  AviInterfaces *interfaces; /* NULL: rtnetlink is not to be had, and */
  char          *problem;    /* why */
  GPtrArray     *listeners;  /* of AviMultiaddr */
  GPtrArray     *addresses[2]; /* as last asked for, without and with loopback; NULL: to be made anew */
  char          *network;    /* the usable interfaces and their addresses, as text, to see a change */

  AviMdns     *mdns;         /* NULL: switched off, or we have left */
  AviAvahi    *avahi;
  char        *avahi_problem; /* of a daemon that is there: without one nothing stands in the way; or NULL */
  AviLanPeers *peers;
  GPtrArray   *links;        /* of AviLanLink */
  gboolean     too_many;     /* interfaces */
  gboolean     left;

  AviTimer timer;            /* the machine's */
  AviTimer status_timer;
  AviTimer retry_timer;      /* of what could not be opened */
  gboolean network_changed;  /* to be told */
  char    *status;           /* as last told */
  guint8  *buffer;           /* AVI_MDNS_MAX_PACKET */
};

/* NULL: mDNS does not run on that interface. */
AviLanLink *avi_lan_find_link (AviLan *self, guint ifindex);
void        avi_lan_link_free (AviLanLink *link);
/* Opens and closes links as the interfaces are now; mDNS and Avahi hear of it. */
void        avi_lan_update_links (AviLan *self);

/* Of avi-lan.c, for a link: there are packets on a socket; what could not be opened is tried again. */
void avi_lan_receive   (gpointer user_data, AviLanSocket *socket);
void avi_lan_retry_due (AviTimer *timer, gint64 now);

/* Tells the status where it is another than before, and comes back when it will be. */
void avi_lan_update_status (AviLan *self, gint64 now);

G_END_DECLS
