/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What becomes of what we publish, and of what others do, where a peer is slow; and what is counted by topic.
 */
#include "config.h"

#include "gossipsub-fixture.h"

#define LARGE      (100 * 1024)
#define MAX_QUEUED (4 * 1024 * 1024)

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
set_ready (Gossip *g, guint peer, gboolean ready)
{
  avi_gossipsub_set_ready (g->router, gossip_id (peer), ready);
}

/* What @author says begins with @text, and is large. */
static void
say_large (Gossip *g, guint author, const char *text)
{
  g_autofree char *rest = g_strnfill (LARGE, 'x');
  g_autofree char *whole = g_strconcat (text, rest, NULL);

  gossip_say_message (g, author, author, "chat", whole);
}

static gsize
get_queued (Gossip *g, guint peer)
{
  return ((AviGossipsubPeer *) g_hash_table_lookup (g->router->peers, gossip_id (peer)))->queue.bytes;
}

/* Of one topic since this was asked last; FALSE: nothing was counted of it. */
static gboolean
take_counts (Gossip *g, const char *topic, AviTopicCounts *counts)
{
  gboolean found = FALSE;
  AviTopicCounts next;
  GRefString *name;

  *counts = (AviTopicCounts) { { 0 } };
  while (avi_gossipsub_next_counts (g->router, &name, &next))
    {
      if (strcmp (name, topic) == 0)
        {
          g_assert_false (found);
          found = TRUE;
          *counts = next;
        }
      g_ref_string_release (name);
    }
  return found;
}

/* All in the mesh of each other, and known to be. */
static void
add_mesh (Gossip *g, guint n)
{
  gossip_add_subscribers (g, 1, n, "chat");
  for (guint i = 1; i <= n; i++)
    gossip_say_graft (g, i, "chat");
  gossip_forget (g);
}

/* One of three takes nothing: the others get all, at once, and it costs no more than its queue. */
static void
test_slow_peer_in_mesh (Gossip *g, gconstpointer data)
{
  AviTopicCounts counts;
  guint n_left;

  add_mesh (g, 4);
  set_ready (g, 1, FALSE);
  for (guint i = 0; i < 100; i++)
    {
      say_large (g, 4, "");
      g_assert_cmpuint (get_queued (g, 1), <=, MAX_QUEUED);
      g_assert_cmpuint (get_queued (g, 2), ==, 0);
    }
  g_assert_cmpuint (gossip_count_sent (g, "2 message"), ==, 100);
  g_assert_true (take_counts (g, "chat", &counts));
  g_assert_cmpuint (counts.n[AVI_TOPIC_DELIVERED], ==, 100);
  g_assert_cmpuint (counts.n[AVI_TOPIC_DELIVERED_BYTES], ==, 100 * LARGE);
  g_assert_cmpuint (counts.n[AVI_TOPIC_DROPPED_QUEUE], ==, gossip_statistics (g).queue_drops);
  set_ready (g, 1, TRUE);
  n_left = gossip_count_sent (g, "1 message");
  g_assert_cmpuint (n_left + counts.n[AVI_TOPIC_DROPPED_QUEUE], ==, 100);
  g_assert_cmpuint (n_left, >=, 35);
}

/* It is the last that others said, and all that we did. */
static void
test_what_a_slow_peer_gets (Gossip *g, gconstpointer data)
{
  add_mesh (g, 4);
  set_ready (g, 1, FALSE);
  g_assert_cmpint (gossip_publish (g, "chat", "ours, the first"), ==, 4);
  for (guint i = 0; i < 100; i++)
    say_large (g, 4, "");
  gossip_say_message (g, 4, 4, "chat", "theirs, the last");
  g_assert_cmpint (gossip_publish (g, "chat", "ours, the second"), ==, 4);
  gossip_forget (g);

  set_ready (g, 1, TRUE);
  gossip_pump (g);
  g_assert_cmpstr (g->sent->pdata[0], ==, "1 message chat: ours, the first");
  g_assert_cmpstr (g->sent->pdata[1], ==, "1 message chat: ours, the second");
  g_assert_cmpstr (g->sent->pdata[g->sent->len - 1], ==, "1 message chat: theirs, the last");
}

static guint64
get_n_taken (Gossip *g, guint peer)
{
  return avi_gossipsub_get_n_taken (g->router, gossip_id (peer));
}

static void
test_takers (Gossip *g, gconstpointer data)
{
  const AviPeerId *const *takers;
  gboolean found[3] = { FALSE };
  guint n;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  g_assert_cmpint (gossip_publish (g, "chat", "text"), ==, 2);
  takers = avi_gossipsub_get_takers (g->router, &n);
  g_assert_cmpuint (n, ==, 2);
  for (guint i = 0; i < n; i++)
    found[gossip_number (takers[i])] = TRUE;
  g_assert_true (found[1] && found[2]);
  g_assert_cmpint (gossip_publish (g, "nobody", "text"), ==, 0);
  avi_gossipsub_get_takers (g->router, &n);
  g_assert_cmpuint (n, ==, 0);
}

static void
test_numbers (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (LARGE, 'x');
  g_autoptr(GBytes) id = NULL;
  ProtobufCBinaryData unwanted;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  set_ready (g, 1, FALSE);
  for (guint i = 1; i <= 3; i++)
    {
      gossip_publish (g, "chat", text);
      g_assert_cmpuint (avi_gossipsub_get_n_published (g->router), ==, i);
    }
  gossip_pump (g);
  g_assert_cmpuint (get_n_taken (g, 1), ==, 0);
  g_assert_cmpuint (get_n_taken (g, 2), ==, 3);
  gossip_publish (g, "nobody", text);
  g_assert_cmpuint (get_n_taken (g, 2), ==, 4);

  /* What it has already goes from the midst: those before it are still to come. */
  id = gossip_plain_id (US, avi_gossipsub_get_seqno (g->router) - 2);
  unwanted = gossip_binary (id);
  gossip_say_idontwant (g, 1, &unwanted, 1);
  g_assert_cmpuint (gossip_statistics (g).spared, ==, 1);
  g_assert_cmpuint (get_n_taken (g, 1), ==, 0);
  set_ready (g, 1, TRUE);
  gossip_pump (g);
  g_assert_cmpuint (get_n_taken (g, 1), ==, 4);
  /* Of who is not there nothing is to come. */
  g_assert_cmpuint (get_n_taken (g, 9), ==, 4);
}

static void
test_skipped_number (Gossip *g, gconstpointer data)
{
  guint64 seqno;

  gossip_publish (g, "chat", "text");
  seqno = avi_gossipsub_get_seqno (g->router);
  g_assert_cmpuint (avi_gossipsub_skip_seqno (g->router), ==, seqno + 1);
  gossip_publish (g, "chat", "text");
  g_assert_cmpuint (avi_gossipsub_get_seqno (g->router), ==, seqno + 2);
}

static void
test_counts (Gossip *g, gconstpointer data)
{
  g_autoptr(GBytes) message = NULL, forged = NULL;
  g_autofree guint8 *bytes = NULL;
  AviTopicCounts counts;
  gsize size;

  gossip_add_subscribers (g, 1, 2, "chat");
  gossip_forget (g);
  g_assert_false (take_counts (g, "chat", &counts));
  message = gossip_sign (9, "chat", "text", 7);
  gossip_say_raw (g, 1, message);
  gossip_say_raw (g, 2, message);
  gossip_say_raw (g, 2, message);
  g_clear_pointer (&message, g_bytes_unref);
  message = gossip_sign (9, "chat", "text", 8);
  bytes = g_memdup2 (g_bytes_get_data (message, &size), g_bytes_get_size (message));
  bytes[size - 1] ^= 1;
  forged = g_bytes_new (bytes, size);
  gossip_say_raw (g, 1, forged);
  gossip_pump (g);

  g_assert_true (take_counts (g, "chat", &counts));
  g_assert_cmpuint (counts.n[AVI_TOPIC_DELIVERED], ==, 1);
  g_assert_cmpuint (counts.n[AVI_TOPIC_DELIVERED_BYTES], ==, 4);
  g_assert_cmpuint (counts.n[AVI_TOPIC_DUPLICATES], ==, 2);
  g_assert_cmpuint (counts.n[AVI_TOPIC_DROPPED_INVALID], ==, 1);
  /* Each is told once. */
  g_assert_false (take_counts (g, "chat", &counts));
}

/* Where it is known whose topic it was. */
static void
test_counts_of_what_is_not_read (Gossip *g, gconstpointer data)
{
  static const guint8 twice[] = "\x22\x04"
                                "chat"
                                "\x12\x01"
                                "a"
                                "\x12\x01"
                                "b"; /* data */
  static const guint8 nameless[] = "\x12\x01" "a";
  g_autoptr(GBytes) malformed = g_bytes_new_static (twice, sizeof twice - 1);
  g_autoptr(GBytes) of_none = g_bytes_new_static (nameless, sizeof nameless - 1);
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE + 1, 'x');
  AviTopicCounts counts;

  gossip_add_subscribers (g, 1, 1, "chat");
  gossip_forget (g);
  gossip_say_message (g, 1, 1, "chat", text);
  gossip_say_raw (g, 1, malformed);
  gossip_say_raw (g, 1, of_none);
  gossip_say_message (g, 1, US, "chat", "what we never said");
  gossip_assert_told (g, "");
  g_assert_true (take_counts (g, "chat", &counts));
  g_assert_cmpuint (counts.n[AVI_TOPIC_DROPPED_INVALID], ==, 3);
  g_assert_cmpuint (gossip_statistics (g).invalid, ==, 4);
}

static void
test_counts_of_what_is_not_sent (Gossip *g, gconstpointer data)
{
  g_autofree char *text = g_strnfill (AVI_GOSSIPSUB_MAX_MESSAGE + 1, 'x');
  g_autoptr(GBytes) bytes = g_bytes_new_static (text, AVI_GOSSIPSUB_MAX_MESSAGE + 1);
  g_autoptr(GError) error = NULL;
  AviTopicCounts counts;

  gossip_add_subscribers (g, 1, 1, "chat");
  g_assert_cmpint (avi_gossipsub_publish (g->router, "chat", bytes, g->now, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "max-message-size"));
  g_assert_true (take_counts (g, "chat", &counts));
  g_assert_cmpuint (counts.n[AVI_TOPIC_DROPPED_TOO_LARGE], ==, 1);
}

static void
test_counts_of_a_topic_that_goes (Gossip *g, gconstpointer data)
{
  AviTopicCounts counts;

  gossip_add (g, 1);
  gossip_say_message (g, 1, 9, "chat", "text");
  avi_gossipsub_unsubscribe (g->router, "chat", g->now);
  gossip_wait (g, 100 * SECOND);
  g_assert_null (avi_gossipsub_find_topic (g->router, AVI_SPAN_STRING ("chat")));
  g_assert_true (take_counts (g, "chat", &counts));
  g_assert_cmpuint (counts.n[AVI_TOPIC_DELIVERED], ==, 1);
}

static void
test_counted_topics_are_bounded (Gossip *g, gconstpointer data)
{
  AviTopicCounts counts;
  GRefString *name;
  guint n = 0;

  gossip_add (g, 1);
  for (guint i = 0; i < AVI_GOSSIPSUB_MAX_COUNTED + 10; i++)
    {
      g_autofree char *topic = g_strdup_printf ("topic %u", i);

      avi_gossipsub_unsubscribe (g->router, "chat", g->now);
      g_assert_true (avi_gossipsub_subscribe (g->router, topic, g->now));
      gossip_say_message (g, 1, 9, topic, "text");
      avi_gossipsub_unsubscribe (g->router, topic, g->now);
    }
  for (; avi_gossipsub_next_counts (g->router, &name, &counts); n++)
    g_ref_string_release (name);
  g_assert_cmpuint (n, ==, AVI_GOSSIPSUB_MAX_COUNTED);
}

#define ADD(path, test) g_test_add ("/gossipsub-publishing/" path, Gossip, NULL, set_up, test, gossip_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a peer of the mesh that does not read costs the others nothing, and a bounded amount", test_slow_peer_in_mesh);
  ADD ("a slow peer gets all that we publish, and the last that others do", test_what_a_slow_peer_gets);
  ADD ("knows to whom the last message went", test_takers);
  ADD ("knows what of ours has left whose queue", test_numbers);
  ADD ("a number may be taken that no peer is to see", test_skipped_number);
  ADD ("what is heard is counted by topic, and told once", test_counts);
  ADD ("what is malformed, too large or not ours is counted by topic", test_counts_of_what_is_not_read);
  ADD ("what is too large to be sent is counted by topic", test_counts_of_what_is_not_sent);
  ADD ("the counts of a topic that goes are not lost", test_counts_of_a_topic_that_goes);
  ADD ("topics whose counts nobody asks for are bounded", test_counted_topics_are_bounded);
  return g_test_run ();
}
