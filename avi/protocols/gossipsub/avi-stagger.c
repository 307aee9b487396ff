/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-stagger.h"

struct _AviStagger
{
  GQueue queue; /* of AviStaggered, by their links, the first one due first */
  guint  max;
  gsize  max_bytes, bytes;
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
  self->max = max;
  self->max_bytes = max_bytes;
  return self;
}

/* (transfer full) */
static AviStaggered *
avi_stagger_remove (AviStagger *self, AviStaggered *staggered)
{
  g_queue_unlink (&self->queue, &staggered->link);
  self->bytes -= avi_gossip_message_get_cost (staggered->message);
  return staggered;
}

void
avi_stagger_free (AviStagger *self)
{
  while (self->queue.head != NULL)
    avi_staggered_free (avi_stagger_remove (self, self->queue.head->data));
  g_free (self);
}

gboolean
avi_stagger_add (AviStagger *self, AviGossipMessage *message, GArray *peers, gint64 due)
{
  gsize cost = avi_gossip_message_get_cost (message);
  AviStaggered *staggered;

  if (self->queue.length >= self->max || self->bytes + cost > self->max_bytes)
    return FALSE;
  staggered = g_new0 (AviStaggered, 1);
  staggered->message = avi_gossip_message_ref (message);
  staggered->peers = peers;
  staggered->due = self->queue.tail != NULL ? MAX (due, ((AviStaggered *) self->queue.tail->data)->due) : due;
  staggered->link.data = staggered;
  g_queue_push_tail_link (&self->queue, &staggered->link);
  self->bytes += cost;
  return TRUE;
}

/* FALSE: @peer does not wait for it. It is gone with the last one that does. */
static gboolean
avi_stagger_forget_peer (AviStagger *self, AviStaggered *staggered, guint64 peer)
{
  for (guint i = 0; i < staggered->peers->len; i++)
    if (g_array_index (staggered->peers, guint64, i) == peer)
      {
        g_array_remove_index (staggered->peers, i);
        if (staggered->peers->len == 0)
          avi_staggered_free (avi_stagger_remove (self, staggered));
        return TRUE;
      }
  return FALSE;
}

void
avi_stagger_drop (AviStagger *self, const AviMessageId *id, guint64 peer)
{
  for (GList *link = self->queue.head; link != NULL; link = link->next)
    if (avi_message_id_equal (&((AviStaggered *) link->data)->message->id, id))
      {
        avi_stagger_forget_peer (self, link->data, peer);
        return;
      }
}

AviGossipMessage *
avi_stagger_take_for (AviStagger *self, const AviPeerId *author, guint64 peer)
{
  for (GList *link = self->queue.head; link != NULL; link = link->next)
    {
      AviStaggered *staggered = link->data;
      g_autoptr(AviGossipMessage) message = NULL;

      if (!avi_peer_id_equal (&staggered->message->fields.from, author))
        continue;
      message = avi_gossip_message_ref (staggered->message);
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
