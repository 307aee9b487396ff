/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-ping.h"

#define INTERVAL 1000
#define TIMEOUT  300
#define START    ((gint64) 5000)

/* Past its first ping, which was answered after @round_trip. */
static void
ping_init_settled (AviYamuxPing *ping, gint64 round_trip, gint64 *now)
{
  gint64 measured;

  avi_yamux_ping_init (ping, INTERVAL, TIMEOUT);
  *now = START;
  g_assert_true (avi_yamux_ping_advance (ping, FALSE, *now));
  avi_yamux_ping_sent (ping, *now);
  *now += round_trip;
  g_assert_true (avi_yamux_ping_advance (ping, TRUE, *now));
  g_assert_true (avi_yamux_ping_answered (ping, ping->value, *now, &measured));
  g_assert_cmpint (measured, ==, round_trip);
}

static void
test_asks_at_the_start (void)
{
  AviYamuxPing ping;
  gint64 measured;

  avi_yamux_ping_init (&ping, INTERVAL, TIMEOUT);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_WANTED);
  g_assert_cmpint (ping.round_trip, ==, 0);
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, G_MAXINT64);

  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, START));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, START + TIMEOUT);
  avi_yamux_ping_sent (&ping, START + 10);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_SENT);
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, START + 10 + TIMEOUT);
  g_assert_true (avi_yamux_ping_answered (&ping, 0, START + 30, &measured));
  g_assert_cmpint (measured, ==, 20);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);
}

static void
test_asks_after_silence (void)
{
  AviYamuxPing ping;
  gint64 now;

  ping_init_settled (&ping, 20, &now);
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, now + INTERVAL);

  /* Each byte puts it off, time alone does not. */
  g_assert_true (avi_yamux_ping_advance (&ping, TRUE, now + 400));
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 500));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, now + 400 + INTERVAL);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 400 + INTERVAL - 1));
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 400 + INTERVAL));
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_WANTED);
  g_assert_cmpuint (ping.value, ==, 1);
}

static void
test_loses_the_peer (void)
{
  AviYamuxPing ping;
  gint64 now;

  ping_init_settled (&ping, 20, &now);
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, now);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + TIMEOUT - 1));

  /* It sends, if it does not answer: the time begins anew. */
  g_assert_true (avi_yamux_ping_advance (&ping, TRUE, now + TIMEOUT - 1));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, now + 2 * TIMEOUT - 1);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 2 * TIMEOUT - 2));
  g_assert_false (avi_yamux_ping_advance (&ping, FALSE, now + 2 * TIMEOUT - 1));
}

static void
test_loses_a_peer_that_does_not_read (void)
{
  AviYamuxPing ping;
  gint64 now;

  /* The ping is never sent: what counts is when it was wanted, and that time has passed since. */
  ping_init_settled (&ping, 20, &now);
  avi_yamux_ping_ask (&ping);
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, now + INTERVAL);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 100000));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, now + 100000 + TIMEOUT);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, now + 100000 + TIMEOUT - 1));
  g_assert_false (avi_yamux_ping_advance (&ping, FALSE, now + 100000 + TIMEOUT));
}

static void
test_one_at_a_time (void)
{
  AviYamuxPing ping;
  gint64 now, measured;

  ping_init_settled (&ping, 20, &now);
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, now);
  avi_yamux_ping_ask (&ping);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_SENT);
  g_assert_true (avi_yamux_ping_answered (&ping, 1, now + 20, &measured));
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);
}

static void
test_wrong_answers (void)
{
  AviYamuxPing ping;
  gint64 now, measured = -7;

  ping_init_settled (&ping, 20, &now);
  g_assert_false (avi_yamux_ping_answered (&ping, 0, now, &measured)); /* twice */
  avi_yamux_ping_ask (&ping);
  g_assert_false (avi_yamux_ping_answered (&ping, 1, now, &measured)); /* before it was asked */
  avi_yamux_ping_sent (&ping, now);
  g_assert_false (avi_yamux_ping_answered (&ping, 0, now, &measured));
  g_assert_false (avi_yamux_ping_answered (&ping, 2, now, &measured));
  g_assert_cmpint (measured, ==, -7);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_SENT);
  g_assert_cmpint (ping.round_trip, ==, 20);
}

static void
test_values_wrap (void)
{
  AviYamuxPing ping;
  gint64 now, measured;

  ping_init_settled (&ping, 20, &now);
  ping.value = G_MAXUINT32;
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, now);
  g_assert_true (avi_yamux_ping_answered (&ping, G_MAXUINT32, now, &measured));
  g_assert_cmpuint (ping.value, ==, 0);
}

static void
test_round_trip (void)
{
  AviYamuxPing ping;
  gint64 now, measured;

  ping_init_settled (&ping, 20, &now);
  g_assert_cmpint (ping.round_trip, ==, 20);
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, now);
  g_assert_true (avi_yamux_ping_answered (&ping, 1, now + 60, &measured));
  g_assert_cmpint (measured, ==, 60);
  g_assert_cmpint (ping.round_trip, ==, 40);

  /* A clock that goes back */
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, now);
  g_assert_true (avi_yamux_ping_answered (&ping, 2, now - 1000, &measured));
  g_assert_cmpint (measured, ==, 0);
  g_assert_cmpint (ping.round_trip, ==, 20);
}

static void
test_refresh (void)
{
  AviYamuxPing ping;
  gint64 now;

  ping_init_settled (&ping, 20, &now);
  avi_yamux_ping_refresh (&ping, now + INTERVAL - 1);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);
  avi_yamux_ping_refresh (&ping, now + INTERVAL);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_WANTED);
}

static void
test_no_keep_alive (void)
{
  AviYamuxPing ping;
  gint64 measured;

  avi_yamux_ping_init (&ping, -1, TIMEOUT);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, START));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, G_MAXINT64);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, G_MAXINT64 / 2));
  avi_yamux_ping_refresh (&ping, G_MAXINT64 / 2);
  g_assert_cmpint (ping.state, ==, AVI_YAMUX_PING_IDLE);

  /* Who wants to know may ask all the same, and then silence counts. */
  avi_yamux_ping_init (&ping, -1, TIMEOUT);
  g_assert_true (avi_yamux_ping_advance (&ping, FALSE, START));
  avi_yamux_ping_ask (&ping);
  avi_yamux_ping_sent (&ping, START);
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, START + TIMEOUT);
  g_assert_true (avi_yamux_ping_answered (&ping, 0, START + 5, &measured));
  g_assert_cmpint (avi_yamux_ping_deadline (&ping), ==, G_MAXINT64);
}

#define ADD(what, func) g_test_add_func ("/yamux-ping/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("asks at the start, for the round trip", test_asks_at_the_start);
  ADD ("asks after a silence of the interval", test_asks_after_silence);
  ADD ("loses a peer that neither answers nor sends for the timeout", test_loses_the_peer);
  ADD ("loses a peer to which not even the ping can be sent", test_loses_a_peer_that_does_not_read);
  ADD ("has one ping under way at most", test_one_at_a_time);
  ADD ("takes no answer but the one that it waits for", test_wrong_answers);
  ADD ("goes on behind the largest value", test_values_wrap);
  ADD ("smoothes the round trip", test_round_trip);
  ADD ("measures again an interval after the last time", test_refresh);
  ADD ("asks nothing by itself without keep-alive", test_no_keep_alive);
  return g_test_run ();
}
