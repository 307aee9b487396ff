/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipMessage: one message on its way through the router: checked, queued, cached, answered
 * with. Reference-counted, and immutable but for whether its signature was checked; it holds the bytes as they came,
 * framed as an RPC of their own, so that passing it on to a peer is one more reference. All of it is for the engine, but
 * for views of its bytes, which keep it alive, and which any thread may have.
 *
 * AviGossipFields is how a message is looked at before it is worth keeping: what its bytes say,
 * where they lie.
 */
#pragma once

#include "avi-message-id.h"
#include "wire/avi-ref-count.h"

G_BEGIN_DECLS

typedef struct
{
  AviSpan   raw; /* the whole message; the spans below lie in it */
  AviSpan   data, topic, signature, key; /* empty: absent */
  gboolean  is_signed;
  AviPeerId from;  /* empty: it is not signed */
  guint64   seqno;
} AviGossipFields;

/* FALSE with AVI_ERROR_PROTOCOL where @raw is malformed, or is neither what StrictSign demands (specs/pubsub:
 * one topic, a valid author, a seqno of eight bytes, a signature) nor what StrictNoSign does (one topic, and not so
 * much as an empty field of the others). A field given twice is refused, since implementations differ in which of the
 * two they take. */
gboolean avi_gossip_fields_read (AviGossipFields *self, AviSpan raw, GError **error);

/* 1 to AVI_GOSSIPSUB_MAX_TOPIC bytes of UTF-8 without NUL. */
gboolean avi_gossip_topic_is_valid (AviSpan topic);

typedef struct
{
  AviRefCount     refs;
  gboolean        checked; /* may be passed on: its signature held, or it has none, or is ours */
  AviMessageId    id;
  AviGossipFields fields; /* in rpc */
  char           *author; /* fields.from in base58; or NULL: not asked for yet */
  guint8          content_id[AVI_CONTENT_ID_LEN]; /* of one without signature */
  AviSpan         entry;  /* within rpc: the RPC's field `publish`, tag and length included */
  gsize           rpc_len;
  guint8          rpc[];  /* an RPC with this message only, its length in front */
} AviGossipMessage;

/* Copies what @fields point to. @content_id: of one without signature, else NULL. */
AviGossipMessage *avi_gossip_message_new   (const AviGossipFields *fields, AviMessageId id, const guint8 *content_id);
AviGossipMessage *avi_gossip_message_ref   (AviGossipMessage *self);
void              avi_gossip_message_unref (AviGossipMessage *self);

/* The memory that it takes, in bytes, near enough: what limits are counted in. */
gsize             avi_gossip_message_get_cost  (const AviGossipMessage *self);
/* NULL: it has no signature. (transfer none) */
const char       *avi_gossip_message_get_author (AviGossipMessage *self);
/* Views that keep the whole alive: (transfer full) */
GBytes           *avi_gossip_message_dup_data   (AviGossipMessage *self);
GBytes           *avi_gossip_message_dup_rpc    (AviGossipMessage *self);
/* @out: its content is replaced by the message's id: of one without signature that of its content, else in @form,
 * which is neither UNKNOWN nor CONTENT. */
void              avi_gossip_message_write_id   (AviGossipMessage *self, AviMessageIdForm form, GByteArray *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviGossipMessage, avi_gossip_message_unref)

G_END_DECLS
