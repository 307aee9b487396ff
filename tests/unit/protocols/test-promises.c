/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-promises.h"

#define PATIENCE    3000
#define MAX_IDS     4
#define MAX_OVERDUE 3
#define LIE_TIME    30000

static AviMessageId
id (guint64 n)
{
  return (AviMessageId) { n, n };
}

static void
test_kept (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE, MAX_OVERDUE, LIE_TIME);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_true (avi_promises_keep (promises, id (1), 10));
  g_assert_false (avi_promises_keep (promises, id (1), 10));

  g_assert_true (avi_promises_make (promises, id (2), 10, 0));
  g_assert_false (avi_promises_keep (promises, id (2), 11)); /* it came, but not by asking */
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE, NULL), ==, 0);
}

static void
test_few_are_asked (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE, MAX_OVERDUE, LIE_TIME);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_false (avi_promises_make (promises, id (1), 10, 1));
  g_assert_true (avi_promises_make (promises, id (1), 11, 1));
  g_assert_true (avi_promises_make (promises, id (1), 12, 1));
  g_assert_false (avi_promises_make (promises, id (1), 13, 1));

  for (guint64 peer = 20; peer < 40; peer++)
    {
      g_assert_cmpuint (avi_promises_heartbeat (promises, 2, NULL), ==, 0);
      g_assert_false (avi_promises_make (promises, id (1), 12, 2));
      g_assert_cmpint (avi_promises_make (promises, id (1), peer, 2), ==, peer < 29);
    }
  g_assert_true (avi_promises_keep (promises, id (1), 12));
}

static void
test_broken (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE, MAX_OVERDUE, LIE_TIME);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_true (avi_promises_make (promises, id (2), 10, 1));
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE - 1, NULL), ==, 0);
  g_assert_cmpuint (avi_promises_heartbeat (promises, PATIENCE, NULL), ==, 1);
  g_assert_true (avi_promises_make (promises, id (1), 10, PATIENCE));
  g_assert_cmpuint (avi_promises_get_size (promises), ==, 2);
}

static void
test_full (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE, MAX_OVERDUE, LIE_TIME);

  for (guint64 n = 0; n < 10 * MAX_IDS; n++)
    g_assert_true (avi_promises_make (promises, id (n), 10, 0));
  g_assert_cmpuint (avi_promises_get_size (promises), ==, MAX_IDS);
}

static void
assert_lies (AviPromises *promises, gint64 now, guint n, guint64 first)
{
  g_autoptr(GArray) lies = g_array_new (FALSE, FALSE, sizeof (AviLie));

  avi_promises_heartbeat (promises, now, lies);
  g_assert_cmpuint (lies->len, ==, n);
  if (n == 0)
    return;
  g_assert_cmpuint (g_array_index (lies, AviLie, 0).peer, ==, first);
  g_assert_cmpint (g_array_index (lies, AviLie, 0).since, ==, PATIENCE);
}

static void
test_lie (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (MAX_IDS, PATIENCE, MAX_OVERDUE, LIE_TIME);

  g_assert_true (avi_promises_make (promises, id (1), 10, 0));
  g_assert_true (avi_promises_make (promises, id (2), 11, 0));
  assert_lies (promises, PATIENCE, 0, 0);
  g_assert_cmpuint (avi_promises_get_n_overdue (promises), ==, 2);
  g_assert_false (avi_promises_keep (promises, id (2), 99)); /* late, and from somebody else: it was the truth */
  assert_lies (promises, PATIENCE + LIE_TIME - 1, 0, 0);
  assert_lies (promises, PATIENCE + LIE_TIME, 1, 10);
  assert_lies (promises, PATIENCE + 2 * LIE_TIME, 0, 0);
  g_assert_cmpuint (avi_promises_get_n_overdue (promises), ==, 0);
}

static void
test_many_lies (void)
{
  g_autoptr(AviPromises) promises = avi_promises_new (100, PATIENCE, MAX_OVERDUE, LIE_TIME);

  for (guint64 n = 0; n < 10; n++)
    g_assert_true (avi_promises_make (promises, id (n), 10, 0));
  assert_lies (promises, PATIENCE, 0, 0);
  g_assert_cmpuint (avi_promises_get_n_overdue (promises), ==, 1); /* one will do */
  for (guint64 n = 20; n < 30; n++)
    g_assert_true (avi_promises_make (promises, id (n), n, 0));
  assert_lies (promises, PATIENCE, 0, 0);
  g_assert_cmpuint (avi_promises_get_n_overdue (promises), ==, MAX_OVERDUE);
  assert_lies (promises, PATIENCE + LIE_TIME, MAX_OVERDUE, 10);
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
  g_test_add_func ("/promises/a lie is what nobody brings for long after, a late message none", test_lie);
  g_test_add_func ("/promises/lies that are waited for are few, one for each peer and heartbeat", test_many_lies);
  return g_test_run ();
}
