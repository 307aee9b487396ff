/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `bench-link SECONDS`: how fast a link takes 64 KiB messages and transmits them, sealed, into a
 * writer of the engine's size, without sockets. Only the sending end is timed; the other one lives
 * to open the windows.
 */
#include "config.h"

#include <unistd.h>

#include "crypto/avi-crypto.h"
#include "engine/avi-engine-private.h"
#include "link/avi-link.h"

#define PATIENCE 60 /* seconds */
#define MESSAGE  (64 * 1024)

static const char *const protocols[] = { "/bench/1", NULL };

typedef struct
{
  AviLink  *ends[2]; /* the dialler, which sends, and the listener */
  AviWriter writer;
  gint64    now;
  gboolean  established;
} Wire;

static AviLink *
make_end (gboolean dialer)
{
  g_autoptr(AviKeyPair) identity = avi_key_pair_generate ();
  g_autoptr(AviNoiseStatic) statics = avi_noise_static_new (identity, avi_random_system ());
  const AviLinkConfig config = {
    .dialer = dialer,
    .statics = statics,
    .protocols = protocols,
    .early_muxer = TRUE,
    .random = avi_random_system (),
  };

  return avi_link_new (&config, 0);
}

static void
wire_init (Wire *self)
{
  avi_writer_init (&self->writer, AVI_ENGINE_WRITER_LIMIT);
  self->ends[0] = make_end (TRUE);
  self->ends[1] = make_end (FALSE);
}

static void
wire_clear (Wire *self)
{
  avi_link_free (self->ends[0]);
  avi_link_free (self->ends[1]);
  avi_writer_clear (&self->writer);
}

static void
wire_hear (Wire *self, guint end)
{
  AviLinkEvent event;

  while (avi_link_next (self->ends[end], &event))
    {
      self->established |= event.type == AVI_LINK_EVENT_ESTABLISHED && end == 0;
      if (event.type == AVI_LINK_EVENT_DATA)
        avi_link_consume (self->ends[end], event.stream, event.data.len);
    }
}

/* What the writer holds arrives at @end. */
static void
wire_deliver (Wire *self, guint end)
{
  g_autoptr(GError) error = NULL;

  if (!avi_link_receive (self->ends[end], AVI_SPAN (self->writer.data, self->writer.len), self->now, &error))
    g_error ("%s", error->message);
  wire_hear (self, end);
  avi_writer_truncate (&self->writer, 0);
}

static gboolean
wire_pass (Wire *self, guint from)
{
  gboolean said = avi_link_transmit (self->ends[from], &self->writer, self->now);

  wire_hear (self, from);
  if (said)
    wire_deliver (self, 1 - from);
  return said;
}

/* A round trip of 100 µs, by which windows grow. */
static void
wire_settle (Wire *self)
{
  for (gboolean busy = TRUE; busy;)
    {
      self->now += 100;
      busy = wire_pass (self, 0);
      busy |= wire_pass (self, 1);
    }
}

/* Adds to @bytes what was taken and sealed within the time returned, in µs. */
static gint64
wire_fill (Wire *self, AviLinkStream *stream, GBytes *message, gsize *bytes)
{
  gint64 started = g_get_monotonic_time ();
  gint64 took;

  while (avi_link_get_queued (self->ends[0], stream) < AVI_ENGINE_WRITER_LIMIT)
    avi_link_send (self->ends[0], stream, message);
  avi_link_transmit (self->ends[0], &self->writer, self->now);
  took = g_get_monotonic_time () - started;
  *bytes += self->writer.len;
  wire_hear (self, 0);
  wire_deliver (self, 1);
  self->now += 100;
  wire_pass (self, 1);
  return took;
}

int
main (int argc, char **argv)
{
  g_autofree guint8 *zeros = g_malloc0 (MESSAGE);
  g_autoptr(GBytes) message = g_bytes_new_static (zeros, MESSAGE);
  gint64 budget = argc == 2 ? (gint64) (g_ascii_strtod (argv[1], NULL) * G_USEC_PER_SEC) : G_USEC_PER_SEC;
  Wire wire = { 0 };
  AviLinkStream *stream;
  gint64 took = 0;
  gsize bytes = 0;

  alarm (PATIENCE);
  avi_crypto_init ();
  wire_init (&wire);
  wire_settle (&wire);
  g_assert_true (wire.established);
  stream = avi_link_open (wire.ends[0], protocols, wire.now, NULL);
  wire_settle (&wire);
  while (took < budget)
    took += wire_fill (&wire, stream, message, &bytes);
  g_print ("result seal %.3f\n", bytes * 8 / 1000.0 / took);
  wire_clear (&wire);
  return 0;
}
