/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program publishes, on its way to the engine, and what is counted of each topic.
 */
#include "config.h"

#include "avi-core-internal.h"
#include "avi-error.h"
#include "protocols/gossipsub/avi-gossipsub.h"

/* When the engine's work for a message is done by who publishes it: the least time since the one before, in µs, its most
 * bytes, and the most peers that subscribe. */
#define OBEY_HERE_INTERVAL        200
#define OBEY_HERE_MAX_SIZE        4096
#define OBEY_HERE_MAX_SUBSCRIBERS 16

/* --- one message --- */

static AviPublication *
avi_publication_new (AviTopicEntry *entry,
                     GBytes        *data,
                     guint          flags,
                     AviCall       *call)
{
  AviPublication *self = g_new0 (AviPublication, 1);

  self->link.data = self;
  self->entry = entry;
  entry->n_users++;
  self->topic = entry->topic;
  self->data = g_bytes_ref (data);
  self->echo = (flags & AVI_CORE_PUBLISH_ECHO) != 0;
  self->hold = (flags & AVI_CORE_PUBLISH_HOLD) != 0;
  self->call = call != NULL ? avi_call_ref (call) : NULL;
  return self;
}

static void
avi_publication_free (AviPublication *self)
{
  self->entry->n_users--;
  g_clear_pointer (&self->call, avi_call_unref);
  g_bytes_unref (self->data);
  g_free (self);
}

/* --- where it waits --- */

static void
avi_core_add_held_locked (AviCore        *self,
                          AviPublication *publication)
{
  gsize size = g_bytes_get_size (publication->data);

  publication->counts_as_held = TRUE;
  avi_backlog_add (&publication->entry->held, size);
  avi_backlog_add (&self->held, size);
}

static void
avi_core_remove_held_locked (AviCore        *self,
                             AviPublication *publication)
{
  gsize size = g_bytes_get_size (publication->data);

  if (!publication->counts_as_held)
    return;
  publication->counts_as_held = FALSE;
  avi_backlog_remove (&publication->entry->held, size);
  avi_backlog_remove (&self->held, size);
}

static void
avi_core_queue_locked (AviCore        *self,
                       AviPublication *publication)
{
  gsize size = g_bytes_get_size (publication->data);

  avi_backlog_add (&publication->entry->queued, size);
  avi_backlog_add (&self->queued, size);
  publication->number = ++self->n_published;
  g_queue_push_tail_link (&self->publications, &publication->link);
}

static void
avi_core_unqueue_locked (AviCore        *self,
                         AviPublication *publication)
{
  gsize size = g_bytes_get_size (publication->data);

  avi_backlog_remove (&publication->entry->queued, size);
  avi_backlog_remove (&self->queued, size);
  g_queue_unlink (&self->publications, &publication->link);
}

static void
avi_core_end_publication_locked (AviCore        *self,
                                 AviPublication *publication)
{
  avi_core_remove_held_locked (self, publication);
  avi_publication_free (publication);
}

/* --- limits --- */

/* Who used it up, as far as that can be told: (transfer full) */
static char *
avi_core_blame_locked (AviCore *self)
{
  AviTopicEntry *fullest = avi_topic_table_get_fullest (&self->table);
  g_autofree char *peer = self->is_blocked ? avi_peer_id_to_string (&self->blocker) : NULL;

  if (fullest == NULL)
    return g_strdup ("");
  return g_strdup_printf (". Most are on “%s”: %u of %" G_GSIZE_FORMAT " bytes%s%s%s", fullest->topic,
                          fullest->queued.n, fullest->queued.bytes, peer != NULL ? ". Peer " : "",
                          peer != NULL ? peer : "", peer != NULL ? " has no room for more" : "");
}

static void
avi_core_refuse_full_locked (AviCore *self,
                             GError **error)
{
  g_autofree char *blame = avi_core_blame_locked (self);

  g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
               "This program publishes faster than the mesh takes: %u messages of %" G_GSIZE_FORMAT
               " bytes in all wait to be sent; at most %d messages of %d bytes may%s",
               self->queued.n, self->queued.bytes, AVI_CORE_MAX_QUEUED_MESSAGES, AVI_CORE_MAX_QUEUED_BYTES, blame);
}

static gboolean
avi_core_check_held_locked (AviCore       *self,
                            AviTopicEntry *entry,
                            gsize          size,
                            GError       **error)
{
  if (entry->held.n >= self->max_held || entry->held.bytes + size > self->max_held_bytes)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "“%s” has nobody that subscribes, and holds all that it may: %u messages of at most %u (max-held), "
                   "%" G_GSIZE_FORMAT " bytes of at most %" G_GSIZE_FORMAT
                   " (max-held-bytes), and this one has %" G_GSIZE_FORMAT,
                   entry->topic, entry->held.n, self->max_held, entry->held.bytes, self->max_held_bytes, size);
      return FALSE;
    }
  if (self->held.n >= AVI_CORE_MAX_HELD_MESSAGES || self->held.bytes + size > AVI_CORE_MAX_HELD_BYTES)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "“%s” has nobody that subscribes, and all topics together hold what they may: %u messages of at "
                   "most %d, %" G_GSIZE_FORMAT " bytes of at most %d, and this one has %" G_GSIZE_FORMAT,
                   entry->topic, self->held.n, AVI_CORE_MAX_HELD_MESSAGES, self->held.bytes, AVI_CORE_MAX_HELD_BYTES,
                   size);
      return FALSE;
    }
  return TRUE;
}

static gboolean
avi_core_check_publish_locked (AviCore *self,
                               gsize    size,
                               gboolean waits,
                               GError **error)
{
  if (self->state != AVI_CORE_RUNNING)
    {
      g_propagate_error (error, avi_core_not_running_error (self->state));
      return FALSE;
    }
  if (size > self->max_message)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "The message is of %" G_GSIZE_FORMAT " bytes; at most %" G_GSIZE_FORMAT
                   " are allowed (pubsub-params: max-message-size)",
                   size, self->max_message);
      return FALSE;
    }
  if (!waits
      && (self->queued.n >= AVI_CORE_MAX_QUEUED_MESSAGES || self->queued.bytes + size > AVI_CORE_MAX_QUEUED_BYTES))
    {
      avi_core_refuse_full_locked (self, error);
      return FALSE;
    }
  return TRUE;
}

/* --- the program's side --- */

/* How the engine hears of a publication. */
typedef enum
{
  AVI_CORE_TOLD, /* it was woken for one before, and has not looked yet */
  AVI_CORE_TO_WAKE,
  AVI_CORE_TO_OBEY_HERE
} AviCoreTelling;

/* To wake the engine's thread takes longer than what it has to do for a small message to a few. So whoever publishes one
 * does that itself, unless messages come so close that the engine had better take many at a time. */
static AviCoreTelling
avi_core_choose_telling_locked (AviCore *self,
                                gsize    size,
                                guint    n_subscribers)
{
  gint64 now = g_get_monotonic_time ();
  gboolean is_alone = now - self->published_at >= OBEY_HERE_INTERVAL;

  self->published_at = now;
  if (self->engine == NULL || self->publications.length > 1)
    return AVI_CORE_TOLD;
  if (is_alone && size <= OBEY_HERE_MAX_SIZE && n_subscribers > 0 && n_subscribers <= OBEY_HERE_MAX_SUBSCRIBERS)
    return AVI_CORE_TO_OBEY_HERE;
  return AVI_CORE_TO_WAKE;
}

/* Takes what was checked but for what is held. */
static gint
avi_core_publish_locked (AviCore        *self,
                         const char     *topic,
                         GBytes         *data,
                         guint           flags,
                         AviCall        *call,
                         AviCoreTelling *telling,
                         GError        **error)
{
  AviTopicEntry *entry = avi_topic_table_use (&self->table, topic);
  gint n = GPOINTER_TO_INT (g_hash_table_lookup (self->subscribers, topic));
  gsize size = g_bytes_get_size (data);
  gboolean is_held = (flags & AVI_CORE_PUBLISH_HOLD) != 0 && n == 0;
  AviPublication *publication;

  if (is_held && !avi_core_check_held_locked (self, entry, size, error))
    return -1;
  publication = avi_publication_new (entry, data, flags, call);
  if (is_held)
    avi_core_add_held_locked (self, publication);
  avi_core_queue_locked (self, publication);
  entry->counts.n[AVI_TOPIC_PUBLISHED]++;
  entry->counts.n[AVI_TOPIC_PUBLISHED_BYTES] += size;
  *telling = avi_core_choose_telling_locked (self, size, n);
  return n;
}

gint
avi_core_publish (AviCore    *self,
                  const char *topic,
                  GBytes     *data,
                  guint       flags,
                  AviCall    *call,
                  GError    **error)
{
  AviCoreTelling telling = AVI_CORE_TOLD;
  gint n = -1;

  if (!avi_gossipsub_check_topic (topic, error))
    return -1;
  avi_core_lock (self);
  if (avi_core_check_publish_locked (self, g_bytes_get_size (data), call != NULL, error))
    n = avi_core_publish_locked (self, topic, data, flags, call, &telling, error);
  avi_unlock (&self->lock);
  if (telling == AVI_CORE_TO_OBEY_HERE)
    avi_core_obey_here (self);
  else if (telling == AVI_CORE_TO_WAKE)
    avi_core_wake (self);
  return n;
}

gboolean
avi_core_cancel_publication_locked (AviCore *self,
                                    AviCall *call)
{
  for (GList *link = self->publications.head; link != NULL; link = link->next)
    {
      AviPublication *publication = link->data;

      if (publication->call != call)
        continue;
      avi_core_unqueue_locked (self, publication);
      avi_core_end_publication_locked (self, publication);
      return TRUE;
    }
  return FALSE;
}

/* --- the engine's side --- */

void
avi_core_take_publications (AviCore *self,
                            gsize    max_bytes,
                            gboolean in_order,
                            GQueue  *out)
{
  AviPublication *publication;
  guint64 last = G_MAXUINT64;
  gsize bytes = 0;

  avi_core_lock (self);
  if (in_order && self->first_command != NULL)
    last = self->first_command->n_published;
  while (bytes < max_bytes && (publication = g_queue_peek_head (&self->publications)) != NULL
         && publication->number <= last)
    {
      avi_core_unqueue_locked (self, publication);
      g_queue_push_tail_link (out, &publication->link);
      bytes += g_bytes_get_size (publication->data);
    }
  avi_unlock (&self->lock);
}

gboolean
avi_core_hold (AviCore        *self,
               AviPublication *publication,
               GError        **error)
{
  gboolean held;

  avi_core_lock (self);
  held = publication->counts_as_held
         || avi_core_check_held_locked (self, publication->entry, g_bytes_get_size (publication->data), error);
  if (held && !publication->counts_as_held)
    avi_core_add_held_locked (self, publication);
  avi_unlock (&self->lock);
  return held;
}

void
avi_core_end_publications (AviCore *self,
                           GQueue  *publications)
{
  GList *link;

  if (publications->length == 0)
    return;
  avi_core_lock (self);
  while ((link = g_queue_pop_head_link (publications)) != NULL)
    avi_core_end_publication_locked (self, link->data);
  avi_unlock (&self->lock);
}

void
avi_core_refuse_publications_locked (AviCore *self)
{
  AviPublication *publication;

  while ((publication = g_queue_peek_head (&self->publications)) != NULL)
    {
      avi_core_unqueue_locked (self, publication);
      if (publication->call != NULL)
        avi_core_answer (self, publication->call, -1, NULL,
                         g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "The device stopped"));
      avi_core_end_publication_locked (self, publication);
    }
}

void
avi_core_forget_publications_locked (AviCore *self)
{
  AviPublication *publication;

  while ((publication = g_queue_peek_head (&self->publications)) != NULL)
    {
      avi_core_unqueue_locked (self, publication);
      avi_core_end_publication_locked (self, publication);
    }
  /* Others are in an engine that runs no more, which nobody looks into. */
  self->held = (AviBacklog) { 0 };
  self->is_blocked = FALSE;
  avi_topic_table_clear (&self->table);
  avi_topic_table_init (&self->table);
}

void
avi_core_set_blocker (AviCore         *self,
                      const AviPeerId *peer)
{
  avi_core_lock (self);
  self->is_blocked = peer != NULL;
  if (peer != NULL)
    self->blocker = *peer;
  avi_unlock (&self->lock);
}

/* --- counts by topic --- */

void
avi_core_count_topic (AviCore              *self,
                      const char           *topic,
                      const AviTopicCounts *counts)
{
  AviTopicEntry *entry;

  avi_core_lock (self);
  entry = avi_topic_table_use (&self->table, topic);
  for (guint i = 0; i < AVI_N_TOPIC_COUNTS; i++)
    entry->counts.n[i] += counts->n[i];
  avi_unlock (&self->lock);
}

/* The program's inboxes drop by themselves. */
static guint64
avi_core_get_n_unheard_locked (AviCore    *self,
                               const char *topic)
{
  GPtrArray *inboxes = g_hash_table_lookup (self->topics, topic);
  guint64 n = 0;

  for (guint i = 0; inboxes != NULL && i < inboxes->len; i++)
    n += avi_inbox_get_dropped (g_ptr_array_index (inboxes, i));
  return n;
}

void
avi_core_dup_topic_counts (AviCore        *self,
                           const char     *topic,
                           AviTopicCounts *counts,
                           guint          *n_held)
{
  AviTopicEntry *entry;

  avi_core_lock (self);
  entry = avi_topic_table_find (&self->table, topic);
  *counts = entry != NULL ? entry->counts : (AviTopicCounts) { { 0 } };
  counts->n[AVI_TOPIC_DROPPED_SUBSCRIPTION] += avi_core_get_n_unheard_locked (self, topic);
  *n_held = entry != NULL ? entry->held.n : 0;
  avi_unlock (&self->lock);
}

char **
avi_core_dup_counted_topics (AviCore *self)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();

  avi_core_lock (self);
  for (GList *link = self->table.order.head; link != NULL; link = link->next)
    g_strv_builder_add (builder, ((AviTopicEntry *) link->data)->topic);
  avi_unlock (&self->lock);
  return g_strv_builder_end (builder);
}
