/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimRouter: the adaptor between the simulator and the product's router, AviGossipsub. The only file of
 * the simulator that includes the router: what it learns to do is joined here and nowhere else.
 */
#pragma once

#include "crypto/avi-key.h"
#include "crypto/avi-random.h"

G_BEGIN_DECLS

#define SIM_ROUTER_MAX_NUMBERS 32

typedef struct _SimRouter SimRouter;

/* What the program's validator would say of a message. */
typedef gboolean (*SimAccepts) (AviSpan payload, gpointer data);

typedef struct
{
  AviKeyPair *identity;    /* a reference is taken */
  AviRandom  *random;
  guint64     first_seqno;
  /* Parameters of the router's, by their names in AviGossipsubParams; times in ms. */
  struct
  {
    const char *name; /* static */
    double      value;
  } numbers[SIM_ROUTER_MAX_NUMBERS];
  guint       n_numbers;
  SimAccepts  accepts;               /* the validator of every topic; NULL: there is none */
  gpointer    accepts_data;
} SimRouterConfig;

/* Of a peer, all that a router could want to know of its connection. */
typedef struct
{
  const AviPeerId  *id;
  GBytes           *record;   /* its signed peer record; NULL: it has not said it */
  gboolean          outbound; /* we dialled it */
  guint32           address;  /* where it is; several may be at one */
} SimPeer;

typedef enum
{
  SIM_ROUTER_MESSAGE, /* data: on a topic of ours */
  SIM_ROUTER_VERIFY,  /* to be answered by `verified (ticket)` */
  SIM_ROUTER_DIAL     /* wanted: a connection with the node that peer is (from a PRUNE's peers, once it takes them) */
} SimRouterEventType;

typedef struct
{
  SimRouterEventType type;
  GBytes            *data; /* (transfer full) */
  AviPeerId          peer;
  guint64            ticket;
  AviPublicKey      *key;
  AviSpan            signed_bytes;
  AviSpan            signature;
} SimRouterEvent;

typedef struct
{
  guint64 received, delivered, duplicates, forwarded, invalid, queue_drops, limit_drops;
  guint64 iwant_recovered, broken_promises;
  guint64 spared; /* copies not sent, for IDONTWANT */
  guint64 graylisted, offences, grafts_refused, px_told, px_taken;
} SimRouterStatistics;

/* What a node says of itself, signed: (transfer full) */
GBytes    *sim_router_make_record  (AviKeyPair *identity);
/* A parameter by name, as in a scenario's group [router]. FALSE: there is none of this name. */
gboolean   sim_router_configure    (SimRouterConfig *config, const char *name, const char *value, GError **error);

SimRouter *sim_router_new          (const SimRouterConfig *config, gint64 now);
void       sim_router_free         (SimRouter *self);
void       sim_router_subscribe    (SimRouter *self, const char *topic, gint64 now);
void       sim_router_add_peer     (SimRouter *self, const SimPeer *peer, gint64 now);
void       sim_router_remove_peer  (SimRouter *self, const AviPeerId *id, gint64 now);
void       sim_router_set_ready    (SimRouter *self, const AviPeerId *id, gboolean ready);
gint       sim_router_publish      (SimRouter *self, const char *topic, GBytes *data, gint64 now);
/* µs; within which it tells of a message once. */
gint64     sim_router_get_seen_ttl (SimRouter *self);
/* The doors, as AviGossipsub has them. */
gboolean   sim_router_receive      (SimRouter *self, const AviPeerId *from, AviSpan rpc, gint64 now, GError **error);
gboolean   sim_router_transmit     (SimRouter *self, AviPeerId *to, GBytes **rpc, gint64 now);
gboolean   sim_router_next         (SimRouter *self, SimRouterEvent *event);
void       sim_router_verified     (SimRouter *self, guint64 ticket, gboolean valid, gint64 now);
gint64     sim_router_deadline     (SimRouter *self);
void       sim_router_tick         (SimRouter *self, gint64 now);

void       sim_router_get_statistics (SimRouter *self, SimRouterStatistics *out);
/* What it thinks of a peer; 0 where it does not know it. */
double     sim_router_get_score    (SimRouter *self, const AviPeerId *peer, gint64 now);
/* It would not listen to a peer of this score. */
gboolean   sim_router_graylists    (SimRouter *self, double score);
/* The ids (AviPeerId, by value) of its mesh for @topic, in a fixed order: (transfer full) */
GArray    *sim_router_list_mesh    (SimRouter *self, const char *topic);
/* Its tables agree with each other, or the program ends. */
void       sim_router_check        (SimRouter *self);
/* The machine itself, for tests that look into it: an AviGossipsub. (transfer none) */
gpointer   sim_router_get_machine  (SimRouter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimRouter, sim_router_free)

G_END_DECLS
