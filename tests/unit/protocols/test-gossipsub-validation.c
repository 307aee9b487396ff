/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Topics with a validator: nobody hears of a message, and nobody is sent it, before the verdict.
 */
#include "config.h"

#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_set_topic_flags (g->router, "chat", AVI_GOSSIPSUB_TOPIC_VALIDATED);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
}

static void
judge (Gossip *g, guint nth, AviGossipsubVerdict verdict)
{
  g_assert_cmpuint (g->asked->len, >, nth);
  avi_gossipsub_validated (g->router, g_array_index (g->asked, guint64, nth), verdict, g->now);
}

static gboolean
is_blamed (Gossip *g, guint number)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (g->router->peers, gossip_id (number));

  return avi_score_get (g->router->score, peer->score, g->now) < 0;
}

static void
test_accept (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_assert_told (g, "9 wants to say in chat: hello");
  gossip_wait (g, 3 * SECOND);
  gossip_assert_sent (g, "");
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_told (g, "9 says in chat: hello");
  gossip_assert_sent (g, "2 message chat: hello; 3 message chat: hello");
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT); /* once */
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).delivered, ==, 1);
}

static void
test_reject (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "spam", 1);

  gossip_say_raw (g, 1, message);
  gossip_say_raw (g, 2, message);
  judge (g, 0, AVI_GOSSIPSUB_REJECT);
  gossip_say_raw (g, 3, message); /* the id is used up: nobody is asked again */
  gossip_wait (g, 3 * SECOND);
  gossip_assert_told (g, "9 wants to say in chat: spam");
  gossip_assert_sent (g, "1 prune chat for 60 s; 2 prune chat for 60 s");
  g_assert_cmpuint (gossip_statistics (g).rejected, ==, 1);
  g_assert_true (is_blamed (g, 1));
  g_assert_true (is_blamed (g, 2));
  g_assert_false (is_blamed (g, 3));
}

static void
test_ignore (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, 9, "chat", "of yesterday");
  judge (g, 0, AVI_GOSSIPSUB_IGNORE);
  gossip_wait (g, 3 * SECOND);
  gossip_assert_told (g, "9 wants to say in chat: of yesterday");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (gossip_statistics (g).ignored, ==, 1);
  g_assert_false (is_blamed (g, 1));
}

/* Who sent a copy meanwhile is not sent it. */
static void
test_copies (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "hello", 1);

  gossip_say_raw (g, 1, message);
  gossip_say_raw (g, 2, message);
  g_assert_cmpuint (g->asked->len, ==, 1);
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_sent (g, "3 message chat: hello");
}

/* A bad signature comes to no validator; on its author's own word a message does, and is checked once it is accepted. */
static void
test_signature_first (Gossip *g, gconstpointer data)
{
  g->hold_checks = TRUE;
  gossip_say_message (g, 1, 9, "chat", "passed on");
  gossip_assert_told (g, "");
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), FALSE, g->now);
  gossip_assert_told (g, "");

  gossip_say_message (g, 1, 1, "chat", "own word");
  gossip_assert_told (g, "1 wants to say in chat: own word");
  g_assert_cmpuint (g->held->len, ==, 1);
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_told (g, "1 says in chat: own word");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (g->held->len, ==, 2);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 1), TRUE, g->now);
  gossip_assert_sent (g, "2 message chat: own word; 3 message chat: own word");
}

static void
test_late (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_forget (g);
  gossip_wait (g, 10 * SECOND - 1);
  g_assert_cmpuint (gossip_statistics (g).validate_drops, ==, 0);
  gossip_wait (g, 1);
  g_assert_cmpuint (gossip_statistics (g).validate_drops, ==, 1);
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_told (g, "");
  g_assert_false (is_blamed (g, 1));
}

/* Of one peer half of the room; what found none may come again. */
static void
test_many (Gossip *g, gconstpointer data)
{
  const guint half = AVI_GOSSIPSUB_MAX_VALIDATIONS / 2;
  g_autoptr(GBytes) another = gossip_sign (8, "chat", "another's", 1);
  g_autoptr(GBytes) too_many = NULL;

  for (guint i = 0; i < half + 5; i++)
    gossip_say_message (g, 1, 9, "chat", "hello");
  g_assert_cmpuint (g->asked->len, ==, half);
  g_assert_cmpuint (gossip_statistics (g).validate_drops, ==, 5);
  gossip_say_raw (g, 2, another);
  g_assert_cmpuint (g->asked->len, ==, half + 1);

  too_many = gossip_sign (9, "chat", "too many", 1000000);
  gossip_say_raw (g, 1, too_many);
  g_assert_cmpuint (g->asked->len, ==, half + 1);
  gossip_say_raw (g, 2, too_many);
  g_assert_cmpuint (g->asked->len, ==, half + 2);
}

/* The author says to us what a validator refuses, and to others something else under the same name. */
static void
test_two_faces (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) bad = gossip_sign (1, "chat", "bad", 1);
  g_autoptr(GBytes) good = gossip_sign (1, "chat", "good", 1);

  gossip_say_raw (g, 1, bad);
  gossip_say_raw (g, 2, good);
  judge (g, 0, AVI_GOSSIPSUB_REJECT);
  g_assert_true (is_blamed (g, 1));
  g_assert_false (is_blamed (g, 2));
}

static void
test_elsewhere (Gossip *g, gconstpointer data)
{
  avi_gossipsub_subscribe (g->router, "news", g->now);
  gossip_say_message (g, 1, 9, "news", "straight");
  gossip_assert_told (g, "9 says in news: straight");
  g_assert_cmpint (gossip_publish (g, "chat", "ours is not asked about"), ==, 3);
  gossip_assert_told (g, "");
}

static void
test_removed (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, 9, "chat", "before");
  avi_gossipsub_set_topic_flags (g->router, "chat", 0);
  gossip_say_message (g, 1, 9, "chat", "after");
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_told (g, "9 says in chat: after; 9 says in chat: before; 9 wants to say in chat: before");
}

static void
test_unsubscribed_meanwhile (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, 9, "chat", "hello");
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  gossip_forget (g);
  judge (g, 0, AVI_GOSSIPSUB_ACCEPT);
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).unwanted, ==, 1);
}

/* Flags outlive subscriptions, and are bounded. */
static void
test_flags (Gossip *g, gconstpointer data)
{
  g_assert_false (avi_gossipsub_set_topic_flags (g->router, "", AVI_GOSSIPSUB_TOPIC_VALIDATED));
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  gossip_wait (g, 120 * SECOND);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  gossip_say_message (g, 1, 9, "chat", "hello");
  g_assert_cmpuint (g->asked->len, ==, 1);

  for (guint i = 1; i <= AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      g_assert_cmpint (avi_gossipsub_set_topic_flags (g->router, name, AVI_GOSSIPSUB_TOPIC_UNSIGNED), ==,
                       i < AVI_GOSSIPSUB_MAX_SUBSCRIPTIONS);
    }
  g_assert_true (avi_gossipsub_set_topic_flags (g->router, "1", 0));
  g_assert_true (avi_gossipsub_set_topic_flags (g->router, "nobody set this", 0));
  g_assert_true (avi_gossipsub_set_topic_flags (g->router, "another", AVI_GOSSIPSUB_TOPIC_UNSIGNED));
  gossip_pump (g);
}

#define ADD(path, test) g_test_add ("/gossipsub-validation/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a message is heard and forwarded once it is accepted", test_accept);
  ADD ("one that is rejected goes nowhere, and counts against all that sent it", test_reject);
  ADD ("one that is ignored goes nowhere, and against nobody", test_ignore);
  ADD ("who sent a copy meanwhile is not sent one", test_copies);
  ADD ("what others pass on is validated once its signature was checked", test_signature_first);
  ADD ("what has no verdict after 10 s is ignored and counted", test_late);
  ADD ("what waits for a verdict is bounded; beyond it is ignored and counted", test_many);
  ADD ("who passes on another message of the same name is not blamed", test_two_faces);
  ADD ("topics without a validator, and what we publish, take no detour", test_elsewhere);
  ADD ("without its validator a topic is as any", test_removed);
  ADD ("what is not our topic any more is not delivered", test_unsubscribed_meanwhile);
  ADD ("how a topic is treated outlives subscriptions, and is bounded", test_flags);
  return g_test_run ();
}
