/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-fork.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define WORD_BITS 64

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static guint fork_generation;

static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;
/* Under fork_mutex: a bit for each guarded descriptor. */
static guint64 *fork_words;
static gsize fork_n_words;

static void
avi_fork_prepare (void)
{
  pthread_mutex_lock (&fork_mutex);
}

static void
avi_fork_in_parent (void)
{
  pthread_mutex_unlock (&fork_mutex);
}

/* Until it execs, a child may do only what a signal handler may. */
static void
avi_fork_in_child (void)
{
  fork_generation++;
  for (gsize i = 0; i < fork_n_words; i++)
    for (guint64 word = fork_words[i]; word != 0; word &= word - 1)
      close ((int) (i * WORD_BITS) + __builtin_ctzll (word));
  for (gsize i = 0; i < fork_n_words; i++)
    fork_words[i] = 0;
  pthread_mutex_unlock (&fork_mutex);
}

static void
avi_fork_init_once (void)
{
  pthread_atfork (avi_fork_prepare, avi_fork_in_parent, avi_fork_in_child);
}

void
avi_fork_init (void)
{
  pthread_once (&fork_once, avi_fork_init_once);
}

guint
avi_fork_get_generation (void)
{
  return fork_generation;
}

static void
avi_fork_mark (int      fd,
               gboolean guarded)
{
  gsize index = (gsize) fd / WORD_BITS;
  guint64 bit = G_GUINT64_CONSTANT (1) << (fd % WORD_BITS);

  pthread_mutex_lock (&fork_mutex);
  if (guarded && index >= fork_n_words)
    {
      fork_words = g_renew (guint64, fork_words, index + 1);
      memset (fork_words + fork_n_words, 0, (index + 1 - fork_n_words) * sizeof *fork_words);
      fork_n_words = index + 1;
    }
  if (guarded)
    fork_words[index] |= bit;
  else if (index < fork_n_words)
    fork_words[index] &= ~bit;
  pthread_mutex_unlock (&fork_mutex);
}

void
avi_fork_guard (int fd)
{
  avi_fork_mark (fd, TRUE);
}

void
avi_fork_close (int fd)
{
  /* In this order: once closed, the number may be anybody's. */
  avi_fork_mark (fd, FALSE);
  close (fd);
}
