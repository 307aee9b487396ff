/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A negotiation with a peer that says anything: the first byte of the input chooses who we are, the
 * second how the rest is cut. However it is cut, the same comes out.
 */
#include "config.h"

#include <stdint.h>

#include "link/avi-multistream.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char *const one[] = { "/noise", NULL };
static const char *const two[] = { "/noise", "/yamux/1.0.0", NULL };

static AviMultistream *
make_machine (guint8 choice)
{
  switch (choice % 4)
    {
    case 0:
      return avi_multistream_new_listener (two);
    case 1:
      return avi_multistream_new_dialer (one, FALSE);
    case 2:
      return avi_multistream_new_dialer (one, TRUE);
    default:
      return avi_multistream_new_dialer (two, FALSE);
    }
}

static void
take (AviMultistream *machine, AviWriter *writer, GString *events, GString *data)
{
  AviMultistreamEvent event;

  avi_multistream_transmit (machine, writer, 0);
  while (avi_multistream_next (machine, &event))
    if (event.type == AVI_MULTISTREAM_EVENT_DATA)
      {
        g_assert (event.data.len > 0);
        g_string_append_len (data, (const char *) event.data.data, event.data.len);
      }
    else
      {
        g_assert (data->len == 0 && event.protocol != NULL);
        g_string_append_printf (events, "%d %s ", event.type, event.protocol);
      }
}

/* All that is to be seen of a run. */
static GBytes *
run (guint8 choice, const guint8 *bytes, gsize len, gsize step)
{
  g_autoptr(AviMultistream) machine = make_machine (choice);
  g_autoptr(GString) data = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  GString *events = g_string_new (NULL);
  AviWriter writer;

  avi_writer_init (&writer, 4096);
  take (machine, &writer, events, data);
  for (gsize at = 0; at < len; at += MIN (step, len - at))
    {
      gboolean good = avi_multistream_receive (machine, AVI_SPAN (bytes + at, MIN (step, len - at)), 0, &error);

      g_assert (good == (error == NULL));
      if (!good)
        break;
      take (machine, &writer, events, data);
    }

  /* What was refused before the failure is still answered; then nothing more is said. */
  avi_multistream_transmit (machine, &writer, 0);
  g_assert (!avi_multistream_transmit (machine, &writer, 0));
  g_assert (error == NULL || !avi_multistream_is_done (machine));
  g_string_append_printf (events, "%d|", error != NULL ? error->code : -1);
  g_string_append_len (events, (const char *) writer.data, writer.len);
  g_string_append_len (events, data->str, data->len);
  avi_writer_clear (&writer);
  return g_string_free_to_bytes (events);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr(GBytes) whole = NULL;
  g_autoptr(GBytes) cut = NULL;

  if (size < 2)
    return 0;

  whole = run (data[0], data + 2, size - 2, G_MAXSIZE);
  cut = run (data[0], data + 2, size - 2, 1 + data[1]);
  /* With two offers, an answer to the second is wrong where it came before the second was made. */
  if (data[0] % 4 != 3)
    g_assert (g_bytes_equal (whole, cut));
  return 0;
}
