/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "pair.h"
#include "sealed-peer.h"

#define D PAIR_DIALER
#define L PAIR_LISTENER

#define MS       (G_TIME_SPAN_MILLISECOND)
#define MIB      (1024 * 1024)
#define HEADER   "\x13/multistream/1.0.0\n"
#define NO_PINGS                                                                                                       \
 {                                                                                                                     \
  .ping_interval = -1                                                                                                  \
 }

static const char *const echo[] = { "/echo/1", NULL };
static const char *const sink[] = { "/sink/1", NULL };
static const char *const unknown[] = { "/unknown/1", NULL };

/* Handed to the events' functions. */
typedef struct
{
  AviLinkStream *stream; /* the last one that the end was told of */
  guint          count;  /* of streams */
} Watch;

static GBytes *
bulk_new (gsize n)
{
  return g_bytes_new_take (g_malloc0 (n), n);
}

/* --- streams --- */

static void
test_stream (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, echo);
  guint packets = pair->ends[D].packets;

  g_assert_false (avi_link_stream_is_inbound (stream));
  g_assert_null (avi_link_stream_get_protocol (stream));
  avi_link_stream_set_owner (stream, pair);
  g_assert_true (avi_link_stream_get_owner (stream) == pair);

  /* The offer, the data and no FIN in one packet. */
  g_assert_true (pair_send (pair, D, stream, "hello"));
  g_assert_cmpuint (pair->ends[D].packets - packets, ==, 1);
  avi_link_finish (pair->ends[D].link, stream);
  avi_link_finish (pair->ends[D].link, stream);
  g_assert_false (pair_send (pair, D, stream, "late"));
  g_assert_false (avi_link_is_flushed (pair->ends[D].link));
  pair_drive (pair, D);
  g_assert_cmpuint (pair->ends[D].packets - packets, ==, 1);

  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /echo/1, data hello, finished");
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /echo/1");
  g_assert_cmpstr (avi_link_stream_get_protocol (stream), ==, "/echo/1");
  g_assert_true (avi_link_is_flushed (pair->ends[D].link));
}

static void
test_half_close (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, echo);

  pair->on_event = pair_echo;
  pair_send (pair, D, stream, "question");
  avi_link_finish (pair->ends[D].link, stream);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /echo/1, data question, finished, closed");
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /echo/1, data question, finished, closed");
}

static void
remember_stream (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  pair_note (pair, end, event);
  if (event->type == AVI_LINK_EVENT_STREAM)
    watch->stream = event->stream;
}

static void
test_reset (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *ours = pair_open (pair, D, echo);
  Watch watch = { 0 };

  pair->on_event = remember_stream;
  pair->user_data = &watch;
  pair_send (pair, D, ours, "hello");
  pair_settle (pair);

  avi_link_reset (pair->ends[L].link, watch.stream);
  pair_send (pair, D, ours, "on its way");
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /echo/1, data hello");
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /echo/1, reset");

  ours = pair_open (pair, D, echo);
  pair_settle (pair);
  avi_link_reset (pair->ends[D].link, ours);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /echo/1, reset");
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /echo/1");

  /* Before anybody heard of it. */
  avi_link_reset (pair->ends[D].link, pair_open (pair, D, echo));
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==, "");
}

static void
use_dead_stream (Pair *pair, guint end, const AviLinkEvent *event)
{
  AviLink *link = pair->ends[end].link;
  g_autoptr(GBytes) bytes = g_bytes_new_static ("x", 1);

  pair_note (pair, end, event);
  if (event->type != AVI_LINK_EVENT_RESET && event->type != AVI_LINK_EVENT_CLOSED
      && event->type != AVI_LINK_EVENT_REFUSED)
    return;

  /* Still good within its last event, though nothing comes of it. */
  g_assert_cmpstr (avi_link_stream_get_owner (event->stream), ==, "owner");
  g_assert_false (avi_link_send (link, event->stream, bytes));
  avi_link_consume (link, event->stream, 1);
  avi_link_finish (link, event->stream);
  g_assert_cmpuint (avi_link_get_queued (link, event->stream), ==, 0);
  avi_link_reset (link, event->stream);
  *(gboolean *) pair->user_data = TRUE;
}

static void
test_last_event (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, unknown);
  gboolean used = FALSE;

  pair->on_event = use_dead_stream;
  pair->user_data = &used;
  avi_link_stream_set_owner (stream, (char *) "owner");
  pair_settle (pair);
  g_assert_true (used);
  g_assert_cmpstr (pair_happened (pair, D), ==, "refused");
}

static void
test_refused (void)
{
  g_autoptr(Pair) pair = pair_new_established ();

  /* Data that was sent without waiting does not hide the answer, whatever it looks like. */
  static const char *const texts[] = { "", "hello", "\x05hello", "\n", "\x7fjust the beginning of something", NULL };

  for (guint i = 0; texts[i] != NULL; i++)
    {
      AviLinkStream *stream = pair_open (pair, D, unknown);

      pair_send (pair, D, stream, texts[i]);
      avi_link_finish (pair->ends[D].link, stream);
      pair_settle (pair);
      g_assert_cmpstr (pair_happened (pair, D), ==, "refused");
      g_assert_cmpstr (pair_happened (pair, L), ==, "");
    }
}

static void
test_refused_bulk (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, unknown);
  g_autoptr(GBytes) bulk = bulk_new (MIB);

  g_assert_true (avi_link_send (pair->ends[D].link, stream, bulk));
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "refused");

  /* Nothing of it stays behind: the next stream is as good as any. */
  pair->on_event = pair_echo;
  stream = pair_open (pair, D, echo);
  pair_send (pair, D, stream, "still here");
  avi_link_finish (pair->ends[D].link, stream);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /echo/1, data still here, finished, closed");
}

static void
test_several_protocols (void)
{
  static const char *const offers[] = { "/sink/3", "/sink/2", "/sink/1", NULL };
  static const char *const none[] = { "/sink/3", "/sink/2", NULL };
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, offers);

  g_assert_true (pair_send (pair, D, stream, "held "));
  g_assert_true (pair_send (pair, D, stream, "until agreed"));
  g_assert_cmpuint (avi_link_get_queued (pair->ends[D].link, stream), ==, strlen ("held until agreed"));
  avi_link_finish (pair->ends[D].link, stream);
  g_assert_false (avi_link_is_flushed (pair->ends[D].link));
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "agreed /sink/1");
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /sink/1, data held until agreed, finished");

  pair_open (pair, D, none);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "refused");
}

static void
test_held_limit (void)
{
  static const char *const offers[] = { "/sink/2", "/sink/1", NULL };
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, offers);
  g_autoptr(GBytes) bulk = bulk_new (MIB - 1);
  g_autoptr(GBytes) byte = bulk_new (1);

  g_assert_true (avi_link_send (pair->ends[D].link, stream, bulk));
  g_assert_true (avi_link_send (pair->ends[D].link, stream, byte));
  g_assert_false (avi_link_send (pair->ends[D].link, stream, byte));
  pair_settle (pair);
  g_assert_cmpuint (avi_link_get_queued (pair->ends[D].link, stream), ==, 0);
}

static void
test_negotiation_timeout_of_ours (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) {
      .early_muxer = { TRUE, TRUE },
      .yamux = NO_PINGS,
      .negotiation_timeout = 500 * MS,
  });

  pair_settle (pair);
  pair_happened (pair, D);
  pair->ends[L].swallow = TRUE;
  pair_open (pair, D, echo);
  pair_advance (pair, 499 * MS);
  g_assert_cmpstr (pair_happened (pair, D), ==, "");
  pair_advance (pair, MS);
  g_assert_cmpstr (pair_happened (pair, D), ==, "reset");
  g_assert_cmpint (avi_link_deadline (pair->ends[D].link), ==, G_MAXINT64);
}

static gboolean
heard_frame (SealedPeer *peer, guint8 type, guint8 flags, guint8 stream)
{
  const guint8 frame[] = { 0, type, 0, flags, 0, 0, 0, stream };
  gboolean heard = memmem (peer->heard->data, peer->heard->len, frame, sizeof frame) != NULL;

  g_byte_array_set_size (peer->heard, 0);
  return heard;
}

static SealedPeer *
sealed_peer_new_dialling (void)
{
  SealedPeer *peer = sealed_peer_new (
      &(AviLinkConfig) { .protocols = echo, .yamux = NO_PINGS, .negotiation_timeout = 500 * MS }, TRUE, NULL, NULL);

  g_assert_cmpuint (peer->n_events, ==, 1); /* established */
  return peer;
}

static void
test_negotiation_timeout_of_theirs (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  sealed_peer_say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN, 1, "");
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 3, HEADER "\x08/ech");
  sealed_peer_advance (peer, 499 * MS);
  g_assert_false (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 1));
  sealed_peer_advance (peer, MS);
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 1));
  g_assert_cmpuint (peer->n_events, ==, 1);
}

static void
test_peer_gives_up_negotiating (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, HEADER);
  sealed_peer_say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1, "");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 1));
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 3, HEADER);
  sealed_peer_say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 3, "");
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 5, "rubbish");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 5));
  g_assert_cmpuint (peer->n_events, ==, 1);
  g_assert_no_error (peer->error);
}

static void
test_refused_peer_that_goes_on (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, HEADER "\x0b/unknown/1\n\x03xyz");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1));
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, 0, 1, "on and on");
  sealed_peer_advance (peer, 500 * MS);
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 1));
  g_assert_cmpuint (peer->n_events, ==, 1);
}

static void
test_wrong_answer (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  avi_link_open (peer->link, echo, peer->now, NULL);
  avi_link_open (peer->link, echo, peer->now, NULL);
  sealed_peer_drive (peer);
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_ACK, 2, HEADER "\x08/sink/1\n");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 2));
  sealed_peer_say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 4, "");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 4));
  g_assert_cmpuint (peer->n_events, ==, 3);
  g_assert_no_error (peer->error);
}

/* Ends, opens and answers streams from within events. */
static void
meddle (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;
  AviLink *link = pair->ends[end].link;

  pair_note (pair, end, event);
  if (end != L)
    return;

  if (event->type == AVI_LINK_EVENT_STREAM && ++watch->count % 2 == 0)
    avi_link_reset (link, event->stream); /* its data is behind it in the same frame */
  else if (event->type == AVI_LINK_EVENT_DATA)
    {
      g_autoptr(GBytes) bytes = g_bytes_new_static ("from within", 11);
      AviLinkStream *stream = avi_link_open (link, sink, pair->now, NULL);

      avi_link_send (link, stream, bytes);
      avi_link_finish (link, stream);
      avi_link_reset (link, event->stream);
    }
}

static void
test_verbs_within_events (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  Watch watch = { 0 };

  pair->on_event = meddle;
  pair->user_data = &watch;
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr(GBytes) bytes = g_bytes_new_static ("hello", 5);

      avi_link_send (pair->ends[D].link, pair_open (pair, D, echo), bytes);
    }
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, L), ==,
                   "stream /echo/1, data hello, stream /echo/1, stream /echo/1, data hello, stream /echo/1, "
                   "agreed /sink/1, agreed /sink/1");
  g_assert_cmpstr (pair_happened (pair, D), ==,
                   "reset, reset, reset, reset, stream /sink/1, data from within, stream /sink/1, data from within, "
                   "finished, finished");
}

/* --- what else is promised --- */

static void
note_inbound (Pair *pair, guint end, const AviLinkEvent *event)
{
  pair_note (pair, end, event);
  if (event->type != AVI_LINK_EVENT_STREAM)
    return;

  g_assert_true (avi_link_stream_is_inbound (event->stream));
  g_assert_true (event->protocol == avi_link_stream_get_protocol (event->stream));
  g_assert_null (avi_link_stream_get_owner (event->stream));
  *(gboolean *) pair->user_data = TRUE;
}

static void
test_inbound (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  gboolean seen = FALSE;

  pair->on_event = note_inbound;
  pair->user_data = &seen;
  pair_open (pair, D, sink);
  pair_settle (pair);
  g_assert_true (seen);
  g_assert_cmpstr (pair_happened (pair, L), ==, "stream /sink/1");
}

static void
test_errors_of_open (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) {
      .early_muxer = { TRUE, TRUE },
      .yamux = { .ping_interval = -1, .max_streams = 2 },
  });
  g_autoptr(GError) full = NULL;
  g_autoptr(GError) leaving = NULL;

  pair_settle (pair);
  avi_link_reset (pair->ends[D].link, pair_open (pair, D, echo));
  pair_open (pair, D, echo);
  pair_open (pair, D, echo);
  g_assert_null (avi_link_open (pair->ends[D].link, echo, pair->now, &full));
  g_assert_error (full, AVI_ERROR, AVI_ERROR_LIMIT);

  avi_link_go_away (pair->ends[D].link, 0);
  g_assert_null (avi_link_open (pair->ends[D].link, echo, pair->now, &leaving));
  g_assert_error (leaving, AVI_ERROR, AVI_ERROR_CLOSED);
}

static void
test_open_after_an_error (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  g_autoptr(GError) error = NULL;
  AviLink *link = pair->ends[D].link;
  const guint8 bad[] = { 0, 1, 'x' };

  g_assert_false (avi_link_receive (link, AVI_SPAN (bad, sizeof bad), pair->now, &error));
  g_clear_error (&error);
  g_assert_null (avi_link_open (link, echo, pair->now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_nonnull (strstr (error->message, "Noise"));
}

static void
test_large_piece_is_held (void)
{
  static const char *const offers[] = { "/sink/2", "/sink/1", NULL };
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, offers);
  g_autoptr(GBytes) bulk = bulk_new (2 * MIB);
  g_autoptr(GBytes) byte = bulk_new (1);

  /* Anything goes into a queue that is empty. */
  pair_drive (pair, D);
  g_assert_true (avi_link_send (pair->ends[D].link, stream, bulk));
  g_assert_false (avi_link_send (pair->ends[D].link, stream, byte));
  g_assert_cmpuint (avi_link_get_queued (pair->ends[D].link, stream), ==, 2 * MIB);
  pair_settle (pair);
  g_assert_cmpuint (avi_link_get_queued (pair->ends[D].link, stream), ==, 0);
  g_assert_true (avi_link_send (pair->ends[D].link, stream, byte));
}

static void
test_negotiation_timeout_with_data_held (void)
{
  static const char *const offers[] = { "/sink/2", "/sink/1", NULL };
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, offers);

  /* The time-out of 10 s where the config says nothing. */
  pair->ends[L].swallow = TRUE;
  pair_send (pair, D, stream, "never to be heard");
  avi_link_finish (pair->ends[D].link, stream);
  g_assert_false (avi_link_is_flushed (pair->ends[D].link));
  pair_advance (pair, 10 * G_USEC_PER_SEC - MS);
  g_assert_cmpstr (pair_happened (pair, D), ==, "");
  pair_advance (pair, MS);
  g_assert_cmpstr (pair_happened (pair, D), ==, "reset");
  g_assert_true (avi_link_is_flushed (pair->ends[D].link));
}

static void
test_refused_peer_that_ends (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, HEADER "\x0b/unknown/1\n\x03xyz");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1));
  sealed_peer_say_frame (peer, AVI_YAMUX_DATA, 0, 1, "the last of it");
  sealed_peer_say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1, "");
  sealed_peer_advance (peer, 1000 * MS);
  g_assert_cmpuint (peer->heard->len, ==, 0);
  g_assert_cmpuint (peer->n_events, ==, 1);
  g_assert_cmpint (avi_link_deadline (peer->link), ==, G_MAXINT64);
}

static void
test_refused_peer_that_has_ended (void)
{
  static const char proposal[] = HEADER "\x0b/unknown/1\n\x03xyz";
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();
  AviYamuxFrame data = { AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, strlen (proposal) };
  AviYamuxFrame fin = { AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1, 0 };
  AviWriter out;

  /* All in one packet, so that the answer is not out when the end is read: it comes all the same. */
  avi_writer_init (&out, 4096);
  g_assert_true (avi_yamux_frame_put (&data, &out) && avi_writer_put (&out, AVI_SPAN_STRING (proposal))
                 && avi_yamux_frame_put (&fin, &out));
  sealed_peer_say (peer, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
  g_assert_nonnull (memmem (peer->heard->data, peer->heard->len, "\x03na\n", 4));
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1));
  g_assert_cmpuint (peer->n_events, ==, 1);
}

#define ADD(what, func) g_test_add_func ("/link-streams/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("sends data with the offer, FIN after the answer", test_stream);
  ADD ("closes a stream half by half", test_half_close);
  ADD ("resets streams both ways", test_reset);
  ADD ("keeps a stream good within its last event", test_last_event);
  ADD ("tells a refusal from a reset though data was sent", test_refused);
  ADD ("forgets the data that a refusing peer did not want", test_refused_bulk);
  ADD ("offers several protocols and holds data until one is agreed", test_several_protocols);
  ADD ("holds no more than max-send-queue", test_held_limit);
  ADD ("resets a stream whose peer does not negotiate", test_negotiation_timeout_of_ours);
  ADD ("resets a peer's stream that does not negotiate, without a word to the owner",
       test_negotiation_timeout_of_theirs);
  ADD ("drops a peer's stream that ends before it agreed", test_peer_gives_up_negotiating);
  ADD ("resets a stream on which a refused peer goes on", test_refused_peer_that_goes_on);
  ADD ("resets a stream that is answered wrongly", test_wrong_answer);
  ADD ("takes verbs within events", test_verbs_within_events);
  ADD ("tells of a peer's stream with its protocol", test_inbound);
  ADD ("says why it opens no stream", test_errors_of_open);
  ADD ("opens no stream after an error", test_open_after_an_error);
  ADD ("holds a piece of any size where it holds nothing", test_large_piece_is_held);
  ADD ("resets a stream whose data it held for 10 s", test_negotiation_timeout_with_data_held);
  ADD ("lets a refused peer end its stream", test_refused_peer_that_ends);
  ADD ("answers a refused peer that has ended its stream", test_refused_peer_that_has_ended);
  return g_test_run ();
}
