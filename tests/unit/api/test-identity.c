/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

/* RFC 8032, 7.1, TEST 1. */
static const guint8 seed[32] = {
  0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
  0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
};
static const guint8 signature_of_nothing[64] = {
  0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a,
  0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55,
  0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
  0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
};

typedef struct
{
  char *folder;
  char *file;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("avi-identity-XXXXXX", NULL);
  self->file = g_build_filename (self->folder, "key", NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_unlink (self->file);
  /* Fails, and the test with it, where a temporary file was left behind. */
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
  g_free (self->file);
}

static void
write_file (Fixture *self, const char *data, gssize len, int mode)
{
  g_assert_true (g_file_set_contents (self->file, data, len, NULL));
  g_assert_cmpint (g_chmod (self->file, mode), ==, 0);
}

static void
assert_content (Fixture *self, const char *data, gsize len)
{
  g_autofree char *content = NULL;
  gsize content_len;

  g_assert_true (g_file_get_contents (self->file, &content, &content_len, NULL));
  g_assert_cmpmem (content, content_len, data, len);
}

static void
assert_refused (Fixture *self, AviError code)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_identity_load (self->file, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, self->file));
  g_clear_error (&error);

  g_assert_null (avi_identity_load_or_create (self->file, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, self->file));
}

static void
test_created (Fixture *self, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AviIdentity) first = avi_identity_load_or_create (self->file, &error);
  g_autoptr(AviIdentity) second = NULL;
  g_autofree char *file = NULL;
  GStatBuf info;

  g_assert_no_error (error);
  g_assert_cmpint (g_stat (self->file, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0600);
  file = avi_identity_dup_file (first);
  g_assert_cmpstr (file, ==, self->file);

  second = avi_identity_load_or_create (self->file, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (avi_identity_get_peer_id (second), ==, avi_identity_get_peer_id (first));
}

static void
test_truncated (Fixture *self, gconstpointer data)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autofree char *content = NULL;
  gsize len;

  g_assert_true (avi_identity_save (identity, self->file, NULL));
  g_assert_true (g_file_get_contents (self->file, &content, &len, NULL));
  for (gsize n = 0; n < len; n++)
    {
      write_file (self, content, n, 0600);
      assert_refused (self, AVI_ERROR_SECURITY);
      assert_content (self, content, n);
    }
}

static void
test_garbage (Fixture *self, gconstpointer data)
{
  g_autofree char *large = g_strnfill (100000, 'x');

  write_file (self, "not a key", -1, 0600);
  assert_refused (self, AVI_ERROR_SECURITY);
  assert_content (self, "not a key", strlen ("not a key"));

  write_file (self, large, 100000, 0600);
  assert_refused (self, AVI_ERROR_SECURITY);
}

static void
test_readable (Fixture *self, gconstpointer data)
{
  const int modes[] = { 0640, 0604, 0644, 0620, 0602, 0660 };
  g_autoptr(AviIdentity) identity = avi_identity_generate ();

  g_assert_true (avi_identity_save (identity, self->file, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_assert_cmpint (g_chmod (self->file, modes[i]), ==, 0);
      assert_refused (self, AVI_ERROR_SECURITY);
    }
}

static void
test_not_a_file (Fixture *self, gconstpointer data)
{
  g_assert_cmpint (g_mkdir (self->file, 0700), ==, 0);
  assert_refused (self, AVI_ERROR_SECURITY);
  g_rmdir (self->file);

  /* Nobody writes to it: whoever waited for a writer would hang. */
  g_assert_cmpint (mkfifo (self->file, 0600), ==, 0);
  assert_refused (self, AVI_ERROR_SECURITY);
}

static void
test_no_folder (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->folder, "none", "key", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_identity_load_or_create (file, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, file));
}

static void
test_dangling_link (Fixture *self, gconstpointer data)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (symlink ("elsewhere", self->file), ==, 0);
  assert_refused (self, AVI_ERROR_NOT_FOUND);
  g_assert_null (avi_identity_load_or_create (self->file, &error));
  g_assert_nonnull (strstr (error->message, "a symbolic link to “elsewhere”, which does not exist"));
  g_clear_error (&error);
  g_assert_false (avi_identity_save (identity, self->file, &error));
  g_assert_nonnull (strstr (error->message, "a symbolic link to “elsewhere”, which does not exist"));
}

static void
test_save (Fixture *self, gconstpointer data)
{
  g_autoptr(AviIdentity) one = avi_identity_generate ();
  g_autoptr(AviIdentity) other = avi_identity_generate ();
  g_autoptr(AviIdentity) loaded = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_identity_dup_file (one));
  g_assert_true (avi_identity_save (one, self->file, &error));
  /* Once more changes nothing; another identity is not written over it. */
  g_assert_true (avi_identity_save (one, self->file, &error));
  g_assert_false (avi_identity_save (other, self->file, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
  g_assert_nonnull (strstr (error->message, self->file));
  g_assert_nonnull (strstr (error->message, avi_identity_get_peer_id (one)));
  g_assert_null (avi_identity_dup_file (other));

  loaded = avi_identity_load (self->file, NULL);
  g_assert_cmpstr (avi_identity_get_peer_id (loaded), ==, avi_identity_get_peer_id (one));
}

/* The kernel kills who writes beyond the limit: in the midst of the key. */
static void
test_killed (Fixture *self, gconstpointer data)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(AviIdentity) after = NULL;
  int status;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
      setrlimit (RLIMIT_FSIZE, &(struct rlimit){ 20, 20 });
      avi_identity_save (identity, self->file, NULL);
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  /* That nothing else is left says the end of the test. */
  g_assert_false (g_file_test (self->file, G_FILE_TEST_EXISTS));
  after = avi_identity_load_or_create (self->file, NULL);
  g_assert_nonnull (after);
}

static gpointer
load_or_create (gpointer file)
{
  g_autoptr(GError) error = NULL;
  AviIdentity *identity = avi_identity_load_or_create (file, &error);

  g_assert_no_error (error);
  return identity;
}

static void
test_race (Fixture *self, gconstpointer data)
{
  GThread *threads[10];
  g_autofree char *id = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, load_or_create, self->file);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_autoptr(AviIdentity) identity = g_thread_join (threads[i]);

      if (id == NULL)
        id = g_strdup (avi_identity_get_peer_id (identity));
      g_assert_cmpstr (avi_identity_get_peer_id (identity), ==, id);
    }
}

static void
test_seed (void)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static (seed, sizeof seed);
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);
  g_autoptr(AviIdentity) identity = avi_identity_from_seed (bytes, NULL);
  g_autoptr(GBytes) signature = avi_identity_sign (identity, nothing);
  g_autoptr(GError) error = NULL;

  g_assert_cmpmem (g_bytes_get_data (signature, NULL), g_bytes_get_size (signature), signature_of_nothing,
                   sizeof signature_of_nothing);
  g_assert_null (avi_identity_from_seed (nothing, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
}

static void
test_verify (void)
{
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autoptr(AviIdentity) other = avi_identity_generate ();
  g_autoptr(GBytes) data = g_bytes_new_static ("data", 4);
  g_autoptr(GBytes) less = g_bytes_new_static ("dat", 3);
  g_autoptr(GBytes) signature = avi_identity_sign (identity, data);
  g_autoptr(GBytes) cut = g_bytes_new_from_bytes (signature, 0, 63);
  const char *id = avi_identity_get_peer_id (identity);
  const struct
  {
    const char *id;
    GBytes     *data, *signature;
    AviError    code;
  } wrong[] = {
    { id, less, signature, AVI_ERROR_SECURITY },
    { id, data, cut, AVI_ERROR_SECURITY },
    { id, data, data, AVI_ERROR_SECURITY },
    { avi_identity_get_peer_id (other), data, signature, AVI_ERROR_SECURITY },
    { "12D3KooW", data, signature, AVI_ERROR_INVALID_ARGUMENT },
    { "", data, signature, AVI_ERROR_INVALID_ARGUMENT },
    /* A hash: its key is not in it. */
    { "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", data, signature, AVI_ERROR_INVALID_ARGUMENT },
  };

  g_assert_true (avi_identity_verify (id, data, signature, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (avi_identity_verify (wrong[i].id, wrong[i].data, wrong[i].signature, &error));
      g_assert_error (error, AVI_ERROR, (int) wrong[i].code);
    }
}

static void
test_constructed (void)
{
  g_autoptr(AviIdentity) identity = g_object_new (AVI_TYPE_IDENTITY, NULL);
  g_autoptr(AviIdentity) other = g_object_new (AVI_TYPE_IDENTITY, NULL);

  g_assert_cmpstr (avi_identity_get_peer_id (identity), !=, avi_identity_get_peer_id (other));
}

#define ADD(path, test) g_test_add (path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/identity/load_or_create writes a private file, and finds the same identity in it", test_created);
  ADD ("/identity/a file cut at any place is refused by name, and left alone", test_truncated);
  ADD ("/identity/garbage is refused by name, and left alone", test_garbage);
  ADD ("/identity/a file that is open to others is refused by name", test_readable);
  ADD ("/identity/what is not a file is refused without waiting for it", test_not_a_file);
  ADD ("/identity/where there is no folder the error names the file", test_no_folder);
  ADD ("/identity/a link to nothing is called one, and nothing is written through it", test_dangling_link);
  ADD ("/identity/save never overwrites another identity", test_save);
  ADD ("/identity/one who is killed while saving leaves nothing behind", test_killed);
  ADD ("/identity/of many who create a file at once all get the same identity", test_race);
  g_test_add_func ("/identity/a seed gives the signatures of RFC 8032", test_seed);
  g_test_add_func ("/identity/verify takes the right signature only", test_verify);
  g_test_add_func ("/identity/a binding that constructs one gets a key", test_constructed);
  return g_test_run ();
}
