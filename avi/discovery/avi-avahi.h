/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAvahi: mDNS through the system's avahi-daemon, by asynchronous GDBus, where its name has an
 * owner on the system bus: publishes our service (so that the system's DNS-SD tools see the device)
 * and browses PTR records of _p2p._udp, then their TXT (records, not services: some publish no
 * SRV). Comes and goes with the daemon. Runs on the thread-default context of its maker; never
 * blocks.
 */
#pragma once

#include <gio/gio.h>

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef struct _AviAvahi AviAvahi;

/* @addresses: (element-type AviMultiaddr), without /p2p/ */
typedef void (*AviAvahiFound)   (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses, guint ifindex);
typedef void (*AviAvahiGone)    (gpointer user_data, const AviPeerId *peer, guint ifindex);
/* @running: the daemon owns its name; @problem: what stands in the way, or NULL */
typedef void (*AviAvahiChanged) (gpointer user_data, gboolean running, const char *problem);

AviAvahi *avi_avahi_new     (const AviPeerId *self_id,
                             AviAvahiFound    found,
                             AviAvahiGone     gone,
                             AviAvahiChanged  changed,
                             gpointer         user_data);
/* What to publish, per interface; called again when it changes. @port: the TCP port (SRV). */
void      avi_avahi_set_interface    (AviAvahi *self, guint ifindex, GPtrArray *addresses, guint16 port);
void      avi_avahi_remove_interface (AviAvahi *self, guint ifindex);
/* Withdraws us (the entry group is freed) and ends. */
void      avi_avahi_free             (AviAvahi *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAvahi, avi_avahi_free)

G_END_DECLS
