/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLimits: how many connections there are, in all, per source address, and with their handshake
 * still to do. It counts and says no; whoever asks closes.
 */
#pragma once

#include "avi-core-private.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef struct
{
  AviCore    *core;
  guint       max_connections;
  guint       max_per_address;
  guint       max_pending;
  guint       max_dials;
  guint       n_connections; /* sockets, both directions, from accept or connect to close */
  guint       n_pending;     /* inbound, handshake not done */
  guint       n_dials;       /* outbound, handshake not done */
  GHashTable *per_address;   /* GBytes of an inbound connection's IP address → count */
} AviLimits;

void     avi_limits_init  (AviLimits *self, AviCore *core, const AviSettings *settings);
void     avi_limits_clear (AviLimits *self);

/* One more inbound connection from @source: TRUE and counted, or FALSE with AVI_ERROR_LIMIT, which
 * names the limit, its value and who used it up; the refusal is counted. */
gboolean avi_limits_accept (AviLimits *self, const struct sockaddr *source, GError **error);
gboolean avi_limits_dial   (AviLimits *self, GError **error);
void     avi_limits_handshake_done (AviLimits *self, gboolean inbound);
/* @source: of an inbound connection, else NULL. @pending: its handshake was never done. */
void     avi_limits_close  (AviLimits *self, const struct sockaddr *source, gboolean inbound, gboolean pending);

G_END_DECLS
