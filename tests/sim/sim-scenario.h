/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimScenario: what is to be simulated, and what is expected of it, as a key file says; docs/simulator.md
 * lists the keys. Only data: SimDirector plays it.
 */
#pragma once

#include "sim-hostile.h"
#include "sim-topology.h"

G_BEGIN_DECLS

typedef struct
{
  guint    n_nodes;
  guint    topology; /* SimTopology */
  guint    degree;
  gint64   latency[2];
  gint64   jitter;
  double   loss;
  guint64  bandwidth;
  guint64  uplink;
  gsize    window;
  gint64   dead_time;
  gint64   join;     /* in which all connections are made */
} SimNetwork;

typedef struct
{
  double   rate;
  gsize    message_size;
  gint64   start, duration, settle;
} SimTraffic;

typedef struct
{
  double   rate;       /* departures per second, of all nodes together; 0: none */
  guint    departures; /* a bit per SimDeparture */
  gint64   downtime[2];
} SimChurn;

typedef struct
{
  const SimHostileKind *kind; /* NULL: no attack */
  double   share;
  double   rate;  /* 0: as of its kind */
  gint64   start;
} SimAttack;

typedef enum
{
  SIM_STEP_CUT,    /* off a share of the nodes */
  SIM_STEP_HEAL,
  SIM_STEP_LEAVE,  /* these three: a share of the nodes */
  SIM_STEP_CRASH,
  SIM_STEP_SLEEP,
  SIM_STEP_RETURN  /* all that are away */
} SimStepKind;

typedef struct
{
  gint64      at;
  SimStepKind kind;
  double      share;
} SimStep;

typedef struct
{
  guint    metric;  /* of sim-report.h */
  gboolean is_most; /* else least */
  double   value;
} SimBound;

typedef struct
{
  char    *name;
  gint64   from, to; /* of messages published in this time; totals are of the whole run */
  GArray  *bounds;   /* of SimBound */
} SimExpectation;

typedef struct
{
  char           *name;
  char           *description;
  guint64         seed;
  SimNetwork      network;
  SimTraffic      traffic;
  SimChurn        churn;
  SimAttack       attack;
  SimRouterConfig router;
  GArray         *steps;        /* of SimStep */
  GPtrArray      *expectations; /* of SimExpectation, owned */
} SimScenario;

/* A thousand nodes for a minute, without faults. */
SimScenario *sim_scenario_new  (void);
void         sim_scenario_free (SimScenario *self);
/* Over what is there. FALSE with what is wrong, and where. */
gboolean     sim_scenario_load (SimScenario *self, const char *path, GError **error);
/* One key, as a file has it. */
gboolean     sim_scenario_set  (SimScenario *self, const char *group, const char *key, const char *value,
                                GError **error);
/* FALSE: no network can be made of it. */
gboolean     sim_scenario_check (SimScenario *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimScenario, sim_scenario_free)

G_END_DECLS
