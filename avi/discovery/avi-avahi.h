/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAvahi: mDNS through the system's avahi-daemon, by asynchronous GDBus, where its name has an
 * owner on the system bus: publishes our service (so that the system's DNS-SD tools see the device)
 * and browses PTR records of _p2p._udp, then their TXT (records, not services: some publish no
 * SRV). Comes and goes with the daemon, and with the bus, for as long as it lives. The engine's
 * AviLan makes it, beside the machine of our own. Runs on the thread-default context of its maker;
 * never blocks, and never starts the daemon.
 *
 * Here: the connection (one of its own: what is on it ends with it, and a program's settings of the
 * shared one are not touched), the daemon's comings and goings, and when to try again. AviAvahiBus
 * is one life of the daemon; AviAvahiPublisher and AviAvahiBrowser are what is done with it.
 */
#pragma once

#include <gio/gio.h>

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef struct _AviAvahi AviAvahi;

/* No callback may free the AviAvahi.
 *
 * @addresses: (element-type AviMultiaddr), without /p2p/: all that are announced there at present,
 * never empty, TCP over IP only. Never for oneself. */
typedef void (*AviAvahiFound)   (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses, guint ifindex);
typedef void (*AviAvahiGone)    (gpointer user_data, const AviPeerId *peer, guint ifindex);
/* @running: the daemon owns its name, and answers; @problem: what stands in the way, or NULL. Told
 * when it is first known, and whenever it changes. */
typedef void (*AviAvahiChanged) (gpointer user_data, gboolean running, const char *problem);

AviAvahi *avi_avahi_new     (const AviPeerId *self_id,
                             AviAvahiFound    found,
                             AviAvahiGone     gone,
                             AviAvahiChanged  changed,
                             gpointer         user_data);
/* What to publish, per interface; called again when it changes. @port: the TCP port (SRV).
 * @addresses: (element-type AviMultiaddr); what is no use on a LAN is left out, and where nothing
 * is left the interface is as good as removed. */
void      avi_avahi_set_interface    (AviAvahi *self, guint ifindex, GPtrArray *addresses, guint16 port);
void      avi_avahi_remove_interface (AviAvahi *self, guint ifindex);
/* Withdraws us (the entry group is freed) and ends. */
void      avi_avahi_free             (AviAvahi *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAvahi, avi_avahi_free)

G_END_DECLS
