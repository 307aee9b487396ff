/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file of an identity, for AviIdentity: a libp2p PrivateKey, private to its owner. It is written whole
 * or not at all, and never over another. Each error names the file.
 */
#pragma once

#include "crypto/avi-key.h"

G_BEGIN_DECLS

/* NULL: NOT_FOUND where there is no such file, SECURITY where it is damaged or open to others, else FAILED. */
AviKeyPair *avi_identity_file_load   (const char *file, GError **error);
/* FALSE: ALREADY_EXISTS where there is one, NOT_FOUND where its folder is not there, else FAILED. */
gboolean    avi_identity_file_create (const char *file, AviKeyPair *key, GError **error);

G_END_DECLS
