/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A router among puppets: peers 1, 2, 3, … that say what a test has them say, and whose RPCs are
 * made and read by protobuf-c, as a check on our own reader and writer. What the router sends and
 * tells is written down as lines of text, e.g. "1 graft chat", "tells: 2 subscribe to chat".
 */
#pragma once

#include <stdio.h>

#include "avi-error.h"
#include "crypto/avi-key.h"
#include "pubsub.pb-c.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "tests/sim/gossipsub-invariants.h"
#include "wire/avi-protobuf.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define US     0 /* the router itself, where a puppet's number is asked for */

typedef struct
{
  AviGossipsub *router;
  AviRandom     random;
  gint64        now;
  guint64       seqno;       /* of puppets' messages, counting up */
  gboolean      hold_checks; /* signatures are left unchecked, their tickets put into held */
  GArray       *held;        /* of guint64 */
  GArray       *asked;       /* of guint64: tickets of what validators were asked about */
  GPtrArray    *sent;        /* lines */
  GPtrArray    *told;        /* lines */
  gsize         largest;     /* bytes of an RPC */
  guint         n_rpcs;
  guint         n_named;     /* peers in PRUNEs */
} Gossip;

static inline AviKeyPair *
gossip_key (guint number)
{
  static AviKeyPair *keys[128]; /* live as long as the test */
  guint8 seed[AVI_KEY_SEED_LEN] = { 1 + number };

  if (keys[number] == NULL)
    keys[number] = avi_key_pair_from_seed (seed);
  return keys[number];
}

static inline const AviPeerId *
gossip_id (guint number)
{
  return avi_key_pair_get_peer_id (gossip_key (number));
}

static inline guint
gossip_number (const AviPeerId *id)
{
  for (guint i = 0; i < 128; i++)
    if (avi_peer_id_equal (gossip_id (i), id))
      return i;
  g_assert_not_reached ();
}

static inline ProtobufCBinaryData
gossip_text (const char *text)
{
  return (ProtobufCBinaryData) { strlen (text), (guint8 *) text };
}

/* --- what is said and told --- */

static inline void gossip_note (GPtrArray *lines, const char *format, ...) G_GNUC_PRINTF (2, 3);

static inline void
gossip_note (GPtrArray *lines, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (lines, g_strdup_vprintf (format, args));
  va_end (args);
}

static inline char *
gossip_show (ProtobufCBinaryData data)
{
  if (data.len > 64)
    return g_strdup_printf ("<%" G_GSIZE_FORMAT " bytes>", data.len);
  return g_utf8_validate_len ((const char *) data.data, data.len, NULL) ? g_strndup ((const char *) data.data, data.len)
                                                                        : g_strdup_printf ("<%02x…>", data.data[0]);
}

static inline void
gossip_note_control (Gossip *g, guint to, const Avi__Wire__ControlMessage *control)
{
  for (gsize i = 0; i < control->n_graft; i++)
    {
      g_autofree char *topic = gossip_show (control->graft[i]->topic);

      gossip_note (g->sent, "%u graft %s", to, topic);
    }
  for (gsize i = 0; i < control->n_prune; i++)
    {
      g_autofree char *topic = gossip_show (control->prune[i]->topic);

      if (control->prune[i]->has_backoff)
        gossip_note (g->sent, "%u prune %s for %u s", to, topic, (guint) control->prune[i]->backoff);
      else
        gossip_note (g->sent, "%u prune %s", to, topic);
    }
  for (gsize i = 0; i < control->n_prune; i++)
    g->n_named += control->prune[i]->n_peers;
  for (gsize i = 0; i < control->n_ihave; i++)
    {
      g_autofree char *topic = gossip_show (control->ihave[i]->topic);

      gossip_note (g->sent, "%u ihave %s × %u", to, topic, (guint) control->ihave[i]->n_message_ids);
    }
  for (gsize i = 0; i < control->n_iwant; i++)
    gossip_note (g->sent, "%u iwant × %u", to, (guint) control->iwant[i]->n_message_ids);
  for (gsize i = 0; i < control->n_idontwant; i++)
    gossip_note (g->sent, "%u idontwant × %u", to, (guint) control->idontwant[i]->n_message_ids);
  if (control->extensions != NULL)
    gossip_note (g->sent, "%u extensions", to);
}

static inline void
gossip_note_rpc (Gossip *g, guint to, GBytes *framed)
{
  AviSpan span = avi_span_from_bytes (framed);
  Avi__Wire__Rpc *rpc;
  gsize len = 0, at = 0;

  do
    len |= (gsize) (span.data[at] & 0x7f) << (7 * at);
  while (span.data[at++] & 0x80);
  g_assert_cmpuint (len, ==, span.len - at);
  g_assert_cmpuint (len, >, 0);
  g->largest = MAX (g->largest, len);
  g->n_rpcs++;

  rpc = avi__wire__rpc__unpack (NULL, len, span.data + at);
  g_assert_nonnull (rpc);
  for (gsize i = 0; i < rpc->n_subscriptions; i++)
    {
      g_autofree char *topic = gossip_show (rpc->subscriptions[i]->topic);

      gossip_note (g->sent, "%u %s %s", to, rpc->subscriptions[i]->subscribe ? "subscribe" : "unsubscribe", topic);
    }
  for (gsize i = 0; i < rpc->n_publish; i++)
    {
      g_autofree char *topic = gossip_show (rpc->publish[i]->topic);
      g_autofree char *data = gossip_show (rpc->publish[i]->data);

      gossip_note (g->sent, "%u message %s: %s", to, topic, data);
    }
  if (rpc->control != NULL)
    gossip_note_control (g, to, rpc->control);
  avi__wire__rpc__free_unpacked (rpc, NULL);
}

/* Takes its message. */
static inline void
gossip_note_message (Gossip *g, AviGossipsubEvent *event, const char *says)
{
  g_autoptr(AviMessage) message = event->message;
  const char *text = g_bytes_get_size (avi_message_get_data (message)) > 64 ? "<much>" : avi_message_get_text (message);
  g_autofree char *author = g_strdup ("somebody");
  AviPeerId from;

  g_assert_cmpstr (event->topic, ==, avi_message_get_topic (message));
  if (avi_message_get_from (message) != NULL)
    {
      g_assert_true (avi_peer_id_parse (avi_message_get_from (message), &from, NULL));
      g_free (author);
      author = g_strdup_printf ("%u", gossip_number (&from));
    }
  gossip_note (g->told, "%s %s in %s: %s", author, says, event->topic, text);
}

static inline void
gossip_note_event (Gossip *g, AviGossipsubEvent *event)
{
  switch (event->type)
    {
    case AVI_GOSSIPSUB_EVENT_MESSAGE:
      gossip_note_message (g, event, "says");
      break;

    case AVI_GOSSIPSUB_EVENT_VALIDATE:
      g_array_append_val (g->asked, event->ticket);
      gossip_note_message (g, event, "wants to say");
      break;

    case AVI_GOSSIPSUB_EVENT_VERIFY:
      if (g->hold_checks)
        g_array_append_val (g->held, event->ticket);
      else
        avi_gossipsub_verified (g->router, event->ticket,
                                avi_public_key_verify (event->key, event->signed_bytes, event->signature), g->now);
      break;

    case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
      gossip_note (g->told, "%u subscribe to %s", event->n_peers, event->topic);
      break;

    case AVI_GOSSIPSUB_EVENT_DIAL:
      gossip_note (g->told, "dial %u%s", gossip_number (event->peer), event->record != NULL ? ", with a record" : "");
      break;

    case AVI_GOSSIPSUB_EVENT_DROPPED:
      gossip_note (g->told, "%u %u %u did not go to %u", (guint) event->drops.queue, (guint) event->drops.too_large,
                   (guint) event->drops.score, gossip_number (event->peer));
      break;

    case AVI_GOSSIPSUB_EVENT_UNHEARD:
      gossip_note (g->told, "none of %u in %s%s%s", event->n_peers, event->topic,
                   event->near_topic != NULL ? ", but in " : "", event->near_topic != NULL ? event->near_topic : "");
      break;
    }
}

static inline void
gossip_pump (Gossip *g)
{
  AviGossipsubEvent event;
  AviPeerId to;
  GBytes *rpc;

  gossipsub_check (g->router);
  while (avi_gossipsub_next (g->router, &event))
    gossip_note_event (g, &event);
  gossipsub_check (g->router);
  while (avi_gossipsub_transmit (g->router, &to, &rpc, g->now))
    {
      gossip_note_rpc (g, gossip_number (&to), rpc);
      g_bytes_unref (rpc);
    }
  gossipsub_check (g->router);
}

static inline int
gossip_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* What came since last asked, in order of the alphabet, joined by "; ". */
static inline void
gossip_assert_lines (GPtrArray *lines, const char *expected)
{
  g_autofree char *joined = NULL;

  g_ptr_array_sort (lines, gossip_compare);
  g_ptr_array_add (lines, NULL);
  joined = g_strjoinv ("; ", (char **) lines->pdata);
  g_ptr_array_set_size (lines, 0);
  g_assert_cmpstr (joined, ==, expected);
}

/* NULL: none has @text. */
static inline const char *
gossip_find_line (GPtrArray *lines, const char *text)
{
  for (guint i = 0; i < lines->len; i++)
    if (strstr (lines->pdata[i], text) != NULL)
      return lines->pdata[i];
  return NULL;
}

#define gossip_assert_sent(g, expected) (gossip_pump (g), gossip_assert_lines ((g)->sent, expected))
#define gossip_assert_told(g, expected) (gossip_pump (g), gossip_assert_lines ((g)->told, expected))

/* How many of the lines sent begin so; all are forgotten. */
static inline guint
gossip_count_sent (Gossip *g, const char *prefix)
{
  guint n = 0;

  gossip_pump (g);
  for (guint i = 0; i < g->sent->len; i++)
    n += strstr (g->sent->pdata[i], prefix) != NULL;
  g_ptr_array_set_size (g->sent, 0);
  return n;
}

static inline void
gossip_forget (Gossip *g)
{
  gossip_pump (g);
  g_ptr_array_set_size (g->sent, 0);
  g_ptr_array_set_size (g->told, 0);
}

static inline AviGossipsubStatistics
gossip_statistics (Gossip *g)
{
  AviGossipsubStatistics statistics;

  avi_gossipsub_get_statistics (g->router, &statistics);
  return statistics;
}

/* --- time --- */

static inline void
gossip_wait (Gossip *g, gint64 span)
{
  gint64 until = g->now + span;

  while (avi_gossipsub_deadline (g->router) <= until)
    {
      g->now = MAX (g->now, avi_gossipsub_deadline (g->router));
      avi_gossipsub_tick (g->router, g->now);
      gossipsub_check_meshes (g->router, g->now);
      gossip_pump (g);
    }
  g->now = until;
}

/* --- what puppets say --- */

static inline gboolean
gossip_receive (Gossip *g, guint from, AviSpan rpc, GError **error)
{
  gboolean good = avi_gossipsub_receive (g->router, gossip_id (from), rpc, g->now, error);

  gossip_pump (g);
  return good;
}

static inline void
gossip_say (Gossip *g, guint from, const Avi__Wire__Rpc *rpc)
{
  g_autoptr(GBytes) bytes = avi_protobuf_pack (&rpc->base);
  g_autoptr(GError) error = NULL;

  gossip_receive (g, from, avi_span_from_bytes (bytes), &error);
  g_assert_no_error (error);
}

static inline void
gossip_say_subscribe (Gossip *g, guint from, const char *topic, gboolean subscribe)
{
  Avi__Wire__Rpc__SubOpts subscription = AVI__WIRE__RPC__SUB_OPTS__INIT;
  Avi__Wire__Rpc rpc = AVI__WIRE__RPC__INIT;
  Avi__Wire__Rpc__SubOpts *subscriptions[] = { &subscription };

  subscription.has_subscribe = subscription.has_topic = TRUE;
  subscription.subscribe = subscribe;
  subscription.topic = gossip_text (topic);
  rpc.n_subscriptions = 1;
  rpc.subscriptions = subscriptions;
  gossip_say (g, from, &rpc);
}

static inline void
gossip_say_control (Gossip *g, guint from, Avi__Wire__ControlMessage *control)
{
  Avi__Wire__Rpc rpc = AVI__WIRE__RPC__INIT;

  rpc.control = control;
  gossip_say (g, from, &rpc);
}

static inline void
gossip_say_graft (Gossip *g, guint from, const char *topic)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlGraft graft = AVI__WIRE__CONTROL_GRAFT__INIT;
  Avi__Wire__ControlGraft *grafts[] = { &graft };

  graft.has_topic = TRUE;
  graft.topic = gossip_text (topic);
  control.n_graft = 1;
  control.graft = grafts;
  gossip_say_control (g, from, &control);
}

/* @backoff: s; 0: not said. */
static inline void
gossip_say_prune (Gossip *g, guint from, const char *topic, guint64 backoff)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlPrune prune = AVI__WIRE__CONTROL_PRUNE__INIT;
  Avi__Wire__PeerInfo other = AVI__WIRE__PEER_INFO__INIT;
  Avi__Wire__PeerInfo *others[] = { &other };
  Avi__Wire__ControlPrune *prunes[] = { &prune };

  other.has_peer_id = TRUE;
  other.peer_id = gossip_text ("of no interest");
  prune.has_topic = TRUE;
  prune.topic = gossip_text (topic);
  prune.has_backoff = backoff > 0;
  prune.backoff = backoff;
  prune.n_peers = 1;
  prune.peers = others;
  control.n_prune = 1;
  control.prune = prunes;
  gossip_say_control (g, from, &control);
}

static inline void
gossip_say_ihave (Gossip *g, guint from, const char *topic, ProtobufCBinaryData *ids, gsize n)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlIHave ihave = AVI__WIRE__CONTROL_IHAVE__INIT;
  Avi__Wire__ControlIHave *ihaves[] = { &ihave };

  ihave.has_topic = TRUE;
  ihave.topic = gossip_text (topic);
  ihave.n_message_ids = n;
  ihave.message_ids = ids;
  control.n_ihave = 1;
  control.ihave = ihaves;
  gossip_say_control (g, from, &control);
}

static inline void
gossip_say_iwant (Gossip *g, guint from, ProtobufCBinaryData *ids, gsize n)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlIWant iwant = AVI__WIRE__CONTROL_IWANT__INIT;
  Avi__Wire__ControlIWant *iwants[] = { &iwant };

  iwant.n_message_ids = n;
  iwant.message_ids = ids;
  control.n_iwant = 1;
  control.iwant = iwants;
  gossip_say_control (g, from, &control);
}

static inline void
gossip_say_idontwant (Gossip *g, guint from, ProtobufCBinaryData *ids, gsize n)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlIDontWant idontwant = AVI__WIRE__CONTROL_IDONT_WANT__INIT;
  Avi__Wire__ControlIDontWant *idontwants[] = { &idontwant };

  idontwant.n_message_ids = n;
  idontwant.message_ids = ids;
  control.n_idontwant = 1;
  control.idontwant = idontwants;
  gossip_say_control (g, from, &control);
}

/* A message as its author signs it; by protobuf-c, not by avi-signing. */
static inline GBytes *
gossip_sign (guint author, const char *topic, const char *text, guint64 seqno)
{
  Avi__Wire__PubsubMessage message = AVI__WIRE__PUBSUB_MESSAGE__INIT;
  AviSpan from = avi_peer_id_get_bytes (gossip_id (author));
  guint64 big_endian = GUINT64_TO_BE (seqno);
  guint8 signature[AVI_SIGNATURE_LEN];
  g_autoptr(GBytes) unsigned_bytes = NULL;
  g_autoptr(GByteArray) text_signed = g_byte_array_new ();
  AviSpan span;

  message.has_from = message.has_data = message.has_seqno = message.has_topic = TRUE;
  message.from = (ProtobufCBinaryData) { from.len, from.data };
  message.data = gossip_text (text);
  message.seqno = (ProtobufCBinaryData) { 8, (guint8 *) &big_endian };
  message.topic = gossip_text (topic);
  unsigned_bytes = avi_protobuf_pack (&message.base);
  span = avi_span_from_bytes (unsigned_bytes);
  g_byte_array_append (text_signed, (const guint8 *) "libp2p-pubsub:", 14);
  g_byte_array_append (text_signed, span.data, span.len);
  avi_key_pair_sign (gossip_key (author), AVI_SPAN (text_signed->data, text_signed->len), signature);

  message.has_signature = TRUE;
  message.signature = (ProtobufCBinaryData) { sizeof signature, signature };
  return avi_protobuf_pack (&message.base);
}

/* An RPC with messages as they stand. */
static inline void
gossip_say_raw (Gossip *g, guint from, GBytes *message)
{
  AviSpan span = avi_span_from_bytes (message);
  g_autoptr(GByteArray) rpc = g_byte_array_new ();
  guint8 head[] = { 0x12, 0x80 | (span.len & 0x7f), 0x80 | (span.len >> 7 & 0x7f), span.len >> 14 };
  g_autoptr(GError) error = NULL;

  g_byte_array_append (rpc, head, sizeof head);
  g_byte_array_append (rpc, span.data, span.len);
  gossip_receive (g, from, AVI_SPAN (rpc->data, rpc->len), &error);
  g_assert_no_error (error);
}

/* @from passes on what @author says. */
static inline void
gossip_say_message (Gossip *g, guint from, guint author, const char *topic, const char *text)
{
  g_autoptr(GBytes) message = gossip_sign (author, topic, text, ++g->seqno);

  gossip_say_raw (g, from, message);
}

/* In the plain form: (transfer full) */
static inline GBytes *
gossip_plain_id (guint author, guint64 seqno)
{
  g_autoptr(GByteArray) id = g_byte_array_new ();
  AviSpan from = avi_peer_id_get_bytes (gossip_id (author));
  guint64 big_endian = GUINT64_TO_BE (seqno);

  g_byte_array_append (id, from.data, from.len);
  g_byte_array_append (id, (const guint8 *) &big_endian, 8);
  return g_byte_array_free_to_bytes (g_steal_pointer (&id));
}

static inline ProtobufCBinaryData
gossip_binary (GBytes *bytes)
{
  AviSpan span = avi_span_from_bytes (bytes);

  return (ProtobufCBinaryData) { span.len, span.data };
}

/* --- the router itself --- */

static inline void
gossip_add_speaking (Gossip *g, guint number, const char *protocol)
{
  avi_gossipsub_add_peer (g->router, gossip_id (number), protocol, "go-libp2p/0.51", g->now);
  gossip_pump (g);
}

static inline void
gossip_add (Gossip *g, guint number)
{
  gossip_add_speaking (g, number, AVI_GOSSIPSUB_PROTOCOL_1_1);
}

/* Peers from @first on that subscribe to the topic. */
static inline void
gossip_add_subscribers (Gossip *g, guint first, guint n, const char *topic)
{
  for (guint i = first; i < first + n; i++)
    {
      gossip_add (g, i);
      gossip_say_subscribe (g, i, topic, TRUE);
    }
}

static inline gint
gossip_publish (Gossip *g, const char *topic, const char *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;
  gint n = avi_gossipsub_publish (g->router, topic, data, g->now, &error);

  g_assert_no_error (error);
  gossip_pump (g);
  return n;
}

static inline void
gossip_set_up_with (Gossip *g, AviGossipsubConfig config)
{
  avi_random_seed (&g->random, 1);
  g->now = 1000 * SECOND;
  g->held = g_array_new (FALSE, FALSE, sizeof (guint64));
  g->asked = g_array_new (FALSE, FALSE, sizeof (guint64));
  g->sent = g_ptr_array_new_with_free_func (g_free);
  g->told = g_ptr_array_new_with_free_func (g_free);
  config.identity = gossip_key (US);
  config.random = &g->random;
  config.first_seqno = 7;
  g->router = avi_gossipsub_new (&config, g->now);
}

static inline void
gossip_set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up_with (g, (AviGossipsubConfig) { 0 });
}

static inline void
gossip_tear_down (Gossip *g, gconstpointer data)
{
  gossip_pump (g);
  avi_gossipsub_free (g->router);
  g_array_unref (g->held);
  g_array_unref (g->asked);
  g_ptr_array_unref (g->sent);
  g_ptr_array_unref (g->told);
}
