/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/avi-random.h"
#include "engine/avi-lock.h"
#include "engine/avi-loop.h"

typedef struct
{
  GMainContext *context;
  AviLoop      *loop;
  guint         n_woken;
} Fixture;

static void
count_wake (gpointer user_data)
{
  ((Fixture *) user_data)->n_woken++;
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  fixture->context = g_main_context_new ();
  fixture->loop = avi_loop_new (fixture->context, count_wake, fixture);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  avi_loop_free (fixture->loop);
  g_main_context_unref (fixture->context);
}

static gpointer
wake_from_thread (gpointer data)
{
  for (guint i = 0; i < 100; i++)
    avi_loop_wake (data);
  return NULL;
}

static void
test_wakes_collapse (Fixture      *fixture,
                     gconstpointer data)
{
  g_thread_join (g_thread_new ("waker", wake_from_thread, fixture->loop));
  g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (fixture->n_woken, ==, 1);
  g_assert_false (g_main_context_iteration (fixture->context, FALSE));
}

typedef struct
{
  AviWatch watch;
  AviLoop *loop;
  GString *told;
} Listener;

static void
tell_woken (gpointer user_data)
{
  g_string_append_c (((Listener *) user_data)->told, 'w');
}

static void
tell_read (AviWatch *watch,
           guint32   events)
{
  Listener *self = (Listener *) watch;
  char byte;

  g_assert_cmpint (read (watch->fd, &byte, 1), ==, 1);
  g_string_append_c (self->told, byte);
}

/* What was read a moment ago stays in the kernel's list, and comes before who wakes now. */
static void
test_wake_is_first (Fixture      *fixture,
                    gconstpointer data)
{
  Listener listener = { .told = g_string_new (NULL) };
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), ==, 0);
  listener.loop = avi_loop_new (NULL, tell_woken, &listener);
  g_assert_true (avi_loop_watch (listener.loop, &listener.watch, fds[0], EPOLLIN, tell_read, NULL));
  g_assert_cmpint (write (fds[1], "1", 1), ==, 1);
  avi_loop_iterate (listener.loop, FALSE);
  avi_loop_wake (listener.loop);
  g_assert_cmpint (write (fds[1], "2", 1), ==, 1);
  avi_loop_iterate (listener.loop, FALSE);
  avi_loop_iterate (listener.loop, FALSE);
  g_assert_cmpstr (listener.told->str, ==, "1w2");

  avi_loop_unwatch (listener.loop, &listener.watch);
  avi_loop_free (listener.loop);
  g_string_free (listener.told, TRUE);
  close (fds[0]);
  close (fds[1]);
}

/* --- timers --- */

typedef struct
{
  AviTimer timer;
  gint64   ran_at;
  guint    order;
} Deadline;

static guint n_ran;

static void
note_timer (AviTimer *timer,
            gint64    now)
{
  Deadline *deadline = (Deadline *) timer;

  deadline->ran_at = now;
  deadline->order = ++n_ran;
}

static void
test_timers_run_in_order (Fixture      *fixture,
                          gconstpointer data)
{
  enum
  {
    N = 200
  };
  g_autofree Deadline *deadlines = g_new0 (Deadline, N);
  gint64 base = g_get_monotonic_time ();
  AviRandom random;

  n_ran = 0;
  avi_random_seed (&random, 7);
  for (guint i = 0; i < N; i++)
    avi_loop_set_timer (fixture->loop, &deadlines[i].timer, base + (gint64) avi_random_below (&random, 20000),
                        note_timer);
  /* Move some, clear some. */
  for (guint i = 0; i < N; i += 5)
    avi_loop_set_timer (fixture->loop, &deadlines[i].timer, base + (gint64) avi_random_below (&random, 20000),
                        note_timer);
  for (guint i = 1; i < N; i += 5)
    avi_loop_clear_timer (fixture->loop, &deadlines[i].timer);
  while (n_ran < N - N / 5)
    g_main_context_iteration (fixture->context, TRUE);
  for (guint i = 0; i < N; i++)
    {
      if (i % 5 == 1)
        g_assert_cmpuint (deadlines[i].order, ==, 0);
      else
        g_assert_cmpuint (deadlines[i].timer.index, ==, 0);
    }
}

static Deadline *victim;

static void
clear_victim (AviTimer *timer,
              gint64    now)
{
  note_timer (timer, now);
}

static void
test_cleared_timer_never_runs (Fixture      *fixture,
                               gconstpointer data)
{
  Deadline first = { 0 }, second = { 0 };
  gint64 now = g_get_monotonic_time ();

  n_ran = 0;
  victim = &second;
  avi_loop_set_timer (fixture->loop, &second.timer, now + 1, note_timer);
  avi_loop_set_timer (fixture->loop, &first.timer, now + 2, clear_victim);
  avi_loop_clear_timer (fixture->loop, &victim->timer);
  while (n_ran == 0)
    g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (first.order, ==, 1);
  g_assert_cmpuint (second.order, ==, 0);
}

/* --- watches --- */

typedef struct
{
  AviWatch  watch;
  AviLoop  *loop;
  AviWatch *other;
  guint     n_called;
} Reader;

static void
remove_other (AviWatch *watch,
              guint32   events)
{
  Reader *self = (Reader *) watch;

  self->n_called++;
  if (self->other != NULL)
    avi_loop_unwatch (self->loop, self->other);
}

static void
test_removed_watch_is_not_called (Fixture      *fixture,
                                  gconstpointer data)
{
  int pipes[2][2];
  Reader readers[2] = { 0 };

  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (pipe2 (pipes[i], O_CLOEXEC | O_NONBLOCK), ==, 0);
      readers[i].loop = fixture->loop;
      readers[i].other = &readers[1 - i].watch;
      g_assert_true (avi_loop_watch (fixture->loop, &readers[i].watch, pipes[i][0], EPOLLIN, remove_other, NULL));
      g_assert_cmpint (write (pipes[i][1], "x", 1), ==, 1);
    }
  g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (readers[0].n_called + readers[1].n_called, ==, 1);
  for (guint i = 0; i < 2; i++)
    {
      avi_loop_unwatch (fixture->loop, &readers[i].watch);
      close (pipes[i][0]);
      close (pipes[i][1]);
    }
}

static void
count_round (gpointer user_data)
{
  (*(guint *) user_data)++;
}

static void
test_after_round (Fixture      *fixture,
                  gconstpointer data)
{
  guint n = 0;

  avi_loop_set_after_round (fixture->loop, count_round, &n);
  avi_loop_request_round (fixture->loop);
  g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (n, ==, 1);
}

/* As where another process has the set, too. */
static void
test_event_of_no_watch (Fixture      *fixture,
                        gconstpointer data)
{
  int fd = eventfd (1, EFD_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = 1000000 };

  g_assert_cmpint (epoll_ctl (avi_loop_get_fd (fixture->loop), EPOLL_CTL_ADD, fd, &event), ==, 0);
  avi_loop_wake (fixture->loop);
  avi_loop_iterate (fixture->loop, FALSE);
  g_assert_cmpuint (fixture->n_woken, ==, 1);
  close (fd);
}

typedef struct
{
  AviWatch watch;
  guint    n;
} Counter;

static void
count_ready (AviWatch *watch,
             guint32   events)
{
  AVI_CONTAINER_OF (watch, Counter, watch)->n++;
}

/* What a child opens has the numbers of what was closed there: that must not be mistaken for the parent's. */
static void
use_in_child (Fixture *fixture,
              Counter *counter,
              int      fd)
{
  Fixture own = { 0 };
  AviWatch another = { 0 };

  own.loop = avi_loop_new (NULL, count_wake, &own);
  g_assert_cmpint (avi_loop_get_fd (own.loop), ==, avi_loop_get_fd (fixture->loop));
  avi_loop_iterate (own.loop, FALSE);
  avi_loop_wake (fixture->loop);
  avi_loop_iterate (own.loop, FALSE);
  g_assert_cmpuint (own.n_woken, ==, 0);

  avi_loop_wake (own.loop);
  avi_loop_iterate (fixture->loop, TRUE);
  g_assert_cmpuint (fixture->n_woken, ==, 0);
  g_assert_cmpuint (counter->n, ==, 0);
  g_assert_false (avi_loop_watch (fixture->loop, &another, fd, EPOLLIN, count_ready, NULL));
  avi_loop_unwatch (fixture->loop, &counter->watch);
  avi_loop_free (fixture->loop);

  avi_loop_iterate (own.loop, FALSE);
  g_assert_cmpuint (own.n_woken, ==, 1);
  avi_loop_free (own.loop);
  _exit (0);
}

static void
test_child (Fixture      *fixture,
            gconstpointer data)
{
  Counter counter = { 0 };
  int fd = eventfd (1, EFD_CLOEXEC), status;
  pid_t child;

  g_assert_true (avi_loop_watch (fixture->loop, &counter.watch, fd, EPOLLIN, count_ready, NULL));
  child = fork ();
  if (child == 0)
    use_in_child (fixture, &counter, fd);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  avi_loop_iterate (fixture->loop, FALSE);
  g_assert_cmpuint (fixture->n_woken, ==, 0);
  g_assert_cmpuint (counter.n, ==, 1);
  avi_loop_unwatch (fixture->loop, &counter.watch);
  close (fd);
}

/* --- two that have it --- */

typedef struct
{
  AviLoop  *loop;
  AviLock   lock;
  Deadline  deadline;
  gboolean  waits;
  GThread  *woken_in;
  GThread  *ended_in; /* the last round */
} Shared;

static void
note_woken (gpointer user_data)
{
  Shared *self = user_data;

  self->woken_in = g_thread_self ();
  avi_loop_set_timer (self->loop, &self->deadline.timer, g_get_monotonic_time (), note_timer);
}

static void
note_end (gpointer user_data)
{
  ((Shared *) user_data)->ended_in = g_thread_self ();
}

/* Without a timer of its own: it would wait for ever. */
static gpointer
wait_and_act (gpointer data)
{
  Shared *self = data;

  avi_lock (&self->lock);
  self->waits = TRUE;
  avi_signal (&self->lock);
  while (self->deadline.ran_at == 0)
    {
      avi_unlock (&self->lock);
      avi_loop_wait (self->loop, TRUE);
      avi_lock (&self->lock);
      avi_loop_act (self->loop);
    }
  avi_unlock (&self->lock);
  return g_thread_self ();
}

static void
test_acts_between (void)
{
  Shared shared = { .waits = FALSE };
  GThread *thread;

  avi_lock_init (&shared.lock);
  shared.loop = avi_loop_new (NULL, note_woken, &shared);
  avi_loop_set_after_round (shared.loop, note_end, &shared);
  thread = g_thread_new ("other", wait_and_act, &shared);
  avi_lock (&shared.lock);
  while (!shared.waits)
    avi_wait (&shared.lock, G_MAXINT64);
  avi_loop_act_between (shared.loop);
  g_assert_true (shared.woken_in == g_thread_self () && shared.ended_in == g_thread_self ());
  g_assert_cmpint (shared.deadline.ran_at, ==, 0);
  avi_unlock (&shared.lock);

  /* What was set meanwhile is not forgotten by who waits. */
  g_assert_true (g_thread_join (thread) == shared.ended_in);
  avi_loop_free (shared.loop);
  avi_lock_clear (&shared.lock);
}

/* --- two that take turns --- */

#define TURNS 2000

typedef struct
{
  AviLoop *loop;
  int      fds[2];
  guint    n;
} Turns;

static void
ask (gpointer user_data)
{
  Turns *self = user_data;

  self->n++;
  g_assert_cmpint (write (self->fds[1], "x", 1), ==, 1);
}

static gpointer
answer_from_thread (gpointer data)
{
  Turns *self = data;
  char byte;

  for (guint i = 0; i < TURNS; i++)
    {
      avi_loop_wake (self->loop);
      g_assert_cmpint (read (self->fds[0], &byte, 1), ==, 1);
    }
  return NULL;
}

/* Where turns are quick the loop looks for the next one before it sleeps. It must not do so when they are over. */
static void
test_sleeps_after_a_conversation (void)
{
  Turns turns = { 0 };
  Deadline deadline = { 0 };
  struct rusage before, after;
  GThread *thread;
  gint64 when;

  g_assert_cmpint (pipe2 (turns.fds, O_CLOEXEC), ==, 0);
  turns.loop = avi_loop_new (NULL, ask, &turns);
  thread = g_thread_new ("answerer", answer_from_thread, &turns);
  while (turns.n < TURNS)
    avi_loop_iterate (turns.loop, TRUE);
  g_thread_join (thread);

  when = g_get_monotonic_time () + 20 * G_TIME_SPAN_MILLISECOND;
  avi_loop_set_timer (turns.loop, &deadline.timer, when, note_timer);
  g_assert_cmpint (getrusage (RUSAGE_THREAD, &before), ==, 0);
  avi_loop_iterate (turns.loop, TRUE);
  g_assert_cmpint (getrusage (RUSAGE_THREAD, &after), ==, 0);
  g_assert_cmpint (deadline.ran_at, >=, when);
  g_assert_cmpint (after.ru_nvcsw, >, before.ru_nvcsw);
  g_assert_cmpuint (turns.n, ==, TURNS);

  avi_loop_free (turns.loop);
  close (turns.fds[0]);
  close (turns.fds[1]);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/loop/a hundred wakes from a thread are one call", Fixture, NULL, setup, test_wakes_collapse, teardown);
  g_test_add ("/loop/who wakes is heard before what becomes ready afterwards", Fixture, NULL, setup, test_wake_is_first,
              teardown);
  g_test_add ("/loop/timers run in the order of their deadlines", Fixture, NULL, setup, test_timers_run_in_order,
              teardown);
  g_test_add ("/loop/a timer that was cleared never runs", Fixture, NULL, setup, test_cleared_timer_never_runs,
              teardown);
  g_test_add ("/loop/a watch removed by another's callback is not called", Fixture, NULL, setup,
              test_removed_watch_is_not_called, teardown);
  g_test_add ("/loop/after_round comes once per round, also on request", Fixture, NULL, setup, test_after_round,
              teardown);
  g_test_add ("/loop/an event that is of no watch is passed over", Fixture, NULL, setup, test_event_of_no_watch,
              teardown);
  g_test_add ("/loop/in a child it does nothing, neither there nor to its parent", Fixture, NULL, setup, test_child,
              teardown);
  g_test_add_func ("/loop/while one thread waits another may act on what it was woken for", test_acts_between);
  g_test_add_func ("/loop/it sleeps when a conversation is over", test_sleeps_after_a_conversation);
  return g_test_run ();
}
