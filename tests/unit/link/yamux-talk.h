/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Talk: one AviYamux opposite a peer that is spelled out frame by frame. What it says and what it
 * reports is written down as text, so that a test reads as a conversation: "DATA+SYN 1 hello, UPDATE
 * 3 131072", "stream 1, data 1 hello". Bytes are text where they are short, else their number.
 */
#pragma once

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "link/avi-yamux.h"

G_BEGIN_DECLS

#define SYN    AVI_YAMUX_SYN
#define ACK    AVI_YAMUX_ACK
#define FIN    AVI_YAMUX_FIN
#define RST    AVI_YAMUX_RST
#define WINDOW AVI_YAMUX_INITIAL_WINDOW

typedef struct
{
  AviYamux *yamux;
  AviWriter writer;
  gint64    now;
  GString  *events;
  GString  *frames;
  gboolean  consumes; /* each DATA event, at once */
} Talk;

/* No pings, unless @config has an interval. */
Talk       *talk_new           (const AviYamuxConfig *config);
Talk       *talk_new_listener  (void);
Talk       *talk_new_dialler   (void);
void        talk_free          (Talk *self);

/* What happened and was not read yet: for who calls the machine itself. */
void        talk_drain         (Talk *self);

/* The peer says @bytes; the machine takes them. */
void        talk_receive       (Talk *self, AviSpan bytes);
/* A frame; @payload for DATA only, of @length bytes. */
void        talk_put_frame     (AviWriter *out, AviYamuxFrameType type, guint16 flags, guint32 stream, guint32 length,
                                const guint8 *payload);
/* The header of a frame. */
void        talk_say           (Talk *self, AviYamuxFrameType type, guint16 flags, guint32 stream, guint32 length);
void        talk_say_update    (Talk *self, guint16 flags, guint32 stream, guint32 credit);
void        talk_say_data      (Talk *self, guint16 flags, guint32 stream, const char *text);
/* @n bytes, in one frame. */
void        talk_say_bulk      (Talk *self, guint16 flags, guint32 stream, guint32 n);

/* What the machine says now. */
const char *talk_hear          (Talk *self);
/* What happened since the last call: good until the next. */
const char *talk_happened      (Talk *self);

void        talk_send_text     (Talk *self, guint32 stream, const char *text);
/* FALSE: refused. */
gboolean    talk_send_bulk     (Talk *self, guint32 stream, gsize n);
guint32     talk_open          (Talk *self);

/* The machine has failed: the driver, which follows the deadline, learns it from `receive`. */
void        talk_assert_failed (Talk *self, AviError code, const char *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Talk, talk_free)

G_END_DECLS
