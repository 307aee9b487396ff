/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mdns-fixture.h"

static void
test_rate (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 start = now;
  guint n = 0;

  /* 10 s of a thousand questions a second. */
  for (guint i = 0; i < 10000; i++)
    {
      node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  for (guint i = 0; i < node->sent->len; i++)
    n += !sent_is_query (node_sent (node, i));
  g_assert_cmpuint (n, <=, 10);
  g_assert_cmpuint (n, >=, 9);
  for (guint i = 1; i < node->sent->len; i++)
    g_assert_cmpint (node_sent (node, i)->at - node_sent (node, i - 1)->at, >=, SECOND);

  /* Of those who ask to be answered alone, 50 a second and as many at first. */
  node_forget (node);
  start = now;
  for (guint i = 0; i < 4000; i++)
    {
      node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  node_run (node, &now, now + SECOND);
  n = 0;
  for (guint i = 0; i < node->sent->len; i++)
    n += !node_sent (node, i)->multicast;
  g_assert_cmpuint (n, >=, 200);
  g_assert_cmpuint (n, <=, 50 + (now - start) / (20 * MS));
}

static void
test_postponed (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* A question within the second that follows an answer is not lost: it waits. */
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 2);
  g_assert_cmpint (node_sent (node, 1)->at - node_sent (node, 0)->at, ==, SECOND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-link/a flood of questions costs a bounded number of answers", test_rate);
  g_test_add_func ("/mdns-link/an answer that must wait is not lost", test_postponed);
  return g_test_run ();
}
