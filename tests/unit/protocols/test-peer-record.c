/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/avi-peer-record.h"

#include "avi-error.h"

static AviKeyPair *
make_key (guint8 n)
{
  guint8 seed[AVI_KEY_SEED_LEN] = { n };

  return avi_key_pair_from_seed (seed);
}

static GPtrArray *
make_addresses (guint n)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip6/2001:db8::%x/tcp/4001", i + 1);

      g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
    }
  return addresses;
}

static void
test_round_trip (void)
{
  g_autoptr(AviKeyPair) key = make_key (1);
  g_autoptr(GPtrArray) addresses = make_addresses (3);
  g_autoptr(GBytes) envelope = avi_peer_record_seal (key, 12345678901, addresses);
  g_auto(AviPeerRecord) record = { 0 };
  g_autoptr(GError) error = NULL;

  avi_peer_record_open (&record, avi_span_from_bytes (envelope), &error);
  g_assert_no_error (error);
  g_assert_true (avi_peer_id_equal (&record.peer, avi_key_pair_get_peer_id (key)));
  g_assert_cmpuint (record.seq, ==, 12345678901);
  g_assert_cmpuint (record.addresses->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_true (avi_multiaddr_equal (record.addresses->pdata[i], addresses->pdata[i]));
}

/* As RFC 0002 and 0003 have it, byte by byte. */
static void
test_form (void)
{
  g_autoptr(AviKeyPair) key = make_key (1);
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  g_autoptr(GBytes) envelope = avi_peer_record_seal (key, 1, none);
  AviSpan span = avi_span_from_bytes (envelope);
  /* key: 36 bytes in field 1, type: 2 in field 2, payload: peer id and seq in field 3, signature: 64 in field 5 */
  const guint8 type[] = { 0x12, 0x02, 0x03, 0x01, 0x1a, 0x2a, 0x0a, 0x26 };
  g_autoptr(GByteArray) text = g_byte_array_new ();

  g_assert_cmpuint (span.len, ==, 38 + 4 + 44 + 66);
  g_assert_cmpmem (span.data + 38, sizeof type, type, sizeof type);
  g_assert_cmphex (span.data[86], ==, 0x2a);

  g_byte_array_append (text, (const guint8 *) "\x12libp2p-peer-record\x02\x03\x01\x2a", 23);
  g_byte_array_append (text, span.data + 44, 42);
  g_assert_true (avi_public_key_verify (avi_key_pair_get_public (key), AVI_SPAN (text->data, text->len),
                                        AVI_SPAN (span.data + 88, 64)));
}

/* Each bit that is turned over makes it nobody's. */
static void
test_forged (void)
{
  g_autoptr(AviKeyPair) key = make_key (1);
  g_autoptr(GPtrArray) addresses = make_addresses (1);
  g_autoptr(GBytes) envelope = avi_peer_record_seal (key, 1, addresses);
  AviSpan span = avi_span_from_bytes (envelope);

  for (gsize i = 0; i < span.len; i++)
    {
      g_autofree guint8 *bytes = g_memdup2 (span.data, span.len);
      g_auto(AviPeerRecord) record = { 0 };

      bytes[i] ^= 1;
      g_assert_false (avi_peer_record_open (&record, AVI_SPAN (bytes, span.len), NULL));
      g_assert_false (avi_peer_record_open (&record, AVI_SPAN (span.data, i), NULL));
    }
}

static void
test_limits (void)
{
  g_autoptr(AviKeyPair) key = make_key (1);
  g_autoptr(GPtrArray) addresses = make_addresses (500);
  g_autoptr(GBytes) envelope = avi_peer_record_seal (key, 1, addresses);
  g_autofree guint8 *large = g_malloc0 (AVI_PEER_RECORD_MAX + 1);
  g_auto(AviPeerRecord) record = { 0 };
  g_autoptr(GError) error = NULL;

  g_assert_cmpuint (g_bytes_get_size (envelope), <=, AVI_PEER_RECORD_MAX);
  g_assert_true (avi_peer_record_open (&record, avi_span_from_bytes (envelope), NULL));
  g_assert_cmpuint (record.addresses->len, ==, AVI_PEER_RECORD_MAX_ADDRESSES);
  avi_peer_record_clear (&record);
  g_assert_false (avi_peer_record_open (&record, AVI_SPAN (large, AVI_PEER_RECORD_MAX + 1), &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peer-record/what is sealed is opened", test_round_trip);
  g_test_add_func ("/peer-record/its form and its signature are the specification's", test_form);
  g_test_add_func ("/peer-record/what another has changed is refused", test_forged);
  g_test_add_func ("/peer-record/addresses beyond the limit are left out, larger records refused", test_limits);
  return g_test_run ();
}
