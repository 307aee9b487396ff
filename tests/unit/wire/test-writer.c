/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-writer.h"

static void
test_appends (void)
{
  AviWriter writer;
  guint8 *place;

  avi_writer_init (&writer, 10);
  g_assert_true (avi_writer_put (&writer, AVI_SPAN_STRING ("abc")));
  place = avi_writer_append (&writer, 2);
  g_assert_nonnull (place);
  memcpy (place, "de", 2);
  g_assert_cmpmem (writer.data, writer.len, "abcde", 5);
  g_assert_cmpuint (avi_writer_get_room (&writer), ==, 5);
  avi_writer_clear (&writer);
}

static void
test_limit (void)
{
  AviWriter writer;

  avi_writer_init (&writer, 4);
  g_assert_true (avi_writer_put (&writer, AVI_SPAN_STRING ("abc")));
  g_assert_false (avi_writer_put (&writer, AVI_SPAN_STRING ("de")));
  g_assert_null (avi_writer_append (&writer, G_MAXSIZE));
  g_assert_cmpmem (writer.data, writer.len, "abc", 3);
  g_assert_true (avi_writer_put (&writer, AVI_SPAN_STRING ("d")));
  g_assert_null (avi_writer_append (&writer, 1));
  g_assert_nonnull (avi_writer_append (&writer, 0));
  g_assert_cmpuint (writer.capacity, <=, 4);
  avi_writer_clear (&writer);
}

static void
test_truncates (void)
{
  AviWriter writer;

  avi_writer_init (&writer, 8);
  g_assert_true (avi_writer_put (&writer, AVI_SPAN_STRING ("abcdefgh")));
  avi_writer_truncate (&writer, 2);
  g_assert_true (avi_writer_put (&writer, AVI_SPAN_STRING ("xy")));
  g_assert_cmpmem (writer.data, writer.len, "abxy", 4);
  avi_writer_clear (&writer);
}

static void
test_grows (void)
{
  const gsize limit = 1000003;
  AviWriter writer;
  guint moves = 0;
  const guint8 *before = NULL;

  avi_writer_init (&writer, limit);
  g_assert_null (writer.data);
  for (gsize i = 0; i < limit; i++)
    {
      guint8 *place = avi_writer_append (&writer, 1);

      g_assert_nonnull (place);
      *place = i % 251;
      moves += writer.data != before;
      before = writer.data;
      g_assert_cmpuint (writer.capacity, <=, limit);
    }
  g_assert_cmpuint (moves, <, 16);
  for (gsize i = 0; i < limit; i++)
    g_assert_cmpuint (writer.data[i], ==, i % 251);
  g_assert_null (avi_writer_append (&writer, 1));
  avi_writer_clear (&writer);
  avi_writer_clear (&writer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/writer/appends what is put and leaves room for what is asked", test_appends);
  g_test_add_func ("/writer/changes nothing where its limit does not allow it", test_limit);
  g_test_add_func ("/writer/forgets what was written after a place", test_truncates);
  g_test_add_func ("/writer/grows in few steps and never past its limit", test_grows);
  return g_test_run ();
}
