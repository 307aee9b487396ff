/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "log-keeper.h"

#include <string.h>

#define PATIENCE 5000 /* ms; the engine logs at the end of a round, which may not be over yet */

static GMutex lock;
static GString *kept;

/* A line is the message, and after a tab each field of ours as "name=value". */
static void
keep_line (const GLogField *fields, gsize n_fields, const char *message)
{
  g_string_append (kept, message);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_has_prefix (fields[i].key, "AVI_"))
      g_string_append_printf (kept, "\t%s=%s", fields[i].key, (const char *) fields[i].value);
  g_string_append_c (kept, '\n');
}

static GLogWriterOutput
keep (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; (level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_DEBUG && i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      {
        g_mutex_lock (&lock);
        keep_line (fields, n_fields, fields[i].value);
        g_mutex_unlock (&lock);
        return G_LOG_WRITER_HANDLED;
      }
  return g_log_writer_default (level, fields, n_fields, data);
}

void
log_keeper_init (void)
{
  g_setenv ("G_MESSAGES_DEBUG", "Avi", TRUE);
  kept = g_string_new (NULL);
  g_log_set_writer_func (keep, NULL, NULL);
}

void
log_keeper_forget (void)
{
  g_mutex_lock (&lock);
  g_string_truncate (kept, 0);
  g_mutex_unlock (&lock);
}

gboolean
log_keeper_has (const char *text)
{
  gboolean found;

  g_mutex_lock (&lock);
  found = strstr (kept->str, text) != NULL;
  g_mutex_unlock (&lock);
  return found;
}

void
log_keeper_assert (const char *text)
{
  for (guint i = 0; i < PATIENCE && !log_keeper_has (text); i++)
    g_usleep (1000);
  if (!log_keeper_has (text))
    g_error ("not logged: %s", text);
}
