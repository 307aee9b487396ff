/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A key pair in its protobuf form, as identity files hold it: what is taken for one is encoded in
 * the same bytes again (the older form, with the public key twice, in that without), signs what its
 * public half believes, and is no pair any more once a bit of either half has changed.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "crypto/avi-key.h"

#define HEADER_LEN     4
#define ENCODED_LEN    (HEADER_LEN + 64)
#define OLDER_LEN      (HEADER_LEN + 96)
#define PUBLIC_AT      (HEADER_LEN + AVI_KEY_SEED_LEN)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_same (AviKeyPair *pair, AviSpan encoded)
{
  g_autoptr(AviKeyPair) again = avi_key_pair_decode (encoded, NULL);
  g_autoptr(GBytes) bytes = NULL;

  g_assert (again != NULL);
  g_assert (avi_peer_id_equal (avi_key_pair_get_peer_id (again), avi_key_pair_get_peer_id (pair)));
  bytes = avi_key_pair_encode (again);
  g_assert (avi_span_equal (avi_span_from_bytes (bytes), encoded));
}

static void
check_public (AviKeyPair *pair, AviSpan encoded)
{
  AviPublicKey *public = avi_key_pair_get_public (pair);
  AviSpan protobuf = avi_public_key_get_protobuf (public);
  AviPeerId id;

  g_assert (avi_public_key_get_type_of (public) == AVI_KEY_ED25519);
  g_assert (protobuf.len == HEADER_LEN + 32);
  g_assert (memcmp (protobuf.data + HEADER_LEN, encoded.data + PUBLIC_AT, 32) == 0);
  avi_peer_id_from_public_key (protobuf, &id);
  g_assert (avi_peer_id_equal (&id, avi_key_pair_get_peer_id (pair)));
}

static void
check_signature (AviKeyPair *pair, AviSpan message)
{
  AviPublicKey *public = avi_key_pair_get_public (pair);
  guint8 signature[AVI_SIGNATURE_LEN];

  avi_key_pair_sign (pair, message, signature);
  g_assert (avi_public_key_verify (public, message, AVI_SPAN (signature, sizeof signature)));
  signature[message.len % sizeof signature] ^= 1;
  g_assert (!avi_public_key_verify (public, message, AVI_SPAN (signature, sizeof signature)));
}

/* Which bit is the input's choice, so that the fuzzer gets to all. */
static void
check_broken (AviSpan encoded)
{
  guint8 broken[ENCODED_LEN];
  guint bit = encoded.data[ENCODED_LEN - 1] * 2 + encoded.data[HEADER_LEN] % 2;
  g_autoptr(AviKeyPair) pair = NULL;

  memcpy (broken, encoded.data, sizeof broken);
  broken[HEADER_LEN + bit / 8] ^= 1 << bit % 8;
  pair = avi_key_pair_decode (AVI_SPAN (broken, sizeof broken), NULL);
  g_assert (pair == NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AviKeyPair) pair = avi_key_pair_decode (AVI_SPAN (data, size), &error);
  g_autoptr(GBytes) bytes = NULL;
  AviSpan encoded;

  g_assert ((pair == NULL) == (error != NULL));
  if (pair == NULL)
    return 0;
  bytes = avi_key_pair_encode (pair);
  encoded = avi_span_from_bytes (bytes);
  g_assert (encoded.len == ENCODED_LEN);
  if (size == ENCODED_LEN)
    g_assert (memcmp (encoded.data, data, size) == 0);
  else
    {
      g_assert (size == OLDER_LEN);
      g_assert (memcmp (encoded.data + HEADER_LEN, data + HEADER_LEN, 64) == 0);
      g_assert (memcmp (encoded.data + PUBLIC_AT, data + ENCODED_LEN, 32) == 0);
    }
  check_same (pair, encoded);
  check_public (pair, encoded);
  check_signature (pair, AVI_SPAN (data, size));
  check_broken (encoded);
  return 0;
}
