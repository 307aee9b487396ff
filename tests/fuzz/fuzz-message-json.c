/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A message whose data are the input: what passes our check, json-glib parses, and nothing else
 * reaches it.
 */
#include "config.h"

#include <stdint.h>

#include "avi-message-private.h"
#include "wire/avi-json.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, size);
  g_autoptr(AviMessage) message = avi_message_new ("topic", NULL, 0, bytes, 0);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = avi_message_get_json (message, &error);
  const char *text = avi_message_get_text (message);

  g_assert ((node == NULL) == (error != NULL));
  g_assert (node == NULL || text != NULL);
  g_assert (text == NULL || strlen (text) == size);
  g_assert ((node != NULL) == avi_json_check (AVI_SPAN (data, size), 1024 * 1024, NULL));
  return 0;
}
