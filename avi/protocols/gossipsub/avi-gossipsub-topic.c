/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-gossipsub-topic.h"

/* The other end counts from when it sent its PRUNE, or had ours: who grafts on the dot is early. */
#define BACKOFF_SLACK G_USEC_PER_SEC

AviGossipsubTopic *
avi_gossipsub_topic_new (AviSipHash hash, AviSpan name)
{
  AviGossipsubTopic *self = g_new0 (AviGossipsubTopic, 1);

  self->hash = hash;
  self->name = g_ref_string_new_len ((const char *) name.data, name.len);
  self->members = g_ptr_array_new ();
  return self;
}

/* Its members are gone before. */
void
avi_gossipsub_topic_free (AviGossipsubTopic *self)
{
  if (self->tally != NULL)
    self->tally->abandoned = TRUE;
  g_ptr_array_unref (self->members);
  g_ref_string_release (self->name);
  g_free (self);
}

guint
avi_gossipsub_topic_hash (gconstpointer self)
{
  return (guint) ((const AviGossipsubTopic *) self)->hash.lo;
}

/* The hash is as good as the name: nobody outside knows its secret. */
gboolean
avi_gossipsub_topic_equal (gconstpointer a, gconstpointer b)
{
  return avi_sip_hash_equal (((const AviGossipsubTopic *) a)->hash, ((const AviGossipsubTopic *) b)->hash);
}

gboolean
avi_gossipsub_topic_is_ours (const AviGossipsubTopic *self)
{
  return self->subscribed || self->flags != 0 || self->fanout_until != 0;
}

gboolean
avi_gossipsub_topic_is_unused (const AviGossipsubTopic *self)
{
  return !avi_gossipsub_topic_is_ours (self) && self->members->len == 0 && !self->announced;
}

void
avi_gossipsub_topic_pick (AviGossipsubTopic *self, AviMemberFilter filter, gint64 now, guint n, AviRandom *random,
                          GPtrArray *out)
{
  g_ptr_array_set_size (out, 0);
  for (guint i = 0; i < self->members->len; i++)
    if (filter (self->members->pdata[i], now))
      g_ptr_array_add (out, self->members->pdata[i]);

  if (out->len <= n)
    return;
  for (guint i = 0; i < n; i++)
    {
      guint other = i + avi_random_below (random, out->len - i);
      gpointer picked = out->pdata[other];

      out->pdata[other] = out->pdata[i];
      out->pdata[i] = picked;
    }
  g_ptr_array_set_size (out, n);
}

gboolean
avi_gossipsub_topic_has (AviGossipsubTopic *self, AviMemberFilter filter, gint64 now)
{
  for (guint i = 0; i < self->members->len; i++)
    if (filter (self->members->pdata[i], now))
      return TRUE;
  return FALSE;
}

AviGossipsubMember *
avi_gossipsub_member_new (AviGossipsubTopic *topic, AviGossipsubPeer *peer)
{
  AviGossipsubMember *self = g_new0 (AviGossipsubMember, 1);

  self->topic = topic;
  self->peer = peer;
  self->index = topic->members->len;
  g_ptr_array_add (topic->members, self);
  topic->n_placed[AVI_MEMBER_OUTSIDE]++;
  g_hash_table_add (peer->members, self);
  return self;
}

AviGossipsubMember *
avi_gossipsub_member_find (AviGossipsubTopic *topic, AviGossipsubPeer *peer)
{
  AviGossipsubMember key = { .topic = topic };

  return g_hash_table_lookup (peer->members, &key);
}

guint
avi_gossipsub_member_hash (gconstpointer self)
{
  return avi_gossipsub_topic_hash (((const AviGossipsubMember *) self)->topic);
}

gboolean
avi_gossipsub_member_equal (gconstpointer a, gconstpointer b)
{
  return ((const AviGossipsubMember *) a)->topic == ((const AviGossipsubMember *) b)->topic;
}

void
avi_gossipsub_member_free (AviGossipsubMember *self)
{
  GPtrArray *members = self->topic->members;

  avi_gossipsub_member_set_subscribed (self, FALSE);
  self->topic->n_placed[self->place]--;
  g_hash_table_remove (self->peer->members, self);
  g_ptr_array_remove_index_fast (members, self->index);
  if (self->index < members->len)
    ((AviGossipsubMember *) members->pdata[self->index])->index = self->index;
  g_free (self);
}

void
avi_gossipsub_member_set_subscribed (AviGossipsubMember *self, gboolean subscribed)
{
  if (self->subscribed == subscribed)
    return;
  self->subscribed = subscribed;
  self->topic->n_subscribers += subscribed ? 1 : -1;
}

void
avi_gossipsub_member_set_place (AviGossipsubMember *self, AviMemberPlace place)
{
  self->topic->n_placed[self->place]--;
  self->place = place;
  self->topic->n_placed[place]++;
}

static gboolean
avi_gossipsub_member_backs_off (const AviGossipsubMember *self, gint64 now)
{
  return self->backoff_until != 0 && self->backoff_until + BACKOFF_SLACK > now;
}

gboolean
avi_gossipsub_member_is_stale (const AviGossipsubMember *self, gint64 now)
{
  return !self->subscribed && self->place == AVI_MEMBER_OUTSIDE && !avi_gossipsub_member_backs_off (self, now);
}

gboolean
avi_gossipsub_member_is_in_mesh (const AviGossipsubMember *self, gint64 now)
{
  return self->place == AVI_MEMBER_MESH;
}

gboolean
avi_gossipsub_member_is_candidate (const AviGossipsubMember *self, gint64 now)
{
  return self->subscribed && self->place == AVI_MEMBER_OUTSIDE && avi_gossipsub_peer_has_mesh (self->peer)
         && !self->peer->direct;
}

gboolean
avi_gossipsub_member_is_graftable (const AviGossipsubMember *self, gint64 now)
{
  return avi_gossipsub_member_is_candidate (self, now) && !avi_gossipsub_member_backs_off (self, now)
         && avi_gossipsub_peer_get_score (self->peer, now) >= 0;
}

gboolean
avi_gossipsub_member_is_outbound_graftable (const AviGossipsubMember *self, gint64 now)
{
  return self->peer->outbound && avi_gossipsub_member_is_graftable (self, now);
}
