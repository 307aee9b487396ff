/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "link/avi-yamux-frame.h"
#include "pair.h"
#include "sealed-peer.h"

#define D PAIR_DIALER
#define L PAIR_LISTENER

#define MS       (G_TIME_SPAN_MILLISECOND)
#define HEADER   "\x13/multistream/1.0.0\n"
#define NO_PINGS                                                                                                       \
 {                                                                                                                     \
  .ping_interval = -1                                                                                                  \
 }

static const char *const echo[] = { "/echo/1", NULL };
static const char *const sink[] = { "/sink/1", NULL };

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
test_yamux_error_is_final (void)
{
  g_autoptr(SealedPeer) peer = sealed_peer_new (&(AviLinkConfig) { .yamux = NO_PINGS }, TRUE, NULL, NULL);

  sealed_peer_say_frame (peer, AVI_YAMUX_PING, 0, 0, "");
  g_assert_error (peer->error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_cmpstr (peer->error->message, ==, "Yamux PING with flags 0x0, neither SYN nor ACK");
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

typedef struct
{
  guint  n;
  gint64 round_trip;
} Pongs;

static void
note_pongs (Pair *pair, guint end, const AviLinkEvent *event)
{
  Pongs *pongs = pair->user_data;

  if (end == D && event->type == AVI_LINK_EVENT_PONG)
    {
      pongs->n++;
      pongs->round_trip = event->round_trip;
    }
}

static void
test_keep_alive (void)
{
  g_autoptr(Pair) pair = pair_new (&(PairConfig) { .latency = 7 * MS, .early_muxer = { TRUE, TRUE } });
  Pongs pongs = { 0 };

  pair->on_event = note_pongs;
  pair->user_data = &pongs;
  pair_settle (pair);
  g_assert_cmpuint (pongs.n, ==, 1);
  g_assert_cmpint (pongs.round_trip, ==, 14 * MS);

  /* A quiet hour costs a ping every 10 s, of one end or the other. */
  guint packets = pair->ends[D].packets;
  pair_advance (pair, 3600 * (gint64) G_USEC_PER_SEC);
  g_assert_no_error (pair->ends[D].error);
  g_assert_no_error (pair->ends[L].error);
  g_assert_cmpuint (pair->ends[D].packets - packets, >=, 359);
  g_assert_cmpuint (pair->ends[D].packets - packets, <=, 2 * 361);

  avi_link_ping (pair->ends[D].link);
  guint before = pongs.n;
  pair_settle (pair);
  g_assert_cmpuint (pongs.n, ==, before + 1);

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

  pair->on_event = pair_echo;
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

  pair->on_event = pair_echo;
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
  ADD ("reports an error of Yamux by the next receive", test_yamux_error_is_final);
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
