/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "local-fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

const guint8 local_boot[16] = { 1, 2, 3 };
const guint8 local_other_boot[16] = { 4, 5, 6 };

void
local_fixture_set_up (LocalFixture *self, gconstpointer data)
{
  self->runtime = g_dir_make_tmp ("avi-local-XXXXXX", NULL);
  g_assert_nonnull (self->runtime);
  self->folder = g_build_filename (self->runtime, "avi", NULL);
}

void
local_remove_all (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        local_remove_all (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

void
local_fixture_tear_down (LocalFixture *self, gconstpointer data)
{
  local_remove_all (self->runtime);
  g_free (self->folder);
  g_free (self->runtime);
}

AviPeerId
local_peer (guint n)
{
  guint8 key[36] = { 0x08, 0x01, 0x12, 0x20 };
  AviPeerId id;

  memcpy (key + 4, &n, sizeof n);
  avi_peer_id_from_public_key (AVI_SPAN (key, sizeof key), &id);
  return id;
}

char *
local_file_of (LocalFixture *self, guint n)
{
  AviPeerId id = local_peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_strdup_printf ("%s/%s.node", self->folder, text);
}

char *
local_text_of (guint n, const char *name)
{
  AviPeerId id = local_peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_strdup_printf ("[node]\npeer-id=%s\nname=%s\nboot-id=%032d\naddresses=/ip4/127.0.0.1/tcp/1;\n", text, name,
                          0);
}

int
local_plant (const char *path, const char *text, gssize len)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  if (len < 0)
    len = strlen (text);
  g_assert_cmpint (write (fd, text, len), ==, len);
  return fd;
}

GPtrArray *
local_addresses (const char *first, ...)
{
  GPtrArray *array = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (array, avi_multiaddr_parse (text, NULL));
  va_end (args);
  return array;
}

void
local_seen_init (LocalSeen *self)
{
  *self = (LocalSeen) { .names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free) };
}

void
local_seen_clear (LocalSeen *self)
{
  g_clear_pointer (&self->names, g_hash_table_unref);
}

void
local_seen_found (gpointer user_data, const AviPeerId *id, const char *name, GPtrArray *list)
{
  LocalSeen *self = user_data;

  g_hash_table_replace (self->names, avi_peer_id_to_string (id), g_strdup (name));
  self->n_found++;
  self->n_addresses = list->len;
}

void
local_seen_gone (gpointer user_data, const AviPeerId *id)
{
  LocalSeen *self = user_data;
  g_autofree char *text = avi_peer_id_to_string (id);

  g_assert_true (g_hash_table_remove (self->names, text));
  self->n_gone++;
}

const char *
local_seen_name (LocalSeen *self, guint n)
{
  AviPeerId id = local_peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_hash_table_lookup (self->names, text);
}
