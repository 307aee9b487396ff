/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-pubsub-params-private.h"

/**
 * AviPubsubParams:
 *
 * The numbers that pub/sub goes by: how many peers a mesh has, how long what is remembered, what a peer's
 * behaviour is worth, from which score on it is not listened to any more.
 *
 * A program that needs no others needs none of this: [ctor@Avi.PubsubParams.new] has what is right for a home.
 * Else it makes one, changes some numbers, and gives it to a device that is stopped, by
 * [property@Avi.Device:pubsub-params]:
 *
 * ```python
 * params = Avi.PubsubParams.new()
 * params.set_number("d", 8)
 * params.set_topic_number("alarms", "topic-weight", 2)
 * device = Avi.Device(node_name="kitchen", pubsub_params=params)
 * ```
 *
 * Every number has a name, a range, and a value to begin with: the page [Pub/sub](gossipsub.html) lists them and
 * says what each is for. Times are in milliseconds, sizes in bytes, switches are 0 or 1. Those that are
 * of a topic hold for all topics that have none of their own.
 *
 * Some have to go together, and a device does not start with those that do not: [method@Avi.PubsubParams.check] tells.
 *
 * All members of a mesh may have numbers of their own; nothing of them is said on the wire.
 *
 * Since: 1.0
 */
struct _AviPubsubParams
{
  AviGossipsubParams inner;
};

/* What G_DEFINE_BOXED_TYPE does, but for a cast through a union that -Wpedantic refuses. */
GType
avi_pubsub_params_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static (g_intern_static_string ("AviPubsubParams"),
                                                            (GBoxedCopyFunc) avi_pubsub_params_copy,
                                                            (GBoxedFreeFunc) avi_pubsub_params_free));
  return type;
}

/**
 * avi_pubsub_params_new:
 *
 * Makes one in which every number is as a device has it of its own accord.
 *
 * Returns: (transfer full): the parameters
 *
 * Since: 1.0
 */
AviPubsubParams *
avi_pubsub_params_new (void)
{
  AviPubsubParams *self = g_new0 (AviPubsubParams, 1);

  avi_gossipsub_params_init (&self->inner);
  return self;
}

/**
 * avi_pubsub_params_copy:
 * @self: the parameters
 *
 * Copies them. What is changed in one is not in the other.
 *
 * Returns: (transfer full): the copy
 *
 * Since: 1.0
 */
AviPubsubParams *
avi_pubsub_params_copy (AviPubsubParams *self)
{
  AviPubsubParams *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = g_new0 (AviPubsubParams, 1);
  avi_gossipsub_params_copy (&copy->inner, &self->inner);
  return copy;
}

/**
 * avi_pubsub_params_free:
 * @self: (transfer full): the parameters
 *
 * Frees them. A device that they were given to has its own copy.
 *
 * Since: 1.0
 */
void
avi_pubsub_params_free (AviPubsubParams *self)
{
  g_return_if_fail (self != NULL);

  avi_gossipsub_params_clear (&self->inner);
  g_free (self);
}

/**
 * avi_pubsub_params_set_number:
 * @self: the parameters
 * @name: a parameter, as `d` or `heartbeat-interval`; see [func@Avi.PubsubParams.list_numbers]
 * @value: its value; times in milliseconds, sizes in bytes, switches 0 or 1
 * @error: return location for an error
 *
 * Sets a number. That of a topic holds for all topics that have none of their own.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT, changing nothing, where there is no such parameter or the value is not in its
 * range; the message names both.
 *
 * Returns: %TRUE where it is set
 *
 * Since: 1.0
 */
gboolean
avi_pubsub_params_set_number (AviPubsubParams *self,
                              const char      *name,
                              double           value,
                              GError         **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return avi_gossipsub_params_set (&self->inner, NULL, name, value, error);
}

/**
 * avi_pubsub_params_get_number:
 * @self: the parameters
 * @name: a parameter
 * @error: return location for an error
 *
 * Gets a number. Fails with %AVI_ERROR_INVALID_ARGUMENT where there is no such parameter.
 *
 * Returns: its value, in the unit of [method@Avi.PubsubParams.set_number]; 0 where it fails
 *
 * Since: 1.0
 */
double
avi_pubsub_params_get_number (const AviPubsubParams *self,
                              const char            *name,
                              GError               **error)
{
  double value = 0;

  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (name != NULL, 0);

  avi_gossipsub_params_get (&self->inner, NULL, name, &value, error);
  return value;
}

/**
 * avi_pubsub_params_set_topic_number:
 * @self: the parameters
 * @topic: a topic
 * @name: a parameter that each topic has, as `topic-weight`
 * @value: its value
 * @error: return location for an error
 *
 * Sets a number of one topic, which from then on has all of these for itself: those that are not set stay as they are
 * for all topics at that time.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT as [method@Avi.PubsubParams.set_number] does, and where @topic is no topic,
 * or %AVI_ERROR_LIMIT, where 1,024 topics have their own.
 *
 * Returns: %TRUE where it is set
 *
 * Since: 1.0
 */
gboolean
avi_pubsub_params_set_topic_number (AviPubsubParams *self,
                                    const char      *topic,
                                    const char      *name,
                                    double           value,
                                    GError         **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (topic != NULL, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return avi_gossipsub_params_set (&self->inner, topic, name, value, error);
}

/**
 * avi_pubsub_params_get_topic_number:
 * @self: the parameters
 * @topic: a topic
 * @name: a parameter that each topic has
 * @error: return location for an error
 *
 * Gets a number of one topic: its own, or what holds for all. Fails with %AVI_ERROR_INVALID_ARGUMENT where there is no
 * such parameter, or it is not one that each topic has.
 *
 * Returns: its value; 0 where it fails
 *
 * Since: 1.0
 */
double
avi_pubsub_params_get_topic_number (const AviPubsubParams *self,
                                    const char            *topic,
                                    const char            *name,
                                    GError               **error)
{
  double value = 0;

  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (topic != NULL, 0);
  g_return_val_if_fail (name != NULL, 0);

  avi_gossipsub_params_get (&self->inner, topic, name, &value, error);
  return value;
}

/**
 * avi_pubsub_params_list_numbers:
 *
 * Lists the names of all numbers.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
avi_pubsub_params_list_numbers (void)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  gboolean is_time, of_topic;
  const char *name;

  for (guint i = 0; (name = avi_gossipsub_params_get_name (i, &is_time, &of_topic)) != NULL; i++)
    g_strv_builder_add (names, name);
  return g_strv_builder_end (names);
}

/**
 * avi_pubsub_params_set_flood_publish:
 * @self: the parameters
 * @flood_publish: whether what is published goes to all peers that subscribe, rather than to the mesh
 *
 * Sets the switch `flood-publish`: by default %TRUE.
 *
 * Since: 1.0
 */
void
avi_pubsub_params_set_flood_publish (AviPubsubParams *self,
                                     gboolean         flood_publish)
{
  g_return_if_fail (self != NULL);

  self->inner.flood_publish = !!flood_publish;
}

/**
 * avi_pubsub_params_get_flood_publish:
 * @self: the parameters
 *
 * Gets the switch `flood-publish`.
 *
 * Returns: %TRUE where what is published goes to all peers that subscribe
 *
 * Since: 1.0
 */
gboolean
avi_pubsub_params_get_flood_publish (const AviPubsubParams *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->inner.flood_publish;
}

/**
 * avi_pubsub_params_set_direct_peers:
 * @self: the parameters
 * @peers: (nullable) (array zero-terminated=1): peer ids, or multiaddrs that end in `/p2p/PEER-ID`; %NULL: none
 * @error: return location for an error
 *
 * Sets the peers that there is an agreement with (gossipsub 1.1, Explicit Peering Agreements), at most 64: the device
 * stays connected with those whose address is given or found, they get every message of their topics, are in no mesh, and
 * are listened to whatever they do. The agreement has to be mutual: each has the other in its list.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT, naming the peer, or %AVI_ERROR_LIMIT.
 *
 * Returns: %TRUE where they are set
 *
 * Since: 1.0
 */
gboolean
avi_pubsub_params_set_direct_peers (AviPubsubParams   *self,
                                    const char *const *peers,
                                    GError           **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return avi_gossipsub_params_set_direct_peers (&self->inner, peers, error);
}

/**
 * avi_pubsub_params_dup_direct_peers:
 * @self: the parameters
 *
 * Gets the peers that there is an agreement with, as they were set.
 *
 * Returns: (transfer full) (array zero-terminated=1): peer ids or multiaddrs
 *
 * Since: 1.0
 */
char **
avi_pubsub_params_dup_direct_peers (const AviPubsubParams *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->inner.direct_peers != NULL ? g_strdupv (self->inner.direct_peers) : g_new0 (char *, 1);
}

/**
 * avi_pubsub_params_check:
 * @self: the parameters
 * @error: return location for an error
 *
 * Whether the numbers go together, as that `d` is not above `d-hi`, and `seen-ttl` not below `heartbeat-interval` ×
 * (`history-length` + 1) + `iwant-followup-time`, so that no message is told twice. [method@Avi.Device.start] fails with
 * the same error where they do not.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT, saying which do not.
 *
 * Returns: %TRUE where they do
 *
 * Since: 1.0
 */
gboolean
avi_pubsub_params_check (const AviPubsubParams *self,
                         GError               **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return avi_gossipsub_params_check (&self->inner, error);
}

const AviGossipsubParams *
avi_pubsub_params_get_inner (const AviPubsubParams *self)
{
  return &self->inner;
}
