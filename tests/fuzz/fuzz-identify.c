/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Identify from a peer that says anything: the first byte of the input is how the rest is cut.
 * However it is cut the same is heard, within the limits; and what was heard, said again, is heard
 * the same.
 */
#include "config.h"

#include <stdint.h>

#include "protocols/avi-identify.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The device whose key the seeds show. */
static AviKeyPair *
get_identity (void)
{
  static AviKeyPair *identity;
  const guint8 seed[AVI_KEY_SEED_LEN] = { 1 };

  if (identity == NULL)
    identity = avi_key_pair_from_seed (seed);
  return identity;
}

static gboolean
hear (AviSpan bytes, gsize step, AviIdentify *heard)
{
  g_autoptr(AviIdentifyReader) reader = avi_identify_reader_new ();
  g_autoptr(GError) error = NULL;
  gboolean good = TRUE;

  *heard = (AviIdentify) { 0 };
  for (gsize n; bytes.len > 0 && good; bytes = avi_span_skip (bytes, n))
    {
      g_autofree guint8 *piece = NULL;

      n = MIN (step, bytes.len);
      piece = g_memdup2 (bytes.data, n);
      good = avi_identify_reader_receive (reader, AVI_SPAN (piece, n), &error);
    }
  good = good && avi_identify_reader_finish (reader, avi_key_pair_get_peer_id (get_identity ()), heard, &error);
  g_assert (good == (error == NULL));
  return good;
}

static void
check_text (const char *text)
{
  g_assert (strlen (text) <= AVI_IDENTIFY_MAX_TEXT && g_utf8_validate (text, -1, NULL));
}

static void
check (const AviIdentify *heard)
{
  AviPeerId peer;

  if (heard->protocol_version != NULL)
    check_text (heard->protocol_version);
  if (heard->agent_version != NULL)
    check_text (heard->agent_version);
  g_assert (heard->key == NULL
            || avi_peer_id_equal (avi_public_key_get_peer_id (heard->key), avi_key_pair_get_peer_id (get_identity ())));
  if (heard->listen_addresses != NULL)
    {
      g_assert (heard->listen_addresses->len <= AVI_IDENTIFY_MAX_ADDRESSES);
      for (guint i = 0; i < heard->listen_addresses->len; i++)
        g_assert (!avi_multiaddr_get_peer (g_ptr_array_index (heard->listen_addresses, i), &peer));
    }
  if (heard->protocols != NULL)
    {
      g_assert (g_strv_length (heard->protocols) <= AVI_IDENTIFY_MAX_PROTOCOLS);
      for (guint i = 0; heard->protocols[i] != NULL; i++)
        check_text (heard->protocols[i]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  AviIdentify whole, cut, again;
  gboolean good;

  if (size < 1)
    return 0;

  good = hear (AVI_SPAN (data + 1, size - 1), G_MAXSIZE, &whole);
  if (hear (AVI_SPAN (data + 1, size - 1), 1 + data[0], &cut) != good)
    g_assert_not_reached ();
  if (good)
    {
      g_autoptr(GBytes) said = avi_identify_encode (&whole);
      g_autoptr(GBytes) said_of_cut = avi_identify_encode (&cut);
      g_autoptr(GBytes) said_again = NULL;

      check (&whole);
      g_assert (g_bytes_equal (said, said_of_cut));
      if (!hear (avi_span_from_bytes (said), G_MAXSIZE, &again))
        g_assert_not_reached ();
      g_assert (again.n_ignored == 0);
      said_again = avi_identify_encode (&again);
      g_assert (g_bytes_equal (said, said_again));
      avi_identify_clear (&again);
    }
  avi_identify_clear (&whole);
  avi_identify_clear (&cut);
  return 0;
}
