/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-score.h"

#define SECOND   ((gint64) G_USEC_PER_SEC)
#define RETAINED 4

/* Powers of two, so that sums are exact. */
typedef struct
{
  AviScoreParams      params;
  AviTopicScoreParams chat, news; /* topics 1 and 2 */
  AviScore           *score;
  gint64              now;
} Scores;

static const AviTopicScoreParams *
get_topic_params (gpointer data, AviSipHash topic)
{
  Scores *s = data;

  return topic.lo == 1 ? &s->chat : &s->news;
}

static AviSipHash
topic (guint64 n)
{
  return (AviSipHash) { n, n };
}

static AviPeerId
peer_id (guint8 n)
{
  return (AviPeerId) { .len = 2, .bytes = { 0, n } };
}

static void
set_up (Scores *s, gconstpointer data)
{
  s->now = 1000 * SECOND;
  s->params = (AviScoreParams) {
    .application_weight = 2, .colocation_weight = -1, .colocation_threshold = 2, .behaviour_weight = -4,
    .behaviour_threshold = 1, .behaviour_decay = 0.5, .decay_interval = SECOND, .decay_to_zero = 0.125,
    .retain = 60 * SECOND,
  };
  s->chat = (AviTopicScoreParams) { .topic_weight = 1, .time_in_mesh_quantum = SECOND };
  s->news = (AviTopicScoreParams) { .topic_weight = 0.5, .time_in_mesh_quantum = SECOND };
  s->score = avi_score_new (&s->params, get_topic_params, s, RETAINED, s->now);
}

static void
tear_down (Scores *s, gconstpointer data)
{
  avi_score_free (s->score);
}

static AviPeerScore *
add (Scores *s, guint8 n)
{
  AviPeerId id = peer_id (n);

  return avi_score_add (s->score, &id, s->now);
}

static void
assert_score (Scores *s, AviPeerScore *peer, double expected)
{
  g_assert_cmpfloat (avi_score_get (s->score, peer, s->now), ==, expected);
}

static void
test_p1 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->chat.time_in_mesh_weight = 0.5;
  s->chat.time_in_mesh_quantum = 2 * SECOND;
  s->chat.time_in_mesh_cap = 3;
  assert_score (s, peer, 0);
  avi_score_graft (s->score, peer, topic (1), s->now);
  s->now += SECOND;
  assert_score (s, peer, 0);
  s->now += SECOND;
  assert_score (s, peer, 0.5);
  s->now += 3 * SECOND;
  assert_score (s, peer, 1);
  s->now += 100 * SECOND;
  assert_score (s, peer, 1.5); /* the cap */
  avi_score_prune (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 0);
  g_assert_cmpuint (avi_peer_score_get_n_topics (peer), ==, 1);
  s->now += SECOND;
  assert_score (s, peer, 0);
  g_assert_cmpuint (avi_peer_score_get_n_topics (peer), ==, 0);
}

static void
test_p2 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->chat.first_deliveries_weight = 2;
  s->chat.first_deliveries_decay = 0.5;
  s->chat.first_deliveries_cap = 4;
  s->news.first_deliveries_weight = 2;
  s->news.first_deliveries_cap = 4;
  s->news.first_deliveries_decay = 0.5;
  for (guint i = 0; i < 3; i++)
    avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 6);
  for (guint i = 0; i < 3; i++)
    avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 8); /* the cap */
  avi_score_first (s->score, peer, topic (2), s->now);
  assert_score (s, peer, 9); /* of half the weight */
  s->now += 2 * SECOND;
  assert_score (s, peer, 2.25); /* two decays */
  s->now += 2 * SECOND - 1;
  assert_score (s, peer, 1.125); /* one more */
  s->now += 1;
  assert_score (s, peer, 0.5); /* and one more, by which news is zero */
}

static void
count_deliveries (Scores *s)
{
  s->chat.mesh_deliveries_weight = -1;
  s->chat.mesh_deliveries_decay = 0.5;
  s->chat.mesh_deliveries_cap = 8;
  s->chat.mesh_deliveries_threshold = 4;
  s->chat.mesh_deliveries_window = 10;
  s->chat.mesh_deliveries_activation = 5 * SECOND;
  s->chat.mesh_failure_decay = 0.5;
}

static void
test_p3 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  count_deliveries (s);
  avi_score_first (s->score, peer, topic (1), s->now); /* not in the mesh: does not count */
  avi_score_graft (s->score, peer, topic (1), s->now);
  s->now += 5 * SECOND;
  assert_score (s, peer, 0); /* not active yet */
  s->now += SECOND;
  assert_score (s, peer, -16);
  avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, -9);
  avi_score_again (s->score, peer, topic (1), s->now - 10, s->now);
  assert_score (s, peer, -4);
  avi_score_again (s->score, peer, topic (1), s->now - 11, s->now); /* too late */
  assert_score (s, peer, -4);
  for (guint i = 0; i < 20; i++)
    avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 0);
  s->now += 2 * SECOND;
  assert_score (s, peer, -4); /* of the cap, 8, two are left */
}

static void
test_p3b (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  count_deliveries (s);
  s->chat.mesh_failure_weight = -0.5;
  avi_score_graft (s->score, peer, topic (1), s->now);
  avi_score_prune (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 0); /* pruned before anything was to be expected */

  avi_score_graft (s->score, peer, topic (1), s->now);
  s->now += 6 * SECOND;
  avi_score_first (s->score, peer, topic (1), s->now);
  avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, -4);
  avi_score_prune (s->score, peer, topic (1), s->now);
  assert_score (s, peer, -2); /* a deficit of 2, squared, by half */
  s->now += SECOND;
  assert_score (s, peer, -1);
}

static void
test_p4 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->chat.invalid_weight = -2;
  s->chat.invalid_decay = 0.5;
  avi_score_invalid (s->score, peer, topic (1), s->now);
  assert_score (s, peer, -2);
  avi_score_invalid (s->score, peer, topic (1), s->now);
  avi_score_invalid (s->score, peer, topic (1), s->now);
  assert_score (s, peer, -18);
  s->now += SECOND;
  assert_score (s, peer, -4.5);
}

static void
test_p5 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);
  AviPeerId id = peer_id (1);

  avi_score_set_application (s->score, peer, -7);
  assert_score (s, peer, -14);
  avi_score_set_application (s->score, peer, 3.5);
  assert_score (s, peer, 7);
  avi_score_remove (s->score, peer, s->now);
  assert_score (s, avi_score_add (s->score, &id, s->now), 0); /* the program's opinion is not kept */
}

static void
test_p6 (Scores *s, gconstpointer data)
{
  AviPeerScore *peers[5];

  for (guint i = 0; i < 5; i++)
    {
      peers[i] = add (s, i);
      avi_score_set_network (s->score, peers[i], 99);
      assert_score (s, peers[0], i < 2 ? 0 : -(double) ((i - 1) * (i - 1)));
    }
  avi_score_set_network (s->score, peers[0], 0); /* not to be held against it */
  assert_score (s, peers[0], 0);
  assert_score (s, peers[1], -4);
  avi_score_set_network (s->score, peers[1], 98);
  assert_score (s, peers[1], 0);
  assert_score (s, peers[2], -1);
  avi_score_remove (s->score, peers[3], s->now);
  assert_score (s, peers[2], 0);
}

static void
test_p7 (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  avi_score_misbehaved (s->score, peer, 1, s->now);
  assert_score (s, peer, 0); /* the threshold */
  avi_score_misbehaved (s->score, peer, 1, s->now);
  assert_score (s, peer, -4);
  avi_score_misbehaved (s->score, peer, 2, s->now);
  assert_score (s, peer, -36);
  s->now += SECOND;
  assert_score (s, peer, -4);
  s->now += 5 * SECOND;
  assert_score (s, peer, 0);
}

/* What is earned is lost, and no more; what is owed stays. */
static void
test_slow (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->params.slow_weight = -2;
  s->params.slow_threshold = 1;
  s->params.slow_decay = 0.5;
  avi_score_set_application (s->score, peer, 4);
  avi_score_slow (s->score, peer, s->now);
  assert_score (s, peer, 8);
  avi_score_slow (s->score, peer, s->now);
  avi_score_slow (s->score, peer, s->now);
  assert_score (s, peer, 4);
  for (guint i = 0; i < 5; i++)
    avi_score_slow (s->score, peer, s->now);
  assert_score (s, peer, 0);
  avi_score_set_application (s->score, peer, -4);
  assert_score (s, peer, -8);

  avi_score_set_application (s->score, peer, 4);
  s->now += 2 * SECOND;
  assert_score (s, peer, 6);
  s->now += SECOND;
  assert_score (s, peer, 8);
}

static void
test_cap (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->params.topic_score_cap = 5;
  s->chat.first_deliveries_weight = 1;
  s->chat.first_deliveries_cap = 100;
  for (guint i = 0; i < 50; i++)
    avi_score_first (s->score, peer, topic (1), s->now);
  assert_score (s, peer, 5);
  avi_score_misbehaved (s->score, peer, 4, s->now);
  assert_score (s, peer, -31);
}

static void
test_retained (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);
  AviPeerId id = peer_id (1);

  avi_score_misbehaved (s->score, peer, 3, s->now);
  assert_score (s, peer, -16);
  avi_score_remove (s->score, peer, s->now);
  g_assert_cmpuint (avi_score_get_n_peers (s->score), ==, 0);
  g_assert_cmpuint (avi_score_get_n_retained (s->score), ==, 1);
  s->now += 59 * SECOND;
  peer = avi_score_add (s->score, &id, s->now);
  assert_score (s, peer, -16); /* being away was no way out */
  g_assert_cmpuint (avi_score_get_n_retained (s->score), ==, 0);
  avi_score_remove (s->score, peer, s->now);
  s->now += 60 * SECOND;
  assert_score (s, avi_score_add (s->score, &id, s->now), 0);
}

static void
test_nothing_to_remember (Scores *s, gconstpointer data)
{
  AviPeerScore *peer = add (s, 1);

  s->chat.first_deliveries_weight = 1;
  s->chat.first_deliveries_cap = 100;
  avi_score_first (s->score, peer, topic (1), s->now);
  avi_score_remove (s->score, peer, s->now);
  g_assert_cmpuint (avi_score_get_n_retained (s->score), ==, 0);
}

static void
test_many_retained (Scores *s, gconstpointer data)
{
  AviPeerId worst = peer_id (100), mildest = peer_id (1);

  for (guint8 n = 1; n <= 10; n++)
    {
      AviPeerScore *peer = add (s, n == 5 ? 100 : n);

      avi_score_misbehaved (s->score, peer, n == 5 ? 50 : 1 + n, s->now);
      avi_score_remove (s->score, peer, s->now);
      g_assert_cmpuint (avi_score_get_n_retained (s->score), <=, RETAINED);
    }
  g_assert_cmpuint (avi_score_get_n_retained (s->score), ==, RETAINED);
  assert_score (s, avi_score_add (s->score, &worst, s->now), -4 * 49.0 * 49);
  assert_score (s, avi_score_add (s->score, &mildest, s->now), 0);
}

/* Asked often or seldom, the answer is the same. */
static void
test_lazy (Scores *s, gconstpointer data)
{
  AviPeerScore *often = add (s, 1), *seldom = add (s, 2);

  s->params.behaviour_threshold = 0;
  avi_score_misbehaved (s->score, often, 8, s->now);
  avi_score_misbehaved (s->score, seldom, 8, s->now);
  for (guint i = 0; i < 45; i++)
    {
      s->now += SECOND / 10;
      avi_score_get (s->score, often, s->now);
    }
  assert_score (s, often, -1);
  assert_score (s, seldom, -1);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void      (*run) (Scores *, gconstpointer);
  } tests[] = {
    { "P1 grows with the time in the mesh, by quanta, up to its cap", test_p1 },
    { "P2 counts who delivers first, up to its cap, and decays", test_p2 },
    { "P3 is the squared deficit of a member of the mesh, from its activation on", test_p3 },
    { "P3b keeps the deficit of who was pruned with one", test_p3b },
    { "P4 is the square of the invalid messages", test_p4 },
    { "P5 is what the program says", test_p5 },
    { "P6 is the squared surplus of peers in one network", test_p6 },
    { "P7 is the squared excess of offences over its threshold", test_p7 },
    { "who is slow loses what it has earned, and no more", test_slow },
    { "topics together have a cap, which offences do not know", test_cap },
    { "a bad score is kept for who left, and does not decay meanwhile", test_retained },
    { "who leaves with a good score is forgotten", test_nothing_to_remember },
    { "of those that left the mildest are forgotten where they are many", test_many_retained },
    { "decay does not depend on how often it is asked", test_lazy },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/score/", tests[i].path, NULL);

      g_test_add (path, Scores, NULL, set_up, tests[i].run, tear_down);
    }
  return g_test_run ();
}
