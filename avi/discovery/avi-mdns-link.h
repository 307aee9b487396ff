/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdnsLink: when to say what, by multicast, on one interface in one family: the train of queries
 * and announcements at its start, queries at growing intervals afterwards, answers that wait their
 * random while, and no record more than once a second. For AviMdns; knows nothing of packets.
 *
 *   start ──► train: query and announce at 0, 0.25, 0.5, 1, 2 s ──► query after 4, 8, … 300 s
 *     ▲                                                                        │
 *     └──────────────── addresses or name changed ─────────────────────────────┘
 */
#pragma once

#include "crypto/avi-random.h"
#include "discovery/avi-mdns-records.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_MDNS_LINK_SILENT,
  AVI_MDNS_LINK_QUERY,
  AVI_MDNS_LINK_ANNOUNCE, /* the PTR and its details */
  AVI_MDNS_LINK_META,     /* the list of services: a packet of its own, for some read but one PTR of each */
  AVI_MDNS_LINK_ANSWER,   /* other kinds, as bits */
  AVI_MDNS_LINK_BYE
} AviMdnsLinkAction;

typedef struct
{
  gboolean up;
  gboolean bye;          /* to be said once, before anything else */
  gint64   started;      /* µs */
  guint    step;         /* of the train, the next */
  gint64   query_at;     /* beside the train; G_MAXINT64: not */
  gint64   queried_at;
  gint64   interval;     /* between queries after the train */
  gboolean query;        /* now: */
  gboolean announce;
  gint64   due[AVI_MDNS_N_KINDS];     /* G_MAXINT64: nobody waits for it */
  gint64   sent_at[AVI_MDNS_N_KINDS];
} AviMdnsLink;

void     avi_mdns_link_init       (AviMdnsLink *self);
/* Begins (again) with the train. */
void     avi_mdns_link_start      (AviMdnsLink *self, gint64 now);
void     avi_mdns_link_stop       (AviMdnsLink *self);
/* A query as soon as one is decent: @spacing µs after the last one. @again: and the intervals grow anew. */
void     avi_mdns_link_query      (AviMdnsLink *self, gint64 at, gint64 spacing, gboolean again);
/* Another host asked what we would have asked: that will do (RFC 6762, section 7.3). */
void     avi_mdns_link_overheard  (AviMdnsLink *self, gint64 now, AviRandom *random);
/* The kinds in @bits are asked for, to be sent at @at or once a second is over since they last were
 * (@probe: a quarter; RFC 6762, section 6). */
void     avi_mdns_link_want       (AviMdnsLink *self, guint bits, gint64 at, gboolean probe);
/* They are no longer. */
void     avi_mdns_link_unwant     (AviMdnsLink *self, guint bits);
/* Was multicast within the last quarter of its TTL (RFC 6762, section 5.4). */
gboolean avi_mdns_link_is_fresh   (const AviMdnsLink *self, AviMdnsKind kind, gint64 now);
/* What is to be said now, one thing at a time; it then counts as said. @announces: we have
 * something to announce. */
AviMdnsLinkAction avi_mdns_link_next (AviMdnsLink *self, gboolean announces, gint64 now, AviRandom *random,
                                      guint *bits);
gint64   avi_mdns_link_get_deadline  (const AviMdnsLink *self);

G_END_DECLS
