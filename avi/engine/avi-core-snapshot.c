/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-core-internal.h"

static const char *const count_names[] = {
  "connections-opened",
  "connections-closed",
  "handshakes-failed",
  "refused-max-connections",
  "refused-max-connections-per-address",
  "refused-max-connections-per-peer",
  "refused-max-pending",
  "refused-max-peers",
  "dials",
  "dials-failed",
  "bytes-received",
  "bytes-sent",
  "mdns-packets-invalid",
  "addresses-ignored",
  "identity-conflicts",
  "messages-received",
  "messages-delivered",
  "messages-duplicate",
  "messages-forwarded",
  "messages-invalid",
  "messages-recovered",
  "messages-unwanted",
  "messages-unverified",
  "messages-rejected",
  "messages-ignored",
  "messages-unjudged",
  "streams-invalid",
  "streams-refused",
  "sends-dropped",
  "sends-spared",
  "gossip-limited",
  "promises-broken",
  "offences",
  "rpcs-ignored",
  "peers-exchanged",
};
G_STATIC_ASSERT (G_N_ELEMENTS (count_names) == AVI_N_COUNTS);

/* --- the snapshot --- */

AviCoreState
avi_core_get_state (AviCore *self)
{
  AviCoreState state;

  avi_core_lock (self);
  state = self->state;
  avi_unlock (&self->lock);
  return state;
}

void
avi_core_set_addresses (AviCore *self,
                        char   **addresses)
{
  gboolean same;

  avi_core_lock (self);
  same = g_strv_equal ((const char *const *) self->addresses, (const char *const *) addresses);
  if (!same)
    {
      g_strfreev (self->addresses);
      self->addresses = g_strdupv (addresses);
    }
  avi_unlock (&self->lock);
  if (!same)
    avi_core_push (self, avi_event_new (AVI_EVENT_ADDRESSES));
}

char **
avi_core_dup_addresses (AviCore *self)
{
  char **addresses;

  avi_core_lock (self);
  addresses = g_strdupv (self->addresses);
  avi_unlock (&self->lock);
  return addresses;
}

void
avi_core_set_status (AviCore    *self,
                     const char *status)
{
  gboolean same;

  avi_core_lock (self);
  same = g_strcmp0 (self->status, status) == 0;
  if (!same)
    {
      g_free (self->status);
      self->status = g_strdup (status);
    }
  avi_unlock (&self->lock);
  if (!same)
    avi_core_push (self, avi_event_new (AVI_EVENT_STATUS));
}

char *
avi_core_dup_status (AviCore *self)
{
  char *status;

  avi_core_lock (self);
  status = g_strdup (self->status);
  avi_unlock (&self->lock);
  return status;
}

void
avi_core_set_peer (AviCore     *self,
                   AviPeerInfo *info)
{
  avi_core_lock (self);
  g_hash_table_replace (self->peers, &info->peer, avi_peer_info_ref (info));
  avi_unlock (&self->lock);
}

void
avi_core_remove_peer (AviCore         *self,
                      const AviPeerId *peer)
{
  avi_core_lock (self);
  g_hash_table_remove (self->peers, peer);
  avi_unlock (&self->lock);
}

AviPeerInfo *
avi_core_dup_peer (AviCore         *self,
                   const AviPeerId *peer)
{
  AviPeerInfo *info;

  avi_core_lock (self);
  info = g_hash_table_lookup (self->peers, peer);
  if (info != NULL)
    avi_peer_info_ref (info);
  avi_unlock (&self->lock);
  return info;
}

void
avi_core_set_subscribers (AviCore    *self,
                          const char *topic,
                          guint       n)
{
  avi_core_lock (self);
  if (n == 0)
    g_hash_table_remove (self->subscribers, topic);
  else
    g_hash_table_replace (self->subscribers, g_strdup (topic), GINT_TO_POINTER (n));
  avi_unlock (&self->lock);
}

void
avi_core_count (AviCore *self,
                AviCount what,
                guint64  n)
{
  atomic_fetch_add_explicit (&self->counts[what], n, memory_order_relaxed);
}

void
avi_core_set_count (AviCore *self,
                    AviCount what,
                    guint64  value)
{
  atomic_store_explicit (&self->counts[what], value, memory_order_relaxed);
}

GVariant *
avi_core_dup_statistics (AviCore *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < AVI_N_COUNTS; i++)
    g_variant_builder_add (&builder, "{sv}", count_names[i],
                           g_variant_new_uint64 (atomic_load_explicit (&self->counts[i], memory_order_relaxed)));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
