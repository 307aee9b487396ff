/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-signing.h"
#include "protocols/gossipsub/avi-stagger.h"

#define MOST     8
#define NO_LIMIT (1024 * 1024)
#define AUTHOR_A 0x0a
#define AUTHOR_B 0x0b

static AviMessageId
id (guint64 n)
{
  return (AviMessageId) { n, n };
}

static AviPeerId
author_id (guint8 author)
{
  return (AviPeerId) { .len = 2, .bytes = { 0, author } };
}

/* Waited for by peers 1 to @n_peers: what it says does not matter. Of author 0: it is not signed. */
static gboolean
add_of (AviStagger *stagger, guint8 author, guint64 n, const char *text, guint n_peers, gint64 due)
{
  g_autoptr(GByteArray) raw = avi_signing_leave_unsigned ("chat", AVI_SPAN_STRING (text));
  g_autoptr(AviGossipMessage) message = NULL;
  guint8 content_id[AVI_CONTENT_ID_LEN] = { 0 };
  GArray *peers = g_array_new (FALSE, FALSE, sizeof (guint64));
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, AVI_SPAN (raw->data, raw->len), NULL));
  message = avi_gossip_message_new (&fields, id (n), content_id);
  message->fields.is_signed = author != 0;
  if (message->fields.is_signed)
    message->fields.from = author_id (author);
  for (guint64 peer = 1; peer <= n_peers; peer++)
    g_array_append_val (peers, peer);
  if (avi_stagger_add (stagger, message, peers, due))
    return TRUE;
  g_array_unref (peers);
  return FALSE;
}

static gboolean
add (AviStagger *stagger, guint64 n, guint n_peers, gint64 due)
{
  return add_of (stagger, AUTHOR_A, n, "hello", n_peers, due);
}

/* That message, with that many waiting, and nothing else is due. */
static void
assert_due (AviStagger *stagger, gint64 now, guint64 n, guint n_peers)
{
  g_autoptr(AviStaggered) staggered = avi_stagger_take_due (stagger, now);

  g_assert_nonnull (staggered);
  g_assert_cmpuint (staggered->message->id.lo, ==, n);
  g_assert_cmpuint (staggered->peers->len, ==, n_peers);
}

static void
test_time (void)
{
  g_autoptr(AviStagger) stagger = avi_stagger_new (MOST, NO_LIMIT);

  g_assert_cmpint (avi_stagger_get_deadline (stagger), ==, G_MAXINT64);
  g_assert_null (avi_stagger_take_due (stagger, G_MAXINT64));
  g_assert_true (add (stagger, 1, 2, 100));
  g_assert_true (add (stagger, 2, 3, 50)); /* not before the other */
  g_assert_true (add_of (stagger, AUTHOR_B, 4, "hello", 1, 60));
  g_assert_true (add_of (stagger, 0, 5, "hello", 1, 80)); /* nobody's: in no order */
  g_assert_true (add_of (stagger, 0, 6, "hello", 1, 70));
  for (guint64 n = 4; n <= 6; n++)
    assert_due (stagger, 80, n == 4 ? 4 : 11 - n, 1);
  g_assert_true (add (stagger, 3, 1, 120));
  g_assert_cmpint (avi_stagger_get_deadline (stagger), ==, 100);
  g_assert_null (avi_stagger_take_due (stagger, 99));
  assert_due (stagger, 100, 1, 2);
  assert_due (stagger, 100, 2, 3);
  g_assert_null (avi_stagger_take_due (stagger, 119));
  assert_due (stagger, 1000, 3, 1);
  g_assert_cmpuint (avi_stagger_get_bytes (stagger), ==, 0);
}

static void
test_drop (void)
{
  g_autoptr(AviStagger) stagger = avi_stagger_new (MOST, NO_LIMIT);
  AviMessageId first = id (1), other = id (9);

  add (stagger, 1, 2, 100);
  g_assert_true (avi_stagger_waits (stagger, &first, 1));
  avi_stagger_drop (stagger, &first, 1);
  g_assert_false (avi_stagger_waits (stagger, &first, 1));
  g_assert_false (avi_stagger_waits (stagger, &other, 1));
  avi_stagger_drop (stagger, &first, 1);
  avi_stagger_drop (stagger, &first, 7);
  avi_stagger_drop (stagger, &other, 2);
  g_assert_cmpuint (avi_stagger_get_size (stagger), ==, 1);
  avi_stagger_drop (stagger, &first, 2);
  g_assert_cmpuint (avi_stagger_get_size (stagger), ==, 0);
  g_assert_cmpint (avi_stagger_get_deadline (stagger), ==, G_MAXINT64);
}

/* NULL, or the message, of which nobody but the peer is told. */
static void
assert_taken (AviStagger *stagger, guint8 author, guint64 peer, guint64 n)
{
  AviPeerId from = author_id (author);
  g_autoptr(AviGossipMessage) message = avi_stagger_take_for (stagger, &from, peer);

  if (n == 0)
    g_assert_null (message);
  else
    g_assert_cmpuint (message->id.lo, ==, n);
}

static void
test_order (void)
{
  g_autoptr(AviStagger) stagger = avi_stagger_new (MOST, NO_LIMIT);

  add_of (stagger, AUTHOR_A, 1, "hello", 2, 100);
  add_of (stagger, AUTHOR_B, 2, "hello", 1, 100);
  add_of (stagger, AUTHOR_A, 3, "hello", 1, 100);
  assert_taken (stagger, AUTHOR_A, 3, 0);
  assert_taken (stagger, AUTHOR_A, 1, 1);
  assert_taken (stagger, AUTHOR_A, 1, 3);
  assert_taken (stagger, AUTHOR_A, 1, 0);
  assert_due (stagger, 100, 1, 1);
  assert_due (stagger, 100, 2, 1);
  g_assert_null (avi_stagger_take_due (stagger, 100));
  assert_taken (stagger, AUTHOR_A, 2, 0);
}

static void
test_bounds (void)
{
  g_autofree char *half = g_strnfill (3000, 'x');
  g_autoptr(AviStagger) many = avi_stagger_new (MOST, NO_LIMIT);
  g_autoptr(AviStagger) few = avi_stagger_new (MOST, 8000);

  for (guint64 n = 1; n <= MOST; n++)
    g_assert_true (add (many, n, 1, 100));
  g_assert_false (add (many, 99, 1, 100));
  assert_taken (many, AUTHOR_A, 1, 1);
  g_assert_true (add (many, 99, 1, 100));

  g_assert_true (add_of (few, AUTHOR_A, 1, half, 1, 100));
  g_assert_true (add_of (few, AUTHOR_A, 2, half, 1, 100));
  g_assert_false (add_of (few, AUTHOR_A, 3, half, 1, 100));
  g_assert_cmpuint (avi_stagger_get_bytes (few), <=, 8000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stagger/each message has its time, and none overtakes another", test_time);
  g_test_add_func ("/stagger/who has a message does not wait for it", test_drop);
  g_test_add_func ("/stagger/what waits of an author can be had before its time, in order", test_order);
  g_test_add_func ("/stagger/messages and their bytes are bounded", test_bounds);
  return g_test_run ();
}
