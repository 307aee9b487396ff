/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"

#include "protocols/gossipsub/avi-gossipsub.h"

/* Verdicts go to the router as they are. */
G_STATIC_ASSERT ((guint) AVI_VERDICT_IGNORE == (guint) AVI_GOSSIPSUB_IGNORE);
G_STATIC_ASSERT ((guint) AVI_VERDICT_ACCEPT == (guint) AVI_GOSSIPSUB_ACCEPT);
G_STATIC_ASSERT ((guint) AVI_VERDICT_REJECT == (guint) AVI_GOSSIPSUB_REJECT);

/* Held by the device, and by the call that is under way when another takes its place. */
struct _AviDeviceValidator
{
  AviRefCount refs;
  AviMessageValidator func;
  gpointer user_data;
  GDestroyNotify destroy;
};

/* --- policies --- */

/**
 * avi_device_set_topic_policy:
 * @self: a device
 * @topic: the topic's name
 * @policy: what its messages say of their authors
 * @error: return location for an error
 *
 * Sets how the messages of a topic are signed. All peers of the topic have to be configured alike: a message of the
 * other kind is dropped, and counted as `messages-invalid` and by its topic as %AVI_DROP_REASON_INVALID. This works whether
 * the device is running or not, and lasts over `stop` and `start`; it is for what comes and is published from then on, so
 * it is best called before [method@Avi.Device.subscribe].
 *
 * With %AVI_TOPIC_POLICY_UNSIGNED messages say nothing of their authors: [method@Avi.Message.get_from] is %NULL and
 * [method@Avi.Message.get_seqno] is 0. Connections are encrypted and peers known all the same, but any of them may have
 * made up what it passes on. A message is named by its content, the first 20 bytes of SHA-256 over topic and data, so
 * identical data within 120 s (`seen-ttl`) count as one message. That goes for the publisher, too: what was published on the topic or
 * heard there in that time is not sent again, but counted as %AVI_DROP_REASON_DUPLICATE, and
 * [method@Avi.Device.publish_async] fails with %AVI_ERROR_ALREADY_EXISTS. Whoever wants to say the same twice puts a time or a number into it.
 *
 * In go-libp2p-pubsub the same is `WithMessageSignaturePolicy (StrictNoSign)`, `WithNoAuthor ()` and such a `WithMessageIdFn`, in
 * rust-libp2p `MessageAuthenticity::Anonymous` and `ValidationMode::Anonymous` with a `message_id_fn`. See the
 * [specification](https://github.com/libp2p/specs/blob/master/pubsub/README.md#message-signing).
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT where the topic is empty, too long or not UTF-8, and with %AVI_ERROR_LIMIT
 * where 1,024 topics have a policy or a validator.
 *
 * Returns: %TRUE where it is set
 *
 * Since: 1.0
 */
gboolean
avi_device_set_topic_policy (AviDevice *self, const char *topic, AviTopicPolicy policy, GError **error)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (topic != NULL, FALSE);
  g_return_val_if_fail (policy == AVI_TOPIC_POLICY_SIGNED || policy == AVI_TOPIC_POLICY_UNSIGNED, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return avi_core_set_topic_flag (self->core, topic, AVI_CORE_TOPIC_UNSIGNED, policy == AVI_TOPIC_POLICY_UNSIGNED,
                                  error);
}

/**
 * avi_device_get_topic_policy:
 * @self: a device
 * @topic: the topic's name
 *
 * Gets how the messages of a topic are signed.
 *
 * Returns: what [method@Avi.Device.set_topic_policy] set, by default %AVI_TOPIC_POLICY_SIGNED
 *
 * Since: 1.0
 */
AviTopicPolicy
avi_device_get_topic_policy (AviDevice *self, const char *topic)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), AVI_TOPIC_POLICY_SIGNED);
  g_return_val_if_fail (topic != NULL, AVI_TOPIC_POLICY_SIGNED);

  return avi_core_get_topic_flags (self->core, topic) & AVI_CORE_TOPIC_UNSIGNED ? AVI_TOPIC_POLICY_UNSIGNED
                                                                                : AVI_TOPIC_POLICY_SIGNED;
}

/* --- validators --- */

static AviDeviceValidator *
avi_device_validator_new (AviMessageValidator func, gpointer user_data, GDestroyNotify destroy)
{
  AviDeviceValidator *self = g_new0 (AviDeviceValidator, 1);

  avi_ref_count_init (&self->refs);
  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  return self;
}

void
avi_device_validator_unref (AviDeviceValidator *self)
{
  if (!avi_ref_count_dec (&self->refs))
    return;
  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_free (self);
}

/* Takes @validator; what was there before is let go without the lock, for that runs the program's code. */
static void
avi_device_swap_validator (AviDevice *self, const char *topic, AviDeviceValidator *validator)
{
  g_autofree char *old_topic = NULL;
  AviDeviceValidator *old = NULL;

  avi_lock (&self->lock);
  g_hash_table_steal_extended (self->validators, topic, (gpointer *) &old_topic, (gpointer *) &old);
  if (validator != NULL)
    g_hash_table_insert (self->validators, g_strdup (topic), validator);
  avi_unlock (&self->lock);
  if (old != NULL)
    avi_device_validator_unref (old);
}

/**
 * avi_device_set_validator:
 * @self: a device
 * @topic: the topic's name
 * @validator: (nullable) (scope notified) (closure user_data) (destroy destroy): what is asked about each message; %NULL:
 *   nobody is asked
 * @user_data: for @validator
 * @destroy: (nullable): called with @user_data when @validator is not needed any more, in whatever thread lets it go
 * @error: return location for an error
 *
 * Has each message of a topic looked at before anybody else sees it: it is neither delivered to subscriptions nor passed
 * on to other devices until @validator accepts it. @validator is called in the device's context, only while that is
 * iterated. It takes the place of one that the topic had before; it may be set before `start`, and lasts over `stop` and
 * `start`. A topic without one takes no detour.
 *
 * Duplicates, malformed messages and bad signatures are out before. Who wrote a message is certain, as
 * [method@Avi.Message.get_from] has it. What this device publishes itself is not asked about.
 *
 * A validator that returns %AVI_VERDICT_LATER gives its verdict with [method@Avi.Device.answer_message]. A message that
 * has no verdict within 10 s of its arrival is dropped. 1,024 messages, or 16 MiB, may wait for theirs, and of those that came
 * from one peer no more than there is room left for all others: what comes beyond that is dropped. Both are counted as
 * `messages-unjudged`. What is accepted later is delivered later: only verdicts that are given in
 * order keep the order.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT where the topic is empty, too long or not UTF-8, and with %AVI_ERROR_LIMIT
 * where 1,024 topics have a policy or a validator; @destroy was called then.
 *
 * Returns: %TRUE where it is set
 *
 * Since: 1.0
 */
gboolean
avi_device_set_validator (AviDevice *self, const char *topic, AviMessageValidator validator, gpointer user_data,
                          GDestroyNotify destroy, GError **error)
{
  AviDeviceValidator *added;

  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (topic != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  /* Known before it is asked, and asked no more before it is forgotten. */
  added = validator != NULL ? avi_device_validator_new (validator, user_data, destroy) : NULL;
  if (!avi_core_set_topic_flag (self->core, topic, AVI_CORE_TOPIC_VALIDATED, added != NULL, error))
    {
      g_clear_pointer (&added, avi_device_validator_unref);
      return FALSE;
    }
  avi_device_swap_validator (self, topic, added);
  return TRUE;
}

/**
 * avi_device_answer_message:
 * @self: a device
 * @message: a message that a validator was asked about, and answered with %AVI_VERDICT_LATER
 * @verdict: what is to become of it
 *
 * Gives the verdict on a message that [method@Avi.Device.set_validator] asked about. From any thread. The first verdict on a
 * message counts; one that comes too late, or on a message that nobody asked about, does nothing.
 * %AVI_VERDICT_LATER is no verdict, and does nothing either.
 *
 * Since: 1.0
 */
void
avi_device_answer_message (AviDevice *self, AviMessage *message, AviVerdict verdict)
{
  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (message != NULL);

  if (verdict != AVI_VERDICT_LATER)
    avi_core_judge (self->core, message, verdict);
}

void
avi_device_tell_validator (AviDevice *self, AviMessage *message)
{
  AviVerdict verdict = AVI_VERDICT_ACCEPT;
  AviDeviceValidator *validator;

  avi_lock (&self->lock);
  validator = g_hash_table_lookup (self->validators, avi_message_get_topic (message));
  if (validator != NULL)
    avi_ref_count_inc (&validator->refs);
  avi_unlock (&self->lock);

  /* None where it was removed since: as if it had never been asked. */
  if (validator != NULL)
    {
      verdict = validator->func (self, message, validator->user_data);
      avi_device_validator_unref (validator);
    }
  avi_device_answer_message (self, message, verdict);
}

void
avi_device_drop_validators (AviDevice *self)
{
  GHashTable *validators;

  avi_lock (&self->lock);
  validators = self->validators;
  self->validators = avi_device_validators_new ();
  avi_unlock (&self->lock);
  g_hash_table_unref (validators);
}

GHashTable *
avi_device_validators_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) avi_device_validator_unref);
}
