/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The node files of local discovery: what is accepted keeps to the limits, and reads the same again
 * when it is written again.
 */
#include "config.h"

#include <stdint.h>

#include "avi-error.h"
#include "discovery/avi-local-file.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  AviLocalFile file, again;
  g_autoptr(GError) error = NULL;

  if (!avi_local_file_parse (&file, AVI_SPAN (data, size), &error))
    {
      g_assert_true (error->domain == AVI_ERROR);
      return 0;
    }
  g_assert_cmpuint (size, <=, AVI_LOCAL_FILE_MAX_LEN);
  g_assert_cmpuint (file.addresses->len, <=, AVI_LOCAL_FILE_MAX_ADDRESSES);
  g_assert_true (g_utf8_validate (file.name, -1, NULL));
  for (guint i = 0; i < file.addresses->len; i++)
    g_assert_true (avi_local_file_takes (file.addresses->pdata[i]));

  g_autoptr(GBytes) text = avi_local_file_format (&file, &error);

  /* Escapes can make the canonical form of a long name longer than the one that was read. */
  if (text == NULL)
    g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  else
    {
      g_assert_true (avi_local_file_parse (&again, avi_span_from_bytes (text), &error));
      g_assert_true (avi_local_file_equal (&file, &again));
      avi_local_file_clear (&again);
    }
  avi_local_file_clear (&file);
  return 0;
}
