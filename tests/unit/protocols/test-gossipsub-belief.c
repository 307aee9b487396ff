/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What its author sends itself is believed, for the connection proves who that is; what others pass on never is.
 */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-rpc.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  g->hold_checks = TRUE;
}

/* As @author signs it, but for one bit of the signature. */
static GBytes *
forge (guint author, const char *text, guint64 seqno)
{
  g_autoptr(GBytes) message = gossip_sign (author, "chat", text, seqno);
  gsize len;
  guint8 *bytes = g_bytes_unref_to_data (g_steal_pointer (&message), &len);

  bytes[len - 1] ^= 1;
  return g_bytes_new_take (bytes, len);
}

static void
say_forged (Gossip *g, guint from, guint author, const char *text, guint64 seqno)
{
  g_autoptr(GBytes) message = forge (author, text, seqno);

  gossip_say_raw (g, from, message);
}

static void
answer (Gossip *g, guint nth, gboolean valid)
{
  g_assert_cmpuint (g->held->len, >, nth);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, nth), valid, g->now);
}

static gboolean
is_blamed (Gossip *g, guint number)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (g->router->peers, gossip_id (number));

  return avi_score_get (g->router->score, peer->score, g->now) < 0;
}

static void
test_at_once (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_message (g, 1, 1, "chat", "hello");
  gossip_assert_told (g, "1 says in chat: hello; 1 subscribe to chat");
  gossip_wait (g, 10 * SECOND);
  g_assert_cmpuint (g->held->len, ==, 0); /* and never is */
}

static void
test_checked_before_forwarding (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", "hello");
  gossip_assert_told (g, "1 says in chat: hello");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (g->held->len, ==, 1);
  answer (g, 0, TRUE);
  gossip_assert_told (g, "");
  gossip_assert_sent (g, "2 message chat: hello; 3 message chat: hello");
}

static void
test_floodsub_needs_it (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_add_speaking (g, 2, AVI_FLOODSUB_PROTOCOL);
  gossip_say_subscribe (g, 2, "chat", TRUE);
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", "hello");
  answer (g, 0, TRUE);
  gossip_assert_sent (g, "2 message chat: hello");
}

/* Who sent a copy meanwhile is not sent it. */
static void
test_copies (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (1, "chat", "hello", 1);

  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
  gossip_say_raw (g, 1, message);
  gossip_say_raw (g, 2, message);
  g_assert_cmpuint (g->held->len, ==, 1);
  answer (g, 0, TRUE);
  gossip_assert_told (g, "1 says in chat: hello");
  gossip_assert_sent (g, "3 message chat: hello");
}

static void
test_bad (Gossip *g, gconstpointer data)
{
  ProtobufCBinaryData id;
  g_autoptr(GBytes) plain = gossip_plain_id (1, 1);

  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_say_prune (g, 3, "chat", 60); /* who would be gossiped to */
  gossip_forget (g);
  say_forged (g, 1, 1, "hello", 1);
  gossip_assert_told (g, "1 says in chat: hello");
  id = gossip_binary (plain);
  gossip_say_iwant (g, 3, &id, 1);
  gossip_assert_sent (g, ""); /* not yet */
  answer (g, 0, FALSE);
  gossip_say_iwant (g, 3, &id, 1);
  gossip_wait (g, 5 * SECOND);
  gossip_assert_sent (g, "1 prune chat for 60 s"); /* nor ever; and who did it is out */
  g_assert_cmpuint (g->held->len, ==, 1);
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 1);
  g_assert_true (is_blamed (g, 1));
  g_assert_false (is_blamed (g, 3));
}

/* Nobody else is in the mesh: the check waits until there is somebody to gossip to. */
static void
test_gossip (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", "hello");
  g_assert_cmpuint (g->held->len, ==, 0);

  gossip_add_subscribers (g, 2, 1, "chat");
  gossip_say_prune (g, 2, "chat", 60);
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_assert_sent (g, "");
  g_assert_cmpuint (g->held->len, ==, 1);
  answer (g, 0, TRUE);
  gossip_assert_sent (g, "");
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "2 ihave chat × 1"), ==, 1);
  g_assert_cmpuint (g->held->len, ==, 1); /* asked for once */
}

static void
test_bad_is_not_gossiped (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_say_prune (g, 2, "chat", 60);
  say_forged (g, 1, 1, "hello", 1);
  gossip_wait (g, SECOND);
  answer (g, 0, FALSE);
  gossip_forget (g);
  gossip_wait (g, 5 * SECOND);
  gossip_assert_sent (g, "1 prune chat for 60 s");
  g_assert_cmpuint (g->held->len, ==, 1);
  g_assert_true (is_blamed (g, 1));
}

/* --- abuse --- */

static void
test_relayed (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  say_forged (g, 1, 2, "2 never said so", 1); /* though 2 is a peer of ours */
  say_forged (g, 1, 9, "nor did 9, who is not", 1);
  gossip_assert_told (g, "");
  g_assert_cmpuint (g->held->len, ==, 2);
  answer (g, 0, FALSE);
  answer (g, 1, FALSE);
  gossip_assert_told (g, "");
  gossip_assert_sent (g, "");
  g_assert_true (is_blamed (g, 1));
  g_assert_false (is_blamed (g, 2));
}

/* A name under which one is believed keeps out nobody else's message, whatever it is said with. */
static void
test_cannot_block (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  for (guint64 seqno = 1; seqno <= 5; seqno++)
    say_forged (g, 1, 1, "mine", seqno);
  for (guint64 seqno = 1; seqno <= 5; seqno++)
    {
      g_autoptr(GBytes) theirs = gossip_sign (2, "chat", "theirs", seqno);

      gossip_say_raw (g, 2, theirs);
    }
  gossip_pump (g);
  g_assert_cmpuint (g->told->len, ==, 10);
}

/* One seqno with two payloads: the first that is believed counts, and the other is a duplicate everywhere. */
static void
test_two_payloads (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) one = gossip_sign (1, "chat", "one", 1);
  g_autoptr(GBytes) two = gossip_sign (1, "chat", "two", 1);

  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
  gossip_say_raw (g, 1, one);
  gossip_say_raw (g, 1, two);
  gossip_say_raw (g, 2, two);
  gossip_assert_told (g, "1 says in chat: one");
  g_assert_cmpuint (g->held->len, ==, 1);
  answer (g, 0, TRUE);
  gossip_assert_sent (g, "2 message chat: one; 3 message chat: one");
  g_assert_cmpuint (gossip_statistics (g).duplicates, ==, 2);
}

/* A forgery under the id of what the author says next does not keep that out, nor does it pass for it. */
static void
test_forgery_first (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) real = gossip_sign (1, "chat", "real", 1);

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  say_forged (g, 2, 1, "fake", 1);
  gossip_say_raw (g, 1, real); /* behind what is checked, see below */
  g_assert_cmpuint (g->held->len, ==, 2);
  answer (g, 0, FALSE);
  answer (g, 1, TRUE);
  gossip_assert_told (g, "1 says in chat: real");
  gossip_assert_sent (g, "2 message chat: real");
}

/* What others passed on before comes before, and with it goes the belief. */
static void
test_order (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  gossip_say_message (g, 2, 1, "chat", "first");
  gossip_say_message (g, 1, 1, "chat", "second");
  gossip_say_message (g, 2, 2, "chat", "of another");
  gossip_assert_told (g, "2 says in chat: of another");
  answer (g, 0, TRUE);
  gossip_assert_told (g, "1 says in chat: first");
  answer (g, 1, TRUE);
  gossip_assert_told (g, "1 says in chat: second");
  gossip_say_message (g, 1, 1, "chat", "third");
  gossip_assert_told (g, "1 says in chat: third");
}

/* What waits to be forwarded only does not keep its author's next message waiting. */
static void
test_order_of_delivered (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", "first");
  gossip_assert_told (g, "1 says in chat: first");
  gossip_say_message (g, 1, 1, "chat", "second");
  gossip_assert_told (g, "1 says in chat: second");
  g_assert_cmpuint (g->held->len, ==, 2);
}

static void
test_unsubscribed_meanwhile (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_say_message (g, 1, 1, "chat", "hello");
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  gossip_forget (g);
  answer (g, 0, TRUE);
  gossip_assert_sent (g, "");
  g_assert_cmpuint (gossip_statistics (g).unwanted, ==, 0); /* it was delivered */
}

/* Where the table of checks is full it is heard all the same, and passed on by gossip. */
static void
test_no_room (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_CHECKS; i++)
    gossip_say_message (g, 2, 9, "chat", "many");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", "hello");
  gossip_assert_told (g, "1 says in chat: hello");
  g_assert_cmpuint (gossip_statistics (g).verify_drops, ==, 1);
}

#define ADD(path, test) g_test_add ("/gossipsub-belief/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("what its author sends itself is delivered at once, unchecked where nobody else needs it", test_at_once);
  ADD ("it is checked before it is forwarded", test_checked_before_forwarding);
  ADD ("it is checked for a floodsub peer, too", test_floodsub_needs_it);
  ADD ("who sent a copy during the check is not sent one", test_copies);
  ADD ("with a bad signature it is neither forwarded nor given to who asks, and counted against its author", test_bad);
  ADD ("it is checked before it is gossiped about", test_gossip);
  ADD ("with a bad signature it is not gossiped about", test_bad_is_not_gossiped);
  ADD ("what others pass on is never believed", test_relayed);
  ADD ("who is believed keeps out nobody's message", test_cannot_block);
  ADD ("of two payloads with one seqno the first counts", test_two_payloads);
  ADD ("a forgery that comes first keeps the author's own word out no longer than it is checked", test_forgery_first);
  ADD ("an author's messages are delivered in the order in which they came, by whatever way", test_order);
  ADD ("what waits to be forwarded keeps nothing waiting", test_order_of_delivered);
  ADD ("what is not our topic any more is not forwarded", test_unsubscribed_meanwhile);
  ADD ("where too many signatures are being checked it is heard all the same", test_no_room);
  return g_test_run ();
}
