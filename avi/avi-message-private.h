/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the router makes an AviMessage.
 */
#pragma once

#include "avi-message.h"

G_BEGIN_DECLS

/* @from: the author's peer id in base58, or NULL on an unsigned topic. @received_at: Unix µs. */
AviMessage *avi_message_new (const char *topic, const char *from, guint64 seqno, GBytes *data, gint64 received_at);

G_END_DECLS
