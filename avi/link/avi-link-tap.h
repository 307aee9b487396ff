/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLinkTap: what a link says and hears in clear, for who writes it down: the negotiation before Noise,
 * and all that Noise opens or is about to seal; not Noise's own handshake. The link appends to it while
 * it receives, is asked for events and transmits; whoever drives the link takes the records after each
 * of these. One tap serves any number of links that are driven in turn.
 */
#pragma once

#include "wire/avi-writer.h"

G_BEGIN_DECLS

typedef struct
{
  AviWriter records;
  gsize     last;    /* where the last record begins; G_MAXSIZE: there is none */
  gsize     lost[2]; /* bytes that did not fit: heard, said */
} AviLinkTap;

typedef struct
{
  gboolean said; /* by this end */
  AviSpan  bytes; /* good until the tap is written to */
} AviLinkTapRecord;

/* @limit: bytes of all records between two resets. */
void     avi_link_tap_init      (AviLinkTap *self, gsize limit);
void     avi_link_tap_clear     (AviLinkTap *self);
void     avi_link_tap_put       (AviLinkTap *self, gboolean said, AviSpan bytes);
/* The last @n bytes of the last record are not for the tap. */
void     avi_link_tap_take_back (AviLinkTap *self, gsize n);
/* @offset: 0 to begin. FALSE: that was all. */
gboolean avi_link_tap_next      (const AviLinkTap *self, gsize *offset, AviLinkTapRecord *record);
void     avi_link_tap_reset     (AviLinkTap *self);

G_END_DECLS
