/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviIdentity: the key pair that a device is known by, made, loaded and saved, and what it signs.
 * Programs that keep their id over restarts hand one to their AviDevice. Its key never changes, and
 * it never gives the secret away but to a file.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

#define AVI_TYPE_IDENTITY (avi_identity_get_type ())

AVI_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (AviIdentity, avi_identity, AVI, IDENTITY, GObject)

AVI_AVAILABLE_IN_1_0
AviIdentity *avi_identity_generate       (void);
AVI_AVAILABLE_IN_1_0
AviIdentity *avi_identity_from_seed      (GBytes       *seed,
                                          GError      **error);
AVI_AVAILABLE_IN_1_0
AviIdentity *avi_identity_load           (const char   *file,
                                          GError      **error);
AVI_AVAILABLE_IN_1_0
AviIdentity *avi_identity_load_or_create (const char   *file,
                                          GError      **error);
AVI_AVAILABLE_IN_1_0
gboolean     avi_identity_save           (AviIdentity  *self,
                                          const char   *file,
                                          GError      **error);
AVI_AVAILABLE_IN_1_0
const char  *avi_identity_get_peer_id    (AviIdentity  *self);
AVI_AVAILABLE_IN_1_0
char        *avi_identity_dup_file       (AviIdentity  *self);
AVI_AVAILABLE_IN_1_0
GBytes      *avi_identity_sign           (AviIdentity  *self,
                                          GBytes       *data);
AVI_AVAILABLE_IN_1_0
gboolean     avi_identity_verify         (const char   *peer_id,
                                          GBytes       *data,
                                          GBytes       *signature,
                                          GError      **error);

G_END_DECLS
