/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-peer-streams.h"

#include "echo.h"
#include "engine/avi-core-private.h"
#include "engine/avi-swarm.h"
#include "perf.h"

static const AviStreamHandler *const handlers[] = { &perf_handler, &echo_handler, NULL };

typedef struct
{
  AviPeerId peer;
  char     *name;
  guint64   up;
  guint64   down;
  gint64    began;
} Task;

void
peer_streams_serve (AviDevice *device)
{
  device->handlers = handlers;
}

static void
task_end (Task *self)
{
  g_free (self->name);
  g_free (self);
}

static void
task_begin (AviDevice *device, const char *verb, const char *peer, AviEngineFunc begin, guint64 up, guint64 down)
{
  Task *self = g_new0 (Task, 1);
  g_autoptr(GError) error = NULL;

  self->name = g_strdup (peer);
  self->up = up;
  self->down = down;
  if (avi_peer_id_parse (peer, &self->peer, &error))
    {
      avi_core_run (device->core, begin, self);
      return;
    }
  g_print ("error %s: %s\n", verb, error->message);
  task_end (self);
}

static AviConnection *
task_get_connection (Task *self, AviEngine *engine)
{
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, &self->peer);

  return entry != NULL ? entry->main : NULL;
}

/* --- perf --- */

static void
on_perf (gboolean success, gpointer user_data)
{
  Task *self = user_data;

  if (success)
    g_print ("perf %.6f\n", (double) (g_get_monotonic_time () - self->began) / G_USEC_PER_SEC);
  else
    g_print ("error perf: not all of it came\n");
  task_end (self);
}

static void
begin_perf (AviEngine *engine, gpointer user_data)
{
  Task *self = user_data;
  AviConnection *connection = task_get_connection (self, engine);

  self->began = g_get_monotonic_time ();
  if (connection != NULL)
    perf_start (connection, self->up, self->down, on_perf, self);
  else
    on_perf (FALSE, self);
}

void
peer_streams_perf (AviDevice *device, const char *peer, guint64 up, guint64 down)
{
  task_begin (device, "perf", peer, begin_perf, up, down);
}

/* --- reset --- */

typedef struct
{
  AviStreamOwner owner;
  char          *name; /* of the peer */
} Resetter;

static void
reset_agreed (AviStreamOwner *owner, const char *protocol)
{
  g_print ("reset %s\n", ((Resetter *) owner)->name);
  avi_stream_reset (owner);
}

static void
reset_data (AviStreamOwner *owner, AviSpan data)
{
  avi_stream_consume (owner, data.len);
}

static void
reset_gone (AviStreamOwner *owner, gboolean refused)
{
  g_free (((Resetter *) owner)->name);
  g_free (owner);
}

static const AviStreamHandler reset_handler = {
  .protocol = PERF_PROTOCOL,
  .agreed = reset_agreed,
  .data = reset_data,
  .gone = reset_gone,
};

static void
begin_reset (AviEngine *engine, gpointer user_data)
{
  static const char *const protocols[] = { PERF_PROTOCOL, NULL };
  Task *self = user_data;
  AviConnection *connection = task_get_connection (self, engine);
  Resetter *resetter = g_new0 (Resetter, 1);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("few", 3);

  resetter->owner.handler = &reset_handler;
  resetter->name = g_strdup (self->name);
  if (connection != NULL && avi_connection_open_stream (connection, protocols, &resetter->owner, NULL))
    avi_stream_send (&resetter->owner, bytes);
  else
    {
      g_print ("error reset: no stream\n");
      reset_gone (&resetter->owner, FALSE);
    }
  task_end (self);
}

void
peer_streams_reset (AviDevice *device, const char *peer)
{
  task_begin (device, "reset", peer, begin_reset, 0, 0);
}
