/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-window.h"
#include "link/avi-yamux.h"

#define INITIAL AVI_YAMUX_INITIAL_WINDOW
#define SECOND  G_USEC_PER_SEC

/* The peer uses the whole window and its owner takes all. */
static void
use_up (AviYamuxWindow *window)
{
  g_assert_true (avi_yamux_window_receive (window, window->granted));
  avi_yamux_window_consume (window, window->size - window->granted - window->consumed);
}

static void
test_credit (void)
{
  AviYamuxWindow window;

  avi_yamux_window_init (&window, 0);
  g_assert_true (avi_yamux_window_receive (&window, INITIAL));
  g_assert_false (avi_yamux_window_receive (&window, 1));
  g_assert_true (avi_yamux_window_receive (&window, 0));

  avi_yamux_window_consume (&window, INITIAL / 2 - 1);
  g_assert_false (avi_yamux_window_is_due (&window));
  avi_yamux_window_consume (&window, 1);
  g_assert_true (avi_yamux_window_is_due (&window));

  g_assert_cmpuint (avi_yamux_window_grant (&window, 0, G_MAXUINT32, G_MAXSIZE, 0), ==, INITIAL / 2);
  g_assert_true (avi_yamux_window_receive (&window, INITIAL / 2));
  g_assert_false (avi_yamux_window_receive (&window, 1));
}

static void
test_pace (void)
{
  static const struct
  {
    guint32  share; /* of the window that was used, in quarters */
    gint64   elapsed, round_trip;
    gboolean grows;
  } cases[] = {
    { 4, 2 * SECOND - 1, SECOND, TRUE },
    { 4, 2 * SECOND, SECOND, FALSE },
    { 3, 3 * SECOND / 2 - 1, SECOND, TRUE },
    { 3, 3 * SECOND / 2, SECOND, FALSE },
    { 2, SECOND - 1, SECOND, TRUE },
    { 2, SECOND, SECOND, FALSE },
    { 4, 0, 0, FALSE },                         /* nobody knows the round trip */
    { 4, -SECOND, SECOND, TRUE },               /* a clock that goes back does no harm */
    { 4, 119 * SECOND, G_MAXINT64 / 2, TRUE },  /* nor does a round trip that nobody can believe, */
    { 4, 121 * SECOND, G_MAXINT64 / 2, FALSE }, /* taken for a minute */
    { 4, G_MAXINT64 / 2, SECOND, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AviYamuxWindow window;
      guint32 used = cases[i].share * (INITIAL / 4);

      avi_yamux_window_init (&window, 2 * SECOND);
      g_assert_true (avi_yamux_window_receive (&window, used));
      avi_yamux_window_consume (&window, used);
      avi_yamux_window_grant (&window, cases[i].round_trip, G_MAXUINT32, G_MAXSIZE, 2 * SECOND + cases[i].elapsed);
      g_assert_cmpuint (window.size, ==, cases[i].grows ? 2 * INITIAL : INITIAL);
      g_assert_cmpuint (window.granted, ==, window.size);
    }
}

static void
test_limits (void)
{
  AviYamuxWindow window;

  avi_yamux_window_init (&window, 0);
  use_up (&window);
  g_assert_cmpuint (avi_yamux_window_grant (&window, SECOND, G_MAXUINT32, 7, 0), ==, INITIAL + 7);
  use_up (&window);
  g_assert_cmpuint (avi_yamux_window_grant (&window, SECOND, INITIAL, G_MAXSIZE, 0), ==, INITIAL + 7);
  use_up (&window);
  g_assert_cmpuint (avi_yamux_window_grant (&window, SECOND, INITIAL + 8, G_MAXSIZE, 0), ==, INITIAL + 8);

  /* As far as the protocol's 32 bits go. */
  for (guint i = 0; i < 20; i++)
    {
      use_up (&window);
      avi_yamux_window_grant (&window, SECOND, G_MAXUINT32, G_MAXSIZE, 0);
    }
  g_assert_cmpuint (window.size, ==, G_MAXUINT32);
  g_assert_cmpuint (window.granted, ==, G_MAXUINT32);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/yamux-window/gives credit back once half is consumed", test_credit);
  g_test_add_func ("/yamux-window/doubles where it would be used up within two round trips", test_pace);
  g_test_add_func ("/yamux-window/keeps to its limits", test_limits);
  return g_test_run ();
}
