/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviVerifications: the messages whose signatures are being checked, each under a ticket. A message that
 * came by way of another peer counts as seen only once its signature held: else a forgery with the id of a message to
 * come would keep that one out. So the same id may be here several times, with different bytes.
 */
#pragma once

#include "avi-arrival.h"
#include "crypto/avi-key.h"

G_BEGIN_DECLS

typedef struct _AviVerification AviVerification;
struct _AviVerification
{
  guint64          ticket;
  AviArrival       arrival;
  AviPublicKey    *key;
  AviVerification *next; /* another of the same id */
  gsize            signed_len;
  guint8           signed_bytes[];
};

typedef struct _AviVerifications AviVerifications;

/* @max_bytes: of memory, beyond the message that is the only one. */
AviVerifications *avi_verifications_new  (guint max, gsize max_bytes);
void              avi_verifications_free (AviVerifications *self);

/* NULL where the table is full. Takes what is in @arrival, and a reference on @key. */
AviVerification  *avi_verifications_add  (AviVerifications *self, AviArrival *arrival, AviPublicKey *key);
/* The very same bytes came again, from @peer: TRUE. */
gboolean          avi_verifications_hold (AviVerifications *self, const AviMessageId *id, AviSpan raw, guint64 peer);
gboolean          avi_verifications_contain (AviVerifications *self, const AviMessageId *id);
/* There are some of this author's that nobody was told of: what comes of it now is to wait behind them. */
gboolean          avi_verifications_delay (AviVerifications *self, const AviPeerId *author);
/* NULL where there is no such ticket: (transfer full) */
AviVerification  *avi_verifications_take (AviVerifications *self, guint64 ticket);

/* From half of either limit on. */
gboolean          avi_verifications_are_many (AviVerifications *self);
guint             avi_verifications_get_size (AviVerifications *self);

void              avi_verification_free      (AviVerification *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviVerification, avi_verification_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviVerifications, avi_verifications_free)

G_END_DECLS
