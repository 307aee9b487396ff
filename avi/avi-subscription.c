/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-subscription-private.h"

/**
 * AviSubscription:
 *
 * A program's interest in one topic.
 *
 * [method@Avi.Device.subscribe] makes it, before or after the device was started; it outlasts
 * `stop` and `start`. Each message that the mesh carries on the topic arrives as
 * [signal@Avi.Subscription::message], in the context that was the thread-default one where the
 * device was made. The device's own messages are not among them, except where they are published
 * with %AVI_PUBLISH_LOCAL.
 *
 * The device holds the subscription until [method@Avi.Subscription.cancel], or until its own end:
 * a program that has connected a handler may forget the object. It never keeps the device alive.
 * Until then it is [property@Avi.Subscription:active].
 *
 * A program that does not take its messages in time loses the oldest ones: of those that wait,
 * [property@Avi.Subscription:max-queued] and [property@Avi.Subscription:max-queued-bytes] are
 * kept, and [property@Avi.Subscription:dropped] counts the rest.
 *
 * Since: 1.0
 */
struct _AviSubscription
{
  GObject parent_instance;

  GWeakRef  device;
  AviInbox *inbox; /* from before anybody sees it to its end; NULL only for one that a binding made */
  char     *topic;

  guint64 told_dropped; /* in the device's context: as notified last */

  AviLock lock; /* of what follows */
  guint   max_queued;
  guint64 max_queued_bytes;
  gboolean active;
};

enum
{
  PROP_0,
  PROP_TOPIC,
  PROP_MAX_QUEUED,
  PROP_MAX_QUEUED_BYTES,
  PROP_DROPPED,
  PROP_ACTIVE,
  N_PROPS
};

enum
{
  MESSAGE,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (AviSubscription, avi_subscription, G_TYPE_OBJECT)

AviSubscription *
avi_subscription_new (AviDevice  *device,
                      const char *topic)
{
  AviSubscription *self = g_object_new (AVI_TYPE_SUBSCRIPTION, NULL);

  g_weak_ref_set (&self->device, device);
  self->topic = g_strdup (topic);
  return self;
}

void
avi_subscription_set_inbox (AviSubscription *self,
                            AviInbox        *inbox)
{
  self->inbox = inbox;
  self->active = TRUE;
}

AviInbox *
avi_subscription_get_inbox (AviSubscription *self)
{
  return self->inbox;
}

void
avi_subscription_tell (AviSubscription *self,
                       AviMessage      *message)
{
  guint64 dropped = avi_inbox_get_dropped (self->inbox);

  if (dropped != self->told_dropped)
    {
      self->told_dropped = dropped;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DROPPED]);
    }
  g_signal_emit (self, signals[MESSAGE], 0, message);
}

static gboolean
avi_subscription_tell_end (gpointer self)
{
  g_object_notify_by_pspec (self, properties[PROP_ACTIVE]);
  return G_SOURCE_REMOVE;
}

static gboolean
avi_subscription_has_notify_handler (AviSubscription *self)
{
  guint notify = g_signal_lookup ("notify", G_TYPE_OBJECT);
  GQuark active = g_param_spec_get_name_quark (properties[PROP_ACTIVE]);

  return g_signal_has_handler_pending (self, notify, active, TRUE)
         || g_signal_has_handler_pending (self, notify, 0, TRUE);
}

void
avi_subscription_end (AviSubscription *self,
                      GMainContext    *context)
{
  GSource *source;

  avi_lock (&self->lock);
  self->active = FALSE;
  avi_unlock (&self->lock);
  /* It would hold the object for as long as the context is not iterated. */
  if (!avi_subscription_has_notify_handler (self))
    return;
  /* A source of its own, since the device's ends with it. */
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, avi_subscription_tell_end, g_object_ref (self), g_object_unref);
  g_source_attach (source, context);
  g_source_unref (source);
}

/**
 * avi_subscription_cancel:
 * @self: a subscription
 *
 * Ends the subscription: the mesh is told, unless another one has the same topic, and the device
 * lets go of the object. In the device's context no message is emitted once this returns; called
 * from another thread, one whose emission has begun may still be on its way.
 *
 * Does nothing where the subscription or its device has ended before.
 *
 * Since: 1.0
 */
void
avi_subscription_cancel (AviSubscription *self)
{
  g_autoptr(AviDevice) device = NULL;

  g_return_if_fail (AVI_IS_SUBSCRIPTION (self));

  device = g_weak_ref_get (&self->device);
  if (device != NULL)
    avi_device_drop_subscription (device, self);
}

/**
 * avi_subscription_get_topic: (get-property topic)
 * @self: a subscription
 *
 * Gets the topic, as it was given to [method@Avi.Device.subscribe].
 *
 * Returns: (transfer none): the topic, as long as the subscription lives
 *
 * Since: 1.0
 */
const char *
avi_subscription_get_topic (AviSubscription *self)
{
  g_return_val_if_fail (AVI_IS_SUBSCRIPTION (self), NULL);

  return self->topic != NULL ? self->topic : "";
}

/**
 * avi_subscription_get_max_queued: (get-property max-queued)
 * @self: a subscription
 *
 * Gets how many messages may wait for the program.
 *
 * Returns: the limit
 *
 * Since: 1.0
 */
guint
avi_subscription_get_max_queued (AviSubscription *self)
{
  guint max_queued;

  g_return_val_if_fail (AVI_IS_SUBSCRIPTION (self), 0);

  avi_lock (&self->lock);
  max_queued = self->max_queued;
  avi_unlock (&self->lock);
  return max_queued;
}

/**
 * avi_subscription_get_max_queued_bytes: (get-property max-queued-bytes)
 * @self: a subscription
 *
 * Gets how many bytes of messages may wait for the program.
 *
 * Returns: the limit
 *
 * Since: 1.0
 */
guint64
avi_subscription_get_max_queued_bytes (AviSubscription *self)
{
  guint64 max_queued_bytes;

  g_return_val_if_fail (AVI_IS_SUBSCRIPTION (self), 0);

  avi_lock (&self->lock);
  max_queued_bytes = self->max_queued_bytes;
  avi_unlock (&self->lock);
  return max_queued_bytes;
}

/* With the lock held. */
static void
avi_subscription_apply_limits (AviSubscription *self)
{
  if (self->inbox != NULL)
    avi_inbox_set_limits (self->inbox, self->max_queued, MIN (self->max_queued_bytes, G_MAXSIZE));
}

/**
 * avi_subscription_set_max_queued: (set-property max-queued)
 * @self: a subscription
 * @max_queued: how many messages may wait for the program, at least 1
 *
 * Sets how many messages may wait. What waits beyond a smaller limit is dropped at once, oldest
 * first.
 *
 * Since: 1.0
 */
void
avi_subscription_set_max_queued (AviSubscription *self,
                                 guint            max_queued)
{
  gboolean changed;

  g_return_if_fail (AVI_IS_SUBSCRIPTION (self));
  g_return_if_fail (max_queued > 0);

  avi_lock (&self->lock);
  changed = self->max_queued != max_queued;
  self->max_queued = max_queued;
  avi_subscription_apply_limits (self);
  avi_unlock (&self->lock);
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_QUEUED]);
}

/**
 * avi_subscription_set_max_queued_bytes: (set-property max-queued-bytes)
 * @self: a subscription
 * @max_queued_bytes: how many bytes of messages may wait for the program, at least 1
 *
 * Sets how many bytes may wait. What waits beyond a smaller limit is dropped at once, oldest
 * first. A message that is larger than the limit never arrives.
 *
 * Since: 1.0
 */
void
avi_subscription_set_max_queued_bytes (AviSubscription *self,
                                       guint64          max_queued_bytes)
{
  gboolean changed;

  g_return_if_fail (AVI_IS_SUBSCRIPTION (self));
  g_return_if_fail (max_queued_bytes > 0);

  avi_lock (&self->lock);
  changed = self->max_queued_bytes != max_queued_bytes;
  self->max_queued_bytes = max_queued_bytes;
  avi_subscription_apply_limits (self);
  avi_unlock (&self->lock);
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_QUEUED_BYTES]);
}

/**
 * avi_subscription_get_dropped: (get-property dropped)
 * @self: a subscription
 *
 * Gets how many messages were dropped because the program did not take them in time.
 *
 * Returns: the number since the subscription was made
 *
 * Since: 1.0
 */
guint64
avi_subscription_get_dropped (AviSubscription *self)
{
  g_return_val_if_fail (AVI_IS_SUBSCRIPTION (self), 0);

  return self->inbox != NULL ? avi_inbox_get_dropped (self->inbox) : 0;
}

/**
 * avi_subscription_get_active: (get-property active)
 * @self: a subscription
 *
 * Gets whether messages may still come.
 *
 * Returns: %FALSE once the subscription was cancelled, or its device is gone
 *
 * Since: 1.0
 */
gboolean
avi_subscription_get_active (AviSubscription *self)
{
  gboolean active;

  g_return_val_if_fail (AVI_IS_SUBSCRIPTION (self), FALSE);

  avi_lock (&self->lock);
  active = self->active;
  avi_unlock (&self->lock);
  return active;
}

static void
avi_subscription_get_property (GObject    *object,
                               guint       id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  AviSubscription *self = AVI_SUBSCRIPTION (object);

  switch (id)
    {
    case PROP_TOPIC:
      g_value_set_string (value, avi_subscription_get_topic (self));
      break;
    case PROP_MAX_QUEUED:
      g_value_set_uint (value, avi_subscription_get_max_queued (self));
      break;
    case PROP_MAX_QUEUED_BYTES:
      g_value_set_uint64 (value, avi_subscription_get_max_queued_bytes (self));
      break;
    case PROP_DROPPED:
      g_value_set_uint64 (value, avi_subscription_get_dropped (self));
      break;
    case PROP_ACTIVE:
      g_value_set_boolean (value, avi_subscription_get_active (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_subscription_set_property (GObject      *object,
                               guint         id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  AviSubscription *self = AVI_SUBSCRIPTION (object);

  switch (id)
    {
    case PROP_MAX_QUEUED:
      avi_subscription_set_max_queued (self, g_value_get_uint (value));
      break;
    case PROP_MAX_QUEUED_BYTES:
      avi_subscription_set_max_queued_bytes (self, g_value_get_uint64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_subscription_finalize (GObject *object)
{
  AviSubscription *self = AVI_SUBSCRIPTION (object);

  g_clear_pointer (&self->inbox, avi_inbox_unref);
  g_weak_ref_clear (&self->device);
  g_free (self->topic);
  avi_lock_clear (&self->lock);
  G_OBJECT_CLASS (avi_subscription_parent_class)->finalize (object);
}

static void
avi_subscription_init (AviSubscription *self)
{
  g_weak_ref_init (&self->device, NULL);
  avi_lock_init (&self->lock);
  self->max_queued = AVI_SUBSCRIPTION_MAX_QUEUED;
  self->max_queued_bytes = AVI_SUBSCRIPTION_MAX_QUEUED_BYTES;
}

static void
avi_subscription_class_init (AviSubscriptionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = avi_subscription_get_property;
  object_class->set_property = avi_subscription_set_property;
  object_class->finalize = avi_subscription_finalize;

  /**
   * AviSubscription:topic: (getter get_topic)
   *
   * The topic, as it was given to [method@Avi.Device.subscribe].
   *
   * Since: 1.0
   */
  properties[PROP_TOPIC] = g_param_spec_string ("topic", NULL, NULL, NULL, G_PARAM_READABLE | flags);

  /**
   * AviSubscription:max-queued: (getter get_max_queued) (setter set_max_queued)
   *
   * How many messages may wait for the program, by default 1,000; beyond it the oldest are dropped
   * and counted.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_QUEUED] = g_param_spec_uint ("max-queued", NULL, NULL, 1, G_MAXUINT, AVI_SUBSCRIPTION_MAX_QUEUED,
                                                   G_PARAM_READWRITE | flags);

  /**
   * AviSubscription:max-queued-bytes: (getter get_max_queued_bytes) (setter set_max_queued_bytes)
   *
   * How many bytes of messages may wait for the program, by default 16,777,216 (16 MiB); beyond it
   * the oldest are dropped and counted.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_QUEUED_BYTES] =
    g_param_spec_uint64 ("max-queued-bytes", NULL, NULL, 1, G_MAXUINT64, AVI_SUBSCRIPTION_MAX_QUEUED_BYTES,
                         G_PARAM_READWRITE | flags);

  /**
   * AviSubscription:dropped: (getter get_dropped)
   *
   * How many messages were dropped because the program did not take them in time.
   *
   * Since: 1.0
   */
  properties[PROP_DROPPED] =
    g_param_spec_uint64 ("dropped", NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | flags);

  /**
   * AviSubscription:active: (getter get_active)
   *
   * Whether messages may still come: %TRUE until the subscription is cancelled, or its device is gone. That is
   * notified in the device's context.
   *
   * Since: 1.0
   */
  properties[PROP_ACTIVE] = g_param_spec_boolean ("active", NULL, NULL, FALSE, G_PARAM_READABLE | flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * AviSubscription::message:
   * @self: the subscription
   * @message: the message
   *
   * Emitted for each message of the topic, in the device's context.
   *
   * Since: 1.0
   */
  signals[MESSAGE] = g_signal_new ("message", G_OBJECT_CLASS_TYPE (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 1, avi_message_get_type ());
}
