/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-arrival.h"

void
avi_arrival_init (AviArrival *self, AviGossipMessage *message, guint64 peer)
{
  self->message = avi_gossip_message_ref (message);
  self->stage = AVI_ARRIVAL_NEW;
  self->praised = FALSE;
  self->n_holders = 1;
  self->holders[0] = peer;
}

void
avi_arrival_move (AviArrival *self, AviArrival *from)
{
  *self = *from;
  from->message = NULL;
}

void
avi_arrival_clear (AviArrival *self)
{
  g_clear_pointer (&self->message, avi_gossip_message_unref);
}

void
avi_arrival_hold (AviArrival *self, guint64 peer)
{
  if (self->n_holders < AVI_ARRIVAL_MAX_HOLDERS)
    self->holders[self->n_holders++] = peer;
}

gboolean
avi_arrival_is_held_by (const AviArrival *self, guint64 peer)
{
  for (guint i = 0; i < self->n_holders; i++)
    if (self->holders[i] == peer)
      return TRUE;
  return FALSE;
}
