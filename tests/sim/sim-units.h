/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Quantities as people write them, in scenario files and on the command line. All return FALSE
 * with G_OPTION_ERROR_BAD_VALUE where the text is none.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "20ms", "1.5s", "10min", "300us" → µs */
gboolean sim_parse_time      (const char *text, gint64 *us, GError **error);
/* "20ms" or "5ms..80ms" */
gboolean sim_parse_time_range (const char *text, gint64 *least, gint64 *most, GError **error);
/* "64", "64KiB", "1MiB" → bytes */
gboolean sim_parse_size      (const char *text, gsize *bytes, GError **error);
/* "10Mbit", "500kbit", "1Gbit" → bytes a second */
gboolean sim_parse_bandwidth (const char *text, guint64 *bytes, GError **error);
/* "10/min", "2/s", "1/h", "3" → per second */
gboolean sim_parse_rate      (const char *text, double *per_second, GError **error);
/* "0.05", "5%" → 0 to 1 */
gboolean sim_parse_share     (const char *text, double *share, GError **error);
gboolean sim_parse_number    (const char *text, double *number, GError **error);

G_END_DECLS
