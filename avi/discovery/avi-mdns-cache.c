/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-cache.h"

#define SECOND         G_GINT64_CONSTANT (1000000)
#define MAX_TTL        4500         /* seconds; a record that claims more is asked for again then */
#define RENEWED_EVERY  SECOND       /* how often at most a peer is told of that has nothing new to it */
#define MIN_ASKED_TTL  (30 * SECOND) /* what lives shorter is let go without asking */

/* Parts of a hundred of a record's life after which it is asked for again (RFC 6762, section 5.2,
 * less often). */
static const guint asked_at[] = { 80, 90, 95 };

typedef struct
{
  AviMultiaddr *address;
  guint         ifindex;
  guint         instance;
  gint64        seen_at;
  gint64        ttl;   /* µs */
  guint         asked; /* how often it was asked for again */
} Entry;

typedef struct
{
  AviPeerId id;
  Entry     entries[AVI_MDNS_MAX_ADDRESSES];
  guint     n_entries;

  /* The name last heard: of the PTR, and its life. */
  guint     instance;
  guint8    label[AVI_DNS_MAX_LABEL_LEN];
  guint     label_len;   /* 0: none that could be listed */
  guint     label_ifindex;
  gint64    label_seen_at;
  gint64    label_ttl;   /* µs */

  gint64    told_at;     /* when a FOUND was last queued */
  gboolean  queued;      /* it still is */
  GList     link;        /* in by_age */
} Peer;

typedef struct
{
  AviMdnsEventType type;
  AviPeerId        peer;
  guint            ifindex;
} Event;

struct _AviMdnsCache
{
  GHashTable *peers;     /* AviPeerId → Peer */
  GHashTable *instances; /* hash of the name last heard → Peer */
  GQueue      by_age;    /* of Peer, by their `link`, the one unheard of for longest first */
  GQueue      events;    /* of Event */
  GArray     *stale;     /* of ifindex */
  GPtrArray  *addresses; /* of the event last told */
  gint64      deadline;  /* not later than the first thing to do */
};

static void
avi_mdns_peer_free (Peer *self)
{
  for (guint i = 0; i < self->n_entries; i++)
    avi_multiaddr_unref (self->entries[i].address);
  g_free (self);
}

AviMdnsCache *
avi_mdns_cache_new (void)
{
  AviMdnsCache *self = g_new0 (AviMdnsCache, 1);

  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, (GDestroyNotify) avi_mdns_peer_free);
  self->instances = g_hash_table_new (NULL, NULL);
  self->stale = g_array_new (FALSE, FALSE, sizeof (guint));
  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  self->deadline = G_MAXINT64;
  return self;
}

void
avi_mdns_cache_free (AviMdnsCache *self)
{
  g_queue_clear_full (&self->events, g_free);
  g_hash_table_unref (self->instances);
  g_hash_table_unref (self->peers);
  g_array_unref (self->stale);
  g_ptr_array_unref (self->addresses);
  g_free (self);
}

guint
avi_mdns_cache_get_n (AviMdnsCache *self)
{
  return g_hash_table_size (self->peers);
}

gint64
avi_mdns_cache_get_deadline (AviMdnsCache *self)
{
  return self->deadline;
}

/* --- peers --- */

static void
avi_mdns_cache_push_event (AviMdnsCache    *self,
                           AviMdnsEventType type,
                           const AviPeerId *peer,
                           guint            ifindex)
{
  Event *event = g_new (Event, 1);

  *event = (Event) { type, *peer, ifindex };
  g_queue_push_tail (&self->events, event);
}

static void
avi_mdns_cache_forget_instance (AviMdnsCache *self,
                                Peer         *peer)
{
  if (g_hash_table_lookup (self->instances, GUINT_TO_POINTER (peer->instance)) == peer)
    g_hash_table_remove (self->instances, GUINT_TO_POINTER (peer->instance));
}

static void
avi_mdns_cache_remove_peer (AviMdnsCache *self,
                            Peer         *peer,
                            guint         ifindex)
{
  avi_mdns_cache_push_event (self, AVI_MDNS_EVENT_GONE, &peer->id, ifindex);
  avi_mdns_cache_forget_instance (self, peer);
  g_queue_unlink (&self->by_age, &peer->link);
  g_hash_table_remove (self->peers, &peer->id);
}

static Peer *
avi_mdns_cache_add_peer (AviMdnsCache    *self,
                         const AviPeerId *id)
{
  Peer *peer;

  /* The one that spoke last is the one that is there. */
  if (g_hash_table_size (self->peers) >= AVI_MDNS_MAX_PEERS)
    {
      Peer *oldest = g_queue_peek_head (&self->by_age);

      avi_mdns_cache_remove_peer (self, oldest, oldest->entries[0].ifindex);
    }
  peer = g_new0 (Peer, 1);
  peer->id = *id;
  peer->told_at = G_MININT64 / 2;
  peer->link.data = peer;
  g_hash_table_insert (self->peers, &peer->id, peer);
  g_queue_push_tail_link (&self->by_age, &peer->link);
  return peer;
}

static void
avi_mdns_cache_touch_peer (AviMdnsCache *self,
                           Peer         *peer,
                           guint         instance)
{
  g_queue_unlink (&self->by_age, &peer->link);
  g_queue_push_tail_link (&self->by_age, &peer->link);
  if (peer->instance != instance)
    {
      avi_mdns_cache_forget_instance (self, peer);
      peer->label_len = 0;
      peer->instance = instance;
    }
  g_hash_table_replace (self->instances, GUINT_TO_POINTER (instance), peer);
}

static void
avi_mdns_cache_tell (AviMdnsCache *self,
                     Peer         *peer,
                     guint         ifindex)
{
  if (peer->queued)
    return;
  peer->queued = TRUE;
  avi_mdns_cache_push_event (self, AVI_MDNS_EVENT_FOUND, &peer->id, ifindex);
}

/* --- their addresses --- */

static gint64
avi_mdns_entry_get_deadline (const Entry *self)
{
  if (self->ttl >= MIN_ASKED_TTL && self->asked < G_N_ELEMENTS (asked_at))
    return self->seen_at + self->ttl / 100 * asked_at[self->asked];
  return self->seen_at + self->ttl;
}

static Entry *
avi_mdns_peer_find (Peer               *self,
                    const AviMultiaddr *address,
                    guint               ifindex)
{
  for (guint i = 0; i < self->n_entries; i++)
    {
      Entry *entry = &self->entries[i];

      if (entry->ifindex == ifindex && avi_multiaddr_equal (entry->address, address))
        return entry;
    }
  return NULL;
}

static void
avi_mdns_peer_remove (Peer  *self,
                      guint  index)
{
  avi_multiaddr_unref (self->entries[index].address);
  self->n_entries--;
  memmove (&self->entries[index], &self->entries[index + 1], (self->n_entries - index) * sizeof (Entry));
}

/* The oldest gives way, unless it was heard just now: then the rest of what a peer claims is too
 * much. Returns NULL there. */
static Entry *
avi_mdns_peer_add (Peer         *self,
                   AviMultiaddr *address,
                   guint         ifindex,
                   gint64        now)
{
  guint oldest = 0;

  if (self->n_entries == AVI_MDNS_MAX_ADDRESSES)
    {
      for (guint i = 1; i < self->n_entries; i++)
        {
          if (self->entries[i].seen_at < self->entries[oldest].seen_at)
            oldest = i;
        }
      if (self->entries[oldest].seen_at >= now)
        return NULL;
      avi_mdns_peer_remove (self, oldest);
    }

  Entry *entry = &self->entries[self->n_entries++];

  *entry = (Entry) { .address = avi_multiaddr_ref (address), .ifindex = ifindex };
  return entry;
}

/* A second is left to it, in which it can be heard of again. */
static void
avi_mdns_cache_expire_soon (AviMdnsCache *self,
                            Entry        *entry,
                            gint64        now)
{
  entry->ttl = MIN (entry->ttl, now + SECOND - entry->seen_at);
  entry->asked = G_N_ELEMENTS (asked_at);
  self->deadline = MIN (self->deadline, entry->seen_at + entry->ttl);
}

void
avi_mdns_cache_learn (AviMdnsCache    *self,
                      const AviPeerId *id,
                      AviMultiaddr    *address,
                      guint            ifindex,
                      guint            instance,
                      guint32          ttl,
                      gint64           now)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);
  Entry *entry = peer != NULL ? avi_mdns_peer_find (peer, address, ifindex) : NULL;
  gboolean is_new = entry == NULL;

  if (ttl == 0)
    {
      if (entry != NULL)
        avi_mdns_cache_expire_soon (self, entry, now);
      return;
    }
  if (peer == NULL)
    peer = avi_mdns_cache_add_peer (self, id);
  avi_mdns_cache_touch_peer (self, peer, instance);
  if (is_new && (entry = avi_mdns_peer_add (peer, address, ifindex, now)) == NULL)
    return;

  entry->instance = instance;
  entry->seen_at = now;
  entry->ttl = MIN (ttl, MAX_TTL) * SECOND;
  entry->asked = 0;
  self->deadline = MIN (self->deadline, avi_mdns_entry_get_deadline (entry));
  if (is_new || now - peer->told_at >= RENEWED_EVERY)
    {
      avi_mdns_cache_tell (self, peer, ifindex);
      peer->told_at = now;
    }
}

void
avi_mdns_cache_name (AviMdnsCache    *self,
                     const AviPeerId *id,
                     AviSpan          label,
                     guint            ifindex,
                     guint32          ttl,
                     gint64           now)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  if (peer == NULL || label.len > sizeof peer->label)
    return;
  memcpy (peer->label, label.data, label.len);
  peer->label_len = label.len;
  peer->label_ifindex = ifindex;
  peer->label_seen_at = now;
  peer->label_ttl = MIN (ttl, MAX_TTL) * SECOND;
}

static void
avi_mdns_cache_expire_instance (AviMdnsCache *self,
                                Peer         *peer,
                                guint         instance,
                                guint         ifindex,
                                gint64        seen_before,
                                gint64        now)
{
  for (guint i = 0; i < peer->n_entries; i++)
    {
      Entry *entry = &peer->entries[i];

      if (entry->instance == instance && entry->ifindex == ifindex && entry->seen_at < seen_before)
        avi_mdns_cache_expire_soon (self, entry, now);
    }
}

void
avi_mdns_cache_flush (AviMdnsCache    *self,
                      const AviPeerId *id,
                      guint            instance,
                      guint            ifindex,
                      gint64           now)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  if (peer != NULL)
    avi_mdns_cache_expire_instance (self, peer, instance, ifindex, now - SECOND, now);
}

void
avi_mdns_cache_withdraw (AviMdnsCache *self,
                         guint         instance,
                         guint         ifindex,
                         gint64        now)
{
  Peer *peer = g_hash_table_lookup (self->instances, GUINT_TO_POINTER (instance));

  if (peer == NULL)
    return;
  peer->label_len = 0;
  avi_mdns_cache_expire_instance (self, peer, instance, ifindex, G_MAXINT64, now);
}

gboolean
avi_mdns_cache_knows (AviMdnsCache *self,
                      guint         instance)
{
  return g_hash_table_contains (self->instances, GUINT_TO_POINTER (instance));
}

gboolean
avi_mdns_cache_next_known (AviMdnsCache *self,
                           guint         ifindex,
                           gint64        now,
                           GList       **cursor,
                           AviSpan      *label,
                           guint32      *ttl)
{
  GList *link = *cursor == NULL ? self->by_age.tail : (*cursor)->prev;

  for (; link != NULL; link = link->prev)
    {
      Peer *peer = link->data;
      gint64 left = peer->label_seen_at + peer->label_ttl - now;

      if (peer->label_len == 0 || peer->label_ifindex != ifindex || left <= peer->label_ttl / 2)
        continue;
      *cursor = link;
      *label = AVI_SPAN (peer->label, peer->label_len);
      *ttl = left / SECOND;
      return TRUE;
    }
  return FALSE;
}

/* --- time --- */

static void
avi_mdns_cache_mark_stale (AviMdnsCache *self,
                           guint         ifindex)
{
  for (guint i = 0; i < self->stale->len; i++)
    {
      if (g_array_index (self->stale, guint, i) == ifindex)
        return;
    }
  g_array_append_val (self->stale, ifindex);
}

/* Returns the interface of the entry that went last, where none is left; else 0. */
static guint
avi_mdns_cache_tick_peer (AviMdnsCache *self,
                          Peer         *peer,
                          gint64        now)
{
  for (guint i = peer->n_entries; i > 0; i--)
    {
      Entry *entry = &peer->entries[i - 1];
      guint ifindex = entry->ifindex;

      if (entry->seen_at + entry->ttl <= now)
        {
          avi_mdns_peer_remove (peer, i - 1);
          if (peer->n_entries == 0)
            return ifindex;
          avi_mdns_cache_tell (self, peer, ifindex);
          continue;
        }
      while (avi_mdns_entry_get_deadline (entry) <= now)
        {
          entry->asked++;
          avi_mdns_cache_mark_stale (self, ifindex);
        }
      self->deadline = MIN (self->deadline, avi_mdns_entry_get_deadline (entry));
    }
  return 0;
}

void
avi_mdns_cache_tick (AviMdnsCache *self,
                     gint64        now)
{
  if (now < self->deadline)
    return;

  self->deadline = G_MAXINT64;
  for (GList *link = self->by_age.head, *next; link != NULL; link = next)
    {
      guint ifindex = avi_mdns_cache_tick_peer (self, link->data, now);

      next = link->next;
      if (ifindex != 0)
        avi_mdns_cache_remove_peer (self, link->data, ifindex);
    }
}

gboolean
avi_mdns_cache_next_stale (AviMdnsCache *self,
                           guint        *ifindex)
{
  if (self->stale->len == 0)
    return FALSE;
  *ifindex = g_array_index (self->stale, guint, self->stale->len - 1);
  g_array_set_size (self->stale, self->stale->len - 1);
  return TRUE;
}

void
avi_mdns_cache_drop_interface (AviMdnsCache *self,
                               guint         ifindex)
{
  for (GList *link = self->by_age.head, *next; link != NULL; link = next)
    {
      Peer *peer = link->data;
      guint before = peer->n_entries;

      next = link->next;
      for (guint i = peer->n_entries; i > 0; i--)
        {
          if (peer->entries[i - 1].ifindex == ifindex)
            avi_mdns_peer_remove (peer, i - 1);
        }
      if (peer->n_entries == 0)
        avi_mdns_cache_remove_peer (self, peer, ifindex);
      else if (peer->n_entries < before)
        avi_mdns_cache_tell (self, peer, ifindex);
    }
}

/* --- events --- */

/* The newest first; those of one time as they were told. */
static void
avi_mdns_cache_list_addresses (AviMdnsCache *self,
                               const Peer   *peer)
{
  guint order[AVI_MDNS_MAX_ADDRESSES];

  for (guint i = 0; i < peer->n_entries; i++)
    {
      guint at = i;

      for (; at > 0 && peer->entries[order[at - 1]].seen_at < peer->entries[i].seen_at; at--)
        order[at] = order[at - 1];
      order[at] = i;
    }

  g_ptr_array_set_size (self->addresses, 0);
  for (guint i = 0; i < peer->n_entries; i++)
    {
      AviMultiaddr *address = peer->entries[order[i]].address;

      /* One host on two interfaces of ours is still one address. */
      if (!g_ptr_array_find_with_equal_func (self->addresses, address, avi_multiaddr_equal, NULL))
        g_ptr_array_add (self->addresses, avi_multiaddr_ref (address));
    }
}

gboolean
avi_mdns_cache_next_event (AviMdnsCache *self,
                           AviMdnsEvent *out)
{
  g_autofree Event *event = NULL;

  while ((event = g_queue_pop_head (&self->events)) != NULL)
    {
      Peer *peer = g_hash_table_lookup (self->peers, &event->peer);

      *out = (AviMdnsEvent) { .type = event->type, .peer = event->peer, .ifindex = event->ifindex };
      if (event->type == AVI_MDNS_EVENT_GONE)
        return TRUE;
      if (peer != NULL)
        {
          peer->queued = FALSE;
          avi_mdns_cache_list_addresses (self, peer);
          out->addresses = self->addresses;
          return TRUE;
        }
      g_clear_pointer (&event, g_free);
    }
  return FALSE;
}
