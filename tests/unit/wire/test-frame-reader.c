/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "wire/avi-frame-reader.h"
#include "wire/avi-varint.h"

static const char *const messages[] = { "first", "", "x", "the last of four" };

static void
append_frame (GByteArray *stream, const char *text, gsize len)
{
  guint8 prefix[AVI_VARINT_MAX_LEN];

  g_byte_array_append (stream, prefix, avi_varint_encode (len, prefix));
  g_byte_array_append (stream, (const guint8 *) text, len);
}

static GByteArray *
make_stream (void)
{
  GByteArray *stream = g_byte_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    append_frame (stream, messages[i], strlen (messages[i]));
  return stream;
}

/* Pushes @bytes and checks that what comes out are the messages from number *@n on. */
static void
push_and_take (AviFrameReader *reader, AviSpan bytes, guint *n)
{
  g_autofree guint8 *exact = g_memdup2 (bytes.data, bytes.len); /* for the sanitizer */
  g_autoptr(GError) error = NULL;
  AviSpan message;

  avi_frame_reader_push (reader, AVI_SPAN (exact, bytes.len));
  while (avi_frame_reader_next (reader, &message, &error))
    {
      g_assert_cmpuint (*n, <, G_N_ELEMENTS (messages));
      g_assert_cmpmem (message.data, message.len, messages[*n], strlen (messages[*n]));
      (*n)++;
    }
  g_assert_no_error (error);
}

static void
test_every_cut (void)
{
  g_autoptr(GByteArray) stream = make_stream ();

  for (guint i = 0; i <= stream->len; i++)
    for (guint j = i; j <= stream->len; j++)
      {
        AviFrameReader reader;
        guint n = 0;

        avi_frame_reader_init (&reader, 100);
        push_and_take (&reader, AVI_SPAN (stream->data, i), &n);
        push_and_take (&reader, AVI_SPAN (stream->data + i, j - i), &n);
        push_and_take (&reader, AVI_SPAN (stream->data + j, stream->len - j), &n);
        g_assert_cmpuint (n, ==, G_N_ELEMENTS (messages));
        g_assert_null (reader.partial);
        avi_frame_reader_clear (&reader);
      }
}

static void
test_byte_by_byte (void)
{
  g_autoptr(GByteArray) stream = make_stream ();
  AviFrameReader reader;
  guint n = 0;

  avi_frame_reader_init (&reader, 100);
  for (guint i = 0; i < stream->len; i++)
    push_and_take (&reader, AVI_SPAN (stream->data + i, 1), &n);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (messages));
  avi_frame_reader_clear (&reader);
}

static void
test_view (void)
{
  g_autoptr(GByteArray) stream = make_stream ();
  AviFrameReader reader;
  AviSpan message;

  avi_frame_reader_init (&reader, 100);
  avi_frame_reader_push (&reader, AVI_SPAN (stream->data, stream->len));
  g_assert_true (avi_frame_reader_next (&reader, &message, NULL));
  g_assert_true (message.data == stream->data + 1);
  avi_frame_reader_clear (&reader);
}

static void
test_long_lengths (void)
{
  g_autoptr(GByteArray) stream = g_byte_array_new ();
  g_autofree char *text = g_strnfill (20000, 'y');
  AviSpan message = AVI_SPAN_EMPTY;

  append_frame (stream, text, 20000);
  for (guint cut = 0; cut < 6; cut++)
    {
      AviFrameReader reader;

      avi_frame_reader_init (&reader, 20000);
      avi_frame_reader_push (&reader, AVI_SPAN (stream->data, cut));
      g_assert_false (avi_frame_reader_next (&reader, &message, NULL));
      avi_frame_reader_push (&reader, AVI_SPAN (stream->data + cut, stream->len - cut));
      g_assert_true (avi_frame_reader_next (&reader, &message, NULL));
      g_assert_cmpmem (message.data, message.len, text, 20000);
      g_assert_false (avi_frame_reader_next (&reader, &message, NULL));
      avi_frame_reader_clear (&reader);
    }
}

static void
test_over_limit (void)
{
  AviFrameReader reader;
  g_autoptr(GError) error = NULL, again = NULL;
  AviSpan message;

  avi_frame_reader_init (&reader, 299);
  avi_frame_reader_push (&reader, AVI_SPAN ("\xac", 1));
  g_assert_false (avi_frame_reader_next (&reader, &message, &error));
  g_assert_no_error (error);
  avi_frame_reader_push (&reader, AVI_SPAN ("\x02", 1));
  g_assert_false (avi_frame_reader_next (&reader, &message, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "300"));
  g_assert_nonnull (strstr (error->message, "299"));
  g_assert_false (avi_frame_reader_next (&reader, &message, &again));
  g_assert_error (again, AVI_ERROR, AVI_ERROR_LIMIT);
  avi_frame_reader_clear (&reader);
}

static void
test_malformed_length (void)
{
  static const char *const lengths[] = { "\x80\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" };
  static const gsize lens[] = { 2, 10 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      AviFrameReader reader;
      g_autoptr(GError) error = NULL;
      AviSpan message;

      avi_frame_reader_init (&reader, 100);
      avi_frame_reader_push (&reader, AVI_SPAN (lengths[i], lens[i]));
      g_assert_false (avi_frame_reader_next (&reader, &message, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
      avi_frame_reader_clear (&reader);
    }
}

static void
test_claimed_length (void)
{
  AviFrameReader reader;
  AviSpan message;
  g_autoptr(GError) error = NULL;

  avi_frame_reader_init (&reader, G_MAXSIZE);
  avi_frame_reader_push (&reader, AVI_SPAN ("\xff\xff\xff\xff\xff\xff\xff\xff\x7f" "abc", 12));
  g_assert_false (avi_frame_reader_next (&reader, &message, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (reader.partial->len, ==, 12);
  g_assert_cmpuint (avi_frame_reader_get_n_partial (&reader), ==, 12);
  avi_frame_reader_clear (&reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/frame-reader/gives the same messages however the stream is cut", test_every_cut);
  g_test_add_func ("/frame-reader/takes a stream byte by byte", test_byte_by_byte);
  g_test_add_func ("/frame-reader/copies nothing of a message that came whole", test_view);
  g_test_add_func ("/frame-reader/goes on within a length of several bytes", test_long_lengths);
  g_test_add_func ("/frame-reader/refuses a message over its limit for good, naming both", test_over_limit);
  g_test_add_func ("/frame-reader/refuses a malformed length", test_malformed_length);
  g_test_add_func ("/frame-reader/allocates for what arrived, not for what is claimed", test_claimed_length);
  return g_test_run ();
}
