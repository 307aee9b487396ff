/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of AviDevice share: avi-device.c is the object, avi-device-settings.c its getters and
 * setters, avi-device-properties.c the same as GObject's properties, avi-device-calls.c its life and
 * its peers, avi-device-messages.c its topics, avi-device-topics.c their policies and validators, avi-device-events.c what it tells the program.
 */
#pragma once

#include "avi-device.h"
#include "avi-message.h"
#include "engine/avi-core.h"

G_BEGIN_DECLS

enum
{
  AVI_DEVICE_PROP_0,
  AVI_DEVICE_PROP_NODE_NAME,
  AVI_DEVICE_PROP_DEVICE_TYPE,
  AVI_DEVICE_PROP_IDENTITY,
  AVI_DEVICE_PROP_LISTEN_ADDRESSES,
  AVI_DEVICE_PROP_BOOTSTRAP_PEERS,
  AVI_DEVICE_PROP_ENABLE_MDNS,
  AVI_DEVICE_PROP_ENABLE_LOCAL,
  AVI_DEVICE_PROP_THREADED,
  AVI_DEVICE_PROP_PUBSUB_PARAMS,
  AVI_DEVICE_PROP_MAX_PEERS,
  AVI_DEVICE_PROP_MAX_CONNECTIONS,
  AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_PEER,
  AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_ADDRESS,
  AVI_DEVICE_PROP_MAX_PENDING,
  AVI_DEVICE_PROP_MAX_DIALS,
  AVI_DEVICE_PROP_MAX_STREAMS,
  AVI_DEVICE_PROP_DIAL_TIMEOUT,
  AVI_DEVICE_PROP_HOLD_TIMEOUT,
  AVI_DEVICE_PROP_MAX_HELD,
  AVI_DEVICE_PROP_MAX_HELD_BYTES,
  AVI_DEVICE_PROP_PEER_ID,
  AVI_DEVICE_PROP_STATE,
  AVI_DEVICE_PROP_DISCOVERY_STATUS,
  AVI_DEVICE_PROP_ADDRESSES,
  AVI_DEVICE_PROP_PEERS,
  AVI_DEVICE_PROP_TOPICS,
  AVI_DEVICE_N_PROPS
};

enum
{
  AVI_DEVICE_STARTED,
  AVI_DEVICE_STOPPED,
  AVI_DEVICE_PEER_DISCOVERED,
  AVI_DEVICE_PEER_CONNECTED,
  AVI_DEVICE_PEER_DISCONNECTED,
  AVI_DEVICE_IDENTITY_CONFLICT,
  AVI_DEVICE_MESSAGE,
  AVI_DEVICE_N_SIGNALS
};

/* The limits, in the order of their properties. */
#define AVI_DEVICE_FIRST_LIMIT AVI_DEVICE_PROP_MAX_PEERS
#define AVI_DEVICE_N_LIMITS    (AVI_DEVICE_PROP_MAX_HELD_BYTES + 1 - AVI_DEVICE_FIRST_LIMIT)

struct _AviDevice
{
  GObject parent_instance;

  AviCore      *core;    /* shared with the engine and all handles */
  GMainContext *context; /* where everything is told */
  GSource      *source;  /* there; NULL once the device is disposed of */
  GListStore   *peers;   /* of AviPeer; used in the context only */

  AviLock      lock; /* of what follows */
  char        *node_name;
  guint        device_type; /* AviDeviceType */
  AviIdentity *identity; /* never NULL */
  char       **listen_addresses;
  char       **bootstrap_peers;
  guint        enable_mdns;
  guint        enable_local;
  guint        threaded;
  AviPubsubParams *pubsub_params; /* never NULL */
  const AviStreamHandler *const *handlers; /* of protocols that a test adds; NULL: none */
  guint        limits[AVI_DEVICE_N_LIMITS];
  GHashTable  *subscriptions; /* AviInbox → AviSubscription, a reference each */
  GHashTable  *validators;    /* char * (topic) → AviDeviceValidator */
  GHashTable  *handles;       /* peer id → GWeakRef of the one AviPeer of that id, where it is alive */
  guint        sweep_at;      /* how many handles there are when the dead ones are next taken out */
};

extern GParamSpec *avi_device_properties[AVI_DEVICE_N_PROPS];
extern guint       avi_device_signals[AVI_DEVICE_N_SIGNALS];

/* All of these from any thread; what they return is (transfer full). */

/* The one handle of a peer; `find`: NULL where nobody holds one, `ensure`: then made. */
AviPeer         *avi_device_find_peer         (AviDevice *self, AviPeerInfo *info);
AviPeer         *avi_device_ensure_peer       (AviDevice *self, AviPeerInfo *info);
/* NULL where it was cancelled. */
AviSubscription *avi_device_find_subscription (AviDevice *self, AviInbox *inbox);
void             avi_device_drop_subscription (AviDevice *self, AviSubscription *subscription);

/* avi-device-topics.c */
typedef struct _AviDeviceValidator AviDeviceValidator;

GHashTable *avi_device_validators_new  (void);
void        avi_device_validator_unref (AviDeviceValidator *self);
void        avi_device_drop_validators (AviDevice *self);
/* In the device's context: asks the validator of its topic. */
void        avi_device_tell_validator  (AviDevice *self, AviMessage *message);

/* avi-device-settings.c: booleans, numbers and enums, all of 32 bits. Set only while the device is stopped. */
guint    avi_device_get_number (AviDevice *self, const guint *field);
void     avi_device_set_number (AviDevice *self, guint *field, guint value, guint id);
void     avi_device_init_settings     (AviDevice *self);
void     avi_device_finalize_settings (AviDevice *self);

/* avi-device-properties.c */
#define AVI_DEVICE_DEFAULT_NAME "avi-node"
void     avi_device_class_install_properties (AviDeviceClass *klass);

/* avi-device-events.c: the source by which the core's events reach the program, one at a time and
 * in order. It holds no reference on the device. */
GSource *avi_device_source_new        (AviDevice *self);
/* The core's wake function; @source is that source. */
void     avi_device_source_wake       (gpointer source);

/* avi-device-tasks.c: how a call of the program's waits for the engine's answer. */
typedef void (*AviCancelFunc) (AviCore *core, AviCall *call);
typedef void (*AviGiveFunc)   (GTask *task, AviCall *call); /* hands the answer to the task */

/* The synchronous form: waits in the calling thread and iterates nothing. */
gboolean avi_device_wait              (AviDevice *self, AviCall *call, GCancellable *cancellable, AviCancelFunc cancel,
                                       AviPeerInfo **peer, GError **error);

/* The asynchronous form: a task with its call. Of its two references one is the caller's, one the
 * call's, given up when the answer is told, or by avi_device_task_fail. @tag: static. */
GTask   *avi_device_task_new          (AviDevice *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data, AviCancelFunc cancel, AviGiveFunc give, const char *tag);
AviCall *avi_device_task_get_call     (GTask *task);
/* TRUE, and the task has failed, where there is nothing to begin with. */
gboolean avi_device_task_is_cancelled (GTask *task, GCancellable *cancellable);
/* Where the core took no charge of the call, so that there will be no answer. */
void     avi_device_task_fail         (GTask *task, GError *error);
/* Once the core was asked: listen to the cancellable. */
void     avi_device_task_connect      (GTask *task);

void     avi_device_give_boolean      (GTask *task, AviCall *call);
void     avi_device_give_number       (GTask *task, AviCall *call);
void     avi_device_give_peer         (GTask *task, AviCall *call);

/* In the device's context: the call was answered. */
void     avi_device_complete          (AviCall *call);
/* FALSE where the call was made in the iteration of the context that dispatches @source now: the
 * completion has to wait for the next, for GTask would else put it off behind what comes after it. */
gboolean avi_device_may_complete      (AviCall *call, GSource *source);

G_END_DECLS
