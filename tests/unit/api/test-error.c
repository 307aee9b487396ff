/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <avi.h>
#include <pthread.h>

static void
test_domain (void)
{
  g_assert_cmpstr (g_quark_to_string (AVI_ERROR), ==, "avi-error-quark");
  g_assert_cmpuint (avi_error_quark (), ==, AVI_ERROR);
}

static gpointer
get_quark (gpointer data)
{
  return GUINT_TO_POINTER (avi_error_quark ());
}

static void
test_threads (void)
{
  pthread_t threads[8];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, get_quark, NULL), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      gpointer quark;

      pthread_join (threads[i], &quark);
      g_assert_cmpuint (GPOINTER_TO_UINT (quark), ==, AVI_ERROR);
    }
}

/* Programs are built with these numbers. */
static void
test_codes (void)
{
  static const char *const nicks[] = {
    "closed", "not-running", "not-connected", "timeout", "refused", "rejected", "protocol", "limit",
    "invalid-argument", "invalid-path", "not-found", "already-exists", "security", "failed",
  };
  GEnumClass *codes = g_type_class_ref (AVI_TYPE_ERROR);

  g_assert_cmpuint (codes->n_values, ==, G_N_ELEMENTS (nicks));
  for (guint i = 0; i < codes->n_values; i++)
    g_assert_cmpstr (g_enum_get_value (codes, (gint) i)->value_nick, ==, nicks[i]);
  g_type_class_unref (codes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/its domain is the same from all threads at once", test_threads);
  g_test_add_func ("/error/its domain has its name", test_domain);
  g_test_add_func ("/error/its codes have the numbers that they always had", test_codes);
  return g_test_run ();
}
