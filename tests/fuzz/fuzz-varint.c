/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a varint: what is taken for one is encoded in the same bytes again.
 */
#include "config.h"

#include <stdint.h>

#include "wire/avi-varint.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint8 again[AVI_VARINT_MAX_LEN];
  guint64 value;
  gsize used;
  AviVarintStatus status = avi_varint_decode (AVI_SPAN (data, size), &value, &used);

  if (status != AVI_VARINT_OK)
    {
      g_assert (status != AVI_VARINT_MORE || size < AVI_VARINT_MAX_LEN);
      return 0;
    }

  g_assert (used <= size && value <= G_MAXINT64);
  g_assert (avi_varint_encode (value, again) == used && avi_varint_get_len (value) == used);
  g_assert (memcmp (again, data, used) == 0);
  return 0;
}
