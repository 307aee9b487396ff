/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "link/avi-yamux-frame.h"

#define LEN AVI_YAMUX_HEADER_LEN

static void
assert_bytes (const AviYamuxFrame *frame, const guint8 expected[LEN])
{
  AviYamuxFrame back;
  AviWriter out;

  avi_writer_init (&out, 1024);
  g_assert_true (avi_yamux_frame_put (frame, &out));
  g_assert_cmpmem (out.data, out.len, expected, LEN);
  avi_writer_clear (&out);

  g_assert_true (avi_yamux_frame_decode (expected, &back, NULL));
  g_assert_cmpuint (back.type, ==, frame->type);
  g_assert_cmphex (back.flags, ==, frame->flags);
  g_assert_cmpuint (back.stream, ==, frame->stream);
  g_assert_cmpuint (back.length, ==, frame->length);
}

/* The numbers of hashicorp/yamux, spec.md, "Framing". */
static void
test_vectors (void)
{
  const struct
  {
    AviYamuxFrame frame;
    guint8        bytes[LEN];
  } cases[] = {
    { { AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN | AVI_YAMUX_ACK, 0x01020304, 0xfffefdfc },
      { 0, 1, 0, 3, 0x01, 0x02, 0x03, 0x04, 0xff, 0xfe, 0xfd, 0xfc } },
    { { AVI_YAMUX_DATA, 0, 1, 0 }, { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 } },
    { { AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, 5 }, { 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5 } },
    { { AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_ACK, 2, 0 }, { 0, 1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0 } },
    { { AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 3, 0 }, { 0, 1, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0 } },
    { { AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 4, 0 }, { 0, 1, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0 } },
    { { AVI_YAMUX_PING, AVI_YAMUX_SYN, 0, 0xdeadbeef }, { 0, 2, 0, 1, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef } },
    { { AVI_YAMUX_GO_AWAY, 0, 0, 2 }, { 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 } },
    { { AVI_YAMUX_DATA, 0, G_MAXUINT32, G_MAXUINT32 },
      { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_bytes (&cases[i].frame, cases[i].bytes);
}

static void
test_unknown_flags (void)
{
  for (guint bit = 4; bit < 16; bit++)
    {
      const guint16 flags = 1 << bit | AVI_YAMUX_FIN;
      const guint8 bytes[LEN] = { 0, 1, flags >> 8, flags & 0xff, 0, 0, 0, 1 };
      AviYamuxFrame frame;

      g_assert_true (avi_yamux_frame_decode (bytes, &frame, NULL));
      g_assert_cmphex (frame.flags & 0xf, ==, AVI_YAMUX_FIN);
    }
}

static void
assert_refused (const guint8 bytes[LEN], const char *message)
{
  g_autoptr(GError) error = NULL;
  AviYamuxFrame frame;

  g_assert_false (avi_yamux_frame_decode (bytes, &frame, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_false (avi_yamux_frame_decode (bytes, &frame, NULL));
}

static void
test_unknown_versions_and_types (void)
{
  for (guint i = 1; i < 256; i++)
    {
      g_autofree char *message = g_strdup_printf ("Yamux frame of version %u", i);

      assert_refused ((guint8[LEN]){ i, 1, 0, 0, 0, 0, 0, 1 }, message);
    }
  for (guint i = AVI_YAMUX_GO_AWAY + 1; i < 256; i++)
    {
      g_autofree char *message = g_strdup_printf ("Yamux frame of type %u", i);

      assert_refused ((guint8[LEN]){ 0, i, 0, 0, 0, 0, 0, 1 }, message);
    }
}

static void
test_wrong_streams (void)
{
  assert_refused ((guint8[LEN]){ 0, AVI_YAMUX_DATA }, "Yamux frame of type 0 on stream 0");
  assert_refused ((guint8[LEN]){ 0, AVI_YAMUX_WINDOW_UPDATE }, "Yamux frame of type 1 on stream 0");
  assert_refused ((guint8[LEN]){ 0, AVI_YAMUX_PING, 0, 1, 0, 0, 0, 5 }, "Yamux frame of type 2 on stream 5");
  assert_refused ((guint8[LEN]){ 0, AVI_YAMUX_GO_AWAY, 0, 0, 1 }, "Yamux frame of type 3 on stream 16777216");
}

static void
test_room (void)
{
  const AviYamuxFrame frame = { AVI_YAMUX_PING, AVI_YAMUX_ACK, 0, 7 };
  AviWriter out;

  avi_writer_init (&out, 1 + LEN);
  g_assert_true (avi_writer_put (&out, AVI_SPAN_STRING ("xx")));
  g_assert_false (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpmem (out.data, out.len, "xx", 2);

  avi_writer_truncate (&out, 1);
  g_assert_true (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpuint (out.len, ==, 1 + LEN);
  g_assert_false (avi_yamux_frame_put (&frame, &out));
  g_assert_cmpuint (out.len, ==, 1 + LEN);
  avi_writer_clear (&out);
}

#define ADD(what, func) g_test_add_func ("/yamux-frame/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("writes and reads the header of the specification", test_vectors);
  ADD ("ignores flags that nobody knows", test_unknown_flags);
  ADD ("refuses every other version and type", test_unknown_versions_and_types);
  ADD ("refuses a stream where the connection is meant, and the reverse", test_wrong_streams);
  ADD ("writes a header whole or not at all", test_room);
  return g_test_run ();
}
