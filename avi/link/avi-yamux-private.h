/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of AviYamux share: its state, and the table of its streams (avi-yamux-streams.c).
 * avi-yamux.c has the verbs, avi-yamux-receive.c and avi-yamux-transmit.c the doors of the two
 * directions. For nobody else.
 */
#pragma once

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "link/avi-yamux-ping.h"
#include "link/avi-yamux-queue.h"
#include "link/avi-yamux-window.h"
#include "link/avi-yamux.h"

G_BEGIN_DECLS

/* How far the two ends know of a stream. */
typedef enum
{
  AVI_YAMUX_STREAM_OPENING,    /* ours: SYN is due */
  AVI_YAMUX_STREAM_OPENED,     /* ours: nothing came back yet */
  AVI_YAMUX_STREAM_OFFERED,    /* the peer's: its owner has not touched it */
  AVI_YAMUX_STREAM_ACCEPTED,   /* the peer's: ACK is due */
  AVI_YAMUX_STREAM_ESTABLISHED
} AviYamuxStreamState;

/* The half in which we send. */
typedef enum
{
  AVI_YAMUX_SENDING,
  AVI_YAMUX_SENDING_LAST, /* FIN is due behind the queue */
  AVI_YAMUX_SENT_ALL
} AviYamuxSendState;

/* What happened to a stream and was not handed out yet, in the order in which it is. */
enum
{
  AVI_YAMUX_HAPPENED_STREAM   = 1 << 0,
  AVI_YAMUX_HAPPENED_WRITABLE = 1 << 1,
  AVI_YAMUX_HAPPENED_FINISHED = 1 << 2,
  AVI_YAMUX_HAPPENED_RESET    = 1 << 3, /* this one and the next end the stream */
  AVI_YAMUX_HAPPENED_CLOSED   = 1 << 4
};

typedef struct
{
  guint32             id;
  AviYamuxStreamState state;
  AviYamuxSendState   send_state;
  gboolean            received_all; /* FIN came */
  guint               happened;
  gpointer            owner;

  AviYamuxWindow window; /* for what we receive */

  guint32       send_window; /* bytes that the peer lets us send */
  AviYamuxQueue queue;
  gsize         refused;     /* size of what `send` refused last; 0: nothing since WRITABLE */

  /* Links in the queues of AviYamux; their data is NULL while they are in none. */
  GList in_happened;
  GList in_updates;
  GList in_ready;
} AviYamuxStream;

struct _AviYamux
{
  AviYamuxConfig config;
  gint64         now; /* as last told */
  GError        *error;
  gboolean       error_told;

  /* What `receive` was given and `next` has not read, and the frame at its front. */
  AviSpan  input;
  guint8   header[AVI_YAMUX_HEADER_LEN];
  guint    header_len;
  guint32  body_stream; /* 0: of no stream that is open */
  guint32  body_left;
  gboolean body_is_last; /* FIN came with it */

  GHashTable *streams; /* id → AviYamuxStream; NULL until there is one */
  GQueue      happened;
  guint       n_unaccepted;
  guint64     n_refused; /* of the peer's, beyond the limits */
  guint       n_unacknowledged;
  gsize       grown; /* bytes by which the windows exceed the initial one, in sum */
  /* Credit of streams that we reset: their data may still be under way. */
  guint64     stray_credit;
  guint64     next_id; /* of ours; 64 bits, so that it shows when they are used up */

  GQueue   updates; /* streams with credit to announce or an ACK due */
  GQueue   ready;   /* streams with something to send, in turn */
  GArray  *resets;  /* ids; NULL until there is one */
  gsize    queued;  /* bytes in all streams' queues */
  gboolean pong_due;
  guint32  pong;    /* the newest ping's value; older ones have no one waiting for them */

  AviYamuxPing ping;
  gboolean     leaving; /* we take and open no more streams */
  gboolean     go_away_due;
  guint32      go_away_code;
  gboolean     peer_leaving;
};

/* The machine has failed, unless it has before. */
void            avi_yamux_fail         (AviYamux *self, AviError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

AviYamuxStream *avi_yamux_add          (AviYamux *self, guint32 id, AviYamuxStreamState state);
AviYamuxStream *avi_yamux_find         (AviYamux *self, guint32 id);
/* The stream is gone; nothing is sent or told. */
void            avi_yamux_drop         (AviYamux *self, AviYamuxStream *stream);

/* Every change of a stream's state. */
void            avi_yamux_set_state    (AviYamux *self, AviYamuxStream *stream, AviYamuxStreamState state);
/* Its owner did something with it. */
void            avi_yamux_accept       (AviYamux *self, AviYamuxStream *stream);
/* To be told by `next`. */
void            avi_yamux_happened     (AviYamux *self, AviYamuxStream *stream, guint what);
/* One of the two halves has ended; perhaps both have. */
void            avi_yamux_check_closed (AviYamux *self, AviYamuxStream *stream);
/* May @n bytes be added to its queue? */
gboolean        avi_yamux_fits         (AviYamux *self, const AviYamuxStream *stream, gsize n);
/* How much of its queue can go now. */
guint32         avi_yamux_get_sendable (const AviYamuxStream *stream);
/* Gives it its turn where there is something to send on it. */
void            avi_yamux_check_ready  (AviYamux *self, AviYamuxStream *stream);
void            avi_yamux_queue_reset  (AviYamux *self, guint32 id);

/* Into and out of one of the queues of streams, by the stream's link for it. */
void            avi_yamux_enlist       (GQueue *queue, GList *link, AviYamuxStream *stream);
void            avi_yamux_delist       (GQueue *queue, GList *link);

/* Time passed, and perhaps a byte came. */
void            avi_yamux_advance      (AviYamux *self, gboolean heard, gint64 now);

G_END_DECLS
