/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviGossipsubTopic and AviGossipsubMember: who has to do with which topic. A member is one peer in
 * one topic: whether it subscribes, whether it is in our mesh or fanout there, and until when we
 * back off from grafting it. Mesh and fanout are thus no lists of their own that could disagree
 * with the subscriptions. Used by the router's files only.
 */
#pragma once

#include "avi-gossipsub-peer.h"
#include "avi-topic-counts.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_MEMBER_OUTSIDE,
  AVI_MEMBER_MESH,   /* only in topics of ours */
  AVI_MEMBER_FANOUT, /* only in others, that we publish to */
  AVI_MEMBER_N_PLACES
} AviMemberPlace;

/* What was counted of a topic and not told yet. */
typedef struct
{
  GRefString    *topic;
  AviTopicCounts counts;
  gboolean       abandoned; /* the topic is gone */
} AviGossipsubTally;

struct _AviGossipsubTopic
{
  /* The hash of the name under the router's secret, and the name: the key in its table. */
  AviSipHash  hash;
  GRefString *name;

  /* AviGossipsubMember, owned, in no order. */
  GPtrArray  *members;
  guint       n_subscribers;
  guint       n_placed[AVI_MEMBER_N_PLACES];

  /* We subscribe. */
  gboolean    subscribed;
  /* AviGossipsubTopicFlags: how the program has it. */
  guint       flags;
  /* µs; when the fanout ends unless we publish again. 0: there is none. */
  gint64      fanout_until;
  /* In the router's list of those to be told; NULL: nothing was counted. */
  AviGossipsubTally *tally;
  /* An event about its subscribers is on its way, for which the topic stays. */
  gboolean    announced;
};

struct _AviGossipsubMember
{
  AviGossipsubTopic *topic;
  AviGossipsubPeer  *peer;
  guint              index; /* in topic->members */
  gboolean           subscribed;
  AviMemberPlace     place;
  gint64             backoff_until; /* µs; 0: none */
};

typedef gboolean (*AviMemberFilter) (const AviGossipsubMember *member, gint64 now);

AviGossipsubTopic  *avi_gossipsub_topic_new   (AviSipHash hash, AviSpan name);
void                avi_gossipsub_topic_free  (AviGossipsubTopic *self);
/* For a hash table keyed by `const AviGossipsubTopic *`, of which only hash and name are looked at. */
guint               avi_gossipsub_topic_hash  (gconstpointer self);
gboolean            avi_gossipsub_topic_equal (gconstpointer a, gconstpointer b);
/* We subscribe to it, publish on it, or have set flags. */
gboolean            avi_gossipsub_topic_is_ours   (const AviGossipsubTopic *self);
/* Nobody has to do with it, and neither have we. */
gboolean            avi_gossipsub_topic_is_unused (const AviGossipsubTopic *self);

/* Up to @n members that pass @filter, at random, into @out (not owned; emptied first). */
void                avi_gossipsub_topic_pick  (AviGossipsubTopic *self, AviMemberFilter filter, gint64 now,
                                               guint n, AviRandom *random, GPtrArray *out);
gboolean            avi_gossipsub_topic_has   (AviGossipsubTopic *self, AviMemberFilter filter, gint64 now);

AviGossipsubMember *avi_gossipsub_member_new            (AviGossipsubTopic *topic, AviGossipsubPeer *peer);
/* NULL: that peer has nothing to do with the topic. */
AviGossipsubMember *avi_gossipsub_member_find           (AviGossipsubTopic *topic, AviGossipsubPeer *peer);
/* For a set of the members of one peer: which topic it is decides. */
guint               avi_gossipsub_member_hash           (gconstpointer self);
gboolean            avi_gossipsub_member_equal          (gconstpointer a, gconstpointer b);
/* Takes it out of topic and peer. */
void                avi_gossipsub_member_free           (AviGossipsubMember *self);
void                avi_gossipsub_member_set_subscribed (AviGossipsubMember *self, gboolean subscribed);
void                avi_gossipsub_member_set_place      (AviGossipsubMember *self, AviMemberPlace place);
/* Nothing is to be known about it any more. */
gboolean            avi_gossipsub_member_is_stale       (const AviGossipsubMember *self, gint64 now);

/* Filters. */
gboolean            avi_gossipsub_member_is_in_mesh     (const AviGossipsubMember *self, gint64 now);
/* Subscribed, speaks gossipsub, is neither in mesh nor fanout, and not direct. */
gboolean            avi_gossipsub_member_is_candidate   (const AviGossipsubMember *self, gint64 now);
/* The same, there is nothing against it, and we do not back off from it. */
gboolean            avi_gossipsub_member_is_graftable   (const AviGossipsubMember *self, gint64 now);
/* The same, and we dialled it. */
gboolean            avi_gossipsub_member_is_outbound_graftable (const AviGossipsubMember *self, gint64 now);

G_END_DECLS
