/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Noise with a peer that does anything. The first byte of the input chooses what:
 *   0, 1  raw bytes to an initiator or a responder, cut and uncut alike;
 *   2, 3  a true handshake whose payload is the input, as responder or initiator;
 *   4, 5  the same, the input behind a good payload;
 *   6     a true handshake, then frames that the input sends, harms and cuts.
 * All randomness is seeded, so that an input does the same each time.
 */
#include "config.h"

#include <stdint.h>

#include "link/avi-noise.h"
#include "link/avi-noise-payload.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define WRITER_LIMIT (256 * 1024)

static const char *const muxers[] = { "/yamux/1.0.0", NULL };

/* Made once: signing them is most of a run's time. */
static AviNoiseStatic *
get_statics (int letter)
{
  static AviNoiseStatic *statics[2];
  guint8 seed[AVI_KEY_SEED_LEN];
  AviRandom random;

  if (statics[letter] == NULL)
    {
      g_autoptr(AviKeyPair) identity = NULL;

      memset (seed, letter + 1, sizeof seed);
      identity = avi_key_pair_from_seed (seed);
      avi_random_seed (&random, letter);
      statics[letter] = avi_noise_static_new (identity, &random);
    }
  return statics[letter];
}

typedef struct
{
  AviNoise   *noise;
  AviRandom   random;
  GByteArray *text;
  gboolean    established;
} End;

static void
end_init (End *end, int letter, gboolean initiator)
{
  *end = (End) { .text = g_byte_array_new () };
  avi_random_seed (&end->random, 10 + letter);
  end->noise = avi_noise_new (&(AviNoiseConfig) {
    .initiator = initiator,
    .statics = get_statics (letter),
    .muxers = muxers,
    .random = &end->random,
  });
}

static void
end_clear (End *end)
{
  avi_noise_free (end->noise);
  g_byte_array_unref (end->text);
}

/* -1, or the code of the error that @end fails with. Each piece lies in a place of its own. */
static int
hear (End *end, AviSpan bytes, gsize step)
{
  g_autoptr(GError) error = NULL;
  AviNoiseEvent event;

  for (gsize n; bytes.len > 0; bytes = avi_span_skip (bytes, n))
    {
      g_autofree guint8 *piece = NULL;

      n = MIN (step, bytes.len);
      piece = g_memdup2 (bytes.data, n);
      if (!avi_noise_receive (end->noise, AVI_SPAN (piece, n), 0, &error))
        {
          g_assert (!avi_noise_next (end->noise, &event) && !avi_noise_can_seal (end->noise));
          return error->code;
        }
      g_assert (error == NULL);
      while (avi_noise_next (end->noise, &event))
        if (event.type == AVI_NOISE_EVENT_ESTABLISHED)
          {
            g_assert (!end->established && event.key != NULL);
            end->established = TRUE;
          }
        else
          {
            g_assert (end->established && event.data.len > 0);
            g_byte_array_append (end->text, event.data.data, event.data.len);
          }
    }
  return -1;
}

/* Appends what @end has to say. */
static void
say (End *end, GByteArray *out)
{
  AviWriter writer;

  avi_writer_init (&writer, WRITER_LIMIT);
  while (avi_noise_transmit (end->noise, &writer, 0))
    ;
  g_byte_array_append (out, writer.data, writer.len);
  avi_writer_clear (&writer);
}

static int
hear_raw (gboolean initiator, AviSpan bytes, gsize step, GByteArray *said)
{
  End end;
  int code;

  end_init (&end, 0, initiator);
  code = hear (&end, bytes, step);
  g_assert (!end.established);
  say (&end, said);
  end_clear (&end);
  return code;
}

static void
fuzz_raw (gboolean initiator, AviSpan bytes)
{
  g_autoptr(GByteArray) whole = g_byte_array_new ();
  g_autoptr(GByteArray) cut = g_byte_array_new ();

  g_assert (hear_raw (initiator, bytes, G_MAXSIZE, whole) == hear_raw (initiator, bytes, 1, cut));
  g_assert (avi_span_equal (AVI_SPAN (whole->data, whole->len), AVI_SPAN (cut->data, cut->len)));
}

static void
frame (GByteArray *message)
{
  const guint8 head[2] = { message->len >> 8, message->len & 0xff };

  g_byte_array_prepend (message, head, sizeof head);
}

/* A peer that is true to Noise tells @payload. Nobody but the device whose signature it is gets in. */
static void
fuzz_payload (gboolean initiator, AviSpan payload, gboolean good)
{
  const guint8 ephemeral[AVI_X25519_LEN] = { 7 };
  g_autoptr(GByteArray) heard = g_byte_array_new ();
  g_autoptr(GByteArray) said = g_byte_array_new ();
  AviNoiseHandshake peer;
  AviSpan opened;
  End end;
  int code;

  if (payload.len > AVI_NOISE_FRAME_MAX / 2)
    return;

  end_init (&end, 0, initiator);
  avi_noise_handshake_init (&peer, !initiator, AVI_SPAN_EMPTY, avi_noise_static_get_keys (get_statics (1)), ephemeral);
  if (!initiator)
    {
      avi_noise_handshake_write (&peer, AVI_SPAN_EMPTY, said, NULL);
      frame (said);
      code = hear (&end, AVI_SPAN (said->data, said->len), G_MAXSIZE);
      g_assert (code == -1);
      g_byte_array_set_size (said, 0);
    }
  say (&end, heard);
  if (!avi_noise_handshake_read (&peer, AVI_SPAN (heard->data + 2, heard->len - 2), &opened, NULL)
      || !avi_noise_handshake_write (&peer, payload, said, NULL))
    g_assert_not_reached ();
  frame (said);

  code = hear (&end, AVI_SPAN (said->data, said->len), G_MAXSIZE);
  g_assert (end.established == (code == -1));
  g_assert (good || !end.established);
  avi_noise_handshake_clear (&peer);
  end_clear (&end);
}

static void
fuzz_behind_payload (gboolean initiator, AviSpan bytes)
{
  g_autoptr(GBytes) good = avi_noise_payload_encode (get_statics (1), muxers);
  g_autoptr(GByteArray) payload = g_byte_array_new ();

  g_byte_array_append (payload, g_bytes_get_data (good, NULL), g_bytes_get_size (good));
  g_byte_array_append (payload, bytes.data, bytes.len);
  fuzz_payload (initiator, AVI_SPAN (payload->data, payload->len), TRUE);
}

static void
seal (End *end, GByteArray *sent, GByteArray *frames, gsize len)
{
  AviWriter writer;
  gsize start;

  avi_writer_init (&writer, AVI_NOISE_OVERHEAD + len);
  start = avi_noise_begin (end->noise, &writer, MIN (len, AVI_NOISE_PAYLOAD_MAX));
  g_assert (start == 0);
  len = MIN (len, avi_writer_get_room (&writer));
  for (gsize i = 0; i < len; i++)
    g_byte_array_append (sent, &(guint8) { (sent->len * 31) >> 3 }, 1);
  if (len > 0)
    avi_writer_put (&writer, AVI_SPAN (sent->data + sent->len - len, len));
  if (!avi_noise_seal (end->noise, &writer, start))
    g_assert_not_reached ();
  g_assert (writer.len == (len > 0 ? len + AVI_NOISE_OVERHEAD : 0));
  g_byte_array_append (frames, writer.data, writer.len);
  avi_writer_clear (&writer);
}

/* Commands of three bytes: what, and a number. TRUE where the frames are still as they were sealed. */
static gboolean
play (End *end, AviSpan script, GByteArray *sent, GByteArray *frames)
{
  gboolean whole = TRUE;

  for (; script.len >= 3 && frames->len < WRITER_LIMIT; script = avi_span_skip (script, 3))
    {
      gsize n = script.data[1] << 8 | script.data[2];

      switch (script.data[0] % 8)
        {
        case 0: /* flip a bit */
          if (frames->len == 0)
            break;
          frames->data[n % frames->len] ^= 1 << n % 8;
          whole = FALSE;
          break;
        case 1: /* lose the end */
          if (n == 0 || frames->len == 0)
            break;
          g_byte_array_set_size (frames, frames->len - MIN (n, frames->len));
          whole = FALSE;
          break;
        case 2: /* repeat the beginning */
          n = MIN (n, frames->len);
          if (n == 0)
            break;
          {
            g_autofree guint8 *again = g_memdup2 (frames->data, n);

            g_byte_array_append (frames, again, n);
          }
          whole = FALSE;
          break;
        case 3: /* a long frame */
          seal (end, sent, frames, 65000 + n);
          break;
        default:
          seal (end, sent, frames, n % 1024);
          break;
        }
    }
  return whole;
}

static void
fuzz_transport (AviSpan bytes)
{
  g_autoptr(GByteArray) sent = g_byte_array_new ();
  g_autoptr(GByteArray) frames = g_byte_array_new ();
  End ends[2];
  gboolean whole;
  gsize step;
  int code;

  if (bytes.len < 2)
    return;
  step = 1 + (bytes.data[0] << 8 | bytes.data[1]);

  end_init (&ends[0], 0, TRUE);
  end_init (&ends[1], 1, FALSE);
  for (int i = 0; i < 3; i++)
    {
      say (&ends[i % 2], frames);
      code = hear (&ends[1 - i % 2], AVI_SPAN (frames->data, frames->len), G_MAXSIZE);
      g_assert (code == -1);
      g_byte_array_set_size (frames, 0);
    }

  whole = play (&ends[0], avi_span_skip (bytes, 2), sent, frames);
  code = hear (&ends[1], AVI_SPAN (frames->data, frames->len), step);
  /* What arrives is what was sent, as far as it arrives. */
  g_assert (
      ends[1].text->len <= sent->len
      && avi_span_equal (AVI_SPAN (ends[1].text->data, ends[1].text->len), AVI_SPAN (sent->data, ends[1].text->len)));
  g_assert (!whole || (code == -1 && ends[1].text->len == sent->len));
  end_clear (&ends[0]);
  end_clear (&ends[1]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  AviSpan bytes;

  if (size < 1)
    return 0;

  bytes = AVI_SPAN (data + 1, size - 1);
  switch (data[0] % 7)
    {
    case 0:
    case 1:
      fuzz_raw (data[0] % 7 == 0, bytes);
      break;
    case 2:
    case 3:
      fuzz_payload (data[0] % 7 == 2, bytes, FALSE);
      break;
    case 4:
    case 5:
      fuzz_behind_payload (data[0] % 7 == 4, bytes);
      break;
    default:
      fuzz_transport (bytes);
      break;
    }
  return 0;
}
