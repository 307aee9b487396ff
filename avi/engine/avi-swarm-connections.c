/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of a peer's connections is used. A connection takes part once it is identified. Every node
 * of Avi says its boot id, by which two connections with one run of a program are told from those
 * with two runs:
 *
 *   same boot, opposite directions   the one dialled by the smaller peer id stays, the other is drained
 *   same boot, same direction        the newer stays, the other is drained
 *   another boot                     the peer restarted: the newer replaces the older whole, unless the
 *                                    older still answers a ping: then two nodes have one key
 *   no boot id                       both stay, the first is used while it lives: it is asked, for the peer
 *                                    may have lost its power, and know nothing of it any more
 */
#include "config.h"

#include "avi-error.h"
#include "avi-pubsub.h"
#include "avi-services.h"
#include "avi-swarm-private.h"
#include "protocols/avi-peer-record.h"

#define DRAIN_TIME    (2 * G_USEC_PER_SEC)
#define PROBE_TIME    (1 * G_USEC_PER_SEC)  /* for the older connection to show that it lives */
#define SETTLED_TIME  (30 * G_USEC_PER_SEC) /* that a connection holds, to count as a success */
#define REFUSE_TIME   (60 * G_USEC_PER_SEC) /* after an identity conflict */

typedef enum
{
  RELATION_SAME_BOOT,
  RELATION_OTHER_BOOT,
  RELATION_UNKNOWN
} Relation;

static Relation
avi_swarm_relate (const AviConnection *one,
                  const AviConnection *two)
{
  if (!one->info.has_boot_id || !two->info.has_boot_id)
    return RELATION_UNKNOWN;
  return memcmp (one->info.boot_id, two->info.boot_id, AVI_BOOT_ID_LEN) == 0 ? RELATION_SAME_BOOT
                                                                             : RELATION_OTHER_BOOT;
}

/* --- a connection comes --- */

void
avi_swarm_tell_own_conflict (AviSwarm   *self,
                             const char *where)
{
  AviEngine *engine = self->engine;
  gint64 now = avi_loop_now (engine->loop);
  g_auto(GStrv) addresses = NULL;
  g_autoptr(AviPeerInfo) info = NULL;
  AviPeerEntry *ours;
  AviEvent *event;

  if (self->own_conflict_told != 0 && now - self->own_conflict_told < REFUSE_TIME)
    return;
  self->own_conflict_told = now;
  addresses = avi_core_dup_addresses (engine->core);
  ours = avi_peer_entry_new (self, &engine->self_id);
  info = avi_peer_entry_describe (ours);
  event = avi_event_new_for_peer (AVI_EVENT_IDENTITY_CONFLICT, info);
  event->addresses[0] = g_strdup (addresses[0] != NULL ? addresses[0] : "");
  event->addresses[1] = g_strdup (where);
  avi_core_count (engine->core, AVI_COUNT_IDENTITY_CONFLICTS, 1);
  avi_core_push (engine->core, event);
  avi_peer_entry_free (ours);
}

static gboolean
avi_swarm_refuse_own_key (AviSwarm      *self,
                          AviConnection *connection,
                          GError       **error)
{
  const char *file = self->engine->settings->identity_file;
  g_autofree char *remote = avi_multiaddr_to_string (connection->remote);

  avi_swarm_tell_own_conflict (self, remote);
  g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "another node has this node's key%s%s",
               file != NULL ? ", from " : "", file != NULL ? file : "");
  return FALSE;
}

gboolean
avi_swarm_admit (AviSwarm      *self,
                 AviConnection *connection,
                 GError       **error)
{
  AviEngine *engine = self->engine;
  gint64 now = avi_loop_now (engine->loop);
  gboolean is_new;
  AviPeerEntry *entry;

  if (engine->stopping)
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_CLOSED, "this device stops");
      return FALSE;
    }
  if (avi_peer_id_equal (&connection->peer, &engine->self_id))
    return avi_swarm_refuse_own_key (self, connection, error);
  is_new = avi_swarm_lookup (self, &connection->peer) == NULL;
  entry = avi_swarm_ensure (self, &connection->peer);
  if (entry == NULL)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "the table of peers is full: %u of %d are known, all of them connected or waited for",
                   g_hash_table_size (self->peers), AVI_SWARM_MAX_PEERS);
      return FALSE;
    }
  if (entry->refuse_until > now)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "two nodes have the key of %s: this one is refused for %d s",
                   entry->id_text, (int) ((entry->refuse_until - now) / G_USEC_PER_SEC) + 1);
      return FALSE;
    }
  if (entry->connections->len >= engine->settings->max_connections_per_peer)
    {
      avi_core_count (engine->core, AVI_COUNT_REFUSED_PER_PEER, 1);
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "max-connections-per-peer is reached: %s has %u of %u",
                   entry->id_text, entry->connections->len, engine->settings->max_connections_per_peer);
      return FALSE;
    }
  connection->entry = entry;
  g_ptr_array_add (entry->connections, connection);
  entry->was_inbound |= connection->inbound;
  if (!connection->inbound)
    avi_addresses_note (entry->addresses, connection->remote, NULL);
  if (is_new)
    avi_swarm_tell (self, entry, AVI_EVENT_PEER_DISCOVERED);
  avi_identify_service_ask (connection);
  avi_ping_service_start (connection);
  return TRUE;
}

/* --- one becomes the one in use --- */

/* The peer is what it says on the connection in use, not what a rival for its name says. */
static void
avi_swarm_learn (AviSwarm      *self,
                 AviPeerEntry  *entry,
                 AviConnection *connection)
{
  avi_peer_entry_learn (entry, &connection->info);
  if (entry->is_avi && !entry->counted)
    {
      entry->counted = TRUE;
      self->n_connected++;
    }
}

/* @moved: from another connection with the same running program. */
static void
avi_swarm_promote (AviSwarm      *self,
                   AviPeerEntry  *entry,
                   AviConnection *connection,
                   gboolean       moved)
{
  gboolean was_connected = entry->main != NULL;

  entry->main = connection;
  entry->n_tried = 0;
  avi_swarm_learn (self, entry, connection);
  entry->round_trip = connection->round_trip;
  /* It has come to us by itself: a sign of life. */
  if (connection->inbound)
    entry->failures = 0;
  g_clear_pointer (&entry->last_error, g_free);
  avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
  avi_engine_log_state (self->engine, &entry->id, connection->remote, "%s connection is in use",
                        connection->inbound ? "this inbound" : "this outbound");
  avi_pubsub_attach (self->engine->pubsub, entry, moved);
  avi_swarm_tell (self, entry, was_connected ? AVI_EVENT_PEER_CHANGED : AVI_EVENT_PEER_CONNECTED);
  avi_swarm_answer_calls (self, entry, NULL);
}

/* Of two connections with one run of the peer: the one that both ends keep. */
static AviConnection *
avi_swarm_choose (AviSwarm      *self,
                  AviPeerEntry  *entry,
                  AviConnection *older,
                  AviConnection *newer)
{
  gboolean we_dial = avi_peer_id_compare (&self->engine->self_id, &entry->id) < 0;

  if (older->inbound == newer->inbound)
    return newer;
  return older->inbound == !we_dial ? older : newer;
}

static void
avi_swarm_probe_timeout (AviTimer *timer,
                         gint64    now)
{
  AviPeerEntry *entry = AVI_CONTAINER_OF (timer, AviPeerEntry, probe_timer);

  if (entry->challenger != NULL && entry->main != NULL)
    avi_connection_close (entry->main, AVI_CLOSER_US,
                          g_error_new_literal (AVI_ERROR, AVI_ERROR_TIMEOUT,
                                               "the peer restarted, and is silent on this connection"));
}

/* A connection of another boot: does the one in use still live? */
static void
avi_swarm_challenge (AviSwarm      *self,
                     AviPeerEntry  *entry,
                     AviConnection *connection)
{
  AviConnection *before = entry->challenger;

  entry->challenger = connection;
  if (before != NULL && before != connection)
    avi_connection_end (before, "the peer restarted once more");
  entry->probe_started = avi_loop_now (self->engine->loop);
  avi_loop_set_timer (self->engine->loop, &entry->probe_timer, entry->probe_started + PROBE_TIME,
                      avi_swarm_probe_timeout);
  avi_ping_service_probe (entry->main);
}

/* Main lives, and so does the challenger: two nodes have one key. */
static void
avi_swarm_declare_conflict (AviSwarm     *self,
                            AviPeerEntry *entry)
{
  AviConnection *challenger = g_steal_pointer (&entry->challenger);
  g_autoptr(AviPeerInfo) info = avi_peer_entry_describe (entry);
  AviEvent *event = avi_event_new_for_peer (AVI_EVENT_IDENTITY_CONFLICT, info);

  event->addresses[0] = avi_multiaddr_to_string (entry->main->remote);
  event->addresses[1] = avi_multiaddr_to_string (challenger->remote);
  entry->probe_started = 0;
  entry->refuse_until = avi_loop_now (self->engine->loop) + REFUSE_TIME;
  avi_loop_clear_timer (self->engine->loop, &entry->probe_timer);
  avi_core_count (self->engine->core, AVI_COUNT_IDENTITY_CONFLICTS, 1);
  avi_core_push (self->engine->core, event);
  avi_connection_close (challenger, AVI_CLOSER_US,
                        g_error_new (AVI_ERROR, AVI_ERROR_SECURITY, "two nodes have the key of %s", entry->id_text));
}

/* TRUE: @connection, which is or would be the one in use, is that of one peer too many, and has been closed. */
static gboolean
avi_swarm_refuse_peer (AviSwarm      *self,
                       AviPeerEntry  *entry,
                       AviConnection *connection)
{
  if (entry->counted || !avi_peer_is_avi (&connection->info)
      || self->n_connected < self->engine->settings->max_peers)
    return FALSE;
  avi_core_count (self->engine->core, AVI_COUNT_REFUSED_PEERS, 1);
  avi_connection_close (connection, AVI_CLOSER_US,
                        g_error_new (AVI_ERROR, AVI_ERROR_LIMIT,
                                     "max-peers is reached: %u of %u are connected, and %s would be one more",
                                     self->n_connected, self->engine->settings->max_peers, entry->id_text));
  return TRUE;
}

static void avi_swarm_replace_main (AviSwarm *self, AviPeerEntry *entry, AviConnection *ended);

/* @connection is identified: where does it stand? */
static void
avi_swarm_settle (AviSwarm      *self,
                  AviPeerEntry  *entry,
                  AviConnection *connection)
{
  AviConnection *keep;

  if (entry->main == NULL)
    {
      if (!avi_swarm_refuse_peer (self, entry, connection))
        avi_swarm_promote (self, entry, connection, FALSE);
      return;
    }
  /* The peer has said goodbye on it: it may answer for a while yet, and is no rival. */
  if (entry->main->draining)
    {
      avi_swarm_replace_main (self, entry, entry->main);
      return;
    }
  switch (avi_swarm_relate (entry->main, connection))
    {
    case RELATION_SAME_BOOT:
      keep = avi_swarm_choose (self, entry, entry->main, connection);
      avi_connection_drain (keep == connection ? entry->main : connection, DRAIN_TIME,
                            "another connection with the peer is used");
      if (keep == connection)
        avi_swarm_promote (self, entry, connection, TRUE);
      break;

    case RELATION_OTHER_BOOT:
      avi_swarm_challenge (self, entry, connection);
      break;

    case RELATION_UNKNOWN:
      avi_ping_service_probe (entry->main);
      break;
    }
}

/* Whoever tells an address could make this node knock there. So nobody sends it further in than he stands
 * himself: to this machine only from this machine, into a private network only from one (or from a subnet
 * of ours, whose addresses may be public); and by a name, which leads anywhere, only a person does. */
static gboolean
avi_swarm_may_learn (AviSwarm           *self,
                     AviConnection      *connection,
                     const AviMultiaddr *address)
{
  AviMultiaddrScope here = avi_multiaddr_get_scope (connection->remote);

  switch (avi_multiaddr_get_scope (address))
    {
    case AVI_MULTIADDR_LOOPBACK:
      return here == AVI_MULTIADDR_LOOPBACK;
    case AVI_MULTIADDR_PRIVATE:
      return here != AVI_MULTIADDR_PUBLIC || avi_lan_is_near (self->engine->lan, connection->remote);
    case AVI_MULTIADDR_PUBLIC:
      return TRUE;
    case AVI_MULTIADDR_NOWHERE:
    case AVI_MULTIADDR_NAMED:
    default:
      return FALSE;
    }
}

/* Those that are good to be dialled, as told on @connection: (transfer container) */
static GPtrArray *
avi_swarm_select_addresses (AviSwarm      *self,
                            AviConnection *connection,
                            GPtrArray     *addresses)
{
  GPtrArray *good = g_ptr_array_new ();

  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    {
      AviMultiaddr *address = g_ptr_array_index (addresses, i);

      if (avi_swarm_may_learn (self, connection, address))
        g_ptr_array_add (good, address);
      else
        avi_core_count (self->engine->core, AVI_COUNT_ADDRESSES_IGNORED, 1);
    }
  return good;
}

/* The addresses that the peer tells of itself. */
static void
avi_swarm_learn_addresses (AviSwarm      *self,
                           AviPeerEntry  *entry,
                           AviConnection *connection,
                           GPtrArray     *addresses)
{
  g_autoptr(GPtrArray) good = avi_swarm_select_addresses (self, connection, addresses);

  avi_addresses_replace (entry->addresses, AVI_SOURCE_IDENTIFY, good);
}

void
avi_swarm_heard_of (AviSwarm        *self,
                    const AviPeerId *teller,
                    const AviPeerId *peer,
                    GPtrArray       *addresses)
{
  AviPeerEntry *from = avi_swarm_lookup (self, teller);
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);
  g_autoptr(GPtrArray) good = NULL;

  if (self->engine->stopping || from == NULL || from->main == NULL || (entry != NULL && entry->connections->len > 0))
    return;
  good = avi_swarm_select_addresses (self, from->main, addresses);
  if (entry == NULL && good->len > 0)
    avi_swarm_found (self, peer, NULL, good, AVI_SOURCE_IDENTIFY);
  if (entry == NULL)
    return;
  for (guint i = 0; i < good->len; i++)
    avi_addresses_add (entry->addresses, g_ptr_array_index (good, i), AVI_SOURCE_IDENTIFY);
  avi_swarm_extend_dial (self, entry);
  avi_swarm_schedule (self, entry);
}

/* What is passed on is looked at before. */
static gboolean
avi_swarm_is_own_record (AviConnection *connection,
                         GBytes        *envelope)
{
  g_auto(AviPeerRecord) record = { 0 };

  return avi_peer_record_open (&record, avi_span_from_bytes (envelope), NULL)
         && avi_peer_id_equal (&record.peer, &connection->peer);
}

/* A push says only what has changed. */
static void
avi_swarm_keep_identify (AviConnection     *connection,
                         const AviIdentify *info)
{
  AviIdentify *kept = &connection->info;

  if (info->protocol_version != NULL)
    {
      g_free (kept->protocol_version);
      kept->protocol_version = g_strdup (info->protocol_version);
    }
  if (info->agent_version != NULL)
    {
      g_free (kept->agent_version);
      kept->agent_version = g_strdup (info->agent_version);
    }
  if (info->protocols != NULL)
    {
      g_strfreev (kept->protocols);
      kept->protocols = g_strdupv (info->protocols);
    }
  if (info->signed_peer_record != NULL && avi_swarm_is_own_record (connection, info->signed_peer_record))
    {
      g_clear_pointer (&kept->signed_peer_record, g_bytes_unref);
      kept->signed_peer_record = g_bytes_ref (info->signed_peer_record);
    }
  kept->observed_by_id |= info->observed_by_id;
  if (info->has_boot_id)
    {
      kept->has_boot_id = TRUE;
      memcpy (kept->boot_id, info->boot_id, sizeof kept->boot_id);
    }
}

void
avi_swarm_take_identify (AviSwarm          *self,
                         AviConnection     *connection,
                         const AviIdentify *info)
{
  AviPeerEntry *entry = connection->entry;

  if (connection->state != AVI_CONNECTION_OPEN || entry == NULL)
    return;
  avi_swarm_keep_identify (connection, info);
  if (entry->main == connection)
    {
      /* It says only now that it is of Avi. */
      if (avi_swarm_refuse_peer (self, entry, connection))
        return;
      avi_swarm_learn (self, entry, connection);
    }
  avi_core_count (self->engine->core, AVI_COUNT_ADDRESSES_IGNORED, info->n_ignored);
  if (info->listen_addresses != NULL)
    avi_swarm_learn_addresses (self, entry, connection, info->listen_addresses);
  if (!connection->identified)
    {
      avi_swarm_identified (self, connection);
      return;
    }
  if (entry->main == connection && !avi_pubsub_is_attached (self->engine->pubsub, entry))
    avi_pubsub_attach (self->engine->pubsub, entry, FALSE);
  avi_pubsub_describe (self->engine->pubsub, entry);
  avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
}

void
avi_swarm_identified (AviSwarm      *self,
                      AviConnection *connection)
{
  if (connection->identified || connection->entry == NULL || connection->state != AVI_CONNECTION_OPEN)
    return;
  connection->identified = TRUE;
  connection->identify_deadline = G_MAXINT64;
  if (!connection->draining)
    avi_swarm_settle (self, connection->entry, connection);
}

void
avi_swarm_dropped (AviSwarm        *self,
                   const AviPeerId *peer,
                   guint64          n)
{
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);

  if (entry == NULL)
    return;
  entry->n_dropped += n;
  avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
}

void
avi_swarm_pong (AviSwarm      *self,
                AviConnection *connection,
                gint64         round_trip)
{
  AviPeerEntry *entry = connection->entry;
  gint64 change;

  connection->round_trip = round_trip;
  if (entry == NULL || entry->main != connection)
    return;
  entry->last_seen = avi_loop_now (self->engine->loop);
  if (entry->challenger != NULL && entry->last_seen - round_trip >= entry->probe_started)
    {
      avi_swarm_declare_conflict (self, entry);
      return;
    }
  /* This ping was under way when the challenger came: only the next one tells of now. */
  if (entry->challenger != NULL)
    avi_ping_service_probe (connection);
  /* The snapshot always follows; the program is woken for a change that matters. */
  change = ABS (round_trip - entry->round_trip);
  if (entry->round_trip < 0 || (change > 1000 && change * 4 > entry->round_trip))
    {
      entry->round_trip = round_trip;
      avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
    }
  else
    avi_swarm_tell_nobody (self, entry);
}

/* --- a connection goes --- */

/* Of those left, the one to use; NULL: none is identified. */
static AviConnection *
avi_swarm_find_successor (AviPeerEntry *entry)
{
  AviConnection *found = entry->challenger != NULL && !entry->challenger->draining ? entry->challenger : NULL;

  for (guint i = 0; found == NULL && i < entry->connections->len; i++)
    {
      AviConnection *connection = g_ptr_array_index (entry->connections, i);

      if (connection->identified && !connection->draining)
        found = connection;
    }
  return found;
}

static void
avi_swarm_disconnected (AviSwarm      *self,
                        AviPeerEntry  *entry,
                        AviConnection *connection)
{
  gboolean was_full = self->n_connected >= self->engine->settings->max_peers;

  if (entry->counted)
    self->n_connected--;
  entry->counted = FALSE;
  entry->main = NULL;
  g_free (entry->last_error);
  entry->last_error = g_strdup (connection->why_closed);
  avi_pubsub_detach (self->engine->pubsub, entry);
  avi_swarm_tell (self, entry, AVI_EVENT_PEER_DISCONNECTED);
  if (avi_addresses_get_sources (entry->addresses) & AVI_SOURCE_LOCAL)
    avi_engine_look_again (self->engine);
  if (was_full)
    avi_swarm_schedule_all (self);
}

/* The one in use has ended, or will take nothing new. */
static void
avi_swarm_replace_main (AviSwarm      *self,
                        AviPeerEntry  *entry,
                        AviConnection *ended)
{
  AviConnection *successor = avi_swarm_find_successor (entry);

  avi_loop_clear_timer (self->engine->loop, &entry->probe_timer);
  entry->challenger = NULL;
  entry->probe_started = 0;
  if (successor != NULL && avi_swarm_relate (ended, successor) != RELATION_OTHER_BOOT)
    {
      avi_swarm_promote (self, entry, successor, TRUE);
      return;
    }
  avi_swarm_disconnected (self, entry, ended);
  if (successor != NULL)
    avi_swarm_promote (self, entry, successor, FALSE);
}

void
avi_swarm_closed (AviSwarm      *self,
                  AviConnection *connection)
{
  AviPeerEntry *entry = connection->entry;

  if (entry == NULL)
    return;
  g_ptr_array_remove (entry->connections, connection);
  /* Who is turned away as soon as it is connected must not come back at once, for ever. */
  if (avi_loop_now (self->engine->loop) - connection->established >= SETTLED_TIME)
    entry->failures = 0;
  else
    entry->failures++;
  if (entry->challenger == connection)
    {
      entry->challenger = NULL;
      entry->probe_started = 0;
      avi_loop_clear_timer (self->engine->loop, &entry->probe_timer);
    }
  if (entry->main == connection)
    avi_swarm_replace_main (self, entry, connection);
  else if (entry->main == NULL && entry->connections->len == 0)
    {
      g_free (entry->last_error);
      entry->last_error = g_strdup (connection->why_closed);
      avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
    }
  if (entry->connections->len > 0)
    return;
  if (entry->calls->len > 0 && entry->dial == NULL)
    {
      g_autoptr(GError) error = g_error_new (AVI_ERROR, AVI_ERROR_CLOSED, "The connection to %s did not last: %s",
                                             entry->id_text, connection->why_closed);

      avi_swarm_answer_calls (self, entry, error);
    }
  avi_swarm_schedule (self, entry);
  avi_swarm_forget_if_lost (self, entry);
}

void
avi_swarm_going_away (AviSwarm      *self,
                      AviConnection *connection)
{
  AviPeerEntry *entry = connection->entry;

  if (connection->draining || entry == NULL)
    return;
  connection->draining = TRUE;
  connection->why_drained = "the peer said goodbye";
  connection->drain_deadline = avi_loop_now (self->engine->loop) + DRAIN_TIME;
  avi_connection_update_timer (connection);
  if (entry->main == connection && avi_swarm_find_successor (entry) != NULL)
    avi_swarm_replace_main (self, entry, connection);
}
