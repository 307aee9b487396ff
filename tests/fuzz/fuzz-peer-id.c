/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A peer id, the input taken as its bytes and as its text: what is taken for one is the same after a
 * trip through every other form.
 */
#include "config.h"

#include <stdint.h>

#include "wire/avi-peer-id.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_peer_id (const AviPeerId *id)
{
  g_autofree char *base58 = avi_peer_id_to_string (id);
  g_autofree char *cid = avi_peer_id_to_cid (id);
  AviPeerId from_base58, from_cid, from_bytes, from_key;
  AviSpan key = avi_peer_id_get_inline_key (id);

  g_assert (id->len > 0 && id->len <= AVI_PEER_ID_MAX_LEN);
  g_assert (avi_peer_id_parse (base58, &from_base58, NULL) && avi_peer_id_equal (id, &from_base58));
  g_assert (avi_peer_id_parse (cid, &from_cid, NULL) && avi_peer_id_equal (id, &from_cid));
  g_assert (avi_peer_id_decode (avi_peer_id_get_bytes (id), &from_bytes, NULL) && avi_peer_id_equal (id, &from_bytes));
  g_assert (avi_peer_id_hash (id) == avi_peer_id_hash (&from_cid));
  g_assert (avi_peer_id_compare (id, &from_bytes) == 0);
  if (key.len == 0)
    return;
  avi_peer_id_from_public_key (key, &from_key);
  g_assert (avi_peer_id_equal (id, &from_key));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr(GError) bytes_error = NULL, text_error = NULL;
  AviPeerId id;

  if (avi_peer_id_decode (AVI_SPAN (data, size), &id, &bytes_error))
    {
      g_assert (avi_span_equal (avi_peer_id_get_bytes (&id), AVI_SPAN (data, size)));
      check_peer_id (&id);
    }
  else
    g_assert (bytes_error != NULL);

  if (avi_peer_id_parse (text, &id, &text_error))
    check_peer_id (&id);
  else
    g_assert (text_error != NULL && g_utf8_validate (text_error->message, -1, NULL));
  return 0;
}
