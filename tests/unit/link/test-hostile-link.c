/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A peer that has an identity, and below it says whatever it likes, in virtual time: what it makes a link
 * hold, say and do is bounded by docs/hostile-peers.md, and a lie that could cost more ends the link with
 * an error that names it.
 */
#include "config.h"

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "pair.h"
#include "sealed-peer.h"

#define HEADER   "\x13/multistream/1.0.0\n"
#define PROPOSAL HEADER "\x08/echo/1\n"
#define MAX_STREAMS    64
#define MAX_UNACCEPTED 16

static const char *const echo[] = { "/echo/1", NULL };

static SealedPeer *
meet (SealedPeerFunc on_event, gpointer user_data)
{
  AviLinkConfig config = {
    .protocols = echo,
    .yamux = { .max_streams = MAX_STREAMS, .max_unaccepted = MAX_UNACCEPTED, .ping_interval = -1 },
  };
  SealedPeer *peer = sealed_peer_new (&config, TRUE, on_event, user_data);

  g_byte_array_set_size (peer->heard, 0);
  peer->n_events = 0;
  return peer;
}

static void
put (AviWriter *out, guint8 type, guint16 flags, guint32 stream, guint32 length)
{
  AviYamuxFrame frame = { type, flags, stream, length };

  g_assert_true (avi_yamux_frame_put (&frame, out));
}

static void
put_text (AviWriter *out, guint16 flags, guint32 stream, const char *text)
{
  put (out, AVI_YAMUX_DATA, flags, stream, (guint32) strlen (text));
  avi_writer_put (out, AVI_SPAN_STRING (text));
}

static void
say (SealedPeer *peer, AviWriter *out)
{
  sealed_peer_say (peer, AVI_SPAN (out->data, out->len));
  avi_writer_truncate (out, 0);
}

static void
assert_empty (SealedPeer *peer)
{
  g_assert_no_error (peer->error);
  g_assert_cmpuint (avi_link_get_n_streams (peer->link), ==, 0);
  g_assert_true (avi_link_is_flushed (peer->link));
}

/* --- streams that come and go --- */

/* Nobody hears of them, and nothing is said. */
static void
test_rapid_reset (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 100000; i++)
    {
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN, 2 * i + 1, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 2 * i + 1, 0);
      if (i % 1000 == 999)
        say (peer, &out);
    }
  assert_empty (peer);
  g_assert_cmpuint (peer->heard->len, ==, 0);
  g_assert_cmpuint (peer->n_events, ==, 0);
  g_assert_cmpuint (avi_link_get_n_refused (peer->link), ==, 0);
  avi_writer_clear (&out);
}

/* The same with a protocol agreed on each: its owner hears of it twice, and no answer is left. */
static void
test_rapid_reset_of_agreed (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 20000; i++)
    {
      put_text (&out, AVI_YAMUX_SYN, 2 * i + 1, PROPOSAL);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 2 * i + 1, 0);
      if (i % 500 == 499)
        say (peer, &out);
    }
  assert_empty (peer);
  g_assert_cmpuint (peer->heard->len, ==, 0);
  g_assert_cmpuint (peer->n_events, ==, 2 * 20000);
  avi_writer_clear (&out);
}

/* What is too much is answered by a reset of 12 bytes each, in Noise frames of its own. */
static void
test_no_end (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 4000; i++)
    put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN, 2 * i + 1, 0);
  say (peer, &out);
  g_assert_cmpuint (avi_link_get_n_streams (peer->link), ==, MAX_UNACCEPTED);
  g_assert_cmpuint (avi_link_get_n_refused (peer->link), ==, 4000 - MAX_UNACCEPTED);
  g_assert_cmpuint (peer->heard->len, ==, (4000 - MAX_UNACCEPTED) * AVI_YAMUX_HEADER_LEN);
  g_assert_cmpuint (peer->n_events, ==, 0);

  /* And those that never say what they are for are gone after 10 s. */
  sealed_peer_advance (peer, 10 * G_USEC_PER_SEC);
  assert_empty (peer);
  avi_writer_clear (&out);
}

static void
test_reset_all (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 2 * MAX_STREAMS; i++)
    put_text (&out, AVI_YAMUX_SYN, 2 * i + 1, PROPOSAL);
  say (peer, &out);
  g_assert_cmpuint (avi_link_get_n_streams (peer->link), ==, MAX_STREAMS);
  g_assert_cmpuint (peer->n_events, ==, MAX_STREAMS);
  for (guint i = 0; i < 2 * MAX_STREAMS; i++)
    put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 2 * i + 1, 0);
  say (peer, &out);
  assert_empty (peer);
  g_assert_cmpuint (peer->n_events, ==, 2 * MAX_STREAMS);
  avi_writer_clear (&out);
}

/* --- what makes no sense and costs nothing --- */

typedef struct
{
  GString *story; /* a letter for each event, of one stream */
} Story;

static void
tell (SealedPeer *peer, const AviLinkEvent *event)
{
  static const char letters[] = "eSARdfrcwpg";
  Story *story = peer->user_data;

  g_string_append_c (story->story, letters[event->type]);
  if (event->type == AVI_LINK_EVENT_DATA)
    avi_link_consume (peer->link, event->stream, event->data.len);
  if (event->type == AVI_LINK_EVENT_FINISHED)
    avi_link_finish (peer->link, event->stream);
}

/* An id that was closed may be opened again; FIN twice is said once; strays and unknown flags are passed over. */
static void
test_harmless (void)
{
  Story story = { g_string_new (NULL) };
  g_autoptr(SealedPeer) peer = meet (tell, &story);
  AviWriter out;

  g_string_truncate (story.story, 0);
  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 3; i++)
    {
      put_text (&out, AVI_YAMUX_SYN, 7, PROPOSAL);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, 0xfff0, 7, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 7, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 7, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 9999, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, 0, 10000, G_MAXUINT32);
      put (&out, AVI_YAMUX_DATA, 0, 10001, 0);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 10002, 0);
      put (&out, AVI_YAMUX_PING, AVI_YAMUX_ACK, 0, 77);
      say (peer, &out);
      assert_empty (peer);
    }
  g_assert_cmpstr (story.story->str, ==, "SfcSfcSfc");
  g_string_free (story.story, TRUE);
  avi_writer_clear (&out);
}

/* However many ask, one is answered. */
static void
test_ping_flood (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 64 * 1024);
  for (guint i = 0; i < 5000; i++)
    put (&out, AVI_YAMUX_PING, AVI_YAMUX_SYN, 0, i);
  say (peer, &out);
  g_assert_cmpuint (peer->heard->len, ==, AVI_YAMUX_HEADER_LEN);
  assert_empty (peer);
  avi_writer_clear (&out);
}

/* --- what ends the link --- */

#define WINDOW AVI_YAMUX_INITIAL_WINDOW

static void
test_lies (void)
{
  static const struct
  {
    guint8      version, type, flags;
    guint32     stream, length;
    const char *words;
  } cases[] = {
    { 0, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 3, G_MAXUINT32,
      "DATA of 4294967295 bytes for stream 3, whose window is 262144" },
    { 0, AVI_YAMUX_DATA, 0, 1, WINDOW + 1, "DATA of 262145 bytes for stream 1, whose window is 262144" },
    { 0, AVI_YAMUX_WINDOW_UPDATE, 0, 1, G_MAXUINT32, "stream 1 would grow by 4294967295 bytes" },
    { 0, AVI_YAMUX_DATA, 0, 99, 1, "DATA of 1 bytes for stream 99, which is not open" },
    { 0, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 4, 0, "SYN for stream 4, which is not the peer's to open" },
    { 0, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, 0, "SYN for stream 1, which is open already" },
    { 0, AVI_YAMUX_DATA, 0, 0, 0, "type 0 on stream 0" },
    { 0, AVI_YAMUX_PING, AVI_YAMUX_SYN, 1, 0, "type 2 on stream 1" },
    { 0, AVI_YAMUX_PING, 0, 0, 0, "PING with flags 0x0" },
    { 0, 4, 0, 1, 0, "frame of type 4" },
    { 1, AVI_YAMUX_DATA, 0, 1, 0, "frame of version 1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(SealedPeer) peer = meet (NULL, NULL);
      AviWriter out;

      avi_writer_init (&out, 1024);
      put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN, 1, 0);
      say (peer, &out);
      g_assert_no_error (peer->error);
      put (&out, cases[i].type, cases[i].flags, cases[i].stream, cases[i].length);
      out.data[0] = cases[i].version;
      say (peer, &out);
      g_assert_error (peer->error, AVI_ERROR, AVI_ERROR_PROTOCOL);
      g_test_message ("%s", peer->error->message);
      g_assert_nonnull (strstr (peer->error->message, cases[i].words));
      avi_writer_clear (&out);
    }
}

static void
test_data_after_fin (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  AviWriter out;

  avi_writer_init (&out, 1024);
  put_text (&out, AVI_YAMUX_SYN, 1, PROPOSAL);
  put (&out, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1, 0);
  put_text (&out, 0, 1, "one more thing");
  say (peer, &out);
  g_assert_error (peer->error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (peer->error->message, "stream 1 after its FIN"));
  avi_writer_clear (&out);
}

/* --- a byte a second --- */

/* Bytes put nothing off: the 10 s are from the beginning. */
static void
test_slow_handshake (void)
{
  static const char words[] = HEADER "\x07/noise\n";
  AviLinkConfig config = { .statics = pair_get_statics (PAIR_LISTENER), .protocols = echo };
  g_autoptr(AviLink) link = NULL;
  g_autoptr(GError) error = NULL;
  gint64 now = G_USEC_PER_SEC, begun = now;
  AviRandom random;
  AviLinkEvent event;
  AviWriter out;

  avi_random_seed (&random, 1);
  config.random = &random;
  link = avi_link_new (&config, now);
  avi_writer_init (&out, 1024);
  for (guint i = 0; i < strlen (words); i++)
    {
      guint8 byte = (guint8) words[i];

      now += G_USEC_PER_SEC;
      g_assert_cmpint (avi_link_deadline (link), ==, begun + 10 * G_USEC_PER_SEC);
      if (!avi_link_receive (link, AVI_SPAN (&byte, 1), now, &error))
        break;
      while (avi_link_next (link, &event))
        g_assert_not_reached ();
      avi_link_transmit (link, &out, now);
    }
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_cmpint (now, ==, begun + 10 * G_USEC_PER_SEC);
  avi_writer_clear (&out);
}

/* On an open connection: a frame of a kilobyte takes a quarter of an hour, and until it is whole nobody hears,
 * says or has to wake for anything. */
static void
test_slow_frame (void)
{
  g_autoptr(SealedPeer) peer = meet (NULL, NULL);
  g_autofree char *text = g_strnfill (1000, 'x');
  AviWriter plain, sealed;
  AviLinkEvent event;
  gsize start;

  avi_writer_init (&plain, 4096);
  avi_writer_init (&sealed, 4096);
  put_text (&plain, AVI_YAMUX_SYN, 1, text);
  start = avi_noise_begin (peer->noise, &sealed, 1);
  avi_writer_put (&sealed, AVI_SPAN (plain.data, plain.len));
  g_assert_true (avi_noise_seal (peer->noise, &sealed, start));
  for (gsize i = 0; i < sealed.len - 1; i++)
    {
      guint8 byte = sealed.data[i];

      peer->now += G_USEC_PER_SEC;
      g_assert_true (avi_link_receive (peer->link, AVI_SPAN (&byte, 1), peer->now, NULL));
      g_assert_false (avi_link_next (peer->link, &event));
      avi_writer_truncate (&plain, 0);
      g_assert_false (avi_link_transmit (peer->link, &plain, peer->now));
      g_assert_cmpint (avi_link_deadline (peer->link), ==, G_MAXINT64);
    }
  assert_empty (peer);
  avi_writer_clear (&plain);
  avi_writer_clear (&sealed);
}

#define ADD(what, func) g_test_add_func ("/hostile-link/" what, func)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("streams that are opened and reset in a loop leave nothing and are not answered", test_rapid_reset);
  ADD ("nor do those on which a protocol was agreed", test_rapid_reset_of_agreed);
  ADD ("streams without end are reset, and cost a frame each", test_no_end);
  ADD ("all streams may be reset at once", test_reset_all);
  ADD ("what makes no sense and costs nothing is passed over", test_harmless);
  ADD ("of a flood of pings one is answered", test_ping_flood);
  ADD ("a lie about lengths, windows and ids ends the link, and is named", test_lies);
  ADD ("so does data after FIN", test_data_after_fin);
  ADD ("a byte a second puts off no deadline of the handshake", test_slow_handshake);
  ADD ("a byte a second on an open link costs nothing else", test_slow_frame);
  return g_test_run ();
}
