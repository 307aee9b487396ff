/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sim: a network of pub/sub routers in one process and one thread, under virtual time. All that is
 * random (who knows whom, how long a link takes, what is lost, who fails) comes from one seed, and
 * nothing depends on addresses in memory: the same seed gives the same run, to the byte, which
 * `digest` shows.
 *
 * An edge is that two nodes know each other; while both are up and can reach each other they have a
 * connection, which is two links, one each way. What breaks is dialled again.
 */
#pragma once

#include "crypto/avi-siphash.h"
#include "sim-pipe.h"
#include "sim-queue.h"
#include "sim-record.h"
#include "sim-router.h"

#include <stdio.h>

G_BEGIN_DECLS

#define SIM_TOPIC "sim" /* of runs that need no more than one */

typedef struct _Sim        Sim;
typedef struct _SimNode    SimNode;
typedef struct _SimEdge    SimEdge;
typedef struct _SimLink    SimLink;
typedef struct _SimHostile SimHostile;

/* Whether the RPC is lost, which no real link does: for tests of what gossip recovers. */
typedef gboolean (*SimDrop) (Sim *sim, guint from, guint to, AviSpan rpc, gpointer data);
typedef void     (*SimTask) (Sim *sim, gpointer data, guint64 number);

typedef enum
{
  SIM_EVENT_ARRIVAL, /* at the end of a SimLink: an RPC; without bytes: the end */
  SIM_EVENT_TICK,    /* a SimNode's deadline */
  SIM_EVENT_PUMP,    /* a SimNode's uplink is free */
  SIM_EVENT_TASK     /* of the scenario */
} SimEventKind;

typedef enum
{
  SIM_NODE_DOWN,   /* its router is gone, or never was */
  SIM_NODE_UP,
  SIM_NODE_ASLEEP  /* the machine sleeps: what comes waits, time passes it by */
} SimNodeState;

typedef enum
{
  SIM_LEAVE, /* orderly: its connections end at once */
  SIM_CRASH, /* without a word, as when power fails */
  SIM_SLEEP,
  SIM_N_DEPARTURES
} SimDeparture;

struct _SimNode
{
  guint        number;
  SimNodeState state;
  guint        lives;   /* how often it came up */
  guint64      spell;   /* counts its changes of state */
  guint        group;   /* while the network is cut it reaches only the others of it */
  guint32      address;
  AviKeyPair  *identity;
  GBytes      *record;  /* where it is, signed by it */
  AviRandom    random;
  GPtrArray   *topics;  /* of interned strings: what it subscribes to whenever it comes up */

  SimRouter   *router;  /* while it is up or asleep, and honest */
  SimHostile  *hostile; /* or NULL: it is honest */

  GPtrArray   *edges;   /* of SimEdge, in the order of their making */
  GHashTable  *links;   /* peer id → SimLink from here, as this node believes them to be open */

  gint64       tick_at;      /* of the event that stands for its deadline; G_MAXINT64: none */
  gint64       uplink_free_at;
  gboolean     pump_waits;   /* an event for when the uplink is free is on its way */

  guint64      bytes_sent, bytes_received, rpcs_sent;
};

struct _SimEdge
{
  SimNode *ends[2];  /* the first is who dials */
  SimLink *links[2]; /* the latest connection's, from the end of the same index; or NULL */
  gint64   latency;  /* µs */
  gboolean wanted;   /* else it is not dialled again */
  gboolean dialling;
};

struct _SimLink
{
  SimEdge *edge;
  SimNode *from, *to;
  SimLink *back;         /* the other direction */
  SimPipe  pipe;
  gboolean open;         /* as `from` knows it */
  gboolean ready;        /* as its router was told */
  gsize    in_flight;    /* bytes */
  GQueue   parked;       /* of GBytes or NULL (the end), owned: came while `to` could not be reached */
  gint64   parked_since; /* µs */
  gint64   resume_at;    /* µs; what arrives before waits until then */
};

struct _Sim
{
  AviRandom       random; /* of whatever a scenario decides */
  AviRandom       noise;  /* of links: apart, so that the scenario does not depend on what is sent */
  gint64          start;
  gint64          now;    /* µs */
  SimQueue        queue;
  GPtrArray      *nodes;   /* of SimNode, owned */
  GHashTable     *numbers; /* peer id → SimNode */
  GPtrArray      *edges;   /* of SimEdge, owned */
  GPtrArray      *links;   /* of SimLink, owned: all that ever were */
  GHashTable     *verdicts; /* on signatures, by hash: each is checked once for all nodes */
  AviSipKey       secret;
  SimRecord       record;

  /* What new links and nodes are like. */
  SimPipeQuality  quality; /* but for the latency: */
  gint64          min_latency, max_latency;
  gsize           window;    /* bytes in flight from which a router is told to wait */
  guint64         uplink;    /* bytes a second that a node sends in all; 0: no limit */
  gint64          dead_time; /* µs, until a peer that does not answer counts as gone */
  SimRouterConfig router;

  guint64         partition; /* counts cuts and heals */
  double          least_score; /* that an honest node ever had in the eyes of another, of those looked at */
  gboolean        checked;   /* each router is checked after each heartbeat */
  SimDrop         drop;
  gpointer        drop_data;

  guint64         n_events;
  guint64         digest;    /* of all that happened so far */
  FILE           *log;       /* a line for each; or NULL */
};

Sim      *sim_new            (guint n_nodes, guint64 seed);
/* @router: its parameters; whose it is is not looked at. */
Sim      *sim_new_with       (guint n_nodes, guint64 seed, const SimRouterConfig *router);
void      sim_free           (Sim *self);
SimNode  *sim_get            (Sim *self, guint node);
void      sim_at             (Sim *self, gint64 at, SimTask task, gpointer data, guint64 number);
void      sim_run            (Sim *self, gint64 span);

/* --- links --- */

/* Two nodes know each other from now on; @a dials. */
SimEdge  *sim_know           (Sim *self, guint a, guint b);
/* The same, and they are connected at once. */
void      sim_connect        (Sim *self, guint a, guint b);
/* At once, and for good. */
void      sim_disconnect     (Sim *self, guint a, guint b);
gboolean  sim_are_connected  (Sim *self, guint a, guint b);
SimEdge  *sim_find_edge      (Sim *self, guint a, guint b);
/* From this end; NULL where there is none, or this end does not believe it open. */
SimLink  *sim_edge_get_link  (SimEdge *edge, SimNode *from);
void      sim_edge_open      (Sim *self, SimEdge *edge);
/* Dials it in @delay, if that is of use. */
void      sim_edge_dial      (Sim *self, SimEdge *edge, gint64 delay);
/* @rpc: with its length in front: (transfer full); NULL: this direction ends. */
void      sim_link_write     (Sim *self, SimLink *link, GBytes *rpc);
void      sim_link_arrive    (Sim *self, SimLink *link, GBytes *rpc);
void      sim_link_shut      (Sim *self, SimLink *link);
void      sim_link_free      (SimLink *link);
/* What waits at the links to @node, or at all where it is NULL, is on its way again. */
void      sim_links_resume   (Sim *self, SimNode *node);

/* --- nodes --- */

SimNode  *sim_node_new       (Sim *sim, guint number);
void      sim_node_free      (SimNode *self);
void      sim_node_start     (Sim *sim, SimNode *self);
void      sim_node_depart    (Sim *sim, SimNode *self, SimDeparture departure);
void      sim_node_return    (Sim *sim, SimNode *self);
void      sim_node_receive   (Sim *sim, SimNode *self, SimLink *link, AviSpan rpc);
/* It wants a connection with a node that it may not know yet. */
void      sim_node_dial      (Sim *sim, SimNode *self, const AviPeerId *id);
/* After whatever was done to its router: takes its words. */
void      sim_node_pump      (Sim *sim, SimNode *self);
void      sim_node_tick      (Sim *sim, SimNode *self);

static inline const AviPeerId *
sim_node_get_id (const SimNode *self)
{
  return avi_key_pair_get_peer_id (self->identity);
}

/* Up, and no enemy. */
static inline gboolean
sim_node_counts (const SimNode *self)
{
  return self->state == SIM_NODE_UP && self->hostile == NULL;
}

/* Half the network, or another share of it, and the rest do not reach each other until `heal`. */
void      sim_cut            (Sim *self, double share);
void      sim_heal           (Sim *self);

/* --- messages --- */

void      sim_subscribe      (Sim *self, guint node, const char *topic);
void      sim_subscribe_all  (Sim *self, const char *topic);
/* Returns what `publish` does. */
gint      sim_publish        (Sim *self, guint node, const char *topic, const char *text);
/* @size: of the payload, in bytes, at least SIM_PAYLOAD_MIN. */
gint      sim_publish_bytes  (Sim *self, guint node, const char *topic, gsize size);
gboolean  sim_verify         (Sim *self, AviPublicKey *key, AviSpan bytes, AviSpan signature);

/* Nodes that the text was delivered to. That none has it twice is checked as it happens. */
guint     sim_count_heard    (Sim *self, const char *text);
gboolean  sim_has_heard      (Sim *self, guint node, const char *text);
/* Of the honest. */
SimRouterStatistics sim_sum_statistics (Sim *self);
/* Looks at what the honest think of each other, now: see least_score. */
void      sim_note_scores    (Sim *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sim, sim_free)

G_END_DECLS
