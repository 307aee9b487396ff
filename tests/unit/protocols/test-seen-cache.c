/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-seen-cache.h"

#define MS  1000 /* µs: how finely a time is kept */
#define TTL (1000 * MS)
#define MAX_IDS 64

static AviMessageId
id (guint64 n)
{
  static const AviSipKey secret;
  AviPeerId from = { .len = 1 };

  return avi_message_id_make (&secret, &from, n);
}

static void
test_once (void)
{
  g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, MAX_IDS);

  g_assert_false (avi_seen_cache_contains (cache, id (1), 0));
  g_assert_true (avi_seen_cache_add (cache, id (1), 0));
  g_assert_false (avi_seen_cache_add (cache, id (1), 0));
  g_assert_true (avi_seen_cache_contains (cache, id (1), 0));
  g_assert_false (avi_seen_cache_contains (cache, id (2), 0));
}

static void
test_time (void)
{
  g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, MAX_IDS);

  for (guint64 n = 0; n < 20; n++)
    g_assert_true (avi_seen_cache_add (cache, id (n), 100 * MS * n));
  for (gint64 now = 1900 * MS; now < 4000 * MS; now += 50 * MS)
    for (guint64 n = 0; n < 20; n++)
      g_assert_cmpint (avi_seen_cache_contains (cache, id (n), now), ==, now < (gint64) (100 * MS * n + TTL));

  /* Hearing of it again does not prolong it, but after its end it is new. */
  g_assert_true (avi_seen_cache_add (cache, id (5), 5000 * MS));
  g_assert_false (avi_seen_cache_add (cache, id (5), 5999 * MS));
  g_assert_true (avi_seen_cache_add (cache, id (5), 6000 * MS));
}

static void
test_count (void)
{
  g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, MAX_IDS);

  for (guint64 n = 0; n < 1000; n++)
    {
      g_assert_true (avi_seen_cache_add (cache, id (n), 1));
      g_assert_cmpuint (avi_seen_cache_get_size (cache), <=, MAX_IDS);
      for (guint64 back = 0; back < MIN (n, MAX_IDS / 2); back++)
        g_assert_true (avi_seen_cache_contains (cache, id (n - back), 1));
    }
  g_assert_false (avi_seen_cache_contains (cache, id (0), 1));
}

static void
test_long_pause (void)
{
  g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, MAX_IDS);

  for (guint64 n = 0; n < MAX_IDS; n++)
    avi_seen_cache_add (cache, id (n), 1);
  g_assert_true (avi_seen_cache_add (cache, id (0), 100 * TTL));
  g_assert_cmpuint (avi_seen_cache_get_size (cache), ==, 1);
}

/* Against a table that remembers everything. */
static void
test_model (void)
{
  g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, 4096);
  gint64 expires[500] = { 0 };
  AviRandom random;
  gint64 now = 0;

  avi_random_seed (&random, 3);
  for (guint i = 0; i < 20000; i++)
    {
      guint n = avi_random_below (&random, G_N_ELEMENTS (expires));

      now += avi_random_below (&random, 8) * MS;
      g_assert_cmpint (avi_seen_cache_contains (cache, id (n), now), ==, expires[n] > now);
      if (avi_seen_cache_add (cache, id (n), now))
        expires[n] = now + TTL;
    }
}

static void
test_odd_sizes (void)
{
  static const guint sizes[][2] = { { 1, 16 }, { 16, 16 }, { 17, 32 }, { 1000, 1024 }, { 1024, 1024 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr(AviSeenCache) cache = avi_seen_cache_new (TTL, sizes[i][0]);

      for (guint64 n = 0; n < 4 * sizes[i][1]; n++)
        {
          avi_seen_cache_add (cache, id (n), 0);
          g_assert_true (avi_seen_cache_contains (cache, id (n), 0));
          g_assert_cmpuint (avi_seen_cache_get_size (cache), <=, sizes[i][1]);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seen-cache/an id is new once", test_once);
  g_test_add_func ("/seen-cache/an id is known for exactly its time", test_time);
  g_test_add_func ("/seen-cache/the newest half stays where there are too many", test_count);
  g_test_add_func ("/seen-cache/a long pause leaves nothing", test_long_pause);
  g_test_add_func ("/seen-cache/agrees with a table of everything", test_model);
  g_test_add_func ("/seen-cache/may be of any size", test_odd_sizes);
  return g_test_run ();
}
