/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages that are as large as may be, to peers that take less: nodes of the old kind are known by their
 * lack of a boot id, of others it is learnt where they end our stream at one.
 */
#include "config.h"

#include "avi-error.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-signing.h"
#include "pubsub-fixture.h"

static gboolean
is_answered (gpointer call)
{
  return avi_call_is_done (call);
}

static gint
publish_size (PubsubFixture *self, gsize size, GError **error)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_strnfill (size, 'x'), size);
  g_autoptr(AviCall) call = avi_call_new (NULL);
  gint64 n = -1;

  g_assert_cmpint (avi_core_publish (self->under_test.core, TOPIC, bytes, FALSE, call, NULL), ==, 1);
  puppets_run (self->puppets, is_answered, call);
  return avi_call_get_result (call, &n, NULL, error) ? (gint) n : -1;
}

static void
assert_too_large (PubsubFixture *self, gsize size)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (publish_size (self, size, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "1048576 at most"));
}

/* Bytes of data in an RPC of 1 MiB, beside author, topic, signature and lengths. */
static gsize
find_largest (PubsubFixture *self)
{
  g_autoptr(GByteArray) message = avi_signing_sign (self->other, TOPIC, AVI_SPAN_STRING (""), 1);
  /* Of the lengths of the data and of the message, that of the first is counted there with one byte. */
  const gsize more = (3 - 1) + 1 + 3;

  return AVI_GOSSIPSUB_MAX_OLD_RPC - message->len - more;
}

static gboolean
has_subscriber (gpointer data)
{
  PubsubFixture *self = data;
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);

  return avi_core_publish (self->under_test.core, TOPIC, nothing, FALSE, NULL, NULL) == 1;
}

static void
await_subscriber (PubsubFixture *self)
{
  pubsub_fixture_say_subscription (self);
  puppets_run (self->puppets, has_subscriber, self);
}

static void
test_old_kind (PubsubFixture *self, gconstpointer data)
{
  gsize largest = find_largest (self);

  await_subscriber (self);
  assert_too_large (self, AVI_GOSSIPSUB_MAX_MESSAGE);
  assert_too_large (self, largest + 1);
  g_assert_cmpint (publish_size (self, largest, NULL), ==, 1);
  pubsub_fixture_publish (self, "after it");
  g_assert_cmpuint (puppet_get_n_pubsub (self->puppets[0]), ==, 1);
  g_assert_cmpuint (core_fixture_count (&self->under_test, "sends-dropped"), ==, 2);
}

static void
test_learnt (PubsubFixture *self, gconstpointer data)
{
  await_subscriber (self);
  /* It takes the beginning. */
  g_assert_cmpint (publish_size (self, AVI_GOSSIPSUB_MAX_MESSAGE, NULL), ==, 0);
  pubsub_fixture_await_streams (self, 2);
  for (guint i = 0; i < 5; i++)
    assert_too_large (self, AVI_GOSSIPSUB_MAX_MESSAGE);
  pubsub_fixture_publish (self, "after them");
  g_assert_cmpuint (puppet_get_n_pubsub (self->puppets[0]), ==, 2);
  g_assert_false (puppet_was_told_to_go (self->puppets[0]));
}

/* A stream that ends for another reason says nothing of sizes. */
static void
test_not_learnt (PubsubFixture *self, gconstpointer data)
{
  await_subscriber (self);
  pubsub_fixture_publish (self, "on the first");
  puppet_end_pubsub (self->puppets[0]);
  pubsub_fixture_await_streams (self, 2);
  /* It is not refused, though the puppet will end this one at it. */
  g_assert_cmpint (publish_size (self, AVI_GOSSIPSUB_MAX_MESSAGE, NULL), >=, 0);
}

#define ADD(path, func, data) \
 g_test_add (path, PubsubFixture, data, pubsub_fixture_set_up, func, pubsub_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub-limits/a node of the old kind is never sent more than 1 MiB with all that belongs to a message",
       test_old_kind, PUBSUB_FIXTURE_OLD_KIND);
  ADD ("/pubsub-limits/a peer that ended our stream at a message over 1 MiB gets no other, and the rest", test_learnt,
       NULL);
  ADD ("/pubsub-limits/a peer that ended our stream at something else gets them", test_not_learnt, NULL);
  return g_test_run ();
}
