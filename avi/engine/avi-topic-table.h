/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviTopicTable: what a core knows of each topic that this device has to do with: what was counted, and what
 * of the program's messages waits. Bounded: of more topics those go whose counts rested for longest, though
 * never one with messages under way. Used by the core's files only, with its lock held.
 */
#pragma once

#include "protocols/gossipsub/avi-topic-counts.h"

G_BEGIN_DECLS

#define AVI_TOPIC_TABLE_MAX 2048

/* Messages of the program, counted where they wait. */
typedef struct
{
  guint n;
  gsize bytes;
} AviBacklog;

typedef struct _AviTopicEntry
{
  char          *topic;
  AviTopicCounts counts;
  AviBacklog     queued;  /* for the engine to take */
  AviBacklog     held;    /* for somebody to subscribe */
  guint          n_users; /* messages under way, which know the entry */
  GList          link;   /* in the table's order */
} AviTopicEntry;

typedef struct
{
  GHashTable *entries; /* topic → AviTopicEntry */
  GQueue      order;   /* by their `link`: those used last are the last */
} AviTopicTable;

void           avi_topic_table_init   (AviTopicTable *self);
void           avi_topic_table_clear  (AviTopicTable *self);
/* NULL: nothing is known of it. */
AviTopicEntry *avi_topic_table_find   (AviTopicTable *self, const char *topic);
/* It is used now. Good until another is, or as long as it has users. */
AviTopicEntry *avi_topic_table_use    (AviTopicTable *self, const char *topic);
/* Of which most messages are queued; NULL: of none. */
AviTopicEntry *avi_topic_table_get_fullest (AviTopicTable *self);

void           avi_backlog_add        (AviBacklog *self, gsize bytes);
void           avi_backlog_remove     (AviBacklog *self, gsize bytes);

G_END_DECLS
