/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a scan of the folder makes of the files in it, whatever they are.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "discovery/avi-local-nodes.h"
#include "local-fixture.h"

typedef struct
{
  AviLocalFolder folder;
  AviLocalNodes *nodes;
  LocalSeen      seen;
} Watcher;

static void
watcher_init (Watcher *self, LocalFixture *f, guint n)
{
  AviPeerId id = local_peer (n);

  local_seen_init (&self->seen);
  avi_local_folder_init (&self->folder, f->runtime);
  g_assert_true (avi_local_folder_open (&self->folder, NULL));
  self->nodes = avi_local_nodes_new (&self->folder, &id, local_seen_found, local_seen_gone, &self->seen);
}

static void
watcher_clear (Watcher *self)
{
  avi_local_nodes_free (self->nodes);
  avi_local_folder_clear (&self->folder);
  local_seen_clear (&self->seen);
}

static void
test_dead_files (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 2), *text = local_text_of (2, "ghost");
  g_autofree char *temporary = g_build_filename (f->folder, ".0123456789abcdef.tmp", NULL);
  g_autofree char *busy = g_build_filename (f->folder, ".fedcba9876543210.tmp", NULL);
  g_autofree char *strange = g_build_filename (f->folder, "notes.txt", NULL);
  Watcher a;

  watcher_init (&a, f, 1);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_true (g_file_set_contents (temporary, "half", -1, NULL));
  g_assert_true (g_file_set_contents (strange, "mine", -1, NULL));
  int fd = local_plant (busy, "half", -1);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_found + a.seen.n_gone, ==, 0);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (temporary, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (busy, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (strange, G_FILE_TEST_EXISTS));
  close (fd);
  avi_local_nodes_scan (a.nodes);
  g_assert_false (g_file_test (busy, G_FILE_TEST_EXISTS));
  watcher_clear (&a);
}

static void
test_strange_entries (LocalFixture *f, gconstpointer data)
{
  g_autofree char *link = local_file_of (f, 2), *fifo = local_file_of (f, 3), *folder = local_file_of (f, 4);
  g_autofree char *target = g_build_filename (f->runtime, "target", NULL);
  g_autofree char *text = local_text_of (2, "linked");
  Watcher a;

  watcher_init (&a, f, 1);
  int fd = local_plant (target, text, -1);
  g_assert_cmpint (symlink (target, link), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_found, ==, 0);
  close (fd);
  avi_local_nodes_scan (a.nodes);
  g_assert_true (g_file_test (target, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
  watcher_clear (&a);
}

static void
test_bad_files (LocalFixture *f, gconstpointer data)
{
  g_autofree char *garbage = local_file_of (f, 2), *long_one = local_file_of (f, 3), *misnamed = local_file_of (f, 4),
                  *good = local_file_of (f, 5);
  g_autofree char *filler = g_strnfill (AVI_LOCAL_FILE_MAX_LEN + 100, '\n');
  g_autofree char *wrong = local_text_of (6, "impostor"), *right = local_text_of (5, "good");
  g_autofree char *odd = g_build_filename (f->folder, "kitchen.node", NULL);
  Watcher a;

  watcher_init (&a, f, 1);
  int fds[] = { local_plant (garbage, "\0\xff[", 3), local_plant (long_one, filler, -1),
                local_plant (misnamed, wrong, -1), local_plant (good, right, -1), local_plant (odd, right, -1) };
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_found, ==, 1);
  g_assert_cmpstr (local_seen_name (&a.seen, 5), ==, "good");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  watcher_clear (&a);
}

static void
test_unchanged_is_not_read (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 2), *before = local_text_of (2, "one"), *after = local_text_of (2, "two");
  struct stat st;
  Watcher a;

  watcher_init (&a, f, 1);
  int fd = local_plant (path, before, -1);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpstr (local_seen_name (&a.seen, 2), ==, "one");

  /* The same inode, size and time: only one who reads it could tell. */
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (pwrite (fd, after, strlen (after), 0), ==, (gssize) strlen (after));
  g_assert_cmpint (futimens (fd, (struct timespec[2]){ st.st_atim, st.st_mtim }), ==, 0);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpstr (local_seen_name (&a.seen, 2), ==, "one");
  g_assert_cmpint (futimens (fd, NULL), ==, 0);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpstr (local_seen_name (&a.seen, 2), ==, "two");
  close (fd);
  watcher_clear (&a);
}

static void
test_max_nodes (LocalFixture *f, gconstpointer data)
{
  int fds[AVI_LOCAL_MAX_NODES + 10];
  Watcher a;

  watcher_init (&a, f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autofree char *path = local_file_of (f, i + 1), *text = local_text_of (i + 1, "one of many");

      fds[i] = local_plant (path, text, -1);
    }
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (avi_local_nodes_get_n (a.nodes), ==, AVI_LOCAL_MAX_NODES);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_gone, ==, AVI_LOCAL_MAX_NODES);
  watcher_clear (&a);
}

static void
test_oneself (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1), *text = local_text_of (1, "myself");
  Watcher a;
  int fd;

  watcher_init (&a, f, 1);
  fd = local_plant (path, text, -1);
  avi_local_nodes_scan (a.nodes);
  /* Nor is one's own file removed: who holds it is another's question. */
  close (fd);
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_found, ==, 0);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  watcher_clear (&a);
}

/* While nobody can look nobody is missed. */
static void
test_no_folder (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 2), *text = local_text_of (2, "other");
  Watcher a;
  int fd;

  watcher_init (&a, f, 1);
  fd = local_plant (path, text, -1);
  avi_local_nodes_scan (a.nodes);
  local_remove_all (f->runtime);
  g_assert_false (avi_local_folder_open (&a.folder, NULL));
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpstr (local_seen_name (&a.seen, 2), ==, "other");

  g_assert_cmpint (g_mkdir (f->runtime, 0700), ==, 0);
  g_assert_true (avi_local_folder_open (&a.folder, NULL));
  avi_local_nodes_scan (a.nodes);
  g_assert_cmpuint (a.seen.n_gone, ==, 1);
  g_assert_cmpuint (avi_local_nodes_get_n (a.nodes), ==, 0);
  close (fd);
  watcher_clear (&a);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  LOCAL_ADD ("/local-nodes/removes what the dead left, and nothing else", test_dead_files);
  LOCAL_ADD ("/local-nodes/follows no link and waits for no fifo", test_strange_entries);
  LOCAL_ADD ("/local-nodes/passes over files that are malformed, too long or misnamed", test_bad_files);
  LOCAL_ADD ("/local-nodes/does not read again what has not changed", test_unchanged_is_not_read);
  LOCAL_ADD ("/local-nodes/sees at most 256 others", test_max_nodes);
  LOCAL_ADD ("/local-nodes/oneself is no other", test_oneself);
  LOCAL_ADD ("/local-nodes/nobody is gone for want of a folder to look at", test_no_folder);
  return g_test_run ();
}
