/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviYamuxWindow: what a peer may send on one stream. Credit goes round: granted, received and
 * held by the stream's owner, consumed, granted again once half the window has been consumed. A
 * window that would be used up within two round trips limits the sender, and doubles. Used by
 * AviYamux; it sends nothing itself.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint32 size;     /* bytes: granted, held and consumed together */
  guint32 granted;  /* the peer may still send that much */
  guint32 consumed; /* credit not yet given back */
  gint64  epoch;    /* µs: when credit was last given back */
} AviYamuxWindow;

void     avi_yamux_window_init    (AviYamuxWindow *self, gint64 now);
/* @n bytes come; FALSE where that is more than was granted. */
gboolean avi_yamux_window_receive (AviYamuxWindow *self, guint32 n);
/* The owner has done with @n of the bytes it holds. */
void     avi_yamux_window_consume (AviYamuxWindow *self, gsize n);
/* Enough is consumed that the peer should be told. */
gboolean avi_yamux_window_is_due  (const AviYamuxWindow *self);
/* Gives back what was consumed, and more where the window is to grow: up to @max bytes, by no more
 * than @spare. @round_trip in µs; 0, not known: no growth. Returns the credit to announce. */
guint32  avi_yamux_window_grant   (AviYamuxWindow *self, gint64 round_trip, guint32 max, gsize spare, gint64 now);

G_END_DECLS
