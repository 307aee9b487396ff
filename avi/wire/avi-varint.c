/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-varint.h"

gsize
avi_varint_get_len (guint64 value)
{
  gsize len = 1;

  while (value >>= 7)
    len++;
  return len;
}

gsize
avi_varint_encode (guint64 value, guint8 out[AVI_VARINT_MAX_LEN])
{
  gsize len = 0;

  g_return_val_if_fail (value <= G_MAXINT64, 0);

  for (; value >= 0x80; value >>= 7)
    out[len++] = value | 0x80;
  out[len++] = value;
  return len;
}

AviVarintStatus
avi_varint_decode (AviSpan bytes, guint64 *value, gsize *used)
{
  guint64 result = 0;

  for (gsize i = 0; i < bytes.len && i < AVI_VARINT_MAX_LEN; i++)
    {
      guint8 byte = bytes.data[i];

      result |= (guint64) (byte & 0x7f) << (7 * i);
      if (byte & 0x80)
        continue;
      if (byte == 0 && i > 0)
        return AVI_VARINT_NOT_MINIMAL;
      *value = result;
      *used = i + 1;
      return AVI_VARINT_OK;
    }
  return bytes.len < AVI_VARINT_MAX_LEN ? AVI_VARINT_MORE : AVI_VARINT_TOO_LONG;
}

const char *
avi_varint_explain (AviVarintStatus status)
{
  switch (status)
    {
    case AVI_VARINT_OK:
      return "is right";
    case AVI_VARINT_MORE:
      return "is cut short";
    case AVI_VARINT_TOO_LONG:
      return "is longer than 9 bytes";
    case AVI_VARINT_NOT_MINIMAL:
      return "is not minimally encoded";
    default:
      g_return_val_if_reached (NULL);
    }
}
