/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the core's files share: its life and its events (avi-core.c), what handles ask for (avi-core-asks.c),
 * what they publish (avi-core-publish.c), how topics are treated (avi-core-topics.c), what the program thinks of peers
 * (avi-core-scores.c), what getters read (avi-core-snapshot.c), what is left of it in a child of fork ()
 * (avi-core-fork.c). Nobody else includes this.
 */
#pragma once

#include "avi-core-private.h"
#include "avi-engine.h"
#include "avi-runner.h"
#include "avi-topic-table.h"

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

  guint64       n_published; /* which numbers them */
  gint64        published_at; /* the last of them; monotonic, in µs */
  GQueue        publications; /* of AviPublication, by their `link`: for the engine to take */
  AviBacklog    queued;       /* these */
  AviBacklog    held;         /* those for which nobody subscribes, of all topics */
  gsize         max_message;  /* bytes of data of one */
  guint         max_held;     /* of one topic */
  gsize         max_held_bytes;
  AviTopicTable table;
  gboolean      is_blocked;   /* what is published waits for room for */
  AviPeerId     blocker;

  GPtrArray   *start_calls;  /* of AviCall: who waits for the start under way */
  GError      *start_failure; /* what they will be told */
  GPtrArray   *stop_calls;   /* likewise for the stop */
  gboolean     stop_asked;   /* while starting */
  AviSettings *next_start;   /* a start that came while stopping */
  GPtrArray   *next_calls;   /* and who waits for it */

  GHashTable *topics;      /* char * → GPtrArray of AviInbox */
  GHashTable *topic_flags; /* char * → AviCoreTopicFlag, of topics with any */
  GHashTable *peer_scores; /* AviPeerId → double, of peers that the program thinks something of */
  GHashTable *subscribers; /* char * → count, of topics with any, which peers name as they like */
  GHashTable *peers;       /* AviPeerId → AviPeerInfo */
  char      **addresses;
  char       *status;

  AviLock    wake_lock; /* of what follows; held while the engine is woken, and taken after `lock` where both are */
  AviEngine *to_wake;   /* `engine`, for those who do not have `lock` */
};

void        avi_settings_free                 (AviSettings *self);

/* avi-core-topics.c: (transfer full) */
AviInbox   *avi_core_new_validation_inbox     (AviEventQueue *events);

/* avi-core-scores.c: (transfer full): an empty table */
GHashTable *avi_core_new_peer_scores          (void);

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
/* The same, but where it returns TRUE the engine is still to be woken, without the lock: that is the first thing
 * which the engine takes then, and it would have to wait for it. */
gboolean    avi_core_append_locked            (AviCore *self, AviCommand *command);
void        avi_core_wake                     (AviCore *self);
/* The same, but an engine that rests is run by the caller's thread. */
void        avi_core_obey_here                (AviCore *self);
AviCommand *avi_command_new                   (AviCommandType type, const char *text, AviCall *call);
/* TRUE: it was @call's that waited, and is gone. */
gboolean    avi_core_cancel_publication_locked  (AviCore *self, AviCall *call);
/* In a child of fork (): what is under way is the parent's, and so are its counts. */
void        avi_core_forget_publications_locked (AviCore *self);
/* Who waits for them is told. */
void        avi_core_refuse_publications_locked (AviCore *self);
GError     *avi_core_not_running_error          (AviCoreState state);
/* Likewise: a start that waits for a stop to end is not to be any more; those who wait for it are told. */
void        avi_core_forget_next_start_locked (AviCore *self);

G_END_DECLS
