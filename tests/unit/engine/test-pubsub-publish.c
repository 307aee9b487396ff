/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program publishes, through a running core: held until somebody subscribes, in order; answered once
 * the sockets have it; and a peer that does not read, which is waited for once, costs the others nothing, and
 * the process a bounded amount. The clock is in the test's hand: what is waited for is told by it.
 */
#include "config.h"

#include <gio/gio.h>
#include <sys/socket.h>

#include "avi-error.h"
#include "clock.h"
#include "engine/avi-pubsub-private.h"
#include "log-keeper.h"
#include "protocols/gossipsub/avi-gossipsub-private.h"
#include "pubsub-fixture.h"
#include "puppet-pubsub.h"

#define SECOND      ((gint64) G_USEC_PER_SEC)
#define STALL       (1 * SECOND)
#define MESSAGE     (256 * 1024)
#define MAX_QUEUED  (4 * 1024 * 1024) /* in the router, for one peer */
#define MAX_STREAM  (1024 * 1024)

static void
set_up (PubsubFixture *fixture, gconstpointer data)
{
  clock_stop ();
  pubsub_fixture_set_up (fixture, data);
}

static void
tear_down (PubsubFixture *fixture, gconstpointer data)
{
  clock_go_on ();
  pubsub_fixture_tear_down (fixture, data);
}

static gboolean
is_answered (gpointer call)
{
  return avi_call_is_done (call);
}

/* (transfer full) */
static AviCall *
publish (PubsubFixture *fixture, const char *text, gsize size, guint flags)
{
  g_autofree char *data = g_malloc0 (MAX (size, strlen (text)));
  g_autoptr(GBytes) bytes = NULL;
  AviCall *call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  memcpy (data, text, strlen (text));
  bytes = g_bytes_new (data, MAX (size, strlen (text)));
  avi_core_publish (fixture->under_test.core, TOPIC, bytes, flags, call, &error);
  g_assert_no_error (error);
  return call;
}

static gint64
get_number (AviCall *call)
{
  gint64 number = -1;

  g_assert_true (avi_call_get_result (call, &number, NULL, NULL));
  return number;
}

static void
assert_failed (AviCall *call, GQuark domain, int code)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_call_is_done (call));
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, domain, code);
}

static guint64
count (PubsubFixture *fixture, AviTopicCount what)
{
  AviTopicCounts counts;
  guint n_held;

  avi_core_dup_topic_counts (fixture->under_test.core, TOPIC, &counts, &n_held);
  return counts.n[what];
}

static void
pass (PubsubFixture *fixture, gint64 time)
{
  clock_advance (time);
  core_fixture_settle (&fixture->under_test);
}

/* --- holding --- */

static gboolean
first_has_heard (gpointer data)
{
  PubsubFixture *fixture = data;

  return puppet_has_heard (fixture->puppets[0], fixture->wanted_text);
}

static void
await_text (PubsubFixture *fixture, const char *text)
{
  fixture->wanted_text = text;
  puppets_run (fixture->puppets, first_has_heard, fixture);
}

/* Subscribes, without a word that is published meanwhile. */
static void
subscribe_quietly (PubsubFixture *fixture)
{
  puppet_subscribe (fixture->puppets[0], TOPIC);
}

static void
test_hold (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) first = publish (fixture, "<first>", 0, AVI_CORE_PUBLISH_HOLD);
  g_autoptr(AviCall) lost = publish (fixture, "<lost>", 0, 0);
  g_autoptr(AviCall) second = publish (fixture, "<second>", 0, AVI_CORE_PUBLISH_HOLD);
  g_autoptr(AviCall) later = NULL;

  core_fixture_settle (&fixture->under_test);
  g_assert_cmpint (get_number (lost), ==, 0);
  g_assert_false (avi_call_is_done (first) || avi_call_is_done (second));
  pass (fixture, (AVI_CORE_HOLD_TIMEOUT - 1) * (gint64) G_USEC_PER_SEC);
  g_assert_false (avi_call_is_done (first));

  subscribe_quietly (fixture);
  puppets_run (fixture->puppets, is_answered, second);
  later = publish (fixture, "<later>", 0, AVI_CORE_PUBLISH_HOLD);
  await_text (fixture, "<later>");
  puppets_run (fixture->puppets, is_answered, later);
  g_assert_cmpint (get_number (first), ==, 1);
  g_assert_cmpint (get_number (second), ==, 1);
  g_assert_cmpint (get_number (later), ==, 1);
  g_assert_true (puppet_has_heard (fixture->puppets[0], "<first>"));
  g_assert_true (puppet_has_heard (fixture->puppets[0], "<second>"));
  g_assert_false (puppet_has_heard (fixture->puppets[0], "<lost>"));
  g_assert_cmpuint (count (fixture, AVI_TOPIC_PUBLISHED), ==, 4);
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_HELD), ==, 0);
}

/* Those that wait go before what is published once somebody is there, each after the one before it. */
static void
test_hold_order (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(GString) joined = g_string_new (NULL);
  gsize from = 0;

  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *text = g_strdup_printf ("<%u>", i);

      avi_call_unref (publish (fixture, text, 0, AVI_CORE_PUBLISH_HOLD));
      if (i == 150)
        subscribe_quietly (fixture);
      if (i > 150)
        puppets_step (fixture->puppets);
    }
  await_text (fixture, "<199>");
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *text = g_strdup_printf ("<%u>", i);
      gsize at = puppet_find_heard (fixture->puppets[0], text);

      g_assert_cmpuint (at, >, from);
      from = at;
    }
}

static void
test_hold_timeout (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) first = NULL;
  g_autoptr(AviCall) second = NULL;

  log_keeper_forget ();
  first = publish (fixture, "<first>", 0, AVI_CORE_PUBLISH_HOLD);
  core_fixture_settle (&fixture->under_test);
  log_keeper_assert (" peers subscribe to “" TOPIC "”");
  pass (fixture, G_USEC_PER_SEC);
  second = publish (fixture, "<second>", 0, AVI_CORE_PUBLISH_HOLD);
  core_fixture_settle (&fixture->under_test);
  pass (fixture, (AVI_CORE_HOLD_TIMEOUT - 1) * (gint64) G_USEC_PER_SEC);
  assert_failed (first, AVI_ERROR, AVI_ERROR_TIMEOUT);
  g_assert_false (avi_call_is_done (second));
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_HELD), ==, 1);
  log_keeper_assert ("publish: a message that was held is dropped: Nobody came to subscribe to “" TOPIC
                     "” within 60.0 s (hold-timeout)\tAVI_PEER=\tAVI_CONNECTION=\n");
  subscribe_quietly (fixture);
  puppets_run (fixture->puppets, is_answered, second);
  await_text (fixture, "<second>");
  g_assert_false (puppet_has_heard (fixture->puppets[0], "<first>"));
}

static void
test_hold_cancelled (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) first = publish (fixture, "<first>", 0, AVI_CORE_PUBLISH_HOLD);
  g_autoptr(AviCall) second = publish (fixture, "<second>", 0, AVI_CORE_PUBLISH_HOLD);

  core_fixture_settle (&fixture->under_test);
  avi_core_cancel (fixture->under_test.core, first);
  assert_failed (first, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  subscribe_quietly (fixture);
  puppets_run (fixture->puppets, is_answered, second);
  await_text (fixture, "<second>");
  g_assert_false (puppet_has_heard (fixture->puppets[0], "<first>"));
}

/* Here it is heard at once, and only once. */
static void
test_hold_local (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) held = publish (fixture, "held", 0, AVI_CORE_PUBLISH_HOLD | AVI_CORE_PUBLISH_ECHO);
  g_autoptr(AviCall) after = NULL;

  pubsub_fixture_await (fixture, "held.");
  g_assert_false (avi_call_is_done (held));
  subscribe_quietly (fixture);
  puppets_run (fixture->puppets, is_answered, held);
  after = publish (fixture, "after", 0, AVI_CORE_PUBLISH_ECHO);
  pubsub_fixture_await (fixture, "after.");
  g_assert_cmpstr (fixture->heard->str, ==, "held.after.");
}

/* --- waiting for the sockets --- */

/* With what the system takes for it small. */
static void
make_deaf (PubsubFixture *fixture, guint index)
{
  int little = 4096;

  setsockopt (puppet_get_fd (fixture->puppets[index]), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  puppet_set_deaf (fixture->puppets[index], TRUE);
}

/* Until one waits: the last. */
static AviCall *
publish_until_one_waits (PubsubFixture *fixture)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(AviCall) call = publish (fixture, "<fill>", MESSAGE, 0);

      core_fixture_settle (&fixture->under_test);
      if (!avi_call_is_done (call))
        return g_steal_pointer (&call);
      g_assert_cmpint (get_number (call), ==, 1);
    }
  g_assert_not_reached ();
}

static void
test_awaited (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) waits = NULL, at_once = NULL, after = NULL, last = NULL;

  pubsub_fixture_say_subscription (fixture);
  make_deaf (fixture, 0);
  waits = publish_until_one_waits (fixture);
  pass (fixture, STALL - 1);
  g_assert_false (avi_call_is_done (waits));
  pass (fixture, 1);
  g_assert_cmpint (get_number (waits), ==, 0);
  log_keeper_assert (" bytes in 1000 ms, with ");

  /* From then on nobody waits for it, until it has taken all. */
  at_once = publish (fixture, "<at once>", 0, 0);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpint (get_number (at_once), ==, 0);
  puppet_set_deaf (fixture->puppets[0], FALSE);
  await_text (fixture, "<at once>");
  core_fixture_settle (&fixture->under_test);
  after = publish (fixture, "<after>", 0, 0);
  puppets_run (fixture->puppets, is_answered, after);
  g_assert_cmpint (get_number (after), ==, 1);
}

/* What waited for it is counted when there is nobody any more for whom it could. */
static void
test_stopped (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) waits = NULL;
  g_autoptr(GPtrArray) later = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_call_unref);

  pubsub_fixture_say_subscription (fixture);
  make_deaf (fixture, 0);
  waits = publish_until_one_waits (fixture);
  pass (fixture, STALL);
  for (guint i = 0; i < 8; i++)
    {
      g_ptr_array_add (later, publish (fixture, "<later>", MESSAGE, 0));
      core_fixture_settle (&fixture->under_test);
    }
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_QUEUE), ==, 0);
  core_fixture_stop (&fixture->under_test);
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_QUEUE), >, 0);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "sends-dropped"), ==,
                    count (fixture, AVI_TOPIC_DROPPED_QUEUE));
}

/* It reads, but its window stays full. */
static void
test_no_window (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) waits = NULL;

  pubsub_fixture_say_subscription (fixture);
  puppet_grant_nothing (fixture->puppets[0]);
  waits = publish (fixture, "<large>", 2 * AVI_YAMUX_INITIAL_WINDOW, 0);
  for (guint i = 0; i < 100; i++)
    puppets_step (fixture->puppets);
  core_fixture_settle (&fixture->under_test);
  g_assert_false (avi_call_is_done (waits));
  pass (fixture, STALL);
  pass (fixture, STALL);
  g_assert_cmpint (get_number (waits), ==, 0);
}

/* It is cancelled, or the peer goes, or the device stops: each is told, and nothing is left. */
static void
test_awaited_in_vain (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) cancelled = NULL, gone = NULL;

  pubsub_fixture_say_subscription (fixture);
  make_deaf (fixture, 0);
  cancelled = publish_until_one_waits (fixture);
  gone = publish (fixture, "<gone>", MESSAGE, 0);
  core_fixture_settle (&fixture->under_test);
  avi_core_cancel (fixture->under_test.core, cancelled);
  assert_failed (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  core_fixture_settle (&fixture->under_test);
  g_assert_false (avi_call_is_done (gone));
  shutdown (puppet_get_fd (fixture->puppets[0]), SHUT_RDWR);
  puppets_run (fixture->puppets, is_answered, gone);
  g_assert_cmpint (get_number (gone), ==, 0);
}

/* --- one of three does not read --- */

static gboolean
all_are_connected (gpointer data)
{
  PubsubFixture *fixture = data;

  for (guint i = 0; fixture->puppets[i] != NULL; i++)
    if (puppet_get_n_pubsub (fixture->puppets[i]) == 0)
      return FALSE;
  return TRUE;
}

static gboolean
has_three_subscribers (gpointer data)
{
  PubsubFixture *fixture = data;
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);

  return avi_core_publish (fixture->under_test.core, TOPIC, nothing, 0, NULL, NULL) == 3;
}

static void
add_puppets (PubsubFixture *fixture)
{
  static const char *const with_pubsub[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

  for (guint i = 1; i < 3; i++)
    {
      g_autoptr(AviKeyPair) key = avi_key_pair_generate ();

      fixture->puppets[i] = puppet_dial (key, core_fixture_get_port (&fixture->under_test), (guint8) (10 + i));
      puppet_set_protocols (fixture->puppets[i], with_pubsub);
    }
  puppets_run (fixture->puppets, all_are_connected, fixture);
  for (guint i = 0; i < 3; i++)
    puppet_subscribe (fixture->puppets[i], TOPIC);
  puppets_run (fixture->puppets, has_three_subscribers, fixture);
}

/* What is in memory for all peers together. */
static void
measure (AviEngine *engine, gpointer most)
{
  GHashTableIter iter;
  gpointer value;
  gsize bytes = 0;

  g_hash_table_iter_init (&iter, engine->pubsub->router->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    bytes += ((AviGossipsubPeer *) value)->queue.bytes;
  g_hash_table_iter_init (&iter, engine->pubsub->outputs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPubsubOutput *output = value;

      bytes += avi_link_get_queued (output->owner.connection->link, output->owner.stream);
      bytes += output->held != NULL ? g_bytes_get_size (output->held) : 0;
    }
  *(gsize *) most = MAX (*(gsize *) most, bytes);
}

/* As the heartbeat told it. */
static guint64
get_dropped (PubsubFixture *fixture, AviKeyPair *peer)
{
  g_autoptr(AviPeerInfo) info = NULL;

  clock_advance (SECOND);
  core_fixture_settle (&fixture->under_test);
  info = avi_core_dup_peer (fixture->under_test.core, avi_key_pair_get_peer_id (peer));
  return info->n_dropped;
}

#define N_MESSAGES 80 /* of 256 KiB: four times what may wait for one peer */

/* Each is published once the one before it has gone. Only for the first that the deaf one does not take does the
 * time have to pass; the others wait for nobody. */
static void
test_one_of_three (PubsubFixture *fixture, gconstpointer data)
{
  gsize most = 0;
  guint n_waits = 0;

  add_puppets (fixture);
  make_deaf (fixture, 0);
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *text = g_strdup_printf ("<%u>", i);
      g_autoptr(AviCall) call = publish (fixture, text, MESSAGE, 0);

      for (guint turn = 0; turn < 200 && !avi_call_is_done (call); turn++)
        puppets_step (fixture->puppets);
      if (!avi_call_is_done (call))
        {
          n_waits++;
          clock_advance (STALL);
          core_fixture_settle (&fixture->under_test);
          puppets_run (fixture->puppets, is_answered, call);
        }
      g_assert_cmpint (get_number (call), >=, 2);
      core_fixture_inspect (&fixture->under_test, measure, &most);
    }
  g_assert_cmpuint (n_waits, ==, 1);
  for (guint i = 1; i < 3; i++)
    for (guint n = 0; n < N_MESSAGES; n++)
      {
        g_autofree char *text = g_strdup_printf ("<%u>", n);

        fixture->wanted_text = text;
        while (!puppet_has_heard (fixture->puppets[i], text))
          puppets_step (fixture->puppets);
      }
  g_assert_cmpuint (most, >, MAX_QUEUED);
  g_assert_cmpuint (most, <=, MAX_QUEUED + 3 * (MAX_STREAM + MESSAGE + 1024));
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_QUEUE), >, N_MESSAGES / 2);
  g_assert_cmpuint (count (fixture, AVI_TOPIC_DROPPED_QUEUE), <, N_MESSAGES);
  g_assert_cmpuint (get_dropped (fixture, fixture->other), ==, count (fixture, AVI_TOPIC_DROPPED_QUEUE));
}

#define ADD(what, test) g_test_add ("/pubsub-publish/" what, PubsubFixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  log_keeper_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("what is held goes to the first who subscribes, and is told with their number", test_hold);
  ADD ("what is held goes in order, and before what is published later", test_hold_order);
  ADD ("what is held for too long is dropped, counted, logged, and told", test_hold_timeout);
  ADD ("what is held may be cancelled", test_hold_cancelled);
  ADD ("what is held is heard here at once", test_hold_local);
  ADD ("a publisher waits until the sockets have it, for a second at most, once", test_awaited);
  ADD ("what does not go out before a stop is counted", test_stopped);
  ADD ("a publisher waits for who grants no window no longer than for who does not read", test_no_window);
  ADD ("a publisher that waits in vain is told", test_awaited_in_vain);
  ADD ("one of three that does not read costs the others one second, once, and a bounded amount", test_one_of_three);
  return g_test_run ();
}
