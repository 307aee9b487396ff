/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"

static void
set_up (Gossip *g, gconstpointer data)
{
  gossip_set_up (g, data);
  avi_gossipsub_subscribe (g->router, "chat", g->now);
}

static void
give_score (Gossip *g, guint peer, double score)
{
  avi_gossipsub_set_application_score (g->router, gossip_id (peer), score, g->now);
}

/* Each with a record of so many bytes. */
static void
add_with_records (Gossip *g, guint n, gsize size)
{
  g_autofree guint8 *bytes = g_malloc0 (size + 1);
  g_autoptr(GBytes) record = g_bytes_new (bytes, size);

  gossip_add_subscribers (g, 1, n, "chat");
  for (guint i = 1; i <= n; i++)
    avi_gossipsub_set_record (g->router, gossip_id (i), record);
}

/* Who is in the mesh fills it, then one more comes. */
static void
turn_away (Gossip *g, guint number)
{
  for (guint i = 1; i <= 12; i++)
    gossip_say_graft (g, i, "chat");
  gossip_forget (g);
  g->n_named = 0;
  gossip_say_graft (g, number, "chat");
  gossip_pump (g);
}

static void
test_told (Gossip *g, gconstpointer data)
{
  g_autofree char *line = NULL;

  add_with_records (g, 14, 100);
  give_score (g, 3, -1);
  turn_away (g, 13);
  gossip_assert_sent (g, "13 prune chat for 60 s");
  g_assert_cmpuint (g->n_named, ==, 12); /* all but itself and 3 */
  g_assert_cmpuint (gossip_statistics (g).px_told, ==, 12);
}

static void
test_not_told (Gossip *g, gconstpointer data)
{
  add_with_records (g, 14, 100);
  give_score (g, 13, -1);
  turn_away (g, 13);
  gossip_assert_sent (g, "13 prune chat for 60 s");
  g_assert_cmpuint (g->n_named, ==, 0);
}

static void
test_old_protocol (Gossip *g, gconstpointer data)
{
  add_with_records (g, 12, 100);
  gossip_add_speaking (g, 13, AVI_GOSSIPSUB_PROTOCOL_1_0);
  turn_away (g, 13);
  gossip_assert_sent (g, "13 prune chat");
  g_assert_cmpuint (g->n_named, ==, 0);
}

static void
test_bounds (Gossip *g, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (AVI_GOSSIPSUB_MAX_RECORD + 1);
  g_autoptr(GBytes) large = g_bytes_new (bytes, AVI_GOSSIPSUB_MAX_RECORD + 1);
  AviGossipsubPeer *peer;

  add_with_records (g, 14, AVI_GOSSIPSUB_MAX_RECORD);
  peer = g_hash_table_lookup (g->router->peers, gossip_id (14));
  g_assert_cmpuint (g_bytes_get_size (peer->record), ==, AVI_GOSSIPSUB_MAX_RECORD);
  turn_away (g, 13);
  g_assert_cmpuint (g->n_named, ==, 4); /* AVI_GOSSIPSUB_MAX_EXCHANGE */
  avi_gossipsub_set_record (g->router, gossip_id (14), large); /* the old one stays */
  g_assert_cmpuint (g_bytes_get_size (peer->record), ==, AVI_GOSSIPSUB_MAX_RECORD);
}

/* Peers from @first on, with a record where @size is not 0. */
static void
say_prune (Gossip *g, guint from, guint first, guint n, gsize size)
{
  Avi__Wire__ControlMessage control = AVI__WIRE__CONTROL_MESSAGE__INIT;
  Avi__Wire__ControlPrune prune = AVI__WIRE__CONTROL_PRUNE__INIT;
  Avi__Wire__ControlPrune *prunes[] = { &prune };
  g_autofree Avi__Wire__PeerInfo *infos = g_new (Avi__Wire__PeerInfo, n);
  g_autofree Avi__Wire__PeerInfo **pointers = g_new (Avi__Wire__PeerInfo *, n);
  g_autofree guint8 *record = g_malloc0 (size + 1);

  for (guint i = 0; i < n; i++)
    {
      AviSpan id = avi_peer_id_get_bytes (gossip_id (first + i));

      infos[i] = (Avi__Wire__PeerInfo) AVI__WIRE__PEER_INFO__INIT;
      infos[i].has_peer_id = TRUE;
      infos[i].peer_id = (ProtobufCBinaryData) { id.len, id.data };
      infos[i].has_signed_peer_record = size > 0;
      infos[i].signed_peer_record = (ProtobufCBinaryData) { size, record };
      pointers[i] = &infos[i];
    }
  prune.has_topic = TRUE;
  prune.topic = gossip_text ("chat");
  prune.n_peers = n;
  prune.peers = pointers;
  control.n_prune = 1;
  control.prune = prunes;
  gossip_say_control (g, from, &control);
}

static void
test_taken (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 2, "chat");
  give_score (g, 1, 9.9);
  gossip_forget (g);
  say_prune (g, 1, 50, 1, 100);
  gossip_assert_told (g, ""); /* accept-px-threshold is 10 */
  give_score (g, 1, 10);
  say_prune (g, 1, 50, 2, 100);
  gossip_assert_told (g, "dial 50, with a record; dial 51, with a record");
  say_prune (g, 1, 0, 4, 0); /* ourselves, the one who says so, one that is here, and another */
  gossip_assert_told (g, "dial 3");
}

static void
test_few_are_taken (Gossip *g, gconstpointer data)
{
  gossip_add_subscribers (g, 1, 1, "chat");
  give_score (g, 1, 10);
  gossip_forget (g);
  say_prune (g, 1, 50, 20, 0);
  say_prune (g, 1, 80, 20, 0);
  gossip_pump (g);
  g_assert_cmpuint (g->told->len, ==, AVI_GOSSIPSUB_MAX_EXCHANGED);
  g_assert_cmpuint (gossip_statistics (g).limit_drops, ==, 40 - AVI_GOSSIPSUB_MAX_EXCHANGED);
  gossip_wait (g, SECOND);
  say_prune (g, 1, 80, 20, AVI_GOSSIPSUB_MAX_RECORD + 1); /* too large */
  gossip_pump (g);
  g_assert_cmpuint (g->told->len, ==, AVI_GOSSIPSUB_MAX_EXCHANGED);
  say_prune (g, 1, 80, 20, 0);
  gossip_pump (g);
  g_assert_cmpuint (g->told->len, ==, 2 * AVI_GOSSIPSUB_MAX_EXCHANGED);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void      (*run) (Gossip *, gconstpointer);
  } tests[] = {
    { "who is turned away hears of others, but not of bad ones", test_told },
    { "who has a bad score hears of nobody", test_not_told },
    { "nor does who speaks 1.0", test_old_protocol },
    { "records are bounded, and so is what a PRUNE says", test_bounds },
    { "only who is very good is believed", test_taken },
    { "few are taken in a heartbeat", test_few_are_taken },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/gossipsub-px/", tests[i].path, NULL);

      g_test_add (path, Gossip, NULL, set_up, tests[i].run, gossip_tear_down);
    }
  return g_test_run ();
}
