/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-writer.h"

#define AVI_WRITER_FIRST_CAPACITY 1024

void
avi_writer_init (AviWriter *self, gsize limit)
{
  *self = (AviWriter) { .limit = limit };
}

void
avi_writer_clear (AviWriter *self)
{
  g_clear_pointer (&self->data, g_free);
  self->len = self->capacity = 0;
}

guint8 *
avi_writer_append (AviWriter *self, gsize n)
{
  guint8 *place;

  if (n > avi_writer_get_room (self))
    return NULL;

  if (n > self->capacity - self->len || self->data == NULL)
    {
      gsize wanted = MAX (self->len + n, AVI_WRITER_FIRST_CAPACITY);

      if (self->capacity <= G_MAXSIZE / 2)
        wanted = MAX (wanted, self->capacity * 2);
      self->capacity = MAX (MIN (wanted, self->limit), 1);
      self->data = g_realloc (self->data, self->capacity);
    }

  place = self->data + self->len;
  self->len += n;
  return place;
}

gboolean
avi_writer_put (AviWriter *self, AviSpan bytes)
{
  guint8 *place = avi_writer_append (self, bytes.len);

  if (place == NULL)
    return FALSE;
  if (bytes.len > 0)
    memcpy (place, bytes.data, bytes.len);
  return TRUE;
}

void
avi_writer_truncate (AviWriter *self, gsize len)
{
  g_return_if_fail (len <= self->len);

  self->len = len;
}
