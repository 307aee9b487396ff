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

typedef struct
{
  AviPing  *ping;
  AviWriter writer;   /* the ping that is out */
  gsize     answered; /* bytes of it */
  gint64    now;
  gint64    asked;
  gboolean  failed;
} Prober;

static void
prober_wait (Prober *self, gint64 time)
{
  self->now += time;
  self->failed = !avi_ping_receive (self->ping, AVI_SPAN_EMPTY, self->now, NULL);
  g_assert (self->failed == (self->writer.len > 0 && self->now >= self->asked + TIMEOUT));
}

static void
prober_transmit (Prober *self)
{
  if (!avi_ping_transmit (self->ping, &self->writer, self->now))
    return;
  g_assert (self->writer.len == AVI_PING_LEN);
  self->asked = self->now;
  self->answered = 0;
}

/* A true answer, or a part of it. */
static void
prober_answer (Prober *self, gsize n)
{
  gsize len = MIN (n, self->writer.len - self->answered);

  if (len == 0)
    return;
  self->failed = !avi_ping_receive (self->ping, AVI_SPAN (self->writer.data + self->answered, len), self->now, NULL);
  g_assert (!self->failed);
  self->answered += len;
}

static void
prober_hear_anything (Prober *self, AviSpan data)
{
  if (data.len == 0)
    return;
  self->failed = !avi_ping_receive (self->ping, data, self->now, NULL);
  g_assert (self->failed == (data.len > self->writer.len - self->answered
                             || memcmp (data.data, self->writer.data + self->answered, data.len) != 0));
  self->answered += data.len;
}

static void
prober_check (Prober *self)
{
  AviPingEvent event;

  if (!self->failed && self->writer.len > 0 && self->answered == self->writer.len)
    {
      g_assert (avi_ping_next (self->ping, &event) && event.round_trip == self->now - self->asked);
      avi_writer_truncate (&self->writer, 0);
      self->answered = 0;
    }
  g_assert (!avi_ping_next (self->ping, &event));
}

static void
prober_command (Prober *self, AviSpan script)
{
  gsize n = script.data[1];

  switch (script.data[0] % 5)
    {
    case 0:
      prober_wait (self, n * 10);
      break;
    case 1:
      prober_transmit (self);
      break;
    case 2:
      prober_answer (self, n);
      break;
    case 3:
      prober_hear_anything (self, AVI_SPAN (script.data, MIN (n, script.len)));
      break;
    default:
      avi_ping_probe (self->ping, self->now);
      g_assert (avi_ping_deadline (self->ping) <= self->now || self->writer.len > 0);
      break;
    }
}

static void
fuzz_prober (AviSpan script)
{
  AviRandom random;
  Prober prober = { 0 };

  avi_random_seed (&random, 1);
  avi_writer_init (&prober.writer, AVI_PING_LEN);
  prober.ping = avi_ping_new_prober (INTERVAL, TIMEOUT, &random, prober.now);
  for (; script.len >= 2 && !prober.failed; script = avi_span_skip (script, 2))
    {
      prober_command (&prober, script);
      prober_check (&prober);
    }
  g_assert (!prober.failed || (avi_ping_deadline (prober.ping) == G_MAXINT64
                               && !avi_ping_transmit (prober.ping, &prober.writer, prober.now)));
  avi_ping_free (prober.ping);
  avi_writer_clear (&prober.writer);
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
