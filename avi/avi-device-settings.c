/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"

static const char *const default_listen_addresses[] = { "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0", NULL };
static const char *const no_addresses[] = { NULL };

/* --- properties that are fixed while the device runs --- */

/* FALSE, with a warning, where the device is not stopped. */
static gboolean
avi_device_can_set (AviDevice *self,
                    guint      id)
{
  if (avi_core_get_state (self->core) == AVI_CORE_STOPPED)
    return TRUE;
  g_warning ("AviDevice:%s is fixed while the device runs: stop it before setting this property",
             avi_device_properties[id]->name);
  return FALSE;
}

static char **
avi_device_dup_strv (AviDevice *self,
                     char     **const *field)
{
  char **copy;

  avi_lock (&self->lock);
  copy = g_strdupv (*field);
  avi_unlock (&self->lock);
  return copy;
}

static void
avi_device_set_strv (AviDevice         *self,
                     char            ***field,
                     const char *const *value,
                     guint              id)
{
  char **copy, **old;

  if (!avi_device_can_set (self, id))
    return;
  copy = g_strdupv ((char **) value);
  avi_lock (&self->lock);
  old = *field;
  *field = copy;
  avi_unlock (&self->lock);
  g_strfreev (old);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[id]);
}

guint
avi_device_get_number (AviDevice   *self,
                       const guint *field)
{
  guint value;

  avi_lock (&self->lock);
  value = *field;
  avi_unlock (&self->lock);
  return value;
}

void
avi_device_set_number (AviDevice *self,
                       guint     *field,
                       guint      value,
                       guint      id)
{
  if (avi_device_get_number (self, field) == value || !avi_device_can_set (self, id))
    return;
  avi_lock (&self->lock);
  *field = value;
  avi_unlock (&self->lock);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[id]);
}

/**
 * avi_device_dup_node_name: (get-property node-name)
 * @self: a device
 *
 * Gets what others call this device.
 *
 * Returns: (transfer full): the name
 *
 * Since: 1.0
 */
char *
avi_device_dup_node_name (AviDevice *self)
{
  char *name;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  avi_lock (&self->lock);
  name = g_strdup (self->node_name);
  avi_unlock (&self->lock);
  return name;
}

/**
 * avi_device_set_node_name: (set-property node-name)
 * @self: a device that is stopped
 * @node_name: the name: 1 to 255 bytes of UTF-8 without control characters
 *
 * Sets what others call this device. [method@Avi.Device.start] fails where the name is not of
 * the form described.
 *
 * Since: 1.0
 */
void
avi_device_set_node_name (AviDevice  *self,
                          const char *node_name)
{
  char *copy, *old;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (node_name != NULL);

  if (!avi_device_can_set (self, AVI_DEVICE_PROP_NODE_NAME))
    return;
  copy = g_strdup (node_name);
  avi_lock (&self->lock);
  old = self->node_name;
  self->node_name = copy;
  avi_unlock (&self->lock);
  g_free (old);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[AVI_DEVICE_PROP_NODE_NAME]);
}

/**
 * avi_device_dup_identity: (get-property identity)
 * @self: a device
 *
 * Gets the key pair that this device is known by.
 *
 * Returns: (transfer full): the identity
 *
 * Since: 1.0
 */
AviIdentity *
avi_device_dup_identity (AviDevice *self)
{
  AviIdentity *identity;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  avi_lock (&self->lock);
  identity = g_object_ref (self->identity);
  avi_unlock (&self->lock);
  return identity;
}

/**
 * avi_device_set_identity: (set-property identity)
 * @self: a device that is stopped
 * @identity: the identity
 *
 * Sets the key pair that this device is known by. With one that is in a file the device also
 * tries to listen on the port that it had last, so that an address given away once goes on
 * working. While another program has that port it listens on any, and tries again at each start.
 *
 * Since: 1.0
 */
void
avi_device_set_identity (AviDevice   *self,
                         AviIdentity *identity)
{
  AviIdentity *old;

  g_return_if_fail (AVI_IS_DEVICE (self));
  g_return_if_fail (AVI_IS_IDENTITY (identity));

  if (!avi_device_can_set (self, AVI_DEVICE_PROP_IDENTITY))
    return;
  avi_lock (&self->lock);
  old = self->identity;
  self->identity = g_object_ref (identity);
  avi_unlock (&self->lock);
  g_object_unref (old);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[AVI_DEVICE_PROP_IDENTITY]);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[AVI_DEVICE_PROP_PEER_ID]);
}

/**
 * avi_device_dup_listen_addresses: (get-property listen-addresses)
 * @self: a device
 *
 * Gets where the device is to listen, as it was set.
 *
 * Returns: (transfer full) (array zero-terminated=1): multiaddrs
 *
 * Since: 1.0
 */
char **
avi_device_dup_listen_addresses (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  return avi_device_dup_strv (self, &self->listen_addresses);
}

/**
 * avi_device_set_listen_addresses: (set-property listen-addresses)
 * @self: a device that is stopped
 * @addresses: (nullable) (array zero-terminated=1): multiaddrs of the forms `/ip4/ADDRESS/tcp/PORT`
 *   and `/ip6/ADDRESS/tcp/PORT`; port 0 is any free one; an empty list: do not listen; %NULL: the
 *   default
 *
 * Sets where the device is to listen.
 *
 * Since: 1.0
 */
void
avi_device_set_listen_addresses (AviDevice         *self,
                                 const char *const *addresses)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_device_set_strv (self, &self->listen_addresses, addresses != NULL ? addresses : default_listen_addresses,
                       AVI_DEVICE_PROP_LISTEN_ADDRESSES);
}

/**
 * avi_device_dup_bootstrap_peers: (get-property bootstrap-peers)
 * @self: a device
 *
 * Gets the addresses of peers to stay connected with, as they were set.
 *
 * Returns: (transfer full) (array zero-terminated=1): multiaddrs
 *
 * Since: 1.0
 */
char **
avi_device_dup_bootstrap_peers (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  return avi_device_dup_strv (self, &self->bootstrap_peers);
}

/**
 * avi_device_set_bootstrap_peers: (set-property bootstrap-peers)
 * @self: a device that is stopped
 * @addresses: (nullable) (array zero-terminated=1): multiaddrs, ending in `/p2p/PEER-ID` where only that
 *   peer will do
 *
 * Sets the addresses of peers that the device is to stay connected with: they are dialled again
 * for ever, at growing intervals.
 *
 * Since: 1.0
 */
void
avi_device_set_bootstrap_peers (AviDevice         *self,
                                const char *const *addresses)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_device_set_strv (self, &self->bootstrap_peers, addresses != NULL ? addresses : no_addresses,
                       AVI_DEVICE_PROP_BOOTSTRAP_PEERS);
}

/**
 * avi_device_dup_pubsub_params: (get-property pubsub-params)
 * @self: a device
 *
 * Gets the numbers that pub/sub goes by. To change one, change it in what this returns, and set that.
 *
 * Returns: (transfer full): a copy of the parameters
 *
 * Since: 1.0
 */
AviPubsubParams *
avi_device_dup_pubsub_params (AviDevice *self)
{
  AviPubsubParams *copy;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  avi_lock (&self->lock);
  copy = avi_pubsub_params_copy (self->pubsub_params);
  avi_unlock (&self->lock);
  return copy;
}

/**
 * avi_device_set_pubsub_params: (set-property pubsub-params)
 * @self: a device that is stopped
 * @params: (nullable): the parameters, which are copied; %NULL: the default
 *
 * Sets the numbers that pub/sub goes by. [method@Avi.Device.start] fails where they do not go together, as
 * [method@Avi.PubsubParams.check] says.
 *
 * Since: 1.0
 */
void
avi_device_set_pubsub_params (AviDevice       *self,
                              AviPubsubParams *params)
{
  AviPubsubParams *copy, *old;

  g_return_if_fail (AVI_IS_DEVICE (self));

  if (!avi_device_can_set (self, AVI_DEVICE_PROP_PUBSUB_PARAMS))
    return;
  copy = params != NULL ? avi_pubsub_params_copy (params) : avi_pubsub_params_new ();
  avi_lock (&self->lock);
  old = self->pubsub_params;
  self->pubsub_params = copy;
  avi_unlock (&self->lock);
  avi_pubsub_params_free (old);
  g_object_notify_by_pspec (G_OBJECT (self), avi_device_properties[AVI_DEVICE_PROP_PUBSUB_PARAMS]);
}

/**
 * avi_device_get_enable_mdns: (get-property enable-mdns)
 * @self: a device
 *
 * Gets whether devices on the LAN are found by multicast DNS.
 *
 * Returns: %TRUE where they are
 *
 * Since: 1.0
 */
gboolean
avi_device_get_enable_mdns (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);

  return avi_device_get_number (self, &self->enable_mdns);
}

/**
 * avi_device_set_enable_mdns: (set-property enable-mdns)
 * @self: a device that is stopped
 * @enable_mdns: whether to find devices on the LAN, and to be found
 *
 * Sets whether devices on the LAN are found by multicast DNS.
 *
 * Since: 1.0
 */
void
avi_device_set_enable_mdns (AviDevice *self,
                            gboolean   enable_mdns)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_device_set_number (self, &self->enable_mdns, !!enable_mdns, AVI_DEVICE_PROP_ENABLE_MDNS);
}

/**
 * avi_device_get_enable_local: (get-property enable-local)
 * @self: a device
 *
 * Gets whether devices of the same user on this machine are found.
 *
 * Returns: %TRUE where they are
 *
 * Since: 1.0
 */
gboolean
avi_device_get_enable_local (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);

  return avi_device_get_number (self, &self->enable_local);
}

/**
 * avi_device_set_enable_local: (set-property enable-local)
 * @self: a device that is stopped
 * @enable_local: whether to find devices of the same user on this machine, and to be found
 *
 * Sets whether devices of the same user on this machine are found, through files in the user's
 * runtime directory.
 *
 * Since: 1.0
 */
void
avi_device_set_enable_local (AviDevice *self,
                             gboolean   enable_local)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_device_set_number (self, &self->enable_local, !!enable_local, AVI_DEVICE_PROP_ENABLE_LOCAL);
}

/**
 * avi_device_get_threaded: (get-property threaded)
 * @self: a device
 *
 * Gets whether the network runs in a thread of its own.
 *
 * Returns: %TRUE where it does
 *
 * Since: 1.0
 */
gboolean
avi_device_get_threaded (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), FALSE);

  return avi_device_get_number (self, &self->threaded);
}

/**
 * avi_device_set_threaded: (set-property threaded)
 * @self: a device that is stopped
 * @threaded: whether the network runs in a thread of its own
 *
 * Sets whether the network runs in a thread of its own, or in the device's main context.
 *
 * Since: 1.0
 */
void
avi_device_set_threaded (AviDevice *self,
                         gboolean   threaded)
{
  g_return_if_fail (AVI_IS_DEVICE (self));

  avi_device_set_number (self, &self->threaded, !!threaded, AVI_DEVICE_PROP_THREADED);
}

/* --- what can be read only --- */

/**
 * avi_device_dup_peer_id: (get-property peer-id)
 * @self: a device
 *
 * Gets the peer id that others know this device by, in base58: that of its identity.
 *
 * Returns: (transfer full): the peer id
 *
 * Since: 1.0
 */
char *
avi_device_dup_peer_id (AviDevice *self)
{
  char *id;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  avi_lock (&self->lock);
  id = g_strdup (avi_identity_get_peer_id (self->identity));
  avi_unlock (&self->lock);
  return id;
}

G_STATIC_ASSERT ((int) AVI_DEVICE_STATE_STOPPED == (int) AVI_CORE_STOPPED);
G_STATIC_ASSERT ((int) AVI_DEVICE_STATE_STARTING == (int) AVI_CORE_STARTING);
G_STATIC_ASSERT ((int) AVI_DEVICE_STATE_RUNNING == (int) AVI_CORE_RUNNING);
G_STATIC_ASSERT ((int) AVI_DEVICE_STATE_STOPPING == (int) AVI_CORE_STOPPING);

/**
 * avi_device_get_state: (get-property state)
 * @self: a device
 *
 * Gets where in its life the device is.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
AviDeviceState
avi_device_get_state (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), AVI_DEVICE_STATE_STOPPED);

  return (AviDeviceState) avi_core_get_state (self->core);
}

/**
 * avi_device_dup_discovery_status: (get-property discovery-status)
 * @self: a device
 *
 * Gets, in words, how finding other devices goes, and what stands in its way.
 *
 * Returns: (transfer full): one or more sentences
 *
 * Since: 1.0
 */
char *
avi_device_dup_discovery_status (AviDevice *self)
{
  char *status;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  status = avi_core_dup_status (self->core);
  return status != NULL ? status : g_strdup ("");
}

/**
 * avi_device_dup_addresses: (get-property addresses)
 * @self: a device
 *
 * Gets where others can reach this device, each with its peer id: what one would pass to their
 * [method@Avi.Device.dial].
 *
 * Returns: (transfer full) (array zero-terminated=1): multiaddrs; none while it is stopped
 *
 * Since: 1.0
 */
char **
avi_device_dup_addresses (AviDevice *self)
{
  char **addresses;

  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  addresses = avi_core_dup_addresses (self->core);
  return addresses != NULL ? addresses : g_new0 (char *, 1);
}

/**
 * avi_device_get_peers: (get-property peers)
 * @self: a device
 *
 * Gets the list of known peers, at most 1,024: where there are more, those that are not connected
 * go first. It changes in the device's main context, and may be used only there.
 *
 * Returns: (transfer none): a list of [class@Avi.Peer], the same one always
 *
 * Since: 1.0
 */
GListModel *
avi_device_get_peers (AviDevice *self)
{
  g_return_val_if_fail (AVI_IS_DEVICE (self), NULL);

  return G_LIST_MODEL (self->peers);
}

/* --- their life --- */

void
avi_device_init_settings (AviDevice *self)
{
  self->node_name = g_strdup (AVI_DEVICE_DEFAULT_NAME);
  self->identity = avi_identity_generate ();
  self->listen_addresses = g_strdupv ((char **) default_listen_addresses);
  self->bootstrap_peers = g_strdupv ((char **) no_addresses);
  self->enable_mdns = TRUE;
  self->enable_local = TRUE;
  self->threaded = TRUE;
  self->pubsub_params = avi_pubsub_params_new ();
  for (guint i = 0; i < AVI_DEVICE_N_LIMITS; i++)
    self->limits[i] = G_PARAM_SPEC_UINT (avi_device_properties[AVI_DEVICE_FIRST_LIMIT + i])->default_value;
}

void
avi_device_finalize_settings (AviDevice *self)
{
  g_object_unref (self->identity);
  g_free (self->node_name);
  g_strfreev (self->listen_addresses);
  g_strfreev (self->bootstrap_peers);
  avi_pubsub_params_free (self->pubsub_params);
}
