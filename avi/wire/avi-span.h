/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviSpan: a view of bytes that somebody else owns. Machines are handed spans and hand spans out;
 * nobody ever frees one. A span that an event carries is good until the next call of the machine
 * that gave it. The bytes may be changed in place by the machine that is handed them (Noise opens
 * a frame where it lies).
 */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

typedef struct
{
  guint8 *data;
  gsize   len;
} AviSpan;

#define AVI_SPAN(bytes, n)   ((AviSpan) { (guint8 *) (bytes), (n) })
#define AVI_SPAN_EMPTY       ((AviSpan) { NULL, 0 })
#define AVI_SPAN_STRING(str) ((AviSpan) { (guint8 *) (str), strlen (str) })

static inline AviSpan
avi_span_from_bytes (GBytes *bytes)
{
  gsize len = 0;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  return AVI_SPAN (data, len);
}

/* @n must not exceed the span's length. */
static inline AviSpan
avi_span_skip (AviSpan span, gsize n)
{
  /* An empty span may have no data, and NULL + 0 is undefined. */
  return n > 0 ? AVI_SPAN (span.data + n, span.len - n) : span;
}

static inline gboolean
avi_span_equal (AviSpan a, AviSpan b)
{
  return a.len == b.len && (a.len == 0 || memcmp (a.data, b.data, a.len) == 0);
}

G_END_DECLS
