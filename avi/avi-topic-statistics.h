/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviTopicStatistics: what a device has counted of one topic, at one moment. Programs read it to see what
 * becomes of their messages; it never changes.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

/**
 * AviDropReason:
 * @AVI_DROP_REASON_QUEUE: not sent to a peer that does not take what it is sent fast enough, or whose connection ended
 *   before it did; counted once for each such peer
 * @AVI_DROP_REASON_TOO_LARGE: not sent to a peer that takes none so large; counted once for each such peer
 * @AVI_DROP_REASON_INVALID: came malformed, with a wrong signature, with more data than `max-message-size` of
 *   [property@Avi.Device:pubsub-params], in this device's name though it had not said it lately, or with a signature where
 *   the topic's policy has none, or the other way round ([method@Avi.Device.set_topic_policy])
 * @AVI_DROP_REASON_REJECTED: came, and was not accepted by a validator
 * @AVI_DROP_REASON_UNVERIFIED: came while too many signatures were being checked or too many messages waited for a
 *   validator's verdict, or had no verdict within 10 s
 * @AVI_DROP_REASON_SUBSCRIPTION: came, and was not taken by the program in time; counted once for each
 *   subscription ([property@Avi.Subscription:dropped])
 * @AVI_DROP_REASON_HELD: was held until somebody subscribes, and nobody did, or the device stopped before
 * @AVI_DROP_REASON_DUPLICATE: published on a topic whose messages are not signed, where the same data were published
 *   or heard within `seen-ttl` of [property@Avi.Device:pubsub-params]: not sent again
 * @AVI_DROP_REASON_SCORE: published, and not sent to a peer whose score is below `publish-threshold` of
 *   [property@Avi.Device:pubsub-params]; counted once for each such peer
 *
 * Why a message of a topic did not get where it was meant to.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_DROP_REASON_QUEUE,
  AVI_DROP_REASON_TOO_LARGE,
  AVI_DROP_REASON_INVALID,
  AVI_DROP_REASON_REJECTED,
  AVI_DROP_REASON_UNVERIFIED,
  AVI_DROP_REASON_SUBSCRIPTION,
  AVI_DROP_REASON_HELD,
  AVI_DROP_REASON_DUPLICATE,
  AVI_DROP_REASON_SCORE
} AviDropReason;

#define AVI_TYPE_TOPIC_STATISTICS (avi_topic_statistics_get_type ())

typedef struct _AviTopicStatistics AviTopicStatistics;

AVI_AVAILABLE_IN_1_0
GType               avi_topic_statistics_get_type            (void);

AVI_AVAILABLE_IN_1_0
AviTopicStatistics *avi_topic_statistics_ref                 (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
void                avi_topic_statistics_unref               (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
const char         *avi_topic_statistics_get_topic           (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_published       (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_published_bytes (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_delivered       (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_delivered_bytes (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_duplicates      (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_dropped         (AviTopicStatistics *self,
                                                              AviDropReason       reason);
AVI_AVAILABLE_IN_1_0
guint64             avi_topic_statistics_get_dropped_total   (AviTopicStatistics *self);
AVI_AVAILABLE_IN_1_0
guint               avi_topic_statistics_get_held            (AviTopicStatistics *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviTopicStatistics, avi_topic_statistics_unref)

G_END_DECLS
