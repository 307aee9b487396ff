/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-guest.h"

/* Descriptors of the context that are watched: its wake-up, and room for sources with one. */
#define MAX_FDS 8

/* Ends of cancelled calls, when the guest goes; each may bring about another. */
#define MAX_LAST_ITERATIONS 1000

typedef struct
{
  AviWatch  watch; /* first, so that the loop's callback finds it */
  AviGuest *guest;
} GuestWatch;

struct _AviGuest
{
  AviLoop      *loop;
  GMainContext *context;
  AviTimer      timer;
  GPollFD       fds[MAX_FDS]; /* as they are watched */
  GuestWatch    watches[MAX_FDS];
  guint         n_fds;
};

static void
avi_guest_ready (AviWatch *watch,
                 guint32   events)
{
  g_main_context_iteration (((GuestWatch *) watch)->guest->context, FALSE);
}

static void
avi_guest_timeout (AviTimer *timer,
                   gint64    now)
{
  AviGuest *self = AVI_CONTAINER_OF (timer, AviGuest, timer);

  g_main_context_iteration (self->context, FALSE);
}

AviGuest *
avi_guest_new (AviLoop *loop)
{
  AviGuest *self = g_new0 (AviGuest, 1);

  self->loop = loop;
  /* The loop polls for it, while nobody owns it: woken it has to be all the same. */
  self->context = g_main_context_new_with_flags (G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING);
  return self;
}

static void
avi_guest_unwatch (AviGuest *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    avi_loop_unwatch (self->loop, &self->watches[i].watch);
  self->n_fds = 0;
}

void
avi_guest_free (AviGuest *self)
{
  avi_guest_enter (self);
  for (guint i = 0; i < MAX_LAST_ITERATIONS && g_main_context_iteration (self->context, FALSE); i++)
    ;
  avi_guest_leave (self);
  avi_loop_clear_timer (self->loop, &self->timer);
  avi_guest_unwatch (self);
  g_main_context_unref (self->context);
  g_free (self);
}

void
avi_guest_enter (AviGuest *self)
{
  g_main_context_push_thread_default (self->context);
}

void
avi_guest_leave (AviGuest *self)
{
  g_main_context_pop_thread_default (self->context);
}

static gboolean
avi_guest_watches_these (AviGuest      *self,
                         const GPollFD *fds,
                         guint          n)
{
  if (n != self->n_fds)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (fds[i].fd != self->fds[i].fd || fds[i].events != self->fds[i].events)
      return FALSE;
  return TRUE;
}

static void
avi_guest_watch (AviGuest      *self,
                 const GPollFD *fds,
                 guint          n)
{
  avi_guest_unwatch (self);
  memcpy (self->fds, fds, n * sizeof *fds);
  self->n_fds = n;
  for (guint i = 0; i < n; i++)
    {
      self->watches[i].guest = self;
      /* The kernel's bits are the same for poll and epoll. */
      avi_loop_watch (self->loop, &self->watches[i].watch, fds[i].fd, fds[i].events, avi_guest_ready, NULL);
    }
}

void
avi_guest_update (AviGuest *self)
{
  GPollFD fds[MAX_FDS];
  int priority, timeout = -1, n;
  gboolean is_ready = g_main_context_prepare (self->context, &priority);

  n = g_main_context_query (self->context, G_MAXINT, &timeout, fds, MAX_FDS);
  if (!avi_guest_watches_these (self, fds, MIN (n, MAX_FDS)))
    avi_guest_watch (self, fds, MIN (n, MAX_FDS));
  if (is_ready)
    timeout = 0;
  avi_loop_set_timer (self->loop, &self->timer,
                      timeout < 0 ? G_MAXINT64 : avi_loop_now (self->loop) + timeout * G_TIME_SPAN_MILLISECOND,
                      avi_guest_timeout);
}
