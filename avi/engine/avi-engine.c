/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-engine.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "avi-bootstrap.h"
#include "avi-connection.h"
#include "avi-error.h"
#include "avi-last-port.h"
#include "avi-listener.h"
#include "avi-pubsub.h"
#include "avi-services.h"
#include "avi-sleep.h"
#include "avi-swarm.h"
#include "crypto/avi-crypto.h"

/* What one connection can say and hear in clear between two looks at it, and as much again. */
#define TAP_LIMIT (2 * (AVI_ENGINE_RECEIVE_BUFFER + AVI_ENGINE_WRITER_LIMIT))

/* The longest that a stop waits for what is queued to be sent. */
#define STOP_FLUSH (500 * G_TIME_SPAN_MILLISECOND)

/* What counts as a sleep; the two clocks are not read at one instant. */
#define SLEEP_MIN (1 * G_USEC_PER_SEC)
/* Of pub/sub and dirty connections, after a round of events. */
#define FLUSH_PASSES 4
/* That a start takes at least. */
#define MIN_DESCRIPTORS 16

/* --- after each round --- */

/* After a sleep the network may be another, and peers may have given us up: as when it changes, and
 * every connection has to show that it lives. */
static void
avi_engine_check_sleep (AviEngine *self)
{
  gint64 slept = avi_sleep_get ();
  gboolean woke_up = slept - self->slept >= SLEEP_MIN;

  self->slept = slept;
  if (!woke_up || self->lan == NULL || self->stopping)
    return;
  avi_engine_log (self, NULL, NULL, "the machine slept");
  avi_engine_network_changed (self);
  avi_swarm_probe_all (self->swarm);
}

static void
avi_engine_after_round (gpointer user_data)
{
  AviEngine *self = user_data;
  GList *link;

  avi_engine_check_sleep (self);

  /* Sending may give rise to more; what is left after a few passes waits for the next round, so that
   * nobody can keep the loop here. */
  for (guint pass = 0; pass < FLUSH_PASSES; pass++)
    {
      if (self->pubsub != NULL)
        avi_pubsub_pump (self->pubsub);
      if (self->dirty.length == 0)
        break;
      for (guint n = self->dirty.length; n > 0 && (link = g_queue_pop_head_link (&self->dirty)) != NULL; n--)
        avi_connection_flush (link->data);
    }
  if (self->pubsub != NULL)
    avi_pubsub_check_flow (self->pubsub);
  if (self->dirty.length > 0)
    avi_loop_wake (self->loop);
  while (self->graveyard->len > 0)
    avi_connection_free (g_ptr_array_steal_index_fast (self->graveyard, self->graveyard->len - 1));
  avi_guest_update (self->guest);
}

/* --- listening --- */

/* With no IPv6 here the wildcard of IPv6 is nothing to fail for, as long as something listens. */
static gboolean
avi_engine_may_skip (const char   *text,
                     const GError *error)
{
  return g_str_has_prefix (text, "/ip6/::/") && g_error_matches (error, AVI_ERROR, AVI_ERROR_NOT_FOUND);
}

static gboolean
avi_engine_listen_on (AviEngine  *self,
                      const char *text,
                      guint16     port,
                      GError    **error)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, error);
  AviListener *listener;

  if (address == NULL)
    {
      g_prefix_error (error, "Cannot listen on “%s”: ", text);
      return FALSE;
    }
  listener = avi_listener_new (self, address, port, error);
  if (listener != NULL)
    g_ptr_array_add (self->listeners, listener);
  return listener != NULL;
}

/* @port: for those addresses that leave it open; 0: the first such gets any, the others the same
 * one where it is free. */
static gboolean
avi_engine_listen (AviEngine *self,
                   guint16    port,
                   GError   **error)
{
  g_autoptr(GError) skipped = NULL;

  for (guint i = 0; self->settings->listen[i] != NULL; i++)
    {
      const char *text = self->settings->listen[i];
      g_autoptr(GError) local = NULL;

      if (port == 0 && self->listeners->len > 0)
        port = avi_listener_get_port (g_ptr_array_index (self->listeners, 0));
      if (avi_engine_listen_on (self, text, port, &local)
          || (g_error_matches (local, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS) && self->listeners->len > 0
              && g_str_has_suffix (text, "/tcp/0") && avi_engine_listen_on (self, text, 0, NULL)))
        continue;
      if (!avi_engine_may_skip (text, local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      g_clear_error (&skipped);
      skipped = g_steal_pointer (&local);
    }
  if (self->listeners->len == 0 && skipped != NULL)
    g_propagate_error (error, g_steal_pointer (&skipped));
  return self->listeners->len > 0 || self->settings->listen[0] == NULL;
}

static gboolean
avi_engine_start_listening (AviEngine *self,
                            GError   **error)
{
  gboolean keeps_port = self->settings->identity_file != NULL;
  guint16 port = keeps_port ? avi_last_port_load (&self->self_id) : 0;

  if (port != 0)
    {
      g_autoptr(GError) refused = NULL;

      if (avi_engine_listen (self, port, &refused))
        return TRUE;
      avi_engine_log (self, NULL, NULL, "not the port of last time: %s", refused->message);
      g_ptr_array_set_size (self->listeners, 0);
      /* Whoever has the port now may be gone next time, and others were given an address with it. */
      if (g_error_matches (refused, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS))
        keeps_port = FALSE;
    }
  if (!avi_engine_listen (self, 0, error))
    return FALSE;
  if (keeps_port && self->listeners->len > 0)
    avi_last_port_save (&self->self_id, avi_listener_get_port (g_ptr_array_index (self->listeners, 0)));
  return TRUE;
}

/* --- commands --- */

static void
avi_engine_finish_stop (AviEngine *self)
{
  self->stopped = TRUE;
}

static void
avi_engine_check_flushed (AviTimer *timer,
                          gint64    now)
{
  AviEngine *self = AVI_CONTAINER_OF (timer, AviEngine, stop_timer);

  if (self->hurry || now >= self->stop_deadline || avi_swarm_is_flushed (self->swarm))
    avi_engine_finish_stop (self);
  else
    avi_loop_set_timer (self->loop, timer, MIN (now + 5 * G_TIME_SPAN_MILLISECOND, self->stop_deadline),
                        avi_engine_check_flushed);
}

static void
avi_engine_begin_stop (AviEngine *self)
{
  gint64 now = avi_loop_now (self->loop);

  if (self->stopping)
    return;
  self->stopping = TRUE;
  self->stop_deadline = now + STOP_FLUSH;
  avi_swarm_stop_dialling (self->swarm);
  /* What was published just before goes to the streams when this round ends, and then the goodbye. */
  avi_pubsub_stop (self->pubsub);
  avi_lan_goodbye (self->lan);
  g_clear_pointer (&self->local, avi_local_free);
  avi_swarm_say_goodbye (self->swarm);
  avi_loop_set_timer (self->loop, &self->stop_timer, now, avi_engine_check_flushed);
}

static void
avi_engine_cancel (AviEngine *self,
                   AviCall   *call)
{
  avi_swarm_cancel (self->swarm, call);
  avi_pubsub_cancel (self->pubsub, call);
}

static void
avi_engine_refuse (AviEngine  *self,
                   AviCommand *command)
{
  if (command->type != AVI_COMMAND_CANCEL)
    avi_core_answer (self->core, command->call, -1, NULL,
                     g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "The device stopped"));
  avi_command_free (command);
}

/* Takes @command. */
static void
avi_engine_obey (AviEngine  *self,
                 AviCommand *command)
{
  if (self->stopping && command->type != AVI_COMMAND_HURRY)
    {
      avi_engine_refuse (self, command);
      return;
    }
  switch (command->type)
    {
    case AVI_COMMAND_STOP:
      avi_engine_begin_stop (self);
      break;

    case AVI_COMMAND_HURRY:
      self->hurry = TRUE;
      break;

    case AVI_COMMAND_DIAL:
      avi_swarm_dial (self->swarm, command->text, command->call);
      break;

    case AVI_COMMAND_DISCOVER:
      avi_lan_query (self->lan);
      if (self->local != NULL)
        avi_local_scan (self->local);
      avi_swarm_forgive (self->swarm);
      break;

    case AVI_COMMAND_WAIT_FOR_SUBSCRIBERS:
      avi_pubsub_wait (self->pubsub, command->text, command->number, command->call);
      break;

    case AVI_COMMAND_CANCEL:
      avi_engine_cancel (self, command->call);
      break;

    case AVI_COMMAND_SUBSCRIBE:
      avi_pubsub_subscribe (self->pubsub, command->text);
      break;

    case AVI_COMMAND_UNSUBSCRIBE:
      avi_pubsub_unsubscribe (self->pubsub, command->text);
      break;

    case AVI_COMMAND_SET_TOPIC:
      avi_pubsub_set_topic (self->pubsub, command->text, command->number);
      break;

    case AVI_COMMAND_SET_PEER_SCORE:
      avi_pubsub_set_score (self->pubsub, &command->peer, command->score);
      break;

    case AVI_COMMAND_JUDGE:
      avi_pubsub_judge (self->pubsub, command->ticket, command->number);
      break;

    case AVI_COMMAND_RUN:
      command->run (self, command->run_data);
      break;
    }
  avi_command_free (command);
}

static void
avi_engine_woken (gpointer user_data)
{
  AviEngine *self = user_data;
  AviCommand *next;

  /* Before the engine is up, and after it has gone, commands wait for those who answer them. */
  if (self->swarm == NULL || self->stopped)
    return;
  for (AviCommand *command = avi_core_take_commands (self->core); command != NULL; command = next)
    {
      next = command->next;
      avi_engine_obey (self, command);
    }
}

void
avi_engine_wake (AviEngine *self)
{
  if (self->loop != NULL)
    avi_loop_wake (self->loop);
}

gboolean
avi_engine_enter (AviEngine *self)
{
  return self->loop != NULL && avi_try_lock (&self->lock);
}

void
avi_engine_obey_here (AviEngine *self)
{
  avi_guest_enter (self->guest);
  avi_loop_act_between (self->loop);
  avi_guest_leave (self->guest);
  /* Whoever runs it ends it, too. */
  if (self->stopped)
    avi_loop_wake (self->loop);
  avi_unlock (&self->lock);
}

/* --- life --- */

/* GLib ends the process where a context finds none: ours, or that of its worker, which a file monitor
 * brings about. */
static gboolean
avi_engine_has_descriptors (void)
{
  int probes[MIN_DESCRIPTORS];
  guint n = 0;

  while (n < MIN_DESCRIPTORS && (probes[n] = eventfd (0, EFD_CLOEXEC)) >= 0)
    n++;
  for (guint i = 0; i < n; i++)
    close (probes[i]);
  return n == MIN_DESCRIPTORS;
}

AviEngine *
avi_engine_new (AviCore           *core,
                const AviSettings *settings)
{
  AviEngine *self = g_new0 (AviEngine, 1);

  avi_crypto_init ();
  avi_lock_init (&self->lock);
  self->core = core;
  self->settings = settings;
  self->random = avi_random_system ();
  self->slept = avi_sleep_get ();
  self->self_id = *avi_key_pair_get_peer_id (settings->identity);
  self->random->fill (self->random, self->boot_id, sizeof self->boot_id);
  self->statics = avi_noise_static_new (settings->identity, self->random);
  self->protocols = avi_services_list (settings->handlers);
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_listener_free);
  self->graveyard = g_ptr_array_new ();
  self->receive_buffer = g_malloc (AVI_ENGINE_RECEIVE_BUFFER);
  avi_writer_init (&self->writer, AVI_ENGINE_WRITER_LIMIT);
  avi_link_tap_init (&self->tap, TAP_LIMIT);
  self->log = avi_log_new ();
  avi_limits_init (&self->limits, core, settings);
  self->loop = avi_loop_new (settings->context, avi_engine_woken, self);
  if (self->loop != NULL && !avi_engine_has_descriptors ())
    g_clear_pointer (&self->loop, avi_loop_free);
  if (self->loop != NULL)
    {
      self->guest = avi_guest_new (self->loop);
      avi_loop_set_after_round (self->loop, avi_engine_after_round, self);
    }
  return self;
}

static void
avi_engine_start (AviEngine *self)
{
  self->capture = avi_capture_get ();
  self->swarm = avi_swarm_new (self);
  self->pubsub = avi_pubsub_new (self);
  avi_engine_start_discovery (self);
  avi_pubsub_dial_direct (self->pubsub);
  avi_bootstrap_start (self->bootstrap);
}

static void
avi_engine_end (AviEngine *self)
{
  self->stopping = TRUE;
  g_clear_pointer (&self->local, avi_local_free);
  g_clear_pointer (&self->bootstrap, avi_bootstrap_free);
  avi_pubsub_stop (self->pubsub);
  avi_swarm_stop (self->swarm);
  /* What the swarm does not know: those with the handshake to do. */
  while (self->connections.length > 0)
    avi_connection_end (g_queue_peek_head (&self->connections), "this device stopped");
  avi_pubsub_tell_counts (self->pubsub); /* of what did not go out before the connections ended */
  g_clear_pointer (&self->pubsub, avi_pubsub_free);
  g_clear_pointer (&self->swarm, avi_swarm_free);
  g_clear_pointer (&self->lan, avi_lan_free);
  g_ptr_array_set_size (self->listeners, 0);
  avi_loop_clear_timer (self->loop, &self->stop_timer);
  avi_loop_clear_timer (self->loop, &self->scan_timer);
  while (self->graveyard->len > 0)
    avi_connection_free (g_ptr_array_steal_index_fast (self->graveyard, self->graveyard->len - 1));
  avi_engine_end_log (self);
  avi_core_set_status (self->core, AVI_CORE_STATUS_STOPPED);
  avi_core_set_addresses (self->core, (char *[]){ NULL });
}

static GError *
avi_engine_no_descriptors_error (void)
{
  return g_error_new (AVI_ERROR, AVI_ERROR_LIMIT,
                      "The process has fewer than %d file descriptors left: no device can start", MIN_DESCRIPTORS);
}

/* FALSE: it does not come up, and has ended. */
static gboolean
avi_engine_begin (AviEngine *self)
{
  GError *error = self->loop == NULL ? avi_engine_no_descriptors_error () : NULL;

  self->begun = TRUE;
  if (error == NULL)
    self->bootstrap = avi_bootstrap_new (self, &error);
  if (error == NULL && avi_engine_start_listening (self, &error))
    {
      avi_engine_start (self);
      if (avi_core_started (self->core, NULL))
        {
          avi_engine_woken (self);
          avi_loop_wake (self->loop);
          return TRUE;
        }
      avi_lan_goodbye (self->lan);
      avi_engine_end (self);
    }
  else
    {
      avi_core_started (self->core, error);
      g_ptr_array_set_size (self->listeners, 0);
      g_clear_pointer (&self->bootstrap, avi_bootstrap_free);
    }
  avi_core_stopped (self->core, NULL);
  return FALSE;
}

static gboolean
avi_engine_go_on (AviEngine *self)
{
  avi_loop_act (self->loop);
  if (!self->stopped)
    return TRUE;
  avi_engine_end (self);
  avi_core_stopped (self->core, NULL);
  return FALSE;
}

gboolean
avi_engine_iterate (AviEngine *self,
                    gboolean   may_block)
{
  gboolean goes_on;

  if (self->begun)
    avi_loop_wait (self->loop, may_block);
  avi_lock (&self->lock);
  if (self->guest != NULL)
    avi_guest_enter (self->guest);
  goes_on = self->begun ? avi_engine_go_on (self) : avi_engine_begin (self);
  if (self->guest != NULL)
    avi_guest_leave (self->guest);
  avi_unlock (&self->lock);
  return goes_on;
}

gboolean
avi_engine_set_dispatch (AviEngine  *self,
                         GSourceFunc dispatch,
                         gpointer    user_data,
                         GError    **error)
{
  if (self->loop == NULL)
    {
      g_propagate_error (error, avi_engine_no_descriptors_error ());
      return FALSE;
    }
  avi_loop_set_dispatch (self->loop, dispatch, user_data);
  return TRUE;
}

int
avi_engine_get_poll (AviEngine *self,
                     GPollFD   *fd)
{
  *fd = (GPollFD) { .fd = avi_loop_get_fd (self->loop), .events = G_IO_IN };
  return avi_loop_get_timeout (self->loop);
}

void
avi_engine_free (AviEngine *self)
{
  /* Nobody enters it any more, but somebody may just be about to leave. */
  avi_lock (&self->lock);
  avi_unlock (&self->lock);
  avi_lock_clear (&self->lock);
  /* What GIO still has under way was cancelled, and ends here. */
  g_clear_pointer (&self->guest, avi_guest_free);
  avi_limits_clear (&self->limits);
  avi_writer_clear (&self->writer);
  avi_link_tap_clear (&self->tap);
  g_clear_pointer (&self->capture, avi_capture_free);
  avi_log_free (self->log);
  avi_noise_static_unref (self->statics);
  g_clear_pointer (&self->loop, avi_loop_free);
  g_ptr_array_unref (self->listeners);
  g_ptr_array_unref (self->graveyard);
  g_clear_pointer (&self->record_of, g_byte_array_unref);
  g_free (self->receive_buffer);
  g_free (self->protocols);
  g_free (self->lan_status);
  g_free (self->local_problem);
  g_free (self);
}
