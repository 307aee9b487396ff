/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-rpc-queue.h"

#include "protocols/gossipsub/avi-rpc.h"

#define GRAFT            (-1)

/* What is to be told of a topic. Without doubt, the peer now believes the contrary. */
#define SUBSCRIPTION_ON       1
#define SUBSCRIPTION_IN_DOUBT 2

#define COMPACT_FROM     64 /* messages taken out before the array is moved up */
#define CONTROL_OVERHEAD 8  /* tag and length of the field that holds the control messages */
#define LEN_ROOM         4  /* what the length in front of an RPC takes at most */

void
avi_rpc_queue_init (AviRpcQueue *self, gsize max_bytes)
{
  *self = (AviRpcQueue) { .max_bytes = max_bytes };
  for (guint i = 0; i < AVI_RPC_QUEUE_N_RANKS; i++)
    self->lanes[i].items = g_array_new (FALSE, FALSE, sizeof (AviRpcQueueItem));
  self->exchanges = g_hash_table_new_full (g_str_hash, g_str_equal, (GDestroyNotify) g_ref_string_release,
                                           (GDestroyNotify) g_bytes_unref);
  g_queue_init (&self->gossip);
}

static guint
avi_rpc_queue_lane_count (const AviRpcQueueLane *self)
{
  return self->items->len - self->first;
}

static AviRpcQueueItem *
avi_rpc_queue_lane_get (const AviRpcQueueLane *self, guint index)
{
  return &g_array_index (self->items, AviRpcQueueItem, index);
}

static AviGossipMessage *
avi_rpc_queue_lane_peek (const AviRpcQueueLane *self)
{
  return avi_rpc_queue_lane_get (self, self->first)->message;
}

static guint
avi_rpc_queue_count_messages (const AviRpcQueue *self)
{
  guint n = 0;

  for (guint i = 0; i < AVI_RPC_QUEUE_N_RANKS; i++)
    n += avi_rpc_queue_lane_count (&self->lanes[i]);
  return n;
}

static void
avi_rpc_queue_discount (AviRpcQueue *self, AviRpcQueueRank rank, const AviGossipMessage *message)
{
  gsize cost = avi_gossip_message_get_cost (message);

  self->bytes -= cost;
  if (rank == AVI_RPC_QUEUE_OWN)
    self->own_bytes -= cost;
}

static AviGossipMessage *
avi_rpc_queue_take_message (AviRpcQueue *self, AviRpcQueueRank rank)
{
  AviRpcQueueLane *lane = &self->lanes[rank];
  AviGossipMessage *message = avi_rpc_queue_lane_get (lane, lane->first++)->message;

  if (lane->first == lane->items->len)
    {
      g_array_set_size (lane->items, 0);
      lane->first = 0;
    }
  else if (lane->first >= COMPACT_FROM && 2 * lane->first >= lane->items->len)
    {
      g_array_remove_range (lane->items, 0, lane->first);
      lane->first = 0;
    }
  avi_rpc_queue_discount (self, rank, message);
  return message;
}

static GBytes *
avi_rpc_queue_take_gossip (AviRpcQueue *self)
{
  GBytes *fields = g_queue_pop_head (&self->gossip);

  self->gossip_bytes -= g_bytes_get_size (fields);
  self->bytes -= g_bytes_get_size (fields);
  return fields;
}

void
avi_rpc_queue_clear (AviRpcQueue *self)
{
  for (guint i = 0; i < AVI_RPC_QUEUE_N_RANKS; i++)
    {
      while (avi_rpc_queue_lane_count (&self->lanes[i]) > 0)
        avi_gossip_message_unref (avi_rpc_queue_take_message (self, i));
      g_clear_pointer (&self->lanes[i].items, g_array_unref);
    }
  while (!g_queue_is_empty (&self->gossip))
    g_bytes_unref (avi_rpc_queue_take_gossip (self));
  g_clear_pointer (&self->urgent, g_byte_array_unref);
  g_clear_pointer (&self->subscriptions, g_hash_table_unref);
  g_clear_pointer (&self->grafts, g_hash_table_unref);
  g_clear_pointer (&self->exchanges, g_hash_table_unref);
}

gboolean
avi_rpc_queue_is_empty (const AviRpcQueue *self)
{
  return avi_rpc_queue_count_messages (self) == 0 && self->gossip.length == 0 && self->urgent == NULL
         && self->subscriptions == NULL && self->grafts == NULL;
}

static void
avi_rpc_queue_set_topic (GHashTable **table, GRefString *topic, int value)
{
  if (*table == NULL)
    *table = g_hash_table_new_full (g_str_hash, g_str_equal, (GDestroyNotify) g_ref_string_release, NULL);
  g_hash_table_replace (*table, g_ref_string_acquire (topic), GINT_TO_POINTER (value));
}

/* Emptied, a table is still as large as it ever was. */
static void
avi_rpc_queue_release_empty (GHashTable **table)
{
  if (*table != NULL && g_hash_table_size (*table) == 0)
    g_clear_pointer (table, g_hash_table_unref);
}

void
avi_rpc_queue_subscribe (AviRpcQueue *self, GRefString *topic, gboolean subscribe)
{
  gpointer told = NULL;
  gboolean queued = self->subscriptions != NULL
                    && g_hash_table_lookup_extended (self->subscriptions, topic, NULL, &told);
  guint doubt = GPOINTER_TO_UINT (told) & SUBSCRIPTION_IN_DOUBT;

  if (queued && doubt == 0)
    g_hash_table_remove (self->subscriptions, topic);
  else
    avi_rpc_queue_set_topic (&self->subscriptions, topic, (subscribe ? SUBSCRIPTION_ON : 0) | doubt);
  avi_rpc_queue_release_empty (&self->subscriptions);
}

void
avi_rpc_queue_subscribe_again (AviRpcQueue *self, GRefString *topic)
{
  avi_rpc_queue_set_topic (&self->subscriptions, topic, SUBSCRIPTION_ON | SUBSCRIPTION_IN_DOUBT);
}

static void
avi_rpc_queue_drop_exchange (AviRpcQueue *self, const char *topic)
{
  GBytes *fields = g_hash_table_lookup (self->exchanges, topic);

  if (fields == NULL)
    return;
  self->exchange_bytes -= g_bytes_get_size (fields);
  g_hash_table_remove (self->exchanges, topic);
}

gboolean
avi_rpc_queue_exchange (AviRpcQueue *self, GRefString *topic, AviSpan fields)
{
  if (self->exchange_bytes + fields.len > AVI_RPC_QUEUE_MAX_EXCHANGE)
    return FALSE;
  g_hash_table_insert (self->exchanges, g_ref_string_acquire (topic), g_bytes_new (fields.data, fields.len));
  self->exchange_bytes += fields.len;
  return TRUE;
}

void
avi_rpc_queue_graft (AviRpcQueue *self, GRefString *topic)
{
  avi_rpc_queue_drop_exchange (self, topic);
  avi_rpc_queue_set_topic (&self->grafts, topic, GRAFT);
}

void
avi_rpc_queue_prune (AviRpcQueue *self, GRefString *topic, guint backoff)
{
  avi_rpc_queue_drop_exchange (self, topic);
  avi_rpc_queue_set_topic (&self->grafts, topic, (int) backoff);
}

static void
avi_rpc_queue_drop_gossip (AviRpcQueue *self, AviRpcQueueDropped *dropped)
{
  g_bytes_unref (avi_rpc_queue_take_gossip (self));
  dropped->n_gossip++;
}

/* FALSE: nothing is left that gives way. */
static gboolean
avi_rpc_queue_shed (AviRpcQueue *self, AviRpcQueueDropped *dropped)
{
  if (avi_rpc_queue_lane_count (&self->lanes[AVI_RPC_QUEUE_OTHERS]) > 0)
    g_ptr_array_add (dropped->messages, avi_rpc_queue_take_message (self, AVI_RPC_QUEUE_OTHERS));
  else if (!g_queue_is_empty (&self->gossip))
    avi_rpc_queue_drop_gossip (self, dropped);
  else
    return FALSE;
  return TRUE;
}

/* @kept: bytes of what does not give way to it. */
static gboolean
avi_rpc_queue_put (AviRpcQueue *self, AviRpcQueueRank rank, AviRpcQueueItem item, gsize kept,
                   AviRpcQueueDropped *dropped)
{
  gsize cost = avi_gossip_message_get_cost (item.message);

  if (kept + cost > self->max_bytes)
    return FALSE;
  while (self->bytes + cost > self->max_bytes)
    avi_rpc_queue_shed (self, dropped);

  avi_gossip_message_ref (item.message);
  g_array_append_val (self->lanes[rank].items, item);
  self->bytes += cost;
  return TRUE;
}

gboolean
avi_rpc_queue_own (AviRpcQueue *self, AviGossipMessage *message, guint64 number, AviRpcQueueDropped *dropped)
{
  AviRpcQueueItem item = { message, number };

  if (!avi_rpc_queue_put (self, AVI_RPC_QUEUE_OWN, item, self->own_bytes, dropped))
    return FALSE;
  self->own_bytes += avi_gossip_message_get_cost (message);
  return TRUE;
}

gboolean
avi_rpc_queue_others (AviRpcQueue *self, AviGossipMessage *message, gint64 now, AviRpcQueueDropped *dropped)
{
  AviRpcQueueItem item = { message, (guint64) now };

  return avi_rpc_queue_put (self, AVI_RPC_QUEUE_OTHERS, item, self->own_bytes + self->gossip_bytes, dropped);
}

void
avi_rpc_queue_expire (AviRpcQueue *self, gint64 when, AviRpcQueueDropped *dropped)
{
  const AviRpcQueueLane *lane = &self->lanes[AVI_RPC_QUEUE_OTHERS];

  while (avi_rpc_queue_lane_count (lane) > 0 && (gint64) avi_rpc_queue_lane_get (lane, lane->first)->number < when)
    g_ptr_array_add (dropped->messages, avi_rpc_queue_take_message (self, AVI_RPC_QUEUE_OTHERS));
}

guint64
avi_rpc_queue_get_first_own (const AviRpcQueue *self)
{
  const AviRpcQueueLane *lane = &self->lanes[AVI_RPC_QUEUE_OWN];

  return avi_rpc_queue_lane_count (lane) > 0 ? avi_rpc_queue_lane_get (lane, lane->first)->number : G_MAXUINT64;
}

/* (transfer full) */
static AviGossipMessage *
avi_rpc_queue_remove (AviRpcQueue *self, AviRpcQueueRank rank, guint index)
{
  AviRpcQueueLane *lane = &self->lanes[rank];
  AviGossipMessage *message = avi_rpc_queue_lane_get (lane, index)->message;

  g_array_remove_index (lane->items, index);
  avi_rpc_queue_discount (self, rank, message);
  return message;
}

void
avi_rpc_queue_drop_larger (AviRpcQueue *self, gsize max, AviRpcQueueDropped *dropped)
{
  for (guint rank = 0; rank < AVI_RPC_QUEUE_N_RANKS; rank++)
    {
      AviRpcQueueLane *lane = &self->lanes[rank];

      for (guint i = lane->items->len; i > lane->first; i--)
        if (avi_rpc_queue_lane_get (lane, i - 1)->message->entry.len > max)
          g_ptr_array_add (dropped->messages, avi_rpc_queue_remove (self, rank, i - 1));
    }
}

void
avi_rpc_queue_drop_all (AviRpcQueue *self, AviRpcQueueDropped *dropped)
{
  for (guint rank = 0; rank < AVI_RPC_QUEUE_N_RANKS; rank++)
    while (avi_rpc_queue_lane_count (&self->lanes[rank]) > 0)
      g_ptr_array_add (dropped->messages, avi_rpc_queue_take_message (self, rank));
}

gboolean
avi_rpc_queue_drop (AviRpcQueue *self, AviMessageId id)
{
  for (guint rank = 0; rank < AVI_RPC_QUEUE_N_RANKS; rank++)
    {
      AviRpcQueueLane *lane = &self->lanes[rank];

      for (guint i = lane->first; i < lane->items->len; i++)
        if (avi_message_id_equal (&avi_rpc_queue_lane_get (lane, i)->message->id, &id))
          {
            avi_gossip_message_unref (avi_rpc_queue_remove (self, rank, i));
            return TRUE;
          }
    }
  return FALSE;
}

gboolean
avi_rpc_queue_urgent (AviRpcQueue *self, AviSpan fields)
{
  if (self->urgent == NULL)
    self->urgent = g_byte_array_new ();
  if (self->urgent->len + fields.len > AVI_RPC_QUEUE_MAX_GOSSIP)
    return FALSE;
  g_byte_array_append (self->urgent, fields.data, fields.len);
  return TRUE;
}

void
avi_rpc_queue_extensions (AviRpcQueue *self)
{
  self->extensions = TRUE;
}

gboolean
avi_rpc_queue_gossip (AviRpcQueue *self, AviSpan fields, AviRpcQueueDropped *dropped)
{
  gsize share = self->max_bytes / AVI_RPC_QUEUE_GOSSIP_SHARE;

  if (fields.len > share || self->own_bytes + fields.len > self->max_bytes)
    return FALSE;
  while (self->gossip_bytes + fields.len > share)
    avi_rpc_queue_drop_gossip (self, dropped);
  while (self->bytes + fields.len > self->max_bytes)
    avi_rpc_queue_shed (self, dropped);
  g_queue_push_tail (&self->gossip, g_bytes_new (fields.data, fields.len));
  self->gossip_bytes += fields.len;
  self->bytes += fields.len;
  return TRUE;
}

/* An RPC in the making. Control messages are gathered apart, since an RPC has one field for them. */
typedef struct
{
  GByteArray *body;
  GByteArray *control;
  gsize subscription_bytes; /* of the body */
  guint n_subscriptions;
  guint n_messages;
} AviRpcDraft;

static gboolean
avi_rpc_draft_has_room (const AviRpcDraft *self, gsize len)
{
  return self->body->len - LEN_ROOM + self->control->len + CONTROL_OVERHEAD + len <= AVI_RPC_QUEUE_MAX_RPC;
}

static gboolean
avi_rpc_draft_has_control_room (const AviRpcDraft *self, gsize len)
{
  return avi_rpc_draft_has_room (self, len)
         && self->subscription_bytes + self->control->len + CONTROL_OVERHEAD + len <= AVI_RPC_QUEUE_MAX_CONTROL;
}

/* What goes first finds an empty draft, and fits. */
static void
avi_rpc_queue_pop_urgent (AviRpcQueue *self, AviRpcDraft *draft)
{
  if (self->extensions)
    avi_rpc_put_bytes (draft->control, AVI_CONTROL_EXTENSIONS, AVI_SPAN_EMPTY);
  self->extensions = FALSE;
  if (self->urgent != NULL)
    g_byte_array_append (draft->control, self->urgent->data, self->urgent->len);
  g_clear_pointer (&self->urgent, g_byte_array_unref);
}

static void
avi_rpc_queue_pop_subscriptions (AviRpcQueue *self, AviRpcDraft *draft)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();
  GHashTableIter iter;
  gpointer topic, subscribe;

  g_hash_table_iter_init (&iter, self->subscriptions);
  while (draft->n_subscriptions < AVI_RPC_QUEUE_MAX_SUBSCRIPTIONS && g_hash_table_iter_next (&iter, &topic, &subscribe))
    {
      g_byte_array_set_size (part, 0);
      avi_rpc_put_varint (part, AVI_SUBSCRIPTION_SUBSCRIBE, (GPOINTER_TO_UINT (subscribe) & SUBSCRIPTION_ON) != 0);
      avi_rpc_put_bytes (part, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (topic));
      if (!avi_rpc_draft_has_control_room (draft, avi_rpc_get_field_len (part->len)))
        return;
      avi_rpc_put_bytes (draft->body, AVI_RPC_SUBSCRIPTION, AVI_SPAN (part->data, part->len));
      draft->subscription_bytes += avi_rpc_get_field_len (part->len);
      draft->n_subscriptions++;
      g_hash_table_iter_remove (&iter);
    }
}

static void
avi_rpc_queue_pop_grafts (AviRpcQueue *self, AviRpcDraft *draft)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();
  GHashTableIter iter;
  gpointer topic, value;
  GBytes *exchange;

  g_hash_table_iter_init (&iter, self->grafts);
  while (g_hash_table_iter_next (&iter, &topic, &value))
    {
      int backoff = GPOINTER_TO_INT (value);

      g_byte_array_set_size (part, 0);
      avi_rpc_put_bytes (part, backoff == GRAFT ? AVI_GRAFT_TOPIC : AVI_PRUNE_TOPIC, AVI_SPAN_STRING (topic));
      exchange = g_hash_table_lookup (self->exchanges, topic);
      if (exchange != NULL)
        g_byte_array_append (part, g_bytes_get_data (exchange, NULL), g_bytes_get_size (exchange));
      if (backoff > 0)
        avi_rpc_put_varint (part, AVI_PRUNE_BACKOFF, backoff);
      if (!avi_rpc_draft_has_control_room (draft, avi_rpc_get_field_len (part->len)))
        return;
      avi_rpc_queue_drop_exchange (self, topic);
      avi_rpc_put_bytes (draft->control, backoff == GRAFT ? AVI_CONTROL_GRAFT : AVI_CONTROL_PRUNE,
                         AVI_SPAN (part->data, part->len));
      g_hash_table_iter_remove (&iter);
    }
}

/* FALSE: some are left, before which nothing of a lower rank goes. */
static gboolean
avi_rpc_queue_pop_messages (AviRpcQueue *self, AviRpcQueueRank rank, AviRpcDraft *draft)
{
  AviRpcQueueLane *lane = &self->lanes[rank];

  while (avi_rpc_queue_lane_count (lane) > 0)
    {
      g_autoptr(AviGossipMessage) message = NULL;

      if (draft->n_messages == AVI_RPC_QUEUE_MAX_MESSAGES
          || !avi_rpc_draft_has_room (draft, avi_rpc_queue_lane_peek (lane)->entry.len))
        return FALSE;
      message = avi_rpc_queue_take_message (self, rank);
      draft->n_messages++;
      g_byte_array_append (draft->body, message->entry.data, message->entry.len);
    }
  return TRUE;
}

static void
avi_rpc_queue_pop_gossip (AviRpcQueue *self, AviRpcDraft *draft)
{
  while (!g_queue_is_empty (&self->gossip)
         && avi_rpc_draft_has_control_room (draft, g_bytes_get_size (g_queue_peek_head (&self->gossip))))
    {
      g_autoptr(GBytes) fields = avi_rpc_queue_take_gossip (self);
      AviSpan span = avi_span_from_bytes (fields);

      g_byte_array_append (draft->control, span.data, span.len);
    }
}

/* The length is written before what it counts, whose bytes stay where they are. Takes the body. */
static GBytes *
avi_rpc_draft_finish (AviRpcDraft *self)
{
  g_autoptr(GBytes) whole = NULL;
  guint8 len[10];
  gsize len_len;

  if (self->control->len > 0)
    avi_rpc_put_bytes (self->body, AVI_RPC_CONTROL, AVI_SPAN (self->control->data, self->control->len));

  len_len = avi_rpc_encode_varint (self->body->len - LEN_ROOM, len);
  g_assert (len_len <= LEN_ROOM);
  memcpy (self->body->data + LEN_ROOM - len_len, len, len_len);
  whole = g_byte_array_free_to_bytes (g_steal_pointer (&self->body));
  return g_bytes_new_from_bytes (whole, LEN_ROOM - len_len, g_bytes_get_size (whole) - LEN_ROOM + len_len);
}

static GBytes *
avi_rpc_queue_pop_mixed (AviRpcQueue *self)
{
  g_autoptr(GByteArray) control = g_byte_array_new ();
  guint size = LEN_ROOM + (guint) MIN (self->bytes, AVI_RPC_QUEUE_MAX_RPC);
  AviRpcDraft draft = { .body = g_byte_array_sized_new (size), .control = control };

  g_byte_array_set_size (draft.body, LEN_ROOM);
  avi_rpc_queue_pop_urgent (self, &draft);
  if (self->subscriptions != NULL)
    avi_rpc_queue_pop_subscriptions (self, &draft);
  if (self->grafts != NULL)
    avi_rpc_queue_pop_grafts (self, &draft);
  avi_rpc_queue_release_empty (&self->subscriptions);
  avi_rpc_queue_release_empty (&self->grafts);
  if (avi_rpc_queue_pop_messages (self, AVI_RPC_QUEUE_OWN, &draft))
    avi_rpc_queue_pop_messages (self, AVI_RPC_QUEUE_OTHERS, &draft);
  avi_rpc_queue_pop_gossip (self, &draft);
  if (draft.body->len + control->len > LEN_ROOM)
    return avi_rpc_draft_finish (&draft);
  g_byte_array_unref (draft.body);
  return NULL;
}

static GBytes *
avi_rpc_queue_pop_message (AviRpcQueue *self)
{
  gboolean own = avi_rpc_queue_lane_count (&self->lanes[AVI_RPC_QUEUE_OWN]) > 0;
  g_autoptr(AviGossipMessage) message = avi_rpc_queue_take_message (self, own ? AVI_RPC_QUEUE_OWN
                                                                              : AVI_RPC_QUEUE_OTHERS);

  return avi_gossip_message_dup_rpc (message);
}

GBytes *
avi_rpc_queue_pop (AviRpcQueue *self)
{
  guint n = avi_rpc_queue_count_messages (self);
  GBytes *rpc;

  /* The common case: one message, whose bytes all peers share. */
  if (n == 1 && g_queue_is_empty (&self->gossip) && self->urgent == NULL && !self->extensions
      && self->subscriptions == NULL && self->grafts == NULL)
    return avi_rpc_queue_pop_message (self);

  rpc = avi_rpc_queue_pop_mixed (self);
  if (rpc == NULL && n > 0) /* the next message is too large to be mixed */
    rpc = avi_rpc_queue_pop_message (self);
  return rpc;
}
