/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an engine tells of its addresses, what its two kinds of discovery tell it, and what it says of them.
 */
#include "config.h"

#include "avi-bootstrap.h"
#include "avi-error.h"
#include "avi-listener.h"
#include "avi-swarm.h"

/* --- addresses --- */

static GPtrArray *
avi_engine_get_listeners (AviEngine *self)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < self->listeners->len; i++)
    g_ptr_array_add (addresses, avi_multiaddr_ref (avi_listener_get_address (g_ptr_array_index (self->listeners, i))));
  return addresses;
}

GPtrArray *
avi_engine_get_addresses (AviEngine *self)
{
  return avi_lan_get_addresses (self->lan, TRUE);
}

static void
avi_engine_show_addresses (AviEngine *self,
                           GPtrArray *addresses)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) texts = NULL;

  for (guint i = 0; i < addresses->len; i++)
    {
      g_autoptr(AviMultiaddr) full = avi_multiaddr_with_peer (g_ptr_array_index (addresses, i), &self->self_id);
      g_autofree char *text = full != NULL ? avi_multiaddr_to_string (full) : NULL;

      if (text != NULL)
        g_strv_builder_add (builder, text);
    }
  texts = g_strv_builder_end (builder);
  avi_core_set_addresses (self->core, texts);
}

/* --- discovery --- */

static void
avi_engine_update_status (AviEngine *self)
{
  g_autofree char *text = g_strdup_printf ("%s%s%s", self->lan_status != NULL ? self->lan_status : "starting",
                                           self->local_problem != NULL ? "; " : "",
                                           self->local_problem != NULL ? self->local_problem : "");

  avi_core_set_status (self->core, text);
}

/* @error: NULL: local discovery works. */
static void
avi_engine_set_local_problem (AviEngine    *self,
                              const GError *error)
{
  if (error != NULL)
    avi_engine_log (self, NULL, NULL, "local discovery: %s", error->message);
  if (g_error_matches (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS))
    avi_swarm_tell_own_conflict (self->swarm, "this machine");
  g_free (self->local_problem);
  self->local_problem = error != NULL ? g_strdup (error->message) : NULL;
  avi_engine_update_status (self);
}

static void
avi_engine_publish_local (AviEngine *self,
                          GPtrArray *addresses)
{
  g_autoptr(GPtrArray) loopback = g_ptr_array_new ();
  g_autoptr(GError) error = NULL;

  if (self->local == NULL)
    return;
  for (guint i = 0; i < addresses->len; i++)
    if (avi_multiaddr_is_loopback (g_ptr_array_index (addresses, i)))
      g_ptr_array_add (loopback, g_ptr_array_index (addresses, i));
  avi_local_publish (self->local, self->settings->name, self->boot_id, loopback, &error);
  avi_engine_set_local_problem (self, error);
}

void
avi_engine_update_addresses (AviEngine *self)
{
  g_autoptr(GPtrArray) addresses = avi_engine_get_addresses (self);

  avi_engine_show_addresses (self, addresses);
  avi_engine_publish_local (self, addresses);
  avi_swarm_push_identify (self->swarm);
}

static void
avi_engine_lan_found (gpointer         user_data,
                      const AviPeerId *peer,
                      GPtrArray       *addresses)
{
  AviEngine *self = user_data;

  avi_swarm_found (self->swarm, peer, NULL, addresses, AVI_SOURCE_MDNS);
}

static void
avi_engine_lan_gone (gpointer         user_data,
                     const AviPeerId *peer)
{
  AviEngine *self = user_data;

  avi_swarm_lost (self->swarm, peer, AVI_SOURCE_MDNS);
}

void
avi_engine_network_changed (AviEngine *self)
{
  if (self->stopping || self->lan == NULL)
    return;
  avi_engine_log (self, NULL, NULL, "the network changed");
  avi_engine_update_addresses (self);
  avi_swarm_network_changed (self->swarm);
  avi_bootstrap_forgive (self->bootstrap);
}

static void
avi_engine_lan_network (gpointer user_data)
{
  avi_engine_network_changed (user_data);
}

static void
avi_engine_lan_status (gpointer    user_data,
                       const char *text)
{
  AviEngine *self = user_data;

  g_free (self->lan_status);
  self->lan_status = g_strdup (text);
  avi_engine_update_status (self);
}

static void
avi_engine_lan_invalid (gpointer user_data)
{
  AviEngine *self = user_data;

  avi_core_count (self->core, AVI_COUNT_MDNS_INVALID, 1);
}

static void
avi_engine_lan_ignored (gpointer user_data,
                        guint64  n)
{
  AviEngine *self = user_data;

  avi_core_count (self->core, AVI_COUNT_ADDRESSES_IGNORED, n);
}

static void
avi_engine_local_found (gpointer         user_data,
                        const AviPeerId *peer,
                        const char      *name,
                        GPtrArray       *addresses)
{
  AviEngine *self = user_data;

  avi_swarm_found (self->swarm, peer, name, addresses, AVI_SOURCE_LOCAL);
}

static void
avi_engine_local_gone (gpointer         user_data,
                       const AviPeerId *peer)
{
  AviEngine *self = user_data;

  avi_swarm_lost (self->swarm, peer, AVI_SOURCE_LOCAL);
}

static void
avi_engine_local_trouble (gpointer      user_data,
                          const GError *error)
{
  avi_engine_set_local_problem (user_data, error);
}

static void
avi_engine_scan_local (AviTimer *timer,
                       gint64    now)
{
  AviEngine *self = AVI_CONTAINER_OF (timer, AviEngine, scan_timer);

  if (self->local != NULL)
    avi_local_scan (self->local);
}

void
avi_engine_look_again (AviEngine *self)
{
  if (self->local != NULL)
    avi_loop_set_timer (self->loop, &self->scan_timer, avi_loop_now (self->loop), avi_engine_scan_local);
}

void
avi_engine_start_discovery (AviEngine *self)
{
  static const AviLanCallbacks callbacks = {
    .found = avi_engine_lan_found,
    .gone = avi_engine_lan_gone,
    .network = avi_engine_lan_network,
    .status = avi_engine_lan_status,
    .invalid = avi_engine_lan_invalid,
    .ignored = avi_engine_lan_ignored,
  };
  g_autoptr(GPtrArray) listeners = avi_engine_get_listeners (self);
  g_autoptr(GError) error = NULL;

  self->lan = avi_lan_new (self->loop, self->settings->mdns, &self->self_id, &callbacks, self);
  avi_lan_set_listeners (self->lan, listeners);
  if (self->settings->local)
    {
      self->local = avi_local_new (NULL, &self->self_id, avi_engine_local_found, avi_engine_local_gone,
                                   avi_engine_local_trouble, self, &error);
      if (self->local == NULL)
        avi_engine_set_local_problem (self, error);
    }
  avi_engine_update_status (self);
  avi_engine_update_addresses (self);
}
