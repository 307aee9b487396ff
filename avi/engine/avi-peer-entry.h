/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPeerEntry: what the swarm keeps of one peer: its addresses, its connections, what it said of
 * itself, and who waits for it. Data only; what happens to it is decided in avi-swarm.c.
 */
#pragma once

#include "avi-connection.h"
#include "avi-dial.h"
#include "discovery/avi-addresses.h"

G_BEGIN_DECLS

/* An address that the peer itself told by identify; not shown among a peer's sources. */
#define AVI_SOURCE_IDENTIFY (1u << 8)
#define AVI_SOURCE_PUBLIC   (AVI_SOURCE_IDENTIFY - 1)

struct _AviPeerEntry
{
  AviSwarm  *swarm;
  AviPeerId  id;
  char      *id_text;

  AviAddresses *addresses;
  gboolean      was_inbound;  /* it has found us by itself */

  GPtrArray     *connections; /* of AviConnection, OPEN; not owned */
  AviConnection *main;        /* the one in use; the peer is told connected while there is one */
  AviConnection *challenger;  /* of another boot than main's, until it is known whether main lives */
  gint64         probe_started; /* main was asked whether it lives; 0: not */
  AviTimer       probe_timer;
  gboolean       counted;       /* among those that max-peers bounds */
  gint64         refuse_until;  /* after an identity conflict; 0: no */

  AviDial   *dial;            /* under way, or NULL */
  GPtrArray *calls;           /* of AviCall: who waits until it is connected */
  guint      failures;        /* in a row: dials, and connections that ended soon */
  AviTimer   redial_timer;
  guint      n_tried;         /* dials begun since it was last connected */
  gint64     forgiven;        /* when a new address last made the back-off void; 0: never */

  /* As it said of itself, by identify or a node file. */
  char      *name;            /* NULL: not said */
  char      *agent;
  char     **protocols;
  gboolean   is_avi;
  char      *last_error;
  gint64     round_trip;      /* as last told to the program */
  guint64    n_dropped;       /* messages that did not go to it */
  gint64     last_seen;       /* monotonic; the longest unseen goes first */
};

AviPeerEntry *avi_peer_entry_new     (AviSwarm *swarm, const AviPeerId *id);
void          avi_peer_entry_free    (AviPeerEntry *self);
/* The state of this moment: (transfer full) */
AviPeerInfo  *avi_peer_entry_describe (AviPeerEntry *self);
void          avi_peer_entry_learn   (AviPeerEntry *self, const AviIdentify *info);
/* A node of ours or a deployed one, by what it says. */
gboolean      avi_peer_is_avi        (const AviIdentify *info);
gboolean      avi_peer_entry_speaks  (AviPeerEntry *self, const char *protocol);

/* What an AviPeerInfo shows where a peer has no name: the end of its id. (transfer full) */
char         *avi_peer_short_name    (const char *id_text);

G_END_DECLS
