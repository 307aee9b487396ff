/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nodes that find each other through files, among threads and processes that come and go.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "avi-error.h"
#include "discovery/avi-local.h"
#include "local-fixture.h"

#define PATIENCE (30 * G_USEC_PER_SEC) /* three rechecks */

typedef struct
{
  AviLocal *local;
  LocalSeen seen;
  char     *trouble; /* or NULL */
  guint     n_troubles;
} Node;

static void
on_found (gpointer user_data, const AviPeerId *id, const char *name, GPtrArray *list)
{
  local_seen_found (&((Node *) user_data)->seen, id, name, list);
}

static void
on_gone (gpointer user_data, const AviPeerId *id)
{
  local_seen_gone (&((Node *) user_data)->seen, id);
}

static void
on_trouble (gpointer user_data, const GError *error)
{
  Node *node = user_data;

  g_free (node->trouble);
  node->trouble = error != NULL ? g_strdup (error->message) : NULL;
  node->n_troubles++;
}

static void
node_init (Node *node, LocalFixture *f, guint n)
{
  AviPeerId id = local_peer (n);
  g_autoptr(GError) error = NULL;

  *node = (Node) { NULL };
  local_seen_init (&node->seen);
  node->local = avi_local_new (f->runtime, &id, on_found, on_gone, on_trouble, node, &error);
  g_assert_no_error (error);
}

static void
node_clear (Node *node)
{
  g_clear_pointer (&node->local, avi_local_free);
  local_seen_clear (&node->seen);
  g_clear_pointer (&node->trouble, g_free);
}

static gboolean
node_publish (Node *node, const char *name, GError **error)
{
  g_autoptr(GPtrArray) list = local_addresses ("/ip4/127.0.0.1/tcp/4001", NULL);

  return avi_local_publish (node->local, name, local_boot, list, error);
}

static const char *
node_sees (Node *node, guint n)
{
  return local_seen_name (&node->seen, n);
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

/* --- The tests --- */

static void
test_find (LocalFixture *f, gconstpointer data)
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
  g_assert_cmpuint (b.seen.n_addresses, ==, 1);
  g_assert_cmpuint (g_hash_table_size (a.seen.names), ==, 1);

  g_assert_cmpint (g_stat (f->folder, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0700);

  g_autofree char *path = local_file_of (f, 1);
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0600);
  node_clear (&b);
  wait_for (node_sees (&a, 2) == NULL);
  node_clear (&a);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_changes (LocalFixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) none = local_addresses (NULL, NULL);
  Node a, b;

  node_init (&a, f, 1);
  node_init (&b, f, 2);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.seen.n_found, ==, 1);

  /* The same again, and rewritten by force */
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_autofree char *path = local_file_of (f, 1);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.seen.n_found, ==, 1);
  g_assert_cmpuint (b.seen.n_gone, ==, 0);

  g_assert_true (node_publish (&a, "cellar", NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.seen.n_found, ==, 2);
  g_assert_true (avi_local_publish (a.local, "cellar", local_boot, none, NULL));
  avi_local_scan (b.local);
  g_assert_cmpuint (b.seen.n_found, ==, 3);
  g_assert_cmpuint (b.seen.n_addresses, ==, 0);
  g_assert_true (avi_local_publish (a.local, "cellar", local_other_boot, none, NULL));
  avi_local_scan (b.local);
  avi_local_scan (b.local);
  g_assert_cmpuint (b.seen.n_found, ==, 4);
  g_assert_cmpuint (b.seen.n_gone, ==, 0);
  node_clear (&a);
  node_clear (&b);
}

static void
test_killed_owner (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 7);
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
  g_assert_cmpuint (a.seen.n_gone, ==, 1);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  node_clear (&a);
}

/* As when the user's last session ends while programs go on. */
static void
test_folder_removed (LocalFixture *f, gconstpointer data)
{
  Node a, b, c;

  node_init (&a, f, 1);
  node_init (&b, f, 2);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  g_assert_true (node_publish (&b, "bedroom", NULL));
  wait_for (node_sees (&a, 2) != NULL && node_sees (&b, 1) != NULL);

  local_remove_all (f->folder);
  node_init (&c, f, 3);
  g_assert_true (node_publish (&c, "cellar", NULL));
  wait_for (node_sees (&c, 1) != NULL && node_sees (&c, 2) != NULL);
  wait_for (node_sees (&a, 3) != NULL && node_sees (&b, 3) != NULL);
  wait_for (node_sees (&a, 2) != NULL && node_sees (&b, 1) != NULL);
  g_assert_cmpuint (a.n_troubles + b.n_troubles + c.n_troubles, ==, 0);
  node_clear (&a);
  node_clear (&b);
  node_clear (&c);
}

/* Who is alone hears of it by the folder's events. */
static void
test_alone (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
  Node a;

  node_init (&a, f, 1);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  local_remove_all (f->folder);
  wait_for (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_unlink (path), ==, 0);
  wait_for (g_file_test (path, G_FILE_TEST_EXISTS));
  node_clear (&a);
}

/* What stands in the way passes at a recheck: two cases, so that one is waited for. */
static void
test_trouble (LocalFixture *f, gconstpointer data)
{
  g_autofree char *runtime = g_build_filename (f->runtime, "runtime", NULL);
  LocalFixture below = { .runtime = runtime };
  g_autoptr(GError) error = NULL;
  Node a, b, first, second;

  node_init (&first, f, 1);
  node_init (&second, f, 1);
  g_assert_true (node_publish (&first, "first", NULL));
  g_assert_false (node_publish (&second, "second", NULL));
  /* It was told by the call. */
  avi_local_scan (second.local);
  g_assert_cmpuint (second.n_troubles, ==, 0);

  g_assert_cmpint (g_mkdir (runtime, 0700), ==, 0);
  node_init (&a, &below, 2);
  g_assert_true (node_publish (&a, "kitchen", NULL));
  local_remove_all (runtime);
  wait_for (a.trouble != NULL);
  g_assert_nonnull (strstr (a.trouble, runtime));
  /* What is said in the meantime is said later. */
  g_assert_false (node_publish (&a, "cellar", &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
  avi_local_scan (a.local);
  g_assert_cmpuint (a.n_troubles, ==, 1);

  node_clear (&first);
  g_assert_cmpint (g_mkdir (runtime, 0700), ==, 0);
  wait_for (a.n_troubles == 2 && second.n_troubles == 1);
  g_assert_null (a.trouble);
  g_assert_null (second.trouble);
  node_init (&b, &below, 3);
  avi_local_scan (b.local);
  g_assert_cmpstr (node_sees (&b, 2), ==, "cellar");
  node_clear (&a);
  node_clear (&b);
  node_clear (&second);
}

typedef struct
{
  LocalFixture *fixture;
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
  racer->n_gone = node.seen.n_gone;
  node_clear (&node);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_republish_race (LocalFixture *f, gconstpointer data)
{
  g_autofree char *path = local_file_of (f, 1);
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
  g_autofree char *path = local_file_of (racer->fixture, 1);

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
  g_autofree char *path = local_file_of (racer->fixture, 1), *text = local_text_of (1, "dead");
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
test_same_key_race (LocalFixture *f, gconstpointer data)
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
  AviPeerId id = local_peer (g_ascii_strtoull (number, NULL, 10));
  g_autoptr(AviLocal) local = avi_local_new (runtime, &id, on_found, on_gone, on_trouble, NULL, NULL);
  g_autoptr(GPtrArray) list = local_addresses ("/ip4/127.0.0.1/tcp/4001", NULL);
  char c;

  if (local == NULL || !avi_local_publish (local, "victim", local_boot, list, NULL))
    return 1;
  return read (STDIN_FILENO, &c, 1) < 0;
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "--owner"))
    return be_owner (argv[2], argv[3]);

  g_set_prgname (argv[0]);
  g_test_init (&argc, &argv, NULL);
  LOCAL_ADD ("/local/two nodes find each other, and miss one that ends", test_find);
  LOCAL_ADD ("/local/tells of what has changed, once", test_changes);
  LOCAL_ADD ("/local/a killed owner is gone at the next scan, and its file too", test_killed_owner);
  LOCAL_ADD ("/local/where the folder is removed all make it anew, and find each other", test_folder_removed);
  LOCAL_ADD ("/local/who is alone makes anew what is removed", test_alone);
  LOCAL_ADD ("/local/what stands in the way is told, and that it is over, be it a rival or a missing directory",
             test_trouble);
  LOCAL_ADD ("/local/a node that publishes again is never taken for dead", test_republish_race);
  LOCAL_ADD ("/local/of those with one key one has the name at a time", test_same_key_race);
  return g_test_run ();
}
