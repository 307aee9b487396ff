/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMultistream: multistream-select 1.0.0 (specs/connections), one negotiation: of the security
 * and the muxer on a connection, and of the protocol on each substream. A machine without I/O.
 *
 * A dialler sends the header and its first offer together; a listener says nothing before it has
 * heard the header. An optimistic dialler offers one protocol and may be followed at once by that
 * protocol's bytes: it reports AVI_MULTISTREAM_EVENT_AGREED before the answer is there and checks
 * the answer when it comes. What follows the negotiation belongs to the layer above and comes out
 * as AVI_MULTISTREAM_EVENT_DATA, views into what was received.
 *
 * AGREED may come before the machine has sent its own part: what the layer above sends goes behind
 * what `transmit` gives. The machine has no timer: whoever owns it bounds the negotiation's time.
 */
#pragma once

#include "wire/avi-span.h"
#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_MULTISTREAM_MAX_PROTOCOL_LEN 255  /* bytes of a protocol's name */
#define AVI_MULTISTREAM_MAX_PROPOSALS    32   /* that a listener answers before it gives up */

typedef struct _AviMultistream AviMultistream;

typedef enum
{
  AVI_MULTISTREAM_EVENT_AGREED,  /* protocol: the one of ours; borrowed from the list given */
  AVI_MULTISTREAM_EVENT_ANSWERED, /* an optimistic dialler's offer was confirmed */
  AVI_MULTISTREAM_EVENT_DATA     /* data: for the layer above */
} AviMultistreamEventType;

typedef struct
{
  AviMultistreamEventType type;
  const char             *protocol;
  AviSpan                 data;
} AviMultistreamEvent;

/* Offers @protocols, at least one, in their order. The list, its names of at most
 * AVI_MULTISTREAM_MAX_PROTOCOL_LEN bytes, must outlive the machine. @optimistic: with one
 * protocol only. */
AviMultistream *avi_multistream_new_dialer   (const char *const *protocols, gboolean optimistic);
/* Answers with the first of @protocols that the dialler proposes. */
AviMultistream *avi_multistream_new_listener (const char *const *protocols);
void            avi_multistream_free         (AviMultistream *self);

/* Fails with AVI_ERROR_REJECTED where the peer takes none of the dialler's offers, AVI_ERROR_LIMIT
 * where it proposes without end, AVI_ERROR_PROTOCOL for all else. The events of the last call must
 * have been taken. */
gboolean avi_multistream_receive  (AviMultistream *self, AviSpan bytes, gint64 now, GError **error);
/* A listener that failed still gives the refusals that it owes. */
gboolean avi_multistream_transmit (AviMultistream *self, AviWriter *writer, gint64 now);
gboolean avi_multistream_next     (AviMultistream *self, AviMultistreamEvent *event);
gint64   avi_multistream_deadline (AviMultistream *self); /* G_MAXINT64: it has none */

/* TRUE once nothing more is to be sent, received or checked: the machine can be freed. */
gboolean avi_multistream_is_done  (AviMultistream *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMultistream, avi_multistream_free)

G_END_DECLS
