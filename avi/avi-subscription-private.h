/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device's side of a subscription.
 */
#pragma once

#include "avi-device.h"
#include "avi-message.h"
#include "avi-subscription.h"
#include "engine/avi-event.h"

G_BEGIN_DECLS

#define AVI_SUBSCRIPTION_MAX_QUEUED       1000
#define AVI_SUBSCRIPTION_MAX_QUEUED_BYTES (16 * 1024 * 1024)

AviSubscription *avi_subscription_new       (AviDevice *device, const char *topic);
/* Once, before anybody else sees the subscription. @inbox: (transfer full) */
void             avi_subscription_set_inbox (AviSubscription *self, AviInbox *inbox);
AviInbox        *avi_subscription_get_inbox (AviSubscription *self);
/* In the device's context. */
void             avi_subscription_tell      (AviSubscription *self, AviMessage *message);
/* Any thread, once: nothing comes any more, which is told in @context, the device's. */
void             avi_subscription_end       (AviSubscription *self, GMainContext *context);

G_END_DECLS
