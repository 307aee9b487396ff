/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLocalFile: what one node's file in the user's runtime directory says, and its text form, a key
 * file with one group:
 *
 *     [node]
 *     peer-id=12D3KooW…
 *     name=kitchen
 *     boot-id=32 hex digits
 *     addresses=/ip4/127.0.0.1/tcp/4001;/ip6/::1/tcp/4001;
 *
 * AviLocal writes and reads such files; this knows bytes only, never a path or a descriptor.
 */
#pragma once

#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_LOCAL_FILE_MAX_LEN       (16 * 1024) /* bytes */
#define AVI_LOCAL_FILE_MAX_ADDRESSES 16
#define AVI_LOCAL_BOOT_ID_LEN        16 /* bytes */

typedef struct
{
  AviPeerId  peer;
  char      *name;
  guint8     boot_id[AVI_LOCAL_BOOT_ID_LEN];
  GPtrArray *addresses; /* (element-type AviMultiaddr), without /p2p/ */
} AviLocalFile;

/* TCP at 127.0.0.0/8 or ::1: the only addresses that these files carry. */
gboolean  avi_local_file_takes  (const AviMultiaddr *address);

/* AVI_ERROR_PROTOCOL: not such a file. AVI_ERROR_LIMIT: too long, or too many addresses. An address
 * that `takes` refuses, or of a kind that is not known here, is left out: a later version may
 * write more. @out is filled on success only; clear it then. */
gboolean  avi_local_file_parse  (AviLocalFile *out, AviSpan bytes, GError **error);
/* NULL: AVI_ERROR_INVALID_ARGUMENT where the name is no UTF-8, AVI_ERROR_LIMIT where the result
 * would be too long. Addresses that `takes` refuses, and those beyond the limit, are left out. */
GBytes   *avi_local_file_format (const AviLocalFile *self, GError **error);
gboolean  avi_local_file_equal  (const AviLocalFile *a, const AviLocalFile *b);
void      avi_local_file_clear  (AviLocalFile *self);

G_END_DECLS
