/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-rpc-queue.h"
#include "protocols/gossipsub/avi-rpc.h"

#define NO_LIMIT (64 * 1024 * 1024)

typedef struct
{
  AviRpcQueue queue;
  Gossip      notes; /* for what it writes down only */
  AviRpcQueueDropped dropped;
  guint64     number; /* of what we publish */
} Fixture;

static void
set_up (Fixture *f, gconstpointer limit)
{
  avi_rpc_queue_init (&f->queue, limit != NULL ? GPOINTER_TO_SIZE (limit) : NO_LIMIT);
  f->notes.sent = g_ptr_array_new_with_free_func (g_free);
  f->dropped.messages = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  avi_rpc_queue_clear (&f->queue);
  g_ptr_array_unref (f->notes.sent);
  g_ptr_array_unref (f->dropped.messages);
}

static AviGossipMessage *
make_of (const char *text, guint64 id)
{
  g_autoptr(GBytes) raw = gossip_sign (1, "chat", text, 1);
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, avi_span_from_bytes (raw), NULL));
  return avi_gossip_message_new (&fields, (AviMessageId) { 1, id }, NULL);
}

static AviGossipMessage *
make (gsize size)
{
  g_autofree char *text = g_strnfill (size, 'x');

  return make_of (text, 1);
}

static gboolean
push_text (Fixture *f, const char *text)
{
  g_autoptr(AviGossipMessage) message = make_of (text, f->number);

  return avi_rpc_queue_others (&f->queue, message, 0, &f->dropped);
}

/* Its number is its id. */
static gboolean
push_own (Fixture *f, const char *text)
{
  g_autoptr(AviGossipMessage) message = make_of (text, ++f->number);

  return avi_rpc_queue_own (&f->queue, message, f->number, &f->dropped);
}

static gboolean
push_message (Fixture *f, gsize size)
{
  g_autoptr(AviGossipMessage) message = make (size);

  return avi_rpc_queue_others (&f->queue, message, 0, &f->dropped);
}

static gboolean
push_gossip (Fixture *f, gsize size)
{
  g_autofree char *id = g_strnfill (size, 'x');
  g_autoptr(GByteArray) iwant = g_byte_array_new ();
  g_autoptr(GByteArray) fields = g_byte_array_new ();

  avi_rpc_put_bytes (iwant, AVI_IWANT_ID, AVI_SPAN_STRING (id));
  avi_rpc_put_bytes (fields, AVI_CONTROL_IWANT, AVI_SPAN (iwant->data, iwant->len));
  return avi_rpc_queue_gossip (&f->queue, AVI_SPAN (fields->data, fields->len), &f->dropped);
}

/* One RPC; FALSE: there is none. */
static gboolean
pop (Fixture *f)
{
  g_autoptr(GBytes) rpc = avi_rpc_queue_pop (&f->queue);

  if (rpc == NULL)
    return FALSE;
  gossip_note_rpc (&f->notes, 1, rpc);
  return TRUE;
}

static void
pop_all (Fixture *f)
{
  while (pop (f))
    ;
  g_assert_true (avi_rpc_queue_is_empty (&f->queue));
  g_assert_cmpuint (f->queue.bytes, ==, 0);
}

static void
with_topic (Fixture *f, const char *name, void (*verb) (AviRpcQueue *queue, GRefString *topic))
{
  GRefString *topic = g_ref_string_new (name);

  verb (&f->queue, topic);
  g_ref_string_release (topic);
}

static void
subscribe (AviRpcQueue *queue, GRefString *topic)
{
  avi_rpc_queue_subscribe (queue, topic, TRUE);
}

static void
unsubscribe (AviRpcQueue *queue, GRefString *topic)
{
  avi_rpc_queue_subscribe (queue, topic, FALSE);
}

static void
prune (AviRpcQueue *queue, GRefString *topic)
{
  avi_rpc_queue_prune (queue, topic, 60);
}

/* Names a peer in the PRUNE of that topic, in so many bytes. */
static gboolean
exchange (Fixture *f, const char *name, gsize size)
{
  g_autofree guint8 *record = g_malloc0 (size);
  g_autoptr(GByteArray) info = g_byte_array_new ();
  g_autoptr(GByteArray) fields = g_byte_array_new ();
  GRefString *topic = g_ref_string_new (name);
  gboolean good;

  avi_rpc_put_bytes (info, AVI_PEER_INFO_RECORD, AVI_SPAN (record, size));
  avi_rpc_put_bytes (fields, AVI_PRUNE_PEER, AVI_SPAN (info->data, info->len));
  avi_rpc_queue_prune (&f->queue, topic, 60);
  good = avi_rpc_queue_exchange (&f->queue, topic, AVI_SPAN (fields->data, fields->len));
  g_ref_string_release (topic);
  return good;
}

static void
test_exchange (Fixture *f, gconstpointer data)
{
  g_assert_true (exchange (f, "a", 8000));
  g_assert_false (exchange (f, "b", 8000));
  g_assert_true (exchange (f, "c", 6000));
  with_topic (f, "c", avi_rpc_queue_graft); /* in place of the PRUNE */
  g_assert_true (exchange (f, "d", 6000));
  pop_all (f);
  g_assert_cmpuint (f->notes.n_named, ==, 2);
  gossip_assert_lines (f->notes.sent, "1 graft c; 1 prune a for 60 s; 1 prune b for 60 s; 1 prune d for 60 s");
  g_assert_cmpuint (f->queue.exchange_bytes, ==, 0);
}

/* What a peer takes of one RPC by default (rust-libp2p). */
static void
test_counts (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i <= AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic %u", i);

      with_topic (f, topic, subscribe);
    }
  g_assert_true (pop (f));
  g_assert_cmpuint (f->notes.sent->len, ==, AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS);
  g_assert_true (pop (f));
  g_assert_cmpuint (f->notes.sent->len, ==, AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS + 1);
  g_assert_false (pop (f));

  g_ptr_array_set_size (f->notes.sent, 0);
  for (guint i = 0; i <= AVI_RPC_QUEUE_MAX_MESSAGES; i++)
    push_own (f, "x");
  g_assert_true (pop (f));
  g_assert_cmpuint (f->notes.sent->len, ==, AVI_RPC_QUEUE_MAX_MESSAGES);
  g_assert_true (pop (f));
  g_assert_cmpuint (f->notes.sent->len, ==, AVI_RPC_QUEUE_MAX_MESSAGES + 1);
  g_assert_false (pop (f));
}

static void
test_control_bytes (Fixture *f, gconstpointer data)
{
  guint n = 0;

  for (guint i = 0; i < 5; i++)
    g_assert_true (push_gossip (f, 6000));
  while (!avi_rpc_queue_is_empty (&f->queue))
    {
      g_autoptr(GBytes) rpc = avi_rpc_queue_pop (&f->queue);

      g_assert_cmpuint (g_bytes_get_size (rpc), <=, AVI_RPC_QUEUE_MAX_CONTROL + 4);
      n++;
    }
  g_assert_cmpuint (n, ==, 3);
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  g_assert_true (avi_rpc_queue_is_empty (&f->queue));
  g_assert_null (avi_rpc_queue_pop (&f->queue));
}

static void
test_one_rpc (Fixture *f, gconstpointer data)
{
  push_message (f, 3);
  push_gossip (f, 3);
  with_topic (f, "chat", subscribe);
  with_topic (f, "chat", avi_rpc_queue_graft);
  with_topic (f, "news", prune);
  push_message (f, 4);
  pop_all (f);
  g_assert_cmpuint (f->notes.n_rpcs, ==, 1);
  gossip_assert_lines (f->notes.sent, "1 graft chat; 1 iwant × 1; 1 message chat: xxx; 1 message chat: xxxx; "
                                      "1 prune news for 60 s; 1 subscribe chat");
}

static void
test_newest_wins (Fixture *f, gconstpointer data)
{
  with_topic (f, "a", subscribe);
  with_topic (f, "a", unsubscribe); /* it was never told: nothing to tell */
  with_topic (f, "b", subscribe);
  with_topic (f, "m", avi_rpc_queue_graft);
  with_topic (f, "m", prune);
  with_topic (f, "n", prune);
  with_topic (f, "n", avi_rpc_queue_graft);
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 graft n; 1 prune m for 60 s; 1 subscribe b");

  with_topic (f, "b", unsubscribe);
  with_topic (f, "b", subscribe);
  g_assert_true (avi_rpc_queue_is_empty (&f->queue));
  with_topic (f, "b", unsubscribe);
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 unsubscribe b");
}

/* GLib's tables do not shrink while they are emptied. */
static void
test_gives_back (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 3 * AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic-%u", i);

      with_topic (f, topic, subscribe);
      with_topic (f, topic, avi_rpc_queue_graft);
    }
  g_assert_nonnull (f->queue.subscriptions);
  g_assert_nonnull (f->queue.grafts);
  pop_all (f);
  g_assert_null (f->queue.subscriptions);
  g_assert_null (f->queue.grafts);
}

static void
test_in_doubt (Fixture *f, gconstpointer data)
{
  with_topic (f, "a", avi_rpc_queue_subscribe_again);
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 subscribe a");

  with_topic (f, "a", avi_rpc_queue_subscribe_again);
  with_topic (f, "a", unsubscribe); /* it may have been told */
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 unsubscribe a");
}

/* Not a copy. */
static void
assert_is_of (GBytes *rpc, const AviGossipMessage *message)
{
  g_assert_true (g_bytes_get_data (rpc, NULL) == message->rpc);
  g_assert_cmpuint (g_bytes_get_size (rpc), ==, message->rpc_len);
}

/* Of what others say; what we publish waits for as long as it takes. */
static void
test_ages (Fixture *f, gconstpointer data)
{
  for (gint64 now = 1; now <= 5; now++)
    {
      g_autoptr(AviGossipMessage) message = make (100);

      g_assert_true (avi_rpc_queue_others (&f->queue, message, now, &f->dropped));
      g_assert_true (avi_rpc_queue_own (&f->queue, message, now, &f->dropped));
    }
  avi_rpc_queue_expire (&f->queue, 4, &f->dropped);
  g_assert_cmpuint (f->dropped.messages->len, ==, 3);
  avi_rpc_queue_expire (&f->queue, 4, &f->dropped);
  g_assert_cmpuint (f->dropped.messages->len, ==, 3);
  pop_all (f);
  g_assert_cmpuint (f->notes.sent->len, ==, 7);
}

static void
test_shared (Fixture *f, gconstpointer data)
{
  g_autoptr(AviGossipMessage) message = make (100);
  g_autoptr(GBytes) rpc = NULL;

  avi_rpc_queue_others (&f->queue, message, 0, &f->dropped);
  rpc = avi_rpc_queue_pop (&f->queue);
  assert_is_of (rpc, message);
}

static void
test_split (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *topic = g_strnfill (1000 + i % 3, 'a' + i % 26);
      g_autofree char *name = g_strdup_printf ("%s%u", topic, i);

      with_topic (f, name, subscribe);
      with_topic (f, name, avi_rpc_queue_graft);
      push_message (f, 700);
      push_gossip (f, 16000);
    }
  pop_all (f);
  g_assert_cmpuint (f->notes.sent->len, ==, 1200);
  g_assert_cmpuint (f->notes.largest, <=, AVI_RPC_QUEUE_MAX_RPC);
  g_assert_cmpuint (f->notes.n_rpcs, <, 345); /* one for each gossip, most of all */
}

static void
test_large_message (Fixture *f, gconstpointer data)
{
  push_message (f, 3);
  push_message (f, 1024 * 1024);
  push_message (f, 4);
  with_topic (f, "chat", subscribe);

  g_assert_true (pop (f));
  gossip_assert_lines (f->notes.sent, "1 message chat: xxx; 1 subscribe chat");
  g_assert_true (pop (f));
  gossip_assert_lines (f->notes.sent, "1 message chat: <1048576 bytes>");
  g_assert_cmpuint (f->notes.largest, <=, AVI_GOSSIPSUB_MAX_RPC);
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 message chat: xxxx");
}

/* How many there are of what the queue is made to hold, by whether it takes one more. */
#define fill(n, pushed)                                                                                                \
 for (n = 0; (pushed); n++)                                                                                            \
 g_assert_cmpuint (f->queue.bytes, <=, f->queue.max_bytes)

static guint
take_n_dropped (Fixture *f)
{
  guint n = f->dropped.messages->len;

  g_ptr_array_set_size (f->dropped.messages, 0);
  return n;
}

/* Of messages of others the oldest go, of gossip likewise, and that has its share whatever comes. */
static void
test_others_give_way (Fixture *f, gconstpointer limit)
{
  char text[] = "0";
  guint n;

  for (n = 0; take_n_dropped (f) == 0; n++, text[0]++)
    g_assert_true (push_text (f, text));
  g_assert_cmpuint (f->queue.bytes, <=, GPOINTER_TO_SIZE (limit));
  g_assert_cmpuint (n, >, 10);

  g_assert_true (push_gossip (f, 1000));
  g_assert_cmpuint (take_n_dropped (f), >, 0);
  for (guint i = 0; i < 50; i++)
    g_assert_true (push_text (f, "last"));
  take_n_dropped (f);
  g_assert_cmpuint (f->dropped.n_gossip, ==, 0);
  g_assert_true (push_gossip (f, 1000));
  g_assert_cmpuint (f->dropped.n_gossip, ==, 1);
  g_assert_cmpuint (take_n_dropped (f), ==, 0);
  g_assert_false (push_gossip (f, 2000)); /* more than its share */
}

static void
test_oldest_of_others (Fixture *f, gconstpointer data)
{
  const char *const texts[] = { "first", "second", "third" };
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_true (push_text (f, texts[i]));
  fill (n, f->dropped.messages->len == 0 && push_own (f, "own"));
  g_assert_cmpuint (n, >, 10);
  pop_all (f);
  g_assert_cmpuint (take_n_dropped (f), ==, 1);
  g_assert_null (gossip_find_line (f->notes.sent, "first"));
  g_assert_nonnull (gossip_find_line (f->notes.sent, "second"));
}

/* What we publish takes the place of all else, and stays. */
static void
test_own_stays (Fixture *f, gconstpointer limit)
{
  guint n_others, n_own;

  g_assert_true (push_gossip (f, 1000));
  fill (n_others, f->dropped.messages->len == 0 && push_text (f, "other"));
  fill (n_own, push_own (f, "own"));
  g_assert_cmpuint (n_own, >=, n_others);
  g_assert_cmpuint (take_n_dropped (f), ==, n_others);
  g_assert_cmpuint (f->dropped.n_gossip, ==, 1);
  g_assert_false (push_text (f, "other"));
  g_assert_false (push_gossip (f, 1000));
  g_assert_cmpuint (take_n_dropped (f), ==, 0);
  with_topic (f, "chat", subscribe); /* state is never refused */
  pop_all (f);
  g_assert_cmpuint (f->notes.sent->len, ==, n_own + 1);
  g_assert_true (push_text (f, "other"));
}

static void
test_no_vain_drop (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (20000, 'x');

  g_assert_true (push_text (f, "other"));
  g_assert_true (push_gossip (f, 1000));
  g_assert_false (push_own (f, large)); /* would not fit anyway */
  g_assert_false (push_text (f, large));
  g_assert_false (push_gossip (f, 20000));
  g_assert_cmpuint (f->dropped.n_gossip + take_n_dropped (f), ==, 0);
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 iwant × 1; 1 message chat: other");
}

/* One that is too large to be mixed is not overtaken. */
static void
test_own_goes_first (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (70000, 'x');

  push_text (f, "other");
  push_own (f, "own");
  push_own (f, large);
  push_text (f, "another");
  g_assert_true (pop (f));
  gossip_assert_lines (f->notes.sent, "1 message chat: own");
  g_assert_true (pop (f));
  gossip_assert_lines (f->notes.sent, "1 message chat: <70000 bytes>");
  pop_all (f);
  gossip_assert_lines (f->notes.sent, "1 message chat: another; 1 message chat: other");
}

static void
test_first_own (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (70000, 'x');

  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, G_MAXUINT64);
  push_text (f, "other");
  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, G_MAXUINT64);
  for (guint i = 0; i < 3; i++)
    push_own (f, large);
  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, 1);
  pop (f);
  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, 2);
  g_assert_true (avi_rpc_queue_drop (&f->queue, (AviMessageId) { 1, 3 }));
  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, 2);
  g_assert_true (avi_rpc_queue_drop (&f->queue, (AviMessageId) { 1, 2 }));
  g_assert_false (avi_rpc_queue_drop (&f->queue, (AviMessageId) { 1, 2 }));
  g_assert_cmpuint (avi_rpc_queue_get_first_own (&f->queue), ==, G_MAXUINT64);
  pop_all (f);
}

/* Messages come out in the order in which they went in, however far the queue moves on. */
static void
test_order (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) model = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_gossip_message_unref);
  guint taken = 0;
  AviRandom random;

  avi_random_seed (&random, 4);
  for (guint i = 0; i < 3000; i++)
    if (avi_random_below (&random, 1500) < 1500 - i / 2)
      {
        g_ptr_array_add (model, make (70000 + i % 2));
        g_assert_true (avi_rpc_queue_others (&f->queue, model->pdata[model->len - 1], 0, &f->dropped));
      }
    else
      {
        g_autoptr(GBytes) rpc = avi_rpc_queue_pop (&f->queue);

        if (taken < model->len)
          assert_is_of (rpc, model->pdata[taken++]);
      }
}

#define ADD(path, limit, test)                                                                                         \
 g_test_add ("/rpc-queue/" path, Fixture, GSIZE_TO_POINTER (limit), set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("an empty queue gives nothing", 0, test_empty);
  ADD ("everything fits into one RPC", 0, test_one_rpc);
  ADD ("what others say waits for so long only", 0, test_ages);
  ADD ("of several changes the newest is told", 0, test_newest_wins);
  ADD ("what was told takes no memory any more", 0, test_gives_back);
  ADD ("what may have been lost is told again", 0, test_in_doubt);
  ADD ("one message alone is sent as it lies", 0, test_shared);
  ADD ("much is spread over several RPCs", 0, test_split);
  ADD ("an RPC has no more messages and subscriptions than its peer takes", 0, test_counts);
  ADD ("nor more bytes of control", 0, test_control_bytes);
  ADD ("a large message goes alone, in its turn", 0, test_large_message);
  ADD ("the oldest messages of others give way to newer ones, and to gossip within its share", 10000,
       test_others_give_way);
  ADD ("the oldest message of others is the first that gives way to what we publish", 10000, test_oldest_of_others);
  ADD ("what we publish gives way to nothing, and all but state to it", 10000, test_own_stays);
  ADD ("nothing gives way to what does not fit at all", 10000, test_no_vain_drop);
  ADD ("what we publish goes first, whatever its size", 0, test_own_goes_first);
  ADD ("knows what we published that is still there", 0, test_first_own);
  ADD ("keeps the order of messages", 0, test_order);
  ADD ("a PRUNE names peers as long as there is room, a GRAFT none", 0, test_exchange);
  return g_test_run ();
}
