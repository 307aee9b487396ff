/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPromises: the messages that peers said they have (IHAVE), that they were asked for (IWANT), and
 * that have not come yet. Keeps a message from being asked of everybody at once, tells which came by
 * asking, and who announced what there is not.
 *
 * A promise that is not kept in time is broken: others are asked. That alone is nobody's fault, for a
 * peer may be slow, and have announced what it holds. Whose promise is about a message that nobody
 * brings for long after told a lie.
 */
#pragma once

#include "avi-message-id.h"

G_BEGIN_DECLS

typedef struct _AviPromises AviPromises;

typedef struct
{
  guint64 peer;  /* its serial */
  gint64  since; /* µs; when it was too late */
} AviLie;

/* @max: messages that are kept account of; what is asked for beyond is asked for all the same, so
 * that nobody keeps messages from us by promising many. @patience: µs until a promise is broken. @lie_time: µs from then
 * on until it was a lie, of which @max_overdue are waited for. */
AviPromises *avi_promises_new    (guint max, gint64 patience, guint max_overdue, gint64 lie_time);
void         avi_promises_free   (AviPromises *self);

/* The peer of that serial says it has the message. TRUE: ask it. FALSE: it was asked before, or
 * enough others are being asked. */
gboolean     avi_promises_make   (AviPromises *self, AviMessageId id, guint64 peer, gint64 now);
/* The message is here, first from @peer. TRUE: it had promised. */
gboolean     avi_promises_keep   (AviPromises *self, AviMessageId id, guint64 peer);
/* Others may be asked too. Forgets what is broken, and returns how many. @lies: (of AviLie, not emptied; or NULL) those
 * found out; one for each peer and heartbeat is looked for. */
guint        avi_promises_heartbeat (AviPromises *self, gint64 now, GArray *lies);
/* Messages that are waited for, and those that may not exist. */
guint        avi_promises_get_size  (AviPromises *self);
guint        avi_promises_get_n_overdue (AviPromises *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPromises, avi_promises_free)

G_END_DECLS
