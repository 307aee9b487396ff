/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our own file in the folder: what stands in it, whose name is taken, and that it is renewed.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "discovery/avi-local-own.h"
#include "local-fixture.h"

typedef struct
{
  AviLocalFolder folder;
  AviLocalOwn    own;
} Owner;

static void
owner_init (Owner *self, LocalFixture *f, guint n)
{
  AviPeerId id = local_peer (n);

  avi_local_folder_init (&self->folder, f->runtime);
  g_assert_true (avi_local_folder_open (&self->folder, NULL));
  avi_local_own_init (&self->own, &self->folder, &id);
}

static void
owner_clear (Owner *self)
{
  avi_local_own_clear (&self->own);
  avi_local_folder_clear (&self->folder);
}

static gboolean
owner_publish (Owner *self, const char *name, GError **error)
{
  g_autoptr(GPtrArray) list = local_addresses ("/ip4/127.0.0.1/tcp/4001", NULL);

  g_assert_true (avi_local_own_set (&self->own, name, local_boot, list, NULL));
  return avi_local_own_renew (&self->own, error);
}

static void
assert_says (const char *path, const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, expected));
}

static void
test_private (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
  GStatBuf st;
  Owner a;
  int fd;

  owner_init (&a, f, 1);
  /* Nothing to say yet. */
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (owner_publish (&a, "kitchen", NULL));
  assert_says (path, "name=kitchen\n");
  g_assert_cmpint (g_lstat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode, ==, S_IFREG | 0600);
  fd = g_open (path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (flock (fd, LOCK_SH | LOCK_NB), ==, -1);
  owner_clear (&a);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (flock (fd, LOCK_SH | LOCK_NB), ==, 0);
  close (fd);
}

static void
test_loopback_only (LocalFixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) list = local_addresses ("/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1",
                                               "/ip6/fe80::1/tcp/1", NULL);
  g_autofree char *path = local_file_of (f, 1);
  Owner a;

  owner_init (&a, f, 1);
  g_assert_true (avi_local_own_set (&a.own, "kitchen", local_boot, list, NULL));
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  assert_says (path, "addresses=/ip4/127.0.0.1/tcp/1;/ip6/::1/tcp/1;\n");
  owner_clear (&a);
}

static void
test_same_key (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
  g_autoptr(GError) error = NULL;
  Owner first, second;

  owner_init (&first, f, 1);
  owner_init (&second, f, 1);
  g_assert_true (owner_publish (&first, "first", NULL));
  for (guint i = 0; i < 3; i++)
    {
      g_assert_false (owner_publish (&second, "second", &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
      g_assert_nonnull (strstr (error->message, path));
      g_clear_error (&error);
      g_assert_true (owner_publish (&first, i % 2 ? "first" : "still first", NULL));
    }
  assert_says (path, "still first");
  /* Once the first has ended, the name is free. */
  owner_clear (&first);
  g_assert_true (avi_local_own_renew (&second.own, NULL));
  assert_says (path, "second");
  owner_clear (&second);
}

static void
test_dead_predecessor (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1), *old = local_text_of (1, "before");
  Owner a;

  owner_init (&a, f, 1);
  g_assert_true (g_file_set_contents (path, old, -1, NULL));
  g_assert_true (owner_publish (&a, "after", NULL));
  assert_says (path, "after");
  owner_clear (&a);
}

static void
test_link (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
  g_autofree char *target = g_build_filename (f->runtime, "target", NULL);
  g_autoptr(GError) error = NULL;
  Owner a;

  owner_init (&a, f, 1);
  g_assert_true (g_file_set_contents (target, "mine", -1, NULL));
  g_assert_cmpint (symlink (target, path), ==, 0);
  g_assert_false (owner_publish (&a, "kitchen", &error));
  g_assert_nonnull (strstr (error->message, path));
  owner_clear (&a);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  assert_says (target, "mine");
}

/* What was lost is written again, and what stands there is not. */
static void
test_renewed (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
  GStatBuf before, after;
  Owner a;

  owner_init (&a, f, 1);
  g_assert_true (owner_publish (&a, "kitchen", NULL));
  g_assert_cmpint (g_stat (path, &before), ==, 0);
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  g_assert_cmpint (g_stat (path, &after), ==, 0);
  g_assert_cmpuint (after.st_ino, ==, before.st_ino);

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  assert_says (path, "kitchen");

  local_remove_all (f->folder);
  g_assert_true (avi_local_folder_open (&a.folder, NULL));
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  assert_says (path, "kitchen");

  avi_local_own_retract (&a.own);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (avi_local_own_renew (&a.own, NULL));
  assert_says (path, "kitchen");
  owner_clear (&a);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  LOCAL_ADD ("/local-own/is the user's alone, and locked while its owner lives", test_private);
  LOCAL_ADD ("/local-own/says loopback addresses only", test_loopback_only);
  LOCAL_ADD ("/local-own/a second with the same key is refused by the file's name and harms nothing", test_same_key);
  LOCAL_ADD ("/local-own/takes the name of a dead predecessor", test_dead_predecessor);
  LOCAL_ADD ("/local-own/takes no name from a link, and writes through none", test_link);
  LOCAL_ADD ("/local-own/is written again once it is lost, and not before", test_renewed);
  return g_test_run ();
}
