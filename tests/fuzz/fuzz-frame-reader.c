/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stream of messages behind their lengths, cut into pieces of a size that the first byte chooses:
 * however it is cut, the same messages come out, and then the same error.
 */
#include "config.h"

#include <stdint.h>

#include "wire/avi-frame-reader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define MAX_MESSAGE 300

/* The messages, each behind a line, and the error. */
static GString *
run (const guint8 *bytes, gsize len, gsize step)
{
  GString *seen = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  AviFrameReader reader;
  AviSpan message;

  avi_frame_reader_init (&reader, MAX_MESSAGE);
  for (gsize at = 0; at < len && error == NULL; at += step)
    {
      g_autofree guint8 *piece = g_memdup2 (bytes + at, MIN (step, len - at)); /* for the sanitizer */

      avi_frame_reader_push (&reader, AVI_SPAN (piece, MIN (step, len - at)));
      while (avi_frame_reader_next (&reader, &message, &error))
        {
          g_assert (message.len <= MAX_MESSAGE);
          g_string_append_printf (seen, "%" G_GSIZE_FORMAT "\n", message.len);
          g_string_append_len (seen, (const char *) message.data, message.len);
        }
    }
  if (error != NULL)
    g_string_append (seen, error->message);
  g_assert (reader.partial == NULL || reader.partial->len <= MAX_MESSAGE + 9);
  avi_frame_reader_clear (&reader);
  return seen;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  GString *whole, *cut;

  if (size < 2)
    return 0;
  whole = run (data + 1, size - 1, size);
  cut = run (data + 1, size - 1, 1 + data[0]);
  g_assert (g_string_equal (whole, cut));
  g_string_free (whole, TRUE);
  g_string_free (cut, TRUE);
  return 0;
}
