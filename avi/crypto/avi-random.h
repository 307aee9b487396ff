/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviRandom: the randomness that a machine is handed: the system's in the engine, a seeded
 * generator in tests and simulations, so that a run can be repeated.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _AviRandom AviRandom;
struct _AviRandom
{
  void   (*fill) (AviRandom *self, guint8 *out, gsize len);
  guint64 state; /* of the seeded one */
};

/* The system's (libsodium); static, usable from any thread. */
AviRandom *avi_random_system (void);
/* Repeatable, for tests and simulations only. */
void       avi_random_seed   (AviRandom *self, guint64 seed);

guint32    avi_random_u32    (AviRandom *self);
/* Uniform in [0, bound); bound > 0. */
guint32    avi_random_below  (AviRandom *self, guint32 bound);

G_END_DECLS
