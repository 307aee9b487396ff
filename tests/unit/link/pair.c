/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "pair.h"

#include "avi-error.h"
#include "crypto/avi-crypto.h"

#define WRITER_LIMIT (1024 * 1024)

typedef struct
{
  gint64  arrives;
  GBytes *bytes;
} Packet;

static void
packet_free (Packet *self)
{
  g_bytes_unref (self->bytes);
  g_free (self);
}

AviKeyPair *
pair_get_identity (guint end)
{
  static AviKeyPair *identities[2];

  if (identities[end] == NULL)
    {
      guint8 seed[AVI_KEY_SEED_LEN] = { 1 + end };

      avi_crypto_init ();
      identities[end] = avi_key_pair_from_seed (seed);
    }
  return identities[end];
}

AviNoiseStatic *
pair_get_statics (guint end)
{
  static AviNoiseStatic *statics[2];
  AviRandom random;

  avi_random_seed (&random, end);
  if (statics[end] == NULL)
    statics[end] = avi_noise_static_new (pair_get_identity (end), &random);
  return statics[end];
}

/* --- the pipe --- */

/* What of @bytes, sent behind self->sent others, comes out of the pipe. */
static GByteArray *
pair_end_spoil (PairEnd *self, AviSpan bytes)
{
  GByteArray *out = g_byte_array_new ();
  gsize at = self->fault_at - self->sent;

  g_byte_array_append (out, bytes.data, bytes.len);
  if (self->fault == PAIR_SOUND || self->fault_at < self->sent || at >= bytes.len)
    return out;

  switch (self->fault)
    {
    case PAIR_CORRUPT:
      out->data[at] ^= 1 << (self->fault_at % 8);
      break;
    case PAIR_REPEAT:
      g_byte_array_append (out, bytes.data + at, bytes.len - at);
      break;
    case PAIR_TRUNCATE:
      g_byte_array_set_size (out, at);
      break;
    case PAIR_SOUND:
    default:
      break;
    }
  return out;
}

static void
pair_enqueue (Pair *self, PairEnd *end, AviSpan bytes)
{
  GByteArray *out = pair_end_spoil (end, bytes);
  Packet *packet = g_new (Packet, 1);

  packet->arrives = self->now + self->latency;
  packet->bytes = g_byte_array_free_to_bytes (out);
  end->sent += bytes.len;
  end->packets++;
  end->under_way += g_bytes_get_size (packet->bytes);
  end->peak = MAX (end->peak, end->under_way);
  g_queue_push_tail (&end->pipe, packet);
}

static void
pair_fail (Pair *self, PairEnd *end, GError *error)
{
  AviLinkEvent event;

  /* Nothing comes of it any more. */
  g_assert_nonnull (error);
  g_assert_false (avi_link_next (end->link, &event));
  g_assert_false (avi_link_transmit (end->link, &self->writer, self->now));
  g_assert_cmpint (avi_link_deadline (end->link), ==, G_MAXINT64);

  end->error = error;
  g_clear_pointer (&end->link, avi_link_free);
}

/* FALSE: it failed. */
static gboolean
pair_tell (Pair *self, PairEnd *end, AviSpan bytes)
{
  GError *error = NULL;

  if (avi_link_receive (end->link, bytes, self->now, &error))
    return TRUE;

  pair_fail (self, end, error);
  return FALSE;
}

/* One round of what a driver does. FALSE: there is nothing more to do. */
static gboolean
pair_round (Pair *self, guint which)
{
  PairEnd *end = &self->ends[which];
  gboolean busy = FALSE;
  AviLinkEvent event;

  while (avi_link_next (end->link, &event))
    {
      busy = TRUE;
      if (event.type == AVI_LINK_EVENT_ESTABLISHED)
        end->established_at = self->now;
      self->on_event (self, which, &event);
    }

  avi_writer_truncate (&self->writer, 0);
  if (avi_link_transmit (end->link, &self->writer, self->now))
    {
      busy = TRUE;
      g_assert_cmpuint (self->writer.len, <=, self->writer.limit);
      if (!end->swallow)
        pair_enqueue (self, end, AVI_SPAN (self->writer.data, self->writer.len));
    }

  if (avi_link_deadline (end->link) > self->now)
    return busy;
  return pair_tell (self, end, AVI_SPAN_EMPTY);
}

void
pair_drive (Pair *self, guint which)
{
  PairEnd *end = &self->ends[which];

  /* A verb in an event may give it more to say, and what it says may free a stream. */
  for (guint round = 0; end->link != NULL && pair_round (self, which); round++)
    g_assert_cmpuint (round, <, 100000);
}

/* Time passed, and perhaps bytes came. */
static void
pair_receive (Pair *self, guint which, AviSpan bytes)
{
  PairEnd *end = &self->ends[which];
  guint8 *copy = bytes.len > 0 ? g_memdup2 (bytes.data, bytes.len) : NULL;

  if (end->link != NULL && pair_tell (self, end, AVI_SPAN (copy, bytes.len)))
    pair_drive (self, which);
  g_free (copy);
}

static void
pair_deliver (Pair *self, guint from, Packet *packet)
{
  PairEnd *end = &self->ends[from];
  AviSpan rest = avi_span_from_bytes (packet->bytes);

  end->under_way -= rest.len;
  while (rest.len > 0)
    {
      gsize n = end->chunk > 0 ? MIN (end->chunk, rest.len) : rest.len;

      if (end->cut > 0 && end->cut < n)
        n = end->cut;
      end->cut -= MIN (end->cut, n);
      pair_receive (self, !from, AVI_SPAN (rest.data, n));
      rest = avi_span_skip (rest, n);
    }
  packet_free (packet);
}

static gint64
pair_get_arrival (Pair *self, guint from)
{
  Packet *first = g_queue_peek_head (&self->ends[from].pipe);

  return first != NULL ? first->arrives : G_MAXINT64;
}

/* FALSE: nothing is under way. */
static gboolean
pair_step (Pair *self)
{
  guint from =
      pair_get_arrival (self, PAIR_DIALER) <= pair_get_arrival (self, PAIR_LISTENER) ? PAIR_DIALER : PAIR_LISTENER;
  Packet *packet = g_queue_pop_head (&self->ends[from].pipe);

  if (packet == NULL)
    return FALSE;

  self->now = MAX (self->now, packet->arrives);
  pair_deliver (self, from, packet);
  return TRUE;
}

void
pair_settle (Pair *self)
{
  pair_drive (self, PAIR_DIALER);
  pair_drive (self, PAIR_LISTENER);
  for (guint i = 0; pair_step (self); i++)
    g_assert_cmpuint (i, <, 10000000);
}

void
pair_advance (Pair *self, gint64 duration)
{
  gint64 until = self->now + duration;

  for (guint i = 0; self->now < until; i++)
    {
      gint64 next = MIN (until, MIN (pair_get_arrival (self, 0), pair_get_arrival (self, 1)));

      g_assert_cmpuint (i, <, 10000000);
      for (guint end = 0; end < 2; end++)
        if (self->ends[end].link != NULL)
          next = MIN (next, avi_link_deadline (self->ends[end].link));

      self->now = MAX (self->now, next);
      for (guint end = 0; end < 2; end++)
        {
          if (pair_get_arrival (self, end) <= self->now)
            pair_deliver (self, end, g_queue_pop_head (&self->ends[end].pipe));
          if (self->ends[end].link != NULL && avi_link_deadline (self->ends[end].link) <= self->now)
            pair_receive (self, end, AVI_SPAN_EMPTY);
        }
    }
}

/* --- what happened --- */

void
pair_note (Pair *self, guint which, const AviLinkEvent *event)
{
  static const char *names[] = { "established", "stream",   "agreed", "refused", "data",   "finished",
                                 "reset",       "closed", "writable", "pong",    "go-away" };
  GString *log = self->ends[which].log;

  if (event->type == AVI_LINK_EVENT_PONG)
    return;

  g_string_append_printf (log, "%s%s", log->len > 0 ? ", " : "", names[event->type]);
  if (event->protocol != NULL)
    g_string_append_printf (log, " %s", event->protocol);
  if (event->type == AVI_LINK_EVENT_GO_AWAY)
    g_string_append_printf (log, " %u", event->code);

  if (event->type == AVI_LINK_EVENT_DATA)
    {
      if (event->data.len <= 32)
        g_string_append_printf (log, " %.*s", (int) event->data.len, (const char *) event->data.data);
      else
        g_string_append_printf (log, " (%" G_GSIZE_FORMAT ")", event->data.len);
      if (!self->idle_consumer)
        avi_link_consume (self->ends[which].link, event->stream, event->data.len);
    }
}

void
pair_echo (Pair *self, guint which, const AviLinkEvent *event)
{
  AviLink *link = self->ends[which].link;

  pair_note (self, which, event);
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

const char *
pair_happened (Pair *self, guint which)
{
  static char last[4096];

  g_strlcpy (last, self->ends[which].log->str, sizeof last);
  g_string_truncate (self->ends[which].log, 0);
  return last;
}

/* --- life --- */

static void
pair_end_init (Pair *self, guint which, const PairConfig *config)
{
  static const char *const protocols[] = { "/echo/1", "/sink/1", NULL };
  PairEnd *end = &self->ends[which];
  AviLinkConfig link_config = {
    .dialer = which == PAIR_DIALER,
    .statics = pair_get_statics (which),
    .expected = which == PAIR_DIALER ? config->expected : NULL,
    .protocols = config->protocols != NULL ? config->protocols : protocols,
    .early_muxer = config->early_muxer[which],
    .yamux = config->yamux,
    .handshake_timeout = config->handshake_timeout,
    .negotiation_timeout = config->negotiation_timeout,
    .random = &self->random,
  };

  end->link = avi_link_new (&link_config, self->now);
  end->log = g_string_new (NULL);
  end->established_at = -1;
  g_queue_init (&end->pipe);
}

Pair *
pair_new (const PairConfig *config)
{
  Pair *self = g_new0 (Pair, 1);

  avi_random_seed (&self->random, 1);
  self->now = G_USEC_PER_SEC;
  self->latency = config->latency;
  self->on_event = pair_note;
  avi_writer_init (&self->writer, config->writer_limit > 0 ? config->writer_limit : WRITER_LIMIT);
  pair_end_init (self, PAIR_DIALER, config);
  pair_end_init (self, PAIR_LISTENER, config);
  return self;
}

Pair *
pair_new_established (void)
{
  Pair *self = pair_new (&(PairConfig) {
      .latency = G_TIME_SPAN_MILLISECOND,
      .early_muxer = { TRUE, TRUE },
      .yamux = { .ping_interval = -1 },
  });

  pair_settle (self);
  g_assert_cmpstr (pair_happened (self, PAIR_DIALER), ==, "established");
  g_assert_cmpstr (pair_happened (self, PAIR_LISTENER), ==, "established");
  return self;
}

void
pair_free (Pair *self)
{
  for (guint i = 0; i < 2; i++)
    {
      PairEnd *end = &self->ends[i];

      g_clear_pointer (&end->link, avi_link_free);
      g_clear_error (&end->error);
      g_string_free (end->log, TRUE);
      g_queue_clear_full (&end->pipe, (GDestroyNotify) packet_free);
    }
  avi_writer_clear (&self->writer);
  g_free (self);
}

AviLinkStream *
pair_open (Pair *self, guint which, const char *const *protocols)
{
  g_autoptr(GError) error = NULL;
  AviLinkStream *stream = avi_link_open (self->ends[which].link, protocols, self->now, &error);

  g_assert_no_error (error);
  return stream;
}

gboolean
pair_send (Pair *self, guint which, AviLinkStream *stream, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));
  gboolean taken = avi_link_send (self->ends[which].link, stream, bytes);

  pair_drive (self, which);
  return taken;
}
