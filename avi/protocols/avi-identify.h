/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Identify and identify push (specs/identify): what a node says of itself on a connection. The
 * message travels behind its length as a varint; a node may send it in several messages that are
 * merged. This is the codec and the reader of one stream; who answers whom is the engine's.
 *
 * Ours should stay below 4 KiB: that is as much as rust-libp2p reads (js: 8 KiB).
 */
#pragma once

#include "crypto/avi-key.h"
#include "protocols/avi-peer-record.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_IDENTIFY_PROTOCOL      "/ipfs/id/1.0.0"
#define AVI_IDENTIFY_PUSH_PROTOCOL "/ipfs/id/push/1.0.0"
#define AVI_IDENTIFY_MAX_LEN       (64 * 1024) /* of all messages of a stream together */
#define AVI_IDENTIFY_MAX_MESSAGES  16
#define AVI_IDENTIFY_MAX_ADDRESSES 64          /* kept; more are ignored and counted */
#define AVI_IDENTIFY_MAX_PROTOCOLS 256
#define AVI_IDENTIFY_MAX_TEXT      256         /* bytes of a version string or protocol name */
#define AVI_BOOT_ID_LEN            16

typedef struct
{
  char         *protocol_version; /* NULL: not said */
  char         *agent_version;
  AviPublicKey *key;              /* NULL: not said (js's pushes) */
  GPtrArray    *listen_addresses; /* of AviMultiaddr; NULL: not said. Without /p2p/. */
  AviMultiaddr *observed_address; /* NULL: not said, or malformed. Without /p2p/. */
  gboolean      observed_by_id;   /* it ended in /p2p/, as js has it; not encoded */
  char        **protocols;        /* NULL: not said */
  GBytes       *signed_peer_record; /* as it came, not looked into, at most AVI_PEER_RECORD_MAX bytes; NULL: none */
  gboolean      has_boot_id;
  guint8        boot_id[AVI_BOOT_ID_LEN];
  guint         n_ignored;        /* addresses and protocols that were left out; not encoded */
} AviIdentify;

void     avi_identify_clear  (AviIdentify *self);
/* The stream's bytes, length included, fields in the order of their numbers: (transfer full) */
GBytes  *avi_identify_encode (const AviIdentify *self);

typedef struct _AviIdentifyReader AviIdentifyReader;

AviIdentifyReader *avi_identify_reader_new     (void);
void               avi_identify_reader_free    (AviIdentifyReader *self);
/* An empty span is nothing. AVI_ERROR_LIMIT, AVI_ERROR_PROTOCOL: for good. */
gboolean           avi_identify_reader_receive (AviIdentifyReader *self, AviSpan bytes, GError **error);
/* Once, after the peer finished: what it said, @out (to be cleared by the caller). Errors: nothing came,
 * or not whole (AVI_ERROR_PROTOCOL); the key is not @peer's (AVI_ERROR_SECURITY). Of two values of a
 * field the later counts, lists are joined. Unknown or malformed addresses are left out, as are those
 * that lead to another peer, and texts that are no UTF-8 or too long. */
gboolean avi_identify_reader_finish (AviIdentifyReader *self, const AviPeerId *peer, AviIdentify *out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviIdentifyReader, avi_identify_reader_free)

G_END_DECLS
