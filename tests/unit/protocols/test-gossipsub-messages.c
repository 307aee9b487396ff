/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
test_delivered_and_forwarded (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);

  gossip_say_message (g, 1, 2, "chat", "hello"); /* 1 passes on what 2 says: neither gets it back */
  gossip_assert_told (g, "2 says in chat: hello");
  gossip_assert_sent (g, "3 message chat: hello");
  gossip_say_message (g, 1, 9, "chat", "from afar");
  gossip_assert_sent (g, "2 message chat: from afar; 3 message chat: from afar");
  g_assert_cmpuint (gossip_statistics (g).forwarded, ==, 3);
}

static void
test_forwarded_as_it_came (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "hello", 1);
  AviSpan span = avi_span_from_bytes (message);
  g_autoptr(GByteArray) odd = g_byte_array_new ();
  g_autoptr(GBytes) rpc = NULL;
  AviPeerId to;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);

  /* A field of some later version, within what the signature covers: it is not valid, unless … */
  g_byte_array_append (odd, span.data, span.len);
  g_byte_array_append (odd, (const guint8 *) "\x7a\x02zz", 4);
  g->hold_checks = TRUE;
  {
    g_autoptr(GBytes) bytes = g_bytes_new (odd->data, odd->len);

    gossip_say_raw (g, 1, bytes);
  }
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now); /* … we say so */
  g_assert_true (avi_gossipsub_transmit (g->router, &to, &rpc, g->now));
  g_assert_cmpuint (gossip_number (&to), ==, 2);
  span = avi_span_from_bytes (rpc);
  g_assert_cmpmem (span.data + span.len - odd->len, odd->len, odd->data, odd->len);
}

static void
test_message (Gossip *g, gconstpointer data)
{
  g_autoptr(AviMessage) message = NULL;
  g_autoptr(GDateTime) received = NULL;
  g_autofree char *author = avi_peer_id_to_string (gossip_id (9));
  AviGossipsubEvent event;

  avi_gossipsub_set_unix_offset (g->router, 1767225600 * SECOND - g->now);
  g->hold_checks = TRUE;
  gossip_say_message (g, 1, 9, "chat", "hello");
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now + 5 * SECOND);
  g_assert_true (avi_gossipsub_next (g->router, &event));
  message = event.message;
  received = avi_message_get_received_at (message);
  g_assert_cmpstr (avi_message_get_from (message), ==, author);
  g_assert_cmpstr (avi_message_get_topic (message), ==, "chat");
  g_assert_cmpstr (avi_message_get_text (message), ==, "hello");
  g_assert_cmpuint (avi_message_get_seqno (message), ==, 1);
  g_assert_cmpint (g_date_time_to_unix (received), ==, 1767225605);
}

static void
test_once (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "hello", 1);

  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
  for (guint from = 1; from <= 3; from++)
    gossip_say_raw (g, from, message);
  gossip_wait (g, 119 * SECOND);
  gossip_say_raw (g, 3, message);
  gossip_assert_told (g, "9 says in chat: hello");
  gossip_assert_sent (g, "2 message chat: hello; 3 message chat: hello");
  g_assert_cmpuint (gossip_statistics (g).duplicates, ==, 3);
  g_assert_cmpuint (gossip_statistics (g).delivered, ==, 1);
}

static void
test_while_being_checked (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "hello", 1);

  gossip_add_subscribers (g, 1, 3, "chat");
  gossip_forget (g);
  g->hold_checks = TRUE;
  for (guint from = 1; from <= 2; from++)
    gossip_say_raw (g, from, message);
  g_assert_cmpuint (g->held->len, ==, 1); /* one check serves both */
  gossip_assert_told (g, "");

  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now);
  avi_gossipsub_verified (g->router, 12345, TRUE, g->now);
  gossip_assert_told (g, "9 says in chat: hello");
  gossip_assert_sent (g, "3 message chat: hello"); /* 2 has it already */
}

/* A forgery under the id of a message to come must not keep the message out. */
static void
test_forgery (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) real = gossip_sign (9, "chat", "real", 1);
  g_autoptr(GBytes) forged = gossip_sign (9, "chat", "fake", 1);
  guint8 *bytes;
  gsize len;

  bytes = g_bytes_unref_to_data (g_steal_pointer (&forged), &len);
  bytes[len - 1] ^= 1;
  forged = g_bytes_new_take (bytes, len);

  g->hold_checks = TRUE;
  gossip_say_raw (g, 1, forged);
  gossip_say_raw (g, 2, real);
  g_assert_cmpuint (g->held->len, ==, 2);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), FALSE, g->now);
  gossip_say_raw (g, 1, forged);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 1), TRUE, g->now);
  gossip_assert_told (g, "9 says in chat: real");
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 2), TRUE, g->now); /* the id is used up */
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 1);
}

static void
test_bad_signature (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = gossip_sign (9, "chat", "hello", 1);
  gsize len;
  guint8 *bytes = g_bytes_unref_to_data (g_steal_pointer (&message), &len);

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  bytes[len - 1] ^= 1;
  message = g_bytes_new_take (bytes, len);
  gossip_say_raw (g, 1, message);
  gossip_assert_told (g, "");
  gossip_assert_sent (g, "");
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 1);
}

/* Not an error of the RPC: who passes it on is not to blame. */
static void
test_malformed (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) garbage = g_bytes_new ("\xff\xff", 2);
  g_autoptr(GBytes) empty = g_bytes_new (NULL, 0);

  gossip_say_raw (g, 1, garbage);
  gossip_say_raw (g, 1, empty);
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 2);
  gossip_say_message (g, 1, 9, "chat", "hello");
  gossip_assert_told (g, "9 says in chat: hello");
}

static void
test_ours_come_back (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) published = gossip_sign (US, "chat", "hello", 7);
  g_autoptr(GBytes) never = gossip_sign (US, "chat", "we never said that", 8);

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_publish (g, "chat", "hello");
  gossip_forget (g);
  gossip_say_raw (g, 1, published);
  g_assert_cmpuint (gossip_statistics (g).duplicates, ==, 1);
  gossip_say_raw (g, 1, never);
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 1);
  gossip_assert_told (g, "");
  gossip_assert_sent (g, "");
}

static void
test_unwanted (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "news");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "news", "not for us");
  g->hold_checks = TRUE;
  gossip_say_message (g, 1, 9, "chat", "not any more");
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, 0), TRUE, g->now);
  gossip_assert_told (g, "");
  g_assert_cmpuint (gossip_statistics (g).unwanted, ==, 2);
}

static void
test_publish_floods (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 20, "chat");
  gossip_add_subscribers (g, 21, 20, "news");
  avi_gossipsub_add_peer (g->router, gossip_id (41), AVI_FLOODSUB_PROTOCOL, NULL, g->now);
  gossip_say_subscribe (g, 41, "chat", TRUE);
  gossip_forget (g);
  g_assert_cmpint (gossip_publish (g, "chat", "hello"), ==, 21);
  g_assert_cmpuint (gossip_count_sent (g, "message chat: hello"), ==, 21);
  g_assert_cmpint (gossip_publish (g, "news", "extra"), ==, 20); /* we need not subscribe */
  g_assert_cmpuint (gossip_count_sent (g, "message news: extra"), ==, 20);
  g_assert_cmpint (gossip_publish (g, "elsewhere", "anybody?"), ==, 0);
  gossip_assert_told (g, "none of 41 in elsewhere"); /* never to ourselves */
}

static void
test_seqno (Gossip *g, gconstpointer data)
{
  gossip_publish (g, "nowhere", "hello");
  g_assert_cmpuint (avi_gossipsub_get_seqno (g->router), ==, 7);
  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_publish (g, "chat", "hello");
  g_assert_cmpuint (avi_gossipsub_get_seqno (g->router), ==, 8);
}

static void
test_too_large (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE + 1, 'x');
  g_autoptr(GBytes) large = g_bytes_new (text, AVI_GOSSIPSUB_MAX_MESSAGE + 1);
  g_autoptr(GBytes) largest = g_bytes_new (text, AVI_GOSSIPSUB_MAX_MESSAGE);
  g_autoptr(GError) error = NULL;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", large, g->now, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==,
                   "A message of 1048577 bytes is too large: at most 1048576 bytes are allowed (max-message-size)");
  g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", largest, g->now, NULL), ==, 2);
  gossip_assert_sent (g, "1 message chat: <1048576 bytes>; 2 message chat: <1048576 bytes>");
  g_assert_cmpuint (g->largest, <=, AVI_GOSSIPSUB_MAX_RPC);

  gossip_say_message (g, 1, 9, "chat", text);
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 1);
  text[AVI_GOSSIPSUB_MAX_MESSAGE] = '\0';
  gossip_say_message (g, 1, 9, "chat", text);
  gossip_assert_told (g, "9 says in chat: <much>");
}

static void
test_slow_peer (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (100 * 1024, 'x');
  guint n = 0;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  for (guint i = 0; i < 100; i++)
    n += gossip_publish (g, "chat", text);
  g_assert_cmpuint (gossip_count_sent (g, "2 message"), ==, 100);
  g_assert_cmpuint (gossip_statistics (g).queue_drops, ==, 200 - n);

  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  g_assert_cmpuint (gossip_count_sent (g, "1 message"), ==, n - 100);
  g_assert_cmpuint (n, >=, 130); /* 4 MiB */
}

/* What others said is not passed on so late that it might be heard once more. */
static void
test_late_peer (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  gossip_say_message (g, 2, 9, "chat", "early");
  gossip_publish (g, "chat", "ours");
  gossip_wait (g, 20 * SECOND);
  gossip_say_message (g, 2, 9, "chat", "late");
  gossip_wait (g, 11 * SECOND);
  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  gossip_assert_sent (g, "1 message chat: late; 1 message chat: ours; 2 message chat: ours");
  g_assert_cmpuint (gossip_statistics (g).queue_drops, ==, 1);
  gossip_wait (g, SECOND);
  g_assert_nonnull (gossip_find_line (g->told, "1 0 0 did not go to 1"));

  /* Nothing is left to be sent. */
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  gossip_say_message (g, 2, 9, "chat", "once more");
  gossip_wait (g, 31 * SECOND);
  gossip_forget (g);
  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  g_assert_cmpuint (gossip_count_sent (g, "1 message"), ==, 0);
}

/* Nor is it told of one by IHAVE, and what was queued before is taken back. */
static void
test_limited_peer (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE, 'x');

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  avi_gossipsub_set_ready (g->router, gossip_id (1), FALSE);
  g_assert_cmpint (gossip_publish (g, "chat", text), ==, 2);
  g_assert_cmpint (gossip_publish (g, "chat", "small"), ==, 2);
  avi_gossipsub_limit_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_MAX_OLD_RPC, g->now);
  g_assert_cmpuint (gossip_statistics (g).size_drops, ==, 1);
  avi_gossipsub_set_ready (g->router, gossip_id (1), TRUE);
  g_assert_cmpint (gossip_publish (g, "chat", text), ==, 1);
  g_assert_cmpuint (gossip_statistics (g).size_drops, ==, 2);
  gossip_assert_sent (g, "1 message chat: small; 2 message chat: <1048576 bytes>; 2 message chat: <1048576 bytes>; "
                         "2 message chat: small");

  /* What others say is not forwarded to it either. */
  gossip_say_graft (g, 1, "chat");
  gossip_forget (g);
  gossip_say_message (g, 2, 9, "chat", text);
  g_assert_cmpuint (gossip_count_sent (g, "1 message"), ==, 0);
  g_assert_cmpuint (gossip_statistics (g).size_drops, ==, 3);
}

static void
test_limited_peer_is_not_told (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE, 'x');

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_say_prune (g, 1, "chat", 60);
  avi_gossipsub_limit_peer (g->router, gossip_id (1), AVI_GOSSIPSUB_MAX_OLD_RPC, g->now);
  gossip_forget (g);
  gossip_say_message (g, 2, 9, "chat", text);
  gossip_wait (g, 2 * SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "ihave"), ==, 0);
  gossip_say_message (g, 2, 9, "chat", "small");
  gossip_wait (g, 2 * SECOND);
  g_assert_cmpuint (gossip_count_sent (g, "ihave"), >, 0);
}

static void
test_too_large_for_all (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE, 'x');
  g_autoptr(GBytes) bytes = g_bytes_new (text, AVI_GOSSIPSUB_MAX_MESSAGE);
  g_autoptr(GError) error = NULL;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  for (guint i = 1; i <= 2; i++)
    avi_gossipsub_limit_peer (g->router, gossip_id (i), AVI_GOSSIPSUB_MAX_OLD_RPC, g->now);
  g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", bytes, g->now, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "1048576 bytes is too large for all that subscribe to “chat”"));
  gossip_assert_sent (g, "");
}

static void
test_too_many_checks (Gossip *g, gconstpointer data)
{
  g->hold_checks = TRUE;
  for (guint i = 0; i < 1100; i++)
    {
      gossip_say_message (g, 1, 9, "chat", "hello");
      g_assert_cmpint (avi_gossipsub_is_busy (g->router), ==, i + 1 >= AVI_GOSSIPSUB_MAX_CHECKS / 2);
    }
  g_assert_cmpuint (g->held->len, ==, AVI_GOSSIPSUB_MAX_CHECKS);
  g_assert_cmpuint (gossip_statistics (g).verify_drops, ==, 1100 - AVI_GOSSIPSUB_MAX_CHECKS);
  for (guint i = 0; i < g->held->len; i++)
    avi_gossipsub_verified (g->router, g_array_index (g->held, guint64, i), TRUE, g->now);
  g_assert_false (avi_gossipsub_is_busy (g->router));
  gossip_pump (g);
  g_assert_cmpuint (g->told->len, ==, AVI_GOSSIPSUB_MAX_CHECKS);
}

static void
test_unheard (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "Küche/licht");
  gossip_add (g, 3);
  gossip_forget (g);
  gossip_publish (g, "/küche/Licht/", "on");
  gossip_assert_told (g, "none of 3 in /küche/Licht/, but in Küche/licht");
  gossip_wait (g, SECOND);
  gossip_publish (g, "/küche/Licht/", "said once");
  gossip_assert_told (g, "");
  gossip_publish (g, "küche/licht/1", "no");
  gossip_assert_told (g, "none of 3 in küche/licht/1");
  for (guint i = 0; i < 3; i++)
    {
      static const char *const others[] = { "küchelicht", "küche/lich", "//" };

      gossip_wait (g, SECOND);
      gossip_publish (g, others[i], "no");
      g_assert_nonnull (gossip_find_line (g->told, others[i]));
      g_assert_null (gossip_find_line (g->told, "but in"));
      gossip_forget (g);
    }

  gossip_add_subscribers (g, 4, 1, "Küche/licht");
  gossip_forget (g);
  gossip_wait (g, SECOND);
  gossip_publish (g, "/küche/Licht/", "and again when somebody came");
  gossip_assert_told (g, "none of 4 in /küche/Licht/, but in Küche/licht");
}

/* Whoever changes his subscriptions all the time has us look once a second. */
static void
test_unheard_is_rare (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "CHAT");
  gossip_forget (g);
  for (guint i = 0; i < 50; i++)
    {
      gossip_publish (g, "chat/", "anybody?");
      gossip_publish (g, "news", "nobody asked whether anybody was there");
      gossip_say_subscribe (g, 1, "other", i % 2 == 0);
      g->now += SECOND / 10;
    }
  g_assert_cmpuint (g_hash_table_size (g->router->unheard), <=, 1);
  g_ptr_array_add (g->told, NULL);
  g_assert_cmpuint (g_strv_length ((char **) g->told->pdata), ==, 50 + 5);
}

static void
test_unheard_is_bounded (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "a");
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      gossip_publish (g, name, "anybody?");
      g->now += SECOND;
    }
  g_assert_cmpuint (g_hash_table_size (g->router->unheard), ==, AVI_GOSSIPSUB_MAX_UNHEARD);
}

#define ADD(path, test) g_test_add ("/gossipsub-messages/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a message is delivered, and forwarded to the mesh but not back", test_delivered_and_forwarded);
  ADD ("a message is forwarded as it came", test_forwarded_as_it_came);
  ADD ("a message says who, where, what and when", test_message);
  ADD ("a message is delivered and forwarded once", test_once);
  ADD ("a copy that comes while the first is checked is not checked, and its sender has it", test_while_being_checked);
  ADD ("a forgery does not keep the real message out", test_forgery);
  ADD ("a bad signature is dropped and counted", test_bad_signature);
  ADD ("a malformed message is dropped and counted", test_malformed);
  ADD ("our own messages that come back are dropped, and so are those we never sent", test_ours_come_back);
  ADD ("a message on a topic that is not ours is dropped", test_unwanted);
  ADD ("our own messages go to every subscriber at once", test_publish_floods);
  ADD ("our seqno counts up, whether or not anybody hears", test_seqno);
  ADD ("a message that is too large is refused here and dropped there", test_too_large);
  ADD ("a peer that does not read loses what is over its limit, and nobody else does", test_slow_peer);
  ADD ("what waited for it for long is not passed on", test_late_peer);
  ADD ("a peer that takes no large RPC gets none, and all else", test_limited_peer);
  ADD ("a peer that takes no large RPC is not told of one", test_limited_peer_is_not_told);
  ADD ("a message that is too large for all is an error that says so", test_too_large_for_all);
  ADD ("signatures being checked are bounded", test_too_many_checks);
  ADD ("where nobody subscribes that is told, once, and a name that differs by case or slash", test_unheard);
  ADD ("that nobody subscribes is told once a second at most", test_unheard_is_rare);
  ADD ("names of which it was told that nobody subscribes are bounded", test_unheard_is_bounded);
  return g_test_run ();
}
