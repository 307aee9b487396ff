/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text that came from elsewhere, made fit to be shown in an error or a log.
 */
#pragma once

#include "avi-span.h"

G_BEGIN_DECLS

/* “@text” in quotation marks, as valid UTF-8 without control characters and cut after 64 bytes:
 * (transfer full) */
char *avi_text_quote (AviSpan text);

G_END_DECLS
