/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-swarm-private.h"

#include "avi-error.h"
#include "avi-pubsub.h"
#include "avi-services.h"

/* A peer of which only its own word remains is forgotten after so many dials in a row. */
#define MAX_FAILURES_OF_HEARSAY 12

/* Whoever announces a peer at ever new addresses could make every node of a network dial without end.
 * So new addresses make the back-off void for as many dials, from then on once in such a time. */
#define MAX_TRIED_AT_ONCE 16
#define FORGIVE_INTERVAL  (60 * G_USEC_PER_SEC)

AviSwarm *
avi_swarm_new (AviEngine *engine)
{
  AviSwarm *self = g_new0 (AviSwarm, 1);

  self->engine = engine;
  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL,
                                       (GDestroyNotify) avi_peer_entry_free);
  self->program_dials = g_ptr_array_new ();
  return self;
}

void
avi_swarm_free (AviSwarm *self)
{
  g_assert (self->program_dials->len == 0);
  g_ptr_array_unref (self->program_dials);
  g_hash_table_unref (self->peers);
  g_free (self);
}

AviPeerEntry *
avi_swarm_lookup (AviSwarm        *self,
                  const AviPeerId *peer)
{
  return g_hash_table_lookup (self->peers, peer);
}

void
avi_swarm_tell (AviSwarm     *self,
                AviPeerEntry *entry,
                AviEventType  event)
{
  g_autoptr(AviPeerInfo) info = avi_peer_entry_describe (entry);

  avi_core_set_peer (self->engine->core, info);
  avi_core_push (self->engine->core, avi_event_new_for_peer (event, info));
}

void
avi_swarm_tell_nobody (AviSwarm     *self,
                       AviPeerEntry *entry)
{
  g_autoptr(AviPeerInfo) info = avi_peer_entry_describe (entry);

  avi_core_set_peer (self->engine->core, info);
}

static void
avi_swarm_tell_forgotten (AviSwarm     *self,
                          AviPeerEntry *entry)
{
  g_autoptr(AviPeerInfo) info = avi_peer_entry_describe (entry);

  avi_core_remove_peer (self->engine->core, &entry->id);
  avi_core_push (self->engine->core, avi_event_new_for_peer (AVI_EVENT_PEER_FORGOTTEN, info));
}

static void
avi_swarm_forget (AviSwarm     *self,
                  AviPeerEntry *entry)
{
  AviPeerId id = entry->id;

  avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
  avi_loop_clear_timer (self->engine->loop, &entry->probe_timer);
  if (entry->dial != NULL)
    avi_dial_cancel (g_steal_pointer (&entry->dial));
  avi_swarm_tell_forgotten (self, entry);
  g_hash_table_remove (self->peers, &id);
}

void
avi_swarm_forget_if_lost (AviSwarm     *self,
                          AviPeerEntry *entry)
{
  guint sources = avi_addresses_get_sources (entry->addresses);

  if (self->engine->stopping || entry->connections->len > 0 || entry->dial != NULL || entry->calls->len > 0)
    return;
  if (sources == 0 || (sources == AVI_SOURCE_IDENTIFY && entry->failures >= MAX_FAILURES_OF_HEARSAY))
    avi_swarm_forget (self, entry);
}

/* The table is full: of the peers that are not connected, the one unseen for longest goes. */
static gboolean
avi_swarm_make_room (AviSwarm *self)
{
  AviPeerEntry *oldest = NULL;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPeerEntry *entry = value;

      if (entry->connections->len == 0 && entry->calls->len == 0
          && !(avi_addresses_get_sources (entry->addresses) & AVI_SOURCE_BOOTSTRAP)
          && (oldest == NULL || entry->last_seen < oldest->last_seen))
        oldest = entry;
    }
  if (oldest == NULL)
    return FALSE;
  avi_swarm_forget (self, oldest);
  return TRUE;
}

AviPeerEntry *
avi_swarm_ensure (AviSwarm        *self,
                  const AviPeerId *peer)
{
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);

  if (entry == NULL)
    {
      if (g_hash_table_size (self->peers) >= AVI_SWARM_MAX_PEERS && !avi_swarm_make_room (self))
        return NULL;
      entry = avi_peer_entry_new (self, peer);
      g_hash_table_insert (self->peers, &entry->id, entry);
    }
  entry->last_seen = avi_loop_now (self->engine->loop);
  return entry;
}

/* --- discovery --- */

/* A new address: the peer may be there. What failed at others still says which to try first. */
static void
avi_swarm_forgive_peer (AviSwarm     *self,
                        AviPeerEntry *entry)
{
  gint64 now = avi_loop_now (self->engine->loop);

  if (entry->n_tried >= MAX_TRIED_AT_ONCE && now - entry->forgiven < FORGIVE_INTERVAL)
    return;
  entry->forgiven = now;
  entry->failures = 0;
  avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
}

void
avi_swarm_found (AviSwarm        *self,
                 const AviPeerId *peer,
                 const char      *name,
                 GPtrArray       *addresses,
                 AviSource        source)
{
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);
  gboolean is_new = entry == NULL;

  if (self->engine->stopping || avi_peer_id_equal (peer, &self->engine->self_id))
    return;
  entry = avi_swarm_ensure (self, peer);
  if (entry == NULL)
    return;
  if (name != NULL && entry->name == NULL)
    entry->name = g_strdup (name);
  if (avi_addresses_replace (entry->addresses, source, addresses))
    {
      avi_swarm_forgive_peer (self, entry);
      avi_swarm_tell (self, entry, is_new ? AVI_EVENT_PEER_DISCOVERED : AVI_EVENT_PEER_CHANGED);
    }
  avi_swarm_extend_dial (self, entry);
  avi_swarm_schedule (self, entry);
}

void
avi_swarm_lost (AviSwarm        *self,
                const AviPeerId *peer,
                AviSource        source)
{
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);

  if (entry == NULL)
    return;
  avi_addresses_replace (entry->addresses, source, NULL);
  avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
  avi_swarm_forget_if_lost (self, entry);
}

void
avi_swarm_forgive (AviSwarm *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPeerEntry *entry = value;

      entry->failures = 0;
      avi_addresses_forgive (entry->addresses);
      avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
      /* What hangs since before would keep a better attempt waiting. */
      if (entry->dial != NULL)
        avi_dial_cancel (g_steal_pointer (&entry->dial));
      avi_swarm_schedule (self, entry);
    }
}

/* --- all connections at once --- */

static void
avi_swarm_for_each_connection (AviSwarm *self,
                               void    (*func) (AviConnection *connection))
{
  g_autoptr(GPtrArray) all = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_extend (all, ((AviPeerEntry *) value)->connections, NULL, NULL);
  for (guint i = 0; i < all->len; i++)
    func (g_ptr_array_index (all, i));
}

void
avi_swarm_network_changed (AviSwarm *self)
{
  avi_swarm_for_each_connection (self, avi_connection_check_address);
  avi_swarm_forgive (self);
}

void
avi_swarm_probe_all (AviSwarm *self)
{
  avi_swarm_for_each_connection (self, avi_ping_service_probe);
}

static void
avi_swarm_push_to (AviConnection *connection)
{
  if (connection->identified && !connection->draining && connection->info.protocols != NULL
      && g_strv_contains ((const char *const *) connection->info.protocols, AVI_IDENTIFY_PUSH_PROTOCOL))
    avi_identify_service_push (connection);
}

void
avi_swarm_push_identify (AviSwarm *self)
{
  avi_swarm_for_each_connection (self, avi_swarm_push_to);
}

static void
avi_swarm_say_goodbye_to (AviConnection *connection)
{
  avi_connection_drain (connection, G_USEC_PER_SEC, "this device stopped");
}

void
avi_swarm_say_goodbye (AviSwarm *self)
{
  avi_swarm_for_each_connection (self, avi_swarm_say_goodbye_to);
}

gboolean
avi_swarm_is_flushed (AviSwarm *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPeerEntry *entry = value;

      for (guint i = 0; i < entry->connections->len; i++)
        if (!avi_connection_is_flushed (g_ptr_array_index (entry->connections, i)))
          return FALSE;
    }
  return TRUE;
}

static void
avi_swarm_close_it (AviConnection *connection)
{
  avi_connection_end (connection, "this device stopped");
}

void
avi_swarm_stop (AviSwarm *self)
{
  GHashTableIter iter;
  gpointer value;

  avi_swarm_stop_dialling (self);
  avi_swarm_for_each_connection (self, avi_swarm_close_it);
  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      avi_swarm_tell_forgotten (self, value);
      g_hash_table_iter_remove (&iter);
    }
}
