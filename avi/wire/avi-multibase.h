/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Multibase (github.com/multiformats/multibase), as far as peer ids and certificate hashes need it:
 * a first character says the base of what follows. b: base32 in lower case, u: base64url, both
 * without padding (RFC 4648); z: base58btc; k: base36.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

#define AVI_MULTIBASE_MAX_LEN 128 /* bytes that a text may stand for */

/* @prefix: b or u; (transfer full) */
char     *avi_multibase_encode (char prefix, AviSpan bytes);
/* FALSE where the base is unknown, a character is none of its digits, the last digit has bits that
 * stand for nothing, or the bytes are too many. @out: (out) (transfer full). */
gboolean  avi_multibase_decode (const char *text, GByteArray **out, GError **error);

G_END_DECLS
