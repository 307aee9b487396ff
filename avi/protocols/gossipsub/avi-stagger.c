/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-stagger.h"

struct _AviStagger
{
  GQueue      queue;   /* of AviStaggered, by their links, the first one due first */
  GHashTable *ids;     /* AviMessageId → AviStaggered */
  GHashTable *authors; /* AviPeerId → GQueue of AviStaggered, by their author_links, in the order in which they came */
  guint       max;
  gsize       max_bytes, bytes;
};

void
avi_staggered_free (AviStaggered *self)
{
  avi_gossip_message_unref (self->message);
  g_array_unref (self->peers);
  g_free (self);
}

AviStagger *
avi_stagger_new (guint max, gsize max_bytes)
{
  AviStagger *self = g_new0 (AviStagger, 1);

  g_queue_init (&self->queue);
  self->ids = g_hash_table_new (avi_message_id_hash, avi_message_id_equal);
  self->authors = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, (GDestroyNotify) g_queue_free);
  self->max = max;
  self->max_bytes = max_bytes;
  return self;
}

/* The author's key lies in the message that is first: when that goes it is another's. */
static void
avi_stagger_remove_from_author (AviStagger *self, AviStaggered *staggered)
{
  const AviPeerId *author = &staggered->message->fields.from;
  GQueue *queue = g_hash_table_lookup (self->authors, author);
  AviStaggered *next;

  g_queue_unlink (queue, &staggered->author_link);
  if (queue->head == NULL)
    {
      g_hash_table_remove (self->authors, author);
      return;
    }
  next = queue->head->data;
  g_hash_table_steal (self->authors, author);
  g_hash_table_insert (self->authors, &next->message->fields.from, queue);
}

/* (transfer full) */
static AviStaggered *
avi_stagger_remove (AviStagger *self, AviStaggered *staggered)
{
  g_hash_table_remove (self->ids, &staggered->message->id);
  avi_stagger_remove_from_author (self, staggered);
  g_queue_unlink (&self->queue, &staggered->link);
  self->bytes -= avi_gossip_message_get_cost (staggered->message);
  return staggered;
}

void
avi_stagger_free (AviStagger *self)
{
  while (self->queue.head != NULL)
    avi_staggered_free (avi_stagger_remove (self, self->queue.head->data));
  g_hash_table_unref (self->authors);
  g_hash_table_unref (self->ids);
  g_free (self);
}

static GQueue *
avi_stagger_ensure_author (AviStagger *self, const AviPeerId *author)
{
  GQueue *queue = g_hash_table_lookup (self->authors, author);

  if (queue == NULL)
    {
      queue = g_queue_new ();
      g_hash_table_insert (self->authors, (gpointer) author, queue);
    }
  return queue;
}

/* After all that are due no later. */
static void
avi_stagger_insert (AviStagger *self, AviStaggered *staggered)
{
  GList *before = self->queue.tail;

  while (before != NULL && ((AviStaggered *) before->data)->due > staggered->due)
    before = before->prev;
  if (before == NULL)
    g_queue_push_head_link (&self->queue, &staggered->link);
  else
    g_queue_insert_after_link (&self->queue, before, &staggered->link);
}

gboolean
avi_stagger_add (AviStagger *self, AviGossipMessage *message, GArray *peers, gint64 due)
{
  gsize cost = avi_gossip_message_get_cost (message);
  AviStaggered *staggered;
  GQueue *of_author;

  if (self->queue.length >= self->max || self->bytes + cost > self->max_bytes)
    return FALSE;
  staggered = g_new0 (AviStaggered, 1);
  staggered->message = avi_gossip_message_ref (message);
  staggered->peers = peers;
  staggered->link.data = staggered->author_link.data = staggered;

  of_author = avi_stagger_ensure_author (self, &message->fields.from);
  staggered->due = message->fields.is_signed && of_author->tail != NULL
                     ? MAX (due, ((AviStaggered *) of_author->tail->data)->due) : due;
  g_queue_push_tail_link (of_author, &staggered->author_link);
  g_hash_table_insert (self->ids, &staggered->message->id, staggered);
  avi_stagger_insert (self, staggered);
  self->bytes += cost;
  return TRUE;
}

/* G_MAXUINT: @peer does not wait for it. */
static guint
avi_staggered_find (const AviStaggered *self, guint64 peer)
{
  for (guint i = 0; self != NULL && i < self->peers->len; i++)
    if (g_array_index (self->peers, guint64, i) == peer)
      return i;
  return G_MAXUINT;
}

/* FALSE: @peer does not wait for it. It is gone with the last one that does. */
static gboolean
avi_stagger_forget_peer (AviStagger *self, AviStaggered *staggered, guint64 peer)
{
  guint place = avi_staggered_find (staggered, peer);

  if (place == G_MAXUINT)
    return FALSE;
  g_array_remove_index (staggered->peers, place);
  if (staggered->peers->len == 0)
    avi_staggered_free (avi_stagger_remove (self, staggered));
  return TRUE;
}

gboolean
avi_stagger_waits (AviStagger *self, const AviMessageId *id, guint64 peer)
{
  return avi_staggered_find (g_hash_table_lookup (self->ids, id), peer) != G_MAXUINT;
}

void
avi_stagger_drop (AviStagger *self, const AviMessageId *id, guint64 peer)
{
  avi_stagger_forget_peer (self, g_hash_table_lookup (self->ids, id), peer);
}

AviGossipMessage *
avi_stagger_take_for (AviStagger *self, const AviPeerId *author, guint64 peer)
{
  GQueue *of_author = g_hash_table_lookup (self->authors, author);

  for (GList *link = of_author != NULL ? of_author->head : NULL; link != NULL; link = link->next)
    {
      AviStaggered *staggered = link->data;
      g_autoptr(AviGossipMessage) message = avi_gossip_message_ref (staggered->message);

      if (avi_stagger_forget_peer (self, staggered, peer))
        return g_steal_pointer (&message);
    }
  return NULL;
}

AviStaggered *
avi_stagger_take_due (AviStagger *self, gint64 now)
{
  AviStaggered *first = self->queue.head != NULL ? self->queue.head->data : NULL;

  return first != NULL && first->due <= now ? avi_stagger_remove (self, first) : NULL;
}

AviStaggered *
avi_stagger_take_of (AviStagger *self, AviSpan topic)
{
  for (GList *link = self->queue.head; link != NULL; link = link->next)
    if (avi_span_equal (((AviStaggered *) link->data)->message->fields.topic, topic))
      return avi_stagger_remove (self, link->data);
  return NULL;
}

gint64
avi_stagger_get_deadline (const AviStagger *self)
{
  return self->queue.head != NULL ? ((const AviStaggered *) self->queue.head->data)->due : G_MAXINT64;
}

guint
avi_stagger_get_size (const AviStagger *self)
{
  return self->queue.length;
}

gsize
avi_stagger_get_bytes (const AviStagger *self)
{
  return self->bytes;
}
