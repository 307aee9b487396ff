/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a device needs of its identity beyond the public calls.
 */
#pragma once

#include "avi-identity.h"
#include "crypto/avi-key.h"

G_BEGIN_DECLS

/* Constant over the identity's life; no reference is given. */
AviKeyPair *avi_identity_get_key_pair (AviIdentity *self);

G_END_DECLS
