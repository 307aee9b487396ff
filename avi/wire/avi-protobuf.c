/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-protobuf.h"

#include "avi-error.h"
#include "wire/avi-varint.h"

#define ARENA_ALIGN     16
#define ARENA_CHUNK_LEN 4096

typedef struct _AviChunk AviChunk;
struct _AviChunk
{
  AviChunk *next;
  /* Pieces are cut off the front, each at a multiple of ARENA_ALIGN. */
  _Alignas(ARENA_ALIGN) guint8 bytes[];
};

struct _AviArena
{
  ProtobufCAllocator allocator;
  gsize              budget;   /* bytes still to be had */
  gboolean           exceeded; /* somebody asked for more */
  AviChunk          *chunks;   /* the one in use first */
  guint8            *free;     /* what the first chunk has left */
  gsize              n_free;
};

/* Only chunks that are handed out count against the budget, rounded up to ARENA_ALIGN; of a chunk no more
 * is lost than what was left in the one before. */
static gpointer
avi_arena_alloc (gpointer data, size_t size)
{
  AviArena *self = data;
  gpointer piece;

  if (size > self->budget || (size = (size + ARENA_ALIGN - 1) & ~(gsize) (ARENA_ALIGN - 1)) > self->budget)
    {
      self->exceeded = TRUE;
      return NULL;
    }

  if (size > self->n_free)
    {
      gsize len = MAX (size, ARENA_CHUNK_LEN);
      AviChunk *chunk = g_malloc (sizeof *chunk + len);

      chunk->next = self->chunks;
      self->chunks = chunk;
      self->free = chunk->bytes;
      self->n_free = len;
    }

  piece = self->free;
  self->free += size;
  self->n_free -= size;
  self->budget -= size;
  return piece;
}

static void
avi_arena_release (gpointer data, gpointer piece)
{
}

AviArena *
avi_arena_new (gsize budget)
{
  AviArena *self = g_new0 (AviArena, 1);

  self->allocator = (ProtobufCAllocator) { avi_arena_alloc, avi_arena_release, self };
  self->budget = budget;
  return self;
}

void
avi_arena_free (AviArena *self)
{
  while (self->chunks != NULL)
    {
      AviChunk *chunk = self->chunks;

      self->chunks = chunk->next;
      g_free (chunk);
    }
  g_free (self);
}

gpointer
avi_protobuf_unpack (const ProtobufCMessageDescriptor *descriptor, AviSpan bytes, AviArena *arena, const char *what,
                     GError **error)
{
  gsize budget = arena->budget;
  gpointer message;

  arena->exceeded = FALSE;
  message = protobuf_c_message_unpack (descriptor, &arena->allocator, bytes.len, bytes.data);
  if (message != NULL)
    return message;

  if (arena->exceeded)
    g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                 "%s: unpacking its %" G_GSIZE_FORMAT " bytes would take more than the %" G_GSIZE_FORMAT " allowed",
                 what, bytes.len, budget);
  else
    g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "%s: its %" G_GSIZE_FORMAT " bytes are no valid protobuf", what,
                 bytes.len);
  return NULL;
}

GBytes *
avi_protobuf_pack (const ProtobufCMessage *message)
{
  gsize len = protobuf_c_message_get_packed_size (message);
  guint8 *packed = g_malloc (len);

  protobuf_c_message_pack (message, packed);
  return g_bytes_new_take (packed, len);
}

GBytes *
avi_protobuf_pack_delimited (const ProtobufCMessage *message)
{
  gsize len = protobuf_c_message_get_packed_size (message);
  guint8 prefix[AVI_VARINT_MAX_LEN];
  gsize prefix_len = avi_varint_encode (len, prefix);
  guint8 *packed = g_malloc (prefix_len + len);

  memcpy (packed, prefix, prefix_len);
  protobuf_c_message_pack (message, packed + prefix_len);
  return g_bytes_new_take (packed, prefix_len + len);
}

char *
avi_protobuf_dup_text (const ProtobufCBinaryData *field, gsize max)
{
  const char *text = field->len > 0 ? (const char *) field->data : "";

  if (field->len > max || !g_utf8_validate (text, field->len, NULL))
    return NULL;
  return g_strndup (text, field->len);
}
