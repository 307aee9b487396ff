/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * StrictSign (specs/pubsub, Message Signing): every message is signed by its author, over the
 * message's bytes as they stand without the fields signature and key. Used by the router's files;
 * it never checks a signature itself, which is slow: whoever drives the router does.
 */
#pragma once

#include "avi-gossip-message.h"
#include "crypto/avi-key.h"

G_BEGIN_DECLS

#define AVI_SIGNING_PREFIX "libp2p-pubsub:"

/* A message of ours: (transfer full) */
GByteArray   *avi_signing_sign         (const AviKeyPair *identity, const char *topic, AviSpan data, guint64 seqno);
/* The same for a topic of StrictNoSign, where nothing says whose it is. */
GByteArray   *avi_signing_leave_unsigned (const char *topic, AviSpan data);

/* Who the author is: the key that came with the message, which must be that of @fields->from, else
 * the one that this peer id holds. NULL with AVI_ERROR_SECURITY: (transfer full) */
AviPublicKey *avi_signing_get_key      (const AviGossipFields *fields, GError **error);

/* What is signed: written to @out, which has room for the prefix and @message. Returns how much. */
gsize         avi_signing_write_signed (AviSpan message, guint8 *out);

G_END_DECLS
