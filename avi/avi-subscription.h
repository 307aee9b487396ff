/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviSubscription: a program's interest in one topic, through which the topic's messages come.
 * AviDevice makes it and holds it until it is cancelled. It never keeps the device alive, and never
 * holds more messages than its limits say: it drops the oldest and counts them.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

#define AVI_TYPE_SUBSCRIPTION (avi_subscription_get_type ())

AVI_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (AviSubscription, avi_subscription, AVI, SUBSCRIPTION, GObject)

AVI_AVAILABLE_IN_1_0
const char *avi_subscription_get_topic            (AviSubscription *self);
AVI_AVAILABLE_IN_1_0
guint       avi_subscription_get_max_queued       (AviSubscription *self);
AVI_AVAILABLE_IN_1_0
void        avi_subscription_set_max_queued       (AviSubscription *self,
                                                   guint            max_queued);
AVI_AVAILABLE_IN_1_0
guint64     avi_subscription_get_max_queued_bytes (AviSubscription *self);
AVI_AVAILABLE_IN_1_0
void        avi_subscription_set_max_queued_bytes (AviSubscription *self,
                                                   guint64          max_queued_bytes);
AVI_AVAILABLE_IN_1_0
guint64     avi_subscription_get_dropped          (AviSubscription *self);
AVI_AVAILABLE_IN_1_0
gboolean    avi_subscription_get_active           (AviSubscription *self);
AVI_AVAILABLE_IN_1_0
void        avi_subscription_cancel               (AviSubscription *self);

G_END_DECLS
