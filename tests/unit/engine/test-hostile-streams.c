/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers that are who they say and behave badly on their connection: streams without end, lengths that
 * lie, questions whose answers they do not read, and not reading at all. What each may cost stands in
 * docs/hostile-peers.md, and is checked here.
 */
#include "config.h"

#include <sys/socket.h>

#include "engine/avi-connection.h"
#include "engine/avi-core-private.h"
#include "engine/avi-pubsub.h"
#include "engine/avi-swarm.h"
#include "protocols/avi-ping.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "hostile-fixture.h"
#include "log-keeper.h"
#include "puppet-pubsub.h"
#include "wire/avi-varint.h"

#define TOPIC "home/kitchen"

static const char *const with_pubsub[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
static const char *const pubsub[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
static const char *const pubsub_1_0[] = { AVI_GOSSIPSUB_PROTOCOL_1_0, NULL };
static const char *const pubsub_1_2[] = { AVI_GOSSIPSUB_PROTOCOL_1_2, NULL };
static const char *const floodsub[] = { AVI_FLOODSUB_PROTOCOL, NULL };
static const char *const ping[] = { AVI_PING_PROTOCOL, NULL };
static const char *const push[] = { AVI_IDENTIFY_PUSH_PROTOCOL, NULL };

static void
set_up (HostileFixture *fixture, gconstpointer data)
{
  hostile_fixture_init (fixture);
  core_fixture_start (&fixture->under_test);
  hostile_fixture_connect (fixture, 0, "127.0.0.1");
}

static void
tear_down (HostileFixture *fixture, gconstpointer data)
{
  hostile_fixture_clear (fixture);
}

/* --- what one connection makes the engine hold --- */

typedef struct
{
  guint n_streams;
  guint n_owners;
  gsize n_unsent;
  gsize n_queued; /* in all streams */
} Held;

static void
measure (AviEngine *engine, gpointer data)
{
  AviConnection *connection = g_queue_peek_head (&engine->connections);
  Held *held = data;

  *held = (Held) { 0 };
  if (connection == NULL)
    return;
  held->n_streams = avi_link_get_n_streams (connection->link);
  held->n_owners = connection->owners.length;
  held->n_unsent = connection->unsent != NULL ? connection->unsent->len : 0;
  for (GList *link = connection->owners.head; link != NULL; link = link->next)
    held->n_queued += avi_link_get_queued (connection->link, ((AviStreamOwner *) link->data)->stream);
}

static Held
look (HostileFixture *fixture)
{
  Held held;

  core_fixture_inspect (&fixture->under_test, measure, &held);
  return held;
}

static void
probe (AviEngine *engine, gpointer data)
{
  avi_swarm_probe_all (engine->swarm);
}

/* --- streams without end --- */

#define N_STREAMS 40

/* Each with the beginning of the largest message that there may be. */
static void
test_streams_of_a_protocol (HostileFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *const *protocol;
    guint              max;
  } cases[] = { { pubsub, 2 }, { ping, 2 }, { push, 4 } };
  g_autofree guint8 *bytes = g_malloc0 (20 * 1024);
  guint64 n_refused = 0;
  Held before = look (fixture), after;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      for (guint j = 0; j < N_STREAMS; j++)
        {
          AviLinkStream *stream = puppet_open (fixture->puppets[0], cases[i].protocol);
          gsize n = avi_varint_encode (60 * 1024, bytes);

          puppet_send (fixture->puppets[0], stream, AVI_SPAN (bytes, cases[i].protocol == ping ? 1 : 20 * 1024));
          g_assert_cmpuint (n, >, 0);
        }
      n_refused += N_STREAMS - cases[i].max;
      hostile_fixture_run_until_counted (fixture, "streams-refused", n_refused);
      g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-refused"), ==, n_refused);
    }
  log_keeper_assert ("the limit for pub/sub is reached, 2 of 2 are in use");
  after = look (fixture);
  g_assert_cmpuint (after.n_owners - before.n_owners, ==, 2 + 2 + 4);
  g_assert_cmpuint (after.n_streams - before.n_streams, ==, 2 + 2 + 4);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
}

/* --- RPCs that are never whole --- */

#define N_HALVES (AVI_PUBSUB_MAX_PARTIAL / AVI_GOSSIPSUB_MAX_RPC + 1) /* one more than there is room for */
#define N_PEERS  (N_HALVES / 2)

G_STATIC_ASSERT (N_HALVES % 2 == 0);

typedef struct
{
  HostileFixture *fixture;
  AviKeyPair     *keys[N_PEERS];
  Puppet         *puppets[N_PEERS + 1];
  gsize           most;
  const char     *name; /* of a statistic */
  guint64         wanted;
} Crowd;

static void
measure_partial (AviEngine *engine, gpointer data)
{
  *(gsize *) data = avi_pubsub_get_n_partial (engine->pubsub);
}

static gsize
look_at_partial (HostileFixture *fixture)
{
  gsize n;

  core_fixture_inspect (&fixture->under_test, measure_partial, &n);
  return n;
}

static gboolean
crowd_is_connected (gpointer data)
{
  Crowd *self = data;

  for (guint i = 0; i < N_PEERS; i++)
    if (!core_fixture_is_connected (&self->fixture->under_test, self->keys[i]))
      return FALSE;
  return TRUE;
}

static gboolean
crowd_has_counted (gpointer data)
{
  Crowd *self = data;

  self->most = MAX (self->most, look_at_partial (self->fixture));
  return core_fixture_count (&self->fixture->under_test, self->name) >= self->wanted;
}

static void
crowd_run_until_counted (Crowd *self, const char *name, guint64 wanted)
{
  self->name = name;
  self->wanted = wanted;
  puppets_run (self->puppets, crowd_has_counted, self);
  g_assert_cmpuint (core_fixture_count (&self->fixture->under_test, name), ==, wanted);
}

static void
crowd_connect (Crowd *self)
{
  for (guint i = 0; i < N_PEERS; i++)
    {
      g_autofree char *from = g_strdup_printf ("127.0.%u.1", 5 + i);

      self->keys[i] = avi_key_pair_generate ();
      self->puppets[i] =
          puppet_dial_from (from, self->keys[i], core_fixture_get_port (&self->fixture->under_test), 1);
      puppet_set_protocols (self->puppets[i], with_pubsub);
    }
  puppets_run (self->puppets, crowd_is_connected, self);
}

static void
crowd_clear (Crowd *self)
{
  for (guint i = 0; i < N_PEERS; i++)
    {
      puppet_free (self->puppets[i]);
      avi_key_pair_unref (self->keys[i]);
    }
}

/* Each peer as many as it may: of the largest RPC that there may be all but the last byte. */
static void
test_halves (HostileFixture *fixture, gconstpointer data)
{
  static const char *const *const protocols[] = { pubsub, pubsub_1_0, pubsub_1_2, floodsub };
  g_autofree guint8 *bytes = g_malloc0 (AVI_GOSSIPSUB_MAX_RPC + AVI_VARINT_MAX_LEN);
  gsize len = avi_varint_encode (AVI_GOSSIPSUB_MAX_RPC, bytes) + AVI_GOSSIPSUB_MAX_RPC - 1;
  Crowd crowd = { fixture };

  crowd_connect (&crowd);
  for (guint i = 0; i < N_PEERS; i++)
    for (guint j = 0; j < 2; j++)
      puppet_send (crowd.puppets[i], puppet_open (crowd.puppets[i], protocols[j]), AVI_SPAN (bytes, len));
  crowd_run_until_counted (&crowd, "streams-invalid", 1);
  g_assert_cmpuint (crowd.most, >, AVI_PUBSUB_MAX_PARTIAL * 3 / 4);
  g_assert_cmpuint (crowd.most, <=, AVI_PUBSUB_MAX_PARTIAL);
  log_keeper_assert ("the limit for RPCs that are not whole is reached, ");

  for (guint i = 0; i < N_PEERS; i++)
    for (guint j = 0; j < 4 * G_N_ELEMENTS (protocols); j++)
      puppet_send (crowd.puppets[i], puppet_open (crowd.puppets[i], protocols[j / 4]), AVI_SPAN (bytes, 10));
  /* The one that was reset has left a place. */
  crowd_run_until_counted (&crowd, "streams-refused", N_PEERS * 4 * G_N_ELEMENTS (protocols) - 1);
  g_assert_cmpuint (look_at_partial (fixture), <=, AVI_PUBSUB_MAX_PARTIAL);
  crowd_clear (&crowd);
}

static gboolean
is_held (gpointer data)
{
  return look_at_partial (data) == 1000;
}

static gboolean
is_not_held (gpointer data)
{
  return look_at_partial (data) == 0;
}

/* It says that it does not speak what it speaks, so that nobody listens. */
static void
test_not_attached (HostileFixture *fixture, gconstpointer data)
{
  static const guint8 bytes[1000];
  AviLinkStream *stream;

  fixture->puppets[1] = puppet_dial (fixture->keys[1], core_fixture_get_port (&fixture->under_test), 1);
  puppets_run (fixture->puppets, hostile_fixture_is_connected, fixture);
  stream = puppet_open (fixture->puppets[1], pubsub);
  puppet_send (fixture->puppets[1], stream, AVI_SPAN ((guint8 *) bytes, sizeof bytes));
  puppets_run (fixture->puppets, is_held, fixture);
  puppet_reset (fixture->puppets[1], stream);
  puppets_run (fixture->puppets, is_not_held, fixture);
}

/* As fast as it can, never more than two at once: nothing is refused, and nothing stays. */
static void
test_open_and_reset (HostileFixture *fixture, gconstpointer data)
{
  Held before = look (fixture), after;

  for (guint i = 0; i < 5000; i++)
    {
      AviLinkStream *stream = puppet_open (fixture->puppets[0], ping);

      puppet_send (fixture->puppets[0], stream, AVI_SPAN_STRING ("0123456789abcdef0123456789abcdef"));
      if (i % 50 == 0)
        puppets_step (fixture->puppets);
      puppet_reset (fixture->puppets[0], stream);
    }
  /* What is said behind all that has been heard when it counts. */
  for (guint i = 0; i < 3; i++)
    puppet_send (fixture->puppets[0], puppet_open (fixture->puppets[0], ping), AVI_SPAN_STRING ("?"));
  hostile_fixture_run_until_counted (fixture, "streams-refused", 1);
  after = look (fixture);
  g_assert_cmpuint (after.n_owners - before.n_owners, ==, 2);
  g_assert_cmpuint (after.n_streams - before.n_streams, ==, 2);
  g_assert_cmpuint (after.n_queued, <=, before.n_queued + 1024);
}

typedef struct
{
  HostileFixture *fixture;
  guint           n;
} Owners;

static gboolean
has_wanted_owners (gpointer data)
{
  Owners *wanted = data;
  Held held = look (wanted->fixture);

  /* An owner's stream, and no other. */
  return held.n_owners == wanted->n && held.n_streams == wanted->n;
}

static void
test_reset_all (HostileFixture *fixture, gconstpointer data)
{
  static const char *const *const protocols[] = { ping, ping, pubsub, pubsub, push, push, push, push };
  AviLinkStream *streams[G_N_ELEMENTS (protocols)];
  guint n_before = look (fixture).n_owners;
  Owners wanted = { fixture, 0 };

  for (guint turn = 0; turn < 3; turn++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
        {
          streams[i] = puppet_open (fixture->puppets[0], protocols[i]);
          puppet_send (fixture->puppets[0], streams[i], AVI_SPAN_STRING ("\x7f"));
        }
      wanted.n = n_before + G_N_ELEMENTS (protocols);
      puppets_run (fixture->puppets, has_wanted_owners, &wanted);
      for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
        puppet_reset (fixture->puppets[0], streams[i]);
      wanted.n = n_before;
      puppets_run (fixture->puppets, has_wanted_owners, &wanted);
    }
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-refused"), ==, 0);
  g_assert_true (hostile_fixture_is_connected (fixture));
}

/* --- lies --- */

/* Frames whose length says more than may come: the stream is reset, the rest goes on. */
static void
test_claims (HostileFixture *fixture, gconstpointer data)
{
  guint8 claims[][AVI_VARINT_MAX_LEN + 1] = { { 0x80, 0x80, 0x80, 0x80, 0x04 },   /* 1 GiB */
                                              { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
                                              { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
                                              { 0x81, 0x80, 0x44 } };             /* a byte over the limit of an RPC */

  for (guint i = 0; i < G_N_ELEMENTS (claims); i++)
    {
      puppet_send (fixture->puppets[0], puppet_open (fixture->puppets[0], pubsub), AVI_SPAN (claims[i], 10));
      puppet_send (fixture->puppets[0], puppet_open (fixture->puppets[0], push), AVI_SPAN (claims[i], 10));
      hostile_fixture_run_until_counted (fixture, "streams-invalid", 2 * i + 2);
    }
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (hostile_fixture_is_connected (fixture));
}

/* --- peers that do not read --- */

typedef struct
{
  HostileFixture *fixture;
  AviLinkStream  *stream;
  guint64         n_received; /* by the engine, when it asked last */
} Asking;

/* Never more at once than may be: the next when those before have come. */
static gboolean
asks_until_reset (gpointer data)
{
  static const guint8 questions[AVI_PING_MAX_PENDING * AVI_PING_LEN];
  Asking *self = data;
  HostileFixture *fixture = self->fixture;
  Held held = look (fixture);
  guint64 n_received = core_fixture_count (&fixture->under_test, "bytes-received");

  g_assert_cmpuint (held.n_queued, <=, 2 * 2048);
  if (core_fixture_count (&fixture->under_test, "streams-invalid") > 0)
    return TRUE;
  if (self->n_received > 0 && n_received < self->n_received + sizeof questions)
    return FALSE;
  self->n_received = n_received;
  puppet_send (fixture->puppets[0], self->stream, AVI_SPAN (questions, sizeof questions));
  return FALSE;
}

static void
test_answers_not_read (HostileFixture *fixture, gconstpointer data)
{
  Asking asking = { fixture };

  puppet_grant_nothing (fixture->puppets[0]);
  asking.stream = puppet_open (fixture->puppets[0], ping);
  puppets_run (fixture->puppets, asks_until_reset, &asking);
  log_keeper_assert ("bytes of answers wait for the peer to read, at most ");
}

static gboolean
publish (HostileFixture *fixture, const char *text, gsize len)
{
  g_autofree char *data = g_malloc0 (len);
  g_autoptr(GBytes) bytes = NULL;

  memcpy (data, text, strlen (text));
  bytes = g_bytes_new (data, len);
  return avi_core_publish (fixture->under_test.core, TOPIC, bytes, FALSE, NULL, NULL) == 2;
}

static gboolean
has_two_subscribers (gpointer data)
{
  return publish (data, "is anybody there?", 32);
}

typedef struct
{
  HostileFixture *fixture;
  guint           n;
  gsize           most;
} Publishing;

#define MESSAGE (256 * 1024)
#define N_MESSAGES 80 /* 20 MiB: more than the program's queue, the router's, the stream's and the socket's */

/* Publishes what it is let, and sees what is held. */
static gboolean
last_is_heard (gpointer data)
{
  Publishing *self = data;
  Held held = look (self->fixture);

  self->most = MAX (self->most, held.n_unsent + held.n_queued);
  for (guint i = 0; i < 8 && self->n < N_MESSAGES; i++)
    {
      g_autofree char *text = g_strdup_printf ("message %u", self->n + 1);

      if (!publish (self->fixture, text, MESSAGE))
        break;
      self->n++;
    }
  return puppet_has_heard (self->fixture->puppets[1], "message " G_STRINGIFY (N_MESSAGES));
}

/* The first takes nothing off its socket; the second hears all, if later by the second for which the first
 * is waited for. The first ends by the ping that it does not answer: here at once, else within 25 s. */
static void
test_not_reading (HostileFixture *fixture, gconstpointer data)
{
  Publishing publishing = { fixture };
  int little = 4096;

  fixture->puppets[1] = puppet_dial (fixture->keys[1], core_fixture_get_port (&fixture->under_test), 1);
  puppet_set_protocols (fixture->puppets[1], with_pubsub);
  puppets_run (fixture->puppets, hostile_fixture_is_connected, fixture);
  puppet_subscribe (fixture->puppets[0], TOPIC);
  puppet_subscribe (fixture->puppets[1], TOPIC);
  puppets_run (fixture->puppets, has_two_subscribers, fixture);
  setsockopt (puppet_get_fd (fixture->puppets[0]), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  puppet_set_deaf (fixture->puppets[0], TRUE);
  puppets_run (fixture->puppets, last_is_heard, &publishing);
  g_assert_cmpuint (publishing.most, >, 1024 * 1024 / 2);
  g_assert_cmpuint (publishing.most, <=, AVI_ENGINE_WRITER_LIMIT + 1024 * 1024 + AVI_GOSSIPSUB_MAX_RPC);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "sends-dropped"), >, 0);
  log_keeper_assert (" bytes in 1000 ms, with ");
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->keys[0]));

  core_fixture_inspect (&fixture->under_test, probe, NULL);
  for (guint i = 0; i < 2 && core_fixture_is_connected (&fixture->under_test, fixture->keys[0]); i++)
    {
      gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

      while (g_get_monotonic_time () < end && core_fixture_is_connected (&fixture->under_test, fixture->keys[0]))
        puppets_step (fixture->puppets);
    }
  g_assert_false (core_fixture_is_connected (&fixture->under_test, fixture->keys[0]));
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->keys[1]));
}

#define ADD(path, func) g_test_add (path, HostileFixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_keeper_init ();
  ADD ("/hostile/a peer has a few streams of a protocol, whatever it opens", test_streams_of_a_protocol);
  ADD ("/hostile/RPCs that are never whole have a few places and a bounded number of bytes", test_halves);
  ADD ("/hostile/what is said on pub/sub by who does not take part is held, and counts likewise", test_not_attached);
  ADD ("/hostile/streams that are opened and reset at once leave nothing", test_open_and_reset);
  ADD ("/hostile/a peer may reset all its streams at once", test_reset_all);
  ADD ("/hostile/a length that lies ends its stream, and no more", test_claims);
  ADD ("/hostile/pings whose answers are not read end their stream", test_answers_not_read);
  ADD ("/hostile/a peer that does not read is held a bounded number of bytes, and ends", test_not_reading);
  return g_test_run ();
}
