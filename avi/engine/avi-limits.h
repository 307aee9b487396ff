/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLimits: how many connections there are, in all, per source address, and with their handshake
 * still to do, of these per source network, too: an IPv4 /24, an IPv6 /64, all link-local addresses on
 * an interface. It counts and says no, or who gives way; whoever asks closes.
 */
#pragma once

#include "avi-core-private.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_LIMITS_HEARSAY_BURST 512
#define AVI_LIMITS_HEARSAY_RATE  32
#define AVI_LIMITS_LATER         (250 * G_TIME_SPAN_MILLISECOND) /* to look again for room among max-dials */

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
  gint64      hearsay_paid;  /* monotonic: until when the attempts on hearsay so far use up their rate */
  GHashTable *per_address;   /* GBytes of an inbound connection's IP address → count */
  GHashTable *pending;       /* GBytes of its network → count of those with the handshake not done */
} AviLimits;

void     avi_limits_init  (AviLimits *self, AviCore *core, const AviSettings *settings);
void     avi_limits_clear (AviLimits *self);

/* One more inbound connection from @source: TRUE and counted, or FALSE with AVI_ERROR_LIMIT, which
 * names the limit, its value and who used it up; the refusal is counted. */
gboolean avi_limits_accept (AviLimits *self, const struct sockaddr *source, GError **error);
/* Before that: where max-pending is reached, or @source's network has half of it, the network of which the oldest
 * connection with its handshake to do has to go, once @source's is accepted: (transfer full). NULL: there is room. */
GBytes  *avi_limits_find_crowd (AviLimits *self, const struct sockaddr *source);
gboolean avi_limits_is_of_crowd (GBytes *crowd, const struct sockaddr *source);
/* That one goes: it is counted; why, in words: (transfer full). */
char    *avi_limits_displace (AviLimits *self, GBytes *crowd);
gboolean avi_limits_dial   (AviLimits *self, GError **error);
/* When the next attempt may begin at an address that only others told: now, or later. Of max-dials a quarter is not
 * for these, and they come AVI_LIMITS_HEARSAY_BURST at once, from then on AVI_LIMITS_HEARSAY_RATE a second: whoever
 * announces ever new peers makes no node of the network a hammer. */
gint64   avi_limits_get_hearsay_turn (const AviLimits *self, gint64 now);
void     avi_limits_take_hearsay_turn (AviLimits *self, gint64 now);
/* @source: of an inbound connection, else NULL. */
void     avi_limits_handshake_done (AviLimits *self, const struct sockaddr *source);
/* @source: of an inbound connection, else NULL. @pending: its handshake was never done. */
void     avi_limits_close  (AviLimits *self, const struct sockaddr *source, gboolean inbound, gboolean pending);

G_END_DECLS
