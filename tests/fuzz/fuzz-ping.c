/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ping against a peer that does anything. The input is commands of two bytes, what and how much; the
 * bytes that a peer sends are taken from the input as well. The echo returns what it heard, in whole
 * pings; the prober is content with nothing but what it asked.
 */
#include "config.h"

#include <stdint.h>

#include "protocols/avi-ping.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define INTERVAL 1000
#define TIMEOUT  500

static void
fuzz_echo (AviSpan script)
{
  g_autoptr(AviPing) echo = avi_ping_new_echo ();
  g_autoptr(GByteArray) heard = g_byte_array_new ();
  gboolean failed = FALSE;
  AviPingEvent event;
  AviWriter writer;

  avi_writer_init (&writer, 64 * 1024);
  for (; script.len >= 2 && !failed; script = avi_span_skip (script, 2))
    {
      gsize n = script.data[1];

      if (script.data[0] % 2 == 0)
        {
          n = MIN (n, script.len);
          failed = !avi_ping_receive (echo, AVI_SPAN (script.data, n), 0, NULL);
          if (!failed)
            g_byte_array_append (heard, script.data, n);
        }
      else
        {
          writer.limit = MIN (writer.len + n, 64 * 1024);
          avi_ping_transmit (echo, &writer, 0);
          g_assert (writer.len % AVI_PING_LEN == 0);
        }
    }

  writer.limit = 64 * 1024;
  g_assert (avi_ping_transmit (echo, &writer, 0) ? !failed : TRUE);
  g_assert (writer.len <= heard->len && (writer.len == 0 || memcmp (writer.data, heard->data, writer.len) == 0));
  g_assert (failed || heard->len - writer.len < AVI_PING_LEN || writer.len + AVI_PING_LEN > writer.limit);
  g_assert (!avi_ping_next (echo, &event) && avi_ping_deadline (echo) == G_MAXINT64);
  avi_writer_clear (&writer);
}

static void
fuzz_prober (AviSpan script)
{
  AviRandom random;
  AviPing *prober;
  AviPingEvent event;
  AviWriter writer; /* the ping that is out, and what of it has not been answered */
  gsize answered = 0;
  gint64 now = 0, asked = 0;
  gboolean failed = FALSE;

  avi_random_seed (&random, 1);
  avi_writer_init (&writer, AVI_PING_LEN);
  prober = avi_ping_new_prober (INTERVAL, TIMEOUT, &random, now);
  for (; script.len >= 2 && !failed; script = avi_span_skip (script, 2))
    {
      gsize n = script.data[1];
      AviSpan truth =
          writer.len > 0 ? AVI_SPAN (writer.data + answered, MIN (n, writer.len - answered)) : AVI_SPAN_EMPTY;

      switch (script.data[0] % 5)
        {
        case 0: /* time passes */
          now += n * 10;
          failed = !avi_ping_receive (prober, AVI_SPAN_EMPTY, now, NULL);
          g_assert (failed == (writer.len > 0 && now >= asked + TIMEOUT));
          break;
        case 1: /* what may go goes */
          if (avi_ping_transmit (prober, &writer, now))
            {
              g_assert (writer.len == AVI_PING_LEN);
              asked = now;
              answered = 0;
            }
          break;
        case 2: /* a true answer, or a part of it */
          if (truth.len == 0)
            break;
          failed = !avi_ping_receive (prober, truth, now, NULL);
          g_assert (!failed);
          answered += truth.len;
          break;
        case 3: /* anything */
          truth.len = MIN (n, script.len);
          if (truth.len == 0)
            break;
          failed = !avi_ping_receive (prober, AVI_SPAN (script.data, truth.len), now, NULL);
          g_assert (failed == (truth.len > writer.len - answered
                               || memcmp (script.data, writer.data + answered, truth.len) != 0));
          answered += truth.len;
          break;
        default:
          avi_ping_probe (prober, now);
          g_assert (avi_ping_deadline (prober) <= now || writer.len > 0);
          break;
        }

      if (!failed && writer.len > 0 && answered == writer.len)
        {
          g_assert (avi_ping_next (prober, &event) && event.round_trip == now - asked);
          avi_writer_truncate (&writer, 0);
          answered = 0;
        }
      g_assert (!avi_ping_next (prober, &event));
    }
  g_assert (!failed || (avi_ping_deadline (prober) == G_MAXINT64 && !avi_ping_transmit (prober, &writer, now)));
  avi_ping_free (prober);
  avi_writer_clear (&writer);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;

  if (data[0] % 2 == 0)
    fuzz_echo (AVI_SPAN (data + 1, size - 1));
  else
    fuzz_prober (AVI_SPAN (data + 1, size - 1));
  return 0;
}
