/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Unsigned varints (github.com/multiformats/unsigned-varint): at most nine bytes, below 2^63,
 * minimally encoded.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

#define AVI_VARINT_MAX_LEN 9

typedef enum
{
  AVI_VARINT_OK,
  AVI_VARINT_MORE,       /* the bytes end within the varint */
  AVI_VARINT_TOO_LONG,   /* ten bytes or more */
  AVI_VARINT_NOT_MINIMAL /* ends in a byte of zero */
} AviVarintStatus;

gsize           avi_varint_encode    (guint64 value, guint8 out[AVI_VARINT_MAX_LEN]);
gsize           avi_varint_get_len   (guint64 value);
/* @used: how many bytes the varint took, where AVI_VARINT_OK. */
AviVarintStatus avi_varint_decode    (AviSpan bytes, guint64 *value, gsize *used);
const char     *avi_varint_explain   (AviVarintStatus status);

G_END_DECLS
