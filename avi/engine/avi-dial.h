/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviDial: reaching one peer over several addresses in staggered parallel (RFC 8305): a next
 * attempt begins 250 ms after the one before it, or as soon as that has failed; the first whose
 * handshake is done wins, the others are closed. Names are looked up (AviLookup), and what names they
 * lead to: 64 addresses and 32 names in all. Each attempt is bounded by dial-timeout, and so is a name
 * with all the names behind it. The error of a dial that failed lists every address with its cause.
 */
#pragma once

#include "avi-connection.h"

G_BEGIN_DECLS

#define AVI_DIAL_STAGGER (250 * G_TIME_SPAN_MILLISECOND)

/* Exactly one of @connection and @error; @error: (transfer none). The dial is freed afterwards. */
typedef void (*AviDialDone) (gpointer user_data, AviDial *dial, AviConnection *connection, const GError *error);
/* How one attempt ended; @error NULL: it won. */
typedef void (*AviDialNote) (gpointer user_data, const AviMultiaddr *address, const GError *error);

/* TRUE for an address of a TCP socket, or a name that may lead to one. */
gboolean avi_dial_is_possible (const AviMultiaddr *address);

/* @expected: the peer, or NULL for whoever answers. @addresses: (element-type AviMultiaddr), in
 * order, at least one. @done comes from the loop, never from within this call. @note may be NULL. */
AviDial *avi_dial_new       (AviEngine *engine, const AviPeerId *expected, GPtrArray *addresses,
                             AviDialDone done, AviDialNote note, gpointer user_data);
/* Nobody waits for it, and the addresses are what others say: it takes its turn (avi_limits_get_hearsay_turn). */
void     avi_dial_set_hearsay (AviDial *self);
/* One more address, to be tried next; nothing where it is known to the dial already. */
void     avi_dial_add       (AviDial *self, AviMultiaddr *address);
/* Ends it; `done` does not come. */
void     avi_dial_cancel    (AviDial *self);

/* For AviConnection: how the attempt that it is went. */
void     avi_dial_succeeded (AviDial *self, AviConnection *connection);
void     avi_dial_failed    (AviDial *self, AviConnection *connection, const GError *error);

G_END_DECLS
