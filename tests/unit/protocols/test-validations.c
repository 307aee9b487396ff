/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-message-private.h"
#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-validations.h"

#define MAX_WAITING 4
#define NO_LIMIT    (1024 * 1024)

/* FALSE: there is no room. */
static gboolean
add_from (AviValidations *validations, guint64 peer, guint64 n, const char *text, gint64 now)
{
  g_autoptr(GBytes) raw = gossip_sign (1, "chat", text, n);
  g_autoptr(AviGossipMessage) message = NULL;
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(AviMessage) told = avi_message_new ("chat", "1", n, data, 0);
  g_auto(AviArrival) arrival = { 0 };
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, avi_span_from_bytes (raw), NULL));
  message = avi_gossip_message_new (&fields, (AviMessageId) { n, n }, NULL);
  avi_arrival_init (&arrival, message, peer);
  if (!avi_validations_have_room (validations, &arrival))
    return FALSE;
  avi_validations_add (validations, &arrival, told, now);
  return TRUE;
}

static gboolean
add (AviValidations *validations, guint64 n, const char *text, gint64 now)
{
  return add_from (validations, 10, n, text, now);
}

static void
test_ticket (void)
{
  g_autoptr(AviValidations) validations = avi_validations_new (1000, MAX_WAITING, NO_LIMIT, 10);
  AviMessageId id = { 1, 1 };
  g_autoptr(GBytes) raw = gossip_sign (1, "chat", "hello", 1);
  g_autoptr(GBytes) other = gossip_sign (1, "chat", "hullo", 1);
  g_autoptr(AviValidation) taken = NULL;

  g_assert_cmpuint (avi_validations_get_next_ticket (validations), ==, 1000);
  g_assert_true (add (validations, 1, "hello", 0));
  g_assert_false (avi_validations_hold (validations, &id, avi_span_from_bytes (other), 13));
  g_assert_cmpuint (avi_validations_get_next_ticket (validations), ==, 1001);
  g_assert_true (avi_validations_hold (validations, &id, avi_span_from_bytes (raw), 11));
  g_assert_null (avi_validations_take (validations, 1001));
  taken = avi_validations_take (validations, 1000);
  g_assert_nonnull (taken);
  g_assert_true (avi_arrival_is_held_by (&taken->arrival, 10) && avi_arrival_is_held_by (&taken->arrival, 11));
  g_assert_false (avi_arrival_is_held_by (&taken->arrival, 13));
  g_assert_false (avi_validations_hold (validations, &id, avi_span_from_bytes (raw), 12));
  g_assert_null (avi_validations_take (validations, 1000));
  g_assert_cmpuint (avi_validations_get_size (validations), ==, 0);
  g_assert_cmpuint (avi_validations_get_bytes (validations), ==, 0);
}

static void
test_late (void)
{
  g_autoptr(AviValidations) validations = avi_validations_new (0, MAX_WAITING, NO_LIMIT, 10);
  AviValidation *late;

  g_assert_cmpint (avi_validations_get_deadline (validations), ==, G_MAXINT64);
  for (guint64 n = 0; n < 3; n++)
    add (validations, n, "hello", (gint64) n);
  avi_validation_free (avi_validations_take (validations, 0));
  g_assert_cmpint (avi_validations_get_deadline (validations), ==, 11);
  g_assert_null (avi_validations_take_late (validations, 10));
  late = avi_validations_take_late (validations, 11);
  g_assert_cmpuint (late->ticket, ==, 1);
  avi_validation_free (late);
  g_assert_null (avi_validations_take_late (validations, 11));
}

static void
test_bounds (void)
{
  g_autofree char *large = g_strnfill (8000, 'x');
  g_autoptr(AviValidations) many = avi_validations_new (0, MAX_WAITING, NO_LIMIT, 10);
  g_autoptr(AviValidations) few = avi_validations_new (0, MAX_WAITING, 1000, 10);

  for (guint64 n = 0; n <= MAX_WAITING; n++)
    g_assert_cmpint (add_from (many, n, n, "hello", 0), ==, n < MAX_WAITING);
  g_assert_true (add (few, 1, large, 0)); /* the only one */
  g_assert_false (add (few, 2, "hello", 0));
}

/* As many as are left for all others. */
static void
test_shares (void)
{
  g_autofree char *half = g_strnfill (3000, 'x');
  g_autoptr(AviValidations) many = avi_validations_new (0, 8, NO_LIMIT, 10);
  g_autoptr(AviValidations) few = avi_validations_new (0, 8, 10000, 10);
  static const guint shares[] = { 4, 2, 1, 1, 0 };

  for (guint64 peer = 0, n = 0; peer < G_N_ELEMENTS (shares); peer++)
    for (guint i = 0; i <= shares[peer]; i++)
      g_assert_cmpint (add_from (many, peer, n++, "hello", 0), ==, i < shares[peer]);
  avi_validation_free (avi_validations_take (many, 0));
  g_assert_false (add_from (many, 0, 100, "hello", 0));
  g_assert_true (add_from (many, 9, 101, "hello", 0));

  g_assert_true (add_from (few, 0, 1, half, 0));
  g_assert_false (add_from (few, 0, 2, half, 0));
  g_assert_true (add_from (few, 1, 2, half, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/validations/a ticket is good once", test_ticket);
  g_test_add_func ("/validations/each has the same time", test_late);
  g_test_add_func ("/validations/who has many keeps out nobody else's", test_shares);
  g_test_add_func ("/validations/are bounded in number and bytes", test_bounds);
  return g_test_run ();
}
