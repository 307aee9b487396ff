/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "avi-error.h"
#include "discovery/avi-local.h"

#define PATIENCE (10 * G_USEC_PER_SEC)

static const guint8 boot[16] = { 1, 2, 3 };
static const guint8 other_boot[16] = { 4, 5, 6 };

/* --- A runtime directory, and nodes that write down what they are told --- */

typedef struct
{
  char *runtime;
  char *folder;
} Fixture;

typedef struct
{
  AviLocal   *local;
  GHashTable *names; /* peer id in text → name, of those that are there */
  guint       n_found;
  guint       n_gone;
  guint       n_addresses; /* of the last one found */
} Node;

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  f->runtime = g_dir_make_tmp ("avi-local-XXXXXX", NULL);
  g_assert_nonnull (f->runtime);
  f->folder = g_build_filename (f->runtime, "avi", NULL);
}

static void
remove_all (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_all (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  remove_all (f->runtime);
  g_free (f->folder);
  g_free (f->runtime);
}

static AviPeerId
peer (guint n)
{
  guint8 key[36] = { 0x08, 0x01, 0x12, 0x20 };
  AviPeerId id;

  memcpy (key + 4, &n, sizeof n);
  avi_peer_id_from_public_key (AVI_SPAN (key, sizeof key), &id);
  return id;
}

static char *
file_of (Fixture *f, guint n)
{
  AviPeerId id = peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_strdup_printf ("%s/%s.node", f->folder, text);
}

static GPtrArray *
addresses (const char *first, ...)
{
  GPtrArray *array = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (array, avi_multiaddr_parse (text, NULL));
  va_end (args);
  return array;
}

static void
on_found (gpointer user_data, const AviPeerId *id, const char *name, GPtrArray *list)
{
  Node *node = user_data;

  g_hash_table_replace (node->names, avi_peer_id_to_string (id), g_strdup (name));
  node->n_found++;
  node->n_addresses = list->len;
}

static void
on_gone (gpointer user_data, const AviPeerId *id)
{
  Node *node = user_data;
  g_autofree char *text = avi_peer_id_to_string (id);

  g_assert_true (g_hash_table_remove (node->names, text));
  node->n_gone++;
}

static void
node_init (Node *node, Fixture *f, guint n)
{
  AviPeerId id = peer (n);
  g_autoptr(GError) error = NULL;

  *node = (Node) { .names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free) };
  node->local = avi_local_new (f->runtime, &id, on_found, on_gone, node, &error);
  g_assert_no_error (error);
}

static void
node_clear (Node *node)
{
  g_clear_pointer (&node->local, avi_local_free);
  g_clear_pointer (&node->names, g_hash_table_unref);
}

static gboolean
node_publish (Node *node, const char *name, GError **error)
{
  g_autoptr(GPtrArray) list = addresses ("/ip4/127.0.0.1/tcp/4001", NULL);

  return avi_local_publish (node->local, name, boot, list, error);
}

static const char *
node_sees (Node *node, guint n)
{
  AviPeerId id = peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_hash_table_lookup (node->names, text);
}

static void
turn (gint64 deadline)
{
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (1000);
}

#define wait_for(condition)                                                                                            \
 for (gint64 deadline = g_get_monotonic_time () + PATIENCE; !(condition);)                                             \
 turn (deadline)

/* A file as of an owner that lives (its descriptor, to be closed) */
static int
plant (const char *path, const char *text, gssize len)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  if (len < 0)
    len = strlen (text);
  g_assert_cmpint (write (fd, text, len), ==, len);
  return fd;
}

static char *
text_of (guint n, const char *name)
{
  AviPeerId id = peer (n);
  g_autofree char *text = avi_peer_id_to_string (&id);

  return g_strdup_printf ("[node]\npeer-id=%s\nname=%s\nboot-id=%032d\naddresses=/ip4/127.0.0.1/tcp/1;\n", text, name,
                          0);
}

/* --- The tests --- */

static void
test_find (Fixture *f, gconstpointer data)
{
  Node a, b;
  GStatBuf st;

  node_init (&a, f, 1);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  node_init (&b, f, 2);
  wait_for (node_sees (&b, 1) != NULL);
  g_assert_true (node_publish (&b, "bedroom", NULL));
  wait_for (node_sees (&a, 2) != NULL);
  g_assert_cmpstr (node_sees (&a, 2), ==, "bedroom");
  g_assert_cmpstr (node_sees (&b, 1), ==, "kitchen");
  g_assert_cmpuint (b.n_addresses, ==, 1);
  g_assert_cmpuint (g_hash_table_size (a.names), ==, 1);

  g_assert_cmpint (g_stat (f->folder, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0700);

  g_autofree char *path = file_of (f, 1);
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0600);
  node_clear (&b);
  wait_for (node_sees (&a, 2) == NULL);
  node_clear (&a);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_changes (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) none = addresses (NULL, NULL);
  Node a, b;

  node_init (&a, f, 1);
  node_init (&b, f, 2);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.n_found, ==, 1);

  /* The same again, and rewritten by force */
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_autofree char *path = file_of (f, 1);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.n_found, ==, 1);
  g_assert_cmpuint (b.n_gone, ==, 0);

  g_assert_true (node_publish (&a, "cellar", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.n_found, ==, 2);
  g_assert_true (avi_local_publish (a.local, "cellar", boot, none, NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.n_found, ==, 3);
  g_assert_cmpuint (b.n_addresses, ==, 0);
  g_assert_true (avi_local_publish (a.local, "cellar", other_boot, none, NULL));
  avi_local_scan (b.local);
  avi_local_scan (b.local);
  g_assert_cmpuint (b.n_found, ==, 4);
  g_assert_cmpuint (b.n_gone, ==, 0);
  node_clear (&a);
  node_clear (&b);
}

static void
test_foreign_addresses (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) list
      = addresses ("/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip6/fe80::1/tcp/1", NULL);
  g_autofree char *path = file_of (f, 1);
  g_autofree char *text = NULL;
  Node a;

  node_init (&a, f, 1);
  g_assert_true (avi_local_publish (a.local, "kitchen", boot, list, NULL));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "addresses=/ip4/127.0.0.1/tcp/1;/ip6/::1/tcp/1;\n"));
  node_clear (&a);
}

static void
test_killed_owner (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 7);
  g_autoptr(GError) error = NULL;
  Node a;

  node_init (&a, f, 1);
  g_autoptr(GSubprocess) owner
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE, &error, g_get_prgname (), "--owner", f->runtime, "7", NULL);
  g_assert_no_error (error);
  wait_for (node_sees (&a, 7) != NULL);
  g_subprocess_force_exit (owner);
  g_assert_true (g_subprocess_wait (owner, NULL, NULL));
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  avi_local_scan (a.local);
  g_assert_null (node_sees (&a, 7));
  g_assert_cmpuint (a.n_gone, ==, 1);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  node_clear (&a);
}

static void
test_dead_files (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 2), *text = text_of (2, "ghost");
  g_autofree char *temporary = g_build_filename (f->folder, ".0123456789abcdef.tmp", NULL);
  g_autofree char *busy = g_build_filename (f->folder, ".fedcba9876543210.tmp", NULL);
  g_autofree char *strange = g_build_filename (f->folder, "notes.txt", NULL);
  Node a;

  node_init (&a, f, 1);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_true (g_file_set_contents (temporary, "half", -1, NULL));
  g_assert_true (g_file_set_contents (strange, "mine", -1, NULL));
  int fd = plant (busy, "half", -1);
  avi_local_scan (a.local);
  g_assert_cmpuint (a.n_found + a.n_gone, ==, 0);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (temporary, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (busy, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (strange, G_FILE_TEST_EXISTS));
  close (fd);
  avi_local_scan (a.local);
  g_assert_false (g_file_test (busy, G_FILE_TEST_EXISTS));
  node_clear (&a);
}

static void
test_same_key (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 1), *text = NULL;
  g_autoptr(GError) error = NULL;
  Node first, second, watcher;

  node_init (&first, f, 1);
  node_init (&second, f, 1);
  node_init (&watcher, f, 2);
  g_assert_true (node_publish (&first, "first", NULL));
  for (guint i = 0; i < 3; i++)
    {
      g_assert_false (node_publish (&second, "second", &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
      g_assert_nonnull (strstr (error->message, path));
      g_clear_error (&error);
      g_assert_true (node_publish (&first, i % 2 ? "first" : "still first", NULL));
    }
  node_clear (&second);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "still first"));
  avi_local_scan (watcher.local);
  g_assert_cmpstr (node_sees (&watcher, 1), ==, "still first");

  /* Once the first has ended, the name is free. */
  node_clear (&first);
  node_init (&second, f, 1);
  g_assert_true (node_publish (&second, "second", NULL));
  avi_local_scan (watcher.local);
  g_assert_cmpstr (node_sees (&watcher, 1), ==, "second");
  node_clear (&second);
  node_clear (&watcher);
}

static void
test_replaces_dead_predecessor (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 1), *old = text_of (1, "before"), *text = NULL;
  Node a;

  node_init (&a, f, 1);
  g_assert_true (g_file_set_contents (path, old, -1, NULL));
  g_assert_true (node_publish (&a, "after", NULL));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "after"));
  node_clear (&a);
}

static void
test_not_a_folder (Fixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->runtime, "elsewhere", NULL);
  AviPeerId id = peer (1);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink ("elsewhere", f->folder), ==, 0);
  g_assert_null (avi_local_new (f->runtime, &id, on_found, on_gone, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, f->folder));
  g_clear_error (&error);

  g_assert_cmpint (g_unlink (f->folder), ==, 0);
  g_assert_true (g_file_set_contents (f->folder, "", 0, NULL));
  g_assert_null (avi_local_new (f->runtime, &id, on_found, on_gone, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_clear_error (&error);

  g_assert_cmpint (g_unlink (f->folder), ==, 0);
  g_assert_cmpint (g_mkdir (f->folder, 0700), ==, 0);
  g_assert_cmpint (g_chmod (f->folder, 0750), ==, 0);
  g_assert_null (avi_local_new (f->runtime, &id, on_found, on_gone, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, "0750"));
}

static void
test_no_runtime_directory (Fixture *f, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (f->runtime, "missing", NULL);
  AviPeerId id = peer (1);
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_local_new (missing, &id, on_found, on_gone, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, missing));
  g_clear_error (&error);

  /* Nobody makes folders there, root included. */
  g_assert_null (avi_local_new ("/proc", &id, on_found, on_gone, NULL, &error));
  g_assert_nonnull (strstr (error->message, "/proc"));
}

static void
test_strange_entries (Fixture *f, gconstpointer data)
{
  g_autofree char *link = file_of (f, 2), *fifo = file_of (f, 3), *folder = file_of (f, 4);
  g_autofree char *target = g_build_filename (f->runtime, "target", NULL);
  g_autofree char *text = text_of (2, "linked");
  Node a;

  node_init (&a, f, 1);
  int fd = plant (target, text, -1);
  g_assert_cmpint (symlink (target, link), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  avi_local_scan (a.local);
  g_assert_cmpuint (a.n_found, ==, 0);
  close (fd);
  avi_local_scan (a.local);
  g_assert_true (g_file_test (target, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));

  /* Nor is our own name taken from one. */
  g_autofree char *own = file_of (f, 1);
  g_autoptr(GError) error = NULL;
  g_assert_cmpint (symlink (target, own), ==, 0);
  g_assert_false (node_publish (&a, "kitchen", &error));
  g_assert_nonnull (strstr (error->message, own));
  g_assert_true (g_file_test (own, G_FILE_TEST_IS_SYMLINK));
  node_clear (&a);
}

static void
test_bad_files (Fixture *f, gconstpointer data)
{
  g_autofree char *garbage = file_of (f, 2), *long_one = file_of (f, 3), *misnamed = file_of (f, 4),
                  *good = file_of (f, 5);
  g_autofree char *filler = g_strnfill (AVI_LOCAL_FILE_MAX_LEN + 100, '\n');
  g_autofree char *wrong = text_of (6, "impostor"), *right = text_of (5, "good");
  g_autofree char *odd = g_build_filename (f->folder, "kitchen.node", NULL);
  Node a;

  node_init (&a, f, 1);
  int fds[] = { plant (garbage, "\0\xff[", 3), plant (long_one, filler, -1), plant (misnamed, wrong, -1),
                plant (good, right, -1), plant (odd, right, -1) };
  avi_local_scan (a.local);
  g_assert_cmpuint (a.n_found, ==, 1);
  g_assert_cmpstr (node_sees (&a, 5), ==, "good");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  node_clear (&a);
}

static void
test_unchanged_is_not_read (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 2), *before = text_of (2, "one"), *after = text_of (2, "two");
  struct stat st;
  Node a;

  node_init (&a, f, 1);
  int fd = plant (path, before, -1);
  avi_local_scan (a.local);
  g_assert_cmpstr (node_sees (&a, 2), ==, "one");

  /* The same inode, size and time: only one who reads it could tell. */
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (pwrite (fd, after, strlen (after), 0), ==, (gssize) strlen (after));
  g_assert_cmpint (futimens (fd, (struct timespec[2]){ st.st_atim, st.st_mtim }), ==, 0);
  avi_local_scan (a.local);
  g_assert_cmpstr (node_sees (&a, 2), ==, "one");
  g_assert_cmpint (futimens (fd, NULL), ==, 0);
  avi_local_scan (a.local);
  g_assert_cmpstr (node_sees (&a, 2), ==, "two");
  close (fd);
  node_clear (&a);
}

static void
test_max_nodes (Fixture *f, gconstpointer data)
{
  int fds[AVI_LOCAL_MAX_NODES + 10];
  Node a;

  node_init (&a, f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autofree char *path = file_of (f, i + 1), *text = text_of (i + 1, "one of many");

      fds[i] = plant (path, text, -1);
    }
  avi_local_scan (a.local);
  g_assert_cmpuint (g_hash_table_size (a.names), ==, AVI_LOCAL_MAX_NODES);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  avi_local_scan (a.local);
  g_assert_cmpuint (a.n_gone, ==, AVI_LOCAL_MAX_NODES);
  node_clear (&a);
}

typedef struct
{
  Fixture *fixture;
  guint    number;
  gint    *stop;
  gint    *n_holding;
  guint    n_gone;
  guint    n_published;
} Racer;

static gpointer
scan_all_the_time (gpointer data)
{
  Racer *racer = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  Node node;

  g_main_context_push_thread_default (context);
  node_init (&node, racer->fixture, racer->number);
  while (!g_atomic_int_get (racer->stop))
    avi_local_scan (node.local);
  racer->n_gone = node.n_gone;
  node_clear (&node);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_republish_race (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, 1);
  Racer racers[3];
  GThread *threads[3];
  gint stop = 0;
  Node a;

  node_init (&a, f, 1);
  g_assert_true (node_publish (&a, "x", NULL));
  for (guint i = 0; i < 3; i++)
    {
      racers[i] = (Racer) { f, 10 + i, &stop };
      threads[i] = g_thread_new ("scan", scan_all_the_time, &racers[i]);
    }
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *name = g_strdup_printf ("name %u", i);
      g_autoptr(GError) error = NULL;

      node_publish (&a, name, &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_access (path, R_OK), ==, 0);
    }
  g_atomic_int_set (&stop, 1);
  for (guint i = 0; i < 3; i++)
    {
      g_thread_join (threads[i]);
      g_assert_cmpuint (racers[i].n_gone, ==, 0);
    }
  node_clear (&a);
}

/* Nodes with one key come and go. */
static gpointer
compete (gpointer data)
{
  Racer *racer = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autofree char *path = file_of (racer->fixture, 1);

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr(GError) error = NULL;
      Node node;

      node_init (&node, racer->fixture, 1);
      if (node_publish (&node, "x", &error))
        {
          g_assert_cmpint (g_atomic_int_add (racer->n_holding, 1), ==, 0);
          g_assert_cmpint (g_access (path, R_OK), ==, 0);
          racer->n_published++;
          g_thread_yield ();
          g_assert_cmpint (g_access (path, R_OK), ==, 0);
          g_atomic_int_add (racer->n_holding, -1);
        }
      else
        g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
      node_clear (&node);
    }
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* Wherever the name is free, a file appears as one who was killed leaves it. */
static gpointer
leave_dead_files (gpointer data)
{
  Racer *racer = data;
  g_autofree char *path = file_of (racer->fixture, 1), *text = text_of (1, "dead");
  g_autofree char *source = g_build_filename (racer->fixture->runtime, "dead", NULL);

  while (!g_atomic_int_get (racer->stop))
    {
      g_assert_true (g_file_set_contents (source, text, -1, NULL));
      racer->n_published += link (source, path) == 0;
      g_thread_yield ();
    }
  return NULL;
}

static void
test_same_key_race (Fixture *f, gconstpointer data)
{
  static const GThreadFunc jobs[] = { scan_all_the_time, leave_dead_files, compete, compete };
  Racer racers[G_N_ELEMENTS (jobs)];
  GThread *threads[G_N_ELEMENTS (jobs)];
  gint stop = 0, holding = 0;

  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    {
      racers[i] = (Racer) { f, 10 + i, &stop, &holding };
      threads[i] = g_thread_new ("race", jobs[i], &racers[i]);
    }
  for (guint i = G_N_ELEMENTS (jobs); i-- > 0;)
    {
      if (i == 1)
        g_atomic_int_set (&stop, 1);
      g_thread_join (threads[i]);
    }
  for (guint i = 1; i < G_N_ELEMENTS (jobs); i++)
    g_assert_cmpuint (racers[i].n_published, >, 0);
}

/* A process that publishes a node and waits to be killed (or for its parent to end). */
static int
be_owner (const char *runtime, const char *number)
{
  AviPeerId id = peer (g_ascii_strtoull (number, NULL, 10));
  g_autoptr(AviLocal) local = avi_local_new (runtime, &id, on_found, on_gone, NULL, NULL);
  g_autoptr(GPtrArray) list = addresses ("/ip4/127.0.0.1/tcp/4001", NULL);
  char c;

  if (local == NULL || !avi_local_publish (local, "victim", boot, list, NULL))
    return 1;
  return read (STDIN_FILENO, &c, 1) < 0;
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "--owner"))
    return be_owner (argv[2], argv[3]);

  g_set_prgname (argv[0]);
  g_test_init (&argc, &argv, NULL);
  add ("/local/two nodes find each other, and miss one that ends", test_find);
  add ("/local/tells of what has changed, once", test_changes);
  add ("/local/writes loopback addresses only", test_foreign_addresses);
  add ("/local/a killed owner is gone at the next scan, and its file too", test_killed_owner);
  add ("/local/removes what the dead left, and nothing else", test_dead_files);
  add ("/local/a second node with the same key is refused by the file's name and harms nothing", test_same_key);
  add ("/local/takes the name of a dead predecessor", test_replaces_dead_predecessor);
  add ("/local/refuses a folder that is a link, a file or open to others", test_not_a_folder);
  add ("/local/an error names the runtime directory that is missing or closed", test_no_runtime_directory);
  add ("/local/follows no link and waits for no fifo", test_strange_entries);
  add ("/local/passes over files that are malformed, too long or misnamed", test_bad_files);
  add ("/local/does not read again what has not changed", test_unchanged_is_not_read);
  add ("/local/sees at most 256 others", test_max_nodes);
  add ("/local/a node that publishes again is never taken for dead", test_republish_race);
  add ("/local/of those with one key one has the name at a time", test_same_key_race);
  return g_test_run ();
}
