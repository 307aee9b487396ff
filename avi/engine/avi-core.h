/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviCore: what a device's handles and its engine share. The public types call it from any thread;
 * it passes commands to the engine's thread, keeps the snapshot that getters read, and holds the
 * events until the device's context takes them. It references no public object; the engine's
 * thread and every handle hold a reference on it.
 */
#pragma once

#include "avi-event.h"
#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-gossipsub-params.h"
#include "protocols/gossipsub/avi-topic-counts.h"

G_BEGIN_DECLS

typedef struct _AviCore          AviCore;
typedef struct _AviStreamHandler AviStreamHandler; /* avi-connection.h */

#define AVI_CORE_HOLD_TIMEOUT        60 /* s */
#define AVI_CORE_MAX_HELD            256
#define AVI_CORE_MAX_HELD_BYTES_EACH (4 * 1024 * 1024)
#define AVI_CORE_MAX_PEER_SCORE      1000000 /* and of those below 0 */

typedef enum /* as AviDeviceState */
{
  AVI_CORE_STOPPED,
  AVI_CORE_STARTING,
  AVI_CORE_RUNNING,
  AVI_CORE_STOPPING
} AviCoreState;

/* How a topic is treated, as AviGossipsubTopicFlags. */
typedef enum
{
  AVI_CORE_TOPIC_UNSIGNED  = 1 << 0,
  AVI_CORE_TOPIC_VALIDATED = 1 << 1
} AviCoreTopicFlag;

/* A device's properties as they are at `start`. Strings and vectors are copied. */
typedef struct
{
  const char        *name;
  AviKeyPair        *identity;
  const char        *identity_file;   /* NULL: not saved; else the last port is kept for it */
  const char *const *listen;          /* multiaddrs */
  const char *const *bootstrap;       /* multiaddrs, with or without /p2p/ */
  const AviGossipsubParams *pubsub;   /* copied; NULL: the standard ones */
  gboolean           mdns;
  gboolean           local;
  guint              max_peers;       /* connected peers with Avi's protocols */
  guint              max_connections; /* in all */
  guint              max_connections_per_peer;
  guint              max_connections_per_address; /* inbound, of one source address */
  guint              max_pending;     /* inbound connections whose handshake is not done */
  guint              max_dials;       /* attempts under way */
  guint              max_streams;     /* of one connection */
  gint64             dial_timeout;    /* µs, of one attempt */
  gint64             hold_timeout;    /* µs, for which a message waits for somebody to subscribe; 0: 60 s */
  guint              max_held;        /* of such messages on one topic; 0: AVI_CORE_MAX_HELD */
  gsize              max_held_bytes;  /* likewise; 0: AVI_CORE_MAX_HELD_BYTES_EACH */
  GMainContext      *context;         /* in which the engine runs; NULL: in a thread of its own */
  const AviStreamHandler *const *handlers; /* of further protocols, NULL-terminated, static; or NULL */
} AviSettings;

AviCore *avi_core_new   (void);
AviCore *avi_core_ref   (AviCore *self);
void     avi_core_unref (AviCore *self);

/* @wake is called, from any thread, when the queue of events stops being empty; it must only wake,
 * and call nothing here. NULL: no longer (once this returns, it is not running and will not run). */
void      avi_core_set_wake    (AviCore *self, void (*wake) (gpointer user_data), gpointer user_data);
/* Waits for the answer to @call. Engines without a thread are run meanwhile: those in the same
 * context, where that may be done here, or else those that this thread started. */
void      avi_core_wait        (AviCore *self, AviCall *call);
/* One round of an engine that has no thread, waiting for its next event, and of those in the same context.
 * FALSE: it has a thread, or another thread has its context, or it does not run. */
gboolean  avi_core_iterate     (AviCore *self);
/* All events, oldest first, linked by `next`; the caller frees each. */
AviEvent *avi_core_take_events (AviCore *self);

/* Each answers @call, at once or later. NULL, of start and stop only: nobody asks. */
void      avi_core_start  (AviCore *self, const AviSettings *settings, AviCall *call);
void      avi_core_stop   (AviCore *self, AviCall *call);
/* Do not wait 500 ms for the flush. */
void      avi_core_hurry  (AviCore *self);
/* @target: a multiaddr with or without /p2p/, or a peer id. Answered with the peer. */
void      avi_core_dial   (AviCore *self, const char *target, AviCall *call);
void      avi_core_discover (AviCore *self);
void      avi_core_wait_for_subscribers (AviCore *self, const char *topic, guint n, AviCall *call);
/* Ends the call's work, if it is still under way, and answers G_IO_ERROR_CANCELLED. */
void      avi_core_cancel (AviCore *self, AviCall *call);

/* Works stopped and running. Returns NULL with AVI_ERROR_INVALID_ARGUMENT (topic) or LIMIT. */
AviInbox *avi_core_subscribe (AviCore *self, const char *topic, guint max_queued, gsize max_bytes, GError **error);
/* Events of it that are still queued are dropped. */
void      avi_core_unsubscribe (AviCore *self, AviInbox *inbox);
typedef enum
{
  AVI_CORE_PUBLISH_ECHO = 1 << 0, /* to our own subscriptions too */
  AVI_CORE_PUBLISH_HOLD = 1 << 1  /* while nobody subscribes, until somebody does */
} AviCorePublishFlags;

/* Works stopped and running, and lasts over both. FALSE with AVI_ERROR_INVALID_ARGUMENT (topic) or LIMIT. */
gboolean  avi_core_set_topic_flag  (AviCore *self, const char *topic, AviCoreTopicFlag flag, gboolean on,
                                    GError **error);
guint     avi_core_get_topic_flags (AviCore *self, const char *topic);
/* A validator has looked at @message. @verdict: AviGossipsubVerdict. Only the first verdict on a message counts. */
void      avi_core_judge           (AviCore *self, AviMessage *message, guint verdict);
/* What the program thinks of @peer, by its id; 0: nothing. Works stopped and running, lasts over both, and reaches the
 * peer whenever it is connected. FALSE with AVI_ERROR_INVALID_ARGUMENT or LIMIT. */
gboolean  avi_core_set_peer_score  (AviCore *self, const char *peer, double score, GError **error);
double    avi_core_get_peer_score  (AviCore *self, const char *peer);
/* The number of peers that subscribe, as last known; -1: AVI_ERROR_NOT_RUNNING, LIMIT (queue full
 * or message too large), INVALID_ARGUMENT. @call: the exact number to whose sockets it was handed, or
 * NULL. With @call a full queue is waited for. */
gint avi_core_publish (AviCore *self, const char *topic, GBytes *data, guint flags, AviCall *call, GError **error);

/* What was counted of @topic, all 0 where nothing was; and how many of its messages are held. */
void   avi_core_dup_topic_counts   (AviCore *self, const char *topic, AviTopicCounts *counts, guint *n_held);
/* Those with counts, the one last used last: (transfer full) */
char **avi_core_dup_counted_topics (AviCore *self);

/* The snapshot. Returned values are the caller's. */
AviCoreState  avi_core_get_state     (AviCore *self);
char        **avi_core_dup_addresses (AviCore *self);
char         *avi_core_dup_status    (AviCore *self);
AviPeerInfo  *avi_core_dup_peer      (AviCore *self, const AviPeerId *peer);
/* name → value (t, x or b): a{sv}, not floating. */
GVariant     *avi_core_dup_statistics (AviCore *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviCore, avi_core_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviInbox, avi_inbox_unref)

G_END_DECLS
