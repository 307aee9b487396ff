/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviSwarm: all peers that are known, and what is decided about them: whom to dial and when, which
 * of several connections is used, when a peer counts as connected, when it is forgotten. Tells the
 * core of each change. It knows no bytes.
 */
#pragma once

#include "avi-peer-entry.h"

G_BEGIN_DECLS

#define AVI_SWARM_MAX_PEERS 1024 /* known; unconnected ones are forgotten first */

AviSwarm     *avi_swarm_new    (AviEngine *engine);
/* Ends all dials, answers all calls, closes all connections. */
void          avi_swarm_stop   (AviSwarm *self);
void          avi_swarm_free   (AviSwarm *self);
AviPeerEntry *avi_swarm_lookup (AviSwarm *self, const AviPeerId *peer);

/* The life of a connection, told by AviConnection. */
gboolean avi_swarm_admit         (AviSwarm *self, AviConnection *connection, GError **error);
void     avi_swarm_closed        (AviSwarm *self, AviConnection *connection);
void     avi_swarm_going_away    (AviSwarm *self, AviConnection *connection);
/* The peer said who it is, for the first time or by a push. */
void     avi_swarm_take_identify (AviSwarm *self, AviConnection *connection, const AviIdentify *info);
/* The peer does not say: go on without. */
void     avi_swarm_identified    (AviSwarm *self, AviConnection *connection);
/* So many messages did not go to that peer. */
void     avi_swarm_dropped       (AviSwarm *self, const AviPeerId *peer, guint64 n);
void     avi_swarm_pong          (AviSwarm *self, AviConnection *connection, gint64 round_trip);

/* Another node has our key, at @where: told once a minute at most. */
void     avi_swarm_tell_own_conflict (AviSwarm *self, const char *where);

/* What discovery says: these are the addresses that @source knows of @peer now. @name may be NULL. */
void avi_swarm_found (AviSwarm *self, const AviPeerId *peer, const char *name, GPtrArray *addresses, AviSource source);
/* @teller says that @peer is at @addresses (NULL: none), which it may believe of itself: they are dialled, where
 * @teller may send us there, unless we are connected with it. */
void     avi_swarm_heard_of (AviSwarm *self, const AviPeerId *teller, const AviPeerId *peer, GPtrArray *addresses);
void     avi_swarm_lost    (AviSwarm *self, const AviPeerId *peer, AviSource source);
/* All back-offs are void. */
void     avi_swarm_forgive (AviSwarm *self);
/* Another network: and connections from addresses that are gone are closed. */
void     avi_swarm_network_changed (AviSwarm *self);
/* Every connection is asked whether its peer is there. */
void     avi_swarm_probe_all (AviSwarm *self);
/* What we say of ourselves has changed: push it. */
void     avi_swarm_push_identify (AviSwarm *self);

/* For a program: a multiaddr or a peer id; back-off does not count. @call is answered. */
void     avi_swarm_dial    (AviSwarm *self, const char *target, AviCall *call);
void     avi_swarm_cancel  (AviSwarm *self, AviCall *call);
/* For bootstrap: an address without a peer id; @done as of AviDial. */
AviDial *avi_swarm_dial_address (AviSwarm *self, AviMultiaddr *address, AviDialDone done, gpointer user_data);

gboolean avi_swarm_is_flushed (AviSwarm *self);
/* Ends all dials, and answers who waits for one. */
void     avi_swarm_stop_dialling (AviSwarm *self);
void     avi_swarm_say_goodbye (AviSwarm *self);

G_END_DECLS
