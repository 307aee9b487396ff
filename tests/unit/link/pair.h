/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pair: two AviLinks joined by a pipe under virtual time. The pipe loses nothing, delivers late by
 * its latency, and cuts where it is told; it can also be told to change, repeat or lose bytes, or
 * to swallow all. Each piece is delivered in memory of its own, gone as soon as its events are
 * read, so that the sanitizer sees whoever keeps a view.
 */
#pragma once

#include "link/avi-link.h"

G_BEGIN_DECLS

#define PAIR_DIALER   0
#define PAIR_LISTENER 1

typedef struct _Pair Pair;

typedef void (*PairFunc) (Pair *pair, guint end, const AviLinkEvent *event);

typedef enum
{
  PAIR_SOUND,
  PAIR_CORRUPT, /* one bit of the byte at the offset is turned */
  PAIR_REPEAT,  /* what is sent from the offset to the end of that packet comes twice */
  PAIR_TRUNCATE /* the rest of that packet from the offset is lost */
} PairFault;

typedef struct
{
  gint64             latency;         /* µs, one way */
  const char *const *protocols;       /* of both ends; NULL: "/echo/1" and "/sink/1" */
  gboolean           early_muxer[2];
  AviYamuxConfig     yamux;
  const AviPeerId   *expected;        /* by the dialler */
  gint64             handshake_timeout;
  gint64             negotiation_timeout;
  gsize              writer_limit;    /* 0: 1 MiB */
} PairConfig;

typedef struct
{
  AviLink *link;      /* NULL once it failed */
  GError  *error;     /* why it did */
  GString *log;       /* its events, by `pair_note` */
  gint64   established_at; /* -1: not yet */
  GQueue   pipe;      /* what it sent and what has not arrived */
  gsize    under_way; /* bytes in there */
  gsize    peak;      /* the most that ever were */
  gsize    sent;      /* bytes in all */
  guint    packets;   /* that it sent in all */

  /* Of what it sends. */
  gsize     cut;      /* one more cut, at that offset */
  gsize     chunk;    /* no piece is larger; 0: whole packets */
  PairFault fault;
  gsize     fault_at;
  gboolean  swallow;
} PairEnd;

struct _Pair
{
  PairEnd  ends[2];
  gint64   now;
  gint64   latency;
  PairFunc on_event; /* pair_note by default */
  gpointer user_data;
  gboolean idle_consumer; /* pair_note does not consume */
  AviWriter writer;
  AviRandom random; /* seeded: a run can be repeated */
};

Pair *pair_new     (const PairConfig *config);
/* 1 ms apart, without pings, and past what made them so. */
Pair *pair_new_established (void);
void  pair_free    (Pair *self);

/* Writes the event to the end's log and consumes its data. */
void  pair_note    (Pair *self, guint end, const AviLinkEvent *event);
/* The same; and it answers what the peer says on its streams, and ends what it ended. */
void  pair_echo    (Pair *self, guint end, const AviLinkEvent *event);
/* The log since the last call: good until the next. */
const char *pair_happened (Pair *self, guint end);

/* Reads the end's events and sends what it has to say. After a verb. */
void  pair_drive   (Pair *self, guint end);
/* Until nothing is under way. */
void  pair_settle  (Pair *self);
/* For so long, deadlines included. */
void  pair_advance (Pair *self, gint64 duration);

/* A stream of one protocol. */
AviLinkStream *pair_open (Pair *self, guint end, const char *const *protocols);
/* FALSE: refused. Drives. */
gboolean pair_send (Pair *self, guint end, AviLinkStream *stream, const char *text);

/* What all tests share: an identity per end, since keys are slow to make. */
AviKeyPair     *pair_get_identity (guint end);
AviNoiseStatic *pair_get_statics  (guint end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pair, pair_free)

G_END_DECLS
