/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-enum-types.h"

static const char *const default_listen_addresses[] = { "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0", NULL };
static const char *const no_addresses[] = { NULL };

GParamSpec *avi_device_properties[AVI_DEVICE_N_PROPS];

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

/* Booleans, numbers and enums: all are 32 bits. */
static guint
avi_device_get_number (AviDevice   *self,
                       const guint *field)
{
  guint value;

  avi_lock (&self->lock);
  value = *field;
  avi_unlock (&self->lock);
  return value;
}

static void
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
 * working.
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

/* --- as properties --- */

static void
avi_device_get_property (GObject    *object,
                         guint       id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  AviDevice *self = AVI_DEVICE (object);

  switch (id)
    {
    case AVI_DEVICE_PROP_NODE_NAME:
      g_value_take_string (value, avi_device_dup_node_name (self));
      break;
    case AVI_DEVICE_PROP_DEVICE_TYPE:
      g_value_set_enum (value, avi_device_get_number (self, &self->device_type));
      break;
    case AVI_DEVICE_PROP_IDENTITY:
      g_value_take_object (value, avi_device_dup_identity (self));
      break;
    case AVI_DEVICE_PROP_LISTEN_ADDRESSES:
      g_value_take_boxed (value, avi_device_dup_listen_addresses (self));
      break;
    case AVI_DEVICE_PROP_BOOTSTRAP_PEERS:
      g_value_take_boxed (value, avi_device_dup_bootstrap_peers (self));
      break;
    case AVI_DEVICE_PROP_ENABLE_MDNS:
      g_value_set_boolean (value, avi_device_get_enable_mdns (self));
      break;
    case AVI_DEVICE_PROP_ENABLE_LOCAL:
      g_value_set_boolean (value, avi_device_get_enable_local (self));
      break;
    case AVI_DEVICE_PROP_THREADED:
      g_value_set_boolean (value, avi_device_get_threaded (self));
      break;
    case AVI_DEVICE_PROP_PEER_ID:
      g_value_take_string (value, avi_device_dup_peer_id (self));
      break;
    case AVI_DEVICE_PROP_STATE:
      g_value_set_enum (value, avi_device_get_state (self));
      break;
    case AVI_DEVICE_PROP_DISCOVERY_STATUS:
      g_value_take_string (value, avi_device_dup_discovery_status (self));
      break;
    case AVI_DEVICE_PROP_ADDRESSES:
      g_value_take_boxed (value, avi_device_dup_addresses (self));
      break;
    case AVI_DEVICE_PROP_PEERS:
      g_value_set_object (value, self->peers);
      break;
    default:
      if (id >= AVI_DEVICE_FIRST_LIMIT && id < AVI_DEVICE_FIRST_LIMIT + AVI_DEVICE_N_LIMITS)
        g_value_set_uint (value, avi_device_get_number (self, &self->limits[id - AVI_DEVICE_FIRST_LIMIT]));
      else
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_device_set_property (GObject      *object,
                         guint         id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  AviDevice *self = AVI_DEVICE (object);
  const char *name;

  switch (id)
    {
    case AVI_DEVICE_PROP_NODE_NAME:
      name = g_value_get_string (value);
      avi_device_set_node_name (self, name != NULL ? name : AVI_DEVICE_DEFAULT_NAME);
      break;
    case AVI_DEVICE_PROP_DEVICE_TYPE:
      avi_device_set_number (self, &self->device_type, g_value_get_enum (value), id);
      break;
    case AVI_DEVICE_PROP_IDENTITY:
      if (g_value_get_object (value) != NULL)
        avi_device_set_identity (self, g_value_get_object (value));
      break;
    case AVI_DEVICE_PROP_LISTEN_ADDRESSES:
      avi_device_set_listen_addresses (self, g_value_get_boxed (value));
      break;
    case AVI_DEVICE_PROP_BOOTSTRAP_PEERS:
      avi_device_set_bootstrap_peers (self, g_value_get_boxed (value));
      break;
    case AVI_DEVICE_PROP_ENABLE_MDNS:
      avi_device_set_enable_mdns (self, g_value_get_boolean (value));
      break;
    case AVI_DEVICE_PROP_ENABLE_LOCAL:
      avi_device_set_enable_local (self, g_value_get_boolean (value));
      break;
    case AVI_DEVICE_PROP_THREADED:
      avi_device_set_threaded (self, g_value_get_boolean (value));
      break;
    default:
      if (id >= AVI_DEVICE_FIRST_LIMIT && id < AVI_DEVICE_FIRST_LIMIT + AVI_DEVICE_N_LIMITS)
        avi_device_set_number (self, &self->limits[id - AVI_DEVICE_FIRST_LIMIT], g_value_get_uint (value), id);
      else
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_device_install_settings (void)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  /**
   * AviDevice:node-name: (getter dup_node_name) (setter set_node_name)
   *
   * What others call this device: a label, which need not be unique. 1 to 255 bytes of UTF-8
   * without control characters, by default `avi-node`. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_NODE_NAME] =
    g_param_spec_string ("node-name", NULL, NULL, AVI_DEVICE_DEFAULT_NAME, flags);

  /**
   * AviDevice:device-type:
   *
   * What part the device takes in its mesh, by default %AVI_DEVICE_TYPE_NODE. Fixed while the
   * device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_DEVICE_TYPE] =
    g_param_spec_enum ("device-type", NULL, NULL, AVI_TYPE_DEVICE_TYPE, AVI_DEVICE_TYPE_NODE, flags);

  /**
   * AviDevice:identity: (getter dup_identity) (setter set_identity)
   *
   * The key pair that the device is known by. Where none is set it is one that the device made
   * for itself, and keeps as long as it lives. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_IDENTITY] =
    g_param_spec_object ("identity", NULL, NULL, AVI_TYPE_IDENTITY, flags);

  /**
   * AviDevice:listen-addresses: (getter dup_listen_addresses) (setter set_listen_addresses)
   *
   * Where the device is to listen: multiaddrs, by default `/ip4/0.0.0.0/tcp/0` and
   * `/ip6/::/tcp/0`. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_LISTEN_ADDRESSES] =
    g_param_spec_boxed ("listen-addresses", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * AviDevice:bootstrap-peers: (getter dup_bootstrap_peers) (setter set_bootstrap_peers)
   *
   * Multiaddrs of peers to stay connected with, ending in `/p2p/PEER-ID` where only that peer will
   * do; by default none. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_BOOTSTRAP_PEERS] =
    g_param_spec_boxed ("bootstrap-peers", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * AviDevice:enable-mdns: (getter get_enable_mdns) (setter set_enable_mdns)
   *
   * Whether devices on the LAN are found by multicast DNS, and this one by them, by default %TRUE.
   * Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_ENABLE_MDNS] =
    g_param_spec_boolean ("enable-mdns", NULL, NULL, TRUE, flags);

  /**
   * AviDevice:enable-local: (getter get_enable_local) (setter set_enable_local)
   *
   * Whether devices of the same user on this machine are found, and this one by them, by default
   * %TRUE. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_ENABLE_LOCAL] =
    g_param_spec_boolean ("enable-local", NULL, NULL, TRUE, flags);

  /**
   * AviDevice:threaded: (getter get_threaded) (setter set_threaded)
   *
   * Whether the network runs in a thread of its own, by default %TRUE. With %FALSE it runs in the
   * device's main context, which saves the hand-over between two threads, some 10 µs each way: for
   * services whose main loop never blocks, since what blocks it stalls the network. Nothing else
   * differs. A synchronous call then runs the network until its answer is there; one from another
   * thread waits for the context to be iterated. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_THREADED] =
    g_param_spec_boolean ("threaded", NULL, NULL, TRUE, flags);
}

static void
avi_device_install_limit (guint       id,
                          const char *name,
                          guint       standard,
                          guint       maximum)
{
  avi_device_properties[id] =
    g_param_spec_uint (name, NULL, NULL, 1, maximum, standard,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
avi_device_install_limits (void)
{
  /**
   * AviDevice:max-peers:
   *
   * How many peers that speak Avi's protocols may be connected at a time, by default 256. Fixed
   * while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_PEERS, "max-peers", 256, 65536);

  /**
   * AviDevice:max-connections:
   *
   * How many connections there may be at a time, of both directions and in every state, by default
   * 512. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_CONNECTIONS, "max-connections", 512, 65536);

  /**
   * AviDevice:max-connections-per-peer:
   *
   * How many connections there may be with one peer at a time, by default 4. Fixed while the
   * device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_PEER, "max-connections-per-peer", 4, 256);

  /**
   * AviDevice:max-connections-per-address:
   *
   * How many connections may come from one address at a time, by default 64. An IPv4 address is
   * one; an IPv6 host has its whole network of 64 bits to choose from, so that such a network
   * (a /64) counts as one address; each link-local address counts by itself. Fixed while the device
   * runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_CONNECTIONS_PER_ADDRESS, "max-connections-per-address", 64, 65536);

  /**
   * AviDevice:max-pending:
   *
   * How many connections from others may be on their way to proving who they are at a time, by
   * default 128. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_PENDING, "max-pending", 128, 65536);

  /**
   * AviDevice:max-dials:
   *
   * How many attempts to connect to others may be under way at a time, each to one address, by
   * default 32; what is beyond waits. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_DIALS, "max-dials", 32, 4096);

  /**
   * AviDevice:max-streams:
   *
   * How many streams one connection may carry at a time, of both directions, by default 1,024.
   * Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_STREAMS, "max-streams", 1024, 65536);

  /**
   * AviDevice:dial-timeout:
   *
   * How long one attempt to connect to one address may take, the handshake included, in
   * milliseconds, by default 10,000. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_DIAL_TIMEOUT, "dial-timeout", 10 * 1000, 10 * 60 * 1000);
}

static void
avi_device_install_readables (void)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  /**
   * AviDevice:peer-id: (getter dup_peer_id)
   *
   * The peer id of the device's identity, in base58.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_PEER_ID] = g_param_spec_string ("peer-id", NULL, NULL, NULL, flags);

  /**
   * AviDevice:state: (getter get_state)
   *
   * Where in its life the device is.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, AVI_TYPE_DEVICE_STATE, AVI_DEVICE_STATE_STOPPED, flags);

  /**
   * AviDevice:discovery-status: (getter dup_discovery_status)
   *
   * How finding other devices goes, and what stands in its way, in words.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_DISCOVERY_STATUS] =
    g_param_spec_string ("discovery-status", NULL, NULL, NULL, flags);

  /**
   * AviDevice:addresses: (getter dup_addresses)
   *
   * Where others can reach the device: multiaddrs, each with its peer id.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_ADDRESSES] =
    g_param_spec_boxed ("addresses", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * AviDevice:peers: (getter get_peers)
   *
   * The known peers, [class@Avi.Peer], at most 1,024. To be used in the device's context only.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_PEERS] =
    g_param_spec_object ("peers", NULL, NULL, G_TYPE_LIST_MODEL, flags);
}

void
avi_device_class_install_properties (AviDeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = avi_device_get_property;
  object_class->set_property = avi_device_set_property;
  avi_device_install_settings ();
  avi_device_install_limits ();
  avi_device_install_readables ();
  g_object_class_install_properties (object_class, AVI_DEVICE_N_PROPS, avi_device_properties);
}

void
avi_device_init_properties (AviDevice *self)
{
  self->node_name = g_strdup (AVI_DEVICE_DEFAULT_NAME);
  self->identity = avi_identity_generate ();
  self->listen_addresses = g_strdupv ((char **) default_listen_addresses);
  self->bootstrap_peers = g_strdupv ((char **) no_addresses);
  self->enable_mdns = TRUE;
  self->enable_local = TRUE;
  self->threaded = TRUE;
  for (guint i = 0; i < AVI_DEVICE_N_LIMITS; i++)
    self->limits[i] = G_PARAM_SPEC_UINT (avi_device_properties[AVI_DEVICE_FIRST_LIMIT + i])->default_value;
}

void
avi_device_finalize_properties (AviDevice *self)
{
  g_object_unref (self->identity);
  g_free (self->node_name);
  g_strfreev (self->listen_addresses);
  g_strfreev (self->bootstrap_peers);
}
