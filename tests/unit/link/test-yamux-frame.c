/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yamux-talk.h"

static void
test_header_vector (void)
{
  const guint8 expected[] = { 0, 1, 0, 3, 0x01, 0x02, 0x03, 0x04, 0xff, 0xfe, 0xfd, 0xfc };
  AviYamuxFrame frame = { AVI_YAMUX_WINDOW_UPDATE, SYN | ACK, 0x01020304, 0xfffefdfc };
  AviYamuxFrame back;
  AviWriter out;

  avi_writer_init (&out, sizeof expected);
  g_assert_true (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpmem (out.data, out.len, expected, sizeof expected);
  g_assert_false (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpuint (out.len, ==, sizeof expected);
  avi_writer_clear (&out);

  g_assert_true (avi_yamux_frame_decode (expected, &back, NULL));
  g_assert_cmpuint (back.type, ==, frame.type);
  g_assert_cmpuint (back.flags, ==, frame.flags);
  g_assert_cmpuint (back.stream, ==, frame.stream);
  g_assert_cmpuint (back.length, ==, frame.length);
}

#define ADD(what, func) g_test_add_func ("/yamux-frame/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("writes and reads the header of the specification", test_header_vector);
  return g_test_run ();
}
