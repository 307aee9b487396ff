/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yamux-talk.h"

static void
test_accept (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  /* js opens with an empty update, rust with data. */
  talk_say_update (talk, SYN, 1, 0);
  talk_say_data (talk, SYN, 3, "rust");
  talk_say_data (talk, SYN, 5, "quiet");
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, stream 3, data 3 rust, stream 5, data 5 quiet");
  g_assert_cmpstr (talk_hear (talk), ==, "");

  talk_send_text (talk, 1, "yes");
  avi_yamux_consume (talk->yamux, 3, 0);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 3 0, DATA+ACK 1 yes");

  /* FIN never rides with ACK (py). */
  avi_yamux_finish (talk->yamux, 5);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 5 0, UPDATE+FIN 5 0");
}

static void
test_everything_at_once (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_data (talk, SYN | FIN, 1, "all");
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 all, finished 1");
  avi_yamux_finish (talk->yamux, 1);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 0, UPDATE+FIN 1 0");
  g_assert_cmpstr (talk_happened (talk), ==, "closed 1");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);
}

static void
test_reset_flood (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .max_streams = 1 });

  /* A peer that opens and opens and never reads. */
  for (guint32 i = 0; i < 4097; i++)
    talk_say_update (talk, SYN, 1 + 2 * i, 0);
  g_assert_cmpstr (talk_hear (talk), !=, "");

  for (guint32 i = 0; i < 4097; i++)
    talk_say_update (talk, SYN, 10001 + 2 * i, 0);
  talk_assert_failed (talk, AVI_ERROR_LIMIT,
                      "More than 4096 resets of Yamux streams wait for a peer that does not read");
}

static void
test_half_close (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);
  g_autoptr(GBytes) late = g_bytes_new_static ("late", 4);

  talk_send_text (talk, id, "question");
  avi_yamux_finish (talk->yamux, id);
  avi_yamux_finish (talk->yamux, id);
  g_assert_false (avi_yamux_send (talk->yamux, id, late));
  g_assert_cmpstr (talk_hear (talk), ==, "DATA+SYN 1 question, UPDATE+FIN 1 0");

  talk_say_data (talk, ACK, id, "answer");
  talk_say_update (talk, FIN, id, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "data 1 answer, finished 1, closed 1");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);

  /* Nothing is left to act on. */
  avi_yamux_consume (talk->yamux, id, 6);
  avi_yamux_finish (talk->yamux, id);
  avi_yamux_reset (talk->yamux, id);
  g_assert_false (avi_yamux_send (talk->yamux, id, late));
  g_assert_cmpuint (avi_yamux_get_queued (talk->yamux, id), ==, 0);
  g_assert_cmpstr (talk_hear (talk), ==, "");
}

static void
test_fin_opens (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();

  avi_yamux_finish (talk->yamux, talk_open (talk));
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+SYN 1 0, UPDATE+FIN 1 0");
}

static void
test_peer_finishes_first (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_data (talk, SYN, 1, "q");
  talk_say (talk, AVI_YAMUX_DATA, FIN, 1, 0); /* as rust does it */
  talk_say (talk, AVI_YAMUX_DATA, FIN, 1, 0); /* once more does no harm */
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, data 1 q, finished 1");

  talk_send_text (talk, 1, "a");
  avi_yamux_finish (talk->yamux, 1);
  g_assert_cmpstr (talk_hear (talk), ==, "DATA+ACK 1 a, UPDATE+FIN 1 0");
  g_assert_cmpstr (talk_happened (talk), ==, "closed 1");
}

static void
test_reset_by_peer (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  talk_say_update (talk, SYN, 1, 0);
  talk_send_bulk (talk, 1, 2 * WINDOW);
  talk_hear (talk);
  /* rust resets with DATA; what it carries is dropped. go puts a reason in an update. */
  talk_say_data (talk, RST, 1, "gone");
  talk_say_update (talk, SYN, 3, 0);
  talk_say_update (talk, RST, 3, G_MAXUINT32);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, reset 1, stream 3, reset 3");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
  g_assert_cmpstr (talk_hear (talk), ==, "");
}

static void
test_established_without_ack (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();

  for (guint i = 0; i < 256; i++)
    talk_open (talk);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, NULL), ==, 0);
  talk_hear (talk);

  /* The first frame that comes back will do. */
  talk_say_data (talk, 0, 1, "answer");
  talk_open (talk);
  talk_say_update (talk, 0, 3, 1000);
  talk_open (talk);
  talk_say_update (talk, FIN, 5, 0);
  talk_open (talk);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, NULL), ==, 0);
}

static void
test_no_writable_after_finish (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);

  g_assert_true (talk_send_bulk (talk, id, AVI_YAMUX_MAX_SEND_QUEUE));
  g_assert_false (talk_send_bulk (talk, id, 1));
  avi_yamux_finish (talk->yamux, id);
  talk_hear (talk);
  talk_say_update (talk, ACK, id, AVI_YAMUX_MAX_SEND_QUEUE);
  g_assert_true (g_str_has_suffix (talk_hear (talk), ", UPDATE+FIN 1 0"));
  g_assert_cmpstr (talk_happened (talk), ==, "");
}

static void
test_reset_of_what_is_over (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();
  AviYamuxEvent event;
  guint8 fin[AVI_YAMUX_HEADER_LEN] = { 0, AVI_YAMUX_WINDOW_UPDATE, 0, FIN, 0, 0, 0, 1 };

  talk_say_update (talk, SYN, 1, 0);
  avi_yamux_finish (talk->yamux, 1);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+ACK 1 0, UPDATE+FIN 1 0");
  talk_happened (talk);

  /* Between FINISHED and CLOSED: the peer knows that it is over, and CLOSED is not told any more. */
  g_assert_true (avi_yamux_receive (talk->yamux, AVI_SPAN (fin, sizeof fin), talk->now, NULL));
  g_assert_true (avi_yamux_next (talk->yamux, &event));
  g_assert_cmpint (event.type, ==, AVI_YAMUX_EVENT_FINISHED);
  avi_yamux_reset (talk->yamux, 1);
  g_assert_false (avi_yamux_next (talk->yamux, &event));
  g_assert_cmpstr (talk_hear (talk), ==, "");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);
}

#define ADD(what, func) g_test_add_func ("/yamux-streams/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("acknowledges a stream once its owner touches it", test_accept);
  ADD ("takes a stream that is opened, used and finished in one frame", test_everything_at_once);
  ADD ("fails where resets pile up", test_reset_flood);
  ADD ("finishes in one direction, then the other", test_half_close);
  ADD ("opens a stream that is finished at once", test_fin_opens);
  ADD ("answers after the peer has finished", test_peer_finishes_first);
  ADD ("drops a stream that the peer resets", test_reset_by_peer);
  ADD ("takes any frame for an acknowledgement", test_established_without_ack);
  ADD ("tells of no room on a stream that is finished", test_no_writable_after_finish);
  ADD ("says nothing where a stream is reset that both have finished", test_reset_of_what_is_over);
  return g_test_run ();
}
