/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-topic-statistics-private.h"

#include "wire/avi-ref-count.h"

/**
 * AviTopicStatistics:
 *
 * What a device has counted of one topic, at one moment.
 *
 * [method@Avi.Device.get_topic_statistics] gives it; [property@Avi.Device:topics] has all of which there is any. It
 * counts from when the device was made, over `stop` and `start`. Who publishes sees here what became of the messages;
 * for one message [method@Avi.Device.publish_finish] tells.
 *
 * Since: 1.0
 */
struct _AviTopicStatistics
{
  AviRefCount    refs;
  AviTopicCounts counts;
  guint          n_held;
  char           topic[];
};

G_STATIC_ASSERT ((int) AVI_TOPIC_FIRST_DROPPED + (int) AVI_DROP_REASON_SCORE == (int) AVI_TOPIC_DROPPED_SCORE);
G_STATIC_ASSERT ((int) AVI_TOPIC_DROPPED_SCORE + 1 == (int) AVI_N_TOPIC_COUNTS);

/* As in avi-message.c. */
GType
avi_topic_statistics_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static (g_intern_static_string ("AviTopicStatistics"),
                                                            (GBoxedCopyFunc) avi_topic_statistics_ref,
                                                            (GBoxedFreeFunc) avi_topic_statistics_unref));
  return type;
}

AviTopicStatistics *
avi_topic_statistics_new (AviCore    *core,
                          const char *topic)
{
  gsize size = strlen (topic) + 1;
  AviTopicStatistics *self = g_malloc0 (sizeof *self + size);

  avi_ref_count_init (&self->refs);
  memcpy (self->topic, topic, size);
  avi_core_dup_topic_counts (core, topic, &self->counts, &self->n_held);
  return self;
}

/**
 * avi_topic_statistics_ref:
 * @self: statistics
 *
 * Takes a reference to @self.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
AviTopicStatistics *
avi_topic_statistics_ref (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  avi_ref_count_inc (&self->refs);
  return self;
}

/**
 * avi_topic_statistics_unref:
 * @self: (transfer full): statistics
 *
 * Gives a reference to @self back; with the last one it is freed.
 *
 * Since: 1.0
 */
void
avi_topic_statistics_unref (AviTopicStatistics *self)
{
  g_return_if_fail (self != NULL);

  if (avi_ref_count_dec (&self->refs))
    g_free (self);
}

/**
 * avi_topic_statistics_get_topic:
 * @self: statistics
 *
 * Gets the topic's name.
 *
 * Returns: the topic
 *
 * Since: 1.0
 */
const char *
avi_topic_statistics_get_topic (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->topic;
}

/**
 * avi_topic_statistics_get_published:
 * @self: statistics
 *
 * Gets how many messages this device has published on the topic: those that [method@Avi.Device.publish] and its
 * kind have taken, whatever became of them then.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_published (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->counts.n[AVI_TOPIC_PUBLISHED];
}

/**
 * avi_topic_statistics_get_published_bytes:
 * @self: statistics
 *
 * Gets how many bytes of data these messages had.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_published_bytes (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->counts.n[AVI_TOPIC_PUBLISHED_BYTES];
}

/**
 * avi_topic_statistics_get_delivered:
 * @self: statistics
 *
 * Gets how many messages of others came for this device's subscriptions, each once, however many there are.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_delivered (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->counts.n[AVI_TOPIC_DELIVERED];
}

/**
 * avi_topic_statistics_get_delivered_bytes:
 * @self: statistics
 *
 * Gets how many bytes of data these messages had.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_delivered_bytes (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->counts.n[AVI_TOPIC_DELIVERED_BYTES];
}

/**
 * avi_topic_statistics_get_duplicates:
 * @self: statistics
 *
 * Gets how many messages came that had come before, by another peer most likely: in a mesh that is as it should be.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_duplicates (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->counts.n[AVI_TOPIC_DUPLICATES];
}

/**
 * avi_topic_statistics_get_dropped:
 * @self: statistics
 * @reason: why
 *
 * Gets how many messages of the topic did not get where they were meant to, for one reason.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_dropped (AviTopicStatistics *self,
                                  AviDropReason       reason)
{
  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (reason <= AVI_DROP_REASON_SCORE, 0);

  return self->counts.n[AVI_TOPIC_FIRST_DROPPED + reason];
}

/**
 * avi_topic_statistics_get_dropped_total:
 * @self: statistics
 *
 * Gets how many messages of the topic did not get where they were meant to, for all reasons together.
 *
 * Returns: the number since the device was made
 *
 * Since: 1.0
 */
guint64
avi_topic_statistics_get_dropped_total (AviTopicStatistics *self)
{
  guint64 total = 0;

  g_return_val_if_fail (self != NULL, 0);

  for (guint i = AVI_TOPIC_FIRST_DROPPED; i < AVI_N_TOPIC_COUNTS; i++)
    total += self->counts.n[i];
  return total;
}

/**
 * avi_topic_statistics_get_held:
 * @self: statistics
 *
 * Gets how many messages that were published with %AVI_PUBLISH_HOLD wait for somebody to subscribe.
 *
 * Returns: the number, at most [property@Avi.Device:max-held]
 *
 * Since: 1.0
 */
guint
avi_topic_statistics_get_held (AviTopicStatistics *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_held;
}
