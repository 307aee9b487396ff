/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers that say strange things in pub/sub: topics and ids without end, fields missing, given twice, or as large as
 * an RPC may be. What each may cost stands in docs/hostile-peers.md, and is checked here: after each a second peer is
 * served, the first is still there, and what the process holds in memory has not grown by more than stated.
 */
#include "config.h"

#include <malloc.h>

#include "avi-message.h"
#include "engine/avi-core-private.h"
#include "hostile-fixture.h"
#include "log-keeper.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"
#include "puppet-pubsub.h"

#define TOPIC "home/kitchen"

/* What of an RPC is under way: where it waits to be sent and where it is put together, and frames of Yamux. */
#define UNDER_WAY (3 * AVI_GOSSIPSUB_MAX_RPC)
#define LARGE     (1024 * 1024)

typedef struct
{
  HostileFixture hostile;
  AviInbox *inbox;           /* of TOPIC */
  AviLinkStream *streams[2]; /* of each puppet's for pub/sub */
  guint n_said;              /* texts published */
  guint64 seqno;
  char *awaited; /* a text */
  gsize before;  /* bytes that the process held when the test began */
  gsize base;    /* the same when the RPC was there that is said */
  gsize most;    /* of what it held beyond @base, at any time that was looked */
} Fixture;

/* --- memory --- */

/* Of AddressSanitizer, whose heap malloc's own statistics know nothing of. */
size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

static gsize
get_allocated (void)
{
  struct mallinfo2 info;

  if (__sanitizer_get_current_allocated_bytes != NULL)
    return __sanitizer_get_current_allocated_bytes ();
  info = mallinfo2 ();
  return info.uordblks + info.hblkhd;
}

static void
look_at_memory (Fixture *fixture)
{
  gsize now = get_allocated ();

  fixture->most = MAX (fixture->most, now - MIN (now, fixture->base));
}

static void
begin (Fixture *fixture)
{
  fixture->before = fixture->base = get_allocated ();
  fixture->most = 0;
}

/* --- two peers, of which the first is hostile --- */

static gboolean
has_come (gpointer data)
{
  Fixture *fixture = data;
  AviEvent *event, *next;
  gboolean come = FALSE;

  look_at_memory (fixture);
  for (event = avi_core_take_events (fixture->hostile.under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_MESSAGE)
        {
          GBytes *bytes = avi_message_get_data (event->message);

          come |= avi_span_equal (avi_span_from_bytes (bytes), AVI_SPAN_STRING (fixture->awaited));
        }
      avi_event_free (event);
    }
  return come;
}

static gboolean
is_sent (gpointer data)
{
  Fixture *fixture = data;

  look_at_memory (fixture);
  return puppet_get_queued (fixture->hostile.puppets[0], fixture->streams[0]) == 0;
}

/* What the puppet @i published last came to the program, and so did all that it said before. */
static void
await_text_of (Fixture *fixture, guint i)
{
  g_autofree char *text = g_strdup_printf ("text %u", ++fixture->n_said);

  puppet_publish (fixture->hostile.puppets[i], fixture->streams[i], fixture->hostile.keys[i], TOPIC, text,
                  ++fixture->seqno);
  fixture->awaited = text;
  puppets_run (fixture->hostile.puppets, has_come, fixture);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  hostile_fixture_init (&fixture->hostile);
  fixture->inbox = avi_core_subscribe (fixture->hostile.under_test.core, TOPIC, 100, 1024 * 1024, NULL);
  core_fixture_start (&fixture->hostile.under_test);
  for (guint i = 0; i < 2; i++)
    {
      hostile_fixture_connect (&fixture->hostile, i, "127.0.0.1");
      fixture->streams[i] = puppet_subscribe (fixture->hostile.puppets[i], TOPIC);
      await_text_of (fixture, i);
    }
  begin (fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  avi_core_unsubscribe (fixture->hostile.under_test.core, fixture->inbox);
  avi_inbox_unref (fixture->inbox);
  hostile_fixture_clear (&fixture->hostile);
}

static guint64
count (Fixture *fixture, const char *name)
{
  return core_fixture_count (&fixture->hostile.under_test, name);
}

static void
say (Fixture *fixture, GByteArray *rpc)
{
  g_assert_cmpuint (rpc->len, <=, AVI_GOSSIPSUB_MAX_RPC);
  fixture->base = get_allocated ();
  puppet_send_rpc (fixture->hostile.puppets[0], fixture->streams[0], AVI_SPAN (rpc->data, rpc->len));
  puppets_run (fixture->hostile.puppets, is_sent, fixture);
  await_text_of (fixture, 0);
}

/* @kept: the bytes that it may go on holding. */
static void
assert_unharmed (Fixture *fixture, gsize kept)
{
  await_text_of (fixture, 1);
  core_fixture_settle (&fixture->hostile.under_test);
  g_test_message ("at most %" G_GSIZE_FORMAT " bytes while it was said, %" G_GSSIZE_FORMAT " kept", fixture->most,
                  get_allocated () - fixture->before);
  g_assert_cmpuint (fixture->most, <=, UNDER_WAY);
  g_assert_cmpuint (get_allocated (), <=, fixture->before + kept);
  g_assert_true (hostile_fixture_is_connected (&fixture->hostile));
  g_assert_cmpuint (count (fixture, "streams-invalid"), ==, 0);
  g_assert_cmpuint (count (fixture, "connections-closed"), ==, 0);
}

/* --- RPCs --- */

static void
put (GByteArray *out, guint64 tag, GByteArray *content)
{
  avi_rpc_put_bytes (out, tag, AVI_SPAN (content->data, content->len));
}

static void
put_control (GByteArray *rpc, guint64 tag, GByteArray *content)
{
  g_autoptr(GByteArray) control = g_byte_array_new ();

  put (control, tag, content);
  put (rpc, AVI_RPC_CONTROL, control);
}

/* The parts of a control message that we know. */
static const guint64 controls[] = { AVI_CONTROL_IHAVE, AVI_CONTROL_IWANT,     AVI_CONTROL_GRAFT,
                                    AVI_CONTROL_PRUNE, AVI_CONTROL_IDONTWANT, AVI_CONTROL_EXTENSIONS };

/* --- topics without end --- */

#define N_TOPICS  100000
#define N_LONGEST 2000 /* of them with names as long as may be */
#define N_IN_RPC  500

static void
put_subscription (GByteArray *rpc, guint number)
{
  g_autofree char *name = g_strdup_printf ("%0*u", number < N_LONGEST ? AVI_GOSSIPSUB_MAX_TOPIC : 32, number);
  g_autoptr(GByteArray) subscription = g_byte_array_new ();

  avi_rpc_put_varint (subscription, AVI_SUBSCRIPTION_SUBSCRIBE, 1);
  avi_rpc_put_bytes (subscription, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (name));
  put (rpc, AVI_RPC_SUBSCRIPTION, subscription);
}

/* It has 1,024, one of them ours; each with its name in the router and in what the program is told of. */
static void
test_topics (Fixture *fixture, gconstpointer data)
{
  guint64 unseen;

  for (guint i = 0; i < N_TOPICS; i += N_IN_RPC)
    {
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      for (guint j = 0; j < N_IN_RPC; j++)
        put_subscription (rpc, i + j);
      say (fixture, rpc);
    }
  unseen = count (fixture, "gossip-limited");
  g_assert_cmpuint (unseen, ==, N_TOPICS - 1023);
  assert_unharmed (fixture, 1024 * 3 * 1024);
}

/* --- fields that are missing --- */

static void
test_missing (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GByteArray) empty = g_byte_array_new ();
  g_autoptr(GByteArray) all = g_byte_array_new ();
  guint64 n_invalid = count (fixture, "messages-invalid");

  say (fixture, empty);
  put (all, AVI_RPC_SUBSCRIPTION, empty);
  put (all, AVI_RPC_PUBLISH, empty);
  put (all, AVI_RPC_CONTROL, empty);
  for (guint i = 0; i < G_N_ELEMENTS (controls); i++)
    put_control (all, controls[i], empty);
  say (fixture, all);
  g_assert_cmpuint (count (fixture, "messages-invalid"), ==, n_invalid + 1);
  g_assert_cmpuint (count (fixture, "gossip-limited"), ==, 1); /* a topic without a name */
  assert_unharmed (fixture, 64 * 1024);
}

/* Of a message that is good each field but one; of all of them only the key may be missing, and the data. */
static void
test_missing_of_message (Fixture *fixture, gconstpointer data)
{
  guint64 n_invalid = count (fixture, "messages-invalid");

  for (guint64 tag = AVI_MESSAGE_FROM; tag <= AVI_MESSAGE_SIGNATURE; tag += 8)
    {
      g_autoptr(GByteArray) signature =
          avi_signing_sign (fixture->hostile.keys[0], TOPIC, AVI_SPAN_STRING ("data"), ++fixture->seqno);
      AviRpcReader reader = avi_rpc_reader_init (AVI_SPAN (signature->data, signature->len));
      g_autoptr(GByteArray) message = g_byte_array_new ();
      g_autoptr(GByteArray) rpc = g_byte_array_new ();
      AviRpcField field;

      while (avi_rpc_reader_next (&reader, &field))
        if (field.tag != tag)
          g_byte_array_append (message, field.whole.data, field.whole.len);
      put (rpc, AVI_RPC_PUBLISH, message);
      say (fixture, rpc);
      g_assert_cmpuint (count (fixture, "messages-invalid"), ==, ++n_invalid);
    }
  assert_unharmed (fixture, 64 * 1024);
}

/* --- fields that are given twice --- */

static void
test_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GByteArray) message =
      avi_signing_sign (fixture->hostile.keys[0], TOPIC, AVI_SPAN_STRING ("twice"), ++fixture->seqno);
  guint n_fields = 0;
  guint64 n_invalid = count (fixture, "messages-invalid");
  AviRpcReader reader = avi_rpc_reader_init (AVI_SPAN (message->data, message->len));
  AviRpcField field;

  for (; avi_rpc_reader_next (&reader, &field); n_fields++)
    {
      g_autoptr(GByteArray) more = g_byte_array_new ();
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      g_byte_array_append (more, message->data, message->len);
      g_byte_array_append (more, field.whole.data, field.whole.len);
      put (rpc, AVI_RPC_PUBLISH, more);
      say (fixture, rpc);
    }
  g_assert_cmpuint (n_fields, >=, 5);
  g_assert_cmpuint (count (fixture, "messages-invalid"), ==, n_invalid + n_fields);
  assert_unharmed (fixture, 64 * 1024);
}

static gboolean
is_last_subscribed (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);

  g_assert_cmpint (avi_core_publish (fixture->hostile.under_test.core, "first", nothing, FALSE, NULL, NULL), ==, 0);
  return avi_core_publish (fixture->hostile.under_test.core, "last", nothing, FALSE, NULL, NULL) == 1;
}

/* Of a subscription the last of each field counts, as protobuf has it. */
static void
test_subscription_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GByteArray) subscription = g_byte_array_new ();
  g_autoptr(GByteArray) rpc = g_byte_array_new ();

  for (guint i = 0; i < 2; i++)
    {
      avi_rpc_put_varint (subscription, AVI_SUBSCRIPTION_SUBSCRIBE, i);
      avi_rpc_put_bytes (subscription, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (i == 0 ? "first" : "last"));
    }
  put (rpc, AVI_RPC_SUBSCRIPTION, subscription);
  say (fixture, rpc);
  puppets_run (fixture->hostile.puppets, is_last_subscribed, fixture);
  assert_unharmed (fixture, 64 * 1024);
}

/* --- fields that are huge --- */

/* In each place where a topic or an id may stand, whichever it is there. */
static void
test_huge (Fixture *fixture, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (LARGE);
  guint64 n_invalid = count (fixture, "messages-invalid");

  memset (bytes, 'x', LARGE);
  begin (fixture);
  for (guint64 tag = 0x0a; tag <= AVI_MESSAGE_KEY; tag += 8)
    {
      g_autoptr(GByteArray) large = g_byte_array_new ();
      const guint64 tops[] = { AVI_RPC_SUBSCRIPTION, AVI_RPC_PUBLISH, AVI_RPC_CONTROL };

      avi_rpc_put_bytes (large, tag, AVI_SPAN (bytes, LARGE));
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr(GByteArray) rpc = g_byte_array_new ();

          put (rpc, tops[i], large);
          say (fixture, rpc);
        }
      for (guint i = 0; i < G_N_ELEMENTS (controls); i++)
        {
          g_autoptr(GByteArray) rpc = g_byte_array_new ();

          put_control (rpc, controls[i], large);
          say (fixture, rpc);
        }
    }
  g_assert_cmpuint (count (fixture, "messages-invalid"), ==, n_invalid + 6);
  assert_unharmed (fixture, 64 * 1024);
}

/* Each of two bytes: half a million in one RPC. */
static void
test_many_empty (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GByteArray) empty = g_byte_array_new ();
  guint64 n_invalid = count (fixture, "messages-invalid");

  for (guint i = 0; i < 2 + G_N_ELEMENTS (controls); i++)
    {
      g_autoptr(GByteArray) parts = g_byte_array_new ();
      g_autoptr(GByteArray) rpc = g_byte_array_new ();

      while (parts->len < LARGE)
        put (parts, i == 0 ? AVI_RPC_SUBSCRIPTION : i == 1 ? AVI_RPC_PUBLISH : controls[i - 2], empty);
      if (i < 2)
        g_byte_array_append (rpc, parts->data, parts->len);
      else
        put (rpc, AVI_RPC_CONTROL, parts);
      say (fixture, rpc);
    }
  g_assert_cmpuint (count (fixture, "messages-invalid"), ==, n_invalid + LARGE / 2);
  assert_unharmed (fixture, 64 * 1024);
}

/* --- ten mebibytes of ids --- */

#define N_RPCS 10

static void
put_ids (GByteArray *part, guint64 tag, AviKeyPair *author, guint64 *seqno)
{
  AviSpan from = avi_peer_id_get_bytes (avi_key_pair_get_peer_id (author));

  while (part->len < LARGE - 1024)
    {
      guint64 big_endian = GUINT64_TO_BE (++*seqno);
      guint8 id[64];

      memcpy (id, from.data, from.len);
      memcpy (id + from.len, &big_endian, sizeof big_endian);
      avi_rpc_put_bytes (part, tag, AVI_SPAN (id, from.len + sizeof big_endian));
    }
}

static void
test_ids (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint64 control, id;
  } cases[] = { { AVI_CONTROL_IHAVE, AVI_IHAVE_ID },
                { AVI_CONTROL_IWANT, AVI_IWANT_ID },
                { AVI_CONTROL_IDONTWANT, AVI_IDONTWANT_ID } };
  guint64 seqno = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint j = 0; j < N_RPCS; j++)
      {
        g_autoptr(GByteArray) part = g_byte_array_new ();
        g_autoptr(GByteArray) rpc = g_byte_array_new ();

        if (cases[i].control == AVI_CONTROL_IHAVE)
          avi_rpc_put_bytes (part, AVI_IHAVE_TOPIC, AVI_SPAN_STRING (TOPIC));
        put_ids (part, cases[i].id, fixture->hostile.keys[1], &seqno);
        put_control (rpc, cases[i].control, part);
        say (fixture, rpc);
      }
  g_assert_cmpuint (count (fixture, "gossip-limited"), >, 0);
  /* 8,192 promises, 1,024 ids that it does not want, and the questions for 5,000 that it announced. */
  assert_unharmed (fixture, 2 * 1024 * 1024);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  mallopt (M_ARENA_MAX, 1); /* the one that mallinfo2 () tells of */
  g_test_init (&argc, &argv, NULL);
  log_keeper_init ();
  ADD ("/hostile/of a hundred thousand topics of a peer a thousand are kept", test_topics);
  ADD ("/hostile/an RPC whose parts are empty changes nothing", test_missing);
  ADD ("/hostile/a message without one of its fields is dropped", test_missing_of_message);
  ADD ("/hostile/a message with one of its fields twice is dropped", test_twice);
  ADD ("/hostile/a subscription with its fields twice is that of the last ones", test_subscription_twice);
  ADD ("/hostile/topics and ids of a mebibyte are not kept", test_huge);
  ADD ("/hostile/half a million empty parts of an RPC take no memory", test_many_empty);
  ADD ("/hostile/of ten mebibytes of ids a bounded number is kept", test_ids);
  return g_test_run ();
}
