/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CoreFixture: a core and its engine, with settings that a test changes before it starts, and what
 * tests ask of it. With AVI_TEST_UNTHREADED in the environment the engine runs in the default main context, which
 * these functions and puppets iterate. It never speaks to the core's peers: puppets do.
 */
#pragma once

#include "engine/avi-core-private.h"
#include "engine/avi-core.h"

G_BEGIN_DECLS

typedef struct
{
  AviCore    *core;
  AviKeyPair *identity;
  AviSettings settings; /* listens on 127.0.0.1 at any port; discovery is off */
} CoreFixture;

void         core_fixture_init         (CoreFixture *self);
void         core_fixture_start        (CoreFixture *self);
gboolean     core_fixture_try_start    (CoreFixture *self, GError **error);
/* Stops it at once; what it told is dropped. */
void         core_fixture_stop         (CoreFixture *self);
void         core_fixture_clear        (CoreFixture *self);
/* Until the engine has done all that was due when this was called. */
void         core_fixture_settle       (CoreFixture *self);
/* Runs @func in the engine, between two of its rounds, and waits until it has. */
void         core_fixture_inspect      (CoreFixture *self, AviEngineFunc func, gpointer data);

guint16      core_fixture_get_port     (CoreFixture *self);
/* A number of get_statistics. */
guint64      core_fixture_count        (CoreFixture *self, const char *name);
/* NULL: the core knows no such peer. */
AviPeerInfo *core_fixture_look         (CoreFixture *self, AviKeyPair *peer);
gboolean     core_fixture_is_connected (CoreFixture *self, AviKeyPair *peer);
/* "/ip4/@ip/tcp/@port", with /p2p/ where @peer is not NULL: (transfer full) */
char        *core_fixture_format       (const char *ip, guint16 port, AviKeyPair *peer);

G_END_DECLS
