/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviFrameReader: cuts a byte stream into messages that stand behind their length as a varint, as
 * identify and pub/sub have them. A message that lies whole in what was handed in is a view of it;
 * one that arrives in pieces is gathered. Memory follows what arrived, never what a length claims.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

typedef struct
{
  gsize       max;     /* longest message */
  GByteArray *partial; /* a message, its length included, that has not arrived whole; or NULL */
  gboolean    whole;   /* `partial` is the message that was returned last */
  AviSpan     rest;    /* of the bytes handed in: what was not looked at yet */
} AviFrameReader;

void     avi_frame_reader_init  (AviFrameReader *self, gsize max);
void     avi_frame_reader_clear (AviFrameReader *self);
/* Only once `next` has returned all there is. The span must live until then. */
void     avi_frame_reader_push  (AviFrameReader *self, AviSpan bytes);
/* TRUE with a message, good until the next call or the end of the span; FALSE without @error: no
 * more for now; FALSE with it: longer than max (AVI_ERROR_LIMIT, naming both) or a malformed length
 * (AVI_ERROR_PROTOCOL), for good. */
gboolean avi_frame_reader_next  (AviFrameReader *self, AviSpan *message, GError **error);
/* Bytes of a message that has begun and is not whole. */
gsize    avi_frame_reader_get_n_partial (const AviFrameReader *self);

G_END_DECLS
