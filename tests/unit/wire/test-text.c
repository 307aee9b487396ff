/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-text.h"

static void
assert_quoted (AviSpan text, const char *expected)
{
  g_autofree char *quoted = avi_text_quote (text);

  g_assert_cmpstr (quoted, ==, expected);
}

static void
test_plain (void)
{
  assert_quoted (AVI_SPAN_STRING ("Küche"), "“Küche”");
  assert_quoted (AVI_SPAN_EMPTY, "“”");
}

static void
test_control (void)
{
  assert_quoted (AVI_SPAN_STRING ("a\x1b[2Jb\n\xc2\x9b"), "“a\xef\xbf\xbd[2Jb\xef\xbf\xbd\xef\xbf\xbd”");
}

static void
test_invalid (void)
{
  assert_quoted (AVI_SPAN ("a\xff\0b", 4), "“a\xef\xbf\xbd\xef\xbf\xbd" "b”");
}

static void
test_long (void)
{
  g_autofree char *text = g_strnfill (65, 'x');
  g_autofree char *cut = g_strdup_printf ("“%.64s…”", text);
  g_autofree char *whole = g_strdup_printf ("“%.64s”", text);

  assert_quoted (AVI_SPAN_STRING (text), cut);
  assert_quoted (AVI_SPAN (text, 64), whole);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/is shown in quotation marks", test_plain);
  g_test_add_func ("/text/shows no control character", test_control);
  g_test_add_func ("/text/is valid UTF-8 whatever it was", test_invalid);
  g_test_add_func ("/text/is cut after 64 bytes, and shows that", test_long);
  return g_test_run ();
}
