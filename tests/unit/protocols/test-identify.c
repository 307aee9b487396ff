/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "protocols/avi-identify.h"
#include "tests/unit/hex.h"
#include "wire/avi-varint.h"

typedef struct
{
  AviKeyPair      *identity;
  const AviPeerId *peer;
  AviKeyPair      *other;
  AviIdentify      heard;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  const guint8 seed[AVI_KEY_SEED_LEN] = { 1 };
  const guint8 other_seed[AVI_KEY_SEED_LEN] = { 2 };

  f->identity = avi_key_pair_from_seed (seed);
  f->peer = avi_key_pair_get_peer_id (f->identity);
  f->other = avi_key_pair_from_seed (other_seed);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  avi_identify_clear (&f->heard);
  avi_key_pair_unref (f->identity);
  avi_key_pair_unref (f->other);
}

/* A message of fields, as a peer might send it. */
static void
add_field (GByteArray *message, guint number, AviSpan value)
{
  guint8 varint[AVI_VARINT_MAX_LEN];

  g_byte_array_append (message, varint, avi_varint_encode (number << 3 | 2, varint));
  g_byte_array_append (message, varint, avi_varint_encode (value.len, varint));
  g_byte_array_append (message, value.data, value.len);
}

static void
add_text (GByteArray *message, guint number, const char *text)
{
  add_field (message, number, AVI_SPAN_STRING (text));
}

static void
add_address (GByteArray *message, guint number, const char *text)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  g_assert_nonnull (address);
  add_field (message, number, avi_multiaddr_get_bytes (address));
}

static GByteArray *
delimit (GByteArray *message)
{
  guint8 varint[AVI_VARINT_MAX_LEN];
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, varint, avi_varint_encode (message->len, varint));
  g_byte_array_append (out, message->data, message->len);
  return out;
}

/* Whoever hears @bytes in pieces of @step: what does f->heard say? */
static gboolean
hear (Fixture *f, AviSpan bytes, gsize step, GError **error)
{
  g_autoptr(AviIdentifyReader) reader = avi_identify_reader_new ();

  avi_identify_clear (&f->heard);
  for (gsize n; bytes.len > 0; bytes = avi_span_skip (bytes, n))
    {
      g_autofree guint8 *piece = NULL;

      n = MIN (step, bytes.len);
      piece = g_memdup2 (bytes.data, n);
      if (!avi_identify_reader_receive (reader, AVI_SPAN (piece, n), error))
        return FALSE;
    }
  return avi_identify_reader_receive (reader, AVI_SPAN_EMPTY, error)
         && avi_identify_reader_finish (reader, f->peer, &f->heard, error);
}

static void
hear_message (Fixture *f, GByteArray *message)
{
  g_autoptr(GByteArray) sent = delimit (message);
  g_autoptr(GError) error = NULL;

  hear (f, span_of (sent), G_MAXSIZE, &error);
  g_assert_no_error (error);
}

static void
assert_refused (Fixture *f, AviSpan bytes, AviError code, const char *pattern)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (hear (f, bytes, G_MAXSIZE, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("“%s” does not match “%s”", error->message, pattern);
  g_assert_null (f->heard.key);
}

static void
assert_message_refused (Fixture *f, GByteArray *message, AviError code, const char *pattern)
{
  g_autoptr(GByteArray) sent = delimit (message);

  assert_refused (f, span_of (sent), code, pattern);
}

static void
assert_addresses (Fixture *f, const char *expected)
{
  g_autoptr(GString) all = g_string_new (NULL);

  for (guint i = 0; i < f->heard.listen_addresses->len; i++)
    {
      g_autofree char *text = avi_multiaddr_to_string (g_ptr_array_index (f->heard.listen_addresses, i));

      g_string_append_printf (all, "%s ", text);
    }
  g_assert_cmpstr (all->str, ==, expected);
}

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  g_autoptr(AviMultiaddr) observed = avi_multiaddr_parse ("/ip6/fe80::1/tcp/999", NULL);
  const char *protocols[] = { "/ipfs/id/1.0.0", "/meshsub/1.1.0", NULL };
  g_autoptr(GBytes) bytes = NULL;
  AviIdentify said = {
    .protocol_version = (char *) "/avi/1.0.0",
    .agent_version = (char *) "Küche",
    .key = avi_key_pair_get_public (f->identity),
    .listen_addresses = addresses,
    .observed_address = observed,
    .protocols = (char **) protocols,
    .has_boot_id = TRUE,
    .boot_id = "0123456789abcdef",
  };

  g_ptr_array_add (addresses, avi_multiaddr_parse ("/ip4/192.168.1.2/tcp/4001", NULL));
  g_ptr_array_add (addresses, avi_multiaddr_parse ("/dns4/kitchen.local/tcp/4002", NULL));
  bytes = avi_identify_encode (&said);

  for (gsize step = 1; step <= g_bytes_get_size (bytes); step++)
    {
      g_assert_true (hear (f, avi_span_from_bytes (bytes), step, NULL));
      g_assert_cmpstr (f->heard.protocol_version, ==, "/avi/1.0.0");
      g_assert_cmpstr (f->heard.agent_version, ==, "Küche");
      g_assert_true (avi_peer_id_equal (avi_public_key_get_peer_id (f->heard.key), f->peer));
      assert_addresses (f, "/ip4/192.168.1.2/tcp/4001 /dns4/kitchen.local/tcp/4002 ");
      g_assert_true (avi_multiaddr_equal (f->heard.observed_address, observed));
      g_assert_false (f->heard.observed_by_id);
      g_assert_true (g_strv_equal ((const char *const *) f->heard.protocols, protocols));
      g_assert_true (f->heard.has_boot_id);
      g_assert_cmpmem (f->heard.boot_id, AVI_BOOT_ID_LEN, "0123456789abcdef", 16);
      g_assert_cmpuint (f->heard.n_ignored, ==, 0);
    }
}

static void
test_known_bytes (Fixture *f, gconstpointer data)
{
  AviIdentify said = { .protocol_version = (char *) "p", .agent_version = (char *) "a", .has_boot_id = TRUE };
  g_autoptr(GBytes) bytes = avi_identify_encode (&said);

  /* Fields 5, 6 and 1,000. */
  assert_hex (avi_span_from_bytes (bytes), "19" "2a0170" "320161" "c23e1000000000000000000000000000000000");
}

static void
test_nothing_said (Fixture *f, gconstpointer data)
{
  AviIdentify said = { 0 };
  g_autoptr(GBytes) bytes = avi_identify_encode (&said);

  assert_hex (avi_span_from_bytes (bytes), "00");
  g_assert_true (hear (f, avi_span_from_bytes (bytes), 1, NULL));
  g_assert_null (f->heard.protocol_version);
  g_assert_null (f->heard.agent_version);
  g_assert_null (f->heard.key);
  g_assert_null (f->heard.listen_addresses);
  g_assert_null (f->heard.observed_address);
  g_assert_null (f->heard.protocols);
  g_assert_false (f->heard.has_boot_id);
}

static void
test_empty_fields (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  /* go's protocolVersion is empty, an observed address may be. */
  for (guint number = 1; number <= 6; number++)
    add_text (message, number, "");
  hear_message (f, message);
  g_assert_cmpstr (f->heard.protocol_version, ==, "");
  g_assert_cmpstr (f->heard.agent_version, ==, "");
  g_assert_null (f->heard.key);
  g_assert_null (f->heard.observed_address);
  g_assert_cmpuint (f->heard.listen_addresses->len, ==, 0);
  g_assert_cmpuint (g_strv_length (f->heard.protocols), ==, 0);
  g_assert_cmpuint (f->heard.n_ignored, ==, 2);
}

static void
test_several_messages (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) first = g_byte_array_new ();
  g_autoptr(GByteArray) second = g_byte_array_new ();
  g_autoptr(GByteArray) sent = NULL;
  g_autoptr(GByteArray) more = NULL;

  add_text (first, 6, "old");
  add_text (first, 3, "/a");
  add_address (first, 2, "/ip4/10.0.0.1/tcp/1");
  add_text (second, 6, "new");
  add_text (second, 3, "/b");
  add_address (second, 2, "/ip4/10.0.0.2/tcp/2");
  sent = delimit (first);
  more = delimit (second);
  g_byte_array_append (sent, more->data, more->len);

  for (gsize step = 1; step <= sent->len; step++)
    {
      g_assert_true (hear (f, span_of (sent), step, NULL));
      g_assert_cmpstr (f->heard.agent_version, ==, "new");
      g_assert_true (g_strv_equal ((const char *const *) f->heard.protocols, (const char *[]){ "/a", "/b", NULL }));
      assert_addresses (f, "/ip4/10.0.0.1/tcp/1 /ip4/10.0.0.2/tcp/2 ");
    }
}

static void
test_wrong_key (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autofree char *told = avi_peer_id_to_string (avi_key_pair_get_peer_id (f->other));
  g_autofree char *real = avi_peer_id_to_string (f->peer);
  g_autofree char *pattern = g_strdup_printf ("*%s shows the key of %s", real, told);

  add_field (message, 1, avi_public_key_get_protobuf (avi_key_pair_get_public (f->other)));
  assert_message_refused (f, message, AVI_ERROR_SECURITY, pattern);
}

static void
test_malformed_key (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  add_text (message, 1, "no key");
  assert_message_refused (f, message, AVI_ERROR_PROTOCOL, "Identify: *");
}

static void
test_addresses_with_peers (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autofree char *id = avi_peer_id_to_string (f->peer);
  g_autofree char *other = avi_peer_id_to_string (avi_key_pair_get_peer_id (f->other));
  g_autofree char *own = g_strdup_printf ("/ip4/10.0.0.1/tcp/1/p2p/%s", id);
  g_autofree char *foreign = g_strdup_printf ("/ip4/10.0.0.2/tcp/2/p2p/%s", other);
  g_autofree char *relayed = g_strdup_printf ("/ip4/10.0.0.3/tcp/3/p2p/%s/p2p-circuit", other);
  g_autofree char *relayed_own = g_strdup_printf ("%s/p2p/%s", relayed, id);
  g_autofree char *twice = g_strdup_printf ("%s/p2p/%s", foreign, id);
  g_autofree char *bare = g_strdup_printf ("/p2p/%s", id);
  g_autofree char *kept = g_strdup_printf ("/ip4/10.0.0.1/tcp/1 %s %s ", relayed, relayed);

  add_address (message, 2, own);
  add_address (message, 2, foreign);
  add_address (message, 2, relayed);
  add_address (message, 2, relayed_own);
  add_address (message, 2, twice);
  add_address (message, 2, bare);
  add_field (message, 2, AVI_SPAN ("\x04\x7f", 2));             /* ip4, cut short */
  add_field (message, 2, AVI_SPAN ("\x84\x80\x80\x10\x01", 5)); /* of no known protocol */
  add_address (message, 4, foreign);                            /* js: us, as it sees us */
  hear_message (f, message);

  assert_addresses (f, kept);
  g_assert_cmpuint (f->heard.n_ignored, ==, 5);
  {
    g_autofree char *observed = avi_multiaddr_to_string (f->heard.observed_address);

    g_assert_cmpstr (observed, ==, "/ip4/10.0.0.2/tcp/2");
    g_assert_true (f->heard.observed_by_id);
  }
}

static void
test_malformed_observed (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  add_text (message, 4, "hello");
  hear_message (f, message);
  g_assert_null (f->heard.observed_address);
}

static void
test_texts (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autofree char *longest = g_strnfill (AVI_IDENTIFY_MAX_TEXT, 'x');
  g_autofree char *too_long = g_strnfill (AVI_IDENTIFY_MAX_TEXT + 1, 'x');

  add_text (message, 5, too_long);
  add_text (message, 6, longest);
  add_text (message, 3, "bad \xff");
  add_text (message, 3, longest);
  add_field (message, 3, AVI_SPAN ("nul\0", 4));
  add_text (message, 3, too_long);
  hear_message (f, message);
  g_assert_null (f->heard.protocol_version);
  g_assert_cmpstr (f->heard.agent_version, ==, longest);
  g_assert_true (g_strv_equal ((const char *const *) f->heard.protocols, (const char *[]){ longest, NULL }));
  g_assert_cmpuint (f->heard.n_ignored, ==, 3);
}

static void
test_boot_id_of_another_length (Fixture *f, gconstpointer data)
{
  for (gsize len = 0; len < 40; len++)
    {
      g_autoptr(GByteArray) message = g_byte_array_new ();
      const guint8 id[40] = { 9 };

      add_field (message, 1000, AVI_SPAN (id, len));
      hear_message (f, message);
      g_assert_cmpint (f->heard.has_boot_id, ==, len == AVI_BOOT_ID_LEN);
    }
}

/* What it says is looked at by whoever passes it on. */
static void
test_signed_record (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  g_autoptr(GBytes) record = avi_peer_record_seal (f->identity, 7, none);
  AviIdentify said = { .signed_peer_record = record };
  g_autoptr(GBytes) bytes = avi_identify_encode (&said);
  g_autoptr(GByteArray) large = g_byte_array_new ();
  g_autoptr(GByteArray) message = g_byte_array_new ();

  g_assert_true (hear (f, avi_span_from_bytes (bytes), G_MAXSIZE, NULL));
  g_assert_true (g_bytes_equal (f->heard.signed_peer_record, record));
  g_byte_array_set_size (large, AVI_PEER_RECORD_MAX + 1);
  memset (large->data, 'x', large->len);
  add_field (message, 8, AVI_SPAN (large->data, large->len));
  hear_message (f, message);
  g_assert_null (f->heard.signed_peer_record);
}

static void
test_too_many (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  for (int i = 0; i < AVI_IDENTIFY_MAX_ADDRESSES + 3; i++)
    {
      g_autofree char *address = g_strdup_printf ("/ip4/10.0.0.1/tcp/%d", i + 1);

      add_address (message, 2, address);
    }
  for (int i = 0; i < AVI_IDENTIFY_MAX_PROTOCOLS + 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("/protocol/%d", i);

      add_text (message, 3, name);
    }
  hear_message (f, message);
  g_assert_cmpuint (f->heard.listen_addresses->len, ==, AVI_IDENTIFY_MAX_ADDRESSES);
  g_assert_cmpuint (g_strv_length (f->heard.protocols), ==, AVI_IDENTIFY_MAX_PROTOCOLS);
  g_assert_cmpstr (f->heard.protocols[AVI_IDENTIFY_MAX_PROTOCOLS - 1], ==, "/protocol/255");
  g_assert_cmpuint (f->heard.n_ignored, ==, 7);
}

static void
test_unknown_fields (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  add_text (message, 8, "a signed record");
  add_text (message, 77, "something of a later version");
  add_text (message, 6, "agent");
  hear_message (f, message);
  g_assert_cmpstr (f->heard.agent_version, ==, "agent");
}

static void
test_not_whole (Fixture *f, gconstpointer data)
{
  AviIdentify said = { .agent_version = (char *) "agent" };
  g_autoptr(GBytes) bytes = avi_identify_encode (&said);

  for (gsize len = 0; len < g_bytes_get_size (bytes); len++)
    assert_refused (f, AVI_SPAN (g_bytes_get_data (bytes, NULL), len), AVI_ERROR_PROTOCOL, "*before*whole*");
}

static void
test_garbage (Fixture *f, gconstpointer data)
{
  assert_refused (f, AVI_SPAN_STRING ("\x03\xff\xff\xff"), AVI_ERROR_PROTOCOL, "Identify: *protobuf*");
  assert_refused (f, AVI_SPAN_STRING ("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), AVI_ERROR_PROTOCOL, "Identify: *");
}

static void
test_limits (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autoptr(GByteArray) largest = NULL;
  g_autoptr(GByteArray) many = g_byte_array_new ();

  /* 65,537 bytes are announced: nothing is waited for. */
  assert_refused (f, AVI_SPAN_STRING ("\x81\x80\x04"), AVI_ERROR_LIMIT, "*65537*65536*");

  g_byte_array_set_size (message, AVI_IDENTIFY_MAX_LEN - 5);
  memset (message->data, 'x', message->len);
  largest = g_byte_array_new ();
  add_field (largest, 8, span_of (message));
  g_assert_cmpuint (largest->len, <=, AVI_IDENTIFY_MAX_LEN);
  hear_message (f, largest);

  {
    g_autoptr(GByteArray) sent = delimit (largest);

    g_byte_array_append (sent, (const guint8 *) "\x03\x32\x01x", 4);
    assert_refused (f, span_of (sent), AVI_ERROR_LIMIT, "*65536*");
  }

  g_byte_array_set_size (many, AVI_IDENTIFY_MAX_MESSAGES);
  memset (many->data, 0, many->len);
  g_assert_true (hear (f, span_of (many), G_MAXSIZE, NULL));
  g_byte_array_append (many, (const guint8 *) "", 1);
  assert_refused (f, span_of (many), AVI_ERROR_LIMIT, "*16 messages*");
}

static void
test_swelling (Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  while (message->len + 2 <= AVI_IDENTIFY_MAX_LEN)
    add_text (message, 2, "");
  assert_message_refused (f, message, AVI_ERROR_LIMIT, "Identify*65536 bytes*");
}

static void
test_failure_is_final (Fixture *f, gconstpointer data)
{
  g_autoptr(AviIdentifyReader) reader = avi_identify_reader_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later = NULL;
  g_autoptr(GError) last = NULL;
  guint8 announced[] = { 0x81, 0x80, 0x04 };
  guint8 good[] = { 0 };

  g_assert_false (avi_identify_reader_receive (reader, AVI_SPAN (announced, 3), &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_false (avi_identify_reader_receive (reader, AVI_SPAN (good, 1), &later));
  g_assert_error (later, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_false (avi_identify_reader_finish (reader, f->peer, &f->heard, &last));
  g_assert_error (last, AVI_ERROR, AVI_ERROR_PROTOCOL);
}

#define ADD(path, function) g_test_add ("/identify/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("what is said is heard, however it is cut", test_round_trip);
  ADD ("is encoded in the order of the fields' numbers", test_known_bytes);
  ADD ("what is not said stays open", test_nothing_said);
  ADD ("empty fields do no harm", test_empty_fields);
  ADD ("several messages are merged", test_several_messages);
  ADD ("a key that is not the peer's is refused, both named", test_wrong_key);
  ADD ("a malformed key is an error", test_malformed_key);
  ADD ("addresses lose their peer id, and those of others are left out", test_addresses_with_peers);
  ADD ("a malformed observed address is ignored", test_malformed_observed);
  ADD ("texts are UTF-8 of at most 256 bytes", test_texts);
  ADD ("a boot id of another length is ignored", test_boot_id_of_another_length);
  ADD ("a signed record is passed on as it is, unless it is too large", test_signed_record);
  ADD ("addresses and protocols beyond the limits are ignored and counted", test_too_many);
  ADD ("fields of later versions are skipped", test_unknown_fields);
  ADD ("a message that does not come whole is an error", test_not_whole);
  ADD ("garbage is an error", test_garbage);
  ADD ("all messages together are bounded", test_limits);
  ADD ("a message that would swell in memory is refused", test_swelling);
  ADD ("a failure is final", test_failure_is_final);
  return g_test_run ();
}
