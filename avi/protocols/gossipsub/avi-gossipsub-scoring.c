/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-private.h"

/* Gossipsub 1.1, Peer Scoring: what the router tells the score, and what it does by it. */

static const AviTopicScoreParams *
avi_gossipsub_get_topic_params (gpointer self, AviSipHash hash)
{
  AviGossipsubParams *params = &((AviGossipsub *) self)->params;
  AviGossipsubTopic key = { .hash = hash };
  AviGossipsubTopic *topic = g_hash_table_lookup (((AviGossipsub *) self)->topics, &key);

  return topic != NULL ? avi_gossipsub_params_find_topic (params, topic->name) : &params->topic;
}

static gboolean
avi_gossipsub_counts_copies (const AviGossipsubParams *params)
{
  GHashTableIter iter;
  gpointer topic;

  if (params->topic.mesh_deliveries_weight != 0)
    return TRUE;
  if (params->topics == NULL)
    return FALSE;
  g_hash_table_iter_init (&iter, params->topics);
  while (g_hash_table_iter_next (&iter, NULL, &topic))
    if (((AviTopicScoreParams *) topic)->mesh_deliveries_weight != 0)
      return TRUE;
  return FALSE;
}

static void
avi_gossipsub_read_direct_peers (AviGossipsub *self)
{
  char **peers = self->params.direct_peers;

  for (guint i = 0; peers != NULL && peers[i] != NULL; i++)
    {
      const char *last = strrchr (peers[i], '/');
      AviPeerId *id = g_new0 (AviPeerId, 1);

      /* They were checked when they were set. */
      if (avi_peer_id_parse (last != NULL ? last + 1 : peers[i], id, NULL))
        g_hash_table_add (self->direct, id);
      else
        g_free (id);
    }
}

void
avi_gossipsub_init_scoring (AviGossipsub *self, gint64 now)
{
  self->score = avi_score_new (&self->params.score, avi_gossipsub_get_topic_params, self, AVI_GOSSIPSUB_MAX_RETAINED,
                               now);
  self->serials = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->direct = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, g_free, NULL);
  self->application_scores = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, g_free, g_free);
  self->deliveries = avi_gossipsub_counts_copies (&self->params) ? avi_deliveries_new (AVI_GOSSIPSUB_MAX_DELIVERIES)
                                                                 : NULL;
  self->lies = g_array_new (FALSE, FALSE, sizeof (AviLie));
  avi_gossipsub_read_direct_peers (self);
}

void
avi_gossipsub_clear_scoring (AviGossipsub *self)
{
  g_array_unref (self->lies);
  g_clear_pointer (&self->deliveries, avi_deliveries_free);
  g_hash_table_unref (self->application_scores);
  g_hash_table_unref (self->direct);
  g_hash_table_unref (self->serials);
  avi_score_free (self->score);
}

void
avi_gossipsub_begin_account (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  const double *application = g_hash_table_lookup (self->application_scores, &peer->id);

  g_hash_table_insert (self->serials, &peer->serial, peer);
  peer->direct = g_hash_table_contains (self->direct, &peer->id);
  peer->scores = self->score;
  peer->score = avi_score_add (self->score, &peer->id, now);
  if (application != NULL)
    avi_score_set_application (self->score, peer->score, *application);
}

void
avi_gossipsub_end_account (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  g_hash_table_remove (self->serials, &peer->serial);
  avi_score_remove (self->score, g_steal_pointer (&peer->score), now);
}

AviGossipsubPeer *
avi_gossipsub_find_serial (AviGossipsub *self, guint64 serial)
{
  return g_hash_table_lookup (self->serials, &serial);
}

void
avi_gossipsub_place (AviGossipsub *self, AviGossipsubMember *member, AviMemberPlace place, gint64 now)
{
  if (place == AVI_MEMBER_MESH && member->place != AVI_MEMBER_MESH)
    avi_score_graft (self->score, member->peer->score, member->topic->hash, now);
  else if (place != AVI_MEMBER_MESH && member->place == AVI_MEMBER_MESH)
    avi_score_prune (self->score, member->peer->score, member->topic->hash, now);
  avi_gossipsub_member_set_place (member, place);
}

/* --- messages --- */

void
avi_gossipsub_score_first (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic, AviMessageId id, gint64 now)
{
  AviGossipsubPeer *peer = avi_gossipsub_find_serial (self, serial);
  gint64 since;

  if (peer != NULL)
    avi_score_first (self->score, peer->score, topic->hash, now);
  if (self->deliveries == NULL)
    return;
  avi_deliveries_begin (self->deliveries, id, now);
  avi_deliveries_add (self->deliveries, id, serial, &since);
}

void
avi_gossipsub_score_again (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic, AviMessageId id, gint64 now)
{
  AviGossipsubPeer *peer = self->deliveries != NULL ? avi_gossipsub_find_serial (self, serial) : NULL;
  gint64 since;

  if (peer != NULL && avi_deliveries_add (self->deliveries, id, serial, &since))
    avi_score_again (self->score, peer->score, topic->hash, since, now);
}

void
avi_gossipsub_score_invalid (AviGossipsub *self, guint64 serial, AviGossipsubTopic *topic, gint64 now)
{
  AviGossipsubPeer *peer = avi_gossipsub_find_serial (self, serial);

  if (peer == NULL || peer->direct)
    return;
  avi_score_invalid (self->score, peer->score, topic->hash, now);
  avi_gossipsub_wake (self, now);
}

/* --- who is dealt with how --- */

gboolean
avi_gossipsub_is_graylisted (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now)
{
  return avi_gossipsub_peer_get_score (peer, now) < self->params.graylist_threshold;
}

gboolean
avi_gossipsub_gossips_with (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now)
{
  return avi_gossipsub_peer_get_score (peer, now) >= self->params.gossip_threshold;
}

gboolean
avi_gossipsub_is_worth_publishing_to (AviGossipsub *self, const AviGossipsubPeer *peer, gint64 now)
{
  return avi_gossipsub_peer_get_score (peer, now) >= self->params.publish_threshold;
}

gboolean
avi_gossipsub_is_addressed (AviGossipsub *self, const AviGossipsubMember *member)
{
  return member->subscribed
         && (self->params.flood_publish || member->peer->direct || member->place != AVI_MEMBER_OUTSIDE
             || !avi_gossipsub_peer_has_mesh (member->peer));
}

gboolean
avi_gossipsub_publishes_to (AviGossipsub *self, const AviGossipsubMember *member, gint64 now)
{
  return avi_gossipsub_is_addressed (self, member)
         && (member->peer->direct || member->place == AVI_MEMBER_MESH
             || avi_gossipsub_is_worth_publishing_to (self, member->peer, now));
}

gboolean
avi_gossipsub_forwards_to (AviGossipsub *self, const AviGossipsubMember *member, gint64 now)
{
  const AviGossipsubPeer *peer = member->peer;

  if (member->place == AVI_MEMBER_MESH)
    return TRUE;
  return member->subscribed
         && (peer->direct
             || (peer->kind == AVI_GOSSIPSUB_PEER_FLOODSUB && avi_gossipsub_is_worth_publishing_to (self, peer, now)));
}

/* --- slowness and misbehaviour --- */

void
avi_gossipsub_found_slow (AviGossipsub *self, AviGossipsubPeer *peer, gint64 now)
{
  peer->slow_until = self->slow_until = now + AVI_GOSSIPSUB_SLOW_TIME;
  if (!peer->found_slow)
    avi_score_slow (self->score, peer->score, now);
  peer->found_slow = TRUE;
}

void
avi_gossipsub_offend (AviGossipsub *self, AviGossipsubPeer *peer, AviGossipsubOffence offence, gint64 now)
{
  if (peer->direct || (peer->offences & offence) != 0)
    return;
  peer->offences |= offence;
  self->statistics.offences++;
  avi_score_misbehaved (self->score, peer->score, 1, now);
  avi_gossipsub_wake (self, now);
}

void
avi_gossipsub_check_promises (AviGossipsub *self, gint64 now)
{
  g_array_set_size (self->lies, 0);
  self->statistics.broken_promises += avi_promises_heartbeat (self->promises, now, self->lies);
  for (guint i = 0; i < self->lies->len; i++)
    {
      const AviLie *lie = &g_array_index (self->lies, AviLie, i);
      AviGossipsubPeer *peer = avi_gossipsub_find_serial (self, lie->peer);

      /* Who has been silent since is asleep, or its link is bad. */
      if (peer != NULL && peer->heard > lie->since)
        avi_gossipsub_offend (self, peer, AVI_OFFENCE_PROMISE, now);
    }
}

/* --- what is known from outside --- */

void
avi_gossipsub_set_link (AviGossipsub *self, const AviPeerId *id, gboolean outbound, guint64 network)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (peer == NULL)
    return;
  peer->outbound = outbound;
  avi_score_set_network (self->score, peer->score, network);
}

/* FALSE: there is no room. */
static gboolean
avi_gossipsub_keep_application_score (AviGossipsub *self, const AviPeerId *id, double value)
{
  if (value == 0)
    {
      g_hash_table_remove (self->application_scores, id);
      return TRUE;
    }
  if (g_hash_table_size (self->application_scores) >= AVI_GOSSIPSUB_MAX_APPLICATION_SCORES
      && !g_hash_table_contains (self->application_scores, id))
    return FALSE;
  g_hash_table_replace (self->application_scores, g_memdup2 (id, sizeof *id), g_memdup2 (&value, sizeof value));
  return TRUE;
}

gboolean
avi_gossipsub_set_application_score (AviGossipsub *self, const AviPeerId *id, double value, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  if (!avi_gossipsub_keep_application_score (self, id, value))
    return FALSE;
  if (peer != NULL)
    {
      avi_score_set_application (self->score, peer->score, value);
      avi_gossipsub_wake (self, now);
    }
  return TRUE;
}

double
avi_gossipsub_get_score (AviGossipsub *self, const AviPeerId *id, gint64 now)
{
  AviGossipsubPeer *peer = g_hash_table_lookup (self->peers, id);

  return peer != NULL ? avi_gossipsub_peer_get_score (peer, now) : 0;
}
