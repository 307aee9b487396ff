/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-peer-private.h"
#include "avi-subscription-private.h"

/**
 * AviDevice:
 *
 * A node of the mesh: this program, as other devices see it.
 *
 * A program makes a device with [ctor@Avi.Device.new], sets what it wants different from the
 * defaults, subscribes to topics, and calls [method@Avi.Device.start]. From then on the device
 * finds other nodes by itself: on the machine ([property@Avi.Device:enable-local]), on the LAN
 * ([property@Avi.Device:enable-mdns]) and at addresses that it was given
 * ([property@Avi.Device:bootstrap-peers]). It connects to those it finds, stays connected, and
 * carries messages from [method@Avi.Device.publish] to every device that subscribes to their
 * topic. Starting never waits for another device.
 *
 * ```c
 * g_autoptr(AviDevice) device = avi_device_new ("kitchen");
 * g_autoptr(AviSubscription) alerts = avi_device_subscribe (device, "system/alerts", &error);
 *
 * g_signal_connect (alerts, "message", G_CALLBACK (on_alert), NULL);
 * if (!avi_device_start (device, NULL, &error))
 *   g_error ("%s", error->message);
 * ```
 *
 * ## Threads and the order of things
 *
 * The network runs in a thread of the device's own: nothing a program does stalls it. All calls
 * may be made from any thread. Signals, property notifications and the completion of asynchronous
 * calls come in the main context that was the thread-default one where the device was made, only
 * while that context is iterated, and in the order in which things happened; never inside a call.
 * (An asynchronous call made under another thread-default context completes there, as GLib's do.)
 * A handler may do anything, drop the device and iterate the context included. Properties read are
 * always the newest: they are current when a synchronous call returns.
 *
 * Synchronous calls wait without iterating the context, so they work in the main thread, and
 * before any main loop runs.
 *
 * ## The end
 *
 * [method@Avi.Device.stop] ends calls in flight with %AVI_ERROR_CLOSED, says goodbye, emits
 * [signal@Avi.Device::peer-disconnected] per peer and then [signal@Avi.Device::stopped]. The
 * device can be started again, with its subscriptions and its identity. Dropping the last
 * reference of a running device stops it in the background; nothing is emitted then. An
 * asynchronous call on its way holds a reference.
 *
 * ## Forks
 *
 * A device is of the process that started it. In a child of `fork()` it is stopped from the start: calls fail with
 * %AVI_ERROR_NOT_RUNNING, dropping it tells nobody anything, and its sockets are closed there, so that a child
 * that lives on keeps neither its port nor its node file from a successor. Asynchronous calls that were under way
 * complete in the parent only.
 *
 * A child may make and start devices of its own. It has to make them under a main context of its own as well, for the one
 * it was forked with is woken by its parent's doings and its parent by its; and it is GLib that looks up names and
 * speaks to Avahi, in threads that a child does not have if its parent had used them: there such a device is to be
 * given addresses without names, and finds others by its own mDNS. A fork in one thread while another is in a call
 * on a device leaves that device unusable in the child, as it does any object of GLib's.
 * All this holds for `fork()`; nothing is done where a program calls `clone()` itself, nor has to be where it execs.
 *
 * Since: 1.0
 */

#define FIRST_SWEEP 256

guint avi_device_signals[AVI_DEVICE_N_SIGNALS];

G_DEFINE_FINAL_TYPE (AviDevice, avi_device, G_TYPE_OBJECT)

/**
 * avi_device_new:
 * @node_name: what others call this device: a label, which need not be unique
 *
 * Makes a device, stopped, with an identity of its own and the default settings. What it tells is
 * told in the thread-default main context of the caller.
 *
 * Returns: (transfer full): the device
 *
 * Since: 1.0
 */
AviDevice *
avi_device_new (const char *node_name)
{
  g_return_val_if_fail (node_name != NULL, NULL);

  return g_object_new (AVI_TYPE_DEVICE, "node-name", node_name, NULL);
}

/* --- handles --- */

static void
avi_device_weak_ref_free (gpointer data)
{
  GWeakRef *weak = data;

  g_weak_ref_clear (weak);
  g_free (weak);
}

/* With the lock held: takes out those that nobody holds. What is looked at must not be released
 * under the lock, for this reference may have become the last one: it goes to @alive. */
static void
avi_device_sweep_handles (AviDevice *self,
                          GPtrArray *alive)
{
  GHashTableIter iter;
  gpointer weak;

  g_hash_table_iter_init (&iter, self->handles);
  while (g_hash_table_iter_next (&iter, NULL, &weak))
    {
      AviPeer *peer = g_weak_ref_get (weak);

      if (peer != NULL)
        g_ptr_array_add (alive, peer);
      else
        g_hash_table_iter_remove (&iter);
    }
  self->sweep_at = MAX (FIRST_SWEEP, 2 * g_hash_table_size (self->handles));
}

AviPeer *
avi_device_find_peer (AviDevice   *self,
                      AviPeerInfo *info)
{
  GWeakRef *weak;
  AviPeer *peer;

  avi_lock (&self->lock);
  weak = g_hash_table_lookup (self->handles, info->id);
  peer = weak != NULL ? g_weak_ref_get (weak) : NULL;
  avi_unlock (&self->lock);
  return peer;
}

AviPeer *
avi_device_ensure_peer (AviDevice   *self,
                        AviPeerInfo *info)
{
  g_autoptr(GPtrArray) alive = g_ptr_array_new_with_free_func (g_object_unref);
  GWeakRef *weak;
  AviPeer *peer;

  avi_lock (&self->lock);
  weak = g_hash_table_lookup (self->handles, info->id);
  peer = weak != NULL ? g_weak_ref_get (weak) : NULL;
  if (peer == NULL)
    {
      if (g_hash_table_size (self->handles) >= self->sweep_at)
        avi_device_sweep_handles (self, alive);
      peer = avi_peer_new (self->core, info);
      weak = g_new0 (GWeakRef, 1);
      g_weak_ref_init (weak, peer);
      g_hash_table_replace (self->handles, g_strdup (info->id), weak);
    }
  avi_unlock (&self->lock);
  return peer;
}

AviSubscription *
avi_device_find_subscription (AviDevice *self,
                              AviInbox  *inbox)
{
  AviSubscription *subscription;

  avi_lock (&self->lock);
  subscription = g_hash_table_lookup (self->subscriptions, inbox);
  if (subscription != NULL)
    g_object_ref (subscription);
  avi_unlock (&self->lock);
  return subscription;
}

void
avi_device_drop_subscription (AviDevice       *self,
                              AviSubscription *subscription)
{
  AviInbox *inbox = avi_subscription_get_inbox (subscription);
  gboolean found;

  avi_lock (&self->lock);
  found = g_hash_table_steal (self->subscriptions, inbox);
  avi_unlock (&self->lock);
  if (!found)
    return;
  avi_core_unsubscribe (self->core, inbox);
  avi_subscription_end (subscription, self->context);
  g_object_unref (subscription);
}

/* --- the object --- */

static void
avi_device_drop_subscriptions (AviDevice *self)
{
  GHashTable *subscriptions;
  GHashTableIter iter;
  gpointer inbox, subscription;

  avi_lock (&self->lock);
  subscriptions = self->subscriptions;
  self->subscriptions = g_hash_table_new (NULL, NULL);
  avi_unlock (&self->lock);

  g_hash_table_iter_init (&iter, subscriptions);
  while (g_hash_table_iter_next (&iter, &inbox, &subscription))
    {
      avi_core_unsubscribe (self->core, inbox);
      avi_subscription_end (subscription, self->context);
      g_object_unref (subscription);
    }
  g_hash_table_unref (subscriptions);
}

/* From here on nothing is told. The engine stops by itself. */
static void
avi_device_dispose (GObject *object)
{
  AviDevice *self = AVI_DEVICE (object);

  if (self->source != NULL)
    {
      avi_core_set_wake (self->core, NULL, NULL);
      g_source_destroy (self->source);
      g_clear_pointer (&self->source, g_source_unref);
      avi_device_drop_subscriptions (self);
      avi_device_drop_validators (self);
      avi_core_stop (self->core, NULL);
    }
  G_OBJECT_CLASS (avi_device_parent_class)->dispose (object);
}

static void
avi_device_finalize (GObject *object)
{
  AviDevice *self = AVI_DEVICE (object);

  /* Subscribed to after somebody ran dispose. */
  avi_device_drop_subscriptions (self);
  g_hash_table_unref (self->subscriptions);
  g_hash_table_unref (self->validators);
  g_hash_table_unref (self->handles);
  g_object_unref (self->peers);
  avi_device_finalize_settings (self);
  avi_core_unref (self->core);
  g_main_context_unref (self->context);
  avi_lock_clear (&self->lock);
  G_OBJECT_CLASS (avi_device_parent_class)->finalize (object);
}

static void
avi_device_init (AviDevice *self)
{
  avi_lock_init (&self->lock);
  self->core = avi_core_new ();
  self->context = g_main_context_ref_thread_default ();
  self->source = avi_device_source_new (self);
  self->peers = g_list_store_new (AVI_TYPE_PEER);
  avi_device_init_settings (self);
  self->subscriptions = g_hash_table_new (NULL, NULL);
  self->validators = avi_device_validators_new ();
  self->handles = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, avi_device_weak_ref_free);
  self->sweep_at = FIRST_SWEEP;

  g_source_attach (self->source, self->context);
  avi_core_set_wake (self->core, avi_device_source_wake, self->source);
}

static guint
avi_device_install_peer_signal (const char *name)
{
  return g_signal_new (name, AVI_TYPE_DEVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, AVI_TYPE_PEER);
}

static void
avi_device_install_signals (void)
{
  /**
   * AviDevice::started:
   * @self: the device
   *
   * The device is running.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_STARTED] =
    g_signal_new ("started", AVI_TYPE_DEVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  /**
   * AviDevice::stopped:
   * @self: the device
   * @error: (nullable): why, or %NULL where it was asked for
   *
   * The device is stopped. Nothing more is told of the run that ended.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_STOPPED] =
    g_signal_new ("stopped", AVI_TYPE_DEVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);

  /**
   * AviDevice::peer-discovered:
   * @self: the device
   * @peer: the peer
   *
   * A peer is known that was not known before; it is in [property@Avi.Device:peers] now. It is
   * dialled without the program's doing.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_PEER_DISCOVERED] = avi_device_install_peer_signal ("peer-discovered");

  /**
   * AviDevice::peer-connected:
   * @self: the device
   * @peer: the peer
   *
   * There is a connection with the peer, which has proved who it is.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_PEER_CONNECTED] = avi_device_install_peer_signal ("peer-connected");

  /**
   * AviDevice::peer-disconnected:
   * @self: the device
   * @peer: the peer
   *
   * The last connection with the peer has ended; [property@Avi.Peer:last-error] says why. The
   * device goes on trying to reach it.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_PEER_DISCONNECTED] = avi_device_install_peer_signal ("peer-disconnected");

  /**
   * AviDevice::identity-conflict:
   * @self: the device
   * @peer_id: the peer id that two nodes claim; it may be the device's own
   * @addresses: (array zero-terminated=1): where the two are, as far as that is known
   * @key_file: (nullable): the file of the device's identity, where the peer id is its own and it
   *   is in a file
   *
   * Two running nodes have the same key: most often one is a copy of the other's disk. The older
   * connection stays, the newer one is refused. One of the two needs a new identity.
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_IDENTITY_CONFLICT] =
    g_signal_new ("identity-conflict", AVI_TYPE_DEVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                  G_TYPE_STRING, G_TYPE_STRV, G_TYPE_STRING);

  /**
   * AviDevice::message:
   * @self: the device
   * @message: the message
   *
   * A message arrived on a topic that the device subscribes to. The signal's detail is the topic
   * (`message::system/alerts`). Emitted once per message that any
   * subscription is told of, after their [signal@Avi.Subscription::message].
   *
   * Since: 1.0
   */
  avi_device_signals[AVI_DEVICE_MESSAGE] =
    g_signal_new ("message", AVI_TYPE_DEVICE, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL, NULL, NULL, G_TYPE_NONE,
                  1, AVI_TYPE_MESSAGE);
}

static void
avi_device_class_init (AviDeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = avi_device_dispose;
  object_class->finalize = avi_device_finalize;

  avi_device_class_install_properties (klass);
  avi_device_install_signals ();
}
