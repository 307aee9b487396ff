/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLoop: one epoll set, timers in a heap, and an eventfd by which other threads wake it. All of an
 * engine's sockets are in it (a GSource per socket costs 100 µs a wake-up at 1,000 sockets). Whoever
 * has a thread for it calls avi_loop_iterate; in a GMainContext the whole is one GSource, the
 * timers behind its ready time. Everything but avi_loop_wake is for the one thread that runs it. In a child of
 * fork () it does nothing, for the set is one with the parent's.
 */
#pragma once

#include <glib.h>
#include <sys/epoll.h>

G_BEGIN_DECLS

typedef struct _AviLoop    AviLoop;
typedef struct _AviWatch   AviWatch;   /* embed one per file descriptor */
typedef struct _AviTimer   AviTimer;   /* embed one per deadline */

/* Whose watch or timer it is. */
#define AVI_CONTAINER_OF(pointer, type, member) ((type *) ((guint8 *) (pointer) -G_STRUCT_OFFSET (type, member)))

/* @events: EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP as they are. May remove any watch. */
typedef void (*AviWatchFunc) (AviWatch *watch, guint32 events);
typedef void (*AviTimerFunc) (AviTimer *timer, gint64 now);

struct _AviWatch
{
  AviWatchFunc func;
  int          fd;
  guint32      events; /* asked for; 0: not in the set */
  guint        slot;   /* private: where the loop knows it, so that a removed watch is never called */
};

struct _AviTimer
{
  AviTimerFunc func;
  gint64       when;  /* µs, monotonic; G_MAXINT64: not set */
  guint        index; /* private: place in the heap, from 1; 0: not in it */
};

/* @context: where the loop is a source; NULL: it is iterated. NULL where descriptors have run out. */
AviLoop *avi_loop_new    (GMainContext *context, void (*woken) (gpointer user_data), gpointer user_data);
void     avi_loop_free   (AviLoop *self);
/* What the source calls in place of avi_loop_iterate, which it is then to call. Returning FALSE it may
 * have freed the loop. */
void     avi_loop_set_dispatch (AviLoop *self, GSourceFunc dispatch, gpointer user_data);
/* One round: acts on what has happened and on timers that are due; first waits for that, where it may. */
void     avi_loop_iterate (AviLoop *self, gboolean may_block);
/* The two halves of it, for who has a lock that others take as well: while one thread waits, without it, another that
 * has it may act in between, on what the loop was woken for alone. The thread that waits sees to all else. */
void     avi_loop_wait    (AviLoop *self, gboolean may_block);
void     avi_loop_act     (AviLoop *self);
void     avi_loop_act_between (AviLoop *self);
/* Any thread: @woken is called soon, once for any number of wakes before it, and before any watch that becomes ready
 * from now on: what is said to an engine holds for what reaches it afterwards. */
void     avi_loop_wake   (AviLoop *self);
/* The monotonic time, in µs, at which the current round of events began; read once per round. */
gint64   avi_loop_now    (AviLoop *self);

/* The watch must be zeroed before its first use. @events 0 takes it out. */
gboolean avi_loop_watch   (AviLoop *self, AviWatch *watch, int fd, guint32 events, AviWatchFunc func, GError **error);
void     avi_loop_unwatch (AviLoop *self, AviWatch *watch);

/* For whoever polls several loops: what to poll, and for how many ms at most; -1: no timer is set. */
int      avi_loop_get_fd      (AviLoop *self);
int      avi_loop_get_timeout (AviLoop *self);

/* Sets or moves; G_MAXINT64 clears. */
void     avi_loop_set_timer   (AviLoop *self, AviTimer *timer, gint64 when, AviTimerFunc func);
void     avi_loop_clear_timer (AviLoop *self, AviTimer *timer);

/* Called once after the events of a round were dispatched, when the loop is idle again: where
 * connections that have something to send are flushed together. */
/* Sees to it that `after_round` is called soon, also where no event brings a round about. */
void     avi_loop_request_round   (AviLoop *self);
void     avi_loop_set_after_round (AviLoop *self, void (*func) (gpointer user_data), gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLoop, avi_loop_free)

G_END_DECLS
