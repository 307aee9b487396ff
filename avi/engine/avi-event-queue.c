/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-event-queue.h"

/* Peers about which something is queued, from which on those that came and went unheard leave nothing: a program
 * that is busy while strangers without end say hello. */
#define MAX_PENDING 1024

/* What is queued about one peer: per kind at most so many that a change and its reverse both show. */
typedef struct
{
  AviPeerId peer;
  AviEvent *connection[2]; /* CONNECTED and DISCONNECTED, older first */
  AviEvent *known[2];      /* DISCOVERED and FORGOTTEN, older first */
  AviEvent *changed;
  AviEvent *conflict;
} Pending;

struct _AviEventQueue
{
  AviRefCount ref_count;

  AviLock     lock; /* of what follows */
  AviEvent   *head;
  AviEvent   *tail;
  GHashTable *pending;                          /* AviPeerId → Pending */
  AviEvent   *notifications[AVI_EVENT_MESSAGE]; /* by type: STATE, ADDRESSES, STATUS that are queued */

  AviLock  wake_lock; /* of what follows; held while `wake` runs */
  void   (*wake) (gpointer user_data);
  gpointer wake_data;
};

struct _AviInbox
{
  AviRefCount    ref_count;
  AviEventQueue *queue;
  char          *topic;

  /* Under the queue's lock. */
  AviEvent *oldest;
  AviEvent *newest;
  guint     n_queued;
  gsize     n_bytes;
  guint     max_queued;
  gsize     max_bytes;
  guint64   dropped;
  gboolean  closed;
};

/* --- events --- */

AviEvent *
avi_event_new (AviEventType type)
{
  AviEvent *self = g_new0 (AviEvent, 1);

  self->type = type;
  return self;
}

AviEvent *
avi_event_new_for_call (AviCall *call)
{
  AviEvent *self = avi_event_new (AVI_EVENT_CALL);

  self->call = avi_call_ref (call);
  return self;
}

AviEvent *
avi_event_new_for_peer (AviEventType type,
                        AviPeerInfo *peer)
{
  AviEvent *self = avi_event_new (type);

  self->peer = avi_peer_info_ref (peer);
  return self;
}

AviEvent *
avi_event_new_message (AviInbox   *inbox,
                       AviMessage *message)
{
  AviEvent *self = avi_event_new (AVI_EVENT_MESSAGE);

  self->inbox = avi_inbox_ref (inbox);
  self->message = avi_message_ref (message);
  return self;
}

void
avi_event_free (AviEvent *self)
{
  g_clear_pointer (&self->call, avi_call_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->peer, avi_peer_info_unref);
  g_clear_pointer (&self->addresses[0], g_free);
  g_clear_pointer (&self->addresses[1], g_free);
  g_clear_pointer (&self->inbox, avi_inbox_unref);
  g_clear_pointer (&self->message, avi_message_unref);
  g_free (self);
}

/* --- the queue --- */

AviEventQueue *
avi_event_queue_new (void)
{
  AviEventQueue *self = g_new0 (AviEventQueue, 1);

  avi_ref_count_init (&self->ref_count);
  avi_lock_init (&self->lock);
  avi_lock_init (&self->wake_lock);
  self->pending = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, g_free);
  return self;
}

AviEventQueue *
avi_event_queue_ref (AviEventQueue *self)
{
  avi_ref_count_inc (&self->ref_count);
  return self;
}

static void
avi_event_free_all (AviEvent *first)
{
  while (first != NULL)
    {
      AviEvent *next = first->next;

      avi_event_free (first);
      first = next;
    }
}

void
avi_event_queue_unref (AviEventQueue *self)
{
  if (!avi_ref_count_dec (&self->ref_count))
    return;
  /* Inboxes hold a reference on the queue and queued events one on their inbox: whoever owns the
   * queue closes the inboxes first, and nothing of theirs is left here. */
  avi_event_free_all (self->head);
  g_hash_table_unref (self->pending);
  avi_lock_clear (&self->lock);
  avi_lock_clear (&self->wake_lock);
  g_free (self);
}

void
avi_event_queue_set_wake (AviEventQueue *self,
                          void         (*wake) (gpointer user_data),
                          gpointer       user_data)
{
  avi_lock (&self->wake_lock);
  self->wake = wake;
  self->wake_data = user_data;
  avi_unlock (&self->wake_lock);
}

void
avi_event_queue_hold (AviEventQueue *self)
{
  avi_lock (&self->lock);
  avi_lock (&self->wake_lock);
}

void
avi_event_queue_release (AviEventQueue *self)
{
  avi_unlock (&self->wake_lock);
  avi_unlock (&self->lock);
}

static void
avi_event_queue_append (AviEventQueue *self,
                        AviEvent      *event)
{
  event->previous = self->tail;
  event->next = NULL;
  if (self->tail != NULL)
    self->tail->next = event;
  else
    self->head = event;
  self->tail = event;
}

static void
avi_event_queue_unlink (AviEventQueue *self,
                        AviEvent      *event)
{
  if (event->previous != NULL)
    event->previous->next = event->next;
  else
    self->head = event->next;
  if (event->next != NULL)
    event->next->previous = event->previous;
  else
    self->tail = event->previous;
  event->previous = event->next = NULL;
}

/* Takes a message's event out of its inbox's account. */
static void
avi_inbox_remove (AviInbox *self,
                  AviEvent *event)
{
  if (event->older != NULL)
    event->older->newer = event->newer;
  else
    self->oldest = event->newer;
  if (event->newer != NULL)
    event->newer->older = event->older;
  else
    self->newest = event->older;
  event->older = event->newer = NULL;
  self->n_queued--;
  self->n_bytes -= g_bytes_get_size (avi_message_get_data (event->message));
}

/* Drops from the oldest on until the limits hold; what is dropped goes to @dropped, to be freed
 * without the lock. */
static void
avi_inbox_trim (AviInbox  *self,
                AviEvent **dropped)
{
  while (self->oldest != NULL && (self->n_queued > self->max_queued || self->n_bytes > self->max_bytes))
    {
      AviEvent *event = self->oldest;

      avi_inbox_remove (self, event);
      avi_event_queue_unlink (self->queue, event);
      event->next = *dropped;
      *dropped = event;
      self->dropped++;
    }
}

/* The transitions of one kind that are queued about a peer: with a third one the two before it say
 * nothing any more. */
static void
avi_event_queue_push_transition (AviEventQueue *self,
                                 AviEvent      *slots[2],
                                 AviEvent      *event,
                                 AviEvent     **dropped)
{
  if (slots[1] != NULL)
    {
      for (guint i = 0; i < 2; i++)
        {
          avi_event_queue_unlink (self, slots[i]);
          slots[i]->next = *dropped;
          *dropped = slots[i];
          slots[i] = NULL;
        }
    }
  slots[slots[0] != NULL ? 1 : 0] = event;
  avi_event_queue_append (self, event);
}

static void
avi_event_queue_push_replacing (AviEventQueue *self,
                                AviEvent     **slot,
                                AviEvent      *event,
                                AviEvent     **dropped)
{
  if (*slot != NULL)
    {
      avi_event_queue_unlink (self, *slot);
      (*slot)->next = *dropped;
      *dropped = *slot;
    }
  *slot = event;
  avi_event_queue_append (self, event);
}

static Pending *
avi_event_queue_get_pending (AviEventQueue   *self,
                             const AviPeerId *peer)
{
  Pending *pending = g_hash_table_lookup (self->pending, peer);

  if (pending == NULL)
    {
      pending = g_new0 (Pending, 1);
      pending->peer = *peer;
      g_hash_table_insert (self->pending, &pending->peer, pending);
    }
  return pending;
}

static void
avi_event_queue_drop (AviEventQueue *self,
                      AviEvent      *event,
                      AviEvent     **dropped)
{
  if (event == NULL)
    return;
  avi_event_queue_unlink (self, event);
  event->next = *dropped;
  *dropped = event;
}

static void
avi_event_queue_push_forgotten (AviEventQueue *self,
                                AviEvent      *event,
                                AviEvent     **dropped)
{
  Pending *pending = avi_event_queue_get_pending (self, &event->peer->peer);
  gboolean unheard = pending->known[0] != NULL && pending->known[0]->type == AVI_EVENT_PEER_DISCOVERED;

  avi_event_queue_push_transition (self, pending->known, event, dropped);
  if (!unheard || g_hash_table_size (self->pending) <= MAX_PENDING)
    return;
  for (guint i = 0; i < 2; i++)
    {
      avi_event_queue_drop (self, pending->known[i], dropped);
      avi_event_queue_drop (self, pending->connection[i], dropped);
    }
  avi_event_queue_drop (self, pending->changed, dropped);
  avi_event_queue_drop (self, pending->conflict, dropped);
  g_hash_table_remove (self->pending, &event->peer->peer);
}

static void
avi_event_queue_push_message (AviEventQueue *self,
                              AviEvent      *event,
                              AviEvent     **dropped)
{
  AviInbox *inbox = event->inbox;

  if (inbox->closed)
    {
      event->next = *dropped;
      *dropped = event;
      return;
    }
  event->older = inbox->newest;
  if (inbox->newest != NULL)
    inbox->newest->newer = event;
  else
    inbox->oldest = event;
  inbox->newest = event;
  inbox->n_queued++;
  inbox->n_bytes += g_bytes_get_size (avi_message_get_data (event->message));
  avi_event_queue_append (self, event);
  avi_inbox_trim (inbox, dropped);
}

static void
avi_event_queue_push_locked (AviEventQueue *self,
                             AviEvent      *event,
                             AviEvent     **dropped)
{
  switch (event->type)
    {
    case AVI_EVENT_CALL:
    case AVI_EVENT_STARTED:
    case AVI_EVENT_STOPPED:
      avi_event_queue_append (self, event);
      break;

    case AVI_EVENT_STATE:
    case AVI_EVENT_ADDRESSES:
    case AVI_EVENT_STATUS:
      avi_event_queue_push_replacing (self, &self->notifications[event->type], event, dropped);
      break;

    case AVI_EVENT_PEER_FORGOTTEN:
      avi_event_queue_push_forgotten (self, event, dropped);
      break;

    case AVI_EVENT_PEER_DISCOVERED:
      avi_event_queue_push_transition (self, avi_event_queue_get_pending (self, &event->peer->peer)->known, event,
                                       dropped);
      break;

    case AVI_EVENT_PEER_CONNECTED:
    case AVI_EVENT_PEER_DISCONNECTED:
      avi_event_queue_push_transition (self, avi_event_queue_get_pending (self, &event->peer->peer)->connection, event,
                                       dropped);
      break;

    case AVI_EVENT_PEER_CHANGED:
      avi_event_queue_push_replacing (self, &avi_event_queue_get_pending (self, &event->peer->peer)->changed, event,
                                      dropped);
      break;

    case AVI_EVENT_IDENTITY_CONFLICT:
      avi_event_queue_push_replacing (self, &avi_event_queue_get_pending (self, &event->peer->peer)->conflict, event,
                                      dropped);
      break;

    case AVI_EVENT_MESSAGE:
    case AVI_EVENT_VALIDATE:
      avi_event_queue_push_message (self, event, dropped);
      break;
    }
}

void
avi_event_queue_push (AviEventQueue *self,
                      AviEvent      *events)
{
  AviEvent *dropped = NULL;
  gboolean was_empty;

  avi_lock (&self->lock);
  was_empty = self->head == NULL;
  while (events != NULL)
    {
      AviEvent *event = events;

      events = event->next;
      avi_event_queue_push_locked (self, event, &dropped);
    }
  was_empty = was_empty && self->head != NULL;
  avi_unlock (&self->lock);

  avi_event_free_all (dropped);
  if (!was_empty)
    return;
  avi_lock (&self->wake_lock);
  if (self->wake != NULL)
    self->wake (self->wake_data);
  avi_unlock (&self->wake_lock);
}

AviEvent *
avi_event_queue_take (AviEventQueue *self)
{
  AviEvent *events;

  avi_lock (&self->lock);
  events = self->head;
  for (AviEvent *event = events; event != NULL; event = event->next)
    if (event->inbox != NULL)
      avi_inbox_remove (event->inbox, event);
  self->head = self->tail = NULL;
  g_hash_table_remove_all (self->pending);
  memset (self->notifications, 0, sizeof self->notifications);
  avi_unlock (&self->lock);
  return events;
}

/* --- inboxes --- */

AviInbox *
avi_inbox_new (AviEventQueue *queue,
               const char    *topic,
               guint          max_queued,
               gsize          max_bytes)
{
  AviInbox *self = g_new0 (AviInbox, 1);

  avi_ref_count_init (&self->ref_count);
  self->queue = avi_event_queue_ref (queue);
  self->topic = g_strdup (topic);
  self->max_queued = max_queued;
  self->max_bytes = max_bytes;
  return self;
}

AviInbox *
avi_inbox_ref (AviInbox *self)
{
  avi_ref_count_inc (&self->ref_count);
  return self;
}

void
avi_inbox_unref (AviInbox *self)
{
  if (!avi_ref_count_dec (&self->ref_count))
    return;
  avi_event_queue_unref (self->queue);
  g_free (self->topic);
  g_free (self);
}

const char *
avi_inbox_get_topic (AviInbox *self)
{
  return self->topic;
}

guint64
avi_inbox_get_dropped (AviInbox *self)
{
  guint64 dropped;

  avi_lock (&self->queue->lock);
  dropped = self->dropped;
  avi_unlock (&self->queue->lock);
  return dropped;
}

void
avi_inbox_set_limits (AviInbox *self,
                      guint     max_queued,
                      gsize     max_bytes)
{
  AviEvent *dropped = NULL;

  avi_lock (&self->queue->lock);
  self->max_queued = max_queued;
  self->max_bytes = max_bytes;
  avi_inbox_trim (self, &dropped);
  avi_unlock (&self->queue->lock);
  avi_event_free_all (dropped);
}

void
avi_inbox_close (AviInbox *self)
{
  AviEvent *dropped = NULL;
  guint64 dropped_before;

  avi_lock (&self->queue->lock);
  self->closed = TRUE;
  dropped_before = self->dropped;
  self->max_queued = 0;
  avi_inbox_trim (self, &dropped);
  self->dropped = dropped_before;
  avi_unlock (&self->queue->lock);
  avi_event_free_all (dropped);
}
