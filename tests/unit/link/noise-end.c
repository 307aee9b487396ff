/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "noise-end.h"

AviKeyPair *
noise_make_identity (char letter)
{
  guint8 seed[AVI_KEY_SEED_LEN];

  memset (seed, letter, sizeof seed);
  return avi_key_pair_from_seed (seed);
}

AviNoiseStatic *
noise_make_statics (char letter)
{
  g_autoptr(AviKeyPair) identity = noise_make_identity (letter);
  AviRandom random;

  avi_random_seed (&random, letter);
  return avi_noise_static_new (identity, &random);
}

void
noise_end_init (NoiseEnd *end, char letter, gboolean initiator, const AviPeerId *expected, const char *const *muxers)
{
  g_autoptr(AviNoiseStatic) statics = noise_make_statics (letter);

  *end = (NoiseEnd) { .text = g_byte_array_new () };
  avi_random_seed (&end->random, initiator ? 11 : 12);
  avi_writer_init (&end->writer, ROOM);
  end->noise = avi_noise_new (&(AviNoiseConfig) {
    .initiator = initiator,
    .statics = statics,
    .expected = expected,
    .muxers = muxers,
    .random = &end->random,
  });
}

void
noise_end_clear (NoiseEnd *end)
{
  avi_noise_free (end->noise);
  avi_writer_clear (&end->writer);
  g_byte_array_unref (end->text);
}

static void
noise_end_take_events (NoiseEnd *end)
{
  AviNoiseEvent event;

  while (avi_noise_next (end->noise, &event))
    switch (event.type)
      {
      case AVI_NOISE_EVENT_ESTABLISHED:
        g_assert_false (end->established);
        end->established = TRUE;
        end->peer = *avi_public_key_get_peer_id (event.key);
        end->muxer = event.muxer;
        break;
      case AVI_NOISE_EVENT_DATA:
        g_assert_true (end->established);
        g_assert_cmpuint (event.data.len, >, 0);
        g_byte_array_append (end->text, event.data.data, event.data.len);
        break;
      default:
        g_assert_not_reached ();
      }
}

gboolean
noise_end_hear (NoiseEnd *end, AviSpan bytes, gsize step, GError **error)
{
  while (bytes.len > 0)
    {
      gsize n = MIN (step, bytes.len);
      g_autofree guint8 *piece = g_memdup2 (bytes.data, n);

      if (!avi_noise_receive (end->noise, AVI_SPAN (piece, n), 0, error))
        return FALSE;
      noise_end_take_events (end);
      bytes = avi_span_skip (bytes, n);
    }
  return TRUE;
}

AviSpan
noise_end_written (NoiseEnd *end)
{
  return AVI_SPAN (end->writer.data, end->writer.len);
}

gboolean
noise_end_pass (NoiseEnd *from, NoiseEnd *to, gsize step, GError **error)
{
  gboolean good;

  while (avi_noise_transmit (from->noise, &from->writer, 0))
    ;
  good = noise_end_hear (to, noise_end_written (from), step, error);
  avi_writer_truncate (&from->writer, 0);
  return good;
}

void
noise_ends_shake_hands (NoiseEnd *initiator, NoiseEnd *responder, gsize step)
{
  g_assert_true (noise_end_pass (initiator, responder, step, NULL));
  g_assert_true (noise_end_pass (responder, initiator, step, NULL));
  g_assert_true (noise_end_pass (initiator, responder, step, NULL));
  g_assert_true (initiator->established && responder->established);
}

void
noise_ends_connect (NoiseEnd *initiator, NoiseEnd *responder)
{
  noise_end_init (initiator, 'a', TRUE, NULL, NULL);
  noise_end_init (responder, 'b', FALSE, NULL, NULL);
  noise_ends_shake_hands (initiator, responder, G_MAXSIZE);
}

void
noise_assert_error (GError *error, AviError code, const char *pattern)
{
  g_assert_error (error, AVI_ERROR, (int) code);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("“%s” does not match “%s”", error->message, pattern);
}
