/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAvahiPublisher: what we announce through Avahi: on each interface a service of its own, in an
 * entry group of its own, with the addresses of that interface. AviAvahi says which interfaces
 * there are, and hands it the daemon whenever one runs; it never looks at interfaces itself.
 */
#pragma once

#include "discovery/avi-avahi-bus.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_AVAHI_MAX_INTERFACES 64
/* Of one interface: the record then fits a packet of 1,500 bytes with room to spare. */
#define AVI_AVAHI_MAX_PUBLISHED  10

typedef struct _AviAvahiPublisher AviAvahiPublisher;

/* @outcome: a service is established, or is not; the next `attach` tries again. */
AviAvahiPublisher *avi_avahi_publisher_new    (const AviPeerId *self_id, AviAvahiOutcome outcome, gpointer user_data);
/* Publishes on @bus what is not published yet; NULL: the daemon is away, or must not be used. */
void               avi_avahi_publisher_attach (AviAvahiPublisher *self, AviAvahiBus *bus);
/* Without an address that can be announced the interface is as good as removed. */
void avi_avahi_publisher_set (AviAvahiPublisher *self, guint ifindex, GPtrArray *addresses, guint16 port);
void               avi_avahi_publisher_remove (AviAvahiPublisher *self, guint ifindex);
/* Withdraws everything. */
void               avi_avahi_publisher_free   (AviAvahiPublisher *self);

G_END_DECLS
