/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-topic.h"
#include "protocols/gossipsub/avi-gossipsub.h"

#define SECOND  ((gint64) G_USEC_PER_SEC)
#define NOW     (1000 * SECOND)
#define N_PEERS 10

/* One topic, and peers of gossipsub 1.1 that are no members yet. */
typedef struct
{
  AviGossipsubTopic *topic;
  AviGossipsubPeer  *peers[N_PEERS];
  AviRandom          random;
  GPtrArray         *picked;
} Fixture;

static AviGossipsubTopic *
topic_new (guint64 hash, const char *name)
{
  return avi_gossipsub_topic_new ((AviSipHash) { hash, 1 }, AVI_SPAN_STRING (name));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->topic = topic_new (1, "chat");
  f->picked = g_ptr_array_new ();
  avi_random_seed (&f->random, 1);
  for (guint i = 0; i < N_PEERS; i++)
    {
      guint8 key[36] = { i };
      AviPeerId id;

      avi_peer_id_from_public_key (AVI_SPAN (key, sizeof key), &id);
      f->peers[i] = avi_gossipsub_peer_new (&id, i, 1000);
      avi_gossipsub_peer_set_protocol (f->peers[i], AVI_GOSSIPSUB_PROTOCOL_1_1);
    }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  while (f->topic->members->len > 0)
    avi_gossipsub_member_free (f->topic->members->pdata[0]);
  avi_gossipsub_topic_free (f->topic);
  for (guint i = 0; i < N_PEERS; i++)
    avi_gossipsub_peer_free (f->peers[i]);
  g_ptr_array_unref (f->picked);
}

static AviGossipsubMember *
add_subscriber (Fixture *f, guint peer)
{
  AviGossipsubMember *member = avi_gossipsub_member_new (f->topic, f->peers[peer]);

  avi_gossipsub_member_set_subscribed (member, TRUE);
  return member;
}

static void
assert_counts (Fixture *f, guint outside, guint mesh, guint fanout, guint subscribers)
{
  AviGossipsubTopic *topic = f->topic;

  g_assert_cmpuint (topic->n_placed[AVI_MEMBER_OUTSIDE], ==, outside);
  g_assert_cmpuint (topic->n_placed[AVI_MEMBER_MESH], ==, mesh);
  g_assert_cmpuint (topic->n_placed[AVI_MEMBER_FANOUT], ==, fanout);
  g_assert_cmpuint (topic->n_subscribers, ==, subscribers);
  g_assert_cmpuint (topic->members->len, ==, outside + mesh + fanout);
  for (guint i = 0; i < topic->members->len; i++)
    {
      AviGossipsubMember *member = topic->members->pdata[i];

      g_assert_cmpuint (member->index, ==, i);
      g_assert_true (avi_gossipsub_member_find (topic, member->peer) == member);
    }
}

static void
test_keys (void)
{
  AviGossipsubTopic *topic = topic_new (5, "chat");
  AviGossipsubTopic key = { .hash = { 5, 1 } }, other = { .hash = { 5, 2 } };
  g_autoptr(GHashTable) table = g_hash_table_new (avi_gossipsub_topic_hash, avi_gossipsub_topic_equal);
  g_autofree char *copy = g_strdup ("chat");

  g_assert_cmpstr (topic->name, ==, "chat");
  g_hash_table_add (table, topic);
  g_assert_true (g_hash_table_lookup (table, &key) == topic);
  g_assert_null (g_hash_table_lookup (table, &other)); /* equal in one half */
  g_assert_cmpuint (avi_gossipsub_topic_hash (&other), ==, avi_gossipsub_topic_hash (topic));
  avi_gossipsub_topic_free (topic);

  /* A name is bytes, a zero among them, and is copied. */
  topic = avi_gossipsub_topic_new ((AviSipHash) { 1, 1 }, AVI_SPAN ("a\0b", 3));
  g_assert_cmpmem (topic->name, g_ref_string_length (topic->name), "a\0b", 3);
  avi_gossipsub_topic_free (topic);
  topic = topic_new (1, copy);
  copy[0] = 'x';
  g_assert_cmpstr (topic->name, ==, "chat");
  avi_gossipsub_topic_free (topic);
}

static void
test_unused (Fixture *f, gconstpointer data)
{
  g_assert_true (avi_gossipsub_topic_is_unused (f->topic));
  f->topic->subscribed = TRUE;
  g_assert_false (avi_gossipsub_topic_is_unused (f->topic));
  f->topic->subscribed = FALSE;
  f->topic->fanout_until = 1;
  g_assert_false (avi_gossipsub_topic_is_unused (f->topic));
  f->topic->fanout_until = 0;
  f->topic->announced = TRUE;
  g_assert_false (avi_gossipsub_topic_is_unused (f->topic));
  f->topic->announced = FALSE;

  AviGossipsubMember *member = avi_gossipsub_member_new (f->topic, f->peers[0]);
  g_assert_false (avi_gossipsub_topic_is_unused (f->topic));
  avi_gossipsub_member_free (member);
  g_assert_true (avi_gossipsub_topic_is_unused (f->topic));
}

static void
test_counts (Fixture *f, gconstpointer data)
{
  AviGossipsubMember *members[4];

  for (guint i = 0; i < 4; i++)
    members[i] = avi_gossipsub_member_new (f->topic, f->peers[i]);
  assert_counts (f, 4, 0, 0, 0);

  avi_gossipsub_member_set_subscribed (members[0], TRUE);
  avi_gossipsub_member_set_subscribed (members[0], TRUE);
  assert_counts (f, 4, 0, 0, 1);
  avi_gossipsub_member_set_subscribed (members[1], FALSE);
  assert_counts (f, 4, 0, 0, 1);
  avi_gossipsub_member_set_subscribed (members[2], TRUE);
  assert_counts (f, 4, 0, 0, 2);

  avi_gossipsub_member_set_place (members[0], AVI_MEMBER_MESH);
  avi_gossipsub_member_set_place (members[0], AVI_MEMBER_MESH);
  avi_gossipsub_member_set_place (members[2], AVI_MEMBER_FANOUT);
  assert_counts (f, 2, 1, 1, 2);

  /* The first of the list, so that another takes its place; then the last. */
  avi_gossipsub_member_free (members[0]);
  assert_counts (f, 2, 0, 1, 1);
  g_assert_cmpuint (g_hash_table_size (f->peers[0]->members), ==, 0);
  avi_gossipsub_member_free (members[2]);
  assert_counts (f, 2, 0, 0, 0);
}

/* A peer in several topics: one of them does not disturb the other. */
static void
test_several_topics (Fixture *f, gconstpointer data)
{
  AviGossipsubTopic *other = topic_new (2, "news");
  AviGossipsubMember *here = add_subscriber (f, 0), *there = avi_gossipsub_member_new (other, f->peers[0]);

  g_assert_cmpuint (g_hash_table_size (f->peers[0]->members), ==, 2);
  g_assert_true (avi_gossipsub_member_find (other, f->peers[0]) == there);
  avi_gossipsub_member_free (there);
  g_assert_null (avi_gossipsub_member_find (other, f->peers[0]));
  g_assert_true (avi_gossipsub_member_find (f->topic, f->peers[0]) == here);
  assert_counts (f, 1, 0, 0, 1);
  avi_gossipsub_topic_free (other);
}

static void
test_filters (Fixture *f, gconstpointer data)
{
  static const struct
  {
    gboolean       subscribed;
    AviMemberPlace place;
    const char    *protocol;
    gint64         backoff_until; /* 0: none */
    gboolean       in_mesh, candidate, graftable, stale;
  } cases[] = {
    { FALSE, AVI_MEMBER_OUTSIDE, AVI_GOSSIPSUB_PROTOCOL_1_1, 0, FALSE, FALSE, FALSE, TRUE },
    { FALSE, AVI_MEMBER_OUTSIDE, AVI_GOSSIPSUB_PROTOCOL_1_1, NOW + SECOND, FALSE, FALSE, FALSE, FALSE },
    { TRUE, AVI_MEMBER_OUTSIDE, AVI_GOSSIPSUB_PROTOCOL_1_1, 0, FALSE, TRUE, TRUE, FALSE },
    { TRUE, AVI_MEMBER_OUTSIDE, AVI_GOSSIPSUB_PROTOCOL_1_0, 0, FALSE, TRUE, TRUE, FALSE },
    { TRUE, AVI_MEMBER_OUTSIDE, AVI_GOSSIPSUB_PROTOCOL_1_1, NOW + SECOND, FALSE, TRUE, FALSE, FALSE },
    { TRUE, AVI_MEMBER_OUTSIDE, AVI_FLOODSUB_PROTOCOL, 0, FALSE, FALSE, FALSE, FALSE },
    { TRUE, AVI_MEMBER_MESH, AVI_GOSSIPSUB_PROTOCOL_1_1, 0, TRUE, FALSE, FALSE, FALSE },
    { TRUE, AVI_MEMBER_FANOUT, AVI_GOSSIPSUB_PROTOCOL_1_1, 0, FALSE, FALSE, FALSE, FALSE },
    { FALSE, AVI_MEMBER_MESH, AVI_GOSSIPSUB_PROTOCOL_1_1, 0, TRUE, FALSE, FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AviGossipsubMember *member = avi_gossipsub_member_new (f->topic, f->peers[0]);

      avi_gossipsub_peer_set_protocol (f->peers[0], cases[i].protocol);
      avi_gossipsub_member_set_subscribed (member, cases[i].subscribed);
      avi_gossipsub_member_set_place (member, cases[i].place);
      member->backoff_until = cases[i].backoff_until;
      g_assert_cmpint (avi_gossipsub_member_is_in_mesh (member, NOW), ==, cases[i].in_mesh);
      g_assert_cmpint (avi_gossipsub_member_is_candidate (member, NOW), ==, cases[i].candidate);
      g_assert_cmpint (avi_gossipsub_member_is_graftable (member, NOW), ==, cases[i].graftable);
      g_assert_cmpint (avi_gossipsub_member_is_stale (member, NOW), ==, cases[i].stale);
      avi_gossipsub_member_free (member);
    }
}

static void
test_backoff (Fixture *f, gconstpointer data)
{
  AviGossipsubMember *member = add_subscriber (f, 0);

  /* A second longer than was said: the other end began to count later. */
  member->backoff_until = NOW;
  g_assert_false (avi_gossipsub_member_is_graftable (member, NOW));
  g_assert_false (avi_gossipsub_member_is_graftable (member, NOW + SECOND - 1));
  g_assert_true (avi_gossipsub_member_is_graftable (member, NOW + SECOND));

  avi_gossipsub_member_set_subscribed (member, FALSE);
  g_assert_false (avi_gossipsub_member_is_stale (member, NOW + SECOND - 1));
  g_assert_true (avi_gossipsub_member_is_stale (member, NOW + SECOND));
}

static void
test_pick (Fixture *f, gconstpointer data)
{
  guint n_picked[N_PEERS] = { 0 };

  for (guint i = 0; i < N_PEERS; i++)
    add_subscriber (f, i);
  for (guint i = 0; i < 3; i++)
    avi_gossipsub_member_set_place (f->topic->members->pdata[i], AVI_MEMBER_MESH);
  g_ptr_array_add (f->picked, f); /* of the last time */

  for (guint n = 0; n < N_PEERS + 2; n++)
    for (guint round = 0; round < 100; round++)
      {
        g_autoptr(GHashTable) seen = g_hash_table_new (NULL, NULL);

        avi_gossipsub_topic_pick (f->topic, avi_gossipsub_member_is_candidate, NOW, n, &f->random, f->picked);
        g_assert_cmpuint (f->picked->len, ==, MIN (n, N_PEERS - 3));
        for (guint i = 0; i < f->picked->len; i++)
          {
            AviGossipsubMember *member = f->picked->pdata[i];

            g_assert_true (avi_gossipsub_member_is_candidate (member, NOW));
            g_assert_true (g_hash_table_add (seen, member));
            if (n == 2)
              n_picked[member->peer->serial]++;
          }
      }

  /* Each of seven has two chances in seven, a hundred times: nobody is left out or preferred. */
  for (guint i = 3; i < N_PEERS; i++)
    {
      g_assert_cmpuint (n_picked[i], >, 10);
      g_assert_cmpuint (n_picked[i], <, 60);
    }
  assert_counts (f, N_PEERS - 3, 3, 0, N_PEERS);
}

static void
test_has (Fixture *f, gconstpointer data)
{
  g_assert_false (avi_gossipsub_topic_has (f->topic, avi_gossipsub_member_is_graftable, NOW));
  add_subscriber (f, 0)->backoff_until = NOW;
  g_assert_false (avi_gossipsub_topic_has (f->topic, avi_gossipsub_member_is_graftable, NOW));
  g_assert_true (avi_gossipsub_topic_has (f->topic, avi_gossipsub_member_is_candidate, NOW));
  g_assert_true (avi_gossipsub_topic_has (f->topic, avi_gossipsub_member_is_graftable, NOW + SECOND));
  add_subscriber (f, 1);
  g_assert_true (avi_gossipsub_topic_has (f->topic, avi_gossipsub_member_is_graftable, NOW));
}

#define ADD(what, func) g_test_add ("/gossipsub-topic/" what, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gossipsub-topic/is found by its hash and holds any name", test_keys);
  ADD ("is unused while nobody has to do with it", test_unused);
  ADD ("counts its members by place and subscription", test_counts);
  ADD ("knows nothing of a peer's other topics", test_several_topics);
  ADD ("tells who can be grafted, who is in the mesh, and who can be forgotten", test_filters);
  ADD ("backs off for a second more than was said", test_backoff);
  ADD ("picks members at random, each once", test_pick);
  ADD ("tells whether a member passes a filter", test_has);
  return g_test_run ();
}
