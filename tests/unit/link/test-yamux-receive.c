/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yamux-talk.h"

static void
test_bad_headers (void)
{
  static const struct
  {
    guint8      bytes[AVI_YAMUX_HEADER_LEN];
    const char *message;
  } cases[] = {
    { { 1 }, "Yamux frame of version 1" },
    { { 0, 4 }, "Yamux frame of type 4" },
    { { 0, 0 }, "Yamux frame of type 0 on stream 0" },
    { { 0, 1 }, "Yamux frame of type 1 on stream 0" },
    { { 0, 2, 0, 1, 0, 0, 0, 5 }, "Yamux frame of type 2 on stream 5" },
    { { 0, 3, 0, 0, 0, 0, 0, 5 }, "Yamux frame of type 3 on stream 5" },
    { { 0, 2, 0, 4 }, "Yamux PING with flags 0x4, neither SYN nor ACK" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Talk) talk = talk_new_listener ();

      talk_receive (talk, AVI_SPAN (cases[i].bytes, AVI_YAMUX_HEADER_LEN));
      talk_assert_failed (talk, AVI_ERROR_PROTOCOL, cases[i].message);
    }
}

static void
test_events_before_an_error (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();
  AviWriter out;

  avi_writer_init (&out, 1024);
  talk_put_frame (&out, AVI_YAMUX_DATA, SYN, 1, 2, (const guint8 *) "hi");
  talk_put_frame (&out, AVI_YAMUX_PING, FIN, 0, 0, NULL);
  talk_receive (talk, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);

  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 hi");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux PING with flags 0x4, neither SYN nor ACK");
}

static void
test_cut_everywhere (void)
{
  AviWriter out;

  avi_writer_init (&out, 1024);
  talk_put_frame (&out, AVI_YAMUX_WINDOW_UPDATE, SYN, 1, 0, NULL);
  talk_put_frame (&out, AVI_YAMUX_DATA, 0, 1, 5, (const guint8 *) "hello");
  talk_put_frame (&out, AVI_YAMUX_PING, SYN, 0, 7, NULL);
  talk_put_frame (&out, AVI_YAMUX_DATA, FIN, 1, 5, (const guint8 *) "world");
  talk_put_frame (&out, AVI_YAMUX_GO_AWAY, 0, 0, 0, NULL);

  for (gsize cut = 0; cut <= out.len; cut++)
    {
      g_autoptr(Talk) talk = talk_new_listener ();
      g_autofree char *all = NULL;

      talk_receive (talk, AVI_SPAN (out.data, cut));
      talk_receive (talk, avi_span_skip (AVI_SPAN (out.data, out.len), cut));
      all = g_strdup (talk_happened (talk));

      /* Only the pieces of data may differ. */
      g_assert_true (g_str_has_prefix (all, "stream 1, data 1 h"));
      g_assert_true (g_str_has_suffix (all, "d, finished 1, go-away 0"));
      g_assert_cmpstr (talk_hear (talk), ==, "PING+ACK 0 7");
    }
  avi_writer_clear (&out);
}

static void
test_partial_frames_handed_up (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  /* js sends DATA frames as large as the window. */
  talk_say_update (talk, SYN, 1, 0);
  talk_say (talk, AVI_YAMUX_DATA, 0, 1, WINDOW);
  talk_receive (talk, AVI_SPAN_STRING ("the first"));
  talk_receive (talk, AVI_SPAN_STRING ("the second"));
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 the first, data 1 the second");
}

static void
test_syn_and_reset (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_data (talk, SYN | RST, 1, "never mind");
  g_assert_cmpstr (talk_happened (talk), ==, "");
  g_assert_cmpstr (talk_hear (talk), ==, "");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);
}

static void
test_wrong_syn (void)
{
  g_autoptr(Talk) parity = talk_new_listener ();
  g_autoptr(Talk) twice = talk_new_listener ();

  talk_say_update (parity, SYN, 2, 0);
  talk_assert_failed (parity, AVI_ERROR_PROTOCOL, "Yamux SYN for stream 2, which is not the peer's to open");

  talk_say_update (twice, SYN, 1, 0);
  talk_say_update (twice, SYN, 1, 0);
  talk_assert_failed (twice, AVI_ERROR_PROTOCOL, "Yamux SYN for stream 1, which is open already");
}

static void
test_data_after_fin (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN | FIN, 1, 0);
  talk_say_data (talk, 0, 1, "more");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux DATA of 4 bytes for stream 1 after its FIN");
}

static void
test_reset_within_a_frame (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_say (talk, AVI_YAMUX_DATA, FIN, 1, 10);
  talk_receive (talk, AVI_SPAN_STRING ("12345"));
  avi_yamux_reset (talk->yamux, 1);
  talk_receive (talk, AVI_SPAN_STRING ("67890"));
  talk_say_update (talk, SYN, 3, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 12345, stream 3");
}

static void
test_stray_frames (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_data (talk, SYN, 1, "1234");
  avi_yamux_reset (talk->yamux, 1);
  talk_happened (talk);

  /* On its way when we reset, up to the credit that the stream had. */
  talk_say_bulk (talk, 0, 1, WINDOW - 4);
  talk_say_update (talk, 0, 1, 1000);
  talk_say_update (talk, FIN, 1, 0);
  talk_say_update (talk, RST, 1, 0);
  talk_say_update (talk, 0, 77, 1000);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 1 0");

  talk_say_data (talk, 0, 1, "x");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux DATA of 1 bytes for stream 1, which is not open");
}

static void
test_stray_data_behind_an_empty_frame (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_say_update (talk, SYN, 3, 0);
  avi_yamux_reset (talk->yamux, 3);
  talk_say_data (talk, 0, 1, "");
  talk_say_data (talk, 0, 3, "not for stream 1");
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, stream 3");
}

static void
test_frames_before_our_syn (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();
  guint32 id = talk_open (talk);

  talk_say_update (talk, 0, id, 10);
  talk_say_update (talk, RST, id, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  talk_say_data (talk, 0, id, "x");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux DATA of 1 bytes for stream 2, which is not open");
}

static void
test_window_overflow (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, G_MAXUINT32 - WINDOW);
  talk_say_update (talk, 0, 1, 1);
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL,
                 "Yamux window of stream 1 would grow by 1 bytes from 4294967295, past 2^32 - 1");
}

static void
test_receive_window (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_say_bulk (talk, 0, 1, WINDOW - 1);
  talk_say_bulk (talk, 0, 1, 2);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 (262143)");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux DATA of 2 bytes for stream 1, whose window is 1 bytes");
}

static void
test_first_frame_over_the_window (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say (talk, AVI_YAMUX_DATA, SYN, 1, WINDOW + 1);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL,
                      "Yamux DATA of 262145 bytes for stream 1, whose window is 262144 bytes");
}

static void
test_unasked_pong (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0);
  avi_yamux_ping (talk->yamux);
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0); /* not sent yet */
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 0");
  avi_yamux_ping (talk->yamux); /* joins it */
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 1);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  talk->now += 50;
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0);
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "pong 50");
}

static void
test_unknown_flags (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, 0xfff0 | SYN, 1, 0);
  talk_say_data (talk, 0xfff0 | FIN, 1, "hi");
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 hi, finished 1");
}

static void
test_credit_with_fin (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN | FIN, 1, 5);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, finished 1");
  g_assert_true (talk_send_bulk (talk, 1, WINDOW + 6));
  talk_hear (talk);
  g_assert_cmpuint (avi_yamux_get_queued (talk->yamux, 1), ==, 1);
}

static void
test_data_of_a_refused_stream (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .max_streams = 1 });

  /* The peer may have sent a whole window before it hears of the refusal, and no more. */
  talk_say_update (talk, SYN, 1, 0);
  talk_say_bulk (talk, SYN, 3, WINDOW - 1);
  talk_say_bulk (talk, 0, 3, 1);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1");
  talk_say_data (talk, 0, 3, "x");
  talk_assert_failed (talk, AVI_ERROR_PROTOCOL, "Yamux DATA of 1 bytes for stream 3, which is not open");
}

static void
test_error_is_final (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_say (talk, AVI_YAMUX_PING, 0, 0, 0);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (avi_yamux_receive (talk->yamux, AVI_SPAN_STRING ("anything"), talk->now, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
    }

  /* Verbs do no harm. */
  talk_send_text (talk, 1, "into the void");
  avi_yamux_consume (talk->yamux, 1, 0);
  avi_yamux_reset (talk->yamux, 1);
  avi_yamux_go_away (talk->yamux, 0);
  avi_yamux_ping (talk->yamux);
  g_assert_cmpstr (talk_hear (talk), ==, "");
}

#define ADD(what, func) g_test_add_func ("/yamux-receive/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("refuses headers that make no sense", test_bad_headers);
  ADD ("reports what came before an error, then the error", test_events_before_an_error);
  ADD ("reads the same however the bytes are cut", test_cut_everywhere);
  ADD ("hands up a large frame as it arrives", test_partial_frames_handed_up);
  ADD ("ignores a stream that is opened and reset in one frame", test_syn_and_reset);
  ADD ("refuses a SYN of the wrong parity or for an open stream", test_wrong_syn);
  ADD ("refuses data after FIN", test_data_after_fin);
  ADD ("skips the rest of a frame when its stream is reset", test_reset_within_a_frame);
  ADD ("ignores stray frames, data within the credit of what was reset", test_stray_frames);
  ADD ("gives stray data to nobody", test_stray_data_behind_an_empty_frame);
  ADD ("ignores frames for a stream whose SYN is not out", test_frames_before_our_syn);
  ADD ("refuses a window beyond 32 bits", test_window_overflow);
  ADD ("refuses data beyond the window", test_receive_window);
  ADD ("refuses a first frame beyond the window", test_first_frame_over_the_window);
  ADD ("ignores an answer that nobody waits for", test_unasked_pong);
  ADD ("ignores flags that nobody knows", test_unknown_flags);
  ADD ("counts the credit that comes with FIN", test_credit_with_fin);
  ADD ("passes over a window's worth of data of a stream that it refused", test_data_of_a_refused_stream);
  ADD ("returns an error for good", test_error_is_final);
  return g_test_run ();
}
