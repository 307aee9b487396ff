/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a running core says of where it is, signed; whom it dials because another said where that is; and the
 * peers that it has an agreement with.
 */
#include "config.h"

#include <unistd.h>

#include "engine/avi-swarm.h"
#include "engine/avi-pubsub-private.h"
#include "protocols/avi-peer-record.h"
#include "pubsub-fixture.h"

/* --- our own record --- */

static gboolean
was_told (gpointer data)
{
  return puppet_get_told (((PubsubFixture *) data)->puppets[0]) != NULL;
}

static void
test_own_record (PubsubFixture *fixture, gconstpointer data)
{
  g_autofree char *ours = core_fixture_format ("127.0.0.1", core_fixture_get_port (&fixture->under_test), NULL);
  g_autofree char *said = NULL;
  g_auto(AviPeerRecord) record = { 0 };
  g_autoptr(GError) error = NULL;
  const AviIdentify *told;

  puppet_ask (fixture->puppets[0]);
  puppets_run (fixture->puppets, was_told, fixture);
  told = puppet_get_told (fixture->puppets[0]);
  g_assert_nonnull (told->signed_peer_record);
  avi_peer_record_open (&record, avi_span_from_bytes (told->signed_peer_record), &error);
  g_assert_no_error (error);
  g_assert_true (avi_peer_id_equal (&record.peer, avi_key_pair_get_peer_id (fixture->under_test.identity)));
  g_assert_cmpuint (record.addresses->len, ==, 1);
  said = avi_multiaddr_to_string (record.addresses->pdata[0]);
  g_assert_cmpstr (said, ==, ours);
}

/* --- what is said of others --- */

/* As kept of the puppet. */
typedef struct
{
  PubsubFixture *fixture;
  GBytes        *bytes;
} Record;

static void
dial (AviEngine *engine, gpointer data)
{
  avi_pubsub_dial (engine->pubsub, data);
}

static void
look_for_record (AviEngine *engine, gpointer data)
{
  Record *record = data;
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, avi_key_pair_get_peer_id (record->fixture->other));

  if (entry->main->info.signed_peer_record != NULL)
    record->bytes = g_bytes_ref (entry->main->info.signed_peer_record);
}

/* The puppet says that @peer is at @port of this machine, in the words of @signer. */
static void
tell (PubsubFixture *fixture, AviKeyPair *peer, AviKeyPair *signer, const char *ip, guint16 port)
{
  g_autofree char *text = core_fixture_format (ip, port, NULL);
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr(GBytes) record = NULL;
  AviGossipsubEvent event = { .type = AVI_GOSSIPSUB_EVENT_DIAL };

  g_ptr_array_add (addresses, address);
  record = avi_peer_record_seal (signer, 1, addresses);
  event.peer = (AviPeerId *) avi_key_pair_get_peer_id (peer);
  event.teller = (AviPeerId *) avi_key_pair_get_peer_id (fixture->other);
  event.record = record;
  core_fixture_inspect (&fixture->under_test, dial, &event);
}

typedef struct
{
  PubsubFixture *fixture;
  AviKeyPair    *peer;
} Wanted;

static gboolean
is_connected (gpointer data)
{
  Wanted *wanted = data;

  return core_fixture_is_connected (&wanted->fixture->under_test, wanted->peer);
}

static void
test_dialled (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) third = avi_key_pair_generate ();
  Wanted wanted = { fixture, third };
  guint16 port;
  int listener = puppet_listen (&port);
  Puppet *puppets[3] = { fixture->puppets[0] };

  tell (fixture, third, third, "127.0.0.1", port);
  puppets[1] = puppet_accept (third, listener, 2);
  puppets_run (puppets, is_connected, &wanted);
  puppet_free (puppets[1]);
  close (listener);
}

static void
test_not_dialled (PubsubFixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) third = avi_key_pair_generate ();
  guint64 before = core_fixture_count (&fixture->under_test, "dials");
  g_autoptr(AviPeerInfo) info = NULL;

  tell (fixture, third, fixture->other, "127.0.0.1", 4001); /* in the words of another */
  tell (fixture, third, third, "0.0.0.0", 4001);            /* nowhere */
  tell (fixture, fixture->other, fixture->other, "127.0.0.1", 4001); /* it is here */
  tell (fixture, fixture->under_test.identity, fixture->under_test.identity, "127.0.0.1", 4001); /* ourselves */
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials"), ==, before);
  info = core_fixture_look (&fixture->under_test, third);
  g_assert_null (info);
}

/* --- a peer's own --- */

static void
push_record (PubsubFixture *fixture, AviKeyPair *signer)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  g_autoptr(GBytes) record = avi_peer_record_seal (signer, 1, none);
  AviIdentify info = { .signed_peer_record = record };

  puppet_push (fixture->puppets[0], &info);
}

static gboolean
has_record (gpointer data)
{
  Record *record = data;

  core_fixture_inspect (&record->fixture->under_test, look_for_record, record);
  return record->bytes != NULL;
}

/* One in another's words is passed over, were it the first to come. */
static void
test_kept (PubsubFixture *fixture, gconstpointer data)
{
  Record kept = { fixture, NULL };
  g_auto(AviPeerRecord) record = { 0 };

  push_record (fixture, fixture->under_test.identity);
  push_record (fixture, fixture->other);
  puppets_run (fixture->puppets, has_record, &kept);
  g_assert_true (avi_peer_record_open (&record, avi_span_from_bytes (kept.bytes), NULL));
  g_assert_true (avi_peer_id_equal (&record.peer, avi_key_pair_get_peer_id (fixture->other)));
  g_bytes_unref (kept.bytes);
}

/* --- direct peers --- */

static void
test_direct (void)
{
  CoreFixture under_test = { 0 };
  g_autoptr(AviKeyPair) other = avi_key_pair_generate ();
  AviGossipsubParams params;
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *address = core_fixture_format ("127.0.0.1", port, other);
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (other));
  const char *peers[] = { id, address, NULL };
  Puppet *puppet;

  avi_gossipsub_params_init (&params);
  g_assert_true (avi_gossipsub_params_set_direct_peers (&params, peers, NULL));
  core_fixture_init (&under_test);
  under_test.settings.pubsub = &params;
  core_fixture_start (&under_test);
  puppet = puppet_accept (other, listener, 1);
  g_assert_nonnull (puppet);
  core_fixture_clear (&under_test);
  puppet_free (puppet);
  avi_gossipsub_params_clear (&params);
  close (listener);
}

#define ADD(path, func) g_test_add (path, PubsubFixture, NULL, pubsub_fixture_set_up, func, pubsub_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/pubsub-peers/we say where we are, signed", test_own_record);
  ADD ("/pubsub-peers/who is said to be somewhere, in its own words, is dialled there", test_dialled);
  ADD ("/pubsub-peers/in another's words, nowhere, here already, or ourselves: nobody is", test_not_dialled);
  ADD ("/pubsub-peers/a peer's record is kept if it is its own", test_kept);
  g_test_add_func ("/pubsub-peers/a direct peer is dialled from the start", test_direct);
  return g_test_run ();
}
