/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-services.h"

static const AviStreamHandler *const handlers[] = {
  &avi_identify_handler,    &avi_identify_push_handler, &avi_ping_handler,        &avi_meshsub_1_3_handler,
  &avi_meshsub_1_2_handler, &avi_meshsub_1_1_handler,   &avi_meshsub_1_0_handler, &avi_floodsub_handler,
};

const char **
avi_services_list (const AviStreamHandler *const *further)
{
  GPtrArray *list = g_ptr_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_ptr_array_add (list, (char *) handlers[i]->protocol);
  for (guint i = 0; further != NULL && further[i] != NULL; i++)
    g_ptr_array_add (list, (char *) further[i]->protocol);
  g_ptr_array_add (list, NULL);
  return (const char **) g_ptr_array_free (list, FALSE);
}

const AviStreamHandler *
avi_services_find (const AviStreamHandler *const *further,
                   const char                    *protocol)
{
  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    if (strcmp (handlers[i]->protocol, protocol) == 0)
      return handlers[i];
  for (guint i = 0; further != NULL && further[i] != NULL; i++)
    if (strcmp (further[i]->protocol, protocol) == 0)
      return further[i];
  return NULL;
}
