/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-peer.h"
#include "protocols/gossipsub/avi-gossipsub.h"

#define MAX_QUEUE 100

static AviGossipsubPeer *
peer_new (void)
{
  AviPeerId id;

  avi_peer_id_from_public_key (AVI_SPAN_STRING ("a key"), &id);
  return avi_gossipsub_peer_new (&id, 7, MAX_QUEUE);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviGossipsubPeer, avi_gossipsub_peer_free)

static void
test_new (void)
{
  g_autoptr(AviGossipsubPeer) peer = peer_new ();
  AviPeerId id;

  avi_peer_id_from_public_key (AVI_SPAN_STRING ("a key"), &id);
  g_assert_true (avi_peer_id_equal (&peer->id, &id));
  g_assert_cmpuint (peer->serial, ==, 7);
  g_assert_cmpint (peer->kind, ==, AVI_GOSSIPSUB_PEER_HEARD);
  g_assert_false (avi_gossipsub_peer_has_mesh (peer));
  g_assert_false (peer->ready);
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_UNKNOWN);
  g_assert_cmpuint (g_hash_table_size (peer->members), ==, 0);
  g_assert_true (avi_rpc_queue_is_empty (&peer->queue));
  g_assert_false (peer->is_sending);
  g_assert_true (peer->sending.data == peer);
}

static void
test_protocols (void)
{
  static const struct
  {
    const char          *protocol;
    AviGossipsubPeerKind kind;
    gboolean             has_mesh;
  } cases[] = {
    { "/meshsub/1.3.0", AVI_GOSSIPSUB_PEER_MESH_1_3, TRUE },
    { "/meshsub/1.2.0", AVI_GOSSIPSUB_PEER_MESH_1_2, TRUE },
    { "/meshsub/1.1.0", AVI_GOSSIPSUB_PEER_MESH_1_1, TRUE },
    { "/meshsub/1.0.0", AVI_GOSSIPSUB_PEER_MESH_1_0, TRUE },
    { "/floodsub/1.0.0", AVI_GOSSIPSUB_PEER_FLOODSUB, FALSE },
    { "/meshsub/1.4.0", AVI_GOSSIPSUB_PEER_FLOODSUB, FALSE },
    { "/meshsub/1.1.0 ", AVI_GOSSIPSUB_PEER_FLOODSUB, FALSE },
    { "", AVI_GOSSIPSUB_PEER_FLOODSUB, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(AviGossipsubPeer) peer = peer_new ();

      avi_gossipsub_peer_set_protocol (peer, cases[i].protocol);
      g_assert_cmpint (peer->kind, ==, cases[i].kind);
      g_assert_cmpint (avi_gossipsub_peer_has_mesh (peer), ==, cases[i].has_mesh);
    }
}

static void
test_id_form (void)
{
  g_autoptr(AviGossipsubPeer) peer = peer_new ();

  /* By its name, which may change as identify tells more, */
  avi_gossipsub_peer_set_agent (peer, "rust-libp2p/0.54");
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_TEXT);
  avi_gossipsub_peer_set_agent (peer, "js-libp2p/1.0");
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_KEY);
  avi_gossipsub_peer_set_agent (peer, NULL);
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_UNKNOWN);

  /* until it was heard, */
  avi_gossipsub_peer_heard_form (peer, AVI_MESSAGE_ID_PLAIN);
  avi_gossipsub_peer_set_agent (peer, "rust-libp2p/0.54");
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_PLAIN);

  /* and what was heard last counts. */
  avi_gossipsub_peer_heard_form (peer, AVI_MESSAGE_ID_TEXT);
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_TEXT);
}

static void
test_heartbeat (void)
{
  g_autoptr(AviGossipsubPeer) peer = peer_new ();

  peer->ihave_rpcs = peer->ids_asked_of_it = peer->ids_asked_by_it = 5;
  peer->ready = TRUE;
  avi_gossipsub_peer_set_protocol (peer, AVI_GOSSIPSUB_PROTOCOL_1_1);
  avi_gossipsub_peer_heard_form (peer, AVI_MESSAGE_ID_TEXT);
  avi_gossipsub_peer_heartbeat (peer);
  g_assert_cmpuint (peer->ihave_rpcs, ==, 0);
  g_assert_cmpuint (peer->ids_asked_of_it, ==, 0);
  g_assert_cmpuint (peer->ids_asked_by_it, ==, 0);
  g_assert_true (peer->ready);
  g_assert_cmpint (peer->kind, ==, AVI_GOSSIPSUB_PEER_MESH_1_1);
  g_assert_cmpint (peer->id_form, ==, AVI_MESSAGE_ID_TEXT);
}

static void
test_queue (void)
{
  g_autoptr(AviGossipsubPeer) peer = peer_new ();
  AviRpcQueueDropped dropped = { NULL };
  const guint8 fields[MAX_QUEUE] = { 0 };
  const gsize share = MAX_QUEUE / AVI_RPC_QUEUE_GOSSIP_SHARE;

  g_assert_false (avi_rpc_queue_gossip (&peer->queue, AVI_SPAN (fields, share + 1), &dropped));
  g_assert_true (avi_rpc_queue_gossip (&peer->queue, AVI_SPAN (fields, share), &dropped));

  /* What is left there goes with the peer: the sanitizer would see it. */
  g_assert_false (avi_rpc_queue_is_empty (&peer->queue));
}

#define ADD(what, func) g_test_add_func ("/gossipsub-peer/" what, func)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("is only heard of at first", test_new);
  ADD ("has a mesh by the protocol that was agreed", test_protocols);
  ADD ("uses the form of ids that was heard, else the one of its name", test_id_form);
  ADD ("may ask anew after a heartbeat", test_heartbeat);
  ADD ("has a queue of the size that it was given", test_queue);
  return g_test_run ();
}
