/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Topics of StrictNoSign: no author, no signature; a message is named by what it says.
 */
#include "config.h"

#include "crypto/avi-crypto.h"
#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  g_assert_true (avi_gossipsub_set_topic_flags (g->router, "chat", AVI_GOSSIPSUB_TOPIC_UNSIGNED));
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
}

/* By protobuf-c. */
static GBytes *
make (const char *topic, const char *text)
{
  Avi__Wire__PubsubMessage message = AVI__WIRE__PUBSUB_MESSAGE__INIT;

  message.has_data = message.has_topic = TRUE;
  message.data = gossip_text (text);
  message.topic = gossip_text (topic);
  return avi_protobuf_pack (&message.base);
}

static void
say (Gossip *g, guint from, const char *text)
{
  g_autoptr(GBytes) message = make ("chat", text);

  gossip_say_raw (g, from, message);
}

/* Of @topic, since this was asked last; those of other topics are lost. */
static guint64
take_count (Gossip *g, const char *topic, AviTopicCount what)
{
  AviTopicCounts next;
  GRefString *name;
  guint64 n = 0;

  while (avi_gossipsub_next_counts (g->router, &name, &next))
    {
      if (strcmp (name, topic) == 0)
        n = next.n[what];
      g_ref_string_release (name);
    }
  return n;
}

/* As the specification of this id has it, of one buffer. */
static GBytes *
make_id (const char *topic, const char *text)
{
  g_autofree char *both = g_strconcat (topic, text, NULL);
  guint8 digest[AVI_SHA256_LEN];

  avi_sha256 (AVI_SPAN_STRING (both), digest);
  return g_bytes_new (digest, 20);
}

static void
test_heard (Gossip *g, gconstpointer data)
{
  say (g, 1, "hello");
  gossip_assert_told (g, "somebody says in chat: hello");
  gossip_assert_sent (g, "2 message chat: hello; 3 message chat: hello");
}

static void
test_message (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) raw = make ("chat", "hello");
  g_autoptr(AviMessage) message = NULL;
  AviSpan span = avi_span_from_bytes (raw);
  guint8 rpc[64] = { 0x12, span.len };
  AviGossipsubEvent event;

  memcpy (rpc + 2, span.data, span.len);
  g_assert_true (avi_gossipsub_receive (g->router, gossip_id (1), AVI_SPAN (rpc, span.len + 2), g->now, NULL));
  g_assert_true (avi_gossipsub_next (g->router, &event));
  g_assert_cmpint (event.type, ==, AVI_GOSSIPSUB_EVENT_MESSAGE);
  message = event.message;
  g_assert_null (avi_message_get_from (message));
  g_assert_cmpuint (avi_message_get_seqno (message), ==, 0);
  g_assert_cmpstr (avi_message_get_text (message), ==, "hello");
}

static void
test_same (Gossip *g, gconstpointer data)
{
  say (g, 1, "on");
  say (g, 2, "on");
  say (g, 2, "off");
  gossip_assert_told (g, "somebody says in chat: off; somebody says in chat: on");
  g_assert_cmpuint (gossip_statistics (g).duplicates, ==, 1);
  gossip_wait (g, 121 * SECOND);
  say (g, 2, "on");
  gossip_assert_told (g, "somebody says in chat: on");
}

static void
test_publish (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) again = g_bytes_new ("hello", 5);
  g_autoptr(GBytes) heard = g_bytes_new ("heard", 5);
  g_autoptr(GError) error = NULL;
  GBytes *const known[] = { again, heard };

  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 3);
  gossip_assert_sent (g, "1 message chat: hello; 2 message chat: hello; 3 message chat: hello");
  say (g, 1, "heard");
  gossip_forget (g);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", known[i], g->now, &error), ==, -1);
      g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
      g_assert_nonnull (strstr (error->message, "“chat”"));
      g_clear_error (&error);
    }
  gossip_assert_sent (g, "");
  g_assert_cmpuint (take_count (g, "chat", AVI_TOPIC_DROPPED_DUPLICATE), ==, G_N_ELEMENTS (known));
  g_assert_false (avi_gossipsub_signs (g->router, "chat"));
  g_assert_true (avi_gossipsub_signs (g->router, "news"));
  gossip_wait (g, 121 * SECOND);
  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 3);
}

/* What we publish has nothing but topic and data. */
static void
test_bytes (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) expected = make ("chat", "hello");
  g_autoptr(GBytes) text = g_bytes_new ("hello", 5);
  g_autoptr(GBytes) rpc = NULL;
  AviSpan sent, wanted = avi_span_from_bytes (expected);
  AviPeerId to;

  g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", text, g->now, NULL), ==, 3);
  g_assert_true (avi_gossipsub_transmit (g->router, &to, &rpc, g->now));
  sent = avi_span_from_bytes (rpc);
  g_assert_cmpmem (sent.data + sent.len - wanted.len, wanted.len, wanted.data, wanted.len);
  gossip_forget (g);
}

/* Peers of one topic are configured alike: what is of the other kind is refused, on either. */
static void
test_other_kind (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) on_news = make ("news", "without a signature");
  Avi__Wire__PubsubMessage fields[4];
  AviSpan from = avi_peer_id_get_bytes (gossip_id (1));

  avi_gossipsub_subscribe (g->router, "news", g->now);
  gossip_say_message (g, 1, 1, "chat", "signed");
  gossip_say_raw (g, 1, on_news);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      Avi__Wire__PubsubMessage message = AVI__WIRE__PUBSUB_MESSAGE__INIT;
      g_autoptr(GBytes) bytes = NULL;

      message.has_data = message.has_topic = TRUE;
      message.data = gossip_text ("hello");
      message.topic = gossip_text ("chat");
      message.has_from = i == 0;
      message.from = (ProtobufCBinaryData) { from.len, from.data };
      message.has_seqno = i == 1; /* there, and empty */
      message.has_signature = i == 2;
      message.has_key = i == 3;
      bytes = avi_protobuf_pack (&message.base);
      gossip_say_raw (g, 1, bytes);
    }
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 6);
  g_assert_cmpuint (take_count (g, "chat", AVI_TOPIC_DROPPED_INVALID), ==, 5);
}

/* IHAVE, IWANT and IDONTWANT name it by the 20 bytes, whatever the peer's family. */
static void
test_iwant (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) known = make_id ("chat", "hello");
  g_autoptr(GBytes) unknown = make_id ("chat", "news");
  ProtobufCBinaryData ids[] = { gossip_binary (known), gossip_binary (unknown) };

  say (g, 1, "hello");
  gossip_forget (g);
  gossip_say_iwant (g, 2, ids, 2);
  gossip_assert_sent (g, "2 message chat: hello");
  gossip_say_ihave (g, 3, "chat", ids, 2);
  gossip_assert_sent (g, "3 iwant × 1");
  say (g, 3, "news");
  g_assert_cmpuint (gossip_statistics (g).iwant_recovered, ==, 1);
}

static void
test_ihave (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = make_id ("chat", "hello");
  AviSpan wanted = avi_span_from_bytes (id);
  g_autoptr(GBytes) rpc = NULL;
  AviSpan sent;
  AviPeerId to;

  gossip_say_prune (g, 3, "chat", 60);
  say (g, 1, "hello");
  gossip_forget (g);
  g->now = avi_gossipsub_deadline (g->router);
  avi_gossipsub_tick (g->router, g->now);
  g_assert_true (avi_gossipsub_transmit (g->router, &to, &rpc, g->now));
  g_assert_cmpuint (gossip_number (&to), ==, 3);
  sent = avi_span_from_bytes (rpc);
  g_assert_cmpmem (sent.data + sent.len - wanted.len, wanted.len, wanted.data, wanted.len);
}

static void
test_idontwant (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = make_id ("chat", "hello");
  ProtobufCBinaryData binary = gossip_binary (id);
  AviGossipsubPeer *peer = g_hash_table_lookup (g->router->peers, gossip_id (2));
  AviMessageIdForm form = peer->id_form;

  gossip_say_idontwant (g, 2, &binary, 1);
  say (g, 1, "hello");
  gossip_assert_sent (g, "3 message chat: hello");
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 1);
  g_assert_cmpint (peer->id_form, ==, form); /* which says nothing of its family */
}

/* A peer that is not our own can say what we said. */
static void
test_ours_comes_back (Gossip *g, gconstpointer data)
{
  gossip_publish (g, "chat", "hello");
  gossip_forget (g);
  say (g, 1, "hello");
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).duplicates, ==, 1);
}

static void
test_validated (Gossip *g, gconstpointer data)
{
  avi_gossipsub_set_topic_flags (g->router, "chat", AVI_GOSSIPSUB_TOPIC_UNSIGNED | AVI_GOSSIPSUB_TOPIC_VALIDATED);
  say (g, 1, "hello");
  gossip_assert_told (g, "somebody wants to say in chat: hello");
  gossip_assert_sent (g, "");
  avi_gossipsub_validated (g->router, g_array_index (g->asked, guint64, 0), AVI_GOSSIPSUB_ACCEPT, g->now);
  gossip_assert_told (g, "somebody says in chat: hello");
  gossip_assert_sent (g, "2 message chat: hello; 3 message chat: hello");
}

#define ADD(path, test) g_test_add ("/gossipsub-unsigned/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  avi_crypto_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("a message is delivered, and forwarded to the mesh", test_heard);
  ADD ("a message has neither author nor number", test_message);
  ADD ("identical data within the seen time are one message", test_same);
  ADD ("so they are for the publisher, who is told", test_publish);
  ADD ("what is published says topic and data, and nothing else", test_bytes);
  ADD ("what is signed is refused there, what is not elsewhere", test_other_kind);
  ADD ("who asks by the content's id is answered, and asked", test_iwant);
  ADD ("gossip names it by the content's id", test_ihave);
  ADD ("who has it already is spared it", test_idontwant);
  ADD ("our own message that comes back is a duplicate", test_ours_comes_back);
  ADD ("such a topic may have a validator", test_validated);
  return g_test_run ();
}
