/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits for a peer, put in by a script and popped as RPCs, which protobuf-c reads: each thing is in them once,
 * in order, and the peer knows in the end to which topics we subscribe. The input: a byte says what happens, the
 * bytes after it to what; where it ends zeros follow.
 */
#include "config.h"

#include <stdint.h>

#include "avi-error.h"
#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-rpc-queue.h"
#include "pubsub.pb-c.h"
#include "wire/avi-protobuf.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define BUDGET    (4 * 1024 * 1024)
#define N_TOPICS  4
#define MAX_STEPS 200
#define MAX_QUEUE 200000 /* bytes; so that a script fills it */

/* What the peer believes, by what it was sent. */
typedef enum
{
  KNOWS_OFF,
  KNOWS_ON,
  KNOWS_NOTHING
} Knowledge;

typedef struct
{
  AviSpan script;
  AviRpcQueue queue;
  GRefString *topics[N_TOPICS];
  gboolean subscribed[N_TOPICS];
  Knowledge known[N_TOPICS]; /* of whether we subscribe */
  int grafts[N_TOPICS];      /* not told yet: 0: nothing; 1: GRAFT; more: PRUNE of as many seconds less 2 */
  GQueue messages[AVI_RPC_QUEUE_N_RANKS]; /* their seqnos as pointers, in order; ours are even */
  GQueue gossip;             /* GBytes: ids, in order */
  GQueue urgent;             /* likewise */
  gboolean extensions;
  guint seqno;
} Fuzz;

static guint8
take (Fuzz *f)
{
  guint8 byte;

  if (f->script.len == 0)
    return 0;
  byte = f->script.data[0];
  f->script = avi_span_skip (f->script, 1);
  return byte;
}

/* --- what is put in --- */

static void
subscribe (Fuzz *f)
{
  guint topic = take (f) % N_TOPICS;

  f->subscribed[topic] = !f->subscribed[topic];
  avi_rpc_queue_subscribe (&f->queue, f->topics[topic], f->subscribed[topic]);
}

/* As where the peer's stream broke. */
static void
doubt (Fuzz *f)
{
  guint topic = take (f) % N_TOPICS;

  if (!f->subscribed[topic])
    return;
  f->known[topic] = KNOWS_NOTHING;
  avi_rpc_queue_subscribe_again (&f->queue, f->topics[topic]);
}

static void
graft (Fuzz *f)
{
  guint topic = take (f) % N_TOPICS;
  guint backoff = take (f);

  f->grafts[topic] = backoff + 1;
  if (backoff == 0)
    avi_rpc_queue_graft (&f->queue, f->topics[topic]);
  else
    avi_rpc_queue_prune (&f->queue, f->topics[topic], backoff - 1);
}

static AviMessageId
name_message (const AviPeerId *from, guint seqno)
{
  static const AviSipKey secret;

  return avi_message_id_make (&secret, from, seqno);
}

static AviKeyPair *
get_author (void)
{
  static const guint8 seed[AVI_KEY_SEED_LEN] = { 1 };
  static AviKeyPair *author;

  if (author == NULL)
    author = avi_key_pair_from_seed (seed);
  return author;
}

static AviGossipMessage *
make_message (guint seqno, gsize size)
{
  static const guint8 much[256 * 256];
  const AviPeerId *from = avi_key_pair_get_peer_id (get_author ());
  guint64 big_endian = GUINT64_TO_BE ((guint64) seqno);
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autoptr(GError) error = NULL;
  AviGossipFields fields;

  avi_rpc_put_bytes (bytes, AVI_MESSAGE_FROM, avi_peer_id_get_bytes (from));
  avi_rpc_put_bytes (bytes, AVI_MESSAGE_DATA, AVI_SPAN (much, size));
  avi_rpc_put_bytes (bytes, AVI_MESSAGE_SEQNO, AVI_SPAN (&big_endian, sizeof big_endian));
  avi_rpc_put_bytes (bytes, AVI_MESSAGE_TOPIC, AVI_SPAN_STRING ("topic"));
  avi_rpc_put_bytes (bytes, AVI_MESSAGE_SIGNATURE, AVI_SPAN (much, 64));
  avi_gossip_fields_read (&fields, AVI_SPAN (bytes->data, bytes->len), &error);
  g_assert_no_error (error);
  return avi_gossip_message_new (&fields, name_message (from, seqno), NULL);
}

static GQueue *
get_messages (Fuzz *f, guint seqno)
{
  return &f->messages[seqno % 2 == 0 ? AVI_RPC_QUEUE_OWN : AVI_RPC_QUEUE_OTHERS];
}

/* What makes room is the oldest of others' messages, and of gossip. */
static void
forget_dropped (Fuzz *f, AviRpcQueueDropped *dropped)
{
  for (guint i = 0; i < dropped->messages->len; i++)
    {
      AviGossipMessage *message = g_ptr_array_index (dropped->messages, i);

      g_assert_cmpuint (message->fields.seqno % 2, ==, 1);
      g_assert_cmpuint (message->fields.seqno, ==,
                        GPOINTER_TO_UINT (g_queue_pop_head (&f->messages[AVI_RPC_QUEUE_OTHERS])));
    }
  g_assert_cmpuint (dropped->n_gossip, <=, f->gossip.length);
  for (guint i = 0; i < dropped->n_gossip; i++)
    g_bytes_unref (g_queue_pop_head (&f->gossip));
}

static void
put_message (Fuzz *f)
{
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  AviRpcQueueDropped dropped = { .messages = messages };
  guint64 size = take (f);
  g_autoptr(AviGossipMessage) message = NULL;
  gboolean taken;

  f->seqno += 1 + take (f) % 2;
  message = make_message (f->seqno, size * size);
  if (f->seqno % 2 == 0)
    taken = avi_rpc_queue_own (&f->queue, message, f->seqno, &dropped);
  else
    taken = avi_rpc_queue_others (&f->queue, message, 0, &dropped);
  forget_dropped (f, &dropped);
  if (taken)
    g_queue_push_tail (get_messages (f, f->seqno), GUINT_TO_POINTER (f->seqno));
  else
    g_assert_cmpuint (messages->len + dropped.n_gossip, ==, 0);
}

static void
drop_message (Fuzz *f)
{
  GQueue *messages = get_messages (f, take (f));
  gpointer seqno = g_queue_peek_nth (messages, take (f));
  AviMessageId id = name_message (avi_key_pair_get_peer_id (get_author ()), GPOINTER_TO_UINT (seqno));

  g_assert_cmpint (avi_rpc_queue_drop (&f->queue, id), ==, seqno != NULL);
  g_queue_remove (messages, seqno);
}

static void
put_ids (Fuzz *f, gboolean urgent)
{
  static const guint8 bytes[256 * 4];
  gsize len = take (f) * (gsize) 4;
  g_autoptr(GByteArray) ids = g_byte_array_new ();
  g_autoptr(GByteArray) field = g_byte_array_new ();
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  AviRpcQueueDropped dropped = { .messages = messages };
  gboolean taken;

  avi_rpc_put_bytes (ids, AVI_IWANT_ID, AVI_SPAN (bytes, len));
  avi_rpc_put_bytes (field, urgent ? AVI_CONTROL_IDONTWANT : AVI_CONTROL_IWANT, AVI_SPAN (ids->data, ids->len));
  if (urgent)
    taken = avi_rpc_queue_urgent (&f->queue, AVI_SPAN (field->data, field->len));
  else
    taken = avi_rpc_queue_gossip (&f->queue, AVI_SPAN (field->data, field->len), &dropped);
  forget_dropped (f, &dropped);
  if (taken)
    g_queue_push_tail (urgent ? &f->urgent : &f->gossip, g_bytes_new (bytes, len));
}

/* --- what comes out --- */

static guint
find_topic (Fuzz *f, const ProtobufCBinaryData *name)
{
  for (guint i = 0; i < N_TOPICS; i++)
    if (avi_span_equal (AVI_SPAN_STRING (f->topics[i]), AVI_SPAN (name->data, name->len)))
      return i;
  g_assert_not_reached ();
}

static void
check_grafts (Fuzz *f, const Avi__Wire__ControlMessage *control)
{
  for (gsize i = 0; i < control->n_graft; i++)
    {
      guint topic = find_topic (f, &control->graft[i]->topic);

      g_assert_cmpint (f->grafts[topic], ==, 1);
      f->grafts[topic] = 0;
    }
  for (gsize i = 0; i < control->n_prune; i++)
    {
      guint topic = find_topic (f, &control->prune[i]->topic);

      g_assert_cmpint (f->grafts[topic], ==, (int) control->prune[i]->backoff + 2);
      g_assert_cmpint (control->prune[i]->has_backoff, ==, control->prune[i]->backoff > 0);
      f->grafts[topic] = 0;
    }
}

static void
check_ids (GQueue *expected, gsize n, const ProtobufCBinaryData *ids)
{
  g_autoptr(GBytes) id = g_queue_pop_head (expected);

  g_assert_cmpuint (n, ==, 1);
  g_assert_nonnull (id);
  g_assert_cmpmem (ids[0].data, ids[0].len, g_bytes_get_data (id, NULL), g_bytes_get_size (id));
}

static void
check_control (Fuzz *f, const Avi__Wire__ControlMessage *control)
{
  g_assert_cmpuint (control->n_ihave, ==, 0);
  check_grafts (f, control);
  for (gsize i = 0; i < control->n_iwant; i++)
    check_ids (&f->gossip, control->iwant[i]->n_message_ids, control->iwant[i]->message_ids);
  for (gsize i = 0; i < control->n_idontwant; i++)
    check_ids (&f->urgent, control->idontwant[i]->n_message_ids, control->idontwant[i]->message_ids);
  if (control->extensions != NULL)
    {
      g_assert_true (f->extensions);
      f->extensions = FALSE;
    }
}

static void
check_message (Fuzz *f, const Avi__Wire__PubsubMessage *message)
{
  guint64 seqno;

  g_assert_cmpuint (message->seqno.len, ==, sizeof seqno);
  memcpy (&seqno, message->seqno.data, sizeof seqno);
  seqno = GUINT64_FROM_BE (seqno);
  g_assert_cmpuint (seqno, ==, GPOINTER_TO_UINT (g_queue_pop_head (get_messages (f, seqno))));
}

static void
check_rpc (Fuzz *f, const Avi__Wire__Rpc *rpc)
{
  g_assert_true (rpc->n_subscriptions + rpc->n_publish > 0 || rpc->control != NULL);
  for (gsize i = 0; i < rpc->n_subscriptions; i++)
    {
      guint topic = find_topic (f, &rpc->subscriptions[i]->topic);

      g_assert_cmpint (f->known[topic], !=, rpc->subscriptions[i]->subscribe ? KNOWS_ON : KNOWS_OFF);
      f->known[topic] = rpc->subscriptions[i]->subscribe ? KNOWS_ON : KNOWS_OFF;
    }
  g_assert_cmpuint (rpc->n_subscriptions, <=, AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS);
  g_assert_cmpuint (rpc->n_publish, <=, AVI_RPC_QUEUE_MAX_MESSAGES);
  for (gsize i = 0; i < rpc->n_publish; i++)
    check_message (f, rpc->publish[i]);
  if (rpc->control != NULL)
    check_control (f, rpc->control);
}

/* FALSE: there was nothing. */
static gboolean
pop (Fuzz *f)
{
  gboolean was_empty = avi_rpc_queue_is_empty (&f->queue);
  g_autoptr(GBytes) framed = avi_rpc_queue_pop (&f->queue);
  g_autoptr(AviArena) arena = avi_arena_new (BUDGET);
  g_autoptr(GError) error = NULL;
  AviSpan span;
  gsize len_len = 1;
  Avi__Wire__Rpc *rpc;

  if (framed == NULL)
    {
      g_assert_true (was_empty);
      return FALSE;
    }
  span = avi_span_from_bytes (framed);
  while (span.data[len_len - 1] & 0x80)
    len_len++;
  g_assert_cmpuint (len_len, ==, avi_rpc_get_varint_len (span.len - len_len));
  rpc = avi_protobuf_unpack (&avi__wire__rpc__descriptor, avi_span_skip (span, len_len), arena, "An RPC", &error);
  g_assert_no_error (error);
  if (rpc->n_publish != 1 || rpc->n_subscriptions > 0 || rpc->control != NULL)
    g_assert_cmpuint (span.len - len_len, <=, AVI_RPC_QUEUE_MAX_RPC);
  check_rpc (f, rpc);
  return TRUE;
}

static void
check_empty (Fuzz *f)
{
  for (guint i = 0; i < N_TOPICS; i++)
    {
      g_assert_cmpint (f->known[i], ==, f->subscribed[i] ? KNOWS_ON : KNOWS_OFF);
      g_assert_cmpint (f->grafts[i], ==, 0);
    }
  g_assert_cmpuint (f->messages[AVI_RPC_QUEUE_OWN].length + f->messages[AVI_RPC_QUEUE_OTHERS].length, ==, 0);
  g_assert_cmpuint (f->gossip.length + f->urgent.length, ==, 0);
  g_assert_cmpuint (f->queue.bytes, ==, 0);
}

static void
step (Fuzz *f)
{
  switch (take (f) % 10)
    {
    case 0:
      subscribe (f);
      break;
    case 1:
      doubt (f);
      break;
    case 2:
      graft (f);
      break;
    case 3:
    case 4:
      put_message (f);
      break;
    case 5:
      drop_message (f);
      break;
    case 6:
      put_ids (f, FALSE);
      break;
    case 7:
      put_ids (f, TRUE);
      break;
    case 8:
      f->extensions = TRUE;
      avi_rpc_queue_extensions (&f->queue);
      break;
    default:
      pop (f);
      break;
    }
  g_assert_cmpuint (f->queue.bytes, <=, MAX_QUEUE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *longest = g_strnfill (1024, 'x');
  const char *const topics[N_TOPICS] = { "a", "b", "home/kitchen", longest };
  Fuzz f = { .script = AVI_SPAN (data, size) };

  for (guint i = 0; i < N_TOPICS; i++)
    f.topics[i] = g_ref_string_new (topics[i]);
  avi_rpc_queue_init (&f.queue, MAX_QUEUE);

  for (guint i = 0; i < MAX_STEPS && f.script.len > 0; i++)
    step (&f);
  while (pop (&f))
    ;
  check_empty (&f);

  avi_rpc_queue_clear (&f.queue);
  for (guint i = 0; i < N_TOPICS; i++)
    g_ref_string_release (f.topics[i]);
  return 0;
}
