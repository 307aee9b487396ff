/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-services.h"

static const AviStreamHandler *const handlers[] = {
  &avi_identify_handler,    &avi_identify_push_handler, &avi_ping_handler,
  &avi_meshsub_1_1_handler, &avi_meshsub_1_0_handler,   &avi_floodsub_handler,
};

const char **
avi_services_list (void)
{
  const char **list = g_new0 (const char *, G_N_ELEMENTS (handlers) + 1);

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    list[i] = handlers[i]->protocol;
  return list;
}

const AviStreamHandler *
avi_services_find (const char *protocol)
{
  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    if (strcmp (handlers[i]->protocol, protocol) == 0)
      return handlers[i];
  return NULL;
}
