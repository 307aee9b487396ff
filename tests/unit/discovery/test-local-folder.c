/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder that nodes share: whose it must be, whether it is still there, and whose file in it may
 * be removed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "avi-error.h"
#include "discovery/avi-local-folder.h"
#include "local-fixture.h"

static void
test_made (LocalFixture *f, gconstpointer data)
{
  AviLocalFolder folder;
  GStatBuf st;

  avi_local_folder_init (&folder, f->runtime);
  g_assert_cmpstr (folder.path, ==, f->folder);
  g_assert_false (avi_local_folder_is_there (&folder));
  g_assert_true (avi_local_folder_open (&folder, NULL));
  g_assert_true (avi_local_folder_is_there (&folder));
  g_assert_cmpint (g_stat (f->folder, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0700);
  avi_local_folder_clear (&folder);
}

static void
assert_refused (AviLocalFolder *folder, int code, const char *mention)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_local_folder_open (folder, &error));
  g_assert_error (error, AVI_ERROR, code);
  g_assert_nonnull (strstr (error->message, mention));
  g_assert_false (avi_local_folder_is_there (folder));
}

static void
test_not_a_folder (LocalFixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->runtime, "elsewhere", NULL);
  AviLocalFolder folder;

  avi_local_folder_init (&folder, f->runtime);
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink ("elsewhere", f->folder), ==, 0);
  assert_refused (&folder, AVI_ERROR_SECURITY, f->folder);

  g_assert_cmpint (g_unlink (f->folder), ==, 0);
  g_assert_true (g_file_set_contents (f->folder, "", 0, NULL));
  assert_refused (&folder, AVI_ERROR_SECURITY, f->folder);

  g_assert_cmpint (g_unlink (f->folder), ==, 0);
  g_assert_cmpint (g_mkdir (f->folder, 0700), ==, 0);
  g_assert_cmpint (g_chmod (f->folder, 0750), ==, 0);
  assert_refused (&folder, AVI_ERROR_SECURITY, "0750");
  avi_local_folder_clear (&folder);
}

static void
test_no_runtime_directory (LocalFixture *f, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (f->runtime, "missing", NULL);
  AviLocalFolder folder;

  avi_local_folder_init (&folder, missing);
  assert_refused (&folder, AVI_ERROR_NOT_FOUND, missing);
  /* It may come. */
  g_assert_cmpint (g_mkdir (missing, 0700), ==, 0);
  g_assert_true (avi_local_folder_open (&folder, NULL));
  avi_local_folder_clear (&folder);

  /* Nobody makes folders there, root included. */
  avi_local_folder_init (&folder, "/proc");
  g_assert_false (avi_local_folder_open (&folder, NULL));
  avi_local_folder_clear (&folder);
}

/* Whatever happens to it, it is seen to be another, or none, and is made anew. */
static void
test_lost (LocalFixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->runtime, "elsewhere", NULL);
  AviLocalFolder folder;

  avi_local_folder_init (&folder, f->runtime);
  g_assert_true (avi_local_folder_open (&folder, NULL));
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_assert_false (avi_local_folder_is_there (&folder));
  g_assert_true (avi_local_folder_open (&folder, NULL));
  g_assert_true (avi_local_folder_is_there (&folder));

  g_assert_cmpint (g_rename (f->folder, elsewhere), ==, 0);
  g_assert_cmpint (g_mkdir (f->folder, 0700), ==, 0);
  g_assert_false (avi_local_folder_is_there (&folder));
  g_assert_true (avi_local_folder_open (&folder, NULL));
  g_assert_true (avi_local_folder_is_there (&folder));

  /* A link to it is not it: nobody opens one. */
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
  g_assert_cmpint (g_rename (f->folder, elsewhere), ==, 0);
  g_assert_cmpint (symlink ("elsewhere", f->folder), ==, 0);
  g_assert_false (avi_local_folder_is_there (&folder));
  avi_local_folder_clear (&folder);
}

static int
open_file (AviLocalFolder *folder, const char *name)
{
  struct stat st;

  return avi_local_folder_open_file (folder, name, &st);
}

static void
test_files (LocalFixture *f, gconstpointer data)
{
  AviLocalFolder folder;

  avi_local_folder_init (&folder, f->runtime);
  g_assert_true (avi_local_folder_open (&folder, NULL));
  g_assert_cmpint (mkdirat (folder.fd, "folder", 0700), ==, 0);
  g_assert_cmpint (symlinkat ("folder", folder.fd, "link"), ==, 0);
  g_assert_cmpint (mkfifoat (folder.fd, "fifo", 0600), ==, 0);
  g_assert_cmpint (open_file (&folder, "folder"), ==, -1);
  g_assert_cmpint (open_file (&folder, "link"), ==, -1);
  g_assert_cmpint (open_file (&folder, "fifo"), ==, -1);
  g_assert_cmpint (errno, ==, EPERM);
  g_assert_cmpint (open_file (&folder, "missing"), ==, -1);
  g_assert_cmpint (errno, ==, ENOENT);
  avi_local_folder_clear (&folder);
}

static void
test_reap (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->folder, "file", NULL);
  g_autofree char *other = g_build_filename (f->folder, "other", NULL);
  AviLocalFolder folder;
  int owner, fd, second;

  avi_local_folder_init (&folder, f->runtime);
  g_assert_true (avi_local_folder_open (&folder, NULL));
  owner = local_plant (path, "x", -1);
  fd = open_file (&folder, "file");
  g_assert_cmpint (avi_local_folder_reap (&folder, "file", fd), ==, AVI_LOCAL_ALIVE);
  g_assert_true (avi_local_folder_names (&folder, "file", fd));

  /* Its owner has renamed another over it, and let go. */
  second = local_plant (other, "y", -1);
  g_assert_cmpint (g_rename (other, path), ==, 0);
  close (owner);
  g_assert_cmpint (avi_local_folder_reap (&folder, "file", fd), ==, AVI_LOCAL_REPLACED);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  close (fd);

  /* Who only shares the lock removes nothing: another may be about to. */
  close (second);
  fd = open_file (&folder, "file");
  second = open_file (&folder, "file");
  g_assert_cmpint (flock (second, LOCK_SH | LOCK_NB), ==, 0);
  g_assert_cmpint (avi_local_folder_reap (&folder, "file", fd), ==, AVI_LOCAL_DEAD);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  close (second);
  g_assert_cmpint (avi_local_folder_reap (&folder, "file", fd), ==, AVI_LOCAL_DEAD);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  close (fd);
  avi_local_folder_clear (&folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  LOCAL_ADD ("/local-folder/is made, for the user alone", test_made);
  LOCAL_ADD ("/local-folder/one that is a link, a file or open to others is refused", test_not_a_folder);
  LOCAL_ADD ("/local-folder/an error names the runtime directory that is missing or closed", test_no_runtime_directory);
  LOCAL_ADD ("/local-folder/one that is removed or moved away is seen to be, and made anew", test_lost);
  LOCAL_ADD ("/local-folder/of what is in it regular files alone are opened", test_files);
  LOCAL_ADD ("/local-folder/removes a file whose owner is dead, and no other", test_reap);
  return g_test_run ();
}
