/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a link shows of itself in clear: all that goes under Noise, the negotiation before it, and
 * nothing of Noise's own.
 */
#include "config.h"

#include "link/avi-link-tap.h"

#include "sealed-peer.h"

#define SECURITY "\x13/multistream/1.0.0\n\x07/noise\n"
#define MUXER    "\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n"

static const char *const served[] = { "/a", NULL };

static void
assert_record (const AviLinkTap *tap, gsize *offset, gboolean said, const char *text)
{
  AviLinkTapRecord record;

  g_assert_true (avi_link_tap_next (tap, offset, &record));
  g_assert_cmpint (record.said, ==, said);
  g_assert_cmpmem (record.bytes.data, record.bytes.len, text, strlen (text));
}

static void
test_records (void)
{
  AviLinkTap tap;
  AviLinkTapRecord record;
  gsize offset = 0;

  avi_link_tap_init (&tap, 1024);
  avi_link_tap_take_back (&tap, 1);
  avi_link_tap_put (&tap, TRUE, AVI_SPAN_STRING ("hello"));
  avi_link_tap_put (&tap, FALSE, AVI_SPAN_EMPTY);
  avi_link_tap_put (&tap, FALSE, AVI_SPAN_STRING ("answer, and more"));
  avi_link_tap_take_back (&tap, strlen (", and more"));
  avi_link_tap_put (&tap, TRUE, AVI_SPAN_STRING ("never said"));
  avi_link_tap_take_back (&tap, strlen ("never said"));
  avi_link_tap_take_back (&tap, 3);

  assert_record (&tap, &offset, TRUE, "hello");
  assert_record (&tap, &offset, FALSE, "answer");
  g_assert_false (avi_link_tap_next (&tap, &offset, &record));

  avi_link_tap_reset (&tap);
  offset = 0;
  g_assert_false (avi_link_tap_next (&tap, &offset, &record));
  avi_link_tap_clear (&tap);
}

static void
test_full (void)
{
  AviLinkTap tap;
  AviLinkTapRecord record;
  gsize offset = 0;

  avi_link_tap_init (&tap, 64);
  avi_link_tap_put (&tap, TRUE, AVI_SPAN_STRING ("fits"));
  avi_link_tap_put (&tap, FALSE, AVI_SPAN_STRING ("does not fit, however one looks at it, for it is too long"));
  /* Of which nothing is there that could be taken back. */
  avi_link_tap_take_back (&tap, 4);
  avi_link_tap_put (&tap, TRUE, AVI_SPAN_STRING ("does"));

  assert_record (&tap, &offset, TRUE, "fits");
  assert_record (&tap, &offset, TRUE, "does");
  g_assert_false (avi_link_tap_next (&tap, &offset, &record));
  g_assert_cmpuint (tap.lost[FALSE], ==, 57);
  g_assert_cmpuint (tap.lost[TRUE], ==, 0);
  avi_link_tap_clear (&tap);
}

/* What one end said, all records together. */
static GByteArray *
gather (const AviLinkTap *tap, gboolean said)
{
  GByteArray *all = g_byte_array_new ();
  AviLinkTapRecord record;

  for (gsize offset = 0; avi_link_tap_next (tap, &offset, &record);)
    if (record.said == said)
      g_byte_array_append (all, record.bytes.data, (guint) record.bytes.len);
  return all;
}

static void
test_link (gconstpointer dialer)
{
  AviLinkTap tap;
  g_autoptr(SealedPeer) peer = NULL;
  g_autoptr(GByteArray) said = NULL;
  g_autoptr(GByteArray) heard = NULL;
  g_autoptr(GByteArray) expected_said = g_byte_array_new ();
  g_autoptr(GByteArray) expected_heard = g_byte_array_new ();
  guint8 ping[12] = { 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7 };

  avi_link_tap_init (&tap, 1024 * 1024);
  peer = sealed_peer_new (
      &(AviLinkConfig) { .dialer = GPOINTER_TO_INT (dialer), .protocols = served, .tap = &tap }, FALSE, NULL, NULL);
  sealed_peer_say (peer, AVI_SPAN_STRING (MUXER));
  g_assert_true (avi_link_is_established (peer->link));
  sealed_peer_say (peer, AVI_SPAN (ping, sizeof ping));

  said = gather (&tap, TRUE);
  g_byte_array_append (expected_said, (const guint8 *) SECURITY, strlen (SECURITY));
  g_byte_array_append (expected_said, peer->heard->data, peer->heard->len);
  g_assert_cmpmem (said->data, said->len, expected_said->data, expected_said->len);

  heard = gather (&tap, FALSE);
  g_byte_array_append (expected_heard, (const guint8 *) SECURITY MUXER, strlen (SECURITY MUXER));
  g_byte_array_append (expected_heard, ping, sizeof ping);
  g_assert_cmpmem (heard->data, heard->len, expected_heard->data, expected_heard->len);
  g_clear_pointer (&peer, sealed_peer_free);
  avi_link_tap_clear (&tap);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link-tap/records come out as they were put, but for what was taken back", test_records);
  g_test_add_func ("/link-tap/what does not fit is counted", test_full);
  g_test_add_data_func ("/link-tap/a dialler shows what is under Noise and before it", GINT_TO_POINTER (TRUE),
                        test_link);
  g_test_add_data_func ("/link-tap/a listener shows what is under Noise and before it", GINT_TO_POINTER (FALSE),
                        test_link);
  return g_test_run ();
}
