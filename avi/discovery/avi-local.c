/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "discovery/avi-local.h"
#include "discovery/avi-local-own.h"

#define SETTLE_MS 10 /* a rename makes several events: one scan for all */

struct _AviLocal
{
  AviLocalFolder  folder;
  AviLocalNodes  *others;
  AviLocalOwn     own;

  AviLocalTrouble trouble;
  gpointer        user_data;
  /* What stands in the way; NULL: nothing. */
  GError         *problem;

  GMainContext   *context;
  GFileMonitor   *monitor;
  /* Something was lost once, and more may go without an event: what is below the folder may be unmounted,
   * and GLib's watch, which is one per path, may still be the old folder's. */
  gboolean        doubtful;
  /* A scan that is due: soon after events, or the recheck. At most one of each. */
  GSource        *soon;
  GSource        *recheck;
};

static void avi_local_schedule_recheck (AviLocal *self);
static void avi_local_scan_soon        (AviLocal *self, guint delay);

static void
avi_local_on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, AviLocal *self)
{
  avi_local_scan_soon (self, SETTLE_MS);
}

/* Without a monitor (the system's limit of inotify instances is reached) the recheck has to do. */
static void
avi_local_watch (AviLocal *self)
{
  g_autoptr(GFile) folder = g_file_new_for_path (self->folder.path);
  g_autoptr(GError) error = NULL;

  self->monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (self->monitor == NULL)
    g_debug ("%s is not watched: %s", self->folder.path, error->message);
  else
    g_signal_connect (self->monitor, "changed", G_CALLBACK (avi_local_on_changed), self);
}

static void
avi_local_unwatch (AviLocal *self)
{
  if (self->monitor == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->monitor, self);
  g_file_monitor_cancel (self->monitor);
  g_clear_object (&self->monitor);
}

/* --- What is lost is made anew --- */

static gboolean
avi_local_renew_folder (AviLocal *self, GError **error)
{
  if (avi_local_folder_is_there (&self->folder))
    return TRUE;
  if (self->folder.fd >= 0)
    g_debug ("%s is not there any more", self->folder.path);
  self->doubtful = TRUE;
  avi_local_unwatch (self);
  avi_local_own_retract (&self->own);
  if (!avi_local_folder_open (&self->folder, error))
    return FALSE;
  avi_local_watch (self);
  return TRUE;
}

static gboolean
avi_local_renew (AviLocal *self, GError **error)
{
  if (!avi_local_renew_folder (self, error))
    return FALSE;
  self->doubtful |= avi_local_own_is_lost (&self->own);
  return avi_local_own_renew (&self->own, error);
}

/* Takes @problem. TRUE: it is another than before. */
static gboolean
avi_local_note (AviLocal *self, GError *problem)
{
  gboolean same = self->problem != NULL && problem != NULL ? g_str_equal (self->problem->message, problem->message)
                                                           : self->problem == problem;

  g_clear_error (&self->problem);
  self->problem = problem;
  return !same;
}

static void
avi_local_mend (AviLocal *self)
{
  GError *error = NULL;

  avi_local_renew (self, &error);
  if (avi_local_note (self, error))
    self->trouble (self->user_data, self->problem);
}

/* --- When to look --- */

static void
avi_local_clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
avi_local_on_recheck (gpointer user_data)
{
  avi_local_scan (user_data);
  return G_SOURCE_CONTINUE;
}

/* The recheck runs while there is somebody to miss, no monitor to tell of somebody new, or something
 * to be tried again. */
static void
avi_local_schedule_recheck (AviLocal *self)
{
  gboolean wanted = avi_local_nodes_get_n (self->others) > 0 || self->monitor == NULL || self->problem != NULL
                    || self->doubtful;

  if (!wanted)
    avi_local_clear_source (&self->recheck);
  else if (self->recheck == NULL)
    {
      self->recheck = g_timeout_source_new_seconds (AVI_LOCAL_RECHECK_SECONDS);
      g_source_set_static_name (self->recheck, "[Avi] local nodes");
      g_source_set_callback (self->recheck, avi_local_on_recheck, self, NULL);
      g_source_attach (self->recheck, self->context);
    }
}

void
avi_local_scan (AviLocal *self)
{
  avi_local_mend (self);
  avi_local_nodes_scan (self->others);
  avi_local_schedule_recheck (self);
}

static gboolean
avi_local_on_soon (gpointer user_data)
{
  AviLocal *self = user_data;

  avi_local_clear_source (&self->soon);
  /* An attempt to mend makes events of its own: what has failed waits for the recheck. */
  if (self->problem == NULL)
    avi_local_mend (self);
  avi_local_nodes_scan (self->others);
  avi_local_schedule_recheck (self);
  return G_SOURCE_REMOVE;
}

static void
avi_local_scan_soon (AviLocal *self, guint delay)
{
  if (self->soon != NULL)
    return;
  self->soon = g_timeout_source_new (delay);
  g_source_set_static_name (self->soon, "[Avi] scan of local nodes");
  g_source_set_callback (self->soon, avi_local_on_soon, self, NULL);
  g_source_attach (self->soon, self->context);
}

/* --- Life --- */

gboolean
avi_local_publish (AviLocal *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses, GError **error)
{
  GError *problem = NULL;

  if (!avi_local_own_set (&self->own, name, boot_id, addresses, error))
    return FALSE;
  avi_local_renew (self, &problem);
  avi_local_note (self, problem);
  avi_local_schedule_recheck (self);
  if (problem != NULL && error != NULL)
    *error = g_error_copy (problem);
  return problem == NULL;
}

AviLocal *
avi_local_new (const char       *directory,
               const AviPeerId  *self_id,
               AviLocalFound     found,
               AviLocalGone      gone,
               AviLocalTrouble   trouble,
               gpointer          user_data,
               GError          **error)
{
  g_autoptr(AviLocal) self = g_new0 (AviLocal, 1);

  self->trouble = trouble;
  self->user_data = user_data;
  self->context = g_main_context_ref_thread_default ();
  avi_local_folder_init (&self->folder, directory != NULL ? directory : g_get_user_runtime_dir ());
  self->others = avi_local_nodes_new (&self->folder, self_id, found, gone, user_data);
  avi_local_own_init (&self->own, &self->folder, self_id);
  if (!avi_local_folder_open (&self->folder, error))
    return NULL;

  avi_local_watch (self);
  avi_local_scan_soon (self, 0);
  return g_steal_pointer (&self);
}

void
avi_local_free (AviLocal *self)
{
  avi_local_clear_source (&self->soon);
  avi_local_clear_source (&self->recheck);
  avi_local_unwatch (self);
  avi_local_own_clear (&self->own);
  g_clear_pointer (&self->others, avi_local_nodes_free);
  avi_local_folder_clear (&self->folder);
  g_clear_error (&self->problem);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}
