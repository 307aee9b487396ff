/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviYamuxQueue: bytes of a stream that wait to go out, kept by reference until they are copied,
 * once, into a writer. Zeroed it is empty. It knows no limit: whoever pushes asks for the length
 * first.
 */
#pragma once

#include "wire/avi-writer.h"

G_BEGIN_DECLS

typedef struct
{
  GQueue chunks; /* of GBytes */
  gsize  offset; /* of the first chunk, already taken */
  gsize  len;    /* bytes in all */
} AviYamuxQueue;

void avi_yamux_queue_push  (AviYamuxQueue *self, GBytes *bytes);
/* Moves @n bytes, of those that are there, to @out. */
void avi_yamux_queue_take  (AviYamuxQueue *self, guint8 *out, gsize n);
void avi_yamux_queue_clear (AviYamuxQueue *self);

G_END_DECLS
