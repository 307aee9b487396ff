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
#include "protocols/gossipsub/avi-topic-counts.h"

G_BEGIN_DECLS

#define AVI_CORE_STATUS_STOPPED      "not running"
#define AVI_CORE_MAX_QUEUED_MESSAGES 4096               /* published and not yet with the router */
#define AVI_CORE_MAX_QUEUED_BYTES    (16 * 1024 * 1024)
#define AVI_CORE_MAX_HELD_MESSAGES   4096               /* held until somebody subscribes, on all topics */
#define AVI_CORE_MAX_HELD_BYTES      (16 * 1024 * 1024)

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
  AVI_COMMAND_SET_TOPIC,            /* text: the topic; number: all its flags */
  AVI_COMMAND_SET_PEER_SCORE,       /* peer, score */
  AVI_COMMAND_JUDGE,                /* ticket; number: a validator's verdict */
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
  guint64        ticket;
  AviPeerId      peer;
  double         score;
  guint64        n_published; /* by the program, before it */
  AviEngineFunc  run;
  gpointer       run_data;
};

void        avi_command_free        (AviCommand *self);

/* A message of the program's on its way to the router. */
typedef struct
{
  GList          link; /* in whichever queue it waits; data: itself */
  guint64        number; /* of all that the program published, from 1 on */
  struct _AviTopicEntry *entry;
  const char    *topic; /* the entry's */
  GBytes        *data;
  AviCall       *call;  /* NULL: nobody waits for what becomes of it */
  gboolean       echo;  /* to our own subscriptions, too */
  gboolean       hold;  /* until somebody subscribes */
  gboolean       counts_as_held;
  gint64         until; /* the engine's: when it is held for no longer */
  GList          held_link; /* the engine's, of the same kind */
} AviPublication;

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
  AVI_COUNT_MESSAGES_REJECTED,   /* by a validator of the program's */
  AVI_COUNT_MESSAGES_IGNORED,    /* likewise, without blame */
  AVI_COUNT_MESSAGES_UNJUDGED,   /* dropped: too many, or for too long, before a validator */
  AVI_COUNT_STREAMS_INVALID,     /* of peers, reset for a frame that is malformed, over a limit or never whole */
  AVI_COUNT_STREAMS_REFUSED,     /* of peers, reset for being too many */
  AVI_COUNT_SENDS_DROPPED,       /* messages and gossip that did not go to a peer */
  AVI_COUNT_SENDS_SPARED,        /* messages not sent to a peer that has them already, as it said */
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
/* Appends what the program published, oldest first, until that is @max_bytes or more. @in_order: nothing that
 * came after a command that still waits, for it may lean on that (how a topic is treated). */
void        avi_core_take_publications (AviCore *self, gsize max_bytes, gboolean in_order, GQueue *out);
/* FALSE with AVI_ERROR_LIMIT: it cannot be held. */
gboolean    avi_core_hold              (AviCore *self, AviPublication *publication, GError **error);
/* They are with the router, or dropped: frees them, and empties the queue. */
void        avi_core_end_publications  (AviCore *self, GQueue *publications);
/* For whose room what is published waits; NULL: it waits for nobody's. */
void        avi_core_set_blocker       (AviCore *self, const AviPeerId *peer);
/* Adds to what was counted of @topic. */
void        avi_core_count_topic       (AviCore *self, const char *topic, const AviTopicCounts *counts);
/* All that is queued, oldest first. */
AviCommand *avi_core_take_commands  (AviCore *self);
/* Takes @events, as avi_event_queue_push. */
void        avi_core_push           (AviCore *self, AviEvent *events);
/* Answers, and tells an asynchronous caller in the queue. @error: (transfer full) */
void        avi_core_answer         (AviCore *self, AviCall *call, gint64 number, AviPeerInfo *peer, GError *error);

/* The topics with an inbox: (transfer full) */
char      **avi_core_dup_topics     (AviCore *self);
/* Hands each of @n messages to every inbox of its topic, in one go. */
void        avi_core_deliver        (AviCore *self, AviMessage *const *messages, guint n);
/* The topics with flags, by AviCoreTopicFlag: (transfer full) */
GHashTable *avi_core_dup_topic_flags (AviCore *self);
/* AviPeerId → double, of peers with a score of the program's: (transfer full) */
GHashTable *avi_core_dup_peer_scores (AviCore *self);
/* Shows a message to the program's validator, whose verdict comes as a command. */
void        avi_core_validate       (AviCore *self, AviMessage *message);

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
