/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMessage: one message as it was heard: its topic, its author, its bytes, and these as text or
 * JSON. Handlers of AviSubscription and AviDevice get it, and may keep it, in any thread: it never
 * changes. Programs never make one: they publish bytes.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include <avi-version.h>

G_BEGIN_DECLS

#define AVI_TYPE_MESSAGE (avi_message_get_type ())

typedef struct _AviMessage AviMessage;

AVI_AVAILABLE_IN_1_0
GType       avi_message_get_type        (void) G_GNUC_CONST;
AVI_AVAILABLE_IN_1_0
AviMessage *avi_message_ref             (AviMessage *self);
AVI_AVAILABLE_IN_1_0
void        avi_message_unref           (AviMessage *self);
AVI_AVAILABLE_IN_1_0
const char *avi_message_get_topic       (AviMessage *self);
AVI_AVAILABLE_IN_1_0
const char *avi_message_get_from        (AviMessage *self);
AVI_AVAILABLE_IN_1_0
guint64     avi_message_get_seqno       (AviMessage *self);
AVI_AVAILABLE_IN_1_0
GBytes     *avi_message_get_data        (AviMessage *self);
AVI_AVAILABLE_IN_1_0
const char *avi_message_get_text        (AviMessage *self);
AVI_AVAILABLE_IN_1_0
JsonNode   *avi_message_get_json        (AviMessage *self, GError **error);
AVI_AVAILABLE_IN_1_0
GDateTime  *avi_message_get_received_at (AviMessage *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMessage, avi_message_unref)

G_END_DECLS
