/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-verifications.h"

#define MAX_CHECKS 8
#define NO_LIMIT   (1024 * 1024)

static AviGossipMessage *
make (const char *text, guint64 n)
{
  g_autoptr(GBytes) raw = gossip_sign (1, "chat", text, n);
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, avi_span_from_bytes (raw), NULL));
  return avi_gossip_message_new (&fields, (AviMessageId) { n, n }, NULL);
}

/* Returns the ticket, 0 where there is no room. */
static guint64
add (AviVerifications *checks, const char *text, guint64 n, guint64 peer)
{
  g_autoptr(AviGossipMessage) message = make (text, n);
  g_auto(AviArrival) arrival = { 0 };
  AviVerification *check;

  avi_arrival_init (&arrival, message, peer);
  check = avi_verifications_add (checks, &arrival, avi_key_pair_get_public (gossip_key (1)));
  return check != NULL ? check->ticket : 0;
}

static void
test_ticket (void)
{
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, NO_LIMIT);
  guint64 ticket = add (checks, "hello", 1, 10);
  g_autoptr(AviVerification) check = NULL;

  g_assert_null (avi_verifications_take (checks, ticket + 1));
  g_assert_true (avi_verifications_contain (checks, &(AviMessageId) { 1, 1 }));
  check = avi_verifications_take (checks, ticket);
  g_assert_true (avi_public_key_verify (check->key, AVI_SPAN (check->signed_bytes, check->signed_len),
                                        check->arrival.message->fields.signature));
  g_assert_null (avi_verifications_take (checks, ticket));
  g_assert_false (avi_verifications_contain (checks, &(AviMessageId) { 1, 1 }));
  g_assert_cmpuint (avi_verifications_get_size (checks), ==, 0);
}

static void
test_holders (void)
{
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, NO_LIMIT);
  guint64 ticket = add (checks, "hello", 1, 10);
  g_autoptr(AviGossipMessage) same = make ("hello", 1);
  g_autoptr(AviGossipMessage) other = make ("hullo", 1);
  g_autoptr(AviVerification) check = NULL;

  for (guint64 peer = 11; peer < 100; peer++)
    g_assert_true (avi_verifications_hold (checks, &same->id, same->fields.raw, peer));
  g_assert_false (avi_verifications_hold (checks, &other->id, other->fields.raw, 11));
  check = avi_verifications_take (checks, ticket);
  g_assert_true (avi_arrival_is_held_by (&check->arrival, 10));
  g_assert_true (avi_arrival_is_held_by (&check->arrival, 11));
  g_assert_false (avi_arrival_is_held_by (&check->arrival, 9));
  g_assert_cmpuint (check->arrival.n_holders, ==, AVI_ARRIVAL_MAX_HOLDERS);
}

/* Whichever of several with one id goes first, the others are found. */
static void
test_one_id (void)
{
  static const char *const texts[] = { "one", "two", "three" };
  static const guint orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

  for (guint order = 0; order < G_N_ELEMENTS (orders); order++)
    {
      g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, NO_LIMIT);
      guint64 tickets[3];

      for (guint i = 0; i < 3; i++)
        tickets[i] = add (checks, texts[i], 1, 10);
      for (guint i = 0; i < 3; i++)
        {
          g_autoptr(AviVerification) check = NULL;

          for (guint j = i; j < 3; j++)
            {
              g_autoptr(AviGossipMessage) message = make (texts[orders[order][j]], 1);

              g_assert_true (avi_verifications_hold (checks, &message->id, message->fields.raw, 11));
            }
          check = avi_verifications_take (checks, tickets[orders[order][i]]);
          g_assert_nonnull (check);
        }
      g_assert_false (avi_verifications_contain (checks, &(AviMessageId) { 1, 1 }));
    }
}

static void
test_count (void)
{
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, NO_LIMIT);
  guint64 first = 0;

  for (guint64 n = 1; n <= MAX_CHECKS; n++)
    {
      guint64 ticket = add (checks, "hello", n, 10);

      g_assert_cmpuint (ticket, !=, 0);
      first = first != 0 ? first : ticket;
      g_assert_cmpint (avi_verifications_are_many (checks), ==, n >= MAX_CHECKS / 2);
    }
  g_assert_cmpuint (add (checks, "hello", 99, 10), ==, 0);
  avi_verification_free (avi_verifications_take (checks, first));
  g_assert_cmpuint (add (checks, "hello", 99, 10), !=, 0);
}

static void
test_bytes (void)
{
  g_autofree char *large = g_strnfill (8000, 'x');
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, 40000);

  g_assert_cmpuint (add (checks, large, 1, 10), !=, 0);
  g_assert_cmpuint (add (checks, large, 2, 10), !=, 0);
  g_assert_true (avi_verifications_are_many (checks));
  g_assert_cmpuint (add (checks, large, 3, 10), ==, 0);
}

static void
test_alone (void)
{
  g_autofree char *large = g_strnfill (8000, 'x');
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, 1000);

  g_assert_cmpuint (add (checks, large, 1, 10), !=, 0);
  g_assert_cmpuint (add (checks, "hello", 2, 10), ==, 0);
}

/* By those that nobody was told of, and no longer than they are here. */
static void
test_delay (void)
{
  g_autoptr(AviVerifications) checks = avi_verifications_new (MAX_CHECKS, NO_LIMIT);
  g_autoptr(AviGossipMessage) delivered = make ("delivered", 3);
  g_auto(AviArrival) arrival = { 0 };
  guint64 tickets[] = { add (checks, "one", 1, 10), add (checks, "two", 2, 10) };

  avi_arrival_init (&arrival, delivered, 10);
  arrival.stage = AVI_ARRIVAL_DELIVERED;
  g_assert_nonnull (avi_verifications_add (checks, &arrival, avi_key_pair_get_public (gossip_key (1))));
  g_assert_null (arrival.message);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (avi_verifications_delay (checks, gossip_id (1)));
      g_assert_false (avi_verifications_delay (checks, gossip_id (2)));
      avi_verification_free (avi_verifications_take (checks, tickets[i]));
    }
  g_assert_false (avi_verifications_delay (checks, gossip_id (1)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/verifications/a ticket is good once", test_ticket);
  g_test_add_func ("/verifications/who else sent the same bytes is noted", test_holders);
  g_test_add_func ("/verifications/several messages of one id are checked apart", test_one_id);
  g_test_add_func ("/verifications/what an author says itself waits for what others said in its name", test_delay);
  g_test_add_func ("/verifications/are bounded in number", test_count);
  g_test_add_func ("/verifications/are bounded in bytes", test_bytes);
  g_test_add_func ("/verifications/a message over the limit is taken alone", test_alone);
  return g_test_run ();
}
