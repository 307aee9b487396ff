/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviYamux: Yamux (specs/yamux, hashicorp/yamux spec.md): streams with flow control over one
 * ordered pipe. A machine without I/O.
 *
 * Receive windows start at 256 KiB, which the protocol fixes, and tune themselves: a stream whose
 * window would be used up within two round trips gets twice the window, up to max-window, while the
 * sum of what was added stays within max-receive. What a peer may make us hold is therefore 256 KiB
 * for each open stream and max-receive bytes beside, and it is held by whoever consumes the stream:
 * data is handed up as it comes, in parts of a frame too, and its credit returned when `consume`
 * says that it was taken.
 *
 * Frames are read as `next` is called: after `receive` call `next` until it returns FALSE, before
 * anything else is received; verbs may be called in between. After `transmit` events may wait as
 * well (WRITABLE, CLOSED). An error ends the machine: `next` and `transmit` return FALSE from then
 * on, `deadline` is 0, and the next `receive`, with or without bytes, returns the error.
 *
 * An inbound stream counts as accepted, and is acknowledged, once its owner sends on it, consumes
 * (0 bytes will do) or finishes it.
 */
#pragma once

#include "wire/avi-span.h"
#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_YAMUX_INITIAL_WINDOW (256 * 1024)
/* Of payload in a DATA frame that we send: with its header it fills one Noise frame. */
#define AVI_YAMUX_SEND_FRAME_MAX (65535 - 16 - 12)
#define AVI_YAMUX_MAX_SEND_QUEUE (1024 * 1024) /* where the config says nothing */

typedef struct _AviYamux AviYamux;

typedef struct
{
  gboolean initiator;       /* opens streams of odd ids */
  guint    max_streams;     /* open at once, both directions; 0: 1,024 */
  guint    max_unaccepted;  /* inbound, not accepted by their owner; beyond it they are reset; 0: 256 */
  guint32  max_window;      /* of one stream; 0: 16 MiB */
  gsize    max_receive;     /* bytes by which all windows may exceed the initial ones, in sum; 0: 32 MiB */
  gsize    max_send_queue;  /* of one stream, bytes; 0: AVI_YAMUX_MAX_SEND_QUEUE */
  gint64   ping_interval;   /* µs of silence until a ping asks whether the peer is there; 0: 10 s; -1: never,
                               and windows grow only once `ping` has measured the round trip */
  gint64   ping_timeout;    /* µs of further silence until that is AVI_ERROR_TIMEOUT; 0: 10 s */
} AviYamuxConfig;

typedef enum
{
  AVI_YAMUX_EVENT_STREAM,   /* the peer opened stream id */
  AVI_YAMUX_EVENT_DATA,     /* data came on it; return its credit with `consume` */
  AVI_YAMUX_EVENT_FINISHED, /* the peer sends no more on it */
  AVI_YAMUX_EVENT_RESET,    /* the peer reset it; the stream is gone */
  AVI_YAMUX_EVENT_CLOSED,   /* both sides finished; the stream is gone */
  AVI_YAMUX_EVENT_WRITABLE, /* its send queue, once refused, has room again */
  AVI_YAMUX_EVENT_PONG,     /* a ping was answered: round_trip */
  AVI_YAMUX_EVENT_GO_AWAY   /* the peer takes no more streams: code */
} AviYamuxEventType;

typedef struct
{
  AviYamuxEventType type;
  guint32           stream;
  gpointer          owner;      /* what `set_owner` gave the stream */
  AviSpan           data;
  gint64            round_trip; /* µs */
  guint32           code;       /* 0 normal, 1 protocol error, 2 internal error */
} AviYamuxEvent;

AviYamux *avi_yamux_new      (const AviYamuxConfig *config);
void      avi_yamux_free     (AviYamux *self);
gboolean  avi_yamux_receive  (AviYamux *self, AviSpan bytes, gint64 now, GError **error);
/* Appends whole frames while the writer has room, streams in turn; FALSE: nothing was appended. */
gboolean  avi_yamux_transmit (AviYamux *self, AviWriter *writer, gint64 now);
gboolean  avi_yamux_next     (AviYamux *self, AviYamuxEvent *event);
gint64    avi_yamux_deadline (AviYamux *self);

/* 0 and AVI_ERROR_LIMIT at max-streams, or while the peer has not acknowledged the last 256;
 * AVI_ERROR_CLOSED after GoAway or an error, or with the ids used up. */
guint32   avi_yamux_open      (AviYamux *self, GError **error);
void      avi_yamux_set_owner (AviYamux *self, guint32 stream, gpointer owner);
gpointer  avi_yamux_get_owner (AviYamux *self, guint32 stream);
/* Queues @bytes (a reference is kept, nothing is copied). FALSE where the queue would pass
 * max-send-queue and holds 1 KiB or more: WRITABLE follows once they fit; also FALSE on a stream
 * that is gone or finished. */
gboolean  avi_yamux_send      (AviYamux *self, guint32 stream, GBytes *bytes);
gsize     avi_yamux_get_queued (AviYamux *self, guint32 stream);
/* The owner has done with @n bytes of the stream's data, in the order in which they came. */
void      avi_yamux_consume   (AviYamux *self, guint32 stream, gsize n);
/* We send no more, once the queue is out; FIN goes in a frame of its own (js loses the payload of
 * a DATA frame that carries FIN). */
void      avi_yamux_finish    (AviYamux *self, guint32 stream);
/* The stream is gone at once; no event follows. What the peer has under way is ignored. */
void      avi_yamux_reset     (AviYamux *self, guint32 stream);
/* No streams any more, in either direction; those that are open go on. Peers end the connection as
 * they read it, so it is sent behind everything that can be sent. */
void      avi_yamux_go_away   (AviYamux *self, guint32 code);
/* A ping at once, whatever the interval: is the peer there? Joins one that is under way. */
void      avi_yamux_ping      (AviYamux *self);
guint     avi_yamux_get_n_streams (AviYamux *self);
/* Streams of the peer's that were reset for being too many. */
guint64   avi_yamux_get_n_refused (AviYamux *self);
/* Everything queued, FIN and control frames included, has been handed to a writer. */
gboolean  avi_yamux_is_flushed (AviYamux *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviYamux, avi_yamux_free)

G_END_DECLS
