/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-noise.h"

#include "avi-error.h"
#include "link/avi-noise-handshake.h"
#include "link/avi-noise-payload.h"

#define HEAD_LEN 2 /* a frame's length, big-endian */

typedef enum
{
  AWAIT_MESSAGE_1, /* responder */
  AWAIT_MESSAGE_2, /* initiator */
  AWAIT_MESSAGE_3, /* responder */
  TRANSPORT,
  FAILED
} State;

struct _AviNoise
{
  State state;

  /* Until the handshake is over. */
  AviNoiseHandshake *handshake;
  AviNoiseStatic    *statics;
  AviPeerId          expected; /* of length 0: anybody */
  const char *const *muxers;

  /* A handshake message that waits for `transmit`; or NULL. */
  GByteArray *out;

  AviNoiseCipher sending;
  AviNoiseCipher receiving;
  gsize          saved_limit; /* the writer's, between `begin` and `seal` */

  AviPublicKey *peer;
  const char   *muxer;
  gboolean      tell_established;

  /* A frame, head included, that has not arrived whole. Kept while busy, freed when idle. */
  guint8 *partial;
  gsize   partial_len;
  gsize   partial_size;

  /* What waits for `next`, in this order: the text of a frame that was gathered in `partial`, and frames
   * that were opened where they lie, heads and tags included. Then the bytes of a frame that is not whole:
   * they go to `partial` once its text has been taken. */
  AviSpan gathered;
  AviSpan opened;
  AviSpan tail;
};

static gboolean
avi_noise_speak (AviNoise *self, AviSpan payload, GError **error)
{
  guint8 head[HEAD_LEN] = { 0 };
  gsize len;

  self->out = g_byte_array_new ();
  g_byte_array_append (self->out, head, HEAD_LEN);
  if (!avi_noise_handshake_write (self->handshake, payload, self->out, error))
    return FALSE;

  len = self->out->len - HEAD_LEN;
  g_assert (len <= AVI_NOISE_FRAME_MAX);
  self->out->data[0] = len >> 8;
  self->out->data[1] = len & 0xff;
  return TRUE;
}

AviNoise *
avi_noise_new (const AviNoiseConfig *config)
{
  AviNoise *self = g_new0 (AviNoise, 1);
  guint8 secret[AVI_X25519_LEN];

  self->statics = avi_noise_static_ref (config->statics);
  self->muxers = config->muxers;
  if (config->expected != NULL)
    self->expected = *config->expected;

  self->handshake = g_new (AviNoiseHandshake, 1);
  config->random->fill (config->random, secret, sizeof secret);
  avi_noise_handshake_init (self->handshake, config->initiator, AVI_SPAN_EMPTY,
                            avi_noise_static_get_keys (self->statics), secret);
  avi_wipe (secret, sizeof secret);

  self->state = config->initiator ? AWAIT_MESSAGE_2 : AWAIT_MESSAGE_1;
  if (config->initiator)
    avi_noise_speak (self, AVI_SPAN_EMPTY, NULL); /* mixes no foreign key: cannot fail */
  return self;
}

static void
avi_noise_end_handshake (AviNoise *self)
{
  if (self->handshake == NULL)
    return;

  avi_noise_handshake_clear (self->handshake);
  g_clear_pointer (&self->handshake, g_free);
  g_clear_pointer (&self->statics, avi_noise_static_unref);
}

void
avi_noise_free (AviNoise *self)
{
  avi_noise_end_handshake (self);
  avi_noise_cipher_clear (&self->sending);
  avi_noise_cipher_clear (&self->receiving);
  g_clear_pointer (&self->out, g_byte_array_unref);
  g_clear_pointer (&self->peer, avi_public_key_unref);
  g_free (self->partial);
  g_free (self);
}

static gboolean
avi_noise_speak_payload (AviNoise *self, GError **error)
{
  g_autoptr(GBytes) payload = avi_noise_payload_encode (self->statics, self->muxers);

  return avi_noise_speak (self, avi_span_from_bytes (payload), error);
}

/* What message 2 or 3 proves. */
static gboolean
avi_noise_meet (AviNoise *self, AviSpan payload, GError **error)
{
  const guint8 *remote_static = self->handshake->remote_static;

  if (memcmp (remote_static, self->handshake->local_static.public, AVI_X25519_LEN) == 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
                   "Noise handshake: the other end shows our own static key: it is this node itself, or a mirror");
      return FALSE;
    }

  self->peer = avi_noise_payload_check (payload, remote_static, self->expected.len > 0 ? &self->expected : NULL,
                                        self->muxers, self->handshake->initiator, &self->muxer, error);
  return self->peer != NULL;
}

static void
avi_noise_establish (AviNoise *self)
{
  avi_noise_handshake_split (self->handshake, &self->sending, &self->receiving);
  avi_noise_end_handshake (self);
  self->state = TRANSPORT;
  self->tell_established = TRUE;
}

static gboolean
avi_noise_hear_handshake (AviNoise *self, AviSpan message, GError **error)
{
  AviSpan payload;

  if (!avi_noise_handshake_read (self->handshake, message, &payload, error))
    return FALSE;

  switch (self->state)
    {
    case AWAIT_MESSAGE_1: /* its payload is neither secret nor proven: not looked at */
      self->state = AWAIT_MESSAGE_3;
      return avi_noise_speak_payload (self, error);

    case AWAIT_MESSAGE_2:
      if (!avi_noise_meet (self, payload, error) || !avi_noise_speak_payload (self, error))
        return FALSE;
      avi_noise_establish (self);
      return TRUE;

    case AWAIT_MESSAGE_3:
      if (!avi_noise_meet (self, payload, error))
        return FALSE;
      avi_noise_establish (self);
      return TRUE;

    case TRANSPORT:
    case FAILED:
    default:
      g_return_val_if_reached (FALSE);
    }
}

/* The length of the frame at the front of @bytes, at least its head. */
static gboolean
avi_noise_read_head (AviNoise *self, AviSpan bytes, gsize *len, GError **error)
{
  *len = bytes.data[0] << 8 | bytes.data[1];

  if (self->state == TRANSPORT && *len < AVI_AEAD_TAG_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A Noise frame of %" G_GSIZE_FORMAT " bytes is shorter than its tag", *len);
      return FALSE;
    }
  if (self->state != TRANSPORT && *len > AVI_NOISE_HANDSHAKE_MAX)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "Noise handshake: a message of %" G_GSIZE_FORMAT " bytes, where %d are allowed", *len,
                   AVI_NOISE_HANDSHAKE_MAX);
      return FALSE;
    }
  return TRUE;
}

static gboolean
avi_noise_open (AviNoise *self, AviSpan frame, AviSpan *text, GError **error)
{
  guint64 counter = self->receiving.counter;

  *text = AVI_SPAN (frame.data, frame.len - AVI_AEAD_TAG_LEN);
  if (avi_noise_cipher_open (&self->receiving, AVI_SPAN_EMPTY, *text, frame.data + text->len))
    return TRUE;

  if (counter == G_MAXUINT64)
    g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "The Noise nonces of this connection are used up");
  else
    g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
                 "Noise frame %" G_GUINT64_FORMAT ", of %" G_GSIZE_FORMAT " bytes, was changed on its way", counter,
                 frame.len);
  return FALSE;
}

/* Moves bytes from the front of @bytes to `partial` until that has @len. */
static void
avi_noise_gather (AviNoise *self, AviSpan *bytes, gsize len)
{
  gsize n = MIN (bytes->len, len - MIN (len, self->partial_len));

  if (n == 0)
    return;
  if (n > self->partial_size - self->partial_len)
    {
      self->partial_size = MAX (self->partial_len + n, MIN (2 * self->partial_size, HEAD_LEN + AVI_NOISE_FRAME_MAX));
      self->partial = g_realloc (self->partial, self->partial_size);
    }
  memcpy (self->partial + self->partial_len, bytes->data, n);
  self->partial_len += n;
  *bytes = avi_span_skip (*bytes, n);
}

/* Goes on with the frame that has begun to arrive, and hears it once it is whole. */
static gboolean
avi_noise_hear_partial (AviNoise *self, AviSpan *bytes, GError **error)
{
  AviSpan frame;
  gsize len;

  avi_noise_gather (self, bytes, HEAD_LEN);
  if (self->partial_len < HEAD_LEN)
    return TRUE;
  if (!avi_noise_read_head (self, AVI_SPAN (self->partial, HEAD_LEN), &len, error))
    return FALSE;
  avi_noise_gather (self, bytes, HEAD_LEN + len);
  if (self->partial_len < HEAD_LEN + len)
    return TRUE;

  self->partial_len = 0;
  frame = AVI_SPAN (self->partial + HEAD_LEN, len);
  if (self->state != TRANSPORT)
    return avi_noise_hear_handshake (self, frame, error);
  return avi_noise_open (self, frame, &self->gathered, error);
}

/* Hears the frames that lie whole in @bytes, and leaves there what follows them. */
static gboolean
avi_noise_hear_frames (AviNoise *self, AviSpan *bytes, GError **error)
{
  guint8 *start = bytes->data;
  AviSpan frame, text;
  gsize len;

  while (bytes->len >= HEAD_LEN)
    {
      if (!avi_noise_read_head (self, *bytes, &len, error))
        return FALSE;
      if (bytes->len - HEAD_LEN < len)
        break;

      frame = AVI_SPAN (bytes->data + HEAD_LEN, len);
      *bytes = avi_span_skip (*bytes, HEAD_LEN + len);
      if (self->state == TRANSPORT)
        {
          if (!avi_noise_open (self, frame, &text, error))
            return FALSE;
        }
      else
        {
          if (!avi_noise_hear_handshake (self, frame, error))
            return FALSE;
          start = bytes->data;
        }
    }

  self->opened = AVI_SPAN (start, bytes->data - start);
  return TRUE;
}

static gboolean
avi_noise_hear (AviNoise *self, AviSpan bytes, GError **error)
{
  if (self->partial_len > 0 && !avi_noise_hear_partial (self, &bytes, error))
    return FALSE;
  if (!avi_noise_hear_frames (self, &bytes, error))
    return FALSE;

  self->tail = bytes;
  return TRUE;
}

/* Keeps the bytes of a frame that is not whole, unless the place is still taken by the one before. */
static void
avi_noise_keep_tail (AviNoise *self)
{
  if (self->gathered.len > 0)
    return;

  avi_noise_gather (self, &self->tail, self->partial_len + self->tail.len);
  if (self->partial_len == 0 && self->partial != NULL)
    {
      g_clear_pointer (&self->partial, g_free);
      self->partial_size = 0;
    }
}

gboolean
avi_noise_receive (AviNoise *self, AviSpan bytes, gint64 now, GError **error)
{
  g_assert (self->gathered.len == 0 && self->opened.len == 0 && self->tail.len == 0);

  if (self->state == FAILED)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "This Noise channel has failed before");
      return FALSE;
    }
  if (bytes.len == 0)
    return TRUE;

  if (!avi_noise_hear (self, bytes, error))
    {
      avi_noise_end_handshake (self);
      self->gathered = AVI_SPAN_EMPTY;
      self->tell_established = FALSE;
      self->state = FAILED;
      return FALSE;
    }

  avi_noise_keep_tail (self);
  return TRUE;
}

gboolean
avi_noise_transmit (AviNoise *self, AviWriter *writer, gint64 now)
{
  if (self->out == NULL || self->state == FAILED
      || !avi_writer_put (writer, AVI_SPAN (self->out->data, self->out->len)))
    return FALSE;

  g_clear_pointer (&self->out, g_byte_array_unref);
  return TRUE;
}

gboolean
avi_noise_next (AviNoise *self, AviNoiseEvent *event)
{
  if (self->tell_established)
    {
      self->tell_established = FALSE;
      *event = (AviNoiseEvent) { .type = AVI_NOISE_EVENT_ESTABLISHED, .key = self->peer, .muxer = self->muxer };
      return TRUE;
    }

  if (self->gathered.len > 0)
    {
      *event = (AviNoiseEvent) { .type = AVI_NOISE_EVENT_DATA, .data = self->gathered };
      self->gathered = AVI_SPAN_EMPTY;
      return TRUE;
    }

  /* The heads still stand before what was opened. */
  while (self->opened.len > 0)
    {
      gsize len = self->opened.data[0] << 8 | self->opened.data[1];
      AviSpan text = AVI_SPAN (self->opened.data + HEAD_LEN, len - AVI_AEAD_TAG_LEN);

      self->opened = avi_span_skip (self->opened, HEAD_LEN + len);
      if (text.len > 0)
        {
          *event = (AviNoiseEvent) { .type = AVI_NOISE_EVENT_DATA, .data = text };
          return TRUE;
        }
    }

  avi_noise_keep_tail (self);
  return FALSE;
}

gint64
avi_noise_deadline (AviNoise *self)
{
  return G_MAXINT64;
}

gboolean
avi_noise_can_seal (AviNoise *self)
{
  return self->state == TRANSPORT && self->out == NULL;
}

gsize
avi_noise_begin (AviNoise *self, AviWriter *writer, gsize min)
{
  gsize start = writer->len;
  gsize room = avi_writer_get_room (writer);

  g_return_val_if_fail (avi_noise_can_seal (self), G_MAXSIZE);

  if (room < AVI_NOISE_OVERHEAD || room - AVI_NOISE_OVERHEAD < min)
    return G_MAXSIZE;

  self->saved_limit = writer->limit;
  avi_writer_append (writer, HEAD_LEN);
  writer->limit = writer->len + MIN (room - AVI_NOISE_OVERHEAD, AVI_NOISE_PAYLOAD_MAX);
  return start;
}

gboolean
avi_noise_seal (AviNoise *self, AviWriter *writer, gsize start)
{
  gsize len = writer->len - start - HEAD_LEN;
  guint8 *tag, *head;

  g_return_val_if_fail (avi_noise_can_seal (self) && len <= AVI_NOISE_PAYLOAD_MAX, FALSE);

  writer->limit = self->saved_limit;
  if (len == 0)
    {
      avi_writer_truncate (writer, start);
      return TRUE;
    }

  tag = avi_writer_append (writer, AVI_AEAD_TAG_LEN);
  head = writer->data + start;
  if (!avi_noise_cipher_seal (&self->sending, AVI_SPAN_EMPTY, AVI_SPAN (head + HEAD_LEN, len), tag))
    {
      avi_writer_truncate (writer, start);
      return FALSE;
    }

  head[0] = (len + AVI_AEAD_TAG_LEN) >> 8;
  head[1] = (len + AVI_AEAD_TAG_LEN) & 0xff;
  return TRUE;
}
