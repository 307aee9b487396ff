/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SimReport: what came of a run, in numbers: of the messages published within a time, and of the
 * honest nodes as a whole; as text, as JSON, and held against what a scenario expects.
 */
#pragma once

#include "sim-scenario.h"

G_BEGIN_DECLS

typedef struct
{
  guint    n_nodes, n_hostile;
  guint    n_messages;
  guint    n_expected, n_heard; /* deliveries */
  guint    n_complete;          /* messages that reached all who were to hear them */
  double   to_nobody;           /* messages whose publishers were told that nobody subscribes */

  double   delivery;            /* n_heard of n_expected */
  double   victim_delivery;     /* the same, of the attack's victim alone */
  double   median, p90, p99, slowest; /* µs from publish to delivery */
  double   copies;              /* that arrived, per message and node that was to hear it */

  /* Of the whole run, per honest node: */
  double   sent, received;      /* bytes per second, of RPCs */
  double   mesh, mesh_least, mesh_most; /* peers in the mesh at the end */
  double   mesh_hostile;        /* the share of them that is hostile */
  double   mesh_onesided;       /* of connections between honest nodes: in the mesh of one end only */
  /* Of all honest nodes together: */
  double   spared;              /* copies not sent, since the peer said IDONTWANT */
  double   recovered, broken_promises, invalid, queue_drops, limit_drops;
  double   graylisted;          /* RPCs not listened to */
  double   offences, grafts_refused, px_taken;
  double   score_least;         /* that one of them ever had in another's eyes, as looked at each second */
  /* The share of hostile nodes, as each that they are connected with sees them: */
  double   hostile_negative;    /* with a bad score */
  double   hostile_graylisted;  /* with one so bad that they are not listened to */
  double   foreign;             /* deliveries of what hostile nodes published */
  double   twice;               /* deliveries to who had heard it before, and could not know */
} SimReport;

/* @from, @to: µs since the start, of publishing. @victim: a node, or G_MAXUINT. */
void     sim_report_make    (SimReport *self, Sim *sim, guint victim, gint64 from, gint64 to);
/* @seconds: CPU time that the run took. */
char    *sim_report_to_text (const SimReport *self, const SimScenario *scenario, Sim *sim, double seconds);
char    *sim_report_to_json (const SimReport *self, const SimScenario *scenario, Sim *sim, double seconds);

/* Connections between honest nodes over which the mesh goes for one end only. */
guint    sim_report_count_onesided (Sim *sim);

/* What may be expected, by name: "delivery", "median", "copies" and so on. */
gboolean sim_metric_find    (const char *name, guint *metric);
gboolean sim_metric_parse   (guint metric, const char *text, double *value, GError **error);
/* NULL: all is as expected; else what is not: (transfer full) */
char    *sim_report_compare (const SimReport *self, const SimExpectation *expectation);

G_END_DECLS
