/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the core's files share: its life and its events (avi-core.c), what handles ask for (avi-core-asks.c),
 * how topics are treated (avi-core-topics.c), what getters read (avi-core-snapshot.c), what is left of it in a child of fork () (avi-core-fork.c). Nobody else includes this.
 */
#pragma once

#include "avi-core-private.h"
#include "avi-engine.h"
#include "avi-runner.h"

G_BEGIN_DECLS

struct _AviCore
{
  AviRefCount    ref_count;
  AviEventQueue *events;
  AviInbox      *to_validate; /* messages before the program's validators, in events */
  GList          all_link;

  _Atomic guint64 counts[AVI_N_COUNTS];

  AviLock      lock; /* of what follows */
  AviCoreState state;
  gboolean     left_behind; /* it ran in the parent, of which there are traces to tidy up */
  AviEngine   *engine; /* from its start to its last word, to wake it; its runner owns it */
  GMainContext *context; /* in which it runs; NULL: in a thread of its own, or not at all */

  AviCommand *first_command;
  AviCommand *last_command;
  guint       n_publishing;     /* messages among the commands */
  gsize       publishing_bytes;

  GPtrArray   *start_calls;  /* of AviCall: who waits for the start under way */
  GError      *start_failure; /* what they will be told */
  GPtrArray   *stop_calls;   /* likewise for the stop */
  gboolean     stop_asked;   /* while starting */
  AviSettings *next_start;   /* a start that came while stopping */
  GPtrArray   *next_calls;   /* and who waits for it */

  GHashTable *topics;      /* char * → GPtrArray of AviInbox */
  GHashTable *topic_flags; /* char * → AviCoreTopicFlag, of topics with any */
  GHashTable *subscribers; /* char * → count, of topics with any */
  GHashTable *peers;       /* AviPeerId → AviPeerInfo */
  char      **addresses;
  char       *status;
};

void        avi_settings_free                 (AviSettings *self);

/* avi-core-topics.c: (transfer full) */
AviInbox   *avi_core_new_validation_inbox     (AviEventQueue *events);

/* avi-core-fork.c: the cores of the process, which are consistent when it forks. */
void        avi_core_enlist                   (AviCore *self);
void        avi_core_delist                   (AviCore *self);
/* The one way to take the core's lock. */
void        avi_core_lock                     (AviCore *self);

/* There is an engine now, to be woken by commands. */
void        avi_core_set_engine               (AviCore *self, AviEngine *engine);
void        avi_core_set_engine_locked        (AviCore *self, AviEngine *engine);

/* With the lock held: takes @command. One wake-up serves any number before the engine looks. */
void        avi_core_send_locked              (AviCore *self, AviCommand *command);
AviCommand *avi_command_new                   (AviCommandType type, const char *text, AviCall *call);
/* Likewise: a start that waits for a stop to end is not to be any more; those who wait for it are told. */
void        avi_core_forget_next_start_locked (AviCore *self);

G_END_DECLS
