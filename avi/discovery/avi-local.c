/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "avi-error.h"
#include "crypto/avi-random.h"
#include "discovery/avi-local.h"
#include "wire/avi-fork.h"

#define FOLDER           "avi"
#define NODE_SUFFIX      ".node"
#define TEMPORARY_SUFFIX ".tmp"
#define PUBLISH_ATTEMPTS 16 /* each lost to another node's clean-up, which is done in microseconds */
#define LOOK_ATTEMPTS    16 /* each lost to an owner that publishes again */
#define SETTLE_MS        10 /* a rename makes several events: one scan for all */

/* One version of a file: files are replaced, never written to. */
typedef struct
{
  dev_t           dev;
  ino_t           ino;
  off_t           size;
  struct timespec mtime;
} AviLocalStamp;

typedef enum
{
  AVI_LOCAL_ALIVE,   /* its owner holds the lock */
  AVI_LOCAL_DEAD,    /* the file is removed, by us or by whoever was faster */
  AVI_LOCAL_REPLACED /* another file has taken the name meanwhile, or none has it */
} AviLocalLife;

typedef struct
{
  AviPeerId     peer;
  AviLocalStamp stamp;
  /* What was last told by `found`; without a name: nothing was, the file is not readable. */
  AviLocalFile  file;
  /* The scan that last saw it. */
  guint         scan;
} AviLocalNode;

struct _AviLocal
{
  AviLocalFound found;
  AviLocalGone  gone;
  gpointer      user_data;

  GMainContext *context;
  GFileMonitor *monitor;
  /* A scan that is due: soon after events, or the recheck. At most one of each. */
  GSource      *soon;
  GSource      *recheck;

  /* The folder, for messages and as descriptor: a folder moved away is not written to. */
  char         *path;
  int           folder;

  AviPeerId     self_id;
  char         *own_name;
  /* Our published file, whose exclusive lock this descriptor is; -1 before. */
  int           own_fd;
  GBytes       *own_text;

  /* AviPeerId → AviLocalNode */
  GHashTable   *nodes;
  guint         scan;
  gboolean      scanning;
};

static AviLocalStamp
avi_local_stamp (const struct stat *st)
{
  return (AviLocalStamp) { st->st_dev, st->st_ino, st->st_size, st->st_mtim };
}

static gboolean
avi_local_stamp_equal (const AviLocalStamp *a, const AviLocalStamp *b)
{
  return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec
         && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static void
avi_local_node_free (AviLocalNode *node)
{
  avi_local_file_clear (&node->file);
  g_free (node);
}

static gboolean
avi_local_fail (GError **error, AviError code, const char *path, const char *what)
{
  g_set_error (error, AVI_ERROR, code, "%s: %s", path, what);
  return FALSE;
}

/* --- The folder --- */

/* A directory that is the user's own. */
static gboolean
avi_local_check_owner (int fd, mode_t forbidden, const char *path, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) != 0)
    return avi_local_fail (error, AVI_ERROR_FAILED, path, g_strerror (errno));
  if (st.st_uid != geteuid ())
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "%s: belongs to user %u, not to user %u",
                   path, (guint) st.st_uid, (guint) geteuid ());
      return FALSE;
    }
  if ((st.st_mode & forbidden) != 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "%s: has mode %04o, which lets others in; it must be 0700",
                   path, (guint) st.st_mode & 07777);
      return FALSE;
    }
  return TRUE;
}

static gboolean
avi_local_open_folder (AviLocal *self, int runtime, const char *directory, GError **error)
{
  if (runtime < 0)
    return avi_local_fail (error, errno == ENOENT ? AVI_ERROR_NOT_FOUND : AVI_ERROR_FAILED,
                           directory, g_strerror (errno));
  if (!avi_local_check_owner (runtime, 0, directory, error))
    return FALSE;

  if (mkdirat (runtime, FOLDER, 0700) != 0 && errno != EEXIST)
    return avi_local_fail (error, AVI_ERROR_FAILED, self->path, g_strerror (errno));

  self->folder = openat (runtime, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (self->folder < 0 && (errno == ELOOP || errno == ENOTDIR))
    return avi_local_fail (error, AVI_ERROR_SECURITY, self->path, "is not a directory");
  if (self->folder < 0)
    return avi_local_fail (error, AVI_ERROR_FAILED, self->path, g_strerror (errno));

  return avi_local_check_owner (self->folder, 0077, self->path, error);
}

/* TRUE where @name still names the inode that @fd is open on. */
static gboolean
avi_local_names (AviLocal *self, const char *name, int fd)
{
  struct stat open_file, named;

  return fd >= 0 && fstat (fd, &open_file) == 0 && fstatat (self->folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0
         && open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* A regular file of ours, for reading; -1 and errno for anything else. Never waits (for a FIFO). */
static int
avi_local_open_file (AviLocal *self, const char *name, struct stat *st)
{
  int fd = openat (self->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd < 0)
    return -1;
  if (fstat (fd, st) == 0 && S_ISREG (st->st_mode) && st->st_uid == geteuid ())
    return fd;

  close (fd);
  errno = EPERM;
  return -1;
}

/* What stands behind @name, open as @fd, and its removal where its owner is dead. Two nodes may
 * hold the shared lock and be about to unlink; a new file that took the name after the first did
 * so would fall to the second. The exclusive lock makes it one, and nobody takes a name that is
 * there. */
static AviLocalLife
avi_local_reap (AviLocal *self, const char *name, int fd)
{
  if (flock (fd, LOCK_SH | LOCK_NB) != 0)
    return AVI_LOCAL_ALIVE;
  /* Its owner lets go of a lock only when the name is another file's. */
  if (!avi_local_names (self, name, fd))
    return AVI_LOCAL_REPLACED;

  if (flock (fd, LOCK_EX | LOCK_NB) == 0 && avi_local_names (self, name, fd) &&
      unlinkat (self->folder, name, 0) == 0)
    g_debug ("Removed %s/%s: its owner is gone", self->path, name);
  return AVI_LOCAL_DEAD;
}

/* --- Looking for others --- */

static GBytes *
avi_local_read (int fd)
{
  /* One more than allowed, so that the parser sees what is too long. */
  g_autofree guint8 *data = g_malloc (AVI_LOCAL_FILE_MAX_LEN + 1);
  gsize len = 0;

  while (len <= AVI_LOCAL_FILE_MAX_LEN)
    {
      gssize n = TEMP_FAILURE_RETRY (read (fd, data + len, AVI_LOCAL_FILE_MAX_LEN + 1 - len));

      if (n < 0)
        return NULL;
      if (n == 0)
        break;
      len += n;
    }
  return g_bytes_new (data, len);
}

/* FALSE: what stands in the file is not for us. It is looked at again when it is another file. */
static gboolean
avi_local_parse (AviLocal *self, const char *name, const AviPeerId *peer, int fd, AviLocalFile *out)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = avi_local_read (fd);

  if (bytes == NULL)
    return FALSE;
  if (!avi_local_file_parse (out, avi_span_from_bytes (bytes), &error))
    {
      g_debug ("%s/%s: %s", self->path, name, error->message);
      return FALSE;
    }
  if (!avi_peer_id_equal (&out->peer, peer))
    {
      g_debug ("%s/%s: its peer-id is another than its name says", self->path, name);
      avi_local_file_clear (out);
      return FALSE;
    }
  return TRUE;
}

/* The peer whose file @name is: its base58 form and nothing else, so that a peer has one file. */
static gboolean
avi_local_parse_name (const char *name, AviPeerId *out)
{
  if (!g_str_has_suffix (name, NODE_SUFFIX))
    return FALSE;

  g_autofree char *id = g_strndup (name, strlen (name) - strlen (NODE_SUFFIX));

  if (!avi_peer_id_parse (id, out, NULL))
    return FALSE;

  g_autofree char *canonical = avi_peer_id_to_string (out);

  return g_str_equal (id, canonical);
}

static void
avi_local_update (AviLocal *self, AviLocalNode *node, const char *name, int fd)
{
  AviLocalFile file = { 0 };

  if (avi_local_parse (self, name, &node->peer, fd, &file))
    {
      if (node->file.name != NULL && avi_local_file_equal (&node->file, &file))
        {
          avi_local_file_clear (&file);
          return;
        }
      avi_local_file_clear (&node->file);
      node->file = file;
      self->found (self->user_data, &node->peer, node->file.name, node->file.addresses);
    }
  else if (node->file.name != NULL)
    {
      avi_local_file_clear (&node->file);
      self->gone (self->user_data, &node->peer);
    }
}

static void
avi_local_see_node (AviLocal *self, const char *name, const AviPeerId *peer, int fd, const struct stat *st)
{
  AviLocalStamp stamp = avi_local_stamp (st);
  AviLocalNode *node = g_hash_table_lookup (self->nodes, peer);

  if (node == NULL)
    {
      if (g_hash_table_size (self->nodes) >= AVI_LOCAL_MAX_NODES)
        {
          g_debug ("%s/%s is not looked at: the limit is %d nodes", self->path, name, AVI_LOCAL_MAX_NODES);
          return;
        }
      node = g_new0 (AviLocalNode, 1);
      node->peer = *peer;
      g_hash_table_insert (self->nodes, &node->peer, node);
    }

  node->scan = self->scan;
  if (!avi_local_stamp_equal (&node->stamp, &stamp))
    {
      node->stamp = stamp;
      avi_local_update (self, node, name, fd);
    }
}

static void
avi_local_see (AviLocal *self, const char *name)
{
  gboolean temporary = name[0] == '.' && g_str_has_suffix (name, TEMPORARY_SUFFIX);
  AviLocalLife life = AVI_LOCAL_REPLACED;
  AviPeerId peer = { 0 };

  if (!temporary && (!avi_local_parse_name (name, &peer) || avi_peer_id_equal (&peer, &self->self_id)))
    return;

  for (guint i = 0; i < LOOK_ATTEMPTS && life == AVI_LOCAL_REPLACED; i++)
    {
      struct stat st;
      int fd = avi_local_open_file (self, name, &st);

      if (fd < 0)
        return;
      life = avi_local_reap (self, name, fd);
      if (life == AVI_LOCAL_ALIVE && !temporary)
        avi_local_see_node (self, name, &peer, fd, &st);
      close (fd);
    }
}

/* Tells of those that the present scan has not seen. A folder that changes while it is read may
 * keep a renamed file back: they are asked for by name first. */
static void
avi_local_sweep (AviLocal *self)
{
  GHashTableIter iter;
  AviLocalNode *node;

  g_hash_table_iter_init (&iter, self->nodes);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &node))
    {
      if (node->scan != self->scan)
        {
          g_autofree char *id = avi_peer_id_to_string (&node->peer);
          g_autofree char *name = g_strconcat (id, NODE_SUFFIX, NULL);

          avi_local_see (self, name);
        }
      if (node->scan != self->scan)
        {
          g_hash_table_iter_steal (&iter);
          if (node->file.name != NULL)
            self->gone (self->user_data, &node->peer);
          avi_local_node_free (node);
        }
    }
}

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

/* The recheck runs while there is somebody to miss, or no monitor to tell of somebody new. */
static void
avi_local_schedule_recheck (AviLocal *self)
{
  gboolean wanted = g_hash_table_size (self->nodes) > 0 || self->monitor == NULL;

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
  if (self->scanning)
    return;

  /* A descriptor of its own: the position belongs to the open directory. */
  int fd = openat (self->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;

  if (dir == NULL)
    {
      g_debug ("%s: %s", self->path, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return;
    }

  const struct dirent *entry;

  self->scanning = TRUE;
  self->scan++;
  for (guint n = 0; n < AVI_LOCAL_MAX_ENTRIES && (entry = readdir (dir)) != NULL; n++)
    avi_local_see (self, entry->d_name);
  closedir (dir);
  avi_local_sweep (self);
  self->scanning = FALSE;
  avi_local_schedule_recheck (self);
}

static gboolean
avi_local_on_soon (gpointer user_data)
{
  AviLocal *self = user_data;

  avi_local_clear_source (&self->soon);
  avi_local_scan (self);
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

static void
avi_local_on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, AviLocal *self)
{
  avi_local_scan_soon (self, SETTLE_MS);
}

/* Without a monitor (the system's limit of inotify instances is reached) the recheck has to do. */
static void
avi_local_watch (AviLocal *self)
{
  g_autoptr(GFile) folder = g_file_new_for_path (self->path);
  g_autoptr(GError) error = NULL;

  self->monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (self->monitor == NULL)
    g_debug ("%s is not watched: %s", self->path, error->message);
  else
    g_signal_connect (self->monitor, "changed", G_CALLBACK (avi_local_on_changed), self);
}

/* --- Our own file --- */

static gboolean
avi_local_write (int fd, GBytes *text)
{
  AviSpan rest = avi_span_from_bytes (text);

  while (rest.len > 0)
    {
      gssize n = TEMP_FAILURE_RETRY (write (fd, rest.data, rest.len));

      if (n < 0)
        return FALSE;
      rest = avi_span_skip (rest, n);
    }
  return fsync (fd) == 0;
}

/* A new file with @text, locked; -1 on failure. With EWOULDBLOCK another node took the still
 * unlocked file for a dead one's, and removes it. */
static int
avi_local_write_temporary (AviLocal *self, const char *temporary, GBytes *text)
{
  int fd = openat (self->folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return -1;
  /* The lock is the child's as well, as long as that has the descriptor. */
  avi_fork_guard (fd);
  if (flock (fd, LOCK_EX | LOCK_NB) == 0 && avi_local_write (fd, text))
    return fd;

  int saved = errno;

  unlinkat (self->folder, temporary, 0);
  avi_fork_close (fd);
  errno = saved;
  return -1;
}

/* Gives the file its name. EEXIST: somebody else's has it. */
static gboolean
avi_local_rename (AviLocal *self, const char *temporary)
{
  guint flags = avi_local_names (self, self->own_name, self->own_fd) ? 0 : RENAME_NOREPLACE;

  return renameat2 (self->folder, temporary, self->folder, self->own_name, flags) == 0;
}

/* The file that has our name already: FALSE where it is a living node's, or no file at all. */
static gboolean
avi_local_reap_predecessor (AviLocal *self)
{
  struct stat st;
  int fd = avi_local_open_file (self, self->own_name, &st);

  if (fd < 0)
    return errno == ENOENT;

  AviLocalLife life = avi_local_reap (self, self->own_name, fd);

  close (fd);
  return life != AVI_LOCAL_ALIVE;
}

/* One attempt. FALSE: errno says why; EWOULDBLOCK and ENOENT: our temporary file was taken for a
 * dead one's; EEXIST: the name is taken. */
static gboolean
avi_local_replace (AviLocal *self, GBytes *text)
{
  AviRandom *random = avi_random_system ();
  guint32 high = avi_random_u32 (random);
  guint32 low = avi_random_u32 (random);
  g_autofree char *temporary = g_strdup_printf (".%08x%08x" TEMPORARY_SUFFIX, high, low);
  int fd = avi_local_write_temporary (self, temporary, text);

  if (fd < 0)
    return FALSE;
  if (avi_local_rename (self, temporary))
    {
      /* Only now may the predecessor's lock go: the path names the new inode. */
      if (self->own_fd >= 0)
        avi_fork_close (self->own_fd);
      self->own_fd = fd;
      return TRUE;
    }

  int saved = errno;

  unlinkat (self->folder, temporary, 0);
  avi_fork_close (fd);
  errno = saved;
  return FALSE;
}

static gboolean
avi_local_publish_text (AviLocal *self, GBytes *text, GError **error)
{
  g_autofree char *path = g_build_filename (self->path, self->own_name, NULL);
  int reason = 0;

  for (guint i = 0; i < PUBLISH_ATTEMPTS; i++)
    {
      if (avi_local_replace (self, text))
        return TRUE;
      reason = errno;
      if (reason == EEXIST && !avi_local_reap_predecessor (self))
        return avi_local_fail (error, AVI_ERROR_ALREADY_EXISTS, path, "another node with this peer id is running");
      if (reason != EEXIST && reason != EWOULDBLOCK && reason != ENOENT)
        break;
    }
  /* EEXIST: whenever a rival's file was out of the way, there was the next. */
  return avi_local_fail (error, reason == EEXIST ? AVI_ERROR_ALREADY_EXISTS : AVI_ERROR_FAILED, path,
                         g_strerror (reason));
}

gboolean
avi_local_publish (AviLocal *self, const char *name, const guint8 boot_id[16], GPtrArray *addresses, GError **error)
{
  AviLocalFile file = { .peer = self->self_id, .name = (char *) name, .addresses = addresses };

  memcpy (file.boot_id, boot_id, sizeof file.boot_id);

  g_autoptr(GBytes) text = avi_local_file_format (&file, error);

  if (text == NULL)
    return FALSE;
  if (self->own_text != NULL && g_bytes_equal (self->own_text, text) &&
      avi_local_names (self, self->own_name, self->own_fd))
    return TRUE;
  if (!avi_local_publish_text (self, text, error))
    return FALSE;

  g_clear_pointer (&self->own_text, g_bytes_unref);
  self->own_text = g_steal_pointer (&text);
  return TRUE;
}

/* --- Life --- */

AviLocal *
avi_local_new (const char       *directory,
               const AviPeerId  *self_id,
               AviLocalFound     found,
               AviLocalGone      gone,
               gpointer          user_data,
               GError          **error)
{
  g_autoptr(AviLocal) self = g_new0 (AviLocal, 1);
  g_autofree char *id = avi_peer_id_to_string (self_id);

  if (directory == NULL)
    directory = g_get_user_runtime_dir ();

  self->found = found;
  self->gone = gone;
  self->user_data = user_data;
  self->context = g_main_context_ref_thread_default ();
  self->path = g_build_filename (directory, FOLDER, NULL);
  self->folder = -1;
  self->self_id = *self_id;
  self->own_name = g_strconcat (id, NODE_SUFFIX, NULL);
  self->own_fd = -1;
  self->nodes = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_local_node_free);

  int runtime = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  gboolean opened = avi_local_open_folder (self, runtime, directory, error);

  if (runtime >= 0)
    close (runtime);
  if (!opened)
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
  if (self->monitor != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->monitor, self);
      g_file_monitor_cancel (self->monitor);
      g_object_unref (self->monitor);
    }

  /* The name goes before the lock, so that nobody sees a file without an owner. */
  if (avi_local_names (self, self->own_name, self->own_fd))
    unlinkat (self->folder, self->own_name, 0);
  if (self->own_fd >= 0)
    avi_fork_close (self->own_fd);
  if (self->folder >= 0)
    close (self->folder);

  g_clear_pointer (&self->own_text, g_bytes_unref);
  g_clear_pointer (&self->nodes, g_hash_table_unref);
  g_clear_pointer (&self->own_name, g_free);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}
