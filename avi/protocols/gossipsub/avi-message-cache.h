/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMessageCache: the messages of the last heartbeats (gossipsub 1.0, Message Cache), in windows of
 * one heartbeat: the newest are gossiped about, all are answered with. Bounded in bytes too: what
 * came first goes first.
 */
#pragma once

#include "avi-gossip-message.h"

G_BEGIN_DECLS

typedef struct _AviMessageCache AviMessageCache;

/* @max_bytes: of messages held; one that alone is more is not cached. */
AviMessageCache  *avi_message_cache_new   (guint windows, guint gossip_windows, gsize max_bytes);
void              avi_message_cache_free  (AviMessageCache *self);
/* Whose id is not held, which the seen cache sees to; where it was forgetful the newer one is found. */
void              avi_message_cache_put   (AviMessageCache *self, AviGossipMessage *message);

/* What the peer of that serial asks for; NULL where it is not held or not checked, or the peer has been given it
 * @max times by this function, which is then counted in @refused (or NULL): (transfer none) */
AviGossipMessage *avi_message_cache_get_for (AviMessageCache *self, const AviMessageId *id, guint64 peer, guint max,
                                             guint *refused);

/* Appends to @out (of AviGossipMessage, not owned) what is to be gossiped about, once it was checked, on all topics: the
 * newest first. */
void              avi_message_cache_list  (AviMessageCache *self, GPtrArray *out);
/* It is not to be passed on. */
void              avi_message_cache_drop  (AviMessageCache *self, const AviMessageId *id);
/* A heartbeat passed. */
void              avi_message_cache_shift (AviMessageCache *self);
void              avi_message_cache_clear (AviMessageCache *self);

guint             avi_message_cache_get_size  (AviMessageCache *self);
gsize             avi_message_cache_get_bytes (AviMessageCache *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMessageCache, avi_message_cache_free)

G_END_DECLS
