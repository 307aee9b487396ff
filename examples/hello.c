/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A device that hears alerts. cc hello.c $(pkg-config --cflags --libs avi-1) -o hello
 */
#include <avi.h>

static void
on_alert (AviSubscription *alerts, AviMessage *message, gpointer user_data)
{
  g_print ("%s says %s\n", avi_message_get_from (message), avi_message_get_text (message));
}

int
main (void)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(AviDevice) device = avi_device_new ("kitchen");
  g_autoptr(AviSubscription) alerts = NULL;
  g_autoptr(GError) error = NULL;

  alerts = avi_device_subscribe (device, "system/alerts", &error);
  if (alerts == NULL || !avi_device_start (device, NULL, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_signal_connect (alerts, "message", G_CALLBACK (on_alert), NULL);
  g_main_loop_run (loop);
  return 0;
}
