/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPromises: the messages that peers said they have (IHAVE), that they were asked for (IWANT), and
 * that have not come yet. Keeps a message from being asked of everybody at once, and tells which
 * came by asking. (Scoring, when it comes, reads broken promises here.)
 */
#pragma once

#include "avi-message-id.h"

G_BEGIN_DECLS

typedef struct _AviPromises AviPromises;

/* @max: messages that are kept account of; what is asked for beyond is asked for all the same, so
 * that nobody keeps messages from us by promising many. @patience: µs until a promise is broken. */
AviPromises *avi_promises_new    (guint max, gint64 patience);
void         avi_promises_free   (AviPromises *self);

/* The peer of that serial says it has the message. TRUE: ask it. FALSE: it was asked before, or
 * enough others are being asked. */
gboolean     avi_promises_make   (AviPromises *self, AviMessageId id, guint64 peer, gint64 now);
/* The message is here, first from @peer. TRUE: it had promised. */
gboolean     avi_promises_keep   (AviPromises *self, AviMessageId id, guint64 peer);
/* Others may be asked too. Forgets what is broken, and returns how many. */
guint        avi_promises_heartbeat (AviPromises *self, gint64 now);
guint        avi_promises_get_size  (AviPromises *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPromises, avi_promises_free)

G_END_DECLS
