/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviEvent: what the engine tells a device, in one FIFO: what happened first is told first.
 * Bounded: events of one kind about one peer collapse to the newest (of connects and disconnects
 * the last two stay), and a subscription's messages beyond its inbox's limits are dropped, oldest
 * first, and counted.
 */
#pragma once

#include "avi-call.h"
#include "avi-message.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_EVENT_CALL,              /* call was answered */
  AVI_EVENT_STARTED,
  AVI_EVENT_STOPPED,           /* error: why, or NULL where it was asked for */
  AVI_EVENT_STATE,             /* the state's property changed */
  AVI_EVENT_ADDRESSES,         /* so did the listening addresses */
  AVI_EVENT_STATUS,            /* so did the discovery status */
  AVI_EVENT_PEER_DISCOVERED,   /* peer: known now, was not before */
  AVI_EVENT_PEER_CONNECTED,
  AVI_EVENT_PEER_DISCONNECTED,
  AVI_EVENT_PEER_CHANGED,      /* anything else about it */
  AVI_EVENT_PEER_FORGOTTEN,    /* no longer known */
  AVI_EVENT_IDENTITY_CONFLICT, /* ours: another node with our key at address; peer's: two with its */
  AVI_EVENT_MESSAGE,           /* message, for inbox's owner; with the last of a message's, which are one
                                * after the other, the device itself is told */
  AVI_EVENT_VALIDATE           /* message, for the validator of its topic; inbox: what bounds them */
} AviEventType;

/* One subscription's share of the queue. Reference-counted. */
typedef struct _AviInbox AviInbox;

typedef struct _AviEvent AviEvent;
struct _AviEvent
{
  AviEvent    *next;        /* the order in which to tell */
  AviEventType type;
  AviCall     *call;
  GError      *error;
  AviPeerInfo *peer;
  char        *addresses[2]; /* IDENTITY_CONFLICT: where the two are; text */
  AviInbox    *inbox;
  AviMessage  *message;
  gboolean     told;          /* MESSAGE: the owner of an earlier one of its inboxes was told of it */
  AviEvent    *previous;      /* private: in the queue */
  AviEvent    *older, *newer; /* private: in the inbox */
};

void      avi_event_free        (AviEvent *self);

AviInbox   *avi_inbox_ref        (AviInbox *self);
void        avi_inbox_unref      (AviInbox *self);
/* Messages dropped because the program did not take them in time. */
guint64     avi_inbox_get_dropped (AviInbox *self);
/* From any thread; what is queued beyond a new limit goes at once, oldest first. */
void        avi_inbox_set_limits (AviInbox *self, guint max_queued, gsize max_bytes);

G_END_DECLS
