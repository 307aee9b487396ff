/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-lan-peers.h"

typedef struct
{
  guint      source;
  GPtrArray *addresses;
} View;

typedef struct
{
  AviPeerId id;
  GArray   *views; /* of View, by source; as many as there are interfaces at most */
} Peer;

struct _AviLanPeers
{
  GHashTable *peers; /* AviPeerId → Peer */
};

static void
avi_lan_view_clear (gpointer data)
{
  g_ptr_array_unref (((View *) data)->addresses);
}

static void
avi_lan_peer_free (gpointer data)
{
  Peer *self = data;

  g_array_unref (self->views);
  g_free (self);
}

AviLanPeers *
avi_lan_peers_new (void)
{
  AviLanPeers *self = g_new0 (AviLanPeers, 1);

  self->peers = g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, NULL, avi_lan_peer_free);
  return self;
}

void
avi_lan_peers_free (AviLanPeers *self)
{
  g_hash_table_unref (self->peers);
  g_free (self);
}

guint
avi_lan_peers_get_n (AviLanPeers *self)
{
  return g_hash_table_size (self->peers);
}

/* The place of @source's view, or the one where it belongs. */
static guint
avi_lan_peer_find (Peer *self,
                   guint source)
{
  guint i = 0;

  while (i < self->views->len && g_array_index (self->views, View, i).source < source)
    i++;
  return i;
}

static gboolean
avi_lan_peer_has (Peer *self,
                  guint at,
                  guint source)
{
  return at < self->views->len && g_array_index (self->views, View, at).source == source;
}

static GPtrArray *
avi_lan_peers_copy_addresses (GPtrArray *addresses)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_add (copy, avi_multiaddr_ref (g_ptr_array_index (addresses, i)));
  return copy;
}

static GPtrArray *
avi_lan_peer_join (Peer *self)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < self->views->len; i++)
    {
      GPtrArray *addresses = g_array_index (self->views, View, i).addresses;

      for (guint j = 0; j < addresses->len; j++)
        {
          AviMultiaddr *address = g_ptr_array_index (addresses, j);

          if (!g_ptr_array_find_with_equal_func (all, address, avi_multiaddr_equal, NULL))
            g_ptr_array_add (all, avi_multiaddr_ref (address));
        }
    }
  return all;
}

GPtrArray *
avi_lan_peers_set (AviLanPeers     *self,
                   const AviPeerId *id,
                   guint            source,
                   GPtrArray       *addresses)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);
  View view = { source, NULL };
  guint at;

  if (peer == NULL)
    {
      if (g_hash_table_size (self->peers) >= AVI_LAN_MAX_PEERS)
        return NULL;
      peer = g_new0 (Peer, 1);
      peer->id = *id;
      peer->views = g_array_new (FALSE, FALSE, sizeof (View));
      g_array_set_clear_func (peer->views, avi_lan_view_clear);
      g_hash_table_insert (self->peers, &peer->id, peer);
    }

  at = avi_lan_peer_find (peer, source);
  if (avi_lan_peer_has (peer, at, source))
    g_array_remove_index (peer->views, at);
  view.addresses = avi_lan_peers_copy_addresses (addresses);
  g_array_insert_val (peer->views, at, view);
  return avi_lan_peer_join (peer);
}

gboolean
avi_lan_peers_remove (AviLanPeers     *self,
                      const AviPeerId *id,
                      guint            source,
                      GPtrArray      **left)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);
  guint at = peer != NULL ? avi_lan_peer_find (peer, source) : 0;

  *left = NULL;
  if (peer == NULL || !avi_lan_peer_has (peer, at, source))
    return FALSE;
  g_array_remove_index (peer->views, at);
  if (peer->views->len > 0)
    *left = avi_lan_peer_join (peer);
  else
    g_hash_table_remove (self->peers, id);
  return TRUE;
}
