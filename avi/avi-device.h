/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviDevice: this program's node of the mesh, from `start` to `stop`: whom it meets, what it hears
 * and what it says. Programs make one and go on with the other types from there. All it has to tell
 * comes in the context it was made in; it never calls a program from the thread of its network.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <gio/gio.h>

#include <avi-identity.h>
#include <avi-message.h>
#include <avi-peer.h>
#include <avi-pubsub-params.h>
#include <avi-subscription.h>
#include <avi-topic-statistics.h>
#include <avi-version.h>

G_BEGIN_DECLS

/**
 * AviDeviceState:
 * @AVI_DEVICE_STATE_STOPPED: not part of the mesh; properties can be set
 * @AVI_DEVICE_STATE_STARTING: opening its sockets
 * @AVI_DEVICE_STATE_RUNNING: part of the mesh
 * @AVI_DEVICE_STATE_STOPPING: saying goodbye
 *
 * Where in its life a device is.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_DEVICE_STATE_STOPPED,
  AVI_DEVICE_STATE_STARTING,
  AVI_DEVICE_STATE_RUNNING,
  AVI_DEVICE_STATE_STOPPING
} AviDeviceState;

/**
 * AviDeviceType:
 * @AVI_DEVICE_TYPE_NODE: one of many
 * @AVI_DEVICE_TYPE_CORE: the one of a home that others may lean on
 *
 * What part a device takes in its mesh. It is a statement of the program's; the protocols treat
 * all alike.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_DEVICE_TYPE_NODE,
  AVI_DEVICE_TYPE_CORE
} AviDeviceType;

/**
 * AviPublishFlags:
 * @AVI_PUBLISH_NONE: to the subscribers among the peers
 * @AVI_PUBLISH_LOCAL: to the device's own subscriptions, too
 * @AVI_PUBLISH_HOLD: where nobody subscribes, kept until somebody does, or [property@Avi.Device:hold-timeout] is over
 *
 * Where a message goes, and when.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  AVI_PUBLISH_NONE  = 0,
  AVI_PUBLISH_LOCAL = 1 << 0,
  AVI_PUBLISH_HOLD  = 1 << 1
} AviPublishFlags;

/**
 * AviTopicPolicy:
 * @AVI_TOPIC_POLICY_SIGNED: each message says who wrote it, and is signed (StrictSign)
 * @AVI_TOPIC_POLICY_UNSIGNED: no message does (StrictNoSign)
 *
 * What the messages of a topic say of their authors.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_TOPIC_POLICY_SIGNED,
  AVI_TOPIC_POLICY_UNSIGNED
} AviTopicPolicy;

/**
 * AviVerdict:
 * @AVI_VERDICT_IGNORE: drop it; nobody is to blame. What a binding returns from a validator that fails
 * @AVI_VERDICT_ACCEPT: deliver it, and pass it on
 * @AVI_VERDICT_REJECT: drop it; no honest device would have passed it on, which counts against those who did
 * @AVI_VERDICT_LATER: the verdict comes with [method@Avi.Device.answer_message]
 *
 * What is to become of a message.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_VERDICT_IGNORE,
  AVI_VERDICT_ACCEPT,
  AVI_VERDICT_REJECT,
  AVI_VERDICT_LATER
} AviVerdict;

#define AVI_TYPE_DEVICE (avi_device_get_type ())

AVI_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (AviDevice, avi_device, AVI, DEVICE, GObject)

/**
 * AviMessageValidator:
 * @device: the device
 * @message: a message of the topic that the validator was set for; it may be kept
 * @user_data: what [method@Avi.Device.set_validator] was given
 *
 * Decides what becomes of a message. It is called in the device's context, before anybody is told of the message. It
 * should be quick; one that has to wait for something returns %AVI_VERDICT_LATER.
 *
 * Returns: what is to become of the message
 *
 * Since: 1.0
 */
typedef AviVerdict (*AviMessageValidator) (AviDevice  *device,
                                           AviMessage *message,
                                           gpointer    user_data);

AVI_AVAILABLE_IN_1_0
AviDevice       *avi_device_new                  (const char           *node_name);

/* Properties. */
AVI_AVAILABLE_IN_1_0
char            *avi_device_dup_node_name        (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_node_name        (AviDevice            *self,
                                                  const char           *node_name);
AVI_AVAILABLE_IN_1_0
AviIdentity     *avi_device_dup_identity         (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_identity         (AviDevice            *self,
                                                  AviIdentity          *identity);
AVI_AVAILABLE_IN_1_0
char           **avi_device_dup_listen_addresses (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_listen_addresses (AviDevice            *self,
                                                  const char *const    *addresses);
AVI_AVAILABLE_IN_1_0
char           **avi_device_dup_bootstrap_peers  (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_bootstrap_peers  (AviDevice            *self,
                                                  const char *const    *addresses);
AVI_AVAILABLE_IN_1_0
AviPubsubParams *avi_device_dup_pubsub_params    (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_pubsub_params    (AviDevice            *self,
                                                  AviPubsubParams      *params);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_get_enable_mdns      (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_enable_mdns      (AviDevice            *self,
                                                  gboolean              enable_mdns);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_get_enable_local     (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_enable_local     (AviDevice            *self,
                                                  gboolean              enable_local);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_get_threaded         (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
void             avi_device_set_threaded         (AviDevice            *self,
                                                  gboolean              threaded);
AVI_AVAILABLE_IN_1_0
char            *avi_device_dup_peer_id          (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
AviDeviceState   avi_device_get_state            (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
char            *avi_device_dup_discovery_status (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
char           **avi_device_dup_addresses        (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
GListModel      *avi_device_get_peers            (AviDevice            *self);

/* Its life. */
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_start                (AviDevice            *self,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_start_async          (AviDevice            *self,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_start_finish         (AviDevice            *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_stop                 (AviDevice            *self,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_stop_async           (AviDevice            *self,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_stop_finish          (AviDevice            *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);

/* Peers. */
AVI_AVAILABLE_IN_1_0
AviPeer         *avi_device_dial                 (AviDevice            *self,
                                                  const char           *target,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_dial_async           (AviDevice            *self,
                                                  const char           *target,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
AVI_AVAILABLE_IN_1_0
AviPeer         *avi_device_dial_finish          (AviDevice            *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_discover             (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_set_peer_score       (AviDevice            *self,
                                                  const char           *peer_id,
                                                  double                score,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
double           avi_device_get_peer_score       (AviDevice            *self,
                                                  const char           *peer_id);

/* Messages. */
AVI_AVAILABLE_IN_1_0
AviSubscription *avi_device_subscribe            (AviDevice            *self,
                                                  const char           *topic,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gint             avi_device_publish              (AviDevice            *self,
                                                  const char           *topic,
                                                  GBytes               *data,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gint             avi_device_publish_text         (AviDevice            *self,
                                                  const char           *topic,
                                                  const char           *text,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gint             avi_device_publish_full         (AviDevice            *self,
                                                  const char           *topic,
                                                  GBytes               *data,
                                                  AviPublishFlags       flags,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_publish_async        (AviDevice            *self,
                                                  const char           *topic,
                                                  GBytes               *data,
                                                  AviPublishFlags       flags,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
AVI_AVAILABLE_IN_1_0
gint             avi_device_publish_finish       (AviDevice            *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gint             avi_device_publish_sync         (AviDevice            *self,
                                                  const char           *topic,
                                                  GBytes               *data,
                                                  AviPublishFlags       flags,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_wait_for_subscribers (AviDevice            *self,
                                                  const char           *topic,
                                                  guint                 n_peers,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_wait_for_subscribers_async  (AviDevice            *self,
                                                         const char           *topic,
                                                         guint                 n_peers,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_wait_for_subscribers_finish (AviDevice            *self,
                                                         GAsyncResult         *result,
                                                         GError              **error);

/* How topics are treated. */
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_set_topic_policy     (AviDevice            *self,
                                                  const char           *topic,
                                                  AviTopicPolicy        policy,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
AviTopicPolicy   avi_device_get_topic_policy     (AviDevice            *self,
                                                  const char           *topic);
AVI_AVAILABLE_IN_1_0
gboolean         avi_device_set_validator        (AviDevice            *self,
                                                  const char           *topic,
                                                  AviMessageValidator   validator,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy,
                                                  GError              **error);
AVI_AVAILABLE_IN_1_0
void             avi_device_answer_message       (AviDevice            *self,
                                                  AviMessage           *message,
                                                  AviVerdict            verdict);

AVI_AVAILABLE_IN_1_0
AviTopicStatistics *avi_device_get_topic_statistics (AviDevice         *self,
                                                     const char        *topic);
AVI_AVAILABLE_IN_1_0
char           **avi_device_dup_topics           (AviDevice            *self);
AVI_AVAILABLE_IN_1_0
GVariant        *avi_device_get_statistics       (AviDevice            *self);

G_END_DECLS
