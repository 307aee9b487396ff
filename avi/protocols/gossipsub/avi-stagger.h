/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviStagger: copies of large messages that are not sent at once: whoever is to get one has until then the time to say,
 * by IDONTWANT, that another peer was quicker. Of one author none goes before those that came earlier. Used by the
 * router's files only.
 */
#pragma once

#include "avi-gossip-message.h"

G_BEGIN_DECLS

typedef struct
{
  AviGossipMessage *message;
  gint64            due;   /* µs */
  GArray           *peers; /* of guint64: serials of those that wait for it */
  GList             link, author_link; /* data: this */
} AviStaggered;

typedef struct _AviStagger AviStagger;

/* Holds up to @max messages, of @max_bytes of memory together. */
AviStagger       *avi_stagger_new  (guint max, gsize max_bytes);
void              avi_stagger_free (AviStagger *self);

/* Takes @peers, and a reference on @message, which is not among those that are here. FALSE: there is no room, and nothing
 * was taken. */
gboolean          avi_stagger_add  (AviStagger *self, AviGossipMessage *message, GArray *peers, gint64 due);
/* Whether @peer waits for that message. */
gboolean          avi_stagger_waits    (AviStagger *self, const AviMessageId *id, guint64 peer);
/* @peer does not wait for that message any more, if it did. */
void              avi_stagger_drop     (AviStagger *self, const AviMessageId *id, guint64 peer);
/* The first message of @author that @peer waits for, which it then does no more: (transfer full); NULL: none */
AviGossipMessage *avi_stagger_take_for (AviStagger *self, const AviPeerId *author, guint64 peer);
/* The next one whose time has come, with whoever still waits for it: (transfer full); NULL: none */
AviStaggered     *avi_stagger_take_due (AviStagger *self, gint64 now);
/* The first one on that topic, likewise. */
AviStaggered     *avi_stagger_take_of      (AviStagger *self, AviSpan topic);
/* G_MAXINT64: nothing is there. */
gint64            avi_stagger_get_deadline (const AviStagger *self);
guint             avi_stagger_get_size     (const AviStagger *self);
gsize             avi_stagger_get_bytes    (const AviStagger *self);

void              avi_staggered_free (AviStaggered *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviStaggered, avi_staggered_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviStagger, avi_stagger_free)

G_END_DECLS
