/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <avi.h>

static void
test_numbers (void)
{
  g_autoptr(AviPubsubParams) params = avi_pubsub_params_new ();
  g_autoptr(AviPubsubParams) copy = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpfloat (avi_pubsub_params_get_number (params, "heartbeat-interval", &error), ==, 1000);
  g_assert_true (avi_pubsub_params_set_number (params, "d", 8, &error));
  g_assert_true (avi_pubsub_params_set_topic_number (params, "alarms", "topic-weight", 2, &error));
  g_assert_no_error (error);
  copy = g_boxed_copy (AVI_TYPE_PUBSUB_PARAMS, params);
  avi_pubsub_params_set_number (params, "d", 9, NULL);
  g_assert_cmpfloat (avi_pubsub_params_get_number (copy, "d", NULL), ==, 8);
  g_assert_cmpfloat (avi_pubsub_params_get_topic_number (copy, "alarms", "topic-weight", NULL), ==, 2);
  g_assert_cmpfloat (avi_pubsub_params_get_topic_number (copy, "news", "topic-weight", NULL), ==, 1);
  avi_pubsub_params_set_flood_publish (copy, FALSE);
  g_assert_false (avi_pubsub_params_get_flood_publish (copy));
  g_assert_true (avi_pubsub_params_get_flood_publish (params));
}

static void
test_refused (void)
{
  g_autoptr(AviPubsubParams) params = avi_pubsub_params_new ();
  g_autoptr(GError) error = NULL;
  const char *direct[] = { "nobody", NULL };

  g_assert_false (avi_pubsub_params_set_number (params, "d", 1000, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "The pub/sub parameter “d” cannot be 1000: it is a whole number from 0 to 128");
  g_clear_error (&error);
  g_assert_cmpfloat (avi_pubsub_params_get_number (params, "e", &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (avi_pubsub_params_set_direct_peers (params, direct, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
}

static void
test_each_has_a_name (void)
{
  g_autoptr(AviPubsubParams) params = avi_pubsub_params_new ();
  g_auto(GStrv) names = avi_pubsub_params_list_numbers ();
  g_auto(GStrv) direct = avi_pubsub_params_dup_direct_peers (params);

  g_assert_cmpuint (g_strv_length (names), >, 50);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr(GError) error = NULL;

      avi_pubsub_params_get_number (params, names[i], &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (g_strv_length (direct), ==, 0);
}

static void
test_device (void)
{
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  g_autoptr(AviPubsubParams) params = avi_device_dup_pubsub_params (device);
  g_autoptr(AviPubsubParams) kept = NULL;
  g_autoptr(GError) error = NULL;

  avi_device_set_listen_addresses (device, (const char *const[]){ "/ip4/127.0.0.1/tcp/0", NULL });
  avi_device_set_enable_mdns (device, FALSE);
  avi_device_set_enable_local (device, FALSE);
  avi_pubsub_params_set_number (params, "d-hi", 3, NULL);
  g_object_set (device, "pubsub-params", params, NULL);
  g_assert_false (avi_device_start (device, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "The pub/sub parameters do not go together: d-lo is at most d, and d at most d-hi");
  g_clear_error (&error);

  avi_pubsub_params_set_number (params, "d-hi", 7, NULL);
  avi_device_set_pubsub_params (device, params);
  g_assert_true (avi_device_start (device, NULL, &error));
  g_assert_no_error (error);
  g_object_get (device, "pubsub-params", &kept, NULL);
  g_assert_cmpfloat (avi_pubsub_params_get_number (kept, "d-hi", NULL), ==, 7);
  g_assert_true (avi_device_stop (device, NULL, &error));
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pubsub-params/numbers are set by name, and a copy is a copy", test_numbers);
  g_test_add_func ("/pubsub-params/what is wrong is refused with its range", test_refused);
  g_test_add_func ("/pubsub-params/each number has a name", test_each_has_a_name);
  g_test_add_func ("/pubsub-params/a device has them, and starts with those that go together", test_device);
  return g_test_run ();
}
