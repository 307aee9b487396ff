/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

static guint n_warnings;
static char *last_warning;

/* Warnings are fatal in these tests; those that a test wants are caught here. */
static GLogWriterOutput
catch_warnings (GLogLevelFlags   level,
                const GLogField *fields,
                gsize            n_fields,
                gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (last_warning);
        last_warning = g_strdup (fields[i].value);
      }
  n_warnings++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_constructed (void)
{
  g_autoptr(AviDevice) device = g_object_new (AVI_TYPE_DEVICE, NULL);
  g_autoptr(AviPeer) peer = g_object_new (AVI_TYPE_PEER, NULL);
  g_autoptr(AviSubscription) subscription = g_object_new (AVI_TYPE_SUBSCRIPTION, NULL);
  GObject *objects[] = { G_OBJECT (device), G_OBJECT (peer), G_OBJECT (subscription) };

  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    {
      guint n;
      g_autofree GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (objects[i]), &n);

      for (guint j = 0; j < n; j++)
        {
          g_auto(GValue) value = G_VALUE_INIT;

          g_object_get_property (objects[i], pspecs[j]->name, &value);
        }
    }
  avi_subscription_cancel (subscription);
}

static void
test_fixed (void)
{
  g_autoptr(AviDevice) device = start_device ("kitchen");
  g_autoptr(AviIdentity) identity = avi_identity_generate ();
  g_autofree char *id = avi_device_dup_peer_id (device);
  g_autofree char *id_after = NULL;
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (device), &n);
  guint n_fixed = 0;

  for (guint i = 0; i < n; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;

      if ((pspecs[i]->flags & G_PARAM_WRITABLE) == 0)
        continue;
      g_object_get_property (G_OBJECT (device), pspecs[i]->name, &value);
      /* Numbers warn where they would change. */
      if (G_VALUE_HOLDS_UINT (&value))
        g_value_set_uint (&value, g_value_get_uint (&value) + 1);
      else if (G_VALUE_HOLDS_BOOLEAN (&value))
        g_value_set_boolean (&value, !g_value_get_boolean (&value));
      else if (G_VALUE_HOLDS_ENUM (&value))
        g_value_set_enum (&value, AVI_DEVICE_TYPE_CORE);
      g_object_set_property (G_OBJECT (device), pspecs[i]->name, &value);
      g_assert_cmpuint (n_warnings, ==, ++n_fixed);
      g_assert_nonnull (strstr (last_warning, pspecs[i]->name));
    }
  g_assert_cmpuint (n_fixed, >=, 15);
  id_after = avi_device_dup_peer_id (device);
  g_assert_cmpstr (id_after, ==, id);

  /* Stopped, it can be set again. */
  stop_device (device);
  avi_device_set_identity (device, identity);
  g_free (id_after);
  id_after = avi_device_dup_peer_id (device);
  g_assert_cmpstr (id_after, ==, avi_identity_get_peer_id (identity));
  g_assert_cmpuint (n_warnings, ==, n_fixed);
}

/* Gives @value something else than it has. */
static void
change_value (GValue *value)
{
  static const char *const texts[] = { "/ip4/127.0.0.1/tcp/4001", NULL };

  if (G_VALUE_HOLDS_UINT (value))
    g_value_set_uint (value, g_value_get_uint (value) - 1);
  else if (G_VALUE_HOLDS_BOOLEAN (value))
    g_value_set_boolean (value, !g_value_get_boolean (value));
  else if (G_VALUE_HOLDS_ENUM (value))
    g_value_set_enum (value, AVI_DEVICE_TYPE_CORE);
  else if (G_VALUE_HOLDS_STRING (value))
    g_value_set_static_string (value, "bedroom");
  else if (G_VALUE_HOLDS (value, G_TYPE_STRV))
    g_value_set_boxed (value, texts);
  else if (G_VALUE_HOLDS (value, AVI_TYPE_PUBSUB_PARAMS))
    g_assert_true (avi_pubsub_params_set_number (g_value_get_boxed (value), "d", 7, NULL));
  else
    {
      g_assert_true (G_VALUE_HOLDS (value, AVI_TYPE_IDENTITY));
      g_value_take_object (value, avi_identity_generate ());
    }
}

static gboolean
values_are_equal (const GValue *one, const GValue *two)
{
  g_auto(GValue) text_of_one = G_VALUE_INIT;
  g_auto(GValue) text_of_two = G_VALUE_INIT;

  if (G_VALUE_HOLDS (one, G_TYPE_STRV))
    return g_strv_equal (g_value_get_boxed (one), g_value_get_boxed (two));
  if (G_VALUE_HOLDS (one, AVI_TYPE_PUBSUB_PARAMS))
    return avi_pubsub_params_get_number (g_value_get_boxed (one), "d", NULL)
           == avi_pubsub_params_get_number (g_value_get_boxed (two), "d", NULL);
  if (G_VALUE_HOLDS_OBJECT (one))
    return g_value_get_object (one) == g_value_get_object (two);
  g_value_init (&text_of_one, G_TYPE_STRING);
  g_value_init (&text_of_two, G_TYPE_STRING);
  g_assert_true (g_value_transform (one, &text_of_one));
  g_assert_true (g_value_transform (two, &text_of_two));
  return g_strcmp0 (g_value_get_string (&text_of_one), g_value_get_string (&text_of_two)) == 0;
}

static void
test_set (void)
{
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (device), &n);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *signal = g_strdup_printf ("notify::%s", pspecs[i]->name);
      g_auto(GValue) wanted = G_VALUE_INIT;
      g_auto(GValue) value = G_VALUE_INIT;
      guint n_notified = 0;

      if ((pspecs[i]->flags & G_PARAM_WRITABLE) == 0)
        continue;
      g_test_message ("%s", pspecs[i]->name);
      g_object_get_property (G_OBJECT (device), pspecs[i]->name, &wanted);
      change_value (&wanted);
      g_signal_connect_swapped (device, signal, G_CALLBACK (count), &n_notified);
      g_object_set_property (G_OBJECT (device), pspecs[i]->name, &wanted);
      g_object_get_property (G_OBJECT (device), pspecs[i]->name, &value);
      g_assert_true (values_are_equal (&value, &wanted));
      settle ();
      g_assert_cmpuint (n_notified, ==, 1);
    }
  g_assert_cmpuint (n_warnings, ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (catch_warnings, NULL, NULL);
  g_test_add_func ("/device-properties/objects that a binding makes of nothing can be looked at", test_constructed);
  g_test_add_func ("/device-properties/each reads as it was set, and notifies", test_set);
  g_test_add_func ("/device-properties/setting a property while it runs is a warning that names it", test_fixed);
  status = g_test_run ();
  g_free (last_warning);
  return status;
}
