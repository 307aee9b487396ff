/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Many streams of a link, and much data on them.
 */
#include "config.h"

#include "pair.h"

#define D PAIR_DIALER
#define L PAIR_LISTENER

#define MS     (G_TIME_SPAN_MILLISECOND)
#define MIB    (1024 * 1024)
#define WINDOW AVI_YAMUX_INITIAL_WINDOW
#define HEADER "\x13/multistream/1.0.0\n"

static const char *const echo[] = { "/echo/1", NULL };
static const char *const sink[] = { "/sink/1", NULL };

/* Handed to the events' functions. */
typedef struct
{
  AviLinkStream *stream; /* the last one that the end was told of */
  gsize          received;
  guint          count; /* of streams that closed, or became writable */
} Watch;

static GBytes *
bulk_new (gsize n)
{
  return g_bytes_new_take (g_malloc0 (n), n);
}

static void
echo_and_count (Pair *pair, guint end, const AviLinkEvent *event)
{
  Watch *watch = pair->user_data;

  pair_echo (pair, end, event);
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

#define ADD(what, func) g_test_add_func ("/link-flow/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("carries 200 streams at once", test_many_streams);
  ADD ("stops a sender whose receiver does not consume, and resumes", test_flow_control);
  ADD ("grows windows under latency, within max-receive", test_windows_grow);
  return g_test_run ();
}
