/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A network of pub/sub routers in one process, under virtual time. Everything that is random (who
 * knows whom, how long a link takes, what is lost) comes from one seed, so that a run can be
 * repeated to the byte. Links are ordered and reliable, as streams are, but for what a test drops.
 */
#pragma once

#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-gossipsub.h"

G_BEGIN_DECLS

#define SECOND      ((gint64) G_USEC_PER_SEC)
#define MILLISECOND (SECOND / 1000)

typedef struct _Sim Sim;

/* Whether the RPC is lost. */
typedef gboolean (*SimDrop) (Sim *sim, guint from, guint to, AviSpan rpc, gpointer data);

typedef struct
{
  guint         number;
  AviKeyPair   *identity;
  AviGossipsub *router;
  AviRandom     random;
  GHashTable   *links;  /* number of the other end + 1 → SimLink to it, owned */
  GHashTable   *heard;  /* text → how many times delivered */
} SimNode;

struct _Sim
{
  AviRandom  random;
  gint64     now;
  gint64     min_latency;
  gint64     max_latency;
  GPtrArray *nodes;   /* of SimNode */
  GHashTable *numbers; /* peer id → SimNode */
  GSequence *flights; /* RPCs under way, next to arrive first */
  guint64    n_flights;
  SimDrop    drop;
  gpointer   drop_data;
  guint64    n_bytes; /* sent in all */
};

Sim     *sim_new            (guint n_nodes, guint64 seed);
void     sim_free           (Sim *self);
SimNode *sim_get            (Sim *self, guint node);

void     sim_connect        (Sim *self, guint a, guint b);
void     sim_disconnect     (Sim *self, guint a, guint b);
gboolean sim_are_connected  (Sim *self, guint a, guint b);
/* A connected graph in which every node has dialled @degree others. */
void     sim_connect_randomly (Sim *self, guint degree);

void     sim_subscribe      (Sim *self, guint node, const char *topic);
void     sim_subscribe_all  (Sim *self, const char *topic);
/* Returns what `publish` does. */
gint     sim_publish        (Sim *self, guint node, const char *topic, const char *text);
void     sim_run            (Sim *self, gint64 span);

/* Nodes that the text was delivered to. That none has it twice is checked as it happens. */
guint    sim_count_heard    (Sim *self, const char *text);
gboolean sim_has_heard      (Sim *self, guint node, const char *text);
AviGossipsubStatistics sim_sum_statistics (Sim *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sim, sim_free)

G_END_DECLS
