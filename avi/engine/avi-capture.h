/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviCapture: a file for Wireshark in which everything that a device says and hears from its start to
 * its stop stands in clear, because the environment variable AVI_PCAP names it. The file is new, its
 * owner's alone, and bounded; or a FIFO that its owner made, for who looks on. Each engine has one of its own: two devices of one process that speak to
 * each other would else say everything twice on one connection. Where it cannot be written this is said
 * once, and nothing else changes.
 */
#pragma once

#include "avi-pcapng.h"
#include "link/avi-link-tap.h"

G_BEGIN_DECLS

#define AVI_CAPTURE_VARIABLE  "AVI_PCAP"
#define AVI_CAPTURE_MAX_BYTES (G_GUINT64_CONSTANT (1) << 30)

typedef struct _AviCapture     AviCapture;
typedef struct _AviCaptureFlow AviCaptureFlow; /* one connection in it */

/* What the environment asks for; NULL: nothing, or it cannot be written. */
AviCapture *avi_capture_get      (void);

/* @path: where a file of this name is there, “-1”, “-2”, … goes before its suffix. A FIFO must have its reader by then.
 * @limit: bytes of a file. */
AviCapture *avi_capture_new      (const char *path, guint64 limit, GError **error);
/* After all its flows. */
void        avi_capture_free     (AviCapture *self);
const char *avi_capture_get_path (AviCapture *self);

/* @us: who we are, for the comment. @dialled: by us. */
AviCaptureFlow *avi_capture_flow_new  (AviCapture *self, const struct sockaddr *local, const struct sockaddr *remote,
                                       gboolean dialled, const char *us);
/* Who the peer is: shown with what is said next. */
void            avi_capture_flow_name (AviCaptureFlow *self, const char *peer);
/* All that @tap holds, which is empty then. */
void            avi_capture_flow_take (AviCaptureFlow *self, AviLinkTap *tap);
/* Ends and frees it. @why: shown. */
void            avi_capture_flow_end  (AviCaptureFlow *self, gboolean by_peer, const char *why);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviCapture, avi_capture_free)

G_END_DECLS
