/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-error.h"
#include "avi-identity-private.h"
#include "avi-pubsub-params-private.h"

#define MAX_NAME_LEN 255

/* By address: which result belongs to which call. */
static const char start_tag[] = "avi_device_start_async";
static const char stop_tag[] = "avi_device_stop_async";
static const char dial_tag[] = "avi_device_dial_async";

/* --- start and stop --- */

/* `stop` cannot be undone; cancelling it means not to wait for the goodbyes. */
static void
avi_device_hurry (AviCore *core,
                  AviCall *call)
{
  avi_core_hurry (core);
}

static gboolean
avi_device_check_name (const char *name,
                       GError    **error)
{
  gsize len = strlen (name);
  gboolean good = len > 0 && len <= MAX_NAME_LEN && g_utf8_validate (name, len, NULL);

  for (const char *at = name; good && *at != '\0'; at = g_utf8_next_char (at))
    good = !g_unichar_iscntrl (g_utf8_get_char (at));
  if (!good)
    g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
                 "A node name has 1 to %d bytes of UTF-8 without control characters, this one has %" G_GSIZE_FORMAT,
                 MAX_NAME_LEN, len);
  return good;
}

/* With the lock held. */
static guint
avi_device_limit (AviDevice *self,
                  guint      property)
{
  return self->limits[property - AVI_DEVICE_FIRST_LIMIT];
}

/* FALSE, and the call not asked, where a setting is wrong. */
static gboolean
avi_device_begin_start (AviDevice *self,
                        AviCall   *call,
                        GError   **error)
{
  g_autofree char *file = NULL;
  gboolean good;

  avi_lock (&self->lock);
  good = avi_device_check_name (self->node_name, error) && avi_pubsub_params_check (self->pubsub_params, error);
  if (good)
    {
      file = avi_identity_dup_file (self->identity);
      avi_core_start (self->core,
                      &(AviSettings) {
                        .name = self->node_name,
                        .identity = avi_identity_get_key_pair (self->identity),
                        .identity_file = file,
                        .listen = (const char *const *) self->listen_addresses,
                        .bootstrap = (const char *const *) self->bootstrap_peers,
                        .pubsub = avi_pubsub_params_get_inner (self->pubsub_params),
                        .mdns = self->enable_mdns,
                        .local = self->enable_local,
                        .max_peers = avi_device_limit (self, AVI_DEVICE_PROP_MAX_PEERS),
                        .max_connections = avi_device_limit (self, AVI_DEVICE_PROP_MAX_CONNECTIONS),
                        .max_connections_per_peer = avi_device_limit (self, AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_PEER),
                        .max_connections_per_address =
                          avi_device_limit (self, AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_ADDRESS),
                        .max_pending = avi_device_limit (self, AVI_DEVICE_PROP_MAX_PENDING),
                        .max_dials = avi_device_limit (self, AVI_DEVICE_PROP_MAX_DIALS),
                        .max_streams = avi_device_limit (self, AVI_DEVICE_PROP_MAX_STREAMS),
                        .dial_timeout = 1000 * (gint64) avi_device_limit (self, AVI_DEVICE_PROP_DIAL_TIMEOUT),
                        .hold_timeout = G_USEC_PER_SEC * (gint64) avi_device_limit (self, AVI_DEVICE_PROP_HOLD_TIMEOUT),
                        .max_held = avi_device_limit (self, AVI_DEVICE_PROP_MAX_HELD),
                        .max_held_bytes = avi_device_limit (self, AVI_DEVICE_PROP_MAX_HELD_BYTES),
                        .context = self->threaded ? NULL : self->context,
                        .handlers = self->handlers,
                      },
                      call);
    }
  avi_unlock (&self->lock);
  return good;
}

/**
 * avi_device_start:
 * @self: a device
 * @cancellable: (nullable): to give up
 * @error: return location for an error
 *
 * Makes the device part of the mesh: opens its sockets and begins to look for others, for none of
 * which it waits. Where the device is running already this succeeds at once, and where it is
 * being started, when that is done; after `stop` it starts anew.
 *
 * Fails with %AVI_ERROR_ALREADY_EXISTS where an address to listen on is in use,
 * %AVI_ERROR_INVALID_ARGUMENT where a property is malformed, %AVI_ERROR_LIMIT where the process has
 * too few file descriptors left, %AVI_ERROR_CLOSED where the device was stopped meanwhile,
 * %G_IO_ERROR_CANCELLED, or with %AVI_ERROR_FAILED and the system's words. The message names the
 * address or property. The device is stopped then.
 *
 * Waits without iterating the main context.
 *
 * Returns: %TRUE where the device is running
 *
 * Since: 1.0
 */
gboolean
avi_device_start (AviDevice    *self,
                  GCancellable *cancellable,
                  GError      **error)
{
  g_autoptr(AviCall) call = NULL;

  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  call = avi_call_new (NULL);
  return avi_device_begin_start (self, call, error) &&
         avi_device_wait (self, call, cancellable, avi_core_cancel, NULL, error);
}

/**
 * avi_device_start_async:
 * @self: a device
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when the device is running, or the start has failed
 * @user_data: for @callback
 *
 * The asynchronous form of [method@Avi.Device.start].
 *
 * Since: 1.0
 */
void
avi_device_start_async (AviDevice          *self,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = avi_device_task_new (self, cancellable, callback, user_data, avi_core_cancel, avi_device_give_boolean,
                              start_tag);
  if (avi_device_task_is_cancelled (task, cancellable))
    return;
  if (avi_device_begin_start (self, avi_device_task_get_call (task), &error))
    avi_device_task_connect (task);
  else
    avi_device_task_fail (task, error);
}

/**
 * avi_device_start_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how [method@Avi.Device.start_async] ended.
 *
 * Returns: %TRUE where the device is running
 *
 * Since: 1.0
 */
gboolean
avi_device_start_finish (AviDevice    *self,
                         GAsyncResult *result,
                         GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) start_tag), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * avi_device_stop:
 * @self: a device
 * @cancellable: (nullable): to stop without goodbyes
 * @error: return location for an error
 *
 * Takes the device out of the mesh: ends calls in flight with %AVI_ERROR_CLOSED, says goodbye,
 * and flushes what is to be sent, for at most half a second. Stopping cannot fail, and it cannot
 * be undone: cancelling it skips the goodbyes. A device that is stopped stays so.
 *
 * Waits without iterating the main context: [signal@Avi.Device::peer-disconnected] and
 * [signal@Avi.Device::stopped] are emitted once that is.
 *
 * Returns: %TRUE, the device is stopped
 *
 * Since: 1.0
 */
gboolean
avi_device_stop (AviDevice    *self,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr(AviCall) call = NULL;

  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  call = avi_call_new (NULL);
  avi_core_stop (self->core, call);
  return avi_device_wait (self, call, cancellable, avi_device_hurry, NULL, error);
}

/**
 * avi_device_stop_async:
 * @self: a device
 * @cancellable: (nullable): to stop without goodbyes
 * @callback: (scope async): called when the device is stopped
 * @user_data: for @callback
 *
 * The asynchronous form of [method@Avi.Device.stop].
 *
 * Since: 1.0
 */
void
avi_device_stop_async (AviDevice          *self,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = avi_device_task_new (self, cancellable, callback, user_data, avi_device_hurry, avi_device_give_boolean,
                              stop_tag);
  avi_core_stop (self->core, avi_device_task_get_call (task));
  avi_device_task_connect (task);
}

/**
 * avi_device_stop_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how [method@Avi.Device.stop_async] ended.
 *
 * Returns: %TRUE, the device is stopped
 *
 * Since: 1.0
 */
gboolean
avi_device_stop_finish (AviDevice    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) stop_tag), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- peers --- */

/**
 * avi_device_dial:
 * @self: a device that is running
 * @target: a multiaddr, with or without `/p2p/PEER-ID` at its end, or the id of a known peer
 * @cancellable: (nullable): to give up
 * @error: return location for an error
 *
 * Connects to a peer, now: no interval after an earlier failure is waited for. Where there is a
 * connection already this succeeds at once.
 *
 * Fails with %AVI_ERROR_REFUSED or %AVI_ERROR_TIMEOUT where no address answers; the message lists
 * each address with its cause. With %AVI_ERROR_SECURITY where the peer is another one than
 * @target says, %AVI_ERROR_NOT_FOUND where no address of the peer is known,
 * %AVI_ERROR_INVALID_ARGUMENT where @target is malformed, %AVI_ERROR_LIMIT where there are too
 * many connections, %AVI_ERROR_NOT_RUNNING, %AVI_ERROR_CLOSED where the device stops meanwhile, or
 * %G_IO_ERROR_CANCELLED.
 *
 * Waits without iterating the main context.
 *
 * Returns: (transfer full): the peer
 *
 * Since: 1.0
 */
AviPeer *
avi_device_dial (AviDevice    *self,
                 const char   *target,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr(AviCall) call = NULL;
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);
  g_return_val_if_fail (target != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  call = avi_call_new (NULL);
  avi_core_dial (self->core, target, call);
  if (!avi_device_wait (self, call, cancellable, avi_core_cancel, &info, error))
    return NULL;
  return avi_device_ensure_peer (self, info);
}

/**
 * avi_device_dial_async:
 * @self: a device that is running
 * @target: a multiaddr, with or without `/p2p/PEER-ID` at its end, or the id of a known peer
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when there is a connection, or there cannot be one
 * @user_data: for @callback
 *
 * The asynchronous form of [method@Avi.Device.dial].
 *
 * Since: 1.0
 */
void
avi_device_dial_async (AviDevice          *self,
                       const char         *target,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (target != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = avi_device_task_new (self, cancellable, callback, user_data, avi_core_cancel, avi_device_give_peer,
                              dial_tag);
  if (avi_device_task_is_cancelled (task, cancellable))
    return;
  avi_core_dial (self->core, target, avi_device_task_get_call (task));
  avi_device_task_connect (task);
}

/**
 * avi_device_dial_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how [method@Avi.Device.dial_async] ended.
 *
 * Returns: (transfer full): the peer
 *
 * Since: 1.0
 */
AviPeer *
avi_device_dial_finish (AviDevice    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) dial_tag), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * avi_device_set_peer_score:
 * @self: a device
 * @peer_id: the id of a peer, whether or not it is connected or known
 * @score: what the program thinks of it, from −1,000,000 to 1,000,000; 0: nothing
 * @error: return location for an error
 *
 * Sets what a peer is worth in the program's eyes: the application-specific score of gossipsub (P5). Times
 * `app-specific-weight` of [property@Avi.Device:pubsub-params], which is 1 by itself, it is added to what the peer's own
 * behaviour comes to. Whose sum is below 0 is out of every mesh; further below it gets no gossip, then nothing that this
 * device publishes, and at last is not listened to. Whose sum is high is kept where a mesh is too large, and believed when
 * it names other peers. The page [Pub/sub](gossipsub.html) has the thresholds. Nobody is disconnected for it, and direct
 * peers have no score.
 *
 * From any thread. This works whether the device is running or not, and lasts over the peer's connections and over `stop`
 * and `start`, until another score is set.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT where @peer_id is no peer id, or @score not in its range, and with
 * %AVI_ERROR_LIMIT where 1,024 other peers have a score; nothing has changed then.
 *
 * Returns: %TRUE where it is set
 *
 * Since: 1.0
 */
gboolean
avi_device_set_peer_score (AviDevice  *self,
                           const char *peer_id,
                           double      score,
                           GError    **error)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);
  g_return_val_if_fail (peer_id != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return avi_core_set_peer_score (self->core, peer_id, score, error);
}

/**
 * avi_device_get_peer_score:
 * @self: a device
 * @peer_id: the id of a peer
 *
 * Gets what a peer is worth in the program's eyes. What its behaviour comes to is not in it.
 *
 * Returns: what [method@Avi.Device.set_peer_score] set, by default 0
 *
 * Since: 1.0
 */
double
avi_device_get_peer_score (AviDevice  *self,
                           const char *peer_id)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), 0);
  g_return_val_if_fail (peer_id != NULL, 0);

  return avi_core_get_peer_score (self->core, peer_id);
}

/**
 * avi_device_discover:
 * @self: a device
 *
 * Looks for others again, now: asks the LAN, and dials every known peer that is not connected,
 * whenever that failed last. There is no need to call this: the device looks by itself. Does
 * nothing where the device is not running.
 *
 * Since: 1.0
 */
void
avi_device_discover (AviDevice *self)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_core_discover (self->core);
}

/**
 * avi_device_get_statistics:
 * @self: a device
 *
 * Gets what the device counts: a dictionary (`a{sv}`) of names and numbers. The names are for
 * people and may change between versions.
 *
 * Returns: (transfer full): the statistics
 *
 * Since: 1.0
 */
GVariant *
avi_device_get_statistics (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  return avi_core_dup_statistics (self->core);
}
