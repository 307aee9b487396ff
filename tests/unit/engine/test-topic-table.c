/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "engine/avi-topic-table.h"

static AviTopicEntry *
use (AviTopicTable *table, guint number)
{
  g_autofree char *topic = g_strdup_printf ("topic %u", number);

  return avi_topic_table_use (table, topic);
}

static gboolean
knows (AviTopicTable *table, guint number)
{
  g_autofree char *topic = g_strdup_printf ("topic %u", number);

  return avi_topic_table_find (table, topic) != NULL;
}

static void
set_up (AviTopicTable *table, gconstpointer data)
{
  avi_topic_table_init (table);
}

static void
tear_down (AviTopicTable *table, gconstpointer data)
{
  avi_topic_table_clear (table);
}

static void
test_entries (AviTopicTable *table, gconstpointer data)
{
  AviTopicEntry *entry = use (table, 1);

  g_assert_false (knows (table, 0));
  g_assert_cmpstr (entry->topic, ==, "topic 1");
  entry->counts.n[AVI_TOPIC_DELIVERED] = 5;
  g_assert_true (use (table, 1) == entry);
  g_assert_cmpuint (table->order.length, ==, 1);
}

static void
test_bound (AviTopicTable *table, gconstpointer data)
{
  for (guint i = 0; i < AVI_TOPIC_TABLE_MAX; i++)
    use (table, i);
  use (table, 0); /* again, so that it is not the one that goes */
  use (table, AVI_TOPIC_TABLE_MAX);
  g_assert_cmpuint (g_hash_table_size (table->entries), ==, AVI_TOPIC_TABLE_MAX);
  g_assert_cmpuint (table->order.length, ==, AVI_TOPIC_TABLE_MAX);
  g_assert_true (knows (table, 0));
  g_assert_false (knows (table, 1));
  g_assert_true (knows (table, 2));
}

static void
test_users (AviTopicTable *table, gconstpointer data)
{
  AviTopicEntry *entry = use (table, 0);

  entry->n_users = 1;
  for (guint i = 1; i <= AVI_TOPIC_TABLE_MAX; i++)
    use (table, i);
  g_assert_true (avi_topic_table_find (table, "topic 0") == entry);
  g_assert_false (knows (table, 1));
  entry->n_users = 0;
  use (table, AVI_TOPIC_TABLE_MAX + 1);
  g_assert_false (knows (table, 0));
}

static void
test_fullest (AviTopicTable *table, gconstpointer data)
{
  static const guint n_queued[] = { 2, 5, 3 };

  g_assert_null (avi_topic_table_get_fullest (table));
  for (guint i = 0; i < G_N_ELEMENTS (n_queued); i++)
    for (guint n = 0; n < n_queued[i]; n++)
      avi_backlog_add (&use (table, i)->queued, 10);
  g_assert_true (avi_topic_table_get_fullest (table) == use (table, 1));
  g_assert_cmpuint (use (table, 1)->queued.bytes, ==, 50);
  for (guint n = 0; n < 3; n++)
    avi_backlog_remove (&use (table, 1)->queued, 10);
  g_assert_true (avi_topic_table_get_fullest (table) == use (table, 2));
}

#define ADD(what, test) g_test_add ("/topic-table/" what, AviTopicTable, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a topic has one entry, which keeps what was counted", test_entries);
  ADD ("of more topics than may be the one that rested for longest goes", test_bound);
  ADD ("a topic with messages under way stays", test_users);
  ADD ("knows on which topic most messages are queued", test_fullest);
  return g_test_run ();
}
