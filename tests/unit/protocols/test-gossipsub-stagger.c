/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Of a large message three copies go on at once; others wait until those who are to get one have had the time to say that
 * they have it. And what becomes of a peer that is slow.
 */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-signing.h"

#define LARGE  4000             /* bytes of a message that is large */
#define WAIT   6400             /* µs that others wait for it: twice what it takes at 10 Mbit/s */
#define NOBODY 99               /* an author that is not here */

static char *large_text;

/* Six in our mesh; what comes from the first is to go to the others. */
static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  for (guint i = 1; i <= 6; i++)
    {
      gossip_add_speaking (g, i, AVI_GOSSIPSUB_PROTOCOL_1_2);
      gossip_say_graft (g, i, "chat");
    }
  avi_random_seed (&g->random, 1);
  gossip_forget (g);
}

/* FALSE: the router has nothing for that peer. */
static gboolean
was_sent (Gossip *g, guint peer)
{
  g_autofree char *line = g_strdup_printf ("%u message", peer);

  return gossip_find_line (g->sent, line) != NULL;
}

/* A large message came, and went to three; says who waits: two. */
static void
begin (Gossip *g, guint waiting[2])
{
  guint n = 0;

  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  gossip_pump (g);
  for (guint i = 2; i <= 6; i++)
    if (!was_sent (g, i))
      {
        g_assert_cmpuint (n, <, 2);
        waiting[n++] = i;
      }
  g_assert_cmpuint (n, ==, 2);
  gossip_forget (g);
}

static void
test_waits (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  gossip_wait (g, WAIT - 1);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  gossip_wait (g, 1);
  g_assert_true (was_sent (g, waiting[0]) && was_sent (g, waiting[1]));
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 2);
  gossip_wait (g, SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  g_assert_cmpuint (gossip_statistics (g).forwarded, ==, 5);
}

/* Of the message that came last, said by that peer. */
static void
say_of_last (Gossip *g, guint peer, void (*say) (Gossip *, guint, ProtobufCBinaryData *, gsize))
{
  g_autoptr(GBytes) id = gossip_plain_id (NOBODY, g->seqno);
  ProtobufCBinaryData ids[] = { gossip_binary (id) };

  say (g, peer, ids, G_N_ELEMENTS (ids));
}

static void
test_spared (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  say_of_last (g, waiting[0], gossip_say_idontwant);
  g->seqno--;
  gossip_say_message (g, waiting[1], NOBODY, "chat", large_text);
  gossip_wait (g, SECOND / 2);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 1);
  g_assert_cmpuint (gossip_statistics (g).forwarded, ==, 3);
}

static void
test_asked_for (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  say_of_last (g, waiting[0], gossip_say_iwant);
  g_assert_true (was_sent (g, waiting[0]));
  gossip_forget (g);
  gossip_wait (g, SECOND / 2);
  g_assert_false (was_sent (g, waiting[0]));
  g_assert_true (was_sent (g, waiting[1]));
}

static void
test_order (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  gossip_say_message (g, 1, NOBODY - 1, "chat", "of another");
  g_assert_cmpuint (gossip_count_sent (g, "<4000 bytes>"), ==, 0);
  gossip_say_message (g, 1, NOBODY, "chat", "small");
  gossip_pump (g);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *large = g_strdup_printf ("%u message chat: <4000 bytes>", waiting[i]);
      g_autofree char *small = g_strdup_printf ("%u message chat: small", waiting[i]);
      guint at = 0;

      while (!g_str_equal (g->sent->pdata[at], large))
        g_assert_cmpuint (++at, <, g->sent->len);
      while (!g_str_equal (g->sent->pdata[at], small))
        g_assert_cmpuint (++at, <, g->sent->len);
    }
  gossip_forget (g);
  gossip_wait (g, SECOND / 2);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
}

/* Whose order would it be? */
static void
test_unsigned (Gossip *g, gconstpointer data)
{
  g_autofree char *raw = g_strnfill (LARGE, 'y');
  g_autoptr(GByteArray) large = avi_signing_leave_unsigned ("chat", AVI_SPAN_STRING (raw));
  g_autoptr(GByteArray) small = avi_signing_leave_unsigned ("chat", AVI_SPAN_STRING ("small"));
  g_autoptr(GBytes) large_bytes = g_bytes_new (large->data, large->len);
  g_autoptr(GBytes) small_bytes = g_bytes_new (small->data, small->len);

  avi_gossipsub_set_topic_flags (g->router, "chat", AVI_GOSSIPSUB_TOPIC_UNSIGNED);
  gossip_say_raw (g, 1, large_bytes);
  g_assert_cmpuint (gossip_count_sent (g, "<4000 bytes>"), ==, 3);
  gossip_say_raw (g, 1, small_bytes);
  g_assert_cmpuint (gossip_count_sent (g, "<4000 bytes>"), ==, 0);
  gossip_wait (g, WAIT);
  g_assert_cmpuint (gossip_count_sent (g, "<4000 bytes>"), ==, 2);
}

/* A very large message of one is not in the way of another's. */
static void
test_other_author (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE - 1024, 'x');
  guint waiting[2];

  gossip_say_message (g, 1, NOBODY - 1, "chat", text);
  gossip_forget (g);
  begin (g, waiting);
  gossip_wait (g, WAIT);
  g_assert_cmpuint (gossip_count_sent (g, "<4000 bytes>"), ==, 2);
}

/* Who asks for the second gets the first before it. */
static void
test_asked_order (Gossip *g, gconstpointer data)
{
  g_autofree char *other = g_strnfill (LARGE + 1, 'x');
  guint n = 0;

  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  gossip_say_message (g, 1, NOBODY, "chat", other);
  gossip_forget (g);
  for (guint i = 2; i <= 6; i++)
    {
      g_autofree char *first = g_strdup_printf ("%u message chat: <4000 bytes>", i);
      g_autofree char *second = g_strdup_printf ("%u message chat: <4001 bytes>", i);

      say_of_last (g, i, gossip_say_iwant);
      if (g->sent->len == 2)
        {
          g_assert_cmpstr (g->sent->pdata[0], ==, first);
          n++;
        }
      g_assert_cmpstr (g->sent->pdata[g->sent->len - 1], ==, second);
      g_assert_cmpuint (g->sent->len, <=, 2);
      gossip_forget (g);
    }
  g_assert_cmpuint (n, <=, 2);
  gossip_wait (g, SECOND / 2);
  for (guint i = 2; i <= 6; i++)
    g_assert_false (was_sent (g, i) && n == 2);
}

/* Not to those who would have to wait for it, too, and not to always the same. */
static void
test_who (Gossip *g, gconstpointer data)
{
  gboolean was_first[7] = { 0 };

  for (guint n = 0; n < 30; n++)
    {
      gossip_say_message (g, 1, NOBODY, "chat", large_text);
      gossip_pump (g);
      for (guint i = 2; i <= 6; i++)
        was_first[i] |= was_sent (g, i);
      gossip_wait (g, SECOND / 2);
      gossip_forget (g);
    }
  for (guint i = 2; i <= 6; i++)
    g_assert_true (was_first[i]);
  for (guint i = 2; i <= 4; i++)
    avi_gossipsub_set_ready (g->router, gossip_id (i), FALSE);
  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  gossip_pump (g);
  g_assert_true (was_sent (g, 5) && was_sent (g, 6));
}

/* Who is not in the mesh any more, or not here, or is so with another connection. */
static void
test_gone (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  gossip_say_prune (g, waiting[0], "chat", 60);
  avi_gossipsub_remove_peer (g->router, gossip_id (waiting[1]), g->now);
  gossip_add_speaking (g, waiting[1], AVI_GOSSIPSUB_PROTOCOL_1_2);
  gossip_say_graft (g, waiting[1], "chat");
  gossip_wait (g, SECOND / 2);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
}

/* Nor by what its author says elsewhere. */
static void
test_gone_elsewhere (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  avi_gossipsub_subscribe (g->router, "news", g->now);
  for (guint i = 1; i <= 6; i++)
    gossip_say_graft (g, i, "news");
  begin (g, waiting);
  gossip_say_prune (g, waiting[0], "chat", 60);
  gossip_say_subscribe (g, waiting[1], "chat", FALSE);
  gossip_forget (g);
  gossip_say_message (g, 1, NOBODY, "news", "small");
  g_assert_cmpuint (gossip_count_sent (g, "message chat"), ==, 0);
}

/* Who waits may know nobody else. */
static void
test_left (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  gossip_pump (g);
  g_assert_true (was_sent (g, waiting[0]) && was_sent (g, waiting[1]));
  gossip_forget (g);
  gossip_wait (g, SECOND / 2);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
}

static void
test_left_another (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  avi_gossipsub_subscribe (g->router, "news", g->now);
  begin (g, waiting);
  avi_gossipsub_unsubscribe (g->router, "news", g->now);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  gossip_wait (g, WAIT);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 2);
}

/* However soon its word is forgotten. */
static void
test_short_memory (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (500000, 'x');

  g->router->params.idontwant_ttl = 100 * 1000;
  gossip_say_message (g, 1, NOBODY, "chat", text);
  gossip_forget (g);
  for (guint i = 2; i <= 6; i++)
    say_of_last (g, i, gossip_say_idontwant);
  gossip_wait (g, SECOND / 2);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 2);
}

static void
test_hurry (Gossip *g, gconstpointer data)
{
  guint waiting[2];

  begin (g, waiting);
  avi_gossipsub_hurry (g->router, g->now);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 2);
  g_assert_cmpint (avi_stagger_get_deadline (g->router->stagger), ==, G_MAXINT64);
}

/* Who cannot say that it has it would wait for nothing. */
static void
test_old_peers (Gossip *g, gconstpointer data)
{
  for (guint i = 2; i <= 6; i++)
    {
      avi_gossipsub_remove_peer (g->router, gossip_id (i), g->now);
      gossip_add_speaking (g, i, AVI_GOSSIPSUB_PROTOCOL_1_1);
      gossip_say_graft (g, i, "chat");
    }
  gossip_forget (g);
  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 5);
}

/* What we say ourselves all get, as do those who are few. */
static void
test_others_only (Gossip *g, gconstpointer data)
{
  gossip_publish (g, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 6);
  for (guint i = 5; i <= 6; i++)
    avi_gossipsub_remove_peer (g->router, gossip_id (i), g->now);
  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 3);
}

/* Half a second is the longest, and what is more than can wait goes at once. */
static void
test_bounds (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE - 1024, 'x');
  guint n = AVI_GOSSIPSUB_MAX_STAGGERED_BYTES / AVI_GOSSIPSUB_MAX_MESSAGE;

  for (guint i = 0; i < n; i++)
    gossip_say_message (g, 1, 50 + i, "chat", text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 3 * n);
  gossip_say_message (g, 1, 50 + n, "chat", text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 5);
  gossip_wait (g, SECOND / 2 - 1);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 0);
  gossip_wait (g, 1);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 2 * n);
}

static void
set_up_never (Gossip *g, gconstpointer data)
{
  set_up (g, data);
  g->router->params.stagger_bandwidth = 0;
}

static void
test_never (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, NOBODY, "chat", large_text);
  g_assert_cmpuint (gossip_count_sent (g, "message"), ==, 5);
}

/* --- slow peers --- */

static double
get_score (Gossip *g, guint peer)
{
  return avi_gossipsub_get_score (g->router, gossip_id (peer), g->now);
}

/* Whatever @peer does not read is more than is held for it. */
static void
overflow (Gossip *g, guint peer)
{
  avi_gossipsub_set_ready (g->router, gossip_id (peer), FALSE);
  for (guint i = 0; i < 2 * g->router->max_queue / LARGE; i++)
    gossip_publish (g, "chat", large_text);
  gossip_forget (g);
}

/* What it sends is what its link can do without. */
static void
test_slow_is_spared (Gossip *g, gconstpointer data)
{
  gossip_say_message (g, 1, NOBODY, "chat", "small");
  g_assert_cmpuint (gossip_count_sent (g, "idontwant"), ==, 0);
  overflow (g, 2);
  gossip_wait (g, SECOND);
  g_assert_nonnull (gossip_find_line (g->told, " did not go to 2"));
  gossip_forget (g);
  gossip_say_message (g, 1, NOBODY, "chat", "small");
  avi_gossipsub_set_ready (g->router, gossip_id (2), TRUE);
  gossip_pump (g);
  g_assert_nonnull (gossip_find_line (g->sent, "2 idontwant × 1"));
  g_assert_cmpuint (gossip_count_sent (g, "idontwant"), ==, 1);
  gossip_wait (g, 7 * SECOND / 2);
  gossip_say_message (g, 1, NOBODY, "chat", "small");
  g_assert_cmpuint (gossip_count_sent (g, "2 idontwant"), ==, 1);
  gossip_wait (g, SECOND);
  gossip_say_message (g, 1, NOBODY, "chat", "small");
  g_assert_cmpuint (gossip_count_sent (g, "idontwant"), ==, 0);
}

/* It comes after the others, but no worse than who has just come; and nobody is blamed for the sum of a moment. */
static void
test_slow_has_less (Gossip *g, gconstpointer data)
{
  for (guint i = 0; i < 5; i++)
    {
      gossip_say_message (g, 2, NOBODY, "chat", "first");
      gossip_say_message (g, 3, NOBODY, "chat", "first");
    }
  overflow (g, 2);
  g_assert_cmpfloat (get_score (g, 2), ==, get_score (g, 3)); /* it may not come again */
  for (guint i = 0; i < 20; i++)
    {
      gossip_wait (g, SECOND);
      overflow (g, 2);
      g_assert_cmpfloat (get_score (g, 2), >=, 0);
    }
  g_assert_cmpfloat (get_score (g, 2), <, get_score (g, 3) - 2);
  g_assert_cmpuint (gossip_statistics (g).offences, ==, 0);
  avi_gossipsub_set_ready (g->router, gossip_id (2), TRUE);
  gossip_wait (g, 60 * SECOND);
  g_assert_cmpfloat (get_score (g, 3) - get_score (g, 2), <, 0.1);
}

/* It takes none so large, or its score is bad, or it goes before it has taken all: each is told. */
static void
test_told (Gossip *g, gconstpointer data)
{
  avi_gossipsub_limit_peer (g->router, gossip_id (2), 1000, g->now);
  avi_gossipsub_set_application_score (g->router, gossip_id (3), -1000, g->now);
  gossip_wait (g, SECOND); /* out of the mesh */
  avi_gossipsub_set_ready (g->router, gossip_id (4), FALSE);
  gossip_forget (g);
  gossip_publish (g, "chat", large_text);
  avi_gossipsub_remove_peer (g->router, gossip_id (4), g->now);
  gossip_assert_told (g, "1 0 0 did not go to 4; 5 subscribe to chat");
  g_assert_cmpint (g->router->slow_until, ==, 0); /* to go is not to be slow */
  gossip_wait (g, SECOND);
  gossip_assert_told (g, "0 0 1 did not go to 3; 0 1 0 did not go to 2");

  /* What is taken back, while the heartbeat sleeps. */
  avi_gossipsub_set_ready (g->router, gossip_id (5), FALSE);
  gossip_publish (g, "chat", large_text);
  gossip_wait (g, 20 * SECOND);
  gossip_forget (g);
  avi_gossipsub_limit_peer (g->router, gossip_id (5), 1000, g->now);
  gossip_wait (g, SECOND);
  gossip_assert_told (g, "0 1 0 did not go to 5");
}

static void
set_up_small (Gossip *g, gconstpointer data)
{
  set_up (g, data);
  for (guint i = 1; i <= 6; i++)
    {
      AviGossipsubPeer *peer = g_hash_table_lookup (g->router->peers, gossip_id (i));

      peer->queue.max_bytes = 64 * 1024;
    }
  g->router->max_queue = 64 * 1024;
}

#define ADD(path, set_up, func) g_test_add ("/gossipsub-stagger/" path, Gossip, NULL, set_up, func, gossip_tear_down)

int
main (int argc, char **argv)
{
  int status;

  large_text = g_strnfill (LARGE, 'x');
  g_test_init (&argc, &argv, NULL);
  ADD ("a large message goes to three at once, and to others later", set_up, test_waits);
  ADD ("who says or shows that it has it meanwhile is not sent it", set_up, test_spared);
  ADD ("who asks for it gets it once", set_up, test_asked_for);
  ADD ("what an author says later does not come earlier", set_up, test_order);
  ADD ("who is gone from the mesh gets none", set_up, test_gone);
  ADD ("nor by what its author says elsewhere", set_up, test_gone_elsewhere);
  ADD ("who waits when we leave gets it then", set_up, test_left);
  ADD ("but not when we leave another topic", set_up, test_left_another);
  ADD ("or when we stop", set_up, test_hurry);
  ADD ("who has said that it has it is not sent it when that is forgotten", set_up, test_short_memory);
  ADD ("what is not signed is in no order", set_up, test_unsigned);
  ADD ("nobody waits for what another says", set_up, test_other_author);
  ADD ("who asks for what it waits for gets what its author said before, too", set_up, test_asked_order);
  ADD ("any three are first, who can be sent it", set_up, test_who);
  ADD ("who cannot say that it has it does not wait", set_up, test_old_peers);
  ADD ("nor does anybody for what we say, nor where they are three", set_up, test_others_only);
  ADD ("it is not for long, nor for much", set_up, test_bounds);
  ADD ("without a bandwidth nobody waits", set_up_never, test_never);
  ADD ("what does not go to a peer is told, and why", set_up, test_told);
  ADD ("who is slow need not send us what we have, however small", set_up_small, test_slow_is_spared);
  ADD ("who is slow loses what it has earned, and no more", set_up_small, test_slow_has_less);
  status = g_test_run ();
  g_free (large_text);
  return status;
}
