/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-frame.h"

#include "avi-error.h"

#define VERSION 0

static guint32
avi_yamux_frame_read_u32 (const guint8 *bytes)
{
  return (guint32) bytes[0] << 24 | (guint32) bytes[1] << 16 | (guint32) bytes[2] << 8 | bytes[3];
}

static void
avi_yamux_frame_write_u32 (guint8 *bytes, guint32 value)
{
  bytes[0] = value >> 24;
  bytes[1] = value >> 16;
  bytes[2] = value >> 8;
  bytes[3] = value;
}

gboolean
avi_yamux_frame_decode (const guint8 bytes[AVI_YAMUX_HEADER_LEN], AviYamuxFrame *out, GError **error)
{
  if (bytes[0] != VERSION)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Yamux frame of version %u", bytes[0]);
      return FALSE;
    }
  if (bytes[1] > AVI_YAMUX_GO_AWAY)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Yamux frame of type %u", bytes[1]);
      return FALSE;
    }

  out->type = bytes[1];
  out->flags = (guint16) (bytes[2] << 8 | bytes[3]);
  out->stream = avi_yamux_frame_read_u32 (bytes + 4);
  out->length = avi_yamux_frame_read_u32 (bytes + 8);

  gboolean of_connection = out->type == AVI_YAMUX_PING || out->type == AVI_YAMUX_GO_AWAY;
  if (of_connection != (out->stream == 0))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Yamux frame of type %u on stream %u", out->type, out->stream);
      return FALSE;
    }
  return TRUE;
}

gboolean
avi_yamux_frame_put (const AviYamuxFrame *self, AviWriter *writer)
{
  guint8 *bytes = avi_writer_append (writer, AVI_YAMUX_HEADER_LEN);

  if (bytes == NULL)
    return FALSE;

  bytes[0] = VERSION;
  bytes[1] = self->type;
  bytes[2] = self->flags >> 8;
  bytes[3] = self->flags & 0xff;
  avi_yamux_frame_write_u32 (bytes + 4, self->stream);
  avi_yamux_frame_write_u32 (bytes + 8, self->length);
  return TRUE;
}
