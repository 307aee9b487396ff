/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAddresses: the addresses known of one peer: from which sources, and how the last attempt on
 * each went. At most AVI_ADDRESSES_MAX; the ones that failed most give way. It never dials.
 */
#pragma once

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_ADDRESSES_MAX 32

typedef struct
{
  AviMultiaddr *address;  /* without /p2p/ */
  guint         sources;  /* flags of the caller's; an address without any is gone */
  guint         failures; /* in a row */
  char         *error;    /* of the last attempt, NULL where it succeeded or was not made */
  gboolean      used;     /* it led to the peer at least once */
} AviKnownAddress;

typedef struct _AviAddresses AviAddresses;

/* How good an address is to begin with, by what the caller knows of the network; smaller is
 * better; G_MAXUINT: not to be dialled at all. */
typedef guint (*AviAddressRank) (gpointer user_data, const AviMultiaddr *address);

AviAddresses *avi_addresses_new       (void);
void          avi_addresses_free      (AviAddresses *self);
/* TRUE where the address was not known. A trailing /p2p/ is dropped. */
gboolean      avi_addresses_add       (AviAddresses *self, AviMultiaddr *address, guint source);
/* These, and no others, are what @source knows now. TRUE where one is new. @addresses: NULL: none. */
gboolean      avi_addresses_replace   (AviAddresses *self, guint source, GPtrArray *addresses);
/* The union of what the addresses' sources are. */
guint         avi_addresses_get_sources (AviAddresses *self);
/* Those of one address; 0: not known. */
guint         avi_addresses_get_sources_of (AviAddresses *self, const AviMultiaddr *address);
guint         avi_addresses_get_n     (AviAddresses *self);
const AviKnownAddress *avi_addresses_get (AviAddresses *self, guint index);
/* How an attempt went; @error NULL: well. */
void          avi_addresses_note      (AviAddresses *self, const AviMultiaddr *address, const char *error);
void          avi_addresses_remove    (AviAddresses *self, const AviMultiaddr *address);
/* A sign of life, or another network: failures of the past say nothing any more. */
void          avi_addresses_forgive   (AviAddresses *self);
/* In the order in which to dial: by rank, ones that worked first, fewer failures first. IPv6 and
 * IPv4 of one rank take turns (RFC 8305, section 4). (transfer full) (element-type AviMultiaddr) */
GPtrArray    *avi_addresses_sort      (AviAddresses *self, AviAddressRank rank, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAddresses, avi_addresses_free)

G_END_DECLS
