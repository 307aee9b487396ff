/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GossipSub 1.2: who has a message says so, and is not sent it again; 1.3: what extensions there are.
 */
#include "config.h"

#include "gossipsub-fixture.h"

#define LARGE 2000 /* bytes of a message that IDONTWANT is for */
#define MANY  1100 /* ids, more than are taken of a peer in a heartbeat */

static char *large_text;

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

/* In our mesh, of that version, heard of. */
static void
add (Gossip *g, guint number, const char *protocol)
{
  gossip_add_speaking (g, number, protocol);
  gossip_say_subscribe (g, number, "chat", TRUE);
  gossip_forget (g);
}

static void
say_unwanted (Gossip *g, guint from, guint author, guint64 seqno)
{
  g_autoptr(GBytes) id = gossip_plain_id (author, seqno);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  gossip_say_idontwant (g, from, ids, 1);
}

static void
test_said (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 3, AVI_GOSSIPSUB_PROTOCOL_1_3);
  add (g, 4, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 9, AVI_GOSSIPSUB_PROTOCOL_1_2);

  /* Not to whom it comes from, nor to its author. */
  gossip_say_message (g, 1, 9, "chat", large_text);
  gossip_assert_sent (g, "2 idontwant × 1; 2 message chat: <2000 bytes>; 3 idontwant × 1; "
                         "3 message chat: <2000 bytes>; 4 message chat: <2000 bytes>");
  gossip_say_message (g, 1, 9, "chat", "small");
  g_assert_cmpuint (gossip_count_sent (g, "2 idontwant"), ==, 0);
}

/* A forgery may have the name of a message that is still to come. */
static void
test_not_of_forgeries (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  g->hold_checks = TRUE;
  gossip_say_message (g, 1, 9, "chat", large_text);
  gossip_assert_sent (g, "");
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), FALSE, g->now);
  gossip_assert_sent (g, "");
}

static void
test_first (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  avi_gossipsub_set_ready (g->router, gossip_id (2), FALSE);
  for (guint i = 0; i < 40; i++)
    gossip_publish (g, "chat", large_text);
  gossip_say_message (g, 1, 9, "chat", large_text);
  gossip_forget (g);

  /* What waits for the peer is more than one RPC; IDONTWANT is in the first. */
  avi_gossipsub_set_ready (g->router, gossip_id (2), TRUE);
  {
    g_autoptr(GBytes) rpc = NULL;
    AviPeerId to;

    g_assert_true (avi_gossipsub_transmit (g->router, &to, &rpc, g->now));
    gossip_note_rpc (g, 2, rpc);
  }
  {
    gboolean found = FALSE;

    for (guint i = 0; i < g->sent->len; i++)
      found |= g_str_equal (g->sent->pdata[i], "2 idontwant × 1");
    g_assert_true (found);
  }
}

static void
test_spared (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 3, AVI_GOSSIPSUB_PROTOCOL_1_1);

  say_unwanted (g, 2, 9, 1);
  gossip_say_message (g, 1, 9, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "2 message"), ==, 0);
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 1);
  g_assert_cmpuint (gossip_statistics (g).forwarded, ==, 1);
  /* The next one it wants. */
  gossip_say_message (g, 1, 9, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "2 message"), ==, 1);
}

static void
test_spared_from_queue (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  avi_gossipsub_set_ready (g->router, gossip_id (2), FALSE);
  gossip_say_message (g, 1, 9, "chat", large_text);
  gossip_say_message (g, 1, 9, "chat", "after it");

  say_unwanted (g, 2, 9, 1);
  avi_gossipsub_set_ready (g->router, gossip_id (2), TRUE);
  gossip_assert_sent (g, "2 idontwant × 1; 2 message chat: after it");
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 1);
}

static void
test_forgotten (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);

  say_unwanted (g, 2, 9, 1);
  gossip_wait (g, 10 * SECOND);
  gossip_forget (g);
  gossip_say_message (g, 1, 9, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "2 message"), ==, 1);
}

static void
test_limit (Gossip *g, gconstpointer data)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree ProtobufCBinaryData *ids = g_new (ProtobufCBinaryData, MANY);

  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  for (guint i = 0; i < MANY; i++)
    {
      g_ptr_array_add (all, gossip_plain_id (9, 1000 + i));
      ids[i] = gossip_binary (all->pdata[i]);
    }
  gossip_say_idontwant (g, 2, ids, MANY);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, MANY - 1024);
  gossip_wait (g, 2 * SECOND);
  gossip_say_idontwant (g, 2, ids, 1);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, MANY - 1024);
}

/* We say no more than is looked at where a peer is like us. */
static void
test_said_limit (Gossip *g, gconstpointer data)
{
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  for (guint i = 0; i < MANY; i++)
    gossip_say_message (g, 1, 9, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "2 idontwant"), ==, 1024);
  gossip_wait (g, SECOND);
  gossip_say_message (g, 1, 9, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "2 idontwant"), ==, 1);
}

/* Though nothing comes of the messages that the heartbeat would be kept for. */
static void
test_said_again (Gossip *g, gconstpointer data)
{
  g->router->params.max_idontwant_ids = 2;
  avi_gossipsub_set_topic_flags (g->router, "chat", AVI_GOSSIPSUB_TOPIC_VALIDATED);
  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_2);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  gossip_wait (g, 20 * SECOND);
  for (guint i = 0; i < 6; i++)
    {
      gossip_say_message (g, 1, 9, "chat", large_text);
      avi_gossipsub_validated (g->router, g_array_index (g->asked, guint64, i), AVI_GOSSIPSUB_IGNORE, g->now);
      g_assert_cmpuint (gossip_count_sent (g, "2 idontwant"), ==, 1);
      gossip_wait (g, 5 * SECOND);
    }
}

/* Ids of no form that we know, and those of messages that nobody has. */
static void
test_odd (Gossip *g, gconstpointer data)
{
  ProtobufCBinaryData ids[] = { gossip_text (""), gossip_text ("?") };

  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  gossip_say_idontwant (g, 2, ids, 2);
  say_unwanted (g, 2, 8, 77);
  gossip_assert_sent (g, "");
}

/* An answer to IWANT was asked for, whatever was said before. */
static void
test_iwant (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) id = gossip_plain_id (9, 1);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_1);
  add (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  say_unwanted (g, 2, 9, 1);
  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_assert_sent (g, "");
  gossip_say_iwant (g, 2, ids, 1);
  gossip_assert_sent (g, "2 message chat: hello");
}

static void
test_extensions (Gossip *g, gconstpointer data)
{
  gossip_add_speaking (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_3);
  gossip_assert_sent (g, "1 extensions; 1 subscribe chat");
  gossip_say_subscribe (g, 1, "chat", TRUE);
  gossip_assert_sent (g, "1 graft chat");
  gossip_add_speaking (g, 2, AVI_GOSSIPSUB_PROTOCOL_1_2);
  gossip_assert_sent (g, "2 subscribe chat");

  /* Another stream. */
  g_assert_true (avi_gossipsub_move_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_PROTOCOL_1_3, g->now));
  gossip_assert_sent (g, "1 extensions; 1 graft chat; 1 subscribe chat");
}

static void
test_extensions_of_others (Gossip *g, gconstpointer data)
{
  /* RPC { control { extensions { testExtension: true } } }, the field being 6492434. */
  static guint8 rpc[] = { 0x1a, 0x07, 0x32, 0x05, 0x90, 0x89, 0xe2, 0x18, 0x01 };

  add (g, 1, AVI_GOSSIPSUB_PROTOCOL_1_3);
  g_assert_true (gossip_receive (g, 1, AVI_SPAN (rpc, sizeof rpc), NULL));
  g_assert_true (gossip_receive (g, 1, AVI_SPAN (rpc, sizeof rpc), NULL));
  gossip_assert_sent (g, "");
  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 1);
}

#define ADD(path, func) g_test_add ("/gossipsub-idontwant/" path, Gossip, NULL, set_up, func, gossip_tear_down)

int
main (int argc, char **argv)
{
  int status;

  large_text = g_strnfill (LARGE, 'x');
  g_test_init (&argc, &argv, NULL);
  ADD ("a large message that is new is told to the mesh at once, to those who know the word", test_said);
  ADD ("what may be forged is not", test_not_of_forgeries);
  ADD ("it goes before all that waits for the peer", test_first);
  ADD ("who has a message is not sent it", test_spared);
  ADD ("nor is what waits for it already", test_spared_from_queue);
  ADD ("it is remembered for some seconds", test_forgotten);
  ADD ("and so many per heartbeat", test_limit);
  ADD ("nor do we say more", test_said_limit);
  ADD ("until the next heartbeat", test_said_again);
  ADD ("ids of no form, or of no message, do nothing", test_odd);
  ADD ("what a peer asks for it is sent all the same", test_iwant);
  ADD ("the first RPC of a stream says that we have no extensions", test_extensions);
  ADD ("extensions of others are passed over", test_extensions_of_others);
  status = g_test_run ();
  g_free (large_text);
  return status;
}
