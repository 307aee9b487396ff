/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-subscription-private.h"
#include "avi-topic-statistics-private.h"

/* By address: which result belongs to which call. */
static const char publish_tag[] = "avi_device_publish_async";
static const char wait_for_subscribers_tag[] = "avi_device_wait_for_subscribers_async";

/**
 * avi_device_subscribe:
 * @self: a device
 * @topic: the topic's name; taken as it is, upper and lower case and slashes included
 * @error: return location for an error
 *
 * Subscribes to a topic. This works whether the device is running or not, and lasts over `stop`
 * and `start`. The device holds the subscription until [method@Avi.Subscription.cancel].
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT where the topic is empty, too long or not UTF-8, and with
 * %AVI_ERROR_LIMIT where there are too many subscriptions.
 *
 * Returns: (transfer full): the subscription
 *
 * Since: 1.0
 */
AviSubscription *
avi_device_subscribe (AviDevice  *self,
                      const char *topic,
                      GError    **error)
{
  g_autoptr(AviSubscription) subscription = NULL;
  AviInbox *inbox;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);
  g_return_val_if_fail (topic != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  subscription = avi_subscription_new (self, topic);
  /* Nothing can arrive before the table knows the inbox: whoever tells looks into it. */
  avi_lock (&self->lock);
  inbox = avi_core_subscribe (self->core, topic, AVI_SUBSCRIPTION_MAX_QUEUED, AVI_SUBSCRIPTION_MAX_QUEUED_BYTES,
                              error);
  if (inbox != NULL)
    {
      avi_subscription_set_inbox (subscription, inbox);
      g_hash_table_insert (self->subscriptions, inbox, g_object_ref (subscription));
    }
  avi_unlock (&self->lock);
  return inbox != NULL ? g_steal_pointer (&subscription) : NULL;
}

/**
 * avi_device_publish:
 * @self: a device that is running
 * @topic: the topic's name
 * @data: the message, at most 1 MiB (`max-message-size`)
 * @error: return location for an error
 *
 * Sends a message to all devices that subscribe to the topic. Waits for nobody: at most a small message to a few,
 * which comes alone, is signed and sent by this very thread, in tens of microseconds. That nobody
 * subscribes is no error: [method@Avi.Device.wait_for_subscribers] waits for somebody to.
 *
 * Some peers take less than 1 MiB: the limit of AVI nodes of the first kind counts in topic, author and
 * signature. A message that is too large for a peer is not sent to it, which is counted as `sends-dropped`; where
 * it is for all that subscribe, [method@Avi.Device.publish_async] fails with %AVI_ERROR_LIMIT. Whatever keeps a message
 * from being sent later than this returns is counted by its topic and reason:
 * [method@Avi.Device.get_topic_statistics].
 *
 * Fails with %AVI_ERROR_LIMIT where the message is too large, or where 4,096 messages or 16 MiB wait to be sent: the
 * error says on which topic most of them are, and which peer has no room
 * ([method@Avi.Device.publish_async] waits for room instead). With %AVI_ERROR_NOT_RUNNING, or
 * with %AVI_ERROR_INVALID_ARGUMENT where the topic is malformed.
 *
 * Returns: how many peers subscribe to the topic, as last known, which may be 0; -1 on error
 *
 * Since: 1.0
 */
gint
avi_device_publish (AviDevice  *self,
                    const char *topic,
                    GBytes     *data,
                    GError    **error)
{
  return avi_device_publish_full (self, topic, data, AVI_PUBLISH_NONE, error);
}

/**
 * avi_device_publish_text:
 * @self: a device that is running
 * @topic: the topic's name
 * @text: the message, in UTF-8, at most 1 MiB (`max-message-size`)
 * @error: return location for an error
 *
 * Sends a text to all devices that subscribe to the topic; as [method@Avi.Device.publish].
 *
 * Returns: how many peers subscribe to the topic, as last known, which may be 0; -1 on error
 *
 * Since: 1.0
 */
gint
avi_device_publish_text (AviDevice  *self,
                         const char *topic,
                         const char *text,
                         GError    **error)
{
  g_autoptr(GBytes) data = NULL;

  g_return_val_if_fail (text != NULL, -1);

  data = g_bytes_new (text, strlen (text));
  return avi_device_publish_full (self, topic, data, AVI_PUBLISH_NONE, error);
}

/* The core's flags are its own. */
static guint
avi_device_get_core_flags (AviPublishFlags flags)
{
  return ((flags & AVI_PUBLISH_LOCAL) != 0 ? AVI_CORE_PUBLISH_ECHO : 0)
         | ((flags & AVI_PUBLISH_HOLD) != 0 ? AVI_CORE_PUBLISH_HOLD : 0);
}

/**
 * avi_device_publish_full:
 * @self: a device that is running
 * @topic: the topic's name
 * @data: the message, at most 1 MiB (`max-message-size`)
 * @flags: where the message goes, and when
 * @error: return location for an error
 *
 * Sends a message; as [method@Avi.Device.publish], with a choice.
 *
 * With %AVI_PUBLISH_LOCAL the device's own subscriptions hear it, too, at once.
 *
 * With %AVI_PUBLISH_HOLD a message that nobody subscribes to waits until somebody does, and then goes to
 * whoever it is, in order with the others that wait, and before all that is published on the topic later. It waits
 * for [property@Avi.Device:hold-timeout] at most, and no longer than until the device stops: then it is dropped,
 * counted ([method@Avi.TopicStatistics.get_dropped]) and logged. No more wait on a topic than
 * [property@Avi.Device:max-held] and [property@Avi.Device:max-held-bytes] allow: beyond it this fails with
 * %AVI_ERROR_LIMIT, which names the topic, the limit and its value. Where the device hears itself, too, the message
 * has another number ([method@Avi.Message.get_seqno]) there than it has when it is sent.
 *
 * Returns: how many peers subscribe to the topic, as last known, which may be 0; -1 on error
 *
 * Since: 1.0
 */
gint
avi_device_publish_full (AviDevice       *self,
                         const char      *topic,
                         GBytes          *data,
                         AviPublishFlags  flags,
                         GError         **error)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), -1);
  g_return_val_if_fail (topic != NULL, -1);
  g_return_val_if_fail (data != NULL, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  return avi_core_publish (self->core, topic, data, avi_device_get_core_flags (flags), NULL, error);
}

/**
 * avi_device_publish_async:
 * @self: a device that is running
 * @topic: the topic's name
 * @data: the message, at most 1 MiB (`max-message-size`)
 * @flags: where the message goes, and when
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when the message was handed to the subscribers' sockets
 * @user_data: for @callback
 *
 * Sends a message to all devices that subscribe to the topic, and completes once the system has it for each of them:
 * a program that waits for that before it publishes more never outruns the network. Where more waits to be sent than
 * may, this waits for room.
 *
 * A peer that does not read is waited for for one second; so is one that takes less than 64 KiB in a second. The
 * call then completes without it, and until it has caught up nobody waits for it again. What it has no room for it
 * does not get ([method@Avi.TopicStatistics.get_dropped]).
 *
 * With %AVI_PUBLISH_HOLD this completes once the message has been sent, or with %AVI_ERROR_TIMEOUT where nobody came
 * to subscribe within [property@Avi.Device:hold-timeout].
 *
 * Fails as [method@Avi.Device.publish_full] does, but for the room; with %AVI_ERROR_CLOSED where the
 * device stops before the message was sent, and with %G_IO_ERROR_CANCELLED. A message that is cancelled is not sent,
 * unless it was under way.
 *
 * Since: 1.0
 */
void
avi_device_publish_async (AviDevice          *self,
                          const char         *topic,
                          GBytes             *data,
                          AviPublishFlags     flags,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (topic != NULL);
  g_return_if_fail (data != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = avi_device_task_new (self, cancellable, callback, user_data, avi_core_cancel, avi_device_give_number,
                              publish_tag);
  if (avi_device_task_is_cancelled (task, cancellable))
    return;
  if (avi_core_publish (self->core, topic, data, avi_device_get_core_flags (flags), avi_device_task_get_call (task),
                        &error) >= 0)
    avi_device_task_connect (task);
  else
    avi_device_task_fail (task, error);
}

/**
 * avi_device_publish_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how [method@Avi.Device.publish_async] ended.
 *
 * Returns: to how many peers the message went, which may be 0: a peer that had to be given up, or whose connection
 *   ended meanwhile, is not counted, though it may have the message; -1 on error
 *
 * Since: 1.0
 */
gint
avi_device_publish_finish (AviDevice    *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), -1);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) publish_tag), -1);

  return g_task_propagate_int (G_TASK (result), error);
}

/**
 * avi_device_publish_sync:
 * @self: a device that is running
 * @topic: the topic's name
 * @data: the message, at most 1 MiB (`max-message-size`)
 * @flags: where the message goes, and when
 * @cancellable: (nullable): to give up
 * @error: return location for an error
 *
 * The synchronous form of [method@Avi.Device.publish_async].
 *
 * Waits without iterating the main context.
 *
 * Returns: to how many peers the message went, as [method@Avi.Device.publish_finish] says; -1 on error
 *
 * Since: 1.0
 */
gint
avi_device_publish_sync (AviDevice       *self,
                         const char      *topic,
                         GBytes          *data,
                         AviPublishFlags  flags,
                         GCancellable    *cancellable,
                         GError         **error)
{
  g_autoptr(AviCall) call = NULL;
  gint64 n = -1;

  g_return_val_if_fail (AVI_IS_DEVICE (self), -1);
  g_return_val_if_fail (topic != NULL, -1);
  g_return_val_if_fail (data != NULL, -1);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  call = avi_call_new (NULL);
  if (avi_core_publish (self->core, topic, data, avi_device_get_core_flags (flags), call, error) < 0
      || !avi_device_wait (self, call, cancellable, avi_core_cancel, NULL, error))
    return -1;
  avi_call_get_result (call, &n, NULL, NULL);
  return (gint) n;
}

/**
 * avi_device_get_topic_statistics:
 * @self: a device
 * @topic: a topic's name
 *
 * Gets what the device has counted of one topic so far.
 *
 * Returns: (transfer full): the statistics, with nothing but zeros where the device has nothing to do with the topic
 *
 * Since: 1.0
 */
AviTopicStatistics *
avi_device_get_topic_statistics (AviDevice  *self,
                                 const char *topic)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);
  g_return_val_if_fail (topic != NULL, NULL);

  return avi_topic_statistics_new (self->core, topic);
}

/**
 * avi_device_dup_topics: (get-property topics)
 * @self: a device
 *
 * Gets the topics of which the device has counted something: [method@Avi.Device.get_topic_statistics] has it.
 *
 * Returns: (transfer full): the topics, the one that was last used last
 *
 * Since: 1.0
 */
char **
avi_device_dup_topics (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  return avi_core_dup_counted_topics (self->core);
}

/**
 * avi_device_wait_for_subscribers:
 * @self: a device that is running
 * @topic: the topic's name
 * @n_peers: how many
 * @cancellable: (nullable): to give up
 * @error: return location for an error
 *
 * Waits until at least so many connected peers subscribe to a topic: what is published then
 * reaches them.
 *
 * Fails with %AVI_ERROR_NOT_RUNNING, with %AVI_ERROR_CLOSED where the device stops meanwhile, with
 * %AVI_ERROR_INVALID_ARGUMENT where the topic is malformed, and with %G_IO_ERROR_CANCELLED.
 *
 * Waits without iterating the main context.
 *
 * Returns: %TRUE where they subscribe
 *
 * Since: 1.0
 */
gboolean
avi_device_wait_for_subscribers (AviDevice    *self,
                                 const char   *topic,
                                 guint         n_peers,
                                 GCancellable *cancellable,
                                 GError      **error)
{
  g_autoptr(AviCall) call = NULL;

  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (topic != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  call = avi_call_new (NULL);
  avi_core_wait_for_subscribers (self->core, topic, n_peers, call);
  return avi_device_wait (self, call, cancellable, avi_core_cancel, NULL, error);
}

/**
 * avi_device_wait_for_subscribers_async:
 * @self: a device that is running
 * @topic: the topic's name
 * @n_peers: how many
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when they subscribe
 * @user_data: for @callback
 *
 * The asynchronous form of [method@Avi.Device.wait_for_subscribers].
 *
 * Since: 1.0
 */
void
avi_device_wait_for_subscribers_async (AviDevice          *self,
                                       const char         *topic,
                                       guint               n_peers,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (topic != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = avi_device_task_new (self, cancellable, callback, user_data, avi_core_cancel, avi_device_give_boolean,
                              wait_for_subscribers_tag);
  if (avi_device_task_is_cancelled (task, cancellable))
    return;
  avi_core_wait_for_subscribers (self->core, topic, n_peers, avi_device_task_get_call (task));
  avi_device_task_connect (task);
}

/**
 * avi_device_wait_for_subscribers_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how [method@Avi.Device.wait_for_subscribers_async] ended.
 *
 * Returns: %TRUE where they subscribe
 *
 * Since: 1.0
 */
gboolean
avi_device_wait_for_subscribers_finish (AviDevice    *self,
                                        GAsyncResult *result,
                                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) wait_for_subscribers_tag), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
