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
  guint64   up;
  guint64   down;
  gint64    began;
} Perf;

void
peer_streams_serve (AviDevice *device)
{
  device->handlers = handlers;
}

static void
on_perf (gboolean success, gpointer user_data)
{
  Perf *self = user_data;

  if (success)
    g_print ("perf %.6f\n", (double) (g_get_monotonic_time () - self->began) / G_USEC_PER_SEC);
  else
    g_print ("error perf: not all of it came\n");
  g_free (self);
}

static void
begin_perf (AviEngine *engine, gpointer user_data)
{
  Perf *self = user_data;
  AviPeerEntry *entry = avi_swarm_lookup (engine->swarm, &self->peer);

  self->began = g_get_monotonic_time ();
  if (entry != NULL && entry->main != NULL)
    perf_start (entry->main, self->up, self->down, on_perf, self);
  else
    on_perf (FALSE, self);
}

void
peer_streams_perf (AviDevice *device, const char *peer, guint64 up, guint64 down)
{
  Perf *self = g_new0 (Perf, 1);
  g_autoptr(GError) error = NULL;

  self->up = up;
  self->down = down;
  if (avi_peer_id_parse (peer, &self->peer, &error))
    avi_core_run (device->core, begin_perf, self);
  else
    {
      g_print ("error perf: %s\n", error->message);
      g_free (self);
    }
}
