/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-params.h"

#include "avi-error.h"

typedef struct
{
  AviGossipsubParams params;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  avi_gossipsub_params_init (&f->params);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  avi_gossipsub_params_clear (&f->params);
}

static void
assert_refused (Fixture *f, const char *topic, const char *name, double value, const char *words)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_gossipsub_params_set (&f->params, topic, name, value, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, words);
}

static void
test_each_has_a_range (Fixture *f, gconstpointer data)
{
  const char *name;
  gboolean is_time, of_topic;
  guint n;

  for (n = 0; (name = avi_gossipsub_params_get_name (n, &is_time, &of_topic)) != NULL; n++)
    {
      double value = -1, again;

      g_assert_true (avi_gossipsub_params_get (&f->params, NULL, name, &value, NULL));
      g_assert_true (avi_gossipsub_params_set (&f->params, NULL, name, value, NULL));
      g_assert_true (avi_gossipsub_params_get (&f->params, NULL, name, &again, NULL));
      g_assert_cmpfloat (value, ==, again);
      g_assert_false (avi_gossipsub_params_set (&f->params, NULL, name, 1e12, NULL));
      g_assert_false (avi_gossipsub_params_set (&f->params, NULL, name, -1e12, NULL));
      g_assert_false (avi_gossipsub_params_set (&f->params, NULL, name, 0.0 / 0.0, NULL));
      g_assert_true (avi_gossipsub_params_set (&f->params, "chat", name, value, NULL) == of_topic);
    }
  g_assert_cmpuint (n, >, 50);
  g_assert_true (avi_gossipsub_params_check (&f->params, NULL));
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  assert_refused (f, NULL, "d", 2.5, "The pub/sub parameter “d” cannot be 2.5: it is a whole number from 0 to 128");
  assert_refused (f, NULL, "heartbeat-interval", 10,
                  "The pub/sub parameter “heartbeat-interval” cannot be 10: it is a number from 100 to 60000 ms");
  assert_refused (f, NULL, "elephants", 1, "Pub/sub has no parameter “elephants”");
  assert_refused (f, "chat", "d", 6, "The pub/sub parameter “d” is not one that each topic has");
  g_assert_cmpuint (f->params.d, ==, 6);
}

static void
test_topics (Fixture *f, gconstpointer data)
{
  AviGossipsubParams copy;
  double value;

  g_assert_true (avi_gossipsub_params_set (&f->params, "chat", "topic-weight", 3, NULL));
  g_assert_true (avi_gossipsub_params_get (&f->params, "chat", "topic-weight", &value, NULL));
  g_assert_cmpfloat (value, ==, 3);
  g_assert_true (avi_gossipsub_params_get (&f->params, "news", "topic-weight", &value, NULL));
  g_assert_cmpfloat (value, ==, 1);

  avi_gossipsub_params_copy (&copy, &f->params);
  g_assert_true (avi_gossipsub_params_set (&f->params, "chat", "topic-weight", 4, NULL));
  g_assert_cmpfloat (avi_gossipsub_params_find_topic (&copy, "chat")->topic_weight, ==, 3);
  avi_gossipsub_params_clear (&copy);

  for (guint i = 1; i < AVI_GOSSIPSUB_MAX_TOPIC_PARAMS; i++)
    {
      g_autofree char *name = g_strdup_printf ("topic %u", i);

      g_assert_true (avi_gossipsub_params_set (&f->params, name, "topic-weight", 0, NULL));
    }
  g_assert_false (avi_gossipsub_params_set (&f->params, "one more", "topic-weight", 0, NULL));
  g_assert_false (avi_gossipsub_params_set (&f->params, "", "topic-weight", 0, NULL));
}

static void
test_together (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *name;
    double      value;
  } faults[] = { { "d", 13 }, { "d-lo", 7 }, { "d-out", 4 }, { "d-score", 7 }, { "history-gossip", 6 },
                 { "publish-threshold", -5 }, { "graylist-threshold", -20 } };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_autoptr(GError) error = NULL;

      avi_gossipsub_params_init (&f->params);
      g_assert_true (avi_gossipsub_params_set (&f->params, NULL, faults[i].name, faults[i].value, NULL));
      g_assert_false (avi_gossipsub_params_check (&f->params, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, faults[i].name));
    }
  avi_gossipsub_params_init (&f->params);
  g_assert_true (avi_gossipsub_params_set (&f->params, "chat", "mesh-message-deliveries-weight", -1, NULL));
  g_assert_true (avi_gossipsub_params_check (&f->params, NULL));
  g_assert_true (avi_gossipsub_params_set (&f->params, "chat", "mesh-message-deliveries-threshold", 21, NULL));
  g_assert_false (avi_gossipsub_params_check (&f->params, NULL));
}

/* Else one message would be told twice. */
static void
test_memory (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *name;
    double      most; /* or least, by itself */
    double      beyond;
  } bounds[] = { { "seen-ttl", 9000, 8999 },
                 { "heartbeat-interval", 19500, 19501 },
                 { "history-length", 116, 117 },
                 { "iwant-followup-time", 114000, 114001 } };

  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++)
    {
      g_autoptr(GError) error = NULL;

      avi_gossipsub_params_init (&f->params);
      g_assert_true (avi_gossipsub_params_set (&f->params, NULL, bounds[i].name, bounds[i].most, NULL));
      g_assert_true (avi_gossipsub_params_check (&f->params, &error));
      g_assert_no_error (error);
      g_assert_true (avi_gossipsub_params_set (&f->params, NULL, bounds[i].name, bounds[i].beyond, NULL));
      g_assert_false (avi_gossipsub_params_check (&f->params, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      for (guint j = 0; j < G_N_ELEMENTS (bounds); j++)
        g_assert_nonnull (strstr (error->message, bounds[j].name));
    }
}

static void
test_memory_in_words (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_gossipsub_params_set (&f->params, NULL, "seen-ttl", 1000, NULL));
  g_assert_false (avi_gossipsub_params_check (&f->params, &error));
  g_assert_cmpstr (error->message, ==,
                   "The pub/sub parameters do not go together: seen-ttl, which is 1000 ms, is at least "
                   "heartbeat-interval × (history-length + 1) + iwant-followup-time, or one message would be told "
                   "twice: 1000 ms × (5 + 1) + 3000 ms = 9000 ms");
}

static void
test_direct_peers (Fixture *f, gconstpointer data)
{
  const char *good[] = { "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp",
                         "/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp", NULL };
  const char *bad[] = { "/ip4/10.0.0.7/tcp/4001", NULL };
  const char *many[AVI_GOSSIPSUB_MAX_DIRECT_PEERS + 2] = { NULL };
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i <= AVI_GOSSIPSUB_MAX_DIRECT_PEERS; i++)
    many[i] = good[0];
  g_assert_true (avi_gossipsub_params_set_direct_peers (&f->params, good, NULL));
  g_assert_false (avi_gossipsub_params_set_direct_peers (&f->params, bad, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_false (avi_gossipsub_params_set_direct_peers (&f->params, many, NULL));
  g_assert_true (g_strv_equal ((const char *const *) f->params.direct_peers, good));
  g_assert_true (avi_gossipsub_params_set_direct_peers (&f->params, NULL, NULL));
  g_assert_null (f->params.direct_peers);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/gossipsub-params/each has its range, and is by itself within it", Fixture, NULL, set_up,
              test_each_has_a_range, tear_down);
  g_test_add ("/gossipsub-params/what is refused is named, with its value and its range", Fixture, NULL, set_up,
              test_refused, tear_down);
  g_test_add ("/gossipsub-params/topics may have their own, so many", Fixture, NULL, set_up, test_topics, tear_down);
  g_test_add ("/gossipsub-params/those that do not go together are told", Fixture, NULL, set_up, test_together,
              tear_down);
  g_test_add ("/gossipsub-params/messages are remembered for longer than others offer them", Fixture, NULL, set_up,
              test_memory, tear_down);
  g_test_add ("/gossipsub-params/what they are is said where they are forgotten too early", Fixture, NULL, set_up,
              test_memory_in_words, tear_down);
  g_test_add ("/gossipsub-params/direct peers are peer ids, or addresses that end in one", Fixture, NULL, set_up,
              test_direct_peers, tear_down);
  return g_test_run ();
}
