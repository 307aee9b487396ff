/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviRefCount: the reference count of what crosses threads: a C11 atomic, so that ThreadSanitizer
 * sees it. It says when the last reference went; what then happens is its owner's.
 */
#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

typedef struct
{
  atomic_int count;
} AviRefCount;

static inline void
avi_ref_count_init (AviRefCount *self)
{
  atomic_init (&self->count, 1);
}

static inline void
avi_ref_count_inc (AviRefCount *self)
{
  atomic_fetch_add_explicit (&self->count, 1, memory_order_relaxed);
}

/* TRUE for the last one. */
static inline gboolean
avi_ref_count_dec (AviRefCount *self)
{
  return atomic_fetch_sub_explicit (&self->count, 1, memory_order_acq_rel) == 1;
}

G_END_DECLS
