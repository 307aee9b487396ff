/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-multistream.h"

#include "avi-error.h"
#include "wire/avi-frame-reader.h"
#include "wire/avi-text.h"
#include "wire/avi-varint.h"

#define HEADER        "/multistream/1.0.0"
#define HEADER_PREFIX "\x13" /* its length with the newline */
#define HEADER_LEN    (sizeof HEADER_PREFIX - 1 + sizeof HEADER)
#define REFUSAL       "na"

typedef enum
{
  AWAIT_HEADER,
  AWAIT_ANSWER,   /* dialler: to protocols[offer] */
  AWAIT_PROPOSAL, /* listener */
  OPEN,           /* negotiated: what comes is the layer above's */
  FAILED
} State;

/* One per substream while it is negotiated, thousands at a time: kept small. */
struct _AviMultistream
{
  const char *const *protocols;

  /* What is to be sent, in this order: the header, so many refusals, a name. */
  const char *name;
  guint8      refusals;
  guint8      owes_header : 1;

  guint8 dialer       : 1;
  guint8 optimistic   : 1;
  guint8 tell_agreed  : 1; /* events that wait for `next` */
  guint8 tell_answer  : 1;
  guint8 n_header; /* bytes of the peer's header that were heard */
  guint8 state;

  guint offer;       /* index in protocols: the one offered, at last the one agreed */
  guint n_proposals; /* that a listener has heard */

  AviFrameReader reader;
  AviSpan        data; /* for the layer above; waits for `next` */
};

static AviMultistream *
avi_multistream_new (const char *const *protocols)
{
  AviMultistream *self = g_new0 (AviMultistream, 1);

  for (guint i = 0; protocols[i] != NULL; i++)
    g_assert (strlen (protocols[i]) <= AVI_MULTISTREAM_MAX_PROTOCOL_LEN);

  self->protocols = protocols;
  self->state = AWAIT_HEADER;
  avi_frame_reader_init (&self->reader, AVI_MULTISTREAM_MAX_PROTOCOL_LEN + 1);
  return self;
}

AviMultistream *
avi_multistream_new_dialer (const char *const *protocols, gboolean optimistic)
{
  AviMultistream *self = avi_multistream_new (protocols);

  g_assert (protocols[0] != NULL);
  g_assert (!optimistic || protocols[1] == NULL);

  self->dialer = TRUE;
  self->optimistic = self->tell_agreed = optimistic != FALSE;
  self->owes_header = TRUE;
  self->name = protocols[0];
  return self;
}

AviMultistream *
avi_multistream_new_listener (const char *const *protocols)
{
  return avi_multistream_new (protocols);
}

void
avi_multistream_free (AviMultistream *self)
{
  avi_frame_reader_clear (&self->reader);
  g_free (self);
}

static gboolean
avi_multistream_is (AviSpan name, const char *expected)
{
  return avi_span_equal (name, AVI_SPAN_STRING (expected));
}

/* Byte by byte, for a peer that speaks something else may never send as much as its first byte, taken
 * for a length, claims. */
static gboolean
avi_multistream_hear_header (AviMultistream *self, AviSpan *bytes, GError **error)
{
  gsize n = MIN (bytes->len, HEADER_LEN - self->n_header);

  if (memcmp (bytes->data, &(HEADER_PREFIX HEADER "\n")[self->n_header], n) != 0)
    {
      g_autofree char *shown = avi_text_quote (*bytes);

      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "The peer does not speak multistream-select 1.0.0: it began with %s", shown);
      return FALSE;
    }

  *bytes = avi_span_skip (*bytes, n);
  self->n_header += n;
  if (self->n_header == HEADER_LEN)
    {
      self->state = self->dialer ? AWAIT_ANSWER : AWAIT_PROPOSAL;
      if (!self->dialer)
        self->owes_header = TRUE;
    }
  return TRUE;
}

static gboolean
avi_multistream_hear_answer (AviMultistream *self, AviSpan name, GError **error)
{
  if (self->name != NULL)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "The peer answered before it was offered the protocol %s",
                   self->name);
      return FALSE;
    }

  if (avi_multistream_is (name, self->protocols[self->offer]))
    {
      if (self->optimistic)
        self->tell_answer = TRUE;
      else
        self->tell_agreed = TRUE;
      self->state = OPEN;
      return TRUE;
    }

  if (!avi_multistream_is (name, REFUSAL))
    {
      g_autofree char *shown = avi_text_quote (name);

      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Offered the protocol %s, the peer answered %s", self->protocols[self->offer], shown);
      return FALSE;
    }

  if (self->protocols[self->offer + 1] == NULL)
    {
      g_autofree char *offers = g_strjoinv (", ", (char **) self->protocols);

      g_set_error (error, AVI_ERROR, AVI_ERROR_REJECTED, "The peer does not take the protocol offered: %s", offers);
      return FALSE;
    }

  self->name = self->protocols[++self->offer];
  return TRUE;
}

/* Whatever is not in the list is refused, "ls" with it. */
static gboolean
avi_multistream_hear_proposal (AviMultistream *self, AviSpan name, GError **error)
{
  if (avi_multistream_is (name, HEADER))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "The peer sent the header %s twice", HEADER);
      return FALSE;
    }

  if (++self->n_proposals > AVI_MULTISTREAM_MAX_PROPOSALS)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "The peer proposed more than %d protocols, none of them known here", AVI_MULTISTREAM_MAX_PROPOSALS);
      return FALSE;
    }

  for (guint i = 0; self->protocols[i] != NULL; i++)
    if (avi_multistream_is (name, self->protocols[i]))
      {
        self->offer = i;
        self->name = self->protocols[i];
        self->tell_agreed = TRUE;
        self->state = OPEN;
        return TRUE;
      }

  self->refusals++;
  return TRUE;
}

static gboolean
avi_multistream_hear_message (AviMultistream *self, AviSpan message, GError **error)
{
  AviSpan name;

  if (message.len == 0 || message.data[message.len - 1] != '\n')
    {
      g_autofree char *shown = avi_text_quote (message);

      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A multistream-select message of %" G_GSIZE_FORMAT " bytes does not end in a newline: %s",
                   message.len, shown);
      return FALSE;
    }

  name = AVI_SPAN (message.data, message.len - 1);
  return self->dialer ? avi_multistream_hear_answer (self, name, error)
                      : avi_multistream_hear_proposal (self, name, error);
}

/* Up to what belongs to the layer above, which stays in @bytes. */
static gboolean
avi_multistream_negotiate (AviMultistream *self, AviSpan *bytes, GError **error)
{
  if (self->state == AWAIT_HEADER && !avi_multistream_hear_header (self, bytes, error))
    return FALSE;
  if (bytes->len == 0)
    return TRUE;

  avi_frame_reader_push (&self->reader, *bytes);
  do
    {
      g_autoptr(GError) malformed = NULL;
      AviSpan message;

      if (!avi_frame_reader_next (&self->reader, &message, &malformed))
        {
          *bytes = AVI_SPAN_EMPTY;
          if (malformed == NULL)
            return TRUE;
          g_propagate_prefixed_error (error, g_steal_pointer (&malformed), "In multistream-select: ");
          return FALSE;
        }
      if (!avi_multistream_hear_message (self, message, error))
        return FALSE;
    }
  while (self->state != OPEN);

  *bytes = self->reader.rest;
  avi_frame_reader_clear (&self->reader);
  return TRUE;
}

gboolean
avi_multistream_receive (AviMultistream *self, AviSpan bytes, gint64 now, GError **error)
{
  g_assert (self->data.len == 0);

  if (self->state == FAILED)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "This multistream-select negotiation has failed before");
      return FALSE;
    }
  if (bytes.len > 0 && self->state != OPEN && !avi_multistream_negotiate (self, &bytes, error))
    {
      self->state = FAILED;
      return FALSE;
    }

  self->data = bytes;
  return TRUE;
}

/* FALSE: the message does not fit now. */
static gboolean
avi_multistream_put (AviWriter *writer, const char *name)
{
  guint8 prefix[AVI_VARINT_MAX_LEN];
  gsize len = strlen (name);
  gsize prefix_len = avi_varint_encode (len + 1, prefix);
  guint8 *place = avi_writer_append (writer, prefix_len + len + 1);

  if (place == NULL)
    return FALSE;

  memcpy (place, prefix, prefix_len);
  memcpy (place + prefix_len, name, len);
  place[prefix_len + len] = '\n';
  return TRUE;
}

gboolean
avi_multistream_transmit (AviMultistream *self, AviWriter *writer, gint64 now)
{
  gsize before = writer->len;

  /* What a listener answered before it failed it still says: an optimist, whose data made it fail, then
   * learns that its offer was refused. */
  if (self->state == FAILED && self->dialer)
    return FALSE;

  if (self->owes_header && avi_multistream_put (writer, HEADER))
    self->owes_header = FALSE;
  while (!self->owes_header && self->refusals > 0 && avi_multistream_put (writer, REFUSAL))
    self->refusals--;
  if (!self->owes_header && self->refusals == 0 && self->name != NULL && avi_multistream_put (writer, self->name))
    self->name = NULL;

  return writer->len > before;
}

gboolean
avi_multistream_next (AviMultistream *self, AviMultistreamEvent *event)
{
  const char *agreed = self->protocols[self->offer];

  if (self->tell_agreed)
    {
      self->tell_agreed = FALSE;
      *event = (AviMultistreamEvent) { .type = AVI_MULTISTREAM_EVENT_AGREED, .protocol = agreed };
      return TRUE;
    }
  if (self->tell_answer)
    {
      self->tell_answer = FALSE;
      *event = (AviMultistreamEvent) { .type = AVI_MULTISTREAM_EVENT_ANSWERED, .protocol = agreed };
      return TRUE;
    }
  if (self->data.len > 0)
    {
      *event = (AviMultistreamEvent) { .type = AVI_MULTISTREAM_EVENT_DATA, .data = self->data };
      self->data = AVI_SPAN_EMPTY;
      return TRUE;
    }
  return FALSE;
}

gint64
avi_multistream_deadline (AviMultistream *self)
{
  return G_MAXINT64;
}

gboolean
avi_multistream_is_done (AviMultistream *self)
{
  return self->state == OPEN && !self->owes_header && self->refusals == 0 && self->name == NULL && !self->tell_agreed
         && !self->tell_answer && self->data.len == 0;
}
