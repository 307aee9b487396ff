/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the router makes an AviMessage, and how a validator's answer finds its way back to it.
 */
#pragma once

#include "avi-message.h"

G_BEGIN_DECLS

/* @from: the author's peer id in base58, or NULL on an unsigned topic. @received_at: Unix µs. */
AviMessage *avi_message_new (const char *topic, const char *from, guint64 seqno, GBytes *data, gint64 received_at);

/* What a validator's answer is told by; before anybody else has the message. */
void        avi_message_set_ticket  (AviMessage *self, guint64 ticket);
/* Once only; afterwards, and of a message that no validator is asked about: FALSE. From any thread. */
gboolean    avi_message_take_ticket (AviMessage *self, guint64 *ticket);

G_END_DECLS
