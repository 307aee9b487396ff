/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that are there whole or not at all: also where whoever writes them is killed at it, which a
 * limit on files' sizes does at a byte of our choice.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "wire/avi-file.h"

typedef gboolean (*Write) (const char *path, AviSpan bytes);

typedef struct
{
  char *folder;
  char *path;
} Fixture;

static const Write all[] = { avi_file_create, avi_file_create_by_name, avi_file_replace };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("avi-file-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "key", NULL);
}

/* Removes all that is in the folder; how many there were. */
static guint
empty_folder (Fixture *f)
{
  g_autoptr(GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);

      g_test_message ("%s", name);
      g_assert_cmpint (g_remove (path), ==, 0);
      n++;
    }
  return n;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  empty_folder (f);
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->path);
}

static void
assert_content (const char *path, const char *expected)
{
  g_autofree char *content = NULL;
  gsize len;
  GStatBuf info;

  g_assert_true (g_file_get_contents (path, &content, &len, NULL));
  g_assert_cmpmem (content, len, expected, strlen (expected));
  g_assert_cmpint (g_lstat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode, ==, S_IFREG | 0600);
}

static void
test_whole (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_assert_true (all[i](f->path, AVI_SPAN_STRING ("secret")));
      assert_content (f->path, "secret");
      g_assert_cmpuint (empty_folder (f), ==, 1);
      g_assert_true (all[i](f->path, AVI_SPAN_EMPTY));
      assert_content (f->path, "");
      g_assert_cmpuint (empty_folder (f), ==, 1);
    }
}

static void
test_name_taken (Fixture *f, gconstpointer data)
{
  static const Write creates[] = { avi_file_create, avi_file_create_by_name };

  for (guint i = 0; i < G_N_ELEMENTS (creates); i++)
    {
      g_assert_true (creates[i](f->path, AVI_SPAN_STRING ("first")));
      g_assert_false (creates[i](f->path, AVI_SPAN_STRING ("second")));
      g_assert_cmpint (errno, ==, EEXIST);
      assert_content (f->path, "first");
      g_assert_cmpuint (empty_folder (f), ==, 1);
      /* What a link leads to is not ours to make. */
      g_assert_cmpint (symlink ("elsewhere", f->path), ==, 0);
      g_assert_false (creates[i](f->path, AVI_SPAN_STRING ("second")));
      g_assert_cmpint (errno, ==, EEXIST);
      g_assert_cmpuint (empty_folder (f), ==, 1);
    }
}

static void
test_replace (Fixture *f, gconstpointer data)
{
  g_assert_true (avi_file_replace (f->path, AVI_SPAN_STRING ("first")));
  g_assert_true (avi_file_replace (f->path, AVI_SPAN_STRING ("second")));
  assert_content (f->path, "second");
  g_assert_cmpuint (empty_folder (f), ==, 1);
  g_assert_cmpint (g_mkdir (f->path, 0700), ==, 0);
  g_assert_false (avi_file_replace (f->path, AVI_SPAN_STRING ("third")));
  g_assert_cmpint (errno, ==, EISDIR);
  g_assert_cmpuint (empty_folder (f), ==, 1);
}

static void
test_no_folder (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->folder, "none", "key", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_assert_false (all[i](path, AVI_SPAN_STRING ("x")));
      g_assert_cmpint (errno, ==, ENOENT);
    }
}

/* --- killed, or refused, in the midst of it --- */

static void
limit_size (int signal_action)
{
  struct rlimit limit = { 4, 4 };
  struct rlimit no_core = { 0, 0 };

  signal (SIGXFSZ, signal_action == 0 ? SIG_DFL : SIG_IGN);
  setrlimit (RLIMIT_CORE, &no_core);
  setrlimit (RLIMIT_FSIZE, &limit);
}

/* A process that writes, and is killed at the fifth byte. */
static void
write_and_die (Write write_file, const char *path)
{
  int status;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      limit_size (0);
      write_file (path, AVI_SPAN_STRING ("secret"));
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGXFSZ);
}

static gboolean
have_nameless (Fixture *f)
{
  int fd = open (f->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  if (!have_nameless (f))
    {
      g_test_skip ("the file system has no nameless files");
      return;
    }
  write_and_die (avi_file_create, f->path);
  g_assert_cmpuint (empty_folder (f), ==, 0);
  g_assert_true (avi_file_create (f->path, AVI_SPAN_STRING ("first")));
  write_and_die (avi_file_replace, f->path);
  assert_content (f->path, "first");
  g_assert_cmpuint (empty_folder (f), ==, 1);
}

/* As on a disk that is full. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      int status;
      pid_t child = fork ();

      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        {
          limit_size (1);
          _exit (!all[i](f->path, AVI_SPAN_STRING ("secret")) && errno == EFBIG ? 0 : 1);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_cmpint (status, ==, 0);
      g_assert_cmpuint (empty_folder (f), ==, 0);
    }
}

/* --- what the killed left --- */

/* A file of that name, @age seconds old, with that mode. */
static void
leave (Fixture *f, const char *name, int age, int mode)
{
  g_autofree char *path = g_build_filename (f->folder, name, NULL);
  time_t then = time (NULL) - age;
  const struct timespec times[2] = { { then, 0 }, { then, 0 } };

  g_assert_true (g_file_set_contents (path, "half", -1, NULL));
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_stale (Fixture *f, gconstpointer data)
{
  const int old = AVI_FILE_STALE_SECONDS + 60;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autoptr(GDir) dir = NULL;
      const char *name;
      guint n = 0;

      leave (f, ".key.a1B2c3.tmp", old, 0600);
      leave (f, ".key.yOUng0.tmp", 60, 0600);
      leave (f, ".key.opened.tmp", old, 0644);
      leave (f, ".key.a.2-c3.tmp", old, 0600);
      leave (f, ".key.longerx.tmp", old, 0600);
      leave (f, ".kez.a1B2c3.tmp", old, 0600);
      leave (f, "key.backup", old, 0600);
      leave (f, "key.backup.tmp", old, 0600);
      g_assert_true (all[i](f->path, AVI_SPAN_STRING ("secret")));
      dir = g_dir_open (f->folder, 0, NULL);
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_assert_cmpstr (name, !=, ".key.a1B2c3.tmp");
          n++;
        }
      g_assert_cmpuint (n, ==, 8);
      assert_content (f->path, "secret");
      empty_folder (f);
    }
}

/* What is left where there are no nameless files is what is removed later. */
static void
test_killed_by_name (Fixture *f, gconstpointer data)
{
  g_autoptr(GDir) dir = NULL;
  const char *name;

  write_and_die (avi_file_create_by_name, f->path);
  dir = g_dir_open (f->folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *copy = g_strdup (name);

      g_test_message ("left: %s", copy);
      leave (f, copy, AVI_FILE_STALE_SECONDS + 60, 0600);
    }
  g_assert_true (avi_file_create_by_name (f->path, AVI_SPAN_STRING ("secret")));
  assert_content (f->path, "secret");
  g_assert_cmpuint (empty_folder (f), ==, 1);
}

/* --- read and write --- */

static void
test_read_limit (Fixture *f, gconstpointer data)
{
  guint8 buffer[8];
  int fd;

  g_assert_true (avi_file_create (f->path, AVI_SPAN_STRING ("seven77")));
  fd = open (f->path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (avi_file_read (fd, buffer, 5), ==, 5);
  g_assert_cmpint (avi_file_read (fd, buffer, sizeof buffer), ==, 2);
  g_assert_cmpint (avi_file_read (fd, buffer, sizeof buffer), ==, 0);
  close (fd);
  g_assert_cmpint (avi_file_read (fd, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EBADF);
}

#define PIPED (1024 * 1024)

static gpointer
write_much (gpointer data)
{
  g_autofree char *text = g_strnfill (PIPED, 'x');
  int fd = GPOINTER_TO_INT (data);

  /* A pipe cannot be synced: all is written, and then it fails. */
  g_assert_false (avi_file_write (fd, AVI_SPAN (text, PIPED)));
  close (fd);
  return NULL;
}

/* A pipe takes and gives less at once than is asked for. */
static void
test_in_parts (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *buffer = g_malloc (PIPED + 1);
  int fds[2];
  GThread *writer;

  g_assert_cmpint (pipe (fds), ==, 0);
  writer = g_thread_new ("writer", write_much, GINT_TO_POINTER (fds[1]));
  g_assert_cmpint (avi_file_read (fds[0], buffer, PIPED + 1), ==, PIPED);
  g_thread_join (writer);
  close (fds[0]);
}

#define ADD(name, func) g_test_add (name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/file/is there whole, and for its owner alone", test_whole);
  ADD ("/file/a new one takes no name that is taken", test_name_taken);
  ADD ("/file/another takes the place of an old one", test_replace);
  ADD ("/file/where there is no folder none is made", test_no_folder);
  ADD ("/file/whoever is killed while writing leaves nothing", test_killed);
  ADD ("/file/what cannot be written whole leaves nothing", test_refused);
  ADD ("/file/what the killed left is removed once it is old, and nothing else", test_stale);
  ADD ("/file/whoever is killed without nameless files leaves what is removed", test_killed_by_name);
  ADD ("/file/is read as far as asked", test_read_limit);
  ADD ("/file/is read and written in parts", test_in_parts);
  return g_test_run ();
}
