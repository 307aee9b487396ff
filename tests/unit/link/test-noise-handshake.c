/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "link/avi-noise-handshake.h"
#include "tests/unit/hex.h"

#define N_HANDSHAKE 3
#define N_MESSAGES  6

static GByteArray *
get_hex (GKeyFile *file, const char *group, const char *key)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *hex = g_key_file_get_string (file, group, key, &error);

  g_assert_no_error (error);
  return from_hex (hex);
}

static void
init_from_vector (AviNoiseHandshake *handshake, GKeyFile *file, gboolean initiator)
{
  g_autoptr(GByteArray) prologue = get_hex (file, "keys", initiator ? "init_prologue" : "resp_prologue");
  g_autoptr(GByteArray) secret = get_hex (file, "keys", initiator ? "init_static" : "resp_static");
  g_autoptr(GByteArray) ephemeral = get_hex (file, "keys", initiator ? "init_ephemeral" : "resp_ephemeral");
  AviNoiseKeys keys;

  avi_noise_keys_init (&keys, secret->data);
  avi_noise_handshake_init (handshake, initiator, span_of (prologue), &keys, ephemeral->data);
}

static void
pass_handshake_message (AviNoiseHandshake *from, AviNoiseHandshake *to, GByteArray *payload, GByteArray *expected)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  AviSpan opened;

  g_assert_true (avi_noise_handshake_write (from, span_of (payload), out, NULL));
  g_assert_cmpmem (out->data, out->len, expected->data, expected->len);
  g_assert_true (avi_noise_handshake_read (to, span_of (out), &opened, NULL));
  g_assert_cmpmem (opened.data, opened.len, payload->data, payload->len);
}

static void
pass_transport_message (AviNoiseCipher *from, AviNoiseCipher *to, GByteArray *payload, GByteArray *expected)
{
  guint8 buffer[64];
  AviSpan text = AVI_SPAN (buffer, payload->len);

  memcpy (buffer, payload->data, payload->len);
  g_assert_true (avi_noise_cipher_seal (from, AVI_SPAN_EMPTY, text, buffer + text.len));
  g_assert_cmpmem (buffer, text.len + AVI_AEAD_TAG_LEN, expected->data, expected->len);
  g_assert_true (avi_noise_cipher_open (to, AVI_SPAN_EMPTY, text, buffer + text.len));
  g_assert_cmpmem (buffer, text.len, payload->data, payload->len);
}

static void
test_vector (void)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) error = NULL;
  AviNoiseHandshake handshakes[2];
  AviNoiseCipher sending[2] = { 0 }, receiving[2] = { 0 };
  const char *path = g_test_get_filename (G_TEST_DIST, "data", "noise-xx-25519-chachapoly-sha256.ini", NULL);

  g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);

  init_from_vector (&handshakes[0], file, TRUE);
  init_from_vector (&handshakes[1], file, FALSE);
  for (int i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *group = g_strdup_printf ("message %d", i);
      g_autoptr(GByteArray) payload = get_hex (file, group, "payload");
      g_autoptr(GByteArray) expected = get_hex (file, group, "ciphertext");
      int from = i % 2, to = 1 - from;

      g_assert_cmpint (avi_noise_handshake_is_done (&handshakes[0]), ==, i >= N_HANDSHAKE);
      g_assert_cmpint (avi_noise_handshake_is_done (&handshakes[1]), ==, i >= N_HANDSHAKE);
      if (i == N_HANDSHAKE)
        for (int end = 0; end < 2; end++)
          avi_noise_handshake_split (&handshakes[end], &sending[end], &receiving[end]);
      if (i < N_HANDSHAKE)
        pass_handshake_message (&handshakes[from], &handshakes[to], payload, expected);
      else
        pass_transport_message (&sending[from], &receiving[to], payload, expected);
    }

  for (int end = 0; end < 2; end++)
    {
      avi_noise_handshake_clear (&handshakes[end]);
      avi_noise_cipher_clear (&sending[end]);
      avi_noise_cipher_clear (&receiving[end]);
    }
}

static void
init_end (AviNoiseHandshake *handshake, gboolean initiator)
{
  guint8 secrets[2][AVI_X25519_LEN];
  AviNoiseKeys keys;

  memset (secrets[0], initiator ? 1 : 2, AVI_X25519_LEN);
  memset (secrets[1], initiator ? 3 : 4, AVI_X25519_LEN);
  avi_noise_keys_init (&keys, secrets[0]);
  avi_noise_handshake_init (handshake, initiator, AVI_SPAN_EMPTY, &keys, secrets[1]);
}

/* Passes the messages before @n, and hands out message @n, whose reader is @reader. */
static GByteArray *
reach_message (int n, AviNoiseHandshake *initiator, AviNoiseHandshake *responder, AviNoiseHandshake **reader)
{
  init_end (initiator, TRUE);
  init_end (responder, FALSE);
  for (int i = 0;; i++)
    {
      GByteArray *message = g_byte_array_new ();
      AviSpan payload;

      *reader = i % 2 == 0 ? responder : initiator;
      g_assert_true (
          avi_noise_handshake_write (i % 2 == 0 ? initiator : responder, AVI_SPAN_STRING ("payload"), message, NULL));
      if (i == n)
        return message;
      g_assert_true (avi_noise_handshake_read (*reader, span_of (message), &payload, NULL));
      g_byte_array_unref (message);
    }
}

static void
test_short_messages (void)
{
  const gsize shortest[N_HANDSHAKE] = { 32, 32 + 48 + 16, 48 + 16 };

  for (int n = 0; n < N_HANDSHAKE; n++)
    for (gsize len = 0; len < shortest[n]; len++)
      {
        AviNoiseHandshake initiator, responder, *reader;
        g_autoptr(GByteArray) message = reach_message (n, &initiator, &responder, &reader);
        g_autofree guint8 *exact = g_memdup2 (message->data, len);
        g_autoptr(GError) error = NULL;
        AviSpan payload;

        g_assert_false (avi_noise_handshake_read (reader, AVI_SPAN (exact, len), &payload, &error));
        g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
        g_assert_nonnull (strstr (error->message, n == 0   ? "message 1 of 3"
                                                  : n == 1 ? "message 2 of 3"
                                                           : "message 3 of 3"));
        avi_noise_handshake_clear (&initiator);
        avi_noise_handshake_clear (&responder);
      }
}

static void
test_changed_messages (void)
{
  for (int n = 1; n < N_HANDSHAKE; n++)
    for (gsize at = 0, len = 1; at < len; at++)
      {
        AviNoiseHandshake initiator, responder, *reader;
        g_autoptr(GByteArray) message = reach_message (n, &initiator, &responder, &reader);
        g_autoptr(GError) error = NULL;
        AviSpan payload;

        len = message->len;
        message->data[at] ^= 1 << at % 8;
        g_assert_false (avi_noise_handshake_read (reader, span_of (message), &payload, &error));
        g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
        avi_noise_handshake_clear (&initiator);
        avi_noise_handshake_clear (&responder);
      }
}

static void
test_changed_first_message (void)
{
  AviNoiseHandshake initiator, responder, *reader;
  g_autoptr(GByteArray) first = reach_message (0, &initiator, &responder, &reader);
  g_autoptr(GByteArray) second = g_byte_array_new ();
  g_autoptr(GError) error = NULL;
  AviSpan payload;

  /* Its payload: nothing secures it yet, but the answer does not open then. */
  first->data[first->len - 1] ^= 1;
  g_assert_true (avi_noise_handshake_read (&responder, span_of (first), &payload, NULL));
  g_assert_true (avi_noise_handshake_write (&responder, AVI_SPAN_EMPTY, second, NULL));
  g_assert_false (avi_noise_handshake_read (&initiator, span_of (second), &payload, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  avi_noise_handshake_clear (&initiator);
  avi_noise_handshake_clear (&responder);
}

static void
test_small_order (void)
{
  AviNoiseHandshake responder;
  guint8 zero[AVI_X25519_LEN] = { 0 };
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autoptr(GError) error = NULL;
  AviSpan payload;

  init_end (&responder, FALSE);
  g_assert_true (avi_noise_handshake_read (&responder, AVI_SPAN (zero, sizeof zero), &payload, NULL));
  g_assert_false (avi_noise_handshake_write (&responder, AVI_SPAN_EMPTY, out, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  avi_noise_handshake_clear (&responder);
}

static void
test_nonces_end (void)
{
  const guint8 key[AVI_AEAD_KEY_LEN] = { 1 };
  AviNoiseCipher sending = { 0 }, receiving = { 0 };
  guint8 text[3] = "abc", tag[AVI_AEAD_TAG_LEN];

  avi_noise_cipher_set_key (&sending, key);
  avi_noise_cipher_set_key (&receiving, key);
  sending.counter = receiving.counter = G_MAXUINT64 - 1;
  g_assert_true (avi_noise_cipher_seal (&sending, AVI_SPAN_EMPTY, AVI_SPAN (text, 3), tag));
  g_assert_true (avi_noise_cipher_open (&receiving, AVI_SPAN_EMPTY, AVI_SPAN (text, 3), tag));
  g_assert_cmpmem (text, 3, "abc", 3);

  g_assert_false (avi_noise_cipher_seal (&sending, AVI_SPAN_EMPTY, AVI_SPAN (text, 3), tag));
  g_assert_false (avi_noise_cipher_open (&receiving, AVI_SPAN_EMPTY, AVI_SPAN (text, 3), tag));
  g_assert_cmpmem (text, 3, "abc", 3);
  avi_noise_cipher_clear (&sending);
  avi_noise_cipher_clear (&receiving);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/noise-handshake/matches the public test vector", test_vector);
  g_test_add_func ("/noise-handshake/a message that is cut short is an error", test_short_messages);
  g_test_add_func ("/noise-handshake/a changed bit is noticed", test_changed_messages);
  g_test_add_func ("/noise-handshake/a change of the first message is noticed by the second",
                   test_changed_first_message);
  g_test_add_func ("/noise-handshake/a key of small order is refused", test_small_order);
  g_test_add_func ("/noise-handshake/the last nonce is never used", test_nonces_end);
  return g_test_run ();
}
