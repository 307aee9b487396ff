/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLog: what of a device's log is worth a line. Something that was said before of the same subject is
 * not said again but counted; the count comes when something else happens to the subject, or after a
 * minute, then after two, and so on, up to an hour: a peer that is switched off makes a handful of lines a
 * night. A change of state is always a line, and makes what was said before it news again. A machine
 * without I/O; the engine writes its lines.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AVI_LOG_MAX_SUBJECTS 256 /* beyond them the one said of longest ago is forgotten */
#define AVI_LOG_MAX_NOTES    8   /* of one subject */

typedef struct _AviLog AviLog;

typedef struct
{
  char *peer;   /* or NULL */
  char *remote; /* or NULL */
  char *text;
} AviLogLine;

AviLog  *avi_log_new      (void);
void     avi_log_free     (AviLog *self);
/* About @peer; where that is NULL, about @remote whatever its port; where that is NULL too, about the device. */
void     avi_log_note     (AviLog *self, const char *peer, const char *remote, const char *text, gint64 now);
void     avi_log_state    (AviLog *self, const char *peer, const char *remote, const char *text, gint64 now);
/* The time passed. */
void     avi_log_tick     (AviLog *self, gint64 now);
/* All that was counted and not told, and nothing is remembered. */
void     avi_log_flush    (AviLog *self, gint64 now);
/* The next line to write, (transfer full); NULL: none. */
AviLogLine *avi_log_next  (AviLog *self);
void     avi_log_line_free (AviLogLine *line);
gint64   avi_log_deadline (AviLog *self); /* G_MAXINT64: there is nothing to tell */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLog, avi_log_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLogLine, avi_log_line_free)

G_END_DECLS
