/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "protocols/avi-ping.h"

#define INTERVAL 1000
#define TIMEOUT  300
#define START    5000

typedef struct
{
  AviPing  *prober;
  AviPing  *echo;
  AviRandom random;
  AviWriter writer;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  avi_random_seed (&f->random, 1);
  avi_writer_init (&f->writer, 4096);
  f->prober = avi_ping_new_prober (INTERVAL, TIMEOUT, &f->random, START);
  f->echo = avi_ping_new_echo ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  avi_ping_free (f->prober);
  avi_ping_free (f->echo);
  avi_writer_clear (&f->writer);
}

static AviSpan
written (Fixture *f)
{
  return AVI_SPAN (f->writer.data, f->writer.len);
}

static void
assert_refused (AviPing *ping, AviSpan bytes, gint64 now, AviError code)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later = NULL;

  g_assert_false (avi_ping_receive (ping, bytes, now, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_false (avi_ping_receive (ping, AVI_SPAN_EMPTY, now, &later));
  g_assert_error (later, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_cmpint (avi_ping_deadline (ping), ==, G_MAXINT64);
}

static void
ask (Fixture *f, gint64 now)
{
  avi_writer_truncate (&f->writer, 0);
  g_assert_true (avi_ping_transmit (f->prober, &f->writer, now));
  g_assert_cmpuint (f->writer.len, ==, AVI_PING_LEN);
}

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  AviPingEvent event;
  guint8 first[AVI_PING_LEN];

  g_assert_cmpint (avi_ping_deadline (f->prober), ==, START);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START - 1));
  ask (f, START);
  memcpy (first, f->writer.data, AVI_PING_LEN);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START + INTERVAL));
  g_assert_cmpint (avi_ping_deadline (f->prober), ==, START + TIMEOUT);

  g_assert_true (avi_ping_receive (f->echo, written (f), 0, NULL));
  avi_writer_truncate (&f->writer, 0);
  g_assert_true (avi_ping_transmit (f->echo, &f->writer, 0));
  g_assert_false (avi_ping_transmit (f->echo, &f->writer, 0));
  g_assert_false (avi_ping_next (f->prober, &event));
  g_assert_true (avi_ping_receive (f->prober, written (f), START + 40, NULL));

  g_assert_true (avi_ping_next (f->prober, &event));
  g_assert_cmpint (event.round_trip, ==, 40);
  g_assert_false (avi_ping_next (f->prober, &event));

  g_assert_cmpint (avi_ping_deadline (f->prober), ==, START + INTERVAL);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START + INTERVAL - 1));
  ask (f, START + INTERVAL);
  g_assert_true (memcmp (first, f->writer.data, AVI_PING_LEN) != 0);
}

static void
test_answer_in_pieces (Fixture *f, gconstpointer data)
{
  AviPingEvent event;

  ask (f, START);
  for (gsize i = 0; i < AVI_PING_LEN; i++)
    {
      g_assert_false (avi_ping_next (f->prober, &event));
      g_assert_true (avi_ping_receive (f->prober, AVI_SPAN (f->writer.data + i, 1), START + 1, NULL));
      g_assert_true (avi_ping_receive (f->prober, AVI_SPAN_EMPTY, START + 1, NULL));
    }
  g_assert_true (avi_ping_next (f->prober, &event));
}

static void
test_no_answer (Fixture *f, gconstpointer data)
{
  ask (f, START);
  g_assert_true (avi_ping_receive (f->prober, AVI_SPAN (f->writer.data, AVI_PING_LEN - 1), START + 1, NULL));
  g_assert_true (avi_ping_receive (f->prober, AVI_SPAN_EMPTY, START + TIMEOUT - 1, NULL));
  assert_refused (f->prober, AVI_SPAN_EMPTY, START + TIMEOUT, AVI_ERROR_TIMEOUT);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START + INTERVAL));
}

static void
test_late_answer (Fixture *f, gconstpointer data)
{
  AviPingEvent event;

  ask (f, START);
  g_assert_true (avi_ping_receive (f->prober, written (f), START + 3 * INTERVAL, NULL));
  g_assert_true (avi_ping_next (f->prober, &event));
  g_assert_cmpint (event.round_trip, ==, 3 * INTERVAL);
  /* The next one is overdue then; no more than one. */
  ask (f, START + 3 * INTERVAL);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START + 3 * INTERVAL));
}

static void
test_wrong_answer (Fixture *f, gconstpointer data)
{
  ask (f, START);
  f->writer.data[AVI_PING_LEN - 1] ^= 1;
  g_assert_true (avi_ping_receive (f->prober, AVI_SPAN (f->writer.data, 31), START + 1, NULL));
  assert_refused (f->prober, AVI_SPAN (f->writer.data + 31, 1), START + 1, AVI_ERROR_PROTOCOL);
}

static void
test_unasked_answer (Fixture *f, gconstpointer data)
{
  assert_refused (f->prober, AVI_SPAN_STRING ("x"), START, AVI_ERROR_PROTOCOL);
}

static void
test_long_answer (Fixture *f, gconstpointer data)
{
  ask (f, START);
  g_assert_true (avi_writer_put (&f->writer, AVI_SPAN_STRING ("x")));
  assert_refused (f->prober, written (f), START + 1, AVI_ERROR_PROTOCOL);
}

static void
test_probe (Fixture *f, gconstpointer data)
{
  AviPingEvent event;

  ask (f, START);
  avi_ping_probe (f->prober, START + 1);
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START + 1));
  g_assert_true (avi_ping_receive (f->prober, written (f), START + 2, NULL));
  g_assert_true (avi_ping_next (f->prober, &event));

  avi_ping_probe (f->prober, START + 10);
  g_assert_cmpint (avi_ping_deadline (f->prober), ==, START + 10);
  ask (f, START + 10);
  g_assert_cmpint (avi_ping_deadline (f->prober), ==, START + 10 + TIMEOUT);

  avi_ping_probe (f->echo, START);
  g_assert_cmpint (avi_ping_deadline (f->echo), ==, G_MAXINT64);
}

static void
test_only_when_asked (Fixture *f, gconstpointer data)
{
  AviPing *prober = avi_ping_new_prober (G_MAXINT64, G_MAXINT64, &f->random, START);

  g_assert_true (avi_ping_transmit (prober, &f->writer, START));
  g_assert_cmpint (avi_ping_deadline (prober), ==, G_MAXINT64);
  g_assert_true (avi_ping_receive (prober, AVI_SPAN_EMPTY, G_MAXINT64 - 1, NULL));
  g_assert_true (avi_ping_receive (prober, written (f), START + 1, NULL));
  g_assert_cmpint (avi_ping_deadline (prober), ==, G_MAXINT64);
  avi_ping_probe (prober, START + 2);
  g_assert_cmpint (avi_ping_deadline (prober), ==, START + 2);
  avi_ping_free (prober);
}

static void
test_prober_waits_for_room (Fixture *f, gconstpointer data)
{
  f->writer.limit = AVI_PING_LEN - 1;
  g_assert_false (avi_ping_transmit (f->prober, &f->writer, START));
  g_assert_cmpuint (f->writer.len, ==, 0);
  f->writer.limit = AVI_PING_LEN;
  ask (f, START);
}

static void
test_echo_cut_anywhere (Fixture *f, gconstpointer data)
{
  guint8 questions[3 * AVI_PING_LEN + 5];

  f->random.fill (&f->random, questions, sizeof questions);
  for (gsize step = 1; step <= sizeof questions; step++)
    {
      AviPing *echo = avi_ping_new_echo ();

      avi_writer_truncate (&f->writer, 0);
      for (gsize at = 0; at < sizeof questions; at += step)
        {
          g_assert_true (
              avi_ping_receive (echo, AVI_SPAN (questions + at, MIN (step, sizeof questions - at)), 0, NULL));
          avi_ping_transmit (echo, &f->writer, 0);
          g_assert_cmpuint (f->writer.len % AVI_PING_LEN, ==, 0);
        }
      g_assert_cmpmem (f->writer.data, f->writer.len, questions, 3 * AVI_PING_LEN);
      avi_ping_free (echo);
    }
}

static void
test_echo_waits_for_room (Fixture *f, gconstpointer data)
{
  guint8 questions[3 * AVI_PING_LEN];

  f->random.fill (&f->random, questions, sizeof questions);
  g_assert_true (avi_ping_receive (f->echo, AVI_SPAN (questions, sizeof questions), 0, NULL));
  f->writer.limit = AVI_PING_LEN - 1;
  g_assert_false (avi_ping_transmit (f->echo, &f->writer, 0));
  f->writer.limit = 2 * AVI_PING_LEN + 31;
  g_assert_true (avi_ping_transmit (f->echo, &f->writer, 0));
  g_assert_cmpuint (f->writer.len, ==, 2 * AVI_PING_LEN);
  f->writer.limit = 4096;
  g_assert_true (avi_ping_transmit (f->echo, &f->writer, 0));
  g_assert_cmpmem (f->writer.data, f->writer.len, questions, sizeof questions);
}

static void
test_echo_is_bounded (Fixture *f, gconstpointer data)
{
  const guint8 questions[AVI_PING_MAX_PENDING * AVI_PING_LEN] = { 0 };

  g_assert_true (avi_ping_receive (f->echo, AVI_SPAN (questions, sizeof questions), 0, NULL));
  assert_refused (f->echo, AVI_SPAN_STRING ("x"), 0, AVI_ERROR_LIMIT);
  g_assert_false (avi_ping_transmit (f->echo, &f->writer, 0));
}

#define ADD(path, function) g_test_add ("/ping/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("the prober asks at once, measures, and asks again in time", test_round_trip);
  ADD ("an answer may come in pieces", test_answer_in_pieces);
  ADD ("an answer that does not come whole in time is an error", test_no_answer);
  ADD ("an answer is taken late rather than never", test_late_answer);
  ADD ("a wrong answer is an error", test_wrong_answer);
  ADD ("an answer that nobody asked for is an error", test_unasked_answer);
  ADD ("an answer that goes on is an error", test_long_answer);
  ADD ("a probe asks at once, unless a question is out", test_probe);
  ADD ("without an interval it asks only when told", test_only_when_asked);
  ADD ("a ping waits whole until there is room", test_prober_waits_for_room);
  ADD ("the echo answers whole pings however they are cut", test_echo_cut_anywhere);
  ADD ("the echo answers as there is room", test_echo_waits_for_room);
  ADD ("the echo holds 16 pings and no more", test_echo_is_bounded);
  return g_test_run ();
}
