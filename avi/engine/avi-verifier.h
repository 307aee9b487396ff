/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviVerifier: checks signatures: a few at once in the engine's thread, and where they queue up in a small pool of
 * threads beside it. Answers come in the order of the questions, whoever found them, so that what one author says is
 * heard in the order in which it came. The pool comes with the first queue and ends with the verifier.
 * In a child of fork () there is no pool and nobody asks: the engine does nothing there.
 */
#pragma once

#include "crypto/avi-key.h"

G_BEGIN_DECLS

#define AVI_VERIFIER_MAX_THREADS 4
#define AVI_VERIFIER_FEW         8   /* signatures that are no queue: a third of a millisecond */
#define AVI_VERIFIER_MAX_WAITING 256 /* that nobody looks at yet, from which on whoever adds one checks one */

typedef struct _AviVerifier AviVerifier;

/* All of these from the engine's thread.
 *
 * @max_threads: of the pool; 0: there is none, and all is done in `work`. @wake is called from the pool's threads, once
 * for any number of answers: `next` has some. It must only wake. */
AviVerifier *avi_verifier_new  (guint max_threads, void (*wake) (gpointer user_data), gpointer user_data);
/* Waits for what is being checked at this moment; forgets the rest. */
void         avi_verifier_free (AviVerifier *self);

/* The processors that are left when the engine has one, and AVI_VERIFIER_MAX_THREADS at most. */
guint        avi_verifier_get_default_threads (void);

/* @key and the two spans stay where they are until the answer. */
void         avi_verifier_add  (AviVerifier *self, guint64 ticket, AviPublicKey *key, AviSpan signed_bytes,
                                AviSpan signature);
/* Does a share of what waits. TRUE: there is more, come back when others had their turn. */
gboolean     avi_verifier_work (AviVerifier *self);
/* The next answer. FALSE: it is not there yet. */
gboolean     avi_verifier_next (AviVerifier *self, guint64 *ticket, gboolean *valid);
/* Blocks until it is there, where a thread of the pool is at it: no longer than that thread takes for one. FALSE: nobody
 * is, or nothing was asked. */
gboolean     avi_verifier_wait (AviVerifier *self);
/* Threads that there are by now. */
guint        avi_verifier_get_n_threads (AviVerifier *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviVerifier, avi_verifier_free)

G_END_DECLS
