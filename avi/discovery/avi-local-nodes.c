/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-local-nodes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "wire/avi-file.h"

#define LOOK_ATTEMPTS 16 /* each lost to an owner that publishes again */

/* One version of a file: files are replaced, never written to. */
typedef struct
{
  dev_t           dev;
  ino_t           ino;
  off_t           size;
  struct timespec mtime;
} AviLocalStamp;

typedef struct
{
  AviPeerId     peer;
  AviLocalStamp stamp;
  /* What was last told by `found`; without a name: nothing was, the file is not readable. */
  AviLocalFile  file;
  /* The scan that last saw it. */
  guint         scan;
} AviLocalNode;

struct _AviLocalNodes
{
  AviLocalFolder *folder;
  AviPeerId       self_id;
  AviLocalFound   found;
  AviLocalGone    gone;
  gpointer        user_data;

  /* AviPeerId → AviLocalNode */
  GHashTable     *nodes;
  guint           scan;
  gboolean        scanning;
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

/* --- one file --- */

static GBytes *
avi_local_nodes_read (int fd)
{
  /* One more than allowed, so that the parser sees what is too long. */
  g_autofree guint8 *data = g_malloc (AVI_LOCAL_FILE_MAX_LEN + 1);
  gssize len = avi_file_read (fd, data, AVI_LOCAL_FILE_MAX_LEN + 1);

  return len >= 0 ? g_bytes_new_take (g_steal_pointer (&data), len) : NULL;
}

/* FALSE: what stands in the file is not for us. It is looked at again when it is another file. */
static gboolean
avi_local_nodes_parse (AviLocalNodes *self, const char *name, const AviPeerId *peer, int fd, AviLocalFile *out)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = avi_local_nodes_read (fd);

  if (bytes == NULL)
    return FALSE;
  if (!avi_local_file_parse (out, avi_span_from_bytes (bytes), &error))
    {
      g_debug ("%s/%s: %s", self->folder->path, name, error->message);
      return FALSE;
    }
  if (!avi_peer_id_equal (&out->peer, peer))
    {
      g_debug ("%s/%s: its peer-id is another than its name says", self->folder->path, name);
      avi_local_file_clear (out);
      return FALSE;
    }
  return TRUE;
}

/* The peer whose file @name is: its base58 form and nothing else, so that a peer has one file. */
static gboolean
avi_local_nodes_parse_name (const char *name, AviPeerId *out)
{
  if (!g_str_has_suffix (name, AVI_LOCAL_NODE_SUFFIX))
    return FALSE;

  g_autofree char *id = g_strndup (name, strlen (name) - strlen (AVI_LOCAL_NODE_SUFFIX));

  if (!avi_peer_id_parse (id, out, NULL))
    return FALSE;

  g_autofree char *canonical = avi_peer_id_to_string (out);

  return g_str_equal (id, canonical);
}

static void
avi_local_nodes_update (AviLocalNodes *self, AviLocalNode *node, const char *name, int fd)
{
  AviLocalFile file = { 0 };

  if (avi_local_nodes_parse (self, name, &node->peer, fd, &file))
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

/* --- all of them --- */

static void
avi_local_nodes_see_node (AviLocalNodes *self, const char *name, const AviPeerId *peer, int fd, const struct stat *st)
{
  AviLocalStamp stamp = avi_local_stamp (st);
  AviLocalNode *node = g_hash_table_lookup (self->nodes, peer);

  if (node == NULL)
    {
      if (g_hash_table_size (self->nodes) >= AVI_LOCAL_MAX_NODES)
        {
          g_debug ("%s/%s is not looked at: the limit is %d nodes", self->folder->path, name, AVI_LOCAL_MAX_NODES);
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
      avi_local_nodes_update (self, node, name, fd);
    }
}

static void
avi_local_nodes_see (AviLocalNodes *self, const char *name)
{
  gboolean temporary = name[0] == '.' && g_str_has_suffix (name, AVI_LOCAL_TEMPORARY_SUFFIX);
  AviLocalLife life = AVI_LOCAL_REPLACED;
  AviPeerId peer = { 0 };

  if (!temporary && (!avi_local_nodes_parse_name (name, &peer) || avi_peer_id_equal (&peer, &self->self_id)))
    return;

  for (guint i = 0; i < LOOK_ATTEMPTS && life == AVI_LOCAL_REPLACED; i++)
    {
      struct stat st;
      int fd = avi_local_folder_open_file (self->folder, name, &st);

      if (fd < 0)
        return;
      life = avi_local_folder_reap (self->folder, name, fd);
      if (life == AVI_LOCAL_ALIVE && !temporary)
        avi_local_nodes_see_node (self, name, &peer, fd, &st);
      close (fd);
    }
}

/* Tells of those that the present scan has not seen. A folder that changes while it is read may
 * keep a renamed file back: they are asked for by name first. */
static void
avi_local_nodes_sweep (AviLocalNodes *self)
{
  GHashTableIter iter;
  AviLocalNode *node;

  g_hash_table_iter_init (&iter, self->nodes);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &node))
    {
      if (node->scan != self->scan)
        {
          g_autofree char *id = avi_peer_id_to_string (&node->peer);
          g_autofree char *name = g_strconcat (id, AVI_LOCAL_NODE_SUFFIX, NULL);

          avi_local_nodes_see (self, name);
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

void
avi_local_nodes_scan (AviLocalNodes *self)
{
  if (self->scanning)
    return;

  /* A descriptor of its own: the position belongs to the open directory. */
  int fd = openat (self->folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;

  if (dir == NULL)
    {
      g_debug ("%s: %s", self->folder->path, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return;
    }

  const struct dirent *entry;

  self->scanning = TRUE;
  self->scan++;
  for (guint n = 0; n < AVI_LOCAL_MAX_ENTRIES && (entry = readdir (dir)) != NULL; n++)
    avi_local_nodes_see (self, entry->d_name);
  closedir (dir);
  avi_local_nodes_sweep (self);
  self->scanning = FALSE;
}

guint
avi_local_nodes_get_n (AviLocalNodes *self)
{
  return g_hash_table_size (self->nodes);
}

AviLocalNodes *
avi_local_nodes_new (AviLocalFolder  *folder,
                     const AviPeerId *self_id,
                     AviLocalFound    found,
                     AviLocalGone     gone,
                     gpointer         user_data)
{
  AviLocalNodes *self = g_new0 (AviLocalNodes, 1);

  self->folder = folder;
  self->self_id = *self_id;
  self->found = found;
  self->gone = gone;
  self->user_data = user_data;
  self->nodes = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_local_node_free);
  return self;
}

void
avi_local_nodes_free (AviLocalNodes *self)
{
  g_hash_table_unref (self->nodes);
  g_free (self);
}
