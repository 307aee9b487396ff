/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Stands in for libFuzzer where there is no clang: hands every file of a corpus to the target once,
 * in the order of their names. The file at hand is printed first, so that a crash names its culprit.
 * It never looks for new inputs.
 */
#include "config.h"

#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
replay_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *contents = NULL;
  g_autofree guint8 *exact = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  g_print ("# %s\n", name);
  if (!g_file_get_contents (path, &contents, &length, &error))
    {
      g_print ("# %s\n", error->message);
      return FALSE;
    }

  /* A copy of the exact length: the sanitizer then sees a read past the end, which the
   * terminating NUL of g_file_get_contents would hide. */
  exact = g_memdup2 (contents, length);
  LLVMFuzzerTestOneInput (exact, length);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr(GDir) folder = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  gboolean good = TRUE;

  if (argc != 3)
    {
      g_printerr ("Usage: %s NAME CORPUS\n", argv[0]);
      return 2;
    }

  g_print ("1..1\n");
  folder = g_dir_open (argv[2], 0, &error);
  if (folder == NULL)
    {
      g_print ("not ok 1 - %s has a seed corpus: %s\n", argv[1], error->message);
      return 1;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);

  for (guint i = 0; i < names->len; i++)
    good = replay_file (argv[2], g_ptr_array_index (names, i)) && good;
  good = good && names->len > 0;

  g_print ("%s 1 - %s replays its %u seeds\n", good ? "ok" : "not ok", argv[1], names->len);
  return good ? 0 : 1;
}
