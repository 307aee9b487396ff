/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-deliveries.h"

static AviMessageId
id (guint64 n)
{
  return (AviMessageId) { n, n };
}

static void
test_each_counts_once (void)
{
  g_autoptr(AviDeliveries) deliveries = avi_deliveries_new (4);
  gint64 since = 0;

  g_assert_false (avi_deliveries_add (deliveries, id (1), 10, &since));
  avi_deliveries_begin (deliveries, id (1), 77);
  avi_deliveries_begin (deliveries, id (1), 99); /* it has begun */
  g_assert_true (avi_deliveries_add (deliveries, id (1), 10, &since));
  g_assert_cmpint (since, ==, 77);
  g_assert_false (avi_deliveries_add (deliveries, id (1), 10, &since));
  g_assert_true (avi_deliveries_add (deliveries, id (1), 11, &since));
}

static void
test_bounds (void)
{
  g_autoptr(AviDeliveries) deliveries = avi_deliveries_new (4);
  gint64 since;

  for (guint64 n = 0; n < 10; n++)
    avi_deliveries_begin (deliveries, id (n), n);
  g_assert_cmpuint (avi_deliveries_get_size (deliveries), ==, 4);
  g_assert_false (avi_deliveries_add (deliveries, id (5), 10, &since));
  for (guint64 peer = 0; peer < AVI_DELIVERIES_MAX_PEERS; peer++)
    g_assert_true (avi_deliveries_add (deliveries, id (6), peer, &since));
  g_assert_false (avi_deliveries_add (deliveries, id (6), AVI_DELIVERIES_MAX_PEERS, &since));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deliveries/each peer counts once, from the first copy on", test_each_counts_once);
  g_test_add_func ("/deliveries/messages and peers of one are few, the oldest messages give way", test_bounds);
  return g_test_run ();
}
