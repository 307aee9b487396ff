/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * HostileFixture: an engine under test, the peers that misbehave to it, and the counts that say that it has noticed.
 * It does nothing hostile itself: tests do.
 */
#pragma once

#include "core-fixture.h"
#include "puppet.h"

G_BEGIN_DECLS

typedef struct
{
  CoreFixture under_test; /* not started */
  AviKeyPair *keys[2];
  Puppet     *puppets[3]; /* of those keys, one each; NULL-terminated */
} HostileFixture;

void     hostile_fixture_init    (HostileFixture *self);
void     hostile_fixture_clear   (HostileFixture *self);
/* The puppet @i, from @ip, which lists pub/sub among its protocols; all are connected when this returns. */
void     hostile_fixture_connect (HostileFixture *self, guint i, const char *ip);
/* All puppets that there are. For puppets_run. */
gboolean hostile_fixture_is_connected (gpointer self);
/* Until the engine has counted as many. @name: of a statistic. */
void     hostile_fixture_run_until_counted (HostileFixture *self, const char *name, guint64 wanted);

G_END_DECLS
