/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whom to dial and when. A peer that is found is dialled; one that is lost is dialled again, with
 * exponential back-off and jitter, for as long as an address of it is known. Any sign of life makes
 * the back-off void, and a program's own dial ignores it.
 */
#include "config.h"

#include "avi-bootstrap.h"
#include "avi-error.h"
#include "avi-swarm-private.h"
#include "wire/avi-text.h"

#define BACKOFF_FIRST (250 * G_TIME_SPAN_MILLISECOND)
#define BACKOFF_MAX   (60 * G_USEC_PER_SEC)

/* Who is known by one of these is no invention of another's. */
#define OF_A_PERSON (AVI_SOURCE_BOOTSTRAP | AVI_SOURCE_DIAL | AVI_SOURCE_LOCAL)

/* A program's dial to an address whose peer is not known until it answers. */
typedef struct
{
  AviSwarm     *swarm;
  AviDial      *dial;
  AviCall      *call;
  AviMultiaddr *address;
} ProgramDial;

/* --- which address first --- */

typedef struct
{
  AviEngine *engine;
  GPtrArray *own; /* never dialled */
} Ranking;

static guint
avi_swarm_rank_address (gpointer            user_data,
                        const AviMultiaddr *address)
{
  const Ranking *ranking = user_data;

  if (!avi_dial_is_possible (address))
    return G_MAXUINT;
  if (g_ptr_array_find_with_equal_func (ranking->own, address, avi_multiaddr_equal, NULL))
    return G_MAXUINT;
  if (avi_multiaddr_is_loopback (address))
    return 0;
  return avi_lan_is_near (ranking->engine->lan, address) ? 1 : 2;
}

/* --- a peer's dial --- */

void
avi_swarm_answer_calls (AviSwarm     *self,
                        AviPeerEntry *entry,
                        const GError *error)
{
  g_autoptr(AviPeerInfo) info = NULL;

  if (entry->calls->len == 0)
    return;
  info = avi_peer_entry_describe (entry);
  for (guint i = 0; i < entry->calls->len; i++)
    avi_core_answer (self->engine->core, g_ptr_array_index (entry->calls, i), 0, info,
                     error != NULL ? g_error_copy (error) : NULL);
  g_ptr_array_set_size (entry->calls, 0);
}

static void
avi_swarm_dial_noted (gpointer            user_data,
                      const AviMultiaddr *address,
                      const GError       *error)
{
  AviPeerEntry *entry = user_data;
  guint sources = avi_addresses_get_sources_of (entry->addresses, address);

  avi_addresses_note (entry->addresses, address, error != NULL ? error->message : NULL);
  if (error == NULL || !g_error_matches (error, AVI_ERROR, AVI_ERROR_SECURITY))
    return;
  /* Another node lives there now: that address is dropped, and nothing else; but what a person gave
   * is kept. */
  if (!(sources & (AVI_SOURCE_BOOTSTRAP | AVI_SOURCE_DIAL))
      || avi_bootstrap_has_moved (entry->swarm->engine->bootstrap, address))
    avi_addresses_remove (entry->addresses, address);
}

static void
avi_swarm_dial_done (gpointer       user_data,
                     AviDial       *dial,
                     AviConnection *connection,
                     const GError  *error)
{
  AviPeerEntry *entry = user_data;
  AviSwarm *self = entry->swarm;

  entry->dial = NULL;
  /* Where it came to a connection, the calls are answered once the peer is identified. */
  if (connection != NULL)
    return;
  entry->failures++;
  if (entry->main == NULL)
    {
      g_free (entry->last_error);
      entry->last_error = g_strdup (error->message);
      avi_swarm_tell (self, entry, AVI_EVENT_PEER_CHANGED);
    }
  avi_engine_log (self->engine, &entry->id, NULL, "%s", error->message);
  if (entry->connections->len == 0)
    avi_swarm_answer_calls (self, entry, error);
  avi_swarm_schedule (self, entry);
  avi_swarm_forget_if_lost (self, entry);
}

static GPtrArray *
avi_swarm_sort_addresses (AviSwarm     *self,
                          AviPeerEntry *entry)
{
  g_autoptr(GPtrArray) own = avi_engine_get_addresses (self->engine);
  Ranking ranking = { self->engine, own };

  return avi_addresses_sort (entry->addresses, avi_swarm_rank_address, &ranking);
}

void
avi_swarm_extend_dial (AviSwarm     *self,
                       AviPeerEntry *entry)
{
  g_autoptr(GPtrArray) addresses = NULL;

  if (entry->dial == NULL)
    return;
  addresses = avi_swarm_sort_addresses (self, entry);
  for (guint i = 0; i < addresses->len; i++)
    avi_dial_add (entry->dial, g_ptr_array_index (addresses, i));
}

void
avi_swarm_dial_now (AviSwarm     *self,
                    AviPeerEntry *entry)
{
  g_autoptr(GPtrArray) addresses = avi_swarm_sort_addresses (self, entry);

  avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
  if (entry->dial != NULL)
    return;
  if (addresses->len == 0)
    {
      g_autoptr(GError) error =
          g_error_new (AVI_ERROR, AVI_ERROR_NOT_FOUND, "No address of %s is known that can be dialled", entry->id_text);

      avi_swarm_answer_calls (self, entry, error);
      return;
    }
  entry->n_tried++;
  entry->dial = avi_dial_new (self->engine, &entry->id, addresses, avi_swarm_dial_done, avi_swarm_dial_noted, entry);
  if (entry->calls->len == 0 && !(avi_addresses_get_sources (entry->addresses) & OF_A_PERSON))
    avi_dial_set_hearsay (entry->dial);
}

static void
avi_swarm_redial (AviTimer *timer,
                  gint64    now)
{
  AviPeerEntry *entry = AVI_CONTAINER_OF (timer, AviPeerEntry, redial_timer);

  if (entry->connections->len == 0)
    avi_swarm_dial_now (entry->swarm, entry);
}

/* A quarter more or less, so that nodes that lost each other at one moment do not meet in step. */
static gint64
avi_swarm_get_backoff (AviSwarm *self,
                       guint     failures)
{
  gint64 delay = failures == 0 ? 0 : MIN (BACKOFF_MAX, BACKOFF_FIRST << MIN (failures - 1, 16));

  return delay - delay / 4 + (delay > 0 ? (gint64) avi_random_below (self->engine->random, (guint32) (delay / 2)) : 0);
}

void
avi_swarm_schedule (AviSwarm     *self,
                    AviPeerEntry *entry)
{
  AviEngine *engine = self->engine;

  if (engine->stopping || entry->connections->len > 0 || entry->dial != NULL || entry->redial_timer.index != 0
      || avi_addresses_get_n (entry->addresses) == 0
      || (self->n_connected >= engine->settings->max_peers && entry->calls->len == 0))
    return;
  avi_loop_set_timer (engine->loop, &entry->redial_timer,
                      avi_loop_now (engine->loop) + avi_swarm_get_backoff (self, entry->failures), avi_swarm_redial);
}

void
avi_swarm_schedule_all (AviSwarm *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    avi_swarm_schedule (self, value);
}

/* --- a program's dial --- */

static void
avi_swarm_refuse (AviSwarm   *self,
                  AviCall    *call,
                  AviError    code,
                  const char *target,
                  const char *why)
{
  g_autofree char *quoted = avi_text_quote (AVI_SPAN_STRING (target));

  avi_core_answer (self->engine->core, call, 0, NULL,
                   g_error_new (AVI_ERROR, (gint) code, "Cannot dial %s: %s", quoted, why));
}

static void avi_swarm_dial_anybody (AviSwarm *self, AviMultiaddr *address, AviCall *call);

/* Our own peer id, at @address, or NULL. What answers elsewhere than here has our key: the handshake
 * sees it, and tells. */
static void
avi_swarm_dial_own_id (AviSwarm     *self,
                       AviMultiaddr *address,
                       const char   *target,
                       AviCall      *call)
{
  g_autoptr(GPtrArray) own = avi_engine_get_addresses (self->engine);

  if (address == NULL || g_ptr_array_find_with_equal_func (own, address, avi_multiaddr_equal, NULL))
    avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target, "that is this device itself");
  else
    avi_swarm_dial_anybody (self, address, call);
}

static void
avi_swarm_dial_peer (AviSwarm        *self,
                     const AviPeerId *peer,
                     AviMultiaddr    *address,
                     const char      *target,
                     AviCall         *call)
{
  AviPeerEntry *entry = avi_swarm_lookup (self, peer);
  gboolean is_new = entry == NULL;

  if (avi_peer_id_equal (peer, &self->engine->self_id))
    {
      avi_swarm_dial_own_id (self, address, target, call);
      return;
    }
  if (is_new && address == NULL)
    {
      avi_swarm_refuse (self, call, AVI_ERROR_NOT_FOUND, target, "no address of this peer is known");
      return;
    }
  entry = avi_swarm_ensure (self, peer);
  if (entry == NULL)
    {
      avi_swarm_refuse (self, call, AVI_ERROR_LIMIT, target,
                        "as many peers are connected as can be kept (" G_STRINGIFY (AVI_SWARM_MAX_PEERS) ")");
      return;
    }
  if (address != NULL && avi_addresses_add (entry->addresses, address, AVI_SOURCE_DIAL) && entry->dial != NULL)
    avi_dial_cancel (g_steal_pointer (&entry->dial));
  if (is_new)
    avi_swarm_tell (self, entry, AVI_EVENT_PEER_DISCOVERED);
  g_ptr_array_add (entry->calls, avi_call_ref (call));
  if (entry->main != NULL)
    avi_swarm_answer_calls (self, entry, NULL);
  else if (entry->connections->len == 0)
    avi_swarm_dial_now (self, entry);
}

static void
avi_program_dial_free (ProgramDial *self)
{
  g_ptr_array_remove_fast (self->swarm->program_dials, self);
  g_clear_pointer (&self->dial, avi_dial_cancel);
  avi_call_unref (self->call);
  avi_multiaddr_unref (self->address);
  g_free (self);
}

static void
avi_program_dial_done (gpointer       user_data,
                       AviDial       *dial,
                       AviConnection *connection,
                       const GError  *error)
{
  ProgramDial *self = user_data;

  self->dial = NULL;
  if (connection != NULL)
    {
      AviPeerEntry *entry = connection->entry;

      avi_addresses_add (entry->addresses, self->address, AVI_SOURCE_DIAL);
      avi_addresses_note (entry->addresses, self->address, NULL);
      g_ptr_array_add (entry->calls, avi_call_ref (self->call));
      if (entry->main != NULL)
        avi_swarm_answer_calls (self->swarm, entry, NULL);
    }
  else
    avi_core_answer (self->swarm->engine->core, self->call, 0, NULL, g_error_copy (error));
  avi_program_dial_free (self);
}

AviDial *
avi_swarm_dial_address (AviSwarm     *self,
                        AviMultiaddr *address,
                        AviDialDone   done,
                        gpointer      user_data)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();

  g_ptr_array_add (addresses, address);
  return avi_dial_new (self->engine, NULL, addresses, done, NULL, user_data);
}

static void
avi_swarm_dial_anybody (AviSwarm     *self,
                        AviMultiaddr *address,
                        AviCall      *call)
{
  ProgramDial *program_dial = g_new0 (ProgramDial, 1);

  program_dial->swarm = self;
  program_dial->call = avi_call_ref (call);
  program_dial->address = avi_multiaddr_ref (address);
  g_ptr_array_add (self->program_dials, program_dial);
  program_dial->dial = avi_swarm_dial_address (self, address, avi_program_dial_done, program_dial);
}

void
avi_swarm_dial (AviSwarm   *self,
                const char *target,
                AviCall    *call)
{
  g_autoptr(AviMultiaddr) address = NULL;
  g_autoptr(GError) error = NULL;
  AviPeerId peer;

  if (target[0] == '\0')
    {
      avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target,
                        "the target is empty; it is an address or a peer id");
      return;
    }
  if (target[0] != '/')
    {
      if (avi_peer_id_parse (target, &peer, &error))
        avi_swarm_dial_peer (self, &peer, NULL, target, call);
      else
        avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target, error->message);
      return;
    }
  address = avi_multiaddr_parse (target, &error);
  if (address == NULL)
    {
      avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target, error->message);
      return;
    }
  if (avi_multiaddr_get_peer (address, &peer))
    {
      g_autoptr(AviMultiaddr) bare = avi_multiaddr_without_peer (address);

      if (bare == NULL)
        avi_swarm_dial_peer (self, &peer, NULL, target, call);
      else if (avi_dial_is_possible (bare))
        avi_swarm_dial_peer (self, &peer, bare, target, call);
      else
        avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target, "not an address over TCP");
    }
  else if (avi_dial_is_possible (address))
    avi_swarm_dial_anybody (self, address, call);
  else
    avi_swarm_refuse (self, call, AVI_ERROR_INVALID_ARGUMENT, target, "not an address over TCP");
}

void
avi_swarm_cancel (AviSwarm *self,
                  AviCall  *call)
{
  GHashTableIter iter;
  gpointer value;

  for (guint i = self->program_dials->len; i > 0; i--)
    {
      ProgramDial *program_dial = g_ptr_array_index (self->program_dials, i - 1);

      if (program_dial->call == call)
        avi_program_dial_free (program_dial);
    }
  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_remove (((AviPeerEntry *) value)->calls, call);
}

void
avi_swarm_stop_dialling (AviSwarm *self)
{
  g_autoptr(GError) error = g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "The device stopped");
  GHashTableIter iter;
  gpointer value;

  while (self->program_dials->len > 0)
    {
      ProgramDial *program_dial = g_ptr_array_index (self->program_dials, 0);

      avi_core_answer (self->engine->core, program_dial->call, 0, NULL, g_error_copy (error));
      avi_program_dial_free (program_dial);
    }
  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviPeerEntry *entry = value;

      avi_loop_clear_timer (self->engine->loop, &entry->redial_timer);
      avi_loop_clear_timer (self->engine->loop, &entry->probe_timer);
      if (entry->dial != NULL)
        avi_dial_cancel (g_steal_pointer (&entry->dial));
      avi_swarm_answer_calls (self, entry, error);
    }
}
