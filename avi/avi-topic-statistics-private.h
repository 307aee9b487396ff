/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making an AviTopicStatistics of what a core has counted.
 */
#pragma once

#include "avi-topic-statistics.h"
#include "engine/avi-core.h"

G_BEGIN_DECLS

/* (transfer full): as it is now, all 0 where nothing was counted of @topic. */
AviTopicStatistics *avi_topic_statistics_new (AviCore *core, const char *topic);

G_END_DECLS
