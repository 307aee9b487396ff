/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What avi-mdns.c (interfaces, sending) and avi-mdns-receive.c share.
 */
#pragma once

#include "discovery/avi-mdns-cache.h"
#include "discovery/avi-mdns-link.h"
#include "discovery/avi-mdns-quiet.h"
#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

#define AVI_MDNS_MAX_WANTED   8  /* instances to be asked for with the next query */
#define AVI_MDNS_MAX_UNICASTS 64 /* answers that wait their random while */

/* One interface in one family. */
typedef struct
{
  AviMdnsLink link;

  /* Instances that were named without a TXT record. */
  AviDnsName  wanted[AVI_MDNS_MAX_WANTED];
  guint       n_wanted;

  /* Who sent the query that waits for the rest of its known answers; family 0: nobody. */
  struct sockaddr_storage truncated;
} AviMdnsSide;

typedef struct
{
  guint           ifindex;
  GPtrArray      *addresses;
  AviMdnsRecords *records;  /* NULL: nothing to announce */
  AviMdnsSide     sides[2]; /* IPv4, IPv6 */
  AviMdnsQuiet    quiet;
  gboolean        tell;     /* what `quiet` says of it is news */
} AviMdnsInterface;

/* An answer to one host. */
typedef struct
{
  guint                   ifindex;
  struct sockaddr_storage remote;
  gint64                  due;
  guint                   bits;
  guint16                 id;
  gboolean                legacy;   /* and then the question is repeated: */
  AviDnsName              name;
  guint16                 type;
  guint16                 klass;
} AviMdnsUnicast;

struct _AviMdns
{
  AviRandom    *random;
  AviPeerId     self_id;
  char         *self_text;
  AviMdnsNames  names;
  gint64        renamed_at;

  GPtrArray    *interfaces; /* of AviMdnsInterface */
  AviMdnsCache *cache;
  GArray       *unicasts;   /* of AviMdnsUnicast */
  gint64        unicast_free_at; /* when the answers sent so far are paid for; ahead of now by a burst at most */
  guint64       n_ignored;  /* addresses */
  gboolean      leaving;
  AviWriter     writer;
};

AviMdnsInterface *avi_mdns_find_interface (AviMdns *self, guint ifindex);
/* Another host claims our name: the next one, and the train anew. */
void              avi_mdns_rename         (AviMdns *self, gint64 now);

G_END_DECLS
