/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * protobuf-c with bounds: a message is unpacked into an arena of fixed budget, so that a small
 * hostile input cannot blow up (1 MiB of empty submessages would be 28 MiB), and is freed as one.
 * Foreign strings are `bytes` in our .proto files, for protobuf-c cuts strings at NUL.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "avi-span.h"

G_BEGIN_DECLS

typedef struct _AviArena AviArena;

/* @budget: the most bytes that unpacking may take. */
AviArena *avi_arena_new  (gsize budget);
void      avi_arena_free (AviArena *self);

/* Returns a message that lives in, and dies with, @arena; NULL with AVI_ERROR_PROTOCOL where the
 * bytes are malformed, AVI_ERROR_LIMIT where they would pass the budget. @what: for the error. */
gpointer  avi_protobuf_unpack (const ProtobufCMessageDescriptor *descriptor,
                               AviSpan                           bytes,
                               AviArena                         *arena,
                               const char                       *what,
                               GError                          **error);
/* (transfer full) */
GBytes   *avi_protobuf_pack   (const ProtobufCMessage *message);
/* The same behind its length as a varint: the form that libp2p streams carry. */
GBytes   *avi_protobuf_pack_delimited (const ProtobufCMessage *message);

/* Valid UTF-8 without NUL, of at most @max bytes: (transfer full), else NULL. */
char     *avi_protobuf_dup_text (const ProtobufCBinaryData *field, gsize max);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviArena, avi_arena_free)

G_END_DECLS
