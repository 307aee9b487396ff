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
#define WINDOW   AVI_YAMUX_INITIAL_WINDOW
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
  gsize          received;
  guint          count;
  gboolean       done;
} Watch;

static Pair *
pair_new_established (void)
{
  Pair *pair = pair_new (&(PairConfig) { .latency = MS, .early_muxer = { TRUE, TRUE }, .yamux = NO_PINGS });

  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "established");
  g_assert_cmpstr (pair_happened (pair, L), ==, "established");
  return pair;
}

static GBytes *
bulk_new (gsize n)
{
  return g_bytes_new_take (g_malloc0 (n), n);
}

/* --- getting established --- */

static void
test_established (gconstpointer early)
{
  gboolean both = GPOINTER_TO_INT (early) == 3;
  g_autoptr(Pair) pair = pair_new (&(PairConfig) {
      .latency = 10 * MS,
      .early_muxer = { GPOINTER_TO_INT (early) & 1, GPOINTER_TO_INT (early) & 2 },
      .expected = avi_key_pair_get_peer_id (pair_get_identity (L)),
  });
  gint64 start = pair->now;

  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "established");
  g_assert_cmpstr (pair_happened (pair, L), ==, "established");
  g_assert_true (avi_link_is_established (pair->ends[D].link));

  /* Two flights of Noise, and one more for the muxer where it is not agreed in them; the listener
   * has it all with the dialler's last. */
  g_assert_cmpint (pair->ends[D].established_at - start, ==, (both ? 20 : 40) * MS);
  g_assert_cmpint (pair->ends[L].established_at - start, ==, 30 * MS);
}

static void
note_key (Pair *pair, guint end, const AviLinkEvent *event)
{
  AviPeerId *peer = pair->user_data;

  if (event->type == AVI_LINK_EVENT_ESTABLISHED)
    peer[end] = *avi_public_key_get_peer_id (event->key);
}

static void
test_identities (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });
  AviPeerId peer[2];

  pair->on_event = note_key;
  pair->user_data = peer;
  pair_settle (pair);
  g_assert_true (avi_peer_id_equal (&peer[D], avi_key_pair_get_peer_id (pair_get_identity (L))));
  g_assert_true (avi_peer_id_equal (&peer[L], avi_key_pair_get_peer_id (pair_get_identity (D))));
}

static void
test_wrong_peer (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { .expected = avi_key_pair_get_peer_id (pair_get_identity (D)) });

  pair_settle (pair);
  g_assert_error (pair->ends[D].error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_cmpstr (pair_happened (pair, D), ==, "");
}

static void
test_first_flight (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });

  pair_drive (pair, D);
  g_assert_cmpuint (pair->ends[D].packets, ==, 1);
  g_assert_cmpuint (pair->ends[D].sent, ==, strlen (HEADER "\x07/noise\n") + 2 + 32);
}

static void
test_foreign_bytes (void)
{
  static const char *const greetings[] = {
    "GET / HTTP/1.1\r\nHost: 192.168.1.2\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on",
    "SSH-2.0-OpenSSH_9.2p1\r\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (greetings); i++)
    {
      g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });
      g_autoptr(GError) error = NULL;

      g_assert_false (avi_link_receive (pair->ends[L].link, AVI_SPAN_STRING (greetings[i]), pair->now, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
      g_assert_true (g_str_has_prefix (error->message, "Security negotiation: "));
    }
}

static void
test_handshake_timeout (void)
{
  static const struct
  {
    guint       answers; /* packets of the listener that arrive */
    const char *dialer, *listener;
  } cases[] = {
    { 0, "security negotiation", "Noise handshake" },
    { 1, "muxer negotiation", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Pair) pair = pair_new (&(PairConfig) {
          .latency = 10 * MS,
          .handshake_timeout = 1000 * MS,
          .yamux = NO_PINGS,
      });

      pair_drive (pair, D);
      pair->ends[L].swallow = cases[i].answers == 0;
      pair_advance (pair, 15 * MS);
      pair->ends[L].swallow = TRUE;
      pair_advance (pair, 984 * MS);
      g_assert_no_error (pair->ends[D].error);
      g_assert_cmpint (avi_link_deadline (pair->ends[D].link), ==, pair->now + MS);
      pair_advance (pair, MS);

      g_assert_error (pair->ends[D].error, AVI_ERROR, AVI_ERROR_TIMEOUT);
      g_assert_nonnull (strstr (pair->ends[D].error->message, cases[i].dialer));
      g_assert_nonnull (strstr (pair->ends[D].error->message, "1000 ms"));
      if (cases[i].listener != NULL)
        {
          g_assert_error (pair->ends[L].error, AVI_ERROR, AVI_ERROR_TIMEOUT);
          g_assert_nonnull (strstr (pair->ends[L].error->message, cases[i].listener));
        }
    }
}

static void
test_silent_dialler (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });

  pair->ends[D].swallow = TRUE;
  pair_advance (pair, 10 * G_USEC_PER_SEC);
  g_assert_error (pair->ends[L].error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (pair->ends[L].error->message, "security negotiation"));
}

static void
test_noise_timeout (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });
  g_autoptr(GError) error = NULL;
  AviLinkEvent event;
  guint8 answer[] = HEADER "\x07/noise\n";

  pair_drive (pair, D);
  g_assert_true (avi_link_receive (pair->ends[D].link, AVI_SPAN (answer, sizeof answer - 1), pair->now, NULL));
  g_assert_false (avi_link_next (pair->ends[D].link, &event));
  g_assert_false (
      avi_link_receive (pair->ends[D].link, AVI_SPAN_EMPTY, pair->now + 10 * G_USEC_PER_SEC, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "Noise handshake"));
}

static void
test_muxer_refused (void)
{
  g_autoptr(SealedPeer) listening = sealed_peer_new (&(AviLinkConfig) { .dialer = TRUE }, FALSE, NULL, NULL);
  g_autoptr(SealedPeer) dialling = sealed_peer_new (&(AviLinkConfig) { .dialer = FALSE }, FALSE, NULL, NULL);

  sealed_peer_say (listening, AVI_SPAN_STRING (HEADER "\x03na\n"));
  g_assert_error (listening->error, AVI_ERROR, AVI_ERROR_REJECTED);
  g_assert_true (g_str_has_prefix (listening->error->message, "Muxer negotiation: "));
  g_assert_cmpuint (listening->n_events, ==, 0);

  sealed_peer_say (dialling, AVI_SPAN_STRING (HEADER "\x0d/mplex/6.7.0\n"));
  g_assert_cmpmem (dialling->heard->data, dialling->heard->len, HEADER "\x03na\n", strlen (HEADER "\x03na\n"));
}

static void
test_open_before_established (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { 0 });
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_link_open (pair->ends[D].link, echo, pair->now, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_false (avi_link_is_flushed (pair->ends[D].link));
  avi_link_ping (pair->ends[D].link);
  avi_link_go_away (pair->ends[D].link, 0);
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

/* Answers what the peer says, then ends what it ended. */
static void
echo_event (Pair *pair, guint end, const AviLinkEvent *event)
{
  AviLink *link = pair->ends[end].link;

  pair_note (pair, end, event);
  if (event->type == AVI_LINK_EVENT_DATA && avi_link_stream_is_inbound (event->stream))
    {
      g_autoptr(GBytes) bytes = g_bytes_new (event->data.data, event->data.len);

      avi_link_send (link, event->stream, bytes);
    }
  else if (event->type == AVI_LINK_EVENT_FINISHED)
    {
      avi_link_finish (link, event->stream);
    }
}

static void
test_half_close (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, echo);

  pair->on_event = echo_event;
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
  pair->on_event = echo_event;
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

/* Yamux frames of a hand-made peer. */
static void
say_frame (SealedPeer *peer, AviYamuxFrameType type, guint16 flags, guint32 stream, const char *payload)
{
  AviYamuxFrame frame = { type, flags, stream, strlen (payload) };
  AviWriter out;

  avi_writer_init (&out, 4096);
  g_assert_true (avi_yamux_frame_put (&frame, &out));
  avi_writer_put (&out, AVI_SPAN_STRING (payload));
  sealed_peer_say (peer, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
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

  say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_SYN, 1, "");
  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 3, HEADER "\x08/ech");
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

  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, HEADER);
  say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1, "");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 1));
  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 3, HEADER);
  say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 3, "");
  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 5, "rubbish");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 5));
  g_assert_cmpuint (peer->n_events, ==, 1);
  g_assert_no_error (peer->error);
}

static void
test_refused_peer_that_goes_on (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_SYN, 1, HEADER "\x0b/unknown/1\n\x03xyz");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 1));
  say_frame (peer, AVI_YAMUX_DATA, 0, 1, "on and on");
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
  say_frame (peer, AVI_YAMUX_DATA, AVI_YAMUX_ACK, 2, HEADER "\x08/sink/1\n");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 2));
  say_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_FIN, 4, "");
  g_assert_true (heard_frame (peer, AVI_YAMUX_WINDOW_UPDATE, AVI_YAMUX_RST, 4));
  g_assert_cmpuint (peer->n_events, ==, 3);
  g_assert_no_error (peer->error);
}

static void
test_yamux_error_is_final (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new_dialling ();

  say_frame (peer, AVI_YAMUX_PING, 0, 0, "");
  g_assert_error (peer->error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_cmpstr (peer->error->message, ==, "Yamux PING with flags 0x0, neither SYN nor ACK");
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

/* --- many streams, much data --- */

static void
echo_and_count (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  echo_event (pair, end, event);
  if (end == D && event->type == AVI_LINK_EVENT_DATA)
    watch->received += event->data.len;
  if (event->type == AVI_LINK_EVENT_CLOSED)
    watch->count++;
}

static void
test_many_streams (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  Watch watch = { 0 };

  pair->on_event = echo_and_count;
  pair->user_data = &watch;
  for (guint i = 0; i < 200; i++)
    {
      AviLinkStream *stream = pair_open (pair, D, echo);
      g_autoptr(GBytes) bytes = bulk_new (10000 + i);

      avi_link_send (pair->ends[D].link, stream, bytes);
      avi_link_finish (pair->ends[D].link, stream);
    }
  pair_settle (pair);
  g_assert_cmpuint (watch.count, ==, 400);
  g_assert_cmpuint (watch.received, ==, 200 * 10000 + 199 * 200 / 2);
}

static void
count_unconsumed (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  if (event->type == AVI_LINK_EVENT_STREAM)
    watch->stream = event->stream;
  else if (event->type == AVI_LINK_EVENT_DATA)
    watch->received += event->data.len;
  else if (event->type == AVI_LINK_EVENT_WRITABLE)
    watch->count++;
}

static void
test_flow_control (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  g_autoptr(GBytes) bulk = bulk_new (MIB);
  AviLinkStream *stream;
  Watch watch = { 0 };

  pair->on_event = count_unconsumed;
  pair->user_data = &watch;
  stream = pair_open (pair, D, sink);
  g_assert_true (avi_link_send (pair->ends[D].link, stream, bulk));
  g_assert_false (avi_link_send (pair->ends[D].link, stream, bulk));
  pair_settle (pair);

  /* Up to the window, of which the negotiation had its share. */
  gsize negotiation = strlen (HEADER "\x08/sink/1\n");
  g_assert_cmpuint (watch.received, ==, WINDOW - negotiation);
  g_assert_cmpuint (avi_link_get_queued (pair->ends[D].link, stream), ==, MIB - watch.received);
  g_assert_cmpuint (watch.count, ==, 0);

  avi_link_consume (pair->ends[L].link, watch.stream, WINDOW - negotiation);
  pair_settle (pair);
  g_assert_cmpuint (watch.received, ==, 2 * WINDOW - negotiation);

  for (guint i = 0; i < 5; i++)
    {
      avi_link_consume (pair->ends[L].link, watch.stream, WINDOW / 2);
      pair_settle (pair);
    }
  g_assert_cmpuint (watch.received, ==, MIB);
  g_assert_cmpuint (watch.count, ==, 1);
  g_assert_true (avi_link_is_flushed (pair->ends[D].link));
}

static void
count_consumed (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  if (event->type != AVI_LINK_EVENT_DATA)
    return;

  watch->received += event->data.len;
  avi_link_consume (pair->ends[end].link, event->stream, event->data.len);
}

/* µs until @n streams have brought @mib MiB each, 50 ms away. @peak: the most bytes under way. */
static gint64
transfer (guint n, guint mib, const AviYamuxConfig *limits, gsize *peak)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) {
      .latency = 50 * MS,
      .early_muxer = { TRUE, TRUE },
      .yamux = *limits,
  });
  g_autoptr(GBytes) bulk = bulk_new (mib * MIB);
  Watch watch = { 0 };
  gint64 start;

  pair_settle (pair);
  start = pair->now;
  pair->on_event = count_consumed;
  pair->user_data = &watch;
  for (guint i = 0; i < n; i++)
    avi_link_send (pair->ends[D].link, pair_open (pair, D, sink), bulk);
  pair_settle (pair);
  g_assert_cmpuint (watch.received, ==, n * mib * MIB);
  *peak = pair->ends[D].peak;
  return pair->now - start;
}

static void
test_windows_grow (void)
{
  AviYamuxConfig fixed = { .max_window = WINDOW }, tuned = { 0 }, shared = { .max_receive = 2 * MIB };
  gsize peak;

  /* A quarter of a MiB per round trip of 100 ms. */
  g_assert_cmpint (transfer (1, 16, &fixed, &peak), >, 6000 * MS);
  g_assert_cmpuint (peak, <, WINDOW + 10000);

  /* Doubled with each, up to 16 MiB. */
  g_assert_cmpint (transfer (1, 64, &tuned, &peak), <, 1500 * MS);
  g_assert_cmpuint (peak, >, 8 * MIB);
  g_assert_cmpuint (peak, <, 17 * MIB);

  /* The sum counts, not the single stream. */
  transfer (8, 8, &shared, &peak);
  g_assert_cmpuint (peak, >, 8 * WINDOW + MIB);
  g_assert_cmpuint (peak, <, 8 * WINDOW + 2 * MIB + 20000);
}

/* --- the connection --- */

static void
test_go_away (void)
{
  g_autoptr(Pair) pair = pair_new_established ();
  AviLinkStream *stream = pair_open (pair, D, sink);

  pair_send (pair, D, stream, "before");
  avi_link_go_away (pair->ends[L].link, 0);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==, "go-away 0, reset");
  g_assert_cmpstr (pair_happened (pair, L), ==, "");
  g_assert_null (avi_link_open (pair->ends[D].link, sink, pair->now, NULL));
  g_assert_null (avi_link_open (pair->ends[L].link, sink, pair->now, NULL));
}

static void
note_pongs (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  if (end == D && event->type == AVI_LINK_EVENT_PONG)
    {
      watch->count++;
      watch->received = event->round_trip;
    }
}

static void
test_keep_alive (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { .latency = 7 * MS, .early_muxer = { TRUE, TRUE } });
  Watch watch = { 0 };

  pair->on_event = note_pongs;
  pair->user_data = &watch;
  pair_settle (pair);
  g_assert_cmpuint (watch.count, ==, 1);
  g_assert_cmpuint (watch.received, ==, 14 * MS);

  /* A quiet hour costs a ping every 10 s, of one end or the other. */
  guint packets = pair->ends[D].packets;
  pair_advance (pair, 3600 * (gint64) G_USEC_PER_SEC);
  g_assert_no_error (pair->ends[D].error);
  g_assert_no_error (pair->ends[L].error);
  g_assert_cmpuint (pair->ends[D].packets - packets, >=, 359);
  g_assert_cmpuint (pair->ends[D].packets - packets, <=, 2 * 361);

  avi_link_ping (pair->ends[D].link);
  guint pongs = watch.count;
  pair_settle (pair);
  g_assert_cmpuint (watch.count, ==, pongs + 1);

  pair->ends[L].swallow = TRUE;
  pair_advance (pair, 21 * G_USEC_PER_SEC);
  g_assert_error (pair->ends[D].error, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_cmpstr (pair->ends[D].error->message, ==, "No answer to a Yamux ping within 10000 ms");
}

static void
test_small_writer (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { .early_muxer = { TRUE, FALSE }, .writer_limit = 600 });
  AviLinkStream *stream;

  pair->on_event = echo_event;
  pair_settle (pair);
  stream = pair_open (pair, D, echo);
  pair_send (pair, D, stream, "through a small door");
  avi_link_finish (pair->ends[D].link, stream);
  pair_settle (pair);
  g_assert_cmpstr (pair_happened (pair, D), ==,
                   "established, agreed /echo/1, data through a small door, finished, closed");
}

/* --- bad pipes --- */

static gboolean
text_arrived (Pair *pair, guint end, const char *text)
{
  g_autofree char *all = g_strdup (pair->ends[end].log->str);
  g_auto(GStrv) parts = g_strsplit (all, ", ", -1);
  g_autoptr(GString) data = g_string_new (NULL);

  for (guint i = 0; parts[i] != NULL; i++)
    if (g_str_has_prefix (parts[i], "data "))
      g_string_append (data, parts[i] + strlen ("data "));
  return g_str_equal (data->str, text);
}

/* A short conversation in which both ends say all kinds of things. */
static void
converse (Pair *pair)
{
  static const char *const offers[] = { "/echo/2", "/echo/1", NULL };

  pair->on_event = echo_event;
  pair_settle (pair);
  if (pair->ends[D].link != NULL && avi_link_is_established (pair->ends[D].link))
    {
      AviLinkStream *stream = pair_open (pair, D, offers);

      pair_send (pair, D, stream, "hello");
      avi_link_finish (pair->ends[D].link, stream);
    }
  if (pair->ends[L].link != NULL && avi_link_is_established (pair->ends[L].link))
    pair_send (pair, L, pair_open (pair, L, sink), "world");
  pair_settle (pair);
}

static void
test_cuts (void)
{
  const PairConfig config = { .latency = MS };
  gsize total;

  {
    g_autoptr(Pair) whole = pair_new (&config);

    converse (whole);
    total = MAX (whole->ends[D].sent, whole->ends[L].sent);
  }

  for (gsize cut = 1; cut < total; cut++)
    {
      g_autoptr(Pair) pair = pair_new (&config);

      pair->ends[D].cut = pair->ends[L].cut = cut;
      converse (pair);
      g_assert_true (text_arrived (pair, D, "helloworld") || text_arrived (pair, D, "worldhello"));
      g_assert_true (text_arrived (pair, L, "helloworld") || text_arrived (pair, L, "worldhello"));
      g_assert_no_error (pair->ends[D].error);
      g_assert_no_error (pair->ends[L].error);
    }
}

static void
test_single_bytes (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { .latency = MS });

  pair->ends[D].chunk = pair->ends[L].chunk = 1;
  converse (pair);
  g_assert_true (text_arrived (pair, L, "helloworld") || text_arrived (pair, L, "worldhello"));
}

static void
test_faults (gconstpointer which)
{
  const PairFault fault = GPOINTER_TO_INT (which);
  const PairConfig config = { .latency = MS };

  for (guint from = 0; from < 2; from++)
    {
      gsize total;

      {
        g_autoptr(Pair) whole = pair_new (&config);

        converse (whole);
        total = whole->ends[from].sent;
      }

      for (gsize at = 0; at < total; at++)
        {
          g_autoptr(Pair) pair = pair_new (&config);

          pair->ends[from].fault = fault;
          pair->ends[from].fault_at = at;
          converse (pair);
          pair_advance (pair, 60 * G_USEC_PER_SEC);
          g_assert_nonnull (pair->ends[!from].error);
          g_assert_true (pair->ends[!from].error->domain == AVI_ERROR);
        }
    }
}

#define ADD(what, func)         g_test_add_func ("/link/" what, func)
#define ADD_DATA(what, func, n) g_test_add_data_func ("/link/" what, GINT_TO_POINTER (n), func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_DATA ("negotiates the muxer where neither end does so early", test_established, 0);
  ADD_DATA ("negotiates the muxer where only the dialler does so early", test_established, 1);
  ADD_DATA ("negotiates the muxer where only the listener does so early", test_established, 2);
  ADD_DATA ("saves a round trip where both ends agree on the muxer early", test_established, 3);
  ADD ("tells who the peer is", test_identities);
  ADD ("refuses a peer that is not the one expected", test_wrong_peer);
  ADD ("proposes Noise and begins it in one packet", test_first_flight);
  ADD ("refuses HTTP, TLS and SSH", test_foreign_bytes);
  ADD ("fails in time where the peer stops answering", test_handshake_timeout);
  ADD ("fails in time where the dialler is silent", test_silent_dialler);
  ADD ("fails in time where Noise is not answered", test_noise_timeout);
  ADD ("fails where the peer has no Yamux", test_muxer_refused);
  ADD ("opens no stream before it is established", test_open_before_established);

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
  ADD ("reports an error of Yamux by the next receive", test_yamux_error_is_final);
  ADD ("takes verbs within events", test_verbs_within_events);

  ADD ("carries 200 streams at once", test_many_streams);
  ADD ("stops a sender whose receiver does not consume, and resumes", test_flow_control);
  ADD ("grows windows under latency, within max-receive", test_windows_grow);

  ADD ("takes no streams after GoAway", test_go_away);
  ADD ("keeps a quiet connection alive and notices a dead one", test_keep_alive);
  ADD ("works with a writer that takes little", test_small_writer);

  ADD ("reads the same wherever the bytes are cut", test_cuts);
  ADD ("reads byte by byte", test_single_bytes);
  ADD_DATA ("fails at the receiver where a bit is turned", test_faults, PAIR_CORRUPT);
  ADD_DATA ("fails at the receiver where bytes are repeated", test_faults, PAIR_REPEAT);
  ADD_DATA ("fails at the receiver where bytes are lost", test_faults, PAIR_TRUNCATE);
  return g_test_run ();
}
