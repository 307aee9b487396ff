/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sealed-peer.h"

#include "pair.h"

#define NOISE_NEGOTIATION "\x13/multistream/1.0.0\n\x07/noise\n"

static const char *const muxers[] = { "/yamux/1.0.0", NULL };

static void
sealed_peer_hear (SealedPeer *self)
{
  AviSpan sealed = AVI_SPAN (self->writer.data, self->writer.len);
  gsize negotiation = strlen (NOISE_NEGOTIATION);
  AviNoiseEvent event;

  /* Noise's first message stands behind the negotiation of the security. */
  if (sealed.len >= negotiation && memcmp (sealed.data, NOISE_NEGOTIATION, negotiation) == 0)
    sealed = avi_span_skip (sealed, negotiation);

  g_assert_true (avi_noise_receive (self->noise, sealed, self->now, NULL));
  while (avi_noise_next (self->noise, &event))
    if (event.type == AVI_NOISE_EVENT_DATA)
      g_byte_array_append (self->heard, event.data.data, event.data.len);
}

/* An error is final: it is told again, and nothing else comes of the link. */
static void
sealed_peer_check_dead (SealedPeer *self)
{
  AviLinkEvent event;
  g_autoptr(GError) again = NULL;

  avi_writer_truncate (&self->writer, 0);
  g_assert_false (avi_link_next (self->link, &event));
  g_assert_false (avi_link_transmit (self->link, &self->writer, self->now));
  g_assert_cmpuint (self->writer.len, ==, 0);
  g_assert_cmpint (avi_link_deadline (self->link), ==, G_MAXINT64);
  g_assert_false (avi_link_receive (self->link, AVI_SPAN_EMPTY, self->now, &again));
  g_assert_error (again, self->error->domain, self->error->code);
}

/* FALSE: the link failed. */
static gboolean
sealed_peer_tell (SealedPeer *self, AviSpan bytes)
{
  if (avi_link_receive (self->link, bytes, self->now, &self->error))
    return TRUE;

  g_assert_nonnull (self->error);
  sealed_peer_check_dead (self);
  g_clear_pointer (&self->link, avi_link_free);
  return FALSE;
}

/* One round of what a driver does. FALSE: there is nothing more to do. */
static gboolean
sealed_peer_round (SealedPeer *self)
{
  gboolean busy = FALSE;
  AviLinkEvent event;

  while (avi_link_next (self->link, &event))
    {
      busy = TRUE;
      self->n_events++;
      if (self->on_event != NULL)
        self->on_event (self, &event);
      else if (event.type == AVI_LINK_EVENT_DATA)
        avi_link_consume (self->link, event.stream, event.data.len);
    }

  avi_writer_truncate (&self->writer, 0);
  if (avi_link_transmit (self->link, &self->writer, self->now))
    {
      busy = TRUE;
      sealed_peer_hear (self);
    }

  if (avi_link_deadline (self->link) > self->now)
    return busy;
  return sealed_peer_tell (self, AVI_SPAN_EMPTY);
}

void
sealed_peer_drive (SealedPeer *self)
{
  for (guint round = 0; self->link != NULL && sealed_peer_round (self); round++)
    g_assert_cmpuint (round, <, 100000);
}

static void
sealed_peer_feed (SealedPeer *self, AviSpan bytes)
{
  guint8 *copy = bytes.len > 0 ? g_memdup2 (bytes.data, bytes.len) : NULL;

  if (self->link != NULL && sealed_peer_tell (self, AVI_SPAN (copy, bytes.len)))
    sealed_peer_drive (self);
  g_free (copy);
}

void
sealed_peer_say (SealedPeer *self, AviSpan text)
{
  AviWriter out;

  avi_writer_init (&out, AVI_NOISE_FRAME_MAX + 2);
  while (text.len > 0)
    {
      gsize start = avi_noise_begin (self->noise, &out, 1);
      gsize n = MIN (text.len, avi_writer_get_room (&out));

      avi_writer_put (&out, AVI_SPAN (text.data, n));
      g_assert_true (avi_noise_seal (self->noise, &out, start));
      sealed_peer_feed (self, AVI_SPAN (out.data, out.len));
      avi_writer_truncate (&out, 0);
      text = avi_span_skip (text, n);
    }
  avi_writer_clear (&out);
}

void
sealed_peer_say_frame (SealedPeer *self, AviYamuxFrameType type, guint16 flags, guint32 stream, const char *payload)
{
  AviYamuxFrame frame = { type, flags, stream, strlen (payload) };
  AviWriter out;

  avi_writer_init (&out, 4096);
  g_assert_true (avi_yamux_frame_put (&frame, &out));
  avi_writer_put (&out, AVI_SPAN_STRING (payload));
  sealed_peer_say (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
}

void
sealed_peer_advance (SealedPeer *self, gint64 duration)
{
  gint64 until = self->now + duration;

  for (guint i = 0; self->link != NULL && self->now < until; i++)
    {
      g_assert_cmpuint (i, <, 100000);
      self->now = MAX (self->now, MIN (until, avi_link_deadline (self->link)));
      sealed_peer_feed (self, AVI_SPAN_EMPTY);
    }
}

/* Our part of the handshake that is due. */
static gboolean
sealed_peer_shake (SealedPeer *self, gboolean speak_first)
{
  AviWriter out;
  gboolean spoke;

  avi_writer_init (&out, AVI_NOISE_FRAME_MAX);
  if (speak_first)
    avi_writer_put (&out, AVI_SPAN_STRING (NOISE_NEGOTIATION));
  spoke = avi_noise_transmit (self->noise, &out, self->now);
  if (spoke)
    sealed_peer_feed (self, AVI_SPAN (out.data, out.len));
  avi_writer_clear (&out);
  return spoke;
}

SealedPeer *
sealed_peer_new (const AviLinkConfig *config, gboolean early_muxer, SealedPeerFunc on_event, gpointer user_data)
{
  SealedPeer *self = g_new0 (SealedPeer, 1);
  AviLinkConfig link_config = *config;
  guint end = config->dialer ? PAIR_DIALER : PAIR_LISTENER;
  AviNoiseConfig noise_config = {
    .initiator = !config->dialer,
    .statics = pair_get_statics (!end),
    .muxers = early_muxer ? muxers : NULL,
    .random = &self->random,
  };

  link_config.statics = pair_get_statics (end);
  link_config.early_muxer = early_muxer;
  link_config.random = &self->random;
  avi_random_seed (&self->random, 1);
  self->on_event = on_event;
  self->user_data = user_data;
  self->now = G_USEC_PER_SEC;
  self->heard = g_byte_array_new ();
  avi_writer_init (&self->writer, 1024 * 1024);
  self->noise = avi_noise_new (&noise_config);
  self->link = avi_link_new (&link_config, self->now);

  sealed_peer_drive (self);
  for (gboolean first = TRUE; sealed_peer_shake (self, first); first = FALSE)
    ;
  g_assert_true (avi_noise_can_seal (self->noise));
  return self;
}

void
sealed_peer_free (SealedPeer *self)
{
  g_clear_pointer (&self->link, avi_link_free);
  g_clear_pointer (&self->noise, avi_noise_free);
  g_clear_error (&self->error);
  g_byte_array_unref (self->heard);
  avi_writer_clear (&self->writer);
  g_free (self);
}
