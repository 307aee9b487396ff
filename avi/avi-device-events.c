/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdatomic.h>

#include "avi-device-private.h"
#include "avi-peer-private.h"
#include "avi-subscription-private.h"

/* How many events one dispatch tells, so that a flood leaves the program's other sources their turn. */
#define BATCH 128

/* The source holds what was taken from the core and not told yet. Handlers may do anything: drop
 * the device (so it is looked up for each event), or iterate the context (so the next event is
 * always the first of this list, whoever asks).
 *
 * It has a flag of its own rather than a ready time: GLib wakes the context whenever that is set, also
 * from a dispatch, and with the context's lock held, for which whoever is woken then has to wait. */
typedef struct
{
  GSource       source;
  GMainContext *context; /* the device's, which outlives its wake function */
  atomic_bool   pending; /* there are events here or in the core */
  AviCore      *core;
  GWeakRef      device;
  AviEvent     *first;
} AviDeviceSource;

/* --- peers --- */

static gboolean
avi_device_lists_peer (AviDevice *self,
                       AviPeer   *peer,
                       guint     *position)
{
  return g_list_store_find (self->peers, peer, position);
}

/* Events collapse, so the first that is heard of a peer need not be that it was discovered. */
static AviPeer *
avi_device_tell_peer (AviDevice   *self,
                      AviPeerInfo *info)
{
  AviPeer *peer = avi_device_ensure_peer (self, info);

  avi_peer_tell (peer, info);
  if (!avi_device_lists_peer (self, peer, NULL))
    {
      g_list_store_append (self->peers, peer);
      g_signal_emit (self, avi_device_signals[AVI_DEVICE_PEER_DISCOVERED], 0, peer);
    }
  return peer;
}

static void
avi_device_tell_peer_signal (AviDevice   *self,
                             AviPeerInfo *info,
                             guint        signal)
{
  g_autoptr(AviPeer) peer = avi_device_tell_peer (self, info);

  g_signal_emit (self, avi_device_signals[signal], 0, peer);
}

static void
avi_device_tell_peer_forgotten (AviDevice   *self,
                                AviPeerInfo *info)
{
  g_autoptr(AviPeer) peer = avi_device_find_peer (self, info);
  guint position;

  if (peer == NULL)
    return;
  avi_peer_tell (peer, info);
  if (avi_device_lists_peer (self, peer, &position))
    g_list_store_remove (self->peers, position);
}

static void
avi_device_tell_peer_changed (AviDevice   *self,
                              AviPeerInfo *info)
{
  g_autoptr(AviPeer) peer = avi_device_find_peer (self, info);

  if (peer != NULL)
    avi_peer_tell (peer, info);
}

/* --- the rest --- */

static void
avi_device_tell_conflict (AviDevice *self,
                          AviEvent  *event)
{
  g_autofree char *own_id = avi_device_dup_peer_id (self);
  g_autofree char *file = NULL;
  const char *addresses[] = { event->addresses[0], event->addresses[1], NULL };

  if (g_strcmp0 (own_id, event->peer->id) == 0)
    {
      g_autoptr(AviIdentity) identity = avi_device_dup_identity (self);

      file = avi_identity_dup_file (identity);
    }
  g_signal_emit (self, avi_device_signals[AVI_DEVICE_IDENTITY_CONFLICT], 0, event->peer->id,
                 addresses[0] != NULL ? addresses : addresses + 1, file);
}

static void
avi_device_tell_message (AviDevice *self,
                         AviEvent  *event)
{
  /* None where it was cancelled since. */
  g_autoptr(AviSubscription) subscription = avi_device_find_subscription (self, event->inbox);
  gboolean told = event->told || subscription != NULL;
  gboolean last = event->next == NULL || event->next->message != event->message;

  /* First of all: a handler that iterates the context is told the next one there. */
  if (!last)
    event->next->told = told;
  if (subscription != NULL)
    avi_subscription_tell (subscription, event->message);
  /* A detail that no program asked for must not become a quark for ever. */
  if (last && told)
    g_signal_emit (self, avi_device_signals[AVI_DEVICE_MESSAGE],
                   g_quark_try_string (avi_message_get_topic (event->message)), event->message);
}

static void
avi_device_tell (AviDevice *self,
                 AviEvent  *event)
{
  GObject *object = G_OBJECT (self);

  switch (event->type)
    {
    case AVI_EVENT_CALL:
      avi_device_complete (event->call);
      break;
    case AVI_EVENT_STARTED:
      g_signal_emit (self, avi_device_signals[AVI_DEVICE_STARTED], 0);
      break;
    case AVI_EVENT_STOPPED:
      g_signal_emit (self, avi_device_signals[AVI_DEVICE_STOPPED], 0, event->error);
      break;
    case AVI_EVENT_STATE:
      g_object_notify_by_pspec (object, avi_device_properties[AVI_DEVICE_PROP_STATE]);
      break;
    case AVI_EVENT_ADDRESSES:
      g_object_notify_by_pspec (object, avi_device_properties[AVI_DEVICE_PROP_ADDRESSES]);
      break;
    case AVI_EVENT_STATUS:
      g_object_notify_by_pspec (object, avi_device_properties[AVI_DEVICE_PROP_DISCOVERY_STATUS]);
      break;
    case AVI_EVENT_PEER_DISCOVERED:
      g_object_unref (avi_device_tell_peer (self, event->peer));
      break;
    case AVI_EVENT_PEER_CONNECTED:
      avi_device_tell_peer_signal (self, event->peer, AVI_DEVICE_PEER_CONNECTED);
      break;
    case AVI_EVENT_PEER_DISCONNECTED:
      avi_device_tell_peer_signal (self, event->peer, AVI_DEVICE_PEER_DISCONNECTED);
      break;
    case AVI_EVENT_PEER_CHANGED:
      avi_device_tell_peer_changed (self, event->peer);
      break;
    case AVI_EVENT_PEER_FORGOTTEN:
      avi_device_tell_peer_forgotten (self, event->peer);
      break;
    case AVI_EVENT_IDENTITY_CONFLICT:
      avi_device_tell_conflict (self, event);
      break;
    case AVI_EVENT_MESSAGE:
      avi_device_tell_message (self, event);
      break;
    case AVI_EVENT_VALIDATE:
      avi_device_tell_validator (self, event->message);
      break;
    }
}

/* --- the source --- */

/* FALSE where the first event has to wait, or there is nobody left to tell. */
static gboolean
avi_device_source_tell_first (AviDeviceSource *self)
{
  AviEvent *event = self->first;
  AviDevice *device;

  if (event->type == AVI_EVENT_CALL && !avi_device_may_complete (event->call, &self->source))
    return FALSE;
  device = g_weak_ref_get (&self->device);
  if (device == NULL)
    return FALSE;

  self->first = event->next;
  avi_device_tell (device, event);
  avi_event_free (event);
  g_object_unref (device);
  return TRUE;
}

static gboolean
avi_device_source_is_pending (GSource *source)
{
  return atomic_load_explicit (&((AviDeviceSource *) source)->pending, memory_order_acquire);
}

static gboolean
avi_device_source_prepare (GSource *source,
                           gint    *timeout)
{
  *timeout = -1;
  return avi_device_source_is_pending (source);
}

static void
avi_device_source_set_pending (AviDeviceSource *self,
                               gboolean         pending)
{
  atomic_store_explicit (&self->pending, pending, memory_order_release);
}

static gboolean
avi_device_source_dispatch (GSource     *source,
                            GSourceFunc  callback,
                            gpointer     user_data)
{
  AviDeviceSource *self = (AviDeviceSource *) source;
  gboolean took = self->first == NULL;

  /* Before anything is taken: a wake-up that comes from now on counts. */
  avi_device_source_set_pending (self, FALSE);
  if (took)
    self->first = avi_core_take_events (self->core);
  /* Without a take the core may hold events whose wake-up was just used up. And before anything is
   * told: a handler that iterates the context is told the next ones there. */
  if (!took || (self->first != NULL && self->first->next != NULL))
    avi_device_source_set_pending (self, TRUE);
  for (guint n = 0; n < BATCH && self->first != NULL; n++)
    if (!avi_device_source_tell_first (self))
      break;
  if (self->first != NULL)
    avi_device_source_set_pending (self, TRUE);
  return G_SOURCE_CONTINUE;
}

static void
avi_device_source_finalize (GSource *source)
{
  AviDeviceSource *self = (AviDeviceSource *) source;

  while (self->first != NULL)
    {
      AviEvent *event = self->first;

      self->first = event->next;
      avi_event_free (event);
    }
  g_weak_ref_clear (&self->device);
  avi_core_unref (self->core);
}

static GSourceFuncs avi_device_source_funcs = {
  .prepare = avi_device_source_prepare,
  .check = avi_device_source_is_pending,
  .dispatch = avi_device_source_dispatch,
  .finalize = avi_device_source_finalize,
};

void
avi_device_source_wake (gpointer source)
{
  AviDeviceSource *self = source;

  avi_device_source_set_pending (self, TRUE);
  g_main_context_wakeup (self->context);
}

GSource *
avi_device_source_new (AviDevice *device)
{
  GSource *source = g_source_new (&avi_device_source_funcs, sizeof (AviDeviceSource));
  AviDeviceSource *self = (AviDeviceSource *) source;

  self->context = device->context;
  atomic_init (&self->pending, FALSE);
  self->core = avi_core_ref (device->core);
  self->first = NULL;
  g_weak_ref_init (&self->device, device);
  g_source_set_static_name (source, "AviDevice");
  g_source_set_can_recurse (source, TRUE);
  return source;
}
