/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-peer-info.h"

AviPeerInfo *
avi_peer_info_ref (AviPeerInfo *self)
{
  avi_ref_count_inc (&self->ref_count);
  return self;
}

void
avi_peer_info_unref (AviPeerInfo *self)
{
  if (!avi_ref_count_dec (&self->ref_count))
    return;
  g_free (self->id);
  g_free (self->name);
  g_free (self->agent);
  g_strfreev (self->addresses);
  g_strfreev (self->protocols);
  g_free (self->last_error);
  g_free (self);
}
