/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A public key in its protobuf form: what is taken for one is encoded in the same bytes again, and
 * believes no signature of zeros.
 */
#include "config.h"

#include <stdint.h>

#include "crypto/avi-key.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
try_public (AviSpan protobuf)
{
  static const guint8 zeros[512];
  g_autoptr(GError) error = NULL;
  g_autoptr(AviPublicKey) key = avi_public_key_decode (protobuf, &error);
  AviPeerId id;

  g_assert ((key == NULL) == (error != NULL));
  if (key == NULL)
    return;
  g_assert (avi_span_equal (avi_public_key_get_protobuf (key), protobuf));
  avi_peer_id_from_public_key (protobuf, &id);
  g_assert (avi_peer_id_equal (&id, avi_public_key_get_peer_id (key)));
  g_assert (!avi_public_key_verify (key, protobuf, AVI_SPAN (zeros, AVI_SIGNATURE_LEN)));
  g_assert (!avi_public_key_verify (key, protobuf, AVI_SPAN (zeros, sizeof zeros)));
  g_assert (!avi_public_key_verify (key, protobuf, protobuf));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  try_public (AVI_SPAN (data, size));
  return 0;
}
