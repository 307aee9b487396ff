/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * LifeFixture: a core, peers that the test leads by the hand and the clock in its hand, for the tests
 * that are named after the rows of docs/connection-life.md.
 */
#pragma once

#include "clock.h"
#include "core-fixture.h"
#include "puppet.h"

G_BEGIN_DECLS

#define SECOND ((gint64) G_USEC_PER_SEC)

typedef struct
{
  CoreFixture under_test;
  guint16     port;       /* once it is started */
  AviKeyPair *other;      /* the puppets' */
  Puppet     *puppets[4]; /* the last is never there */
  GString    *story;      /* in order: c connected, d disconnected, "!" identity conflict */
  char       *why;        /* last-error of the last that was disconnected */
  const char *wanted;
  guint64     wanted_count;
  AviCall    *call;
} LifeFixture;

/* As g_test_add () wants them: the clock stands, the core is not started. */
void     life_fixture_set_up      (LifeFixture *self, gconstpointer data);
void     life_fixture_tear_down   (LifeFixture *self, gconstpointer data);
void     life_fixture_start       (LifeFixture *self);

/* The puppet of that number connects, as @boot. */
Puppet  *life_fixture_come        (LifeFixture *self, guint which, guint8 boot);
/* The first connects and is in use. */
Puppet  *life_fixture_meet        (LifeFixture *self);
/* A call that dials @target. */
AviCall *life_fixture_dial        (LifeFixture *self, const char *target);

void     life_fixture_await_story (LifeFixture *self, const char *story);
void     life_fixture_await_identified (LifeFixture *self, guint which);
void     life_fixture_await_close (LifeFixture *self, guint which);
void     life_fixture_await_count (LifeFixture *self, const char *name, guint64 n);
/* Until @call is answered; its error: (transfer full) */
GError  *life_fixture_await_error (LifeFixture *self, AviCall *call);
/* Everybody has said and heard all. */
void     life_fixture_settle      (LifeFixture *self);
/* @time µs go by, and everybody hears of it. */
void     life_fixture_wait        (LifeFixture *self, gint64 time);
/* What was told up to now. */
const char *life_fixture_hear     (LifeFixture *self);

#define LIFE_ADD(path, func) \
 g_test_add ("/connection-life/" path, LifeFixture, NULL, life_fixture_set_up, func, life_fixture_tear_down)

G_END_DECLS
