/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviDeliveries: which peers delivered which of the messages that came lately (gossipsub 1.1, P3: copies
 * that come soon after the first count, once for each peer). Kept only where some topic counts them.
 */
#pragma once

#include "avi-message-id.h"

G_BEGIN_DECLS

#define AVI_DELIVERIES_MAX_PEERS 16 /* of one message; copies beyond do not count */

typedef struct _AviDeliveries AviDeliveries;

/* @max: messages; the oldest give way. */
AviDeliveries *avi_deliveries_new   (guint max);
void           avi_deliveries_free  (AviDeliveries *self);
/* The message came first at @now. */
void           avi_deliveries_begin (AviDeliveries *self, AviMessageId id, gint64 now);
/* The peer of that serial delivered it. FALSE: it has before, or nothing is known of the message, or too many did. */
gboolean       avi_deliveries_add   (AviDeliveries *self, AviMessageId id, guint64 peer, gint64 *since);
guint          avi_deliveries_get_size (AviDeliveries *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviDeliveries, avi_deliveries_free)

G_END_DECLS
