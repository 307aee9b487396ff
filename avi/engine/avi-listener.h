/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviListener: one listening TCP socket. Accepts while the limits and the descriptors allow.
 */
#pragma once

#include "avi-engine-private.h"

G_BEGIN_DECLS

typedef struct _AviListener AviListener;

/* @port: in place of a port 0, or 0 for any. Errors name the address: AVI_ERROR_ALREADY_EXISTS (in
 * use), AVI_ERROR_INVALID_ARGUMENT (not an address of a TCP socket), AVI_ERROR_NOT_FOUND (no such
 * address or family here), AVI_ERROR_SECURITY (not permitted), AVI_ERROR_LIMIT (no descriptors left),
 * AVI_ERROR_FAILED. */
AviListener  *avi_listener_new         (AviEngine *engine, AviMultiaddr *address, guint16 port, GError **error);
void          avi_listener_free        (AviListener *self);
/* As bound, with its port. */
AviMultiaddr *avi_listener_get_address (AviListener *self);
guint16       avi_listener_get_port    (AviListener *self);

G_END_DECLS
