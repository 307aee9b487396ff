/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps what the library logs at debug level, for a test to look in: a line each, the message and its
 * fields as "MESSAGE\tAVI_PEER=…\tAVI_CONNECTION=…". Any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Once, early in main. */
void     log_keeper_init      (void);
void     log_keeper_forget    (void);
gboolean log_keeper_has       (const char *text);
/* Or it comes soon; else a failure that names @text. */
void     log_keeper_assert    (const char *text);

G_END_DECLS
