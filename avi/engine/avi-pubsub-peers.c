/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the router is to know of its peers' connections, and whom it wants to be connected with.
 */
#include "config.h"

#include "avi-error.h"
#include "avi-pubsub-private.h"
#include "avi-swarm.h"
#include "protocols/avi-peer-record.h"

#define IP4_NETWORK (G_GUINT64_CONSTANT (1) << 63)

/* Of a host out in the world, what it cannot have many of: an IPv4 address, an IPv6 /64. On this machine and in a home
 * there are many behind one address as a matter of course (programs, containers, a router's own): 0. */
static guint64
avi_pubsub_get_network (AviPubsub          *self,
                        const AviMultiaddr *remote)
{
  AviMultiaddrIter iter = { 0 };
  guint64 network = 0;
  guint32 address;

  if (avi_multiaddr_get_scope (remote) != AVI_MULTIADDR_PUBLIC || avi_lan_is_near (self->engine->lan, remote)
      || !avi_multiaddr_next (remote, &iter))
    return 0;
  if (iter.protocol == AVI_MULTIADDR_IP4)
    {
      memcpy (&address, iter.value.data, sizeof address);
      return IP4_NETWORK | address;
    }
  if (iter.protocol == AVI_MULTIADDR_IP6)
    memcpy (&network, iter.value.data, sizeof network);
  return network & ~IP4_NETWORK;
}

void
avi_pubsub_describe (AviPubsub    *self,
                     AviPeerEntry *entry)
{
  if (entry->main == NULL)
    return;
  avi_gossipsub_set_link (self->router, &entry->id, !entry->main->inbound,
                          avi_pubsub_get_network (self, entry->main->remote));
  avi_gossipsub_set_record (self->router, &entry->id, entry->main->info.signed_peer_record);
}

void
avi_pubsub_set_score (AviPubsub       *self,
                      const AviPeerId *peer,
                      double           score)
{
  avi_gossipsub_set_application_score (self->router, peer, score, avi_loop_now (self->engine->loop));
}

void
avi_pubsub_set_scores (AviPubsub  *self,
                       GHashTable *scores)
{
  GHashTableIter iter;
  gpointer peer, score;

  g_hash_table_iter_init (&iter, scores);
  while (g_hash_table_iter_next (&iter, &peer, &score))
    avi_pubsub_set_score (self, peer, *(double *) score);
}

/* Where a peer is, by its own word, which another has passed on. */
void
avi_pubsub_dial (AviPubsub               *self,
                 const AviGossipsubEvent *event)
{
  g_auto(AviPeerRecord) record = { 0 };
  g_autoptr(GError) error = NULL;

  if (event->record != NULL && !avi_peer_record_open (&record, avi_span_from_bytes (event->record), &error))
    avi_engine_log (self->engine, event->teller, NULL, "pub/sub: %s", error->message);
  else if (event->record != NULL && !avi_peer_id_equal (&record.peer, event->peer))
    avi_engine_log (self->engine, event->teller, NULL, "pub/sub: the record of one peer given for another's");
  else
    avi_swarm_heard_of (self->engine->swarm, event->teller, event->peer, record.addresses);
}

/* All addresses given for @peer: (transfer full) */
static GPtrArray *
avi_pubsub_list_direct (char           **texts,
                        const AviPeerId *peer)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_autoptr(AviMultiaddr) address = texts[i][0] == '/' ? avi_multiaddr_parse (texts[i], NULL) : NULL;
      AviPeerId other;

      if (address != NULL && avi_multiaddr_get_peer (address, &other) && avi_peer_id_equal (&other, peer))
        g_ptr_array_add (addresses, g_steal_pointer (&address));
    }
  return addresses;
}

void
avi_pubsub_dial_direct (AviPubsub *self)
{
  const AviGossipsubParams *params = self->engine->settings->pubsub;
  char **texts = params != NULL ? params->direct_peers : NULL;

  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      g_autoptr(AviMultiaddr) address = texts[i][0] == '/' ? avi_multiaddr_parse (texts[i], NULL) : NULL;
      g_autoptr(GPtrArray) addresses = NULL;
      AviPeerId peer;

      if (address == NULL || !avi_multiaddr_get_peer (address, &peer))
        continue;
      addresses = avi_pubsub_list_direct (texts, &peer);
      avi_swarm_found (self->engine->swarm, &peer, NULL, addresses, AVI_SOURCE_BOOTSTRAP);
    }
}
