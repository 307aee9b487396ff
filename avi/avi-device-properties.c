/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-device-private.h"
#include "avi-enum-types.h"

GParamSpec *avi_device_properties[AVI_DEVICE_N_PROPS];

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
    case AVI_DEVICE_PROP_PUBSUB_PARAMS:
      g_value_take_boxed (value, avi_device_dup_pubsub_params (self));
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
    case AVI_DEVICE_PROP_TOPICS:
      g_value_take_boxed (value, avi_device_dup_topics (self));
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
    case AVI_DEVICE_PROP_PUBSUB_PARAMS:
      avi_device_set_pubsub_params (self, g_value_get_boxed (value));
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
   * services whose main loop never blocks, since what blocks it stalls the network. With %TRUE up to four more threads
   * check signatures where these queue up, with %FALSE none does. Nothing else
   * differs. A synchronous call then runs the network of all devices of the context until its answer
   * is there, and so does one on a device with a thread, made in the thread that started them; one from
   * another thread waits for the context to be iterated. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_THREADED] =
    g_param_spec_boolean ("threaded", NULL, NULL, TRUE, flags);

  /**
   * AviDevice:pubsub-params: (getter dup_pubsub_params) (setter set_pubsub_params)
   *
   * The numbers that pub/sub goes by, by default what is right for a home; %NULL sets these. Fixed
   * while the device runs.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_PUBSUB_PARAMS] =
    g_param_spec_boxed ("pubsub-params", NULL, NULL, AVI_TYPE_PUBSUB_PARAMS, flags);
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
   * default 128; half of them from one network (an IPv4 /24, an IPv6 /64, all link-local addresses
   * on an interface). Beyond that the oldest of the network that has the most gives way, and is
   * counted as refused-max-pending. Fixed while the device runs.
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
avi_device_install_holding (void)
{
  /**
   * AviDevice:hold-timeout:
   *
   * How long a message that was published with %AVI_PUBLISH_HOLD waits for somebody to subscribe, in
   * seconds, by default 60. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_HOLD_TIMEOUT, "hold-timeout", AVI_CORE_HOLD_TIMEOUT, 24 * 60 * 60);

  /**
   * AviDevice:max-held:
   *
   * How many such messages of one topic may wait at a time, by default 256; of all topics together 4,096 may. Fixed
   * while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_HELD, "max-held", AVI_CORE_MAX_HELD, 4096);

  /**
   * AviDevice:max-held-bytes:
   *
   * How many bytes of data such messages of one topic may have, by default 4,194,304 (4 MiB); those of all topics
   * together may have 16 MiB. Fixed while the device runs.
   *
   * Since: 1.0
   */
  avi_device_install_limit (AVI_DEVICE_PROP_MAX_HELD_BYTES, "max-held-bytes", AVI_CORE_MAX_HELD_BYTES_EACH,
                            16 * 1024 * 1024);
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

  /**
   * AviDevice:topics: (getter dup_topics)
   *
   * The topics of which the device has counted something, the one last used last: the 2,048 that were last published
   * to, or that something came of. [method@Avi.Device.get_topic_statistics] has what was counted. It is not
   * notified: it may change with every message.
   *
   * Since: 1.0
   */
  avi_device_properties[AVI_DEVICE_PROP_TOPICS] =
    g_param_spec_boxed ("topics", NULL, NULL, G_TYPE_STRV, flags);
}

void
avi_device_class_install_properties (AviDeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = avi_device_get_property;
  object_class->set_property = avi_device_set_property;
  avi_device_install_settings ();
  avi_device_install_limits ();
  avi_device_install_holding ();
  avi_device_install_readables ();
  g_object_class_install_properties (object_class, AVI_DEVICE_N_PROPS, avi_device_properties);
}
