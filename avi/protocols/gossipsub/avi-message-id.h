/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a message is called: within the router by a hash of its author and seqno, which every table
 * here is keyed by; on the wire, in IHAVE and IWANT, by one of the forms that the implementations'
 * families have. All forms say author and seqno, and their first byte tells which form it is, so
 * any of them leads to the hash. Used by the router's files only.
 */
#pragma once

#include "crypto/avi-siphash.h"
#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

#define AVI_SEQNO_LEN 8 /* bytes, big-endian */

typedef AviSipHash AviMessageId;

typedef enum
{
  AVI_MESSAGE_ID_UNKNOWN,
  AVI_MESSAGE_ID_PLAIN, /* go, py, and we: from ‖ seqno, as in the specification */
  AVI_MESSAGE_ID_TEXT,  /* rust: from in base58, then seqno in decimal */
  AVI_MESSAGE_ID_KEY    /* js: the author's public key as a protobuf ‖ seqno */
} AviMessageIdForm;

AviMessageId     avi_message_id_make      (const AviSipKey *secret, const AviPeerId *from, guint64 seqno);

/* @bytes in any form. Returns AVI_MESSAGE_ID_UNKNOWN, where they are in none. */
AviMessageIdForm avi_message_id_parse     (AviSpan bytes, AviPeerId *from, guint64 *seqno);
/* The form that an implementation of this name (identify's agentVersion) uses: PLAIN where nothing is
 * known of it, UNKNOWN where @agent is NULL. */
AviMessageIdForm avi_message_id_guess     (const char *agent);

/* For hash tables keyed by `const AviMessageId *`. */
guint            avi_message_id_hash      (gconstpointer self);
gboolean         avi_message_id_equal     (gconstpointer a, gconstpointer b);

G_END_DECLS
