/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviWriter: where machines put what is to go out. One contiguous buffer with a limit, so that a
 * layer can leave room for its header, let the layer above append, and seal the whole in place.
 * The engine keeps one writer and reuses it for every connection; what a socket does not take is
 * copied out of it. It never grows past its limit: whoever appends asks for room first.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

typedef struct
{
  guint8 *data;
  gsize   len;      /* bytes written so far */
  gsize   capacity; /* bytes allocated */
  gsize   limit;    /* len never passes this */
} AviWriter;

void avi_writer_init  (AviWriter *self, gsize limit);
void avi_writer_clear (AviWriter *self);

static inline gsize
avi_writer_get_room (const AviWriter *self)
{
  return self->limit - self->len;
}

/* Makes room for @n more bytes and returns where they go, their content undefined;
 * NULL, and nothing changed, where the limit does not allow it. Earlier pointers into the
 * writer are void afterwards. */
guint8  *avi_writer_append   (AviWriter *self, gsize n);
gboolean avi_writer_put      (AviWriter *self, AviSpan bytes);

/* Forgets what was written after @len. */
void     avi_writer_truncate (AviWriter *self, gsize len);

G_END_DECLS
