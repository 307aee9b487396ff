/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * FindingFixture: a core that finds a peer by the node file that the test writes for it, in a runtime
 * directory of the program's own, or by other addresses; and the peer's listener, where a puppet
 * accepts.
 */
#pragma once

#include "core-fixture.h"
#include "discovery/avi-local.h"
#include "puppet.h"

G_BEGIN_DECLS

typedef struct
{
  CoreFixture under_test; /* local discovery is on */
  AviKeyPair *other;      /* the puppet's */
  Puppet     *puppets[2];
  AviLocal   *local;      /* the puppet's node file */
  int         listener;
  guint16     port;
  guint64     wanted;
} FindingFixture;

/* g_test_run () with XDG_RUNTIME_DIR and XDG_STATE_HOME at a folder that is removed afterwards. */
int      finding_fixture_run_tests    (void);

/* As g_test_add () wants them; the core is not started. */
void     finding_fixture_set_up       (FindingFixture *self, gconstpointer data);
void     finding_fixture_tear_down    (FindingFixture *self, gconstpointer data);

/* Writes the node file: at 127.0.0.1:@port; at all of these. */
void     finding_fixture_publish      (FindingFixture *self, guint16 port);
void     finding_fixture_publish_all  (FindingFixture *self, const char *const *addresses);
/* A port on which nobody listens. */
guint16  finding_fixture_find_dead_port (void);
/* A puppet accepts what comes to the listener. */
void     finding_fixture_accept       (FindingFixture *self, guint8 boot);
void     finding_fixture_await_connection (FindingFixture *self);
/* Until that number of get_statistics is @n at least. */
void     finding_fixture_await_dials  (FindingFixture *self, guint64 n);
void     finding_fixture_await_failed_dials (FindingFixture *self, guint64 n);
gboolean finding_fixture_is_connected (gpointer self);

G_END_DECLS
