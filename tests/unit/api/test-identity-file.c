/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file by itself; what a program sees of it is in test-identity.c.
 */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "avi-error.h"
#include "avi-identity-file.h"
#include "crypto/avi-crypto.h"

typedef struct
{
  char       *folder;
  char       *file;
  AviKeyPair *key;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  self->folder = g_dir_make_tmp ("avi-identity-file-XXXXXX", &error);
  g_assert_no_error (error);
  self->file = g_build_filename (self->folder, "key", NULL);
  self->key = avi_key_pair_generate ();
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  avi_key_pair_unref (self->key);
  g_unlink (self->file);
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->file);
  g_free (self->folder);
}

static void
test_round_trip (Fixture *self, gconstpointer data)
{
  g_autoptr(AviKeyPair) loaded = NULL;
  g_autoptr(GError) error = NULL;
  GStatBuf info;

  avi_identity_file_create (self->file, self->key, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (self->file, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  loaded = avi_identity_file_load (self->file, &error);
  g_assert_no_error (error);
  g_assert_true (avi_peer_id_equal (avi_key_pair_get_peer_id (loaded), avi_key_pair_get_peer_id (self->key)));
}

static void
test_never_over_another (Fixture *self, gconstpointer data)
{
  g_autofree char *content = NULL;
  g_autoptr(GError) error = NULL;
  gsize len;

  g_assert_true (g_file_set_contents (self->file, "somebody's", -1, NULL));
  g_assert_false (avi_identity_file_create (self->file, self->key, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
  g_assert_nonnull (strstr (error->message, self->file));
  g_assert_true (g_file_get_contents (self->file, &content, &len, NULL));
  g_assert_cmpmem (content, len, "somebody's", 10);
}

static void
assert_not_loaded (Fixture *self, AviError code)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_identity_file_load (self->file, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, self->file));
}

static void
test_not_loaded (Fixture *self, gconstpointer data)
{
  g_autofree char *much = g_strnfill (5000, 'x');

  assert_not_loaded (self, AVI_ERROR_NOT_FOUND);

  g_assert_true (g_file_set_contents_full (self->file, "", 0, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  assert_not_loaded (self, AVI_ERROR_SECURITY);
  g_assert_true (g_file_set_contents_full (self->file, much, 5000, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  assert_not_loaded (self, AVI_ERROR_SECURITY);
  g_unlink (self->file);

  g_assert_true (avi_identity_file_create (self->file, self->key, NULL));
  g_assert_cmpint (g_chmod (self->file, 0640), ==, 0);
  assert_not_loaded (self, AVI_ERROR_SECURITY);
}

static void
test_no_folder (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->folder, "none", "key", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_identity_file_create (file, self->key, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, file));
}

#define ADD(path, func) g_test_add ("/identity-file/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  avi_crypto_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("what was created is loaded, and is its owner's alone", test_round_trip);
  ADD ("it is never written over another file", test_never_over_another);
  ADD ("none, an empty one, a long one and one that others may read are errors that name it", test_not_loaded);
  ADD ("no folder is an error that names the file", test_no_folder);
  return g_test_run ();
}
