/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-noise-payload.h"
#include "noise-end.h"
#include "tests/unit/hex.h"

#define KEY_FIELD  "0a24" /* field 1 of 36 bytes: the identity's protobuf */
#define SIG_FIELD  "1240" /* field 2 of 64 bytes */
#define CONTEXT    "noise-libp2p-static-key:"
#define KEY_LEN    36
#define SIG_OFFSET (2 + KEY_LEN)
#define PLAIN_LEN  (2 + KEY_LEN + 2 + AVI_SIGNATURE_LEN)

static const char *const yamux[] = { "/yamux/1.0.0", NULL };

static const guint8 *
get_static (AviNoiseStatic *statics)
{
  return avi_noise_static_get_keys (statics)->public;
}

/* What device b makes of a payload that comes with the static key of device a. */
static AviPublicKey *
check (AviSpan payload, const char *const *muxers, gboolean initiator, const char **muxer, GError **error)
{
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');

  return avi_noise_payload_check (payload, get_static (a), NULL, muxers, initiator, muxer, error);
}

static void
assert_refused (AviSpan payload, AviError code, const char *pattern)
{
  g_autoptr(GError) error = NULL;
  const char *muxer;

  g_assert_null (check (payload, yamux, TRUE, &muxer, &error));
  noise_assert_error (error, code, pattern);
}

static void
test_layout (void)
{
  g_autoptr(AviKeyPair) identity = noise_make_identity ('a');
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
  static const char *const muxers[] = { "/y", "/z", NULL };
  g_autoptr(GBytes) plain = avi_noise_payload_encode (a, NULL);
  g_autoptr(GBytes) extended = avi_noise_payload_encode (a, muxers);
  g_autoptr(GBytes) none = avi_noise_payload_encode (a, muxers + 2);
  AviPublicKey *key = avi_key_pair_get_public (identity);
  AviSpan bytes = avi_span_from_bytes (plain);
  g_autoptr(GByteArray) to_sign = g_byte_array_new ();

  g_assert_cmpuint (bytes.len, ==, PLAIN_LEN);
  assert_hex (AVI_SPAN (bytes.data, 2), KEY_FIELD);
  g_assert_true (avi_span_equal (AVI_SPAN (bytes.data + 2, KEY_LEN), avi_public_key_get_protobuf (key)));
  assert_hex (AVI_SPAN (bytes.data + SIG_OFFSET, 2), SIG_FIELD);

  g_byte_array_append (to_sign, (const guint8 *) CONTEXT, strlen (CONTEXT));
  g_byte_array_append (to_sign, get_static (a), AVI_X25519_LEN);
  g_assert_true (avi_public_key_verify (key, span_of (to_sign),
                                        AVI_SPAN (bytes.data + SIG_OFFSET + 2, AVI_SIGNATURE_LEN)));

  /* Field 4, and in it field 2 twice. */
  g_assert_cmpmem (g_bytes_get_data (extended, NULL), PLAIN_LEN, bytes.data, bytes.len);
  assert_hex (avi_span_skip (avi_span_from_bytes (extended), PLAIN_LEN), "2208" "12022f79" "12022f7a");
  g_assert_true (g_bytes_equal (none, plain));
}

static void
test_round_trip (void)
{
  g_autoptr(AviKeyPair) identity = noise_make_identity ('a');
  g_autoptr(AviKeyPair) other = noise_make_identity ('c');
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
  g_autoptr(GBytes) payload = avi_noise_payload_encode (a, NULL);
  const AviPeerId *id = avi_key_pair_get_peer_id (identity);
  const AviPeerId *expected[] = { NULL, id };
  g_autoptr(GError) error = NULL;
  const char *muxer;

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr(AviPublicKey) key = avi_noise_payload_check (avi_span_from_bytes (payload), get_static (a), expected[i],
                                                             NULL, TRUE, &muxer, &error);

      g_assert_no_error (error);
      g_assert_true (avi_peer_id_equal (avi_public_key_get_peer_id (key), id));
      g_assert_null (muxer);
    }

  g_autofree char *id_text = avi_peer_id_to_string (id);
  g_autofree char *other_text = avi_peer_id_to_string (avi_key_pair_get_peer_id (other));
  g_autofree char *pattern = g_strdup_printf ("*expected peer %s, but %s*", other_text, id_text);

  g_assert_null (avi_noise_payload_check (avi_span_from_bytes (payload), get_static (a),
                                          avi_key_pair_get_peer_id (other), NULL, TRUE, &muxer, &error));
  noise_assert_error (error, AVI_ERROR_SECURITY, pattern);
}

static void
test_wrong_signatures (void)
{
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
  g_autoptr(AviNoiseStatic) b = noise_make_statics ('b');
  g_autoptr(GBytes) ours = avi_noise_payload_encode (a, NULL);
  g_autoptr(GBytes) theirs = avi_noise_payload_encode (b, NULL);
  g_autofree guint8 *mixed = g_memdup2 (g_bytes_get_data (ours, NULL), PLAIN_LEN);
  const guint8 *foreign = g_bytes_get_data (theirs, NULL);

  /* Device b signs its own static key, but a's is used; and a's signature under b's name. */
  assert_refused (avi_span_from_bytes (theirs), AVI_ERROR_SECURITY, "*signature of 12D3*wrong*");
  memcpy (mixed, foreign, SIG_OFFSET);
  assert_refused (AVI_SPAN (mixed, PLAIN_LEN), AVI_ERROR_SECURITY, "*signature of 12D3*wrong*");

  memcpy (mixed, g_bytes_get_data (ours, NULL), PLAIN_LEN);
  for (gsize at = SIG_OFFSET + 2; at < PLAIN_LEN; at++)
    {
      mixed[at] ^= 1 << at % 8;
      assert_refused (AVI_SPAN (mixed, PLAIN_LEN), AVI_ERROR_SECURITY, "*signature of 12D3*wrong*");
      mixed[at] ^= 1 << at % 8;
    }

  /* 63 bytes of it, or none */
  mixed[SIG_OFFSET + 1] = AVI_SIGNATURE_LEN - 1;
  assert_refused (AVI_SPAN (mixed, PLAIN_LEN - 1), AVI_ERROR_SECURITY, "*signature*");
  assert_refused (AVI_SPAN (mixed, SIG_OFFSET), AVI_ERROR_SECURITY, "*signature*");
}

static void
test_bad_payloads (void)
{
  g_autoptr(GByteArray) too_long = g_byte_array_new ();

  assert_refused (AVI_SPAN_EMPTY, AVI_ERROR_PROTOCOL, "*identity*missing*");
  assert_refused (AVI_SPAN_STRING ("\xff\xff\xff"), AVI_ERROR_PROTOCOL, "*payload*protobuf*");
  assert_refused (AVI_SPAN_STRING ("\x0a\x02hi"), AVI_ERROR_PROTOCOL, "*identity*");

  /* 2,049 bytes of identity key. */
  g_byte_array_append (too_long, (const guint8 *) "\x0a\x81\x10", 3);
  g_byte_array_set_size (too_long, 3 + AVI_PUBLIC_KEY_MAX + 1);
  assert_refused (span_of (too_long), AVI_ERROR_LIMIT, "*identity*2049 bytes*2048*");
}

static void
test_cut_payloads (void)
{
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
  g_autoptr(GBytes) payload = avi_noise_payload_encode (a, yamux);
  AviSpan whole = avi_span_from_bytes (payload);

  for (gsize len = 0; len < whole.len; len++)
    {
      g_autofree guint8 *exact = g_memdup2 (whole.data, MAX (len, 1));
      g_autoptr(AviPublicKey) key = NULL;
      g_autoptr(GError) error = NULL;
      const char *muxer = NULL;

      /* Cut in front of the extensions it is whole. */
      key = check (AVI_SPAN (exact, len), yamux, TRUE, &muxer, &error);
      g_assert_cmpint (key != NULL, ==, len == PLAIN_LEN);
      g_assert_cmpint (error == NULL, ==, len == PLAIN_LEN);
      g_assert_null (muxer);
    }
}

/* Device a's payload with @hex behind it. */
static GByteArray *
make_extended (const char *hex)
{
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
  g_autoptr(GBytes) payload = avi_noise_payload_encode (a, NULL);
  g_autoptr(GByteArray) tail = from_hex (hex);
  GByteArray *all = g_byte_array_new ();

  g_byte_array_append (all, g_bytes_get_data (payload, NULL), g_bytes_get_size (payload));
  g_byte_array_append (all, tail->data, tail->len);
  return all;
}

static void
test_unknown_fields (void)
{
  static const char *const tails[] = {
    "3a0178", /* field 7 of the payload */
    "2205"
    "0a036162"
    "63", /* certificate hashes of WebTransport, and no muxers */
    "2204"
    "32027a7a", /* field 6 of the extensions */
    "2200",
  };

  for (guint i = 0; i < G_N_ELEMENTS (tails); i++)
    {
      g_autoptr(GByteArray) payload = make_extended (tails[i]);
      g_autoptr(GError) error = NULL;
      const char *muxer;
      g_autoptr(AviPublicKey) key = check (span_of (payload), yamux, TRUE, &muxer, &error);

      g_assert_no_error (error);
      g_assert_nonnull (key);
      g_assert_null (muxer);
    }
}

static void
test_many_extensions (void)
{
  /* 5,000 bytes of field 4: 2,500 muxers without a name */
  g_autoptr(GByteArray) swollen = make_extended ("228827");

  for (int i = 0; i < 2500; i++)
    g_byte_array_append (swollen, (const guint8 *) "\x12\x00", 2);
  assert_refused (span_of (swollen), AVI_ERROR_LIMIT, "*payload*5*bytes*");
}

static void
test_muxers (void)
{
  static const struct
  {
    const char *ours[4], *theirs[4];
    const char *as_initiator, *as_responder; /* NULL: none */
    gboolean    fails;
  } cases[] = {
    { { "/a", "/b" }, { "/b", "/a" }, "/a", "/b", FALSE },
    { { "/x", "/b", "/a" }, { "/y", "/a", "/b" }, "/b", "/a", FALSE },
    { { "/a" }, { "/a" }, "/a", "/a", FALSE },
    { { "/a" }, { "/A" }, NULL, NULL, TRUE },
    { { "/a" }, { "/ab" }, NULL, NULL, TRUE },
    { { "/ab" }, { "/a" }, NULL, NULL, TRUE },
    { { "/a" }, { "" }, NULL, NULL, TRUE },
    { { "/a" }, { NULL }, NULL, NULL, FALSE },
    { { NULL }, { "/a" }, NULL, NULL, FALSE },
  };
  g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint initiator = 0; initiator < 2; initiator++)
      {
        g_autoptr(GBytes) payload = avi_noise_payload_encode (a, cases[i].theirs);
        const char *const *ours = cases[i].ours[0] != NULL ? cases[i].ours : NULL;
        const char *muxer = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(AviPublicKey) key = check (avi_span_from_bytes (payload), ours, initiator, &muxer, &error);

        g_assert_cmpstr (muxer, ==, initiator ? cases[i].as_initiator : cases[i].as_responder);
        g_assert_cmpint (key == NULL, ==, cases[i].fails);
        if (cases[i].fails)
          noise_assert_error (error, AVI_ERROR_PROTOCOL, "*muxers*");
        if (muxer != NULL)
          g_assert_true (
              g_strv_contains (ours, muxer)
              && (muxer == ours[0] || muxer == ours[1] || muxer == ours[2])); /* and it is ours that is given */
      }
}

static void
test_statics (void)
{
  g_autoptr(AviKeyPair) identity = noise_make_identity ('a');
  AviRandom random;
  g_autoptr(AviNoiseStatic) one = NULL;
  g_autoptr(AviNoiseStatic) two = NULL;
  AviNoiseKeys again;

  avi_random_seed (&random, 1);
  one = avi_noise_static_new (identity, &random);
  two = avi_noise_static_new (identity, &random);
  g_assert_true (memcmp (get_static (one), get_static (two), AVI_X25519_LEN) != 0);

  avi_noise_keys_init (&again, avi_noise_static_get_keys (one)->secret);
  g_assert_cmpmem (again.public, AVI_X25519_LEN, get_static (one), AVI_X25519_LEN);
  avi_noise_keys_clear (&again);

  g_assert_true (avi_noise_static_ref (one) == one);
  avi_noise_static_unref (one);
  g_assert_nonnull (get_static (one));
}

#define ADD(what, func) g_test_add_func ("/noise-payload/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("holds the identity, its signature over the static key, and muxers where there are", test_layout);
  ADD ("proves who sent it, and that this is who was expected", test_round_trip);
  ADD ("is refused with any other signature", test_wrong_signatures);
  ADD ("is refused with an error that says what is wrong", test_bad_payloads);
  ADD ("is refused where it is cut", test_cut_payloads);
  ADD ("may hold what nobody knows", test_unknown_fields);
  ADD ("is refused where it would swell in memory", test_many_extensions);
  ADD ("agrees on the initiator's first muxer that both have", test_muxers);
  ADD ("has a static key for each start", test_statics);
  return g_test_run ();
}
