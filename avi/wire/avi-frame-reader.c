/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-frame-reader.h"

#include "avi-error.h"
#include "wire/avi-varint.h"

void
avi_frame_reader_init (AviFrameReader *self, gsize max)
{
  *self = (AviFrameReader) { .max = max };
}

void
avi_frame_reader_clear (AviFrameReader *self)
{
  g_clear_pointer (&self->partial, g_byte_array_unref);
  self->rest = AVI_SPAN_EMPTY;
}

void
avi_frame_reader_push (AviFrameReader *self, AviSpan bytes)
{
  g_return_if_fail (self->rest.len == 0);

  self->rest = bytes;
}

/* Reads the length at the front of @bytes. FALSE as avi_frame_reader_next () has it. */
static gboolean
avi_frame_reader_read_header (AviFrameReader *self, AviSpan bytes, gsize *header_len, gsize *len, GError **error)
{
  guint64 value = 0;
  AviVarintStatus status = avi_varint_decode (bytes, &value, header_len);

  if (status == AVI_VARINT_MORE)
    return FALSE;
  if (status != AVI_VARINT_OK)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "A message's length %s", avi_varint_explain (status));
      return FALSE;
    }
  if (value > self->max)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "A message of %" G_GUINT64_FORMAT " bytes, where %" G_GSIZE_FORMAT " are allowed", value, self->max);
      return FALSE;
    }
  *len = value;
  return TRUE;
}

/* Moves @n bytes, or as many as there are, from the rest to the partial message. */
static void
avi_frame_reader_gather (AviFrameReader *self, gsize n)
{
  n = MIN (n, self->rest.len);
  if (n == 0)
    return;
  if (self->partial == NULL)
    self->partial = g_byte_array_new ();
  g_byte_array_append (self->partial, self->rest.data, n);
  self->rest = avi_span_skip (self->rest, n);
}

gboolean
avi_frame_reader_next (AviFrameReader *self, AviSpan *message, GError **error)
{
  AviSpan front = self->rest;
  g_autoptr(GError) malformed = NULL;
  gsize header_len, len;

  /* A gathered message that is whole was returned by the call before. */
  if (self->whole)
    {
      g_clear_pointer (&self->partial, g_byte_array_unref);
      self->whole = FALSE;
    }

  /* What was gathered may end within the length: then it grows by a byte at a time. */
  for (;;)
    {
      if (self->partial != NULL)
        front = AVI_SPAN (self->partial->data, self->partial->len);
      if (avi_frame_reader_read_header (self, front, &header_len, &len, &malformed))
        break;
      if (malformed != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&malformed));
          return FALSE;
        }
      if (self->rest.len == 0)
        return FALSE;
      avi_frame_reader_gather (self, 1);
    }

  if (self->partial == NULL && self->rest.len - header_len >= len)
    {
      *message = AVI_SPAN (self->rest.data + header_len, len);
      self->rest = avi_span_skip (self->rest, header_len + len);
      return TRUE;
    }

  avi_frame_reader_gather (self, header_len + len - (self->partial ? self->partial->len : 0));
  if (self->partial->len < header_len + len)
    return FALSE;

  self->whole = TRUE;
  *message = AVI_SPAN (self->partial->data + header_len, len);
  return TRUE;
}

gsize
avi_frame_reader_get_n_partial (const AviFrameReader *self)
{
  return self->partial != NULL && !self->whole ? self->partial->len : 0;
}
