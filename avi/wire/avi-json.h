/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The check that every foreign JSON text passes before json-glib sees it, which overflows its stack
 * on deep nesting, takes what is no JSON (comments, 'quotes', 0x10, “var x = 1”), cuts strings at
 * \u0000, and lets numbers out of range wrap around. Builds nothing.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

#define AVI_JSON_MAX_DEPTH  64     /* objects and arrays within each other */
#define AVI_JSON_MAX_VALUES 100000 /* each costs json-glib 100 to 500 bytes, and its sender as few as two */

/* TRUE where @text is one JSON value (RFC 8259) of at most @max_len bytes that json-glib represents
 * faithfully: no \u0000, no half of a surrogate pair, integers of 64 bits with a sign, finite reals.
 * Else FALSE with AVI_ERROR_LIMIT or AVI_ERROR_PROTOCOL and the place. */
gboolean avi_json_check (AviSpan text, gsize max_len, GError **error);

G_END_DECLS
