/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's side of an AviCore: its commands, and how it keeps the snapshot. Called from the
 * engine's thread.
 */
#pragma once

#include "avi-call-private.h"
#include "avi-core.h"
#include "avi-engine.h"
#include "avi-event-queue.h"

G_BEGIN_DECLS

#define AVI_CORE_STATUS_STOPPED      "not running"
#define AVI_CORE_MAX_QUEUED_MESSAGES 4096               /* published and not yet with the router */
#define AVI_CORE_MAX_QUEUED_BYTES    (16 * 1024 * 1024)

typedef enum
{
  AVI_COMMAND_STOP,
  AVI_COMMAND_HURRY,
  AVI_COMMAND_DIAL,                 /* text: the target */
  AVI_COMMAND_DISCOVER,
  AVI_COMMAND_WAIT_FOR_SUBSCRIBERS, /* text: the topic; number */
  AVI_COMMAND_CANCEL,               /* call */
  AVI_COMMAND_SUBSCRIBE,            /* text: a topic that has its first inbox */
  AVI_COMMAND_UNSUBSCRIBE,          /* text: a topic that lost its last one */
  AVI_COMMAND_PUBLISH,              /* text: the topic; data, echo */
  AVI_COMMAND_RUN                   /* run, run_data */
} AviCommandType;

typedef void (*AviEngineFunc) (AviEngine *engine, gpointer user_data);

typedef struct _AviCommand AviCommand;
struct _AviCommand
{
  AviCommand    *next;
  AviCommandType type;
  AviCall       *call;
  char          *text;
  guint          number;
  GBytes        *data;
  gboolean       echo;
  AviEngineFunc  run;
  gpointer       run_data;
};

void        avi_command_free        (AviCommand *self);

/* What is counted. Names for `get_statistics` stand in avi-core.c, in this order. */
typedef enum
{
  AVI_COUNT_CONNECTIONS_OPENED,
  AVI_COUNT_CONNECTIONS_CLOSED,
  AVI_COUNT_HANDSHAKES_FAILED,
  AVI_COUNT_REFUSED_TOTAL,       /* inbound connections over max-connections */
  AVI_COUNT_REFUSED_PER_ADDRESS,
  AVI_COUNT_REFUSED_PER_PEER,
  AVI_COUNT_REFUSED_PENDING,
  AVI_COUNT_REFUSED_PEERS,       /* connected peers of Avi over max-peers */
  AVI_COUNT_DIALS,
  AVI_COUNT_DIALS_FAILED,
  AVI_COUNT_BYTES_RECEIVED,
  AVI_COUNT_BYTES_SENT,
  AVI_COUNT_MDNS_INVALID,
  AVI_COUNT_ADDRESSES_IGNORED,
  AVI_COUNT_IDENTITY_CONFLICTS,
  AVI_COUNT_MESSAGES_RECEIVED,   /* the following are the router's own */
  AVI_COUNT_MESSAGES_DELIVERED,
  AVI_COUNT_MESSAGES_DUPLICATE,
  AVI_COUNT_MESSAGES_FORWARDED,
  AVI_COUNT_MESSAGES_INVALID,
  AVI_COUNT_MESSAGES_RECOVERED,
  AVI_COUNT_MESSAGES_UNWANTED,   /* on a topic that we do not subscribe to */
  AVI_COUNT_MESSAGES_UNVERIFIED, /* dropped: too many signatures being checked */
  AVI_COUNT_STREAMS_INVALID,     /* of peers, reset for a frame that is malformed, over a limit or never whole */
  AVI_COUNT_STREAMS_REFUSED,     /* of peers, reset for being too many */
  AVI_COUNT_SENDS_DROPPED,       /* messages and gossip for a peer that does not read */
  AVI_COUNT_GOSSIP_LIMITED,      /* subscriptions and gossip of peers beyond a limit */
  AVI_COUNT_PROMISES_BROKEN,     /* messages announced, asked for, and not sent */
  AVI_COUNT_OFFENCES,            /* of peers against the rules of pub/sub */
  AVI_COUNT_RPCS_IGNORED,        /* for the score of their peer */
  AVI_COUNT_PEERS_EXCHANGED,     /* named by others in a PRUNE, and dialled if there was a way */
  AVI_N_COUNTS
} AviCount;

void        avi_core_count          (AviCore *self, AviCount what, guint64 n);
void        avi_core_set_count      (AviCore *self, AviCount what, guint64 value);

/* Any thread, while the device runs: calls @run between two rounds of the engine, in its thread. For tests and
 * benchmarks, which reach what no public type shows yet. */
void        avi_core_run            (AviCore *self, AviEngineFunc run, gpointer user_data);
/* A message that was published is with the router, or refused: there is room for another. */
void        avi_core_published      (AviCore *self, gsize size);
/* All that is queued, oldest first. */
AviCommand *avi_core_take_commands  (AviCore *self);
/* Takes @events, as avi_event_queue_push. */
void        avi_core_push           (AviCore *self, AviEvent *events);
/* Answers, and tells an asynchronous caller in the queue. @error: (transfer full) */
void        avi_core_answer         (AviCore *self, AviCall *call, gint64 number, AviPeerInfo *peer, GError *error);

/* The topics with an inbox: (transfer full) */
char      **avi_core_dup_topics     (AviCore *self);
/* Hands a message to every inbox of its topic. */
void        avi_core_deliver        (AviCore *self, AviMessage *message);

/* Snapshot; each tells the device what changed. Strings are copied. */
void        avi_core_set_addresses   (AviCore *self, char **addresses);
void        avi_core_set_status      (AviCore *self, const char *status);
void        avi_core_set_peer        (AviCore *self, AviPeerInfo *info);
void        avi_core_remove_peer     (AviCore *self, const AviPeerId *peer);
void        avi_core_set_subscribers (AviCore *self, const char *topic, guint n);

/* The engine listens (@error NULL) or could not: answers those who wait for the start. @error:
 * (transfer full). FALSE: a stop came meanwhile, end at once. */
gboolean    avi_core_started        (AviCore *self, GError *error);
/* The engine's last word. @error: why it ended by itself, or NULL: (transfer full) */
void        avi_core_stopped        (AviCore *self, GError *error);

G_END_DECLS
