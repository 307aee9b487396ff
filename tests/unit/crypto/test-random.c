/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "crypto/avi-random.h"
#include "tests/unit/hex.h"

static void
test_seeded (void)
{
  AviRandom random;
  guint8 whole[24], pieces[24];

  /* SplitMix64 from seed 1234567, as Rosetta Code prints it: 6457827717110365317, 3203168211198807973,
   * 9817491932198370423. */
  avi_random_seed (&random, 1234567);
  random.fill (&random, whole, sizeof whole);
  assert_hex (AVI_SPAN (whole, sizeof whole), "85fc08fb17d09e59a50f545884f0732c777cf2a3e5bc3e88");

  avi_random_seed (&random, 1234567);
  random.fill (&random, pieces, 8);
  random.fill (&random, pieces + 8, 16);
  g_assert_cmpmem (pieces, 24, whole, 24);

  avi_random_seed (&random, 1234567);
  random.fill (&random, pieces, 3);
  g_assert_cmpmem (pieces, 3, whole, 3);
}

static void
test_u32 (void)
{
  AviRandom random;

  avi_random_seed (&random, 1234567);
  g_assert_cmpuint (avi_random_u32 (&random), ==, 0xfb08fc85);
}

static void
test_below (void)
{
  static const guint32 bounds[] = { 1, 2, 3, 6, 1000, 0x80000001, G_MAXUINT32 };
  AviRandom random;

  avi_random_seed (&random, 7);
  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++)
    for (guint j = 0; j < 1000; j++)
      g_assert_cmpuint (avi_random_below (&random, bounds[i]), <, bounds[i]);
}

static void
test_below_is_uniform (void)
{
  const guint n = 60000, sides = 6;
  AviRandom random;
  guint counts[6] = { 0 };

  avi_random_seed (&random, 8);
  for (guint i = 0; i < n; i++)
    counts[avi_random_below (&random, sides)]++;
  for (guint i = 0; i < sides; i++)
    g_assert_cmpuint (ABS ((int) counts[i] - (int) (n / sides)), <, 500); /* five standard deviations */
}

static void
test_system (void)
{
  AviRandom *random = avi_random_system ();
  guint8 a[32] = { 0 }, b[32] = { 0 };

  g_assert_true (random == avi_random_system ());
  random->fill (random, a, sizeof a);
  random->fill (random, b, sizeof b);
  g_assert_cmpint (memcmp (a, b, sizeof a), !=, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/random/repeats itself from a seed", test_seeded);
  g_test_add_func ("/random/gives the same number on every machine", test_u32);
  g_test_add_func ("/random/stays below a bound", test_below);
  g_test_add_func ("/random/favours nothing below a bound", test_below_is_uniform);
  g_test_add_func ("/random/differs every time where it is the system's", test_system);
  return g_test_run ();
}
