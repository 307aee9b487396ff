/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

static AviTopicStatistics *
look (AviDevice *device, const char *topic)
{
  return avi_device_get_topic_statistics (device, topic);
}

static void
assert_counts (AviDevice *device, const char *topic, guint n_published, guint n_delivered)
{
  g_autoptr(AviTopicStatistics) statistics = look (device, topic);

  g_assert_cmpstr (avi_topic_statistics_get_topic (statistics), ==, topic);
  g_assert_cmpuint (avi_topic_statistics_get_published (statistics), ==, n_published);
  g_assert_cmpuint (avi_topic_statistics_get_published_bytes (statistics), ==, n_published * 4);
  g_assert_cmpuint (avi_topic_statistics_get_delivered (statistics), ==, n_delivered);
  g_assert_cmpuint (avi_topic_statistics_get_delivered_bytes (statistics), ==, n_delivered * 4);
  g_assert_cmpuint (avi_topic_statistics_get_duplicates (statistics), ==, 0);
  g_assert_cmpuint (avi_topic_statistics_get_held (statistics), ==, 0);
}

static void
test_counts (void)
{
  g_autoptr(AviDevice) from = start_device ("from");
  g_autoptr(AviDevice) to = start_device ("to");
  g_autoptr(AviSubscription) subscription = subscribe (to, "x");
  g_autoptr(AviPeer) peer = connect_devices (from, to);
  guint n_heard = 0;

  assert_counts (from, "x", 0, 0);
  g_signal_connect_swapped (subscription, "message", G_CALLBACK (count), &n_heard);
  await_subscribers (from, "x", 1);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (avi_device_publish_text (from, "x", "text", NULL), ==, 1);
  g_assert_cmpint (avi_device_publish_text (from, "y", "text", NULL), ==, 0);
  wait_until (n_heard == 5);
  assert_counts (from, "x", 5, 0);
  assert_counts (from, "y", 1, 0);
  assert_counts (to, "x", 0, 5);
  assert_counts (to, "y", 0, 0);
  /* They are of the device's life. */
  stop_device (to);
  avi_device_start (to, NULL, NULL);
  assert_counts (to, "x", 0, 5);
}

static void
test_dropped (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviSubscription) subscription = subscribe (device, "x");
  g_autoptr(GBytes) data = g_bytes_new_static ("text", 4);
  g_autoptr(AviTopicStatistics) before = look (device, "x"), after = NULL;

  if (skip_unthreaded ())
    return;
  avi_subscription_set_max_queued (subscription, 1);
  for (guint i = 0; i < 5; i++)
    avi_device_publish_full (device, "x", data, AVI_PUBLISH_LOCAL, NULL);
  while (avi_subscription_get_dropped (subscription) < 4)
    g_usleep (1000);
  avi_subscription_cancel (subscription);
  after = look (device, "x");
  g_assert_cmpuint (avi_topic_statistics_get_dropped (after, AVI_DROP_REASON_SUBSCRIPTION), ==, 4);
  g_assert_cmpuint (avi_topic_statistics_get_dropped_total (after), ==, 4);
  for (guint reason = AVI_DROP_REASON_QUEUE; reason <= AVI_DROP_REASON_DUPLICATE; reason++)
    if (reason != AVI_DROP_REASON_SUBSCRIPTION)
      g_assert_cmpuint (avi_topic_statistics_get_dropped (after, reason), ==, 0);
  /* What was given out does not change. */
  g_assert_cmpuint (avi_topic_statistics_get_dropped_total (before), ==, 0);
}

static void
test_all (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  static const char *const names[] = { "b", "c", "a", "b", NULL };
  g_auto(GStrv) topics = NULL;
  AviTopicStatistics *kept;

  for (guint i = 0; names[i] != NULL; i++)
    avi_device_publish_text (device, names[i], "text", NULL);
  g_object_get (device, "topics", &topics, NULL);
  g_assert_true (g_strv_equal ((const char *const *) topics, names + 1));
  kept = look (device, "b");
  avi_topic_statistics_unref (avi_topic_statistics_ref (kept));
  g_assert_cmpuint (avi_topic_statistics_get_published (kept), ==, 2);
  avi_topic_statistics_unref (kept);
}

/* As many as are kept, whatever a program does. */
static void
test_bound (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(GBytes) data = g_bytes_new_static ("text", 4);
  g_auto(GStrv) topics = NULL;

  for (guint i = 0; i < 2500; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic %u", i);

      avi_device_publish_sync (device, topic, data, AVI_PUBLISH_NONE, NULL, NULL);
    }
  topics = avi_device_dup_topics (device);
  g_assert_cmpuint (g_strv_length (topics), ==, 2048);
  g_assert_cmpstr (topics[2047], ==, "topic 2499");
  g_assert_cmpstr (topics[0], ==, "topic 452");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/topic-statistics/what is published and delivered is counted by topic, over stop and start",
                   test_counts);
  g_test_add_func ("/topic-statistics/what is dropped is counted by its reason", test_dropped);
  g_test_add_func ("/topic-statistics/a property has those of all topics", test_all);
  g_test_add_func ("/topic-statistics/they are of a bounded number of topics", test_bound);
  return g_test_run ();
}
