/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a puppet says for pub/sub: as it should, or an RPC of a test's making.
 */
#pragma once

#include "puppet.h"

G_BEGIN_DECLS

/* A stream for it, on which it says that it subscribes to @topic. */
AviLinkStream *puppet_subscribe (Puppet *self, const char *topic);
/* A message of @author's, signed, on @stream. */
void           puppet_publish   (Puppet *self, AviLinkStream *stream, AviKeyPair *author, const char *topic,
                                 const char *text, guint64 seqno);
/* @rpc, its length in front of it. */
void           puppet_send_rpc  (Puppet *self, AviLinkStream *stream, AviSpan rpc);

G_END_DECLS
