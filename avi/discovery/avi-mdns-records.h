/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdnsRecords: what we announce on one interface, cut into the kinds of record that can be asked
 * for: which question means which of them, whether a known answer is one of them, and how they go
 * into a message. For AviMdns; knows nothing of time.
 */
#pragma once

#include "discovery/avi-dns.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_MDNS_PTR,         /* from the service to our instance */
  AVI_MDNS_META,        /* PTR from the list of services to the service (RFC 6763, section 9) */
  AVI_MDNS_SRV,
  AVI_MDNS_TXT,
  AVI_MDNS_A,
  AVI_MDNS_AAAA,
  AVI_MDNS_NO_INSTANCE, /* NSEC: what our instance's name has (RFC 6762, section 6.1) */
  AVI_MDNS_NO_HOST,     /* NSEC: what our host's name has */
  AVI_MDNS_N_KINDS
} AviMdnsKind;

#define AVI_MDNS_BIT(kind) (1u << (kind))
/* What a service answer carries with the PTR. */
#define AVI_MDNS_HOSTS     (AVI_MDNS_BIT (AVI_MDNS_A) | AVI_MDNS_BIT (AVI_MDNS_AAAA))
#define AVI_MDNS_DETAILS   (AVI_MDNS_BIT (AVI_MDNS_SRV) | AVI_MDNS_BIT (AVI_MDNS_TXT) | AVI_MDNS_HOSTS)

/* The same on all interfaces. */
typedef struct
{
  AviDnsName service;
  AviDnsName services;
  AviDnsName instance;
  AviDnsName host;
} AviMdnsNames;

typedef struct _AviMdnsRecords AviMdnsRecords;

/* @label: unique to us; it is both the instance's and, before ".local", the host's. */
void            avi_mdns_names_init      (AviMdnsNames *self, AviSpan label);

/* @addresses: of AviMultiaddr, the best first; what does not fit a packet is left out. NULL where
 * none is TCP over IP. @peer: our id. */
AviMdnsRecords *avi_mdns_records_new     (GPtrArray *addresses, const char *peer);
void            avi_mdns_records_free    (AviMdnsRecords *self);
/* The kinds, as bits, that a question asks for. */
guint           avi_mdns_records_match   (AviMdnsRecords *self, const AviMdnsNames *names,
                                          const AviDnsRecord *question);
/* The kind that has this very record, AVI_MDNS_N_KINDS for none. */
AviMdnsKind     avi_mdns_records_find    (AviMdnsRecords *self, const AviMdnsNames *names, const AviDnsRecord *record);
/* How many records a kind is. */
guint           avi_mdns_records_count   (AviMdnsRecords *self, AviMdnsKind kind);
/* Seconds (RFC 6762, section 10). */
guint32         avi_mdns_kind_get_ttl    (AviMdnsKind kind);
/* Shared with other hosts: of PTR there are many, so its answer takes a random while. */
gboolean        avi_mdns_kind_is_shared  (AviMdnsKind kind);
/* Puts all records of the kinds in @bits, as far as they fit. @legacy: for a resolver that knows
 * nothing of multicast DNS (RFC 6762, section 6.7). */
void            avi_mdns_records_put     (AviMdnsRecords *self, const AviMdnsNames *names, AviDnsWriter *dns,
                                          AviDnsSection section, guint bits, gboolean legacy);
/* The PTR alone, with a TTL of 0. */
void            avi_mdns_records_put_bye (const AviMdnsNames *names, AviDnsWriter *dns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMdnsRecords, avi_mdns_records_free)

G_END_DECLS
