/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The messages of our .proto files, unpacked within a budget of 16 times the input: what is unpacked
 * is packed and unpacked again without loss.
 */
#include "config.h"

#include <stdint.h>

#include "avi-error.h"
#include "identify.pb-c.h"
#include "noise.pb-c.h"
#include "pubsub.pb-c.h"
#include "wire/avi-protobuf.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
try_message (const ProtobufCMessageDescriptor *descriptor, AviSpan bytes)
{
  const gsize budget = 4096 + 16 * bytes.len;
  g_autoptr(AviArena) arena = avi_arena_new (budget);
  g_autoptr(AviArena) other_arena = avi_arena_new (2 * budget);
  g_autoptr(GError) error = NULL;
  ProtobufCMessage *message = avi_protobuf_unpack (descriptor, bytes, arena, "Input", &error), *other;
  g_autoptr(GBytes) packed = NULL, packed_again = NULL;

  g_assert ((message == NULL) == (error != NULL));
  if (message == NULL)
    {
      g_assert (error->code == AVI_ERROR_PROTOCOL || error->code == AVI_ERROR_LIMIT);
      return;
    }
  packed = avi_protobuf_pack (message);
  other = avi_protobuf_unpack (descriptor, avi_span_from_bytes (packed), other_arena, "Input, packed again", NULL);
  /* An unknown field numbered 0 is taken where it is written in two bytes, but not as protobuf-c writes it. */
  if (other == NULL)
    return;
  packed_again = avi_protobuf_pack (other);
  g_assert (g_bytes_equal (packed, packed_again));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  try_message (&avi__wire__identify__descriptor, AVI_SPAN (data, size));
  try_message (&avi__wire__rpc__descriptor, AVI_SPAN (data, size));
  try_message (&avi__wire__noise_handshake_payload__descriptor, AVI_SPAN (data, size));
  return 0;
}
