/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-enum-types.h"
#include "avi-peer-private.h"

/**
 * AviPeer:
 *
 * Another node of the mesh, as it is known here.
 *
 * Peers come from a device: [property@Avi.Device:peers] lists those that are known, its signals
 * hand out the peer they are about, and [method@Avi.Device.dial] returns one. A device has one
 * object per peer, whose properties tell what is known at this moment: a peer that is not
 * connected keeps its name and addresses, and [property@Avi.Peer:last-error] says why it is not.
 *
 * Properties may be read from any thread, and are current when a call of the device returns.
 * `notify` is emitted in the device's context, for those that changed.
 *
 * A peer never keeps its device alive, and stays usable without it: it tells what was known last.
 *
 * Since: 1.0
 */
struct _AviPeer
{
  GObject parent_instance;

  AviCore  *core; /* NULL for one that a binding made out of nothing */
  AviPeerId peer;
  char     *id;

  AviPeerInfo *told; /* in the device's context: what was notified last */

  AviLock      lock;
  AviPeerInfo *last; /* under the lock: the newest that was seen, for when the core forgets it */
};

enum
{
  PROP_0,
  PROP_ID,
  PROP_NAME,
  PROP_AGENT,
  PROP_ADDRESSES,
  PROP_PROTOCOLS,
  PROP_CONNECTED,
  PROP_ROUND_TRIP,
  PROP_DROPPED,
  PROP_SINCE,
  PROP_LAST_ERROR,
  PROP_SOURCE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (AviPeer, avi_peer, G_TYPE_OBJECT)

G_STATIC_ASSERT ((int) AVI_PEER_SOURCE_MDNS == (int) AVI_SOURCE_MDNS);
G_STATIC_ASSERT ((int) AVI_PEER_SOURCE_LOCAL == (int) AVI_SOURCE_LOCAL);
G_STATIC_ASSERT ((int) AVI_PEER_SOURCE_BOOTSTRAP == (int) AVI_SOURCE_BOOTSTRAP);
G_STATIC_ASSERT ((int) AVI_PEER_SOURCE_INBOUND == (int) AVI_SOURCE_INBOUND);
G_STATIC_ASSERT ((int) AVI_PEER_SOURCE_DIAL == (int) AVI_SOURCE_DIAL);

AviPeer *
avi_peer_new (AviCore     *core,
              AviPeerInfo *info)
{
  AviPeer *self = g_object_new (AVI_TYPE_PEER, NULL);

  self->core = avi_core_ref (core);
  self->peer = info->peer;
  self->id = g_strdup (info->id);
  self->told = avi_peer_info_ref (info);
  self->last = avi_peer_info_ref (info);
  return self;
}

/* What is known now: (transfer full), or NULL. @connected: also where the core has forgotten it,
 * and `last` is of a time when it was. */
static AviPeerInfo *
avi_peer_look (AviPeer  *self,
               gboolean *connected)
{
  AviPeerInfo *info = self->core != NULL ? avi_core_dup_peer (self->core, &self->peer) : NULL;

  if (connected != NULL)
    *connected = info != NULL && info->connected;
  avi_lock (&self->lock);
  if (info != NULL)
    {
      g_clear_pointer (&self->last, avi_peer_info_unref);
      self->last = avi_peer_info_ref (info);
    }
  else if (self->last != NULL)
    {
      info = avi_peer_info_ref (self->last);
    }
  avi_unlock (&self->lock);
  return info;
}

void
avi_peer_tell (AviPeer     *self,
               AviPeerInfo *event)
{
  g_autoptr(AviPeerInfo) before = g_steal_pointer (&self->told);
  AviPeerInfo *info = avi_core_dup_peer (self->core, &self->peer);
  GObject *object = G_OBJECT (self);

  /* What a handler is going to read, which may be newer than the event. */
  if (info == NULL)
    {
      info = avi_peer_info_ref (event);
      avi_lock (&self->lock);
      g_clear_pointer (&self->last, avi_peer_info_unref);
      self->last = avi_peer_info_ref (event);
      avi_unlock (&self->lock);
    }
  self->told = info;
  if (before == info)
    return;

  g_object_freeze_notify (object);
  if (g_strcmp0 (before->name, info->name) != 0)
    g_object_notify_by_pspec (object, properties[PROP_NAME]);
  if (g_strcmp0 (before->agent, info->agent) != 0)
    g_object_notify_by_pspec (object, properties[PROP_AGENT]);
  if (!g_strv_equal ((const char *const *) before->addresses, (const char *const *) info->addresses))
    g_object_notify_by_pspec (object, properties[PROP_ADDRESSES]);
  if (!g_strv_equal ((const char *const *) before->protocols, (const char *const *) info->protocols))
    g_object_notify_by_pspec (object, properties[PROP_PROTOCOLS]);
  if (before->connected != info->connected)
    g_object_notify_by_pspec (object, properties[PROP_CONNECTED]);
  if (before->round_trip != info->round_trip)
    g_object_notify_by_pspec (object, properties[PROP_ROUND_TRIP]);
  if (before->n_dropped != info->n_dropped)
    g_object_notify_by_pspec (object, properties[PROP_DROPPED]);
  if (before->since != info->since)
    g_object_notify_by_pspec (object, properties[PROP_SINCE]);
  if (g_strcmp0 (before->last_error, info->last_error) != 0)
    g_object_notify_by_pspec (object, properties[PROP_LAST_ERROR]);
  if (before->source != info->source)
    g_object_notify_by_pspec (object, properties[PROP_SOURCE]);
  g_object_thaw_notify (object);
}

/**
 * avi_peer_get_id: (get-property id)
 * @self: a peer
 *
 * Gets the peer id in base58, which says who this is; it never changes.
 *
 * Returns: (transfer none): the peer id, as long as the peer lives
 *
 * Since: 1.0
 */
const char *
avi_peer_get_id (AviPeer *self)
{
  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  return self->id != NULL ? self->id : "";
}

/**
 * avi_peer_dup_name: (get-property name)
 * @self: a peer
 *
 * Gets what to call the peer: the [property@Avi.Device:node-name] of an Avi node, else, and until
 * that is known, a short form of its id. Names are labels: two peers may have the same.
 *
 * Returns: (transfer full): the name
 *
 * Since: 1.0
 */
char *
avi_peer_dup_name (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, NULL);
  return g_strdup (info != NULL ? info->name : "");
}

/**
 * avi_peer_dup_agent: (get-property agent)
 * @self: a peer
 *
 * Gets how the peer's program calls itself (libp2p's `agentVersion`).
 *
 * Returns: (transfer full) (nullable): the agent, or %NULL where it was never connected
 *
 * Since: 1.0
 */
char *
avi_peer_dup_agent (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, NULL);
  return info != NULL ? g_strdup (info->agent) : NULL;
}

/**
 * avi_peer_dup_addresses: (get-property addresses)
 * @self: a peer
 *
 * Gets where the peer is: multiaddrs, the one in use first.
 *
 * Returns: (transfer full) (array zero-terminated=1): the addresses
 *
 * Since: 1.0
 */
char **
avi_peer_dup_addresses (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, NULL);
  return info != NULL ? g_strdupv (info->addresses) : g_new0 (char *, 1);
}

/**
 * avi_peer_dup_protocols: (get-property protocols)
 * @self: a peer
 *
 * Gets the libp2p protocols that the peer said it speaks.
 *
 * Returns: (transfer full) (array zero-terminated=1): the protocols
 *
 * Since: 1.0
 */
char **
avi_peer_dup_protocols (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, NULL);
  return info != NULL ? g_strdupv (info->protocols) : g_new0 (char *, 1);
}

/**
 * avi_peer_get_connected: (get-property connected)
 * @self: a peer
 *
 * Gets whether there is a connection with the peer.
 *
 * Returns: %TRUE where there is
 *
 * Since: 1.0
 */
gboolean
avi_peer_get_connected (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;
  gboolean connected;

  g_return_val_if_fail (AVI_IS_PEER (self), FALSE);

  info = avi_peer_look (self, &connected);
  return connected;
}

/**
 * avi_peer_get_round_trip: (get-property round-trip)
 * @self: a peer
 *
 * Gets how long the last ping took to the peer and back.
 *
 * Returns: the time in microseconds, or -1 where it was not measured
 *
 * Since: 1.0
 */
gint64
avi_peer_get_round_trip (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), -1);

  info = avi_peer_look (self, NULL);
  return info != NULL ? info->round_trip : -1;
}

/**
 * avi_peer_get_dropped: (get-property dropped)
 * @self: a peer
 *
 * Gets how many messages were dropped instead of being sent to the peer.
 *
 * It reads more slowly than messages come, so that its queue is full; or it takes none so large; or it is not sent what
 * this device publishes, for its score is below `publish-threshold` of [property@Avi.Device:pubsub-params]. A line in
 * the log says which. What is dropped of others' messages mostly reaches it by another way.
 *
 * Returns: the messages since the peer came to be known; told when its connection ends, and until then once in a
 *   `heartbeat-interval` of [property@Avi.Device:pubsub-params], which is a second
 *
 * Since: 1.0
 */
guint64
avi_peer_get_dropped (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), 0);

  info = avi_peer_look (self, NULL);
  return info != NULL ? info->n_dropped : 0;
}

/**
 * avi_peer_dup_since: (get-property since)
 * @self: a peer
 *
 * Gets since when the peer has been connected.
 *
 * Returns: (transfer full) (nullable): the time, in UTC, or %NULL where it is not connected
 *
 * Since: 1.0
 */
GDateTime *
avi_peer_dup_since (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;
  g_autoptr(GDateTime) seconds = NULL;
  gboolean connected;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, &connected);
  if (!connected || info->since == 0)
    return NULL;
  seconds = g_date_time_new_from_unix_utc (info->since / G_USEC_PER_SEC);
  return g_date_time_add (seconds, info->since % G_USEC_PER_SEC);
}

/**
 * avi_peer_dup_last_error: (get-property last-error)
 * @self: a peer
 *
 * Gets, in words, why the peer is not connected.
 *
 * Returns: (transfer full) (nullable): the cause, or %NULL
 *
 * Since: 1.0
 */
char *
avi_peer_dup_last_error (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), NULL);

  info = avi_peer_look (self, NULL);
  return info != NULL ? g_strdup (info->last_error) : NULL;
}

/**
 * avi_peer_get_source: (get-property source)
 * @self: a peer
 *
 * Gets how the peer came to be known.
 *
 * Returns: the ways that hold
 *
 * Since: 1.0
 */
AviPeerSource
avi_peer_get_source (AviPeer *self)
{
  g_autoptr(AviPeerInfo) info = NULL;

  g_return_val_if_fail (AVI_IS_PEER (self), AVI_PEER_SOURCE_NONE);

  info = avi_peer_look (self, NULL);
  return info != NULL ? (AviPeerSource) info->source : AVI_PEER_SOURCE_NONE;
}

static void
avi_peer_get_property (GObject    *object,
                       guint       id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  AviPeer *self = AVI_PEER (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_string (value, avi_peer_get_id (self));
      break;
    case PROP_NAME:
      g_value_take_string (value, avi_peer_dup_name (self));
      break;
    case PROP_AGENT:
      g_value_take_string (value, avi_peer_dup_agent (self));
      break;
    case PROP_ADDRESSES:
      g_value_take_boxed (value, avi_peer_dup_addresses (self));
      break;
    case PROP_PROTOCOLS:
      g_value_take_boxed (value, avi_peer_dup_protocols (self));
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, avi_peer_get_connected (self));
      break;
    case PROP_ROUND_TRIP:
      g_value_set_int64 (value, avi_peer_get_round_trip (self));
      break;
    case PROP_DROPPED:
      g_value_set_uint64 (value, avi_peer_get_dropped (self));
      break;
    case PROP_SINCE:
      g_value_take_boxed (value, avi_peer_dup_since (self));
      break;
    case PROP_LAST_ERROR:
      g_value_take_string (value, avi_peer_dup_last_error (self));
      break;
    case PROP_SOURCE:
      g_value_set_flags (value, avi_peer_get_source (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_peer_finalize (GObject *object)
{
  AviPeer *self = AVI_PEER (object);

  g_clear_pointer (&self->told, avi_peer_info_unref);
  g_clear_pointer (&self->last, avi_peer_info_unref);
  g_clear_pointer (&self->core, avi_core_unref);
  g_free (self->id);
  avi_lock_clear (&self->lock);
  G_OBJECT_CLASS (avi_peer_parent_class)->finalize (object);
}

static void
avi_peer_init (AviPeer *self)
{
  avi_lock_init (&self->lock);
}

static void
avi_peer_class_init (AviPeerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = avi_peer_get_property;
  object_class->finalize = avi_peer_finalize;

  /**
   * AviPeer:id: (getter get_id)
   *
   * The peer id in base58.
   *
   * Since: 1.0
   */
  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, flags);

  /**
   * AviPeer:name: (getter dup_name)
   *
   * What to call the peer.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * AviPeer:agent: (getter dup_agent)
   *
   * How the peer's program calls itself, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_AGENT] = g_param_spec_string ("agent", NULL, NULL, NULL, flags);

  /**
   * AviPeer:addresses: (getter dup_addresses)
   *
   * Where the peer is: multiaddrs, the one in use first.
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESSES] = g_param_spec_boxed ("addresses", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * AviPeer:protocols: (getter dup_protocols)
   *
   * The libp2p protocols that the peer said it speaks.
   *
   * Since: 1.0
   */
  properties[PROP_PROTOCOLS] = g_param_spec_boxed ("protocols", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * AviPeer:connected: (getter get_connected)
   *
   * Whether there is a connection with the peer.
   *
   * Since: 1.0
   */
  properties[PROP_CONNECTED] = g_param_spec_boolean ("connected", NULL, NULL, FALSE, flags);

  /**
   * AviPeer:round-trip: (getter get_round_trip)
   *
   * How long the last ping took to the peer and back, in microseconds; -1: not measured.
   *
   * Since: 1.0
   */
  properties[PROP_ROUND_TRIP] = g_param_spec_int64 ("round-trip", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * AviPeer:dropped: (getter get_dropped)
   *
   * How many messages were dropped instead of being sent to the peer.
   *
   * Since: 1.0
   */
  properties[PROP_DROPPED] = g_param_spec_uint64 ("dropped", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * AviPeer:since: (getter dup_since)
   *
   * Since when the peer has been connected, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_SINCE] = g_param_spec_boxed ("since", NULL, NULL, G_TYPE_DATE_TIME, flags);

  /**
   * AviPeer:last-error: (getter dup_last_error)
   *
   * Why the peer is not connected, in words, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_LAST_ERROR] = g_param_spec_string ("last-error", NULL, NULL, NULL, flags);

  /**
   * AviPeer:source: (getter get_source)
   *
   * How the peer came to be known.
   *
   * Since: 1.0
   */
  properties[PROP_SOURCE] =
    g_param_spec_flags ("source", NULL, NULL, AVI_TYPE_PEER_SOURCE, AVI_PEER_SOURCE_NONE, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}
