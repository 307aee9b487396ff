/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPubsubParams as the device hands them on.
 */
#pragma once

#include "avi-pubsub-params.h"
#include "protocols/gossipsub/avi-gossipsub-params.h"

G_BEGIN_DECLS

/* (transfer none) */
const AviGossipsubParams *avi_pubsub_params_get_inner (const AviPubsubParams *self);

G_END_DECLS
