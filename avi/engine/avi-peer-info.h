/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPeerInfo: what is known of a peer at one moment: immutable and reference-counted, made by the
 * engine anew at each change, read by any thread.
 */
#pragma once

#include "avi-lock.h"
#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

/* As AviPeerSource. */
typedef enum
{
  AVI_SOURCE_MDNS      = 1 << 0,
  AVI_SOURCE_LOCAL     = 1 << 1,
  AVI_SOURCE_KAD       = 1 << 2,
  AVI_SOURCE_BOOTSTRAP = 1 << 3,
  AVI_SOURCE_INBOUND   = 1 << 4,
  AVI_SOURCE_DIAL      = 1 << 5
} AviSource;

typedef struct
{
  AviRefCount ref_count;
  AviPeerId   peer;
  char       *id;          /* base58 */
  char       *name;        /* agentVersion of an Avi node, else a short id; never NULL */
  char       *agent;       /* as identified; or NULL */
  char      **addresses;   /* text, never NULL; the one in use first */
  char      **protocols;   /* never NULL */
  gboolean    connected;
  gint64      round_trip;  /* µs; -1: not measured */
  guint64     n_dropped;   /* messages that did not go to it */
  gint64      since;       /* Unix µs of the connection, or 0 */
  char       *last_error;  /* why it is not connected; or NULL */
  guint       source;      /* of AviSource */
} AviPeerInfo;

AviPeerInfo *avi_peer_info_ref   (AviPeerInfo *self);
void         avi_peer_info_unref (AviPeerInfo *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPeerInfo, avi_peer_info_unref)

G_END_DECLS
