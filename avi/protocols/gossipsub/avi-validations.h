/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviValidations: the messages that the program's validators have before them (gossipsub 1.1, Extended Validators),
 * each under a ticket and for so long at most. Their signatures are good, or their authors sent them themselves; nobody
 * is told of them and nothing is passed on before the verdict. Used by the router's files only.
 */
#pragma once

#include "avi-arrival.h"
#include "avi-message.h"

G_BEGIN_DECLS

typedef struct
{
  guint64    ticket;
  gint64     deadline; /* µs */
  AviArrival arrival;
  AviMessage *told;    /* what the program is shown */
  GList      link;     /* data: the validation itself */
} AviValidation;

typedef struct _AviValidations AviValidations;

/* @first_ticket: another one at each start, so that no verdict reaches a message of another run.
 * @max_bytes: of memory, beyond the message that is the only one. @patience: with a validator; µs. */
AviValidations *avi_validations_new  (guint64 first_ticket, guint max, gsize max_bytes, gint64 patience);
void            avi_validations_free (AviValidations *self);

/* The ticket that the next one will have is known before. */
guint64         avi_validations_get_next_ticket (AviValidations *self);
/* FALSE where there is no room for more of who sent it: nobody's messages may take up more than what is then left for
 * all others, so that who sends many keeps out none of theirs. */
gboolean        avi_validations_have_room       (AviValidations *self, const AviArrival *arrival);
/* There is room. Takes what is in @arrival, and a reference on @told. */
void            avi_validations_add  (AviValidations *self, AviArrival *arrival, AviMessage *told, gint64 now);
/* It came from @peer, too. FALSE: no message of this id and these bytes is here: its author may say one thing to us and
 * another to all the rest. */
gboolean        avi_validations_hold (AviValidations *self, const AviMessageId *id, AviSpan raw, guint64 peer);
/* NULL where there is no such ticket: (transfer full) */
AviValidation  *avi_validations_take (AviValidations *self, guint64 ticket);
/* The next one whose time is over, or NULL: (transfer full) */
AviValidation  *avi_validations_take_late (AviValidations *self, gint64 now);
/* When the first one is late; G_MAXINT64: there are none. */
gint64          avi_validations_get_deadline (AviValidations *self);
guint           avi_validations_get_size     (AviValidations *self);
gsize           avi_validations_get_bytes    (AviValidations *self);

void            avi_validation_free  (AviValidation *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviValidation, avi_validation_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviValidations, avi_validations_free)

G_END_DECLS
