/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviPcapng: blocks of a pcapng file (draft-ietf-opsawg-pcapng) in which conversations stand as TCP
 * segments that never were: what two ends said to each other, with headers made up so that a reader
 * follows the stream. It knows bytes only; who writes them to a file is AviCapture.
 */
#pragma once

#include <sys/socket.h>

#include "wire/avi-span.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_PCAPNG_US,
  AVI_PCAPNG_PEER
} AviPcapngEnd;

typedef struct
{
  struct sockaddr_storage ends[2];
  guint32                 next[2]; /* sequence numbers: of the first byte that each end has not said */
} AviPcapngFlow;

/* Section header and interface. */
void avi_pcapng_put_head  (GByteArray *out, const char *program, const char *comment);

/* Both of AF_INET or both of AF_INET6; else the addresses are shown as 0.0.0.0. */
void avi_pcapng_flow_init (AviPcapngFlow *self, const struct sockaddr *us, const struct sockaddr *peer);
/* @time: Unix µs. @comment: shown with the first segment; or NULL. */
void avi_pcapng_put_open  (AviPcapngFlow *self, GByteArray *out, AviPcapngEnd dialler, gint64 time,
                           const char *comment);
void avi_pcapng_put_data  (AviPcapngFlow *self, GByteArray *out, AviPcapngEnd from, AviSpan bytes, gint64 time,
                           const char *comment);
/* @n bytes of @from are missing. */
void avi_pcapng_skip      (AviPcapngFlow *self, AviPcapngEnd from, gsize n);
/* @first: who ends it. */
void avi_pcapng_put_close (AviPcapngFlow *self, GByteArray *out, AviPcapngEnd first, gint64 time,
                           const char *comment);

G_END_DECLS
