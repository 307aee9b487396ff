/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviCall: a question put to the engine and its one answer. A synchronous caller waits on it; an
 * asynchronous one is told by an AVI_EVENT_CALL in the device's queue, in order with all other
 * events. Reference-counted, from any thread; answered once, further answers are ignored.
 */
#pragma once

#include "avi-lock.h"
#include "avi-peer-info.h"

G_BEGIN_DECLS

typedef struct _AviCall AviCall;

/* @tag: what the asynchronous caller recognises it by (its GTask); NULL for a synchronous one.
 * The engine never looks at it. */
AviCall     *avi_call_new        (gpointer tag);
/* For an asynchronous caller in another context than the device's, who must not have to wait for
 * that one to be iterated: no event tells of it, but @answered is called, once, in the thread that
 * answers, with no lock of the call's held; it only wakes. */
AviCall     *avi_call_new_notify (void (*answered) (AviCall *self, gpointer user_data), gpointer user_data);
AviCall     *avi_call_ref        (AviCall *self);
void         avi_call_unref      (AviCall *self);
gpointer     avi_call_get_tag    (AviCall *self);

/* The answer's parts, once there. @error: (transfer full) of a copy. */
gboolean     avi_call_is_done    (AviCall *self);
gboolean     avi_call_get_result (AviCall *self, gint64 *number, AviPeerInfo **peer, GError **error);
/* Waits for the answer, or until the engine is gone (it answers all calls before). */
void         avi_call_wait       (AviCall *self);
/* The same, until @deadline (monotonic µs) at most. */
void         avi_call_wait_until (AviCall *self, gint64 deadline);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviCall, avi_call_unref)

G_END_DECLS
