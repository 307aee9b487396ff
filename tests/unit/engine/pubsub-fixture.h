/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * PubsubFixture: a running core that subscribes to a topic, and a puppet connected with it, each with
 * a stream for messages to the other; what the puppet says there, and what the core's program hears.
 */
#pragma once

#include "core-fixture.h"
#include "puppet.h"

G_BEGIN_DECLS

#define TOPIC "chat"

typedef struct
{
  CoreFixture    under_test;
  AviKeyPair    *other;   /* the puppet's */
  AviKeyPair    *author;  /* who signs what the puppet says: itself, unless a test has another */
  Puppet        *puppets[4]; /* tests may add to the first */
  AviInbox      *inbox;
  AviLinkStream *stream;  /* the puppet's, for messages */
  GString       *heard;   /* texts of messages, each with a full stop */
  AviMessage    *last;    /* of them */
  guint64        wanted;
  const char    *wanted_text;
} PubsubFixture;

/* As data for `set_up`: the puppet has no boot id. */
#define PUBSUB_FIXTURE_OLD_KIND GINT_TO_POINTER (TRUE)

/* As g_test_add () wants them. */
void     pubsub_fixture_set_up           (PubsubFixture *self, gconstpointer data);
void     pubsub_fixture_tear_down        (PubsubFixture *self, gconstpointer data);

/* A stream of the puppet's, in place of the one before. */
void     pubsub_fixture_open             (PubsubFixture *self);
/* @flipped: that byte, counted from the end, is not as it was signed; 0: all are. */
void     pubsub_fixture_say_message      (PubsubFixture *self, const char *text, guint64 seqno, guint flipped);
/* The puppet passes on what somebody else says from now on. */
void     pubsub_fixture_relay            (PubsubFixture *self);
void     pubsub_fixture_say_subscription (PubsubFixture *self);
/* Until the core's program has heard @text. */
void     pubsub_fixture_await            (PubsubFixture *self, const char *text);
/* Publishes, until the puppet has heard it. */
void     pubsub_fixture_publish          (PubsubFixture *self, const char *text);
/* Until the core has opened so many streams for messages to the puppet. */
void     pubsub_fixture_await_streams    (PubsubFixture *self, guint n);

G_END_DECLS
