/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * base58btc, as Bitcoin has it, and base36, which multibase builds alike. Quadratic in their
 * input, so all of them take at most AVI_BASE58_MAX_LEN bytes.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

#define AVI_BASE58_MAX_LEN 128

/* (transfer full) */
char     *avi_base58_encode (AviSpan bytes);
/* Returns FALSE where @text has a character outside the alphabet (the error names it and its
 * place) or stands for more than AVI_BASE58_MAX_LEN bytes. @out: (out) (transfer full). */
gboolean  avi_base58_decode (const char *text, GByteArray **out, GError **error);
/* The same with the 36 digits 0-9a-z. */
gboolean  avi_base36_decode (const char *text, GByteArray **out, GError **error);

G_END_DECLS
