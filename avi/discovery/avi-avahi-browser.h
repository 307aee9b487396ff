/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAvahiBrowser: what others announce, as Avahi sees it: the PTR records of the service, and for
 * each instance that they name its TXT records (records rather than services, since some nodes
 * publish no SRV). Tells the sum per peer and interface. AviAvahi hands it the daemon whenever one
 * runs.
 */
#pragma once

#include "discovery/avi-avahi.h"
#include "discovery/avi-avahi-bus.h"
#include "wire/avi-span.h"

G_BEGIN_DECLS

#define AVI_AVAHI_MAX_INSTANCES 256  /* each costs an object in the daemon */
#define AVI_AVAHI_MAX_RECORDS   1024 /* TXT records, of all instances */
#define AVI_AVAHI_MAX_ADDRESSES 32   /* of one peer on one interface */

typedef struct _AviAvahiBrowser AviAvahiBrowser;

/* @outcome: NULL where browsing works; AVI_ERROR_LIMIT where more instances are there than are
 * looked at; anything else: browsing has ended, the next `attach` tries again. */
AviAvahiBrowser *avi_avahi_browser_new    (const AviPeerId *self_id,
                                           AviAvahiFound    found,
                                           AviAvahiGone     gone,
                                           AviAvahiOutcome  outcome,
                                           gpointer         user_data);
/* Browses on @bus unless it does already; NULL: the daemon is away, and all that it said is gone. */
void             avi_avahi_browser_attach (AviAvahiBrowser *self, AviAvahiBus *bus);
/* Tells nothing any more. */
void             avi_avahi_browser_free   (AviAvahiBrowser *self);

/* The name that the data of a PTR record (not compressed) holds, in the form that Avahi takes:
 * (transfer full), or NULL where it is malformed, or the root. */
char            *avi_avahi_parse_name     (AviSpan data);
/* The addresses that the data of a TXT record holds, without /p2p/, of the peer that is named
 * first; at most AVI_AVAHI_MAX_ADDRESSES: (transfer full), or NULL where there are none. */
GPtrArray       *avi_avahi_parse_texts    (AviSpan data, guint ifindex, AviPeerId *peer);

G_END_DECLS
