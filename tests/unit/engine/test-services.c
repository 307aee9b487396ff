/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "engine/avi-services.h"

static void
test_list (void)
{
  static const char *const expected[] = {
    "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.3.0",
    "/meshsub/1.2.0", "/meshsub/1.1.0",      "/meshsub/1.0.0",   "/floodsub/1.0.0",
    NULL,
  };
  g_autofree const char **list = avi_services_list (NULL);

  g_assert_true (g_strv_equal (list, expected));
}

/* All that a stream that is accepted may bring about. */
static void
test_find (void)
{
  g_autofree const char **list = avi_services_list (NULL);

  for (guint i = 0; list[i] != NULL; i++)
    {
      const AviStreamHandler *handler = avi_services_find (NULL, list[i]);

      g_assert_nonnull (handler);
      g_assert_cmpstr (handler->protocol, ==, list[i]);
      g_assert_nonnull (handler->accept);
      g_assert_nonnull (handler->data);
      g_assert_nonnull (handler->gone);
    }
}

static void
test_unknown (void)
{
  g_assert_null (avi_services_find (NULL, "/meshsub/1.4.0"));
  g_assert_null (avi_services_find (NULL, "/ipfs/id/1.0.0/"));
  g_assert_null (avi_services_find (NULL, ""));
}

static void
test_further (void)
{
  static const AviStreamHandler further = { .protocol = "/perf/1.0.0" };
  static const AviStreamHandler *const handlers[] = { &further, NULL };
  g_autofree const char **list = avi_services_list (handlers);

  g_assert_true (g_strv_contains (list, "/ipfs/id/1.0.0"));
  g_assert_true (g_strv_contains (list, "/perf/1.0.0"));
  g_assert_true (avi_services_find (handlers, "/perf/1.0.0") == &further);
  g_assert_null (avi_services_find (handlers, "/perf/1.0.1"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/services/are identify, ping and pub/sub, the best version first", test_list);
  g_test_add_func ("/services/each is found by its protocol", test_find);
  g_test_add_func ("/services/others are not found", test_unknown);
  g_test_add_func ("/services/further ones stand beside them", test_further);
  return g_test_run ();
}
