/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdnsQuiet: whether others are still heard on one interface, where some were. A LAN may be quiet for
 * long by itself, for who is known need not answer (RFC 6762, section 7.1): so after ten minutes without a
 * packet one that is known is asked, by a query that does not list it, then all are, by queries that list
 * none, and only if nobody answers the interface is quiet. Either nobody is left there, or multicast passes no more: this cannot know which.
 * For AviMdns; knows nothing of packets.
 */
#pragma once

#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_MDNS_QUIET_NOTHING,
  AVI_MDNS_QUIET_ASK, /* now */
  AVI_MDNS_QUIET_TELL
} AviMdnsQuietAction;

typedef enum
{
  AVI_MDNS_LIST_ALL,     /* that are known, so that only others answer */
  AVI_MDNS_LIST_BUT_ONE,
  AVI_MDNS_LIST_NONE
} AviMdnsList;

typedef struct
{
  gboolean heard;    /* another host, ever */
  gint64   heard_at; /* the last time */
  guint    n_asked;  /* since then */
  gint64   asked_at; /* the first time since then */
  gboolean quiet;    /* and that was told */
} AviMdnsQuiet;

/* Another host was heard. TRUE where that is news. */
gboolean           avi_mdns_quiet_heard        (AviMdnsQuiet *self, gint64 now);
/* What the next query lists as known. */
AviMdnsList        avi_mdns_quiet_get_list     (const AviMdnsQuiet *self, gint64 now);
AviMdnsQuietAction avi_mdns_quiet_next         (AviMdnsQuiet *self, gint64 now);
gint64             avi_mdns_quiet_get_deadline (const AviMdnsQuiet *self);

G_END_DECLS
