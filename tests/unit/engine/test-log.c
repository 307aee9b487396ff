/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What of a log is worth a line, in virtual time.
 */
#include "config.h"

#include "engine/avi-log.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

typedef struct
{
  AviLog *log;
  gint64  now;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->log = avi_log_new ();
  fixture->now = SECOND;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  avi_log_free (fixture->log);
}

/* All lines that are there to be written, each as "peer remote: text", with a newline. */
static char *
take_lines (Fixture *fixture)
{
  GString *lines = g_string_new (NULL);

  for (;;)
    {
      g_autoptr(AviLogLine) line = avi_log_next (fixture->log);

      if (line == NULL)
        return g_string_free (lines, FALSE);
      g_string_append_printf (lines, "%s %s: %s\n", line->peer != NULL ? line->peer : "-",
                              line->remote != NULL ? line->remote : "-", line->text);
    }
}

static guint
count_lines (Fixture *fixture)
{
  g_autofree char *lines = take_lines (fixture);
  guint n = 0;

  for (const char *end = strchr (lines, '\n'); end != NULL; end = strchr (end + 1, '\n'))
    n++;
  return n;
}

static void
expect (Fixture *fixture, const char *expected)
{
  g_autofree char *lines = take_lines (fixture);

  g_assert_cmpstr (lines, ==, expected);
}

static void
note (Fixture *fixture, const char *peer, const char *text)
{
  avi_log_note (fixture->log, peer, NULL, text, fixture->now);
}

/* Time passes, and the log is called when it asks for it. */
static void
wait_for (Fixture *fixture, gint64 duration)
{
  gint64 until = fixture->now + duration;

  while (avi_log_deadline (fixture->log) <= until)
    {
      g_assert_cmpint (avi_log_deadline (fixture->log), >, fixture->now);
      fixture->now = avi_log_deadline (fixture->log);
      avi_log_tick (fixture->log, fixture->now);
    }
  fixture->now = until;
}

static void
test_folded (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 13; i++)
    note (fixture, "A", "refused");
  expect (fixture, "A -: refused\n");
  wait_for (fixture, MINUTE - 1);
  expect (fixture, "");
  wait_for (fixture, 1);
  expect (fixture, "A -: refused (12 times more in 60 s)\n");
  g_assert_cmpint (avi_log_deadline (fixture->log), ==, G_MAXINT64);
}

static void
test_something_else (Fixture *fixture, gconstpointer data)
{
  note (fixture, "A", "refused");
  wait_for (fixture, 5 * SECOND);
  note (fixture, "A", "refused");
  note (fixture, "B", "refused");
  expect (fixture, "A -: refused\nB -: refused\n");
  note (fixture, "A", "no route");
  expect (fixture, "A -: refused (once more in 5 s)\nA -: no route\n");
  /* Taking turns is no news. */
  for (guint i = 0; i < 5; i++)
    {
      note (fixture, "A", "refused");
      note (fixture, "A", "no route");
    }
  expect (fixture, "");
  avi_log_flush (fixture->log, fixture->now);
  expect (fixture, "A -: refused (5 times more in 0 s)\nA -: no route (5 times more in 0 s)\n");
}

static void
test_state (Fixture *fixture, gconstpointer data)
{
  note (fixture, "A", "refused");
  note (fixture, "A", "refused");
  avi_log_state (fixture->log, "A", "/ip4/10.0.0.1/tcp/1", "established", fixture->now);
  avi_log_state (fixture->log, "A", "/ip4/10.0.0.1/tcp/1", "established", fixture->now);
  expect (fixture, "A -: refused\nA -: refused (once more in 0 s)\nA /ip4/10.0.0.1/tcp/1: established\n"
                   "A /ip4/10.0.0.1/tcp/1: established\n");
  note (fixture, "A", "refused");
  expect (fixture, "A -: refused\n");
}

/* Whoever comes from another port each time is the same stranger. */
static void
test_strangers (Fixture *fixture, gconstpointer data)
{
  avi_log_note (fixture->log, NULL, "/ip4/10.0.0.1/tcp/1001", "garbage", fixture->now);
  avi_log_note (fixture->log, NULL, "/ip4/10.0.0.1/tcp/1002", "garbage", fixture->now);
  avi_log_note (fixture->log, NULL, "/ip4/10.0.0.2/tcp/1001", "garbage", fixture->now);
  avi_log_note (fixture->log, NULL, NULL, "the network changed", fixture->now);
  expect (fixture, "- /ip4/10.0.0.1/tcp/1001: garbage\n- /ip4/10.0.0.2/tcp/1001: garbage\n- -: the network changed\n");
  wait_for (fixture, MINUTE);
  expect (fixture, "- /ip4/10.0.0.1/tcp/1002: garbage (once more in 60 s)\n");
}

/* A dial a minute, as to a peer that is switched off. */
static void
test_day (Fixture *fixture, gconstpointer data)
{
  guint n = 0;

  for (guint i = 0; i < 24 * 60; i++)
    {
      note (fixture, "A", "/ip4/10.0.0.1/tcp/1: no route");
      note (fixture, "A", "cannot connect");
      wait_for (fixture, MINUTE);
      n += count_lines (fixture);
    }
  g_assert_cmpuint (n, >=, 2 * 24);
  g_assert_cmpuint (n, <=, 2 * 32);
}

static void
test_news_again (Fixture *fixture, gconstpointer data)
{
  note (fixture, "A", "refused");
  wait_for (fixture, HOUR + 1);
  note (fixture, "A", "refused");
  expect (fixture, "A -: refused\nA -: refused\n");
  wait_for (fixture, 2 * MINUTE);
  note (fixture, "A", "refused");
  expect (fixture, "A -: refused (once more in 2 min)\n");
}

static void
test_bounded (Fixture *fixture, gconstpointer data)
{
  note (fixture, "first", "refused");
  note (fixture, "first", "refused");
  for (guint i = 0; i < AVI_LOG_MAX_SUBJECTS; i++)
    {
      g_autofree char *peer = g_strdup_printf ("%u", i);

      note (fixture, peer, "refused");
    }
  g_assert_cmpuint (count_lines (fixture), ==, 2 + AVI_LOG_MAX_SUBJECTS);
  note (fixture, "0", "refused");
  expect (fixture, "");
  note (fixture, "first", "refused");
  expect (fixture, "first -: refused\n");

  for (guint i = 0; i < AVI_LOG_MAX_NOTES; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      note (fixture, "first", text);
    }
  g_assert_cmpuint (count_lines (fixture), ==, AVI_LOG_MAX_NOTES);
  note (fixture, "first", "7");
  expect (fixture, "");
  note (fixture, "first", "refused");
  expect (fixture, "first -: 7 (once more in 0 s)\nfirst -: refused\n");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
#define ADD(sentence, function) g_test_add ("/log/" sentence, Fixture, NULL, set_up, function, tear_down)
  ADD ("what is said again is counted, and told after a minute", test_folded);
  ADD ("the count comes before something else about the peer", test_something_else);
  ADD ("a change of state is always told, and all is news after it", test_state);
  ADD ("a stranger is known by the address, not the port", test_strangers);
  ADD ("a peer that is off all day makes a line an hour", test_day);
  ADD ("what did not happen for an hour is news", test_news_again);
  ADD ("what is remembered is bounded", test_bounded);
  return g_test_run ();
}
