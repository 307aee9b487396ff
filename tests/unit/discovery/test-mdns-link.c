/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-link.h"
#include "mdns-fixture.h"

#define BIT AVI_MDNS_BIT

static void
test_rate (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);
  gint64 start = now;
  guint n = 0;

  /* 10 s of a thousand questions a second. */
  for (guint i = 0; i < 10000; i++)
    {
      node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  for (guint i = 0; i < node->sent->len; i++)
    n += !sent_is_query (node_sent (node, i));
  g_assert_cmpuint (n, <=, 10);
  g_assert_cmpuint (n, >=, 9);
  for (guint i = 1; i < node->sent->len; i++)
    g_assert_cmpint (node_sent (node, i)->at - node_sent (node, i - 1)->at, >=, SECOND);

  /* Of those who ask to be answered alone, 50 a second and as many at first. */
  node_forget (node);
  start = now;
  for (guint i = 0; i < 4000; i++)
    {
      node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, TRUE, AVI_MDNS_PORT, now);
      node_run (node, &now, now + MS);
    }
  node_run (node, &now, now + SECOND);
  n = 0;
  for (guint i = 0; i < node->sent->len; i++)
    n += !node_sent (node, i)->multicast;
  g_assert_cmpuint (n, >=, 200);
  g_assert_cmpuint (n, <=, 50 + (now - start) / (20 * MS));
}

static void
test_postponed (void)
{
  gint64 now;
  g_autoptr(Node) node = node_new_settled (1, &now);

  /* A question within the second that follows an answer is not lost: it waits. */
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + 200 * MS);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 1);
  node_ask (node, AVI_MDNS_SERVICE, AVI_DNS_TYPE_PTR, FALSE, AVI_MDNS_PORT, now);
  node_run (node, &now, now + SECOND);
  node_forget_queries (node);
  g_assert_cmpuint (node->sent->len, ==, 2);
  g_assert_cmpint (node_sent (node, 1)->at - node_sent (node, 0)->at, ==, SECOND);
}

/* --- by itself --- */

typedef struct
{
  AviMdnsLink link;
  AviRandom   random;
  gint64      now;
  gboolean    announces;
} Fixture;

static void
fixture_init (Fixture *f)
{
  *f = (Fixture) { .now = START, .announces = TRUE };
  avi_random_seed (&f->random, 1);
  avi_mdns_link_init (&f->link);
}

/* All that is to be said now: "query, announce, meta, answer SRV TXT, bye". */
static void
assert_says (Fixture *f, const char *expected)
{
  static const char *const actions[] = { "", "query", "announce", "meta", "answer", "bye" };
  static const char *const kinds[] = { "PTR", "META", "SRV", "TXT", "A", "AAAA", "NO_INSTANCE", "NO_HOST" };
  g_autoptr(GString) said = g_string_new (NULL);
  AviMdnsLinkAction action;
  guint bits;

  for (guint n = 0;
       (action = avi_mdns_link_next (&f->link, f->announces, f->now, &f->random, &bits)) != AVI_MDNS_LINK_SILENT; n++)
    {
      g_assert_cmpuint (n, <, 20);
      g_string_append_printf (said, "%s%s", said->len > 0 ? ", " : "", actions[action]);
      if (action == AVI_MDNS_LINK_ANNOUNCE)
        g_assert_cmphex (bits, ==, BIT (AVI_MDNS_PTR) | AVI_MDNS_DETAILS);
      else if (action == AVI_MDNS_LINK_META)
        g_assert_cmphex (bits, ==, BIT (AVI_MDNS_META));
      else if (action != AVI_MDNS_LINK_ANSWER)
        g_assert_cmphex (bits, ==, 0);
      for (guint kind = 0; action == AVI_MDNS_LINK_ANSWER && kind < AVI_MDNS_N_KINDS; kind++)
        if ((bits & BIT (kind)) != 0)
          g_string_append_printf (said, " %s", kinds[kind]);
    }
  g_assert_cmphex (bits, ==, 0);
  g_assert_cmpstr (said->str, ==, expected);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f->link), >, f->now);
}

/* Past the train, and the first query behind it. */
static void
fixture_init_settled (Fixture *f)
{
  fixture_init (f);
  avi_mdns_link_start (&f->link, f->now);
  f->now += 2 * SECOND;
  assert_says (f, "query, announce");
  f->now = avi_mdns_link_get_deadline (&f->link);
  assert_says (f, "query");
}

static void
test_silent_at_first (void)
{
  Fixture f;

  fixture_init (&f);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, G_MAXINT64);
  avi_mdns_link_query (&f.link, f.now, 0, TRUE);
  avi_mdns_link_overheard (&f.link, f.now, &f.random);
  assert_says (&f, "");
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, G_MAXINT64);
  g_assert_false (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_PTR, f.now));
}

static void
test_train_by_itself (void)
{
  static const gint64 steps[] = { 0, 250 * MS, 500 * MS, 1000 * MS, 2000 * MS };
  Fixture f;

  fixture_init (&f);
  avi_mdns_link_start (&f.link, START);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, START + steps[i]);
      f.now = START + steps[i] - 1;
      if (i > 0)
        assert_says (&f, "");
      f.now++;
      assert_says (&f, "query, announce");
    }

  /* From 4 s to 300 s, twice as long each time, and up to a quarter more. */
  for (guint i = 0; i < 12; i++)
    {
      gint64 interval = MIN (4 * SECOND << i, 300 * SECOND);
      gint64 next = avi_mdns_link_get_deadline (&f.link);

      g_assert_cmpint (next - f.now, >=, interval);
      g_assert_cmpint (next - f.now, <, interval + interval / 4);
      f.now = next - 1;
      assert_says (&f, "");
      f.now = next;
      assert_says (&f, "query");
    }
}

static void
test_late_train (void)
{
  Fixture f;

  /* Steps that were missed are made up for by one. */
  fixture_init (&f);
  avi_mdns_link_start (&f.link, START);
  f.now = START + 600 * MS;
  assert_says (&f, "query, announce");
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, START + SECOND);
}

static void
test_only_looks (void)
{
  Fixture f;

  fixture_init (&f);
  f.announces = FALSE;
  avi_mdns_link_start (&f.link, START);
  assert_says (&f, "query");
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_PTR) | BIT (AVI_MDNS_SRV), f.now, FALSE);
  assert_says (&f, "");

  /* What was wanted then is not said later. */
  f.announces = TRUE;
  assert_says (&f, "");
}

static void
test_stop_and_bye (void)
{
  Fixture f;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now, FALSE);
  avi_mdns_link_stop (&f.link);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, G_MAXINT64);
  assert_says (&f, "");

  f.link.bye = TRUE;
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), <=, 0);
  assert_says (&f, "bye");

  /* Before all else; and who begins again has not left. */
  fixture_init_settled (&f);
  f.link.bye = TRUE;
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now, FALSE);
  assert_says (&f, "bye, answer SRV");
  f.link.bye = TRUE;
  avi_mdns_link_start (&f.link, f.now);
  assert_says (&f, "query, announce");
}

static void
test_query_spacing (void)
{
  Fixture f;
  gint64 queried_at;

  fixture_init_settled (&f);
  queried_at = f.now;
  avi_mdns_link_query (&f.link, f.now, 3 * SECOND, FALSE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, queried_at + 3 * SECOND);

  /* An earlier wish counts, a later one does not put it off. */
  avi_mdns_link_query (&f.link, f.now, SECOND, FALSE);
  avi_mdns_link_query (&f.link, f.now, 4 * SECOND, FALSE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, queried_at + SECOND);
  f.now = queried_at + SECOND;
  assert_says (&f, "query");

  /* Not before its time, however long ago the last one was. */
  f.now += 2 * SECOND;
  avi_mdns_link_query (&f.link, f.now + 100 * MS, SECOND, FALSE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, f.now + 100 * MS);
}

static void
test_query_again (void)
{
  gint64 next;
  Fixture f;

  fixture_init_settled (&f);
  for (guint i = 0; i < 10; i++)
    {
      f.now = avi_mdns_link_get_deadline (&f.link);
      assert_says (&f, "query");
    }
  avi_mdns_link_query (&f.link, f.now + SECOND, SECOND, FALSE);
  f.now += SECOND;
  assert_says (&f, "query");
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), >=, f.now + 300 * SECOND);

  avi_mdns_link_query (&f.link, f.now + SECOND, SECOND, TRUE);
  f.now += SECOND;
  assert_says (&f, "query");
  next = avi_mdns_link_get_deadline (&f.link);
  g_assert_cmpint (next, >=, f.now + 4 * SECOND);
  g_assert_cmpint (next, <, f.now + 5 * SECOND);
}

static void
test_overheard_by_itself (void)
{
  gint64 before;
  Fixture f;

  /* Not in the train, whose end makes the first interval, */
  fixture_init (&f);
  avi_mdns_link_start (&f.link, START);
  assert_says (&f, "query, announce");
  avi_mdns_link_overheard (&f.link, f.now, &f.random);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, START + 250 * MS);
  f.now = START + 2 * SECOND;
  assert_says (&f, "query, announce");
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), <, f.now + 5 * SECOND);

  /* but behind it, where the next query is one interval away again. */
  fixture_init_settled (&f);
  before = avi_mdns_link_get_deadline (&f.link);
  f.now = before - 1;
  avi_mdns_link_overheard (&f.link, f.now, &f.random);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), >=, f.now + 16 * SECOND);
  f.now = before;
  assert_says (&f, "");
}

static void
test_answers (void)
{
  Fixture f;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV) | BIT (AVI_MDNS_A), f.now + 50 * MS, FALSE);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_TXT), f.now + 50 * MS, FALSE);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_NO_HOST), f.now + 20 * MS, FALSE);
  assert_says (&f, "");
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, f.now + 20 * MS);
  f.now += 20 * MS;
  assert_says (&f, "answer NO_HOST");
  f.now += 30 * MS;
  assert_says (&f, "answer SRV TXT A");
  assert_says (&f, "");

  /* The list of services goes in a packet of its own. */
  f.now += SECOND;
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_META) | BIT (AVI_MDNS_TXT), f.now, FALSE);
  assert_says (&f, "meta, answer TXT");

  /* The PTR takes its details along, though the TXT was just sent, and then they are said. */
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_PTR) | BIT (AVI_MDNS_META) | BIT (AVI_MDNS_NO_INSTANCE), f.now, FALSE);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV) | BIT (AVI_MDNS_TXT), f.now, FALSE);
  assert_says (&f, "announce, answer NO_INSTANCE");
  f.now += SECOND;
  assert_says (&f, "meta");
}

static void
test_earliest_wish (void)
{
  Fixture f;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now + 100 * MS, FALSE);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now + 50 * MS, FALSE);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now + 400 * MS, FALSE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, f.now + 50 * MS);
}

static void
test_rate_by_itself (void)
{
  gint64 sent_at;
  Fixture f;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now, FALSE);
  assert_says (&f, "answer SRV");
  sent_at = f.now;

  f.now += 10 * MS;
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now, FALSE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, sent_at + SECOND);

  /* Who probes cannot wait as long; another kind need not wait at all. */
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV), f.now, TRUE);
  g_assert_cmpint (avi_mdns_link_get_deadline (&f.link), ==, sent_at + 250 * MS);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_TXT), f.now, FALSE);
  assert_says (&f, "answer TXT");
  f.now = sent_at + 250 * MS;
  assert_says (&f, "answer SRV");
}

static void
test_unwant (void)
{
  Fixture f;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_SRV) | BIT (AVI_MDNS_TXT) | BIT (AVI_MDNS_PTR), f.now + MS, FALSE);
  avi_mdns_link_unwant (&f.link, BIT (AVI_MDNS_PTR) | BIT (AVI_MDNS_TXT) | BIT (AVI_MDNS_META));
  f.now += MS;
  assert_says (&f, "answer SRV");
}

static void
test_fresh (void)
{
  Fixture f;
  gint64 sent_at;

  fixture_init_settled (&f);
  avi_mdns_link_want (&f.link, BIT (AVI_MDNS_PTR), f.now, FALSE);
  assert_says (&f, "announce");
  sent_at = f.now;

  /* A quarter of 75 minutes, and of 120 s. */
  g_assert_true (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_PTR, sent_at + 1125 * SECOND));
  g_assert_false (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_PTR, sent_at + 1125 * SECOND + 1));
  g_assert_true (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_SRV, sent_at + 30 * SECOND));
  g_assert_false (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_SRV, sent_at + 30 * SECOND + 1));
  g_assert_false (avi_mdns_link_is_fresh (&f.link, AVI_MDNS_META, sent_at));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mdns-link/a flood of questions costs a bounded number of answers", test_rate);
  g_test_add_func ("/mdns-link/an answer that must wait is not lost", test_postponed);
  g_test_add_func ("/mdns-link/is silent until it is started", test_silent_at_first);
  g_test_add_func ("/mdns-link/runs its train, then asks ever more seldom", test_train_by_itself);
  g_test_add_func ("/mdns-link/makes up for missed steps by one", test_late_train);
  g_test_add_func ("/mdns-link/only asks where there is nothing to announce", test_only_looks);
  g_test_add_func ("/mdns-link/says goodbye once, before all else", test_stop_and_bye);
  g_test_add_func ("/mdns-link/asks as early as is decent", test_query_spacing);
  g_test_add_func ("/mdns-link/asks often again where it is told to", test_query_again);
  g_test_add_func ("/mdns-link/takes another's question for its own behind the train", test_overheard_by_itself);
  g_test_add_func ("/mdns-link/says what is due together, the list of services alone", test_answers);
  g_test_add_func ("/mdns-link/obeys the earliest wish", test_earliest_wish);
  g_test_add_func ("/mdns-link/says nothing twice within a second, or a quarter where somebody probes",
                   test_rate_by_itself);
  g_test_add_func ("/mdns-link/says nothing that is not wanted any more", test_unwant);
  g_test_add_func ("/mdns-link/knows what was said within a quarter of its life", test_fresh);
  return g_test_run ();
}
