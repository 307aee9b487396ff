/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "noise-end.h"

static const char *const yamux[] = { "/yamux/1.0.0", NULL };

static void
assert_is (const AviPeerId *peer, char letter)
{
  g_autoptr(AviKeyPair) identity = noise_make_identity (letter);

  g_assert_true (avi_peer_id_equal (peer, avi_key_pair_get_peer_id (identity)));
}

static void
test_handshake_cut_anywhere (void)
{
  for (gsize step = 1; step < 300; step++)
    {
      NoiseEnd initiator, responder;

      noise_end_init (&initiator, 'a', TRUE, NULL, yamux);
      noise_end_init (&responder, 'b', FALSE, NULL, yamux);
      noise_ends_shake_hands (&initiator, &responder, step);
      assert_is (&initiator.peer, 'b');
      assert_is (&responder.peer, 'a');
      g_assert_true (initiator.muxer == yamux[0] && responder.muxer == yamux[0]);
      g_assert_cmpint (avi_noise_deadline (initiator.noise), ==, G_MAXINT64);
      noise_end_clear (&initiator);
      noise_end_clear (&responder);
    }
}

static void
test_first_message_is_a_bare_key (void)
{
  NoiseEnd initiator;

  noise_end_init (&initiator, 'a', TRUE, NULL, yamux);
  g_assert_true (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  g_assert_cmpuint (initiator.writer.len, ==, 2 + 32);
  g_assert_false (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  noise_end_clear (&initiator);
}

static void
test_waits_for_room (void)
{
  NoiseEnd initiator;

  noise_end_init (&initiator, 'a', TRUE, NULL, NULL);
  initiator.writer.limit = 33;
  g_assert_false (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  g_assert_cmpuint (initiator.writer.len, ==, 0);
  initiator.writer.limit = 34;
  g_assert_true (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  noise_end_clear (&initiator);
}

static void
test_expected_peer (void)
{
  g_autoptr(AviKeyPair) b = noise_make_identity ('b');
  g_autoptr(AviKeyPair) c = noise_make_identity ('c');
  g_autofree char *b_text = avi_peer_id_to_string (avi_key_pair_get_peer_id (b));
  g_autofree char *c_text = avi_peer_id_to_string (avi_key_pair_get_peer_id (c));
  g_autofree char *pattern = g_strdup_printf ("*expected peer %s, but %s*", c_text, b_text);
  g_autoptr(GError) error = NULL;
  NoiseEnd initiator, responder;

  noise_end_init (&initiator, 'a', TRUE, avi_key_pair_get_peer_id (b), NULL);
  noise_end_init (&responder, 'b', FALSE, NULL, NULL);
  noise_ends_shake_hands (&initiator, &responder, G_MAXSIZE);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);

  noise_end_init (&initiator, 'a', TRUE, avi_key_pair_get_peer_id (c), NULL);
  noise_end_init (&responder, 'b', FALSE, NULL, NULL);
  g_assert_true (noise_end_pass (&initiator, &responder, G_MAXSIZE, NULL));
  g_assert_false (noise_end_pass (&responder, &initiator, G_MAXSIZE, &error));
  noise_assert_error (error, AVI_ERROR_SECURITY, pattern);

  /* For good: no third message, and nothing is heard any more. */
  g_clear_error (&error);
  g_assert_false (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  g_assert_false (avi_noise_can_seal (initiator.noise));
  g_assert_false (noise_end_hear (&initiator, AVI_SPAN_STRING ("more"), G_MAXSIZE, &error));
  noise_assert_error (error, AVI_ERROR_CLOSED, "*");
  g_assert_false (initiator.established);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_oneself (void)
{
  g_autoptr(GError) error = NULL;
  NoiseEnd initiator, responder;

  noise_end_init (&initiator, 'a', TRUE, NULL, NULL);
  noise_end_init (&responder, 'a', FALSE, NULL, NULL);
  g_assert_true (noise_end_pass (&initiator, &responder, G_MAXSIZE, NULL));
  g_assert_false (noise_end_pass (&responder, &initiator, G_MAXSIZE, &error));
  noise_assert_error (error, AVI_ERROR_SECURITY, "*our own static key*");
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_mirror (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree guint8 *reflected = NULL;
  NoiseEnd initiator;

  noise_end_init (&initiator, 'a', TRUE, NULL, NULL);
  g_assert_true (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  reflected = g_memdup2 (initiator.writer.data, initiator.writer.len);
  g_assert_false (noise_end_hear (&initiator, AVI_SPAN (reflected, initiator.writer.len), G_MAXSIZE, &error));
  noise_assert_error (error, AVI_ERROR_PROTOCOL, "*message 2 of 3*");
  noise_end_clear (&initiator);
}

/* A responder that is true to Noise and puts @payload into message 2: what does the initiator make of it? */
static gboolean
answer_with (AviSpan payload, char static_letter, NoiseEnd *initiator, GError **error)
{
  g_autoptr(AviNoiseStatic) statics = noise_make_statics (static_letter);
  g_autoptr(GByteArray) out = g_byte_array_new ();
  const guint8 ephemeral[AVI_X25519_LEN] = { 99 };
  AviNoiseHandshake villain;
  AviSpan first;
  gboolean good;

  avi_noise_handshake_init (&villain, FALSE, AVI_SPAN_EMPTY, avi_noise_static_get_keys (statics), ephemeral);
  g_assert_true (avi_noise_transmit (initiator->noise, &initiator->writer, 0));
  g_assert_true (avi_noise_handshake_read (&villain, avi_span_skip (noise_end_written (initiator), 2), &first, NULL));
  g_assert_cmpuint (first.len, ==, 0);

  g_byte_array_set_size (out, 2);
  g_assert_true (avi_noise_handshake_write (&villain, payload, out, NULL));
  out->data[0] = (out->len - 2) >> 8;
  out->data[1] = (out->len - 2) & 0xff;
  good = noise_end_hear (initiator, AVI_SPAN (out->data, out->len), G_MAXSIZE, error);
  avi_noise_handshake_clear (&villain);
  return good;
}

static void
assert_answer_fails (AviSpan payload, char static_letter, AviError code, const char *pattern)
{
  g_autoptr(GError) error = NULL;
  NoiseEnd initiator;

  noise_end_init (&initiator, 'a', TRUE, NULL, yamux);
  g_assert_false (answer_with (payload, static_letter, &initiator, &error));
  noise_assert_error (error, code, pattern);
  g_assert_false (initiator.established);
  noise_end_clear (&initiator);
}

static void
test_stolen_signature (void)
{
  g_autoptr(AviNoiseStatic) b = noise_make_statics ('b');
  g_autoptr(GBytes) payload = avi_noise_payload_encode (b, NULL);

  /* Identity b signs static key b, but c's is used. */
  assert_answer_fails (avi_span_from_bytes (payload), 'c', AVI_ERROR_SECURITY, "*signature of 12D3*wrong*");
}

typedef struct
{
  const char *initiator[4];
  const char *responder[4];
  const char *agreed; /* NULL: none */
} Muxers;

static void
test_muxers (void)
{
  static const Muxers cases[] = {
    { { "/yamux/1.0.0" }, { "/yamux/1.0.0" }, "/yamux/1.0.0" },
    { { "/a", "/b", "/c" }, { "/c", "/b" }, "/b" },
    { { "/x", "/yamux/1.0.0" }, { "/yamux/1.0.0" }, "/yamux/1.0.0" },
    { { NULL }, { "/yamux/1.0.0" }, NULL },
    { { "/yamux/1.0.0" }, { NULL }, NULL },
    { { NULL }, { NULL }, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      NoiseEnd initiator, responder;

      noise_end_init (&initiator, 'a', TRUE, NULL, cases[i].initiator[0] != NULL ? cases[i].initiator : NULL);
      noise_end_init (&responder, 'b', FALSE, NULL, cases[i].responder[0] != NULL ? cases[i].responder : NULL);
      noise_ends_shake_hands (&initiator, &responder, G_MAXSIZE);
      g_assert_cmpstr (initiator.muxer, ==, cases[i].agreed);
      g_assert_cmpstr (responder.muxer, ==, cases[i].agreed);
      noise_end_clear (&initiator);
      noise_end_clear (&responder);
    }
}

static void
test_no_common_muxer (void)
{
  static const char *const mplex[] = { "/mplex/6.7.0", NULL };
  g_autoptr(GError) error = NULL;
  NoiseEnd initiator, responder;

  noise_end_init (&initiator, 'a', TRUE, NULL, yamux);
  noise_end_init (&responder, 'b', FALSE, NULL, mplex);
  g_assert_true (noise_end_pass (&initiator, &responder, G_MAXSIZE, NULL));
  g_assert_false (noise_end_pass (&responder, &initiator, G_MAXSIZE, &error));
  noise_assert_error (error, AVI_ERROR_PROTOCOL, "*muxers*");
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_handshake_limits (void)
{
  const struct
  {
    const char *bytes;
    gsize       len;
    AviError    code;
    const char *pattern;
  } cases[] = {
    { "\x20\x01", 2, AVI_ERROR_LIMIT, "*8193 bytes*8192*" },
    { "\x00\x00", 2, AVI_ERROR_PROTOCOL, "*message 1 of 3*short*" },
    { "\x00\x02xx", 4, AVI_ERROR_PROTOCOL, "*message 1 of 3*short*" },
    /* A key of zeros: any shared secret would be zero. */
    { "\x00\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 34, AVI_ERROR_SECURITY,
      "*small order*" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize step = 1; step <= 2; step++)
      {
        g_autoptr(GError) error = NULL;
        NoiseEnd responder;

        noise_end_init (&responder, 'b', FALSE, NULL, NULL);
        g_assert_false (
            noise_end_hear (&responder, AVI_SPAN (cases[i].bytes, cases[i].len), step == 1 ? 1 : G_MAXSIZE, &error));
        noise_assert_error (error, cases[i].code, cases[i].pattern);
        g_assert_false (avi_noise_transmit (responder.noise, &responder.writer, 0));
        noise_end_clear (&responder);
      }
}

static void
test_first_payload_is_ignored (void)
{
  const guint8 secret[AVI_X25519_LEN] = { 5 };
  guint8 message[2 + AVI_X25519_LEN + 5] = { 0, AVI_X25519_LEN + 5 };
  NoiseEnd responder;

  avi_x25519_public (secret, message + 2);
  noise_end_init (&responder, 'b', FALSE, NULL, NULL);
  g_assert_true (noise_end_hear (&responder, AVI_SPAN (message, sizeof message), G_MAXSIZE, NULL));
  g_assert_true (avi_noise_transmit (responder.noise, &responder.writer, 0));
  noise_end_clear (&responder);
}

static void
test_corrupt_handshake (void)
{
  /* A flipped bit anywhere: nobody is ever taken for somebody. */
  for (int message = 0; message < 3; message++)
    for (gsize at = 0, len = 1; at < len; at++)
      {
        NoiseEnd ends[2];
        gboolean good = TRUE;

        noise_end_init (&ends[0], 'a', TRUE, NULL, yamux);
        noise_end_init (&ends[1], 'b', FALSE, NULL, yamux);
        for (int i = 0; i < 3 && good; i++)
          {
            NoiseEnd *from = &ends[i % 2], *to = &ends[1 - i % 2];

            while (avi_noise_transmit (from->noise, &from->writer, 0))
              ;
            if (i == message && from->writer.len > 0)
              {
                len = from->writer.len;
                from->writer.data[at] ^= 1 << at % 8;
              }
            good = noise_end_hear (to, noise_end_written (from), G_MAXSIZE, NULL);
            avi_writer_truncate (&from->writer, 0);
          }
        /* The initiator is done before the last message; its peer never is. */
        g_assert_false (ends[1].established);
        g_assert_true (!ends[0].established || message == 2);
        noise_end_clear (&ends[0]);
        noise_end_clear (&ends[1]);
      }
}

static void
seal (NoiseEnd *end, const guint8 *text, gsize len)
{
  gsize start = avi_noise_begin (end->noise, &end->writer, 1);

  g_assert_cmpuint (start, ==, end->writer.len - 2);
  g_assert_true (avi_writer_put (&end->writer, AVI_SPAN (text, len)));
  g_assert_true (avi_noise_seal (end->noise, &end->writer, start));
}

static void
test_transport (void)
{
  const gsize lengths[] = { 1, 2, 100, 0, 4096, 65518, AVI_NOISE_PAYLOAD_MAX, 7 };
  const gsize steps[] = { 1, 2, 3, 17, 1000, 30000, 65536, 65537, 70000, G_MAXSIZE };
  g_autoptr(GByteArray) text = g_byte_array_new ();
  NoiseEnd initiator, responder;

  noise_ends_connect (&initiator, &responder);
  for (gsize i = 0; i < AVI_NOISE_PAYLOAD_MAX; i++)
    g_byte_array_append (text, &(guint8) { i * 7 >> 3 }, 1);

  for (gsize step = 0; step < G_N_ELEMENTS (steps); step++)
    {
      gsize sent = 0, frames = 0;

      for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
        {
          seal (&initiator, text->data, lengths[i]);
          sent += lengths[i];
          frames += lengths[i] > 0;
        }
      g_assert_cmpuint (initiator.writer.len, ==, sent + frames * AVI_NOISE_OVERHEAD);
      g_assert_true (noise_end_hear (&responder, noise_end_written (&initiator), steps[step], NULL));
      avi_writer_truncate (&initiator.writer, 0);

      g_assert_cmpuint (responder.text->len, ==, sent);
      for (gsize i = 0, at = 0; i < G_N_ELEMENTS (lengths); at += lengths[i++])
        g_assert_true (memcmp (responder.text->data + at, text->data, lengths[i]) == 0);
      g_byte_array_set_size (responder.text, 0);
    }
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_both_ways (void)
{
  NoiseEnd initiator, responder;

  noise_ends_connect (&initiator, &responder);
  for (int i = 0; i < 3; i++)
    {
      seal (&responder, (const guint8 *) "pong", 4);
      seal (&initiator, (const guint8 *) "ping", 4);
    }
  g_assert_true (noise_end_hear (&initiator, noise_end_written (&responder), 5, NULL));
  g_assert_true (noise_end_hear (&responder, noise_end_written (&initiator), 5, NULL));
  g_assert_cmpmem (initiator.text->data, initiator.text->len, "pongpongpong", 12);
  g_assert_cmpmem (responder.text->data, responder.text->len, "pingpingping", 12);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_opened_in_place (void)
{
  NoiseEnd initiator, responder;
  AviNoiseEvent event;

  noise_ends_connect (&initiator, &responder);
  seal (&initiator, (const guint8 *) "first", 5);
  seal (&initiator, (const guint8 *) "second", 6);
  g_assert_true (avi_noise_receive (responder.noise, noise_end_written (&initiator), 0, NULL));
  g_assert_true (avi_noise_next (responder.noise, &event));
  g_assert_true (event.data.data == initiator.writer.data + 2);
  g_assert_cmpmem (event.data.data, event.data.len, "first", 5);
  g_assert_true (avi_noise_next (responder.noise, &event));
  g_assert_true (event.data.data == initiator.writer.data + 5 + AVI_NOISE_OVERHEAD + 2);
  g_assert_cmpmem (event.data.data, event.data.len, "second", 6);
  g_assert_false (avi_noise_next (responder.noise, &event));
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_text_behind_the_handshake (void)
{
  NoiseEnd initiator, responder;

  noise_end_init (&initiator, 'a', TRUE, NULL, NULL);
  noise_end_init (&responder, 'b', FALSE, NULL, NULL);
  g_assert_true (noise_end_pass (&initiator, &responder, G_MAXSIZE, NULL));
  g_assert_true (noise_end_pass (&responder, &initiator, G_MAXSIZE, NULL));

  /* Message 3 and the first frame in one packet. */
  g_assert_false (avi_noise_can_seal (initiator.noise));
  g_assert_true (avi_noise_transmit (initiator.noise, &initiator.writer, 0));
  g_assert_true (avi_noise_can_seal (initiator.noise));
  seal (&initiator, (const guint8 *) "early", 5);
  g_assert_false (avi_noise_can_seal (responder.noise));
  g_assert_true (noise_end_hear (&responder, noise_end_written (&initiator), G_MAXSIZE, NULL));
  g_assert_true (avi_noise_can_seal (responder.noise));
  g_assert_cmpmem (responder.text->data, responder.text->len, "early", 5);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_begin_limits_the_writer (void)
{
  NoiseEnd initiator, responder;
  AviWriter *writer = &initiator.writer;
  gsize start;

  noise_ends_connect (&initiator, &responder);

  g_assert_true (avi_writer_put (writer, AVI_SPAN_STRING ("before")));
  start = avi_noise_begin (initiator.noise, writer, 1);
  g_assert_cmpuint (start, ==, 6);
  g_assert_cmpuint (avi_writer_get_room (writer), ==, AVI_NOISE_PAYLOAD_MAX);
  g_assert_null (avi_writer_append (writer, AVI_NOISE_PAYLOAD_MAX + 1));

  /* Nothing was appended: as if nothing had begun. */
  g_assert_true (avi_noise_seal (initiator.noise, writer, start));
  g_assert_cmpuint (writer->len, ==, 6);
  g_assert_cmpuint (writer->limit, ==, ROOM);

  /* Little room: a frame fills it to the last byte. */
  writer->limit = 6 + AVI_NOISE_OVERHEAD + 3;
  g_assert_cmpuint (avi_noise_begin (initiator.noise, writer, 4), ==, G_MAXSIZE);
  g_assert_cmpuint (writer->len, ==, 6);
  start = avi_noise_begin (initiator.noise, writer, 3);
  g_assert_cmpuint (avi_writer_get_room (writer), ==, 3);
  g_assert_true (avi_writer_put (writer, AVI_SPAN_STRING ("abc")));
  g_assert_true (avi_noise_seal (initiator.noise, writer, start));
  g_assert_cmpuint (avi_writer_get_room (writer), ==, 0);
  for (gsize room = 0; room < AVI_NOISE_OVERHEAD; room++)
    {
      writer->limit = writer->len + room;
      g_assert_cmpuint (avi_noise_begin (initiator.noise, writer, 0), ==, G_MAXSIZE);
    }

  g_assert_true (noise_end_hear (&responder, avi_span_skip (noise_end_written (&initiator), 6), G_MAXSIZE, NULL));
  g_assert_cmpmem (responder.text->data, responder.text->len, "abc", 3);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_short_frames (void)
{
  for (int len = 0; len < AVI_AEAD_TAG_LEN; len++)
    for (gsize step = 1; step <= 2; step++)
      {
        const guint8 frame[2 + AVI_AEAD_TAG_LEN] = { 0, len };
        g_autoptr(GError) error = NULL;
        NoiseEnd initiator, responder;

        noise_ends_connect (&initiator, &responder);
        g_assert_false (noise_end_hear (&responder, AVI_SPAN (frame, sizeof frame), step == 1 ? 1 : G_MAXSIZE, &error));
        noise_assert_error (error, AVI_ERROR_PROTOCOL, "*shorter than its tag*");
        noise_end_clear (&initiator);
        noise_end_clear (&responder);
      }
}

static void
test_empty_frame (void)
{
  guint8 frame[2 + AVI_AEAD_TAG_LEN] = { 0, AVI_AEAD_TAG_LEN };

  for (gsize step = 1; step < 40; step++)
    {
      g_autoptr(GByteArray) sent = g_byte_array_new ();
      g_autoptr(AviNoiseStatic) a = noise_make_statics ('a');
      g_autoptr(GBytes) payload = avi_noise_payload_encode (a, NULL);
      const guint8 ephemeral[AVI_X25519_LEN] = { 3 };
      AviNoiseCipher sending = { 0 }, receiving = { 0 };
      AviNoiseHandshake peer;
      AviSpan opened;
      NoiseEnd responder;

      /* Ours never sends one: a peer that does. */
      noise_end_init (&responder, 'b', FALSE, NULL, NULL);
      avi_noise_handshake_init (&peer, TRUE, AVI_SPAN_EMPTY, avi_noise_static_get_keys (a), ephemeral);
      g_byte_array_append (sent, (const guint8 *) "\x00\x20", 2);
      g_assert_true (avi_noise_handshake_write (&peer, AVI_SPAN_EMPTY, sent, NULL));
      g_assert_true (noise_end_hear (&responder, AVI_SPAN (sent->data, sent->len), step, NULL));
      g_assert_true (avi_noise_transmit (responder.noise, &responder.writer, 0));
      g_assert_true (
          avi_noise_handshake_read (&peer, avi_span_skip (noise_end_written (&responder), 2), &opened, NULL));

      g_byte_array_set_size (sent, 2);
      g_assert_true (avi_noise_handshake_write (&peer, avi_span_from_bytes (payload), sent, NULL));
      sent->data[1] = sent->len - 2;
      avi_noise_handshake_split (&peer, &sending, &receiving);
      for (int i = 0; i < 3; i++)
        {
          g_assert_true (avi_noise_cipher_seal (&sending, AVI_SPAN_EMPTY, AVI_SPAN_EMPTY, frame + 2));
          g_byte_array_append (sent, frame, sizeof frame);
        }
      g_assert_true (noise_end_hear (&responder, AVI_SPAN (sent->data, sent->len), step, NULL));
      g_assert_true (responder.established);
      g_assert_cmpuint (responder.text->len, ==, 0);

      avi_noise_handshake_clear (&peer);
      avi_noise_cipher_clear (&sending);
      avi_noise_cipher_clear (&receiving);
      noise_end_clear (&responder);
    }
}

typedef void (*Harm) (GByteArray *frames);

static void
harm_repeat (GByteArray *frames)
{
  g_byte_array_append (frames, frames->data, 20);
}

static void
harm_swap (GByteArray *frames)
{
  guint8 first[20];

  memcpy (first, frames->data, 20);
  memcpy (frames->data, frames->data + 20, 20);
  memcpy (frames->data + 20, first, 20);
}

static void
harm_lose (GByteArray *frames)
{
  g_byte_array_remove_range (frames, 0, 20);
}

static void
harm_shorten (GByteArray *frames)
{
  g_byte_array_remove_index (frames, 10);
}

static void
harm_reflect (GByteArray *frames)
{
  NoiseEnd initiator, responder;

  noise_ends_connect (&initiator, &responder);
  seal (&responder, (const guint8 *) "xx", 2);
  g_byte_array_set_size (frames, 0);
  g_byte_array_append (frames, responder.writer.data, responder.writer.len);
  noise_end_clear (&initiator);
  noise_end_clear (&responder);
}

static void
test_harmed_frames (void)
{
  const Harm harms[] = { harm_repeat, harm_swap, harm_lose, harm_shorten, harm_reflect };

  for (gsize i = 0; i < G_N_ELEMENTS (harms); i++)
    for (gsize step = 1; step < 64; step += 6)
      {
        g_autoptr(GByteArray) frames = g_byte_array_new ();
        g_autoptr(GError) error = NULL;
        NoiseEnd initiator, responder;

        noise_ends_connect (&initiator, &responder);
        seal (&initiator, (const guint8 *) "xx", 2);
        seal (&initiator, (const guint8 *) "yy", 2);
        g_byte_array_append (frames, initiator.writer.data, initiator.writer.len);
        g_assert_cmpuint (frames->len, ==, 40);
        harms[i](frames);
        g_assert_false (noise_end_hear (&responder, AVI_SPAN (frames->data, frames->len), step, &error));
        noise_assert_error (error, AVI_ERROR_SECURITY, "Noise frame *was changed*");
        g_assert_false (avi_noise_can_seal (responder.noise));
        noise_end_clear (&initiator);
        noise_end_clear (&responder);
      }
}

static void
test_corrupt_frames (void)
{
  for (gsize at = 0; at < 24; at++)
    for (int bit = 0; bit < 8; bit++)
      {
        NoiseEnd initiator, responder;

        noise_ends_connect (&initiator, &responder);
        seal (&initiator, (const guint8 *) "secret", 6);
        initiator.writer.data[at] ^= 1 << bit;
        /* A length that claims more waits for it; nothing is ever handed up. */
        g_assert_cmpint (noise_end_hear (&responder, noise_end_written (&initiator), G_MAXSIZE, NULL), ==,
                         initiator.writer.data[0] << 8 > 0 || (at == 1 && initiator.writer.data[1] > 22));
        g_assert_cmpuint (responder.text->len, ==, 0);
        noise_end_clear (&initiator);
        noise_end_clear (&responder);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/noise/a handshake may be cut anywhere", test_handshake_cut_anywhere);
  g_test_add_func ("/noise/the first message is a bare key", test_first_message_is_a_bare_key);
  g_test_add_func ("/noise/a handshake message waits whole until there is room", test_waits_for_room);
  g_test_add_func ("/noise/another peer than the one expected is refused, both named", test_expected_peer);
  g_test_add_func ("/noise/a node recognises itself", test_oneself);
  g_test_add_func ("/noise/a mirror is no peer", test_mirror);
  g_test_add_func ("/noise/a signature over another static key is refused", test_stolen_signature);
  g_test_add_func ("/noise/the muxer is the initiator's first that both have", test_muxers);
  g_test_add_func ("/noise/muxers without a common one are an error", test_no_common_muxer);
  g_test_add_func ("/noise/handshake messages are bounded and checked at once", test_handshake_limits);
  g_test_add_func ("/noise/the payload of the first message is ignored", test_first_payload_is_ignored);
  g_test_add_func ("/noise/a flipped bit of the handshake is never accepted", test_corrupt_handshake);
  g_test_add_func ("/noise/frames of any length arrive however they are cut", test_transport);
  g_test_add_func ("/noise/each direction has its own key", test_both_ways);
  g_test_add_func ("/noise/frames are opened where they lie", test_opened_in_place);
  g_test_add_func ("/noise/text may follow the handshake in the same packet", test_text_behind_the_handshake);
  g_test_add_func ("/noise/what is appended fits into a frame and its tag behind it", test_begin_limits_the_writer);
  g_test_add_func ("/noise/a frame shorter than its tag is an error", test_short_frames);
  g_test_add_func ("/noise/an empty frame is no event", test_empty_frame);
  g_test_add_func ("/noise/repeated, swapped, lost, shortened and reflected frames are errors", test_harmed_frames);
  g_test_add_func ("/noise/a flipped bit of a frame is never handed up", test_corrupt_frames);
  return g_test_run ();
}
