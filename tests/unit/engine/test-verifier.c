/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/avi-crypto.h"
#include "engine/avi-verifier.h"

#define N 300

typedef struct
{
  AviKeyPair *key;
  int woken; /* an eventfd */
  guint8 signatures[N][AVI_SIGNATURE_LEN];
  guint32 texts[N];
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const guint8 seed[AVI_KEY_SEED_LEN] = { 3 };

  fixture->key = avi_key_pair_from_seed (seed);
  fixture->woken = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (guint i = 0; i < N; i++)
    {
      fixture->texts[i] = i;
      avi_key_pair_sign (fixture->key, AVI_SPAN (&fixture->texts[i], sizeof (guint32)), fixture->signatures[i]);
      if (i % 7 == 3)
        fixture->signatures[i][0] ^= 1;
    }
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  close (fixture->woken);
  avi_key_pair_unref (fixture->key);
}

static void
wake (gpointer data)
{
  Fixture *fixture = data;
  guint64 one = 1;

  g_assert_cmpint (write (fixture->woken, &one, sizeof one), ==, sizeof one);
}

static void
add (Fixture *fixture, AviVerifier *verifier, guint i)
{
  avi_verifier_add (verifier, i, avi_key_pair_get_public (fixture->key),
                    AVI_SPAN (&fixture->texts[i], sizeof (guint32)),
                    AVI_SPAN (fixture->signatures[i], AVI_SIGNATURE_LEN));
}

/* Answers that are there: they are right, and in order. Returns how many there were, from the first on. */
static guint
take (AviVerifier *verifier, guint first)
{
  guint64 ticket;
  gboolean valid;
  guint n = 0;

  for (; avi_verifier_next (verifier, &ticket, &valid); n++)
    {
      g_assert_cmpuint (ticket, ==, first + n);
      g_assert_cmpint (valid, ==, ticket % 7 != 3);
    }
  return n;
}

static void
test_few (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (2, wake, fixture);

  g_assert_cmpuint (take (verifier, 0), ==, 0);
  g_assert_false (avi_verifier_work (verifier));
  for (guint i = 0; i < AVI_VERIFIER_FEW; i++)
    add (fixture, verifier, i);
  g_assert_cmpuint (take (verifier, 0), ==, 0);
  g_assert_false (avi_verifier_work (verifier));
  g_assert_cmpuint (take (verifier, 0), ==, AVI_VERIFIER_FEW);
  g_assert_cmpuint (avi_verifier_get_n_threads (verifier), ==, 0);
}

static void
test_no_pool (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (0, wake, fixture);
  guint n = 0, rounds = 0;

  for (guint i = 0; i < 100; i++)
    add (fixture, verifier, i);
  for (gboolean more = TRUE; more; rounds++)
    {
      more = avi_verifier_work (verifier);
      n += take (verifier, n);
    }
  g_assert_cmpuint (n, ==, 100);
  g_assert_cmpuint (rounds, ==, (100 + AVI_VERIFIER_FEW - 1) / AVI_VERIFIER_FEW);
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (3, wake, fixture);
  struct pollfd woken = { .fd = fixture->woken, .events = POLLIN };
  gboolean more = TRUE;
  guint n = 0;

  for (guint i = 0; i < N; i++)
    add (fixture, verifier, i);
  while (n < N)
    {
      guint64 count;

      if (more)
        more = avi_verifier_work (verifier);
      else /* nothing is left for us, so what is missing ends with a wake-up */
        {
          g_assert_cmpint (poll (&woken, 1, 10000), ==, 1);
          g_assert_cmpint (read (fixture->woken, &count, sizeof count), ==, sizeof count);
        }
      n += take (verifier, n);
    }
  g_assert_cmpuint (avi_verifier_get_n_threads (verifier), ==, 3);
}

/* For an engine that cannot go on before. */
static void
test_wait (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (3, wake, fixture);
  guint n = 0;

  g_assert_false (avi_verifier_wait (verifier));
  add (fixture, verifier, 0);
  g_assert_false (avi_verifier_wait (verifier)); /* nobody is at it */
  for (guint i = 1; i < N; i++)
    add (fixture, verifier, i);
  while (n < N)
    {
      if (!avi_verifier_work (verifier))
        g_assert_true (avi_verifier_wait (verifier));
      n += take (verifier, n);
    }
  g_assert_false (avi_verifier_wait (verifier));
}

/* The pool alone, while the engine does something else. */
static void
test_pool_alone (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (1, wake, fixture);
  struct pollfd woken = { .fd = fixture->woken, .events = POLLIN };
  guint n = 0;

  for (guint round = 0; round < 5; round++)
    {
      guint end = n + 2 * AVI_VERIFIER_FEW;
      guint64 count;

      for (guint i = n; i < end; i++)
        add (fixture, verifier, i);
      avi_verifier_work (verifier);
      for (n += take (verifier, n); n < end; n += take (verifier, n))
        {
          g_assert_cmpint (poll (&woken, 1, 10000), ==, 1);
          g_assert_cmpint (read (fixture->woken, &count, sizeof count), ==, sizeof count);
        }
    }
}

/* Whoever adds ever more does some of it. */
static void
test_full (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (0, wake, fixture);

  for (guint i = 0; i < N; i++)
    add (fixture, verifier, i);
  g_assert_cmpuint (take (verifier, 0), ==, N - AVI_VERIFIER_MAX_WAITING);
}

/* A child has none of the threads, and none of the work: it may go as it is. */
static void
test_fork (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviVerifier) verifier = avi_verifier_new (2, wake, fixture);
  gboolean more = TRUE;
  guint n = 0;
  int status;
  pid_t child;

  for (guint i = 0; i < 100; i++)
    add (fixture, verifier, i);
  avi_verifier_work (verifier);
  child = fork ();
  if (child == 0)
    _exit (0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  for (struct pollfd woken = { .fd = fixture->woken, .events = POLLIN }; n < 100; n += take (verifier, n))
    {
      guint64 count;

      if (more)
        more = avi_verifier_work (verifier);
      else
        {
          g_assert_cmpint (poll (&woken, 1, 10000), ==, 1);
          g_assert_cmpint (read (fixture->woken, &count, sizeof count), ==, sizeof count);
        }
    }
}

static void
test_end (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(AviVerifier) verifier = avi_verifier_new (AVI_VERIFIER_MAX_THREADS, wake, fixture);

      for (guint j = 0; j < 100; j++)
        add (fixture, verifier, j);
      avi_verifier_work (verifier);
    }
}

#define ADD(path, test) g_test_add ("/verifier/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  avi_crypto_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("a few signatures are checked at once, without a thread", test_few);
  ADD ("without a pool a round checks a few", test_no_pool);
  ADD ("many are checked by all, and answered in order", test_many);
  ADD ("who cannot go on waits for the first answer", test_wait);
  ADD ("the pool wakes whoever waits for it", test_pool_alone);
  ADD ("what waits is bounded by who adds to it", test_full);
  ADD ("it goes on where the process forks", test_fork);
  ADD ("it may end in the midst of it", test_end);
  return g_test_run ();
}
