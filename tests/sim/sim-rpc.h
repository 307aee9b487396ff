/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RPCs as the simulator itself reads and writes them: what hostile nodes send, which no router would
 * say, and what is counted on its way.
 */
#pragma once

#include "crypto/avi-key.h"
#include "crypto/avi-random.h"
#include "protocols/gossipsub/avi-rpc.h"

G_BEGIN_DECLS

typedef struct
{
  AviRpcReader rpc;
} SimRpcReader;

static inline SimRpcReader
sim_rpc_read (AviSpan rpc)
{
  return (SimRpcReader) { avi_rpc_reader_init (rpc) };
}

/* The data of the next message. */
gboolean    sim_rpc_next_payload (SimRpcReader *self, AviSpan *payload);
gboolean    sim_rpc_has_messages (AviSpan rpc);
/* The first PRUNE for @topic: TRUE. */
gboolean    sim_rpc_prunes       (AviSpan rpc, const char *topic);
/* The ids in the form PLAIN of all messages in it, as GBytes, appended to @ids. */
void        sim_rpc_list_ids     (AviSpan rpc, GPtrArray *ids);

/* Fields of an RPC, appended to @out. */
void        sim_rpc_put_subscription (GByteArray *out, const char *topic);
void        sim_rpc_put_graft    (GByteArray *out, const char *topic);
/* @ids: fields of an IHAVE or IWANT, as `sim_rpc_put_id` makes them. */
void        sim_rpc_put_ihave    (GByteArray *out, const char *topic, const GByteArray *ids);
void        sim_rpc_put_iwant    (GByteArray *out, const GByteArray *ids);
void        sim_rpc_put_id       (GByteArray *out, gboolean ihave, AviSpan id);
void        sim_rpc_put_new_id   (GByteArray *out, const AviPeerId *author, guint64 seqno);
void        sim_rpc_put_message  (GByteArray *out, const AviKeyPair *author, const char *topic, AviSpan data,
                                  guint64 seqno);
/* In the author's name, with a signature that is none. */
void        sim_rpc_put_forgery  (GByteArray *out, const AviPeerId *author, const char *topic, AviSpan data,
                                  guint64 seqno, AviRandom *random);
/* With its length in front: (transfer full) */
GBytes     *sim_rpc_frame        (const GByteArray *rpc);
AviSpan     sim_rpc_unframe      (GBytes *rpc);

G_END_DECLS
