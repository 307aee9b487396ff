/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yamux-talk.h"

static void
test_send_window (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);

  g_assert_true (talk_send_bulk (talk, id, WINDOW + 5));
  g_assert_cmpstr (talk_hear (talk), ==,
                   "DATA+SYN 1 (65507), DATA 1 (65507), DATA 1 (65507), DATA 1 (65507), DATA 1 (116)");
  g_assert_cmpuint (avi_yamux_get_queued (talk->yamux, id), ==, 5);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "");

  avi_yamux_finish (talk->yamux, id);
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk_say_update (talk, ACK, id, 3);
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 xxx");
  talk_say_update (talk, 0, id, 100);
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 xx, UPDATE+FIN 1 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
}

static void
test_send_window_of_syn (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, WINDOW);
  g_assert_true (talk_send_bulk (talk, 1, 2 * WINDOW));
  talk_hear (talk);
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
}

static void
test_credit_returned_by_halves (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_say_bulk (talk, 0, 1, WINDOW);
  avi_yamux_consume (talk->yamux, 1, WINDOW / 2 - 1);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 0");
  avi_yamux_consume (talk->yamux, 1, 1);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE 1 131072");
  avi_yamux_consume (talk->yamux, 1, WINDOW / 2);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE 1 131072");
  talk_say_bulk (talk, 0, 1, WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "");

  /* Nobody needs credit on a stream that is finished. */
  talk_say_update (talk, FIN, 1, 0);
  avi_yamux_consume (talk->yamux, 1, WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "");
}

/* Makes the machine measure a round trip of @round_trip µs. */
static void
measure (Talk *self, gint64 round_trip)
{
  g_autofree char *expected = g_strdup_printf ("pong %" G_GINT64_FORMAT, round_trip);

  g_assert_true (g_str_has_prefix (talk_hear (self), "PING+SYN 0 0"));
  self->now += round_trip;
  talk_say (self, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (talk_happened (self), ==, expected);
}

static void
test_window_grows (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .max_window = 3 * WINDOW, .ping_interval = G_USEC_PER_SEC });

  measure (talk, 1000);
  talk_say_update (talk, SYN, 1, 0);
  talk->consumes = TRUE;

  talk->now += 999; /* half of it in just under a round trip: all in just under two */
  talk_say_bulk (talk, 0, 1, WINDOW / 2);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 393216");

  talk->now += 10; /* up to max-window, no further */
  talk_say_bulk (talk, 0, 1, 2 * WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE 1 786432");
  talk_say_bulk (talk, 0, 1, 3 * WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE 1 786432");
}

static void
test_window_stays (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = G_USEC_PER_SEC });

  measure (talk, 1000);
  talk_say_update (talk, SYN, 1, 0);
  talk->consumes = TRUE;
  talk->now += 1000;
  talk_say_bulk (talk, 0, 1, WINDOW / 2);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 131072");

  /* It is who consumes that sets the pace. */
  talk->consumes = FALSE;
  talk_say_bulk (talk, 0, 1, WINDOW);
  talk->now += 5000;
  avi_yamux_consume (talk->yamux, 1, WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE 1 262144");
}

static void
test_windows_share_max_receive (void)
{
  g_autoptr(Talk) talk =
      talk_new (&(AviYamuxConfig) { .max_receive = WINDOW + 10, .ping_interval = G_USEC_PER_SEC });

  measure (talk, 1000);
  talk->consumes = TRUE;
  talk_say_bulk (talk, SYN, 1, WINDOW);
  talk_say_bulk (talk, SYN, 3, WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 524288, UPDATE+ACK 3 262154");

  /* A stream that ends leaves its share to the others. */
  avi_yamux_reset (talk->yamux, 1);
  talk_say_bulk (talk, 0, 3, WINDOW);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 1 0, UPDATE 3 524288");
}

static void
test_round_trip_is_measured_again (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = G_USEC_PER_SEC });

  measure (talk, 1000);
  talk->consumes = TRUE;
  talk_say_update (talk, SYN, 1, 0);
  for (guint i = 0; i < 4; i++)
    {
      talk->now += G_USEC_PER_SEC / 4;
      talk_say_bulk (talk, 0, 1, WINDOW / 2);
      g_assert_cmpint (strstr (talk_hear (talk), "PING") != NULL, ==, i == 3);
    }
}

static void
test_turns (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();

  for (guint i = 0; i < 3; i++)
    talk_send_bulk (talk, talk_open (talk), 100000);
  g_assert_cmpstr (talk_hear (talk), ==,
                   "DATA+SYN 1 (65507), DATA+SYN 3 (65507), DATA+SYN 5 (65507), "
                   "DATA 1 (34493), DATA 3 (34493), DATA 5 (34493)");

  /* In a writer that takes one frame at a time, too. */
  talk->writer.limit = 2000;
  for (guint i = 0; i < 3; i++)
    talk_send_bulk (talk, 1 + 2 * i, 3000);
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 (1988)");
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 3 (1988)");
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 5 (1988)");
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 (1012)");
}

static void
test_control_first (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();
  guint32 id = talk_open (talk);

  talk_send_bulk (talk, id, 100);
  talk_say_bulk (talk, SYN, 1, WINDOW);
  avi_yamux_consume (talk->yamux, 1, WINDOW);
  talk_say_update (talk, SYN, 3, 0);
  avi_yamux_reset (talk->yamux, 3);
  avi_yamux_ping (talk->yamux);
  talk_say (talk, AVI_YAMUX_PING, SYN, 0, 9);
  g_assert_cmpstr (talk_hear (talk), ==,
                   "PING+ACK 0 9, UPDATE+RST 3 0, UPDATE+ACK 1 262144, PING+SYN 0 0, DATA+SYN 2 (100)");
}

static void
test_little_room (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);

  talk_send_bulk (talk, id, 5000);
  talk->writer.limit = AVI_YAMUX_HEADER_LEN - 1;
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk->writer.limit = AVI_YAMUX_HEADER_LEN + 1023; /* no crumbs */
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk->writer.limit = AVI_YAMUX_HEADER_LEN + 1024;
  g_assert_cmpstr (talk_hear (talk), ==, "DATA+SYN 1 (1024)");
  talk_send_text (talk, talk_open (talk), "hi");
  talk->writer.limit = 1 << 20;
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 (3976), DATA+SYN 3 hi");
}

static void
test_ping_answers_collapse (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  for (guint32 i = 0; i < 1000; i++)
    talk_say (talk, AVI_YAMUX_PING, SYN, 0, i);
  g_assert_cmpstr (talk_hear (talk), ==, "PING+ACK 0 999");
  g_assert_cmpstr (talk_hear (talk), ==, "");
}

static void
test_control_waits_for_room (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  for (guint i = 0; i < 3; i++)
    {
      talk_say_update (talk, SYN, 1 + 2 * i, 0);
      avi_yamux_reset (talk->yamux, 1 + 2 * i);
    }
  talk_say_update (talk, SYN, 7, 0);
  avi_yamux_finish (talk->yamux, 7);
  avi_yamux_ping (talk->yamux);
  avi_yamux_go_away (talk->yamux, 1);
  talk_say (talk, AVI_YAMUX_PING, SYN, 0, 9);

  talk->writer.limit = AVI_YAMUX_HEADER_LEN - 1;
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk->writer.limit = 2 * AVI_YAMUX_HEADER_LEN + 1;
  g_assert_cmpstr (talk_hear (talk), ==, "PING+ACK 0 9, UPDATE+RST 1 0");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 3 0, UPDATE+RST 5 0");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 7 0, PING+SYN 0 0");
  talk->writer.limit = AVI_YAMUX_HEADER_LEN;
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+FIN 7 0");
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "GOAWAY 0 1");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
}

/* What makes it have something to say, one at a time, and what it then says. */
static void
test_is_flushed (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  g_assert_true (avi_yamux_is_flushed (talk->yamux));
  talk_say (talk, AVI_YAMUX_PING, SYN, 0, 9);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "PING+ACK 0 9");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  avi_yamux_ping (talk->yamux);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  talk_say_update (talk, SYN, 1, 0);
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
  avi_yamux_consume (talk->yamux, 1, 0);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  avi_yamux_finish (talk->yamux, 1);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+FIN 1 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  avi_yamux_reset (talk->yamux, 1);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 1 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  talk_open (talk);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+SYN 2 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));

  avi_yamux_go_away (talk->yamux, 0);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "GOAWAY 0 0");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
}

#define ADD(what, func) g_test_add_func ("/yamux-transmit/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("sends no more than the peer's window", test_send_window);
  ADD ("counts the credit that comes with SYN", test_send_window_of_syn);
  ADD ("returns credit once half the window is consumed", test_credit_returned_by_halves);
  ADD ("doubles a window that is used up within two round trips", test_window_grows);
  ADD ("leaves a window that is not used up", test_window_stays);
  ADD ("keeps the windows within max-receive in sum", test_windows_share_max_receive);
  ADD ("measures the round trip again while data flows", test_round_trip_is_measured_again);
  ADD ("gives streams their turns", test_turns);
  ADD ("sends control frames first", test_control_first);
  ADD ("cuts frames to the room that there is", test_little_room);
  ADD ("answers the newest ping", test_ping_answers_collapse);
  ADD ("keeps control frames until there is room", test_control_waits_for_room);
  ADD ("is flushed once all that it had to say is written", test_is_flushed);
  return g_test_run ();
}
