/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signed peer records: as they come; and as an honest peer seals the addresses that the input holds, cut apart
 * by their first byte, which must open to what was sealed, and to nothing once a byte is changed.
 */
#include "config.h"

#include <stdint.h>

#include "protocols/avi-peer-record.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_as_it_comes (AviSpan bytes)
{
  g_auto(AviPeerRecord) record = { 0 };
  g_autoptr(GError) error = NULL;

  if (avi_peer_record_open (&record, bytes, &error))
    {
      g_assert_cmpuint (record.peer.len, >, 0);
      g_assert_cmpuint (record.addresses->len, <=, AVI_PEER_RECORD_MAX_ADDRESSES);
    }
  else
    g_assert_nonnull (error);
}

static GPtrArray *
cut_addresses (AviSpan bytes)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  while (bytes.len > 0)
    {
      gsize wanted = bytes.data[0];
      gsize len = MIN (wanted, bytes.len - 1);
      g_autoptr(AviMultiaddr) address = avi_multiaddr_decode (AVI_SPAN (bytes.data + 1, len), NULL);
      AviMultiaddr *bare = address != NULL ? avi_multiaddr_without_peer (address) : NULL;

      if (bare != NULL)
        g_ptr_array_add (addresses, bare);
      bytes = avi_span_skip (bytes, 1 + len);
    }
  return addresses;
}

static void
check_round_trip (AviSpan bytes)
{
  static const guint8 seed[AVI_KEY_SEED_LEN] = { 1 };
  g_autoptr(AviKeyPair) key = avi_key_pair_from_seed (seed);
  g_autoptr(GPtrArray) addresses = cut_addresses (bytes);
  g_autoptr(GBytes) envelope = avi_peer_record_seal (key, bytes.len, addresses);
  AviSpan span = avi_span_from_bytes (envelope);
  g_autofree guint8 *changed = g_memdup2 (span.data, span.len);
  g_auto(AviPeerRecord) record = { 0 };
  g_auto(AviPeerRecord) none = { 0 };

  g_assert_cmpuint (span.len, <=, AVI_PEER_RECORD_MAX);
  g_assert_true (avi_peer_record_open (&record, span, NULL));
  g_assert_cmpuint (record.seq, ==, bytes.len);
  g_assert_true (avi_peer_id_equal (&record.peer, avi_key_pair_get_peer_id (key)));
  for (guint i = 0, j = 0; i < record.addresses->len; i++, j++)
    {
      AviPeerId leads_to;

      /* Those that lead to another peer were left out. */
      while (avi_multiaddr_get_peer (addresses->pdata[j], &leads_to))
        j++;
      g_assert_true (avi_multiaddr_equal (record.addresses->pdata[i], addresses->pdata[j]));
    }
  changed[bytes.len % span.len] ^= 0x40;
  g_assert_false (avi_peer_record_open (&none, AVI_SPAN (changed, span.len), NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_as_it_comes (AVI_SPAN (data, size));
  check_round_trip (AVI_SPAN (data, size));
  return 0;
}
