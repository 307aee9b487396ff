/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pub/sub's streams of a running core: what a peer frames wrongly ends its stream, and nothing else;
 * and a stream of ours that a peer ends is renewed, three times on one connection, then on another.
 */
#include "config.h"

#include <unistd.h>

#include "clock.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "pubsub-fixture.h"

#define PAUSE (10 * (gint64) G_USEC_PER_SEC) /* before a connection with no renewals left ends */
#define SPARE (30 * (gint64) G_USEC_PER_SEC) /* for an RPC that does not go on */
#define BACKOFF (1 * (gint64) G_USEC_PER_SEC) /* more than the first */

static gboolean
has_wanted_resets (gpointer data)
{
  PubsubFixture *fixture = data;

  return puppet_get_n_reset (fixture->puppets[0]) >= fixture->wanted;
}

/* The stream goes; connection and router stay. */
static void
test_wrong_frame (PubsubFixture *fixture, gconstpointer data)
{
  static const guint8 torn[] = { 3, 0x12, 0x7f, 0x0a }; /* a message that says 127 bytes, in an RPC of 3 */
  guint8 too_long[10];
  gsize len = avi_rpc_encode_varint (AVI_GOSSIPSUB_MAX_RPC + 1, too_long);

  pubsub_fixture_say_message (fixture, "before", 1, 0);
  pubsub_fixture_await (fixture, "before.");
  puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (too_long, len));
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_resets, fixture);

  pubsub_fixture_open (fixture);
  puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (torn, sizeof torn));
  fixture->wanted = 2;
  puppets_run (fixture->puppets, has_wanted_resets, fixture);

  pubsub_fixture_open (fixture);
  pubsub_fixture_say_message (fixture, "after", 2, 0);
  pubsub_fixture_await (fixture, "after.");
  g_assert_cmpstr (fixture->heard->str, ==, "before.after.");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-invalid"), ==, 2);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

static gboolean
was_told_to_go (gpointer data)
{
  PubsubFixture *fixture = data;

  return puppet_was_told_to_go (fixture->puppets[0]);
}

/* Until no renewal is left on the connection. */
static void
use_up_renewals (PubsubFixture *fixture)
{
  static const char *const texts[] = { "on the second", "on the third", "on the fourth" };

  pubsub_fixture_say_subscription (fixture);
  pubsub_fixture_publish (fixture, "on the first");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      puppet_end_pubsub (fixture->puppets[0]);
      pubsub_fixture_await_streams (fixture, i + 2);
      pubsub_fixture_publish (fixture, texts[i]);
    }
  g_assert_false (puppet_was_told_to_go (fixture->puppets[0]));
  puppet_end_pubsub (fixture->puppets[0]);
  puppets_run (fixture->puppets, was_told_to_go, fixture);
}

static void
test_renewal (PubsubFixture *fixture, gconstpointer data)
{
  use_up_renewals (fixture);
  /* A fourth renewal would come before what is said after it. */
  g_assert_cmpuint (puppet_get_n_pubsub (fixture->puppets[0]), ==, 4);
}

static gboolean
knows_address (gpointer data)
{
  PubsubFixture *fixture = data;
  g_autoptr(AviPeerInfo) info = core_fixture_look (&fixture->under_test, fixture->other);

  return info != NULL && info->addresses[0] != NULL;
}

static gboolean
is_closed (gpointer data)
{
  PubsubFixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

/* Tells the core where the puppet may be dialled: at the listener that is returned. */
static int
tell_address (PubsubFixture *fixture)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  AviIdentify info = { .listen_addresses = addresses };
  g_autofree char *text = NULL;
  guint16 port;
  int listener = puppet_listen (&port);

  text = core_fixture_format ("127.0.0.1", port, NULL);
  g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
  puppet_push (fixture->puppets[0], &info);
  puppets_run (fixture->puppets, knows_address, fixture);
  return listener;
}

static void
test_another_connection (PubsubFixture *fixture, gconstpointer data)
{
  static const char *const with_pubsub[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
  int listener = tell_address (fixture);

  use_up_renewals (fixture);
  clock_advance (PAUSE - 1);
  core_fixture_settle (&fixture->under_test);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
  clock_advance (1);
  core_fixture_settle (&fixture->under_test);
  puppets_run (fixture->puppets, is_closed, fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, 0);

  clock_advance (BACKOFF);
  core_fixture_settle (&fixture->under_test);
  puppet_free (fixture->puppets[0]);
  fixture->puppets[0] = puppet_accept (fixture->other, listener, 1);
  puppet_set_protocols (fixture->puppets[0], with_pubsub);
  pubsub_fixture_await_streams (fixture, 1);
  pubsub_fixture_open (fixture);
  pubsub_fixture_say_subscription (fixture);
  pubsub_fixture_publish (fixture, "on another connection");
  close (listener);
}

static void
let_pass (PubsubFixture *fixture, gint64 time)
{
  for (gint64 passed = 0; passed < time; passed += G_USEC_PER_SEC)
    {
      clock_advance (MIN (time - passed, G_USEC_PER_SEC));
      core_fixture_settle (&fixture->under_test);
      /* So that pings are answered. */
      puppets_step (fixture->puppets);
      core_fixture_settle (&fixture->under_test);
    }
}

/* Byte by byte it may take its time. */
static void
test_half (PubsubFixture *fixture, gconstpointer data)
{
  static const guint8 half[] = { 100, 0x12, 0x7f };

  pubsub_fixture_say_message (fixture, "before", 1, 0);
  pubsub_fixture_await (fixture, "before.");
  for (guint i = 0; i < sizeof half; i++)
    {
      puppet_send (fixture->puppets[0], fixture->stream, AVI_SPAN (half + i, 1));
      let_pass (fixture, SPARE - 2 * G_USEC_PER_SEC);
      g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-invalid"), ==, 0);
    }
  let_pass (fixture, 3 * G_USEC_PER_SEC);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-invalid"), ==, 1);
  fixture->wanted = 1;
  puppets_run (fixture->puppets, has_wanted_resets, fixture);

  pubsub_fixture_open (fixture);
  pubsub_fixture_say_message (fixture, "after", 2, 0);
  pubsub_fixture_await (fixture, "after.");
  let_pass (fixture, 2 * SPARE);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "streams-invalid"), ==, 1);
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

static void
set_up_standing (PubsubFixture *fixture, gconstpointer data)
{
  clock_stop ();
  pubsub_fixture_set_up (fixture, data);
}

static void
tear_down_standing (PubsubFixture *fixture, gconstpointer data)
{
  clock_go_on ();
  pubsub_fixture_tear_down (fixture, data);
}

#define ADD(path, func) g_test_add (path, PubsubFixture, NULL, pubsub_fixture_set_up, func, pubsub_fixture_tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub-streams/a frame over the limit or torn ends its stream, nothing else", test_wrong_frame);
  ADD ("/pubsub-streams/a stream of ours that the peer ends is renewed three times, then the connection goes",
       test_renewal);
  g_test_add ("/pubsub-streams/ten seconds after the last renewal the connection ends, and the peer is dialled again",
              PubsubFixture, NULL, set_up_standing, test_another_connection, tear_down_standing);
  g_test_add ("/pubsub-streams/an RPC that is not whole and rests for 30 s ends its stream, nothing else",
              PubsubFixture, NULL, set_up_standing, test_half, tear_down_standing);
  return g_test_run ();
}
