/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages through a running core: what a peer sends that is wrong is dropped and counted, or ends
 * its stream, and nothing else; and a stream of ours that a peer ends is renewed, three times.
 */
#include "config.h"

#include "avi-error.h"
#include "core-fixture.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"
#include "puppet.h"

#define TOPIC "chat"

typedef struct
{
  CoreFixture    under_test;
  AviKeyPair    *other;
  Puppet        *puppets[2];
  AviInbox      *inbox;
  AviLinkStream *stream;  /* the puppet's, for messages */
  GString       *heard;   /* texts of messages, each with a full stop */
  guint64        wanted;
  const char    *wanted_text;
} Fixture;

/* The puppet has no boot id. */
#define OLD_KIND GINT_TO_POINTER (TRUE)

static const char *const with_pubsub[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
static const char *const pubsub[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

static gboolean
has_wanted_streams (gpointer data)
{
  Fixture *fixture = data;

  return puppet_get_n_pubsub (fixture->puppets[0]) >= fixture->wanted;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  gboolean old = GPOINTER_TO_INT (data);

  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
  fixture->heard = g_string_new (NULL);
  fixture->inbox = avi_core_subscribe (fixture->under_test.core, TOPIC, 100, 1024 * 1024, NULL);
  g_assert_nonnull (fixture->inbox);
  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), !old);
  puppet_set_protocols (fixture->puppets[0], with_pubsub);
  puppet_set_max_rpc (fixture->puppets[0], AVI_GOSSIPSUB_MAX_OLD_RPC);
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_streams, fixture);
  fixture->stream = puppet_open (fixture->puppets[0], pubsub);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  avi_core_unsubscribe (fixture->under_test.core, fixture->inbox);
  avi_inbox_unref (fixture->inbox);
  core_fixture_clear (&fixture->under_test);
  puppet_free (fixture->puppets[0]);
  avi_key_pair_unref (fixture->other);
  g_string_free (fixture->heard, TRUE);
}

/* --- what the puppet says --- */

static void
say_rpc (Fixture *fixture, guint64 tag, AviSpan content)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  guint8 len[10];

  avi_rpc_put_bytes (rpc, tag, content);
  g_byte_array_append (frame, len, (guint) avi_rpc_encode_varint (rpc->len, len));
  g_byte_array_append (frame, rpc->data, rpc->len);
  puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (frame->data, frame->len));
}

/* @flipped: that byte, counted from the end, is not as it was signed; 0: all are. */
static void
say_message (Fixture *fixture, const char *text, guint64 seqno, guint flipped)
{
  g_autoptr(GByteArray) message = avi_signing_sign (fixture->other, TOPIC, AVI_SPAN_STRING (text), seqno);

  if (flipped > 0)
    message->data[message->len - flipped] ^= 1;
  say_rpc (fixture, AVI_RPC_PUBLISH, AVI_SPAN (message->data, message->len));
}

static void
say_subscription (Fixture *fixture)
{
  g_autoptr(GByteArray) subscription = g_byte_array_new ();

  avi_rpc_put_varint (subscription, AVI_SUBSCRIPTION_SUBSCRIBE, 1);
  avi_rpc_put_bytes (subscription, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (TOPIC));
  say_rpc (fixture, AVI_RPC_SUBSCRIPTION, AVI_SPAN (subscription->data, subscription->len));
}

/* --- what is heard --- */

static gboolean
has_heard_wanted (gpointer data)
{
  Fixture *fixture = data;
  AviEvent *event, *next;

  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_MESSAGE)
        g_string_append_printf (fixture->heard, "%s.", avi_message_get_text (event->message));
      avi_event_free (event);
    }
  return strstr (fixture->heard->str, fixture->wanted_text) != NULL;
}

static void
run_until_heard (Fixture *fixture, const char *text)
{
  fixture->wanted_text = text;
  puppets_run (fixture->puppets, has_heard_wanted, fixture);
}

/* Counted a moment after it is heard. */
static gboolean
has_wanted_deliveries (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "messages-delivered") >= fixture->wanted;
}

static gboolean
has_wanted_resets (gpointer data)
{
  Fixture *fixture = data;

  return puppet_get_n_reset (fixture->puppets[0]) >= fixture->wanted;
}

/* What is forged does not stand in the way of what has the same number and is true. */
static void
test_wrong_signature (Fixture *fixture, gconstpointer data)
{
  enum
  {
    SIGNATURE_END = 1,
    SIGNATURE = 64,
    SEQNO = 80,
    TEXT = 88
  };
  static const guint flipped[] = { SIGNATURE_END, SIGNATURE, SEQNO, TEXT };

  for (guint i = 0; i < G_N_ELEMENTS (flipped); i++)
    say_message (fixture, "forged", i, flipped[i]);
  say_message (fixture, "true", 0, 0);
  run_until_heard (fixture, "true.");
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_deliveries, fixture);
  g_assert_cmpstr (fixture->heard->str, ==, "true.");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-invalid"), ==, G_N_ELEMENTS (flipped));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "messages-delivered"), ==, 1);
  g_assert_cmpuint (puppet_get_n_reset (fixture->puppets[0]), ==, 0);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* The stream goes; connection and router stay. */
static void
test_wrong_frame (Fixture *fixture, gconstpointer data)
{
  static const guint8 torn[] = { 3, 0x12, 0x7f, 0x0a }; /* a message that says 127 bytes, in an RPC of 3 */
  guint8 too_long[10];
  gsize len = avi_rpc_encode_varint (AVI_GOSSIPSUB_MAX_RPC + 1, too_long);

  say_message (fixture, "before", 1, 0);
  run_until_heard (fixture, "before.");
  puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (too_long, len));
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_resets, fixture);

  fixture->stream = puppet_open (fixture->puppets[0], pubsub);
  puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (torn, sizeof torn));
  fixture->wanted = 2;
  puppets_run (fixture->puppets, has_wanted_resets, fixture);

  fixture->stream = puppet_open (fixture->puppets[0], pubsub);
  say_message (fixture, "after", 2, 0);
  run_until_heard (fixture, "after.");
  g_assert_cmpstr (fixture->heard->str, ==, "before.after.");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-invalid"), ==, 2);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

static gboolean
has_subscriber (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GBytes) bytes = g_bytes_new_static ("is anybody there?", 17);

  return avi_core_publish (fixture->under_test.core, TOPIC, bytes, FALSE, NULL, NULL) > 0;
}

static gboolean
puppet_has_wanted_text (gpointer data)
{
  Fixture *fixture = data;

  return puppet_has_heard (fixture->puppets[0], fixture->wanted_text);
}

static gboolean
was_told_to_go (gpointer data)
{
  Fixture *fixture = data;

  return puppet_was_told_to_go (fixture->puppets[0]);
}

static void
publish (Fixture *fixture, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_cmpint (avi_core_publish (fixture->under_test.core, TOPIC, bytes, FALSE, NULL, NULL), ==, 1);
  fixture->wanted_text = text;
  puppets_run (fixture->puppets, puppet_has_wanted_text, fixture);
}

static void
test_renewal (Fixture *fixture, gconstpointer data)
{
  static const char *const texts[] = { "on the second", "on the third", "on the fourth" };

  say_subscription (fixture);
  puppets_run (fixture->puppets, has_subscriber, fixture);
  publish (fixture, "on the first");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      puppet_end_pubsub (fixture->puppets[0]);
      fixture->wanted = i + 2;
      puppets_run (fixture->puppets, has_wanted_streams, fixture);
      publish (fixture, texts[i]);
    }
  g_assert_false (puppet_was_told_to_go (fixture->puppets[0]));
  /* A fourth renewal would come before what is said after it. */
  puppet_end_pubsub (fixture->puppets[0]);
  puppets_run (fixture->puppets, was_told_to_go, fixture);
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[0]), ==, 4);
}

static gint
publish_size (Fixture *fixture, gsize size, GError **error)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (g_strnfill (size, 'x'), size);

  g_autoptr(AviCall) call = avi_call_new (NULL);
  gint64 n = -1;

  g_assert_cmpint (avi_core_publish (fixture->under_test.core, TOPIC, bytes, FALSE, call, NULL), ==, 1);
  avi_call_wait (call);
  return avi_call_get_result (call, &n, NULL, error) ? (gint) n : -1;
}

static void
assert_too_large (Fixture *fixture, gsize size)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (publish_size (fixture, size, &error), ==, -1);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "1048576 at most"));
}

/* Bytes of data in an RPC of 1 MiB, beside author, topic, signature and lengths. */
static gsize
find_largest (Fixture *fixture)
{
  g_autoptr(GByteArray) message = avi_signing_sign (fixture->other, TOPIC, AVI_SPAN_STRING (""), 1);
  /* Of the lengths of the data and of the message, that of the first is counted there with one byte. */
  const gsize more = (3 - 1) + 1 + 3;

  return AVI_GOSSIPSUB_MAX_OLD_RPC - message->len - more;
}

static void
test_old_kind (Fixture *fixture, gconstpointer data)
{
  gsize largest = find_largest (fixture);

  say_subscription (fixture);
  puppets_run (fixture->puppets, has_subscriber, fixture);
  assert_too_large (fixture, AVI_GOSSIPSUB_MAX_MESSAGE);
  assert_too_large (fixture, largest + 1);
  g_assert_cmpint (publish_size (fixture, largest, NULL), ==, 1);
  publish (fixture, "after it");
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[0]), ==, 1);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "sends-dropped"), ==, 2);
}

static void
test_learnt (Fixture *fixture, gconstpointer data)
{
  say_subscription (fixture);
  puppets_run (fixture->puppets, has_subscriber, fixture);
  g_assert_cmpint (publish_size (fixture, AVI_GOSSIPSUB_MAX_MESSAGE, NULL), ==, 1);
  fixture->wanted = 2;
  puppets_run (fixture->puppets, has_wanted_streams, fixture);
  for (guint i = 0; i < 5; i++)
    assert_too_large (fixture, AVI_GOSSIPSUB_MAX_MESSAGE);
  publish (fixture, "after them");
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[0]), ==, 2);
  g_assert_false (puppet_was_told_to_go (fixture->puppets[0]));
}

/* A stream that ends for another reason says nothing of sizes. */
static void
test_not_learnt (Fixture *fixture, gconstpointer data)
{
  say_subscription (fixture);
  puppets_run (fixture->puppets, has_subscriber, fixture);
  publish (fixture, "on the first");
  puppet_end_pubsub (fixture->puppets[0]);
  fixture->wanted = 2;
  puppets_run (fixture->puppets, has_wanted_streams, fixture);
  g_assert_cmpint (publish_size (fixture, AVI_GOSSIPSUB_MAX_MESSAGE, NULL), ==, 1);
}

#define ADD(path, func) ADD_WITH (path, func, NULL)
#define ADD_WITH(path, func, data) g_test_add (path, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub/messages with a wrong signature are dropped and counted, the stream goes on", test_wrong_signature);
  ADD ("/pubsub/a frame over the limit or torn ends its stream, nothing else", test_wrong_frame);
  ADD ("/pubsub/a stream of ours that the peer ends is renewed three times, then the connection", test_renewal);
  ADD_WITH ("/pubsub/a node of the old kind is never sent more than 1 MiB with all that belongs to a message",
            test_old_kind, OLD_KIND);
  ADD ("/pubsub/a peer that ended our stream at a message over 1 MiB gets no other, and the rest", test_learnt);
  ADD ("/pubsub/a peer that ended our stream at something else gets them", test_not_learnt);
  return g_test_run ();
}
