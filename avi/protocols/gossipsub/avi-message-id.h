/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a message is called: within the router by a hash, which every table here is keyed by; on the wire, in
 * IHAVE, IWANT and IDONTWANT, by one of several forms. A signed message is called by its author and seqno, in the form
 * that an implementation's family has, whose first byte tells which it is. One without a signature is called
 * by its content, in a form that its length tells: no other has so few bytes. Any form leads to the hash.
 * Used by the router's files only.
 */
#pragma once

#include "crypto/avi-siphash.h"
#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

#define AVI_SEQNO_LEN      8  /* bytes, big-endian */
#define AVI_CONTENT_ID_LEN 20 /* bytes: the first of SHA-256 (topic ‖ data) */

typedef AviSipHash AviMessageId;

typedef enum
{
  AVI_MESSAGE_ID_UNKNOWN,
  AVI_MESSAGE_ID_PLAIN, /* go, py, and we: from ‖ seqno, as in the specification */
  AVI_MESSAGE_ID_TEXT,  /* rust: from in base58, then seqno in decimal */
  AVI_MESSAGE_ID_KEY,   /* js: the author's public key as a protobuf ‖ seqno */
  AVI_MESSAGE_ID_CONTENT /* of a message without author: all families alike, where they are configured so */
} AviMessageIdForm;

AviMessageId     avi_message_id_make         (const AviSipKey *secret, const AviPeerId *from, guint64 seqno);
AviMessageId     avi_message_id_make_content (const AviSipKey *secret, const guint8 content[AVI_CONTENT_ID_LEN]);
void             avi_message_id_hash_content (AviSpan topic, AviSpan data, guint8 out[AVI_CONTENT_ID_LEN]);

/* @bytes in any form. @from: the author, empty where the form says none. Returns AVI_MESSAGE_ID_UNKNOWN where they
 * are in none. */
AviMessageIdForm avi_message_id_read      (const AviSipKey *secret, AviSpan bytes, AviMessageId *id, AviPeerId *from);
/* @bytes in a form that says author and seqno, or AVI_MESSAGE_ID_UNKNOWN. */
AviMessageIdForm avi_message_id_parse     (AviSpan bytes, AviPeerId *from, guint64 *seqno);
/* The form that an implementation of this name (identify's agentVersion) uses: PLAIN where nothing is
 * known of it, UNKNOWN where @agent is NULL. */
AviMessageIdForm avi_message_id_guess     (const char *agent);

/* For hash tables keyed by `const AviMessageId *`. */
guint            avi_message_id_hash      (gconstpointer self);
gboolean         avi_message_id_equal     (gconstpointer a, gconstpointer b);

G_END_DECLS
