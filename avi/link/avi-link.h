/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLink: from a byte pipe to negotiated streams: multistream-select, Noise, the muxer's
 * negotiation where it was not agreed early, Yamux, and a multistream-select on each substream,
 * joined into one machine with the usual doors. The engine's connection drives it with a socket,
 * the tests and the fuzzer with a pipe. It knows nothing of what the streams carry.
 *
 * A dialler sends its security proposal and Noise's first message in one packet, its proposal of
 * a muxer and the first Yamux frames in another, and on streams for which it offers one protocol
 * the first data together with the offer.
 *
 * Bytes are opened where they lie and read as `next` is called: after `receive` call `next` until
 * it returns FALSE, then `transmit`, then `next` again, for sending may free a stream (CLOSED) or
 * its queue (WRITABLE). Verbs may be called between any two of these. `next` and `transmit` follow
 * a `receive`, with or without bytes, whenever `deadline` has passed.
 *
 * An error is final: `next` and `transmit` return FALSE from then on, and `receive` returns it. One
 * that shows in `next` or `transmit` makes `deadline` 0, so that the next `receive` tells it.
 */
#pragma once

#include "link/avi-link-tap.h"
#include "link/avi-noise.h"
#include "link/avi-yamux.h"

G_BEGIN_DECLS

typedef struct _AviLink       AviLink;
/* Valid until the call of `next` behind its REFUSED, RESET or CLOSED event, or until `reset`. */
typedef struct _AviLinkStream AviLinkStream;

typedef struct
{
  gboolean           dialer;
  AviNoiseStatic    *statics;
  const AviPeerId   *expected;     /* or NULL */
  const char *const *protocols;    /* that the peer may open streams for; NULL-terminated or NULL; borrowed */
  gboolean           early_muxer;  /* take part in early muxer negotiation */
  AviYamuxConfig     yamux;        /* its initiator is set by the link */
  gint64             handshake_timeout;   /* µs from creation to ESTABLISHED; 0: 10 s. The error names the stage:
                                             security negotiation, Noise handshake or muxer negotiation */
  gint64             negotiation_timeout; /* µs, of a stream's protocol; 0: 10 s. The stream is then reset */
  AviRandom         *random;
  AviLinkTap        *tap;      /* what is said and heard, in clear; NULL: nobody asks. Must outlive the link */
} AviLinkConfig;

typedef enum
{
  AVI_LINK_EVENT_ESTABLISHED, /* the peer is proven, the muxer agreed. key: (transfer none) its identity */
  AVI_LINK_EVENT_STREAM,      /* the peer opened a stream, and protocol is agreed */
  AVI_LINK_EVENT_AGREED,      /* the peer took protocol on a stream of ours */
  AVI_LINK_EVENT_REFUSED,     /* it took none of those offered; the stream is gone */
  AVI_LINK_EVENT_DATA,        /* data on stream; return its credit with `consume` */
  AVI_LINK_EVENT_FINISHED,    /* the peer sends no more on stream */
  AVI_LINK_EVENT_RESET,       /* stream is gone, by the peer or a failed negotiation */
  AVI_LINK_EVENT_CLOSED,      /* both sides finished; stream is gone */
  AVI_LINK_EVENT_WRITABLE,    /* stream takes data again */
  AVI_LINK_EVENT_PONG,        /* round_trip */
  AVI_LINK_EVENT_GO_AWAY      /* code */
} AviLinkEventType;

typedef struct
{
  AviLinkEventType type;
  AviLinkStream   *stream;
  const char      *protocol;   /* of STREAM and AGREED: one of the list given */
  AviPublicKey    *key;        /* good as long as the link */
  AviSpan          data;       /* good until the next call of `next` */
  gint64           round_trip; /* µs */
  guint32          code;
} AviLinkEvent;

AviLink *avi_link_new      (const AviLinkConfig *config, gint64 now);
void     avi_link_free     (AviLink *self);
gboolean avi_link_receive  (AviLink *self, AviSpan bytes, gint64 now, GError **error);
gboolean avi_link_transmit (AviLink *self, AviWriter *writer, gint64 now);
gboolean avi_link_next     (AviLink *self, AviLinkEvent *event);
gint64   avi_link_deadline (AviLink *self);

gboolean        avi_link_is_established (AviLink *self);
/* For what it waits until it is established: words for an error. */
const char     *avi_link_get_stage      (AviLink *self);
/* @protocols: offered in their order, NULL-terminated; must outlive the stream's negotiation. With
 * one protocol data goes out with the offer, with several it is held until AGREED. Fails with
 * AVI_ERROR_LIMIT or AVI_ERROR_CLOSED, as avi_yamux_open does. */
AviLinkStream  *avi_link_open      (AviLink *self, const char *const *protocols, gint64 now, GError **error);
/* FALSE where the queue is full, as avi_yamux_send does: WRITABLE follows, or AGREED if it is yet to
 * come; also FALSE after `finish`. */
gboolean        avi_link_send      (AviLink *self, AviLinkStream *stream, GBytes *bytes);
/* FIN, held back until the peer has answered the negotiation (js needs that order). */
void            avi_link_finish    (AviLink *self, AviLinkStream *stream);
/* The stream is gone at once, without an event. */
void            avi_link_reset     (AviLink *self, AviLinkStream *stream);
/* The owner has done with @n bytes of the stream's data: the peer may send as many more. */
void            avi_link_consume   (AviLink *self, AviLinkStream *stream, gsize n);
gsize           avi_link_get_queued (AviLink *self, AviLinkStream *stream);
void            avi_link_go_away   (AviLink *self, guint32 code);
void            avi_link_ping      (AviLink *self);
/* All that was queued, FIN included, has been handed to a writer. */
gboolean        avi_link_is_flushed (AviLink *self);
guint           avi_link_get_n_streams (AviLink *self);
/* Streams of the peer's that were reset for being too many. */
guint64         avi_link_get_n_refused (AviLink *self);

gpointer        avi_link_stream_get_owner    (AviLinkStream *stream);
void            avi_link_stream_set_owner    (AviLinkStream *stream, gpointer owner);
const char     *avi_link_stream_get_protocol (AviLinkStream *stream); /* NULL until it is agreed */
gboolean        avi_link_stream_is_inbound   (AviLinkStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLink, avi_link_free)

G_END_DECLS
