/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdnsCache: what multicast DNS told of other peers: addresses, each with the interface it was
 * heard on and its time to live, and the name under which a peer was last heard, for the list of
 * known answers. At most AVI_MDNS_MAX_PEERS, the one unheard of for longest gives way. For AviMdns;
 * knows nothing of packets.
 */
#pragma once

#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

typedef struct _AviMdnsCache AviMdnsCache;

AviMdnsCache *avi_mdns_cache_new       (void);
void          avi_mdns_cache_free      (AviMdnsCache *self);

/* @instance: hash of the name of the TXT record that said so; @ttl: of it, in seconds; 0: no more. */
void          avi_mdns_cache_learn     (AviMdnsCache *self, const AviPeerId *peer, AviMultiaddr *address, guint ifindex,
                                        guint instance, guint32 ttl, gint64 now);
/* The PTR of @peer, where it was learned: @label: of the instance, before the service's name. */
void          avi_mdns_cache_name      (AviMdnsCache *self, const AviPeerId *peer, AviSpan label, guint ifindex,
                                        guint32 ttl, gint64 now);
/* The record just learned is all there is of the instance (RFC 6762, section 10.2): what is older
 * than a second goes, a second from now. */
void          avi_mdns_cache_flush     (AviMdnsCache *self, const AviPeerId *peer, guint instance, guint ifindex,
                                        gint64 now);
/* The PTR of the instance was withdrawn: it goes, a second from now (section 10.1). */
void          avi_mdns_cache_withdraw  (AviMdnsCache *self, guint instance, guint ifindex, gint64 now);
gboolean      avi_mdns_cache_knows     (AviMdnsCache *self, guint instance);
void          avi_mdns_cache_drop_interface (AviMdnsCache *self, guint ifindex);
guint         avi_mdns_cache_get_n     (AviMdnsCache *self);

/* Known answers for a query on @ifindex: PTRs with more than half of their life before them
 * (section 7.1), the freshest first. @cursor: NULL to begin. FALSE: no more. @ttl: what is left. */
gboolean      avi_mdns_cache_next_known (AviMdnsCache *self, guint ifindex, gint64 now, GList **cursor,
                                         AviSpan *label, guint32 *ttl);

/* Lets go of what has expired. */
void          avi_mdns_cache_tick      (AviMdnsCache *self, gint64 now);
gint64        avi_mdns_cache_get_deadline (AviMdnsCache *self);
/* After a tick: the interfaces on which to ask again, for something there is about to expire. */
gboolean      avi_mdns_cache_next_stale (AviMdnsCache *self, guint *ifindex);
/* AVI_MDNS_EVENT_FOUND and _GONE. */
gboolean      avi_mdns_cache_next_event (AviMdnsCache *self, AviMdnsEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMdnsCache, avi_mdns_cache_free)

G_END_DECLS
