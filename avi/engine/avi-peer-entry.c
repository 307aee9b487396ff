/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-peer-entry.h"

AviPeerEntry *
avi_peer_entry_new (AviSwarm        *swarm,
                    const AviPeerId *id)
{
  AviPeerEntry *self = g_new0 (AviPeerEntry, 1);

  self->swarm = swarm;
  self->id = *id;
  self->id_text = avi_peer_id_to_string (id);
  self->addresses = avi_addresses_new ();
  self->connections = g_ptr_array_new ();
  self->calls = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_call_unref);
  self->round_trip = -1;
  return self;
}

void
avi_peer_entry_free (AviPeerEntry *self)
{
  g_assert (self->dial == NULL && self->connections->len == 0);
  g_free (self->id_text);
  avi_addresses_free (self->addresses);
  g_ptr_array_unref (self->connections);
  g_ptr_array_unref (self->calls);
  g_free (self->name);
  g_free (self->agent);
  g_strfreev (self->protocols);
  g_free (self->last_error);
  g_free (self);
}

char *
avi_peer_short_name (const char *id_text)
{
  gsize len = strlen (id_text);

  return g_strdup_printf ("…%s", id_text + (len > 8 ? len - 8 : 0));
}

static char *
avi_peer_entry_show_address (AviPeerEntry *self,
                             AviMultiaddr *address)
{
  g_autoptr(AviMultiaddr) full = avi_multiaddr_with_peer (address, &self->id);

  return avi_multiaddr_to_string (full != NULL ? full : address);
}

static char **
avi_peer_entry_show_addresses (AviPeerEntry *self)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  AviMultiaddr *in_use = self->main != NULL && !self->main->inbound ? self->main->remote : NULL;

  if (in_use != NULL)
    {
      g_autofree char *text = avi_peer_entry_show_address (self, in_use);

      g_strv_builder_add (builder, text);
    }
  for (guint i = 0; i < avi_addresses_get_n (self->addresses); i++)
    {
      const AviKnownAddress *known = avi_addresses_get (self->addresses, i);

      if (in_use == NULL || !avi_multiaddr_equal (in_use, known->address))
        {
          g_autofree char *text = avi_peer_entry_show_address (self, known->address);

          g_strv_builder_add (builder, text);
        }
    }
  return g_strv_builder_end (builder);
}

AviPeerInfo *
avi_peer_entry_describe (AviPeerEntry *self)
{
  AviPeerInfo *info = g_new0 (AviPeerInfo, 1);

  avi_ref_count_init (&info->ref_count);
  info->peer = self->id;
  info->id = g_strdup (self->id_text);
  info->name = self->name != NULL ? g_strdup (self->name) : avi_peer_short_name (self->id_text);
  info->agent = g_strdup (self->agent);
  info->addresses = avi_peer_entry_show_addresses (self);
  info->protocols = self->protocols != NULL ? g_strdupv (self->protocols) : g_new0 (char *, 1);
  info->connected = self->main != NULL;
  info->round_trip = self->main != NULL ? self->main->round_trip : -1;
  info->n_dropped = self->n_dropped;
  info->since = self->main != NULL ? self->main->since : 0;
  info->last_error = self->main == NULL ? g_strdup (self->last_error) : NULL;
  info->source = (avi_addresses_get_sources (self->addresses) & AVI_SOURCE_PUBLIC)
                 | (self->was_inbound ? (guint) AVI_SOURCE_INBOUND : 0);
  return info;
}

gboolean
avi_peer_is_avi (const AviIdentify *info)
{
  return g_strcmp0 (info->protocol_version, AVI_PROTOCOL_VERSION) == 0;
}

void
avi_peer_entry_learn (AviPeerEntry      *self,
                      const AviIdentify *info)
{
  if (info->protocol_version != NULL)
    self->is_avi = avi_peer_is_avi (info);
  if (info->agent_version != NULL)
    {
      g_free (self->agent);
      self->agent = g_strdup (info->agent_version);
      g_free (self->name);
      self->name = self->is_avi && info->agent_version[0] != '\0' ? g_strdup (info->agent_version) : NULL;
    }
  if (info->protocols != NULL)
    {
      g_strfreev (self->protocols);
      self->protocols = g_strdupv (info->protocols);
    }
}

gboolean
avi_peer_entry_speaks (AviPeerEntry *self,
                       const char   *protocol)
{
  return self->protocols != NULL && g_strv_contains ((const char *const *) self->protocols, protocol);
}
