/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-queue.h"

void
avi_yamux_queue_push (AviYamuxQueue *self, GBytes *bytes)
{
  if (g_bytes_get_size (bytes) == 0)
    return;

  g_queue_push_tail (&self->chunks, g_bytes_ref (bytes));
  self->len += g_bytes_get_size (bytes);
}

void
avi_yamux_queue_take (AviYamuxQueue *self, guint8 *out, gsize n)
{
  g_return_if_fail (n <= self->len);

  self->len -= n;
  while (n > 0)
    {
      GBytes *first = g_queue_peek_head (&self->chunks);
      AviSpan rest = avi_span_skip (avi_span_from_bytes (first), self->offset);
      gsize part = MIN (n, rest.len);

      memcpy (out, rest.data, part);
      out += part;
      n -= part;
      self->offset += part;
      if (part == rest.len)
        {
          g_bytes_unref (g_queue_pop_head (&self->chunks));
          self->offset = 0;
        }
    }
}

void
avi_yamux_queue_clear (AviYamuxQueue *self)
{
  g_queue_clear_full (&self->chunks, (GDestroyNotify) g_bytes_unref);
  self->offset = 0;
  self->len = 0;
}
