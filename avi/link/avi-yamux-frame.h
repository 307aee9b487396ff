/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviYamuxFrame: the header of a Yamux frame (specs/yamux, "Framing"), read and written. Used by
 * AviYamux and its tests; it judges what a header alone can show, never a stream's state.
 */
#pragma once

#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_YAMUX_HEADER_LEN 12

typedef enum
{
  AVI_YAMUX_DATA,
  AVI_YAMUX_WINDOW_UPDATE,
  AVI_YAMUX_PING,
  AVI_YAMUX_GO_AWAY
} AviYamuxFrameType;

enum
{
  AVI_YAMUX_SYN = 1 << 0,
  AVI_YAMUX_ACK = 1 << 1,
  AVI_YAMUX_FIN = 1 << 2,
  AVI_YAMUX_RST = 1 << 3
};

typedef struct
{
  AviYamuxFrameType type;
  guint16           flags;
  guint32           stream; /* 0: the connection */
  guint32           length; /* DATA: bytes that follow; WINDOW_UPDATE: more credit, or with RST a
                               reason; PING: an opaque value; GO_AWAY: a reason */
} AviYamuxFrame;

/* FALSE where the version or type is unknown, or the stream not one for the type. Unknown flags
 * are ignored, as all implementations do. */
gboolean avi_yamux_frame_decode (const guint8 bytes[AVI_YAMUX_HEADER_LEN], AviYamuxFrame *out, GError **error);
/* FALSE, and nothing written, where the writer has no room. */
gboolean avi_yamux_frame_put    (const AviYamuxFrame *self, AviWriter *writer);

G_END_DECLS
