/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "avi-error.h"
#include "wire/avi-fork.h"

/* Events taken from the kernel in one go; what is left is told in the next round. */
#define BATCH 256

/* Where two programs take turns, most of a turn's time is a processor's that has gone to sleep and has to be woken. So
 * after as many waits in a row, each shorter than SPIN, the next one looks for as long before it sleeps. One look in
 * vain, and it sleeps again until there have been as many: at worst this costs SPIN per CONVERSATION waits. */
#define SPIN         50 /* µs */
#define CONVERSATION 8

typedef struct
{
  AviWatch *watch;      /* NULL: free */
  guint32   generation; /* of the slot's use, so that an event of an earlier use is told apart */
} Slot;

struct _AviLoop
{
  GSource *source; /* NULL: it is iterated */
  guint    generation; /* of the process that made it: a child of that shares what epoll knows */
  int      epoll_fd;
  int      event_fd;
  AviWatch wake_watch;

  void   (*woken) (gpointer user_data);
  gpointer woken_data;
  atomic_bool was_woken; /* since the round before */
  void   (*after_round) (gpointer user_data);
  gpointer after_round_data;

  GArray *slots;      /* of Slot */
  GArray *free_slots; /* of guint */

  GPtrArray *heap; /* of AviTimer, the earliest first; index 0 is unused */

  gboolean may_spin;    /* on one processor whoever is to answer could not run meanwhile */
  guint    short_waits; /* in a row, up to the last one; at most CONVERSATION */
  gint64   now;         /* of the round under way; 0 outside of one */
  gint64   ready_time;  /* until when who waits for it does so at most, which may have been told to the source */
  gboolean dispatching;

  struct epoll_event events[BATCH]; /* of who waits, and then acts on them */
  int                n_events;
};

typedef struct
{
  GSource  source;
  AviLoop *loop;
} LoopSource;

/* --- timers: a binary heap --- */

static inline AviTimer *
avi_loop_heap_get (AviLoop *self,
                   guint    index)
{
  return g_ptr_array_index (self->heap, index);
}

static inline void
avi_loop_heap_put (AviLoop  *self,
                   guint     index,
                   AviTimer *timer)
{
  g_ptr_array_index (self->heap, index) = timer;
  timer->index = index;
}

static void
avi_loop_heap_up (AviLoop  *self,
                  AviTimer *timer,
                  guint     index)
{
  while (index > 1 && avi_loop_heap_get (self, index / 2)->when > timer->when)
    {
      avi_loop_heap_put (self, index, avi_loop_heap_get (self, index / 2));
      index /= 2;
    }
  avi_loop_heap_put (self, index, timer);
}

static void
avi_loop_heap_down (AviLoop  *self,
                    AviTimer *timer,
                    guint     index)
{
  guint last = self->heap->len - 1;

  for (guint child = index * 2; child <= last; child = index * 2)
    {
      if (child < last && avi_loop_heap_get (self, child + 1)->when < avi_loop_heap_get (self, child)->when)
        child++;
      if (avi_loop_heap_get (self, child)->when >= timer->when)
        break;
      avi_loop_heap_put (self, index, avi_loop_heap_get (self, child));
      index = child;
    }
  avi_loop_heap_put (self, index, timer);
}

static void
avi_loop_heap_remove (AviLoop  *self,
                      AviTimer *timer)
{
  guint index = timer->index;
  AviTimer *last = avi_loop_heap_get (self, self->heap->len - 1);

  g_ptr_array_set_size (self->heap, self->heap->len - 1);
  timer->index = 0;
  if (last == timer)
    return;
  if (index > 1 && avi_loop_heap_get (self, index / 2)->when > last->when)
    avi_loop_heap_up (self, last, index);
  else
    avi_loop_heap_down (self, last, index);
}

static gint64
avi_loop_get_first_time (AviLoop *self)
{
  return self->heap->len > 1 ? avi_loop_heap_get (self, 1)->when : G_MAXINT64;
}

/* Setting the ready time of a source outside its dispatch wakes its context: only where it moved. */
static void
avi_loop_update_ready_time (AviLoop *self)
{
  gint64 when = avi_loop_get_first_time (self);

  if (self->dispatching || when == self->ready_time)
    return;
  self->ready_time = when;
  if (self->source != NULL)
    g_source_set_ready_time (self->source, when == G_MAXINT64 ? -1 : when);
}

void
avi_loop_set_timer (AviLoop     *self,
                    AviTimer    *timer,
                    gint64       when,
                    AviTimerFunc func)
{
  timer->func = func;
  if (when == G_MAXINT64)
    {
      avi_loop_clear_timer (self, timer);
      return;
    }
  if (timer->index != 0)
    {
      if (timer->when == when)
        return;
      avi_loop_heap_remove (self, timer);
    }
  timer->when = when;
  g_ptr_array_set_size (self->heap, self->heap->len + 1);
  avi_loop_heap_up (self, timer, self->heap->len - 1);
  avi_loop_update_ready_time (self);
}

void
avi_loop_clear_timer (AviLoop  *self,
                      AviTimer *timer)
{
  timer->when = G_MAXINT64;
  if (timer->index == 0)
    return;
  avi_loop_heap_remove (self, timer);
  avi_loop_update_ready_time (self);
}

static void
avi_loop_run_timers (AviLoop *self)
{
  /* A timer that sets itself to a moment that has passed runs again in the next round. */
  for (guint n = self->heap->len; n > 1 && self->heap->len > 1; n--)
    {
      AviTimer *timer = avi_loop_heap_get (self, 1);

      if (timer->when > self->now)
        break;
      avi_loop_heap_remove (self, timer);
      timer->when = G_MAXINT64;
      timer->func (timer, self->now);
    }
}

/* --- watches --- */

static gboolean
avi_loop_is_of_parent (AviLoop *self)
{
  return self->generation != avi_fork_get_generation ();
}

gboolean
avi_loop_watch (AviLoop     *self,
                AviWatch    *watch,
                int          fd,
                guint32      events,
                AviWatchFunc func,
                GError     **error)
{
  struct epoll_event event = { .events = events };
  gboolean is_new = watch->events == 0;
  Slot *slot;

  if (events == 0)
    {
      avi_loop_unwatch (self, watch);
      return TRUE;
    }
  if (avi_loop_is_of_parent (self))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_NOT_RUNNING, "The loop is that of the process that forked this");
      return FALSE;
    }
  watch->func = func;
  if (!is_new && watch->events == events)
    return TRUE;
  if (is_new)
    {
      watch->fd = fd;
      if (self->free_slots->len > 0)
        {
          watch->slot = g_array_index (self->free_slots, guint, self->free_slots->len - 1);
          g_array_set_size (self->free_slots, self->free_slots->len - 1);
        }
      else
        {
          watch->slot = self->slots->len;
          g_array_set_size (self->slots, self->slots->len + 1);
        }
    }
  slot = &g_array_index (self->slots, Slot, watch->slot);
  event.data.u64 = (guint64) slot->generation << 32 | watch->slot;
  if (epoll_ctl (self->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, watch->fd, &event) < 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_FAILED, "epoll does not take descriptor %d: %s", watch->fd,
                   g_strerror (errno));
      if (is_new)
        g_array_append_val (self->free_slots, watch->slot);
      return FALSE;
    }
  slot->watch = watch;
  watch->events = events;
  return TRUE;
}

void
avi_loop_unwatch (AviLoop  *self,
                  AviWatch *watch)
{
  Slot *slot;

  if (watch->events == 0)
    return;
  if (!avi_loop_is_of_parent (self))
    epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  slot = &g_array_index (self->slots, Slot, watch->slot);
  slot->watch = NULL;
  slot->generation++;
  g_array_append_val (self->free_slots, watch->slot);
  watch->events = 0;
}

static void
avi_loop_run_watches (AviLoop *self)
{
  for (int i = 0; i < self->n_events; i++)
    {
      const struct epoll_event *event = &self->events[i];
      guint index = (guint) event->data.u64;
      Slot *slot;

      /* None of ours: another process has the set, too. */
      if (index >= self->slots->len)
        continue;
      slot = &g_array_index (self->slots, Slot, index);
      /* Gone, or its place taken by another, since the kernel told. */
      if (slot->watch == NULL || slot->generation != (guint32) (event->data.u64 >> 32))
        continue;
      slot->watch->func (slot->watch, event->events);
    }
  self->n_events = 0;
}

/* --- rounds --- */

int
avi_loop_get_fd (AviLoop *self)
{
  return self->epoll_fd;
}

/* Rounded up, so that the timer is due then. */
int
avi_loop_get_timeout (AviLoop *self)
{
  gint64 left;

  if (self->ready_time == G_MAXINT64)
    return -1;
  left = self->ready_time - g_get_monotonic_time ();
  return (int) CLAMP ((left + 999) / 1000, 0, G_MAXINT);
}

/* In µs. Not GLib's, which the tests set, and leave where it is. */
static gint64
get_time_waited (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static int
avi_loop_wait_long (AviLoop *self)
{
  int timeout = avi_loop_get_timeout (self);
  gint64 began = get_time_waited ();
  int n = 0;

  if (self->may_spin && self->short_waits == CONVERSATION && timeout != 0)
    do
      n = epoll_wait (self->epoll_fd, self->events, BATCH, 0);
    while (n == 0 && get_time_waited () - began < SPIN);
  if (n == 0)
    n = epoll_wait (self->epoll_fd, self->events, BATCH, timeout);
  if (get_time_waited () - began >= SPIN)
    self->short_waits = 0;
  else if (self->short_waits < CONVERSATION)
    self->short_waits++;
  return n;
}

void
avi_loop_wait (AviLoop *self,
               gboolean may_block)
{
  if (!avi_loop_is_of_parent (self))
    self->n_events = may_block ? avi_loop_wait_long (self) : epoll_wait (self->epoll_fd, self->events, BATCH, 0);
}

static void
avi_loop_begin_round (AviLoop *self)
{
  self->dispatching = TRUE;
  self->now = g_get_monotonic_time ();
}

static void
avi_loop_end_round (AviLoop *self)
{
  if (self->after_round != NULL)
    self->after_round (self->after_round_data);
  self->now = 0;
  self->dispatching = FALSE;
}

void
avi_loop_act (AviLoop *self)
{
  if (avi_loop_is_of_parent (self))
    return;
  avi_loop_begin_round (self);
  if (atomic_exchange (&self->was_woken, FALSE))
    self->woken (self->woken_data);
  avi_loop_run_watches (self);
  avi_loop_run_timers (self);
  avi_loop_end_round (self);
  avi_loop_update_ready_time (self);
}

void
avi_loop_act_between (AviLoop *self)
{
  if (avi_loop_is_of_parent (self))
    return;
  avi_loop_begin_round (self);
  self->woken (self->woken_data);
  avi_loop_end_round (self);
  /* Who waits would do so for too long. */
  if (avi_loop_get_first_time (self) < self->ready_time)
    avi_loop_wake (self);
}

void
avi_loop_iterate (AviLoop *self,
                  gboolean may_block)
{
  avi_loop_wait (self, may_block);
  avi_loop_act (self);
}

static gboolean
avi_loop_dispatch (GSource    *source,
                   GSourceFunc callback,
                   gpointer    user_data)
{
  if (callback != NULL)
    return callback (user_data);
  avi_loop_iterate (((LoopSource *) source)->loop, FALSE);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs loop_source_funcs = { .dispatch = avi_loop_dispatch };

static void
avi_loop_attach (AviLoop      *self,
                 GMainContext *context)
{
  self->source = g_source_new (&loop_source_funcs, sizeof (LoopSource));
  ((LoopSource *) self->source)->loop = self;
  g_source_set_static_name (self->source, "Avi engine");
  /* Nothing iterates the context from within. But GLib takes the descriptors of a source that may
   * not recurse out of the poll for each dispatch, and wakes the context twice by it. */
  g_source_set_can_recurse (self->source, TRUE);
  g_source_add_unix_fd (self->source, self->epoll_fd, G_IO_IN);
  g_source_attach (self->source, context);
}

void
avi_loop_set_dispatch (AviLoop    *self,
                       GSourceFunc dispatch,
                       gpointer    user_data)
{
  g_source_set_callback (self->source, dispatch, user_data, NULL);
}

/* That it ended the wait was all that it is for. */
static void
avi_loop_wake_ready (AviWatch *watch,
                     guint32   events)
{
}

AviLoop *
avi_loop_new (GMainContext *context,
              void        (*woken) (gpointer user_data),
              gpointer      user_data)
{
  AviLoop *self = g_new0 (AviLoop, 1);

  avi_fork_init ();
  self->generation = avi_fork_get_generation ();
  self->woken = woken;
  self->woken_data = user_data;
  self->slots = g_array_new (FALSE, TRUE, sizeof (Slot));
  self->free_slots = g_array_new (FALSE, FALSE, sizeof (guint));
  self->heap = g_ptr_array_new ();
  g_ptr_array_add (self->heap, NULL);
  self->ready_time = G_MAXINT64;
  self->may_spin = g_get_num_processors () > 1;
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (self->epoll_fd >= 0)
    avi_fork_guard (self->epoll_fd);
  if (self->event_fd >= 0)
    avi_fork_guard (self->event_fd);
  /* Told of each write, it need not be read. */
  if (self->epoll_fd < 0 || self->event_fd < 0
      || !avi_loop_watch (self, &self->wake_watch, self->event_fd, EPOLLIN | EPOLLET, avi_loop_wake_ready, NULL))
    {
      avi_loop_free (self);
      return NULL;
    }
  if (context != NULL)
    avi_loop_attach (self, context);
  return self;
}

void
avi_loop_free (AviLoop *self)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  if (self->epoll_fd >= 0 && !avi_loop_is_of_parent (self))
    avi_fork_close (self->epoll_fd);
  if (self->event_fd >= 0 && !avi_loop_is_of_parent (self))
    avi_fork_close (self->event_fd);
  g_array_unref (self->slots);
  g_array_unref (self->free_slots);
  g_ptr_array_unref (self->heap);
  g_free (self);
}

void
avi_loop_wake (AviLoop *self)
{
  guint64 one = 1;

  if (avi_loop_is_of_parent (self) || atomic_exchange (&self->was_woken, TRUE))
    return;
  /* Fails only when it is full, after 2^64 writes. */
  if (write (self->event_fd, &one, sizeof one) < 0)
    return;
}

void
avi_loop_request_round (AviLoop *self)
{
  if (!self->dispatching)
    avi_loop_wake (self);
}

gint64
avi_loop_now (AviLoop *self)
{
  return self->now != 0 ? self->now : g_get_monotonic_time ();
}

void
avi_loop_set_after_round (AviLoop *self,
                          void   (*func) (gpointer user_data),
                          gpointer user_data)
{
  self->after_round = func;
  self->after_round_data = user_data;
}
