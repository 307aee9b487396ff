/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the swarm's three files share: the table of peers (avi-swarm.c), which connection is used
 * (avi-swarm-connections.c), whom to dial and when (avi-swarm-dialling.c).
 */
#pragma once

#include "avi-swarm.h"

G_BEGIN_DECLS

struct _AviSwarm
{
  AviEngine  *engine;
  GHashTable *peers;       /* AviPeerId → AviPeerEntry */
  guint       n_connected; /* entries with a main connection to a peer that speaks Avi */
  gint64      own_conflict_told; /* when a node with our own key was last seen; 0: never */
  GPtrArray  *program_dials; /* of ProgramDial: to addresses without a peer id */
};

/* NULL where the table is full of connected peers. */
AviPeerEntry *avi_swarm_ensure     (AviSwarm *self, const AviPeerId *peer);
/* Puts the entry's state into the snapshot, and tells the program. */
void          avi_swarm_tell       (AviSwarm *self, AviPeerEntry *entry, AviEventType event);
/* The same for what is not worth waking a program. */
void          avi_swarm_tell_nobody (AviSwarm *self, AviPeerEntry *entry);
/* Forgets the entry if nothing is known that could lead to the peer again. */
void          avi_swarm_forget_if_lost (AviSwarm *self, AviPeerEntry *entry);

/* Dials if there is a reason and nothing against it: now, or when the back-off allows. */
void          avi_swarm_schedule   (AviSwarm *self, AviPeerEntry *entry);
/* Likewise for every peer: there is room again. */
void          avi_swarm_schedule_all (AviSwarm *self);
/* A dial that is under way tries what has become known since, too. */
void          avi_swarm_extend_dial (AviSwarm *self, AviPeerEntry *entry);
/* At once, whatever the back-off. */
void          avi_swarm_dial_now   (AviSwarm *self, AviPeerEntry *entry);
void          avi_swarm_answer_calls (AviSwarm *self, AviPeerEntry *entry, const GError *error);

G_END_DECLS
