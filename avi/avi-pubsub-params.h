/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPubsubParams: the numbers that pub/sub goes by, for AviDevice:pubsub-params. Nobody needs one: what
 * a device does of its own accord is right for a home.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

#define AVI_TYPE_PUBSUB_PARAMS (avi_pubsub_params_get_type ())

typedef struct _AviPubsubParams AviPubsubParams;

AVI_AVAILABLE_IN_1_0
GType            avi_pubsub_params_get_type          (void) G_GNUC_CONST;
AVI_AVAILABLE_IN_1_0
AviPubsubParams *avi_pubsub_params_new               (void);
AVI_AVAILABLE_IN_1_0
AviPubsubParams *avi_pubsub_params_copy              (AviPubsubParams *self);
AVI_AVAILABLE_IN_1_0
void             avi_pubsub_params_free              (AviPubsubParams *self);

AVI_AVAILABLE_IN_1_0
gboolean         avi_pubsub_params_set_number        (AviPubsubParams *self, const char *name, double value,
                                                      GError **error);
AVI_AVAILABLE_IN_1_0
double           avi_pubsub_params_get_number        (const AviPubsubParams *self, const char *name, GError **error);
AVI_AVAILABLE_IN_1_0
gboolean         avi_pubsub_params_set_topic_number  (AviPubsubParams *self, const char *topic, const char *name,
                                                      double value, GError **error);
AVI_AVAILABLE_IN_1_0
double           avi_pubsub_params_get_topic_number  (const AviPubsubParams *self, const char *topic, const char *name,
                                                      GError **error);
AVI_AVAILABLE_IN_1_0
char           **avi_pubsub_params_list_numbers      (void);

AVI_AVAILABLE_IN_1_0
void             avi_pubsub_params_set_flood_publish (AviPubsubParams *self, gboolean flood_publish);
AVI_AVAILABLE_IN_1_0
gboolean         avi_pubsub_params_get_flood_publish (const AviPubsubParams *self);
AVI_AVAILABLE_IN_1_0
gboolean         avi_pubsub_params_set_direct_peers  (AviPubsubParams *self, const char *const *peers, GError **error);
AVI_AVAILABLE_IN_1_0
char           **avi_pubsub_params_dup_direct_peers  (const AviPubsubParams *self);

AVI_AVAILABLE_IN_1_0
gboolean         avi_pubsub_params_check             (const AviPubsubParams *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviPubsubParams, avi_pubsub_params_free)

G_END_DECLS
