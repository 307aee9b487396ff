/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviEventQueue: the FIFO of AviEvents from the engine's thread to the device's context, and the
 * inboxes that bound each subscription's share of it. Reference-counted; any thread.
 */
#pragma once

#include "avi-event.h"

G_BEGIN_DECLS

typedef struct _AviEventQueue AviEventQueue;

AviEventQueue *avi_event_queue_new      (void);
AviEventQueue *avi_event_queue_ref      (AviEventQueue *self);
void           avi_event_queue_unref    (AviEventQueue *self);
/* As avi_core_set_wake. */
void           avi_event_queue_set_wake (AviEventQueue *self, void (*wake) (gpointer user_data), gpointer user_data);
/* Takes @events, linked by `next`, of which no other ones come between; collapses them with what is there. */
void           avi_event_queue_push     (AviEventQueue *self, AviEvent *events);
AviEvent      *avi_event_queue_take     (AviEventQueue *self);
/* Nothing is pushed, taken or woken in between: while the process forks. */
void           avi_event_queue_hold     (AviEventQueue *self);
void           avi_event_queue_release  (AviEventQueue *self);

/* The short ways to make an event; references are taken. */
AviEvent *avi_event_new          (AviEventType type);
AviEvent *avi_event_new_for_call (AviCall *call);
AviEvent *avi_event_new_for_peer (AviEventType type, AviPeerInfo *peer);
AviEvent *avi_event_new_message  (AviInbox *inbox, AviMessage *message);

AviInbox *avi_inbox_new (AviEventQueue *queue, const char *topic, guint max_queued, gsize max_bytes);
const char *avi_inbox_get_topic (AviInbox *self);
/* Drops what is queued; nothing more is taken for it. */
void        avi_inbox_close     (AviInbox *self);

G_END_DECLS
