/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviSeenCache: the ids of the messages seen lately, so that each is delivered and passed on once.
 * An id is known for the time to live after it was first added, to the millisecond, or for less where more ids
 * came in that time than the cache may hold: at least the newest half of them is then still known.
 */
#pragma once

#include "avi-message-id.h"

G_BEGIN_DECLS

typedef struct _AviSeenCache AviSeenCache;

/* @ttl: µs, from 1,000 up. @max: ids held, from 1 up; rounded up to a power of two, and to 16. */
AviSeenCache *avi_seen_cache_new      (gint64 ttl, guint max);
void          avi_seen_cache_free     (AviSeenCache *self);
/* FALSE: it is known already, and goes on from when it was first added. */
gboolean      avi_seen_cache_add      (AviSeenCache *self, AviMessageId id, gint64 now);
gboolean      avi_seen_cache_contains (AviSeenCache *self, AviMessageId id, gint64 now);
/* How many ids take up room: @max, rounded up, is never passed. */
guint         avi_seen_cache_get_size (AviSeenCache *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviSeenCache, avi_seen_cache_free)

G_END_DECLS
