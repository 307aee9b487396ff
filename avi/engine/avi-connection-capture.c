/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-connection-private.h"

void
avi_connection_begin_capture (AviConnection *self)
{
  struct sockaddr_storage local = { 0 }, remote = { 0 };
  g_autofree char *us = NULL;
  socklen_t len;

  if (self->engine->capture == NULL)
    return;
  us = avi_peer_id_to_string (&self->engine->self_id);
  if (self->local != NULL)
    avi_multiaddr_to_sockaddr (self->local, &local, &len);
  avi_multiaddr_to_sockaddr (self->remote, &remote, &len);
  self->flow = avi_capture_flow_new (self->engine->capture, (struct sockaddr *) &local, (struct sockaddr *) &remote,
                                     !self->inbound, us);
}

void
avi_connection_capture (AviConnection *self)
{
  if (self->flow != NULL)
    avi_capture_flow_take (self->flow, &self->engine->tap);
}

void
avi_connection_end_capture (AviConnection *self,
                            gboolean       by_peer)
{
  if (self->flow != NULL)
    avi_capture_flow_end (g_steal_pointer (&self->flow), by_peer, self->why_closed);
}

void
avi_connection_name_in_capture (AviConnection *self)
{
  g_autofree char *peer = NULL;

  if (self->flow == NULL)
    return;
  peer = avi_peer_id_to_string (&self->peer);
  avi_capture_flow_name (self->flow, peer);
}
