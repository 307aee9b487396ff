/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-link-private.h"

#include "link/avi-yamux-frame.h"

#define DEFAULT_TIMEOUT (10 * G_USEC_PER_SEC)

/* Of plaintext, in a Noise frame that is worth sending: a muxer's proposal whole, so that no Yamux
 * frame slips in before it; whatever Yamux has to say first. */
#define MIN_FRAME 64

G_STATIC_ASSERT (AVI_YAMUX_HEADER_LEN + AVI_YAMUX_SEND_FRAME_MAX == AVI_NOISE_PAYLOAD_MAX);

static const char *const securities[] = { "/noise", NULL };
static const char *const muxers[] = { "/yamux/1.0.0", NULL };
static const char *const nothing[] = { NULL };

/* In the words of a time-out's error, by stage. */
static const char *const stages[] = { "security negotiation", "Noise handshake", "muxer negotiation" };

void
avi_link_fail (AviLink *self, const char *layer, GError *error)
{
  if (layer != NULL)
    g_prefix_error (&error, "%s: ", layer);

  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
}

/* --- from the pipe up --- */

static void
avi_link_begin_noise (AviLink *self)
{
  AviNoiseConfig config = {
    .initiator = self->dialer,
    .statics = self->statics,
    .expected = self->expected.len > 0 ? &self->expected : NULL,
    .muxers = self->early_muxer ? muxers : NULL,
    .random = self->random,
  };

  self->noise = avi_noise_new (&config);
  g_clear_pointer (&self->statics, avi_noise_static_unref);
}

static void
avi_link_feed_noise (AviLink *self, AviSpan bytes)
{
  GError *error = NULL;

  if (!avi_noise_receive (self->noise, bytes, self->now, &error))
    avi_link_fail (self, NULL, error);
}

static void
avi_link_feed_yamux (AviLink *self, AviSpan bytes)
{
  GError *error = NULL;

  if (!avi_yamux_receive (self->yamux, bytes, self->now, &error))
    avi_link_fail (self, NULL, error);
}

static void
avi_link_feed_muxer (AviLink *self, AviSpan bytes)
{
  GError *error = NULL;

  if (!avi_multistream_receive (self->muxer, bytes, self->now, &error))
    avi_link_fail (self, "Muxer negotiation", error);
}

static AviLinkPulled
avi_link_establish (AviLink *self, AviLinkEvent *event)
{
  self->stage = AVI_LINK_OPEN;
  event->type = AVI_LINK_EVENT_ESTABLISHED;
  event->key = self->peer;
  return AVI_LINK_PULLED_EVENT;
}

static AviLinkPulled
avi_link_pull_security (AviLink *self, AviLinkEvent *event)
{
  AviMultistreamEvent told;

  if (self->security == NULL || !avi_multistream_next (self->security, &told))
    return AVI_LINK_PULLED_NOTHING;

  switch (told.type)
    {
    case AVI_MULTISTREAM_EVENT_AGREED:
      if (!self->dialer)
        {
          self->stage = AVI_LINK_NOISE;
          avi_link_begin_noise (self);
        }
      break;

    case AVI_MULTISTREAM_EVENT_ANSWERED:
      self->stage = AVI_LINK_NOISE;
      break;

    case AVI_MULTISTREAM_EVENT_DATA:
      /* It was put there with the negotiation before it. */
      if (self->tap != NULL)
        avi_link_tap_take_back (self->tap, told.data.len);
      avi_link_feed_noise (self, told.data);
      break;

    default:
      g_assert_not_reached ();
    }
  return AVI_LINK_PULLED_SOMETHING;
}

/* Noise has proven the peer. A muxer that is not agreed is negotiated; the dialler's Yamux frames
 * follow its proposal at once. */
static AviLinkPulled
avi_link_on_proven (AviLink *self, const char *agreed, AviLinkEvent *event)
{
  self->yamux = avi_yamux_new (&self->limits);
  if (agreed != NULL)
    return avi_link_establish (self, event);

  self->stage = AVI_LINK_MUXER;
  self->muxer = self->dialer ? avi_multistream_new_dialer (muxers, TRUE) : avi_multistream_new_listener (muxers);
  return AVI_LINK_PULLED_SOMETHING;
}

static AviLinkPulled
avi_link_pull_noise (AviLink *self, AviLinkEvent *event)
{
  AviNoiseEvent told;

  if (self->noise == NULL || !avi_noise_next (self->noise, &told))
    return AVI_LINK_PULLED_NOTHING;

  switch (told.type)
    {
    case AVI_NOISE_EVENT_ESTABLISHED:
      self->peer = told.key;
      return avi_link_on_proven (self, told.muxer, event);

    case AVI_NOISE_EVENT_DATA:
      if (self->tap != NULL)
        avi_link_tap_put (self->tap, FALSE, told.data);
      if (self->muxer != NULL)
        avi_link_feed_muxer (self, told.data);
      else
        avi_link_feed_yamux (self, told.data);
      return AVI_LINK_PULLED_SOMETHING;

    default:
      g_assert_not_reached ();
    }
}

static AviLinkPulled
avi_link_pull_muxer (AviLink *self, AviLinkEvent *event)
{
  AviMultistreamEvent told;

  if (self->muxer == NULL || !avi_multistream_next (self->muxer, &told))
    return AVI_LINK_PULLED_NOTHING;

  switch (told.type)
    {
    case AVI_MULTISTREAM_EVENT_AGREED:
      return self->dialer ? AVI_LINK_PULLED_SOMETHING : avi_link_establish (self, event);

    case AVI_MULTISTREAM_EVENT_ANSWERED:
      return avi_link_establish (self, event);

    case AVI_MULTISTREAM_EVENT_DATA:
      avi_link_feed_yamux (self, told.data);
      return AVI_LINK_PULLED_SOMETHING;

    default:
      g_assert_not_reached ();
    }
}

/* --- the doors --- */

gboolean
avi_link_next (AviLink *self, AviLinkEvent *event)
{
  /* From the top down: what a layer gave out is a view that must be used up before the layer below
   * is asked again. */
  static AviLinkPulled (*const layers[]) (AviLink * self, AviLinkEvent * event) = {
    avi_link_pull_expired, avi_link_pull_negotiation, avi_link_pull_yamux,
    avi_link_pull_muxer,   avi_link_pull_noise,       avi_link_pull_security,
  };
  guint i = 0;

  *event = (AviLinkEvent) { 0 };
  if (self->gone != NULL)
    avi_link_stream_free (self, g_steal_pointer (&self->gone));

  while (self->error == NULL && i < G_N_ELEMENTS (layers))
    {
      switch (layers[i](self, event))
        {
        case AVI_LINK_PULLED_NOTHING:
          i++;
          break;

        case AVI_LINK_PULLED_SOMETHING:
          *event = (AviLinkEvent) { 0 };
          i = 0;
          break;

        case AVI_LINK_PULLED_EVENT:
        default:
          return TRUE;
        }
    }
  return FALSE;
}

static void
avi_link_check_time (AviLink *self)
{
  if (self->stage < AVI_LINK_OPEN && self->now >= self->deadline)
    avi_link_fail (self, NULL,
                   g_error_new (AVI_ERROR, AVI_ERROR_TIMEOUT,
                                "The connection was not negotiated within %" G_GINT64_FORMAT
                                " ms: it waits for the peer in the %s",
                                self->handshake_timeout / 1000, stages[self->stage]));
}

gboolean
avi_link_receive (AviLink *self, AviSpan bytes, gint64 now, GError **error)
{
  GError *failure = NULL;

  self->now = now;
  if (self->error == NULL)
    avi_link_check_time (self);

  if (self->error == NULL && bytes.len > 0)
    {
      if (self->security != NULL && self->tap != NULL)
        avi_link_tap_put (self->tap, FALSE, bytes);
      if (self->security == NULL)
        avi_link_feed_noise (self, bytes);
      else if (!avi_multistream_receive (self->security, bytes, now, &failure))
        avi_link_fail (self, "Security negotiation", failure);
    }
  else if (self->error == NULL && self->yamux != NULL)
    {
      avi_link_feed_yamux (self, AVI_SPAN_EMPTY);
    }

  if (self->error == NULL)
    return TRUE;

  self->error_told = TRUE;
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}

/* Frees a negotiation that has nothing more to say or to hear. */
static void
avi_link_check_done (AviMultistream **negotiation)
{
  if (*negotiation != NULL && avi_multistream_is_done (*negotiation))
    g_clear_pointer (negotiation, avi_multistream_free);
}

/* What was written since @start goes out in clear, or is about to be sealed. */
static void
avi_link_tap_said (AviLink *self, AviWriter *writer, gsize start)
{
  if (self->tap != NULL && writer->len > start)
    avi_link_tap_put (self->tap, TRUE, AVI_SPAN (writer->data + start, writer->len - start));
}

static void
avi_link_seal (AviLink *self, AviWriter *writer, gsize start)
{
  if (!avi_noise_seal (self->noise, writer, start))
    avi_link_fail (self, NULL,
                   g_error_new_literal (AVI_ERROR, AVI_ERROR_LIMIT, "The connection has used up its Noise nonces"));
}

/* What is said under Noise, a frame at a time. */
static void
avi_link_transmit_sealed (AviLink *self, AviWriter *writer)
{
  gboolean more = TRUE;

  while (more && self->error == NULL)
    {
      gsize start = avi_noise_begin (self->noise, writer, MIN_FRAME);
      gsize plain = writer->len;

      if (start == G_MAXSIZE)
        return;

      more = FALSE;
      if (self->muxer != NULL)
        more = avi_multistream_transmit (self->muxer, writer, self->now);
      /* A listener's frames only once it knows that the peer speaks Yamux. */
      if (self->dialer || self->stage == AVI_LINK_OPEN)
        more |= avi_yamux_transmit (self->yamux, writer, self->now);
      avi_link_tap_said (self, writer, plain);
      avi_link_seal (self, writer, start);
    }
}

gboolean
avi_link_transmit (AviLink *self, AviWriter *writer, gint64 now)
{
  gsize before = writer->len;

  self->now = now;
  if (self->error != NULL)
    return FALSE;

  if (self->security != NULL)
    {
      avi_multistream_transmit (self->security, writer, now);
      avi_link_tap_said (self, writer, before);
    }
  if (self->noise != NULL)
    {
      avi_noise_transmit (self->noise, writer, now);
      if (self->yamux != NULL && avi_noise_can_seal (self->noise))
        avi_link_transmit_sealed (self, writer);
    }

  avi_link_check_done (&self->security);
  avi_link_check_done (&self->muxer);
  return writer->len > before;
}

gint64
avi_link_deadline (AviLink *self)
{
  gint64 deadline = G_MAXINT64;

  if (self->error != NULL)
    return self->error_told ? G_MAXINT64 : 0;

  if (self->stage < AVI_LINK_OPEN)
    deadline = self->deadline;
  if (self->yamux != NULL)
    deadline = MIN (deadline, avi_yamux_deadline (self->yamux));
  if (self->negotiating.length > 0)
    {
      AviLinkStream *first = g_queue_peek_head (&self->negotiating);

      deadline = MIN (deadline, first->deadline);
    }
  return deadline;
}

gboolean
avi_link_is_established (AviLink *self)
{
  return self->stage == AVI_LINK_OPEN;
}

const char *
avi_link_get_stage (AviLink *self)
{
  g_return_val_if_fail (self->stage < AVI_LINK_OPEN, NULL);

  return stages[self->stage];
}

/* --- life --- */

AviLink *
avi_link_new (const AviLinkConfig *config, gint64 now)
{
  AviLink *self = g_new0 (AviLink, 1);

  self->dialer = config->dialer != FALSE;
  self->statics = avi_noise_static_ref (config->statics);
  if (config->expected != NULL)
    self->expected = *config->expected;
  self->protocols = config->protocols != NULL ? config->protocols : nothing;
  self->early_muxer = config->early_muxer;
  self->limits = config->yamux;
  self->limits.initiator = self->dialer;
  if (self->limits.max_send_queue == 0)
    self->limits.max_send_queue = AVI_YAMUX_MAX_SEND_QUEUE;
  self->handshake_timeout = config->handshake_timeout > 0 ? config->handshake_timeout : DEFAULT_TIMEOUT;
  self->negotiation_timeout = config->negotiation_timeout > 0 ? config->negotiation_timeout : DEFAULT_TIMEOUT;
  self->random = config->random;
  self->tap = config->tap;

  self->now = now;
  self->deadline = now + self->handshake_timeout;
  g_queue_init (&self->streams);
  g_queue_init (&self->negotiating);

  /* A listener spends nothing on Noise before it is spoken to. */
  if (self->dialer)
    {
      self->security = avi_multistream_new_dialer (securities, TRUE);
      avi_link_begin_noise (self);
    }
  else
    {
      self->security = avi_multistream_new_listener (securities);
    }
  return self;
}

void
avi_link_free (AviLink *self)
{
  if (self == NULL)
    return;

  while (self->streams.length > 0)
    avi_link_stream_free (self, g_queue_peek_head (&self->streams));

  g_clear_pointer (&self->yamux, avi_yamux_free);
  g_clear_pointer (&self->muxer, avi_multistream_free);
  g_clear_pointer (&self->noise, avi_noise_free);
  g_clear_pointer (&self->security, avi_multistream_free);
  g_clear_pointer (&self->statics, avi_noise_static_unref);
  g_clear_error (&self->error);
  g_free (self);
}
