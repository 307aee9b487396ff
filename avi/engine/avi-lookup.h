/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLookup: the addresses that a name stands for, by the system's resolver: /dns/, /dns4/ and /dns6/
 * those of the host, /dnsaddr/ those in TXT records of _dnsaddr.NAME (multiformats/multiaddr, DNSADDR).
 * AviDial uses it. One look-up asks for one name until its deadline; it never follows what it found,
 * and never judges it. A resolver that is stuck keeps a thread of GLib's, and nobody waiting.
 */
#pragma once

#include "avi-loop.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_LOOKUP_MAX_FOUND 1024 /* addresses of one answer that are looked at */

typedef struct _AviLookup AviLookup;

/* Exactly one of @found, (element-type AviMultiaddr), and @error, both (transfer none). @found: in the
 * answer's order; those of a TXT record as they stand there, others with the port and /p2p/ of the address
 * looked up. The look-up is freed afterwards. */
typedef void (*AviLookupDone) (gpointer user_data, AviLookup *lookup, GPtrArray *found, const GError *error);

/* TRUE for an address that begins with a name. */
gboolean      avi_lookup_is_needed    (const AviMultiaddr *address);

/* @address: avi_lookup_is_needed. @deadline: in the loop's time. @done comes from the loop, never from
 * within this call. */
AviLookup    *avi_lookup_new          (AviLoop *loop, AviMultiaddr *address, gint64 deadline, AviLookupDone done,
                                       gpointer user_data);
AviMultiaddr *avi_lookup_get_address  (AviLookup *self);
gint64        avi_lookup_get_deadline (AviLookup *self);
/* Ends it; `done` does not come. */
void          avi_lookup_cancel       (AviLookup *self);

G_END_DECLS
