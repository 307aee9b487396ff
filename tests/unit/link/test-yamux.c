/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-private.h"
#include "yamux-talk.h"

static void
test_open_with_data (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 first = talk_open (talk), second = talk_open (talk);

  g_assert_cmpuint (first, ==, 1);
  g_assert_cmpuint (second, ==, 3);
  talk_send_text (talk, first, "hel");
  talk_send_text (talk, first, "lo");
  g_assert_cmpstr (talk_hear (talk), ==, "DATA+SYN 1 hello, UPDATE+SYN 3 0");
  talk_send_text (talk, first, "more");
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 more");
  g_assert_true (avi_yamux_is_flushed (talk->yamux));
}

static void
test_ids_of_a_listener (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();

  g_assert_cmpuint (talk_open (talk), ==, 2);
  g_assert_cmpuint (talk_open (talk), ==, 4);
}

static void
test_owner (void)
{
  g_autoptr(Talk) talk = talk_new_listener ();
  guint32 id = talk_open (talk);
  AviYamuxEvent event;
  guint8 frame[AVI_YAMUX_HEADER_LEN + 2] = { 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 'h', 'i' };

  talk_hear (talk);
  avi_yamux_set_owner (talk->yamux, id, talk);
  g_assert_true (avi_yamux_get_owner (talk->yamux, id) == talk);
  g_assert_null (avi_yamux_get_owner (talk->yamux, 99));
  avi_yamux_set_owner (talk->yamux, 99, talk);

  g_assert_true (avi_yamux_receive (talk->yamux, AVI_SPAN (frame, sizeof frame), talk->now, NULL));
  g_assert_true (avi_yamux_next (talk->yamux, &event));
  g_assert_cmpint (event.type, ==, AVI_YAMUX_EVENT_DATA);
  g_assert_true (event.owner == talk);
  g_assert_true (event.data.data == frame + AVI_YAMUX_HEADER_LEN); /* a view, not a copy */
  talk_drain (talk);
}

static void
test_max_streams (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .max_streams = 2 });
  g_autoptr(GError) error = NULL;

  talk_say_update (talk, SYN, 1, 0);
  talk_open (talk);
  talk_say_data (talk, SYN, 3, "too much");
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 3 0, UPDATE+SYN 2 0");

  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==,
                   "max-streams: 2 streams of at most 2 are open on the connection, 1 of at most 256 wait for the "
                   "peer's acknowledgement");
  g_assert_cmpuint (avi_yamux_get_n_refused (talk->yamux), ==, 1);

  avi_yamux_reset (talk->yamux, 1);
  talk_say_update (talk, SYN, 5, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 5");
}

static void
test_max_unaccepted (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .max_unaccepted = 1 });

  talk_say_update (talk, SYN, 1, 0);
  talk_say_update (talk, SYN, 3, 0);
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 3 0");
  avi_yamux_consume (talk->yamux, 1, 0);
  talk_say_update (talk, SYN, 5, 0);
  avi_yamux_reset (talk->yamux, 5);
  talk_say_update (talk, SYN, 7, 0);
  talk_say_update (talk, RST, 7, 0);
  talk_say_update (talk, SYN, 9, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "stream 1, stream 5, stream 7, reset 7, stream 9");
}

static void
test_unacknowledged (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 256; i++)
    talk_open (talk);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);

  talk_hear (talk);
  talk_say_update (talk, ACK, 1, 0);
  g_assert_cmpuint (talk_open (talk), ==, 513);
  talk_say_update (talk, RST, 3, 0);
  g_assert_cmpuint (talk_open (talk), ==, 515);
  avi_yamux_reset (talk->yamux, 5);
  g_assert_cmpuint (talk_open (talk), ==, 517);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, NULL), ==, 0);
}

static void
test_reset_by_us (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 known = talk_open (talk);

  talk_hear (talk);
  talk_send_text (talk, known, "dropped");
  avi_yamux_reset (talk->yamux, known);
  avi_yamux_reset (talk->yamux, talk_open (talk)); /* of which the peer never heard */
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 1 0");
  g_assert_cmpstr (talk_happened (talk), ==, "");
  g_assert_cmpuint (avi_yamux_get_n_streams (talk->yamux), ==, 0);
}

static void
test_max_send_queue (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .initiator = TRUE, .max_send_queue = 10000 });
  guint32 id = talk_open (talk);

  talk_send_bulk (talk, id, 1000); /* as good as empty: anything goes */
  g_assert_true (talk_send_bulk (talk, id, WINDOW + 5000));
  g_assert_false (talk_send_bulk (talk, id, 1));
  talk_hear (talk);
  g_assert_cmpuint (avi_yamux_get_queued (talk->yamux, id), ==, 6000);
  g_assert_cmpstr (talk_happened (talk), ==, "writable 1");

  g_assert_true (talk_send_bulk (talk, id, 4000));
  g_assert_false (talk_send_bulk (talk, id, 5000));
  talk_say_update (talk, ACK, id, 4999);
  talk_hear (talk);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  talk_say_update (talk, 0, id, 1);
  talk_hear (talk);
  g_assert_cmpstr (talk_happened (talk), ==, "writable 1");
  g_assert_true (talk_send_bulk (talk, id, 5000));

  /* More than the queue ever takes waits until it is as good as empty. */
  g_assert_false (talk_send_bulk (talk, id, 50000));
  talk_say_update (talk, 0, id, 10000 - 1024);
  talk_hear (talk);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  talk_say_update (talk, 0, id, 1);
  talk_hear (talk);
  g_assert_cmpstr (talk_happened (talk), ==, "writable 1");
}

static void
test_keep_alive (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, G_MAXINT64);
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 0");
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 30);
  talk->now += 10;
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "pong 10");

  /* Any byte puts the next one off. */
  talk->now += 90;
  talk_say_update (talk, SYN, 1, 0);
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 100);
  talk->now += 99;
  talk_receive (talk, AVI_SPAN_EMPTY);
  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk->now += 1;
  talk_receive (talk, AVI_SPAN_EMPTY);
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 1");

  /* A peer that is busy sending is there, if late to answer. */
  talk->now += 29;
  talk_say_data (talk, 0, 1, "busy");
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 30);
  talk->now += 29;
  talk_receive (talk, AVI_SPAN_EMPTY);
  talk->now += 1;
  g_assert_false (avi_yamux_receive (talk->yamux, AVI_SPAN_EMPTY, talk->now, NULL));
}

static void
test_timeout (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = 100000, .ping_timeout = 30000 });
  g_autoptr(GError) error = NULL;

  talk_hear (talk);
  talk->now += 30000;
  g_assert_false (avi_yamux_receive (talk->yamux, AVI_SPAN_EMPTY, talk->now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_cmpstr (error->message, ==, "No answer to a Yamux ping within 30 ms");
}

static void
test_timeout_without_a_writer (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  /* The peer does not read, so that not even the ping can be written. */
  talk_receive (talk, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 30);
  talk->now += 29;
  talk_receive (talk, AVI_SPAN_EMPTY);
  talk->now += 1;
  g_assert_false (avi_yamux_receive (talk->yamux, AVI_SPAN_EMPTY, talk->now, NULL));
}

static void
test_late_driver (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = 100, .ping_timeout = 30 });

  talk_hear (talk);
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 0);

  /* A process that was stopped for long asks before it gives up, by whatever way it comes to it. */
  talk->now += 100000;
  talk_receive (talk, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 30);
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 1");
  talk_say (talk, AVI_YAMUX_PING, ACK, 0, 1);
  talk->now += 99;
  avi_yamux_ping (talk->yamux);
  talk->now += 100000;
  g_assert_cmpstr (talk_hear (talk), ==, "PING+SYN 0 2");
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, talk->now + 30);
}

static void
test_no_wake_ups (void)
{
  g_autoptr(Talk) talk = talk_new (&(AviYamuxConfig) { .ping_interval = -1 });

  g_assert_cmpstr (talk_hear (talk), ==, "");
  talk_receive (talk, AVI_SPAN_EMPTY);
  g_assert_cmpint (avi_yamux_deadline (talk->yamux), ==, G_MAXINT64);
}

static void
test_go_away_received (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);
  g_autoptr(GError) error = NULL;

  talk_hear (talk);
  talk_say (talk, AVI_YAMUX_GO_AWAY, 0, 0, 2);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);

  talk_say_data (talk, ACK, id, "still here");
  g_assert_cmpstr (talk_happened (talk), ==, "go-away 2, data 1 still here");
}

static void
test_go_away_sent (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  guint32 id = talk_open (talk);
  g_autoptr(GError) error = NULL;

  talk_send_bulk (talk, id, WINDOW + 100);
  avi_yamux_go_away (talk->yamux, 0);
  avi_yamux_go_away (talk->yamux, 1);
  g_assert_false (avi_yamux_is_flushed (talk->yamux));

  /* Behind what can go, but not behind what waits for credit. */
  g_assert_true (g_str_has_suffix (talk_hear (talk), "DATA 1 (116), GOAWAY 0 0"));
  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);

  talk_say_update (talk, SYN, 2, 0);
  g_assert_cmpstr (talk_happened (talk), ==, "");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+RST 2 0");
  talk_say_update (talk, ACK, id, 100);
  g_assert_cmpstr (talk_hear (talk), ==, "DATA 1 (100)");
}

static void
test_default_limits (void)
{
  g_autoptr(Talk) streams = talk_new_listener ();
  g_autoptr(Talk) unaccepted = talk_new_listener ();
  g_autoptr(Talk) queue = talk_new_dialler ();
  guint32 id = talk_open (queue);

  for (guint32 i = 0; i < 1024; i++)
    {
      talk_say_update (streams, SYN, 1 + 2 * i, 0);
      avi_yamux_consume (streams->yamux, 1 + 2 * i, 0);
    }
  talk_hear (streams);
  g_assert_cmpuint (avi_yamux_get_n_streams (streams->yamux), ==, 1024);
  talk_say_update (streams, SYN, 4001, 0);
  g_assert_cmpstr (talk_hear (streams), ==, "UPDATE+RST 4001 0");

  for (guint32 i = 0; i < 257; i++)
    talk_say_update (unaccepted, SYN, 1 + 2 * i, 0);
  g_assert_cmpstr (talk_hear (unaccepted), ==, "UPDATE+RST 513 0");
  g_assert_cmpuint (avi_yamux_get_n_streams (unaccepted->yamux), ==, 256);

  g_assert_true (talk_send_bulk (queue, id, AVI_YAMUX_MAX_SEND_QUEUE - 1));
  g_assert_true (talk_send_bulk (queue, id, 1));
  g_assert_false (talk_send_bulk (queue, id, 1));
}

static void
test_default_pings (void)
{
  g_autoptr(AviYamux) yamux = avi_yamux_new (&(AviYamuxConfig) { .initiator = TRUE });
  const guint8 pong[AVI_YAMUX_HEADER_LEN] = { 0, AVI_YAMUX_PING, 0, ACK };
  g_autoptr(GError) error = NULL;
  AviYamuxEvent event;
  gint64 now = G_USEC_PER_SEC;
  AviWriter out;

  avi_writer_init (&out, 1024);
  g_assert_true (avi_yamux_transmit (yamux, &out, now));
  g_assert_cmpint (avi_yamux_deadline (yamux), ==, now + 10 * G_USEC_PER_SEC);
  g_assert_true (avi_yamux_receive (yamux, AVI_SPAN (pong, sizeof pong), now, NULL));
  g_assert_true (avi_yamux_next (yamux, &event));
  g_assert_cmpint (event.type, ==, AVI_YAMUX_EVENT_PONG);
  g_assert_false (avi_yamux_next (yamux, &event));

  now += 10 * G_USEC_PER_SEC;
  g_assert_cmpint (avi_yamux_deadline (yamux), ==, now);
  g_assert_true (avi_yamux_transmit (yamux, &out, now));
  now += 10 * G_USEC_PER_SEC;
  g_assert_cmpint (avi_yamux_deadline (yamux), ==, now);
  g_assert_false (avi_yamux_receive (yamux, AVI_SPAN_EMPTY, now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  avi_writer_clear (&out);
}

static void
test_ids_used_up (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  g_autoptr(GError) error = NULL;

  talk->yamux->next_id = G_MAXUINT32;
  g_assert_cmpuint (talk_open (talk), ==, G_MAXUINT32);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_cmpstr (error->message, ==, "The connection takes no more streams: its stream ids are used up");
  g_assert_cmpstr (talk_hear (talk), ==, "UPDATE+SYN 4294967295 0");
}

static void
test_open_after_an_error (void)
{
  g_autoptr(Talk) talk = talk_new_dialler ();
  g_autoptr(GError) error = NULL;

  talk_say_update (talk, SYN, 1, 0);
  g_assert_cmpuint (avi_yamux_open (talk->yamux, &error), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_cmpstr (error->message, ==,
                   "The connection takes no more streams: Yamux SYN for stream 1, which is not the peer's to open");
  avi_yamux_free (NULL);
}

#define ADD(what, func) g_test_add_func ("/yamux/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("opens a stream with its first data", test_open_with_data);
  ADD ("opens streams of even ids where it listens", test_ids_of_a_listener);
  ADD ("remembers a stream's owner and hands out views", test_owner);
  ADD ("resets streams beyond max-streams", test_max_streams);
  ADD ("resets streams beyond max-unaccepted", test_max_unaccepted);
  ADD ("opens no more than the peer acknowledges", test_unacknowledged);
  ADD ("resets a stream that the peer knows", test_reset_by_us);
  ADD ("refuses data over max-send-queue and says when it fits", test_max_send_queue);
  ADD ("pings a silent peer", test_keep_alive);
  ADD ("fails when a ping is not answered", test_timeout);
  ADD ("fails when a ping cannot be written", test_timeout_without_a_writer);
  ADD ("asks before it gives up, however late it is called", test_late_driver);
  ADD ("never wakes without keep-alive", test_no_wake_ups);
  ADD ("opens no streams after the peer's GoAway", test_go_away_received);
  ADD ("says GoAway behind everything that can go", test_go_away_sent);
  ADD ("has the limits that are documented", test_default_limits);
  ADD ("asks after 10 s of silence, and gives up after 10 more", test_default_pings);
  ADD ("opens no stream once its ids are used up", test_ids_used_up);
  ADD ("says why it opens no stream after an error", test_open_after_an_error);
  return g_test_run ();
}
