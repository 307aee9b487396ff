/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small reader of what AviCapture writes: pcapng with IP packets and the TCP segments in them. It checks every
 * header, and fails the test where one is wrong.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint16  ports[2]; /* source, target */
  guint8   flags;    /* TH_… */
  guint32  seq;
  guint32  ack;
  char    *source;   /* its IP address */
  GBytes  *payload;
  GString *comments;
} PcapngSegment;

/* The segments in @path: (transfer full) */
GPtrArray  *pcapng_file_read   (const char *path);
/* What @port said to @to, put together as TCP does, from SYN to FIN. @complete: with nothing missing. */
GByteArray *pcapng_file_follow (GPtrArray *segments, guint16 port, guint16 to, gboolean complete);

G_END_DECLS
