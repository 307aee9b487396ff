/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-promises.h"

#define PATIENCE 3000
#define MAX_IDS  4

static AviMessageId
id (guint64 n)
{
  return (AviMessageId) { n, n };
}

static void
test_kept (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_true (avi_promises_keep (promises, id (1), 10));
  g_assert_false (avi_promises_keep (promises, id (1), 10));

  g_assert_true (avi_promises_make (promises, id (2), 10, 0));
  g_assert_false (avi_promises_keep (promises, id (2), 11)); /* it came, but not by asking */
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE), ==, 0);
}

static void
test_few_are_asked (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_false (avi_promises_make (promises, id (1), 10, 1));
  g_assert_true (avi_promises_make (promises, id (1), 11, 1));
  g_assert_true (avi_promises_make (promises, id (1), 12, 1));
  g_assert_false (avi_promises_make (promises, id (1), 13, 1));

  for (guint64 peer = 20; peer < 40; peer++)
    {
      g_assert_cmpuint (avi_promises_heartbeat (promises, 2), ==, 0);
      g_assert_false (avi_promises_make (promises, id (1), 12, 2));
      g_assert_cmpint (avi_promises_make (promises, id (1), peer, 2), ==, peer < 29);
    }
  g_assert_true (avi_promises_keep (promises, id (1), 12));
}

static void
test_broken (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_true (avi_promises_make (promises, id (2), 10, 1));
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE - 1), ==, 0);
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE), ==, 1);
  g_assert_true (avi_promises_make (promises, id (1), 10, PATIENCE));
  g_assert_cmpuint (avi_promises_get_size (promises), ==, 2);
}

static void
test_full (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE);

  for (guint64 n = 0; n < 10 * MAX_IDS; n++)
    g_assert_true (avi_promises_make (promises, id (n), 10, 0));
  g_assert_cmpuint (avi_promises_get_size (promises), ==, MAX_IDS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/promises/who promised a message is known when it comes", test_kept);
  g_test_add_func ("/promises/a message is asked of three peers a heartbeat, of each once, of some at most",
                   test_few_are_asked);
  g_test_add_func ("/promises/a promise ends, and may be made again", test_broken);
  g_test_add_func ("/promises/beyond the limit messages are asked for without account", test_full);
  return g_test_run ();
}
