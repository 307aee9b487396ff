/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-message-private.h"

#include <stdatomic.h>
#include <string.h>

#include "avi-error.h"
#include "wire/avi-json.h"
#include "wire/avi-ref-count.h"
#include "wire/avi-text.h"

/**
 * AviMessage:
 *
 * One message of a topic: what was published, by whom, and when it came.
 *
 * A message arrives with [signal@Avi.Subscription::message] or [signal@Avi.Device::message]. It never
 * changes, so it may be kept, and read from any thread.
 *
 * Who published it is [method@Avi.Message.get_from]: the author, never the node that merely passed it on. That is
 * certain: either the message came over the author's own connection, which has proved who that is, or its signature
 * was checked.
 *
 * A message holds its data, and with them the 400 bytes or so, and the topic's name, that it came with: nothing of the
 * other messages that came at the same time.
 *
 * Since: 1.0
 */

/* The largest message that a topic carries; also what json-glib is given at most. */
#define AVI_MESSAGE_MAX_LEN (1024 * 1024)

struct _AviMessage
{
  AviRefCount     refs;
  guint64         seqno;
  gint64          received_at; /* Unix µs */
  _Atomic guint64 ticket;      /* plus 1; 0: no validator is to answer, or one has */
  GBytes         *data;
  _Atomic(char *) text;    /* made when first asked for */
  const char     *from;    /* within strings; or NULL */
  char            topic[]; /* and behind it, from */
};

/* What G_DEFINE_BOXED_TYPE does, but for a cast through a union that -Wpedantic refuses. */
GType
avi_message_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static (g_intern_static_string ("AviMessage"),
                                                            (GBoxedCopyFunc) avi_message_ref,
                                                            (GBoxedFreeFunc) avi_message_unref));
  return type;
}

AviMessage *
avi_message_new (const char *topic,
                 const char *from,
                 guint64     seqno,
                 GBytes     *data,
                 gint64      received_at)
{
  gsize topic_size = strlen (topic) + 1;
  gsize from_size = from != NULL ? strlen (from) + 1 : 0;
  AviMessage *self = g_malloc (sizeof *self + topic_size + from_size);

  avi_ref_count_init (&self->refs);
  self->seqno = seqno;
  self->received_at = received_at;
  self->data = g_bytes_ref (data);
  atomic_init (&self->ticket, 0);
  atomic_init (&self->text, NULL);
  self->from = from != NULL ? memcpy (self->topic + topic_size, from, from_size) : NULL;
  memcpy (self->topic, topic, topic_size);
  return self;
}

void
avi_message_set_ticket (AviMessage *self,
                        guint64     ticket)
{
  atomic_store_explicit (&self->ticket, ticket + 1, memory_order_relaxed);
}

gboolean
avi_message_take_ticket (AviMessage *self,
                         guint64    *ticket)
{
  guint64 taken = atomic_exchange_explicit (&self->ticket, 0, memory_order_relaxed);

  *ticket = taken - 1;
  return taken != 0;
}

/**
 * avi_message_ref:
 * @self: a message
 *
 * Takes a reference to @self.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
AviMessage *
avi_message_ref (AviMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  avi_ref_count_inc (&self->refs);
  return self;
}

/**
 * avi_message_unref:
 * @self: (transfer full): a message
 *
 * Gives a reference to @self back; with the last one the message is freed.
 *
 * Since: 1.0
 */
void
avi_message_unref (AviMessage *self)
{
  g_return_if_fail (self != NULL);

  if (!avi_ref_count_dec (&self->refs))
    return;

  g_bytes_unref (self->data);
  g_free (atomic_load_explicit (&self->text, memory_order_relaxed));
  g_free (self);
}

/**
 * avi_message_get_topic:
 * @self: a message
 *
 * Gets the topic that the message was published on.
 *
 * Returns: the topic
 *
 * Since: 1.0
 */
const char *
avi_message_get_topic (AviMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->topic;
}

/**
 * avi_message_get_from:
 * @self: a message
 *
 * Gets the peer id of the message's author, as [property@Avi.Peer:id] has it. It was proven by the
 * author's own connection, or by the message's signature where it came through another peer.
 *
 * Returns: (nullable): the author's peer id, or %NULL on a topic whose messages are not signed
 *
 * Since: 1.0
 */
const char *
avi_message_get_from (AviMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->from;
}

/**
 * avi_message_get_seqno:
 * @self: a message
 *
 * Gets the number that the author gave the message. No two messages of one author have the same; whether
 * it grows from one to the next depends on the author's implementation. Those of Avi's devices grow, over restarts too,
 * unless the clock is set back: they are counted from the time of the start, in nanoseconds.
 *
 * A signature says who wrote a message, not when. Any device of the mesh can say again what another one said long ago
 * (by default two minutes, or 65,536 messages), and it is heard again. Where a message opens a door, keep the highest number
 * of its author, and pass over what is not above it.
 *
 * Returns: the sequence number; 0 on a topic whose messages are not signed
 *
 * Since: 1.0
 */
guint64
avi_message_get_seqno (AviMessage *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->seqno;
}

/**
 * avi_message_get_data:
 * @self: a message
 *
 * Gets the bytes that were published, at most 1 MiB. They are a view into the message as it came, with its author and
 * signature, which stays whole as long as anybody holds the data.
 *
 * Returns: (transfer none): the message's data
 *
 * Since: 1.0
 */
GBytes *
avi_message_get_data (AviMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->data;
}

/**
 * avi_message_get_text:
 * @self: a message
 *
 * Gets the message's data as text.
 *
 * Returns: (nullable): the text, or %NULL where the data are not valid UTF-8 or contain a NUL byte
 *
 * Since: 1.0
 */
const char *
avi_message_get_text (AviMessage *self)
{
  char *text, *made_meanwhile = NULL;
  const char *data;
  gsize len;

  g_return_val_if_fail (self != NULL, NULL);

  text = atomic_load_explicit (&self->text, memory_order_acquire);
  if (text != NULL)
    return text;

  data = g_bytes_get_data (self->data, &len);
  if (len > 0 && !g_utf8_validate (data, len, NULL))
    return NULL;

  text = g_malloc (len + 1);
  if (len > 0)
    memcpy (text, data, len);
  text[len] = '\0';
  if (atomic_compare_exchange_strong_explicit (&self->text, &made_meanwhile, text,
                                               memory_order_acq_rel, memory_order_acquire))
    return text;

  g_free (text);
  return made_meanwhile;
}

/* Puts the topic in front of what is wrong with a message on it. */
static void
avi_message_prefix_error (AviMessage *self,
                          GError    **error)
{
  g_autofree char *topic = avi_text_quote (AVI_SPAN_STRING (self->topic));

  g_prefix_error (error, "Message on topic %s: ", topic);
}

/**
 * avi_message_get_json:
 * @self: a message
 * @error: return location for an error
 *
 * Parses the message's data as JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
 *
 * Every call parses anew; the result is the caller's own, and may be changed.
 *
 * It fails with %AVI_ERROR_PROTOCOL where the data are not JSON, or hold what a [struct@Json.Node]
 * cannot: a string with `\u0000`, half a surrogate pair, a number out of range (integers have 64 bits
 * and a sign); with %AVI_ERROR_LIMIT where objects and arrays are nested deeper than 64 levels, there
 * are more than 100,000 values, or the text is longer than 1 MiB. The error names the topic and the
 * place.
 *
 * Returns: (transfer full): the parsed JSON
 *
 * Since: 1.0
 */
JsonNode *
avi_message_get_json (AviMessage *self,
                      GError    **error)
{
  AviSpan text;
  g_autoptr(JsonParser) parser = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  text = avi_span_from_bytes (self->data);
  if (!avi_json_check (text, AVI_MESSAGE_MAX_LEN, error))
    {
      avi_message_prefix_error (self, error);
      return NULL;
    }

  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, (const char *) text.data, text.len, error))
    {
      avi_message_prefix_error (self, error);
      return NULL;
    }
  return json_parser_steal_root (parser);
}

/**
 * avi_message_get_received_at:
 * @self: a message
 *
 * Gets when the message arrived here, by this device's clock, to the microsecond.
 *
 * Returns: (transfer full): the time, in UTC
 *
 * Since: 1.0
 */
GDateTime *
avi_message_get_received_at (AviMessage *self)
{
  g_autoptr(GDateTime) second = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  second = g_date_time_new_from_unix_utc (self->received_at / G_USEC_PER_SEC);
  return g_date_time_add (second, self->received_at % G_USEC_PER_SEC);
}
